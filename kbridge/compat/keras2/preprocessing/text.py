"""Texts as numbers."""

from kbridge.compat.text import FILTERS
from kbridge.compat.text import Tokenizer as Tokenizer
from kbridge.compat.text import hashing_trick as hashing_trick
from kbridge.compat.text import one_hot as one_hot
from kbridge.compat.text import text_to_word_sequence as text_to_word_sequence
from kbridge.compat.text import tokenizer_from_json as tokenizer_from_json


def base_filter():
    """The characters that are left out of texts unless told."""
    return FILTERS
