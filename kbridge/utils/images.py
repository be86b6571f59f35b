"""Images: between files, Pillow's images and arrays. Pillow is needed where files or its images are."""

import io
import os
import warnings

import numpy as np

from kbridge import config
from kbridge.utils import resampling

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GREY = ("L", "I;16", "I")
_PILLOW_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow(asking):
    """The module PIL.Image, or an error that says what to install."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{asking} needs Pillow, which is not installed. Run: pip install pillow") from error
    return Image


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """The array ``x`` (three axes, 1, 3 or 4 channels) as an image of Pillow.

    ``scale``: stretch the values to 0 to 255 first. ``dtype``: what is computed in, floatx unless told.
    """
    Image = pillow("array_to_img")
    data_format = config.standardize_data_format(data_format)
    x = np.asarray(x, dtype=_numpy_float(dtype))
    if x.ndim != 3:
        raise ValueError(f"array_to_img: x must be one image, with three axes. Received the shape {x.shape}.")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"array_to_img: an image has 1, 3 or 4 channels. Received {x.shape[2]}, with data_format={data_format!r}."
        )
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    if x.shape[2] == 1:
        wide = x.max() > 255
        return Image.fromarray(x[:, :, 0].astype("int32" if wide else "uint8"))
    return Image.fromarray(x.astype("uint8"))


def img_to_array(img, data_format=None, dtype=None):
    """An image of Pillow (or an array of two or three axes) as an array of three axes, in floatx unless told."""
    data_format = config.standardize_data_format(data_format)
    x = np.asarray(img, dtype=_numpy_float(dtype))
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array: an image has two or three axes. Received the shape {x.shape}.")
    if x.ndim == 2:
        x = x[..., None]
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write the array ``x`` as an image file; ``kwargs`` go to Pillow's ``save``.

    The format is that of the path's ending, unless ``file_format`` names it (as it must for a file object).
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(path)[1][1:]
    if file_format:
        file_format = {"jpg": "jpeg"}.get(file_format.lower(), file_format.lower())
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("save_img: JPEG has no transparency, so it is left out.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format or None, **kwargs)


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """The image in a file, as Pillow's image.

    Args:
        path: a path, or a BytesIO.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to bring it to; as it is, unless told.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: whether what does not fit is cut off at both ends, instead of being squeezed in.
    """
    Image = pillow("load_img")
    if color_mode not in _MODES:
        raise ValueError(f"load_img: color_mode must be one of {list(_MODES)}. Received: color_mode={color_mode!r}.")
    if isinstance(path, io.BytesIO):
        image = Image.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as file:
            image = Image.open(io.BytesIO(file.read()))
    else:
        raise TypeError(f"load_img: path must be a path or a BytesIO. Received: {type(path).__name__}.")
    mode = _MODES[color_mode]
    if image.mode != mode and not (mode == "L" and image.mode in _GREY):
        image = image.convert(mode)
    if target_size is None:
        return image
    size = target_size[1], target_size[0]
    if image.size == size:
        return image
    if interpolation not in _PILLOW_INTERPOLATIONS:
        raise ValueError(
            f"load_img: interpolation must be one of {list(_PILLOW_INTERPOLATIONS)}. "
            f"Received: interpolation={interpolation!r}."
        )
    method = Image.Resampling[interpolation.upper()]
    if not keep_aspect_ratio:
        return image.resize(size, method)
    width, height = image.size
    top, left, kept_height, kept_width = _middle(height, width, size[1], size[0])
    return image.resize(size, method, box=(left, top, left + kept_width, top + kept_height))


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last", **kwargs):
    """``x`` (an image or a batch) cut to the shape of ``size`` in its middle, then resized: nothing is squeezed.

    A NumPy array gives a NumPy array, anything else a tensor.
    """
    from kbridge import ops

    if kwargs:
        raise TypeError(f"smart_resize does not know the argument(s) {sorted(kwargs)}.")
    if len(size) != 2:
        raise ValueError(f"smart_resize: size must be (height, width). Received: size={size!r}.")
    data_format = config.standardize_data_format(data_format)
    image = ops.convert_to_tensor(x)
    if len(image.shape) not in (3, 4):
        raise ValueError(
            f"smart_resize: x must be an image (three axes) or a batch of images (four). "
            f"Received the shape {tuple(image.shape)}."
        )
    first = (0 if data_format == "channels_last" else 1) + len(image.shape) - 3
    height, width = image.shape[first], image.shape[first + 1]
    top, left, kept_height, kept_width = crop_box(height, width, *size)
    where = (slice(None),) * first + (slice(top, top + kept_height), slice(left, left + kept_width))
    result = ops.image.resize(image[where], size, interpolation=interpolation, data_format=data_format)
    return ops.convert_to_numpy(result) if isinstance(x, np.ndarray) else result


def crop_box(height, width, target_height, target_width):
    """(top, left, height, width) of the largest part in the middle that has the target's proportions."""
    kept_height = max(1, min(height, int(width * target_height / target_width)))
    kept_width = max(1, min(width, int(height * target_width / target_height)))
    return int((height - kept_height) / 2), int((width - kept_width) / 2), kept_height, kept_width


def _middle(height, width, target_height, target_width):
    """``crop_box`` as Pillow's images are cut: in whole numbers."""
    kept_height = min(height, width * target_height // target_width)
    kept_width = min(width, height * target_width // target_height)
    return (height - kept_height) // 2, (width - kept_width) // 2, kept_height, kept_width


def read_image(path, channels, size, interpolation, data_format, crop, pad):
    """The image in a file as a float32 array of ``size``, its values from 0 to 255."""
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    try:
        x = img_to_array(load_img(path, mode), "channels_last", "float32")
    except OSError as error:
        raise ValueError(f"{os.fspath(path)} cannot be read as an image: {error}") from error
    if crop:
        top, left, height, width = crop_box(*x.shape[:2], *size)
        x = x[top : top + height, left : left + width]
    x = resampling.fit_inside(x, size, interpolation) if pad else resampling.resize(x, size, interpolation)
    return np.ascontiguousarray(x.transpose(2, 0, 1)) if data_format == "channels_first" else x


def _numpy_float(dtype):
    """The dtype to compute in on the host, where bfloat16 is none."""
    dtype = config.floatx() if dtype is None else dtype
    return "float32" if dtype == "bfloat16" else dtype
