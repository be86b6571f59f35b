"""The layers of Keras 2: their arguments in that generation's words, and what they compute."""

import warnings

import numpy as np
import pytest

from kbridge import KerasTensor
from kbridge import layers as today
from kbridge.backend import registry
from kbridge.compat.keras2 import layers
from kbridge.compat.notes import OldCallWarning
from kbridge.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


def run(layer, x, **kwargs):
    return registry.current().to_numpy(layer(x, **kwargs))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# -- arguments

WINDOWS = {"nb_filter": 4, "border_mode": "same", "init": "he_normal", "W_regularizer": "l2", "b_regularizer": "l1"}
WINDOWS_TODAY = {
    "filters": 4,
    "padding": "same",
    "kernel_initializer": "he_normal",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
}
RECURRENT = {
    "output_dim": 4,
    "init": "he_normal",
    "inner_init": "glorot_normal",
    "W_regularizer": "l1",
    "U_regularizer": "l2",
    "b_regularizer": "l1_l2",
    "dropout_W": 0.1,
    "dropout_U": 0.2,
    "consume_less": "gpu",
}
RECURRENT_TODAY = {
    "units": 4,
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_normal",
    "kernel_regularizer": "l1",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l1_l2",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
}
OLD_CALLS = [
    (
        "Dense",
        {"output_dim": 4, "init": "uniform", "W_regularizer": "l2", "b_constraint": "nonneg", "bias": True},
        {"units": 4, "kernel_initializer": "uniform", "kernel_regularizer": "l2", "bias_constraint": "non_neg"},
    ),
    (
        "Convolution1D",
        {**WINDOWS, "filter_length": 3, "subsample_length": 2},
        {**WINDOWS_TODAY, "kernel_size": 3, "strides": 2},
    ),
    (
        "Convolution2D",
        {**WINDOWS, "nb_row": 3, "nb_col": 2, "subsample": (2, 1), "dim_ordering": "th"},
        {**WINDOWS_TODAY, "kernel_size": (3, 2), "strides": (2, 1), "data_format": "channels_first"},
    ),
    (
        "Convolution3D",
        {**WINDOWS, "kernel_dim1": 1, "kernel_dim2": 2, "kernel_dim3": 3, "dim_ordering": "tf", "bias": False},
        {**WINDOWS_TODAY, "kernel_size": (1, 2, 3), "data_format": "channels_last", "use_bias": False},
    ),
    (
        "Deconvolution2D",
        {**WINDOWS, "nb_row": 3, "nb_col": 3, "output_shape": (None, 8, 8, 4)},
        {**WINDOWS_TODAY, "kernel_size": (3, 3)},
    ),
    (
        "SeparableConvolution2D",
        {"nb_filter": 4, "nb_row": 3, "nb_col": 3, "init": "he_normal", "depth_multiplier": 2},
        {
            "filters": 4,
            "kernel_size": (3, 3),
            "depthwise_initializer": "he_normal",
            "pointwise_initializer": "he_normal",
            "depth_multiplier": 2,
        },
    ),
    (
        "MaxPooling1D",
        {"pool_length": 3, "stride": 2, "border_mode": "same"},
        {"pool_size": 3, "strides": 2, "padding": "same"},
    ),
    (
        "AveragePooling2D",
        {"border_mode": "same", "dim_ordering": "th"},
        {"padding": "same", "data_format": "channels_first"},
    ),
    ("GlobalMaxPooling2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
    ("UpSampling1D", {"length": 3}, {"size": 3}),
    ("UpSampling2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
    ("Cropping2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
    ("ZeroPadding2D", {"padding": {"top_pad": 1, "left_pad": 2}}, {"padding": ((1, 0), (2, 0))}),
    ("ZeroPadding2D", {"padding": (1, 2, 3, 4)}, {"padding": ((1, 2), (3, 4))}),
    ("Dropout", {"p": 0.25}, {"rate": 0.25}),
    ("SpatialDropout2D", {"p": 0.25, "dim_ordering": "th"}, {"rate": 0.25, "data_format": "channels_first"}),
    ("GaussianNoise", {"sigma": 0.5}, {"stddev": 0.5}),
    ("GaussianDropout", {"p": 0.5}, {"rate": 0.5}),
    ("PReLU", {"init": "ones"}, {"alpha_initializer": "ones"}),
    ("LeakyReLU", {"alpha": 0.1}, {"negative_slope": 0.1}),
    (
        "BatchNormalization",
        {"mode": 0, "beta_init": "one", "gamma_init": "zero"},
        {"beta_initializer": "one", "gamma_initializer": "zero"},
    ),
    (
        "Embedding",
        {"input_dim": 5, "output_dim": 2, "init": "normal", "W_regularizer": "l2", "W_constraint": "unitnorm"},
        {
            "input_dim": 5,
            "output_dim": 2,
            "embeddings_initializer": "normal",
            "embeddings_regularizer": "l2",
            "embeddings_constraint": "unit_norm",
        },
    ),
    ("SimpleRNN", RECURRENT, RECURRENT_TODAY),
    (
        "GRU",
        {**RECURRENT, "inner_activation": "tanh"},
        {**RECURRENT_TODAY, "recurrent_activation": "tanh", "reset_after": False},
    ),
    (
        "LSTM",
        {**RECURRENT, "forget_bias_init": "zero", "inner_activation": "tanh"},
        {**RECURRENT_TODAY, "unit_forget_bias": False, "recurrent_activation": "tanh"},
    ),
    (
        "ConvLSTM2D",
        {**WINDOWS, "nb_row": 3, "nb_col": 3, "inner_activation": "tanh", "forget_bias_init": "one"},
        {**WINDOWS_TODAY, "kernel_size": (3, 3), "recurrent_activation": "tanh"},
    ),
    (
        "LocallyConnected2D",
        {"nb_filter": 4, "nb_row": 3, "nb_col": 3, "W_regularizer": "l2"},
        {"filters": 4, "kernel_size": (3, 3), "kernel_regularizer": "l2"},
    ),
]


def as_data(layer):
    config = layer.get_config()
    for key in ("name", "batch_input_shape", "seed"):
        config.pop(key, None)
    return config


@pytest.mark.parametrize("name, old, new", OLD_CALLS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_words_of_keras_1_mean_those_of_keras_2(name, old, new):
    cls = getattr(layers, name)
    assert as_data(cls(**old)) == as_data(cls(**new))
    parts = [type(c).__name__ for c in (cls(**old),)]
    assert parts == [type(cls(**new)).__name__]


def test_kernels_side_by_side():
    assert layers.Convolution2D(8, 3, 5, border_mode="same").kernel_size == (3, 5)
    assert layers.Conv3D(8, 3, 5, 2).kernel_size == (3, 5, 2)
    assert layers.Deconvolution2D(8, 3, 3, (None, 8, 8, 8), subsample=(2, 2)).strides == (2, 2)
    assert layers.Conv2D(8, 3).kernel_size == (3, 3)
    assert layers.Conv2D(8, (3, 3), 2).strides == (2, 2)
    assert layers.AtrousConvolution2D(8, 3, 3, atrous_rate=(2, 2)).dilation_rate == (2, 2)
    with pytest.raises(ValueError, match="kernel_size=..., strides=..."):
        layers.Conv2D(8, 3, 2, padding="same")


def test_a_note_once_with_the_call_of_today():
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        for _ in range(2):
            layers.Convolution2D(8, 3, 3, border_mode="same", activation="relu")
            layers.Conv2D(8, (3, 3), padding="same")
    (note,) = [str(n.message) for n in notes if issubclass(n.category, OldCallWarning)]
    assert note.endswith("Conv2D(filters=8, kernel_size=(3, 3), padding='same', activation='relu')")


def test_defaults_are_those_of_keras_2():
    assert layers.GRU(3).reset_after is False and layers.GRUCell(3).reset_after is False
    gate = layers.ConvLSTM2D(2, 3).recurrent_activation
    np.testing.assert_allclose(gate(np.float32([-3, 0, 1])), [0, 0.5, 0.7], atol=1e-6)
    np.testing.assert_allclose(
        layers.LSTM(2, recurrent_activation="hard_sigmoid").recurrent_activation(np.float32(1)), 0.7
    )
    assert layers.LeakyReLU().alpha == pytest.approx(0.3)
    assert layers.MaxPooling1D().data_format == "channels_last"
    assert layers.Dense(2).name == "dense_1" and layers.Dense(2).name == "dense_2"
    assert layers.MaxPooling2D().name == "max_pooling2d_1"
    assert layers.Input((3,)).name.startswith("input_1")


def test_wrong_calls_say_what_to_write():
    a, b = layers.Input((3,)), layers.Input((3,))
    with pytest.raises(TypeError, match=r"Concatenate\(\)\(\[a, b\]\), or the function: concatenate"):
        layers.Concatenate([a, b])
    with pytest.raises(TypeError, match="add"):
        layers.Add([a, b])
    with pytest.raises(TypeError, match="did you mean 'kernel_regularizer'"):
        layers.Dense(3, kernel_regulariser="l2")
    for cell in (layers.LSTMCell(3), layers.StackedRNNCells([layers.GRUCell(3)])):
        with pytest.raises(ValueError, match=r"RNN\("):
            cell(layers.Input((4, 3)))
    with pytest.raises(TypeError, match="keras1.layers import BatchNormalization"):
        layers.BatchNormalization(mode=2)
    with pytest.raises(ValueError, match="unit_forget_bias"):
        layers.LSTM(3, forget_bias_init="normal")


def test_sizes_of_the_first_input_one_by_one():
    assert Sequential([layers.LSTM(4, input_dim=3, input_length=5)]).input_shape == (None, 5, 3)
    assert Sequential([layers.CuDNNLSTM(4, input_dim=3)]).input_shape == (None, None, 3)
    assert Sequential([layers.Conv1D(4, 2, input_dim=3, input_length=5)]).output_shape == (None, 4, 4)
    assert Sequential([layers.Dense(4, input_dim=3)]).input_shape == (None, 3)
    embedding = layers.Embedding(9, 4, input_length=5)
    assert embedding.input_length == 5 and Sequential([embedding]).output_shape == (None, 5, 4)
    assert Sequential([layers.Embedding(9, 4), layers.LSTM(3)]).output_shape == (None, 3)
    assert Sequential([layers.Bidirectional(layers.LSTM(4), input_shape=(5, 3))]).output_shape == (None, 8)
    model = Sequential([layers.InputLayer(input_shape=(5,), input_dtype="int32"), layers.Embedding(9, 2)])
    assert model.inputs[0].dtype == "int32"
    x = layers.Input(batch_shape=(8, 5), dtype="int32", name="words")
    assert (x.shape, x.dtype, x.name) == ((8, 5), "int32", "words")


def test_every_name_comes_with_a_star():
    names = {}
    exec("from kbridge.compat.keras2.layers import *", names)
    for (
        name
    ) in "LSTM Input concatenate recurrent noise core merge CuDNNGRU Highway MultiHeadAttention Recurrent".split():
        assert name in names, name
    assert names["recurrent"].GRU is names["GRU"] and names["noise"].GaussianNoise is layers.GaussianNoise
    from kbridge.compat.keras2.engine.base_layer import InputSpec

    from kbridge.compat.keras2.engine import topology
    from kbridge.compat.keras2.layers.merge import _Merge, concatenate

    assert topology.Layer is layers.Layer and InputSpec is today.InputSpec
    assert concatenate is layers.concatenate and isinstance(layers.Add(), _Merge)
    assert isinstance(today.Dense(2), layers.Dense) and issubclass(layers.Dense, layers.Layer)


def test_configs_of_keras_2():
    config = layers.serialize(layers.GRU(3, recurrent_activation="hard_sigmoid", name="g"))
    assert config["class_name"] == "GRU" and config["config"]["units"] == 3
    again = layers.deserialize({"class_name": "GRU", "config": {"name": "g", "units": 3, "implementation": 1}})
    assert again.name == "g" and again.reset_after is False
    old = layers.deserialize({"class_name": "Dense", "config": {"output_dim": 3, "init": "zero"}})
    assert old.units == 3
    for layer in (
        layers.Bidirectional(layers.LSTM(3, recurrent_activation="hard_sigmoid")),
        layers.TimeDistributed(layers.Dense(3)),
        layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]),
        layers.CuDNNGRU(3, stateful=True),
        layers.ThresholdedReLU(0.5),
        layers.Concatenate(1),
    ):
        config = layer.get_config()
        assert type(layer).from_config(config).get_config() == config


# -- what they compute


def test_activations(engine):
    x = numbers(4, 5)
    np.testing.assert_allclose(run(layers.ThresholdedReLU(0.5), x), np.where(x > 0.5, x, 0))
    np.testing.assert_allclose(run(layers.LeakyReLU(alpha=0.1), x), np.where(x > 0, x, 0.1 * x), rtol=1e-6)
    np.testing.assert_allclose(run(layers.ReLU(6.0, 0.1, 0.2), x), np.where(x < 0.2, 0.1 * (x - 0.2), x), atol=1e-6)
    np.testing.assert_allclose(run(layers.Softmax(axis=0), x).sum(0), np.ones(5), rtol=1e-5)
    hard = run(layers.Activation("hard_sigmoid"), x)
    np.testing.assert_allclose(hard, np.clip(0.2 * x + 0.5, 0, 1), rtol=1e-5, atol=1e-6)


def test_batch_normalization_keeps_the_unbiased_variance(engine):
    layer, x = layers.BatchNormalization(momentum=0.5), numbers(8, 3) * 2 + 1
    y = run(layer, x, training=True)
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), rtol=1e-4, atol=1e-5)
    _, _, mean, variance = layer.get_weights()
    np.testing.assert_allclose(mean, 0.5 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(variance, 0.5 + 0.5 * x.var(0) * 8 / (8 - 1.001), rtol=1e-4)
    layer.trainable = False  # it leaves its averages alone, and goes on normalizing by the batch
    np.testing.assert_allclose(run(layer, x, training=True), y, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.get_weights()[2], mean)
    assert not np.allclose(run(layer, x, training=False), y)


def test_merging(engine):
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    for name, want in {
        "add": x + y,
        "subtract": x - y,
        "multiply": x * y,
        "average": (x + y) / 2,
        "maximum": np.maximum(x, y),
        "minimum": np.minimum(x, y),
        "concatenate": np.concatenate([x, y], -1),
    }.items():
        a, b = layers.Input((3,)), layers.Input((3,))
        model = Model([a, b], getattr(layers, name)([a, b], name=f"it_{name}"))
        np.testing.assert_allclose(model.predict([x, y], verbose=0), want, rtol=1e-5, err_msg=name)
    cosine = (x * y).sum(1) / np.sqrt((x**2).sum(1) * (y**2).sum(1))
    np.testing.assert_allclose(run(layers.Dot(1, normalize=True), [x, y])[:, 0], cosine, rtol=1e-4)


def test_bilinear_upsampling_leaves_the_first_pixel_in_its_place(engine):
    x = numbers(1, 2, 2, 1)
    found = run(layers.UpSampling2D(interpolation="bilinear"), x)[0, :, :, 0]
    rows = np.stack([x[0, 0, :, 0], x[0, :, :, 0].mean(0), x[0, 1, :, 0], x[0, 1, :, 0]])
    want = np.stack([rows[:, 0], rows.mean(1), rows[:, 1], rows[:, 1]], 1)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_a_merge_of_ones_own(engine):
    class Halfway(layers.merge._Merge):
        def _merge_function(self, inputs):
            return inputs[0] * 0.25 + inputs[1] * 0.75

    a, b = layers.Input((3,)), layers.Input((3,))
    model = Model([a, b], Halfway()([a, b]))
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model.predict([np.ones((2, 3)), np.zeros((2, 3))], verbose=0), np.full((2, 3), 0.25))


