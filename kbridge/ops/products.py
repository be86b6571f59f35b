"""Products of tensors: matrix, inner, outer, Kronecker, cross, Einstein's; and sums and differences along a line."""

from __future__ import annotations

from kbridge.backend import shapes
from kbridge.backend.dtypes import contracted, floating, promote
from kbridge.backend.op import Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.arrays import (
    arange,
    diagonal,
    expand_dims,
    flip,
    moveaxis,
    pad_constant,
    ravel,
    reshape,
    stack,
    transpose,
)
from kbridge.ops.core import cast, ndim, shape
from kbridge.ops.math import clip, conj, multiply, not_equal, power, real, sqrt, subtract, true_divide
from kbridge.ops.reductions import mean, sum


@op.required(contracted, shape=shapes.matmul)
def matmul(x1: Tensor, x2: Tensor):
    """The matrix product of the last two axes; those in front broadcast. Vectors are a row first, a column second."""


@op.required(contracted, shape=shapes.einsum)
def einsum(subscripts, *operands: Tensor, **kwargs):
    """The sum of products that Einstein's notation ``subscripts`` describes, with "->" or without."""


@op(promote)
def tensordot(x1: Tensor, x2: Tensor, axes=2):
    """The sum of products over axes of both: the last and the first so many, or those of two lists."""
    if isinstance(axes, int):
        left, right = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        left, right = ([canonical_axis(a, x.ndim) for a in shapes.sequence(side)] for side, x in zip(axes, (x1, x2)))
    if len(left) != len(right):
        raise ValueError(f"tensordot: expected as many axes of the first as of the second. Received: axes={axes}.")
    dims1, dims2 = shape(x1), shape(x2)
    free1 = [i for i in range(x1.ndim) if i not in left]
    free2 = [i for i in range(x2.ndim) if i not in right]
    joined = shapes.product(dims2[i] for i in right)
    rows = reshape(transpose(x1, free1 + left), (-1, joined))
    columns = reshape(transpose(x2, right + free2), (joined, -1))
    return reshape(matmul(rows, columns), [dims1[i] for i in free1] + [dims2[i] for i in free2])


@op(promote)
def dot(x1: Tensor, x2: Tensor):
    """The sum of products over the last axis of ``x1`` and the last but one of ``x2``; with a scalar, the product."""
    if ndim(x1) == 0 or ndim(x2) == 0:
        return multiply(x1, x2)
    if x2.ndim <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, [[-1], [-2]])


@op(promote)
def inner(x1: Tensor, x2: Tensor):
    """The sum of products over the last axes; with a scalar, the product."""
    if ndim(x1) == 0 or ndim(x2) == 0:
        return multiply(x1, x2)
    return tensordot(x1, x2, [[-1], [-1]])


@op(promote)
def vdot(x1: Tensor, x2: Tensor):
    """The sum of the products of all items, those of ``x1`` conjugated."""
    return matmul(ravel(conj(x1)), ravel(x2))


