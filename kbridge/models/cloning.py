"""Copies of models: ``clone_model``."""

from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten, map_structure
from kbridge.layers.input_layer import Input, InputLayer
from kbridge.layers.layer import ComputeMask, Layer
from kbridge.models.model import Model
from kbridge.models.sequential import Sequential
from kbridge.objects import by_reference


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """A model of the same architecture with new layers, whose variables begin anew.

    Args:
        model: a Sequential or a Model made of symbols.
        input_tensors: symbols to begin with, in place of new ones.
        clone_function: makes a new layer from an old one.
        call_function: calls a new layer: ``call_function(layer, *args, **kwargs)``.
        recursive: whether ``clone_function`` is used inside nested models too.
    """
    if kwargs:
        raise TypeError(f"clone_model() does not know the argument(s) {sorted(kwargs)}.")
    if not isinstance(model, Model):
        raise ValueError(f"clone_model takes a Model. Received: {model!r}.")

    def clone(layer):
        if recursive and isinstance(layer, Model) and clone_function is not None:
            return clone_model(layer, clone_function=clone_function, call_function=call_function, recursive=True)
        if clone_function is not None and not isinstance(layer, InputLayer):
            return clone_function(layer)
        with by_reference():
            config = layer.get_config()
        return type(layer).from_config(config)

    if isinstance(model, Sequential):
        symbols = None if input_tensors is None else flatten([input_tensors])
        layers = [clone(layer) for layer in model.layers]
        if symbols is None and model._symbols:
            first = model._symbols[0]
            symbols = [Input(batch_shape=first.shape, dtype=first.dtype)]
        stack, _ = model._kinds()
        return stack([*(symbols or ()), *layers], name=model.name, trainable=model.trainable)
    if model._plan is None:
        if clone_function is not None or input_tensors is not None:
            raise ValueError(
                f"clone_model: {type(model).__name__} is a subclassed model, which is cloned from its config alone. "
                f"clone_function and input_tensors need a model made of symbols."
            )
        return type(model).from_config(model.get_config())
    return _clone_graph(model, input_tensors, clone, call_function)


def _clone_graph(model, input_tensors, clone, call_function):
    plan = model._plan
    if input_tensors is None:
        fresh = [Input(batch_shape=s.shape, dtype=s.dtype, name=s.name) for s in plan.flat_inputs]
    else:
        fresh = flatten([input_tensors])
        if len(fresh) != len(plan.flat_inputs):
            raise ValueError(
                f"clone_model: the model has {len(plan.flat_inputs)} inputs. Received input_tensors of {len(fresh)}."
            )
    new = {id(old): symbol for old, symbol in zip(plan.flat_inputs, fresh)}
    layers = {}

    def known(leaf):
        return new[id(leaf)] if is_symbol(leaf) else leaf

    for node in plan.nodes:
        if node.is_input or isinstance(node.operation, ComputeMask):
            continue
        operation = node.operation
        if isinstance(operation, Layer):
            if id(operation) not in layers:
                layers[id(operation)] = clone(operation)
            operation = layers[id(operation)]
        args, kwargs = map_structure(known, list(node.args)), map_structure(known, dict(node.kwargs))
        outputs = call_function(operation, *args, **kwargs) if call_function else operation(*args, **kwargs)
        new.update((id(old), symbol) for old, symbol in zip(flatten(node.outputs), flatten(outputs)))
    _, graph = model._kinds()
    return graph(map_structure(known, plan.inputs), map_structure(known, plan.outputs), name=model.name)
