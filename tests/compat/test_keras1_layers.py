"""Layers of Keras 1: their arguments, what they compute (by hand, in NumPy), their weights, and layers of one's own."""

import numpy as np
import pytest

from kbridge import layers as today
from kbridge.backend import registry
from kbridge.compat.keras1 import activations, constraints, initializations, regularizers
from kbridge.compat.keras1 import backend as K
from kbridge.compat.keras1 import layers as L
from kbridge.compat.keras1.models import Model, Sequential, load_model, model_from_json

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")
rng = np.random.RandomState(0)


def draw(*shape):
    return rng.randn(*shape).astype("float32")


def close(found, wanted, **bounds):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-3, "atol": 1e-4, **bounds})


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


@pytest.fixture(autouse=True)
def _on_numpy(request):
    if "engine" in request.fixturenames:
        yield
        return
    with registry.use_backend("numpy"):
        yield


def run(layer, x):
    """What a Sequential of this layer alone predicts, in the shape it says."""
    layer._input_arguments.setdefault("batch_input_shape", (None, *x.shape[1:]))
    model = Sequential()
    model.add(layer)
    y = model.predict(x)
    assert model.output_shape[1:] == y.shape[1:]
    return y


def again(layer, x):
    return Model(layer.input, layer.output).predict(x)


def shape(layer, *of):
    return run(layer, draw(*of)).shape


# -- recurrent layers


def test_lstm_by_hand(engine):
    layer, x = L.LSTM(3, return_sequences=True), draw(2, 5, 4)
    run(layer, x)
    weights = layer.get_weights()
    assert [w.shape for w in weights] == [(4, 3), (3, 3), (3,)] * 4
    close(weights[8], np.ones(3))  # the forget gate's bias, the third of four
    close(weights[2], np.zeros(3))
    weights = [draw(*w.shape) for w in weights]
    layer.set_weights(weights)
    wi, ui, bi, wc, uc, bc, wf, uf, bf, wo, uo, bo = weights
    h = c = np.zeros((2, 3))
    wanted = []
    for step in x.transpose(1, 0, 2):
        i = hard_sigmoid(step @ wi + h @ ui + bi)
        f = hard_sigmoid(step @ wf + h @ uf + bf)
        c = f * c + i * np.tanh(step @ wc + h @ uc + bc)
        h = hard_sigmoid(step @ wo + h @ uo + bo) * np.tanh(c)
        wanted.append(h)
    close(again(layer, x), np.stack(wanted, 1))
    assert all((a == b).all() for a, b in zip(layer.get_weights(), weights))


def test_gru_by_hand():
    layer, x = L.GRU(3, return_sequences=True, go_backwards=True), draw(2, 5, 4)
    run(layer, x)
    weights = [draw(*w.shape) for w in layer.get_weights()]
    assert len(weights) == 9
    layer.set_weights(weights)
    wz, uz, bz, wr, ur, br, wh, uh, bh = weights
    h, wanted = np.zeros((2, 3)), []
    for step in x.transpose(1, 0, 2)[::-1]:
        z, r = hard_sigmoid(step @ wz + h @ uz + bz), hard_sigmoid(step @ wr + h @ ur + br)
        h = z * h + (1 - z) * np.tanh(step @ wh + (r * h) @ uh + bh)
        wanted.append(h)
    close(again(layer, x), np.stack(wanted, 1))


def test_weights_of_one_matrix_and_of_one_for_each_gate():
    x = draw(2, 5, 4)
    joined, split = L.GRU(3, consume_less="gpu"), L.GRU(3, input_dim=4)
    run(joined, x)
    run(split, x)
    assert [w.shape for w in joined.get_weights()] == [(4, 9), (3, 9), (9,)]
    joined.set_weights(split.get_weights())
    close(again(joined, x), again(split, x))
    split.set_weights(joined.get_weights())
    given = L.GRU(3, weights=split.get_weights(), input_dim=4)
    close(run(given, x), again(split, x))
    assert (given.output_dim, given.input_dim, given.U.shape) == (3, 4, (3, 9))
    with pytest.raises(ValueError, match="consume_less"):
        L.GRU(3, consume_less="tpu")


def test_forget_gates_bias():
    for start, wanted in (("zero", 0.0), ("one", 1.0), (lambda shape, name=None: K.variable(np.full(shape, 0.5)), 0.5)):
        layer = L.LSTM(3, forget_bias_init=start, input_dim=4)
        run(layer, draw(2, 5, 4))
        bias = layer.get_weights()[2::3]
        close(bias[2], np.full(3, wanted))
        assert not bias[0].any() and not bias[1].any() and not bias[3].any()


