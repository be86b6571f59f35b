"""Convolution and pooling over 1 to 3 spatial axes.

A convolution is a product of matrices: windows are laid out as rows (im2col), a piece of the batch at a time so
that the rows stay small, and multiplied with the kernel by BLAS. It is bilinear, so it and its two gradients are
three functions that are each other's gradients. Inside, channels come last.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kbridge_numpy.boxes import strip
from kbridge_numpy.math import pad_constant
from kbridge_numpy.tape import Traced, record, rule

_PIECE = 1 << 18  # items of the matrix of windows made at a time


def _pads(shape, window, strides, padding, dilation):
    """(before, after) for each spatial axis."""
    if padding == "valid":
        return ((0, 0),) * len(window)
    pads = []
    for n, k, s, d in zip(shape, window, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def _out_shape(shape, window, strides, pads, dilation):
    axes = zip(shape, window, strides, pads, dilation)
    return tuple([(n + p + q - (k - 1) * d - 1) // s + 1 for n, k, s, (p, q), d in axes])


def _padded(x, pads, value=0):
    if not any(p or q for p, q in pads):
        return x
    shape = [n + p + q for n, (p, q) in zip(x.shape[1:-1], pads)]
    result = np.full((len(x), *shape, x.shape[-1]), value, x.dtype)
    result[(slice(None), *[slice(p, p + n) for n, (p, _) in zip(x.shape[1:-1], pads)])] = x
    return result


def _windows(x, out, window, strides, dilation, first):
    """A view of the windows: (n, *out, *window, channels), or with ``first`` (*window, channels, n, *out)."""
    step = x.strides
    place = [s * t for s, t in zip(step[1:-1], strides)]
    inside = [s * d for s, d in zip(step[1:-1], dilation)]
    if first:
        return as_strided(x, (*window, x.shape[-1], len(x), *out), (*inside, step[-1], step[0], *place))
    return as_strided(x, (len(x), *out, *window, x.shape[-1]), (step[0], *place, *inside, step[-1]))


def _pieces(x, out, window, strides, pads, dilation):
    """The matrix of windows, piece by piece: yields (index into the batch and rows, the matrix as rows)."""
    rows = math.prod(out)
    width = math.prod(window) * x.shape[-1]
    # where neighbours in memory are few, whole lines of pixels are copied in the place of windows
    first = (window[-1] if dilation[-1] == 1 else 1) * x.shape[-1] < 8
    samples = max(1, _PIECE // (rows * width))
    lines = out[0] if rows * width <= _PIECE else max(1, _PIECE * out[0] // (rows * width))
    buffer = np.empty(min(samples, len(x)) * min(lines, out[0]) * (rows // out[0]) * width, x.dtype)
    for start in range(0, len(x), samples):
        chunk = _padded(x[start : start + samples], pads)
        windows = _windows(chunk, out, window, strides, dilation, first)
        for line in range(0, out[0], lines):
            piece = windows
            if lines < out[0]:
                at = (slice(None),) * (len(window) + 2 if first else 1)
                piece = windows[(*at, slice(line, line + lines))]
            matrix = buffer[: piece.size].reshape(piece.shape)
            np.copyto(matrix, piece)
            matrix = matrix.reshape(width, -1).T if first else matrix.reshape(-1, width)
            yield (slice(start, start + samples), slice(line, line + lines)), matrix


def _is_pointwise(window, strides, pads):
    return all(k == 1 for k in window) and all(s == 1 for s in strides) and not any(p or q for p, q in pads)


def _convolve(x, kernel, strides, pads, dilation):
    *window, _, channels = kernel.shape
    matrix = kernel.reshape(-1, channels)
    if _is_pointwise(window, strides, pads):
        return (x.reshape(-1, x.shape[-1]) @ matrix).reshape(*x.shape[:-1], channels)
    out = _out_shape(x.shape[1:-1], window, strides, pads, dilation)
    y = np.empty((len(x), *out, channels), x.dtype)
    for at, rows in _pieces(x, out, window, strides, pads, dilation):
        np.matmul(rows, matrix, out=y[at].reshape(-1, channels))
    return y


def _kernel_gradient(x, g, window, strides, pads, dilation):
    if _is_pointwise(window, strides, pads):
        return (x.reshape(-1, x.shape[-1]).T @ g.reshape(-1, g.shape[-1])).reshape(*window, x.shape[-1], g.shape[-1])
    total = np.zeros((math.prod(window) * x.shape[-1], g.shape[-1]), x.dtype)
    for at, rows in _pieces(x, g.shape[1:-1], window, strides, pads, dilation):
        total += rows.T @ g[at].reshape(-1, g.shape[-1])
    return total.reshape(*window, x.shape[-1], g.shape[-1])


def _input_gradient(g, kernel, shape, strides, pads, dilation):
    *window, channels, width = kernel.shape
    if _is_pointwise(window, strides, pads):
        return (g.reshape(-1, width) @ kernel.reshape(channels, width).T).reshape(*g.shape[:-1], channels)
    out = g.shape[1:-1]
    reach = [(k - 1) * d for k, d in zip(window, dilation)]
    if all(s == 1 for s in strides) and all(p <= r for r, (p, _) in zip(reach, pads)):
        # again a convolution, with the kernel turned round
        turned = np.swapaxes(kernel[(slice(None, None, -1),) * len(window)], -1, -2)
        again = [(r - p, n - o + p) for n, o, r, (p, _) in zip(shape, out, reach, pads)]
        return _convolve(g, np.ascontiguousarray(turned), strides, again, dilation)
    matrix = kernel.reshape(-1, width).T
    dx = np.empty((len(g), *shape, channels), g.dtype)
    items = math.prod(out) * matrix.shape[1]
    for part in _by_sample(g, items, _PIECE):
        rows = (g[part].reshape(-1, width) @ matrix).reshape(*g[part].shape[:-1], *window, channels)
        rows = np.moveaxis(rows, range(-1 - len(window), -1), range(len(window)))
        _spread_taps(dx[part], rows.__getitem__, out, window, strides, pads, dilation)
    return dx


def _by_sample(x, items, limit=1 << 16):
    """Slices of the batch with so many items per sample, few enough to stay in the cache."""
    count = max(1, limit // max(items, 1))
    return [slice(i, i + count) for i in range(0, len(x), count)]


def _reached(tap, out, strides, dilation):
    """The places that a tap of the window meets, along the batch and each spatial axis."""
    return (slice(None), *[slice(t * d, t * d + (o - 1) * s + 1, s) for t, o, s, d in zip(tap, out, strides, dilation)])


def _spread_taps(dx, values, out, window, strides, pads, dilation):
    """Put into ``dx`` the sum of ``values(tap)`` over the taps, each at the places that it meets."""
    shape = dx.shape[1:-1]
    full = [
        max(n + p + q, (o - 1) * s + (k - 1) * d + 1)
        for n, o, k, s, d, (p, q) in zip(shape, out, window, strides, dilation, pads)
    ]
    total = np.zeros((len(dx), *full, dx.shape[-1]), dx.dtype)
    for tap in np.ndindex(*window):
        total[_reached(tap, out, strides, dilation)] += values(tap)
    dx[...] = total[(slice(None), *[slice(p, p + n) for n, (p, _) in zip(shape, pads)])]


# -- in groups of channels; a group for each channel is a sum of products, tap by tap


def _each_group(function, groups, *arrays):
    """``function`` of the g-th slice of each array along its last axis, for each group, joined at the last."""
    split = [np.split(x, groups, -1) for x in arrays]
    return np.concatenate([function(*slices) for slices in zip(*split)], -1)


def _depthwise(x, kernel, strides, pads, dilation):
    *window, _, width = kernel.shape
    channels = x.shape[-1]
    taps = kernel.reshape(*window, channels, width // channels)
    out = _out_shape(x.shape[1:-1], window, strides, pads, dilation)
    y = np.zeros((len(x), *out, channels, width // channels), x.dtype)
    for part in _by_sample(x, math.prod(out) * width):
        chunk, total = _padded(x[part], pads)[..., None], y[part]
        product = np.empty_like(total)
        for tap in np.ndindex(*window):
            total += np.multiply(chunk[_reached(tap, out, strides, dilation)], taps[tap], out=product)
    return y.reshape(*y.shape[:-2], width)


def _depthwise_kernel(x, g, window, strides, pads, dilation):
    channels, width = x.shape[-1], g.shape[-1]
    out = g.shape[1:-1]
    g = g.reshape(*g.shape[:-1], channels, width // channels)
    total = np.zeros((*window, channels, width // channels), x.dtype)
    axes = "nxyz"[: x.ndim - 1]
    for part in _by_sample(x, math.prod(out) * width):
        chunk = _padded(x[part], pads)
        for tap in np.ndindex(*window):
            met = chunk[_reached(tap, out, strides, dilation)]
            total[tap] += np.einsum(f"{axes}c,{axes}cm->cm", met, g[part])
    return total.reshape(*window, 1, width)


def _depthwise_input(g, kernel, shape, strides, pads, dilation):
    *window, _, width = kernel.shape
    channels = shape[-1]
    taps = kernel.reshape(*window, channels, width // channels)
    out = g.shape[1:-1]
    g = g.reshape(*g.shape[:-1], channels, width // channels)
    dx = np.empty((len(g), *shape), g.dtype)

    def value(tap, part):
        product = g[part] * taps[tap]
        return product[..., 0] if width == channels else np.add.reduce(product, -1)

    for part in _by_sample(g, math.prod(out) * width):
        _spread_taps(dx[part], lambda tap, part=part: value(tap, part), out, window, strides, pads, dilation)
    return dx


# -- the three functions that are each other's gradients


def convolve(x, kernel, strides, pads, dilation, groups):
    if type(x) is Traced or type(kernel) is Traced:
        return record(convolve, x, kernel, strides, pads, dilation, groups)
    if groups == 1:
        return _convolve(x, kernel, strides, pads, dilation)
    if groups == x.shape[-1]:
        return _depthwise(x, kernel, strides, pads, dilation)
    return _each_group(lambda x, k: _convolve(x, k, strides, pads, dilation), groups, x, kernel)


def input_gradient(g, kernel, shape, strides, pads, dilation, groups):
    """The gradient of ``convolve`` for its input, of ``shape`` = (*spatial, channels)."""
    if type(g) is Traced or type(kernel) is Traced:
        return record(input_gradient, g, kernel, shape, strides, pads, dilation, groups)
    if groups == shape[-1] > 1:
        return _depthwise_input(g, kernel, shape, strides, pads, dilation)

    def one(g, kernel):
        return _input_gradient(g, kernel, shape[:-1], strides, pads, dilation)

    return one(g, kernel) if groups == 1 else _each_group(one, groups, g, kernel)


def kernel_gradient(x, g, window, strides, pads, dilation, groups):
    """The gradient of ``convolve`` for its kernel, of the spatial shape ``window``."""
    if type(x) is Traced or type(g) is Traced:
        return record(kernel_gradient, x, g, window, strides, pads, dilation, groups)
    if groups == 1:
        return _kernel_gradient(x, g, window, strides, pads, dilation)
    if groups == x.shape[-1]:
        return _depthwise_kernel(x, g, window, strides, pads, dilation)
    return _each_group(lambda x, g: _kernel_gradient(x, g, window, strides, pads, dilation), groups, x, g)


rule(
    convolve,
    lambda g, _, x_shape, kernel, *how: input_gradient(g, kernel, x_shape[1:], *how),
    lambda g, _, x, kernel_shape, *how: kernel_gradient(x, g, kernel_shape[:-2], *how),
)
rule(
    input_gradient,
    lambda g, _, _x, kernel, _s, *how: convolve(g, kernel, *how),
    lambda g, _, x, kernel_shape, _s, *how: kernel_gradient(g, x, kernel_shape[:-2], *how),
)
rule(
    kernel_gradient,
    lambda g, _, x_shape, y, _w, *how: input_gradient(y, g, x_shape[1:], *how),
    lambda g, _, x, _y, _w, *how: convolve(x, g, *how),
)


def _channels_last(x, data_format):
    if data_format == "channels_last":
        return x
    x = x.transpose((0, *range(2, x.ndim), 1))
    return x if type(x) is Traced else np.ascontiguousarray(x)


def _as_asked(y, data_format):
    return y if data_format == "channels_last" else y.transpose((0, y.ndim - 1, *range(1, y.ndim - 1)))


def _widened(x, *others):
    """Half precision as float32: BLAS has nothing narrower."""
    return [y.astype(np.float32) if x.dtype.itemsize == 2 else y for y in (x, *others)]


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups):
    x, k = _widened(_channels_last(inputs, data_format), kernel)
    pads = _pads(x.shape[1:-1], k.shape[:-2], strides, padding, dilation_rate)
    y = convolve(x, k, tuple(strides), pads, tuple(dilation_rate), groups)
    return _as_asked(y, data_format).astype(inputs.dtype, copy=False)


def convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate):
    x, k = _widened(_channels_last(inputs, data_format), kernel)
    cut = tuple([(max(low, 0), max(high, 0)) for low, high in crops])
    shape = [
        (n - 1) * s + (size - 1) * d + 1 - low - high
        for n, size, s, d, (low, high) in zip(x.shape[1:-1], k.shape[:-2], strides, dilation_rate, cut)
    ]
    y = input_gradient(x, k, (*shape, k.shape[-2]), tuple(strides), cut, tuple(dilation_rate), 1)
    added = [(max(-low, 0), max(-high, 0)) for low, high in crops]
    if any(low or high for low, high in added):
        y = pad_constant(y, [(0, 0), *added, (0, 0)])
    return _as_asked(y, data_format).astype(inputs.dtype, copy=False)


# -- pooling: along one axis after the other


def _taps(x, axis, size, stride, count):
    lead = (slice(None),) * axis
    return [(*lead, slice(i, i + (count - 1) * stride + 1, stride)) for i in range(size)]


def _reduce_windows(ufunc, x, size, strides, pads, neutral):
    x = _padded(x, pads, neutral)
    for axis, (k, s) in enumerate(zip(size, strides, strict=True), 1):
        taps = _taps(x, axis, k, s, (x.shape[axis] - k) // s + 1)
        y = x[taps[0]]
        for i, tap in enumerate(taps[1:]):
            y = ufunc(y, x[tap], out=y if i else None)
        x = y
    return x


def window_sum(x, size, strides, pads):
    if type(x) is Traced:
        return record(window_sum, x, size, strides, pads)
    return np.array(_reduce_windows(np.add, x, size, strides, pads, 0))


def window_spread(g, shape, size, strides, pads):
    """Each item added to every place of its window: the gradient of ``window_sum``."""
    if type(g) is Traced:
        return record(window_spread, g, shape, size, strides, pads)
    for axis in range(len(size), 0, -1):
        p, q = pads[axis - 1]
        lengths = (*g.shape[:axis], shape[axis] + p + q, *g.shape[axis + 1 :])
        total = np.zeros(lengths, g.dtype)
        for tap in _taps(g, axis, size[axis - 1], strides[axis - 1], g.shape[axis]):
            total[tap] += g
        g = total[(slice(None),) * axis + (slice(p, p + shape[axis]),)]
    return g


rule(window_sum, lambda g, _, x_shape, *how: window_spread(g, x_shape, *how))
rule(window_spread, lambda g, _, _x, _s, *how: window_sum(g, *how))


def _max_pool(x, size, strides, pads):
    if type(x) is Traced:
        return record(_max_pool, x, size, strides, pads)
    return np.array(_reduce_windows(np.maximum, x, size, strides, pads, -np.inf if x.dtype.kind != "i" else 0))


def _winners(x, y, size, strides, pads):
    """(place, mask) for each tap of the window: where it holds the window's first maximum."""
    padded = _padded(x, pads, -np.inf)
    free = np.ones(y.shape, bool)
    for tap in np.ndindex(*size):
        place = _reached(tap, y.shape[1:-1], strides, (1,) * len(size))
        mask = padded[place] == y
        mask &= free
        free ^= mask
        yield place, mask


