"""Sequences of different lengths as one array."""

import numpy as np


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """``sequences`` as one array (samples, maxlen, ...), cut and filled up to the same length.

    Args:
        sequences: a list of sequences; their items may have shapes of their own, all alike.
        maxlen: the length; that of the longest unless told.
        dtype: the dtype of the result; ``object`` for strings of any length.
        padding: "pre" or "post": at which end ``value`` is put.
        truncating: "pre" or "post": at which end what is too long is cut.
        value: what is put where a sequence has ended.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} must be 'pre' or 'post'. Received: {name}={side!r}.")
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"pad_sequences: sequences must be a list. Received: {type(sequences).__name__}.")
    for index, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(
                f"pad_sequences: sequences must be a list of sequences. Received: {sequence!r} at index {index}."
            )
    is_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and np.dtype(dtype) != object and not is_text:
        raise ValueError(
            f"pad_sequences: value={value!r} is a string, which dtype={dtype!r} cannot hold. Write: dtype=object."
        )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    inner = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    result = np.full((len(sequences), maxlen, *inner), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        length = min(len(sequence), maxlen)
        if not length:
            continue
        kept = np.asarray(sequence[-length:] if truncating == "pre" else sequence[:length], dtype=dtype)
        if kept.shape[1:] != inner:
            raise ValueError(
                f"pad_sequences: the items of all sequences must have the same shape. The first have {inner}, "
                f"those at index {index} have {kept.shape[1:]}."
            )
        where = slice(maxlen - length, None) if padding == "pre" else slice(0, length)
        result[index, where] = kept
    return result
