"""Models that files are tried with, written once for kbridge and for Keras 3; run as a program, the side of Keras.

python saved_models.py write FOLDER   writes each as NAME.keras and NAME.weights.h5, its outputs as NAME.npz
python saved_models.py read FOLDER    reads what kbridge wrote there, and checks its outputs
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np

SHARD = 600 / 2**30  # gigabytes


def inputs(name):
    """What the model ``name`` is called on."""
    rng = np.random.default_rng(len(name))
    if name == "tokens":
        return rng.integers(1, 9, (3, 5)).astype("int32")
    if name == "graph":
        return {key: rng.normal(size=(3, 6, 4)).astype("float32") for key in ("a", "b")}
    shape = {"image": (8, 8, 3), "sequence": (5, 4)}.get(name, (4,))
    return rng.normal(size=(3, *shape)).astype("float32")


def dense(K):
    L = K.layers
    return K.Sequential(
        [
            K.Input((4,)),
            L.Dense(8, activation="relu", kernel_regularizer="l2", name="first"),
            L.Dropout(0.3),
            L.BatchNormalization(),
            L.Dense(3, kernel_initializer=K.initializers.RandomNormal(seed=1), kernel_constraint="max_norm"),
            L.LayerNormalization(),
            L.LeakyReLU(negative_slope=0.1),
        ],
        name="dense_model",
    )


def image(K):
    L = K.layers
    x = inputs = K.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    y = L.Conv2D(4, 1, use_bias=False)(L.BatchNormalization()(x))
    x = L.Concatenate()([L.add([x, y]), y])
    x = L.MaxPooling2D()(L.ZeroPadding2D(1)(x))
    return K.Model(inputs, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(x)))


def tokens(K):
    L = K.layers
    layers = [K.Input((5,), dtype="int32"), L.Embedding(9, 4, mask_zero=True)]
    layers += [L.Bidirectional(L.LSTM(3, return_sequences=True)), L.GRU(4, reset_after=False), L.Dense(2)]
    return K.Sequential(layers)


def sequence(K):
    L = K.layers
    layers = [K.Input((5, 4)), L.Conv1D(3, 2), L.TimeDistributed(L.Dense(4))]
    return K.Sequential([*layers, L.RNN([L.LSTMCell(2), L.SimpleRNNCell(3)]), L.Reshape((3, 1)), L.Flatten()])


def graph(K):
    """Ops, several inputs and outputs, a shared layer, a nested model that is called twice."""
    L, ops = K.layers, K.ops
    a, b = K.Input((6, 4), name="a"), K.Input((6, 4), name="b")
    shared = L.Dense(4, name="shared")
    x = shared(L.MultiHeadAttention(2, 3)(a, b)) + shared(b)
    x = ops.concatenate([x[:, ::2], ops.reshape(x, (-1, 6, 4))[..., 1:4, :]], axis=1)
    x = ops.where(x > 0, x, 0.1 * x)
    x = ops.einsum("bij,bkj->bik", x, ops.pad(x, [[0, 0], [0, 0], [0, 0]]))
    x = ops.clip(ops.softmax(x / 2.0) - ops.mean(x, axis=-1, keepdims=True), -1.0, 1.0)
    x = ops.exp(-ops.abs(ops.max(x, axis=1)))
    inner = K.Sequential([K.Input((6,)), L.Dense(6), L.BatchNormalization()], name="inner")
    x = inner(x) + inner(2 * x)
    x = ops.cast(ops.cast(x, "float32") > 0.2, "float32") * x
    return K.Model({"a": a, "b": b}, {"y": L.Dense(2)(ops.squeeze(ops.expand_dims(x, -1), -1)), "z": ops.tanh(x)})


def trained(K):
    """A compiled model with a state of its optimizer."""
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, activation="tanh"), K.layers.Dense(1)])
    optimizer = K.optimizers.AdamW(K.optimizers.schedules.ExponentialDecay(0.1, 3, 0.9), clipnorm=1.0)
    model.compile(optimizer, K.losses.Huber(0.5), metrics=["mae", K.metrics.MeanSquaredError(name="square")])
    for step in range(3):  # no fit: Keras on NumPy has no gradients
        gradients = [K.ops.ones(v.shape) * 0.1 * (step + 1) for v in model.trainable_variables]
        model.optimizer.apply(gradients, model.trainable_variables)
    return model


@cache
def classes(K):
    """A layer and a subclassed model of one's own, registered."""

    class Block(K.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.parts = [K.layers.Dense(units), {"norm": K.layers.LayerNormalization()}]
            self._act = K.layers.PReLU()

        def build(self, shape):
            self.scale = self.add_weight(shape=(self.units,), initializer="ones", name="scale")
            self.parts[0].build(shape)
            self.parts[1]["norm"].build((*shape[:-1], self.units))
            self._act.build((*shape[:-1], self.units))

        def call(self, x):
            return self._act(self.parts[1]["norm"](self.parts[0](x))) * self.scale

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Net(K.Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.zeta = self._block = Block(units)
            self.tail = (K.layers.Dropout(0.1), K.layers.Dense(2))

        def call(self, x):
            return self.tail[1](self.tail[0](self._block(x)))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    register = K.saving.register_keras_serializable("tests")
    return register(Block), register(Net)


def custom(K):
    """A subclassed model with a layer of one's own."""
    model = classes(K)[1](5)
    model(inputs("custom"))
    return model


IN_HDF5 = ("dense", "image", "tokens", "sequence", "trained")  # as old generations kept models
READ_BY_KERAS = ("dense", "image", "tokens", "trained")  # Keras 3 finds no cells in lists
MODELS = {f.__name__: f for f in (dense, image, tokens, sequence, graph, trained, custom)}


def leaves(outputs):
    """The outputs as a flat list of arrays."""
    if isinstance(outputs, dict):
        return [np.asarray(outputs[key]) for key in sorted(outputs)]
    return [np.asarray(outputs)]


def make(name, K):
    """The model ``name``, its weights at no special point."""
    model = MODELS[name](K)
    rng = np.random.default_rng(3)
    values = [rng.normal(size=w.shape).astype("float32") / 2 for w in model.weights]
    model.set_weights([np.abs(v) + 0.5 if "variance" in w.name else v for v, w in zip(values, model.weights)])
    return model


def _as_keras(command, folder):
    import keras

    for name in MODELS:
        x = inputs(name)
        if command == "write":
            model = make(name, keras)
            model.save(folder / f"{name}.keras")
            model.save_weights(folder / f"{name}.weights.h5")
            model.save_weights(folder / f"{name}.weights.json", max_shard_size=SHARD)
            if name in IN_HDF5:
                model.save(folder / f"{name}.h5")
        else:
            classes(keras)
            model = keras.models.load_model(folder / f"{name}.keras")
            fresh = MODELS[name](keras)
            fresh.load_weights(folder / f"{name}.weights.h5")
            sharded = MODELS[name](keras)
            sharded.load_weights(folder / f"{name}.weights.json")
            old = keras.models.load_model(folder / f"{name}.h5") if name in READ_BY_KERAS else model
            if old is not model:
                fresh_old = MODELS[name](keras)
                fresh_old.load_weights(folder / f"{name}_weights.h5")
                np.testing.assert_array_equal(fresh_old.get_weights()[0], old.get_weights()[0])
        optimizer = getattr(model, "optimizer", None)
        state = [np.asarray(v) for v in optimizer.variables] if optimizer else []
        found = leaves(model(x, training=False)) + state
        if command == "write":
            np.savez(folder / f"{name}.npz", *found)
            continue
        expected = list(np.load(folder / f"{name}.npz").values())
        again, from_parts = leaves(fresh(x, training=False)), leaves(sharded(x, training=False))
        assert len(expected) == len(found), name
        of_old = leaves(old(x, training=False))
        for one, other in [pair for got in (found, again, from_parts, of_old) for pair in zip(expected, got)]:
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=name)
        print(name, "is equal")


if __name__ == "__main__":
    _as_keras(sys.argv[1], Path(sys.argv[2]))
