"""The objects in a model that have state, and the paths under which files keep it, as Keras names them.

From an object the way goes to what its attributes hold, public names first; through lists and dicts, where
an object goes by its class, with a number behind it from the second of a class on. Each object counts once,
under the first path that leads to it.
"""

from kbridge import layers, objects
from kbridge.backend import names
from kbridge.layers.layer import Layer
from kbridge.losses import Loss
from kbridge.metrics import Metric
from kbridge.models import Functional, Model, Sequential
from kbridge.optimizers import Optimizer

_KINDS = (Layer, Optimizer, Metric, Loss)

# Attributes that are bookkeeping: what they hold is reached by another name, or is no part of the model.
_OF_LAYERS = frozenset(vars(Layer(name="layer")))
_OF_MODELS = _OF_LAYERS | {
    *("loss", "_loss_tracker", "_losses_of_outputs", "_metrics_of_outputs", "_compile_arguments"),
    *("_functions", "_known", "history", "_plan", "_stack", "_symbols", "_graph_made"),
}
_PROJECTIONS = ("query_dense", "key_dense", "value_dense", "output_dense", "gate_dense")
# What is called otherwise in Keras (None: what is not looked at there)
_RENAMED = {
    layers.Bidirectional: {"layer": None},
    layers.MultiHeadAttention: {"gate_dense": "_gate_dense"},
    layers.GroupQueryAttention: {name: f"_{name}" for name in _PROJECTIONS},
}
_OF_OPTIMIZERS = frozenset(vars(Optimizer(0.0, name="optimizer")))


def walk(root):
    """Pairs (path, object) for ``root``, whose path is "", and all in it."""
    seen = set()
    yield from _from("", root, seen)


def _from(path, holder, seen):
    if id(holder) in seen:
        return
    seen.add(id(holder))
    yield path, holder
    for name, value in attributes(holder):
        inner = f"{path}/{name}" if path else name
        if isinstance(value, _KINDS):
            yield from _from(inner, value, seen)
        elif isinstance(value, (list, tuple, dict, set)):
            yield from _in_container(inner, value, seen)


def _in_container(path, container, seen):
    counts = {}
    for item in list(container.values() if isinstance(container, dict) else container):
        if isinstance(item, _KINDS):
            # a class that stands in for another is filed as that one
            name = names.snake_case(objects.name_at_home(type(item)) or type(item).__name__)
        elif isinstance(item, (list, tuple, dict, set)):
            name = "container"
        else:
            continue
        count = counts[name] = counts.get(name, -1) + 1
        inner = f"{path}/{name}_{count}" if count else f"{path}/{name}"
        yield from (_from if isinstance(item, _KINDS) else _in_container)(inner, item, seen)


def attributes(holder):
    """Pairs (name in files, value), in the order in which they are looked at."""
    skipped = (
        _OF_MODELS if isinstance(holder, Model) else _OF_OPTIMIZERS if isinstance(holder, Optimizer) else _OF_LAYERS
    )
    renamed = next((_RENAMED[cls] for cls in type(holder).__mro__ if cls in _RENAMED), {})
    found = {renamed.get(name, name): value for name, value in vars(holder).items() if name not in skipped}
    found.pop(None, None)
    if isinstance(holder, (Functional, Sequential)):
        yield "layers", holder.layers
        found.pop("layers", None)
    elif isinstance(holder, Model):
        found["layers"] = holder.layers
    for name in sorted(found, key=lambda name: (name.startswith("_"), name)):
        if not name.startswith("__"):
            yield name, found[name]
