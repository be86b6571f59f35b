"""Activation functions. Most are ops as they stand."""

from kbridge import ops
from kbridge.objects import Family
from kbridge.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

swish = silu
hard_swish = hard_silu


def linear(x):
    """``x`` itself."""
    return x


def exponential(x):
    """e to the power of ``x``."""
    return ops.exp(x)


def gelu(x, approximate=False):
    """``x`` times the normal distribution's probability of less; ``approximate`` takes tanh for it."""
    return ops.gelu(x, approximate=approximate)


def mish(x):
    """``x * tanh(softplus(x))``."""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """``x`` above ``threshold``, at most ``max_value``; below, ``negative_slope`` times its distance from it."""
    if negative_slope == 0.0 and threshold == 0.0:
        if max_value is None:
            return ops.relu(x)
        return ops.relu6(x) if max_value == 6 else ops.clip(x, 0.0, max_value)
    if threshold == 0.0:
        if max_value is None:
            return ops.leaky_relu(x, negative_slope=negative_slope)
        above = ops.relu(x)
    else:
        above = ops.where(ops.greater(x, threshold), x, 0.0)
    if max_value is not None:
        above = ops.minimum(above, max_value)
    if negative_slope == 0.0:
        return above
    return above - negative_slope * ops.relu(ops.subtract(threshold, x))


_family = Family(
    "activation",
    "keras.activations",
    [
        celu,
        elu,
        exponential,
        gelu,
        glu,
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        soft_shrink,
        softmax,
        softplus,
        softsign,
        sparse_plus,
        sparse_sigmoid,
        sparsemax,
        squareplus,
        tanh,
        tanh_shrink,
        threshold,
    ],
    aliases={"swish": swish, "hard_swish": hard_swish},
    default=linear,
)
get = _family.get
deserialize = _family.deserialize


def serialize(activation):
    """The name of an activation of kbridge's; the config of any other."""
    name = getattr(activation, "__name__", None)
    if _family.members.get(name) is activation:
        return name
    return _family.serialize(activation)
