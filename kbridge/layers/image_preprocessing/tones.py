"""Tones: contrast stretched, equalized over an image or within tiles of it, and solarization."""

from kbridge import ops
from kbridge.layers.image_preprocessing.base import (
    BaseImagePreprocessingLayer,
    factor_range,
    positive,
    rescale,
    value_range_of,
)


class AutoContrast(BaseImagePreprocessingLayer):
    """Images whose channels each fill the whole range of values; a channel of one value stays. Not only in training."""

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = value_range_of("AutoContrast", value_range)

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.compute_dtype)
        x = rescale(images, self.value_range, (0, 255))
        low, high = (f(x, axis=(self.height_axis, self.width_axis), keepdims=True) for f in (ops.min, ops.max))
        flat = high <= low
        scale = 255.0 / ops.where(flat, 1.0, high - low)
        x = rescale(ops.clip(x * scale - low * scale, 0.0, 255.0), (0, 255), self.value_range)
        return ops.where(flat, images, x)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range}


def _look_up(tables, index, row, bins):
    """``tables`` (rows, bins), at ``index`` in ``row``."""
    return ops.take(ops.reshape(tables, (-1,)), row * bins + index, axis=0)


def _histograms(index, row, rows, bins):
    """How often each of ``bins`` indices occurs in each row, as float32 (rows, bins)."""
    flat = ops.reshape(row * bins + index, (-1,))
    return ops.reshape(ops.segment_sum(ops.ones_like(flat, "float32"), flat, rows * bins), (rows, bins))


class Equalization(BaseImagePreprocessingLayer):
    """Training images whose values are spread so that each is about as frequent, channel by channel.

    Frequencies are counted over all images of a batch, in so many ``bins`` of the ``value_range``.
    """

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of("Equalization", value_range)
        self.bins = positive("Equalization", "bins", bins)

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        x = ops.moveaxis(images, self.channel_axis, -1)
        x = rescale(ops.cast(x, "float32"), self.value_range, (0, 255))
        channels, bins = x.shape[-1], self.bins
        channel = ops.arange(channels, dtype="int32")
        index = ops.cast(ops.clip(x * (bins - 1) / 255.0, 0, bins - 1), "int32")
        counts = _histograms(index, channel, channels, bins)
        below = ops.cumsum(counts, axis=-1)
        first = ops.min(ops.where(below > 0, below, below[:, -1:]), axis=-1, keepdims=True)
        rest = below[:, -1:] - first
        tables = (below - first) * 255.0 / ops.where(rest == 0, 1.0, rest)
        equalized = _look_up(ops.clip(ops.round(tables), 0, 255), index, channel, bins)
        equalized = ops.where(rest[:, 0] == 0, x, equalized)  # a channel of one value stays
        equalized = ops.cast(rescale(equalized, (0, 255), self.value_range), self.compute_dtype)
        return ops.moveaxis(equalized, -1, self.channel_axis)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range, "bins": self.bins}


