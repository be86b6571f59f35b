"""``ImageDataGenerator``: images changed at random, the same way in both generations but for a few meanings.

What differs between them is in the methods and class attributes below that a generation overrides.
"""

import warnings

import numpy as np

from kbridge.compat import affine, images


class Generator:
    """What changes images and brings them to a common scale.

    Args:
        featurewise_center: whether the mean of the whole data (see ``fit``) is taken away, for each channel.
        samplewise_center: whether each image's own mean is.
        featurewise_std_normalization: whether images are divided by the deviation of the whole data.
        samplewise_std_normalization: whether each is divided by its own.
        zca_whitening: whether neighbouring values are made independent (see ``fit``).
        zca_epsilon: what is added to the variances for that.
        rotation_range: by how many degrees images may turn.
        width_shift_range: by how much they may move sideways: a part of the width, pixels, or a list to choose from.
        height_shift_range: likewise, up and down.
        brightness_range: (lowest, highest) factor of the brightness.
        shear_range: by what angle they may be sheared.
        zoom_range: (lowest, highest) factor, or a number z for (1 - z, 1 + z).
        channel_shift_range: by how much the values of channels may change.
        fill_mode: what is outside of an image: "constant", "nearest", "reflect" or "wrap".
        cval: the value there, with "constant".
        horizontal_flip: whether half of the images are mirrored sideways.
        vertical_flip: whether half of them are upside down.
        rescale: a factor for all values.
        preprocessing_function: what is done to each image after the changes, before the scaling.
        data_format: "channels_last" or "channels_first".
        validation_split: the part of the data that ``subset="validation"`` means.
        interpolation_order: 0 for the nearest pixel, 1 to interpolate.
        dtype: of the batches.
    """

    _tiny = 1e-6  # added to deviations

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format="channels_last",
        validation_split=0.0,
        interpolation_order=1,
        dtype="float32",
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = images.ordering(data_format)
        self.interpolation_order = interpolation_order
        self.dtype = dtype
        self.row_axis, self.col_axis, self.channel_axis = (
            (2, 3, 1) if self.data_format == "channels_first" else (1, 2, 3)
        )
        if fill_mode not in affine.FILL_MODES:
            raise ValueError(f"fill_mode must be one of {affine.FILL_MODES}. Received: fill_mode={fill_mode!r}.")
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"validation_split must be between 0 and 1. Received: {validation_split}.")
        self._validation_split = validation_split
        if np.isscalar(zoom_range):
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = list(images.two_numbers("zoom_range", zoom_range))
        if brightness_range is not None:
            images.two_numbers("brightness_range", brightness_range)
        self.mean = self.std = self.principal_components = None

    @property
    def dim_ordering(self):
        """``data_format`` in the words of Keras 1."""
        return "th" if self.data_format == "channels_first" else "tf"

    # -- the scale

    def standardize(self, x):
        """One image (or a batch) brought to the common scale; an array of floats is changed in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if not np.issubdtype(np.asarray(x).dtype, np.floating):
            x = np.asarray(x, self.dtype)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= self._of_sample(np.mean, x)
        if self.samplewise_std_normalization:
            x /= self._of_sample(np.std, x) + self._tiny
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._fitted("featurewise_std_normalization", self.std):
            x /= self.std + self._tiny
        if self.zca_whitening and self._fitted("zca_whitening", self.principal_components):
            x = (x.reshape(-1, len(self.principal_components)) @ self.principal_components).reshape(x.shape)
        return x

    def _of_sample(self, statistic, x):
        return statistic(x, keepdims=True)

    def _fitted(self, name, found):
        if found is None:
            warnings.warn(
                f"ImageDataGenerator: {name}=True needs what fit finds out, so it was left out. Write: datagen.fit(x)",
                stacklevel=3,
            )
        return found is not None

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Find out the mean, the deviation and the components of the images ``x``, where they are asked for.

        Args:
            x: images, with four axes.
            augment: whether they are changed at random first.
            rounds: how often each is, then.
            seed: of the changes.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"ImageDataGenerator.fit takes images, with four axes. Received the shape {x.shape}.")
        check_channels(x, self.channel_axis, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x])
        axes, shape = (0, self.row_axis, self.col_axis), [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = x.mean(axis=axes).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = x.std(axis=axes).reshape(shape)
            x /= self.std + self._tiny
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            directions, variances, _ = np.linalg.svd(flat.T @ flat / len(flat))
            self.principal_components = (directions / np.sqrt(variances + self.zca_epsilon)) @ directions.T

    # -- the changes

    def get_random_transform(self, img_shape, seed=None):
        """What is to be done to an image of this shape, drawn anew: a dict for ``apply_transform``."""
        if seed is not None:
            np.random.seed(seed)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        uniform = np.random.uniform
        found = {"theta": uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0}
        found["tx"] = _shift(self.height_shift_range, height)
        found["ty"] = _shift(self.width_shift_range, width)
        found["shear"] = uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        found["zx"], found["zy"] = images.zoom_factors(self.zoom_range)
        found["flip_horizontal"] = (np.random.random() < 0.5) * self.horizontal_flip
        found["flip_vertical"] = (np.random.random() < 0.5) * self.vertical_flip
        reach = self.channel_shift_range
        found["channel_shift_intensity"] = uniform(-reach, reach) if reach else None
        found["brightness"] = uniform(*self.brightness_range) if self.brightness_range is not None else None
        return found

    def apply_transform(self, x, transform_parameters):
        """One image, changed as a dict says; its keys are those of ``get_random_transform``, none is required."""
        wanted = transform_parameters.get
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = images.apply_affine_transform(
            x,
            *(wanted(key, 0) for key in ("theta", "tx", "ty", "shear")),
            *(wanted(key, 1) for key in ("zx", "zy")),
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if wanted("channel_shift_intensity") is not None:
            x = images.apply_channel_shift(x, wanted("channel_shift_intensity"), channel)
        if wanted("flip_horizontal"):
            x = affine.flip_axis(x, column)
        if wanted("flip_vertical"):
            x = affine.flip_axis(x, row)
        if wanted("brightness") is not None:
            x = images.apply_brightness_shift(x, wanted("brightness"), self.data_format)
        return x

    def random_transform(self, x, seed=None):
        """One image, changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))


def _shift(reach, size):
    """A shift in pixels: of a whole number or a list one is chosen, of a fraction it is a part of ``size``."""
    if np.isscalar(reach) and not reach:
        return 0
    if np.isscalar(reach) and not isinstance(reach, (int, np.integer)):
        found = np.random.uniform(-reach, reach)
    else:
        found = np.random.choice(reach) * np.random.choice([-1, 1])
    return found * size if np.max(reach) < 1 else found


def check_channels(x, axis, data_format):
    """Warn of images that have no number of channels that images have."""
    if x.shape[axis] not in (1, 3, 4):
        warnings.warn(
            f"Images have 1, 3 or 4 channels, but with data_format={data_format!r} those of the shape {x.shape} have "
            f"{x.shape[axis]}.",
            stacklevel=3,
        )
