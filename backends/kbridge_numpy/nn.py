"""Activations, normalization, losses, attention and dropout as single functions.

Where the gradient is written in NumPy's terms it can be differentiated again. The others say ``once``: within
nested tapes the portable bodies take their places.
"""

from functools import lru_cache

import numpy as np

from kbridge import config
from kbridge_numpy.boxes import recorders, strip
from kbridge_numpy.math import generator, matmul, plain_erf, sum, unary, where
from kbridge_numpy.recorded import invoke
from kbridge_numpy.tape import Traced, differentiable, is_floating, record, rule

# -- sums and maxima, by the way that is fastest


@lru_cache(16)
def _ones(n, dtype):
    return np.ones(n, dtype)


def _column_sum(g):
    """The sum over all axes but the last."""
    if type(g) is Traced or g.dtype.itemsize == 2:
        return sum(g, tuple(range(g.ndim - 1)))
    return _ones(g.size // g.shape[-1], g.dtype) @ g.reshape(-1, g.shape[-1])


def _total(x, axis):
    """The sum along ``axis``, kept as an axis."""
    if axis == -1 and x.ndim > 1 and 2 < x.dtype.itemsize and x.shape[-1] <= 4096:
        return (x.reshape(-1, x.shape[-1]) @ _ones(x.shape[-1], x.dtype)).reshape(*x.shape[:-1], 1)
    return sum(x, axis, True)


def _largest(x, axis):
    """The maximum along ``axis``, kept as an axis."""
    if axis == -1 and x.ndim > 1 and x.shape[-1] <= 32 and x.size >= 4096:  # NumPy is slow on many short rows
        columns = np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T)
        return np.maximum.reduce(columns, 0).reshape(*x.shape[:-1], 1)
    return np.maximum.reduce(x, axis, keepdims=True)


def _axis(axis, ndim):
    """-1 for the last axis, a tuple for several."""
    return -1 if axis == ndim - 1 else tuple(axis) if type(axis) is list else axis


def divide_no_nan(x1, x2):
    if type(x1) is Traced or type(x2) is Traced:
        return NotImplemented
    dtype = getattr(x1, "dtype", None) or x2.dtype  # one of them may be a Python number
    if getattr(x1, "shape", ()) == () == getattr(x2, "shape", ()):
        return dtype.type(x1 / x2 if x2 else 0)
    quotient = np.zeros(np.broadcast_shapes(np.shape(x1), np.shape(x2)), dtype)
    return np.divide(x1, x2, out=quotient, where=np.not_equal(x2, 0))


# -- the dense layer


def dense(x, kernel, bias=None):
    if type(x) is Traced or type(kernel) is Traced or type(bias) is Traced:
        if kernel.ndim != 2 or x.ndim < 2:
            return NotImplemented
        return record(dense, x, kernel, bias)
    y = x @ kernel if x.ndim == 2 and x.dtype.itemsize > 2 else matmul(x, kernel)
    if bias is None:
        return y
    if type(y) is not np.ndarray:
        return y + bias
    y += bias
    return y


def _flat(x):
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


rule(
    dense,
    lambda g, _, _x, kernel, _b: matmul(g, kernel.T),
    lambda g, _, x, _kernel, _b: matmul(_flat(x).T, _flat(g)),
    lambda g, _, _x, _kernel, _b: _column_sum(g),
)

# -- activations


@unary
def relu(x):
    return np.maximum(x, 0) if x.size < 8192 or x.dtype.kind != "f" else x.clip(0, np.inf)  # each is the faster there


@unary
def sigmoid(x):
    y = np.maximum(x, -88 if x.dtype.itemsize == 4 else -11 if x.dtype.itemsize == 2 else -709)  # no overflow
    y = np.exp(np.negative(y))
    y += 1
    return np.reciprocal(y)


@unary
def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@unary
def silu(x):
    return x * sigmoid(x)


def _silu(g, _, x):
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


rule(relu, lambda g, y, _x: g * (y > 0))
rule(sigmoid, lambda g, y, _x: g * y * (1 - y))
rule(softplus, lambda g, _, x: g * sigmoid(x))
rule(silu, _silu)


