"""The table of gradients: for each function a rule for each argument. See ``tape.rule`` for what a rule is.

Rules are plain NumPy. Complex gradients are carried unconjugated (the transpose of the Jacobian), so that no
rule for a holomorphic function needs a conjugate; the engine conjugates once, at the end.
"""

import math
import operator

import numpy as np

from kbridge_numpy.tape import HANDLERS, PLAIN, Piece, Traced, differentiable, put, record, rule, strip

# -- arithmetic

rule(np.add, lambda g, _, _a, _b: g, lambda g, _, _a, _b: g)
rule(np.subtract, lambda g, _, _a, _b: g, lambda g, _, _a, _b: -g)
rule(np.multiply, lambda g, _, _a, b: g * b, lambda g, _, a, _b: g * a)
rule(np.true_divide, lambda g, _, _a, b: g / b, lambda g, y, _a, b: -g * y / b)
rule(np.floor_divide, None, None)
rule(np.remainder, lambda g, _, _a, _b: g, lambda g, _, a, b: -g * np.floor(a / b))
rule(np.fmod, lambda g, _, _a, _b: g, lambda g, _, a, b: -g * np.trunc(a / b))
rule(np.negative, lambda g, _, _x: -g)
rule(np.positive, lambda g, _, _x: g)
rule(np.reciprocal, lambda g, y, _x: -g * y * y)
rule(np.square, lambda g, _, x: g * (x + x))
rule(np.absolute, lambda g, y, x: g * np.sign(x) if x.dtype.kind != "c" else np.real(g) * _unit(np.conj(x), y))
rule(np.fabs, lambda g, _, x: g * np.sign(x))
rule(np.sign, None)
rule(np.heaviside, None, lambda g, _, a, _b: g * (a == 0))
rule(np.power, lambda g, _, a, b: g * _slope(a, b), lambda g, y, a, _b: g * y * np.log(np.where(a == 0, 1, a)))
rule(np.hypot, lambda g, y, a, _b: g * _unit(a, y), lambda g, y, _a, b: g * _unit(b, y))
rule(np.maximum, lambda g, y, a, b: g * _wins(a, b, y), lambda g, y, a, b: g * _wins(b, a, y))
rule(np.minimum, lambda g, y, a, b: g * _wins(a, b, y), lambda g, y, a, b: g * _wins(b, a, y))
rule(np.fmax, lambda g, y, a, b: g * _wins(a, b, y), lambda g, y, a, b: g * _wins(b, a, y))
rule(np.fmin, lambda g, y, a, b: g * _wins(a, b, y), lambda g, y, a, b: g * _wins(b, a, y))


def _unit(x, length):
    return x / np.where(length == 0, 1, length)


def _slope(a, b):
    if np.ndim(b) == 0 and type(b) is not Traced:
        return 2 * a if b == 2 else np.ones_like(strip(a)) if b == 1 else 0 * a if b == 0 else b * a ** (b - 1)
    zero = b == 0
    return np.where(zero, 0, b * np.where(zero, 1, a) ** np.where(zero, 1, b - 1))


def _wins(a, b, y):
    """1 where ``a`` is the result ``y``, a half where ``b`` is too."""
    dtype = y.dtype
    return (a == y).astype(dtype) * (1 - 0.5 * (a == b).astype(dtype))


# -- functions of one number