def test_wrappers():
    x = draw(2, 5, 4)
    both = L.Bidirectional(L.LSTM(3, return_sequences=True))
    y = run(both, x)
    assert y.shape == (2, 5, 6) and len(both.get_weights()) == 24
    close(run(L.Bidirectional(L.LSTM(3, return_sequences=True), weights=both.get_weights()), x), y)
    distributed = L.TimeDistributed(L.Convolution2D(4, 3, 3, dim_ordering="th"))
    assert shape(distributed, 2, 3, 2, 5, 5) == (2, 3, 4, 3, 3)
    assert distributed.get_weights()[0].shape == (4, 2, 3, 3)
    assert shape(L.TimeDistributedDense(3), 2, 5, 4) == (2, 5, 3)


def test_convolutional_lstm():
    same = L.ConvLSTM2D(4, 3, 3, return_sequences=True, border_mode="same")
    assert shape(same, 1, 3, 5, 5, 2) == (1, 3, 5, 5, 4)
    layer = L.ConvLSTM2D(4, 3, 3, dim_ordering="th")
    assert shape(layer, 1, 3, 2, 5, 5) == (1, 4, 3, 3)
    weights = [draw(*w.shape) for w in layer.get_weights()]
    assert [w.shape for w in weights] == [(4, 2, 3, 3), (4, 4, 3, 3), (4,)] * 4
    layer.set_weights(weights)
    assert all((a == b).all() for a, b in zip(layer.get_weights(), weights))
    assert (layer.nb_filter, layer.nb_row, layer.nb_col) == (4, 3, 3)


# -- convolutions


def test_convolution_with_channels_first(engine):
    x = draw(2, 3, 6, 5)
    layer = L.Convolution2D(4, 3, 2, dim_ordering="th", border_mode="valid", subsample=(2, 1))
    run(layer, x)
    assert layer.get_weights()[0].shape == (4, 3, 3, 2)
    kernel, bias = draw(4, 3, 3, 2), draw(4)
    layer.set_weights([kernel, bias])
    wanted = np.zeros((2, 4, 2, 4))
    for i in range(2):
        for j in range(4):
            window = x[:, :, 2 * i : 2 * i + 3, j : j + 2]
            wanted[:, :, i, j] = np.einsum("bcxy,ocxy->bo", window, kernel) + bias
    close(again(layer, x), wanted)
    found = layer.nb_filter, layer.nb_row, layer.nb_col, layer.subsample, layer.border_mode, layer.dim_ordering
    assert found == (4, 3, 2, (2, 1), "valid", "th")


def test_the_order_of_images_says_nothing_of_sequences():
    K.set_image_dim_ordering("th")
    x = draw(2, 3, 6, 5)
    assert shape(L.Convolution2D(4, 3, 2, subsample=(2, 1)), *x.shape) == (2, 4, 2, 4)
    assert shape(L.MaxPooling2D(), *x.shape) == (2, 3, 3, 2)
    close(run(L.Flatten(), x), x.reshape(2, -1))
    assert shape(L.Convolution1D(2, 3), 2, 8, 4) == (2, 6, 2)
    assert shape(L.MaxPooling1D(), 2, 8, 4) == (2, 4, 4)
    assert shape(L.GlobalMaxPooling1D(), 2, 8, 4) == (2, 4)
    assert shape(L.ZeroPadding1D(2), 2, 8, 4) == (2, 12, 4)
    assert shape(L.Cropping1D(), 2, 8, 4) == (2, 6, 4)
    assert shape(L.UpSampling1D(), 2, 8, 4) == (2, 16, 4)
    assert shape(L.LocallyConnected1D(3, 2), 2, 8, 4) == (2, 7, 3)


def test_convolutions_by_the_words_of_any_time():
    x = draw(2, 7, 6, 5)
    kernel = [draw(3, 2, 5, 4), draw(4)]
    wanted = run(L.Convolution2D(4, 3, 2, border_mode="same", subsample=(2, 2), weights=kernel), x)
    for layer in (
        L.Convolution2D(nb_filter=4, nb_row=3, nb_col=2, border_mode="same", subsample=(2, 2), weights=kernel),
        L.Conv2D(4, (3, 2), padding="same", strides=(2, 2), weights=kernel),
        L.Conv2D(4, (3, 2), (2, 2), "same", weights=kernel),
        L.Conv2D(filters=4, kernel_size=(3, 2), border_mode="same", strides=2, weights=kernel),
    ):
        close(run(layer, x), wanted)
        assert isinstance(layer, today.Conv2D)
    assert shape(L.Conv2D(4, 3), 2, 7, 6, 5) == (2, 5, 4, 4)
    for bad in (
        lambda: L.Convolution2D(4, nb_row=3),
        lambda: L.Conv2D(4, 3, 3, kernel_size=3),
        lambda: L.Conv2D(4, 3, 3, paddin=1),
    ):
        with pytest.raises(TypeError):
            bad()


