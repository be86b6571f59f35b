"""Images: between files and arrays, changed at random, in endless batches.

In this generation orders of axes are called "th" and "tf", shears are in radians, and
pixels are moved as they are, not interpolated.
"""

import numpy as np

from kbridge import config
from kbridge.compat import affine, images
from kbridge.compat.affine import flip_axis as flip_axis
from kbridge.compat.affine import transform_matrix_offset_center as transform_matrix_offset_center
from kbridge.compat.augmentation import Generator
from kbridge.compat.images import apply_affine_transform as apply_affine_transform
from kbridge.compat.images import apply_brightness_shift as apply_brightness_shift
from kbridge.compat.images import apply_channel_shift as apply_channel_shift
from kbridge.compat.images import random_brightness as random_brightness
from kbridge.compat.iterators import ArraySource, DirectorySource, TableSource, Walk


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0):
    """One image under an affine map: the result at a place is the image at ``transform_matrix @ (place, 1)``."""
    return affine.warp(x, transform_matrix, channel_axis, fill_mode, cval, order=0)


def _about_middle(x, matrix, row_axis, col_axis, channel_axis, fill_mode, cval):
    matrix = affine.transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    return apply_transform(x, matrix, channel_axis, fill_mode, cval)


def random_rotation(x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """``x`` turned by up to ``rg`` degrees."""
    matrix = affine.rotation(np.deg2rad(np.random.uniform(-rg, rg)))
    return _about_middle(x, matrix, row_axis, col_axis, channel_axis, fill_mode, cval)


def random_shift(x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """``x`` shifted by up to the parts ``wrg`` of its width and ``hrg`` of its height."""
    rows = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    columns = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_transform(x, affine.shift(rows, columns), channel_axis, fill_mode, cval)


def random_shear(x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """``x`` sheared by up to ``intensity``, in radians."""
    matrix = affine.shear(np.random.uniform(-intensity, intensity))
    return _about_middle(x, matrix, row_axis, col_axis, channel_axis, fill_mode, cval)


def random_zoom(x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0):
    """``x`` zoomed by a factor between the two in ``zoom_range``, for rows and columns apart."""
    matrix = affine.zoom(*images.zoom_factors(zoom_range))
    return _about_middle(x, matrix, row_axis, col_axis, channel_axis, fill_mode, cval)


def random_channel_shift(x, intensity, channel_axis=0):
    """``x`` with up to ``intensity`` added to each channel, for each by itself."""
    return images.apply_channel_shift(x, _uniform(intensity, x.shape[channel_axis]), channel_axis)


def _uniform(reach, count):
    return np.random.uniform(-reach, reach, count)


def array_to_img(x, dim_ordering="default", scale=True, **kwargs):
    """The array ``x`` (three axes) as an image of Pillow; ``scale`` stretches its values to 0 to 255 first."""
    return images.array_to_img(x, kwargs.pop("data_format", dim_ordering), scale, **kwargs)


def img_to_array(img, dim_ordering="default", **kwargs):
    """An image of Pillow as an array of three axes, in floatx."""
    return images.img_to_array(img, kwargs.pop("data_format", dim_ordering), **kwargs)


def save_img(path, x, dim_ordering="default", **kwargs):
    """Write the array ``x`` as an image file."""
    images.save_img(path, x, kwargs.pop("data_format", dim_ordering), **kwargs)


def load_img(path, grayscale=False, target_size=None, **kwargs):
    """The image in a file, as Pillow's; ``target_size`` is (height, width)."""
    return images.load_img(path, grayscale, target_size=target_size, **kwargs)


def list_pictures(directory, ext="jpg|jpeg|bmp|png"):
    """The paths of the pictures in a directory and those below it."""
    return images.list_pictures(directory, ext)


class Iterator(Walk):
    """Batches without end; ``index_generator`` gives (indices, place of the first, how many there are)."""

    white_list_formats = ("png", "jpg", "jpeg", "bmp")

    def _flow_index(self, n=None, batch_size=32, shuffle=False, seed=None):
        for indices in super()._flow_index():
            end = self.batch_index * self.batch_size or self.n
            yield indices, end - len(indices), len(indices)

    def next(self):
        """The next batch."""
        with self.lock:
            indices, _, _ = next(self.index_generator)
        return self._get_batches_of_transformed_samples(indices)


class NumpyArrayIterator(ArraySource, Iterator):
    """Batches of images that are in an array: see ``ImageDataGenerator.flow``."""

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        seed=None,
        dim_ordering="default",
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        sample_weight=None,
        subset=None,
        dtype=None,
    ):
        saving = save_to_dir, save_prefix, save_format
        count = self._take(x, y, image_data_generator, sample_weight, dim_ordering, *saving, subset, dtype)
        Iterator.__init__(self, count, batch_size, shuffle, seed)


class _NumbersOfClasses:
    @property
    def _label_dtype(self):
        return "int32" if self.class_mode == "sparse" else self.dtype


class DirectoryIterator(_NumbersOfClasses, DirectorySource, Iterator):
    """Batches of the images in a directory: see ``ImageDataGenerator.flow_from_directory``."""

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        dim_ordering="default",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        dtype=None,
    ):
        saving = save_to_dir, save_prefix, save_format
        described = target_size, color_mode, dim_ordering, *saving, subset, interpolation
        self.set_processing_attrs(image_data_generator, *described)
        count = self._search(directory, classes, class_mode, follow_links, dtype)
        Iterator.__init__(self, count, batch_size, shuffle, seed)


class DataFrameIterator(_NumbersOfClasses, TableSource, Iterator):
    """Batches of the images that a table names, as Keras 2 has them."""

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        dim_ordering="default",
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        subset=None,
        interpolation="nearest",
        dtype=None,
        validate_filenames=True,
    ):
        saving = save_to_dir, save_prefix, save_format
        described = target_size, color_mode, dim_ordering, *saving, subset, interpolation
        self.set_processing_attrs(image_data_generator, *described)
        columns = x_col, y_col, weight_col
        count = self._read(dataframe, directory, *columns, classes, class_mode, dtype, validate_filenames)
        Iterator.__init__(self, count, batch_size, shuffle, seed)