class ContrastLimitedAdaptiveHistogramEqualization(BaseImagePreprocessingLayer):
    """Images equalized within tiles, between which tones pass smoothly (CLAHE). Not only in training; dtypes stay.

    Args:
        value_range: the lowest and the highest value that images have.
        clip_limit: how many times the mean a value may count, the rest being spread evenly; 0 for no limit.
        tile_grid_size: how many tiles there are (down, across).
        data_format: "channels_last" or "channels_first".
    """

    _BINS = 256

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        name = type(self).__name__
        value_range_of(name, value_range)
        self.value_range = value_range
        self.clip_limit = clip_limit
        if not isinstance(tile_grid_size, (list, tuple)) or len(tile_grid_size) != 2:
            raise ValueError(f"{name}: `tile_grid_size` must be two integers. Received: {tile_grid_size!r}.")
        self.tile_grid_size = tuple(positive(name, "tile_grid_size", n) for n in tile_grid_size)

    def transform_images(self, images, transformation=None, training=True):
        x = ops.moveaxis(images, self.channel_axis, -1)
        x = rescale(ops.cast(x, "float32"), self.value_range, (0, 255))
        x = rescale(self._equalized(x), (0, 255), self.value_range)
        return ops.cast(ops.moveaxis(x, -1, self.channel_axis), images.dtype)

    def _equalized(self, images):
        """Images (batch, height, width, channels) with values from 0 to 255."""
        batch, height, width, channels = ops.shape(images)
        down, across = self.tile_grid_size
        tall, wide = -(-height // down), -(-width // across)
        x = ops.pad(images, ((0, 0), (0, down * tall - height), (0, across * wide - width), (0, 0)), mode="symmetric")
        x = ops.cast(ops.clip(x, 0, 255), "int32")

        # a table for each image, tile and channel
        def row(image, y, x, channel):
            return ((image * down + y) * across + x) * channels + channel

        ys, xs = ops.arange(down * tall, dtype="int32"), ops.arange(across * wide, dtype="int32")
        image = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1, 1))
        channel = ops.arange(channels, dtype="int32")
        own = row(image, ops.reshape(ys // tall, (1, -1, 1, 1)), ops.reshape(xs // wide, (1, 1, -1, 1)), channel)
        tables = self._tables(_histograms(x, own, batch * down * across * channels, self._BINS), tall * wide)

        def neighbours(at, length, count, dims):
            """The tiles whose middles a pixel lies between, and how far it is from the first to the second."""
            place = (ops.cast(at, "float32") - length / 2.0) / length
            first = ops.floor(place)
            tiles = [ops.cast(ops.clip(t, 0, count - 1), "int32") for t in (first, first + 1.0)]
            return *(ops.reshape(t, dims) for t in tiles), ops.reshape(place - first, dims)

        above, under, y = neighbours(ys, tall, down, (1, -1, 1, 1))
        before, after, share = neighbours(xs, wide, across, (1, 1, -1, 1))

        def tone(down, across):
            return _look_up(tables, x, row(image, down, across, channel), self._BINS)

        upper = tone(above, before) * (1.0 - share) + tone(above, after) * share
        lower = tone(under, before) * (1.0 - share) + tone(under, after) * share
        return (upper * (1.0 - y) + lower * y)[:, :height, :width]

    def _tables(self, counts, pixels):
        """What each value becomes, from how often it occurs in tiles of so many pixels."""
        if self.clip_limit > 0:
            kept = ops.minimum(counts, self.clip_limit * pixels / self._BINS)
            counts = kept + ops.sum(counts - kept, axis=-1, keepdims=True) / self._BINS
        below = ops.cumsum(counts, axis=-1)
        first = ops.min(below, axis=-1, keepdims=True)
        rest = pixels - first
        return ops.clip((below - first) * 255.0 / ops.where(rest == 0, 1.0, rest), 0, 255)

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }


class Solarization(BaseImagePreprocessingLayer):
    """Training images made brighter by a random number, and then inverted where they are above another.

    ``addition_factor`` and ``threshold_factor`` are the ranges of these numbers, as shares of the range of values; of
    a number from 0 to it.
    """

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self.addition_factor = factor_range("Solarization", "addition_factor", addition_factor, 0, 1, symmetric=False)
        self.threshold_factor = factor_range(
            "Solarization", "threshold_factor", threshold_factor, 0, 1, symmetric=False
        )
        self.value_range = value_range_of("Solarization", value_range)
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, shape = self._draws(seed), (self._batch_size(data), 1, 1, 1)
        return {
            name: draws.uniform(shape, low * 255.0, high * 255.0)
            for name, (low, high) in (("additions", self.addition_factor), ("thresholds", self.threshold_factor))
        }

    def _transform_images(self, images, transformation):
        additions, thresholds = (ops.cast(transformation[key], images.dtype) for key in ("additions", "thresholds"))
        x = ops.clip(rescale(images, self.value_range, (0, 255)) + additions, 0, 255)
        return rescale(ops.where(x < thresholds, x, 255.0 - x), (0, 255), self.value_range)

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "seed": self.seed,
        }
