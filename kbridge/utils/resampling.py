"""Resampling on the host, for data sets read from files: images to another size, sound to another rate."""

from functools import lru_cache
from math import gcd

import numpy as np

# -- images


def _cubic(b, c):
    """The family of cubic kernels with parameters b and c (Mitchell and Netravali)."""

    def kernel(x):
        near = ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b) / 6
        far = ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6
        return np.where(x < 1, near, np.where(x < 2, far, 0))

    return kernel


def _lanczos(radius):
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


# Of the distance from the place that is sampled, in pixels of the input
_KERNELS = {
    "bilinear": lambda x: np.maximum(0, 1 - x),
    "bicubic": _cubic(0, 0.5),
    "mitchellcubic": _cubic(1 / 3, 1 / 3),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
    "gaussian": lambda x: np.where(x < 1.5, np.exp(-2 * x**2), 0),
}
_SMOOTHING = ("mitchellcubic", "gaussian")  # these change an image even where its size stays
IMAGE_INTERPOLATIONS = (*_KERNELS, "nearest", "area")


@lru_cache(256)
def _taps(length, target, interpolation):
    """For an axis: the pixels that each new one is made of, and with what weights, both (taps, target)."""
    if interpolation == "area":
        edges = np.arange(target + 1) * (length / target)
        below = np.clip(edges[:, None] - np.arange(length), 0, 1)  # how much of each pixel lies before each edge
        weights = below[1:] - below[:-1]
    else:
        at = (np.arange(target) + 0.5) * (length / target) - 0.5
        weights = _KERNELS[interpolation](abs(at[:, None] - np.arange(length)))
    first = (weights != 0).argmax(1)
    last = length - 1 - (weights != 0)[:, ::-1].argmax(1)
    pixels = np.minimum(first + np.arange((last - first).max() + 1)[:, None], length - 1)
    weights = np.where(pixels <= last, weights[np.arange(target), pixels], 0)
    weights[1:][pixels[1:] == pixels[:-1]] = 0  # the last pixel again
    return pixels, (weights / weights.sum(0)).astype("float32")


def _along_rows(image, target, interpolation):
    pixels, weights = _taps(len(image), target, interpolation)
    result = image[pixels[0]] * weights[0][:, None, None]
    for pixel, weight in zip(pixels[1:], weights[1:]):
        result += image[pixel] * weight[:, None, None]
    return result


def resize(image, size, interpolation):
    """The float32 ``image`` (height, width, channels) in another ``size``; nothing is smoothed beforehand."""
    height, width = size
    if image.shape[:2] == (height, width) and interpolation not in _SMOOTHING:
        return image
    if interpolation == "nearest":
        rows, columns = (
            ((np.arange(target) + 0.5) * (length / target)).astype(int) for length, target in zip(image.shape, size)
        )
        return image[rows[:, None], columns]
    image = _along_rows(image, height, interpolation)
    return _along_rows(image.swapaxes(0, 1), width, interpolation).swapaxes(0, 1)


def fit_inside(image, size, interpolation):
    """The ``image`` resized so that all of it fits into ``size``, with zeros where it does not reach."""
    height, width = size
    ratio = max(image.shape[0] / height, image.shape[1] / width)
    exact = image.shape[0] / ratio, image.shape[1] / ratio
    inner = max(1, int(exact[0])), max(1, int(exact[1]))
    top, left = int((height - exact[0]) / 2), int((width - exact[1]) / 2)
    result = np.zeros((height, width, image.shape[2]), "float32")
    result[top : top + inner[0], left : left + inner[1]] = resize(image, inner, interpolation)
    return result


# -- sound

_HALF_WIDTH = 16  # zero crossings of the kernel on each side


def resample(sound, rate, target_rate):
    """The float32 ``sound`` (samples, channels) at another rate, by a windowed sinc that keeps out what would alias."""
    if rate == target_rate or not len(sound):
        return sound
    common = gcd(rate, target_rate)
    up, down = target_rate // common, rate // common
    count = -(-len(sound) * up // down)
    cutoff = min(1.0, up / down)
    reach = int(np.ceil(_HALF_WIDTH / cutoff))
    padded = np.pad(sound, ((reach, reach + 1), (0, 0)))
    result = np.empty((count, sound.shape[1]), "float32")
    taps = np.arange(-reach + 1, reach + 1)
    # Output samples that are ``up`` apart lie alike between the input's: they share their weights.
    for phase in range(min(up, count)):
        at = np.arange(phase, count, up) * down
        fraction = (phase * down % up) / up
        distance = (taps - fraction) * cutoff
        window = np.where(abs(distance) < _HALF_WIDTH, np.cos(np.pi * distance / (2 * _HALF_WIDTH)) ** 2, 0)
        weights = np.sinc(distance) * window
        weights = (weights / weights.sum()).astype("float32")
        start = at // up + reach
        for channel in range(sound.shape[1]):
            windows = np.lib.stride_tricks.sliding_window_view(padded[:, channel], len(taps))
            result[phase::up, channel] = windows[start - reach + 1] @ weights
    return result
