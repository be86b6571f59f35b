"""Making tensors, and changing their shape.

Axes and shapes are ints or sequences of ints; a shape may hold scalar tensors where an engine does not know a
dimension while it traces. Bodies ask ``shape(x)`` for dimensions, which gives these.
"""

from __future__ import annotations

import numpy as np

from kbridge.backend import dtypes, shapes
from kbridge.backend.abstract import Abstract
from kbridge.backend.dtypes import floating, promote
from kbridge.backend.op import Other, Tensor, Tensors, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.core import cast, convert_to_tensor, host_value, is_tensor, ndim, shape
from kbridge.ops.indexing import get_item, running_sum, take
from kbridge.ops.math import (
    add,
    copy,
    equal,
    floor,
    less_equal,
    maximum,
    minimum,
    mod,
    multiply,
    power,
    subtract,
    true_divide,
    where,
)

# -- the required ones


@op(shape=shapes.filled)
def filled(shape, fill_value: Other, dtype):
    """A new tensor of this shape (a tuple) and dtype, with ``fill_value`` (broadcast) everywhere."""
    return broadcast_to(cast(fill_value, dtype), shape)


@op(shape=shapes.iota, gradient=False)
def iota(start, stop, step, dtype):
    """``start``, ``start + step``, ... up to but without ``stop``: numbers that the host knows, or whole numbers."""
    if any(is_tensor(bound) for bound in (start, stop, step)):
        count = -((start - stop) // step)
        counted = subtract(running_sum(filled((count,), 1, "int32"), 0), 1)
        return cast(add(multiply(counted, step), start), dtype)
    return convert_to_tensor(np.arange(start, stop, step), dtype)


@op.required(shape=shapes.reshape)
def reshape(x: Tensor, newshape):
    """The same items, in order, in another shape; one dimension may be -1 (or None): what is left.

    ``newshape`` is an int or a sequence.
    """


@op.required(shape=shapes.transpose)
def transpose(x: Tensor, axes=None):
    """The axes in the order ``axes`` (a sequence); reversed where it is None."""


@op.required(shape=shapes.broadcast_to)
def broadcast_to(x: Tensor, shape):
    """``x`` repeated along its axes of length 1, and along new axes in front, to ``shape``."""


@op.required(promote, shape=shapes.concatenate)
def concatenate(xs: Tensors, axis=0):
    """Tensors joined along an axis they have; None flattens them first."""


@op.required(shape=shapes.pad_constant)
def pad_constant(x: Tensor, pad_width, value=0):
    """``x`` with ``value`` around it; ``pad_width`` has (before, after), both ints not below 0, for each axis."""


# -- creation


def full(shape, fill_value, dtype=None):
    """A new tensor of this shape with ``fill_value`` (broadcast) everywhere."""
    return filled(shapes.sequence(shape), fill_value, dtypes.standardize(dtype))


def zeros(shape, dtype=None):
    """A new tensor of zeros."""
    return full(shape, 0, dtype)


def ones(shape, dtype=None):
    """A new tensor of ones."""
    return full(shape, 1, dtype)


def empty(shape, dtype=None):
    """A new tensor whose values do not matter: zeros."""
    return full(shape, 0, dtype)


@op
def full_like(x: Tensor, fill_value: Other, dtype=None):
    """A tensor of the shape of ``x``, and of its dtype unless told, with ``fill_value`` everywhere."""
    return filled(shape(x), fill_value, dtypes.standardize(dtype or dtype_of(x)))


@op
def zeros_like(x: Tensor, dtype=None):
    """Zeros in the shape of ``x``, and of its dtype unless told."""
    return full_like(x, 0, dtype)


@op
def ones_like(x: Tensor, dtype=None):
    """Ones in the shape of ``x``, and of its dtype unless told."""
    return full_like(x, 1, dtype)


@op
def empty_like(x: Tensor, dtype=None):
    """A tensor of the shape of ``x``, and of its dtype unless told, whose values do not matter: zeros."""
    return full_like(x, 0, dtype)


def array(x, dtype=None):
    """A new tensor with the values of ``x``."""
    return copy(convert_to_tensor(x, dtype))


def arange(start, stop=None, step=None, dtype=None):
    """The numbers from ``start`` (or 0) up to but without ``stop``, ``step`` (or 1) apart."""
    if dtype is None:
        dtype = dtypes.result_type(*(dtype_of(x) for x in (start, stop, step) if x is not None))
    if stop is None:
        start, stop = 0, start
    return iota(start, stop, 1 if step is None else step, dtypes.standardize(dtype))


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """``num`` numbers at equal distances from ``start`` to ``stop`` (with it if ``endpoint``), along a new ``axis``.

    ``retstep`` asks for the distance too.
    """
    return _spaced(np.linspace, _linspace, start, stop, num, endpoint, dtype, axis, retstep=retstep)


def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """``base`` to the powers that ``linspace(start, stop)`` gives."""
    return _spaced(np.logspace, _logspace, start, stop, num, endpoint, dtype, axis, base=base)


def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """``num`` numbers from ``start`` to ``stop``, each the same multiple of the one before."""
    return _spaced(np.geomspace, _geomspace, start, stop, num, endpoint, dtype, axis)


def _spaced(on_host, on_tensors, start, stop, num, endpoint, dtype, axis, **options):
    """Plain numbers are spaced on the host, in double precision; tensors where they are."""
    dtype = dtypes.standardize(dtype or dtypes.floating(dtype_of(start), dtype_of(stop)))
    if isinstance(start, (int, float)) and isinstance(stop, (int, float)):
        spaced = on_host(start, stop, num, endpoint=endpoint, **options)
    else:
        if dtypes.is_float(dtype):  # computed in that dtype, not only given in it
            start, stop = (x if isinstance(x, (int, float)) else cast(x, dtype) for x in (start, stop))
        spaced = on_tensors(start, stop, num, endpoint, axis, **options)

    def finish(values):
        # fractions are cut off downwards
        return cast(floor(values), dtype) if dtypes.is_int(dtype) else convert_to_tensor(values, dtype)

    return (finish(spaced[0]), spaced[1]) if options.get("retstep") else finish(spaced)


@op(floating)
def _linspace(start: Tensor, stop: Tensor, num, endpoint, axis, retstep=False):
    step = true_divide(subtract(stop, start), max(num - 1 if endpoint else num, 1))
    fractions, is_last = _fractions(step, num, endpoint)
    spaced = add(start, multiply(fractions, subtract(stop, start)))
    spaced = moveaxis(where(is_last, stop, spaced), 0, axis)
    return (spaced, step) if retstep else spaced


@op(floating)
def _logspace(start: Tensor, stop: Tensor, num, endpoint, axis, base=10):
    return power(base, _linspace(start, stop, num, endpoint, axis))


@op(floating)
def _geomspace(start: Tensor, stop: Tensor, num, endpoint, axis):
    ratio = true_divide(stop, start)
    fractions, is_last = _fractions(ratio, num, endpoint)
    return moveaxis(where(is_last, stop, multiply(start, power(ratio, fractions))), 0, axis)


def _fractions(like, num, endpoint):
    """The way from 0 to 1 in ``num`` steps, along an axis in front of those of ``like``; which is the end."""
    indices = np.arange(num).reshape(num, *[1] * ndim(like))
    fractions = indices / max(num - 1 if endpoint else num, 1)
    return convert_to_tensor(fractions, dtype_of(like)), convert_to_tensor(endpoint & (indices == num - 1) & (num > 1))


def _column_minus_row(rows, columns):
    return subtract(expand_dims(iota(0, columns, 1, "int32"), 0), expand_dims(iota(0, rows, 1, "int32"), 1))


def eye(N, M=None, k=0, dtype=None):
    """An N x M matrix (M is N unless told) with ones on the ``k``-th diagonal, zeros elsewhere."""
    return cast(equal(_column_minus_row(N, N if M is None else M), k), dtypes.standardize(dtype))


def identity(n, dtype=None):
    """The n x n matrix with ones on the diagonal, zeros elsewhere."""
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None):
    """An N x M matrix (M is N unless told) with ones on and below the ``k``-th diagonal, zeros elsewhere."""
    return cast(less_equal(_column_minus_row(N, N if M is None else M), k), dtypes.standardize(dtype))


