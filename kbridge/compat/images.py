"""Images between files and arrays as older generations had them, and what changes them at random.

The functions take today's names of orders of axes ("channels_last", "channels_first"); ``ordering``
reads those of Keras 1. Random numbers come from NumPy's global stream, as they did then.
"""

import os

import numpy as np

from kbridge import config
from kbridge.compat import affine
from kbridge.utils import images as today

EXTENSIONS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


def ordering(value):
    """The order of axes that "th", "tf", "default", None or a name of today stands for."""
    value = config.DIM_ORDERINGS.get(value, value)
    return config.standardize_data_format(None if value == "default" else value)


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """The array ``x`` (three axes, 1, 3 or 4 channels) as an image of Pillow.

    ``scale``: stretch the values first, so that the largest becomes 255; what is negative is moved up to 0 before.
    """
    x = np.asarray(x, dtype=today._numpy_float(dtype))
    if scale and x.size:
        x = x + max(-x.min(), 0)
        x = x / (x.max() or 1) * 255
        x = np.clip(x, 0, 255)
    return today.array_to_img(x.astype("uint8"), ordering(data_format), scale=False, dtype="float32")


def img_to_array(img, data_format=None, dtype=None):
    """An image of Pillow as an array of three axes, in floatx unless told."""
    return np.array(today.img_to_array(img, ordering(data_format), dtype))  # old code writes into it


def load_img(path, grayscale=False, color_mode="rgb", target_size=None, interpolation="nearest"):
    """The image in a file, as Pillow's.

    Args:
        path: where it is.
        grayscale: the older way of saying ``color_mode="grayscale"``.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to bring it to.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
    """
    color_mode = "grayscale" if grayscale else color_mode
    image = today.load_img(path, color_mode, target_size, interpolation)
    return image.convert("L") if color_mode == "grayscale" and image.mode != "L" else image


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write the array ``x`` as an image file; ``kwargs`` go to Pillow's ``save``."""
    image = array_to_img(x, data_format, scale)
    kind = file_format or os.path.splitext(str(path))[1][1:]
    if image.mode == "RGBA" and kind.lower() in ("jpg", "jpeg"):
        image = image.convert("RGB")
    image.save(path, format=file_format and {"jpg": "jpeg"}.get(file_format.lower(), file_format), **kwargs)


def list_pictures(directory, ext=EXTENSIONS):
    """The paths of the pictures in a directory and those below it; ``ext`` is a list, or "jpg|png"."""
    endings = tuple(f".{e}" for e in (ext.split("|") if isinstance(ext, str) else ext))
    return [
        os.path.join(folder, name)
        for folder, _, names in os.walk(directory)
        for name in sorted(names)
        if name.lower().endswith(endings)
    ]


# -- changes of one image


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=0,
    col_axis=1,
    channel_axis=2,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """``x`` turned by ``theta`` degrees, shifted, sheared by ``shear`` degrees and zoomed, about its middle."""
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    matrix = affine.rotation(np.deg2rad(theta)) @ affine.shift(tx, ty)
    matrix = matrix @ affine.shear(np.deg2rad(shear)) @ affine.zoom(zx, zy)
    matrix = affine.transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    return affine.warp(x, matrix, channel_axis, fill_mode, cval, order)


def random_rotation(
    x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """``x`` turned by up to ``rg`` degrees."""
    theta = np.random.uniform(-rg, rg)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(x, theta, 0, 0, 0, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_shift(
    x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """``x`` shifted by up to the parts ``wrg`` of its width and ``hrg`` of its height."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_shear(
    x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """``x`` sheared by up to ``intensity`` degrees."""
    shear = np.random.uniform(-intensity, intensity)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(x, 0, 0, 0, shear, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_zoom(
    x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1
):
    """``x`` zoomed by a factor between the two in ``zoom_range``, for rows and columns apart."""
    zx, zy = zoom_factors(zoom_range)
    axes = row_axis, col_axis, channel_axis
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *axes, fill_mode, cval, interpolation_order)


def zoom_factors(zoom_range):
    """Two factors from a range (lowest, highest)."""
    lowest, highest = two_numbers("zoom_range", zoom_range)
    return (1, 1) if lowest == highest == 1 else tuple(np.random.uniform(lowest, highest, 2))


def two_numbers(name, value):
    """``value``, if it is a list or tuple of two."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{name} must be two numbers, (lowest, highest). Received: {name}={value!r}.")
    return value


def apply_channel_shift(x, intensity, channel_axis=0):
    """``x`` with ``intensity`` added, within its own smallest and largest values; one for each channel, or for all."""
    intensity = np.asarray(intensity, dtype=x.dtype)
    if intensity.ndim:
        intensity = intensity.reshape([-1 if axis == channel_axis % x.ndim else 1 for axis in range(x.ndim)])
    return np.clip(x + intensity, x.min(), x.max())


def random_channel_shift(x, intensity_range, channel_axis=0):
    """``x`` made lighter or darker by up to ``intensity_range``."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def apply_brightness_shift(x, brightness, data_format=None):
    """``x`` with its brightness multiplied; its values are stretched to 0 to 255 on the way."""
    today.pillow("apply_brightness_shift")
    from PIL import ImageEnhance

    data_format = data_format or "channels_last"
    image = ImageEnhance.Brightness(array_to_img(x, data_format)).enhance(brightness)
    return img_to_array(image, data_format)


def random_brightness(x, brightness_range):
    """``x`` with its brightness multiplied by a factor between the two in ``brightness_range``."""
    lowest, highest = two_numbers("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(lowest, highest))
