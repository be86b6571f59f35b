"""Plain float64 NumPy for what NumPy itself has no function for: written to be obvious, not fast."""

import inspect
import itertools
import math
from statistics import NormalDist

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])
erfc = np.vectorize(math.erfc, otypes=[float])
erfinv = np.vectorize(lambda x: NormalDist().inv_cdf((x + 1) / 2) / math.sqrt(2), otypes=[float])
gamma_log = np.vectorize(math.lgamma, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, float)))


def softmax(x, axis=-1):
    axis = tuple(axis) if isinstance(axis, list) else axis
    e = np.exp(x - np.max(x, axis, keepdims=True))
    return e / np.sum(e, axis, keepdims=True)


def logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis, keepdims=keepdims))


def logaddexps(x, axis=None):
    return np.logaddexp.reduce(x, axis)


def one_hot(x, num_classes, axis=-1):
    return np.moveaxis((np.asarray(x)[..., None] == np.arange(num_classes)).astype(float), -1, axis)


def moments(x, axes, keepdims=False, **kwargs):
    return x.mean(tuple(axes), keepdims=keepdims), x.var(tuple(axes), keepdims=keepdims)


def saturate_cast(x, dtype):
    return x if dtype == "float32" else np.clip(x, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)


# -- windows


def _places(size, window, stride, dilation, padding):
    """(number of windows, padding in front): the positions of a window along one axis."""
    reach = (window - 1) * dilation + 1
    if padding == "valid":
        return (size - reach) // stride + 1, 0
    n = -(-size // stride)
    return n, max((n - 1) * stride + reach - size, 0) // 2


def windows(shape, window, strides, dilation, padding):
    """For each window: (its place, [(offset in it, place in the input)] of what is not padding)."""
    axes = [_places(*each, padding) for each in zip(shape, window, strides, dilation)]
    for place in np.ndindex(*(n for n, _ in axes)):
        inside = []
        for offset in np.ndindex(*window):
            at = tuple(p * s + o * d - front for p, s, o, d, (_, front) in zip(place, strides, offset, dilation, axes))
            if all(0 <= a < size for a, size in zip(at, shape)):
                inside.append((offset, at))
        yield place, inside


def _tuple(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def _last(function):
    """Channels last inside, whatever data_format says outside."""
    signature = inspect.signature(function)

    def run(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        if given.pop("data_format", None) != "channels_first":
            return function(**given)
        x, *_ = given
        given[x] = np.moveaxis(given[x], 1, -1)
        return np.moveaxis(function(**given), -1, 1)

    return run


@_last
def conv(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    space = x.ndim - 2
    strides, dilation, window = _tuple(strides, space), _tuple(dilation_rate, space), kernel.shape[:space]
    groups = x.shape[-1] // kernel.shape[-2]
    inputs = np.split(x, groups, -1)
    kernels = np.split(kernel, groups, -1)
    found = list(windows(x.shape[1:-1], window, strides, dilation, padding))
    out = np.zeros((len(x), *(1 + n for n in found[-1][0]), kernel.shape[-1]))
    for place, inside in found:
        for offset, at in inside:
            parts = [a[(slice(None), *at)] @ k[offset] for a, k in zip(inputs, kernels)]
            out[(slice(None), *place)] += np.concatenate(parts, -1)
    return out


@_last
def depthwise_conv(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    *window, channels, multiplier = kernel.shape
    kernel = kernel.reshape(*window, 1, channels * multiplier)
    return conv(x, kernel, strides, padding, dilation_rate=dilation_rate)


def separable_conv(x, depthwise, pointwise, strides=1, padding="valid", data_format=None, dilation_rate=1):
    y = depthwise_conv(x, depthwise, strides, padding, data_format=data_format, dilation_rate=dilation_rate)
    return conv(y, pointwise, data_format=data_format)


@_last
def convolution_transpose(x, kernel, strides, crops, data_format=None, dilation_rate=None):
    space = x.ndim - 2
    full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(x.shape[1:-1], strides, kernel.shape, dilation_rate)]
    out = np.zeros((len(x), *full, kernel.shape[-2]))
    for place in np.ndindex(*x.shape[1:-1]):
        for offset in np.ndindex(*kernel.shape[:space]):
            at = tuple(p * s + o * d for p, s, o, d in zip(place, strides, offset, dilation_rate))
            out[(slice(None), *at)] += x[(slice(None), *place)] @ kernel[offset].T
    out = np.pad(out, [(0, 0), *((max(-low, 0), max(-high, 0)) for low, high in crops), (0, 0)])
    cut = [slice(max(low, 0), n - max(high, 0)) for (low, high), n in zip(crops, out.shape[1:-1])]
    return out[(slice(None), *cut)]


def conv_transpose(x, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1):
    """Keras's crops: those that undo a convolution of the same strides and padding."""
    space = x.ndim - 2
    strides, dilation = _tuple(strides, space), _tuple(dilation_rate, space)
    crops = []
    for k, s, d in zip(kernel.shape, strides, dilation):
        reach = (k - 1) * d + 1
        total = max(reach - s, 0) if padding == "same" else 0
        low = total // 2
        high = total - low if padding == "same" or reach >= s else reach - s
        if padding == "same" and reach < s:
            high = reach - s
        crops.append((low, high))
    return convolution_transpose(
        x, kernel, strides=strides, crops=crops, dilation_rate=dilation, data_format=data_format
    )


def _pool(reduce):
    @_last
    def pool(x, pool_size, strides=None, padding="valid", data_format=None):
        space = x.ndim - 2
        window = _tuple(pool_size, space)
        strides = window if strides is None else _tuple(strides, space)
        found = list(windows(x.shape[1:-1], window, strides, (1,) * space, padding))
        out = np.zeros((len(x), *(1 + n for n in found[-1][0]), x.shape[-1]))
        for place, inside in found:
            out[(slice(None), *place)] = reduce([x[(slice(None), *at)] for _, at in inside])
        return out

    return pool


max_pool = _pool(lambda items: np.max(items, 0))
average_pool = _pool(lambda items: np.mean(items, 0))


def _adaptive(pool):
    @_last
    def run(x, output_size, data_format=None):
        space = x.ndim - 2
        sizes = _tuple(output_size, space)
        out = np.zeros((len(x), *sizes, x.shape[-1]))
        for place in np.ndindex(*sizes):
            cut = [slice(p * n // m, -(-(p + 1) * n // m)) for p, n, m in zip(place, x.shape[1:-1], sizes)]
            out[(slice(None), *place)] = pool(x[(slice(None), *cut)], axis=tuple(range(1, space + 1)))
        return out

    return run


adaptive_average_pool = _adaptive(np.mean)
adaptive_max_pool = _adaptive(np.max)


@_last
def extract_patches(x, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    space = x.ndim - 2
    window, dilation = _tuple(size, space), _tuple(dilation_rate, space)
    strides = window if strides is None else _tuple(strides, space)
    found = list(windows(x.shape[1:-1], window, strides, dilation, padding))
    out = np.zeros((len(x), *(1 + n for n in found[-1][0]), *window, x.shape[-1]))
    for place, inside in found:
        for offset, at in inside:
            out[(slice(None), *place, *offset)] = x[(slice(None), *at)]
    return out.reshape(*out.shape[: space + 1], -1)


def extract_sequences(x, sequence_length, sequence_stride):
    starts = range(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return np.stack([x[..., k : k + sequence_length] for k in starts], -2)


@_last
def rgb_to_grayscale(x, data_format=None):
    return (x @ [0.2989, 0.5870, 0.1140])[..., None]


# -- recurrence

_ACTIVATIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0), "linear": lambda x: x}


def _recurrent(x, states, step, mask, go_backwards):
    """Run ``step(x_t, states) -> states``; at masked steps states stay, and the last output is repeated."""
    outputs, last = [], np.zeros_like(states[0])
    times = range(x.shape[1])
    for t in reversed(times) if go_backwards else times:
        new = step(x[:, t], states)
        on = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        states = tuple(np.where(on, a, b) for a, b in zip(new, states))
        last = np.where(on, new[0], last)
        outputs.append(last)
    return (np.stack(outputs, 1), *states)


def simple_rnn(x, kernel, recurrent_kernel, bias, h, mask=None, go_backwards=False, activation="tanh"):
    act = _ACTIVATIONS[activation]
    bias = 0 if bias is None else bias
    return _recurrent(x, (h,), lambda x, s: (act(x @ kernel + bias + s[0] @ recurrent_kernel),), mask, go_backwards)


def lstm(
    x,
    kernel,
    recurrent_kernel,
    bias,
    h,
    c,
    mask=None,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    act, gate = _ACTIVATIONS[activation], _ACTIVATIONS[recurrent_activation]
    bias = 0 if bias is None else bias

    def step(x, states):
        h, c = states
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, -1)
        c = gate(f) * c + gate(i) * act(g)
        return gate(o) * act(c), c

    return _recurrent(x, (h, c), step, mask, go_backwards)


def gru(
    x,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    h,
    mask=None,
    go_backwards=False,
    reset_after=True,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    act, gate = _ACTIVATIONS[activation], _ACTIVATIONS[recurrent_activation]
    bias = 0 if bias is None else bias
    recurrent_bias = 0 if recurrent_bias is None else recurrent_bias

    def step(x, states):
        (h,) = states
        xz, xr, xh = np.split(x @ kernel + bias, 3, -1)
        uz, ur, uh = np.split(recurrent_kernel, 3, -1)
        rz, rr, rh = np.split(np.broadcast_to(recurrent_bias, xz.shape[:1] + (3 * h.shape[1],)), 3, -1)
        z, r = gate(xz + h @ uz + rz), gate(xr + h @ ur + rr)
        inner = r * (h @ uh + rh) if reset_after else (r * h) @ uh + rh
        return (z * h + (1 - z) * act(xh + inner),)

    return _recurrent(x, (h,), step, mask, go_backwards)


# -- attention, normalization, losses


def dot_product_attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, **kwargs):
    repeat = query.shape[2] // key.shape[2]
    key, value = np.repeat(key, repeat, 2), np.repeat(value, repeat, 2)
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) * (scale or query.shape[-1] ** -0.5)
    cap = kwargs.get("attn_logits_soft_cap")
    if cap is not None:
        scores = np.tanh(scores / cap) * cap
    scores = scores if bias is None else scores + bias
    allowed = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    if is_causal:
        allowed = allowed & np.tril(np.ones(scores.shape[-2:], bool))
    return np.einsum("bhqk,bkhd->bqhd", softmax(np.where(allowed, scores, -1e30)), value)


def attention(query, key, value, bias, mask, scale, is_causal, soft_cap, flash):
    cap = {"attn_logits_soft_cap": soft_cap}
    return dot_product_attention(query, key, value, bias, mask, scale, is_causal, **cap)


def normalized(x, axis, epsilon):
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + epsilon)


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    shape = [1] * x.ndim
    shape[axis] = -1
    y = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + epsilon)
    y = y if scale is None else y * scale.reshape(shape)
    return y if offset is None else y + offset.reshape(shape)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    p = softmax(output, axis) if from_logits else output / output.sum(axis, keepdims=True)
    return -np.sum(target * np.log(p), axis)


def binary_crossentropy(target, output, from_logits=False):
    p = sigmoid(output) if from_logits else output
    return -target * np.log(p) - (1 - target) * np.log(1 - p)


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """The negative log of the sum over all paths of labels that collapse to the target."""
    losses = []
    for labels, scores, n, steps in zip(target, output, target_length, output_length):
        p, wanted, total = softmax(scores), tuple(labels[:n]), 0.0
        for path in itertools.product(range(p.shape[-1]), repeat=int(steps)):
            kept = tuple(k for k, _ in itertools.groupby(path))
            if tuple(k for k in kept if k != mask_index) == wanted:
                total += np.prod([p[t, k] for t, k in enumerate(path)])
        losses.append(-np.log(total))
    return np.array(losses)


def sparsemax(x, axis=-1):
    def project(z):
        z_sorted = np.sort(z)[::-1]
        k = np.arange(1, len(z) + 1)
        size = k[1 + k * z_sorted > np.cumsum(z_sorted)].max()
        return np.maximum(z - (z_sorted[:size].sum() - 1) / size, 0)

    return np.apply_along_axis(project, axis, x)


# -- indices


def segment(reduce, empty):
    def run(data, segment_ids, num_segments=None, sorted=False):
        n = int(segment_ids.max()) + 1 if num_segments is None else num_segments
        out = np.full((n, *data.shape[1:]), empty, float)
        for k in range(n):
            if (segment_ids == k).any():
                out[k] = reduce(data[segment_ids == k], 0)
        return out

    return run


def scatter(indices, values, shape):
    out = np.zeros(shape)
    np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), values)
    return out


def scatter_update(inputs, indices, updates, reduction=None):
    out = inputs.copy()
    change = {None: None, "add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}[reduction]
    at = tuple(np.moveaxis(indices, -1, 0))
    if change is None:
        out[at] = updates
    else:
        change.at(out, at, updates)
    return out


def slice_update(inputs, start_indices, updates):
    out = inputs.copy()
    out[tuple(slice(int(s), int(s) + n) for s, n in zip(start_indices, updates.shape))] = updates
    return out


def top_k(x, k, sorted=True):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


def in_top_k(targets, predictions, k):
    own = np.take_along_axis(predictions, targets[:, None], 1)
    return (predictions > own).sum(1) < k