@op
def meshgrid(*x: Tensor, indexing="xy"):
    """The coordinates of the points of a grid, one tensor for each of the vectors; "xy" swaps the first two axes."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: expected indexing="xy" or "ij". Received: indexing={indexing!r}.')
    order = list(range(len(x)))
    if indexing == "xy" and len(x) > 1:
        order[:2] = 1, 0
    vectors = [ravel(vector) for vector in x]
    lengths = tuple(shape(vectors[i])[0] for i in order)
    grid = []
    for i, vector in enumerate(vectors):
        dims = [1] * len(x)
        dims[order.index(i)] = -1
        grid.append(broadcast_to(reshape(vector, dims), lengths))
    return grid


def _window(make, x, *args):
    return convert_to_tensor(make(int(x), *(float(arg) for arg in args)), dtypes.standardize(None))


def bartlett(x):
    """The triangular window of ``x`` points."""
    return _window(np.bartlett, x)


def blackman(x):
    """The Blackman window of ``x`` points: three cosines."""
    return _window(np.blackman, x)


def hamming(x):
    """The Hamming window of ``x`` points: a raised cosine, not 0 at the ends."""
    return _window(np.hamming, x)


def hanning(x):
    """The Hann window of ``x`` points: a raised cosine, 0 at the ends."""
    return _window(np.hanning, x)


def kaiser(x, beta):
    """The Kaiser window of ``x`` points, narrower with ``beta``."""
    return _window(np.kaiser, x, beta)


# -- diagonals and triangles


def _triangle_mask(x, k):
    rows, columns = shape(x)[-2:]
    return less_equal(_column_minus_row(rows, columns), k)


@op
def tril(x: Tensor, k=0):
    """The last two axes with zeros above the ``k``-th diagonal."""
    return where(_triangle_mask(x, k), x, zeros_like(x))


@op
def triu(x: Tensor, k=0):
    """The last two axes with zeros below the ``k``-th diagonal."""
    return where(_triangle_mask(x, k - 1), zeros_like(x), x)


def _least(a, b):
    """The lesser of two lengths, but not below 0."""
    return max(min(a, b), 0) if isinstance(a, int) and isinstance(b, int) else maximum(minimum(a, b), 0)


@op(shape=shapes.diagonal)
def diagonal(x: Tensor, offset=0, axis1=0, axis2=1):
    """The diagonal of two axes, ``offset`` places above the main one, as a last axis in their stead."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *others, rows, columns = shape(x)
    if offset >= 0:
        start, length = offset, _least(rows, columns - offset)
    else:
        start, length = -offset * columns, _least(rows + offset, columns)
    flat = reshape(x, (*others, rows * columns))
    return flat[..., start : start + length * (columns + 1) : columns + 1][..., :length]


