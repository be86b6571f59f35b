"""Texts as numbers."""

from collections import Counter

from kbridge.compat import text as _shared
from kbridge.compat.text import FILTERS
from kbridge.compat.text import hashing_trick as hashing_trick
from kbridge.compat.text import text_to_word_sequence as text_to_word_sequence
from kbridge.compat.text import tokenizer_from_json as tokenizer_from_json


def base_filter():
    """The characters that are left out of texts unless told."""
    return FILTERS


def one_hot(text, n, filters=FILTERS, lower=True, split=" "):
    """A number from 1 to n - 1 for each word of a text: different words may share one, and each process has its own."""
    return hashing_trick(text, n, lambda word: abs(hash(word)), filters, lower, split)


class Tokenizer(_shared.Tokenizer):
    __doc__ = _shared.Tokenizer.__doc__.replace("num_words", "nb_words")

    _lower_characters = False

    def __init__(self, nb_words=None, filters=FILTERS, lower=True, split=" ", char_level=False, **kwargs):
        if "num_words" in kwargs:
            nb_words = kwargs.pop("num_words")
        super().__init__(nb_words, filters, lower, split, char_level, **kwargs)

    def fit_on_texts(self, texts):
        """Learn the words of texts: strings, or lists of words. The count of texts begins anew."""
        self.document_count = 0
        self.index_docs = Counter()
        super().fit_on_texts(texts)

    def fit_on_sequences(self, sequences):
        """Learn from lists of numbers how many texts each occurs in. The count of texts begins anew."""
        self.document_count = 0
        self.index_docs = Counter()
        super().fit_on_sequences(sequences)
