"""Models: graphs, stacks and subclasses; copies, configs, summaries, errors."""

import copy
import io
import pickle

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops

rng = np.random.default_rng(5)


def two_branches():
    a, b = kbridge.Input((6,), name="a"), kbridge.Input((6,), name="b")
    shared = layers.Dense(4, activation="tanh", name="shared")
    joined = layers.Concatenate(name="joined")([shared(a), shared(b)])
    return kbridge.Model([a, b], [layers.Dense(2, name="out")(joined), ops.sum(joined * 2.0, axis=-1)], name="two")


def data(n=7):
    return [rng.normal(size=(n, 6)).astype("float32") for _ in range(2)]


def by_hand(model, x):
    (k, c), (w, d) = (model.get_layer(name).get_weights() for name in ("shared", "out"))
    joined = np.concatenate([np.tanh(v @ k + c) for v in x], -1)
    return [joined @ w + d, 2 * joined.sum(-1)]


def agree(found, expected):
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-4, atol=1e-5)


def test_a_graph_computes_what_it_says(engine):
    model, x = two_branches(), data()
    expected = by_hand(model, x)
    agree(model.predict(x, verbose=0), expected)
    agree(model.predict({"b": x[1], "a": x[0]}, verbose=0), expected)
    agree([ops.convert_to_numpy(y) for y in model(x)], expected)
    assert model.count_params() == 6 * 4 + 4 + 8 * 2 + 2
    assert model.input_shape == [(None, 6), (None, 6)] and model.output_shape == [(None, 2), (None,)]


def test_structures_of_inputs_and_outputs(engine):
    a, b = kbridge.Input((3,)), kbridge.Input((3,))
    model = kbridge.Model({"left": a, "right": [b]}, {"sum": a + b, "both": (a * b, a - b)})
    x, y = (rng.normal(size=(4, 3)).astype("float32") for _ in range(2))
    found = model.predict({"left": x, "right": [y]}, verbose=0)
    agree([found["sum"], *found["both"]], [x + y, x * y, x - y])
    assert isinstance(found["both"], tuple)


def test_symbols_have_pythons_operators(engine):
    a = kbridge.Input((4,))
    y = (1.0 - a) * 2.0 / (abs(a) + 1.0) ** 2.0 - a[:, ::-1] + ops.where(a > 0, a, -a)
    model = kbridge.Model(a, y)
    x = rng.normal(size=(3, 4)).astype("float32")
    expected = (1 - x) * 2 / (np.abs(x) + 1) ** 2 - x[:, ::-1] + np.abs(x)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_nested_and_shared_models(engine):
    inner = kbridge.Sequential([kbridge.Input((6,)), layers.Dense(3)], name="inner")
    a, b = kbridge.Input((6,)), kbridge.Input((6,))
    model = kbridge.Model([a, b], layers.Subtract()([inner(a), inner(b)]))
    x = data()
    k, c = inner.get_weights()
    np.testing.assert_allclose(model.predict(x, verbose=0), (x[0] - x[1]) @ k, rtol=1e-3, atol=1e-5)
    assert len(model.weights) == 2 and model.get_layer("inner") is inner
    hidden = kbridge.Model(model.inputs, inner.get_output_at(0))
    np.testing.assert_allclose(hidden.predict(x, verbose=0), x[0] @ k + c, rtol=1e-3, atol=1e-5)


