"""The table of gradients: for each function a rule for each argument. See ``tape.rule`` for what a rule is.

Rules are plain NumPy. Complex gradients are carried unconjugated (the transpose of the Jacobian), so that no
rule for a holomorphic function needs a conjugate; the engine conjugates once, at the end.
"""

import math
import operator

import numpy as np

from kbridge_numpy.boxes import HANDLERS, strip
from kbridge_numpy.tape import Piece, Traced, differentiable, put, record, rule

# -- arithmetic

rule(np.add, lambda g, _, _a, _b: g, lambda g, _, _a, _b: g)
rule(np.subtract, lambda g, _, _a, _b: g, lambda g, _, _a, _b: -g)
rule(np.multiply, lambda g, _, _a, b: g * b, lambda g, _, a, _b: g * a)
rule(np.true_divide, lambda g, _, _a, b: g / b, lambda g, y, _a, b: -g * y / b)
rule(np.remainder, lambda g, _, _a, _b: g, lambda g, _, a, b: -g * np.floor(a / b))
rule(np.fmod, lambda g, _, _a, _b: g, lambda g, _, a, b: -g * np.trunc(a / b))
rule(np.negative, lambda g, _, _x: -g)
rule(np.positive, lambda g, _, _x: g)
rule(np.reciprocal, lambda g, y, _x: -g * y * y)
rule(np.square, lambda g, _, x: g * (x + x))
rule(np.absolute, lambda g, y, x: g * np.sign(x) if x.dtype.kind != "c" else np.real(g) * _unit(np.conj(x), y))
rule(np.fabs, lambda g, _, x: g * np.sign(x))
rule(np.heaviside, None, lambda g, _, a, _b: g * (a == 0))
rule(np.power, lambda g, _, a, b: g * _slope(a, b), lambda g, y, a, _b: g * y * np.log(np.where(a == 0, 1, a)))
rule(np.hypot, lambda g, y, a, _b: g * _unit(a, y), lambda g, y, _a, b: g * _unit(b, y))
for _f in (np.maximum, np.minimum, np.fmax, np.fmin):
    rule(_f, lambda g, y, a, b: g * _wins(a, b, y), lambda g, y, a, b: g * _wins(b, a, y))
for _f in (np.floor, np.ceil, np.rint, np.trunc, np.round, np.fix, np.sign, np.floor_divide):
    rule(_f)


def _unit(x, length):
    return x / np.where(length == 0, 1, length)


def _slope(a, b):
    if np.ndim(b) == 0 and type(b) is not Traced:
        return 2 * a if b == 2 else np.ones_like(strip(a)) if b == 1 else 0 * a if b == 0 else b * a ** (b - 1)
    zero = b == 0
    return np.where(zero, 0, b * np.where(zero, 1, a) ** np.where(zero, 1, b - 1))


def _wins(a, b, y):
    """1 where ``a`` is the result ``y``, a half where ``b`` is too."""
    return (a == y).astype(y.dtype) * (1 - 0.5 * (a == b).astype(y.dtype))


# -- functions of one number

rule(np.exp, lambda g, y, _x: g * y)
rule(np.exp2, lambda g, y, _x: g * y * math.log(2))
rule(np.expm1, lambda g, y, _x: g * (y + 1))
rule(np.log, lambda g, _, x: g / x)
rule(np.log2, lambda g, _, x: g / x / math.log(2))
rule(np.log10, lambda g, _, x: g / x / math.log(10))
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
for _f, _g in ((np.deg2rad, math.pi / 180), (np.radians, math.pi / 180), (np.rad2deg, 180 / math.pi)):
    rule(_f, lambda g, _, _x, factor=_g: g * factor)
rule(np.conjugate, lambda g, _, _x: np.conjugate(g))
rule(np.real, lambda g, _, _x: np.real(g))
rule(np.imag, lambda g, _, _x: np.real(g) * -1j)
rule(np.angle, lambda g, _, x: np.real(g) * (-1j * np.conj(x) / np.real(x * np.conj(x))))

# -- choice

rule(np.where, None, lambda g, _, c, _a, _b: choose(c, g, 0), lambda g, _, c, _a, _b: choose(c, 0, g))
rule(np.clip, lambda g, y, x, *a, **k: g * (x == y))

_WORDS = {2: np.int16, 4: np.int32, 8: np.int64}


def choose(condition, a, b):
    """``np.where``; large ones by bits, without its branches, which take long where the condition is irregular."""
    x = b if type(a) is int else a
    if type(x) is Traced or type(a) is Traced or type(b) is Traced:
        return record(np.where, condition, a, b)
    if condition.size < 1024 or condition.dtype != bool or x.dtype.itemsize not in _WORDS:
        return np.where(condition, a, b)
    word = _WORDS[x.dtype.itemsize]
    mask = condition.view(np.int8).astype(word)
    np.negative(mask, out=mask)  # all ones where it holds
    if type(b) is int and b == 0:
        return (mask & a.view(word)).view(a.dtype)
    a, b = np.asarray(a, x.dtype).view(word), np.asarray(b, x.dtype).view(word)
    return ((a ^ b) & mask ^ b).view(x.dtype)


