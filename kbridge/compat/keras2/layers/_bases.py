"""Bases with an underscore that programs of the time derived their own layers from."""

from kbridge import ops
from kbridge.compat.keras2.layers._doors import KERNEL, layer
from kbridge.layers import convolutional, pooling

_Conv = layer(
    convolutional.Convolution,
    "rank, filters, kernel_size, strides=1, padding='valid', data_format=None, dilation_rate=1, activation=None, "
    + KERNEL,
    name="_Conv",
)


class _OwnPooling:
    """For bases of pooling: a subclass defines ``_pooling_function``; that of lines sees images one pixel wide."""

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        raise NotImplementedError(f"{type(self).__name__} must define _pooling_function.")

    def call(self, inputs):
        given = {"padding": self.padding, "data_format": self.data_format}
        if self.rank > 1:
            return self._pooling_function(inputs=inputs, pool_size=self.pool_size, strides=self.strides, **given)
        axis = 2 if self.data_format == "channels_last" else 3
        outputs = self._pooling_function(
            inputs=ops.expand_dims(inputs, axis), pool_size=(*self.pool_size, 1), strides=(*self.strides, 1), **given
        )
        return ops.squeeze(outputs, axis)


def _of_rank(rank):
    """The bases of pooling over windows, and over everything, in ``rank`` dimensions."""

    class Pooling(pooling.Pooling):
        def __init__(self, pool_size, strides=None, padding="valid", data_format=None, **kwargs):
            super().__init__(rank, pool_size, strides, padding, data_format, **kwargs)

    class GlobalPooling(pooling.GlobalPooling):
        def __init__(self, data_format=None, **kwargs):
            super().__init__(rank, data_format, **kwargs)

    size, order = (2, "'channels_last'") if rank == 1 else ((2,) * rank, None)
    windows = layer(
        Pooling,
        f"pool_size={size}, strides=None, padding='valid', data_format={order}",
        name=f"_Pooling{rank}D",
        mixins=[_OwnPooling],
    )
    everything = layer(GlobalPooling, f"data_format={order}", name=f"_GlobalPooling{rank}D")
    windows._stands_for, everything._stands_for = pooling.Pooling, pooling.GlobalPooling
    return windows, everything


_Pooling1D, _GlobalPooling1D = _of_rank(1)
_Pooling2D, _GlobalPooling2D = _of_rank(2)
_Pooling3D, _GlobalPooling3D = _of_rank(3)


def _time_distributed_dense(x, w, b=None, dropout=None, input_dim=None, output_dim=None, timesteps=None, training=None):
    """``x w + b`` at every step of (batch, time, features); ``dropout`` leaves out the same features at all steps.

    The sizes are known by themselves.
    """
    from kbridge import random
    from kbridge.compat import computing

    training = computing.phase_here() if training is None else training
    if dropout and 0.0 < dropout < 1.0 and training:
        x = random.dropout(x, dropout, (None, 1, None))
    outputs = ops.matmul(x, w)
    return outputs if b is None else outputs + b
