"""Special functions, selection, segments, and rearranging by pattern."""

from __future__ import annotations

import math
import re

from kbridge.backend import dtypes, shapes_nn
from kbridge.backend.abstract import TRIALS
from kbridge.backend.dtypes import floating
from kbridge.backend.op import Other, Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.arrays import arange, expand_dims, full, reshape, squeeze, stack, transpose, zeros_like
from kbridge.ops.core import cast, shape, stop_gradient
from kbridge.ops.indexing import scatter_update, take_along_axis
from kbridge.ops.math import equal, exp, imag, isfinite, log, logical_and, logical_or, real, sqrt, square, where
from kbridge.ops.reductions import max, sum

__all__ = [
    "cdist",
    "erf",
    "erfc",
    "erfinv",
    "in_top_k",
    "logsumexp",
    "multi_hot",
    "one_hot",
    "rearrange",
    "rsqrt",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "top_k",
    "view_as_complex",
    "view_as_real",
]


@op.required(floating)
def erf(x: Tensor):
    """The error function, 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""


@op.required(floating)
def erfinv(x: Tensor):
    """The inverse of the error function; infinite at -1 and 1."""


# log(erfc(x) / t) + x**2 with t = 2 / (2 + x), for x >= 0, as a Chebyshev series in 2 * t - 1.
_ERFC = (
    -1.3026537197817094, 0.6419697923564902, 0.019476473204185836, -0.009561514786808632, -0.0009465953444820369,
    0.00036683949785276145, 4.252332480690777e-05, -2.0278578112534242e-05, -1.6242900046470256e-06,
    1.3036558355805232e-06, 1.5626441722066142e-08, -8.523809591492654e-08, 6.5290544390988515e-09,
    5.059343495551469e-09, -9.91364156493033e-10, -2.273651222931836e-10, 9.646791102015527e-11,
    2.3940380830391146e-12, -6.886027526497553e-12, 8.944879273090725e-13, 3.130921399342958e-13,
    -1.1270822361367252e-13, 3.810905255189232e-16, 7.106097613609237e-15, -1.5230282014571043e-15,
    -9.457494571291233e-17, 1.210237189224279e-16, -2.816663087747177e-17,
)  # fmt: skip


@op(floating)
def erfc(x: Tensor):
    """1 - erf(x), without loss of digits where x is large."""
    size = where(x < 0.0, -x, x)  # not absolute(x): its slope at 0 is 0
    t = 2.0 / (2.0 + size)
    u = 4.0 * t - 2.0
    value, before = zeros_like(u), zeros_like(u)
    for coefficient in _ERFC[:0:-1]:
        value, before = u * value - before + coefficient, value
    tail = t * exp(0.5 * (u * value + _ERFC[0]) - before - size * size)
    return where(x < 0.0, 2.0 - tail, tail)


@op(floating)
def rsqrt(x: Tensor):
    """1 / sqrt(x)."""
    return 1.0 / sqrt(x)


@op(floating)
def logsumexp(x: Tensor, axis=None, keepdims=False):
    """log(sum(exp(x))) without overflow."""
    peak = stop_gradient(max(x, axis=axis, keepdims=True))
    peak = where(isfinite(peak), peak, 0.0)
    total = log(sum(exp(x - peak), axis=axis, keepdims=True)) + peak
    return total if keepdims else squeeze(total, axis=tuple(range(x.ndim)) if axis is None else axis)


@op.required(shape=shapes_nn.top_k)
def top_k(x: Tensor, k, sorted=True):
    """The k largest values along the last axis, largest first, and their int32 indices.

    Among equal values the one with the smaller index comes first. With ``sorted=False`` any order will do.
    """


@op(out="bool", gradient=False)
def in_top_k(targets: Other, predictions: Tensor, k):
    """Whether each target class is among the k best of its row of ``predictions`` (batch, classes)."""
    own = take_along_axis(predictions, expand_dims(cast(targets, "int32"), -1), axis=-1)
    rank = sum(cast(predictions > own, "int32"), axis=-1)
    return logical_and(rank < k, isfinite(squeeze(own, -1)))


@op(floating)
def cdist(x: Tensor, y: Tensor):
    """The Euclidean distance of each vector in ``x`` (..., n, d) from each in ``y`` (..., m, d): (..., n, m)."""
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"cdist takes tensors (..., n, d) and (..., m, d). Received shapes {tuple(x.shape)} and {tuple(y.shape)}."
        )
    squares = sum(square(expand_dims(x, -2) - expand_dims(y, -3)), axis=-1)
    apart = squares > 0.0  # at distance 0 the square root has no slope
    return where(apart, sqrt(where(apart, squares, 1.0)), 0.0)


# -- classes


@op(gradient=False)
def one_hot(x: Other, num_classes, axis=-1, dtype=None, sparse=False):
    """Ones where the position along a new ``axis`` is the index in ``x``; all zeros for an index outside of it."""
    if sparse:
        raise ValueError("one_hot: sparse tensors are not supported. Write sparse=False.")
    axis = canonical_axis(axis, x.ndim + 1)
    classes = reshape(arange(num_classes, dtype="int32"), (-1,) + (1,) * (x.ndim - axis))
    return cast(equal(expand_dims(cast(x, "int32"), axis), classes), dtypes.standardize(dtype))


@op(gradient=False)
def multi_hot(inputs: Other, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Ones at the positions of all indices in a row of ``inputs``."""
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if kwargs:
        raise TypeError(f"multi_hot does not know the arguments {sorted(kwargs)}.")
    if num_classes is None:
        raise ValueError("multi_hot: say how many classes there are: multi_hot(x, num_classes=...).")
    return max(one_hot(inputs, num_classes, axis, dtype, sparse), axis=1 if inputs.ndim > 1 else 0)