class Residual(kbridge.Model):
    def __init__(self, width, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.width, self.depth = width, depth
        self.blocks = [layers.Dense(width, activation="relu") for _ in range(depth)]
        self.heads = {"out": layers.Dense(1)}
        self.scale = kbridge.Variable(1.0, name="scale")

    def call(self, x, training=False):
        for block in self.blocks:
            x = x + block(x)
        if training:
            x = x * 2.0
        return self.heads["out"](x) * self.scale


def test_a_subclass_finds_its_layers_wherever_they_are(engine):
    model = Residual(4)
    x = rng.normal(size=(5, 4)).astype("float32")
    quiet, loud = (ops.convert_to_numpy(model(x, training=t)) for t in (False, True))
    assert len(model.trainable_variables) == 7 and len(model.layers) == 3
    bias = model.heads["out"].bias.numpy()
    np.testing.assert_allclose(loud - bias, 2 * (quiet - bias), rtol=1e-4, atol=1e-5)
    again = Residual.from_config(model.get_config())
    assert again.width == 4 and again.depth == 2 and again.name == model.name


def test_json_pickle_deepcopy_and_clone(engine):
    model, x = two_branches(), data()
    model.compile("adam", ["mse", "mae"])
    model.fit(x, [np.zeros((7, 2)), np.zeros(7)], verbose=0)
    expected = model.predict(x, verbose=0)
    from_json = kbridge.models.model_from_json(model.to_json())
    from_json.set_weights(model.get_weights())
    agree(from_json.predict(x, verbose=0), expected)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        agree(copied.predict(x, verbose=0), expected)
        copied.fit(x, [np.zeros((7, 2)), np.zeros(7)], verbose=0)
        assert int(copied.optimizer.iterations) == 2 and int(model.optimizer.iterations) == 1
        with pytest.raises(AssertionError):
            agree(copied.predict(x, verbose=0), expected)
    agree(model.predict(x, verbose=0), expected)
    clone = kbridge.models.clone_model(model)
    assert [w.shape for w in clone.get_weights()] == [w.shape for w in model.get_weights()]
    assert clone.get_layer("shared") is not model.get_layer("shared")


def test_a_deep_graph_is_copied_without_recursion():
    with kbridge.use_backend("numpy"):
        x = symbol = kbridge.Input((2,))
        for _ in range(600):
            symbol = layers.Activation("tanh")(symbol)
        model = kbridge.Model(x, symbol)
        value = np.ones((1, 2), "float32")
        found = pickle.loads(pickle.dumps(model)).predict(value, verbose=0)
        np.testing.assert_allclose(found, model.predict(value, verbose=0))


def test_sequential_grows_and_shrinks(engine):
    model = kbridge.Sequential(name="stack")
    model.add(layers.Dense(3, input_shape=(4,)))
    model.add(layers.Dense(2))
    x = np.ones((2, 4), "float32")
    assert model.output_shape == (None, 2) and model.predict(x, verbose=0).shape == (2, 2)
    model.add(layers.Dense(5))
    assert model.predict(x, verbose=0).shape == (2, 5)
    model.pop()
    assert model.predict(x, verbose=0).shape == (2, 2) and len(model.layers) == 2


def test_sequential_learns_its_shape_from_data(engine):
    model = kbridge.Sequential([layers.Dense(3), layers.Dense(1)])
    assert not model.built
    assert model.predict(np.ones((2, 7), "float32"), verbose=0).shape == (2, 1)
    assert model.input_shape == (None, 7)


def test_masks_go_with_the_tensors(engine):
    tokens = np.array([[3, 4, 0, 0], [1, 2, 5, 0], [0, 0, 0, 0]])
    inputs = kbridge.Input((None,), dtype="int32")
    embedded = layers.Embedding(6, 2, mask_zero=True)(inputs)
    pooled = layers.GlobalAveragePooling1D()(embedded)
    model = kbridge.Model(inputs, pooled)
    table = model.get_weights()[0]
    expected = np.stack([table[[3, 4]].mean(0), table[[1, 2, 5]].mean(0), np.zeros(2)])
    np.testing.assert_allclose(model.predict(tokens, verbose=0), expected, atol=1e-6)

    class Own(kbridge.Model):
        def __init__(self):
            super().__init__()
            self.embed, self.pool = layers.Embedding(6, 2, mask_zero=True), layers.GlobalAveragePooling1D()

        def call(self, x):
            return self.pool(self.embed(x))

    own = Own()
    own(tokens)
    own.set_weights([table])
    np.testing.assert_allclose(own.predict(tokens, verbose=0), expected, atol=1e-6)


def test_masked_steps_do_not_count_in_the_loss(engine):
    inputs = kbridge.Input((4, 3))
    masked = layers.Masking()(inputs)
    model = kbridge.Model(inputs, layers.Dense(1, kernel_initializer="ones")(masked))
    model.compile("sgd", "mse")
    x = rng.normal(size=(2, 4, 3)).astype("float32")
    x[0, 2:] = 0
    x[1, 3:] = 0
    y = np.zeros((2, 4, 1), "float32")
    kept = np.array([[1, 1, 0, 0], [1, 1, 1, 0]])
    expected = ((x.sum(-1) ** 2) * kept).sum() / kept.sum()
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-4)


def test_freezing_a_layer_keeps_it(engine):
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(np.ones((8, 4)), np.zeros((8, 1)), verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.allclose(before[2], after[2])
    assert len(model.trainable_variables) == 2 and len(model.non_trainable_variables) == 2
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match="no state for '.*dense.*/kernel'.*Make a new optimizer"):
        model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    assert not np.allclose(model.get_weights()[0], after[0])


def test_set_weights_is_all_or_nothing(engine):
    model = two_branches()
    before = model.get_weights()
    bad = [w + 1 for w in before]
    bad[-1] = np.zeros(9)
    with pytest.raises(ValueError, match=r"out/bias.*\(2,\).*\(9,\)"):
        model.set_weights(bad)
    with pytest.raises(ValueError, match="4 weights.*list of 3"):
        model.set_weights(before[:3])
    agree(model.get_weights(), before)


