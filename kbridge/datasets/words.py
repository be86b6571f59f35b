"""Texts as lists of numbers of words, prepared as the arguments of ``load_data`` say."""

import numpy as np


def prepare(x, y, maxlen, start_char, index_from):
    """(lists of numbers, labels): moved up by ``index_from``, begun with ``start_char``, none of ``maxlen`` or more."""
    begin = [] if start_char is None else [start_char]
    x = [begin + [number + (index_from or 0) for number in text] for text in x]
    if not maxlen:
        return x, y
    kept = [index for index, text in enumerate(x) if len(text) < maxlen]
    if not kept:
        raise ValueError(f"load_data: no text is shorter than maxlen={maxlen}. Choose a larger one.")
    return [x[index] for index in kept], y[kept]


def limit(x, num_words, skip_top, oov_char):
    """The texts with words outside of ``skip_top`` to ``num_words`` replaced by ``oov_char``, or left out if None."""
    num_words = num_words or max(map(max, x))
    result = np.empty(len(x), dtype=object)
    for index, text in enumerate(x):
        if oov_char is None:
            result[index] = [number for number in text if skip_top <= number < num_words]
        else:
            result[index] = [number if skip_top <= number < num_words else oov_char for number in text]
    return result


def read_index(path):
    """The numbers of words in a JSON file."""
    import json

    with open(path, encoding="utf-8") as file:
        return json.load(file)