@op(promote)
def outer(x1: Tensor, x2: Tensor):
    """The product of each item of ``x1`` with each of ``x2``, as a matrix."""
    return multiply(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


@op(promote)
def kron(x1: Tensor, x2: Tensor):
    """The Kronecker product: ``x1`` with each item replaced by its product with the whole of ``x2``."""
    rank = max(x1.ndim, x2.ndim)
    dims1, dims2 = ((1,) * (rank - x.ndim) + shape(x) for x in (x1, x2))
    left = reshape(x1, [length for dim in dims1 for length in (dim, 1)])
    right = reshape(x2, [length for dim in dims2 for length in (1, dim)])
    return reshape(multiply(left, right), [m * n for m, n in zip(dims1, dims2)])


@op(promote)
def cross(x1: Tensor, x2: Tensor, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The vector product of vectors of 3 (or 2: the third is 0) that lie along axes; of two of 2, its third part."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if x1.shape[-1] not in (2, 3) or x2.shape[-1] not in (2, 3):
        raise ValueError(f"cross: expected vectors of 2 or 3. Received shapes {tuple(x1.shape)} and {tuple(x2.shape)}.")
    third = subtract(multiply(x1[..., 0], x2[..., 1]), multiply(x1[..., 1], x2[..., 0]))
    if x1.shape[-1] == x2.shape[-1] == 2:
        return third
    a, b = (pad_constant(x, [(0, 0)] * (x.ndim - 1) + [(0, 1)]) if x.shape[-1] == 2 else x for x in (x1, x2))
    one = subtract(multiply(a[..., 1], b[..., 2]), multiply(a[..., 2], b[..., 1]))
    two = subtract(multiply(a[..., 2], b[..., 0]), multiply(a[..., 0], b[..., 2]))
    return stack([one, two, third], axisc)


@op
def trace(x: Tensor, offset=0, axis1=0, axis2=1):
    """The sum of the diagonal of two axes, ``offset`` places above the main one."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


@op(promote)
def vander(x: Tensor, N=None, increasing=False):
    """The powers of a vector as the columns of a matrix, N of them (as many as items), falling or ``increasing``."""
    if x.ndim != 1:
        raise ValueError(f"vander: expected a vector. Received a tensor of shape {tuple(x.shape)}.")
    exponents = arange(shape(x)[0] if N is None else N, dtype="int32")
    return power(expand_dims(x, 1), cast(exponents if increasing else flip(exponents), dtype_of(x)))


# -- along a line


@op
def diff(a: Tensor, n=1, axis=-1):
    """The differences of neighbours along ``axis``, taken ``n`` times; of bools, whether they differ."""
    before = (slice(None),) * canonical_axis(axis, a.ndim)
    minus = not_equal if dtype_of(a) == "bool" else subtract
    for _ in range(n):
        a = minus(a[(*before, slice(1, None))], a[(*before, slice(-1))])
    return a


@op(floating)
def trapezoid(y: Tensor, x: Tensor = None, dx=1.0, axis=-1):
    """The integral of ``y`` along ``axis`` by the trapezoidal rule, at points ``x`` or ``dx`` apart."""
    y = moveaxis(y, axis, -1)
    width = dx if x is None else diff(x if x.ndim == 1 else moveaxis(x, axis, -1))
    return sum(multiply(width, true_divide(y[..., 1:] + y[..., :-1], 2)), -1)


@op(promote)
def correlate(x1: Tensor, x2: Tensor, mode="valid"):
    """The sliding inner product of two vectors: where they overlap wholly ("valid"), at all ("full"), or "same"."""
    if mode not in ("valid", "same", "full"):
        raise ValueError(f'correlate: expected mode="valid", "same" or "full". Received: mode={mode!r}.')
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"correlate: expected two vectors. Received shapes {tuple(x1.shape)} and {tuple(x2.shape)}.")
    if x1.shape[0] < x2.shape[0]:  # the other way round, backwards
        return flip(correlate(conj(x2), conj(x1), mode))
    n, m = x1.shape[0], x2.shape[0]
    left = {"valid": 0, "same": m // 2, "full": m - 1}[mode]
    length = {"valid": n - m + 1, "same": n, "full": n + m - 1}[mode]
    padded = pad_constant(x1, [(left, length + m - 1 - n - left)])
    windows = stack([padded[i : i + length] for i in range(m)], 0)
    return matmul(conj(x2), windows)


@op(floating)
def corrcoef(x: Tensor):
    """The correlation coefficients of the rows of a matrix with one another."""
    if x.ndim < 2:
        x = reshape(x, (1, -1))
    centred = subtract(x, mean(x, -1, keepdims=True))
    products = matmul(centred, conj(transpose(centred)))
    length = sqrt(real(diagonal(products)))
    correlation = true_divide(products, multiply(expand_dims(length, 1), expand_dims(length, 0)))
    return correlation if dtype_of(correlation).startswith("complex") else clip(correlation, -1.0, 1.0)
