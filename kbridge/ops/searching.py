"""Sorting, searching, counting, and choosing by value."""

from __future__ import annotations

import builtins

from kbridge.backend import shapes
from kbridge.backend.dtypes import floating, integral, promote
from kbridge.backend.op import Other, Tensor, Tensors, dtype_of, op
from kbridge.ops.arrays import (
    concatenate,
    filled,
    iota,
    linspace,
    moveaxis,
    ones_like,
    pad_constant,
    ravel,
    reshape,
)
from kbridge.ops.core import cast, host_value
from kbridge.ops.core import shape as shape_of
from kbridge.ops.indexing import argsort, running_sum, scatter_update, take, take_along_axis
from kbridge.ops.math import (
    add,
    equal,
    floor_divide,
    less,
    logical_and,
    logical_not,
    minimum,
    mod,
    multiply,
    not_equal,
    subtract,
    where,
)
from kbridge.ops.reductions import any, max, min, sum


@op.required(promote, shape=shapes.searchsorted, out="int32", gradient=False)
def searchsorted(sorted_sequence: Tensor, values: Tensor, side="left"):
    """Where ``values`` would go in a sorted tensor of rank 1: before equal items ("left") or after them ("right")."""


@op
def sort(x: Tensor, axis=-1):
    """The items in ascending order along ``axis``, NaNs last; None flattens ``x``."""
    if axis is None:
        x, axis = ravel(x), 0
    return take_along_axis(x, argsort(x, axis), axis)


@op(out="int32", gradient=False)
def argpartition(x: Tensor, kth, axis=-1):
    """Indices that put what belongs at ``kth`` there, the smaller before it, the greater after it: a full sort does."""
    return argsort(x, axis)


@op(gradient=False)
def digitize(x: Tensor, bins: Tensor):
    """The number of the bin that each item falls into; bin ``i`` is from ``bins[i - 1]`` up to ``bins[i]``."""
    return searchsorted(bins, x, side="right")


@op(integral, gradient=False)
def isin(x1: Tensor, x2: Tensor, assume_unique=False, invert=False):
    """Whether each item of ``x1`` is among those of ``x2`` (or is not, with ``invert``).

    ``assume_unique`` is a hint that this way of searching has no use for.
    """
    among = ravel(x2)
    if among.shape[0] == 0:
        return filled(shape_of(x1), invert, "bool")
    among = sort(among)
    places = minimum(searchsorted(among, x1), shape_of(among)[0] - 1)
    found = equal(take(among, places, 0), x1)
    return logical_not(found) if invert else found


@op(promote)
def select(condlist, choicelist: Tensors, default: Tensor = 0):
    """The items of the first of ``choicelist`` whose condition holds, or of ``default``."""
    if not isinstance(choicelist, (list, tuple)) or len(condlist) != len(choicelist):
        raise ValueError("select: expected as many conditions as choices, each in a list.")
    chosen = default
    for condition, choice in reversed(list(zip(condlist, choicelist))):
        chosen = where(condition, choice, chosen)
    return chosen


# -- places


@op(integral, gradient=False)
def unravel_index(indices: Tensor, shape):
    """The coordinates, one tensor for each axis, of items numbered in the order of a tensor of this shape."""
    coordinates = []
    for dim in reversed(shapes.sequence(shape)):
        coordinates.append(mod(indices, dim))
        indices = floor_divide(indices, dim)
    return tuple(reversed(coordinates))


@op(shape=shapes.nonzero, gradient=False)
def nonzero(x: Tensor):
    """The coordinates, one tensor for each axis, of the items that are not 0, in their order."""
    is_zero = equal(ravel(x), 0)
    advice = "Mask with ops.where(condition, x, 0), which keeps the shape."
    count = int(host_value(sum(logical_not(is_zero)), "nonzero", advice))
    return unravel_index(argsort(is_zero)[:count], shape_of(x))