@op
def diag(x: Tensor, k=0):
    """The ``k``-th diagonal of a matrix; of a vector, the matrix that has it there."""
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix. Received a tensor of shape {tuple(x.shape)}.")
    column = expand_dims(pad_constant(x, [(max(-k, 0), max(k, 0))]), 1)
    n = shape(column)[0]
    return where(equal(_column_minus_row(n, n), k), column, zeros_like(column))


@op
def diagflat(x: Tensor, k=0):
    """The matrix that has the items of ``x`` on its ``k``-th diagonal."""
    return diag(ravel(x), k)


# -- axes


def _axes(axis, rank):
    return [canonical_axis(a, rank) for a in shapes.sequence(axis)]


@op
def expand_dims(x: Tensor, axis):
    """``x`` with new axes of length 1, where ``axis`` says they are in the result."""
    rank = x.ndim + len(shapes.sequence(axis))
    new = _axes(axis, rank)
    dims = iter(shape(x))
    return reshape(x, tuple(1 if i in new else next(dims) for i in range(rank)))


@op
def squeeze(x: Tensor, axis=None):
    """``x`` without axes of length 1: those named, or all."""
    gone = [i for i, dim in enumerate(x.shape) if dim == 1] if axis is None else _axes(axis, x.ndim)
    for i in gone:
        if x.shape[i] not in (1, None) and shapes.tried([x.shape[i]]) is None:
            raise ValueError(f"squeeze: axis {i} of the shape {tuple(x.shape)} is not 1 long.")
    return reshape(x, tuple(dim for i, dim in enumerate(shape(x)) if i not in gone))


@op
def ravel(x: Tensor):
    """All items in one axis."""
    return reshape(x, (-1,))


