"""The objects in a model that have state, and the paths under which files keep it, as Keras names them.

From an object the way goes to what its attributes hold, public names first; through lists and dicts, where
an object goes by its class, with a number behind it from the second of a class on. Each object counts once,
under the first path that leads to it.
"""

from typing import NamedTuple

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


class Way(NamedTuple):
    """How a library goes through a model.

    ``backwards``: the names of attributes are taken from the last of the alphabet to the first, those of a model's
    layers among them. ``renamed``: as ``_RENAMED``. ``synchronized``: the batches of several devices are normalized
    together, by a class of its own.
    """

    backwards: bool
    renamed: dict
    synchronized: bool


KERAS_3 = Way(False, _RENAMED, False)
_IN_TF_KERAS = {**_RENAMED, layers.MultiHeadAttention: {name: f"_{name}" for name in _PROJECTIONS}}
TF_KERAS = (Way(True, _IN_TF_KERAS, False), Way(True, _IN_TF_KERAS, True))


def walk(root, way=KERAS_3):
    """Pairs (path, object) for ``root``, whose path is "", and all in it."""
    seen = set()
    yield from _from("", root, seen, way)


def _from(path, holder, seen, way):
    if id(holder) in seen:
        return
    seen.add(id(holder))
    yield path, holder
    for name, value in attributes(holder, way):
        inner = f"{path}/{name}" if path else name
        if isinstance(value, _KINDS):
            yield from _from(inner, value, seen, way)
        elif isinstance(value, (list, tuple, dict, set)):
            yield from _in_container(inner, value, seen, way)


def _in_container(path, container, seen, way):
    counts = {}
    for item in list(container.values() if isinstance(container, dict) else container):
        if way.backwards and id(item) in seen:
            continue
        if isinstance(item, _KINDS):
            # a class that stands in for another is filed as that one
            name = names.snake_case(objects.class_name_at_home(type(item)))
            if way.synchronized and isinstance(item, layers.BatchNormalization):
                name = f"sync_{name}"
        elif isinstance(item, (list, tuple, dict, set)) and not way.backwards:  # else only as a model's layers
            name = "container"
        else:
            continue
        count = counts[name] = counts.get(name, -1) + 1
        inner = f"{path}/{name}_{count}" if count else f"{path}/{name}"
        yield from (_from if isinstance(item, _KINDS) else _in_container)(inner, item, seen, way)


def attributes(holder, way=KERAS_3):
    """Pairs (name in files, value), in the order in which they are looked at."""
    skipped = (
        _OF_MODELS if isinstance(holder, Model) else _OF_OPTIMIZERS if isinstance(holder, Optimizer) else _OF_LAYERS
    )
    renamed = next((way.renamed[cls] for cls in type(holder).__mro__ if cls in way.renamed), {})
    found = {renamed.get(name, name): value for name, value in vars(holder).items() if name not in skipped}
    found.pop(None, None)
    if isinstance(holder, (Functional, Sequential)) and not way.backwards:
        yield "layers", holder.layers
        found.pop("layers", None)
    elif isinstance(holder, Model):
        graph = isinstance(holder, (Functional, Sequential)) or not way.backwards
        found["layers"] = holder.layers if graph else list(_layers_in(list(found.values())))
    if way.backwards:
        yield from ((name, found[name]) for name in sorted(found, reverse=True) if not name.startswith("__"))
        return
    for name in sorted(found, key=lambda name: (name.startswith("_"), name)):
        if not name.startswith("__"):
            yield name, found[name]


def _layers_in(value):
    """The layers in lists and dicts, however deep."""
    if isinstance(value, Layer):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from _layers_in(item)
