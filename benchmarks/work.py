"""The rows of the benchmark: what is computed, in which sizes. Data are the same for all contenders."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Row:
    """One kind of work. ``build(keras)`` makes the model with kbridge's or Keras's own namespace."""

    name: str
    batch: int
    steps: int  # steps in an epoch
    build: object
    x: object
    y: object
    loss: str = "sparse_categorical_crossentropy"
    epochs: int = 3
    kind: str = "fit"
    notes: dict = field(default_factory=dict)

    def data(self):
        rng = np.random.default_rng(0)
        samples = self.batch * self.steps
        return self.x(rng, samples), self.y(rng, samples)


def _normal(*shape):
    return lambda rng, n: rng.normal(size=(n, *shape)).astype("float32")


def _classes(count):
    return lambda rng, n: rng.integers(0, count, n).astype("int32")


def _tokens(count, length):
    return lambda rng, n: rng.integers(0, count, (n, length)).astype("int32")


def _xor_x(rng, n):
    return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")


def _xor_y(rng, n):
    return np.array([[0], [1], [1], [0]], "float32")


def xor(keras):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(2, activation="sigmoid"), layers.Dense(1, activation="sigmoid")]
    )
    return model, keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)


def mlp(keras):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    return model, "adam"


def mnist_mlp(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return model, "adam"


def cnn(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return model, "adam"


def lstm(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            layers.Embedding(2000, 64),
            layers.LSTM(128),
            layers.Dense(2, activation="softmax"),
        ]
    )
    return model, "adam"


def attention(keras):
    layers = keras.layers
    x = keras.Input((64, 128))
    y = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, 32)(x, x)]))
    z = layers.Dense(128)(layers.Dense(512, activation="relu")(y))
    y = layers.LayerNormalization()(layers.Add()([y, z]))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(y))
    return keras.Model(x, outputs), "adam"


ROWS = [
    Row("xor", 4, 1, xor, _xor_x, _xor_y, loss="mean_squared_error", epochs=2000),
    Row("mlp", 32, 100, mlp, _normal(64), _classes(10), epochs=10),
    Row("mnist mlp", 128, 40, mnist_mlp, _normal(784), _classes(10)),
    Row("cnn", 128, 4, cnn, _normal(28, 28, 1), _classes(10), epochs=1),
    Row("lstm", 32, 10, lstm, _tokens(2000, 80), _classes(2), epochs=1),
    Row("attention", 32, 10, attention, _normal(64, 128), _classes(10), epochs=1),
    Row("predict one", 1, 1, mlp, _normal(64), _classes(10), epochs=200, kind="predict"),
]
BY_NAME = {row.name: row for row in ROWS}
