"""Masking, Lambda, Identity and the layers of noise that models need first."""

import inspect

from kbridge import objects, ops, random
from kbridge.layers.layer import Layer


class Masking(Layer):
    """Marks the steps of a sequence that hold nothing but ``mask_value``, and sets them to 0."""

    supports_masking = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(kept, ops.dtype(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "mask_value": self.mask_value}


class Identity(Layer):
    """Gives back its input."""

    supports_masking = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Lambda(Layer):
    """A function as a layer.

    Args:
        function: what it computes, from the input (and ``mask`` and ``training``, if it takes them).
        output_shape: the shape of one output sample, or a function from input shape to output shape;
            found by running the function if not told.
        mask: the output's mask, or a function ``mask(inputs, mask)``.
        arguments: a dict of further arguments of the function.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: function must be callable. Received: {function!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self._takes = _parameters(function)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        known = {"mask": mask, "training": training}
        passed = {name: value for name, value in known.items() if name in self._takes and name not in self.arguments}
        return self.function(inputs, **self.arguments, **passed)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = input_shape[0] if not isinstance(input_shape[0], (list, tuple)) else input_shape[0][0]
        return (batch, *self._output_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "function": objects.serialize_keras_object(self.function),
            "output_shape": objects.serialize_keras_object(self._output_shape),
            "mask": objects.serialize_keras_object(self.mask),
            "arguments": objects.serialize_keras_object(self.arguments),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        config = dict(config)
        for name in ("function", "output_shape", "mask"):
            if isinstance(config.get(name), dict):
                config[name] = objects.deserialize_keras_object(config[name], custom_objects, safe_mode is not False)
        return super().from_config(config)


def _parameters(function):
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C tell nothing
        return set()


class Dropout(Layer):
    """While training, sets a share ``rate`` of the inputs to 0 and scales the others up to make up for it."""

    supports_masking = True

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate must be in [0, 1]. Received: rate={rate!r}.")
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if rate > 0 else None
        self.built = True

    def call(self, inputs, training=False):
        if not training or not self.rate:
            return inputs
        return random.dropout(inputs, self.rate, self._noise_shape(inputs), self.seed_generator)

    def _noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        return tuple(ops.shape(inputs)[i] if dim is None else dim for i, dim in enumerate(self.noise_shape))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