def test_convolutions_in_other_dimensions():
    x = draw(2, 7, 4)
    layer = L.Convolution1D(2, 3, input_dim=4)
    run(layer, x)
    kernel, bias = layer.get_weights()
    assert kernel.shape == (3, 1, 4, 2) and layer.filter_length == 3 and layer.subsample_length == 1
    close(again(layer, x)[:, 0], np.einsum("btc,tco->bo", x[:, :3], kernel[:, 0]) + bias)
    layer.set_weights([kernel, bias])
    volume = L.Convolution3D(2, 2, 2, 3, dim_ordering="th")
    assert shape(volume, 2, 3, 4, 5, 6) == (2, 2, 3, 4, 4)
    assert volume.get_weights()[0].shape == (2, 3, 2, 2, 3) and volume.kernel_dim3 == 3
    assert shape(L.AtrousConvolution1D(2, 3, atrous_rate=2), 2, 7, 4) == (2, 3, 2)
    assert shape(L.AtrousConvolution2D(2, 3, 3, atrous_rate=(2, 2)), 2, 7, 7, 4) == (2, 3, 3, 2)
    separable = L.SeparableConvolution2D(5, 3, 3, depth_multiplier=2, dim_ordering="th")
    assert shape(separable, 2, 4, 7, 7) == (2, 5, 5, 5)
    assert [w.shape for w in separable.get_weights()] == [(2, 4, 3, 3), (5, 8, 1, 1), (5,)]


@pytest.mark.parametrize(
    "padding, space", [("valid", (13, 13)), ("same", (12, 12)), ("valid", (14, 13)), ("same", (11, 12))]
)
def test_a_deconvolution_is_the_adjoint_of_a_convolution(padding, space):
    x, z = draw(2, 6, 6, 3), draw(2, *space, 4)
    layer = L.Deconvolution2D(4, 3, 3, output_shape=(None, *space, 4), subsample=(2, 2), border_mode=padding)
    y = run(layer, x)
    kernel, bias = layer.get_weights()
    assert kernel.shape == (3, 3, 4, 3)
    forward = run(L.Convolution2D(3, 3, 3, subsample=(2, 2), border_mode=padding, bias=False, weights=[kernel]), z)
    close((forward * x).sum(), (z * (y - bias)).sum(), rtol=1e-3)
    assert L.Deconvolution2D.from_config(layer.get_config()).output_shape_ == (None, *space, 4)


def test_locally_connected_layers():
    x = draw(2, 8, 4)
    layer = L.LocallyConnected1D(3, 2, subsample_length=2)
    run(layer, x)
    kernel, bias = layer.get_weights()[0], draw(4, 3)
    assert kernel.shape == (4, 8, 3)
    layer.set_weights([kernel, bias])
    wanted = [x[:, 2 * i : 2 * i + 2].reshape(2, -1) @ kernel[i] + bias[i] for i in range(4)]
    close(again(layer, x), np.stack(wanted, 1))


@pytest.mark.parametrize("ordering", ["tf", "th"])
def test_locally_connected_images(ordering):
    first = ordering == "th"
    x = draw(2, 5, 6, 3)
    given = x.transpose(0, 3, 1, 2) if first else x
    layer = L.LocallyConnected2D(4, 2, 3, dim_ordering=ordering)
    run(layer, given)
    kernel, bias = layer.get_weights()[0], draw(4, 4, 4)
    assert kernel.shape == (16, 18, 4)
    layer.set_weights([kernel, bias])
    wanted = np.zeros((2, 4, 4, 4))
    for i in range(4):
        for j in range(4):
            window = x[:, i : i + 2, j : j + 3]
            window = window.transpose(0, 3, 1, 2) if first else window
            wanted[:, i, j] = window.reshape(2, -1) @ kernel[i * 4 + j] + bias[i, j]
    close(again(layer, given), wanted.transpose(0, 3, 1, 2) if first else wanted)