rule(np.exp, lambda g, y, _x: g * y)
rule(np.exp2, lambda g, y, _x: g * y * np.log(2.0))
rule(np.expm1, lambda g, y, _x: g * (y + 1))
rule(np.log, lambda g, _, x: g / x)
rule(np.log2, lambda g, _, x: g / x / float(np.log(2)))
rule(np.log10, lambda g, _, x: g / x / float(np.log(10)))
rule(np.log1p, lambda g, _, x: g / (x + 1))
rule(np.sqrt, lambda g, y, _x: g * 0.5 / y)
rule(np.cbrt, lambda g, y, _x: g / (3 * y * y))
rule(np.sin, lambda g, _, x: g * np.cos(x))
rule(np.cos, lambda g, _, x: -g * np.sin(x))
rule(np.tan, lambda g, y, _x: g * (1 + y * y))
rule(np.arcsin, lambda g, _, x: g / np.sqrt(1 - x * x))
rule(np.arccos, lambda g, _, x: -g / np.sqrt(1 - x * x))
rule(np.arctan, lambda g, _, x: g / (1 + x * x))
rule(np.arctan2, lambda g, _, a, b: g * b / (a * a + b * b), lambda g, _, a, b: -g * a / (a * a + b * b))
rule(np.sinh, lambda g, _, x: g * np.cosh(x))
rule(np.cosh, lambda g, _, x: g * np.sinh(x))
rule(np.tanh, lambda g, y, _x: g * (1 - y * y))
rule(np.arcsinh, lambda g, _, x: g / np.sqrt(x * x + 1))
rule(np.arccosh, lambda g, _, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
rule(np.arctanh, lambda g, _, x: g / (1 - x * x))
rule(np.logaddexp, lambda g, y, a, _b: g * np.exp(a - y), lambda g, y, _a, b: g * np.exp(b - y))
rule(np.logaddexp2, lambda g, y, a, _b: g * 2 ** (a - y), lambda g, y, _a, b: g * 2 ** (b - y))
rule(np.ldexp, lambda g, _, _a, b: np.ldexp(g, b), None)
rule(np.deg2rad, lambda g, _, _x: g * (np.pi / 180))
rule(np.rad2deg, lambda g, _, _x: g * (180 / np.pi))
rule(np.radians, lambda g, _, _x: g * (np.pi / 180))
rule(np.degrees, lambda g, _, _x: g * (180 / np.pi))
for _step in (np.floor, np.ceil, np.rint, np.trunc, np.round, np.fix):
    rule(_step, None)
rule(np.conjugate, lambda g, _, _x: np.conjugate(g))
rule(np.real, lambda g, _, _x: np.real(g))
rule(np.imag, lambda g, _, _x: np.real(g) * -1j)
rule(np.angle, lambda g, _, x: np.real(g) * (-1j * np.conj(x) / np.real(x * np.conj(x))))
rule(np.nan_to_num, lambda g, _, x, *a, **k: g * np.isfinite(x))
rule(np.sinc, lambda g, y, x: g * np.where(x == 0, 0, (np.cos(np.pi * x) - y) / np.where(x == 0, 1, x)))

# -- choice

rule(np.where, None, lambda g, _, c, _a, _b: _choose(c, g, 0), lambda g, _, c, _a, _b: _choose(c, 0, g))


def _choose(condition, a, b):
    from kbridge_numpy.math import where

    return where(condition, a, b)


rule(np.clip, lambda g, y, x, *a, **k: g * (x == y))

# -- reductions


def _keep(g, shape, axis, keepdims):
    """``g`` with the axes that a reduction took away; the tape broadcasts it."""
    if axis is None or keepdims:
        return g
    axes = {a % len(shape) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))}
    return g.reshape(tuple([1 if i in axes else dim for i, dim in enumerate(shape)]))


def _over(shape, y):
    """How many items were averaged."""
    return math.prod(shape) / max(y.size, 1)


def _share(g, y, x, axis, keepdims):
    """The gradient of an extremum, split between the items that attain it."""
    best = x == _keep(strip(y), x.shape, axis, keepdims)
    axis = tuple(axis) if isinstance(axis, list) else axis
    return _keep(g, x.shape, axis, keepdims) * (best / np.sum(best, axis, keepdims=True)).astype(y.dtype)


def _extremum(g, y, x, axis=None, out=None, keepdims=False):
    return _share(g, y, x, axis, keepdims)


def _mean(g, y, x_shape, axis=None, dtype=None, out=None, keepdims=False):
    return _keep(g, x_shape, axis, keepdims) / _over(x_shape, y)


