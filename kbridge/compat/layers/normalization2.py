"""Batch normalization as Keras 2 did it."""

from kbridge import ops
from kbridge.layers.normalization import statistics_dtype


class OldStatistics:
    """For the door of BatchNormalization, where Keras 2 differs from today's.

    The moving variance follows the unbiased estimate; masked places count as any; and a frozen layer still
    normalizes by the batch while training: it only leaves its averages alone.
    """

    def call(self, inputs, training=None, mask=None):
        if not training or self.renorm:
            return super().call(inputs, training=training)
        x = ops.cast(inputs, statistics_dtype(self))
        mean, variance = self._moments(x, None)
        if self.trainable:
            size = ops.cast(ops.size(x) // x.shape[self.axis], ops.dtype(x))
            # a single value has no spread: Keras 2 divided by -epsilon there
            unbiased = variance * (size / ops.maximum(size - (1.0 + self.epsilon), self.epsilon))
            self._follow(self.moving_mean, mean, self.momentum)
            self._follow(self.moving_variance, unbiased, self.momentum)
        outputs = ops.batch_normalization(x, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)


def no_mode(args, kwargs):
    """A ``before`` for the door: ``mode`` of Keras 1 was 0, or something that Keras 2 no longer had."""
    mode = kwargs.pop("mode", 0)
    if mode != 0:
        raise TypeError(
            f"BatchNormalization: mode={mode!r} is of Keras 1, and Keras 2 refused it. For it write: "
            f"from kbridge.compat.keras1.layers import BatchNormalization."
        )
    return args, kwargs
