"""News from Reuters as lists of numbers of words, labelled with 46 topics."""

from kbridge.compat.datasets import split_texts, word_index
from kbridge.datasets import reuters as _today


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """((texts, topics) to train, (texts, topics) to test): arrays of lists of ints, and int topics.

    ``test_split``: the part of the 11,228 texts to test with. The other arguments are those of ``imdb.load_data``.
    """
    num_words = kwargs.pop("nb_words", num_words)
    if kwargs:
        raise TypeError(f"load_data does not know the argument(s) {sorted(kwargs)}.")
    how = num_words, skip_top, maxlen, test_split, seed, start_char, oov_char, index_from
    return split_texts(path, lambda: _today.load_data(path, *how), *how)


def get_word_index(path="reuters_word_index.json"):
    """The numbers of the words, without what ``index_from`` adds. ``path``: as for ``load_data``."""
    return word_index(path, lambda: _today.get_word_index(path))
