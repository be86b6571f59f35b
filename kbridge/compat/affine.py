"""Images turned, shifted, sheared and zoomed: affine maps of the plane, with NumPy.

The value at (row, column) of the result is that of the image at ``matrix @ (row, column, 1)``,
by the nearest pixel (order 0) or between the four around it (order 1).
"""

import numpy as np

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def rotation(angle):
    """The map that turns by ``angle``, in radians."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def shift(rows, columns):
    """The map that shifts by pixels."""
    return np.array([[1, 0, rows], [0, 1, columns], [0, 0, 1]], dtype=float)


def shear(angle):
    """The map that shears by ``angle``, in radians."""
    return np.array([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])


def zoom(rows, columns):
    """The map that zooms: by more than 1 away from the image, by less into it."""
    return np.diag([rows, columns, 1.0])


def transform_matrix_offset_center(matrix, x, y):
    """``matrix`` about the middle of an image of ``x`` rows and ``y`` columns."""
    rows, columns = x / 2 + 0.5, y / 2 + 0.5
    return shift(rows, columns) @ matrix @ shift(-rows, -columns)


def flip_axis(x, axis):
    """``x`` the other way round along an axis."""
    return np.flip(np.asarray(x), axis)


def warp(x, matrix, channel_axis=0, fill_mode="nearest", cval=0.0, order=1):
    """One image (three axes) under the map ``matrix`` (2 or 3 rows of 3).

    Args:
        x: the image.
        matrix: from places in the result to places in the image.
        channel_axis: the axis of its channels.
        fill_mode: what lies outside of the image: "constant" (that is ``cval``), "nearest", "reflect" or "wrap".
        cval: see there.
        order: 0 takes the nearest pixel, 1 interpolates; higher ones are splines, which need SciPy.
    """
    x = np.asarray(x)
    if fill_mode not in FILL_MODES:
        raise ValueError(f"fill_mode must be one of {FILL_MODES}. Received: fill_mode={fill_mode!r}.")
    if order not in (0, 1):
        return _spline(x, np.asarray(matrix), channel_axis, fill_mode, cval, order)
    image = np.moveaxis(x, channel_axis, -1)
    sides = image.shape[:2]
    grid = np.indices(sides, dtype=float)
    places = [row[0] * grid[0] + row[1] * grid[1] + row[2] for row in np.asarray(matrix)[:2]]
    found = [_inside(place, side, fill_mode) for place, side in zip(places, sides)]
    outside = found[0][1] | found[1][1]
    (rows, columns) = found[0][0], found[1][0]
    if order == 0:
        result = image[_index(rows + 0.5, sides[0], fill_mode), _index(columns + 0.5, sides[1], fill_mode)]
    else:
        result = _between(image, rows, columns, fill_mode)
    if fill_mode == "constant" and outside.any():
        result[outside] = cval
    return np.ascontiguousarray(np.moveaxis(result, -1, channel_axis))


def _inside(place, side, fill_mode):
    """(places in the image that stand for ``place``, where these lay outside)."""
    last = side - 1
    outside = (place < 0) | (place > last)
    if not outside.any():
        return place, outside
    if fill_mode == "reflect":
        turned = np.mod(place + 0.5, 2 * side)
        inside = np.where(turned < side, turned, 2 * side - turned) - 0.5
    elif fill_mode == "wrap":
        inside = np.mod(place, last) if last else np.zeros_like(place)
        inside = np.where((inside == 0) & (place > 0), last, inside)
    else:
        inside = np.clip(place, 0, last)
    return np.where(outside, inside, place), outside


def _index(place, side, fill_mode):
    index = np.floor(place).astype(np.intp)
    if fill_mode == "wrap" and side > 1:
        return np.where(index > side - 1, index - (side - 1), index)
    return np.clip(index, 0, side - 1)


def _between(image, rows, columns, fill_mode):
    result = 0.0
    top, left = np.floor(rows), np.floor(columns)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - (rows - top)) * np.abs(1 - right - (columns - left))
            r = _index(top + down, image.shape[0], fill_mode)
            c = _index(left + right, image.shape[1], fill_mode)
            result = result + weight[..., None] * image[r, c]
    if image.dtype.kind in "iu":
        result = np.floor(np.abs(result) + 0.5) * np.sign(result)
    return result.astype(image.dtype)


def _spline(x, matrix, channel_axis, fill_mode, cval, order):
    try:
        from scipy import ndimage
    except ImportError as error:
        raise ImportError(
            f"interpolation_order={order!r} needs SciPy, which is not installed. Write interpolation_order=1 (or 0), "
            f"or run: pip install scipy"
        ) from error
    image = np.moveaxis(x, channel_axis, 0)
    channels = [
        ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval)
        for channel in image
    ]
    return np.moveaxis(np.stack(channels), 0, channel_axis)
