"""Convolution, pooling and patches: ops on windows that slide over space.

The public ops resolve defaults and check; engines bring the inner ones that get everything as it is to be.
"""

from __future__ import annotations

import numpy as np

from kbridge import config
from kbridge.backend import shapes_nn
from kbridge.backend.abstract import Abstract
from kbridge.backend.dtypes import floating
from kbridge.backend.op import Tensor, dtype_of, op
from kbridge.ops.arrays import concatenate, pad, reshape, transpose
from kbridge.ops.core import convert_to_tensor, shape
from kbridge.ops.indexing import take
from kbridge.ops.reductions import max as max_over
from kbridge.ops.reductions import mean

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "conv",
    "conv_transpose",
    "depth_to_space",
    "depthwise_conv",
    "extract_patches",
    "extract_patches_3d",
    "fold",
    "max_pool",
    "separable_conv",
    "space_to_depth",
    "unfold",
]


# -- what engines bring


@op.required(floating, shape=shapes_nn.convolution)
def convolution(inputs: Tensor, kernel: Tensor, strides, padding, data_format, dilation_rate, groups):
    """Convolution over 1 to 3 spatial axes, everything resolved: what engines bring for ``conv``.

    ``kernel`` has the shape (*window, channels in / groups, channels out); ``strides`` and ``dilation_rate`` are
    tuples with one int per spatial axis; ``padding`` is "valid" or "same" (an odd total puts the extra zero at
    the end); ``data_format`` is "channels_last" or "channels_first". Strides and dilation may both exceed 1.
    """


@op(floating, shape=shapes_nn.depthwise_convolution)
def depthwise_convolution(inputs: Tensor, kernel: Tensor, strides, padding, data_format, dilation_rate):
    """Each channel convolved with its own kernels (*window, channels, multiplier), everything resolved."""
    channels = kernel.shape[-2]
    kernel = reshape(kernel, (*kernel.shape[:-2], 1, channels * kernel.shape[-1]))
    return convolution(inputs, kernel, strides, padding, data_format, dilation_rate, channels)


@op.required(floating, shape=shapes_nn.convolution_transpose)
def convolution_transpose(inputs: Tensor, kernel: Tensor, strides, crops, data_format, dilation_rate):
    """The adjoint of a convolution, everything resolved: what engines bring for ``conv_transpose``.

    Each input value spreads ``kernel``, of the shape (*window, channels out, channels in), over the output, which
    along each axis has the full length (n - 1) * stride + (k - 1) * dilation + 1. From that, ``crops``, one pair
    (low, high) per spatial axis, is cut away at the two ends; where negative, zeros are added instead.
    """


@op.required(floating, shape=shapes_nn.pooling)
def max_pooling(inputs: Tensor, pool_size, strides, padding, data_format):
    """The maximum of each window over 1 to 3 spatial axes, everything resolved: what engines bring for ``max_pool``.

    ``pool_size`` and ``strides`` are tuples with one int per spatial axis; padding never wins.
    """


@op.required(floating, shape=shapes_nn.pooling)
def average_pooling(inputs: Tensor, pool_size, strides, padding, data_format):
    """The mean of each window, everything resolved: what engines bring for ``average_pool``. Padding does not count."""


# -- arguments


def layout(data_format, name):
    """``data_format``, or the configured one."""
    if data_format is None:
        return config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f'{name}: `data_format` must be "channels_last" or "channels_first". Received: {data_format!r}.'
        )
    return data_format


def per_axis(value, rank, name, what):
    """An int, or one int per spatial axis, as a tuple."""
    values = (value,) * rank if isinstance(value, (int, np.integer)) else tuple(value)
    if len(values) != rank or not all(isinstance(v, (int, np.integer)) and v > 0 for v in values):
        raise ValueError(f"{name}: `{what}` must be a positive int or {rank} of them. Received: {what}={value!r}.")
    return values


