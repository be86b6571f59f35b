"""K functions of convolution and pooling, with kernels (*window, channels in, channels out)."""

import numpy as np

from kbridge import config, ops
from kbridge.backend.symbolic import is_symbol
from kbridge.compat.backend import graph
from kbridge.compat.backend.calls import graphed
from kbridge.ops.windows import convolution_transpose


def _format(data_format):
    return config.standardize_data_format(data_format)


def _each(value, rank):
    return (int(value),) * rank if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)


@graphed
def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over steps; "causal" padding lets no step see later ones."""
    data_format = _format(data_format)
    strides, dilation = _each(strides, 1), _each(dilation_rate, 1)
    if padding == "causal":
        if data_format != "channels_last":
            raise ValueError(
                'K.conv1d: causal padding needs steps in the second axis. Write data_format="channels_last".'
            )
        x = ops.pad(x, ((0, 0), (dilation[0] * (kernel.shape[0] - 1), 0), (0, 0)))
        padding = "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation)


@graphed
def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """Convolution over images."""
    return ops.conv(x, kernel, _each(strides, 2), padding, _format(data_format), _each(dilation_rate, 2))


@graphed
def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    """Convolution over volumes."""
    return ops.conv(x, kernel, _each(strides, 3), padding, _format(data_format), _each(dilation_rate, 3))


def _transposed(name, x, kernel, output_shape, strides, padding, data_format, dilation_rate, rank):
    """The adjoint of a convolution, cut (or filled up with zeros at its end) to ``output_shape``."""
    data_format, strides, dilation = _format(data_format), _each(strides, rank), _each(dilation_rate, rank)
    if padding not in ("valid", "same"):
        raise ValueError(f'K.{name}: padding must be "valid" or "same". Received: {padding!r}.')
    axes = range(2, rank + 2) if data_format == "channels_first" else range(1, rank + 1)
    crops = []
    for axis, size, stride, rate in zip(axes, kernel.shape, strides, dilation):
        wanted = output_shape[axis]
        if not isinstance(wanted, (int, np.integer)):
            raise ValueError(
                f"K.{name}: output_shape must say how long axis {axis} becomes. Received: {tuple(output_shape)}."
            )
        surplus = (x.shape[axis] - 1) * stride + (size - 1) * rate + 1 - int(wanted)
        before = surplus // 2 if padding == "same" and surplus > 0 else 0
        crops.append((before, surplus - before))
    return convolution_transpose(x, kernel, strides, tuple(crops), data_format, dilation)


@graphed
def conv2d_transpose(x, kernel, output_shape, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """The adjoint of a convolution over images; kernel (*window, channels out, channels in)."""
    args = (x, kernel, tuple(output_shape), strides, padding, data_format, dilation_rate)
    if is_symbol(x) and None in x.shape[1:]:
        return graph.node(conv2d_transpose, args)
    return _transposed("conv2d_transpose", *args, 2)


@graphed
def conv3d_transpose(x, kernel, output_shape, strides=(1, 1, 1), padding="valid", data_format=None):
    """The adjoint of a convolution over volumes; kernel (*window, channels out, channels in)."""
    args = (x, kernel, tuple(output_shape), strides, padding, data_format)
    if is_symbol(x) and None in x.shape[1:]:
        return graph.node(conv3d_transpose, args)
    return _transposed("conv3d_transpose", *args, 1, 3)


@graphed
def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """Each channel of images convolved by itself."""
    return ops.depthwise_conv(
        x, depthwise_kernel, _each(strides, 2), padding, _format(data_format), _each(dilation_rate, 2)
    )


def _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate, rank):
    return ops.separable_conv(
        x,
        depthwise_kernel,
        pointwise_kernel,
        _each(strides, rank),
        padding,
        _format(data_format),
        _each(dilation_rate, rank),
    )


@graphed
def separable_conv1d(
    x, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """Each channel of sequences convolved by itself, then the channels mixed."""
    return _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate, 1)


@graphed
def separable_conv2d(
    x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)
):
    """Each channel of images convolved by itself, then the channels mixed."""
    return _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate, 2)


def _pooled(name, x, pool_size, strides, padding, data_format, pool_mode, rank):
    modes = {"max": ops.max_pool, "avg": ops.average_pool}
    if pool_mode not in modes:
        raise ValueError(f'K.{name}: pool_mode must be "max" or "avg". Received: {pool_mode!r}.')
    return modes[pool_mode](x, _each(pool_size, rank), _each(strides, rank), padding, _format(data_format))


@graphed
def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The greatest item, or the mean, of each window of images."""
    return _pooled("pool2d", x, pool_size, strides, padding, data_format, pool_mode, 2)


@graphed
def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The greatest item, or the mean, of each window of volumes."""
    return _pooled("pool3d", x, pool_size, strides, padding, data_format, pool_mode, 3)


# -- a kernel of its own for each place


def _places(count, size, stride):
    """(count, size): the indices of the items in each window."""
    return np.arange(count)[:, None] * stride + np.arange(size)


@graphed
def local_conv1d(inputs, kernel, kernel_size, strides, data_format=None):
    """A kernel (places, window * channels, filters) of its own for each place of a sequence."""
    if _format(data_format) == "channels_first":
        inputs = ops.transpose(inputs, (0, 2, 1))
    count, features, _ = kernel.shape
    (size,), (stride,) = _each(kernel_size, 1), _each(strides, 1)
    windows = ops.take(inputs, _places(count, size, stride), axis=1)
    found = ops.einsum("blf,lfo->blo", ops.reshape(windows, (-1, count, features)), kernel)
    return ops.transpose(found, (0, 2, 1)) if _format(data_format) == "channels_first" else found


@graphed
def local_conv2d(inputs, kernel, kernel_size, strides, output_shape, data_format=None):
    """A kernel (places, window * channels, filters) of its own for each place of an image."""
    first = _format(data_format) == "channels_first"
    if first:
        inputs = ops.transpose(inputs, (0, 2, 3, 1))
    rows, columns = output_shape
    count, features, filters = kernel.shape
    (height, width), (down, right) = _each(kernel_size, 2), _each(strides, 2)
    windows = ops.take(inputs, _places(rows, height, down), axis=1)
    windows = ops.take(windows, _places(columns, width, right), axis=3)
    # (samples, rows, height, columns, width, channels): a window's items in the order of the data format
    windows = ops.transpose(windows, (0, 1, 3, 5, 2, 4) if first else (0, 1, 3, 2, 4, 5))
    found = ops.einsum("blf,lfo->blo", ops.reshape(windows, (-1, count, features)), kernel)
    found = ops.reshape(found, (-1, rows, columns, filters))
    return ops.transpose(found, (0, 3, 1, 2)) if first else found
