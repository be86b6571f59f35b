"""``keras.objectives`` of Keras 1: what is called losses today."""
# ruff: noqa: F401 (this is an index)

from kbridge import losses as _today
from kbridge.compat import named as _named
from kbridge.compat.losses import hinge, sparse_categorical_crossentropy, squared_hinge
from kbridge.compat.losses import mean_cosine_proximity as cosine_proximity
from kbridge.losses import (
    Loss,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)
from kbridge.losses import kl_divergence as kullback_leibler_divergence
from kbridge.losses import log_cosh as logcosh

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_proximity

_family = _named.extended(_today._family, _named.public(globals()))


def get(identifier):
    """The objective for a name or a function."""
    return _family.get(identifier)


def deserialize(name, custom_objects=None):
    """The objective for a name or config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(name, custom_objects)


serialize = _named.serialize
