"""``keras.metrics`` of Keras 1: functions that give one number for a batch."""
# ruff: noqa: F401 (this is an index)

from kbridge import metrics as _today
from kbridge.compat import losses as _losses
from kbridge.compat import metrics as _metrics
from kbridge.compat import named as _named
from kbridge.compat.keras1 import objectives as _objectives
from kbridge.compat.metrics import (
    fbeta_score,
    fmeasure,
    matthews_correlation,
    precision,
    recall,
    top_k_categorical_accuracy,
)

_of = _metrics.of_batch

binary_accuracy = _of(_metrics.binary_accuracy)
categorical_accuracy = _of(_today.categorical_accuracy)
sparse_categorical_accuracy = _of(_today.sparse_categorical_accuracy)
mean_squared_error = _of(_objectives.mean_squared_error)
mean_absolute_error = _of(_objectives.mean_absolute_error)
mean_absolute_percentage_error = _of(_objectives.mean_absolute_percentage_error)
mean_squared_logarithmic_error = _of(_objectives.mean_squared_logarithmic_error)
hinge = _of(_losses.hinge)
squared_hinge = _of(_losses.squared_hinge)
categorical_crossentropy = _of(_objectives.categorical_crossentropy)
sparse_categorical_crossentropy = _of(_losses.sparse_categorical_crossentropy)
binary_crossentropy = _of(_objectives.binary_crossentropy)
kullback_leibler_divergence = _of(_objectives.kullback_leibler_divergence, "kullback_leibler_divergence")
poisson = _of(_objectives.poisson)
cosine_proximity = _of(_losses.mean_cosine_proximity)

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
cosine = cosine_proximity
fscore = f1score = fmeasure

_family = _named.extended(_today._family, _named.public(globals()))


def get(identifier):
    """The metric for a name or a function."""
    return _family.get(identifier)


def deserialize(config, custom_objects=None):
    """The metric for a name or config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)


serialize = _named.serialize
__getattr__ = _named.otherwise(__name__, "kbridge.compat.keras2.metrics")