def test_masks_of_merges_count_where_all_do():
    words = np.array([[1, 2, 0, 0]])
    others = np.array([[1, 2, 3, 0]])
    embed = layers.Embedding(5, 2, mask_zero=True)
    added = layers.Add()
    masks = added.compute_mask(None, [words != 0, None, others != 0])
    np.testing.assert_array_equal(masks, [[True, True, False, False]])
    a, b = layers.Input((4,), dtype="int32"), layers.Input((4,), dtype="int32")
    joined = layers.concatenate([embed(a), embed(b)])
    total = layers.Lambda(lambda x, mask=None: x[:, 0] * 0 + _count(mask), output_shape=(4,))(joined)
    counted = Model([a, b], total).predict([words, others], verbose=0)
    np.testing.assert_array_equal(counted[0], [2, 2, 2, 2])


def _count(mask):
    from kbridge import ops

    return ops.expand_dims(ops.sum(ops.cast(mask, "float32"), axis=-1), -1)


def lstm(x, kernel, recurrent_kernel, bias, gate=sigmoid):
    n = len(recurrent_kernel)
    h = c = np.zeros((len(x), n))
    out = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent_kernel + bias, 4, -1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
        out.append(h)
    return np.stack(out, 1), h, c


def hard(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_lstm_with_states(engine):
    x = numbers(3, 5, 4)
    inputs = layers.Input((5, 4))
    layer = layers.LSTM(
        6, return_sequences=True, return_state=True, recurrent_activation="hard_sigmoid", implementation=1
    )
    outputs = layer(inputs)
    assert isinstance(outputs, list) and len(outputs) == 3
    model = Model(inputs, outputs)
    weights = [numbers(*w.shape, seed=i) * 0.5 for i, w in enumerate(model.get_weights())]
    model.set_weights(weights)
    for got, want in zip(model.predict(x, verbose=0), lstm(x, *weights, hard)):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    # the decoder's form: states as inputs
    h, c = layers.Input((6,)), layers.Input((6,))
    again = layers.LSTM(6, recurrent_activation="hard_sigmoid")
    decoder = Model([inputs, h, c], again(inputs, initial_state=[h, c]))
    again.set_weights(weights)
    whole = lstm(np.concatenate([x, x], 1), *weights, hard)[1]
    _, last, memory = lstm(x, *weights, hard)
    np.testing.assert_allclose(decoder.predict([x, last, memory], verbose=0), whole, rtol=1e-4, atol=1e-5)


def test_gru_resets_before(engine):
    x = numbers(3, 5, 4)
    layer = layers.GRU(6)
    layer.build((3, 5, 4))
    kernel, recurrent, bias = weights = [numbers(*w.shape, seed=i) * 0.5 for i, w in enumerate(layer.get_weights())]
    assert bias.shape == (18,)
    layer.set_weights(weights)
    h = np.zeros((3, 6))
    for t in range(5):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias, 3, -1)
        z, r = sigmoid(xz + h @ recurrent[:, :6]), sigmoid(xr + h @ recurrent[:, 6:12])
        h = z * h + (1 - z) * np.tanh(xh + (r * h) @ recurrent[:, 12:])
    np.testing.assert_allclose(run(layer, x), h, rtol=1e-4, atol=1e-5)


