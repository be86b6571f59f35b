"""Many numbers to one: sums, extremes, statistics, running totals.

``axis`` is an int, a sequence of ints, or None for all.
"""

from __future__ import annotations

import math

from kbridge.backend import dtypes, shapes
from kbridge.backend.dtypes import floating, integral, promote, summed
from kbridge.backend.op import Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.arrays import broadcast_to, expand_dims, moveaxis, ravel, reshape
from kbridge.ops.core import cast, ndim, shape
from kbridge.ops.indexing import argsort, running_prod, running_sum, take_along_axis
from kbridge.ops.math import (
    absolute,
    add,
    ceil,
    equal,
    floor,
    greater,
    isclose,
    isnan,
    logical_not,
    maximum,
    multiply,
    not_equal,
    rint,
    sqrt,
    square,
    subtract,
    true_divide,
    where,
)

# -- the required ones


@op.required(summed, shape=shapes.reduction)
def sum(x: Tensor, axis=None, keepdims=False):
    """The sum along ``axis``."""


@op.required(summed, shape=shapes.reduction)
def reduce_prod(x: Tensor, axis=None, keepdims=False):
    """The product along ``axis``."""


@op.required(promote, shape=shapes.reduction)
def max(x: Tensor, axis=None, keepdims=False, initial=None):
    """The greatest along ``axis``, and not below ``initial``. Ties share the gradient equally."""


@op.required(promote, shape=shapes.reduction)
def min(x: Tensor, axis=None, keepdims=False, initial=None):
    """The least along ``axis``, and not above ``initial``. Ties share the gradient equally."""


@op.required(promote, shape=shapes.reduction, out="int32", gradient=False)
def argmax(x: Tensor, axis=None, keepdims=False):
    """The index of the greatest along ``axis`` (an int), the first of equals; None flattens ``x``."""


@op.required(promote, shape=shapes.reduction, out="int32", gradient=False)
def argmin(x: Tensor, axis=None, keepdims=False):
    """The index of the least along ``axis`` (an int), the first of equals; None flattens ``x``."""


# -- sums and counts


def count_along(x, axis):
    """How many items of ``x`` a reduction along ``axis`` joins."""
    dims = shape(x)
    return shapes.product(dims if axis is None else (dims[a] for a in shapes.sequence(axis)))


@op(summed)
def prod(x: Tensor, axis=None, keepdims=False, dtype=None):
    """The product along ``axis``, kept in ``dtype`` if given."""
    product = reduce_prod(x if dtype is None else cast(x, dtype), axis, keepdims)
    return product if dtype is None else cast(product, dtype)


@op(promote, out="bool", gradient=False)
def any(x: Tensor, axis=None, keepdims=False):
    """Whether an item along ``axis`` is not 0."""
    return greater(sum(cast(not_equal(x, 0), "int32"), axis, keepdims), 0)


@op(promote, out="bool", gradient=False)
def all(x: Tensor, axis=None, keepdims=False):
    """Whether no item along ``axis`` is 0."""
    return equal(sum(cast(equal(x, 0), "int32"), axis, keepdims), 0)


@op(promote, out="int32", gradient=False)
def count_nonzero(x: Tensor, axis=None):
    """How many items along ``axis`` are not 0."""
    return sum(cast(not_equal(x, 0), "int32"), axis)