def leaky_relu(x, negative_slope=0.2):
    if type(x) is Traced:
        return record(leaky_relu, x, negative_slope)
    return where(x > 0, x, x * x.dtype.type(negative_slope))


def elu(x, alpha=1.0):
    if type(x) is Traced:
        return record(elu, x, alpha)
    return where(x > 0, x, np.expm1(np.minimum(x, 0)) * x.dtype.type(alpha))


rule(leaky_relu, lambda g, _, x, slope: where(x > 0, g, g * slope))
rule(elu, lambda g, y, x, alpha: where(x > 0, g, g * (y + alpha)))


@differentiable(once=True)
def _gelu(traced, x, approximate):
    root = x.dtype.type(np.sqrt(2 / np.pi))
    if approximate:
        squared = x * x
        share = np.tanh((squared * (root * x.dtype.type(0.044715)) + root) * x)
    else:
        share = plain_erf(x * x.dtype.type(np.sqrt(0.5)))
    share += 1
    share *= x.dtype.type(0.5)  # how much of x is let through

    def pull(g):
        if approximate:
            slope = squared * (root * x.dtype.type(0.26829)) + root * x.dtype.type(2)
            slope *= (1 - share) * share
        else:
            slope = np.exp(x * x * x.dtype.type(-0.5))
            slope *= root * x.dtype.type(0.5)
        slope *= x
        slope += share
        slope *= g
        return slope, None

    return x * share, pull


def gelu(x, approximate=True):
    return _gelu(x, approximate) if x.ndim else NotImplemented


def softmax(x, axis=-1):
    if type(x) is Traced:
        return record(softmax, x, _axis(axis, x.ndim))
    if not x.ndim:
        return np.ones_like(x)
    axis = _axis(axis, x.ndim)
    y = x - _largest(x, axis)
    np.exp(y, out=y)
    y /= _total(y, axis)
    return y


def log_softmax(x, axis=-1):
    if type(x) is Traced:
        return record(log_softmax, x, _axis(axis, x.ndim))
    if not x.ndim:
        return np.zeros_like(x)
    axis = _axis(axis, x.ndim)
    y = x - _largest(x, axis)
    y -= np.log(_total(np.exp(y), axis))
    return y


def _softmax_slope(g, y, _x, axis):
    return y * (g - _total(g * y, axis))


rule(softmax, _softmax_slope)
rule(log_softmax, lambda g, y, _x, axis: g - np.exp(y) * _total(g, axis))

# -- losses


@differentiable(once=True)
def _softmax_cross_entropy(traced, target, logits, axis):
    shifted = logits - _largest(logits, axis)
    powers = np.exp(shifted)
    total = _total(powers, axis)
    logs = shifted - np.log(total)

    def pull(g):
        g = np.expand_dims(g, axis)
        slope = (powers * (_total(target, axis) / total) - target) * g if traced & 2 else None
        return (-g * logs if traced & 1 else None), slope, None

    return -sum(target * logs, axis), pull


def softmax_cross_entropy(target, logits, axis):
    return _softmax_cross_entropy(target, logits, _axis(axis, logits.ndim))


@lru_cache(16)
def _row_starts(rows, width):
    return np.arange(0, rows * width, width)


def _places(target, output):
    """Where each row of ``output`` has its own class, in the flat array, and which classes exist (None: all)."""
    rows, classes = output.shape
    exists = target.astype(np.uint32, copy=False) < classes  # a negative number is a large one
    if exists.all():
        return _row_starts(rows, classes) + target, None
    return _row_starts(rows, classes) + np.where(exists, target, 0), exists


@differentiable(once=True)
def _sparse_cross_entropy(traced, target, logits):
    """Along the last axis, for logits of rank 2."""
    powers = logits - _largest(logits, -1)
    own, exists = _places(target, logits)
    picked = powers.take(own)
    np.exp(powers, out=powers)
    total = np.add.reduce(powers, 1)
    loss = np.log(total)
    loss -= picked
    if exists is not None:
        loss[~exists] = 0

    def pull(g):
        g = g if exists is None else g * exists
        slope = powers * (g / total)[:, None]
        slope.reshape(-1)[own] -= g
        return None, slope

    return loss, pull