def _unpool(g, x, y, size, strides, pads):
    """``g`` put where the maxima of ``x`` are: the gradient of ``_max_pool``."""
    if type(g) is Traced:
        return record(_unpool, g, x, y, size, strides, pads)
    dx = np.empty(x.shape, g.dtype)
    inner = [slice(p, p + n) for n, (p, _) in zip(x.shape[1:-1], pads)]
    for part in _by_sample(x, math.prod(x.shape[1:])):
        total = _padded(np.zeros(x[part].shape, g.dtype), pads)
        for place, mask in _winners(x[part], y[part], size, strides, pads):
            total[place] += g[part] * mask
        dx[part] = total[(slice(None), *inner)]
    return dx


def _select(g, x, y, size, strides, pads):
    """``g`` taken where the maxima of ``x`` are."""
    if type(g) is Traced:
        return record(_select, g, x, y, size, strides, pads)
    total = np.zeros(y.shape, g.dtype)
    g = _padded(g, pads)
    for place, mask in _winners(x, y, size, strides, pads):
        total += g[place] * mask
    return total


rule(_max_pool, lambda g, y, x, *how: _unpool(g, strip(x), strip(y), *how))
rule(_unpool, lambda g, _, _g, x, y, *how: _select(g, x, y, *how))
rule(_select, lambda g, _, _g, x, y, *how: _unpool(g, x, y, *how))


def max_pooling(inputs, pool_size, strides, padding, data_format):
    x = _channels_last(inputs, data_format)
    pads = _pads(x.shape[1:-1], pool_size, strides, padding, (1,) * len(pool_size))
    return _as_asked(_max_pool(x, tuple(pool_size), tuple(strides), pads), data_format)


def average_pooling(inputs, pool_size, strides, padding, data_format):
    (x,) = _widened(_channels_last(inputs, data_format))
    pads = _pads(x.shape[1:-1], pool_size, strides, padding, (1,) * len(pool_size))
    how = tuple(pool_size), tuple(strides), pads
    y = window_sum(x, *how)
    if any(p or q for p, q in pads):
        y = y / window_sum(np.ones((1, *x.shape[1:-1], 1), x.dtype), *how)
    else:
        y = y * (1 / math.prod(pool_size))
    return _as_asked(y, data_format).astype(inputs.dtype, copy=False)
