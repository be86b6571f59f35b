"""Numbers into vectors: one-hot rows and vectors of length one."""

import numpy as np

from kbridge import ops
from kbridge.backend import registry
from kbridge.backend.symbolic import is_symbol


def to_categorical(x, num_classes=None):
    """One-hot rows for integers: (...) to (..., num_classes), as float64 zeros and ones.

    A last axis of length 1 is dropped first. A tensor of an engine gives a float32 tensor, and
    ``num_classes`` must then be told.
    """
    if not isinstance(x, np.ndarray) and (is_symbol(x) or registry.current().is_tensor(x)):
        if not num_classes:
            raise ValueError("to_categorical: num_classes must be given for a tensor. Write: num_classes=...")
        if len(x.shape) > 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        return ops.one_hot(x, num_classes)
    x = np.asarray(x, dtype="int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    if not num_classes:
        if not x.size:
            raise ValueError("to_categorical: x is empty, so num_classes must be given. Write: num_classes=...")
        num_classes = int(x.max()) + 1
    if x.size and not -num_classes <= x.min() <= x.max() < num_classes:
        raise ValueError(
            f"to_categorical: the classes must lie in 0 to {num_classes - 1}. "
            f"Received values from {x.min()} to {x.max()}."
        )
    return np.eye(num_classes)[x]


def normalize(x, axis=-1, order=2):
    """``x`` divided by its norm of this ``order`` along ``axis``; what is zero stays zero.

    A NumPy array gives a NumPy array, anything else a tensor of the engine in charge.
    """
    if not isinstance(x, np.ndarray):
        return ops.normalize(x, axis=axis, order=order)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