def test_sizes_of_images():
    x = draw(2, 4, 5, 3)
    assert shape(L.ZeroPadding2D((1, 2)), *x.shape) == (2, 6, 9, 3)
    assert shape(L.ZeroPadding2D((1, 2, 0, 1)), *x.shape) == (2, 7, 6, 3)
    y = run(L.ZeroPadding2D({"top_pad": 2, "right_pad": 1}), x)
    assert y.shape == (2, 6, 6, 3) and not y[:, :2].any() and not y[:, :, -1].any()
    assert shape(L.ZeroPadding1D({"left_pad": 1, "right_pad": 2}), 2, 4, 3) == (2, 7, 3)
    assert shape(L.ZeroPadding3D(), 1, 2, 2, 2, 1) == (1, 4, 4, 4, 1)
    assert shape(L.Cropping2D(((1, 0), (1, 1))), *x.shape) == (2, 3, 3, 3)
    assert shape(L.UpSampling2D((2, 3)), *x.shape) == (2, 8, 15, 3)
    assert shape(L.AveragePooling2D((2, 2), (1, 1), "same"), *x.shape) == x.shape
    assert shape(L.GlobalAveragePooling2D(dim_ordering="th"), *x.shape) == (2, 4)
    pooling = L.MaxPooling1D(pool_length=3, stride=2)
    assert shape(pooling, 2, 7, 3) == (2, 3, 3) and (pooling.pool_length, pooling.stride) == (3, 2)
    with pytest.raises(ValueError, match="top_pad"):
        L.ZeroPadding2D({"up": 1})


# -- the others


def test_batch_normalization_and_its_modes():
    x = draw(30, 4) * 2 + 1
    layer = L.BatchNormalization()
    close(run(layer, x), x / np.sqrt(1.001))
    assert len(layer.get_weights()) == 4 and layer.running_std.shape == (4,) and len(layer.updates) == 2
    within = L.BatchNormalization(mode=1)
    spread = np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    close(run(within, x), (x - x.mean(-1, keepdims=True)) / (spread + 1e-3))
    always = L.BatchNormalization(mode=2)
    close(run(always, x), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3))
    assert isinstance(always, L.BatchNormalization) and type(always).from_config(always.get_config()).mode == 2
    by_place = L.BatchNormalization(1e-2, 0, 1, 0.5)
    assert (by_place.epsilon, by_place.axis, by_place.momentum) == (1e-2, 1, 0.5)


@pytest.mark.parametrize("trainable", [True, False])
def test_averages_move_in_frozen_layers_too(trainable):
    x = draw(30, 4) * 2 + 1
    model = Sequential([L.BatchNormalization(momentum=0.5, input_shape=(4,), trainable=trainable), L.Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(x, x[:, :1])
    weights = model.layers[0].get_weights()
    close(weights[2], 0.5 * x.mean(0))
    close(weights[3], 0.5 + 0.5 * x.var(0))
    assert np.allclose(weights[0], 1) is not trainable


def test_embedding():
    x = np.array([[1, 2, 0]])
    model = Sequential([L.Embedding(10, 3, mask_zero=True)])
    assert model.input_shape == (None, None)
    close(model.predict(x), model.get_weights()[0][x])
    model = Sequential([L.Embedding(10, 3, dropout=0.5, input_length=3)])
    (layer,) = model.layers
    assert model.output_shape == (None, 3, 3) and layer.input_length == 3 and layer.name == "embedding_2"
    close(model.predict(x), layer.get_weights()[0][x])  # dropout is for training
    model.compile("sgd", "mse")
    assert model.train_on_batch(x, model.predict(x)) > 0  # words are left out whole
    table = draw(10, 3)
    close(run(L.Embedding(10, 3, weights=[table], input_length=3), x), table[x])


def test_activations():
    x = draw(4, 5)
    close(run(L.LeakyReLU(), x), np.where(x > 0, x, 0.3 * x))
    close(run(L.ELU(alpha=0.5), x), np.where(x > 0, x, 0.5 * (np.exp(x) - 1)))
    close(run(L.ThresholdedReLU(0.5), x), x * (x > 0.5))
    close(run(L.PReLU(weights=[np.full(5, 0.2, "float32")]), x), np.where(x > 0, x, 0.2 * x))
    close(run(L.ParametricSoftplus(), x), 0.2 * np.log1p(np.exp(5 * x)))
    layer = L.SReLU()
    run(layer, x)
    left, slope, more, other = weights = [draw(5) for _ in range(4)]
    layer.set_weights(weights)
    right = left + np.abs(more)
    wanted = np.where(x >= right, right + other * (x - right), np.where(x <= left, left + slope * (x - left), x))
    close(again(layer, x), wanted)
    close(run(L.Activation("hard_sigmoid"), x), hard_sigmoid(x))
    dense = L.Dense(3, activation="hard_sigmoid", weights=[np.eye(5, 3), np.zeros(3)])
    close(run(dense, x), hard_sigmoid(x[:, :3]))
    close(run(L.Dense.from_config(dense.get_config()), x * 0), np.full((4, 3), 0.5))


def test_lambda():
    x = draw(2, 4, 5)

    def centred(x):
        x -= K.mean(x, axis=1, keepdims=True)
        return x

    a = L.Input((4, 5))
    h = L.Activation("linear")(a)
    y, kept = Model(a, [L.Lambda(centred)(h), h]).predict(x)
    close(y, x - x.mean(1, keepdims=True))
    close(kept, x)  # nobody else's tensor was changed
    assert shape(L.Lambda(lambda v, k: v[:, :k], output_shape=(2, 5), arguments={"k": 2}), 2, 4, 5) == (2, 2, 5)
    twice = L.Lambda(lambda v: K.concatenate([v, v], axis=1), output_shape=lambda s: (s[0], 2 * s[1], s[2]))
    assert shape(twice, 2, 4, 5) == (2, 8, 5)


# -- merging


@pytest.mark.parametrize(
    "mode, wanted",
    [
        ("sum", lambda a, b: a + b),
        ("mul", lambda a, b: a * b),
        ("ave", lambda a, b: (a + b) / 2),
        ("max", np.maximum),
        ("concat", lambda a, b: np.concatenate([a, b], -1)),
        ("dot", lambda a, b: (a * b).sum(-1, keepdims=True)),
        ("cos", lambda a, b: (a * b).sum(-1, keepdims=True) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))[:, None]),
        (lambda x: x[0] - x[1], lambda a, b: a - b),
    ],
)
def test_merge(mode, wanted):
    a, b = L.Input((4,)), L.Input((4,))
    x, y = draw(3, 4), draw(3, 4)
    model = Model(input=[a, b], output=L.merge([a, b], mode=mode))
    found = model.predict([x, y])
    close(found, wanted(x, y))
    assert model.output_shape[1:] == found.shape[1:]


