"""F-scores: precision and recall in one number."""

from kbridge import config, ops
from kbridge.losses import as_dtype
from kbridge.metrics.base import Metric
from kbridge.metrics.regression import outputs_of


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, for labels and predictions (batch, classes).

    Recall counts ``beta`` times as much as precision. ``average`` joins the classes' scores: None (all of them),
    "micro" (of all predictions together), "macro" (their mean) or "weighted" (by how often they occur). Without
    a ``threshold`` the best class is the predicted one; with one, every class above it.
    """

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                f"{type(self).__name__}: average must be None, 'micro', 'macro' or 'weighted'. Received: {average!r}."
            )
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"{type(self).__name__}: beta must be a float above 0. Received: beta={beta!r}.")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(
                f"{type(self).__name__}: threshold must be None, or a float above 0 and at most 1. "
                f"Received: threshold={threshold!r}."
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0

    def build(self, size):
        shape = () if self.average == "micro" else (size,)
        self.true_positives = self.add_variable(shape, "zeros", dtype=self.dtype, name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", dtype=self.dtype, name="false_positives")
        self.false_negatives = self.add_variable(shape, "zeros", dtype=self.dtype, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, "zeros", dtype=self.dtype, name="intermediate_weights")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = as_dtype(y_true, self.dtype), as_dtype(y_pred, self.dtype)
        self.ensure_size(outputs_of(type(self).__name__, y_true, y_pred))
        if self.threshold is None:
            best = ops.greater_equal(y_pred, ops.max(y_pred, axis=-1, keepdims=True))
            chosen = ops.logical_and(best, ops.greater(ops.absolute(y_pred), 1e-9))
        else:
            chosen = ops.greater(y_pred, self.threshold)
        chosen = ops.cast(chosen, self.dtype)
        weighted_true, weighted_chosen = y_true, chosen
        if sample_weight is not None:
            weights = ops.expand_dims(as_dtype(sample_weight, self.dtype), 1)
            weighted_true, weighted_chosen = y_true * weights, chosen * weights
        hits = ops.sum(weighted_true * chosen, axis=self.axis)
        relevant = ops.sum(weighted_true, axis=self.axis)
        self.true_positives.assign_add(hits)
        self.false_positives.assign_add(ops.sum(weighted_chosen, axis=self.axis) - hits)
        self.false_negatives.assign_add(relevant - hits)
        self.intermediate_weights.assign_add(relevant)

    def result(self):
        if self.size is None:
            raise ValueError(f"Metric {self.name!r} has no result before update_state has been called.")
        epsilon = config.epsilon()
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon)
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon)
        square = self.beta**2
        score = (1 + square) * precision * recall / (square * precision + recall + epsilon)
        if self.average == "weighted":
            share = self.intermediate_weights / (ops.sum(self.intermediate_weights) + epsilon)
            return ops.sum(score * share)
        return score if self.average is None else ops.mean(score)

    def get_config(self):
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall; see FBetaScore."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
