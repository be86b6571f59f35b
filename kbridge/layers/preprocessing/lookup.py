"""StringLookup and IntegerLookup: categories to their places in a vocabulary, and back."""

import json
import os
from collections import Counter
from itertools import chain

import numpy as np

from kbridge import config, ops
from kbridge.layers.preprocessing.hashing import bins, checked_salt
from kbridge.layers.preprocessing.host import (
    OUTPUT_MODES,
    Adapting,
    HostLayer,
    check_output_mode,
    encode,
    encoded_shape,
    is_text,
    on_host,
)

_IN_JSON = "vocabulary.json"


class Vocabulary:
    """Tokens and their places: the mask token (in the mode "int"), those that stand for the unknown, the others."""

    __slots__ = ("tokens", "first", "places", "_ordered")

    def __init__(self, tokens, first):
        self.tokens = tokens  # without mask and unknown
        self.first = first  # the place of tokens[0]
        self.places = {token: first + i for i, token in enumerate(tokens)}
        self._ordered = None

    def ordered(self, unknown):
        """The tokens (integers) in ascending order and their places; ``unknown`` alone, if there are none."""
        if self._ordered is None:
            tokens = np.array(self.tokens or [unknown], "int64")
            order = np.argsort(tokens)
            self._ordered = tokens[order], order + (self.first if self.tokens else self.first - 1)
        return self._ordered


class Counts:
    """How often each token was seen, and in how many documents."""

    __slots__ = ("tokens", "documents", "seen")

    def __init__(self):
        self.tokens, self.documents, self.seen = Counter(), Counter(), 0

    def add(self, documents, within):
        """Count the tokens of ``documents``, lists; ``within``: also the documents that have each."""
        self.tokens.update(chain.from_iterable(documents))
        if within:
            self.documents.update(chain.from_iterable(map(set, documents)))
        self.seen += len(documents)


