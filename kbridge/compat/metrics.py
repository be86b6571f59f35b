"""Metrics of older generations: functions that today's Keras lacks or gives another meaning."""

from functools import wraps

from kbridge import config, losses, ops
from kbridge import metrics as today
from kbridge.backend.op import dtype_of
from kbridge.compat import computing
from kbridge.compat.losses import hinge, squared_hinge
from kbridge.losses import as_dtype


def _tensors(y_true, y_pred):
    y_pred = ops.convert_to_tensor(y_pred)
    return as_dtype(y_true, dtype_of(y_pred)), y_pred


def _number(comparison):
    return ops.cast(comparison, config.floatx())


# -- a value for each sample


def accuracy(y_true, y_pred):
    """1 where label and prediction are equal."""
    return _number(ops.equal(*_tensors(y_true, y_pred)))


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """How many of a sample's labels, 0 or 1, say whether the prediction is above ``threshold``."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return ops.mean(_number(ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), dtype_of(y_true)))), axis=-1)


def cosine_proximity(y_true, y_pred, axis=-1):
    """The cosine of the angle between the two along ``axis``."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


# -- a value for the batch


def of_batch(function, name=None):
    """The metric of Keras 1 that is the mean of ``function`` over all of a batch."""

    def metric(y_true, y_pred, **kwargs):
        return ops.mean(function(y_true, y_pred, **kwargs))

    metric.__name__ = metric.__qualname__ = name or function.__name__
    metric.__doc__ = function.__doc__
    metric.casts_labels = getattr(function, "casts_labels", True)
    return metric


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """How often the class of the one-hot label is among the ``k`` best of the prediction."""
    return ops.mean(today.top_k_categorical_accuracy(y_true, y_pred, k))


def _positive(y):
    """1 for what is nearer to 1 than to 0."""
    return ops.round(ops.clip(y, 0.0, 1.0))


def matthews_correlation(y_true, y_pred):
    """The correlation of yes-or-no labels and predictions: 1 if all agree, -1 if none does."""
    y_true, y_pred = map(_positive, _tensors(y_true, y_pred))
    right, wrong = ops.sum(y_true * y_pred), ops.sum((1.0 - y_true) * y_pred)
    missed, spared = ops.sum(y_true * (1.0 - y_pred)), ops.sum((1.0 - y_true) * (1.0 - y_pred))
    norm = ops.sqrt((right + wrong) * (right + missed) * (spared + wrong) * (spared + missed))
    return (right * spared - wrong * missed) / (norm + config.epsilon())


def precision(y_true, y_pred):
    """The share of what was predicted to be positive that is so."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return ops.sum(_positive(y_true * y_pred)) / (ops.sum(_positive(y_pred)) + config.epsilon())


def recall(y_true, y_pred):
    """The share of what is positive that was predicted to be so."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return ops.sum(_positive(y_true * y_pred)) / (ops.sum(_positive(y_true)) + config.epsilon())


def fbeta_score(y_true, y_pred, beta=1):
    """The harmonic mean of precision and recall, which counts ``beta`` times as much; 0 where nothing is positive."""
    if beta < 0:
        raise ValueError(f"fbeta_score: beta must be 0 (for precision alone) or more. Received: beta={beta}.")
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    return (1 + beta**2) * p * r / (beta**2 * p + r + config.epsilon())


def fmeasure(y_true, y_pred):
    """The harmonic mean of precision and recall."""
    return fbeta_score(y_true, y_pred, beta=1)


# -- classes


def _computing(method):
    @wraps(method)
    def run(*args, **kwargs):
        with computing.running():
            return method(*args, **kwargs)

    return run


class WithOldState:
    """What metrics of Keras 2.3 had: ``reset_states``, and the name first in ``add_weight``.

    In methods of one's own K functions compute, wherever they are called.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result", "reset_states") if not cls.__module__.startswith("kbridge.") else ():
            if name in vars(cls):
                setattr(cls, name, _computing(vars(cls)[name]))

    def add_weight(self, name=None, shape=(), initializer=None, dtype=None):
        """A new variable of its state."""
        if not (name is None or isinstance(name, str)):
            name, shape = (shape if isinstance(shape, str) else None), name  # today's order: the shape first
        return self.add_variable(shape, initializer, dtype=dtype, name=name)

    non_trainable_weights = property(lambda self: self.variables)
    trainable_weights = property(lambda self: [])

    def get_weights(self):
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights):
        """Set its state, from arrays in the order of ``weights``."""
        if len(weights) != len(self.variables):
            raise ValueError(f"{self.name} has {len(self.variables)} weights. Received a list of {len(weights)}.")
        for variable, value in zip(self.variables, weights):
            variable.assign(value)

    def reset_state(self):
        self.reset_states()

    def reset_states(self):
        """Forget all batches."""
        super().reset_state()


class Metric(WithOldState, today.Metric):
    """A number about predictions, gathered over batches; define ``update_state`` and ``result``."""

    def __init__(self, name=None, dtype=None, **kwargs):
        if kwargs:
            raise TypeError(f"{type(self).__name__} does not know the argument(s) {sorted(kwargs)}.")
        super().__init__(name=name, dtype=dtype)


class Reduce(Metric):
    """The weighted sum or mean of values: ``reduction`` is "sum", "sum_over_batch_size" or "weighted_mean"."""

    def __init__(self, reduction, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        kinds = ("sum", "sum_over_batch_size", "weighted_mean")
        if reduction not in kinds:
            raise ValueError(f"Reduce: reduction must be one of {', '.join(kinds)}. Received: {reduction!r}.")
        self.reduction = reduction
        self.total = self.add_weight("total", initializer="zeros")
        if reduction != "sum":
            self.count = self.add_weight("count", initializer="zeros")

    def update_state(self, values, sample_weight=None):
        values = as_dtype(values, self.dtype)
        weights = None if sample_weight is None else as_dtype(sample_weight, self.dtype)
        if weights is not None:
            values, weights = losses.match_weights(values, weights)
            weights = ops.broadcast_to(weights, ops.shape(values))
            values = values * weights
        self.total.assign_add(ops.sum(values))
        if self.reduction == "weighted_mean" and weights is not None:
            self.count.assign_add(ops.sum(weights))
        elif self.reduction != "sum":
            self.count.assign_add(ops.sum(ops.ones_like(values)))

    def result(self):
        if self.reduction == "sum":
            return ops.convert_to_tensor(self.total)
        return ops.divide_no_nan(self.total.value, self.count.value)


class Hinge(WithOldState, today.MeanMetricWrapper):
    """The mean hinge loss, with labels -1 and 1."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(hinge, name, dtype)


class SquaredHinge(WithOldState, today.MeanMetricWrapper):
    """The mean of the squares of the hinge loss, with labels -1 and 1."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name, dtype)


def clone_metric(metric):
    """A metric like ``metric`` that has seen nothing yet; a function is returned as it is."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, today.Metric) else metric


def clone_metrics(metrics):
    """``clone_metric`` of each in a list or dict."""
    if isinstance(metrics, dict):
        return {name: clone_metric(metric) for name, metric in metrics.items()}
    return None if metrics is None else [clone_metric(metric) for metric in metrics]
