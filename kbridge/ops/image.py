"""Images: the names of ``keras.ops.image``. An image has three axes, a batch of them four."""

from __future__ import annotations

import itertools
import math

import numpy as np

from kbridge.backend import dtypes
from kbridge.backend.dtypes import first, floating, result_type
from kbridge.backend.op import Other, Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.arrays import (
    arange,
    broadcast_to,
    concatenate,
    expand_dims,
    moveaxis,
    ones_like,
    pad,
    reshape,
    split,
    stack,
    swapaxes,
    transpose,
    zeros_like,
)
from kbridge.ops.core import cast, convert_to_tensor, shape
from kbridge.ops.indexing import take
from kbridge.ops.linalg import solve
from kbridge.ops.math import (
    absolute,
    ceil,
    clip,
    equal,
    exp,
    floor,
    logical_and,
    maximum,
    minimum,
    mod,
    round,
    sin,
    square,
    where,
)
from kbridge.ops.products import matmul
from kbridge.ops.random import draw, fold_in, random_normal
from kbridge.ops.reductions import mean, sum
from kbridge.ops.seeding import draw_seed
from kbridge.ops.special import int_range
from kbridge.ops.windows import depthwise_conv, extract_patches, extract_patches_3d, layout

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]


def _axes(images, data_format, name):
    """(height axis, width axis, channel axis), counted from the end."""
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{name} takes an image (three axes) or a batch of images (four). Received the shape {tuple(images.shape)}."
        )
    return (-3, -2, -1) if layout(data_format, name) == "channels_last" else (-2, -1, -3)


def _as_batch(x):
    return expand_dims(x, 0) if x.ndim == 3 else x


def _wide(dtype):
    """What images of ``dtype`` are computed in."""
    return dtype if dtypes.is_float(dtype) else result_type(dtype, "float32")


def _back(x, dtype):
    """``x`` in the images' own dtype: ints are rounded, and kept within their range."""
    if dtypes.is_float(dtype):
        return cast(x, dtype)
    low, high = int_range(dtype)
    return cast(clip(round(x), low, high), dtype)


# -- colours


@op
def rgb_to_grayscale(images: Tensor, data_format=None):
    """The brightness of RGB images, in one channel; images of one channel stay as they are."""
    channel = _axes(images, data_format, "rgb_to_grayscale")[2]
    if images.shape[channel] == 1:
        return images
    if images.shape[channel] != 3:
        raise ValueError(
            f"rgb_to_grayscale takes images of 3 channels, or of 1. Received the shape {tuple(images.shape)}."
        )
    dtype = dtype_of(images)
    red, green, blue = split(cast(images, _wide(dtype)), 3, axis=channel)
    return cast(0.2989 * red + 0.587 * green + 0.114 * blue, dtype)


def _colours(images, data_format, name):
    """The three channels of float images, and their axis."""
    channel = _axes(images, data_format, name)[2]
    if not dtypes.is_float(dtype_of(images)):
        raise ValueError(f"{name} takes floats, from 0 to 1. Received the dtype {dtype_of(images)}.")
    if images.shape[channel] != 3:
        raise ValueError(f"{name} takes images of 3 channels. Received the shape {tuple(images.shape)}.")
    return split(images, 3, axis=channel), channel


@op
def rgb_to_hsv(images: Tensor, data_format=None):
    """Hue, saturation and value of RGB images; all are between 0 and 1."""
    (red, green, blue), channel = _colours(images, data_format, "rgb_to_hsv")
    value = maximum(maximum(red, green), blue)
    spread = value - minimum(minimum(red, green), blue)
    coloured = spread > 0.0
    saturation = where(coloured, spread / where(coloured, value, 1.0), 0.0)
    scale = 1.0 / (6.0 * where(coloured, spread, 1.0))
    hue = where(
        equal(value, red),
        (green - blue) * scale,
        where(equal(value, green), (blue - red) * scale + 2.0 / 6.0, (red - green) * scale + 4.0 / 6.0),
    )
    hue = where(coloured, where(hue < 0.0, hue + 1.0, hue), 0.0)
    return concatenate([hue, saturation, value], axis=channel)


