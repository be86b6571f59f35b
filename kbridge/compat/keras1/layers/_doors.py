"""What the doors of Keras 1's layers have in common."""

import functools
import inspect

from kbridge.backend import names
from kbridge.backend.variable import Variable
from kbridge.compat.activations import hard_sigmoid, of_name
from kbridge.compat.door import door
from kbridge.compat.initializers import for_layers
from kbridge.compat.layers.base import Keras1Layer
from kbridge.layers.layer import Layer

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
    for old in _ASKED:
        new = made._translation.new_name(old) if old in made._translation.old else None
        if new is not None and not hasattr(made, old):
            setattr(made, old, _Kept(old, new))
    if core.call is not Layer.call and "mask" not in inspect.signature(core.call).parameters:
        made._base_of = _base_for_calls
    if "bias" in made._translation.old:
        made.bias = _Bias()
    return made


def _base_for_calls(cls, namespace):
    """For a program's class that defines ``call(x, mask)`` and may hand both on: a ``call`` that takes them."""
    return cls if "call" not in namespace or "_takes_mask" in namespace else _calls_with_mask(cls)


@functools.cache
def _calls_with_mask(cls):
    own = cls.call

    @functools.wraps(own)
    def call(self, x, *mask, **kwargs):
        kwargs.pop("mask", None)
        return own(self, x, *mask[1:], **kwargs)

    body = {"call": call, "_takes_mask": True, "__module__": cls.__module__, "__doc__": cls.__doc__}
    return type(cls)(cls.__name__, (cls,), body)


# What the constructor was given, and layers had under the same name.
_ASKED = [f"{w}_{what}" for w in ("W", "U", "b") for what in ("regularizer", "constraint")]
_ASKED += ["init", "inner_init", "inner_activation"]


class _Kept:
    """An attribute for an argument of then, which is kept under its name of today, by the layer or by its cell."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def __get__(self, layer, cls=None):
        if layer is None:
            return self
        if self.old in layer.__dict__:
            return layer.__dict__[self.old]
        value = getattr(layer, self.new) if hasattr(layer, self.new) else getattr(layer.cell, self.new)
        return _Initialization(value) if self.old.endswith("init") and value is not None else value

    def __set__(self, layer, value):
        layer.__dict__[self.old] = value


class _Bias:
    """``layer.bias``: whether there is one. Programs ask so in ``build`` and ``call``; today it is the variable."""

    def __get__(self, layer, cls=None):
        if layer is None:
            return self
        found = layer.__dict__.get("bias")
        return layer.use_bias if found is None and not layer.built else found

    def __set__(self, layer, value):
        if isinstance(value, Variable):
            value.__class__ = _bias_class()
        layer.__dict__["bias"] = value


@functools.cache
def _bias_class():
    from kbridge.compat.backend import values

    class Bias(values.Weight):
        def __bool__(self):
            return True

    return Bias


class _Initialization:
    """An initializer as an initialization: called with a shape, it gives a Variable."""

    def __init__(self, initializer):
        self.initializer = initializer
        self.__name__ = getattr(initializer, "__name__", names.snake_case(type(initializer).__name__))

    def __call__(self, shape, name=None, dim_ordering="th"):
        from kbridge.compat.backend import values

        return values.variable(self.initializer.draw(tuple(shape)), name=name)

    def draw(self, shape, dtype=None):
        return self.initializer.draw(shape, dtype)
