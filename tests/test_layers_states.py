"""Layers that remember, draw or normalize: what the table of cases cannot say."""

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor


def make(name):
    return eval(name, dict(vars(layers)))


def on(engine, layer, *args, **kwargs):
    return engine.to_numpy(layer(*(engine.convert(x) for x in args), **kwargs))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# -- noise

RANDOM = [
    "GaussianNoise(0.5, seed=7)",
    "GaussianDropout(0.3, seed=7)",
    "AlphaDropout(0.3, seed=7)",
    "SpatialDropout1D(0.3, seed=7)",
]


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_says_what_is_drawn(engine, name):
    x = normal(4, 5, 6)
    one, other = make(name), make(name)
    first, second = on(engine, one, x, training=True), on(engine, one, x, training=True)
    np.testing.assert_array_equal(on(engine, other, x, training=True), first)
    assert (first != second).any(), "each call draws anew"
    np.testing.assert_array_equal(on(engine, one, x), x)
    np.testing.assert_array_equal(on(engine, one, x, training=False), x)
    assert not one.weights and len(one.variables) == 1


def test_gaussian_noise_has_its_deviation(engine):
    noise = on(engine, layers.GaussianNoise(0.5, seed=1), np.ones((200, 200), "float32"), training=True) - 1
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 0.5) < 0.01


def test_gaussian_dropout_varies_as_dropout_does(engine):
    y = on(engine, layers.GaussianDropout(0.2, seed=1), np.ones((200, 200), "float32"), training=True)
    assert abs(y.mean() - 1) < 0.01 and abs(y.std() - 0.5) < 0.01