class ImageDataGenerator(Generator):
    __doc__ = Generator.__doc__.replace('data_format: "channels_last" or "channels_first"', 'dim_ordering: "tf", "th"')

    _tiny = 1e-7

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        rotation_range=0.0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        dim_ordering="default",
        **kwargs,
    ):
        later = {"zca_epsilon", "brightness_range", "data_format", "validation_split", "interpolation_order", "dtype"}
        if not set(kwargs) <= later:
            raise TypeError(f"ImageDataGenerator does not know the argument(s) {sorted(set(kwargs) - later)}.")
        super().__init__(
            featurewise_center=featurewise_center,
            samplewise_center=samplewise_center,
            featurewise_std_normalization=featurewise_std_normalization,
            samplewise_std_normalization=samplewise_std_normalization,
            zca_whitening=zca_whitening,
            rotation_range=rotation_range,
            width_shift_range=width_shift_range,
            height_shift_range=height_shift_range,
            shear_range=shear_range,
            zoom_range=zoom_range,
            channel_shift_range=channel_shift_range,
            fill_mode=fill_mode,
            cval=cval,
            horizontal_flip=horizontal_flip,
            vertical_flip=vertical_flip,
            rescale=rescale,
            preprocessing_function=preprocessing_function,
            **{"data_format": dim_ordering, "interpolation_order": 0, "dtype": config.floatx(), **kwargs},
        )

    def _of_sample(self, statistic, x):
        return statistic(x, axis=x.ndim - 4 + self.channel_axis, keepdims=True)

    def get_random_transform(self, img_shape, seed=None):
        """What is to be done to an image of this shape, drawn anew: a dict for ``apply_transform``."""
        if seed is not None:
            np.random.seed(seed)
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1

        def drawn(reach, scale=1):
            return np.random.uniform(-reach, reach) * scale if reach else 0

        found = {"theta": drawn(self.rotation_range)}
        found["tx"] = drawn(self.height_shift_range, img_shape[row])
        found["ty"] = drawn(self.width_shift_range, img_shape[column])
        found["shear"] = np.rad2deg(drawn(self.shear_range))
        found["zx"], found["zy"] = images.zoom_factors(self.zoom_range)
        reach = self.channel_shift_range
        found["channel_shift_intensity"] = _uniform(reach, img_shape[channel]) if reach else None
        found["flip_horizontal"] = bool(self.horizontal_flip and np.random.random() < 0.5)
        found["flip_vertical"] = bool(self.vertical_flip and np.random.random() < 0.5)
        found["brightness"] = np.random.uniform(*self.brightness_range) if self.brightness_range is not None else None
        return found

    def flow(
        self,
        X=None,
        y=None,
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        **kwargs,
    ):
        """Batches of images in the array ``X``, changed at random, with their labels ``y``, without end.

        Args:
            X: images.
            y: the labels; without them, batches are of images alone.
            batch_size: how many are in a batch.
            shuffle: whether each pass has an order of its own.
            seed: of the orders and changes.
            save_to_dir: a directory to keep what the images became.
            save_prefix: what the names of files there begin with.
            save_format: their ending.
        """
        return NumpyArrayIterator(
            kwargs.pop("x", X),
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            dim_ordering=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            **{"dtype": self.dtype, **kwargs},
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        follow_links=False,
        **kwargs,
    ):
        """Batches of the images in ``directory``, which has a directory for each class.

        Args:
            directory: where they are.
            target_size: (height, width) that they are brought to.
            color_mode: "rgb" or "grayscale".
            classes: the names of the classes; those of the directories, sorted, unless told.
            class_mode: what labels are: "categorical" rows of 0 and 1, "binary" or "sparse" numbers, None no labels.
            follow_links: whether linked directories belong to it.

        The other arguments are those of ``flow``.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            dim_ordering=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            **{"dtype": self.dtype, **kwargs},
        )

    def flow_from_dataframe(self, dataframe, directory=None, x_col="filename", y_col="class", **kwargs):
        """Batches of the images that the rows of a table of pandas name, as Keras 2 has them."""
        own = {"dim_ordering": self.data_format, "dtype": self.dtype}
        return DataFrameIterator(dataframe, directory, self, x_col, y_col, **{**own, **kwargs})
