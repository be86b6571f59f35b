"""A layer, a loss and a metric of one's own, written in ``kbridge.ops``: they run on every engine.

python examples/custom_layer.py [ENGINE ...]
"""

import sys

import numpy as np

import kbridge
from kbridge import layers, ops


class Gated(layers.Layer):
    """Half of its units say how much of the other half passes."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 2 * self.units), initializer="glorot_uniform")
        self.bias = self.add_weight(shape=(2 * self.units,), initializer="zeros")

    def call(self, inputs):
        value, gate = ops.split(ops.matmul(inputs, self.kernel) + self.bias, 2, axis=-1)
        return ops.tanh(value) * ops.sigmoid(gate)

    def get_config(self):
        return super().get_config() | {"units": self.units}


def log_squared_error(y_true, y_pred):
    """Large errors count about as much as small ones."""
    return ops.mean(ops.log1p(ops.square(y_pred - y_true)), axis=-1)


def within_a_tenth(y_true, y_pred):
    return ops.cast(ops.abs(y_pred - y_true) < 0.1, "float32")


x = np.random.default_rng(0).uniform(-2, 2, size=(512, 2)).astype("float32")
y = (np.sin(2 * x[:, :1]) * x[:, 1:]).astype("float32")

for name in sys.argv[1:] or kbridge.available():
    with kbridge.use_backend(name):
        kbridge.utils.set_random_seed(0)
        model = kbridge.Sequential([kbridge.Input((2,)), Gated(32), Gated(32), layers.Dense(1)])
        model.compile(kbridge.optimizers.Adam(0.01), log_squared_error, metrics=[within_a_tenth])
        model.fit(x, y, epochs=30, verbose=0)
        copy = kbridge.Sequential.from_config(model.get_config(), custom_objects={"Gated": Gated})
        copy.set_weights(model.get_weights())
        loss, share = model.evaluate(x, y, verbose=0)
        same = np.array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))
    print(f"{name:<11} loss {loss:.4f}, {share:.0%} within a tenth; its copy answers the same: {same}")
