"""Tensors in and out, their shapes and dtypes."""

from __future__ import annotations

import numpy as np

from kbridge.backend import dtypes, registry, shapes
from kbridge.backend.op import Other, Tensor, dtype_of, op
from kbridge.backend.tree import flatten


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """``x`` (array, scalar, nested list, Variable, tensor of any engine) as a tensor, in ``dtype`` if given."""
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors are not supported. Pass a dense one.")
    if is_symbolic(x):
        return x if dtype is None else cast(x, dtype)
    if getattr(x, "is_variable", False):
        x = x.value
    return registry.current().convert(x, None if dtype is None else dtypes.standardize(dtype))


def convert_to_numpy(x):
    """``x`` as a NumPy array."""
    if getattr(x, "is_variable", False):
        return x.numpy()
    engine = registry.current()
    return engine.to_numpy(x if engine.is_tensor(x) else engine.convert(x))


def is_tensor(x):
    """Whether ``x`` is a tensor of the engine in charge."""
    return registry.current().is_tensor(x)


def is_symbolic(x):
    """Whether ``x`` stands for a tensor but has no values: a symbol of a graph, or a shape being worked out."""
    return hasattr(type(x), "apply_op")


def shape(x):
    """The shape of ``x``: a tuple of ints; None in a symbol's unknown axes, a scalar tensor in a traced tensor's."""
    if is_symbolic(x) or getattr(x, "is_variable", False):
        return tuple(x.shape)
    engine = registry.current()
    return tuple(engine.shape(x if engine.is_tensor(x) else engine.convert(x)))


def ndim(x):
    """How many axes ``x`` has."""
    rank = getattr(x, "ndim", None)
    return len(shape(x)) if rank is None else rank


@op(shape=shapes.scalar_int)
def size(x: Other):
    """How many items ``x`` has."""
    return shapes.product(shape(x))


def dtype(x):
    """The dtype of ``x``, as a string."""
    return dtypes.standardize(dtype_of(x))


@op
def cast(x: Tensor, dtype):
    """``x`` in ``dtype``."""
    dtype = dtypes.standardize(dtype)
    return x if dtype_of(x) == dtype else registry.current().cast(x, dtype)


@op.required(shape=shapes.view, gradient=False)
def view(x: Tensor, dtype=None):
    """The bits of ``x`` read as ``dtype``; the last axis grows or shrinks with the width of an item."""


@op.required
def stop_gradient(variable: Tensor):
    """The same values, through which no gradient flows."""


def host_value(x, name, advice):
    """``x`` as a NumPy array, for an op ``name`` whose result's shape depends on it; or an error with ``advice``."""
    cause = None
    if not any(is_symbolic(leaf) for leaf in flatten(x)):
        try:
            return convert_to_numpy(x) if is_tensor(x) or hasattr(x, "is_variable") else np.asarray(x)
        except Exception as error:
            cause = error
    raise ValueError(
        f"{name}: the shape of the result depends on values, which are not known while a function is traced or a "
        f"model is built. {advice}"
    ) from cause