def test_a_sequential_may_begin_with_a_merge():
    left, right = Sequential([L.Dense(3, input_dim=4)]), Sequential([L.Dense(3, input_dim=5)])
    model = Sequential([L.Merge([left, right], mode="concat", concat_axis=1), L.Dense(2)])
    x = [draw(6, 4), draw(6, 5)]
    joined = np.concatenate([left.predict(x[0]), right.predict(x[1])], 1)
    kernel, bias = model.layers[-1].get_weights()
    close(model.predict(x), joined @ kernel + bias)
    model.compile("sgd", "mse")
    before = left.get_weights()[0]
    model.train_on_batch(x, draw(6, 2))
    assert (left.get_weights()[0] != before).any()


def test_what_cannot_be_merged():
    a, b = L.Input((4,)), L.Input((5,))
    with pytest.raises(ValueError, match="4.*5"):
        L.merge([a, b])
    with pytest.raises(ValueError, match="mode"):
        L.Merge(mode="add")
    with pytest.raises(ValueError, match="at least 2"):
        L.merge([a])


# -- layers of one's own


class OwnDense(L.Layer):
    def __init__(
        self,
        output_dim,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        self.init = initializations.get(init)
        self.activation = activations.get(activation)
        self.output_dim = output_dim
        self.input_dim = input_dim
        self.W_regularizer = regularizers.get(W_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.bias = bias
        self.initial_weights = weights
        self.input_spec = [L.InputSpec(ndim="2+")]
        if self.input_dim:
            kwargs["input_shape"] = (self.input_dim,)
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight(
            (input_shape[-1], self.output_dim),
            initializer=self.init,
            name=f"{self.name}_W",
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
        )
        self.b = self.add_weight((self.output_dim,), "zero", f"{self.name}_b") if self.bias else None
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            del self.initial_weights
        self.built = True

    def call(self, x, mask=None):
        output = K.dot(x, self.W)
        if self.bias:
            output += self.b
        return self.activation(output)

    def get_output_shape_for(self, input_shape):
        return tuple(input_shape[:-1]) + (self.output_dim,)

    def get_config(self):
        config = {"output_dim": self.output_dim, "activation": self.activation.__name__}
        base_config = super().get_config()
        return dict(list(base_config.items()) + list(config.items()))


def test_a_layer_with_all_that_dense_had(engine):
    penalties = {"W_regularizer": regularizers.l2(0.1), "activity_regularizer": regularizers.activity_l2(0.01)}
    model = Sequential([OwnDense(4, input_dim=3, activation="tanh", W_constraint="maxnorm", **penalties), L.Dense(1)])
    x, y = draw(8, 3), draw(8, 1)
    model.compile("sgd", "mse")
    layer = model.layers[0]
    (kernel, bias), (other, last) = layer.get_weights(), model.layers[1].get_weights()
    hidden = np.tanh(x @ kernel + bias)
    wanted = ((hidden @ other + last - y) ** 2).mean() + 0.1 * (kernel**2).sum() + 0.01 * (hidden**2).sum()
    close(model.evaluate(x, y, verbose=0), wanted)
    losses = model.fit(x, y, nb_epoch=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    copy = OwnDense.from_config(layer.get_config())
    assert Sequential([copy]).output_shape == (None, 4)
    again = model_from_json(model.to_json(), {"OwnDense": OwnDense})
    again.set_weights(model.get_weights())
    close(again.predict(x), model.predict(x))
    assert layer.get_output_shape_for((None, 3)) == layer.compute_output_shape((None, 3)) == (None, 4)


class Attention(L.Layer):
    def __init__(self, **kwargs):
        self.supports_masking = True
        self.init = initializations.get("normal")
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.init((input_shape[-1], 5), name="W")
        self.u = self.init((5,))
        self.heat = K.variable(1.0)
        self.seen = K.zeros((1,))  # in no list, so no weight
        self.trainable_weights = [self.W, self.u]
        self.non_trainable_weights = [self.heat]
        super().build(input_shape)

    def compute_mask(self, x, input_mask=None):
        return None

    def call(self, x, mask=None):
        scores = K.exp(K.sum(K.tanh(K.dot(x, self.W)) * self.u, axis=-1) * self.heat)
        if mask is not None:
            scores *= K.cast(mask, K.floatx())
        scores /= K.sum(scores, axis=1, keepdims=True)
        return K.sum(x * K.expand_dims(scores), axis=1)

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], input_shape[-1])


def test_variables_in_lists(engine):
    words = L.Input((6,), dtype="int32")
    layer = Attention()
    outputs = L.Dense(1)(layer(L.Embedding(20, 4, mask_zero=True)(words)))
    model = Model(words, outputs)
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (2, 1)
    assert layer.count_params() == 4 * 5 + 5 + 1 and model.count_params() == 80 + 26 + 5
    model.compile("adam", "mse")
    before = layer.get_weights()
    model.fit(rng.randint(0, 20, (16, 6)), draw(16, 1), nb_epoch=2, verbose=0)
    after = layer.get_weights()
    assert (before[0] != after[0]).any() and (before[1] != after[1]).any() and before[2] == after[2]
    assert layer.input_mask is not None and layer.output_mask is None
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 3


class Listed(L.Layer):
    def build(self, input_shape):
        self.W, self.b, self.g = K.variable(draw(input_shape[1], 2)), K.zeros((2,)), K.ones((2,))
        self.trainable_weights.append(self.W)
        self.trainable_weights += [self.b]
        self.non_trainable_weights.append(self.g)
        self.constraints[self.W] = "nonneg"
        super().build(input_shape)

    def call(self, x, mask=None):
        return (K.dot(x, self.W) + self.b) * self.g

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], 2)


