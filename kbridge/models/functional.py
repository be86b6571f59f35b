"""``Functional``: a Model that is a graph of symbols, and graphs as data."""

from kbridge import objects
from kbridge.backend.operation import Operation
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten, map_structure
from kbridge.layers.input_layer import InputLayer
from kbridge.layers.layer import ComputeMask, Layer
from kbridge.models.graph_ops import describe_op, op_described
from kbridge.models.model import Model

TOLD_TRAINING = "told_training"  # in a call's config: whoever made the graph said `training`, even if its default


class Functional(Model):
    """What ``Model(inputs, outputs)`` makes."""

    def get_config(self):
        return {"name": self.name, "trainable": self.trainable, **graph_config(self._plan)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        inputs, outputs = graph_from_config(config, custom_objects)
        model = (
            cls(inputs, outputs, name=config.get("name"))
            if cls is not Functional
            else Model(inputs, outputs, name=config.get("name"))
        )
        if config.get("trainable") is False:
            model.trainable = False
        return model


def graph_config(plan):
    """The graph as data: its layers and ops, and which symbols each was called on."""
    entries = {}  # id(operation of a layer) or id(node of an op) -> [name, operation, nodes]
    count, taken = {}, {node.operation.name for node in plan.nodes if isinstance(node.operation, Operation)}
    for node in plan.nodes:
        if isinstance(node.operation, Operation):
            entries.setdefault(id(node.operation), [node.operation.name, node.operation, []])[2].append(node)
        elif isinstance(node.operation, ComputeMask):
            continue  # masks follow from the layers
        else:
            name = _free_name(_spec(node).name, count, taken)
            entries[id(node)] = [name, node.operation, [node]]
    for entry in entries.values():
        entry[2].sort(key=lambda n: _position(n, entry[1]))
    where = {
        id(symbol): [name, index, position]
        for name, _, nodes in entries.values()
        for index, node in enumerate(nodes)
        for position, symbol in enumerate(flatten(node.outputs))
    }

    def write(leaf):
        if is_symbol(leaf):
            return {
                "class_name": "__keras_tensor__",
                "config": {"shape": list(leaf.shape), "dtype": leaf.dtype, "keras_history": where[id(leaf)]},
            }
        return objects.serialize_keras_object(leaf)

    layers = []
    for name, operation, nodes in entries.values():
        calls = [_call_config(node, write) for node in nodes if node.inputs]
        if isinstance(operation, Operation):
            described = objects.serialize_keras_object(operation)
        else:
            described, calls = describe_op(operation.spec, name, nodes[0], lambda tree: map_structure(write, tree))
        layers.append({**described, "name": name, "inbound_nodes": calls})
    return {
        "layers": layers,
        "input_layers": map_structure(lambda s: where[id(s)], plan.inputs),
        "output_layers": map_structure(lambda s: where[id(s)], plan.outputs),
    }


def _call_config(node, write):
    """A node of a layer as data."""
    found = {
        "args": [map_structure(write, arg) for arg in node.args],
        "kwargs": map_structure(write, dict(node.kwargs)),
    }
    if "training" in node.kwargs:
        found[TOLD_TRAINING] = True
    return found


def _without_default(kwargs, operation, call):
    """The arguments of a call in a config. Keras writes ``training`` where nobody said it: the default of ``call``."""
    told = kwargs.get("training")
    if isinstance(told, bool) and isinstance(operation, Layer) and not call.get(TOLD_TRAINING):
        if told == operation._info().default_training:
            del kwargs["training"]
    return kwargs


def _spec(node):
    """The op of a node."""
    if not hasattr(node.operation, "spec"):
        name = getattr(node.operation, "__name__", repr(node.operation))
        raise TypeError(
            f"The graph calls {name}(), a function that a config has no word for. Put the call into the call() of "
            f"a layer of your own."
        )
    return node.operation.spec


def _free_name(name, count, taken):
    """``name``, or ``name_1`` and so on: the first that neither a layer nor an op of the graph has."""
    while True:
        count[name] = count.get(name, -1) + 1
        free = f"{name}_{count[name]}" if count[name] else name
        if free not in taken:
            return free


def _position(node, operation):
    return next((i for i, other in enumerate(getattr(operation, "_nodes", ())) if other is node), 0)


def graph_from_config(config, custom_objects=None):
    """(inputs, outputs): symbols of a new graph made as ``graph_config`` wrote it."""
    operations, calls = {}, {}
    for described in config["layers"]:
        name = described.get("name") or described["config"]["name"]
        operations[name] = op_described(described)
        if operations[name] is None:
            operations[name] = objects.deserialize_keras_object(described, custom_objects=custom_objects)
        calls[name] = list(described.get("inbound_nodes", ()))
    made = {}  # (name, node index) -> outputs
    for name, operation in operations.items():
        if isinstance(operation, InputLayer):
            made[name, 0] = operation.output

    def needed(name, index):
        """What must be made before a call."""
        call = calls[name][index]
        before = [tuple(history[:2]) for history in _histories([call.get("args"), call.get("kwargs")])]
        return [*before, (name, index - 1)] if index else before

    begun = set()
    waiting = [(name, index) for name in reversed(operations) for index in reversed(range(len(calls[name])))]
    while waiting:  # each call behind all that it needs, wherever the list has them
        name, index = key = waiting[-1]
        if key in made:
            waiting.pop()
            continue
        missing = [other for other in needed(name, index) if other not in made]
        if not missing:
            waiting.pop()
            call = calls[name][index]
            args = [_read(arg, made) for arg in call["args"]]
            kwargs = {key: _read(value, made) for key, value in call["kwargs"].items()}
            made[name, index] = operations[name](*args, **_without_default(kwargs, operations[name], call))
            continue
        unknown = [other for other in missing if other[1] not in range(len(calls.get(other[0], ())))]
        if unknown or key in begun:
            raise ValueError(
                f"The graph cannot be built: nothing makes what {name!r} is called on, the outputs of "
                f"{sorted({other[0] for other in unknown or missing})}."
            )
        begun.add(key)
        waiting += reversed(missing)
    find = lambda history: flatten(made[history[0], history[1]])[history[2]]  # noqa: E731
    return _map_histories(find, config["input_layers"]), _map_histories(find, config["output_layers"])


def _is_history(value):
    return (
        isinstance(value, (list, tuple)) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int)
    )


def _map_histories(find, structure):
    if _is_history(structure):
        return find(structure)
    if isinstance(structure, dict):
        return {key: _map_histories(find, value) for key, value in structure.items()}
    found = [_map_histories(find, item) for item in structure]
    return found


def _histories(value):
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"]]
        return [h for item in value.values() for h in _histories(item)]
    if isinstance(value, (list, tuple)):
        return [h for item in value for h in _histories(item)]
    return []


def _read(value, made):
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            name, index, position = value["config"]["keras_history"]
            return flatten(made[name, index])[position]
        if "class_name" in value and "config" in value:
            return objects.deserialize_keras_object(value)
        return {key: _read(item, made) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_read(item, made) for item in value]
    return value
