"""Convolution and pooling.

torch's kernels take channels first. Tensors with channels last go in as permuted views, which torch knows as
its own memory format ``channels_last``, so nothing is copied on the way in or out. It knows none such for one
spatial axis: there a second one, of length 1, doubles the speed.
"""

import math
from functools import lru_cache, wraps

import torch
import torch.nn.functional as F

from kbridge_torch import tensors

_CONVOLUTION = {2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL = {2: F.avg_pool2d, 3: F.avg_pool3d}

_TO_FIRST = {4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}
_TO_LAST = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}


def _channels_first(x, data_format):
    return x if data_format == "channels_first" else x.permute(_TO_FIRST[x.ndim])


def _back(x, data_format):
    return x if data_format == "channels_first" else x.permute(_TO_LAST[x.ndim])


def _over_planes(function, neutral):
    """``function`` for two or three spatial axes made to serve for one, by a new axis of length 1 in front of it.

    ``neutral`` says what the arguments that go by axis hold for the new one.
    """
    names = function.__code__.co_varnames[: function.__code__.co_argcount]

    @wraps(function)
    def run(*args, **kwargs):
        given = dict(zip(names, args), **kwargs)
        x = given["inputs"]
        if x.ndim != 3:
            return function(**given)
        axis = 1 if given["data_format"] == "channels_last" else 2
        given["inputs"] = x.unsqueeze(axis)
        if "kernel" in given:
            given["kernel"] = given["kernel"].unsqueeze(0)
        for name, value in neutral.items():
            given[name] = (value, *given[name])
        return function(**given).squeeze(axis)

    return run


@lru_cache(1024)
def _same_padding(lengths, sizes, strides, dilations):
    """(low, high) per spatial axis for padding "same": the odd one goes to the end."""
    pairs = []
    for length, size, stride, dilation in zip(lengths, sizes, strides, dilations, strict=True):
        total = max((-(-length // stride) - 1) * stride + (size - 1) * dilation + 1 - length, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def _padded(x, sizes, strides, dilations, padding, value=0.0):
    """``x``, and the padding left to the kernel, which knows only the same at both ends; the rest is done here."""
    if padding == "valid":
        return x, (0,) * len(sizes)
    pairs = _same_padding(tuple(x.shape[2:]), tuple(sizes), tuple(strides), tuple(dilations))
    if all(low == high for low, high in pairs):
        return x, tuple(low for low, _ in pairs)
    return _pad(x, pairs, value), (0,) * len(sizes)


def _pad(x, pairs, value=0.0):
    return F.pad(x, [width for pair in reversed(pairs) for width in pair], value=value)


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups):
    x = _channels_first(inputs, data_format)
    rank = x.ndim - 2
    weight = kernel.permute(rank + 1, rank, *range(rank))
    x, pads = _padded(x, kernel.shape[:rank], strides, dilation_rate, padding)
    return _back(_CONVOLUTION[rank](x, weight, None, strides, pads, dilation_rate, groups), data_format)


def convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate):
    x = _channels_first(inputs, data_format)
    rank = x.ndim - 2
    weight = kernel.permute(rank + 1, rank, *range(rank))
    # torch cuts the same from both ends; what is left to cut, or to add, is done after
    cut = [max(min(low, high), 0) for low, high in crops]
    rest = [(common - low, common - high) for common, (low, high) in zip(cut, crops, strict=True)]
    y = _TRANSPOSED[rank](x, weight, None, strides, cut, 0, 1, dilation_rate)
    if any(low or high for low, high in rest):
        y = _pad(y, rest)
    return _back(y, data_format)


def max_pooling(inputs, pool_size, strides, padding, data_format):
    x = _channels_first(inputs, data_format)
    x, pads = _padded(x, pool_size, strides, (1,) * len(pool_size), padding, float("-inf"))
    return _back(_MAX_POOL[x.ndim - 2](x, pool_size, strides, pads), data_format)


def average_pooling(inputs, pool_size, strides, padding, data_format):
    x = _channels_first(inputs, data_format)
    padded, pads = _padded(x, pool_size, strides, (1,) * len(pool_size), padding)
    y = _AVERAGE_POOL[x.ndim - 2](padded, pool_size, strides, pads, count_include_pad=False)
    if padded is not x:
        y = y * _correction(tuple(x.shape[2:]), tuple(pool_size), tuple(strides), y.dtype, y.device)
    return _back(y, data_format)


@tensors.kept
def _correction(lengths, sizes, strides, dtype, device):
    """What to multiply each window's mean by, where some of the window is padding that must not count."""
    result = torch.ones((), dtype=torch.float64)
    pairs = _same_padding(lengths, sizes, strides, (1,) * len(sizes))
    for length, size, stride, (low, high) in zip(lengths, sizes, strides, pairs, strict=True):
        begin = torch.arange(0, length + low + high - size + 1, stride) - low
        counted = (begin + size).clamp(max=length) - begin.clamp(min=0)
        result = result.unsqueeze(-1) / counted
    return (result * math.prod(sizes)).to(dtype=dtype, device=device)


convolution = _over_planes(convolution, {"strides": 1, "dilation_rate": 1})
convolution_transpose = _over_planes(convolution_transpose, {"strides": 1, "dilation_rate": 1, "crops": (0, 0)})
max_pooling = _over_planes(max_pooling, {"pool_size": 1, "strides": 1})
average_pooling = _over_planes(average_pooling, {"pool_size": 1, "strides": 1})


# -- patches and sizes of images


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    if x.ndim != 4 or not x.is_floating_point():
        return NotImplemented
    return F.unfold(x, kernel_size, dilation, padding, stride)


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    try:
        return F.fold(x, output_size, kernel_size, dilation, padding, stride)
    except RuntimeError:
        return NotImplemented  # the portable body says what does not fit


def resize_axes(images, axes, size, interpolation, antialias):
    axes = tuple(axes)
    if interpolation != "bilinear" or images.dtype not in (torch.float32, torch.float64) or axes[1] != axes[0] + 1:
        return NotImplemented
    if images.ndim == 4 and axes == (1, 2):
        planes = images.permute(0, 3, 1, 2)
        return _interpolate(planes, size, antialias).permute(0, 2, 3, 1)
    if axes[1] != images.ndim - 1:
        return NotImplemented
    planes = images.reshape(1, -1, *images.shape[-2:])
    return _interpolate(planes, size, antialias).reshape(*images.shape[:-2], *size)


def _interpolate(planes, size, antialias):
    return F.interpolate(planes, tuple(size), mode="bilinear", antialias=antialias)
