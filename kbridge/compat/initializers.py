"""Initializers of older generations: functions of a shape, and functions and classes of one's own written with K."""

import inspect
import math

import numpy as np

from kbridge import initializers as today
from kbridge.backend.symbolic import is_symbol
from kbridge.compat import computing

# -- those of Keras 1: called with a shape they return a Variable, given to a layer they are what stands beside them


def get_fans(shape, dim_ordering="th"):
    """How many inputs and outputs a kernel of this shape joins; ``dim_ordering`` says where its channels are."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) not in (4, 5):
        return math.sqrt(math.prod(shape)), math.sqrt(math.prod(shape))
    if dim_ordering == "th":
        window = math.prod(shape[2:])
        return shape[1] * window, shape[0] * window
    if dim_ordering == "tf":
        window = math.prod(shape[:-2])
        return shape[-2] * window, shape[-1] * window
    raise ValueError(f"get_fans: dim_ordering must be 'th' or 'tf'. Received: dim_ordering={dim_ordering!r}.")


def _held(initializer, shape, name):
    from kbridge.compat.backend import values

    return values.variable(initializer.draw(tuple(shape)), name=name)


def _for_layers(initializer):
    """A function of Keras 1 whose like in a layer is made by ``initializer``, with the same arguments."""

    def note(function):
        function.for_layers = initializer
        return function

    return note


@_for_layers(lambda scale=0.05: today.RandomUniform(-scale, scale))
def uniform(shape, scale=0.05, name=None, dim_ordering="th"):
    """Uniform between -``scale`` and ``scale``."""
    return _held(today.RandomUniform(-scale, scale), shape, name)


@_for_layers(lambda scale=0.05: today.RandomNormal(0.0, scale))
def normal(shape, scale=0.05, name=None, dim_ordering="th"):
    """Normal, with the standard deviation ``scale``."""
    return _held(today.RandomNormal(0.0, scale), shape, name)


def _scaled(name, scale, mode, distribution):
    """An initialization of the variance ``scale`` by the number that ``mode`` names."""

    def make():
        return today.VarianceScaling(scale, mode, distribution)

    def initialize(shape, name=None, dim_ordering="th"):
        fan_in, fan_out = get_fans(shape, dim_ordering)
        stddev = math.sqrt(scale / (fan_in if mode == "fan_in" else (fan_in + fan_out) / 2))
        kind = uniform if distribution == "uniform" else normal
        return kind(shape, stddev * (math.sqrt(3.0) if kind is uniform else 1.0), name=name)

    initialize.__name__ = initialize.__qualname__ = name
    initialize.for_layers = make
    return initialize


lecun_uniform = _scaled("lecun_uniform", 1.0, "fan_in", "uniform")
glorot_uniform = _scaled("glorot_uniform", 1.0, "fan_avg", "uniform")
glorot_normal = _scaled("glorot_normal", 1.0, "fan_avg", "untruncated_normal")
he_uniform = _scaled("he_uniform", 2.0, "fan_in", "uniform")
he_normal = _scaled("he_normal", 2.0, "fan_in", "untruncated_normal")


@_for_layers(lambda scale=1.1: today.Orthogonal(scale))
def orthogonal(shape, scale=1.1, name=None, dim_ordering="th"):
    """``scale`` times a matrix of orthonormal rows or columns; all axes but the first count as one."""
    matrix = today.Orthogonal(scale).draw((shape[0], math.prod(shape[1:])))
    return _held(today.Constant(matrix.reshape(shape)), shape, name)


@_for_layers(lambda scale=1: today.Identity(scale))
def identity(shape, scale=1, name=None, dim_ordering="th"):
    """``scale`` times the identity matrix."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"identity makes square matrices only. Received: shape={tuple(shape)}.")
    return _held(today.Identity(scale), shape, name)


@_for_layers(today.Zeros)
def zero(shape, name=None, dim_ordering="th"):
    """All 0."""
    return _held(today.Zeros(), shape, name)


@_for_layers(today.Ones)
def one(shape, name=None, dim_ordering="th"):
    """All 1."""
    return _held(today.Ones(), shape, name)


# -- one's own


class Initializer(today.Initializer):
    """Makes initial values: called with a shape and a dtype, it returns a tensor; it may use K."""

    def draw(self, shape, dtype=None):
        if type(self).__call__ in (Initializer.__call__, today.Initializer.__call__):
            return super().draw(shape, dtype)
        return _drawn(self, shape, dtype)


class OfFunction:
    """The initializer that a function makes: one of a shape and a dtype (Keras 2), or of a shape and a name (Keras 1).

    It is written into configs as the function is.
    """

    def __init__(self, function):
        self.function = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, shape, dtype=None):
        return today.registry.current().convert(self.draw(shape, dtype), today.dtypes.standardize(dtype))

    def draw(self, shape, dtype=None):
        """The values as a NumPy array."""
        return _drawn(self.function, shape, dtype)


def _drawn(function, shape, dtype):
    """The values that ``function`` gives, as an array: K functions compute in it."""
    with today._real_engine() as engine, computing.running():
        dtype = today.dtypes.standardize(dtype)
        given = {"dtype": dtype} if _takes(function, "dtype") else {}
        if _must_have(function, "name"):  # Keras 1 gave one to all
            given["name"] = None
        found = function(tuple(shape), **given)
        if is_symbol(found):  # it was made before
            from kbridge.compat.backend import graph

            found = graph.evaluate([found])[0]
        if getattr(found, "is_variable", False):
            found = found.numpy()
        return np.array(engine.to_numpy(engine.convert(found, dtype)))


def _takes(function, name):
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function that does not tell
        return True
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _must_have(function, name):
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.default is parameter.empty


def for_layers(value, family=today._family):
    """What a layer takes for ``value``: a name or config in the words of ``family``, a function, or an initializer."""
    if value is None or isinstance(value, (today.Initializer, OfFunction)):
        return value
    found = value if callable(value) else family.get(value)
    if hasattr(found, "for_layers"):
        return found.for_layers()
    if isinstance(found, (today.Initializer, type)) or not callable(found) or hasattr(found, "draw"):
        return found
    return OfFunction(found)