@op
def moveaxis(x: Tensor, source, destination):
    """``x`` with the axes ``source`` moved to ``destination``; the others keep their order."""
    source, destination = _axes(source, x.ndim), _axes(destination, x.ndim)
    if len(set(source)) != len(source) or len(source) != len(destination) or len(set(destination)) != len(source):
        raise ValueError(f"moveaxis: expected as many axes, all distinct. Received: {source} and {destination}.")
    order = [axis for axis in range(x.ndim) if axis not in source]
    for to, axis in sorted(zip(destination, source)):
        order.insert(to, axis)
    return x if order == list(range(x.ndim)) else transpose(x, order)


@op
def swapaxes(x: Tensor, axis1, axis2):
    """``x`` with two axes exchanged."""
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


# -- order along axes


@op
def flip(x: Tensor, axis=None):
    """``x`` backwards along the axes named, or all."""
    flipped = range(x.ndim) if axis is None else _axes(axis, x.ndim)
    key = tuple(slice(None, None, -1 if i in flipped else None) for i in range(x.ndim))
    return get_item(x, key)


@op
def fliplr(x: Tensor):
    """``x`` backwards along its second axis."""
    return flip(x, 1)


@op
def flipud(x: Tensor):
    """``x`` backwards along its first axis."""
    return flip(x, 0)


@op
def rot90(array: Tensor, k=1, axes=(0, 1)):
    """``array`` turned ``k`` times by 90 degrees, from the first of the axes to the second."""
    one, two = _axes(axes, array.ndim)
    if one == two:
        raise ValueError(f"rot90: expected two different axes. Received: axes={axes}.")
    if k % 4 == 0:
        return array
    if k % 4 == 2:
        return flip(array, (one, two))
    return swapaxes(flip(array, two), one, two) if k % 4 == 1 else flip(swapaxes(array, one, two), two)


@op
def roll(x: Tensor, shift, axis=None):
    """``x`` moved by ``shift`` places along axes, what falls off one end coming back at the other; None flattens it."""
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), shape(x))
    axes = _axes(axis, x.ndim)
    shifts = shapes.sequence(shift)
    for by, at in zip(shifts * len(axes) if len(shifts) == 1 else shifts, axes):
        length = shape(x)[at]
        if isinstance(by, int) and isinstance(length, int):
            by = by % length if length else 0
            if by:
                before = (slice(None),) * at
                x = concatenate([x[(*before, slice(length - by, None))], x[(*before, slice(length - by))]], at)
        else:
            x = take(x, mod(subtract(iota(0, length, 1, "int32"), cast(by, "int32")), length), at)
    return x


# -- joining and cutting


def _listed(xs):
    """The tensors of a sequence, or those along the first axis of one tensor."""
    return xs if isinstance(xs, (list, tuple)) else [xs[i] for i in range(xs.shape[0])]


@op(promote)
def stack(x: Tensors, axis=0):
    """Tensors of one shape joined along a new axis."""
    return concatenate([expand_dims(item, axis) for item in _listed(x)], axis)


@op(promote)
def hstack(xs: Tensors):
    """Tensors joined along the second axis, vectors along the first."""
    items = [reshape(x, (1,)) if x.ndim == 0 else x for x in _listed(xs)]
    return concatenate(items, 0 if items[0].ndim == 1 else 1)


@op(promote)
def vstack(xs: Tensors):
    """Tensors joined along the first axis; vectors become rows."""
    return concatenate([reshape(x, (1, -1)) if x.ndim < 2 else x for x in _listed(xs)], 0)


@op(promote)
def dstack(xs: Tensors):
    """Tensors joined along the third axis, which they get if they have none."""

    def deep(x):
        return reshape(x, (1, -1, 1)) if x.ndim < 2 else expand_dims(x, 2) if x.ndim == 2 else x

    return concatenate([deep(x) for x in _listed(xs)], 2)


@op(promote)
def append(x1: Tensor, x2: Tensor, axis=None):
    """``x2`` joined to the end of ``x1``; without an axis both are flattened."""
    return concatenate([x1, x2], axis)


@op(shape=shapes.split)
def split(x: Tensor, indices_or_sections, axis=0):
    """``x`` cut along ``axis``: into so many equal parts, or before each of the indices."""
    axis = canonical_axis(axis, x.ndim)
    if hasattr(indices_or_sections, "__len__"):
        cuts = [int(index) for index in indices_or_sections]
        bounds = list(zip([None, *cuts], [*cuts, None]))
    else:
        length = shape(x)[axis]
        if isinstance(length, int):
            shapes.split(x, indices_or_sections, axis)  # raises where the parts would not be equal
        part = length // indices_or_sections
        bounds = [(i * part, (i + 1) * part) for i in range(indices_or_sections)]
    before = (slice(None),) * axis
    return [x[(*before, slice(start, stop))] for start, stop in bounds]