def sparse_softmax_cross_entropy(target, logits, axis):
    if axis not in (-1, logits.ndim - 1) or logits.dtype.itemsize == 2:
        return NotImplemented
    target = strip(target)
    if logits.ndim == 2:
        return _sparse_cross_entropy(target, logits)
    loss = _sparse_cross_entropy(target.reshape(-1), logits.reshape(-1, logits.shape[-1]))
    return loss if loss is NotImplemented else loss.reshape(target.shape)


@differentiable(once=True)
def _cross_entropy(traced, target, output, epsilon):
    """Of probabilities, along the last axis."""
    total = _total(output, -1)
    share = output / total
    kept = np.clip(share, epsilon, 1 - epsilon)

    def pull(g):
        slope = target * (share == kept)
        slope /= kept
        slope *= -g[..., None]
        slope -= _total(slope * share, -1)
        slope /= total
        return None, slope, None

    return -_total(target * np.log(kept), -1)[..., 0], pull


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    if from_logits or axis not in (-1, output.ndim - 1) or type(target) is Traced or target.shape != output.shape:
        return NotImplemented
    return _cross_entropy(target, output, config.epsilon())


def _cost(share, exists, epsilon):
    """The share that each row gives to its class, kept off 0 and 1, and the loss; that is 0 for classes not there."""
    kept = np.minimum(np.maximum(share, epsilon), 1 - epsilon)
    loss = -np.log(kept)
    if exists is not None:
        loss[~exists] = 0
    return kept, loss


@differentiable(once=True)
def _sparse_cross_entropy_of_shares(traced, target, output, epsilon):
    """Of probabilities of rank 2, along the last axis."""
    own, exists = _places(target, output)
    total = np.add.reduce(output, 1)
    share = output.take(own)
    share /= total
    kept, loss = _cost(share, exists, epsilon)

    def pull(g):
        slopes = g * (share == kept)
        if exists is not None:
            slopes *= exists
        slopes /= total
        slope = np.empty(output.shape, output.dtype)
        slope[...] = slopes[:, None]
        slopes /= kept
        slope.reshape(-1)[own] -= slopes
        return None, slope, None

    return loss, pull


@differentiable(once=True)
def _sparse_cross_entropy_of_softmax(traced, target, output, epsilon):
    """As above, where ``output`` is the softmax of what is differentiated: the two gradients together are short."""
    own, exists = _places(target, output)
    share = output.take(own)
    kept, loss = _cost(share, exists, epsilon)

    def pull(g):
        g = g * (share == kept)
        if exists is not None:
            g *= exists
        slope = output * g[:, None]
        slope.reshape(-1)[own] -= g
        return None, slope, None

    return loss, pull


def _before_softmax(y):
    """A box in the place of the one that ``y`` is the softmax of along the last axis, as its tape knows; else None."""
    entry = y.tape.entries and y.tape.entries[y.index]
    if entry and type(entry[0]) is tuple:
        ((rule, parent, _), *_), _, args, _ = entry
        if rule is _softmax_slope and args[1] == -1:
            return Traced(y.value, y.tape, parent)
    return None


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    if from_logits or axis not in (-1, output.ndim - 1) or output.dtype.itemsize == 2:
        return NotImplemented
    target = strip(target)
    if target.shape not in (output.shape[:-1], (*output.shape[:-1], 1)):
        return NotImplemented
    if output.ndim == 2:
        target = target.reshape(-1)
        source = _before_softmax(output) if type(output) is Traced else None
        if source is not None:
            return _sparse_cross_entropy_of_softmax(target, source, config.epsilon())
        return _sparse_cross_entropy_of_shares(target, output, config.epsilon())
    flat = output.reshape(-1, output.shape[-1])
    loss = _sparse_cross_entropy_of_shares(target.reshape(-1), flat, config.epsilon())
    return loss if loss is NotImplemented else loss.reshape(output.shape[:-1])


