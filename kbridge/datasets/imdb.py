"""Reviews of films from IMDB as lists of numbers of words, labelled as bad (0) or good (1)."""

import warnings

import numpy as np

from kbridge.datasets.reading import read_npz, shuffled
from kbridge.datasets.sources import fetch
from kbridge.datasets.words import limit, prepare, read_index


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """((25,000 reviews, labels) to train, (25,000 reviews, labels) to test): arrays of lists of ints, and int labels.

    Words are numbered by how often they occur, so that rare ones can be left out.

    Args:
        path: the name of the file in the cache.
        num_words: words with this number and above are replaced; none, unless told.
        skip_top: words with a number below this are replaced.
        maxlen: only reviews shorter than this are given.
        seed: of the order.
        start_char: what each review begins with; None for nothing.
        oov_char: what stands for words that are replaced; None leaves them out.
        index_from: what is added to the numbers of words.
    """
    if "nb_words" in kwargs:
        warnings.warn("load_data: nb_words is now called num_words.", stacklevel=2)
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"load_data does not know the argument(s) {sorted(kwargs)}.")
    x_train, y_train, x_test, y_test = read_npz(fetch("imdb.npz", path), "x_train", "y_train", "x_test", "y_test")
    order = np.random.RandomState(seed)
    parts = []
    for x, y in ((x_train, y_train), (x_test, y_test)):
        x, y = shuffled(order, x, y)
        parts.append(prepare(x, y, maxlen, start_char, index_from))
    (x_train, y_train), (x_test, y_test) = parts
    limited = limit(x_train + x_test, num_words, skip_top, oov_char)
    return (limited[: len(x_train)], y_train), (limited[len(x_train) :], y_test)


def get_word_index(path="imdb_word_index.json"):
    """The numbers of the words, without what ``index_from`` adds. ``path``: the name of the file in the cache."""
    return read_index(fetch("imdb_word_index.json", path))
