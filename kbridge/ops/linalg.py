"""Linear algebra on the last two axes: the names of ``keras.ops.linalg``."""

from __future__ import annotations

import math

import numpy as np

from kbridge.backend import dtypes, shapes_nn
from kbridge.backend.dtypes import floating
from kbridge.backend.op import Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.arrays import arange, broadcast_to, expand_dims, eye, moveaxis, squeeze, stack, swapaxes, tril, triu
from kbridge.ops.control import jvp
from kbridge.ops.core import cast, shape
from kbridge.ops.indexing import take_along_axis
from kbridge.ops.math import absolute, conj, equal, exp, logical_and, not_equal, power, sqrt, square, where
from kbridge.ops.products import matmul
from kbridge.ops.reductions import argmax, max, min, sum

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]


@op.required(floating, shape=shapes_nn.cholesky)
def cholesky(x: Tensor, upper=False):
    """The Cholesky factor of positive-definite matrices: lower triangular, or upper."""


@op.required(floating, shape=shapes_nn.qr)
def qr_decomposition(x: Tensor, mode):
    """Q and R for ``mode`` "reduced" or "complete": what engines bring for ``qr``."""


@op.required(floating, shape=shapes_nn.svd)
def svd(x: Tensor, full_matrices=True, compute_uv=True):
    """Singular value decomposition: u, s, vh with x = u @ diag(s) @ vh, or s alone."""


@op.required(floating, shape=shapes_nn.eig, gradient=False)
def eig(x: Tensor):
    """Eigenvalues and eigenvectors (as columns) of square matrices, complex."""


@op.required(floating, shape=shapes_nn.eigh)
def eigh(x: Tensor):
    """Eigenvalues, ascending, and eigenvectors (as columns) of Hermitian matrices."""


@op.required(floating, shape=shapes_nn.solve)
def solve(a: Tensor, b: Tensor):
    """x with a @ x = b. ``b`` is a vector if its rank is one less than that of ``a``, else a matrix."""


@op.required(floating, shape=shapes_nn.slogdet)
def slogdet(x: Tensor):
    """The sign of the determinant of square matrices, and the logarithm of its absolute value."""


