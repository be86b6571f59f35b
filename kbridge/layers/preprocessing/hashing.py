"""Hashing and HashedCrossing: categories to numbers below a bound, without a vocabulary."""

import numpy as np

from kbridge import ops
from kbridge.backend import dtypes
from kbridge.layers.preprocessing import fingerprints
from kbridge.layers.preprocessing.host import HostLayer, check_output_mode, encode, encoded_shape, is_text


def bins(values, count, salt=None):
    """The bin of each item of an array of text or whole numbers: a hash of its text, modulo ``count``, as int64."""
    flat = values.ravel()
    texts = flat.tolist() if is_text(values) else [str(int(item)) for item in flat.tolist()]
    hashes = fingerprints.farmhash(texts) if salt is None else fingerprints.siphash(texts, salt)
    return (hashes % np.uint64(count)).astype("int64").reshape(values.shape)


def checked_salt(layer, salt):
    """Two integers for one, two or none."""
    if salt is None or isinstance(salt, (list, tuple)) and len(salt) == 2 and all(map(_whole, salt)):
        return salt
    if not _whole(salt):
        raise ValueError(f"{type(layer).__name__}: salt must be an integer or two of them. Received: salt={salt!r}.")
    return [salt, salt]


def _whole(value):
    return hasattr(value, "__index__")


class Hashing(HostLayer):
    """Text or whole numbers to numbers below ``num_bins``, by a hash of their text.

    Args:
        num_bins: how many numbers there are.
        mask_value: what becomes 0, while all else becomes 1 or more.
        salt: an integer or two, which make the hash one that nobody can foresee who does not know them.
        output_mode: "int", "one_hot", "multi_hot" or "count"; see CategoryEncoding.
        sparse: False; sparse tensors are not supported.
    """

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**kwargs)
        check_output_mode(self, output_mode, ("int", "one_hot", "multi_hot", "count"), sparse)
        if not _whole(num_bins) or num_bins < 1:
            raise ValueError(f"Hashing: num_bins must be a positive integer. Received: num_bins={num_bins!r}.")
        if output_mode == "int" and not dtypes.is_int(self.compute_dtype):
            raise ValueError(f"Hashing: with output_mode='int' dtype must be an int. Received: {self.compute_dtype}.")
        self.num_bins, self.mask_value, self.output_mode, self.sparse = int(num_bins), mask_value, output_mode, False
        self.salt = checked_salt(self, salt)
        self.built = True

    @property
    def output_dtype(self):
        return self.compute_dtype

    def compute(self, values):
        if self.mask_value is None or self.num_bins == 1:
            found = bins(values, self.num_bins, self.salt)
        else:
            found = np.where(values == self.mask_value, 0, bins(values, self.num_bins - 1, self.salt) + 1)
        return encode(ops.convert_to_tensor(found), self.output_mode, self.num_bins, self.output_dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def get_config(self):
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


class HashedCrossing(HostLayer):
    """Several features, each text or whole numbers, to one number below ``num_bins`` for each combination.

    It is called on a list or tuple of features, of shapes (), (batch,) or (batch, 1).

    Args:
        num_bins: how many numbers there are.
        output_mode: "int" or "one_hot".
        sparse: False; sparse tensors are not supported.
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype or ("int64" if output_mode == "int" else None), **kwargs)
        check_output_mode(self, output_mode, ("int", "one_hot"), sparse)
        if not _whole(num_bins) or num_bins < 1:
            raise ValueError(f"HashedCrossing: num_bins must be a positive integer. Received: num_bins={num_bins!r}.")
        if output_mode == "int" and not dtypes.is_int(self.compute_dtype):
            raise ValueError(
                f"HashedCrossing: with output_mode='int' dtype must be an int. Received: {self.compute_dtype}."
            )
        self.num_bins, self.output_mode, self.sparse = int(num_bins), output_mode, False
        self.built = True

    @property
    def output_dtype(self):
        return self.compute_dtype

    def to_host(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                f"HashedCrossing layer '{self.name}' is called on a list or tuple of two features or more. "
                f"Received: {str(inputs)[:200]}."
            )
        return [super(HashedCrossing, self).to_host(item) for item in inputs]

    def compute(self, values):
        shapes = [x.shape for x in values]
        if len(set(shapes)) > 1 or len(shapes[0]) > 2 or len(shapes[0]) == 2 and shapes[0][1] != 1:
            raise ValueError(
                f"HashedCrossing layer '{self.name}' takes features of one shape: (), (batch,) or (batch, 1). "
                f"Received the shapes {shapes}."
            )
        if any(not is_text(x) and x.dtype.kind not in "iu" for x in values):
            raise ValueError(
                f"HashedCrossing layer '{self.name}' takes text and whole numbers. "
                f"Received the dtypes {[str(x.dtype) for x in values]}."
            )
        columns = [
            fingerprints.farmhash(x.ravel().tolist()) if is_text(x) else x.ravel().astype("int64").view("uint64")
            for x in values
        ]
        found = (fingerprints.crossed(columns) % np.uint64(self.num_bins)).astype("int64").reshape(shapes[0])
        return encode(ops.convert_to_tensor(found), self.output_mode, self.num_bins, self.output_dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def get_config(self):
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.compute_dtype,
        }
