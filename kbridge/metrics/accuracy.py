"""How often predictions are right."""

from kbridge import config, ops
from kbridge.backend.op import dtype_of
from kbridge.losses import as_dtype, match_ranks
from kbridge.metrics.base import MeanMetricWrapper


def _right(comparison):
    return ops.cast(comparison, config.floatx())


def accuracy(y_true, y_pred):
    """1 where label and prediction are equal."""
    y_pred = ops.convert_to_tensor(y_pred)
    return _right(ops.equal(*match_ranks(ops.convert_to_tensor(y_true), y_pred)))


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where the label (0 or 1) says whether the prediction is above ``threshold``."""
    y_true, y_pred = match_ranks(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    return _right(ops.equal(y_true, as_dtype(ops.greater(y_pred, threshold), dtype_of(y_true))))


def categorical_accuracy(y_true, y_pred):
    """1 where the best class of the prediction is that of the one-hot label."""
    return _right(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)))


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the best class of the prediction is the label, an index."""
    y_true, y_pred = ops.cast(y_true, "int32"), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    matches = _right(ops.equal(y_true, ops.argmax(y_pred, axis=-1)))
    return ops.squeeze(matches, -1) if len(matches.shape) > 1 and matches.shape[-1] == 1 else matches


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the class of the one-hot label is among the ``k`` best of the prediction."""
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the label, an index, is among the ``k`` best of the prediction.

    With ``from_sorted_ids`` the prediction holds indices of classes, the best first, instead of scores.
    """
    y_true, y_pred = ops.cast(y_true, "int32"), ops.convert_to_tensor(y_pred)
    labels = ops.reshape(y_true, (-1,))
    predictions = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    if from_sorted_ids:
        best = ops.cast(predictions[:, :k], "int32")
        matches = ops.any(ops.equal(ops.expand_dims(labels, 1), best), axis=1)
    else:
        matches = ops.in_top_k(labels, predictions, k=k)
    return ops.reshape(_right(matches), ops.shape(y_true))


class Accuracy(MeanMetricWrapper):
    """How often labels and predictions are equal."""

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often labels 0 and 1 say whether the prediction is above ``threshold``."""

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the best class is that of the one-hot label."""

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the best class is the label, an index."""

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of the one-hot label is among the ``k`` best."""

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label, an index, is among the ``k`` best."""

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