@op(floating)
def qr(x: Tensor, mode="reduced"):
    """Q, with orthonormal columns, and R, upper triangular, with x = Q @ R. ``mode`` is "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f'qr: `mode` must be "reduced" or "complete". Received: mode={mode!r}.')
    if x.ndim < 2:
        raise ValueError(f"qr takes matrices. Received the shape {tuple(x.shape)}.")
    return qr_decomposition(x, mode)


def _square(x, name):
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name} takes square matrices, of shape (..., n, n). Received the shape {tuple(x.shape)}.")


@op(floating)
def solve_triangular(a: Tensor, b: Tensor, lower=False):
    """x with a @ x = b, where of ``a`` only the upper (or lower) triangle counts."""
    _square(a, "solve_triangular")
    return solve(tril(a) if lower else triu(a), b)


@op(floating)
def inv(x: Tensor):
    """The inverse of square matrices."""
    _square(x, "inv")
    return solve(x, broadcast_to(eye(x.shape[-1], dtype=dtype_of(x)), shape(x)))


@op(floating)
def det(x: Tensor):
    """The determinant of square matrices."""
    _square(x, "det")
    sign, logarithm = slogdet(x)
    return sign * exp(logarithm)


@op(floating)
def logdet(x: Tensor):
    """The logarithm of the absolute determinant of square matrices."""
    _square(x, "logdet")
    return slogdet(x)[1]


@op(floating)
def cholesky_inverse(x: Tensor, upper=False):
    """The inverse of the matrix whose Cholesky factor is ``x``."""
    _square(x, "cholesky_inverse")
    identity = broadcast_to(eye(x.shape[-1], dtype=dtype_of(x)), shape(x))
    inverse = solve_triangular(x, identity, lower=not upper)
    turned = swapaxes(inverse, -1, -2)
    return matmul(inverse, turned) if upper else matmul(turned, inverse)


@op(floating, shape=shapes_nn.lu_factor, gradient=False)
def lu_factor(x: Tensor):
    """L (below the diagonal, whose ones are left out) and U in one matrix, and the pivots: row i was exchanged with
    row pivots[i] at step i."""
    rows, columns = x.shape[-2:]
    row, column = arange(rows), arange(columns)
    pivots = []
    for k in range(_smaller(rows, columns)):
        candidates = where(row >= k, absolute(x[..., :, k]), -1.0)
        pivot = argmax(candidates, axis=-1)
        pivots.append(pivot)
        at = expand_dims(pivot, -1)
        order = where(equal(row, k), at, where(equal(row, at), k, row))
        x = take_along_axis(x, broadcast_to(expand_dims(order, -1), shape(x)), axis=-2)
        top = x[..., k : k + 1, k : k + 1]
        below = expand_dims(row > k, -1)
        factor = where(below, x[..., :, k : k + 1] / where(equal(top, 0.0), 1.0, top), 0.0)
        x = where(
            logical_and(below, equal(column, k)), factor, x - where(column > k, factor * x[..., k : k + 1, :], 0.0)
        )
    return x, stack(pivots, axis=-1)


def _smaller(a, b):
    return a if a < b else b


# -- of singular values


def _epsilon(dtype):
    if dtype == "bfloat16":
        return 2.0**-7
    return float(np.finfo(dtype).eps)


@op(out="int32", gradient=False)
def matrix_rank(x: Tensor, tol=None):
    """How many singular values exceed ``tol``: unless given, the largest times max(rows, columns) times epsilon."""
    if x.ndim < 2:
        raise ValueError(f"matrix_rank takes matrices. Received the shape {tuple(x.shape)}.")
    s = svd(x, compute_uv=False)
    if tol is None:
        tol = max(s, axis=-1, keepdims=True) * (_longer(x) * _epsilon(dtype_of(s)))
    else:
        tol = expand_dims(cast(tol, dtype_of(s)), -1)
    return sum(cast(s > tol, "int32"), axis=-1)


def _longer(x):
    rows, columns = x.shape[-2:]
    return rows if rows > columns else columns


@op(floating)
def pinv(x: Tensor, rcond=None):
    """The pseudo-inverse; singular values of at most ``rcond`` times the largest count as zero."""
    if x.ndim < 2:
        raise ValueError(f"pinv takes matrices. Received the shape {tuple(x.shape)}.")
    u, s, vh = svd(x, full_matrices=False)
    if rcond is None:
        rcond = 10.0 * _longer(x) * _epsilon(dtype_of(s))
    kept = s > max(s, axis=-1, keepdims=True) * rcond
    inverse = where(kept, 1.0 / where(kept, s, 1.0), 0.0)
    v, uh = swapaxes(_conjugate(vh), -1, -2), swapaxes(_conjugate(u), -1, -2)
    return matmul(v * expand_dims(inverse, -2), uh)


def _conjugate(x):
    return conj(x) if dtypes.is_complex(dtype_of(x)) else x


@op(floating)
def lstsq(a: Tensor, b: Tensor, rcond=None):
    """The x, of least norm, that minimizes the norm of a @ x - b; ``rcond`` is as in ``pinv``, epsilon * max(m, n)."""
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"lstsq takes a matrix (m, n) and a vector (m,) or matrix (m, k). "
            f"Received shapes {tuple(a.shape)} and {tuple(b.shape)}."
        )
    if rcond is None:
        rcond = _longer(a) * _epsilon(dtype_of(a))
    return matmul(pinv(a, rcond), b)


@op(floating)
def norm(x: Tensor, ord=None, axis=None, keepdims=False):
    """A norm of vectors (``axis`` an int) or of matrices (two ints).

    Without ``ord``: the square root of the sum of squares over ``axis``, or over everything. For vectors ``ord`` is
    a number; for matrices "fro", "nuc", 1, -1, 2, -2, inf or -inf.
    """
    if axis is None:
        if ord is None:
            axes = tuple(range(x.ndim))
        elif x.ndim in (1, 2):
            axes = tuple(range(x.ndim))
        else:
            raise ValueError(
                f"norm: with ord={ord!r}, say over which axes, as in axis=(-2, -1). Received rank {x.ndim}."
            )
    else:
        axes = tuple(canonical_axis(a, x.ndim) for a in (axis if isinstance(axis, (list, tuple)) else (axis,)))
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return _root(sum(_squares(x), axis=axes, keepdims=keepdims))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm: ord={ord!r} needs one or two axes. Received: axis={axis}.")


def _squares(x):
    return square(absolute(x)) if dtypes.is_complex(dtype_of(x)) else square(x)


def _root(x):
    """The square root, whose slope at 0 is set to 0."""
    positive = x > 0.0
    return where(positive, sqrt(where(positive, x, 1.0)), x)


def _vector_norm(x, ord, axis, keepdims):
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices. For a vector write a number, or inf.")
    size = absolute(x)
    if ord == math.inf:
        return max(size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return cast(sum(cast(not_equal(x, 0), "int32"), axis=axis, keepdims=keepdims), dtype_of(size))
    if ord == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    return power(sum(power(size, float(ord)), axis=axis, keepdims=keepdims), 1.0 / ord)


def _matrix_norm(x, ord, axes, keepdims):
    rows, columns = axes
    if ord in (1, -1, math.inf, -math.inf):
        inner, outer = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = sum(absolute(x), axis=inner, keepdims=True)
        result = (max if ord > 0 else min)(sums, axis=outer, keepdims=True)
    elif ord in ("nuc", 2, -2):
        s = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        reduce = {"nuc": sum, 2: max, -2: min}[ord]
        result = reduce(s, axis=-1)
        return expand_dims(result, tuple(sorted(axes))) if keepdims else result
    else:
        raise ValueError(
            f'norm: ord={ord!r} is not known for matrices. Expected "fro", "nuc", 1, -1, 2, -2, inf or -inf.'
        )
    return result if keepdims else squeeze(result, axis=axes)
