"""Classes, probabilities and lengths: what old programs took from ``keras.utils.np_utils``."""

import numpy as np


def to_categorical(y, num_classes=None, dtype="float32", **kwargs):
    """One-hot rows for integers: (...) to (..., num_classes); a last axis of length 1 is dropped first."""
    num_classes = kwargs.pop("nb_classes", num_classes)
    if kwargs:
        raise TypeError(f"to_categorical does not know the argument(s) {sorted(kwargs)}.")
    y = np.array(y, dtype="int64")
    if y.ndim > 1 and y.shape[-1] == 1:
        y = y[..., 0]
    num_classes = num_classes or int(y.max()) + 1
    if y.size and not -num_classes <= y.min() <= y.max() < num_classes:
        raise IndexError(
            f"to_categorical: the classes must lie in 0 to {num_classes - 1}. Received values from {y.min()} to "
            f"{y.max()}."
        )
    return np.eye(num_classes, dtype=dtype)[y]


def normalize(x, axis=-1, order=2):
    """``x`` divided by its norm of this ``order`` along ``axis``; what is zero stays zero."""
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)


def probas_to_classes(y_pred):
    """The classes that probabilities say: the largest of a row, or whether it is above one half."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return (y_pred.reshape(len(y_pred)) > 0.5).astype(int)


def categorical_probas_to_classes(p):
    """The largest of each row."""
    return np.argmax(p, axis=1)


def accuracy(p, y):
    """The share of ``p`` that equals ``y``."""
    return np.mean([a == b for a, b in zip(p, y)])


def binary_logloss(p, y):
    """The mean cross-entropy of probabilities ``p`` and classes ``y``, 0 or 1."""
    p, y = np.clip(p, 1e-15, 1 - 1e-15), np.asarray(y)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(y)


def multiclass_logloss(p, y):
    """The mean cross-entropy of rows of probabilities ``p`` and classes ``y``, which count from 1."""
    return -np.mean(np.log([row[number - 1] for row, number in zip(p, y)]))