def test_lists_that_are_added_to():
    model = Sequential([Listed(input_shape=(3,))])
    layer = model.layers[0]
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (2, 1)
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.train_on_batch(draw(4, 3), draw(4, 2))
    after = layer.get_weights()
    assert [(a != b).any() for a, b in zip(before, after)] == [True, True, False]
    assert (after[0] >= 0).all() and not (before[0] >= 0).all()


class Twice(L.Wrapper):
    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        super().build()

    def get_output_shape_for(self, input_shape):
        return self.layer.get_output_shape_for(input_shape)

    def call(self, x, mask=None):
        return 2 * self.layer.call(x)


def test_a_wrapper_of_ones_own():
    model = Sequential([Twice(L.Dense(4), input_shape=(3,))])
    kernel, bias = model.get_weights()
    x = draw(2, 3)
    close(model.predict(x), 2 * (x @ kernel + bias))
    assert model.output_shape == (None, 4)


class Centred(L.Layer):
    def build(self, input_shape):
        self.mean = self.add_weight((input_shape[1],), initializer="zero", name="mean", trainable=False)
        self.count = K.variable(0.0)
        self._non_trainable_weights.append(self.count)
        self.built = True

    def call(self, x, mask=None):
        mean = K.mean(x, axis=0)
        self.add_update([K.moving_average_update(self.mean, mean, 0.5), K.update_add(self.count, 1.0)], x)
        return K.in_train_phase(x - mean, x - self.mean)


