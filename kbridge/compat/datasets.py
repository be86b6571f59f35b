"""Data sets as older generations loaded them: the caches of that time are used, and files of one's own.

A path (not a mere name) that is given to ``load_data`` is read as it is; a name is looked for in the
cache, and fetched otherwise.
"""

import os

import numpy as np

from kbridge.compat.fetching import cached
from kbridge.datasets import cifar, reading, words


def found(path, cache_subdir="datasets"):
    """The file that ``path`` names, if it is there: the path itself, or a name in the cache."""
    path = os.fspath(path)
    if os.path.dirname(path):
        if not os.path.exists(path):
            raise FileNotFoundError(f"load_data: there is no file {path}.")
        return path
    inside = cached(path, cache_subdir)
    return str(inside) if inside.exists() else None


def own(path):
    """The file that ``path`` names, if that is a path and no mere name."""
    return found(path) if os.path.dirname(os.fspath(path)) else None


def arrays(path, today, *names):
    """The arrays of a file of one's own; else what ``today`` (a function) gives."""
    file = own(path)
    return today() if file is None else reading.read_npz(file, *names)


def cifar_images(directory, train, test, labels, dtype, today):
    """CIFAR from the directory in an old cache; else what ``today`` (a function) gives."""
    folder = cached(directory)
    return cifar.read(folder, train, test, labels, dtype) if folder.is_dir() else today()


def load_batch(fpath, label_key="labels"):
    """(images, labels) of one file of CIFAR; the images' channels come first."""
    batch = reading.read_pickle(fpath)
    return batch["data"].reshape(-1, 3, 32, 32), batch[label_key]


def texts(path, today, nb_words, skip_top, maxlen, seed, start_char, oov_char, index_from):
    """((texts, labels) to train, (texts, labels) to test) of a file like IMDB's: npz, or a pickle of Keras 1's time."""
    file = own(path) or (found(path) if ".pkl" in path else None)
    if file is None:
        return today()
    if ".pkl" in file:
        (x_train, y_train), (x_test, y_test) = reading.read_plain(file, "latin-1")
        seeds = np.random.RandomState(seed), np.random.RandomState(seed * 2)
    else:
        x_train, y_train, x_test, y_test = reading.read_npz(file, "x_train", "y_train", "x_test", "y_test")
        seeds = (np.random.RandomState(seed),) * 2
    parts = []
    for x, y, order in ((x_train, y_train, seeds[0]), (x_test, y_test, seeds[1])):
        x, y = reading.shuffled(order, _rows(x), np.asarray(y))
        parts.append(words.prepare(x, y, maxlen, start_char, index_from))
    (x_train, y_train), (x_test, y_test) = parts
    limited = words.limit(x_train + x_test, nb_words, skip_top, oov_char)
    return (limited[: len(x_train)], y_train), (limited[len(x_train) :], y_test)


def split_texts(path, today, nb_words, skip_top, maxlen, test_split, seed, start_char, oov_char, index_from):
    """The same of a file like Reuters': one list of texts, of which the last are to test with."""
    file = own(path) or (found(path) if ".pkl" in path else None)
    if file is None:
        return today()
    x, y = reading.read_plain(file, "latin-1") if ".pkl" in file else reading.read_npz(file, "x", "y")
    x, y = reading.shuffled(np.random.RandomState(seed), _rows(x), np.asarray(y))
    x, y = words.prepare(x, y, maxlen, start_char, index_from)
    return reading.split(test_split, words.limit(x, nb_words, skip_top, oov_char), y)


def _rows(texts):
    """Lists as an array of lists, of whatever lengths."""
    if isinstance(texts, np.ndarray):
        return texts
    rows = np.empty(len(texts), dtype=object)
    rows[:] = [list(text) for text in texts]
    return rows


def word_index(path, today):
    """The numbers of words in a file: JSON, or a pickle of Keras 1's time; else what ``today`` (a function) gives."""
    file = found(path)
    if file is None:
        return today()
    return reading.read_plain(file, "latin-1") if ".pkl" in file else words.read_index(file)
