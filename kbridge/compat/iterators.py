"""Endless batches of images: from arrays, directories and tables.

``Walk`` goes through the samples over and over; the sources say what a batch is. A generation's
iterators are one of each.
"""

import os
import threading
import warnings

import numpy as np

from kbridge import config
from kbridge.compat import images
from kbridge.compat.augmentation import check_channels

_MODES = {"rgb": 3, "rgba": 4, "grayscale": 1}


class Walk:
    """Batches without end, a pass through ``n`` samples after the other; several threads may take them.

    A subclass defines ``_get_batches_of_transformed_samples(indices)``.

    Args:
        n: the number of samples.
        batch_size: how many are in a batch; the last one of a pass may be smaller.
        shuffle: whether each pass has an order of its own.
        seed: of the orders.
    """

    white_list_formats = images.EXTENSIONS

    def __init__(self, n, batch_size, shuffle, seed):
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.total_batches_seen = 0
        self.index_array = None
        self._begin()

    def _begin(self):
        self.lock = threading.Lock()
        self.batch_index = 0
        self.index_generator = self._flow_index()

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key not in ("lock", "index_generator")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._begin()

    def reset(self):
        """Begin the pass anew."""
        self.batch_index = 0

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_batch(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def _flow_index(self):
        while True:
            self._seed_batch()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            start = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if start + self.batch_size < self.n else 0
            yield self.index_array[start : start + self.batch_size]

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def next(self):
        """The next batch."""
        with self.lock:
            indices = next(self.index_generator)
        return self._get_batches_of_transformed_samples(indices)

    def _get_batches_of_transformed_samples(self, index_array):
        raise NotImplementedError(
            f"{type(self).__name__} must define _get_batches_of_transformed_samples(index_array): the batch of these "
            f"samples."
        )


class Source:
    """What sources of images share: changing them, and saving what became of them."""

    _save_number = 10_000

    def _keep_for_saving(self, save_to_dir, save_prefix, save_format):
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format

    @property
    def dim_ordering(self):
        """``data_format`` in the words of Keras 1."""
        return "th" if self.data_format == "channels_first" else "tf"

    def _changed(self, x):
        generator = self.image_data_generator
        return x if generator is None else generator.standardize(generator.random_transform(x))

    def _save(self, batch, indices):
        if not self.save_to_dir:
            return
        for index, x in zip(indices, batch):
            number = np.random.randint(self._save_number)
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            images.array_to_img(x, self.data_format).save(os.path.join(self.save_to_dir, name))


class ArraySource(Source):
    """Batches of images that are arrays already."""

    def _take(self, x, y, generator, sample_weight, data_format, save_to_dir, save_prefix, save_format, subset, dtype):
        """Keep the arrays; returns how many samples there are."""
        x, *others = _with_others(x)
        columns = {"x": x, **{f"x[{i}]": other for i, other in enumerate(others, 1)}, "y": y}
        columns["sample_weight"] = sample_weight
        for name, column in columns.items():
            if column is not None and len(column) != len(x):
                raise ValueError(
                    f"x, y and sample_weight must have the same length. Received: x of {len(x)}, {name} of "
                    f"{len(column)} samples."
                )
        if subset is not None:
            part = _part(subset, generator, len(x))
            if y is not None and np.asarray(y).dtype.kind != "f" and set(np.unique(y[part])) != set(np.unique(y)):
                raise ValueError(
                    f"subset={subset!r} has not all classes that y has. If the samples are sorted by class, shuffle "
                    f"them first."
                )
            columns = {name: column if column is None else column[part] for name, column in columns.items()}
        self.dtype = config.floatx() if dtype is None else dtype
        self.x = np.asarray(columns.pop("x"), dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(f"Images in an array have four axes. Received an array of the shape {self.x.shape}.")
        self.y = None if y is None else np.asarray(columns["y"])
        self.sample_weight = None if sample_weight is None else np.asarray(columns["sample_weight"])
        self.x_misc = [np.asarray(column) for name, column in columns.items() if name.startswith("x[")]
        self.data_format = images.ordering(data_format)
        check_channels(self.x, 3 if self.data_format == "channels_last" else 1, self.data_format)
        self.image_data_generator = generator
        self._keep_for_saving(save_to_dir, save_prefix, save_format)
        return len(self.x)

    def _get_batches_of_transformed_samples(self, index_array):
        batch = np.zeros((len(index_array), *self.x.shape[1:]), dtype=self.dtype)
        for place, index in enumerate(index_array):
            batch[place] = self._changed(self.x[index].astype(self.dtype))
        self._save(batch, index_array)
        x = [batch, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return x
        y = self.y[index_array]
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[index_array])


def _with_others(x):
    """The images first, then what goes along with them, from ``x`` or (x, others)."""
    if not isinstance(x, (list, tuple)):
        return [x]
    others = x[1] if isinstance(x[1], list) else [x[1]]
    return [x[0], *others]


def _part(subset, generator, count):
    """The slice of ``count`` samples that ``subset`` means."""
    fraction = getattr(generator, "_validation_split", 0)
    if subset not in ("training", "validation"):
        raise ValueError(f"subset must be 'training' or 'validation'. Received: subset={subset!r}.")
    if not fraction:
        raise ValueError(
            f"subset={subset!r} needs a part of the samples to be set aside. "
            f"Write: ImageDataGenerator(..., validation_split=0.2)"
        )
    cut = int(fraction * count)
    return slice(cut) if subset == "validation" else slice(cut, None)


class FileSource(Source):
    """Batches of images that are read when it is their turn."""

    sample_weight = None
    _save_number = 10_000_000

    def set_processing_attrs(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
    ):
        """Say how files become batches; the arguments are those of ``ImageDataGenerator.flow_from_directory``."""
        if color_mode not in _MODES:
            raise ValueError(f"color_mode must be one of {list(_MODES)}. Received: color_mode={color_mode!r}.")
        self.image_data_generator = image_data_generator
        self.target_size = tuple(target_size)
        self.color_mode = color_mode
        self.data_format = images.ordering(data_format)
        channels = (_MODES[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = self.target_size + channels if last else channels + self.target_size
        self.subset = subset
        self.interpolation = interpolation
        self._keep_for_saving(save_to_dir, save_prefix, save_format)

    @property
    def filepaths(self):
        """The paths of the files."""
        return self._filepaths

    def _locate(self, directory, filenames):
        self.directory, self.filenames = directory, filenames
        self._filepaths = [os.path.join(directory, name) for name in filenames]
        self.samples = len(filenames)

    def _get_batches_of_transformed_samples(self, index_array):
        batch = np.zeros((len(index_array), *self.image_shape), dtype=self.dtype)
        for place, index in enumerate(index_array):
            image = images.load_img(
                self._filepaths[index],
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
            )
            batch[place] = self._changed(images.img_to_array(image, self.data_format, self.dtype))
        self._save(batch, index_array)
        labels = self._labels_of(batch, index_array)
        if labels is None:
            return batch
        return (batch, labels) if self.sample_weight is None else (batch, labels, self.sample_weight[index_array])

    def _labels_of(self, batch, indices):
        if self.class_mode is None:
            return None
        if self.class_mode == "input":
            return batch.copy()
        if self.class_mode == "raw":
            return self.labels[indices]
        if self.class_mode == "multi_output":
            return [column[indices] for column in self.labels]
        if self.class_mode != "categorical":
            return np.array([self.classes[index] for index in indices], dtype=self._label_dtype)
        rows = np.zeros((len(indices), len(self.class_indices)), dtype=self.dtype)
        for row, index in zip(rows, indices):
            row[self.classes[index]] = 1
        return rows

    @property
    def _label_dtype(self):
        return self.dtype

    @property
    def labels(self):
        """What the samples are labelled with."""
        return self.classes

    @property
    def num_classes(self):
        """The number of classes."""
        return len(self.class_indices)

    @property
    def nb_sample(self):
        """``samples``, by its name in Keras 1."""
        return self.samples

    @property
    def nb_class(self):
        """``num_classes``, by its name in Keras 1."""
        return self.num_classes


class DirectorySource(FileSource):
    """Batches of the images in a directory with one directory for each class."""

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}

    def _search(self, directory, classes, class_mode, follow_links, dtype):
        """Find the files; returns how many there are."""
        if class_mode not in self.allowed_class_modes:
            raise ValueError(
                f"class_mode must be one of {sorted(map(str, self.allowed_class_modes))}. "
                f"Received: class_mode={class_mode!r}."
            )
        self.class_mode = class_mode
        self.dtype = config.floatx() if dtype is None else dtype
        directory = os.fspath(directory)
        if not classes:
            classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        self.class_indices = {name: number for number, name in enumerate(classes)}
        filenames, numbers = [], []
        for name, number in self.class_indices.items():
            found = self._files_of(directory, name, follow_links)
            if self.subset is not None and found:
                found = found[_part(self.subset, self.image_data_generator, len(found))]
            filenames += found
            numbers += [number] * len(found)
        self.classes = np.array(numbers, dtype="int32")
        self._locate(directory, filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        return self.samples

    def _files_of(self, directory, name, follow_links):
        endings = tuple(f".{ending}" for ending in self.white_list_formats)
        walked = sorted(os.walk(os.path.join(directory, name), followlinks=follow_links), key=lambda found: found[0])
        return [
            os.path.relpath(os.path.join(folder, file), directory)
            for folder, _, files in walked
            for file in sorted(files)
            if file.lower().endswith(endings)
        ]


class TableSource(FileSource):
    """Batches of the images that the rows of a table of pandas name."""

    allowed_class_modes = {"binary", "categorical", "input", "multi_output", "raw", "sparse", None}

    def _read(self, table, directory, x_col, y_col, weight_col, classes, class_mode, dtype, validate_filenames):
        """Find the files and labels; returns how many there are."""
        if class_mode == "other":
            class_mode = "raw"
        self.class_mode = class_mode
        self.dtype = config.floatx() if dtype is None else dtype
        self._check(table, x_col, y_col, weight_col)
        directory = os.fspath(directory or "")
        if validate_filenames:
            table = self._readable(table, directory, x_col)
        named = class_mode in ("binary", "categorical", "sparse")
        if named:
            table, classes = _of_classes(table, y_col, classes)
            self.class_indices = {name: number for number, name in enumerate(classes)}
        if self.subset is not None:
            table = table.iloc[_part(self.subset, self.image_data_generator, len(table))]
        if named:
            self.classes = self.get_classes(table, y_col)
        elif class_mode == "raw":
            self._targets = table[y_col].values
        elif class_mode == "multi_output":
            self._targets = [np.array(table[column].tolist()) for column in y_col]
        if weight_col:
            self.sample_weight = table[weight_col].values
        self._locate(directory, table[x_col].tolist())
        of_classes = f" belonging to {self.num_classes} classes" if named else ""
        valid = "validated" if validate_filenames else "non-validated"
        print(f"Found {self.samples} {valid} image filenames{of_classes}.")
        return self.samples

    def get_classes(self, df, y_col):
        """The numbers of the classes that a column names: one, or a list of several, for each row."""
        return [
            [self.class_indices[one] for one in label]
            if isinstance(label, (list, tuple))
            else self.class_indices[label]
            for label in df[y_col]
        ]

    @property
    def labels(self):
        """What the samples are labelled with."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    def _check(self, table, x_col, y_col, weight_col):
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(
                f"class_mode must be one of {sorted(map(str, self.allowed_class_modes))}. Received: "
                f"class_mode={mode!r}."
            )
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f"With class_mode='multi_output', y_col must be a list. Received: y_col={y_col!r}.")
        if not all(isinstance(name, str) for name in table[x_col]):
            raise TypeError(f"The column x_col={x_col!r} must hold names of files. Write: df[{x_col!r}].astype(str)")
        kinds = {"binary": str, "sparse": str, "categorical": (str, list, tuple)}.get(mode)
        if kinds and not all(isinstance(label, kinds) for label in table[y_col]):
            raise TypeError(
                f"With class_mode={mode!r}, the column y_col={y_col!r} must hold names of classes, as strings. "
                f"Write: df[{y_col!r}].astype(str), or class_mode='raw' for numbers."
            )
        if mode == "binary" and table[y_col].nunique() != 2:
            raise ValueError(
                f"With class_mode='binary' there must be two classes. The column y_col={y_col!r} has "
                f"{table[y_col].nunique()}."
            )
        if weight_col and table[weight_col].dtype.kind not in "iuf":
            raise TypeError(f"The column weight_col={weight_col!r} must hold numbers.")

    def _readable(self, table, directory, x_col):
        endings = tuple(f".{ending}" for ending in self.white_list_formats)
        kept = [
            name.lower().endswith(endings) and os.path.isfile(os.path.join(directory, name)) for name in table[x_col]
        ]
        if not all(kept):
            warnings.warn(
                f"{kept.count(False)} names in the column x_col={x_col!r} are not those of image files in "
                f"{directory or 'the current directory'!r}; they are left out.",
                stacklevel=4,
            )
        return table[kept]


def _of_classes(table, y_col, classes):
    """(the rows with labels among ``classes``, these in order); all that occur, where they are not told."""
    labels = [label if isinstance(label, (list, tuple)) else [label] for label in table[y_col]]
    if not classes:
        return table, sorted({one for label in labels for one in label})
    wanted = set(classes)
    kept = [[one for one in label if one in wanted] for label in labels]
    table = table[[bool(label) for label in kept]].copy()
    table[y_col] = [
        new if isinstance(old, (list, tuple)) else old for new, old in zip(filter(None, kept), table[y_col])
    ]
    return table, sorted(wanted)
