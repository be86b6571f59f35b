"""Images: between files and arrays, changed at random, in endless batches."""

from kbridge.compat.affine import flip_axis as flip_axis
from kbridge.compat.affine import transform_matrix_offset_center as transform_matrix_offset_center
from kbridge.compat.augmentation import Generator
from kbridge.compat.images import apply_affine_transform as apply_affine_transform
from kbridge.compat.images import apply_brightness_shift as apply_brightness_shift
from kbridge.compat.images import apply_channel_shift as apply_channel_shift
from kbridge.compat.images import array_to_img as array_to_img
from kbridge.compat.images import img_to_array as img_to_array
from kbridge.compat.images import list_pictures as list_pictures
from kbridge.compat.images import load_img as load_img
from kbridge.compat.images import random_brightness as random_brightness
from kbridge.compat.images import random_channel_shift as random_channel_shift
from kbridge.compat.images import random_rotation as random_rotation
from kbridge.compat.images import random_shear as random_shear
from kbridge.compat.images import random_shift as random_shift
from kbridge.compat.images import random_zoom as random_zoom
from kbridge.compat.images import save_img as save_img
from kbridge.compat.iterators import ArraySource, DirectorySource, TableSource, Walk
from kbridge.compat.sequences import Sequence
from kbridge.utils.images import smart_resize as smart_resize


class Iterator(Walk, Sequence):
    """Batches without end, which can be asked for by their number, too."""

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx):
        if not -len(self) <= idx < len(self):
            raise ValueError(f"There are {len(self)} batches. Received: {type(self).__name__}[{idx}].")
        with self.lock:
            self._seed_batch()
            if self.index_array is None:
                self._set_index_array()
            indices = self.index_array[self.batch_size * (idx % len(self)) :][: self.batch_size]
        return self._get_batches_of_transformed_samples(indices)

    def on_epoch_end(self):
        """Draw a new order."""
        self._set_index_array()


class NumpyArrayIterator(ArraySource, Iterator):
    """Batches of images that are in an array: see ``ImageDataGenerator.flow``."""

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        dtype=None,
    ):
        count = self._take(
            x, y, image_data_generator, sample_weight, data_format, save_to_dir, save_prefix, save_format, subset, dtype
        )
        Iterator.__init__(self, count, batch_size, shuffle, seed)


class DirectoryIterator(DirectorySource, Iterator):
    """Batches of the images in a directory: see ``ImageDataGenerator.flow_from_directory``."""

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        dtype=None,
    ):
        saving = save_to_dir, save_prefix, save_format
        described = target_size, color_mode, data_format, *saving, subset, interpolation
        self.set_processing_attrs(image_data_generator, *described)
        count = self._search(directory, classes, class_mode, follow_links, dtype)
        Iterator.__init__(self, count, batch_size, shuffle, seed)


class DataFrameIterator(TableSource, Iterator):
    """Batches of the images that a table names: see ``ImageDataGenerator.flow_from_dataframe``."""

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
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        dtype="float32",
        validate_filenames=True,
    ):
        saving = save_to_dir, save_prefix, save_format
        described = target_size, color_mode, data_format, *saving, subset, interpolation
        self.set_processing_attrs(image_data_generator, *described)
        columns = x_col, y_col, weight_col
        count = self._read(dataframe, directory, *columns, classes, class_mode, dtype, validate_filenames)
        Iterator.__init__(self, count, batch_size, shuffle, seed)


class ImageDataGenerator(Generator):
    __doc__ = Generator.__doc__

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
        **kwargs,
    ):
        if "dim_ordering" in kwargs:
            data_format = kwargs.pop("dim_ordering")
        if kwargs:
            raise TypeError(f"ImageDataGenerator does not know the argument(s) {sorted(kwargs)}.")
        super().__init__(
            # each of these needs the ones after it
            featurewise_center=bool(featurewise_center or featurewise_std_normalization or zca_whitening),
            samplewise_center=bool(samplewise_center or samplewise_std_normalization),
            featurewise_std_normalization=bool(featurewise_std_normalization and not zca_whitening),
            samplewise_std_normalization=samplewise_std_normalization,
            zca_whitening=zca_whitening,
            zca_epsilon=zca_epsilon,
            rotation_range=rotation_range,
            width_shift_range=width_shift_range,
            height_shift_range=height_shift_range,
            brightness_range=brightness_range,
            shear_range=shear_range,
            zoom_range=zoom_range,
            channel_shift_range=channel_shift_range,
            fill_mode=fill_mode,
            cval=cval,
            horizontal_flip=horizontal_flip,
            vertical_flip=vertical_flip,
            rescale=rescale,
            preprocessing_function=preprocessing_function,
            data_format=data_format,
            validation_split=validation_split,
            interpolation_order=interpolation_order,
            dtype=dtype,
        )

    def flow(
        self,
        x=None,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        **kwargs,
    ):
        """Batches of images in the array ``x``, changed at random, with their labels ``y``, without end.

        Args:
            x: images; or (images, others), where these go along unchanged.
            y: the labels; without them, batches are of images alone.
            batch_size: how many are in a batch.
            shuffle: whether each pass has an order of its own.
            sample_weight: how much each sample counts.
            seed: of the orders and changes.
            save_to_dir: a directory to keep what the images became.
            save_prefix: what the names of files there begin with.
            save_format: their ending.
            subset: "training" or "validation", with ``validation_split``.
        """
        x = kwargs.pop("X", x)
        if kwargs:
            raise TypeError(f"flow does not know the argument(s) {sorted(kwargs)}.")
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            dtype=self.dtype,
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
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
    ):
        """Batches of the images in ``directory``, which has a directory for each class.

        Args:
            directory: where they are.
            target_size: (height, width) that they are brought to.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: the names of the classes; those of the directories, sorted, unless told.
            class_mode: what labels are: "categorical" rows of 0 and 1, "binary" or "sparse" numbers, "input" the images
                themselves, None no labels.
            follow_links: whether linked directories belong to it.
            interpolation: how they are resized.

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
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
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
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """Batches of the images that the rows of a table of pandas name.

        Args:
            dataframe: the table.
            directory: what the names are relative to.
            x_col: the column of names.
            y_col: that of labels; a list of such with "multi_output".
            weight_col: that of the samples' weights.
            class_mode: as for ``flow_from_directory``; "raw" takes the values of ``y_col`` as they are,
                "multi_output" is a list of several columns'.
            validate_filenames: whether names without a file are left out.

        The other arguments are those of ``flow_from_directory``.
        """
        unknown = set(kwargs) - {"has_ext", "sort", "drop_duplicates"}  # those meant nothing already
        if unknown:
            raise TypeError(f"flow_from_dataframe does not know the argument(s) {sorted(unknown)}.")
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
        )
