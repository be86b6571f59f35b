"""The functions on images that ``scipy.misc`` once had, by Pillow."""

import numpy as np

_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "cubic": 3}


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('The functions of scipy.misc need Pillow. Write: pip install "kbridge[image]"') from error
    return Image


def bytescale(data, cmin=None, cmax=None, high=255, low=0):
    """Numbers spread over ``low`` to ``high``, as bytes; bytes stay as they are."""
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    cmin = data.min() if cmin is None else cmin
    cmax = data.max() if cmax is None else cmax
    scale = float(high - low) / ((cmax - cmin) or 1)
    return (((data - cmin) * scale + low).clip(low, high) + 0.5).astype(np.uint8)


def toimage(arr, high=255, low=0, cmin=None, cmax=None, pal=None, mode=None, channel_axis=None):
    """An array as an image of Pillow; its smallest number is black, its largest white, unless it holds bytes."""
    arr = np.asarray(arr)
    if pal is not None:
        raise ValueError("toimage: palettes cannot be honoured. Write: PIL.Image.fromarray(arr), then putpalette(pal)")
    if arr.ndim == 3:
        axis = channel_axis
        if axis is None:
            axis = next((i for i in (2, 0, 1) if arr.shape[i] in (3, 4)), None)
        if axis is None or arr.shape[axis] not in (3, 4):
            raise ValueError(f"toimage: 3 or 4 channels are expected. Received an array of shape {arr.shape}.")
        arr = np.moveaxis(arr, axis, -1)
    elif arr.ndim != 2:
        raise ValueError(f"toimage: an array of 2 or 3 dimensions is expected. Received the shape {arr.shape}.")
    image = _pillow()
    if mode == "F":
        return image.fromarray(arr.astype(np.float32))
    made = image.fromarray(bytescale(arr, cmin, cmax, high, low))
    return made if mode in (None, made.mode) else made.convert(mode)


def fromimage(im, flatten=False, mode=None):
    """An image of Pillow as an array."""
    if mode is not None and mode != im.mode:
        im = im.convert(mode)
    return np.array(im.convert("F") if flatten else im)


def imread(name, flatten=False, mode=None):
    """The image in a file, as an array."""
    return fromimage(_pillow().open(name), flatten, mode)


def imsave(name, arr, format=None):
    """Write an array into a file, as an image."""
    toimage(arr, channel_axis=2 if np.ndim(arr) == 3 else None).save(name, format)


def imresize(arr, size, interp="bilinear", mode=None):
    """An image in another size: a percentage (int), a fraction (float), or (height, width)."""
    im = toimage(arr, mode=mode)
    if isinstance(size, (int, np.integer)):
        new = tuple(int(side * size / 100.0) for side in im.size)
    elif isinstance(size, (float, np.floating)):
        new = tuple(int(side * size) for side in im.size)
    else:
        new = (size[1], size[0])
    return fromimage(im.resize(new, resample=_FILTERS[interp]))


def imrotate(arr, angle, interp="bilinear"):
    """An image turned by degrees, counter-clockwise, in the same size."""
    return fromimage(toimage(arr).rotate(angle, resample=_FILTERS[interp]))