def _padding(padding, name):
    kind = padding.lower() if isinstance(padding, str) else padding
    if kind not in ("valid", "same"):
        raise ValueError(f'{name}: `padding` must be "valid" or "same". Received: padding={padding!r}.')
    return kind


def _rank(inputs, name):
    rank = inputs.ndim - 2
    if rank not in (1, 2, 3):
        raise ValueError(
            f"{name}: the input needs a batch axis, 1 to 3 spatial axes and a channel axis. "
            f"Received the shape {tuple(inputs.shape)}."
        )
    return rank


def _channels(inputs, data_format):
    return inputs.shape[-1 if data_format == "channels_last" else 1]


def _spatial(x, data_format):
    return tuple(x.shape[1:-1] if data_format == "channels_last" else x.shape[2:])


def _check_windows(inputs, sizes, strides, padding, data_format, dilation=None):
    """Complain where no window fits into the axes whose length is known."""
    if padding == "valid":
        for length, size, stride, rate in zip(
            _spatial(inputs, data_format), sizes, strides, dilation or (1,) * len(sizes), strict=True
        ):
            if isinstance(length, int):
                shapes_nn.window_length(length, size, stride, padding, rate)


def _convolution_arguments(name, inputs, kernel, strides, padding, data_format, dilation_rate):
    rank = _rank(inputs, name)
    if kernel.ndim != rank + 2:
        raise ValueError(
            f"{name}: for an input of shape {tuple(inputs.shape)} the kernel has {rank} window axes and two of "
            f"channels. Received a kernel of shape {tuple(kernel.shape)}."
        )
    strides = per_axis(strides, rank, name, "strides")
    dilation_rate = per_axis(dilation_rate, rank, name, "dilation_rate")
    return strides, _padding(padding, name), layout(data_format, name), dilation_rate


# -- convolution