@op(shape=shapes.unique)
def unique(
    x: Tensor,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """The distinct items of ``x`` (or slices along ``axis``) in ascending order; every NaN is distinct.

    On demand also where each is first found, which of them each item is, and how often each occurs. ``size`` fixes
    how many are returned, as tracing needs: too few are filled up with ``fill_value``, or the first. The
    result is sorted, whether or not ``sorted`` asks for it.
    """
    moved = reshape(x, (-1, 1)) if axis is None else moveaxis(x, axis, 0)
    n, *rest = shape_of(moved)
    rows = reshape(moved, (n, -1))
    order = iota(0, n, 1, "int32")
    for column in reversed(range(rows.shape[1])):  # by the last column first: sorting is stable
        order = take(order, argsort(take(rows[:, column], order, 0)), 0)
    ordered = take(rows, order, 0)
    is_new = concatenate([ones_like(order[:1], "bool"), any(not_equal(ordered[1:], ordered[:-1]), axis=1)], 0)
    count = sum(is_new)
    if size is None:
        size = int(host_value(count, "unique", "Pass size: how many distinct items to return at most."))
    starts = argsort(logical_not(is_new))[:size]
    starts = pad_constant(starts, [(0, size - starts.shape[0])])
    is_filler = logical_not(less(iota(0, size, 1, "int32"), count))
    starts = where(is_filler, n, starts)
    sources = take(order, where(is_filler, 0, starts), 0)
    values = reshape(take(rows, sources, 0), (size, *rest))
    if fill_value is not None:
        values = where(reshape(is_filler, (size, *[1] * len(rest))), cast(fill_value, dtype_of(values)), values)
    values = ravel(values) if axis is None else moveaxis(values, 0, axis)
    if not (return_index or return_inverse or return_counts):
        return values
    results = [values]
    if return_index:
        results.append(sources)
    if return_inverse:
        inverse = take(subtract(running_sum(is_new, 0), 1), argsort(order), 0)
        results.append(reshape(inverse, shape_of(x)) if axis is None else inverse)
    if return_counts:
        ends = concatenate([starts[1:], filled((1,), n, "int32")], 0)
        results.append(subtract(ends, starts))
    return tuple(results)


# -- counting and scattering


@op
def scatter(indices: Other, values: Tensor, shape):
    """Zeros of this shape with ``values`` added at ``indices``, as in ``scatter_update``."""
    return scatter_update(filled(tuple(shape), 0, dtype_of(values)), indices, values, "add")


@op(shape=shapes.bincount)
def bincount(x: Tensor, weights: Tensor = None, minlength=0, sparse=False):
    """How often each whole number from 0 up occurs in ``x`` (in each row of a matrix), or the sum of its weights.

    The last axis is one longer than the greatest number, or ``minlength`` if that is more.
    """
    if sparse:
        raise ValueError("bincount: sparse tensors are not supported. Leave out sparse=True.")
    advice = "Write ops.segment_sum(weights, x, num_segments)."
    greatest = int(host_value(max(x, initial=-1), "bincount", advice))
    length = builtins.max(greatest + 1, minlength)
    if weights is None:
        weights = ones_like(x, "int32")
    if x.ndim == 1:
        return scatter(reshape(x, (-1, 1)), weights, (length,))
    rows = shape_of(x)[0]
    places = add(x, multiply(reshape(iota(0, rows, 1, dtype_of(x)), (-1, 1)), length))
    return reshape(scatter(reshape(places, (-1, 1)), ravel(weights), (rows * length,)), (rows, length))


@op(gradient=False)
def histogram(x: Tensor, bins=10, range=None):
    """How many items fall into each of ``bins`` equal parts of ``range`` (least and greatest unless told).

    Returns the counts and the ``bins + 1`` edges.
    """
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"histogram: expected bins to be a whole number, 1 or more. Received: bins={bins}.")
    values = cast(ravel(x), floating(dtype_of(x)))
    low, high = (min(values), max(values)) if range is None else (filled((), end, dtype_of(values)) for end in range)
    is_point = equal(low, high)
    low, high = subtract(low, where(is_point, 0.5, 0.0)), add(high, where(is_point, 0.5, 0.0))
    edges = cast(linspace(low, high, bins + 1), dtype_of(values))
    places = minimum(subtract(searchsorted(edges, values, side="right"), 1), bins - 1)
    inside = logical_and(values >= low, values <= high)
    counts = scatter(reshape(where(inside, places, 0), (-1, 1)), cast(inside, dtype_of(x)), (bins,))
    return counts, edges
