"""What the doors of Keras 1's layers have in common."""

from kbridge.compat.activations import hard_sigmoid, of_name
from kbridge.compat.door import door
from kbridge.compat.initializers import for_layers
from kbridge.compat.layers.base import Keras1Layer

START = "init='glorot_uniform', activation=None, weights=None"
KERNEL = (
    "W_regularizer=None, b_regularizer=None, activity_regularizer=None, W_constraint=None, b_constraint=None, bias=True"
)
SIZES = "input_dim=None, input_length=None"
W_AND_B = {"W": "kernel", "b": "bias"}


def activation_of(value):
    """An activation, where a name (or what is written for the function) means that of Keras 1."""
    if isinstance(value, dict) and value.get("class_name") == "function" and value.get("config") == "hard_sigmoid":
        return hard_sigmoid
    return of_name(value)


def initializer_of(value):
    """An initializer, where a name means that of Keras 1."""
    from kbridge.compat.keras1 import initializations

    return value if isinstance(value, dict) else for_layers(value, initializations._family)


_INITIALIZED = "kernel bias recurrent embeddings beta gamma alpha depthwise pointwise moving_mean moving_variance"
_VALUES = {
    "activation": activation_of,
    "recurrent_activation": activation_of,
    **{f"{part}_initializer": initializer_of for part in _INITIALIZED.split()},
}
# Names that mean what they mean today are left as names: corrected calls and configs say them.
_ALIKE = frozenset("glorot_uniform lecun_uniform he_uniform zeros ones uniform normal zero one".split())


def _alike(read):
    return lambda value: value if isinstance(value, str) and value in _ALIKE else read(value)


for _key in _VALUES:
    if _key.endswith("_initializer"):
        _VALUES[_key] = _alike(_VALUES[_key])


def layer(core, signature="", name=None, mixins=(), **rules):
    """The door of a layer class of Keras 1: see ``kbridge.compat.door.door``."""
    signature = f"{signature}, **kwargs" if signature else "**kwargs"
    rules["values"] = {**_VALUES, **rules.get("values", {})}
    made = door(core, signature, name, (*mixins, Keras1Layer), **rules)
    made.__module__ = "kbridge.compat.keras1.layers"
    return made