@op(floating)
def conv(inputs: Tensor, kernel: Tensor, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over 1 to 3 spatial axes with a kernel (*window, channels in, channels out).

    A kernel with fewer channels in than the input has convolves groups of channels apart from each other.
    """
    strides, padding, data_format, dilation_rate = _convolution_arguments(
        "conv", inputs, kernel, strides, padding, data_format, dilation_rate
    )
    channels = _channels(inputs, data_format)
    if channels % kernel.shape[-2]:
        raise ValueError(
            f"conv: the input has {channels} channels ({data_format}), which the {kernel.shape[-2]} input channels of "
            f"the kernel do not divide. Input shape {tuple(inputs.shape)}, kernel shape {tuple(kernel.shape)}."
        )
    _check_windows(inputs, kernel.shape[:-2], strides, padding, data_format, dilation_rate)
    groups = channels // kernel.shape[-2]
    return convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups)


@op(floating)
def depthwise_conv(inputs: Tensor, kernel: Tensor, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Each channel convolved with its own kernels, (*window, channels in, multiplier)."""
    strides, padding, data_format, dilation_rate = _convolution_arguments(
        "depthwise_conv", inputs, kernel, strides, padding, data_format, dilation_rate
    )
    if _channels(inputs, data_format) != kernel.shape[-2]:
        raise ValueError(
            f"depthwise_conv: the input has {_channels(inputs, data_format)} channels ({data_format}), the kernel is "
            f"for {kernel.shape[-2]}. Input shape {tuple(inputs.shape)}, kernel shape {tuple(kernel.shape)}."
        )
    _check_windows(inputs, kernel.shape[:-2], strides, padding, data_format, dilation_rate)
    return depthwise_convolution(inputs, kernel, strides, padding, data_format, dilation_rate)


@op(floating)
def separable_conv(
    inputs: Tensor,
    depthwise_kernel: Tensor,
    pointwise_kernel: Tensor,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    """A depthwise convolution, then one with a window of 1 that mixes the channels."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, data_format=data_format)


def transpose_crops(size, stride, padding, output_padding, dilation):
    """What to cut from both ends of the full result of a transposed convolution, along one axis.

    "valid" keeps all of it, and at least a stride per input; "same" makes length * stride. With ``output_padding``
    the length is (n - 1) * stride + k + output_padding, in "same" with k % 2 in the place of k.
    """
    reach = (size - 1) * dilation + 1
    if padding == "valid":
        return 0, -(max(stride - reach, 0) if output_padding is None else output_padding)
    if output_padding is None:
        kept = stride + reach - 2
    else:
        kept = reach + reach % 2 - 2 + output_padding
    low = min(kept - kept // 2, reach - 1)
    return reach - 1 - low, reach - 1 - (kept - low)


@op(floating)
def conv_transpose(
    inputs: Tensor,
    kernel: Tensor,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    """The adjoint of a convolution, which enlarges by ``strides``; kernel (*window, channels out, channels in)."""
    strides, padding, data_format, dilation_rate = _convolution_arguments(
        "conv_transpose", inputs, kernel, strides, padding, data_format, dilation_rate
    )
    if _channels(inputs, data_format) != kernel.shape[-1]:
        raise ValueError(
            f"conv_transpose: the input has {_channels(inputs, data_format)} channels ({data_format}), the kernel is "
            f"for {kernel.shape[-1]}, its last axis. Input shape {tuple(inputs.shape)}, "
            f"kernel shape {tuple(kernel.shape)}."
        )
    if not isinstance(output_padding, (list, tuple)):
        output_padding = (output_padding,) * len(strides)
    crops = tuple(
        transpose_crops(size, stride, padding, extra, dilation)
        for size, stride, extra, dilation in zip(kernel.shape, strides, output_padding, dilation_rate, strict=False)
    )
    return convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate)


# -- pooling


def _pool(run, name, inputs, pool_size, strides, padding, data_format):
    rank = _rank(inputs, name)
    pool_size = per_axis(pool_size, rank, name, "pool_size")
    strides = pool_size if strides is None else per_axis(strides, rank, name, "strides")
    padding, data_format = _padding(padding, name), layout(data_format, name)
    _check_windows(inputs, pool_size, strides, padding, data_format)
    return run(inputs, pool_size, strides, padding, data_format)


@op(floating)
def max_pool(inputs: Tensor, pool_size, strides=None, padding="valid", data_format=None):
    """The maximum of each window; ``strides`` is ``pool_size`` unless given."""
    return _pool(max_pooling, "max_pool", inputs, pool_size, strides, padding, data_format)


@op(floating)
def average_pool(inputs: Tensor, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window; ``strides`` is ``pool_size`` unless given. Padding does not count."""
    return _pool(average_pooling, "average_pool", inputs, pool_size, strides, padding, data_format)


def _adaptive_pool(reduce, name, inputs, output_size, data_format):
    rank = _rank(inputs, name)
    output_size = per_axis(output_size, rank, name, "output_size")
    first = 1 if layout(data_format, name) == "channels_last" else 2
    x = inputs
    for axis, count in enumerate(output_size, first):
        length = x.shape[axis]
        if length is None:
            raise ValueError(f"{name}: axis {axis} of the input must have a known length.")
        if isinstance(x, Abstract) and count > 0:  # whose shape no window is needed for
            x = Abstract((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype)
            continue
        if length % count == 0:
            dims = shape(x)
            x = reduce(reshape(x, (*dims[:axis], count, length // count, *dims[axis + 1 :])), axis=axis + 1)
            continue
        lead = (slice(None),) * axis
        windows = ((i * length // count, -(-(i + 1) * length // count)) for i in range(count))
        parts = [reduce(x[(*lead, slice(start, stop))], axis=axis, keepdims=True) for start, stop in windows]
        x = concatenate(parts, axis=axis)
    return x


@op(floating)
def adaptive_average_pool(inputs: Tensor, output_size, data_format=None):
    """The means of as many windows, as equal as can be, as ``output_size`` asks for along each spatial axis."""
    return _adaptive_pool(mean, "adaptive_average_pool", inputs, output_size, data_format)


@op(floating)
def adaptive_max_pool(inputs: Tensor, output_size, data_format=None):
    """The maxima of as many windows, as equal as can be, as ``output_size`` asks for along each spatial axis."""
    return _adaptive_pool(max_over, "adaptive_max_pool", inputs, output_size, data_format)


# -- patches


def _windows(x, axis, size, stride, dilation, padding, name):
    """Replace ``axis`` by two: the windows along it, and the positions in a window."""
    length = x.shape[axis]
    if length is None:
        raise ValueError(f"{name}: axis {axis} of the input must have a known length.")
    count = shapes_nn.window_length(length, size, stride, padding, dilation)
    if padding == "same":
        missing = (count - 1) * stride + (size - 1) * dilation + 1 - length
        if missing > 0:
            pairs = [(0, 0)] * x.ndim
            pairs[axis] = (missing // 2, missing - missing // 2)
            x = pad(x, pairs)
    if stride == size and dilation == 1:
        lead = (slice(None),) * axis
        dims = shape(x)
        return reshape(x[(*lead, slice(0, count * size))], (*dims[:axis], count, size, *dims[axis + 1 :]))
    if isinstance(x, Abstract):
        return Abstract((*x.shape[:axis], count, size, *x.shape[axis + 1 :]), x.dtype)
    indices = np.arange(count)[:, None] * stride + np.arange(size) * dilation
    return take(x, indices.astype("int32"), axis=axis)


def _patches(name, images, size, strides, dilation_rate, padding, data_format, rank):
    size = per_axis(size, rank, name, "size")
    strides = per_axis(strides or size, rank, name, "strides")
    dilation_rate = per_axis(dilation_rate, rank, name, "dilation_rate")
    padding, data_format = _padding(padding, name), layout(data_format, name)
    if images.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"{name}: patches of size {size} are taken from one image with channels or from a batch of them, "
            f"of rank {rank + 1} or {rank + 2}. Received the shape {tuple(images.shape)}."
        )
    batch = images.ndim - rank - 1
    first = batch if data_format == "channels_last" else batch + 1
    x = images
    for i in range(rank):  # each step adds an axis, so that windows and positions alternate
        x = _windows(x, first + 2 * i, size[i], strides[i], dilation_rate[i], padding, name)
    counts, positions = [first + 2 * i for i in range(rank)], [first + 2 * i + 1 for i in range(rank)]
    channel = x.ndim - 1 if data_format == "channels_last" else batch
    dims = shape(x)
    depth = int(np.prod(size)) * dims[channel]
    joined, spatial = (*positions, channel), [dims[i] for i in counts]
    if data_format == "channels_last":
        return reshape(transpose(x, (*range(batch), *counts, *joined)), (*dims[:batch], *spatial, depth))
    return reshape(transpose(x, (*range(batch), *joined, *counts)), (*dims[:batch], depth, *spatial))


@op
def extract_patches(images: Tensor, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """The patches of images (or volumes, where ``size`` has three numbers), each one flat in the channel axis."""
    rank = 3 if not isinstance(size, int) and len(size) == 3 else 2
    return _patches("extract_patches", images, size, strides, dilation_rate, padding, data_format, rank)


@op
def extract_patches_3d(volumes: Tensor, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """The patches of volumes, each one flat in the channel axis."""
    return _patches("extract_patches_3d", volumes, size, strides, dilation_rate, padding, data_format, 3)


def _pairs(name, **arguments):
    found = []
    for what, value in arguments.items():
        value = (value, value) if isinstance(value, int) else tuple(value)
        if len(value) != 2:
            raise ValueError(f"{name}: `{what}` must be an int or two of them. Received: {what}={value}.")
        found.append(value)
    return found


@op
def unfold(x: Tensor, kernel_size, dilation=1, padding=0, stride=1):
    """The blocks under a sliding window over images (batch, channels, height, width), each one flat in a column."""
    if x.ndim != 4:
        raise ValueError(f"unfold takes images (batch, channels, height, width). Received the shape {tuple(x.shape)}.")
    kernel_size, dilation, padding, stride = _pairs(
        "unfold", kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    if padding != (0, 0):
        x = pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    x = _windows(x, 2, kernel_size[0], stride[0], dilation[0], "valid", "unfold")
    x = _windows(x, 4, kernel_size[1], stride[1], dilation[1], "valid", "unfold")
    dims = shape(x)  # batch, channels, rows, kernel rows, columns, kernel columns
    return reshape(transpose(x, (0, 1, 3, 5, 2, 4)), (dims[0], dims[1] * dims[3] * dims[5], dims[2] * dims[4]))


@op(floating)
def fold(x: Tensor, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The adjoint of ``unfold``: images of ``output_size`` in which the blocks, columns of ``x``, are summed up."""
    if x.ndim != 3:
        raise ValueError(f"fold takes (batch, channels * window, blocks). Received the shape {tuple(x.shape)}.")
    output_size, kernel_size, dilation, padding, stride = _pairs(
        "fold", output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    depth, blocks = x.shape[1], x.shape[2]
    window = kernel_size[0] * kernel_size[1]
    reaches = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    counts = [
        (n + 2 * p - reach) // s + 1 for n, p, reach, s in zip(output_size, padding, reaches, stride, strict=True)
    ]
    if depth % window or (blocks is not None and blocks != counts[0] * counts[1]):
        raise ValueError(
            f"fold: an input of shape {tuple(x.shape)} does not fit output_size={output_size}: expected a multiple of "
            f"{window} rows and {counts[0]} x {counts[1]} columns."
        )
    channels = depth // window
    # Row c * window + i of x goes to channel c at position i of the window.
    kernel = np.eye(depth).reshape(channels, *kernel_size, depth).transpose(1, 2, 0, 3)
    kernel = convert_to_tensor(kernel, dtype_of(x))
    crops = tuple(
        (p, (count - 1) * s + reach - p - n)
        for p, count, s, reach, n in zip(padding, counts, stride, reaches, output_size, strict=True)
    )
    images = reshape(x, (-1, depth, *counts))
    return convolution_transpose(images, kernel, stride, crops, "channels_first", dilation)


def _block(name, block_size, data_format):
    if not isinstance(block_size, int) or block_size < 2:
        raise ValueError(f"{name}: `block_size` must be an int of at least 2. Received: block_size={block_size!r}.")
    return layout(data_format, name) == "channels_last"


@op
def depth_to_space(x: Tensor, block_size, data_format="channels_last"):
    """Move channels into blocks of space: height and width grow by ``block_size``, channels shrink by its square."""
    last, b = _block("depth_to_space", block_size, data_format), block_size
    dims = shape(x)
    if last:
        n, h, w, c = dims
        x = transpose(reshape(x, (n, h, w, b, b, c // b**2)), (0, 1, 3, 2, 4, 5))
        return reshape(x, (n, h * b, w * b, c // b**2))
    n, c, h, w = dims
    x = transpose(reshape(x, (n, c // b**2, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(x, (n, c // b**2, h * b, w * b))


@op(shape=shapes_nn.space_to_depth)
def space_to_depth(x: Tensor, block_size, data_format="channels_last"):
    """Move blocks of space into channels: the inverse of ``depth_to_space``."""
    last, b = _block("space_to_depth", block_size, data_format), block_size
    dims = shape(x)
    if last:
        n, h, w, c = dims
        x = transpose(reshape(x, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(x, (n, h // b, w // b, c * b**2))
    n, c, h, w = dims
    x = transpose(reshape(x, (n, c, h // b, b, w // b, b)), (0, 1, 3, 5, 2, 4))
    return reshape(x, (n, c * b**2, h // b, w // b))