class IndexLookup(Adapting, HostLayer):
    """What StringLookup and IntegerLookup have in common.

    Args:
        max_tokens: how large the vocabulary may become, what stands for the unknown included.
        num_oov_indices: how many indices stand for what is not in the vocabulary; with several, a hash chooses.
            With 0, unknown tokens are an error.
        mask_token: what stands for an empty place: index 0 in the mode "int", nothing in the others.
        oov_token: what the unknown becomes when inverted.
        vocabulary: the tokens, or the path of a text file that has one on each line.
        idf_weights: the weight of each token, for "tf_idf".
        invert: whether to turn indices into tokens.
        output_mode: "int", "one_hot", "multi_hot", "count" (see CategoryEncoding), or "tf_idf": counts, times weights
            that are larger for tokens that few documents have.
        pad_to_max_tokens: whether rows are of length ``max_tokens`` even where the vocabulary is smaller.
        sparse: False; sparse tensors are not supported.
        oov_method: how one of several indices is chosen for an unknown integer: "floormod" or "farmhash".
        salt: an integer or two, for a hash that nobody can foresee who does not know them.
    """

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary,
        idf_weights,
        invert,
        output_mode,
        sparse,
        pad_to_max_tokens,
        oov_method,
        salt,
        name,
        **kwargs,
    ):
        vocabulary_size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        kind = type(self).__name__
        if output_mode in ("binary", "tf-idf"):  # their names in Keras 2
            output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}[output_mode]
        check_output_mode(self, output_mode, OUTPUT_MODES, sparse)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"{kind}: max_tokens must be greater than 1. Received: max_tokens={max_tokens!r}.")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{kind}: pad_to_max_tokens=True needs max_tokens. Received: max_tokens=None.")
        if num_oov_indices < 0:
            raise ValueError(f"{kind}: num_oov_indices must be 0 or more. Received: num_oov_indices={num_oov_indices}.")
        if invert and output_mode != "int":
            raise ValueError(f"{kind}: invert=True needs output_mode='int'. Received: output_mode={output_mode!r}.")
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"{kind}: idf_weights belong to output_mode='tf_idf'. Received: output_mode={output_mode!r}."
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(f"{kind}: oov_method must be 'floormod' or 'farmhash'. Received: {oov_method!r}.")
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode, self.sparse = invert, output_mode, False
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method, self.salt = oov_method, checked_salt(self, salt)
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = self._read(vocabulary)
        self._given = None if vocabulary is None else vocabulary, idf_weights
        self._expected_size = vocabulary_size  # of a layer from a config, until its vocabulary is loaded
        self._counts = Counts()
        self._vocabulary = None
        self.idf_weights = None  # of every index
        self.built = True
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # -- the vocabulary

    def _special_tokens(self):
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    def _require_vocabulary(self):
        if self._vocabulary is None:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' has no vocabulary yet. Write: layer.adapt(data), "
                f"layer.set_vocabulary(tokens), or {type(self).__name__}(vocabulary=tokens)."
            )
        return self._vocabulary

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens, each at its index; without special ones, only those that were learned or given."""
        tokens = [] if self._vocabulary is None else list(self._vocabulary.tokens)
        return self._special_tokens() + tokens if include_special_tokens else tokens

    def vocabulary_size(self):
        """How many indices there are."""
        if self._vocabulary is None and self._expected_size is not None:
            return self._expected_size
        return len(self._special_tokens()) + (0 if self._vocabulary is None else len(self._vocabulary.tokens))

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Set the tokens: a list, an array, or the path of a text file with one on each line.

        Special tokens may come first, as ``get_vocabulary`` gives them. ``idf_weights``: of each token, for "tf_idf".
        """
        kind = type(self).__name__
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(
                f"{kind}: idf_weights belong to output_mode='tf_idf'. Received: output_mode={self.output_mode!r}."
            )
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = self._read(vocabulary)
        given = vocabulary, idf_weights
        tokens = [self._token(token) for token in on_host(vocabulary, self).ravel().tolist()]
        if not tokens:
            raise ValueError(f"{kind}: the vocabulary is empty. Received: {vocabulary!r}.")
        special = self._special_tokens()
        begins = special if special and tokens[: len(special)] == special else []
        if idf_weights is not None:
            idf_weights = np.asarray(idf_weights, "float32").ravel()
            if len(idf_weights) != len(tokens):
                raise ValueError(
                    f"{kind}: idf_weights must hold one for each token. "
                    f"Received {len(idf_weights)} of them for {len(tokens)} tokens."
                )
            idf_weights = idf_weights[len(begins) :]
        elif self.output_mode == "tf_idf":
            raise ValueError(f"{kind}: with output_mode='tf_idf' a vocabulary needs idf_weights. Received: None.")
        self._set(tokens[len(begins) :], idf_weights)
        if self._given[0] is not None:
            self._given = given  # a config tells of what holds now

    def _set(self, tokens, idf_weights):
        kind, special = type(self).__name__, self._special_tokens()
        if len(set(tokens)) < len(tokens):
            seen = set()
            twice = [token for token in tokens if token in seen or seen.add(token)]
            raise ValueError(f"{kind}: the vocabulary has tokens more than once: {twice[:10]}. Leave out the repeats.")
        for token in (self.mask_token, self.oov_token):
            if token is not None and token in tokens and (token == self.mask_token or self.num_oov_indices):
                raise ValueError(
                    f"{kind}: the vocabulary has the special token {token!r} at place {tokens.index(token)}. Leave it "
                    f"out, or begin with all special tokens: {special}. Received: {[*tokens[:10]]}."
                )
        if self.max_tokens is not None and len(special) + len(tokens) > self.max_tokens:
            raise ValueError(
                f"{kind}: a vocabulary of {len(special) + len(tokens)} tokens (special ones included) is larger than "
                f"max_tokens={self.max_tokens}."
            )
        self._vocabulary = Vocabulary(tokens, len(special))
        self._expected_size = None
        if idf_weights is not None:
            self._set_weights(np.asarray(idf_weights, "float32"))

    def _set_weights(self, weights):
        """The unknown weighs as much as tokens do on average; padding nothing."""
        average = weights.mean() if len(weights) else 0.0
        full = [average] * (self._vocabulary.first) + weights.tolist()
        self.idf_weights = np.array(full + [0.0] * (self._depth() - len(full)), "float32")

    def _depth(self):
        return self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()

    def _read(self, path):
        with open(path, encoding=self.encoding) as file:
            return np.array([line.rstrip("\n") for line in file], object)

    # -- adapting

    def reset_state(self):
        """Forget the vocabulary and what ``adapt`` or ``update_state`` have seen. A given vocabulary stays."""
        if self._given[0] is None:
            self._vocabulary, self.idf_weights, self._counts = None, None, Counts()

    def update_state(self, data):
        """Count the tokens of a batch. For "tf_idf" each row is a document."""
        if self._given[0] is not None:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' was given its vocabulary, so there is nothing to adapt. "
                f"Leave it out to have it learned."
            )
        values = self._checked(on_host(data, self))
        self._count(values.reshape(-1, values.shape[-1] if values.ndim > 1 else 1).tolist())

    def _count(self, documents):
        self._counts.add(documents, self.output_mode == "tf_idf")

    def finalize_state(self):
        """Make the vocabulary of what was seen: the most frequent tokens first, among equals the last by order."""
        if self._given[0] is not None or not self._counts.seen:
            return
        found = dict(self._counts.tokens)
        for token in (self.mask_token, self.oov_token):
            found.pop(token, None)
        room = None if self.max_tokens is None else self.max_tokens - len(self._special_tokens())
        tokens = sorted(found, key=lambda token: (found[token], token), reverse=True)[:room]
        weights = None
        if self.output_mode == "tf_idf":
            having = np.array([self._counts.documents[token] for token in tokens], "float32")
            weights = np.log(1.0 + self._counts.seen / (1.0 + having))
        self._set(tokens, weights)

    # -- looking up

    @property
    def output_dtype(self):
        if self.output_mode == "tf_idf":
            return config.floatx()
        return "string" if self.invert and type(self.oov_token) is str else "int64"

    def compute(self, values):
        if self.invert:
            return self._inverted(values)
        return self._encoded(ops.convert_to_tensor(self._indices(self._checked(values))))

    def _encoded(self, indices):
        if self.output_mode == "tf_idf":
            counts = encode(indices, "count", self._depth(), self.output_dtype)
            return counts * ops.convert_to_tensor(self.idf_weights, self.output_dtype)
        return encode(indices, self.output_mode, self._depth(), self.output_dtype)

    def _indices(self, values):
        """The index of each value; -1 for the mask token in modes that have no place for it."""
        vocabulary = self._require_vocabulary()
        flat = values.ravel()
        find = vocabulary.places.get
        found = np.fromiter((find(token, -1) for token in flat.tolist()), np.int64, flat.size)
        first = 0
        unknown = found < 0
        if self.mask_token is not None:
            masked = unknown & np.asarray(flat == self.mask_token, bool)
            unknown &= ~masked
            if self.output_mode == "int":
                found[masked] = 0
                first = 1
        if unknown.any():
            if not self.num_oov_indices:
                raise ValueError(
                    f"{type(self).__name__} layer '{self.name}' has num_oov_indices=0, so all values must be in its "
                    f"vocabulary. Received: {list(dict.fromkeys(flat[unknown].tolist()))[:10]}."
                )
            found[unknown] = first + self._unknown(flat[unknown])
        return found.reshape(values.shape)

    def _unknown(self, values):
        """Which of the indices for the unknown each value has."""
        if self.num_oov_indices == 1:
            return 0
        if not is_text(values) and self.oov_method == "floormod":
            return values.astype("int64") % self.num_oov_indices
        return bins(values, self.num_oov_indices, self.salt)

    def _inverted(self, values):
        if values.dtype.kind not in "iu":
            raise TypeError(
                f"{type(self).__name__} layer '{self.name}' inverts indices, which are integers. "
                f"Received the dtype {values.dtype}."
            )
        vocabulary = self._require_vocabulary()
        tokens = np.array([*self._special_tokens(), *vocabulary.tokens, self.oov_token], self._token_dtype)
        outside = (values < 0) | (values >= len(tokens))
        found = np.asarray(tokens[np.where(outside, len(tokens) - 1, values)], self._token_dtype)
        return found if self._token_dtype is object else ops.convert_to_tensor(found)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self._depth())

    # -- saving

    def get_config(self):
        given, weights = self._given
        plain = lambda value: value.tolist() if hasattr(value, "tolist") else value  # noqa: E731
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": plain(weights),
            "vocabulary": plain(given),
            "vocabulary_size": self._expected_size if self._vocabulary is None else self.vocabulary_size(),
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    def learned_config(self):
        """What a config says of a learned vocabulary in files that have no other place for it."""
        if self._given[0] is not None or self._vocabulary is None:
            return {}
        tokens, first = self._vocabulary.tokens, self._vocabulary.first
        weights = self.idf_weights
        weights = None if weights is None else weights[first : first + len(tokens)].tolist()
        return {"vocabulary": list(tokens), "idf_weights": weights}

    @classmethod
    def from_config(cls, config):
        if isinstance(config.get("vocabulary"), str):
            raise ValueError(
                f"{cls.__name__}: the config names a file of tokens, {config['vocabulary']!r}, and files that a config "
                f"names are not opened. Put the tokens themselves into its place."
            )
        return super().from_config(config)

    def get_build_config(self):
        return {}

    def build_from_config(self, config):
        self.built = True

    def save_assets(self, dir_path):
        """Write the learned vocabulary to a text file in ``dir_path``, a token on each line.

        Tokens that hold the end of a line are written to a file of JSON too, which is then what counts.
        """
        if self._given[0] is None and self._vocabulary is not None:
            tokens = self.get_vocabulary()
            with open(os.path.join(dir_path, "vocabulary.txt"), "w", encoding="utf-8", newline="\n") as file:
                file.write("\n".join(map(str, tokens)))
            if any("\n" in str(token) for token in tokens):
                with open(os.path.join(dir_path, _IN_JSON), "w", encoding="utf-8") as file:
                    json.dump(tokens, file)

    def load_assets(self, dir_path):
        """Read the vocabulary that ``save_assets`` wrote."""
        in_lines, in_json = os.path.join(dir_path, "vocabulary.txt"), os.path.join(dir_path, _IN_JSON)
        if self._given[0] is not None or not os.path.exists(in_lines):
            return
        with open(in_lines, encoding="utf-8", newline="\n") as file:
            lines = file.read().split("\n")
        if os.path.exists(in_json):
            with open(in_json, encoding="utf-8") as file:
                lines = json.load(file)
            if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
                raise ValueError(f"{_IN_JSON} is no list of texts.")
        tokens = [self._token(line) for line in lines]
        special = self._special_tokens()
        self._set(tokens[len(special) :] if tokens[: len(special)] == special else tokens, None)

    def save_own_variables(self, store):
        if self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store):
        if self.output_mode == "tf_idf" and "idf_weights" in store.keys():
            self.idf_weights = np.array(store["idf_weights"], "float32")


