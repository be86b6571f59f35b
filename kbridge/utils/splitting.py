"""``split_dataset``: one data set as two."""

import random

import numpy as np

from kbridge.backend import registry
from kbridge.utils.dataset import Dataset, as_numpy


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two ``Dataset``s, of the first samples and of the last.

    Args:
        dataset: an array, a list or tuple of arrays of the same length, a ``Dataset``, a ``tf.data.Dataset``, or
            anything with a length and items, or that can be iterated over. Batches are taken apart, and put
            together again in the same size.
        left_size: the number of samples in the first, or a part between 0 and 1; what is left, unless told.
        right_size: likewise for the second.
        shuffle: whether samples are put into random order first.
        seed: of that order.
        preferred_backend: the name of an engine; what comes is a ``Dataset``, which feeds them all.
    """
    if preferred_backend is not None and registry.canonical(preferred_backend) not in registry.names():
        raise ValueError(
            f"split_dataset: preferred_backend must be the name of an engine, one of {registry.names()}. "
            f"Received: preferred_backend={preferred_backend!r}."
        )
    if left_size is None and right_size is None:
        raise ValueError("split_dataset: left_size or right_size must be given, a number of samples or a part of them.")
    samples, batch_size = _samples(dataset)
    if not samples:
        raise ValueError("split_dataset: the data set is empty.")
    left, right = _sizes(left_size, right_size, len(samples))
    if shuffle:
        random.Random(seed).shuffle(samples)
    return _of(samples[:left], batch_size), _of(samples[len(samples) - right :], batch_size)


def _of(samples, batch_size):
    single = Dataset(lambda: iter(samples), len(samples))
    return single if batch_size is None else single.batch(batch_size)


def _samples(dataset):
    """(a list of all samples, the size of the batches they came in or None)."""
    if isinstance(dataset, Dataset):
        return list(dataset if dataset.batch_size is None else dataset.unbatch()), dataset.batch_size
    if isinstance(dataset, (list, tuple)):
        columns = [as_numpy(column) for column in dataset]
        lengths = [len(column) if np.ndim(column) else None for column in columns]
        if None in lengths or len(set(lengths)) > 1:
            raise ValueError(
                f"split_dataset: all arrays must have the same number of samples. Received the shapes "
                f"{[np.shape(column) for column in columns]}."
            )
        return list(zip(*columns)), None
    if isinstance(dataset, np.ndarray) or registry.current().is_tensor(dataset):
        return list(as_numpy(dataset)), None
    if hasattr(dataset, "as_numpy_iterator"):  # tf.data.Dataset
        size = getattr(dataset, "_batch_size", None)
        size = None if size is None else int(size)
        return list((dataset if size is None else dataset.unbatch()).as_numpy_iterator()), size
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return [as_numpy(dataset[i]) for i in range(len(dataset))], None
    if hasattr(dataset, "__iter__"):
        return [as_numpy(sample) for sample in dataset], None
    raise TypeError(
        f"split_dataset: dataset must be an array, a list or tuple of arrays, or a data set. "
        f"Received: {type(dataset).__name__}."
    )


def _sizes(left, right, total):
    found = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            found.append(None)
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            raise TypeError(f"split_dataset: {name} must be an int or a float. Received: {name}={size!r}.")
        if not 0 < size < (total if isinstance(size, int) else 1):
            raise ValueError(
                f"split_dataset: {name} must be a number of samples below {total}, or a part between 0.0 and 1.0. "
                f"Received: {name}={size!r}."
            )
        found.append(size if isinstance(size, int) else round(size * total))
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            f"split_dataset: left_size and right_size are more than the whole. Received: {left} and {right}."
        )
    first, second = found
    first = total - second if first is None else first
    second = total - first if second is None else second
    if first + second > total:
        raise ValueError(
            f"split_dataset: left_size={left!r} and right_size={right!r} of {total} samples make {first + second}."
        )
    if not first or not second:
        raise ValueError(
            f"split_dataset: left_size={left!r} and right_size={right!r} of {total} samples leave one of the two empty."
        )
    return first, second
