"""Reading and writing parts of tensors, and what runs along an axis."""

from __future__ import annotations

from builtins import slice as Slice

import numpy as np

from kbridge.backend import registry, shapes
from kbridge.backend.dtypes import first, integral
from kbridge.backend.op import Other, Tensor, op
from kbridge.ops.core import convert_to_tensor
from kbridge.ops.core import shape as shape_of


@op.required(shape=shapes.get_item)
def get_item(x: Tensor, key):
    """``x[key]`` as in NumPy: ints, slices of any step, ``...``, None, arrays or tensors of ints or bools.

    No bounds are checked for what is known only when it runs.
    """


@op.required(shape=shapes.take)
def take(x: Tensor, indices: Other, axis=None):
    """The items of ``x`` along ``axis`` that ``indices`` names (negative ones from the end); None flattens ``x``.

    The axes of ``indices`` take the place of ``axis``.
    """


@op.required(shape=shapes.take_along_axis)
def take_along_axis(x: Tensor, indices: Other, axis=None):
    """For each lane along ``axis``, its items that the same lane of ``indices`` names (negative ones from the end).

    The other axes broadcast; None flattens ``x``.
    """


@op.required(shape=shapes.sort, out="int32", gradient=False)
def argsort(x: Tensor, axis=-1):
    """The indices that sort ``x`` along ``axis``; equal items keep their order, NaNs go last. None flattens ``x``."""


@op.required(integral, shape=shapes.same)
def running_sum(x: Tensor, axis):
    """At each place the sum of the items up to it along ``axis``, an int."""


@op.required(integral, shape=shapes.same)
def running_prod(x: Tensor, axis):
    """At each place the product of the items up to it along ``axis``, an int."""


@op.required(first, shape=shapes.same)
def scatter_update(inputs: Tensor, indices: Other, updates: Tensor, reduction=None):
    """``inputs`` with ``updates`` put at ``indices``.

    ``indices`` (..., k) names positions along the first k axes; ``updates`` has the shape of ``indices`` but
    for its last axis, then the remaining axes of ``inputs``. ``reduction`` says what happens to the old value:
    None (replaced), "add", "mul", "max" or "min".
    """


@op.required(shape=shapes.dynamic_slice)
def dynamic_slice(x: Tensor, starts, sizes):
    """The box of the shape ``sizes`` (ints) that begins at ``starts``: for each axis an int or a scalar tensor."""


@op.required(first, shape=shapes.same)
def dynamic_update_slice(x: Tensor, starts, update: Tensor):
    """``x`` with ``update`` in the place of the box that begins at ``starts``: as in ``dynamic_slice``."""


@op
def slice(inputs: Tensor, start_indices, shape):
    """The box of ``inputs`` that begins at ``start_indices`` and has this shape; -1 takes an axis to its end.

    ``start_indices`` holds ints and scalar tensors, or is one int tensor.
    """
    starts = _starts(start_indices, inputs, "slice")
    dims = shape_of(inputs)
    sizes = [dim - start if size == -1 else size for size, start, dim in zip(shape, starts, dims)]
    if len(sizes) != inputs.ndim:
        raise ValueError(f"slice: expected a shape of {inputs.ndim} dimensions. Received: shape={shape}.")
    if all(isinstance(start, int) for start in starts):
        return get_item(inputs, tuple(Slice(start, start + size) for start, size in zip(starts, sizes)))
    return dynamic_slice(inputs, starts, tuple(sizes))


@op(first)
def slice_update(inputs: Tensor, start_indices, updates: Tensor):
    """``inputs`` with ``updates`` in the place of the box that begins at ``start_indices``."""
    if updates.ndim != inputs.ndim:
        raise ValueError(
            f"slice_update: expected updates of rank {inputs.ndim}, that of the inputs. "
            f"Received a tensor of shape {tuple(updates.shape)}."
        )
    return dynamic_update_slice(inputs, _starts(start_indices, inputs, "slice_update"), updates)


def _starts(start_indices, x, name):
    """Where a box begins: a list of ints and scalar tensors, one for each axis of ``x``."""
    if registry.current().is_tensor(start_indices) or getattr(start_indices, "is_variable", False):
        starts = [convert_to_tensor(start_indices)[i] for i in range(start_indices.shape[0])]
    else:
        starts = [
            int(start) if isinstance(start, (int, np.integer)) else convert_to_tensor(start) for start in start_indices
        ]
    if len(starts) != x.ndim:
        raise ValueError(f"{name}: expected {x.ndim} start indices, one for each axis. Received: {start_indices}.")
    return starts


@op
def unstack(x: Tensor, num=None, axis=0):
    """The ``num`` tensors that lie along ``axis``, as a list; ``num`` need not be told where it is known."""
    axis = shapes.canonical_axis(axis, x.ndim)
    length = x.shape[axis]
    if num is None:
        num = length
    if not isinstance(num, int):
        raise ValueError(f"unstack: the length of axis {axis} is not known. Pass num.")
    if isinstance(length, int) and num != length and shapes.tried([length]) is None:
        raise ValueError(f"unstack: axis {axis} of the shape {tuple(x.shape)} is not num={num} long.")
    before = (Slice(None),) * axis
    return [x[(*before, i)] for i in range(num)]