# -- reductions


def _keep(g, shape, axis, keepdims):
    """``g`` with the axes that a reduction took away; the tape broadcasts it."""
    if axis is None or keepdims:
        return g
    axes = {a % len(shape) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))}
    return g.reshape(tuple([1 if i in axes else dim for i, dim in enumerate(shape)]))


def _mean(g, _y, x_shape, axis=None, dtype=None, out=None, keepdims=False):
    axes = range(len(x_shape)) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    return _keep(g, x_shape, axis, keepdims) * (1 / max(math.prod([x_shape[a] for a in axes]), 1))


def _extremum(g, y, x, axis=None, out=None, keepdims=False):
    """Items that attain it together share the gradient."""
    best = x == _keep(strip(y), x.shape, axis, keepdims)
    return _keep(g, x.shape, axis, keepdims) * (best / np.sum(best, axis, keepdims=True)).astype(y.dtype)


def _prod(g, y, x, axis=None, dtype=None, out=None, keepdims=False):
    """The product of all others: from both ends, where an item may be 0."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    lanes = np.transpose(x, order)
    flat = lanes.reshape((*lanes.shape[: x.ndim - len(axes)], -1))
    one = np.ones((*flat.shape[:-1], 1), flat.dtype)
    before = np.cumprod(np.concatenate([one, flat[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, flat[..., :0:-1]], -1), -1)[..., ::-1]
    return _keep(g, x.shape, axes, keepdims) * np.transpose((before * after).reshape(lanes.shape), np.argsort(order))


rule(np.sum, lambda g, _, x_shape, axis=None, dtype=None, out=None, keepdims=False: _keep(g, x_shape, axis, keepdims))
rule(np.mean, _mean)
rule(np.prod, _prod)
rule(np.max, _extremum)
rule(np.min, _extremum)


def _backwards(x, axis):
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


def _cumprod(g, y, x, axis=None):
    if (strip(x) != 0).all():
        return _backwards(g * y, axis) / x
    x, g = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    n = x.shape[-1]
    # column j of row i: the product of the first j items but for item i, where i <= j
    products = np.triu(np.cumprod(np.where(np.eye(n, dtype=bool), 1, np.expand_dims(x, -2)), -1))
    return np.moveaxis(np.sum(products * np.expand_dims(g, -2), -1), -1, axis)


rule(np.cumsum, lambda g, _, _x, axis=None: _backwards(g, axis))
rule(np.cumprod, _cumprod)

# -- shape


def _inverse(axes):
    return np.argsort([axis % len(axes) for axis in axes])


rule(np.reshape, lambda g, _, x_shape, *a, **k: g.reshape(x_shape))
rule(np.transpose, lambda g, _, _x, axes=None: np.transpose(g, None if axes is None else _inverse(axes)))
rule(np.swapaxes, lambda g, _, _x, a, b: np.swapaxes(g, a, b))
rule(np.broadcast_to, lambda g, _, _x, *a, **k: g)
rule(np.flip, lambda g, _, _x, axis=None: np.flip(g, axis))
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
    return astype(np.real(g) if dtype.kind == "c" != x.dtype.kind else g, x.dtype)


rule(astype, _astype)


@differentiable
def join(traced, axis, *arrays):
    """Arrays joined along ``axis``."""

    def pull(g):
        sizes = [x.size if axis is None else x.shape[axis] for x in arrays]
        lead = () if axis is None else (slice(None),) * (axis % g.ndim)
        ends = np.cumsum(sizes)
        parts = [g[(*lead, slice(end - size, end))] for size, end in zip(sizes, ends, strict=True)]
        return [None, *(part.reshape(x.shape) for part, x in zip(parts, arrays, strict=True))]

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
        return spread(g.reshape(-1), (math.prod(shape),), indices.reshape(-1), 0).reshape(shape)
    axis %= len(shape)
    if axis:
        g = np.moveaxis(g, range(axis, axis + indices.ndim), range(indices.ndim))
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
    # an item of an axis of length 1 was taken for each of many lanes
    place = [0 if dim == 1 else lane for dim, lane in zip(shape, np.ogrid[tuple(map(slice, g.shape))], strict=True)]
    place[axis] = indices
    total = np.zeros(shape, g.dtype)
    np.add.at(total, tuple(place), g)
    return total


rule(np.take, lambda g, _, x_shape, indices, axis=None, **k: spread(g, x_shape, np.asarray(indices), axis))
rule(spread, lambda g, _, _x, shape, indices, axis: np.take(g, indices, axis))
rule(np.take_along_axis, lambda g, _, x_shape, indices, axis: spread_along(g, x_shape, indices, axis))
rule(spread_along, lambda g, _, _x, shape, indices, axis: np.take_along_axis(g, indices, axis))

# -- products


def _swap(x):
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def multiply_matrices(a, b):
    """``a @ b``, as a single product where ``b`` is one matrix."""
    if a.ndim > 2 and b.ndim == 2:
        return (a.reshape(-1, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[1])
    return a @ b


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


rule(np.matmul, _matmul_left, _matmul_right)

# -- linear algebra


def _solve_matrix(g, y, a, b):
    if b.ndim == 1:
        g, y = np.expand_dims(g, -1), np.expand_dims(y, -1)
    return -np.linalg.solve(_swap(a), g) @ _swap(y)


def _real_only(rule):
    """These rules hold for real matrices."""

    def checked(g, y, x_shape, *args, **kwargs):
        if any(part.dtype.kind == "c" for part in (y if isinstance(y, tuple) else (y,))):
            raise NotImplementedError(
                f"{rule.__name__[1:]} of complex matrices has no gradient on this backend. Write it with real ones, "
                f"or pass ops.stop_gradient(x)."
            )
        return rule(g, y, x_shape, *args, **kwargs)

    return checked


def _cholesky(g, y, x_shape):
    n = y.shape[-1]
    inner = _swap(y) @ g * (np.tri(n, dtype=y.dtype) - 0.5 * np.eye(n, dtype=y.dtype))
    inner = np.linalg.solve(_swap(y), inner)
    inner = np.linalg.solve(_swap(y), _swap(inner))
    return 0.5 * (inner + _swap(inner))


def _gaps(values):
    """1 / (v_j - v_i), and 0 on the diagonal and for equal values."""
    difference = np.expand_dims(values, -2) - np.expand_dims(values, -1)
    same = difference == 0
    return np.where(same, 0, 1 / np.where(same, 1, difference))


def _eigh(g, y, x_shape):
    (g_values, g_vectors), (values, vectors) = g, y
    inner = _gaps(values) * (_swap(vectors) @ g_vectors)
    inner = inner + np.expand_dims(g_values, -2) * np.eye(values.shape[-1], dtype=values.dtype)
    found = vectors @ inner @ _swap(vectors)
    return 0.5 * (found + _swap(found))


def _svd(g, y, x_shape, full_matrices=False):
    (gu, gs, gv), (u, s, vh) = g, y
    k = s.shape[-1]
    u, gu, vh, gv = u[..., :k], gu[..., :k], vh[..., :k, :], _swap(gv[..., :k, :])
    v = _swap(vh)
    gaps = _gaps(s * s)
    row = np.expand_dims(s, -2)
    left, right = _swap(u) @ gu, _swap(v) @ gv
    inner = (gaps * (left - _swap(left))) * row + np.expand_dims(s, -1) * (gaps * (right - _swap(right)))
    found = u @ (inner + np.expand_dims(gs, -2) * np.eye(k, dtype=s.dtype)) @ vh
    inverse = 1 / np.where(row == 0, 1, row)
    if x_shape[-2] > k:
        found = found + (gu * inverse - u @ (_swap(u) @ gu * inverse)) @ vh
    if x_shape[-1] > k:
        found = found + (u * inverse) @ (_swap(gv) - _swap(gv) @ v @ vh)
    return found


def _qr(g, y, x_shape, mode="reduced"):
    (gq, gr), (q, r) = g, y
    if x_shape[-2] < x_shape[-1] or q.shape[-1] > r.shape[-1]:
        raise NotImplementedError(
            f"qr has a gradient only for mode='reduced' and matrices at least as tall as wide. "
            f"Received mode={mode!r} and the shape {x_shape}."
        )
    inner = r @ _swap(gr) - _swap(gq) @ q
    half = inner * np.tri(inner.shape[-1], k=-1, dtype=inner.dtype)
    symmetric = half + _swap(half) + inner * np.eye(inner.shape[-1], dtype=inner.dtype)
    return _swap(np.linalg.solve(r, _swap(gq + q @ symmetric)))


rule(np.linalg.solve, _solve_matrix, lambda g, _, a, _b: np.linalg.solve(_swap(a), g))
rule(np.linalg.inv, lambda g, y, _x: -_swap(y) @ g @ _swap(y))
rule(np.linalg.slogdet, lambda g, _, x: np.expand_dims(g[1], (-1, -2)) * _swap(np.linalg.inv(x)))
rule(np.linalg.cholesky, _real_only(_cholesky))
rule(np.linalg.eigh, _real_only(_eigh))
rule(np.linalg.svd, _real_only(_svd))
rule(np.linalg.qr, _real_only(_qr))
rule(np.fft.fft, lambda g, _, _x: np.fft.fft(g))
