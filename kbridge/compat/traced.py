"""What a model computes beside its outputs: losses and metrics that are symbols of its own graph.

The loss of a variational autoencoder was a function of (y_true, y_pred) that read z_mean from outside, or a tensor
handed to ``add_loss``. Such a loss is a part of the model's graph: outputs and losses are run as one plan, so that
what is random is drawn once.
"""

from kbridge import ops
from kbridge.backend.symbolic import KerasTensor, is_symbol
from kbridge.backend.tree import flatten
from kbridge.layers.masks import remember_mask
from kbridge.models.plan import Plan, all_inputs


def placeholder(symbol, name):
    """A symbol for the targets of the output ``symbol``."""
    return KerasTensor(symbol.shape, symbol.dtype, name=name)


def trace(function, y_true, y_pred):
    """The symbol of what ``function`` gives for these symbols, if it reads others as well; else None."""
    try:
        found = function(y_true, y_pred)
    except Exception:  # it needs values: then it reads no symbols
        return None
    return found if is_symbol(found) and reads_others(found, (y_true, y_pred)) else None


def reads_others(symbol, given):
    """Whether ``symbol`` depends on symbols that it does not have from ``given`` alone."""
    known = {id(s) for s in given}
    seen, stack = set(), [symbol]
    while stack:
        symbol = stack.pop()
        if id(symbol) in known or id(symbol) in seen:
            continue
        seen.add(id(symbol))
        if symbol.node is None or symbol.node.is_input:
            return True
        stack.extend(all_inputs(symbol.node))
    return False


class Beside:
    """The plan of a model's outputs and of further symbols.

    ``targets``: a symbol for the targets of each output; those that the further symbols need are fed.
    """

    def __init__(self, plan, targets, extras):
        self.targets = [(i, t) for i, t in enumerate(targets) if _needs(extras, t)]
        self.model_plan = plan
        masks = [m for m in plan.masks() if m is not None]
        self.plan = Plan([*plan.flat_inputs, *(t for _, t in self.targets)], [*plan.flat_outputs, *masks, *extras])
        self.count = len(plan.flat_outputs)
        self.masked = [i for i, m in enumerate(plan.masks()) if m is not None]

    def run(self, model, inputs, y_true, training):
        """The outputs and then the further values, as a flat list."""
        values = model._inputs_in_order(inputs, self.model_plan)
        for i, symbol in self.targets:
            if y_true[i] is None:
                raise ValueError(
                    f"The loss of model '{model.name}' needs targets for the output {model.output_names[i]!r}."
                )
            values.append(ops.cast(ops.convert_to_tensor(y_true[i]), symbol.dtype))
        found = self.plan.run(values, training)
        outputs, masks = found[: self.count], found[self.count : self.count + len(self.masked)]
        for i, mask in zip(self.masked, masks):
            remember_mask(outputs[i], mask)
        return [*outputs, *found[self.count + len(self.masked) :]]


def _needs(extras, symbol):
    seen, stack = set(), list(extras)
    while stack:
        found = stack.pop()
        if found is symbol:
            return True
        if id(found) not in seen and found.node is not None and not found.node.is_input:
            seen.add(id(found))
            stack.extend(all_inputs(found.node))
    return False


def symbols_in(tree):
    """The symbols among what ``add_loss`` was given."""
    return [leaf for leaf in flatten([tree]) if is_symbol(leaf)]
