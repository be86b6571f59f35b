"""A third party's engine in two hundred lines: it shows what an engine takes, and brings few of the required ops.

Its tensors are boxes around NumPy arrays that remember what made them. Gradients are computed with the same
tensors, so they can be differentiated in their turn. An installed package would make it known by

    [project.entry-points."kbridge.backends"]
    tiny = "tiny_engine:engine"
"""

import sys

import numpy as np

from kbridge.backend import dtypes, registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.interface import Backend
from kbridge.backend.tree import flatten, map_structure
from tiny_engine import functions
from tiny_engine.tensor import Tensor, gradients, numpy_dtype


class TinyBackend(Backend):
    name = "tiny"
    modules = (functions,)
    tensor_types = frozenset((Tensor,))
    float_dtypes = frozenset(dtypes.FLOATS + dtypes.COMPLEX)

    def is_tensor(self, x):
        return type(x) is Tensor

    def convert(self, x, dtype=None):
        if getattr(x, "is_variable", False):
            x = x.value
        if type(x) is Tensor:
            return x if dtype is None or x.dtype == dtype else self.cast(x, dtype)
        if isinstance(x, (list, tuple)) and any(not np.isscalar(leaf) for leaf in flatten(x)):
            items = [self.convert(item, dtype) for item in x]
            return functions.concatenate([functions.reshape(item, (1, *item.shape)) for item in items])
        array = x if isinstance(x, np.ndarray) else _host(x)
        if dtype is None and not hasattr(x, "dtype"):
            defaults = {"f": dtypes.standardize(None), "i": "int32", "c": dtypes.standardize(complex)}
            dtype = defaults.get(array.dtype.kind)
        return Tensor(np.array(array, numpy_dtype(dtype or dtypes.standardize(array.dtype))))

    def to_numpy(self, x):
        return x.array

    def cast(self, x, dtype):
        array = x.array.real if dtypes.is_complex(x.dtype) and not dtypes.is_complex(dtype) else x.array
        back = [(x, lambda g: self.cast(g, x.dtype))] if dtypes.is_float(dtype) and dtypes.is_float(x.dtype) else []
        return Tensor(array.astype(numpy_dtype(dtype)), back)

    def allocate(self, value, device=None):
        return Tensor(np.array(value))

    def write(self, storage, tensor):
        return Tensor(tensor.array)  # without what made it

    def gather(self, data, row):
        return map_structure(lambda x: Tensor(x.array[np.asarray(row)]), data)

    def value_and_grad(self, function, variables, has_aux=False):
        frame = get_frame()
        bindings, leaves, arguments = dict(frame.bindings or {}), [], []
        for item in variables:
            value = item.value if getattr(item, "is_variable", False) else self.convert(item)
            leaf = Tensor(value.array, [(value, lambda g: g)])
            leaves.append(leaf)
            if value is item or not hasattr(item, "assign"):
                arguments.append(leaf)
            else:
                bindings[id(item)] = leaf
        with entered(frame.child(bindings=bindings, written={})) as inside:
            result = function(*arguments)
            value = result[0] if has_aux else result
            grads = gradients(value, leaves)
        for variable in inside.written.values():
            variable.assign(bindings[id(variable)])
        grads = [g if dtypes.is_float(leaf.dtype) else None for g, leaf in zip(grads, leaves, strict=True)]
        return result, grads


def _host(x):
    """A NumPy array with the values of a number, a list, or a tensor of another engine."""
    for name in registry.available():
        if registry.BUILT_IN.get(name) in sys.modules and registry.load(name).is_tensor(x):
            return registry.load(name).to_numpy(x)
    return np.asarray(x)


engine = TinyBackend()