@op
def array_split(x: Tensor, indices_or_sections, axis=0):
    """``split`` into parts that need not be equal: the first ones are longer by one."""
    if hasattr(indices_or_sections, "__len__"):
        return split(x, indices_or_sections, axis)
    each, longer = divmod(shape(x)[axis], indices_or_sections)
    lengths = [each + 1] * longer + [each] * (indices_or_sections - longer)
    return split(x, [sum(lengths[:i]) for i in range(1, len(lengths))], axis)


@op
def hsplit(x: Tensor, indices_or_sections):
    """``split`` along the second axis, of a vector along the first."""
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@op
def vsplit(x: Tensor, indices_or_sections):
    """``split`` along the first axis."""
    return split(x, indices_or_sections, 0)


@op
def dsplit(x: Tensor, indices_or_sections):
    """``split`` along the third axis."""
    return split(x, indices_or_sections, 2)


# -- repeating and padding


@op
def tile(x: Tensor, repeats):
    """``x`` laid side by side so many times along each axis."""
    repeats = shapes.sequence(repeats)
    rank = max(len(repeats), x.ndim)
    repeats = (1,) * (rank - len(repeats)) + tuple(repeats)
    dims = (1,) * (rank - x.ndim) + shape(x)
    spread = reshape(x, [length for dim in dims for length in (1, dim)])
    spread = broadcast_to(spread, tuple(length for pair in zip(repeats, dims) for length in pair))
    return reshape(spread, [times * dim for times, dim in zip(repeats, dims)])


@op
def repeat(x: Tensor, repeats, axis=None):
    """Each item along ``axis`` so many times in a row: an int, or a number for each item. None flattens ``x``."""
    if axis is None:
        x, axis = ravel(x), 0
    axis = canonical_axis(axis, x.ndim)
    dims = shape(x)
    if not isinstance(repeats, int):
        advice = "Pass repeats as an int, or as a list or array of ints."
        repeats = np.asarray(host_value(repeats, "repeat", advice)).reshape(-1)
        if isinstance(x, Abstract) and repeats.size == dims[axis] > 1 and (repeats >= 0).all():
            return Abstract((*dims[:axis], int(repeats.sum()), *dims[axis + 1 :]), x.dtype)
        if repeats.size > 1 or shapes.tried([dims[axis]]) is None:
            return take(x, np.repeat(np.arange(dims[axis], dtype="int32"), repeats), axis)
        repeats = int(repeats[0])
    spread = expand_dims(x, axis + 1)
    spread = broadcast_to(spread, (*dims[: axis + 1], repeats, *dims[axis + 1 :]))
    return reshape(spread, (*dims[:axis], dims[axis] * repeats, *dims[axis + 1 :]))


_PAD_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@op
def pad(x: Tensor, pad_width, mode="constant", constant_values=None):
    """``x`` with a margin: ``pad_width`` is (before, after) for each axis, one such pair for all, or one int.

    ``mode`` says what is in the margin: "constant" (``constant_values``, or 0), "edge" (the nearest item), "reflect"
    or "symmetric" (``x`` mirrored, without or with the edge), "wrap" (``x`` from the other end).
    """
    if mode not in _PAD_MODES:
        raise ValueError(f"pad: expected a mode among {', '.join(_PAD_MODES)}. Received: mode={mode!r}.")
    if constant_values is not None and mode != "constant":
        raise ValueError(f'pad: constant_values goes with mode="constant". Received: mode={mode!r}.')
    try:
        widths = np.broadcast_to(np.asarray(pad_width, dtype="int64"), (x.ndim, 2)).tolist()
    except ValueError:
        raise ValueError(
            f"pad: expected pad_width to be an int, (before, after), or such a pair for each of the {x.ndim} axes. "
            f"Received: pad_width={pad_width}."
        ) from None
    widths = [tuple(width) for width in widths]
    if mode == "constant" or isinstance(x, Abstract):  # whose shape is the same in every mode
        return pad_constant(x, widths, 0 if constant_values is None else constant_values)
    for axis, width in enumerate(widths):
        if width != (0, 0):
            places = np.pad(np.arange(x.shape[axis], dtype="int32"), width, mode)
            x = take(x, places, axis)
    return x
