"""Losses where those of older generations differ from today's."""

from kbridge import losses, ops
from kbridge.losses import as_dtype


def _tensors(y_true, y_pred):
    y_pred = ops.convert_to_tensor(y_pred)
    return as_dtype(y_true, ops.dtype(y_pred)), y_pred


def hinge(y_true, y_pred):
    """``mean(max(1 - y_true * y_pred, 0))`` over the last axis; labels are taken as they are, so -1 and 1."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


def squared_hinge(y_true, y_pred):
    """``mean(max(1 - y_true * y_pred, 0) ** 2)`` over the last axis; labels are taken as they are, so -1 and 1."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, axis=-1):
    """The cross-entropy of labels that are indices of classes along ``axis``."""
    return losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


sparse_categorical_crossentropy.casts_labels = False


def cosine_proximity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between the two along ``axis``."""
    return losses.cosine_similarity(y_true, y_pred, axis)


def mean_cosine_proximity(y_true, y_pred):
    """Minus the mean, over the last axis, of the products of the normalized values: the cosine by their number."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return -ops.mean(ops.normalize(y_true, axis=-1) * ops.normalize(y_pred, axis=-1), axis=-1)


mean_cosine_proximity.__name__ = mean_cosine_proximity.__qualname__ = "cosine_proximity"


def is_categorical_crossentropy(loss):
    """Whether ``loss`` is the cross-entropy of one-hot labels, by name, as a function or as an object."""
    return (
        isinstance(loss, losses.CategoricalCrossentropy)
        or getattr(loss, "fn", loss) is losses.categorical_crossentropy
        or loss == "categorical_crossentropy"
    )