@op
def hsv_to_rgb(images: Tensor, data_format=None):
    """The RGB images of which these are hue, saturation and value."""
    (hue, saturation, value), channel = _colours(images, data_format, "hsv_to_rgb")
    turn = mod(hue, 1.0) * 6.0
    pure = (
        absolute(turn - 3.0) - 1.0,
        2.0 - absolute(turn - 2.0),
        2.0 - absolute(turn - 4.0),
    )
    return concatenate([value * (1.0 - saturation * (1.0 - clip(p, 0.0, 1.0))) for p in pure], axis=channel)


# -- cutting and padding


def _spans(name, edges, total, known, length):
    """Complete (before, after): of them and the target length two are given; ``total(before, after)`` is the latter."""
    (first_word, before), (second_word, after), (target_word, target) = edges
    if [before, after, target].count(None) != 1:
        raise ValueError(
            f"{name}: give two of {first_word}, {second_word} and {target_word}. Received: "
            f"{first_word}={before}, {second_word}={after}, {target_word}={target}."
        )
    if length is None:
        raise ValueError(f"{name}: the height and width of the images must be known.")
    if before is None:
        before = known(length, target) - after
    if after is None:
        after = known(length, target) - before
    if before < 0 or after < 0 or total(length, before, after) < 0:
        raise ValueError(
            f"{name}: {first_word}={before}, {second_word}={after} do not fit images of length {length} there."
        )
    return before, after


