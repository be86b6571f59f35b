"""``keras.activations`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge import activations as _today
from kbridge.activations import (
    elu,
    exponential,
    gelu,
    leaky_relu,
    linear,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    swish,
    tanh,
)
from kbridge.compat import named as _named
from kbridge.compat.activations import hard_sigmoid, relu, softmax

_family = _named.extended(_today._family, {"hard_sigmoid": hard_sigmoid, "relu": relu, "softmax": softmax})


def get(identifier):
    """The activation for a name, a config or a function; ``linear`` for None."""
    return _family.get(identifier)


def deserialize(name, custom_objects=None):
    """The activation for a name or config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(name, custom_objects)


def serialize(activation):
    """The name of an activation that is a function; the config of any other."""
    return _named.serialize(activation)