def _var(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    return _keep(g, x.shape, axis, keepdims) * ((x - np.mean(x, axis, keepdims=True)) * (2 / (_over(x.shape, y) - ddof)))


def _std(g, y, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    return _var(g * 0.5 / y, y, x, axis, dtype, out, ddof, keepdims)


def _prod(g, y, x, axis=None, dtype=None, out=None, keepdims=False):
    """The product of all others: from both ends where an item may be 0."""
    if axis is None:
        axis = tuple(range(x.ndim))
    axes = tuple(a % x.ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    rest = [i for i in range(x.ndim) if i not in axes]
    back = np.argsort([*rest, *axes])
    flat = np.transpose(x, (*rest, *axes)).reshape([x.shape[i] for i in rest] + [-1])
    one = np.ones((*flat.shape[:-1], 1), flat.dtype)
    before = np.cumprod(np.concatenate([one, flat[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, flat[..., :0:-1]], -1), -1)[..., ::-1]
    others = (before * after).reshape([x.shape[i] for i in (*rest, *axes)])
    return _keep(g, x.shape, axes, keepdims) * np.transpose(others, back)


rule(np.sum, lambda g, _, x_shape, axis=None, dtype=None, out=None, keepdims=False: _keep(g, x_shape, axis, keepdims))
rule(np.mean, _mean)
rule(np.var, _var)
rule(np.std, _std)
rule(np.prod, _prod)
rule(np.max, _extremum)
rule(np.min, _extremum)


def _backwards(x, axis):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


def _cumprod(g, y, x, axis=None):
    """Exact where no item is 0; else by the definition, item by item."""
    if (strip(x) != 0).all():
        return _backwards(g * y, axis) / x
    x, g = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    n = x.shape[-1]
    # column j of row i: the product of the first j items but for item i, where i <= j
    bare = np.where(np.eye(n, dtype=bool), 1, np.expand_dims(x, -2))
    products = np.triu(np.cumprod(bare, -1))
    return np.moveaxis(np.sum(products * np.expand_dims(g, -2), -1), -1, axis)


rule(np.cumsum, lambda g, _, _x, axis=None: _backwards(g, axis))
rule(np.cumprod, _cumprod)

# -- shape

rule(np.reshape, lambda g, _, x_shape, *a, **k: g.reshape(x_shape))
rule(np.transpose, lambda g, _, _x, axes=None: np.transpose(g, None if axes is None else np.argsort(axes)))
rule(np.swapaxes, lambda g, _, _x, a, b: np.swapaxes(g, a, b))
rule(np.broadcast_to, lambda g, _, _x, *a, **k: g)
rule(np.flip, lambda g, _, _x, axis=None: np.flip(g, axis))
rule(np.roll, lambda g, _, _x, shift, axis=None: np.roll(g, -np.asarray(shift), axis))
rule(np.tril, lambda g, _, _x, k=0: np.tril(g, k))
rule(np.triu, lambda g, _, _x, k=0: np.triu(g, k))
rule(operator.getitem, lambda g, _, x_shape, key: Piece(g, x_shape, key))
rule(put, lambda g, _, _x, shape, key: g[key])


def astype(x, dtype, copy=True):
    """``x`` in another dtype. Only floats and complex numbers carry on a gradient."""
    dtype = np.dtype(dtype)
    if type(x) is not Traced:
        return x.astype(dtype, copy=copy)
    if x.dtype == dtype:
        return x
    return record(astype, x, dtype) if dtype.kind in "fcV" else strip(x).astype(dtype)


def _astype(g, _, x, dtype):
    g = np.real(g) if dtype.kind == "c" != x.dtype.kind else g
    return astype(g, x.dtype)


rule(astype, _astype)


@differentiable
def join(traced, axis, *arrays):
    """Arrays joined along ``axis``."""

    def pull(g):
        if axis is None:
            ends = np.cumsum([x.size for x in arrays])
            return [None, *(g[end - x.size : end].reshape(x.shape) for x, end in zip(arrays, ends, strict=True))]
        lead = (slice(None),) * (axis % g.ndim)
        ends = np.cumsum([x.shape[axis] for x in arrays])
        return [None, *(g[(*lead, slice(end - x.shape[axis], end))] for x, end in zip(arrays, ends, strict=True))]

    return np.concatenate(arrays, axis), pull


HANDLERS[np.astype] = astype
HANDLERS[np.concatenate] = lambda xs, axis=0: join(axis, *xs)
HANDLERS[np.expand_dims] = lambda a, axis: a.reshape(np.expand_dims(strip(a), axis).shape)
HANDLERS[np.squeeze] = lambda a, axis=None: a.reshape(np.squeeze(strip(a), axis).shape)
HANDLERS[np.ravel] = lambda a: a.reshape(-1)
HANDLERS[np.copy] = lambda a: record(np.positive, a)

# -- choosing items


def spread(g, shape, indices, axis):
    """Zeros of ``shape`` with ``g`` added along ``axis`` at ``indices``: the gradient of ``take``."""
    if type(g) is Traced:
        return record(spread, g, shape, indices, axis)
    if axis is None:
        return spread(g.reshape(-1), (int(np.prod(shape)),), indices.reshape(-1), 0).reshape(shape)
    axis %= len(shape)
    if axis:
        where = tuple(range(axis, axis + indices.ndim))
        g = np.moveaxis(g, where, tuple(range(indices.ndim)))
        total = spread(g, (shape[axis], *shape[:axis], *shape[axis + 1 :]), indices, 0)
        return np.moveaxis(total, 0, axis)
    return _add_rows(shape, indices.reshape(-1), g.reshape(indices.size, -1)).reshape(shape)


def _add_rows(shape, indices, rows):
    """Rows added up by index: sorted, then summed run by run."""
    total = np.zeros((shape[0], rows.shape[1]), rows.dtype)
    if indices.size:
        indices = np.where(indices < 0, indices + shape[0], indices)
        order = np.argsort(indices, kind="stable")
        ordered = indices[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        total[ordered[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return total


def spread_along(g, shape, indices, axis):
    """Zeros of ``shape`` with ``g`` added where ``take_along_axis`` took its items."""
    if type(g) is Traced:
        return record(spread_along, g, shape, indices, axis)
    total = np.zeros(shape, g.dtype)
    place = list(np.ogrid[tuple(slice(n) for n in g.shape)])
    for i, dim in enumerate(shape):
        if dim == 1:
            place[i] = 0  # the item was taken for each of many lanes
    place[axis] = indices
    np.add.at(total, tuple(place), g)
    return total


rule(np.take, lambda g, _, x_shape, indices, axis=None, **k: spread(g, x_shape, np.asarray(indices), axis))
rule(spread, lambda g, _, _x, shape, indices, axis: np.take(g, indices, axis))
rule(np.take_along_axis, lambda g, _, x_shape, indices, axis: spread_along(g, x_shape, indices, axis))
rule(spread_along, lambda g, _, _x, shape, indices, axis: np.take_along_axis(g, indices, axis))

# -- products


def _swap(x):
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def _matmul_left(g, _, a_shape, b):
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b
    if len(a_shape) == 1:
        return (b @ np.expand_dims(g, -1))[..., 0]
    return multiply_matrices(g, _swap(b))


def _matmul_right(g, _, a, b_shape):
    if len(b_shape) == 1:
        return a * g if a.ndim == 1 else a.reshape(-1, a.shape[-1]).T @ g.reshape(-1)
    if a.ndim == 1:
        return np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if len(b_shape) == 2 and a.ndim > 2:  # one product in the place of many that would then be added
        return a.reshape(-1, a.shape[-1]).T @ g.reshape(-1, g.shape[-1])
    return multiply_matrices(_swap(a), g)


def multiply_matrices(a, b):
    """``a @ b``, as a single product where ``b`` is one matrix."""
    if a.ndim > 2 and b.ndim == 2:
        return (a.reshape(-1, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[1])
    return a @ b


rule(np.matmul, _matmul_left, _matmul_right)

# -- linear algebra


def _transposed(x):
    return np.swapaxes(x, -1, -2)


def _solve_matrix(g, y, a, b):
    if b.ndim == 1:
        g, y = np.expand_dims(g, -1), np.expand_dims(y, -1)
    return -np.linalg.solve(_transposed(a), g) @ _transposed(y)


def _lower_half(x):
    """The lower triangle with half of the diagonal."""
    n = x.shape[-1]
    return x * (np.tril(np.ones((n, n), x.dtype)) - 0.5 * np.eye(n, dtype=x.dtype))


def _cholesky(g, y, _x):
    inner = _lower_half(_transposed(y) @ g)
    inner = np.linalg.solve(_transposed(y), inner)
    inner = _transposed(np.linalg.solve(_transposed(y), _transposed(inner)))
    return 0.5 * (inner + _transposed(inner))


def _gaps(values):
    """1 / (v_j - v_i), and 0 on the diagonal and for equal values."""
    difference = np.expand_dims(values, -2) - np.expand_dims(values, -1)
    same = difference == 0
    return np.where(same, 0, 1 / np.where(same, 1, difference))


def _eigh(g, y, _x):
    (g_values, g_vectors), (values, vectors) = g, y
    inner = _gaps(values) * (_transposed(vectors) @ g_vectors)
    inner = inner + np.expand_dims(g_values, -2) * np.eye(values.shape[-1], dtype=values.dtype)
    found = np.conj(vectors) @ inner @ _transposed(vectors)
    return 0.5 * (found + _transposed(found))


def _svd(g, y, x_shape, full_matrices=False):
    (gu, gs, gv), (u, s, vh) = g, y
    k = s.shape[-1]
    u, vh, gu, gv = u[..., :k], vh[..., :k, :], gu[..., :k], gv[..., :k, :]
    v, gv = _transposed(vh), _transposed(gv)
    eye = np.eye(k, dtype=s.dtype)
    gaps = _gaps(s * s)
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    left, right = _transposed(u) @ gu, _transposed(v) @ gv
    inner = (gaps * (left - _transposed(left))) * row + column * (gaps * (right - _transposed(right)))
    found = u @ (inner + np.expand_dims(gs, -2) * eye) @ vh
    inverse = 1 / np.where(row == 0, 1, row)
    if x_shape[-2] > k:
        found = found + (gu * inverse - u @ (_transposed(u) @ gu * inverse)) @ vh
    if x_shape[-1] > k:
        found = found + (u * inverse) @ (_transposed(gv) - _transposed(gv) @ v @ vh)
    return found


def _qr(g, y, x_shape, mode="reduced"):
    (gq, gr), (q, r) = g, y
    if x_shape[-2] < x_shape[-1] or q.shape[-1] > r.shape[-1]:
        raise NotImplementedError(
            f"qr has a gradient only for mode='reduced' and matrices at least as tall as wide. "
            f"Received mode={mode!r} and the shape {x_shape}."
        )
    inner = r @ _transposed(gr) - _transposed(gq) @ q
    half = np.tril(inner, -1)
    n = inner.shape[-1]
    symmetric = half + _transposed(half) + inner * np.eye(n, dtype=inner.dtype)
    return _transposed(np.linalg.solve(r, _transposed(gq + q @ symmetric)))


rule(np.linalg.solve, _solve_matrix, lambda g, _, a, _b: np.linalg.solve(_transposed(a), g))
rule(np.linalg.inv, lambda g, y, _x: -_transposed(y) @ g @ _transposed(y))
rule(np.linalg.det, lambda g, y, x: np.expand_dims(g * y, (-1, -2)) * _transposed(np.linalg.inv(x)))
rule(np.linalg.slogdet, lambda g, _, x: np.expand_dims(g[1], (-1, -2)) * _transposed(np.linalg.inv(x)))
rule(np.linalg.cholesky, _cholesky)
rule(np.linalg.eigh, _eigh)
rule(np.linalg.svd, _svd)
rule(np.linalg.qr, _qr)
rule(np.fft.fft, lambda g, _, _x: np.fft.fft(g))
rule(np.fft.ifft, lambda g, _, _x: np.fft.ifft(g))

# -- without a gradient

PLAIN |= {
    getattr(np, name)
    for name in """all any argmax argmin argsort argwhere array_equal allclose array_repr array_str bincount can_cast
    count_nonzero digitize empty_like equal flatnonzero full_like greater greater_equal iscomplexobj isclose isfinite
    isinf isnan isreal isrealobj less less_equal logical_and logical_not logical_or logical_xor ndim nextafter nonzero
    not_equal ones_like result_type save searchsorted shape shares_memory may_share_memory signbit size spacing unique
    zeros_like copyto array2string""".split()
}