def test_the_summary_fits_its_width(monkeypatch):
    model = two_branches()
    lines = []
    model.summary(line_length=70, print_fn=lines.append)
    assert lines[0] == 'Model: "two"' and max(map(len, lines)) <= 70
    text = "\n".join(lines)
    assert "Connected to" in text and "(None, 8)" in text
    assert " Total params: 46 (184.00 B)" in lines and " Trainable params: 46 (184.00 B)" in lines
    out = io.StringIO()
    kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3)]).summary(print_fn=lambda s: out.write(s + "\n"))
    assert "Connected to" not in out.getvalue() and "(None, 3)" in out.getvalue()


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: layers.Dense(-1), ValueError, "Dense: units must be a positive integer.*-1"),
        (lambda: layers.Dense(3, actvation="relu"), TypeError, "Dense does not know.*'actvation'.*mean 'activation'"),
        (lambda: layers.Dense(3)(kbridge.Input((None,))), ValueError, "last axis"),
        (
            lambda: layers.Concatenate()([kbridge.Input((2, 3)), kbridge.Input((4, 5))]),
            ValueError,
            "joins along axis -1",
        ),
        (lambda: layers.Add()([kbridge.Input((2,)), kbridge.Input((3,))]), ValueError, "axis 1 they have 2 and 3"),
        (lambda: kbridge.Model(inputs=kbridge.Input((2,))), ValueError, "outputs is missing"),
        (lambda: kbridge.Model(kbridge.Input((2,)), kbridge.Input((2,)) + 1.0), ValueError, "disconnected"),
        (lambda: kbridge.Sequential([layers.Dense]), ValueError, "takes a layer, not the class Dense"),
        (lambda: two_branches().get_layer("shard"), ValueError, "Did you mean 'shared'"),
        (lambda: two_branches().get_layer("shared").output, AttributeError, "get_output_at"),
        (lambda: layers.Dense(2).output, AttributeError, "no node"),
        (lambda: bool(kbridge.Input((2,))), TypeError, "no value"),
        (lambda: np.asarray(kbridge.Input((2,))), TypeError, "NumPy cannot take it"),
        (lambda: kbridge.models.model_from_json("{"), ValueError, "not JSON"),
        (lambda: layers.LSTM(3)(kbridge.Input((4,))), ValueError, "ndim=3"),
    ],
)
def test_errors_say_what_and_why(build, error, text):
    with pytest.raises(error, match=text):
        build()


def test_a_deleted_model_is_freed(engine):
    import gc
    import weakref

    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    alive = weakref.ref(model), weakref.ref(model.layers[0].kernel)
    del model
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def own_sine(name):
    """x * sin(x) written with the engine's own library."""
    if name == "numpy":
        return lambda x: x * np.sin(x)
    if name == "torch":
        import torch

        return lambda x: x * torch.sin(x)
    if name == "jax":
        import jax.numpy as jnp

        return lambda x: x * jnp.sin(x)
    import tensorflow

    return lambda x: x * tensorflow.sin(x)


def test_a_layer_may_use_the_engines_own_library(engine):
    class Counting(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight((), initializer="ones")
            self.calls = self.add_weight((), initializer="zeros", trainable=False)

        def call(self, x):
            self.calls.assign_add(1.0)
            return own_sine(engine.name)(x) * self.scale

    inputs = kbridge.Input((3,))
    model = kbridge.Model(inputs, Counting()(inputs))
    assert model.output_shape == (None, 3)
    x = rng.normal(size=(8, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), x * np.sin(x), rtol=1e-4, atol=1e-6)
    model.compile("sgd", "mse")
    model.fit(x, x, batch_size=4, epochs=2, verbose=0)
    # Finding the shape has counted nothing; predict was one call, fit four.
    assert float(model.layers[1].calls) == 5 and float(model.layers[1].scale) != 1


def test_gradients_of_gradients(engine):
    w = kbridge.Variable(2.0)

    def slope():
        return kbridge.value_and_grad(lambda: w.value**4, w)[1]

    value, second = kbridge.value_and_grad(slope, w)
    third = kbridge.value_and_grad(lambda: kbridge.value_and_grad(slope, w)[1], w)[1]
    found = [float(ops.convert_to_numpy(x)) for x in (value, second, third)]
    np.testing.assert_allclose(found, [32.0, 48.0, 48.0], rtol=1e-5)


def test_what_a_gradient_does_not_reach_is_none(engine):
    a, b = kbridge.Variable(1.0), kbridge.Variable(1.0)
    (value, aux), grads = kbridge.value_and_grad(lambda: (a.value * 3.0, {"b": b.value}), [a, b], has_aux=True)
    assert float(ops.convert_to_numpy(grads[0])) == 3.0
    assert grads[1] is None or float(ops.convert_to_numpy(grads[1])) == 0.0
    assert float(ops.convert_to_numpy(aux["b"])) == 1.0 and float(ops.convert_to_numpy(value)) == 3.0
