"""What the networks of older generations could be asked: their graph, the graph of their loss, their state."""

import os

from kbridge import ops
from kbridge.backend.symbolic import KerasTensor, is_symbol
from kbridge.backend.tree import flatten
from kbridge.compat import computing, lambdas, traced
from kbridge.models.plan import Plan
from kbridge.objects import by_reference


class OldNetwork:
    """The part of an old model that is asked of its structure."""

    built = False
    _hidden = ()  # the ids of layers that were taken out of ``layers``

    # -- its layers and outputs, which programs changed by hand

    @property
    def layers(self):
        """The layers it consists of, as a list that some may be taken out of."""
        return Layers(self, [layer for layer in super().layers if id(layer) not in self._hidden])

    @layers.setter
    def layers(self, kept):
        kept = {id(layer) for layer in kept}
        self._hidden = {id(layer) for layer in super().layers if id(layer) not in kept}

    @property
    def outputs(self):
        """The symbols it gives, as a list."""
        return super().outputs

    @outputs.setter
    def outputs(self, symbols):
        self._end_with(flatten([symbols]))
        self._hidden = ()
        self._losses_of_outputs = self._metrics_of_outputs = self._collected = self._beside = None
        self._forget_functions()

    def _end_with(self, symbols):
        plan = self._graph("outputs")
        self._plan = Plan(plan.inputs, symbols if len(symbols) > 1 else symbols[0])

    # -- files: whatever they were called, they were HDF5 files

    def save(self, filepath, overwrite=True, *args, **kwargs):
        """Write the whole model to a file: of today's format where its name says so, else an HDF5 file."""
        super().save(filepath, overwrite, *args, **_format(filepath, (".keras",), kwargs))
        lambdas.remember(self, filepath)

    def save_weights(self, filepath, overwrite=True, *args, **kwargs):
        """Write the weights to a file: in a format of today where its name says so, else an HDF5 file."""
        named = (".weights.h5", ".safetensors", ".npz", ".weights.json")
        super().save_weights(filepath, overwrite, *args, **_format(filepath, named, kwargs))

    # -- the graph that training was in those days

    def _graph_of_loss(self):
        """(targets, weights of samples, total loss) as symbols."""
        found = self.__dict__.get("_loss_graph")
        if found is None:
            self._require_compiled("total_loss")
            found = self.__dict__["_loss_graph"] = self._made_graph_of_loss()
        return found

    def _made_graph_of_loss(self):
        from kbridge.compat.backend import graph

        plan = self._graph("total_loss")
        losses, _ = self._objectives(plan.outputs)
        names, outputs = losses.names, plan.flat_outputs
        shapes = losses.expected_shapes(outputs)
        made = dict(self._beside.targets) if self._beside is not None else {}
        targets = [
            made.get(i, traced.placeholder(s if shape is None else shape, f"{name}_target"))
            for i, (s, shape, name) in enumerate(zip(outputs, shapes, names))
        ]
        weights = [
            KerasTensor((None, None) if self._weighs_steps(i) else (None,), name=f"{name}_sample_weights")
            for i, name in enumerate(names)
        ]
        with computing.graphing():
            total, _ = losses(targets, outputs, weights, losses.symbols)
            for symbol in self._added_losses():
                total = ops.mean(symbol) if total is None else total + ops.mean(symbol)
            for variable in self.weights:
                if variable.regularizer is not None:
                    penalty = graph.node(lambda value, of=variable.regularizer: of(value), (graph.read(variable),))
                    total = penalty if total is None else total + penalty
        used = set(losses.with_targets())
        return [t for i, t in enumerate(targets) if i in used], [w for i, w in enumerate(weights) if i in used], total

    @property
    def targets(self):
        """Symbols for the targets of the outputs that have a loss."""
        return self._graph_of_loss()[0]

    @property
    def sample_weights(self):
        """Symbols for the weights of the samples, for each output that has a loss."""
        return self._graph_of_loss()[1]

    @property
    def total_loss(self):
        """The symbol of what training makes small."""
        return self._graph_of_loss()[2]

    @property
    def _feed_inputs(self):
        return list(self.inputs)

    @property
    def _feed_input_names(self):
        return list(self.input_names)

    @property
    def _feed_input_shapes(self):
        return [s.shape for s in self.inputs]

    _feed_targets = targets
    _feed_sample_weights = sample_weights

    @property
    def _feed_outputs(self):
        return list(self.outputs)

    # -- what a network could be asked

    @property
    def stateful(self):
        """Whether any layer inside keeps its state between batches."""
        return any(getattr(layer, "stateful", False) is True for layer in self._flatten_layers(include_self=False))

    def reset_states(self):
        """Let layers that keep their state begin anew."""
        for layer in self._flatten_layers(include_self=False):
            if getattr(layer, "stateful", False) is True:
                reset = getattr(layer, "reset_states", None) or getattr(layer, "reset_state", None)
                if reset is not None:
                    reset()

    @property
    def uses_learning_phase(self):
        """Whether any layer inside does otherwise in training."""
        return any(type(layer)._info().takes_training for layer in self._flatten_layers(include_self=False))

    _uses_learning_phase = uses_learning_phase

    @property
    def updates(self):
        """What layers assign when training runs."""
        found = []
        for layer in self.layers if self.trainable or self.stateful else ():
            found += getattr(layer, "updates", ())
        return found

    @property
    def state_updates(self):
        return []

    def get_updates_for(self, inputs):
        """The updates that belong to these inputs of the network; for None, those that depend on no input."""
        found = []
        for layer in self.layers:
            if hasattr(layer, "get_updates_for"):
                places = [None] if inputs is None else [node.inputs for node in layer._nodes]
                found += [update for place in places for update in layer.get_updates_for(place)]
        return found

    def get_losses_for(self, inputs):
        """The penalties of variables for None; else the symbols that depend on these inputs."""
        if inputs is None:
            return [loss for loss in self.losses if not is_symbol(loss)]
        given = {id(s) for s in flatten([inputs])}
        return [s for s in self._symbolic_losses if is_of(s, given)]

    @property
    def regularizers(self):
        return [v.regularizer for v in self.weights if v.regularizer is not None]

    @property
    def constraints(self):
        return {v: v.constraint for v in self.weights if v.constraint is not None}

    @property
    def input_layers(self):
        """The layers behind its inputs."""
        return [s.node.operation for s in self.inputs if s.node is not None]

    @property
    def output_layers(self):
        """The layers that give its outputs."""
        return [s.node.operation for s in self.outputs]

    @property
    def container_nodes(self):
        """Names for the nodes it consists of."""
        from kbridge.layers.layer import Layer

        nodes = [n for n in self._graph("container_nodes").nodes if isinstance(n.operation, Layer)]
        return {f"{n.name}_ib-{_index(n)}" for n in nodes}

    _network_nodes = container_nodes

    @property
    def layers_by_depth(self):
        """The layers by their distance from the outputs."""
        found = {}
        for layer in reversed(self._graph("layers_by_depth").layers):
            found.setdefault(len(found), []).append(layer)
        return found

    def run_internal_graph(self, inputs, masks=None):
        """(outputs, masks, shapes) for these inputs, tensors or symbols."""
        found = self(inputs if isinstance(inputs, (list, tuple)) and len(inputs) > 1 else flatten([inputs])[0])
        outputs = flatten([found])
        return outputs, [getattr(x, "mask", None) for x in outputs], [tuple(x.shape) for x in outputs]

    def get_output_shape_for(self, input_shape):
        return self.compute_output_shape(input_shape)

    def to_json(self, **kwargs):
        """The architecture, as JSON: what ``model_from_json`` takes."""
        from kbridge import saving

        return super().to_json(**kwargs) if self._plan is None else saving.to_old_json(self, **kwargs)

    def get_config(self):
        """Its layers, and how they are joined, as data; a lambda in it stands for itself."""
        with by_reference():
            return super().get_config()

    def to_yaml(self, **kwargs):
        """The architecture, as YAML: what ``model_from_yaml`` takes. ``kwargs`` said how PyYAML was to print it."""
        from kbridge import saving

        return saving.to_yaml(self)


def _format(filepath, endings, kwargs):
    if isinstance(filepath, (str, os.PathLike)) and not os.fspath(filepath).endswith(endings):
        kwargs.setdefault("save_format", "h5")
    return kwargs


class Layers(list):
    """``model.layers``: what is taken out is out of the list, though the model computes what its outputs need."""

    def __init__(self, model, layers):
        super().__init__(layers)
        self.model = model

    def pop(self, index=-1):
        layer = super().pop(index)
        self.model.layers = self
        return layer

    def remove(self, layer):
        super().remove(layer)
        self.model.layers = self

    def __delitem__(self, index):
        super().__delitem__(index)
        self.model.layers = self

    def __reduce__(self):
        return list, (list(self),)


def is_of(symbol, inputs):
    """Whether ``symbol`` can be computed from ``inputs`` (ids) alone."""
    return all(id(s) in inputs for s in sources(symbol))


def sources(symbol):
    from kbridge.compat.backend import graph

    return graph.sources([symbol])


def _index(node):
    return next((i for i, other in enumerate(node.operation._nodes) if other is node), 0)
