"""Where batches come from: arrays, generators, data sets, loaders, as one of two kinds.

``ArrayData`` is in memory and can be indexed, so whole epochs can run on the engine; ``StreamData``
gives one batch after the other.
"""

import math
from collections.abc import Iterator
from copy import copy

import numpy as np

from kbridge import config
from kbridge.backend import registry, seeds
from kbridge.backend.tree import flatten, map_structure

_LARGEST_MAPPED = 1 << 30  # bytes


def unpack_x_y_sample_weight(data):
    """(x, y, sample_weight) of a batch, with None for what it lacks."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"A batch is x, (x,), (x, y) or (x, y, sample_weight). Received a tuple of {len(data)}.")
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The opposite of ``unpack_x_y_sample_weight``."""
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def as_array(value, name="x"):
    """One array, of any kind, as a tensor of the engine in charge or a NumPy array."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "SUT":
        return value.astype(object)  # text
    if value is None or registry.current().is_tensor(value):
        return value
    if hasattr(value, "to_numpy"):  # pandas and the like
        value = value.to_numpy()
    elif hasattr(value, "detach"):  # a torch tensor, seen from another engine
        value = value.detach().cpu()
    array = np.asarray(value)
    if array.dtype.kind in "SUT":
        return array.astype(object)
    if array.dtype == object:
        if array.size and all(isinstance(item, (str, bytes)) for item in array.ravel()[:10]):
            return array
        try:
            array = array.astype(config.floatx())
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} cannot become one array: its rows differ in length or hold objects. "
                f"Received: {type(value).__name__} with dtype object."
            ) from error
    if array.dtype == np.float64 and config.floatx() != "float64":
        array = array.astype("float32" if config.floatx() == "bfloat16" else config.floatx())
    return array


def to_array(tensor):
    """A tensor as a NumPy array; text is one already."""
    return tensor if isinstance(tensor, np.ndarray) else registry.current().to_numpy(tensor)


def as_arrays(tree, name="x"):
    """A structure of arrays. A nested list of numbers is one array; a list of arrays is a structure."""
    if isinstance(tree, dict):
        return {key: as_arrays(value, f"{name}[{key!r}]") for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and any(_is_array(item) for item in flatten(tree)):
        items = [as_arrays(item, f"{name}[{i}]") for i, item in enumerate(tree)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return as_array(tree, name)


def _is_array(value):
    return (hasattr(value, "shape") and getattr(value, "shape", ()) != ()) or hasattr(value, "to_numpy")


def column_length(columns):
    """The common length of all arrays, or an error that lists what differs."""
    if len(columns) == 1 and type(columns[0]) is np.ndarray and columns[0].ndim:
        return len(columns[0])
    lengths = {}
    for name, tree in zip(("x", "y", "sample_weight"), columns):
        for i, leaf in enumerate(leaf for leaf in flatten([tree]) if leaf is not None):
            if not getattr(leaf, "shape", ()):
                raise ValueError(f"{name} must have an axis of samples. Received a scalar: {leaf!r}.")
            lengths[f"{name}[{i}]" if i else name] = int(leaf.shape[0])
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"All arrays must have the same number of samples. Received: "
            f"{', '.join(f'{k}: {v}' for k, v in lengths.items())}."
        )
    return next(iter(lengths.values())) if lengths else 0


def _trimmed(x, y, sample_weight):
    """(x, y, sample_weight) without what is missing at the end."""
    if sample_weight is not None:
        return x, y, sample_weight
    return (x,) if y is None else (x, y)


class ArrayData:
    """Arrays in memory: ``columns`` is (x, y, sample_weight), each a structure of arrays; the last may be missing."""

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None):
        x, y = as_arrays(x, "x"), None if y is None else as_arrays(y, "y")
        sample_weight = None if sample_weight is None else as_arrays(sample_weight, "sample_weight")
        if class_weight is not None:
            sample_weight = _combine(class_weights(y, class_weight), sample_weight)
        self.columns = _trimmed(x, y, sample_weight)
        self.size = column_length(self.columns)
        if self.size == 0:
            raise ValueError("There are no samples: the arrays have length 0.")
        batch_size = 32 if batch_size is None else int(batch_size)
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Received: {batch_size}.")
        self.batch_size = min(batch_size, self.size)
        self.shuffle = shuffle
        self.steps = math.ceil(self.size / self.batch_size)
        self._order = np.arange(self.size, dtype=np.int32)
        self._key = self._random = None  # of the stream of orders
        self._on_device = {}

    @property
    def holds_text(self):
        """Whether any column is of text, which no engine has tensors for."""
        return any(leaf is not None and leaf.dtype == object for leaf in flatten(list(self.columns)))

    @property
    def full_steps(self):
        return self.size // self.batch_size

    def get_state(self):
        """Where the stream of orders is, as plain data for ``set_state``."""
        return _plain(self._stream_of_orders().bit_generator.state) if self.shuffle else None

    def set_state(self, state):
        """Give the orders that came after ``get_state``."""
        if state is not None:
            self._stream_of_orders().bit_generator.state = state

    def _stream_of_orders(self):
        if self._random is None:
            self._key = self._key or seeds.next_key()
            self._random = seeds.generator(self._key)
        return self._random

    def order(self):
        """The order of the samples in the next epoch."""
        return self._orders(1)[0]

    def _orders(self, epochs):
        """(epochs, samples): the orders in the next epochs, the same however many are asked for at a time."""
        same = np.tile(self._order, (epochs, 1))
        if not self.shuffle:
            return same
        random = self._stream_of_orders()
        if self.shuffle != "batch":
            return random.permuted(same, axis=1, out=same)
        cut = self.full_steps * self.batch_size
        starts = np.tile(np.arange(0, cut, self.batch_size, dtype=np.int32), (epochs, 1))
        starts = random.permuted(starts, axis=1)
        rows = starts[:, :, None] + self._order[: self.batch_size]
        return np.concatenate([rows.reshape(epochs, cut), same[:, cut:]], axis=1)

    def rows(self, epochs):
        """(epochs, steps, batch) indices of the full batches, and (epochs, rest) of the last, or None."""
        cut = self.full_steps * self.batch_size
        orders = self._orders(epochs)
        rows = orders[:, :cut].reshape(epochs, self.full_steps, self.batch_size)
        return rows, orders[:, cut:] if cut < self.size else None

    def on_device(self):
        """The columns as tensors of the engine in charge, brought there once."""
        engine = registry.current()
        if engine not in self._on_device:
            self._on_device = {engine: map_structure(lambda a: a if a is None else engine.convert(a), self.columns)}
        return self._on_device[engine]

    def batch(self, indices):
        """The samples that ``indices`` (an array or a slice) name."""
        return map_structure(lambda a: None if a is None else a[indices], self.columns)

    def epoch(self):
        """The batches of one epoch, one by one."""
        if self.shuffle:
            order = self.order()
            for start in range(0, self.size, self.batch_size):
                yield self.batch(order[start : start + self.batch_size])
        else:
            for start in range(0, self.size, self.batch_size):
                yield self.batch(slice(start, start + self.batch_size))

    def mapped(self, function):
        """The same samples with ``function`` of their inputs in place of these: all at once, if there is room."""
        size = sum(leaf.nbytes for leaf in flatten(function(self.sample()[0]))) / self.batch_size * self.size
        if size > _LARGEST_MAPPED:
            stream = StreamData(self.epoch, self.steps, name="arrays")
            stream.whole = False
            return stream.mapped(function)
        mapped = copy(self)
        mapped.columns = (function(self.columns[0]), *self.columns[1:])
        mapped._on_device = {}
        return mapped

    def sample(self):
        """A batch to look at."""
        return self.batch(slice(0, min(self.batch_size, self.size)))

    def end_epoch(self):
        pass


class StreamData:
    """Batches from an iterable that is begun anew each epoch, or from one that goes on (a generator)."""

    def __init__(self, begin, steps=None, endless=False, class_weight=None, on_epoch_end=None, name="generator"):
        self.begin = begin
        self.steps = steps
        self.endless = endless
        self.whole = not endless  # whether an epoch is the whole of it, whatever number of batches that is
        self.class_weight = class_weight
        self.end_epoch = on_epoch_end or (lambda: None)
        self.name = name
        self._iterator = None
        self._peeked = []
        self._function = None  # what batches' inputs are replaced by, of themselves
        self._given = 0  # batches so far

    def get_state(self):
        """How far an iterable that goes on has been used, as plain data for ``set_state``."""
        return None if self.whole else {"given": self._given, "key": getattr(self._arrays, "_key", None)}

    def set_state(self, state):
        """Go on behind the batches that had been given; those before are drawn again, and dropped."""
        if state is None or self.whole:
            return
        if self._arrays is not None and state["key"] is not None:
            self._arrays._key, self._arrays._random = tuple(state["key"]), None
            self._iterator, self._peeked = None, []
        steps, self.steps = self.steps, state["given"]
        for _ in self.epoch():
            pass
        self.steps = steps

    @property
    def _arrays(self):
        """The ArrayData that the batches are of, if they are."""
        owner = getattr(self.begin, "__self__", None)
        return owner if isinstance(owner, ArrayData) else None

    def mapped(self, function):
        """The same batches with ``function`` of their inputs in place of these."""
        mapped = copy(self)
        mapped._function = function
        mapped._peeked = [(function(x), *rest) for x, *rest in self._peeked]
        return mapped

    def sample(self):
        """The first batch, kept for the epoch to come."""
        if not self._peeked:
            if self.whole:
                self._iterator = None
            self._ensure_iterator()
            first = next(self._iterator, self)
            if first is self and not self.endless:  # what has been used up begins anew
                self._iterator = None
                self._ensure_iterator()
                first = next(self._iterator, self)
            if first is self:
                raise ValueError(f"The {self.name} gave no batch at all.")
            self._peeked.append(self._prepare(first))
        return self._peeked[0]

    def _ensure_iterator(self):
        if self._iterator is None:
            self._iterator = iter(self.begin())

    def _prepare(self, batch):
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        x, y = as_arrays(x, "x"), None if y is None else as_arrays(y, "y")
        sample_weight = None if sample_weight is None else as_arrays(sample_weight, "sample_weight")
        if self.class_weight is not None:
            sample_weight = _combine(class_weights(y, self.class_weight), sample_weight)
        return _trimmed(x if self._function is None else self._function(x), y, sample_weight)

    def epoch(self):
        """The batches of one epoch: all up to the end, or ``steps`` of them if that was asked for."""
        if self.whole and not self._peeked:
            self._iterator = None
        self._ensure_iterator()
        given, fresh = 0, False  # fresh: begun anew and nothing given since
        while self.steps is None or given < self.steps:
            if self._peeked:
                batch = self._peeked.pop()
            else:
                try:
                    batch = self._prepare(next(self._iterator))
                except StopIteration:
                    if self.whole or self.endless or fresh:
                        break
                    self._iterator, fresh = None, True
                    self._ensure_iterator()
                    continue
            given, fresh = given + 1, False
            self._given += 1
            yield batch
        if self.steps is not None and given < self.steps:
            import warnings

            warnings.warn(f"The {self.name} ended after {given} of {self.steps} batches of this epoch.", stacklevel=2)


def _plain(state):
    """The state of NumPy's random numbers as dicts, lists and ints."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