class StringLookup(IndexLookup):
    __doc__ = (
        "Text to its index in a vocabulary, and back.\n"
        + IndexLookup.__doc__.partition("\n")[2]
        + "    encoding: how texts given as bytes are encoded.\n    "
    )

    _token_dtype = object

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            kwargs.pop("oov_method", "floormod"),
            salt,
            name,
            **kwargs,
        )

    def _token(self, value):
        return value if isinstance(value, str) else str(value)

    def _checked(self, values):
        if not is_text(values) and values.size:
            raise TypeError(
                f"StringLookup layer '{self.name}' takes text. Received the dtype {values.dtype}. "
                f"Write: IntegerLookup(...), or convert the values: x.astype(str)."
            )
        return values

    def get_config(self):
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    __doc__ = (
        "Whole numbers to their indices in a vocabulary, and back.\n"
        + IndexLookup.__doc__.partition("\n")[2]
        + '    vocabulary_dtype: "int64" or "int32": of what it gives when inverted.\n    '
    )

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if vocabulary_dtype not in ("int64", "int32"):
            raise ValueError(
                f"IntegerLookup: vocabulary_dtype must be 'int64' or 'int32'. Received: {vocabulary_dtype!r}."
            )
        self.vocabulary_dtype = self._token_dtype = vocabulary_dtype
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            name,
            **kwargs,
        )

    @property
    def runs_on_host(self):
        """Only where it must: to find values that are an error, or to hash them."""
        return not self.num_oov_indices or self.num_oov_indices > 1 and self.oov_method == "farmhash"

    def call(self, inputs):
        if self.runs_on_host:
            return super().call(inputs)
        x = ops.convert_to_tensor(inputs)
        if ops.dtype(x) not in ("int32", "int64", "int8", "int16", "uint8", "uint16", "uint32"):
            raise TypeError(
                f"IntegerLookup layer '{self.name}' takes whole numbers. Received the dtype {ops.dtype(x)}. "
                f"Write: x.astype('int64')."
            )
        x = ops.cast(x, "int64")
        return self._tokens_at(x) if self.invert else self._encoded(self._places_of(x))

    def _places_of(self, x):
        tokens, indices = self._require_vocabulary().ordered(self.oov_token)
        near = ops.minimum(ops.searchsorted(tokens, ops.reshape(x, (-1,))), len(tokens) - 1)
        near = ops.reshape(near, ops.shape(x))
        known = ops.equal(ops.take(tokens, near), x)
        masked = self.mask_token is not None
        counted = self.output_mode == "int"
        unknown = ops.mod(x, self.num_oov_indices) + int(masked and counted)
        places = ops.where(known, ops.take(indices, near), unknown)
        if masked:
            places = ops.where(ops.equal(x, self.mask_token), 0 if counted else -1, places)
        return places

    def _tokens_at(self, x):
        tokens = np.array(
            [*self._special_tokens(), *self._require_vocabulary().tokens, self.oov_token], self.vocabulary_dtype
        )
        outside = ops.logical_or(x < 0, x >= len(tokens))
        return ops.take(tokens, ops.where(outside, len(tokens) - 1, x))

    @property
    def output_dtype(self):
        return self.vocabulary_dtype if self.invert else super().output_dtype

    def _token(self, value):
        return int(value)

    def _read(self, path):
        return super()._read(path).astype("int64")

    def _checked(self, values):
        if values.dtype.kind not in "iu" and values.size:
            raise TypeError(
                f"IntegerLookup layer '{self.name}' takes whole numbers. Received the dtype {values.dtype}. "
                f"Write: x.astype('int64')."
            )
        return values

    def get_config(self):
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