@differentiable(once=True)
def _binary_cross_entropy(traced, target, output, epsilon):
    kept = np.clip(output, epsilon, 1 - epsilon)

    def pull(g):
        slope = kept - target
        slope /= kept * (1 - kept)
        slope *= g
        slope *= kept == output
        return None, slope, None

    rest = 1 - target
    return -(target * np.log(kept) + rest * np.log(1 - kept)), pull


def binary_crossentropy(target, output, from_logits=False):
    if from_logits or type(target) is Traced or target.shape != output.shape or not output.ndim:
        return NotImplemented
    return _binary_cross_entropy(target, output, config.epsilon())


# -- normalization


def _row_means(a, b):
    """The mean of each row of ``a * b``, as a column."""
    return (np.einsum("ij,ij->i", a, b) * a.dtype.type(1 / a.shape[1]))[:, None]


@differentiable(once=True)
def _layer_norm(traced, x, gamma, beta, epsilon):
    count = x.dtype.type(1 / x.shape[1])
    x = x - _total(x, -1) * count
    inverse = 1 / np.sqrt(_row_means(x, x) + x.dtype.type(epsilon))
    x *= inverse

    def pull(g):
        d_gamma = np.einsum("ij,ij->j", g, x) if traced & 2 else None
        d_beta = _column_sum(g) if traced & 4 else None
        g = g if gamma is None else g * gamma
        dx = g - _total(g, -1) * count
        dx -= x * _row_means(g, x)
        dx *= inverse
        return dx, d_gamma, d_beta, None

    y = x if gamma is None else x * gamma
    return (y if beta is None else y + beta), pull


def layer_norm(x, gamma, beta, axes, epsilon):
    """Of the last axis, on rows of at least float32, with flat parameters."""
    if tuple(axes) != (x.ndim - 1,) or any(p is not None and p.size != x.shape[-1] for p in (gamma, beta)):
        return NotImplemented
    wide = np.float32 if x.dtype.itemsize == 2 else x.dtype
    gamma, beta = (None if p is None else p.reshape(-1).astype(wide, copy=False) for p in (gamma, beta))
    y = _layer_norm(x.reshape(-1, x.shape[-1]).astype(wide, copy=False), gamma, beta, epsilon)
    return y if y is NotImplemented else y.reshape(x.shape).astype(x.dtype, copy=False)


@differentiable(once=True)
def _moments(traced, x, axes):
    count = x.dtype.type(1 / max(np.prod([x.shape[a] for a in axes]), 1))
    mean = np.add.reduce(x, axes, keepdims=True) * count
    centered = x - mean
    variance = np.add.reduce(np.square(centered, out=centered), axes, keepdims=True) * count

    def pull(g):
        g_mean, g_variance = g
        if g_variance is None:
            return np.broadcast_to(g_mean * count, x.shape), None
        dx = x - mean
        dx *= g_variance * (2 * count)
        if g_mean is not None:
            dx += g_mean * count
        return dx, None

    return (mean, variance), pull


def moments(x, axes, keepdims=False, synchronized=False):
    if synchronized or not is_floating(x) or x.dtype.itemsize == 2 or x.dtype.kind == "c" or axes is None:
        return NotImplemented
    axes = tuple(a % x.ndim for a in (axes if isinstance(axes, (list, tuple)) else (axes,)))
    found = _moments(x, axes)
    if found is NotImplemented or keepdims:
        return found
    return tuple(part.reshape([n for i, n in enumerate(x.shape) if i not in axes]) for part in found)