def adapt(x, y=None, sample_weight=None, batch_size=None, steps=None, shuffle=False, class_weight=None):
    """``ArrayData`` or ``StreamData`` for whatever ``fit``, ``evaluate`` or ``predict`` was given."""
    data = _adapted(x, y, sample_weight, batch_size, steps, shuffle, class_weight)
    most = config.max_steps_per_epoch()
    if most is None or data.steps is not None and data.steps <= most:
        return data
    if isinstance(data, ArrayData):
        return StreamData(data.epoch, most, name="arrays")
    data.steps = most
    return data


def _adapted(x, y, sample_weight, batch_size, steps, shuffle, class_weight):
    if isinstance(x, (ArrayData, StreamData)):
        return x
    stream = _stream(x, class_weight)
    if stream is None:
        if x is None:
            raise ValueError("No data was given: x is None.")
        data = ArrayData(x, y, sample_weight, batch_size, shuffle, class_weight)
        if steps is None or steps == data.steps:
            return data
        stream = StreamData(data.epoch, steps, name="arrays")
        stream.whole = False
        return stream
    if y is not None:
        raise ValueError(f"With a {stream.name} as x, y must not be given: its batches hold (x, y).")
    if sample_weight is not None:
        raise ValueError(f"With a {stream.name} as x, sample_weight must not be given: its batches hold it.")
    if steps is not None:
        stream.steps, stream.whole = steps, False
    return stream


