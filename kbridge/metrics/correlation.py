"""How predictions vary together with the labels."""

from kbridge import config, ops
from kbridge.backend.op import dtype_of
from kbridge.losses import as_dtype, match_ranks
from kbridge.metrics.base import MeanMetricWrapper


def _moments(y_true, y_pred, axis):
    """Of both: the mean, the variance, and the covariance, along ``axis``."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true, y_pred = match_ranks(as_dtype(y_true, dtype_of(y_pred)), y_pred)
    means = [ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    true, pred = y_true - means[0], y_pred - means[1]
    variances = [ops.mean(ops.square(y), axis=axis) for y in (true, pred)]
    return [ops.squeeze(mean, axis) for mean in means], variances, ops.mean(true * pred, axis=axis)


def pearson_correlation(y_true, y_pred, axis=-1):
    """Pearson's correlation along ``axis``: 1 where one is a growing linear function of the other."""
    _, (true, pred), covariance = _moments(y_true, y_pred, axis)
    return covariance / ops.sqrt(true * pred)


def concordance_correlation(y_true, y_pred, axis=-1):
    """Lin's concordance along ``axis``: Pearson's correlation, less for another mean or variance."""
    (true_mean, pred_mean), (true, pred), covariance = _moments(y_true, y_pred, axis)
    return 2.0 * covariance / (true + pred + ops.square(true_mean - pred_mean) + config.epsilon())


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of Pearson's correlation along ``axis``."""

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of Lin's concordance along ``axis``."""

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
