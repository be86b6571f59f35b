"""How far predictions are off."""

import warnings

from kbridge import losses, ops
from kbridge.backend import registry
from kbridge.backend.frame import get_frame
from kbridge.losses import as_dtype, match_ranks, match_weights
from kbridge.metrics.base import Mean, MeanMetricWrapper, Metric


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between the two along ``axis``: 1 where they point the same way."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


class MeanSquaredError(MeanMetricWrapper):
    """The mean of the squares of the errors."""

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


class RootMeanSquaredError(Mean):
    """The root of the mean of the squares of the errors."""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = match_ranks(as_dtype(y_true, self.dtype), as_dtype(y_pred, self.dtype))
        super().update_state(ops.square(y_pred - y_true), sample_weight)

    def result(self):
        return ops.sqrt(super().result())


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of the absolute errors."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of the errors in per cent of the true values."""

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of the squares of the errors of ``log(y + 1)``."""

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between labels and predictions."""

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class LogCoshError(MeanMetricWrapper):
    """The mean of the logarithm of the hyperbolic cosine of the errors."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


class R2Score(Metric):
    """The coefficient of determination of outputs (batch, regressors): how much of the variance is explained.

    ``class_aggregation`` joins the outputs' scores: "uniform_average", "variance_weighted_average" or None (all of
    them). A positive ``num_regressors`` gives the adjusted score, for a model with so many independent variables.
    """

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "R2Score: class_aggregation must be None, 'uniform_average' or 'variance_weighted_average'. "
                f"Received: class_aggregation={class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must be 0 or more. Received: num_regressors={num_regressors!r}.")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")

    def build(self, size):
        self.squared_sum = self.add_variable((size,), "zeros", name="squared_sum")
        self.sum = self.add_variable((size,), "zeros", name="sum")
        self.total_mse = self.add_variable((size,), "zeros", name="residual")
        self.count = self.add_variable((size,), "zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = match_ranks(as_dtype(y_true, self.dtype), as_dtype(y_pred, self.dtype))
        self.ensure_size(outputs_of("R2Score", y_true, y_pred))
        weights = ops.ones_like(y_true)
        if sample_weight is not None:
            weights = weights * match_weights(y_true, as_dtype(sample_weight, self.dtype))[1]
        weighted = weights * y_true
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(weights * ops.square(y_true - y_pred), axis=0))
        self.count.assign_add(ops.sum(weights, axis=0))
        self.num_samples.assign_add(ops.cast(ops.size(y_true), self.num_samples.dtype))

    def result(self):
        if self.size is None:
            raise ValueError(f"Metric {self.name!r} has no result before update_state has been called.")
        total = self.squared_sum - ops.square(self.sum) / self.count
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.sum(total * scores) / ops.sum(total)
        else:
            score = scores
        return self._adjusted(score) if self.num_regressors else score

    def _adjusted(self, score):
        freedom = self.num_samples - (self.num_regressors + 1.0)
        if registry.current().eager and get_frame().bindings is None and not bool(freedom > 0.0):
            warnings.warn(
                f"R2Score: {self.num_regressors} independent variables need more samples than "
                f"{self.num_samples.numpy():g} for an adjusted score; the plain one is given.",
                stacklevel=3,
            )
        adjusted = 1.0 - (1.0 - score) * ops.divide_no_nan(self.num_samples - 1.0, freedom)
        return ops.where(ops.greater(freedom, 0.0), adjusted, score)

    def get_config(self):
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }


def outputs_of(metric, y_true, y_pred):
    """How many outputs (batch, outputs) have, or an error that says what was expected."""
    if len(y_true.shape) != 2 or len(y_pred.shape) != 2 or y_pred.shape[-1] is None:
        raise ValueError(
            f"{metric} takes y_true and y_pred of the shape (batch, outputs). "
            f"Received shapes {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    return int(y_pred.shape[-1])