def _stream(x, class_weight):
    if type(x) is np.ndarray:
        return None
    from kbridge.training.datasets import PyDataset

    if isinstance(x, PyDataset):
        return StreamData(
            x.batches, x.num_batches, class_weight=class_weight, on_epoch_end=x.on_epoch_end, name="PyDataset"
        )
    if isinstance(x, Iterator) and not hasattr(x, "shape"):
        # Whatever a generator still gives belongs to the epochs to come: it cannot begin anew.
        return StreamData(lambda: x, endless=True, class_weight=class_weight, name="generator")
    root = type(x).__module__.partition(".")[0]
    if hasattr(x, "as_numpy_iterator"):  # tf.data.Dataset
        cardinality = int(x.cardinality())
        return StreamData(
            x.as_numpy_iterator, cardinality if cardinality > 0 else None, class_weight=class_weight, name="Dataset"
        )
    if hasattr(x, "dataset") and hasattr(x, "batch_sampler") and hasattr(x, "__iter__"):  # torch's DataLoader
        steps = len(x) if hasattr(x, "__len__") and hasattr(x.dataset, "__len__") else None
        return StreamData(lambda: iter(x), steps, class_weight=class_weight, name="DataLoader")
    if (
        hasattr(x, "__getitem__")
        and hasattr(x, "__len__")
        and not hasattr(x, "shape")
        and root not in ("builtins", "pandas")
    ):
        # An indexable data set, as Keras 2's Sequence was before it had a base class
        begin = lambda: (x[i] for i in range(len(x)))  # noqa: E731
        return StreamData(
            begin,
            len(x),
            class_weight=class_weight,
            name=type(x).__name__,
            on_epoch_end=getattr(x, "on_epoch_end", None),
        )
    return None