def test_alpha_dropout_keeps_mean_and_variance(engine):
    x = normal(200, 200)
    y = on(engine, layers.AlphaDropout(0.3, seed=1), x, training=True)
    assert abs(y.mean() - x.mean()) < 0.02 and abs(y.std() - x.std()) < 0.02
    values, counts = np.unique(y.round(4), return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.02, "the dropped ones are all the same"
    assert values[counts.argmax()] < -1
    rows = on(
        engine, layers.AlphaDropout(0.5, noise_shape=(None, 1), seed=1), np.zeros((50, 3), "float32"), training=True
    )
    assert (rows == rows[:, :1]).all() and len(np.unique(rows)) == 2


@pytest.mark.parametrize(
    ("name", "shape", "space"),
    [
        ("SpatialDropout1D(0.4, seed=1)", (20, 5, 30), (1,)),
        ("SpatialDropout2D(0.4, seed=1)", (20, 2, 3, 30), (1, 2)),
        ("SpatialDropout2D(0.4, data_format='channels_first', seed=1)", (20, 30, 2, 3), (2, 3)),
        ("SpatialDropout3D(0.4, seed=1)", (20, 2, 2, 2, 30), (1, 2, 3)),
        ("SpatialDropout3D(0.4, 'channels_first', 1)", (20, 30, 2, 2, 2), (2, 3, 4)),
    ],
)
def test_spatial_dropout_drops_whole_channels(engine, name, shape, space):
    y = on(engine, make(name), np.ones(shape, "float32"), training=True)
    assert (y.max(axis=space) == y.min(axis=space)).all()
    assert abs((y == 0).mean() - 0.4) < 0.1
    np.testing.assert_allclose(y[y != 0], 1 / 0.6, rtol=1e-6)


def test_activity_regularization_adds_a_mean_over_samples(engine):
    x = normal(4, 3)
    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    np.testing.assert_array_equal(on(engine, layer, x), x)
    (loss,) = layer.losses
    expected = (0.1 * np.abs(x).sum() + 0.2 * np.square(x).sum()) / 4
    np.testing.assert_allclose(engine.to_numpy(loss), expected, rtol=1e-5)


def test_attention_regularizes_what_its_projections_give():
    """As Keras does: the penalties of query, key, value and result; those of grouped heads count the result twice."""
    x = normal(2, 3, 4)
    layer = layers.MultiHeadAttention(2, 3, activity_regularizer="l2")
    layer(x, x)
    assert len(layer.losses) == 4 and layer.activity_regularizer is None
    layer = layers.GroupQueryAttention(3, 2, 1, activity_regularizer="l2", use_gate=True)
    layer(x, x)
    assert len(layer.losses) == 6


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_cells_drop_the_same_at_every_step(engine, name):
    """In any recurrent layer, stacked or alone; with equal steps and no memory all outputs are equal."""
    x = np.ones((8, 4, 5), "float32")
    settings = "(5, kernel_initializer='ones', recurrent_initializer='zeros', dropout=0.5, seed=2)"
    rnn = layers.RNN([make(f"SimpleRNNCell{settings}"), make(f"SimpleRNNCell{settings}")], return_sequences=True)
    y = on(engine, rnn, x, training=True)
    assert (y == y[:, :1]).all() and (y[:, 0] != y[0, 0]).any()
    cell = make(f"{name}Cell(5, dropout=0.5, recurrent_dropout=0.5, seed=3)")
    alone, fused = layers.RNN(cell), make(f"{name}(5, dropout=0.5, recurrent_dropout=0.5, seed=3)")
    for layer in (alone, fused):
        layer.build(x.shape)
    fused.set_weights(alone.get_weights())
    np.testing.assert_allclose(
        on(engine, alone, x, training=True), on(engine, fused, x, training=True), rtol=1e-5, atol=1e-6
    )


def test_convolutional_cells_drop_the_same_at_every_step(engine):
    x = np.ones((4, 3, 5, 2), "float32")
    layer = layers.ConvLSTM1D(2, 2, dropout=0.5, recurrent_dropout=0.5, return_sequences=True, seed=3)
    y, again, calm = on(engine, layer, x, training=True), on(engine, layer, x, training=True), on(engine, layer, x)
    assert (y != again).any() and (y != calm).any()
    kernel, recurrent, bias = layer.get_weights()
    bias[2:4] = -20  # the forget gate: nothing is remembered
    layer.set_weights([kernel, recurrent * 0, bias])
    y = on(engine, layer, x, training=True)
    np.testing.assert_allclose(y, np.broadcast_to(y[:, :1], y.shape), rtol=1e-5, atol=1e-6)
    assert (y[:, 0] != y[0, 0]).any()


# -- states

STATEFUL = [
    "SimpleRNN(3, stateful=True)",
    "LSTM(3, stateful=True, return_sequences=True)",
    "GRU(3, stateful=True, unroll=True)",
    "RNN([LSTMCell(3), GRUCell(2)], stateful=True)",
    "ConvLSTM1D(2, 2, stateful=True)",
]


def sequence_for(name, steps, batch=2):
    return normal(batch, steps, 4, 2) if "Conv" in name else normal(batch, steps, 2)


def plain_copy(layer, shape):
    """The same layer without a memory of batches."""
    copy = type(layer).from_config({**layer.get_config(), "stateful": False})
    copy.build(shape)
    copy.set_weights(layer.get_weights())
    return copy


@pytest.mark.parametrize("name", STATEFUL)
def test_a_batch_begins_where_the_last_one_ended(engine, name):
    layer, x = make(name), sequence_for(name, 6)
    parts = [on(engine, layer, x[:, i : i + 2]) for i in (0, 2, 4)]
    whole = on(engine, plain_copy(layer, x.shape), x)
    together = np.concatenate(parts, 1) if layer.return_sequences else parts[-1]
    np.testing.assert_allclose(together, whole, rtol=1e-5, atol=1e-6)
    layer.reset_states()
    np.testing.assert_allclose(on(engine, layer, x[:, :2]), parts[0], rtol=1e-6, atol=1e-7)
    layer.reset_state()
    assert all((ops.convert_to_numpy(s.value) == 0).all() for s in kbridge.tree.flatten(layer.states))
    known = {id(v) for v in [*layer.weights, *layer.variables]}
    assert not any(id(s) in known for s in kbridge.tree.flatten(layer.states)), "states are no weights"


@pytest.mark.parametrize("name", [STATEFUL[1], STATEFUL[3]])
def test_states_move_from_engine_to_engine(name):
    engines = [*registry.BUILT_IN]
    layer, x = make(name), sequence_for(name, 2 * len(engines))
    for i, one in enumerate(engines):
        with kbridge.use_backend(one) as engine:
            last = on(engine, layer, x[:, 2 * i : 2 * i + 2])
    with kbridge.use_backend("numpy") as engine:
        whole = on(engine, plain_copy(layer, x.shape), x)
    expected = whole[:, -2:] if layer.return_sequences else whole
    np.testing.assert_allclose(last, expected, rtol=1e-4, atol=1e-5)


def test_both_directions_remember(engine):
    layer, x = layers.Bidirectional(layers.GRU(3, stateful=True)), normal(2, 4, 2)
    first, second = on(engine, layer, x), on(engine, layer, x)
    assert (first != second).any() and len(layer.states) == 2 and len(layer.weights) == 6
    layer.reset_states()
    np.testing.assert_allclose(on(engine, layer, x), first, rtol=1e-6, atol=1e-7)


def stateful_model():
    kbridge.utils.set_random_seed(2)
    model = kbridge.Sequential(
        [
            kbridge.Input(batch_shape=(4, 3, 2)),
            layers.LSTM(4, stateful=True, return_sequences=True),
            layers.GRU(3, stateful=True),
            layers.Dense(1),
        ]
    )
    model.compile(kbridge.optimizers.SGD(0.1), "mse")
    return model


def test_training_goes_on_from_the_states(engine):
    """Batches follow each other in fit and predict, the same on every engine."""
    x = normal(16, 3, 2)
    y = x[:, :1, 0]

    def run():
        model = stateful_model()
        losses = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history["loss"]
        kept = [s.numpy() for layer in model.layers[:2] for s in kbridge.tree.flatten(layer.states)]
        return losses, kept, model.predict(x, batch_size=4, verbose=0)

    losses, kept, predicted = run()
    with kbridge.use_backend("numpy"):
        expected = run()
    np.testing.assert_allclose(losses, expected[0], rtol=1e-4)
    for ours, theirs in zip(kept, expected[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
        assert np.abs(ours).max() > 1e-3
    np.testing.assert_allclose(predicted, expected[2], rtol=1e-3, atol=1e-5)


def test_states_may_be_symbols(engine):
    """An encoder's states are where the decoder begins, given by name or behind the sequences."""
    kbridge.utils.set_random_seed(1)
    source, target = kbridge.Input((None, 2)), kbridge.Input((None, 2))
    _, *states = layers.LSTM(3, return_state=True)(source)
    decoded = layers.LSTM(3, return_sequences=True)(target, initial_state=states)
    both = layers.Bidirectional(layers.GRU(3, return_state=True))(source)
    last = layers.Bidirectional(layers.GRU(3))(decoded, initial_state=both[1:])
    other = layers.LSTM(3)([target, *states])
    model = kbridge.Model([source, target], [decoded, last, other])
    x, z = normal(2, 4, 2), normal(2, 5, 2, seed=1)
    found = model.predict([x, z], verbose=0)
    assert [y.shape for y in found] == [(2, 5, 3), (2, 6), (2, 3)]
    changed = model.predict([x + 1, z], verbose=0)
    assert all((a != b).any() for a, b in zip(found, changed))


# -- cells of one's own


class Minimal:
    """A cell that is no layer and has one state, which it gives as it is."""

    state_size = 3

    def call(self, x, states):
        return states[0] + 1.0, states[0] + 1.0


class Noisy(layers.Layer):
    """A cell with two states, a layer inside and noise."""

    state_size = [3, 2]
    output_size = 5

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.noise = layers.Dense(3), layers.Dropout(0.5)

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, x, states, training=None):
        h = ops.tanh(self.inner(self.noise(x, training=training)) + states[0])
        return ops.concatenate([h, states[1]], -1), [h, states[1] + 1.0]


class Halved(layers.LSTMCell):
    """A cell that adds to one of kbridge's."""

    def call(self, inputs, states, training=False):
        output, states = super().call(inputs, states, training)
        return output * 0.5, states


def test_a_cell_may_add_to_one_that_there_is(engine):
    x = np.ones((8, 4, 5), "float32")
    settings = {"dropout": 0.5, "recurrent_initializer": "zeros", "seed": 3}
    plain, halved = layers.RNN(layers.LSTMCell(5, **settings)), layers.RNN(Halved(5, **settings))
    for layer in (plain, halved):
        layer.build(x.shape)
    halved.set_weights(plain.get_weights())
    expected = on(engine, plain, x, training=True) * 0.5
    np.testing.assert_allclose(on(engine, halved, x, training=True), expected, rtol=1e-5, atol=1e-7)
    cell = halved.cell
    first = cell.get_dropout_mask(x[:, 0])
    assert cell.get_dropout_mask(x[:, 0]) is first and cell.get_recurrent_dropout_mask(x[:, 0]) is None
    cell.reset_dropout_mask()
    assert (engine.to_numpy(cell.get_dropout_mask(x[:, 0])) != engine.to_numpy(first)).any()


def test_cells_of_ones_own(engine):
    x = normal(8, 4, 2)
    np.testing.assert_array_equal(on(engine, layers.RNN(Minimal()), x), np.full((8, 3), 4.0))
    outputs, first, second = layers.RNN(Noisy(), return_sequences=True, return_state=True)(engine.convert(x))
    assert tuple(outputs.shape) == (8, 4, 5) and tuple(first.shape) == (8, 3)
    np.testing.assert_array_equal(engine.to_numpy(second), np.full((8, 2), 4.0))
    kbridge.utils.set_random_seed(1)
    model = kbridge.Sequential([kbridge.Input((4, 2)), layers.RNN(Noisy()), layers.Dense(1)])
    assert len(model.trainable_variables) == 4
    model.compile(kbridge.optimizers.Adam(0.05), "mse")
    losses = model.fit(x, x[:, 0, :1], epochs=8, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


# -- masks


def test_left_padding_and_empty_rows_give_numbers(engine):
    """Gradients too; and what is padded changes nothing."""
    kbridge.utils.set_random_seed(4)
    inputs = kbridge.Input((4,), dtype="int32")
    x = layers.Embedding(7, 6, mask_zero=True)(inputs)
    a = layers.Attention(use_scale=True)([x, x])
    b = layers.AdditiveAttention()([x, x])
    c = layers.MultiHeadAttention(2, 3)(x, x)
    d = layers.GroupQueryAttention(3, 2, 1)(x, x)
    e = layers.GroupNormalization(2)(layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x))
    outputs = layers.GlobalAveragePooling1D()(layers.Add()([a, b, c, d, e]))
    model = kbridge.Model(inputs, layers.Dense(1)(outputs))
    rows = np.array([[0, 0, 3, 5], [0, 0, 0, 0], [1, 2, 0, 0]], "int32")
    found = model.predict(rows, verbose=0)
    assert np.isfinite(found).all()
    model.compile("sgd", "mse")
    model.fit(rows, np.ones((3, 1), "float32"), epochs=2, verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    before = model.predict(rows, verbose=0)
    table = model.layers[1].get_weights()[0]
    table[0] += 100.0
    model.layers[1].set_weights([table])
    np.testing.assert_allclose(model.predict(rows, verbose=0)[[0, 2]], before[[0, 2]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_attention_to_nothing_is_finite_in_narrow_floats(engine, dtype):
    x, mask = engine.cast(engine.convert(normal(2, 3, 4)), dtype), np.zeros((2, 3), bool)
    for layer in (layers.Attention(dtype=dtype), layers.AdditiveAttention(dtype=dtype)):
        found = engine.to_numpy(layer([x, x], mask=[None, engine.convert(mask)], use_causal_mask=True))
        assert np.isfinite(found.astype("float32")).all()
    for layer in (layers.MultiHeadAttention(2, 3, dtype=dtype), layers.GroupQueryAttention(3, 2, 1, dtype=dtype)):
        for scores in (False, True):
            found = layer(x, x, value_mask=engine.convert(mask), return_attention_scores=scores)
            found = engine.to_numpy(found[0] if scores else found)
            assert np.isfinite(found.astype("float32")).all()


# -- spectral normalization


def test_spectral_normalization_bounds_the_kernel(engine):
    x = normal(4, 5)
    layer = layers.SpectralNormalization(layers.Dense(3), power_iterations=20)
    on(engine, layer, x)
    kernel = layer.layer.kernel
    kernel.assign(normal(5, 3) * 4)
    before = kernel.numpy()
    on(engine, layer, x)
    np.testing.assert_array_equal(kernel.numpy(), before)
    on(engine, layer, x, training=True)
    np.testing.assert_allclose(kernel.numpy(), before / np.linalg.norm(before, 2), rtol=1e-3, atol=1e-4)
    assert [v.name for v in layer.non_trainable_weights] == ["vector_u"]
    kernel.assign(np.zeros((5, 3), "float32"))
    on(engine, layer, x, training=True)
    assert (kernel.numpy() == 0).all() and np.isfinite(layer.vector_u.numpy()).all()
    table = layers.SpectralNormalization(layers.Embedding(6, 3))
    found = table(engine.convert(np.array([[0, 5]], "int32")), training=True)
    assert engine.dtype(found) == "float32" and tuple(found.shape) == (1, 2, 3)


def test_training_goes_on_from_the_bounded_kernel(engine):
    """What the optimizer changes is the divided kernel, on every engine."""
    kbridge.utils.set_random_seed(1)
    x = normal(8, 5)
    for rate in (0.0, 0.1):
        model = kbridge.Sequential([kbridge.Input((5,)), layers.SpectralNormalization(layers.Dense(3), 20)])
        kernel = model.layers[0].layer.kernel
        kernel.assign(normal(5, 3) * 4)
        model.compile(kbridge.optimizers.SGD(rate), "mse")
        model.fit(x, x[:, :3], epochs=2, batch_size=8, verbose=0)
        bound = np.linalg.norm(kernel.numpy(), 2)
        assert abs(bound - 1) < 1e-3 if rate == 0 else 1e-3 < abs(bound - 1) < 0.5


# -- training

MODELS = {
    "normalizations": (
        (6,),
        "Dense(8), GroupNormalization(2), Activation('relu'), GaussianNoise(0.05), Dense(8), RMSNormalization(),"
        "AlphaDropout(0.05), SpectralNormalization(Dense(8)), UnitNormalization(), GaussianDropout(0.05),"
        "LayerNormalization(), ActivityRegularization(l2=1e-4), Dense(3, activation='softmax')",
    ),
    "convolutional": (
        (3, 5, 5, 1),
        "ConvLSTM2D(4, 3, padding='same', return_sequences=True, dropout=0.1, recurrent_dropout=0.1),"
        "TimeDistributed(GroupNormalization(2)), ConvLSTM2D(3, 2), SpatialDropout2D(0.1), GlobalAveragePooling2D(),"
        "Dense(3, activation='softmax')",
    ),
}


def trains(model, x, epochs=8):
    y = np.arange(len(x)) % 3
    model.compile(kbridge.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, batch_size=12, epochs=epochs, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_trains(engine, kind):
    kbridge.utils.set_random_seed(3)
    shape, stack = MODELS[kind]
    trains(kbridge.Sequential([kbridge.Input(shape), *make(f"[{stack}]")]), normal(24, *shape))


def test_trains_attentions(engine):
    kbridge.utils.set_random_seed(3)
    inputs = kbridge.Input((4,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    a = layers.Attention(use_scale=True, score_mode="concat", dropout=0.1, seed=1)([x, x])
    b, scores = layers.AdditiveAttention(dropout=0.1)([a, x], return_attention_scores=True)
    c = layers.GroupQueryAttention(2, 4, 2, dropout=0.1, use_gate=True)(b, x, use_causal_mask=True)
    d = layers.MultiHeadAttention(2, 2, dropout=0.1, sliding_window=3)(c, x)
    pooled = layers.Concatenate()([layers.Flatten()(d), layers.Flatten()(scores)])
    model = kbridge.Model(inputs, layers.Dense(3, activation="softmax")(pooled))
    trains(model, np.random.default_rng(5).integers(0, 9, (24, 4)))


# -- dtypes

FLOATING = [
    ("LayerNormalization(axis=[1, 2])", (2, 3, 4)),
    ("GroupNormalization(2)", (2, 3, 4)),
    ("RMSNormalization()", (2, 3, 4)),
    ("UnitNormalization()", (2, 3, 4)),
    ("SpectralNormalization(Dense(3))", (2, 4)),
    ("Attention(use_scale=True)", [(2, 3, 4), (2, 5, 4)]),
    ("AdditiveAttention()", [(2, 3, 4), (2, 5, 4)]),
    ("ConvLSTM1D(2, 2, stateful=True, return_sequences=True)", (2, 3, 4, 2)),
    ("RNN([LSTMCell(3), GRUCell(2)], stateful=True)", (2, 3, 4)),
]
POLICIES = {"mixed_float16": ("float16", 2e-2), "mixed_bfloat16": ("bfloat16", 1e-1)}


@pytest.mark.parametrize("policy", POLICIES)
def test_computes_in_narrow_floats(engine, policy):
    compute_dtype, tolerance = POLICIES[policy]
    for name, shape in FLOATING:
        x = [engine.convert(normal(*s)) for s in shape] if isinstance(shape, list) else engine.convert(normal(*shape))
        plain = make(name)
        expected = engine.to_numpy(plain(x))
        kbridge.dtype_policies.set_dtype_policy(policy)
        layer = make(name)
        kbridge.dtype_policies.set_dtype_policy(None)
        layer(x)
        layer.set_weights(plain.get_weights())
        if getattr(layer, "states", None) is not None:
            assert {s.dtype for s in kbridge.tree.flatten(layer.states)} == {"float32"}
            layer.reset_states()
        found = layer(x)
        assert engine.dtype(found) == compute_dtype and {v.dtype for v in layer.weights} <= {"float32"}, name
        np.testing.assert_allclose(
            engine.to_numpy(found).astype("float64"), expected, atol=tolerance, rtol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("name", RANDOM)
def test_noise_has_the_dtype_of_the_layer(engine, name):
    kbridge.dtype_policies.set_dtype_policy("mixed_bfloat16")
    found = make(name)(engine.convert(normal(2, 3, 4)), training=True)
    assert engine.dtype(found) == "bfloat16"


# -- errors

WRONG = [
    ("GroupNormalization(0)", ValueError, "groups must be a positive integer, or -1"),
    ("GroupNormalization(2, axis=(1, 2))", TypeError, "axis must be an integer"),
    ("RMSNormalization(axis='a')", TypeError, "axis must be an integer or several"),
    ("UnitNormalization(axis=1.5)", TypeError, "axis must be an integer or several"),
    ("SpectralNormalization(3)", ValueError, "SpectralNormalization takes a layer"),
    ("SpectralNormalization(Dense(3), power_iterations=0)", ValueError, "power_iterations must be a positive integer"),
    ("GaussianNoise(2.0)", ValueError, r"GaussianNoise: stddev must be in \[0, 1\]. Received: stddev=2.0"),
    ("GaussianDropout(-1)", ValueError, r"rate must be in \[0, 1\]"),
    ("AlphaDropout(1.5)", ValueError, r"rate must be in \[0, 1\]"),
    ("SpatialDropout2D(1.5)", ValueError, r"rate must be in \[0, 1\]"),
    ("SpatialDropout2D(0.5, data_format='last')", ValueError, "data_format"),
    ("ActivityRegularization(l1=-1.0)", ValueError, "l1"),
    ("Attention(score_mode='sum')", ValueError, "score_mode must be 'dot' or 'concat'"),
    ("Attention(dropout=2)", ValueError, r"Attention: dropout must be in \[0, 1\]"),
    ("MultiHeadAttention(2, 3, value_dim=0)", ValueError, "value_dim must be a positive integer"),
    ("MultiHeadAttention(2, 3, attention_axes='a')", ValueError, "attention_axes must be an integer or several"),
    ("GroupQueryAttention(3, 4, 3)", ValueError, "num_key_value_heads must divide num_query_heads"),
    ("GroupQueryAttention(3, 4, 2, sliding_window=1.5)", ValueError, "sliding_window must be an integer"),
    ("ConvLSTM2D(0, 2)", ValueError, "ConvLSTM2D: filters must be a positive integer"),
    ("ConvLSTM1D(2, 2, padding='causal')", ValueError, "padding must be 'valid' or 'same'"),
    ("ConvLSTM1D(2, 2, strides=2, dilation_rate=2)", ValueError, "cannot both be above 1"),
    ("ConvLSTM2D(2, 2, recurrent_dropout=2)", ValueError, r"recurrent_dropout must be in \[0, 1\]"),
]


@pytest.mark.parametrize(("layer", "kind", "text"), WRONG, ids=[layer for layer, *_ in WRONG])
def test_a_wrong_argument_is_named(layer, kind, text):
    with pytest.raises(kind, match=text):
        make(layer)


MISFITS = [
    ("GroupNormalization(4)", (2, 6), "cannot be divided into 4 groups"),
    ("GroupNormalization(2, axis=0)", (4, 6), "is the batch"),
    ("GroupNormalization(2)", (4, None), "needs to know the size of axis -1"),
    ("LayerNormalization(axis=2)", (2, 3), "axis 2 is out of bounds"),
    ("RMSNormalization(axis=3)", (2, 3), "axis 3 is out of bounds"),
    ("SpectralNormalization(Activation('relu'))", (2, 3), "takes a layer with a kernel or embeddings"),
    ("SpatialDropout1D(0.5)", (2, 3), "ndim=3"),
    ("Attention()", (2, 3, 4), "is called on a list"),
    ("AdditiveAttention()", [(2, 3, 4)], "Received for inputs: 1 items"),
    ("ConvLSTM1D(2, 2)", (2, 3, 4), "ndim=4"),
    ("ConvLSTM1D(2, 2)", (2, 3, None, 1), "needs to know the size of its images"),
    ("ConvLSTM1D(2, 5)", (2, 3, 4, 1), "smaller than the window"),
    ("LSTM(3, stateful=True)", (None, 3, 2), "the batch size must be fixed"),
]


@pytest.mark.parametrize(("layer", "shape", "text"), MISFITS, ids=[f"{layer}{shape}" for layer, shape, _ in MISFITS])
def test_an_input_that_does_not_fit_is_named(layer, shape, text):
    inputs = [KerasTensor(s) for s in shape] if isinstance(shape, list) else KerasTensor(shape)
    with pytest.raises(ValueError, match=text):
        make(layer)(inputs)


def test_a_call_that_does_not_fit_is_named():
    x = normal(2, 3, 4)
    with pytest.raises(ValueError, match="cannot train with rate=1"):
        layers.GaussianDropout(1.0)(x, training=True)
    with pytest.raises(ValueError, match="cannot train with rate=1"):
        layers.AlphaDropout(1)(x, training=True)
    with pytest.raises(ValueError, match="flash_attention=True gives no attention scores"):
        layers.MultiHeadAttention(2, 3, flash_attention=True)(x, x, return_attention_scores=True)
    with pytest.raises(ValueError, match="value and key may differ in their last axis only"):
        layers.GroupQueryAttention(3, 2, 1)(x, x, x[:, :2])
    with pytest.raises(ValueError, match="GroupQueryAttention layer '.*' takes .batch, steps, features"):
        layers.GroupQueryAttention(3, 2, 1)(x[:, None], x[:, None])
    with pytest.raises(ValueError, match="Received for mask"):
        layers.Attention()([x, x], mask=[None])
    layer = layers.LSTM(3, stateful=True)
    layer(x)
    with pytest.raises(ValueError, match="was built for batches of 2. Received a batch of 1"):
        layer(x[:1])
    with pytest.raises(ValueError, match=r"has 2 state\(s\), of the shapes .* Received an initial_state of 1"):
        layers.LSTM(3)(x, initial_state=[np.zeros((2, 3), "float32")])
    with pytest.raises(ValueError, match=r"of the shapes \[\('batch', 3\)\]"):
        layers.GRU(3)(x, initial_state=[np.zeros((2, 4), "float32")])


def test_grouped_heads_go_by_two_names():
    layer = layers.GroupQueryAttention(3, 4, 2)
    assert layer.name.startswith("grouped_query_attention")
    written = layers.serialize(layer)
    assert written["class_name"] == "GroupQueryAttention" and written["module"] == "keras.layers"
    assert type(layers.deserialize(written)) is type(layer)
