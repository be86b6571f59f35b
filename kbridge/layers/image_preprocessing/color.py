"""Random changes of colours: what is where stays."""

from kbridge import ops, random
from kbridge.config import epsilon
from kbridge.layers.image_preprocessing.base import (
    BaseImagePreprocessingLayer,
    choose,
    factor_range,
    number_or_pair,
    per_image,
    rescale,
    value_range_of,
)


class _Colour(BaseImagePreprocessingLayer):
    """Base of changes of colours.

    Args:
        factor: how much, or how likely: a number or a range (lowest, highest), from which each image gets its own.
        value_range: the lowest and the highest value that images have.
        seed: an int, for the same numbers in each run.
        data_format: "channels_last" or "channels_first".
    """

    _bounds = (0, 1)

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor_range(type(self).__name__, "factor", factor, *self._bounds)
        self.value_range = value_range_of(type(self).__name__, value_range)
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return self._drawn(self._draws(seed), self._batch_size(data))

    def _drawn(self, draws, batch_size):
        """The transformation of a batch."""
        return {"factor": draws.uniform((batch_size,), *self.factor)}

    def _clip(self, images):
        return ops.clip(images, *self.value_range)

    def _factors(self, transformation, name="factor", dtype=None):
        """A number for each image, as (batch, 1, 1, 1)."""
        return ops.cast(per_image(transformation[name]), dtype or self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range, "seed": self.seed}


class RandomBrightness(_Colour):
    """Training images made brighter or darker, by random shares of the range of values. Their dtype stays.

    ``factor`` is a range within -1 and 1; of a number from its negative to it.
    """

    _bounds = (-1, 1)

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor, value_range, seed, **kwargs)

    def _drawn(self, draws, batch_size):
        low, high = self.value_range
        return {"rgb_delta": draws.uniform((batch_size, 1, 1, 1), *self.factor) * (high - low)}

    def transform_images(self, images, transformation=None, training=True):
        if not training or transformation is None:
            return images
        dtype, delta = ops.dtype(images), transformation["rgb_delta"]
        if "int" in dtype:
            changed = self._clip(ops.cast(images, "float32") + ops.trunc(delta))
        else:
            changed = self._clip(images + ops.cast(delta, dtype))
        return ops.cast(changed, dtype)


