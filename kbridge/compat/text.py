"""Texts as numbers: words, their numbers, and matrices of how often they occur."""

import json
import warnings
from collections import Counter

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(text, filters=FILTERS, lower=True, split=" "):
    """The words of a text.

    Args:
        text: a string.
        filters: the characters that separate words, too, and are left out.
        lower: whether it is brought to lower case.
        split: what separates words.
    """
    if lower:
        text = text.lower()
    text = text.translate({ord(character): split for character in filters})
    return [word for word in text.split(split) if word]


def hashing_trick(text, n, hash_function=None, filters=FILTERS, lower=True, split=" "):
    """A number from 1 to n - 1 for each word of a text: different words may share one.

    ``hash_function``: Python's own ``hash``, which is another in each process, or "md5", or a function of words.
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    return [hash_function(word) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


def one_hot(text, n, filters=FILTERS, lower=True, split=" "):
    """``hashing_trick`` with Python's own ``hash``."""
    return hashing_trick(text, n, hash, filters, lower, split)


def _md5(word):
    from hashlib import md5

    return int(md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers words by how often they occur in texts; 0 stands for none.

    Args:
        num_words: only words with numbers below this are used; all, unless told.
        filters: the characters that are left out of texts.
        lower: whether texts are brought to lower case.
        split: what separates words.
        char_level: whether each character is a word.
        oov_token: a word that stands for those that are not used; it gets the number 1.
        document_count: how many texts there have been already.
    """

    _lower_characters = True  # whether ``lower`` holds for texts of characters, and of lists of words

    def __init__(
        self,
        num_words=None,
        filters=FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        document_count=0,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn("Tokenizer: nb_words is called num_words now.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Tokenizer does not know the argument(s) {sorted(kwargs)}.")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.document_count = document_count
        self.word_counts = Counter()
        self.word_docs = Counter()
        self.index_docs = Counter()
        self.word_index = {}
        self.index_word = {}

    @property
    def nb_words(self):
        """``num_words``, by its name in Keras 1."""
        return self.num_words

    @nb_words.setter
    def nb_words(self, value):
        self.num_words = value

    def _words(self, text):
        if not self.char_level and not isinstance(text, list):
            return text_to_word_sequence(text, self.filters, self.lower, self.split)
        if not (self.lower and self._lower_characters):
            return text
        return [word.lower() for word in text] if isinstance(text, list) else text.lower()

    def fit_on_texts(self, texts):
        """Learn the words of texts: strings, or lists of words."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] = self.word_docs.get(word, 0) + 1
        self._number()

    def _number(self):
        ranked = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        if self.oov_token is not None:
            ranked.insert(0, self.oov_token)
        self.word_index = {word: number for number, word in enumerate(ranked, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Learn from lists of numbers how many texts each occurs in, for ``sequences_to_matrix``."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] = self.index_docs.get(number, 0) + 1

    def texts_to_sequences(self, texts):
        """The numbers of the words of each text; those that are not used are left out, or replaced by oov_token's."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """``texts_to_sequences``, one by one."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            numbers = (self._used(self.word_index.get(word), unknown) for word in self._words(text))
            yield [number for number in numbers if number is not None]

    def _used(self, number, unknown):
        return unknown if number is None or (self.num_words and number >= self.num_words) else number

    def sequences_to_texts(self, sequences):
        """The words that numbers stand for, joined by blanks, for each list of numbers."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """``sequences_to_texts``, one by one."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for sequence in sequences:
            numbers = (self._used(number if number in self.index_word else None, unknown) for number in sequence)
            yield " ".join(self.index_word[number] for number in numbers if number is not None)

    def texts_to_matrix(self, texts, mode="binary"):
        """``sequences_to_matrix`` of the texts' numbers."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """A row for each list of numbers, a column for each number.

        ``mode``: "binary" says whether it occurs, "count" how often, "freq" its share, "tfidf" how much it tells.
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(
                f"sequences_to_matrix: mode must be 'binary', 'count', 'freq' or 'tfidf'. Received: mode={mode!r}."
            )
        if not self.num_words and not self.word_index:
            raise ValueError(
                "sequences_to_matrix: how many columns? Write: Tokenizer(num_words=...), or fit_on_texts(texts) first."
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                "sequences_to_matrix: mode='tfidf' needs to know texts. Write: fit_on_texts(texts), or "
                "fit_on_sequences(sequences), first."
            )
        columns = self.num_words or len(self.word_index) + 1
        x = np.zeros((len(sequences), columns))
        for row, sequence in zip(x, sequences):
            for number, count in Counter(number for number in sequence if number < columns).items():
                if mode == "tfidf":
                    rare = np.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))
                    row[number] = (1 + np.log(count)) * rare
                else:
                    row[number] = {"binary": 1, "count": count, "freq": count / len(sequence)}[mode]
        return x

    _tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")

    def get_config(self):
        """What it was made with and what it learned, as plain data; tables as JSON texts."""
        names = "num_words filters lower split char_level oov_token document_count".split()
        config = {name: getattr(self, name) for name in names}
        config.update((name, json.dumps(getattr(self, name))) for name in self._tables)
        return config

    def to_json(self, **kwargs):
        """The config as text, for ``tokenizer_from_json``; ``kwargs`` go to ``json.dumps``."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string):
    """The tokenizer that ``to_json`` wrote down."""
    config = json.loads(json_string)["config"]
    learned = {name: json.loads(config.pop(name)) for name in Tokenizer._tables}
    for name in ("index_docs", "index_word"):
        learned[name] = {int(key): value for key, value in learned[name].items()}
    tokenizer = Tokenizer(**config)
    tokenizer.__dict__.update(learned)
    return tokenizer
