"""``keras.layers.merge`` of Keras 2: the merging layers. Called, it is the function ``merge`` of Keras 1."""

import sys
from types import ModuleType

from kbridge import layers
from kbridge.compat.keras2.layers._core import Layer
from kbridge.compat.keras2.layers._doors import layer
from kbridge.compat.layers.merge2 import ConcatenatedMasks, JoinedMasks, OwnMerge, refuse_tensors
from kbridge.layers import merging


def _of_elements(core, function):
    return layer(core, mixins=[JoinedMasks], before=refuse_tensors(core.__name__, function))


_Merge = layer(merging.Merge, name="_Merge", mixins=[OwnMerge, JoinedMasks])
Add = _of_elements(layers.Add, "add")
Subtract = _of_elements(layers.Subtract, "subtract")
Multiply = _of_elements(layers.Multiply, "multiply")
Average = _of_elements(layers.Average, "average")
Maximum = _of_elements(layers.Maximum, "maximum")
Minimum = _of_elements(layers.Minimum, "minimum")
Concatenate = layer(
    layers.Concatenate,
    "axis=-1",
    mixins=[ConcatenatedMasks],
    before=refuse_tensors("Concatenate", "concatenate"),
)
Dot = layer(layers.Dot, "axes, normalize=False", before=refuse_tensors("Dot", "dot"))


def add(inputs, **kwargs):
    """The sum of ``inputs``."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first of two ``inputs`` less the second."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """The product of ``inputs``, element by element."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """The mean of ``inputs``, element by element."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The largest of ``inputs``, element by element."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of ``inputs``, element by element."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """``inputs`` one behind the other along ``axis``."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes, normalize=False, **kwargs):
    """Products of the vectors that two ``inputs`` hold along ``axes``; of their cosines, with ``normalize``."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)


__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Layer",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _MergeModule(ModuleType):
    """``from keras.layers import merge`` is both: a module of Keras 2, and a function of Keras 1."""

    def __call__(self, *args, **kwargs):
        from kbridge.compat.layers.merge1 import merge

        return merge(*args, **kwargs)


sys.modules[__name__].__class__ = _MergeModule