@op
def pad_images(
    images: Tensor,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images with zeros around them. Along each axis give two of the paddings before and after and the target."""
    height, width, _ = _axes(images, data_format, "pad_images")

    def span(axis, *edges):
        return _spans("pad_images", edges, lambda n, a, b: n + a + b, lambda n, target: target - n, images.shape[axis])

    pairs = [(0, 0)] * images.ndim
    pairs[height] = span(
        height, ("top_padding", top_padding), ("bottom_padding", bottom_padding), ("target_height", target_height)
    )
    pairs[width] = span(
        width, ("left_padding", left_padding), ("right_padding", right_padding), ("target_width", target_width)
    )
    return pad(images, pairs)


@op
def crop_images(
    images: Tensor,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """A part of the images. Along each axis give two of what is cut off before and after and the target."""
    height, width, _ = _axes(images, data_format, "crop_images")

    def span(axis, *edges):
        length = images.shape[axis]
        before, after = _spans("crop_images", edges, lambda n, a, b: n - a - b, lambda n, target: n - target, length)
        return slice(before, length - after)

    parts = [slice(None)] * images.ndim
    parts[height] = span(
        height, ("top_cropping", top_cropping), ("bottom_cropping", bottom_cropping), ("target_height", target_height)
    )
    parts[width] = span(
        width, ("left_cropping", left_cropping), ("right_cropping", right_cropping), ("target_width", target_width)
    )
    return images[tuple(parts)]


# -- resizing


def _triangle(x):
    return maximum(1.0 - x, 0.0)


def _cubic(x):
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return where(x < 1.0, near, where(x < 2.0, far, 0.0))


def _lanczos(radius):
    def kernel(x):
        angle = where(x > 1e-3, x, 1.0) * math.pi
        waves = radius * sin(angle) * sin(angle / radius) / square(angle)
        return where(x > radius, 0.0, where(x > 1e-3, waves, 1.0))

    return kernel


_KERNELS = {
    "linear": _triangle,
    "bilinear": _triangle,
    "trilinear": _triangle,
    "triangle": _triangle,
    "cubic": _cubic,
    "bicubic": _cubic,
    "tricubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}


def _weights(length, target, scale, translation, kernel, antialias, dtype):
    """The matrix (length, target) that samples an axis at (position - translation) / scale."""
    step = 1.0 / scale
    at = (arange(target, dtype=dtype) + 0.5) * step - translation * step - 0.5
    distance = absolute(at - expand_dims(arange(length, dtype=dtype), 1))
    if antialias:
        distance = distance / cast(maximum(step, 1.0), dtype)
    weights = kernel(distance)
    total = sum(weights, axis=0, keepdims=True)
    solid = absolute(total) > 1000.0 * 1.2e-7
    weights = where(solid, weights / where(solid, total, 1.0), 0.0)
    return where(logical_and(at >= -0.5, at <= length - 0.5), weights, 0.0)


def _apply(x, weights, axis):
    if axis == x.ndim - 1:
        return matmul(x, weights)
    if axis == x.ndim - 2:
        return matmul(swapaxes(weights, 0, 1), x)
    return moveaxis(matmul(moveaxis(x, axis, -1), weights), -1, axis)


@op(first)
def resize_axes(images: Tensor, axes, size, interpolation, antialias):
    """``images`` in another ``size`` along two ``axes`` (not negative): what engines may bring for ``resize``."""
    if interpolation == "nearest":
        for axis, target in zip(axes, size, strict=True):
            length = images.shape[axis]
            if length != target:
                index = np.floor((np.arange(target) + 0.5) * (length / target)).astype("int32")
                images = take(images, index, axis=axis)
        return images
    dtype = dtype_of(images)
    wide = _wide(dtype)
    x = cast(images, wide)
    for axis, target in zip(axes, size, strict=True):
        length = x.shape[axis]
        if length != target:
            kernel = _KERNELS[interpolation]
            x = _apply(x, _weights(length, target, target / length, 0.0, kernel, antialias, wide), axis)
    return _back(x, dtype)


@op
def resize(
    images: Tensor,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Images of ``size`` (height, width), stretched, or first cropped or padded to the aspect ratio of ``size``."""
    if len(size) != 2 or size[0] <= 0 or size[1] <= 0:
        raise ValueError(f"resize: `size` must be two positive ints, (height, width). Received: size={size}.")
    known = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
    if interpolation not in known:
        raise ValueError(f"resize: `interpolation` must be one of {known}. Received: {interpolation!r}.")
    if fill_mode != "constant":
        raise ValueError(f'resize: `fill_mode` must be "constant". Received: {fill_mode!r}.')
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True.")
    axes = tuple(axis % images.ndim for axis in _axes(images, data_format, "resize")[:2])
    size = tuple(int(n) for n in size)
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        lengths = [images.shape[axis] for axis in axes]
        fitting = [int(lengths[1] * size[0] / size[1]), int(lengths[0] * size[1] / size[0])]
        if crop_to_aspect_ratio:
            parts = [slice(None)] * images.ndim
            for axis, length, fit in zip(axes, lengths, fitting, strict=True):
                kept = min(length, fit) or 1
                start = (length - kept) // 2
                parts[axis] = slice(start, start + kept)
            images = images[tuple(parts)]
        else:
            pairs = [(0, 0)] * images.ndim
            for axis, length, fit in zip(axes, lengths, fitting, strict=True):
                pairs[axis] = ((fit - length) // 2,) * 2 if fit > length else (0, 0)
            images = pad(images, pairs, constant_values=fill_value)
    return resize_axes(images, axes, size, interpolation, bool(antialias))


@op
def scale_and_translate(
    images: Tensor, output_shape, scale: Other, translation: Other, spatial_dims, method, antialias=True
):
    """Images scaled and moved along ``spatial_dims``: what was at position x is then at x * scale + translation."""
    if method not in _KERNELS:
        raise ValueError(f"scale_and_translate: `method` must be one of {tuple(_KERNELS)}. Received: {method!r}.")
    dtype = dtype_of(images)
    wide = _wide(dtype)
    x, scale, translation = (cast(value, wide) for value in (images, scale, translation))
    for i, axis in enumerate(spatial_dims):
        axis = canonical_axis(axis, x.ndim)
        weights = _weights(
            x.shape[axis], output_shape[axis], scale[i], translation[i], _KERNELS[method], antialias, wide
        )
        x = _apply(x, weights, axis)
    return _back(x, dtype)


# -- sampling anywhere


def _inside(index, length, fill_mode):
    """``index`` brought into [0, length), and where it was so before (None: nothing needs to be filled)."""
    if fill_mode == "constant":
        return clip(index, 0, length - 1), logical_and(index >= 0, index < length)
    if fill_mode == "nearest":
        return clip(index, 0, length - 1), None
    if fill_mode == "wrap":
        return mod(index, length), None
    if fill_mode == "mirror":  # the edge itself is not repeated
        if length == 1:
            return zeros_like(index), None
        index = mod(index, 2 * length - 2)
        return where(index < length, index, 2 * length - 2 - index), None
    index = mod(index, 2 * length)  # "reflect": the edge is repeated
    return where(index < length, index, 2 * length - 1 - index), None


_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def _sample(rows, sizes, base, coordinates, order, fill_mode, fill_value):
    """Interpolate in ``rows`` (a table of prod(sizes) points, from row ``base`` on) at ``coordinates``.

    ``coordinates`` has a float tensor of one shape per axis; the result has that shape, then the columns of the table.
    """
    choices = []
    for x, length in zip(coordinates, sizes, strict=True):
        if order == 0:
            near = [(where(x < 0.0, ceil(x - 0.5), floor(x + 0.5)), None)]  # halves away from zero
        else:
            low = floor(x)
            share = x - low
            near = [(low, 1.0 - share), (low + 1.0, share)]
        choices.append([(*_inside(cast(at, "int32"), length, fill_mode), weight) for at, weight in near])
    extra = rows.ndim - 1
    total = None
    for corner in itertools.product(*choices):
        index, weight, valid = base, None, None
        stride = math.prod(sizes)
        for (at, within, share), length in zip(corner, sizes, strict=True):
            stride //= length
            index = at * stride + index
            valid = within if valid is None else logical_and(valid, within) if within is not None else valid
            weight = share if weight is None else weight * share if share is not None else weight
        value = take(rows, index, axis=0)
        if valid is not None:
            value = where(expand_dims(valid, -1) if extra else valid, value, fill_value)
        if weight is not None:
            value = value * cast(expand_dims(weight, -1) if extra else weight, dtype_of(rows))
        total = value if total is None else total + value
    return total


def _check_fill_mode(fill_mode, name):
    if fill_mode not in _FILL_MODES:
        raise ValueError(f"{name}: `fill_mode` must be one of {_FILL_MODES}. Received: {fill_mode!r}.")


def _order(interpolation, name):
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f'{name}: `interpolation` must be "nearest" or "bilinear". Received: {interpolation!r}.')
    return 0 if interpolation == "nearest" else 1


@op
def map_coordinates(inputs: Tensor, coordinates: Other, order, fill_mode="constant", fill_value=0):
    """The values of ``inputs`` at ``coordinates`` (its rank, ...): of the nearest entries (order 0) or linear (1).

    ``fill_mode`` says what lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
    """
    if coordinates.ndim < 2 or coordinates.shape[0] != inputs.ndim:
        raise ValueError(
            f"map_coordinates: `coordinates` has one row for each axis of the inputs, {inputs.ndim}, and at least rank "
            f"2. Received the shape {tuple(coordinates.shape)}."
        )
    if order not in (0, 1):
        raise ValueError(f"map_coordinates: `order` must be 0 or 1. Received: order={order}.")
    _check_fill_mode(fill_mode, "map_coordinates")
    dtype = dtype_of(inputs)
    rows = reshape(cast(inputs, _wide(dtype)), (-1,))
    points = [cast(coordinates[i], _wide(dtype_of(coordinates))) for i in range(inputs.ndim)]
    return _back(_sample(rows, inputs.shape, 0, points, order, fill_mode, fill_value), dtype)


def warp(images, at, interpolation, fill_mode, fill_value, data_format, name):
    """Images whose pixel (y, x) is the one found at ``at(y, x)`` = (y, x), for float grids (1, height, width)."""
    order = _order(interpolation, name)
    _check_fill_mode(fill_mode, name)
    first = _axes(images, data_format, name)[2] == -3
    dtype = dtype_of(images)
    x = cast(_as_batch(images), _wide(dtype))
    if first:
        x = transpose(x, (0, 2, 3, 1))
    batch, height, width, channels = shape(x)
    wide = result_type(_wide(dtype), "float32")
    ys = broadcast_to(reshape(arange(height, dtype=wide), (1, -1, 1)), (1, height, width))
    xs = broadcast_to(reshape(arange(width, dtype=wide), (1, 1, -1)), (1, height, width))
    points = [broadcast_to(p, (batch, height, width)) for p in at(ys, xs)]
    base = reshape(arange(batch) * (height * width), (-1, 1, 1))
    x = _sample(reshape(x, (-1, channels)), (height, width), base, points, order, fill_mode, fill_value)
    if first:
        x = transpose(x, (0, 3, 1, 2))
    return _back(x[0] if images.ndim == 3 else x, dtype)


@op
def affine_transform(
    images: Tensor,
    transform: Other,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0,
    data_format=None,
):
    """Images under projective transforms (a0, a1, a2, b0, b1, b2, c0, c1), one or one for each image.

    Pixel (x, y) of the result is that at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1.
    """
    if transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            f"affine_transform: `transform` must have the shape (8,) or (batch, 8). "
            f"Received the shape {tuple(transform.shape)}."
        )

    def at(y, x):
        table = cast(reshape(transform, (-1, 8, 1, 1)), dtype_of(x))
        a0, a1, a2, b0, b1, b2, c0, c1 = (table[:, i] for i in range(8))
        k = c0 * x + c1 * y + 1.0
        return (b0 * x + b1 * y + b2) / k, (a0 * x + a1 * y + a2) / k

    return warp(images, at, interpolation, fill_mode, fill_value, data_format, "affine_transform")


