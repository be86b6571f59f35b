"""TextVectorization: text to tokens, and tokens to indices or counts."""

import re
import string

import numpy as np

from kbridge import objects, ops
from kbridge.layers.preprocessing.host import (
    OUTPUT_MODES,
    Adapting,
    HostLayer,
    check_output_mode,
    on_host,
)
from kbridge.layers.preprocessing.lookup import StringLookup

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_STRIP = str.maketrans("", "", string.punctuation)
_STANDARDIZE = {
    "lower_and_strip_punctuation": {**_LOWER, **_STRIP},
    "lower": _LOWER,
    "strip_punctuation": _STRIP,
}
_SPACE = re.compile(r"[ \t\n\r\f\v]+")


def _words(text):
    if text.isascii() and text.isprintable():
        return text.split()  # which would split other text at more than the white space of ASCII
    return [token for token in _SPACE.split(text) if token]


_SPLIT = {"whitespace": _words, "character": list}


class TextVectorization(Adapting, HostLayer):
    """Text to indices of its tokens in a vocabulary, or to one row that says which occur.

    Each text is standardized, split into tokens, these are joined into ngrams, and looked up.

    Args:
        max_tokens: how large the vocabulary may become, what stands for padding and the unknown included.
        standardize: "lower_and_strip_punctuation", "lower" or "strip_punctuation" (which know the letters and marks
            of ASCII), None, or a function from an array of str to another.
        split: "whitespace", "character", None, or a function from an array of str to a list of tokens for each.
        ngrams: join up to so many tokens that follow each other; or a tuple of the numbers to join.
        output_mode: "int", "multi_hot", "count" or "tf_idf"; see StringLookup.
        output_sequence_length: cut and padded to this length, for "int"; else to that of the longest.
        pad_to_max_tokens: whether rows are of length ``max_tokens`` even where the vocabulary is smaller.
        vocabulary: the tokens, or the path of a text file that has one on each line.
        idf_weights: the weight of each token, for "tf_idf".
        sparse, ragged: False; such tensors are not supported.
        encoding: how texts given as bytes are encoded.
    """

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        if output_mode in ("binary", "tf-idf"):  # their names in Keras 2
            output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}[output_mode]
        check_output_mode(self, output_mode, OUTPUT_MODES, sparse)
        if ragged:
            raise ValueError(
                "TextVectorization: ragged tensors are not supported. Leave out ragged=True, and rows are padded."
            )
        _check_choice("standardize", standardize, _STANDARDIZE)
        _check_choice("split", split, _SPLIT)
        if isinstance(ngrams, list):
            ngrams = tuple(ngrams)
        if not (
            ngrams is None
            or isinstance(ngrams, int)
            and ngrams > 0
            or isinstance(ngrams, tuple)
            and all(isinstance(n, int) and n > 0 for n in ngrams)
        ):
            raise ValueError(
                f"TextVectorization: ngrams must be None, a positive integer or a tuple of them. Received: {ngrams!r}."
            )
        length = output_sequence_length
        if length is not None and (output_mode != "int" or not isinstance(length, int) or length < 1):
            raise ValueError(
                f"TextVectorization: output_sequence_length must be a positive integer, and belongs to "
                f"output_mode='int'. Received: {length!r} with output_mode={output_mode!r}."
            )
        self.standardize, self.split, self.encoding = standardize, split, encoding
        self.ngrams = ngrams
        self._widths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self.output_mode, self.output_sequence_length = output_mode, length
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            output_mode=output_mode,
            encoding=encoding,
            vocabulary_size=size,
        )
        self.built = True

    # -- the vocabulary

    def adapt(self, data, batch_size=None, steps=None):
        """Learn the vocabulary from ``data``: an array, a list, or batches from a data set, a loader or a generator.

        ``steps`` limits the number of batches; ``batch_size`` says how many texts of an array make one.
        """
        if batch_size is not None and isinstance(data, (list, tuple, np.ndarray)):
            whole = data
            data = (whole[i : i + batch_size] for i in range(0, len(whole), batch_size))
        super().adapt(data, steps)

    def reset_state(self):
        """Forget the vocabulary and what ``adapt`` or ``update_state`` have seen. A given vocabulary stays."""
        self._lookup_layer.reset_state()

    def update_state(self, data):
        """Count the tokens of a batch of texts."""
        texts = on_host(data, self)
        if self._lookup_layer._given[0] is not None:
            self._lookup_layer.update_state(texts)  # which refuses
        rows = self._tokens(texts.reshape((1,)) if texts.ndim == 0 else texts)
        self._lookup_layer._count(rows)

    def finalize_state(self):
        """Make the vocabulary of what was seen."""
        self._lookup_layer.finalize_state()

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens, each at its index; without special ones, only those that were learned or given."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """How many indices there are."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Set the tokens: a list, an array, or the path of a text file with one on each line."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # -- text to tokens

    def _tokens(self, texts):
        """A list of tokens for each text, or each row of texts where they are not split."""
        texts = self._standardized(texts)
        if self.split is None:
            rows = texts.reshape(len(texts), -1).tolist()
        else:
            if texts.ndim == 2 and texts.shape[1] == 1:
                texts = texts[:, 0]
            if texts.ndim != 1:
                raise ValueError(
                    f"TextVectorization layer '{self.name}' splits texts, so it takes them in the shape (batch,) or "
                    f"(batch, 1). Received the shape {texts.shape}. Pass split=None for texts that are split already."
                )
            rows = self._split(texts)
        return rows if self._widths is None else [_ngrams(row, self._widths) for row in rows]

    def _standardized(self, texts):
        if callable(self.standardize):
            return on_host(self.standardize(texts), self)
        if self.standardize is None or not texts.size:
            return texts
        table = _STANDARDIZE[self.standardize]
        result = np.empty(texts.size, object)
        result[:] = [text.translate(table) for text in texts.ravel().tolist()]
        return result.reshape(texts.shape)

    def _split(self, texts):
        if not callable(self.split):
            return [_SPLIT[self.split](text) for text in texts.tolist()]
        found = self.split(texts)
        for name in ("to_list", "tolist", "numpy"):  # ragged tensors, arrays, and tensors of other libraries
            if hasattr(found, name):
                found = getattr(found, name)()
        return [list(map(self._as_text, row)) for row in found]

    def _as_text(self, token):
        return token.decode(self.encoding) if isinstance(token, bytes) else token

    # -- tokens to numbers

    @property
    def output_dtype(self):
        return self._lookup_layer.output_dtype

    @property
    def compute_dtype(self):
        return "string"

    @property
    def variable_dtype(self):
        return "string"

    def compute(self, values):
        if values.dtype != object and values.size:
            raise TypeError(f"TextVectorization layer '{self.name}' takes text. Received the dtype {values.dtype}.")
        lookup = self._lookup_layer
        lookup._require_vocabulary()
        length = self.output_sequence_length
        if self.output_mode == "int" and length is None and self.split is None and self._widths is None:
            return ops.convert_to_tensor(lookup._indices(self._standardized(values)))
        single = values.ndim == 0
        rows = self._tokens(values.reshape((1,)) if single else values)
        if self.output_mode == "int":
            lengths = np.fromiter(map(len, rows), np.int64, len(rows))
            if length is None:
                length = int(lengths.max(initial=0))
            found = np.zeros((len(rows), length), np.int64)
            flat = np.array([token for row in rows for token in row[:length]], object)
            kept = np.arange(length) < lengths[:, None]
            found[kept] = lookup._indices(flat)
            found = ops.convert_to_tensor(found)
        else:
            longest = max(map(len, rows), default=0)
            padded = np.full((len(rows), longest), "", object)
            for row, target in zip(rows, padded):
                target[: len(row)] = row
            found = lookup._encoded(ops.convert_to_tensor(lookup._indices(padded)))
        return found[0] if single else found

    def compute_output_shape(self, input_shape):
        if self.output_mode != "int":
            return (*input_shape[:1], self._lookup_layer._depth())
        if self.split is None and self._widths is None and self.output_sequence_length is None:
            return tuple(input_shape)
        return (*input_shape[:1], self.output_sequence_length)

    # -- saving

    def get_config(self):
        lookup = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "max_tokens": lookup["max_tokens"],
            "standardize": _written(self.standardize),
            "split": _written(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": lookup["pad_to_max_tokens"],
            "sparse": False,
            "ragged": False,
            "vocabulary": lookup["vocabulary"],
            "idf_weights": lookup["idf_weights"],
            "encoding": self.encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    def learned_config(self):
        """What a config says of a learned vocabulary in files that have no other place for it."""
        return self._lookup_layer.learned_config()

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("vocabulary"), str):
            StringLookup.from_config(config)  # which refuses to open a file
        for name in ("standardize", "split"):
            if isinstance(config.get(name), dict):
                config[name] = objects.deserialize_keras_object(config[name])
        return super().from_config(config)

    def save_assets(self, dir_path):
        """Write the learned vocabulary to a text file in ``dir_path``, a token on each line."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        """Read the vocabulary that ``save_assets`` wrote."""
        self._lookup_layer.load_assets(dir_path)

    def save_own_variables(self, store):
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        self._lookup_layer.load_own_variables(store)


def _check_choice(argument, value, known):
    if value is not None and not callable(value) and value not in known:
        raise ValueError(
            f"TextVectorization: {argument} must be one of {', '.join(known)}, None, or a function. "
            f"Received: {value!r}."
        )


def _ngrams(tokens, widths):
    """The runs of so many tokens, joined by spaces, for one width after the other."""
    return [" ".join(tokens[i : i + n]) for n in widths for i in range(len(tokens) - n + 1)]


def _written(value):
    return objects.serialize_keras_object(value) if callable(value) else value
