"""Boxes around arrays that remember what made them."""

import numpy as np

from kbridge.backend import dtypes
from kbridge.backend.operators import Operators


class Tensor(Operators):
    """An array, and for each tensor it was made of a function from its own gradient to that one's."""

    __slots__ = ("array", "links", "dtype", "shape", "ndim")

    def __init__(self, array, links=()):
        self.array = array = np.asarray(array)
        self.links = links
        self.dtype = dtypes.standardize(array.dtype)
        self.shape = array.shape
        self.ndim = array.ndim

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)

    def __bool__(self):
        return bool(self.array)

    def __float__(self):
        return float(self.array)

    def __int__(self):
        return int(self.array)

    __index__ = __int__

    def __repr__(self):
        return f"Tensor({self.array})"


def numpy_dtype(name):
    if name == "bfloat16" or name.startswith("float8"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def gradients(value, leaves):
    """The gradient of ``value`` with respect to each of ``leaves``; None where it does not depend on it."""
    ordered, seen = [], set()

    def visit(tensor):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            for source, _ in tensor.links:
                visit(source)
            ordered.append(tensor)

    visit(value)
    found = {id(value): Tensor(np.ones_like(value.array))}
    for tensor in reversed(ordered):
        g = found.get(id(tensor))
        if g is None:
            continue
        for source, pull in tensor.links:
            part = pull(g)
            if part is not None:
                found[id(source)] = found[id(source)] + part if id(source) in found else part
    return [found.get(id(leaf)) for leaf in leaves]
