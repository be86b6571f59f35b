"""News from Reuters as lists of numbers of words, labelled with 46 topics."""

from kbridge.compat.datasets import split_texts, word_index
from kbridge.datasets import reuters as _today


def load_data(
    path="reuters.pkl",
    nb_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """((texts, topics) to train, (texts, topics) to test): lists.

    ``path`` may be that of a pickle or npz; ``test_split`` is the part of the 11,228 texts to test with. The other
    arguments are those of ``imdb.load_data``.
    """
    nb_words = kwargs.pop("num_words", nb_words)
    if kwargs:
        raise TypeError(f"load_data does not know the argument(s) {sorted(kwargs)}.")
    how = nb_words, skip_top, maxlen, test_split, seed, start_char, oov_char, index_from
    later = "reuters.npz" if ".pkl" in path else path
    train, test = split_texts(path, lambda: _today.load_data(later, *how), *how)
    return tuple(map(list, train)), tuple(map(list, test))


def get_word_index(path="reuters_word_index.pkl"):
    """The numbers of the words, without what ``index_from`` adds. ``path``: as for ``load_data``."""
    return word_index(path, _today.get_word_index)
