"""Constraints on weights, applied after each update."""

from kbridge import config, ops
from kbridge.backend.names import snake_case
from kbridge.objects import Family


class Constraint:
    """A projection: called with a weight, it returns the nearest allowed one. To write one, define ``__call__``."""

    def __call__(self, w):
        return w

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class MaxNorm(Constraint):
    """The norm along ``axis`` (one, or several) is at most ``max_value``."""

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        norms = _norms(w, self.axis)
        return ops.multiply(w, ops.minimum(norms, self.max_value) / (config.epsilon() + norms))

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Nothing is below 0."""

    def __call__(self, w):
        return ops.maximum(w, 0)


class UnitNorm(Constraint):
    """The norm along ``axis`` (one, or several) is 1."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return ops.divide(w, config.epsilon() + _norms(w, self.axis))

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """The norm along ``axis`` moves, by the share ``rate`` of the way, into [``min_value``, ``max_value``]."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        norms = _norms(w, self.axis)
        desired = ops.clip(norms, self.min_value, self.max_value)
        if self.rate != 1.0:
            desired = self.rate * desired + (1 - self.rate) * norms
        return ops.multiply(w, desired / (config.epsilon() + norms))

    def get_config(self):
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


def _norms(w, axis):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


max_norm = MaxNorm
non_neg = NonNeg
unit_norm = UnitNorm
min_max_norm = MinMaxNorm

_family = Family(
    "constraint", "keras.constraints", [Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm], also=snake_case
)
get = _family.get
deserialize = _family.deserialize


def serialize(constraint):
    """The config of a constraint."""
    return _family.serialize(constraint)