@op
def perspective_transform(
    images: Tensor,
    start_points: Other,
    end_points: Other,
    interpolation="bilinear",
    fill_value=0,
    data_format=None,
):
    """Images under the perspective that moves four points (x, y) to others: both (4, 2) or (batch, 4, 2)."""
    shapes = tuple(start_points.shape), tuple(end_points.shape)
    if shapes[0] != shapes[1] or shapes[0][-2:] != (4, 2) or len(shapes[0]) not in (2, 3):
        raise ValueError(
            "perspective_transform: the points must have the shape (4, 2) or (batch, 4, 2). "
            f"Received shapes {shapes[0]} and {shapes[1]}."
        )

    def at(y, x):
        start = cast(reshape(start_points, (-1, 4, 2)), dtype_of(x))
        end = cast(reshape(end_points, (-1, 4, 2)), dtype_of(x))
        u, v = end[..., 0], end[..., 1]
        zero, one = zeros_like(u), ones_like(u)
        rows = [
            stack([u, v, one, zero, zero, zero, -start[..., 0] * u, -start[..., 0] * v], axis=-1),
            stack([zero, zero, zero, u, v, one, -start[..., 1] * u, -start[..., 1] * v], axis=-1),
        ]
        known = concatenate([start[..., 0], start[..., 1]], axis=-1)
        table = reshape(solve(concatenate(rows, axis=1), expand_dims(known, -1)), (-1, 8, 1, 1))
        a0, a1, a2, b0, b1, b2, c0, c1 = (table[:, i] for i in range(8))
        k = c0 * x + c1 * y + 1.0
        return (b0 * x + b1 * y + b2) / k, (a0 * x + a1 * y + a2) / k

    return warp(images, at, interpolation, "constant", fill_value, data_format, "perspective_transform")