def test_cudnn_layers_on_any_device(engine):
    x = numbers(3, 5, 4)
    fast, plain = layers.CuDNNLSTM(6, return_sequences=True), layers.LSTM(6, return_sequences=True)
    for layer in (fast, plain):
        layer.build((3, 5, 4))
    assert fast.get_weights()[2].shape == (48,)
    np.testing.assert_array_equal(fast.get_weights()[2], [0.0] * 30 + [1.0] * 6 + [0.0] * 12)
    kernel, recurrent, bias = weights = [numbers(*w.shape, seed=i) * 0.5 for i, w in enumerate(fast.get_weights())]
    fast.set_weights(weights)
    plain.set_weights([kernel, recurrent, bias[:24] + bias[24:]])
    np.testing.assert_allclose(run(fast, x), run(plain, x), rtol=1e-4, atol=1e-5)
    fast, plain = layers.CuDNNGRU(6), layers.GRU(6, reset_after=True)
    for layer in (fast, plain):
        layer.build((3, 5, 4))
    kernel, recurrent, bias = weights = [numbers(*w.shape, seed=i) * 0.5 for i, w in enumerate(fast.get_weights())]
    fast.set_weights(weights)
    plain.set_weights([kernel, recurrent, bias.reshape(2, 18)])
    np.testing.assert_allclose(run(fast, x), run(plain, x), rtol=1e-4, atol=1e-5)
    model = Sequential([layers.Bidirectional(layers.CuDNNGRU(3), input_shape=(5, 4)), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    history = model.fit(x, x[:, 0, :1], epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_stateful_layers_are_set_by_hand(engine):
    x = numbers(2, 3, 4)
    layer = layers.LSTM(5, stateful=True, batch_input_shape=(2, 3, 4))
    model = Sequential([layer])
    first = model.predict(x, batch_size=2, verbose=0)
    assert not np.allclose(model.predict(x, batch_size=2, verbose=0), first, atol=1e-4)
    layer.reset_states(states=[np.zeros((2, 5)), np.zeros((2, 5))])
    np.testing.assert_allclose(model.predict(x, batch_size=2, verbose=0), first, rtol=1e-5)
    layer.reset_states([np.ones((2, 5)), np.ones((2, 5))])
    assert not np.allclose(model.predict(x, batch_size=2, verbose=0), first, atol=1e-4)
    with pytest.raises(ValueError, match="2 state"):
        layer.reset_states([np.ones((2, 5))])
    with pytest.raises(AttributeError, match="stateful=True"):
        layers.LSTM(5).reset_states()
    assert len(model.get_weights()) == 3


class Minimal(layers.Layer):
    """A cell as the documentation of Keras 2 wrote it."""

    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
        )
        self.built = True

    def call(self, inputs, states):
        output = inputs @ self.kernel + states[0] @ self.recurrent_kernel
        return output, [output]


class Attentive(layers.Layer):
    """A cell that is given a constant at every step."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, shapes):
        step, constant = shapes
        self.kernel = self.add_weight("kernel", (step[-1], self.units), initializer="ones")
        self.of_constant = self.add_weight("of_constant", (constant[-1], self.units), initializer="ones")
        self.built = True

    def call(self, inputs, states, constants):
        (constant,) = constants
        output = inputs @ self.kernel + constant @ self.of_constant + states[0]
        return output, [output]


def test_cells_of_ones_own(engine):
    x = numbers(2, 3, 4)
    model = Sequential([layers.RNN([Minimal(5), Minimal(2)], input_shape=(3, 4))])
    a, b, c, d = model.get_weights()
    h, g = np.zeros((2, 5)), np.zeros((2, 2))
    for t in range(3):
        h = x[:, t] @ a + h @ b
        g = h @ c + g @ d
    np.testing.assert_allclose(model.predict(x, verbose=0), g, rtol=1e-4, atol=1e-6)
    inputs, constant = layers.Input((3, 4)), layers.Input((6,))
    model = Model([inputs, constant], layers.RNN(Attentive(5))(inputs, constants=constant))
    k = numbers(2, 6, seed=1)
    want = np.repeat((x.sum((1, 2)) + 3 * k.sum(1))[:, None], 5, 1)
    np.testing.assert_allclose(model.predict([x, k], verbose=0), want, rtol=1e-4)
    with pytest.raises(ValueError, match="constants"):
        layers.RNN(layers.LSTMCell(3))(inputs, constants=constant)


def test_bidirectional_keeps_what_was_before_a_masked_step():
    words = np.array([[1, 2, 0]])
    inputs = layers.Input((3,), dtype="int32")
    embedded = layers.Embedding(5, 2, mask_zero=True)(inputs)
    outputs = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(embedded)
    found = Model(inputs, outputs).predict(words, verbose=0)[0]
    np.testing.assert_array_equal(found[2, :3], found[1, :3])
    two = layers.Bidirectional(layers.LSTM(3), merge_mode=None)(embedded)
    assert isinstance(two, list) and len(two) == 2


def test_convolutions_over_time(engine):
    x = numbers(2, 3, 5, 5, 2)
    plain = layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True)
    general = layers.ConvRNN2D(layers.ConvLSTM2DCell(3, (3, 3), padding="same"), return_sequences=True)
    want = run(plain, x)
    general.build((2, 3, 5, 5, 2))
    general.set_weights(plain.get_weights())
    np.testing.assert_allclose(run(general, x), want, rtol=1e-4, atol=1e-5)
    symbol = layers.Input((3, 5, 5, 2))
    assert plain(symbol).shape == (None, 3, 5, 5, 3)


class Counting(layers.Recurrent):
    """A recurrent layer as they were derived from the base class of Keras 2.0."""

    def __init__(self, units, **kwargs):
        self.units = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[2], self.units), initializer="ones", name="kernel")
        self.states = [None]
        self.built = True

    def get_constants(self, inputs, training=None):
        return [inputs[:, 0, :1]]

    def step(self, inputs, states):
        before, constant = states
        output = inputs @ self.kernel + before + constant
        return output, [output]


def test_the_recurrent_base_class(engine):
    x = numbers(2, 3, 4)
    model = Sequential([Counting(5, input_shape=(3, 4), return_sequences=True)])
    assert model.output_shape == (None, 3, 5)
    want = np.cumsum(x.sum(2) + x[:, 0, :1], axis=1)
    np.testing.assert_allclose(model.predict(x, verbose=0)[:, :, 0], want, rtol=1e-4, atol=1e-5)
    masked = Sequential([layers.Masking(0.0, input_shape=(3, 4)), Counting(5)])
    x[:, 2] = 0
    np.testing.assert_allclose(masked.predict(x, verbose=0)[:, 0], want[:, 1], rtol=1e-4, atol=1e-5)
    stateful = Sequential([Counting(5, stateful=True, batch_input_shape=(2, 3, 4))])
    one, two = (stateful.predict(x, batch_size=2, verbose=0) for _ in range(2))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-4)
    stateful.layers[0].reset_states()
    np.testing.assert_allclose(stateful.predict(x, batch_size=2, verbose=0), one, rtol=1e-4)


def test_lambda_knows_the_shape_it_is_told(engine):
    inputs = layers.Input((None, 4))
    cut = layers.Lambda(
        lambda x, scale: x[:, :2] * scale, output_shape=lambda s: (s[0], 2, s[2]), arguments={"scale": 2.0}
    )
    assert cut(inputs).shape == (None, 2, 4)
    np.testing.assert_allclose(run(cut, numbers(2, 3, 4)), numbers(2, 3, 4)[:, :2] * 2)


def test_doors_run_and_are_saved_as_the_layers_of_today(tmp_path):
    import kbridge

    model = Sequential(
        [
            layers.Conv2D(4, 3, 3, dim_ordering="tf", input_shape=(8, 8, 3)),
            layers.BatchNormalization(),
            layers.ThresholdedReLU(0.1),
            layers.Reshape((36, 4)),
            layers.CuDNNLSTM(3),
        ]
    )
    x = numbers(2, 8, 8, 3)
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = kbridge.saving.load_model(tmp_path / "model.keras")
    assert type(again.layers[0]) is today.Conv2D
    np.testing.assert_allclose(again.predict(x, verbose=0), want, rtol=1e-5)


def test_weights_in_groups_of_an_open_file(tmp_path):
    import h5py

    from kbridge.compat.keras2.engine import saving
    from kbridge.compat.keras2.models import Sequential as Old

    def make(units):
        return Old([layers.CuDNNLSTM(3, input_shape=(4, 2), name="a"), layers.Dense(units, name="b")])

    model, other, wider = make(2), make(2), make(5)
    with h5py.File(tmp_path / "weights.h5", "w") as f:
        saving.save_weights_to_hdf5_group(f, model.layers)
    with h5py.File(tmp_path / "weights.h5", "r") as f:
        saving.load_weights_from_hdf5_group(f, other.layers)
        with pytest.raises(ValueError, match="'b'"):
            saving.load_weights_from_hdf5_group_by_name(f, wider.layers)
        with pytest.warns(UserWarning, match="left as it is"):
            saving.load_weights_from_hdf5_group_by_name(f, wider.layers, skip_mismatch=True)
    for own, found in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(own, found)
    for own, found in zip(model.layers[0].get_weights(), wider.layers[0].get_weights()):
        np.testing.assert_array_equal(own, found)


def test_cudnn_layers_stay_what_they_are_in_files_of_the_time(tmp_path):
    import kbridge
    from kbridge.compat.keras2 import models

    x = numbers(2, 5, 4)
    model = models.Sequential([layers.Bidirectional(layers.CuDNNLSTM(3, return_sequences=True), input_shape=(5, 4))])
    model.add(layers.CuDNNGRU(2))
    model.set_weights([numbers(*w.shape, seed=i) for i, w in enumerate(model.get_weights())])
    want = model.predict(x)
    model.save(str(tmp_path / "model.h5"))
    again = models.load_model(str(tmp_path / "model.h5"), compile=False)
    assert [type(layer) for layer in again.layers] == [layers.Bidirectional, layers.CuDNNGRU]
    np.testing.assert_allclose(again.predict(x), want, rtol=1e-5)
    # to today's Keras they are LSTM and GRU
    plain = kbridge.saving.load_model(tmp_path / "model.h5", compile=False)
    assert type(plain.layers[-1]) is today.GRU
    np.testing.assert_allclose(plain.predict(x, verbose=0), want, rtol=1e-4, atol=1e-6)


def test_nodes_are_told_and_made():
    from kbridge.compat.keras2.engine.topology import Node

    a, layer = layers.Input((3,)), layers.Dense(2)
    b = layer(a)
    (node,) = layer._inbound_nodes
    assert isinstance(node, Node) and node.output_tensors == [b] and node.input_shapes == [(None, 3)]
    double, c = layers.Lambda(lambda x: x * 2.0), KerasTensor((None, 2))
    told = Node(double, [layer], [0], [0], [b], [c], [None], [None], [(None, 2)], [(None, 2)])
    assert told.inbound_layers == [layer] and double._inbound_nodes[0] == told
    x = numbers(2, 3)
    both = Model(a, [b, c]).predict(x, verbose=0)
    np.testing.assert_allclose(both[1], 2 * both[0], rtol=1e-6)


def test_the_decorators_of_keras_legacy():
    from kbridge.compat.keras2.legacy import interfaces

    class Own:
        @interfaces.legacy_conv2d_support
        def __init__(self, filters, kernel_size, strides=(1, 1), data_format=None):
            self.given = filters, kernel_size, strides, data_format

    assert Own(3, 2, 2, subsample=(2, 2), dim_ordering="th").given == (3, (2, 2), (2, 2), "channels_first")
    with pytest.raises(TypeError, match="both were given"):
        Own(3, 2, subsample=1, strides=2)