@op(promote, out="bool", gradient=False)
def allclose(x1: Tensor, x2: Tensor, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether ``isclose`` holds for all items."""
    return all(isclose(x1, x2, rtol, atol, equal_nan))


@op(floating)
def mean(x: Tensor, axis=None, keepdims=False):
    """The mean along ``axis``."""
    return true_divide(sum(x, axis, keepdims), count_along(x, axis))


@op(floating)
def average(x: Tensor, axis=None, weights: Tensor = None):
    """The mean along ``axis``, items counting as much as their ``weights`` say.

    These have the shape of ``x``, or are a vector along ``axis``.
    """
    if weights is None:
        return mean(x, axis)
    if weights.ndim != x.ndim:
        if weights.ndim != 1 or not isinstance(axis, int):
            raise ValueError(
                f"average: expected weights of the shape of x, {tuple(x.shape)}, or a vector along axis. "
                f"Received weights of shape {tuple(weights.shape)} and axis={axis}."
            )
        weights = reshape(weights, [-1 if i == canonical_axis(axis, x.ndim) else 1 for i in range(x.ndim)])
    weights = broadcast_to(weights, shape(x))
    return true_divide(sum(multiply(x, weights), axis), sum(weights, axis))


@op(floating)
def var(x: Tensor, axis=None, keepdims=False):
    """The variance along ``axis``: the mean squared distance from the mean."""
    kept = dtype_of(x)
    if kept in ("float16", "bfloat16"):  # squares leave their range and precision
        return cast(var(cast(x, "float32"), axis, keepdims), kept)
    distance = subtract(x, mean(x, axis, keepdims=True))
    if dtypes.is_complex(kept):
        distance = absolute(distance)
    return mean(square(distance), axis, keepdims)


@op(floating)
def std(x: Tensor, axis=None, keepdims=False):
    """The standard deviation along ``axis``."""
    return sqrt(var(x, axis, keepdims))


@op(promote)
def ptp(x: Tensor, axis=None, keepdims=False):
    """The range along ``axis``: the greatest less the least."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


# -- running totals


@op(integral)
def cumsum(x: Tensor, axis=None, dtype=None):
    """At each place the sum of the items up to it along ``axis``; None flattens ``x``."""
    return _running(running_sum, x, axis, dtype)


@op(integral)
def cumprod(x: Tensor, axis=None, dtype=None):
    """At each place the product of the items up to it along ``axis``; None flattens ``x``."""
    return _running(running_prod, x, axis, dtype)


@op(integral)
def nancumsum(x: Tensor, axis=None, dtype=None):
    """``cumsum`` with NaNs counting as 0."""
    return cumsum(_without_nan(x, 0), axis, dtype)


@op(integral)
def nancumprod(x: Tensor, axis=None, dtype=None):
    """``cumprod`` with NaNs counting as 1."""
    return cumprod(_without_nan(x, 1), axis, dtype)


def _running(function, x, axis, dtype):
    if dtype is not None:
        x = cast(x, dtype)
    result = function(ravel(x), 0) if axis is None else function(x, canonical_axis(axis, x.ndim))
    return result if dtype is None else cast(result, dtype)


# -- leaving out NaNs


def _has_nan(x):
    dtype = dtype_of(x)
    return dtypes.is_float(dtype) or dtypes.is_complex(dtype)


def _without_nan(x, substitute):
    return where(isnan(x), substitute, x) if _has_nan(x) else x


@op(summed)
def nansum(x: Tensor, axis=None, keepdims=False):
    """``sum`` with NaNs counting as 0."""
    return sum(_without_nan(x, 0), axis, keepdims)


@op(summed)
def nanprod(x: Tensor, axis=None, keepdims=False):
    """``prod`` with NaNs counting as 1."""
    return prod(_without_nan(x, 1), axis, keepdims)


@op(promote)
def nanmax(x: Tensor, axis=None, keepdims=False):
    """``max`` of what is not NaN; NaN where nothing else is."""
    if not _has_nan(x):
        return max(x, axis, keepdims)
    return where(all(isnan(x), axis, keepdims), math.nan, max(_without_nan(x, -math.inf), axis, keepdims))


@op(promote)
def nanmin(x: Tensor, axis=None, keepdims=False):
    """``min`` of what is not NaN; NaN where nothing else is."""
    if not _has_nan(x):
        return min(x, axis, keepdims)
    return where(all(isnan(x), axis, keepdims), math.nan, min(_without_nan(x, math.inf), axis, keepdims))


@op(promote, gradient=False)
def nanargmax(x: Tensor, axis=None, keepdims=False):
    """``argmax`` of what is not NaN; -1 where nothing else is."""
    if not _has_nan(x):
        return argmax(x, axis, keepdims)
    return where(all(isnan(x), axis, keepdims), -1, argmax(_without_nan(x, -math.inf), axis, keepdims))


@op(promote, gradient=False)
def nanargmin(x: Tensor, axis=None, keepdims=False):
    """``argmin`` of what is not NaN; -1 where nothing else is."""
    if not _has_nan(x):
        return argmin(x, axis, keepdims)
    return where(all(isnan(x), axis, keepdims), -1, argmin(_without_nan(x, math.inf), axis, keepdims))


@op(floating)
def nanmean(x: Tensor, axis=None, keepdims=False):
    """``mean`` of what is not NaN."""
    count = sum(cast(logical_not(isnan(x)), dtype_of(x)), axis, keepdims)
    return true_divide(nansum(x, axis, keepdims), count)


@op(floating)
def nanvar(x: Tensor, axis=None, keepdims=False):
    """``var`` of what is not NaN."""
    kept = dtype_of(x)
    if kept in ("float16", "bfloat16"):
        return cast(nanvar(cast(x, "float32"), axis, keepdims), kept)
    present = logical_not(isnan(x))
    x = where(present, x, 0)  # before anything else, or gradients would be NaN
    count = sum(cast(present, kept), axis, keepdims=True)
    distance = where(present, subtract(x, true_divide(sum(x, axis, keepdims=True), count)), 0)
    if dtypes.is_complex(kept):
        distance = absolute(distance)
    squares = sum(square(distance), axis, keepdims)
    return true_divide(squares, reshape(count, shape(squares)))


@op(floating)
def nanstd(x: Tensor, axis=None, keepdims=False):
    """``std`` of what is not NaN."""
    return sqrt(nanvar(x, axis, keepdims))


# -- quantiles

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@op(floating)
def quantile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False):
    """The values below which the fractions ``q`` of the items along ``axis`` lie; the axes of ``q`` come first.

    ``method`` says what lies between two items: "linear", "lower", "higher", "midpoint" or "nearest".
    """
    return _quantile("quantile", x, q, axis, method, keepdims, ignore_nan=False)