def test_updates_are_made_in_training(engine):
    model = Sequential([Centred(input_shape=(3,)), L.Dense(1)])
    model.compile("sgd", "mse")
    x = draw(8, 3)
    layer = model.layers[0]
    assert len(layer.updates) == 2 and len(layer.get_updates_for(layer.input)) == 2
    model.predict(x)
    model.evaluate(x, x[:, :1], verbose=0)
    assert not layer.get_weights()[0].any()
    model.train_on_batch(x, x[:, :1])
    close(layer.get_weights()[0], 0.5 * x.mean(0))
    assert layer.get_weights()[1] == 1


class Counting(L.Layer):
    def build(self, input_shape):
        self.count = self.add_weight((), "zero", name="count", trainable=False)
        self.add_update([(self.count, self.count + 2.0)])
        self.built = True

    def call(self, x, mask=None):
        return x + 0.0 * self.count


def test_updates_that_depend_on_no_input():
    model = Sequential([Counting(input_shape=(3,)), L.Dense(1)])
    model.compile("sgd", "mse")
    x = draw(8, 3)
    model.fit(x, x[:, :1], batch_size=4, nb_epoch=2, verbose=0)
    model.predict(x)
    assert model.layers[0].get_weights()[0] == 8 and len(model.updates) == 1


class Penalised(L.Layer):
    def build(self, input_shape):
        self.W = self.add_weight((input_shape[1], 2), "one", name="W")
        self.add_loss(0.1 * K.sum(K.square(self.W)))
        super().build(input_shape)

    def call(self, x, mask=None):
        y = K.dot(x, self.W)
        self.add_loss(K.mean(y), x)
        return y

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], 2)


def test_losses_of_layers(engine):
    model = Sequential([Penalised(input_shape=(3,))])
    model.compile("sgd", "mse")
    x, y, kernel = draw(4, 3), draw(4, 2), np.ones((3, 2))
    error = x @ kernel - y
    close(model.evaluate(x, y, verbose=0), (error**2).mean() + 0.1 * 6 + (x @ kernel).mean())
    model.train_on_batch(x, y)
    gradient = x.T @ (2 * error / 8) + 0.2 * kernel + np.repeat(x.mean(0)[:, None] / 2, 2, 1)
    close(model.get_weights()[0], kernel - 0.01 * gradient)
    assert len(model.layers[0].get_losses_for(None)) == 1
    model.fit(x, y, nb_epoch=5, verbose=0)
    kernel = model.get_weights()[0]
    wanted = ((x @ kernel - y) ** 2).mean() + 0.1 * (kernel**2).sum() + (x @ kernel).mean()
    close(model.evaluate(x, y, verbose=0), wanted)
    before = model.train_on_batch(x, y)
    assert model.train_on_batch(x, y) < before


class Crossed(L.Layer):
    def build(self, input_shapes):
        self.W = self.add_weight((input_shapes[0][1], input_shapes[1][1]), "uniform")
        self.built = True

    def call(self, inputs, mask):
        a, b = inputs
        return [K.dot(a, self.W), K.dot(b, K.transpose(self.W))]

    def get_output_shape_for(self, shapes):
        return [(shapes[0][0], shapes[1][1]), (shapes[1][0], shapes[0][1])]


def test_several_inputs_and_outputs_and_nodes():
    a, b = L.Input((3,), name="a"), L.Input((4,))
    layer = Crossed()
    p, q = layer([a, b])
    assert [x.shape for x in Model([a, b], [p, q]).predict([draw(2, 3), draw(2, 4)])] and layer.name == "crossed_1"
    assert layer.output_shape == layer.get_output_shape_at(0) == [(None, 4), (None, 3)]
    (node,) = layer.inbound_nodes
    assert [x.name for x in node.inbound_layers] == ["a", "input_1"] and node.node_indices == [0, 0]
    assert node.input_tensors == [a, b] and node.output_shapes == [(None, 4), (None, 3)]
    assert layer.inbound_nodes[0] in node.inbound_layers[0].outbound_nodes
    dense = L.Dense(2)
    dense(p)
    assert dense.inbound_nodes[0].tensor_indices == [0] and dense.inbound_nodes[0].outbound_layer is dense


