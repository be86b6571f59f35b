"""What only Keras 1 had, or had in other words: kernels in the order of Theano, other names and orders of arguments."""

import inspect
from functools import wraps

from kbridge import config, ops
from kbridge.compat.backend import arrays, nn, random, values, windows
from kbridge.compat.backend.calls import graphed
from kbridge.compat.backend.settings import format_of
from kbridge.compat.backend.settings import pattern_broadcast as _pattern_broadcast
from kbridge.compat.backend.spelling import spelled

lesser, lesser_equal = arrays.less, arrays.less_equal


def _as_bytes(name):
    function = getattr(arrays, name)

    @wraps(function)
    def call(x, axis=None, keepdims=False):
        return arrays.cast(function(x, axis, keepdims), "uint8")

    return call


any, all = _as_bytes("any"), _as_bytes("all")


def asymmetric_temporal_padding(x, left_pad=1, right_pad=1):
    """Zeros before and after the steps of (samples, steps, features)."""
    return arrays.temporal_padding(x, (left_pad, right_pad))


def asymmetric_spatial_2d_padding(x, top_pad=1, bottom_pad=1, left_pad=1, right_pad=1, dim_ordering="default"):
    """Zeros around images."""
    return arrays.spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), format_of(dim_ordering))


expand_dims = spelled(arrays.expand_dims, "x, dim=-1")
one_hot = spelled(arrays.one_hot, "indices, nb_classes")
temporal_padding = spelled(arrays.temporal_padding, "x, padding=1")
spatial_2d_padding = spelled(arrays.spatial_2d_padding, "x, padding=(1, 1), dim_ordering='default'")
spatial_3d_padding = spelled(arrays.spatial_3d_padding, "x, padding=(1, 1, 1), dim_ordering='default'")
resize_images = spelled(arrays.resize_images, "X, height_factor, width_factor, dim_ordering")
resize_volumes = spelled(arrays.resize_volumes, "X, depth_factor, height_factor, width_factor, dim_ordering")
random_normal = spelled(random.random_normal, "shape, mean=0.0, std=1.0, dtype=None, seed=None")
random_uniform = spelled(random.random_uniform, "shape, low=0.0, high=1.0, dtype=None, seed=None")
batch_get_value = spelled(values.batch_get_value, "xs")
moving_average_update = spelled(values.moving_average_update, "variable, value, momentum")
pattern_broadcast = spelled(_pattern_broadcast, "x, broatcastable")
batch_normalization = spelled(nn.batch_normalization, "x, mean, var, beta, gamma, epsilon=0.001")
categorical_crossentropy = spelled(nn.categorical_crossentropy, "output, target, from_logits=False")
sparse_categorical_crossentropy = spelled(nn.sparse_categorical_crossentropy, "output, target, from_logits=False")
binary_crossentropy = spelled(nn.binary_crossentropy, "output, target, from_logits=False")
_POOL = "x, pool_size, strides=(1, 1{}), border_mode='valid', dim_ordering='default', pool_mode='max'"
pool2d = spelled(windows.pool2d, _POOL.format(""))
pool3d = spelled(windows.pool3d, _POOL.format(", 1"))


# -- convolutions: with "th" kernels are (channels out, channels in, *window)


def _with_kernels(function, text, *kernels, swapped=False):
    """``function`` in the words of ``text``, its ``kernels`` in the order of the time."""
    call = spelled(function, text)
    signature = inspect.signature(call)

    @wraps(function)
    def convert(*args, **kwargs):
        given = {**dict(zip(signature.parameters, args)), **kwargs}
        if "data_format" not in given:
            ordering = format_of(given.get("dim_ordering", "default")) or config.image_data_format()
            for name in kernels:
                if name in given:
                    given[name] = _kernel(given[name], ordering == "channels_first", swapped)
        return call(**given)

    convert.__signature__ = signature
    return convert


@graphed
def _kernel(kernel, of_theano, swapped):
    if of_theano:
        rank = ops.ndim(kernel)
        kernel = ops.transpose(kernel, (*range(2, rank), 1, 0))
    return ops.swapaxes(kernel, -1, -2) if swapped else kernel


_CONV2D = "x, kernel, strides=(1, 1), border_mode='valid', dim_ordering='default', image_shape=None, filter_shape=None"
conv1d = spelled(
    windows.conv1d,
    "x, kernel, stride=1, border_mode='valid', image_shape=None, filter_shape=None, data_format='channels_last'",
)
conv2d = _with_kernels(windows.conv2d, _CONV2D + ", filter_dilation=(1, 1)", "kernel")
deconv2d = _with_kernels(
    windows.conv2d_transpose, _CONV2D.replace("kernel,", "kernel, output_shape,"), "kernel", swapped=True
)
separable_conv2d = _with_kernels(
    windows.separable_conv2d,
    "x, depthwise_kernel, pointwise_kernel, strides=(1, 1), border_mode='valid', dim_ordering='default'",
    "depthwise_kernel",
    "pointwise_kernel",
)
conv3d = _with_kernels(
    windows.conv3d,
    "x, kernel, strides=(1, 1, 1), border_mode='valid', dim_ordering='default', volume_shape=None, filter_shape=None, "
    "filter_dilation=(1, 1, 1)",
    "kernel",
)


def atrous_conv2d(x, kernel, rate=1, border_mode="valid", dim_ordering="default", image_shape=None, filter_shape=None):
    """Convolution over images with holes of ``rate`` - 1 in the window."""
    return conv2d(x, kernel, (1, 1), border_mode, dim_ordering, filter_dilation=(rate, rate))
