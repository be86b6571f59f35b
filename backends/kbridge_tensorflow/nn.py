"""Activations, losses, convolution and pooling."""

from kbridge.backend import registry
from kbridge.backend.frame import get_frame
from kbridge_tensorflow.backend import SlowInLoop, in_loop
from kbridge_tensorflow.load import tf

_raw = tf.raw_ops

# -- activations


def relu(x):
    return _raw.Relu(features=x) if x.dtype != tf.bool else NotImplemented


def relu6(x):
    return _raw.Relu6(features=x) if x.dtype != tf.bool else NotImplemented


def sigmoid(x):
    return _raw.Sigmoid(x=x)


def silu(x):
    return _raw.Mul(x=x, y=_raw.Sigmoid(x=x))


def softplus(x):
    return NotImplemented if x.dtype.is_complex else _raw.Softplus(features=x)


def softsign(x):
    return NotImplemented if x.dtype.is_complex else _raw.Softsign(features=x)


def leaky_relu(x, negative_slope=0.2):
    # the slope is an attribute of single precision
    return NotImplemented if x.dtype == tf.float64 else _raw.LeakyRelu(features=x, alpha=float(negative_slope))


def elu(x, alpha=1.0):
    return _raw.Elu(features=x) if alpha == 1.0 else NotImplemented


def selu(x):
    return _raw.Selu(features=x)


def _along_last(kernel, x, axis):
    """A kernel for the last axis, along any single one."""
    rank = x.shape.rank
    if not isinstance(axis, int) or not rank:
        return NotImplemented
    if axis in (-1, rank - 1):
        return kernel(logits=x)
    return tf.experimental.numpy.moveaxis(kernel(logits=tf.experimental.numpy.moveaxis(x, axis, -1)), -1, axis)


def softmax(x, axis=-1):
    return _along_last(_raw.Softmax, x, axis)


def log_softmax(x, axis=-1):
    return _along_last(_raw.LogSoftmax, x, axis)


# -- losses


def sparse_softmax_cross_entropy(target, logits, axis):
    rank = logits.shape.rank
    if axis not in (-1, rank - 1):
        return NotImplemented
    classes = logits.shape[-1]
    exists = (target >= 0) & (target < classes)  # the kernel knows no other classes
    labels = tf.where(exists, target, 0)
    loss, _ = _raw.SparseSoftmaxCrossEntropyWithLogits(
        features=logits if rank == 2 else tf.reshape(logits, [-1, classes]),
        labels=labels if rank == 2 else tf.reshape(labels, [-1]),
    )
    loss = loss if rank == 2 else tf.reshape(loss, tf.shape(target))
    return tf.where(exists, loss, tf.zeros((), loss.dtype))


# -- windows that slide over space
#
# Kernels exist for two and three spatial axes; one axis is done as two, the first of length 1. Where kernels want
# channels last (on the CPU) other inputs are transposed.


def _on_gpu():
    device = get_frame().device or registry.load("tensorflow").default_device()
    return device.startswith("gpu")


class _Windows:
    """Inputs as kernels take them, and the way back."""

    def __init__(self, inputs, data_format):
        self.rank = inputs.shape.rank - 2
        self.turned = data_format == "channels_first" and not _on_gpu()
        self.first = data_format == "channels_first" and not self.turned
        x = tf.transpose(inputs, [0, *range(2, self.rank + 2), 1]) if self.turned else inputs
        self.narrow = self.rank == 1
        self.inputs = tf.expand_dims(x, 2 if self.first else 1) if self.narrow else x
        self.spatial = max(self.rank, 2)
        self.format = {2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}[self.spatial][self.first]

    def back(self, x):
        if self.narrow:
            x = tf.squeeze(x, 2 if self.first else 1)
        return tf.transpose(x, [0, self.rank + 1, *range(1, self.rank + 1)]) if self.turned else x

    def per_axis(self, values):
        """Numbers for each spatial axis as an attribute for each axis."""
        values = [1, *values] if self.narrow else list(values)
        return [1, 1, *values] if self.first else [1, *values, 1]

    def kernel(self, kernel):
        return tf.expand_dims(kernel, 0) if self.narrow else kernel

    def space(self, x):
        """The spatial part of a shape."""
        return x[2:] if self.first else x[1:-1]