class NoKeywords(L.Layer):
    def __init__(self, n=2):
        self.n = n
        super().__init__()

    def call(self, x, mask=None):
        return x * self.n

    def get_config(self):
        return dict(list(super().get_config().items()) + [("n", self.n)])


def test_a_constructor_without_keywords():
    layer = NoKeywords(3)
    layer.name = "mine"
    layer.dtype = "float32"
    copy = NoKeywords.from_config(layer.get_config())
    assert (copy.n, copy.name) == (3, "mine")


class OwnRecurrent(L.Recurrent):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.states = [None]
        self.W = self.add_weight((input_shape[2], self.output_dim), initializer="glorot_uniform", name="W")
        self.built = True

    def step(self, x, states):
        output = K.tanh(K.dot(x, self.W) + states[0])
        return output, [output]


def test_a_recurrent_layer_of_ones_own():
    model = Sequential([OwnRecurrent(4, input_shape=(5, 3))])
    x = draw(2, 5, 3)
    h = np.zeros((2, 4))
    for step in x.transpose(1, 0, 2):
        h = np.tanh(step @ model.get_weights()[0] + h)
    close(model.predict(x), h)


# -- files


def _dense():
    model = Sequential([L.MaxoutDense(4, input_dim=3), L.Highway(activation="tanh"), L.BatchNormalization(mode=1)])
    for layer in (L.SReLU(), L.ParametricSoftplus(), L.ThresholdedReLU(0.1), L.Dense(3, activation="hard_sigmoid")):
        model.add(layer)
    return model, draw(5, 3)


def _sequences():
    model = Sequential([L.Embedding(10, 4, input_length=5, dropout=0.2)])
    model.add(L.Bidirectional(L.LSTM(3, return_sequences=True)))
    model.add(L.GRU(3, return_sequences=True))
    for layer in (L.TimeDistributedDense(2), L.TimeDistributed(L.Dense(2)), L.LocallyConnected1D(2, 2)):
        model.add(layer)
    model.add(L.Convolution1D(2, 2))
    return model, rng.randint(0, 10, (2, 5))


def _images():
    model = Sequential([L.Convolution2D(4, 3, 3, dim_ordering="th", input_shape=(2, 9, 9))])
    model.add(L.Deconvolution2D(3, 3, 3, output_shape=(None, 3, 9, 9), dim_ordering="th"))
    model.add(L.SeparableConvolution2D(3, 2, 2, dim_ordering="th"))
    model.add(L.AtrousConvolution2D(3, 2, 2, atrous_rate=(2, 2), dim_ordering="th"))
    model.add(L.ZeroPadding2D((1, 2, 0, 1), dim_ordering="th"))
    return model, draw(2, 2, 9, 9)


@pytest.mark.parametrize("make", [_dense, _sequences, _images])
def test_files_and_configs(make, tmp_path):
    model, x = make()
    wanted = model.predict(x)
    copies = [model_from_json(model.to_json()), Sequential.from_config(model.get_config())]
    for copy in copies:
        copy.set_weights(model.get_weights())
    for kind in ("h5", "keras"):
        model.save(str(tmp_path / f"model.{kind}"))
        copies.append(load_model(str(tmp_path / f"model.{kind}")))
    for copy in copies:
        close(copy.predict(x), wanted)
        assert [w.shape for w in copy.get_weights()] == [w.shape for w in model.get_weights()]


# -- names


def test_one_class_by_all_its_names():
    from kbridge.compat.keras1.engine.topology import Layer
    from kbridge.compat.keras1.layers.convolutional import Conv2D
    from kbridge.compat.keras1.layers.core import Dense

    assert Dense is L.Dense and Conv2D is L.Convolution2D and Layer is L.Layer
    assert isinstance(today.Dense(2), L.Dense) and isinstance(L.Dense(2), today.Dense)
    assert isinstance(L.Dense(2), L.Layer) and not isinstance(L.Dense(2), L.Dropout)
    names = {}
    exec("from kbridge.compat.keras1.layers import *", names)
    assert names["Dense"] is L.Dense and {"Add", "concatenate", "merge", "CuDNNLSTM", "SReLU"} <= names.keys()


def test_wrong_arguments_are_named():
    for call, word in (
        (lambda: L.Dense(3, W_regulariser="l2"), "W_regularizer"),
        (lambda: L.Dense(), "output_dim"),
        (lambda: L.Dense(3, units=3), "units"),
        (lambda: L.Dropout(0.5, rate=0.5), "rate"),
    ):
        with pytest.raises(TypeError, match=word):
            call()
