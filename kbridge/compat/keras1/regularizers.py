"""``keras.regularizers`` of Keras 1."""
# ruff: noqa: F401 (this is an index)

from kbridge.compat import named as _named
from kbridge.compat.keras2 import regularizers as _newer
from kbridge.compat.keras2.regularizers import (
    L1,
    L1L2,
    L2,
    ActivityRegularizer,
    EigenvalueRegularizer,
    L1L2Regularizer,
    OrthogonalRegularizer,
    Regularizer,
    WeightRegularizer,
    activity_l1,
    activity_l1l2,
    activity_l2,
    deserialize,
    l1,
    l1_l2,
    l1l2,
    l2,
    serialize,
)


def get(identifier, kwargs=None):
    """The regularizer for a name ("l2", with ``kwargs`` for its arguments), a config or a function; None for None."""
    if isinstance(identifier, str) and not kwargs:
        return _newer.get(identifier)
    return _named.from_config_of_keras_1(_newer._family, identifier, kwargs)
