"""Reviews of films from IMDB as lists of numbers of words, labelled as bad (0) or good (1)."""

from kbridge.compat.datasets import texts, word_index
from kbridge.datasets import imdb as _today


def load_data(
    path="imdb_full.pkl",
    nb_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """((25,000 reviews, labels) to train, (25,000 reviews, labels) to test): arrays of lists of ints, and int labels.

    Args:
        path: the name of the file in the cache, or the path of a file of your own: a pickle or npz. Without such, the
            data are fetched as npz.
        nb_words: words with this number and above are replaced; none, unless told.
        skip_top: words with a number below this are replaced.
        maxlen: only reviews shorter than this are given.
        seed: of the order.
        start_char: what each review begins with; None for nothing.
        oov_char: what stands for words that are replaced; None leaves them out.
        index_from: what is added to the numbers of words.
    """
    nb_words = kwargs.pop("num_words", nb_words)
    if kwargs:
        raise TypeError(f"load_data does not know the argument(s) {sorted(kwargs)}.")
    how = nb_words, skip_top, maxlen, seed, start_char, oov_char, index_from
    later = "imdb.npz" if ".pkl" in path else path
    return texts(path, lambda: _today.load_data(later, *how), *how)


def get_word_index(path="imdb_word_index.pkl"):
    """The numbers of the words, without what ``index_from`` adds. ``path``: as for ``load_data``."""
    return word_index(path, _today.get_word_index)