@op(floating)
def nanquantile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False):
    """``quantile`` of what is not NaN."""
    return _quantile("nanquantile", x, q, axis, method, keepdims, ignore_nan=True)


@op(floating)
def percentile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False):
    """``quantile`` with ``q`` in percent."""
    return quantile(x, true_divide(q, 100), axis, method, keepdims)


@op(floating)
def nanpercentile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False):
    """``nanquantile`` with ``q`` in percent."""
    return nanquantile(x, true_divide(q, 100), axis, method, keepdims)


@op(floating)
def median(x: Tensor, axis=None, keepdims=False):
    """The value in the middle along ``axis``, or halfway between the two that are."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


@op(floating)
def nanmedian(x: Tensor, axis=None, keepdims=False):
    """``median`` of what is not NaN."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


def _quantile(name, x, q, axis, method, keepdims, ignore_nan):
    if method not in _METHODS:
        raise ValueError(f"{name}: expected a method among {', '.join(_METHODS)}. Received: method={method!r}.")
    rank = ndim(x)
    axes = sorted(canonical_axis(a, rank) for a in (range(rank) if axis is None else shapes.sequence(axis)))
    dims = shape(x)
    kept = [dim for i, dim in enumerate(dims) if i not in axes]
    # lanes to the front, their items in order with NaNs (as infinity) last
    x = reshape(moveaxis(x, axes, range(rank - len(axes), rank)), (*kept, count_along(x, axes)))
    missing = isnan(x)
    x = where(missing, math.inf, x)
    x = take_along_axis(x, argsort(x), -1)
    count = sum(cast(logical_not(missing), dtype_of(x)), -1, keepdims=True)
    q = cast(q, dtype_of(x))
    points = reshape(q, (1,) * len(kept) + (-1,))
    place = multiply(points, maximum(subtract(count if ignore_nan else count_along(x, -1), 1), 0))
    result = _between(x, place, method)
    hopeless = equal(count, 0) if ignore_nan else any(missing, -1, keepdims=True)
    result = where(hopeless, math.nan, result)
    result = reshape(moveaxis(result, -1, 0), (*shape(q), *kept))
    return expand_dims(result, [ndim(q) + a for a in axes]) if keepdims else result


def _between(x, place, method):
    """The items of sorted lanes at ``place``, a number that need not be whole."""
    before, after = floor(place), ceil(place)

    def at(index):
        index = cast(index, "int32")
        return take_along_axis(x, broadcast_to(index, (*shape(x)[:-1], shape(index)[-1])), -1)

    if method == "nearest":
        return at(rint(place))
    if method == "lower":
        return at(before)
    if method == "higher":
        return at(after)
    low, high = at(before), at(after)
    weight = 0.5 * cast(after > before, dtype_of(x)) if method == "midpoint" else subtract(place, before)
    # equal ends first: infinities have no difference
    return where(equal(low, high), low, add(low, multiply(weight, subtract(high, low))))


amax = max
amin = min