def _refuse_loops():
    """XLA takes many times as long over convolutions on the CPU as TensorFlow itself."""
    if in_loop.get() and not _on_gpu():
        raise SlowInLoop


def _spread(kernel, dilation):
    """A kernel with zeros between its entries, which does the same as a dilated one."""
    for axis, step in enumerate(dilation):
        if step > 1:
            size = kernel.shape[axis]
            wide = tf.expand_dims(kernel, axis + 1)
            wide = tf.pad(wide, [[0, step - 1 if i == axis + 1 else 0] for i in range(wide.shape.rank)])
            dims = [*kernel.shape[:axis], size * step, *kernel.shape[axis + 1 :]]
            kernel = tf.reshape(wide, dims)[(slice(None),) * axis + (slice((size - 1) * step + 1),)]
    return kernel


def _padding(length, size, stride, dilation, padding):
    """The zeros before and after an axis."""
    if padding == "VALID":
        return [0, 0]
    total = (-(-length // stride) - 1) * stride + (size - 1) * dilation + 1 - length
    total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
    return [total // 2, total - total // 2]


def _lengths(windows):
    return windows.space(registry.load("tensorflow").shape(windows.inputs))


def _undilated(windows, sizes, dilation, padding, run):
    """``run(x, "VALID")`` with a kernel that has no dilation: every so-manieth value goes into an image of its own."""
    pads, crops = [], []
    for length, size, step in zip(_lengths(windows), sizes, dilation):
        low, high = _padding(length, size, 1, step, padding)
        extra = -(length + low + high) % step
        pads.append([low, high + extra])
        crops.append([0, extra])
    x = windows.inputs
    if windows.first:
        x = tf.transpose(x, [0, *range(2, x.shape.rank), 1])
    x = _raw.SpaceToBatchND(input=x, block_shape=dilation, paddings=pads)
    x = _raw.BatchToSpaceND(input=run(x, "VALID"), block_shape=dilation, crops=crops)
    return tf.transpose(x, [0, x.shape.rank - 1, *range(1, x.shape.rank - 1)]) if windows.first else x


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups):
    _refuse_loops()
    windows, padding, on_gpu = _Windows(inputs, data_format), padding.upper(), _on_gpu()
    convolve = _raw.Conv2D if windows.spatial == 2 else _raw.Conv3D
    channels = 1 if windows.first else -1
    still = (1,) * windows.rank

    def run(x, padding, dilation=still):
        if groups > 1 and not (on_gpu and windows.spatial == 2):  # no kernels, or none for the gradient
            parts = zip(tf.split(x, groups, channels), tf.split(kernel, groups, -1))
        else:
            parts = [(x, kernel)]
        options = {"strides": windows.per_axis(strides), "padding": padding, "dilations": windows.per_axis(dilation)}
        parts = [convolve(input=x, filter=k, data_format=windows.format, **options) for x, k in parts]
        return parts[0] if len(parts) == 1 else tf.concat(parts, channels)

    # on the CPU, dilated kernels have no gradient
    if max(dilation_rate) > 1 and not on_gpu:
        if max(strides) == 1:
            kernel = windows.kernel(kernel)
            dilation = windows.space(windows.per_axis(dilation_rate))
            return windows.back(_undilated(windows, kernel.shape, dilation, padding, run))
        kernel, dilation_rate = _spread(kernel, dilation_rate), still
    kernel = windows.kernel(kernel)
    return windows.back(run(windows.inputs, padding, dilation_rate))


def depthwise_convolution(inputs, kernel, strides, padding, data_format, dilation_rate):
    _refuse_loops()
    windows, padding = _Windows(inputs, data_format), padding.upper()
    if windows.spatial != 2 or (max(strides) > 1 and max(dilation_rate) > 1):
        return NotImplemented
    kernel = windows.kernel(kernel)
    apart = max(dilation_rate) > 1
    alike = len(set(strides)) == 1
    stride = strides[0] if alike else 1

    def run(x, padding):
        return _raw.DepthwiseConv2dNative(
            input=x,
            filter=kernel,
            strides=[1, 1, stride, stride] if windows.first and not apart else [1, stride, stride, 1],
            padding=padding,
            data_format="NHWC" if apart else windows.format,
        )

    if apart:
        dilation = windows.space(windows.per_axis(dilation_rate))
        return windows.back(_undilated(windows, kernel.shape, dilation, padding, run))
    if alike:
        return windows.back(run(windows.inputs, padding))
    # the kernel knows one stride only: all results, of which some are taken
    steps = windows.space(windows.per_axis(strides))
    sizes = zip(_lengths(windows), kernel.shape, steps)
    pads = [_padding(length, size, step, 1, padding) for length, size, step in sizes]
    around, each = ([[0, 0]] * 2, []) if windows.first else ([[0, 0]], [[0, 0]])
    x = run(tf.pad(windows.inputs, [*around, *pads, *each]), "VALID")
    key = [slice(None, None, step) for step in steps]
    return windows.back(x[(slice(None),) * len(around) + tuple(key)])


def convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate):
    _refuse_loops()
    windows = _Windows(inputs, data_format)
    if not _on_gpu():
        kernel, dilation_rate = _spread(kernel, dilation_rate), (1,) * len(dilation_rate)
    x, kernel = windows.inputs, windows.kernel(kernel)
    strides, dilations = windows.per_axis(strides), windows.per_axis(dilation_rate)
    dynamic = tf.shape(x)
    known = [dynamic[i] if dim is None else dim for i, dim in enumerate(x.shape.as_list())]
    sizes = [
        (n - 1) * stride + (size - 1) * dilation + 1
        for n, size, stride, dilation in zip(
            windows.space(known), kernel.shape, windows.space(strides), windows.space(dilations)
        )
    ]
    channels = kernel.shape[-2]
    sizes = [known[0], channels, *sizes] if windows.first else [known[0], *sizes, channels]
    adjoint = _raw.Conv2DBackpropInput if windows.spatial == 2 else _raw.Conv3DBackpropInputV2
    result = adjoint(
        **{"input_sizes": tf.stack(sizes), "filter": kernel, "out_backprop": x},
        strides=strides,
        padding="VALID",
        data_format=windows.format,
        dilations=dilations,
    )
    result = windows.back(result)
    first = 2 if data_format == "channels_first" else 1
    key, pads = [slice(None)] * result.shape.rank, [[0, 0] for _ in range(result.shape.rank)]
    for axis, (low, high) in enumerate(crops, first):
        key[axis] = slice(max(low, 0), -high if high > 0 else None)
        pads[axis] = [max(-low, 0), max(-high, 0)]
    result = result[tuple(key)]
    return tf.pad(result, pads) if any(max(pair) for pair in pads) else result


def _pool(kernels, name, inputs, pool_size, strides, padding, data_format):
    windows = _Windows(inputs, data_format)
    x = windows.inputs
    if windows.spatial == 2 or x.dtype in (tf.float32, tf.bfloat16):
        result = kernels[windows.spatial - 2](
            **{name[windows.spatial - 2]: x},
            ksize=windows.per_axis(pool_size),
            strides=windows.per_axis(strides),
            padding=padding.upper(),
            data_format=windows.format,
        )
        return windows.back(result)
    # no kernel for volumes of this dtype: first along two axes, then along the third
    order = [0, 4, 1, 2, 3] if windows.first else [0, 1, 2, 3, 4]
    x = tf.transpose(x, [0, 2, 3, 4, 1]) if windows.first else x
    _, depth, height, width, channels = x.shape
    x = tf.reshape(x, [-1, height, width, channels])
    x = _pool(kernels, name, x, pool_size[1:], strides[1:], padding, "channels_last")
    height, width = x.shape[1:3]
    x = tf.reshape(x, [-1, depth, height * width, channels])
    x = _pool(kernels, name, x, (pool_size[0], 1), (strides[0], 1), padding, "channels_last")
    return windows.back(tf.transpose(tf.reshape(x, [-1, x.shape[1], height, width, channels]), order))


def max_pooling(inputs, pool_size, strides, padding, data_format):
    kernels = _raw.MaxPool, _raw.MaxPool3D
    return _pool(kernels, ("input", "input"), inputs, pool_size, strides, padding, data_format)


def average_pooling(inputs, pool_size, strides, padding, data_format):
    kernels = _raw.AvgPool, _raw.AvgPool3D
    return _pool(kernels, ("value", "input"), inputs, pool_size, strides, padding, data_format)