# -- complex numbers as pairs


@op(floating)
def view_as_complex(x: Tensor):
    """The complex numbers whose real and imaginary parts lie along the last axis, of length 2."""
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(
            f"view_as_complex: the last axis holds (real, imaginary) and has length 2. Received shape {tuple(x.shape)}."
        )
    dtype = _complex_of(dtype_of(x))
    return cast(x[..., 0], dtype) + cast(x[..., 1], dtype) * 1j


def _complex_of(dtype):
    return "complex128" if dtype in ("float64", "complex128") else "complex64"


@op
def view_as_real(x: Tensor):
    """Real and imaginary part of each number, along a new last axis."""
    return stack([real(x), imag(x)], axis=-1)


# -- segments


def _segments(name, data, segment_ids, num_segments, start, reduction):
    """Join the rows of ``data`` that have the same id; ids outside of [0, num_segments) are left out."""
    if len(segment_ids.shape) != 1 or data.ndim < 1:
        raise ValueError(
            f"{name}: `segment_ids` has one axis, the first of `data`. "
            f"Received shapes {tuple(segment_ids.shape)} and {tuple(data.shape)}."
        )
    if num_segments is None:
        num_segments = int(max(segment_ids)) + 1
    ids = cast(segment_ids, "int32")
    # One row more takes what is left out.
    outside = logical_or(ids < 0, ids >= num_segments)
    ids = where(outside, num_segments, ids)
    rows = full((num_segments + 1, *shape(data)[1:]), start, dtype_of(data))
    return scatter_update(rows, expand_dims(ids, -1), data, reduction)[:num_segments]


def _lowest(dtype):
    return -math.inf if dtypes.is_float(dtype) else int_range(dtype)[0]


def _highest(dtype):
    return math.inf if dtypes.is_float(dtype) else int_range(dtype)[1]


