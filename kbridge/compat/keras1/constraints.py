"""``keras.constraints`` of Keras 1."""
# ruff: noqa: F401 (this is an index)

from kbridge import constraints as _today
from kbridge.compat import named as _named
from kbridge.compat.door import door as _door
from kbridge.compat.keras2 import constraints as _newer
from kbridge.constraints import Constraint, NonNeg, UnitNorm

MaxNorm = _door(_today.MaxNorm, "m=2, axis=0", renames={"m": "max_value"}, attributes={"m": "max_value"})
MinMaxNorm = _door(
    _today.MinMaxNorm,
    "low=0.0, high=1.0, rate=1.0, axis=0",
    renames={"low": "min_value", "high": "max_value"},
    attributes={"low": "min_value", "high": "max_value"},
)

maxnorm = max_norm = MaxNorm
nonneg = non_neg = NonNeg
unitnorm = unit_norm = UnitNorm
min_max_norm = MinMaxNorm

_family = _named.extended(_today._family, _named.public(globals()))


def get(identifier, kwargs=None):
    """The constraint for a name (with ``kwargs`` for its arguments), a config or a function; None for None."""
    return _named.from_config_of_keras_1(_family, identifier, kwargs)


deserialize, serialize = _newer.deserialize, _newer.serialize
