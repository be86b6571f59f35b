"""Activations: functions applied to each entry, or along an axis."""

from __future__ import annotations

import math

from kbridge.backend.abstract import TRIALS
from kbridge.backend.dtypes import floating
from kbridge.backend.op import Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.arrays import arange, flip, reshape, split
from kbridge.ops.core import cast, stop_gradient
from kbridge.ops.math import absolute, clip, exp, expm1, log, log1p, maximum, minimum, sqrt, square, tanh, where
from kbridge.ops.reductions import cumsum, max, sum
from kbridge.ops.searching import sort
from kbridge.ops.special import erf

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


@op
def relu(x: Tensor):
    """max(x, 0)."""
    return maximum(x, 0)


@op
def relu6(x: Tensor):
    """min(max(x, 0), 6)."""
    return minimum(maximum(x, 0), 6)


@op(floating)
def sigmoid(x: Tensor):
    """1 / (1 + exp(-x))."""
    # exp of a negative number cannot overflow. (-absolute(x) would do, but for its slope at 0.)
    below = x < 0.0
    power = exp(where(below, x, -x))
    return where(below, power, 1.0) / (1.0 + power)


@op(floating)
def sparse_sigmoid(x: Tensor):
    """0 up to -1, 1 from 1 on, and a straight line between."""
    return clip(0.5 * x + 0.5, 0.0, 1.0)


@op(floating)
def softplus(x: Tensor):
    """log(1 + exp(x))."""
    above = x > 0.0
    return where(above, x, 0.0) + log1p(exp(where(above, -x, x)))


@op(floating)
def softsign(x: Tensor):
    """x / (1 + |x|)."""
    return x / (1.0 + absolute(x))


@op(floating)
def silu(x: Tensor):
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def swish(x):
    """x * sigmoid(x): another name of ``silu``."""
    return silu(x)


@op(floating)
def log_sigmoid(x: Tensor):
    """log(sigmoid(x))."""
    return -softplus(-x)


@op(floating)
def leaky_relu(x: Tensor, negative_slope=0.2):
    """x where positive, else ``negative_slope`` * x."""
    return where(x > 0.0, x, x * negative_slope)


@op(floating)
def hard_sigmoid(x: Tensor):
    """A straight line through (0, 0.5) of slope 1/6, between 0 and 1."""
    return clip(x / 6.0 + 0.5, 0.0, 1.0)


@op(floating)
def hard_silu(x: Tensor):
    """x * hard_sigmoid(x)."""
    return x * hard_sigmoid(x)


def hard_swish(x):
    """x * hard_sigmoid(x): another name of ``hard_silu``."""
    return hard_silu(x)


@op(floating)
def hard_tanh(x: Tensor):
    """x between -1 and 1."""
    return clip(x, -1.0, 1.0)


@op(floating)
def hard_shrink(x: Tensor, threshold=0.5):
    """x where |x| exceeds ``threshold``, else 0."""
    return where(absolute(x) > threshold, x, 0.0)


@op(floating)
def soft_shrink(x: Tensor, threshold=0.5):
    """x moved towards 0 by ``threshold``, and 0 where it would cross."""
    return x - clip(x, -threshold, threshold)


@op(floating)
def tanh_shrink(x: Tensor):
    """x - tanh(x)."""
    return x - tanh(x)


@op
def threshold(x: Tensor, threshold, default_value):
    """x where it exceeds ``threshold``, else ``default_value``."""
    return where(x > threshold, x, cast(default_value, dtype_of(x)))


@op(floating)
def elu(x: Tensor, alpha=1.0):
    """x where positive, else ``alpha`` * (exp(x) - 1)."""
    return where(x > 0.0, x, expm1(minimum(x, 0.0)) * alpha)


@op(floating)
def celu(x: Tensor, alpha=1.0):
    """x where positive, else ``alpha`` * (exp(x / alpha) - 1)."""
    return maximum(x, 0.0) + expm1(minimum(x, 0.0) / alpha) * alpha


@op(floating)
def selu(x: Tensor):
    """A scaled ``elu`` that keeps mean 0 and variance 1 from layer to layer."""
    return elu(x, 1.6732632423543772) * 1.0507009873554805


@op(floating)
def gelu(x: Tensor, approximate=True):
    """x times the normal distribution function of x, or a close approximation by tanh."""
    if approximate:
        return 0.5 * x * (1.0 + tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


@op(floating)
def glu(x: Tensor, axis=-1):
    """The first half along ``axis`` times the sigmoid of the second."""
    if x.shape[axis] not in (None, *TRIALS) and x.shape[axis] % 2:  # those stand for a length not known yet
        raise ValueError(f"glu: axis {axis} must have an even length. Received the shape {tuple(x.shape)}.")
    a, b = split(x, 2, axis=axis)
    return a * sigmoid(b)


@op(floating)
def sparse_plus(x: Tensor):
    """0 up to -1, x from 1 on, and the parabola (x + 1)**2 / 4 between."""
    return where(x < 1.0, square(maximum(x, -1.0) + 1.0) * 0.25, x)


@op(floating)
def squareplus(x: Tensor, b=4):
    """(x + sqrt(x**2 + b)) / 2."""
    return (x + sqrt(square(x) + b)) * 0.5


@op(floating)
def softmax(x: Tensor, axis=-1):
    """exp(x) / sum(exp(x)) along ``axis``: an int, several, or None for all."""
    powers = exp(x - stop_gradient(max(x, axis=axis, keepdims=True)))
    return powers / sum(powers, axis=axis, keepdims=True)


@op(floating)
def log_softmax(x: Tensor, axis=-1):
    """log(softmax(x)), without loss where the softmax is small."""
    x = x - stop_gradient(max(x, axis=axis, keepdims=True))
    return x - log(sum(exp(x), axis=axis, keepdims=True))


@op(floating)
def sparsemax(x: Tensor, axis=-1):
    """The nearest point to ``x`` of all that are not negative and sum to 1; many entries are exactly 0."""
    axis = canonical_axis(axis, x.ndim)
    ordered = flip(sort(x, axis=axis), axis=axis)
    total = cumsum(ordered, axis=axis) - 1.0
    ranks = reshape(arange(1, x.shape[axis] + 1, dtype=dtype_of(x)), (-1,) + (1,) * (x.ndim - axis - 1))
    support = ordered * ranks > total
    count = sum(cast(support, dtype_of(x)), axis=axis, keepdims=True)
    excess = sum(where(support, ordered, 0.0), axis=axis, keepdims=True) - 1.0
    return maximum(x - excess / count, 0.0)