@differentiable(once=True)
def _batch_norm(traced, x, mean, variance, offset, scale, epsilon):
    """Along the last axis, for rows."""
    inverse = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    factor = inverse if scale is None else inverse * scale
    y = x * factor
    y += -mean * factor if offset is None else offset - mean * factor

    def pull(g):
        d_offset = _column_sum(g)
        d_factor = 0
        if traced & 0b010100:  # scale or variance
            for i in range(0, len(x), 4096):
                d_factor = d_factor + np.einsum("ij,ij->j", g[i : i + 4096], x[i : i + 4096] - mean)
        return (
            g * factor if traced & 1 else None,
            -factor * d_offset,
            d_factor * factor * inverse * inverse * x.dtype.type(-0.5) if traced & 0b000100 else None,
            d_offset,
            d_factor * inverse if traced & 0b010000 else None,
            None,
        )

    return y, pull


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=0.001):
    if axis not in (-1, x.ndim - 1) or x.dtype.itemsize == 2 or mean.ndim != 1:
        return NotImplemented
    y = _batch_norm(x.reshape(-1, x.shape[-1]), mean, variance, offset, scale, epsilon)
    return y if y is NotImplemented else y.reshape(x.shape)


# -- attention, dropout, gradients of one's own


@differentiable(once=True)
def _attend(traced, q, k, v, bias, hidden, scale, soft_cap):
    """For tensors (batch, heads, positions, features); ``hidden`` says which logits do not count."""
    scale = q.dtype.type(scale)
    weights = np.matmul(q, np.swapaxes(k, -1, -2))
    weights *= scale
    bend = None
    if soft_cap is not None:
        weights /= soft_cap
        np.tanh(weights, out=weights)
        bend = 1 - weights * weights
        weights *= soft_cap
    if bias is not None:
        weights += bias
    if hidden is not None:
        np.copyto(weights, np.finfo(weights.dtype).min, where=hidden)
    weights -= _largest(weights, -1)
    np.exp(weights, out=weights)
    weights /= _total(weights, -1)

    def pull(g):
        dv = np.matmul(np.swapaxes(weights, -1, -2), g) if traced & 4 else None
        d = np.matmul(g, np.swapaxes(v, -1, -2))
        d -= np.einsum("...ij,...ij->...i", d, weights)[..., None]
        d *= weights
        if hidden is not None:
            np.copyto(d, 0, where=hidden)
        d_bias = np.array(d) if traced & 8 else None
        if bend is not None:
            d *= bend
        d *= scale
        dq = np.matmul(d, k) if traced & 1 else None
        dk = np.matmul(np.swapaxes(d, -1, -2), q) if traced & 2 else None
        return dq, dk, dv, d_bias, None, None, None

    return np.matmul(weights, v), pull


def attention(query, key, value, bias, mask, scale, is_causal, soft_cap, flash):
    if flash or query.dtype.itemsize == 2 or query.dtype.kind == "c" or query.shape[2] != key.shape[2]:
        return NotImplemented
    q, k, v = (np.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    hidden = None if mask is None else ~strip(mask).astype(bool)
    if is_causal:
        future = np.arange(q.shape[2])[:, None] < np.arange(k.shape[2])
        hidden = future if hidden is None else hidden | future
    y = _attend(q, k, v, bias, hidden, scale, soft_cap)
    return y if y is NotImplemented else y.transpose((0, 2, 1, 3))


def _kept(shape, dtype, rate, seed):
    """What dropout multiplies with."""
    size = int(np.prod(shape))
    bits = generator(seed).bit_generator.random_raw(-(-size // 4)).view(np.uint16)[:size]
    keep = (bits >= np.uint16(round(rate * 65535))).astype(dtype)
    keep *= dtype.type(1 / (1 - rate))
    return keep.reshape(shape)


def random_dropout(x, rate, noise_shape, seed):
    if rate >= 1:
        return x * x.dtype.type(0)
    shape = x.shape
    if noise_shape is not None:
        shape = tuple([n if own is None else own for n, own in zip(shape, noise_shape, strict=True)])
    keep = _kept(shape, x.dtype, rate, seed) if not recorders else invoke(_kept, (shape, x.dtype, rate, seed))
    return record(np.multiply, x, keep) if type(x) is Traced else x * keep


@differentiable
def _custom(traced, function, *args):
    result, gradient = function(*args)

    def pull(g):
        found = gradient(g)
        return None, *(found if isinstance(found, (tuple, list)) else (found,))

    return result, pull


def call_with_gradient(function, args):
    return _custom(function, *args)
