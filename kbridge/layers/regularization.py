"""Noise while training, and penalties on what flows through."""

import math

from kbridge import config, ops, random, regularizers
from kbridge.layers.core import Dropout
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


class _Noise(Layer):
    """Base of layers that change their inputs at random while training, by as much as ``amount`` says."""

    supports_masking = True

    def __init__(self, name_of_amount, amount, seed, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(amount, (int, float)) or not 0 <= amount <= 1:
            raise ValueError(
                f"{type(self).__name__}: {name_of_amount} must be in [0, 1]. Received: {name_of_amount}={amount!r}."
            )
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if amount > 0 else None
        self.built = True

    def call(self, inputs, training=False):
        return self._changed(inputs) if training and self.seed_generator is not None else inputs

    def _normal(self, inputs, stddev, mean=0.0):
        return random.normal(ops.shape(inputs), mean, stddev, self.compute_dtype, self.seed_generator)

    def _refuse_all(self, rate):
        if rate == 1:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' cannot train with rate=1, which leaves nothing of its "
                f"inputs. Write a rate below 1."
            )

    def compute_output_shape(self, input_shape):
        return input_shape


class GaussianNoise(_Noise):
    """While training, adds normal noise with the deviation ``stddev`` (0 to 1)."""

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__("stddev", stddev, seed, **kwargs)
        self.stddev = stddev

    def _changed(self, inputs):
        return inputs + self._normal(inputs, self.stddev)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(_Noise):
    """While training, multiplies by normal noise around 1 that varies as much as dropout at ``rate`` would."""

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__("rate", rate, seed, **kwargs)
        self.rate = rate

    def _changed(self, inputs):
        self._refuse_all(self.rate)
        return inputs * self._normal(inputs, math.sqrt(self.rate / (1.0 - self.rate)), 1.0)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(_Noise):
    """Dropout for SELU: what is dropped becomes SELU's least value, and mean and variance are kept.

    Args:
        rate: the share that is dropped while training.
        noise_shape: where entries share one fate: in the axes of length 1 (None: the length of the inputs).
        seed: of the noise.
    """

    # what SELU tends to for small inputs
    _least = -1.6732632423543772 * 1.0507009873554805

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__("rate", rate, seed, **kwargs)
        self.rate, self.noise_shape = rate, noise_shape

    def _changed(self, inputs):
        self._refuse_all(self.rate)
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            shape = tuple(shape[i] if dim is None else dim for i, dim in enumerate(self.noise_shape))
        kept = random.uniform(shape, seed=self.seed_generator) >= self.rate
        factor = ((1.0 - self.rate) * (1.0 + self.rate * self._least**2)) ** -0.5
        return ops.add(ops.multiply(ops.where(kept, inputs, self._least), factor), -factor * self._least * self.rate)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class _SpatialDropout(Dropout):
    """Dropout of whole channels of (batch, ..., channels) with ``rank`` axes of space."""

    rank = 1
    data_format = "channels_last"

    def __init__(self, rate, seed, name, dtype, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise_shape(self, inputs):
        batch, *rest = ops.shape(inputs)
        ones = (1,) * self.rank
        return (batch, *ones, rest[-1]) if self.data_format == "channels_last" else (batch, rest[0], *ones)

    def get_config(self):
        found = super().get_config()
        return {name: found[name] for name in ("name", "dtype", "rate", "seed")}


class SpatialDropout1D(_SpatialDropout):
    """While training, drops a share ``rate`` of the channels of (batch, steps, channels), each at all steps."""

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed, name, dtype, **kwargs)


class _SpatialDropoutOfImages(_SpatialDropout):
    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed, name, dtype, **kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout2D(_SpatialDropoutOfImages):
    """While training, drops a share ``rate`` of the channels of images, each at all pixels."""

    rank = 2


class SpatialDropout3D(_SpatialDropoutOfImages):
    """While training, drops a share ``rate`` of the channels of volumes, each at all voxels."""

    rank = 3


class ActivityRegularization(Layer):
    """Hands on its inputs, and adds ``l1 * sum(|x|) + l2 * sum(x ** 2)`` of a sample, on average, to the loss."""

    supports_masking = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.built = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        found = {**super().get_config(), "l1": self.l1, "l2": self.l2}
        del found["activity_regularizer"]
        return found
