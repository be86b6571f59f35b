"""Sequences of words and of moments: pairs to learn from, windows, and ``Sequence``, the base of data sets by index."""

import json
import random

import numpy as np

from kbridge.training.datasets import PyDataset


class Sequence(PyDataset):
    """Base for data sets of one's own: define ``__getitem__(index)``, a whole batch, and ``__len__``."""

    use_sequence_api = True

    def __iter__(self):
        return (self[index] for index in range(len(self)))


def make_sampling_table(size, sampling_factor=1e-5):
    """How likely a word is to be taken, by its rank: word2vec's rule, for words as frequent as Zipf's law says.

    Args:
        size: the number of words; the word of rank 0 counts as that of rank 1.
        sampling_factor: the smaller, the fewer frequent words are taken.
    """
    rank = np.maximum(np.arange(size), 1)
    ranks_per_occurrence = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * ranks_per_occurrence))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """(pairs, labels): words with their neighbours, labelled 1, and with words drawn at random, labelled 0.

    Args:
        sequence: the numbers of words; 0 is no word.
        vocabulary_size: the largest number of a word, plus 1.
        window_size: how far neighbours may be apart.
        negative_samples: how many random pairs there are for each of neighbours.
        shuffle: whether the pairs are brought into random order.
        categorical: whether labels are [0, 1] and [1, 0] instead.
        sampling_table: how likely a word is taken, by its number.
        seed: of the order.
    """
    couples = []
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        near = range(max(0, place - window_size), min(len(sequence), place + window_size + 1))
        couples += [[word, sequence[other]] for other in near if other != place and sequence[other]]
    positive, negative = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels = [positive] * len(couples)
    if negative_samples > 0:
        count = int(len(couples) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [negative] * count
    if shuffle:
        seed = random.randint(0, 10_000_000) if seed is None else seed
        for column in (couples, labels):
            random.seed(seed)
            random.shuffle(column)
    return couples, labels


def _remove_long_seq(maxlen, seq, label):
    """The sequences shorter than ``maxlen``, and their labels."""
    kept = [(x, y) for x, y in zip(seq, label) if len(x) < maxlen]
    return [x for x, _ in kept], [y for _, y in kept]


class TimeseriesGenerator(Sequence):
    """Windows of a series of moments, with what is to be foretold at the end of each, in batches by index.

    Args:
        data: the series, first axis first.
        targets: what belongs to each moment: the target of a window is that of the moment after it.
        length: how far a window reaches back.
        sampling_rate: every how many moments of it are taken.
        stride: how far apart windows are.
        start_index: the first moment to use.
        end_index: the last moment to foretell; the last there is unless told.
        shuffle: whether windows are drawn at random.
        reverse: whether the moments in a window are given backwards.
        batch_size: how many windows are in a batch.
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        super().__init__()
        if len(data) != len(targets):
            raise ValueError(
                f"TimeseriesGenerator: data and targets must have the same length. Received: {len(data)} and "
                f"{len(targets)}."
            )
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"TimeseriesGenerator: nothing is left to foretell: start_index + length is {self.start_index}, but "
                f"end_index is {self.end_index}."
            )

    def __len__(self):
        return -(-(self.end_index - self.start_index + 1) // (self.batch_size * self.stride))

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            reach = self.batch_size * self.stride
            first = self.start_index + reach * index
            rows = np.arange(first, min(first + reach, self.end_index + 1), self.stride)
        windows = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        return windows[:, ::-1] if self.reverse else windows, np.array([self.targets[row] for row in rows])

    def get_config(self):
        """The arguments as plain data; the series as JSON texts."""
        names = "length sampling_rate stride start_index end_index shuffle reverse batch_size".split()
        config = {"data": _as_json("data", self.data), "targets": _as_json("targets", self.targets)}
        config.update((name, getattr(self, name)) for name in names)
        config["start_index"] = self.start_index - self.length
        return config

    def to_json(self, **kwargs):
        """The config as text, for ``timeseries_generator_from_json``; ``kwargs`` go to ``json.dumps``."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def timeseries_generator_from_json(json_string):
    """The generator that ``to_json`` wrote down."""
    config = json.loads(json_string)["config"]
    return TimeseriesGenerator(**{**config, **{key: json.loads(config[key]) for key in ("data", "targets")}})


def _as_json(name, series):
    try:
        return json.dumps(series.tolist() if hasattr(series, "tolist") else series)
    except TypeError as error:
        raise TypeError(f"TimeseriesGenerator: {name} cannot be written as JSON: {error}") from error
