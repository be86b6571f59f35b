"""``keras.constraints`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge import constraints as _today
from kbridge.compat import named as _named
from kbridge.compat.door import door as _door
from kbridge.constraints import Constraint, NonNeg, UnitNorm

MaxNorm = _door(_today.MaxNorm, "max_value=2, axis=0", renames={"m": "max_value"}, attributes={"m": "max_value"})
MinMaxNorm = _door(
    _today.MinMaxNorm,
    "min_value=0.0, max_value=1.0, rate=1.0, axis=0",
    renames={"low": "min_value", "high": "max_value"},
    attributes={"low": "min_value", "high": "max_value"},
)

max_norm = maxnorm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm

_family = _named.extended(_today._family, _named.public(globals()))


def get(identifier):
    """The constraint for a name, a config or a function; None for None."""
    return _family.get(identifier)


def deserialize(config, custom_objects=None):
    """The constraint for a name or config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)


def serialize(constraint):
    """The name of a constraint that is a function; the config of any other."""
    return _named.serialize(constraint)