class RandomContrast(_Colour):
    """Training images with more or less contrast: distances from each channel's mean times a random number.

    That is drawn from 1 - lowest to 1 + highest, where ``factor`` is (lowest, highest); of a number lowest is 0.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor, value_range, seed, **kwargs)

    def _drawn(self, draws, batch_size):
        low, high = self.factor
        return {"contrast_factor": draws.uniform((batch_size, 1, 1, 1), 1.0 - low, 1.0 + high)}

    def _transform_images(self, images, transformation):
        mean = ops.mean(images, axis=(self.height_axis, self.width_axis), keepdims=True)
        return self._clip((images - mean) * self._factors(transformation, "contrast_factor") + mean)


class _Hued(_Colour):
    """Base of changes of hue or saturation."""

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _transform_images(self, images, transformation):
        dtype = "float64" if self.compute_dtype == "float64" else "float32"  # hues divide by what may be tiny
        x = rescale(ops.cast(images, dtype), self.value_range, (0, 1))
        parts = ops.split(ops.image.rgb_to_hsv(x, data_format=self.data_format), 3, axis=self.channel_axis)
        parts = self._changed(*parts, self._factors(transformation, dtype=dtype))
        x = ops.image.hsv_to_rgb(ops.concatenate(parts, axis=self.channel_axis), data_format=self.data_format)
        return ops.cast(rescale(ops.clip(x, 0, 1), (0, 1), self.value_range), self.compute_dtype)


class RandomHue(_Hued):
    """RGB training images with their hues turned, by up to half a circle where ``factor`` is 1, in either direction.

    ``factor`` is a range within 0 and 1; of a number from 0 to it.
    """

    def _drawn(self, draws, batch_size):
        return {"factor": draws.uniform((batch_size,), *self.factor) * draws.sign((batch_size,)) * 0.5}

    def _changed(self, hue, saturation, value, factors):
        hue = hue + factors
        hue = ops.where(hue > 1.0, hue - 1.0, hue)
        return [ops.where(hue < 0.0, hue + 1.0, hue), saturation, value]


class RandomSaturation(_Hued):
    """RGB training images with more or less saturated colours: 0 is grey, 0.5 leaves them, 1 is as pure as can be."""

    _bounds = (-1, 1)

    def _drawn(self, draws, batch_size):
        factor = draws.uniform((batch_size,), *self.factor)
        return {"factor": factor / (1.0 - factor + epsilon())}

    def _changed(self, hue, saturation, value, factors):
        return [hue, ops.clip(saturation * factors, 0, 1), value]


class RandomSharpness(_Colour):
    """Training images blurred (0), left (0.5) or sharpened (1); ``factor`` of a number goes from 0 to it."""

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _transform_images(self, images, transformation):
        channels = images.shape[self.channel_axis]
        window = [[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]
        kernel = ops.reshape(ops.convert_to_tensor(window, images.dtype) / 13.0, (3, 3, 1, 1))
        kernel = ops.tile(kernel, (1, 1, channels, 1))
        smooth = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        return self._clip(images + (1.0 - 2.0 * self._factors(transformation)) * (smooth - images))


class RandomColorDegeneration(_Colour):
    """Training images with colours faded towards grey, all of them where ``factor`` is 1.

    ``factor`` is a range within -1 and 1, of a number from its negative to it; negative ones strengthen colours.
    """

    _bounds = (-1, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _drawn(self, draws, batch_size):
        return {"factor": draws.uniform((batch_size, 1, 1, 1), *self.factor)}

    def _transform_images(self, images, transformation):
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return self._clip(images + self._factors(transformation) * (grey - images))


class RandomInvert(_Colour):
    """Some training images as their negatives; ``factor`` is the probability, of a number from 0 to it."""

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _drawn(self, draws, batch_size):
        return {"apply_inversion": draws.chance(batch_size, self.factor)}

    def _transform_images(self, images, transformation):
        low, high = self.value_range
        return choose(transformation["apply_inversion"], low + high - images, images)


class RandomPosterization(_Colour):
    """Training images with fewer shades: values of so many bits as drawn, at least 1 and fewer than ``factor``.

    ``factor`` is a range within 1 and 8, whose end is left out; of a number from 1 to it.
    """

    _bounds = (1, 8)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def _drawn(self, draws, batch_size):
        low, high = self.factor
        bits = draws.integers((batch_size,), low, max(high, low + 1))
        return {"shift_factor": ops.cast(8 - bits, "uint8")}

    def _transform_images(self, images, transformation):
        values = ops.cast(ops.clip(rescale(images, self.value_range, (0, 255)), 0, 255), "int32")
        step = ops.left_shift(1, ops.cast(per_image(transformation["shift_factor"]), "int32"))
        return rescale(ops.cast(values - values % step, self.compute_dtype), (0, 255), self.value_range)


class RandomGrayscale(BaseImagePreprocessingLayer):
    """Some RGB training images in grey, still with three channels; ``factor`` is the probability. The dtype stays."""

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        if number_or_pair("RandomGrayscale", "factor", factor, 0, 1) or not 0 <= factor <= 1:
            raise ValueError(f"RandomGrayscale: `factor` must be a number from 0 to 1. Received: factor={factor}.")
        self.factor = factor
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return self._draws(seed).uniform((self._batch_size(data), 1, 1, 1)) < self.factor

    def transform_images(self, images, transformation=None, training=True):
        if not training or transformation is None:
            return images
        return ops.where(transformation, ops.image.rgb_to_grayscale(images, data_format=self.data_format), images)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}


class RandomGaussianBlur(_Colour):
    """Some training images blurred, within a window of ``kernel_size`` (odd; a number or two: width, height).

    ``factor`` is the probability, ``sigma`` the range of the deviation in pixels, from 0 to 1, drawn for each batch.
    """

    def __init__(
        self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None, **kwargs
    ):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (list, tuple)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or any(not isinstance(n, int) or n % 2 == 0 or n < 1 for n in sizes):
            raise ValueError(
                "RandomGaussianBlur: `kernel_size` must be an odd number, or two. "
                f"Received: kernel_size={kernel_size!r}."
            )
        self.kernel_size = sizes
        self.sigma = factor_range("RandomGaussianBlur", "sigma", sigma, 0, 1)

    def _drawn(self, draws, batch_size):
        apply = draws.chance(batch_size, self.factor)
        return {"should_apply_blur": apply, "blur_factor": draws.uniform((2,), *self.sigma) + 1e-6}

    def _transform_images(self, images, transformation):
        blurred = ops.image.gaussian_blur(
            images, self.kernel_size, transformation["blur_factor"], data_format=self.data_format
        )
        return self._clip(choose(transformation["should_apply_blur"], blurred, images))

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size, "sigma": self.sigma}


class RandomErasing(_Colour):
    """Some training images with a rectangle painted over.

    Args:
        factor: the range of the probability; of a number from 0 to it.
        scale: the range of the rectangle's share of the image.
        fill_value: what to paint: a number, three for the channels, or None for noise.
        value_range, seed, data_format: as in other layers.
    """

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        self.scale = factor_range("RandomErasing", "scale", scale, 0, 1)
        if fill_value is not None and not isinstance(fill_value, (int, float)):
            if not isinstance(fill_value, (list, tuple)) or len(fill_value) != 3:
                raise ValueError(
                    f"RandomErasing: `fill_value` must be a number, or three, or None. Received: {fill_value!r}."
                )
        self.fill_value = fill_value

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, shape, batch = self._draws(seed), self._shape(data), self._batch_size(data)
        lengths = ops.sqrt(draws.uniform((batch, 2), *self.scale))
        inside, _ = random_rectangle(self, draws, shape, lengths[:, 0], lengths[:, 1])
        return {
            "batch_masks": inside,
            "apply_erasing": draws.chance(batch, self.factor),
            "fill_value": self._filling(draws, shape),
        }

    def _filling(self, draws, shape):
        if self.fill_value is None:
            noise = random.normal(shape[-4:], dtype="float32", seed=draws.seed())
            return self._clip(noise * self.value_range[1])
        filling = ops.convert_to_tensor(self.fill_value, "float32")
        if filling.ndim and self.data_format == "channels_first":
            filling = ops.reshape(filling, (3, 1, 1))
        return self._clip(filling)

    def _transform_images(self, images, transformation):
        filling = ops.cast(transformation["fill_value"], self.compute_dtype)
        painted = ops.where(transformation["batch_masks"], filling, images)
        return choose(transformation["apply_erasing"], painted, images)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "fill_value": self.fill_value}


def random_rectangle(layer, draws, shape, wide, tall):
    """A rectangle somewhere in each image, of so large shares (batch,) of its width and height.

    Returns whether each pixel is inside, (batch, height, width, 1) or in the layer's data format, and the share of the
    image's area.
    """
    sides = []
    for axis, share in ((layer.width_axis, wide), (layer.height_axis, tall)):
        length = ops.cast(shape[axis], "float32")
        start = draws.uniform(ops.shape(share)) * (length - share * length)
        dims = [1] * 4
        dims[axis] = -1
        at = ops.reshape(ops.arange(shape[axis], dtype="float32"), dims)
        sides.append(ops.logical_and(at >= per_image(start), at < per_image(start + share * length)))
    return ops.logical_and(*sides), wide * tall


class RandomColorJitter(BaseImagePreprocessingLayer):
    """Brightness, contrast, saturation and hue of training images changed, in this order, each whose factor is given.

    The factors are those of ``RandomBrightness``, ``RandomContrast``, ``RandomSaturation`` and ``RandomHue``.
    """

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        self._seeded(seed)
        kinds = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        self._changes = [
            kind(factor, value_range=value_range, data_format=data_format, dtype=self.dtype_policy)
            for kind, factor in kinds
            if factor is not None
        ]

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws = self._draws(seed)
        return [change.get_random_transformation(data, seed=draws.part()) for change in self._changes]

    def _transform_images(self, images, transformation):
        for change, drawn in zip(self._changes, transformation, strict=True):
            images = change.transform_images(images, drawn)
        return images

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
            "seed": self.seed,
        }
