"""Shape rules of the ops for windows, decompositions, recurrences and randomness.

As in ``shapes.py``: a rule takes the op's own arguments, with an ``Abstract`` for each tensor.
"""

from kbridge.backend import dtypes
from kbridge.backend.abstract import Abstract, agree, broadcast_shapes

# -- windows that slide over space


def window_length(length, size, stride, padding, dilation=1):
    """How many windows of ``size`` fit along an axis."""
    reach = (size - 1) * dilation + 1
    count = -(-length // stride) if padding == "same" else (length - reach) // stride + 1
    if count <= 0:
        raise ValueError(
            f"A window of size {size} (dilation {dilation}) does not fit into an axis of length {length} with "
            f'padding="valid". Use padding="same", a smaller window, or a larger input.'
        )
    return count


def _split(shape, data_format):
    """(batch, spatial dims, channels) of a shape in this layout."""
    if data_format == "channels_last":
        return shape[0], shape[1:-1], shape[-1]
    return shape[0], shape[2:], shape[1]


def _join(batch, spatial, channels, data_format):
    return (batch, *spatial, channels) if data_format == "channels_last" else (batch, channels, *spatial)


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups):
    batch, spatial, channels = _split(inputs.shape, data_format)
    if not agree(kernel.shape[-2] * groups, channels):
        raise ValueError(
            f"conv: the input has {channels} channels, but the kernel of shape {kernel.shape} takes "
            f"{kernel.shape[-2] * groups}. Input shape {inputs.shape}, data_format={data_format!r}."
        )
    windows = zip(spatial, kernel.shape[:-2], strides, dilation_rate, strict=True)
    found = [window_length(n, k, s, padding, d) for n, k, s, d in windows]
    return _join(batch, found, kernel.shape[-1], data_format)


def depthwise_convolution(inputs, kernel, strides, padding, data_format, dilation_rate):
    channels, multiplier = kernel.shape[-2:]
    joined = Abstract((*kernel.shape[:-2], 1, channels * multiplier), kernel.dtype)
    return convolution(inputs, joined, strides, padding, data_format, dilation_rate, channels)


def convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate):
    batch, spatial, channels = _split(inputs.shape, data_format)
    if not agree(kernel.shape[-1], channels):
        raise ValueError(
            f"conv_transpose: the input has {channels} channels, but the kernel of shape {kernel.shape} takes "
            f"{kernel.shape[-1]}. Input shape {inputs.shape}, data_format={data_format!r}."
        )
    found = [
        (n - 1) * s + (k - 1) * d + 1 - low - high
        for n, k, s, d, (low, high) in zip(spatial, kernel.shape[:-2], strides, dilation_rate, crops, strict=True)
    ]
    return _join(batch, found, kernel.shape[-2], data_format)


def pooling(inputs, pool_size, strides, padding, data_format):
    batch, spatial, channels = _split(inputs.shape, data_format)
    found = [window_length(n, k, s, padding) for n, k, s in zip(spatial, pool_size, strides, strict=True)]
    return _join(batch, found, channels, data_format)


def space_to_depth(x, block_size, data_format="channels_last"):
    batch, spatial, channels = _split(x.shape, data_format)
    spatial = [dim // block_size for dim in spatial]
    return _join(batch, spatial, channels * block_size**2, data_format)


# -- linear algebra


def _square(x, name):
    if x.ndim < 2 or not agree(x.shape[-1], x.shape[-2]):
        raise ValueError(f"{name} takes square matrices, of shape (..., n, n). Received the shape {x.shape}.")


def cholesky(x, upper=False):
    _square(x, "cholesky")
    return x.shape


def qr(x, mode):
    *batch, rows, columns = x.shape
    inner = rows if mode == "complete" else min(rows, columns)
    return Abstract((*batch, rows, inner), x.dtype), Abstract((*batch, inner, columns), x.dtype)


def _real(dtype):
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def _complex(dtype):
    return "complex128" if dtype in ("float64", "complex128") else "complex64"


def svd(x, full_matrices=True, compute_uv=True):
    *batch, rows, columns = x.shape
    inner = min(rows, columns)
    s = Abstract((*batch, inner), _real(x.dtype))
    if not compute_uv:
        return s
    left, right = (rows, columns) if full_matrices else (inner, inner)
    return Abstract((*batch, rows, left), x.dtype), s, Abstract((*batch, right, columns), x.dtype)


def eig(x):
    _square(x, "eig")
    dtype = _complex(x.dtype)
    return Abstract(x.shape[:-1], dtype), Abstract(x.shape, dtype)


def eigh(x):
    _square(x, "eigh")
    return Abstract(x.shape[:-1], _real(x.dtype)), Abstract(x.shape, x.dtype)


def slogdet(x):
    _square(x, "slogdet")
    return Abstract(x.shape[:-2], x.dtype), Abstract(x.shape[:-2], _real(x.dtype))


def solve(a, b, lower=False):
    _square(a, "solve")
    vector = b.ndim == a.ndim - 1
    rows = b.shape[-1] if vector else b.shape[-2]
    if not agree(rows, a.shape[-1]):
        raise ValueError(f"solve: a of shape {a.shape} and b of shape {b.shape} do not fit together.")
    if vector:
        return (*broadcast_shapes(a.shape[:-2], b.shape[:-1]), rows)
    return (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])


def lu_factor(x):
    *batch, rows, columns = x.shape
    return Abstract(x.shape, x.dtype), Abstract((*batch, min(rows, columns)), "int32")


# -- the rest


def pair(x):
    """Of a function of (real part, imaginary part) that keeps their shape."""
    real, imaginary = x
    return tuple(Abstract(real.shape, real.dtype) for _ in range(2))


def top_k(x, k, sorted=True):
    if not 0 <= k <= x.shape[-1]:
        raise ValueError(f"top_k: k={k} does not fit a last axis of {x.shape[-1]}. Received the shape {x.shape}.")
    shape = (*x.shape[:-1], k)
    return Abstract(shape, x.dtype), Abstract(shape, "int32")


def drawn(shape, dtype, seed):
    return Abstract(shape, dtypes.standardize(dtype))


def drawn_like(parameter, seed):
    return parameter.shape


def drawn_like_both(counts, probabilities, seed):
    return broadcast_shapes(counts.shape, probabilities.shape)


def _recurrent(x, recurrent_kernel, states):
    units = recurrent_kernel.shape[0]
    outputs = Abstract((x.shape[0], x.shape[1], units), x.dtype)
    return outputs, *(Abstract((x.shape[0], units), state.dtype) for state in states)


def recurrence(x, kernel, recurrent_kernel, bias, h, *args, **kwargs):
    return _recurrent(x, recurrent_kernel, (h,))


def recurrence_of_two(x, kernel, recurrent_kernel, bias, h, c, *args, **kwargs):
    return _recurrent(x, recurrent_kernel, (h, c))


def recurrence_of_gru(x, kernel, recurrent_kernel, bias, recurrent_bias, h, *args, **kwargs):
    return _recurrent(x, recurrent_kernel, (h,))
