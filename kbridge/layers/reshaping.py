"""Layers that move values about and change none."""

import math

from kbridge import config, ops
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


class Flatten(Layer):
    """Each sample as one axis. With "channels_first" the channels are put last before."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        size = math.prod(inputs.shape[1:]) if None not in tuple(inputs.shape[1:]) else -1
        return ops.reshape(inputs, (-1 if size != -1 else ops.shape(inputs)[0], size))

    def compute_output_shape(self, input_shape):
        inner = input_shape[1:]
        return (input_shape[0], None if None in inner else math.prod(inner))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Each sample in ``target_shape``, in which one axis may be -1: whatever is left."""

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if sum(dim == -1 for dim in self.target_shape) > 1:
            raise ValueError(f"Reshape: only one axis can be -1. Received: target_shape={self.target_shape}.")
        self.built = True

    def call(self, inputs):
        wanted = self.compute_output_shape(tuple(inputs.shape))[1:]
        batch = inputs.shape[0]
        if batch is None:
            batch = -1 if None not in wanted and -1 not in wanted else ops.shape(inputs)[0]
        return ops.reshape(inputs, (batch, *(-1 if dim is None else dim for dim in wanted)))

    def compute_output_shape(self, input_shape):
        inner = input_shape[1:]
        if None in inner:
            return (input_shape[0], *(None if dim == -1 else dim for dim in self.target_shape))
        size = math.prod(inner)
        known = math.prod(dim for dim in self.target_shape if dim != -1)
        fits = size % known == 0 if -1 in self.target_shape and known else size == known
        if not fits:
            raise ValueError(
                f"Reshape layer '{self.name}' cannot put {size} values, of shape {inner}, into {self.target_shape}."
            )
        return (input_shape[0], *(size // known if dim == -1 else dim for dim in self.target_shape))

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """The axes of each sample in another order: ``dims`` counts from 1, the batch being 0."""

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must hold each of 1 to {len(self.dims)} once; the batch, axis 0, stays. "
                f"Received: dims={dims}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[dim] for dim in self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) to (batch, n, features)."""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not hasattr(n, "__index__") or n < 1:
            raise ValueError(f"RepeatVector: n must be a positive integer. Received: n={n!r}.")
        self.n = int(n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}
