"""Arithmetic of convolutions, and kernels turned round, from ``keras.utils.conv_utils`` and ``np_utils``."""

import numpy as np

from kbridge import config
from kbridge.compat.images import ordering


def normalize_tuple(value, n, name):
    """``value`` as a tuple of ``n`` integers; one integer stands for all."""
    if isinstance(value, (int, np.integer)):
        return (value,) * n
    try:
        found = tuple(value)
        valid = len(found) == n and all(int(item) is not None for item in found)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(f"The argument {name} must be an integer or a tuple of {n} integers. Received: {value!r}.")
    return found


def normalize_padding(value):
    """A kind of padding in lower case."""
    found = value.lower()
    if found not in ("valid", "same", "causal"):
        raise ValueError(f"padding must be 'valid', 'same' or (for Conv1D) 'causal'. Received: padding={value!r}.")
    return found


def conv_output_length(input_length, filter_size, padding, stride, dilation=1):
    """How many places a convolution gives for ``input_length`` of them; None for an unknown length."""
    if input_length is None:
        return None
    reach = (filter_size - 1) * dilation
    length = input_length + {"same": 0, "causal": 0, "valid": -reach, "full": reach}[_known(padding)]
    return -(-length // stride)


def conv_input_length(output_length, filter_size, padding, stride):
    """How many places a convolution was given, if it gave ``output_length``."""
    if output_length is None:
        return None
    pad = _pad(filter_size, padding)
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding, dilation=1):
    """How many places a transposed convolution gives."""
    if dim_size is None:
        return None
    kernel_size = (kernel_size - 1) * dilation + 1
    if output_padding is not None:
        return (dim_size - 1) * stride_size + kernel_size - 2 * _pad(kernel_size, padding) + output_padding
    more = {
        "same": 0,
        "valid": max(kernel_size - stride_size, 0),
        "full": 2 - stride_size - kernel_size,
    }[_known(padding, ("same", "valid", "full"))]
    return dim_size * stride_size + more


def _pad(filter_size, padding):
    return {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[_known(padding, ("same", "valid", "full"))]


def _known(padding, kinds=("same", "valid", "full", "causal")):
    if padding not in kinds:
        raise ValueError(f"padding must be one of {kinds}. Received: padding={padding!r}.")
    return padding


def convert_kernel(kernel):
    """A kernel turned round in space: Theano's convolutions read theirs backwards, TensorFlow's do not."""
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"convert_kernel: a kernel has 3 to 5 axes. Received the shape {kernel.shape}.")
    return np.flip(kernel, tuple(range(kernel.ndim - 2))).copy()


def convert_ordered_kernel(kernel, dim_ordering=None):
    """``convert_kernel`` for the two orders of axes of Keras 1: "th" has channels first in kernels, too."""
    kernel = np.asarray(kernel)
    if ordering("default" if dim_ordering is None else dim_ordering) == "channels_last":
        return convert_kernel(kernel)
    if not 4 <= kernel.ndim <= 5:
        raise ValueError(f"convert_kernel: a kernel has 4 or 5 axes. Received the shape {kernel.shape}.")
    return np.flip(kernel, tuple(range(2, kernel.ndim))).copy()


# -- kernels of models


def convert_all_kernels_in_model(model):
    """Turn the kernels of all convolutions of a model round, for weights that were made with the other backend."""
    from kbridge import layers

    kinds = tuple(getattr(layers, f"Conv{n}D{transposed}") for n in (1, 2, 3) for transposed in ("", "Transpose"))
    for layer in model.layers:
        if isinstance(layer, kinds) and layer.built:
            layer.kernel.assign(convert_kernel(layer.kernel.numpy()))


def convert_dense_weights_data_format(dense, previous_feature_map_shape, target_data_format="channels_first"):
    """Bring the weights of a Dense layer behind a Flatten to another order of axes.

    Args:
        dense: the layer.
        previous_feature_map_shape: the shape of what is flattened, in the target's order.
        target_data_format: the order that the model has now.
    """
    target = config.standardize_data_format(target_data_format)
    shape = tuple(previous_feature_map_shape)
    kernel, *bias = dense.get_weights()
    if target == "channels_first":
        cube = kernel.reshape(*shape[1:], shape[0], -1).transpose(2, 0, 1, 3)
    else:
        cube = kernel.reshape(shape[2], *shape[:2], -1).transpose(1, 2, 0, 3)
    dense.set_weights([cube.reshape(kernel.shape), *bias])
