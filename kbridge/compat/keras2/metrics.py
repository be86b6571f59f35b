"""``keras.metrics`` of Keras 2: functions that give a value for each sample, and classes."""
# ruff: noqa: F401 (this is an index)

from kbridge import metrics as _today
from kbridge.compat import named as _named
from kbridge.compat.door import door as _door
from kbridge.compat.keras2.losses import (
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from kbridge.compat.metrics import (
    Hinge,
    Metric,
    Reduce,
    SquaredHinge,
    accuracy,
    binary_accuracy,
    clone_metric,
    clone_metrics,
    cosine_proximity,
    fbeta_score,
    fmeasure,
    matthews_correlation,
    precision,
    recall,
)
from kbridge.compat.metrics import WithOldState as _WithOldState
from kbridge.metrics import (
    categorical_accuracy,
    sparse_categorical_accuracy,
    top_k_categorical_accuracy,
)
from kbridge.metrics.confusion import BestUnderConstraint as SensitivitySpecificityBase

cosine = cosine_similarity = cosine_proximity
fscore = f1score = fmeasure


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label, an index, is among the ``k`` best of the prediction."""
    return _today.sparse_top_k_categorical_accuracy(y_true, y_pred, k)


def _metric(core, signature):
    return _door(core, signature, mixins=(_WithOldState,))


def _named_metric(core, name, rest=""):
    return _metric(core, f"name={name!r}, dtype=None{rest}")


_COUNTS = "thresholds=None, name=None, dtype=None"
_SHARES = "thresholds=None, top_k=None, class_id=None, name=None, dtype=None"

Sum = _named_metric(_today.Sum, "sum")
Mean = _named_metric(_today.Mean, "mean")
Accuracy = _named_metric(_today.Accuracy, "accuracy")
BinaryAccuracy = _named_metric(_today.BinaryAccuracy, "binary_accuracy", ", threshold=0.5")
CategoricalAccuracy = _named_metric(_today.CategoricalAccuracy, "categorical_accuracy")
SparseCategoricalAccuracy = _named_metric(_today.SparseCategoricalAccuracy, "sparse_categorical_accuracy")
TopKCategoricalAccuracy = _metric(_today.TopKCategoricalAccuracy, "k=5, name='top_k_categorical_accuracy', dtype=None")
SparseTopKCategoricalAccuracy = _metric(
    _today.SparseTopKCategoricalAccuracy, "k=5, name='sparse_top_k_categorical_accuracy', dtype=None"
)
BinaryCrossentropy = _named_metric(
    _today.BinaryCrossentropy, "binary_crossentropy", ", from_logits=False, label_smoothing=0"
)
CategoricalCrossentropy = _named_metric(
    _today.CategoricalCrossentropy, "categorical_crossentropy", ", from_logits=False, label_smoothing=0"
)
SparseCategoricalCrossentropy = _named_metric(
    _today.SparseCategoricalCrossentropy, "sparse_categorical_crossentropy", ", from_logits=False, axis=-1"
)
CategoricalHinge = _named_metric(_today.CategoricalHinge, "categorical_hinge")
CosineSimilarity = _named_metric(_today.CosineSimilarity, "cosine_similarity", ", axis=-1")
KLDivergence = _named_metric(_today.KLDivergence, "kullback_leibler_divergence")
LogCoshError = _named_metric(_today.LogCoshError, "logcosh")
MeanAbsoluteError = _named_metric(_today.MeanAbsoluteError, "mean_absolute_error")
MeanAbsolutePercentageError = _named_metric(_today.MeanAbsolutePercentageError, "mean_absolute_percentage_error")
MeanSquaredError = _named_metric(_today.MeanSquaredError, "mean_squared_error")
MeanSquaredLogarithmicError = _named_metric(_today.MeanSquaredLogarithmicError, "mean_squared_logarithmic_error")
RootMeanSquaredError = _named_metric(_today.RootMeanSquaredError, "root_mean_squared_error")
Poisson = _named_metric(_today.Poisson, "poisson")
FalseNegatives = _metric(_today.FalseNegatives, _COUNTS)
FalsePositives = _metric(_today.FalsePositives, _COUNTS)
TrueNegatives = _metric(_today.TrueNegatives, _COUNTS)
TruePositives = _metric(_today.TruePositives, _COUNTS)
Precision = _metric(_today.Precision, _SHARES)
Recall = _metric(_today.Recall, _SHARES)
SensitivityAtSpecificity = _metric(
    _today.SensitivityAtSpecificity, "specificity, num_thresholds=200, name=None, dtype=None"
)
SpecificityAtSensitivity = _metric(
    _today.SpecificityAtSensitivity, "sensitivity, num_thresholds=200, name=None, dtype=None"
)
AUC = _metric(
    _today.AUC,
    "num_thresholds=200, curve='ROC', summation_method='interpolation', name=None, dtype=None, thresholds=None",
)
MeanIoU = _metric(_today.MeanIoU, "num_classes, name=None, dtype=None")


class MeanMetricWrapper(_WithOldState, _today.MeanMetricWrapper):
    """The mean of ``fn(y_true, y_pred, **kwargs)``, which returns a value per sample."""


_family = _named.extended(_today._family, _named.public(globals()))


def get(identifier):
    """The metric for a name, a config or a function."""
    return _family.get(identifier)


def deserialize(config, custom_objects=None):
    """The metric for a name or config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)


def serialize(metric):
    """The name of a metric that is a function; the config of any other."""
    return _named.serialize(metric)


__getattr__ = _named.otherwise(__name__, "kbridge.metrics")
