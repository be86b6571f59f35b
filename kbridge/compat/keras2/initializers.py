"""``keras.initializers`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge import initializers as _today
from kbridge.compat import named as _named
from kbridge.compat.door import door as _door
from kbridge.compat.initializers import Initializer
from kbridge.initializers import (
    Constant,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    Zeros,
)

VarianceScaling = _door(_today.VarianceScaling, "scale=1.0, mode='fan_in', distribution='normal', seed=None")

zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
identity = Identity
orthogonal = Orthogonal


def lecun_uniform(seed=None):
    """LeCun's, uniform: the variance is 1 / inputs."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def lecun_normal(seed=None):
    """LeCun's, normal: the variance is 1 / inputs. The one to use with selu."""
    return VarianceScaling(1.0, "fan_in", "normal", seed)


def glorot_uniform(seed=None):
    """Glorot and Bengio's, uniform: the variance is 1 / mean(inputs, outputs)."""
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


def glorot_normal(seed=None):
    """Glorot and Bengio's, normal: the variance is 1 / mean(inputs, outputs)."""
    return VarianceScaling(1.0, "fan_avg", "normal", seed)


def he_uniform(seed=None):
    """He's, uniform: the variance is 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def he_normal(seed=None):
    """He's, normal: the variance is 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "normal", seed)


lecun_uniform.for_layers, lecun_normal.for_layers = lecun_uniform, lecun_normal
glorot_uniform.for_layers, glorot_normal.for_layers = glorot_uniform, glorot_normal
he_uniform.for_layers, he_normal.for_layers = he_uniform, he_normal
_scaled = (lecun_uniform, lecun_normal, glorot_uniform, glorot_normal, he_uniform, he_normal)
_functions = {function.__name__: function for function in _scaled}
_family = _named.extended(_today._family, {**_named.public(globals(), type), **_functions})


def get(identifier):
    """The initializer for a name, a config or a function."""
    if identifier is None:
        raise ValueError("An initializer must be a name, a config, a function or an Initializer. Received: None.")
    found = _family.get(identifier)
    return found() if isinstance(identifier, str) and found is _functions.get(identifier) else found


def deserialize(config, custom_objects=None):
    """The initializer for a name or config, with ``custom_objects`` for names of your own."""
    found = _family.deserialize(config, custom_objects)
    return found() if isinstance(config, str) and found is _functions.get(config) else found


def serialize(initializer):
    """The name of an initializer that is a function; the config of any other."""
    return _named.serialize(initializer)


__getattr__ = _named.otherwise(__name__, "kbridge.initializers")
