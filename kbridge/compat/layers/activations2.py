"""Activations as layers that Keras 2 had, where today's Keras has them not or otherwise."""

from kbridge import activations, objects, ops
from kbridge.layers.activations import Elementwise


class ThresholdedReLU(Elementwise):
    """``x`` above ``theta``, 0 elsewhere."""

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        if theta is None or theta < 0:
            raise ValueError(f"ThresholdedReLU: theta must be at least 0. Received: theta={theta!r}.")
        self.theta = float(theta)

    def call(self, inputs):
        return inputs * ops.cast(ops.greater(inputs, self.theta), ops.dtype(inputs))

    def get_config(self):
        return {**super().get_config(), "theta": self.theta}


class UnmaskedSoftmax:
    """For the door of Softmax: a mask is handed on, and changes nothing."""

    def call(self, inputs):
        return activations.softmax(inputs, axis=self.axis)


objects.publish("keras.legacy.layers", ThresholdedReLU)