def int_range(dtype):
    if dtype == "bool":
        return 0, 1
    bits = int(dtype.lstrip("uint"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@op
def segment_sum(data: Tensor, segment_ids: Other, num_segments=None, sorted=False):
    """The sum of the rows of ``data`` that have the same id; 0 where there is none.

    ``sorted`` promises that the ids ascend, which may save time.
    """
    return _segments("segment_sum", data, segment_ids, num_segments, 0, "add")


@op
def segment_prod(data: Tensor, segment_ids: Other, num_segments=None, sorted=False):
    """The product of the rows of ``data`` that have the same id; 1 where there is none."""
    return _segments("segment_prod", data, segment_ids, num_segments, 1, "mul")


@op
def segment_max(data: Tensor, segment_ids: Other, num_segments=None, sorted=False):
    """The maximum of the rows of ``data`` that have the same id; the lowest value of the dtype where there is none."""
    return _segments("segment_max", data, segment_ids, num_segments, _lowest(dtype_of(data)), "max")


@op
def segment_min(data: Tensor, segment_ids: Other, num_segments=None, sorted=False):
    """The minimum of the rows of ``data`` that have the same id; the highest value of the dtype where there is none."""
    return _segments("segment_min", data, segment_ids, num_segments, _highest(dtype_of(data)), "min")


# -- rearranging by pattern


def _parse(side):
    """ "a (b c) ... 1" as [["a"], ["b", "c"], ["..."], []]."""
    if re.search(r"[^\w\s().…]|\([^)]*\(", side) or side.count("(") != side.count(")"):
        raise ValueError(f"rearrange: {side!r} is not a pattern. Write names, (groups), 1 and ..., as in 'b (h w) c'.")
    groups = re.findall(r"\([^)]*\)|\.\.\.|\w+", side)
    return [[name for name in group.strip("()").split() if name != "1"] for group in groups]


def _arrangement(tensor, pattern, lengths):
    """What ``pattern`` asks for: the axes on its left side, those on its right, the groups there, and all lengths."""
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange: the pattern needs '->' between two sides. Received: {pattern!r}.")
    left, right = _parse(left), _parse(right)
    if ["..."] in left:
        dots = [f".{i}" for i in range(tensor.ndim - len(left) + 1)]
        at = left.index(["..."])
        left[at : at + 1] = [[axis] for axis in dots]
        at = right.index(["..."]) if ["..."] in right else len(right)
        right[at : at + 1] = [[axis] for axis in dots]
    names, wanted = [n for group in left for n in group], [n for group in right for n in group]
    if len(left) != tensor.ndim or sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise ValueError(
            f"rearrange: the pattern {pattern!r} does not fit a tensor of shape {tuple(tensor.shape)}: the left side "
            f"needs one name or group per axis, and both sides the same names, each once."
        )
    lengths = dict(lengths)
    for group, dim in zip(left, shape(tensor), strict=True):
        _solve_group(pattern, group, dim, lengths)
    return names, wanted, right, lengths


def _rearranged(tensor, pattern, **axes_lengths):
    _, _, groups, lengths = _arrangement(tensor, pattern, axes_lengths)
    return tuple(_product(lengths[name] for name in group) for group in groups)


@op(shape=_rearranged)
def rearrange(tensor: Tensor, pattern, **axes_lengths):
    """Reorder, split and join axes by a pattern: ``rearrange(x, "b (h w) c -> b c h w", h=8)``."""
    names, wanted, groups, lengths = _arrangement(tensor, pattern, axes_lengths)
    x = reshape(tensor, [lengths[name] for name in names])
    x = transpose(x, [names.index(name) for name in wanted])
    return reshape(x, [_product(lengths[name] for name in group) for group in groups])


def _product(factors):
    total = 1
    for factor in factors:
        total = total * factor
    return total


def _solve_group(pattern, group, dim, lengths):
    """Find the length of the one axis in a group that is not given."""
    unknown = [name for name in group if name not in lengths]
    known = _product(lengths[name] for name in group if name in lengths)
    if len(unknown) > 1:
        raise ValueError(f"rearrange: give the lengths of all but one of {group} in {pattern!r}, as in {group[0]}=2.")
    # A large prime stands for a length that is not known yet: see ``trace_shapes``.
    settled = isinstance(dim, int) and isinstance(known, int) and dim not in TRIALS
    if settled and (dim % known if unknown else dim != known):
        raise ValueError(f"rearrange: an axis of length {dim} does not split into {group} in {pattern!r}.")
    if unknown:
        lengths[unknown[0]] = dim // known