@op
def elastic_transform(
    images: Tensor,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images distorted at random: each pixel moves by ``alpha`` times noise that is smooth over ``sigma`` pixels."""
    seed = draw_seed(seed)
    size = int(6 * sigma) | 1

    def at(y, x):
        batch = 1 if images.ndim == 3 else shape(images)[0]
        points = []
        for i, grid in enumerate((y, x)):
            noise = draw(random_normal, (batch, *shape(grid)[1:], 1), dtype_of(grid), fold_in(seed, i)) * sigma
            smooth = gaussian_blur(noise, (size, size), (sigma, sigma), data_format="channels_last")
            points.append(grid + smooth[..., 0] * alpha)
        return points

    return warp(images, at, interpolation, fill_mode, fill_value, data_format, "elastic_transform")


# -- filters


def _bell(size, sigma, dtype):
    """A Gaussian window of ``size`` points that sums to 1."""
    x = (arange(size, dtype=dtype) - (size - 1) / 2.0) / cast(sigma, dtype)
    bell = exp(-0.5 * x * x)
    return bell / sum(bell)


def _filter(x, kernel, data_format, padding):
    """``x`` (a batch) convolved along both axes, channel by channel, with the windows ``kernel`` = (rows, columns)."""
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    for window, dims in zip(kernel, ((-1, 1, 1, 1), (1, -1, 1, 1)), strict=True):
        window = reshape(window, dims)
        window = broadcast_to(window, (*window.shape[:2], channels, 1))
        x = depthwise_conv(x, window, padding=padding, data_format=data_format)
    return x


@op(floating)
def gaussian_blur(images: Tensor, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images smoothed by a Gaussian window; ``kernel_size`` and ``sigma`` are for the width, then the height."""
    _axes(images, data_format, "gaussian_blur")
    dtype = dtype_of(images)
    kernel = [_bell(kernel_size[i], sigma[i], dtype) for i in (1, 0)]
    blurred = _filter(_as_batch(images), kernel, layout(data_format, "gaussian_blur"), "same")
    return blurred[0] if images.ndim == 3 else blurred


@op(floating)
def sobel_edges(images: Tensor, data_format=None):
    """The slopes of images by Sobel's filter, along a new last axis: down, then to the right."""
    _axes(images, data_format, "sobel_edges")
    data_format = layout(data_format, "sobel_edges")
    x, dtype = _as_batch(images), dtype_of(images)
    smooth, slope = (convert_to_tensor(np.array(values, "float32"), dtype) for values in ([1, 2, 1], [-1, 0, 1]))
    edges = [_filter(x, kernel, data_format, "same") for kernel in ((slope, smooth), (smooth, slope))]
    edges = stack(edges, axis=-1)
    return edges[0] if images.ndim == 3 else edges


@op(floating)
def ssim(
    image1: Tensor,
    image2: Tensor,
    max_val=1.0,
    filter_size=11,
    filter_sigma=1.5,
    k1=0.01,
    k2=0.03,
    data_format=None,
):
    """The structural similarity of two images, or of each two in batches: 1 where they are equal."""
    height, width, channel = _axes(image1, data_format, "ssim")
    if tuple(image1.shape) != tuple(image2.shape):
        raise ValueError(f"ssim: the shapes must be equal. Received {tuple(image1.shape)} and {tuple(image2.shape)}.")
    data_format = layout(data_format, "ssim")
    bell = _bell(filter_size, filter_sigma, dtype_of(image1))
    x, y = _as_batch(image1), _as_batch(image2)

    def local(values):
        return _filter(values, (bell, bell), data_format, "valid")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = local(x), local(y)
    var_x, var_y = local(x * x) - mean_x * mean_x, local(y * y) - mean_y * mean_y
    covariance = local(x * y) - mean_x * mean_y
    similarity = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    similarity = similarity / ((mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2))
    result = mean(similarity, axis=(1, 2, 3))
    return result[0] if image1.ndim == 3 else result
