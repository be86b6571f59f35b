"""Losses of probabilities, and of margins, as metrics."""

from kbridge import losses, ops
from kbridge.metrics.base import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """The mean Kullback-Leibler divergence."""

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """Minus the mean log-likelihood of counts, but for a constant."""

    def __init__(self, name="poisson", dtype=None):
        super().__init__(losses.poisson, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of yes-or-no labels."""

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **kwargs)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of one-hot labels."""

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **kwargs)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of indices as labels. Those of ``ignore_class`` count as 0; with weights, not at all."""

    def __init__(
        self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, ignore_class=None, axis=-1
    ):
        kwargs = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        if self.ignore_class is not None and (sample_weight is not None or mask is not None):
            counted = ops.not_equal(losses.class_indices(y_true, y_pred, self.axis), self.ignore_class)
            sample_weight = losses.apply_mask(sample_weight, counted, self.dtype)
        super().update_state(y_true, y_pred, sample_weight, mask)


class Hinge(MeanMetricWrapper):
    """The mean hinge loss, with labels -1 and 1, or 0 and 1."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of the squares of the hinge loss."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean hinge loss of several classes, with one-hot labels."""

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(losses.categorical_hinge, name, dtype)