def class_weights(y, class_weight):
    """The weight of each sample: that of its class (the index of the largest entry, for one-hot targets)."""
    if y is None:
        raise ValueError("class_weight needs targets, but y is missing.")
    if len(flatten([y])) > 1:
        raise ValueError("class_weight is only supported for models with a single output.")
    (y,) = flatten([y])
    engine = registry.current()
    y = engine.to_numpy(y) if engine.is_tensor(y) else np.asarray(y)
    classes = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(y.shape[0], -1)[:, 0]
    classes = classes.astype("int64")
    unknown = set(np.unique(classes).tolist()) - set(class_weight)
    weights = np.ones(classes.shape, "float32")
    for value, weight in class_weight.items():
        weights[classes == value] = weight
    if len(unknown) == len(np.unique(classes)):
        raise ValueError(
            f"class_weight has weights for the classes {sorted(class_weight)}, but the targets hold {sorted(unknown)}."
        )
    return weights


def _combine(weights, sample_weight):
    if sample_weight is None:
        return weights
    (given,) = flatten([sample_weight])
    given = np.asarray(given)
    return given * weights.reshape(weights.shape + (1,) * (given.ndim - weights.ndim))


def split(columns, fraction):
    """The first part of the samples and the last ``fraction`` of them, of (x, y, sample_weight)."""
    if not 0 < fraction < 1:
        raise ValueError(f"validation_split must be between 0 and 1. Received: {fraction}.")
    columns = tuple(None if c is None else as_arrays(c, n) for c, n in zip(columns, ("x", "y", "sample_weight")))
    size = column_length(columns)
    cut = math.floor(size * (1 - fraction))
    if cut == 0 or cut == size:
        raise ValueError(
            f"validation_split={fraction} of {size} samples leaves {cut} for training and {size - cut} for validation."
        )
    take = lambda part: tuple(map_structure(lambda a: None if a is None else a[part], c) for c in columns)  # noqa: E731
    return take(slice(0, cut)), take(slice(cut, None))


__all__ = [
    "ArrayData",
    "StreamData",
    "adapt",
    "pack_x_y_sample_weight",
    "split",
    "unpack_x_y_sample_weight",
]
