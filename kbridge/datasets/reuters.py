"""News from Reuters as lists of numbers of words, labelled with 46 topics."""

from kbridge.datasets.reading import read_npz, shuffled, split
from kbridge.datasets.sources import fetch
from kbridge.datasets.words import limit, prepare, read_index

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


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
):
    """((texts, topics) to train, (texts, topics) to test): arrays of lists of ints, and int topics.

    ``test_split``: the part of the 11,228 texts to test with. The other arguments are those of ``imdb.load_data``.
    """
    x, y = shuffled(seed, *read_npz(fetch("reuters.npz", path), "x", "y"))
    x, y = prepare(x, y, maxlen, start_char, index_from)
    return split(test_split, limit(x, num_words, skip_top, oov_char), y)


def get_word_index(path="reuters_word_index.json"):
    """The numbers of the words, without what ``index_from`` adds. ``path``: the name of the file in the cache."""
    return read_index(fetch("reuters_word_index.json", path))


def get_label_names():
    """The names of the 46 topics, in the order of their numbers."""
    return tuple(_TOPICS.split())
