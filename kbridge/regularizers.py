"""Penalties on weights, added to the loss."""

import math

from kbridge import ops
from kbridge.backend.names import snake_case
from kbridge.objects import Family


class Regularizer:
    """A penalty: called with a weight, it returns a scalar. To write one, define ``__call__`` and ``get_config``."""

    def __call__(self, x):
        return 0.0

    def get_config(self):
        raise NotImplementedError(
            f"{type(self).__name__} needs a get_config() that returns the arguments of its constructor as a dict."
        )

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x ** 2)``."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _factor(l1, "l1", 0.0)
        self.l2 = _factor(l2, "l2", 0.0)

    def __call__(self, x):
        penalties = []
        if self.l1:
            penalties.append(self.l1 * ops.sum(ops.absolute(x)))
        if self.l2:
            penalties.append(self.l2 * ops.sum(ops.square(x)))
        return sum(penalties[1:], penalties[0]) if penalties else ops.zeros((), x.dtype)

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """``l1 * sum(|x|)``."""

    def __init__(self, l1=0.01):
        self.l1 = _factor(l1, "l1", 0.01)

    def __call__(self, x):
        return self.l1 * ops.sum(ops.absolute(x))

    def get_config(self):
        return {"l1": self.l1}


class L2(Regularizer):
    """``l2 * sum(x ** 2)``."""

    def __init__(self, l2=0.01):
        self.l2 = _factor(l2, "l2", 0.01)

    def __call__(self, x):
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self):
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean of |cosine| over the pairs of rows (or columns) of a matrix: 0 if orthogonal."""

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: mode must be 'rows' or 'columns'. Received: mode={mode!r}.")
        self.mode = mode

    def __call__(self, inputs):
        if len(inputs.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer takes a matrix. Received one of the shape {tuple(inputs.shape)}.")
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        rows = ops.normalize(rows, axis=1)
        size = rows.shape[0]
        if size < 2:
            return ops.sum(rows) * 0.0  # no pairs
        cosines = ops.absolute(ops.matmul(rows, ops.transpose(rows))) * (1.0 - ops.eye(size, dtype=rows.dtype))
        return self.factor / (size * (size - 1)) * ops.sum(cosines)

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


def _factor(value, name, default=None):
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"Argument {name} of a regularizer must be a float of 0 or more. Received: {name}={value!r}.")
    return float(value)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

_family = Family(
    "regularizer",
    "keras.regularizers",
    [Regularizer, L1, L2, L1L2, OrthogonalRegularizer],
    also=snake_case,
    aliases={"l1_l2": L1L2},
)
get = _family.get
deserialize = _family.deserialize


def serialize(regularizer):
    """The config of a regularizer."""
    return _family.serialize(regularizer)
