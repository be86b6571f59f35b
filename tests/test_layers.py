"""Every layer against Keras, on every engine: values, gradients, masks, shapes, dtypes, configs."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor
from kbridge.layers.masks import mask_of, remember_mask

sys.path.insert(0, str(Path(__file__).parent))
from layer_cases import CASES  # noqa: E402
from layer_cases.case import coefficients, leaves, open_shapes, refill  # noqa: E402

PER_CASE = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """What Keras gives for every case, computed by another process: case -> (arrays, facts)."""
    folder = tmp_path_factory.mktemp("keras")
    path = folder / "reference.npz"
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    program = [sys.executable, "-m", "layer_cases", str(path)]
    subprocess.run(program, env=environment, check=True, timeout=600, cwd=Path(__file__).parent)
    stored = np.load(path)
    found = {case: ({}, facts) for case, facts in zip(CASES, json.loads(str(stored["facts"])))}
    for name in stored.files:
        number, _, item = name.partition("/")
        if item:
            found[CASES[int(number)]][0][item] = stored[name]
    return found


@pytest.fixture
def reference(references, case):
    arrays, facts = references[case]
    assert "error" not in facts, f"Keras cannot do this: {facts['error']}"
    return arrays, facts


def numbered(arrays, kind):
    return [arrays[f"{kind}{i}"] for i in range(len(arrays)) if f"{kind}{i}" in arrays]


def same(ours, expected, tolerance, what):
    """Whether two arrays agree within ``tolerance`` of the largest value."""
    assert ours.shape == expected.shape, f"{what}: shape {ours.shape}, not {expected.shape}"
    assert ours.dtype == expected.dtype, f"{what}: dtype {ours.dtype}, not {expected.dtype}"
    if expected.dtype == bool:
        assert (ours == expected).all(), f"{what}: {ours}, not {expected}"
    elif expected.size:
        apart = np.abs(ours - expected).max()
        assert apart <= tolerance * max(1.0, np.abs(expected).max()), f"{what}: {apart} apart:\n{ours}\nnot\n{expected}"


def built(case, layer=None):
    """The case's layer, with the weights that the reference has too."""
    layer = layer or case.make(layers)
    args, kwargs = case.arguments()
    layer(*args, **kwargs)
    layer.set_weights(case.weights(layer.weights))
    return layer


def without_names(config):
    """A config, or part of one, without the names of layers and what is known only of built ones."""
    if isinstance(config, dict):
        return {k: without_names(v) for k, v in config.items() if k not in ("name", "build_config")}
    return [without_names(item) for item in config] if isinstance(config, (list, tuple)) else config


def outputs_of(case, layer):
    args, kwargs = case.arguments()
    engine = registry.current()
    return [engine.to_numpy(y) for y in leaves([layer(*args, **kwargs)])]


@PER_CASE
def test_computes_what_keras_does(case, engine, reference):
    arrays, _ = reference
    layer = built(case)
    args, kwargs = case.arguments()
    fixed = {place: engine.convert(mask) for place, mask in case.masks.items()}
    given = [engine.convert(x) for x in leaves([args, kwargs])]
    floats = [i for i, x in enumerate(leaves([args, kwargs])) if x.dtype.kind == "f"]

    def compute(*tensors):
        found = {}

        def objective(*watched):
            values = list(tensors)
            for i, x in zip(floats, watched):
                values[i] = ops.multiply(x, 1.0)
            for place, mask in fixed.items():
                remember_mask(values[place], mask)
            values = iter(values)
            found["outputs"] = leaves([layer(*refill(args, values), **refill(kwargs, values))])
            found["masks"] = {i: m for i, y in enumerate(found["outputs"]) if (m := mask_of(y)) is not None}
            total = sum(ops.sum(ops.multiply(y, coefficients(tuple(y.shape)))) for y in found["outputs"])
            return total, (found["outputs"], found["masks"])

        watched = [tensors[i] for i in floats] + layer.trainable_variables
        (_, (outputs, masks)), gradients = engine.value_and_grad(objective, watched, has_aux=True)
        gradients = [ops.zeros_like(x) if g is None else g for g, x in zip(gradients, watched)]
        return list(outputs), masks, gradients

    outputs, masks, gradients = engine.compile(compute)(*given)
    for i, (ours, expected) in enumerate(zip(outputs, numbered(arrays, "output"), strict=True)):
        same(engine.to_numpy(ours), expected, case.tolerance, f"output {i}")
    known = {name for name in arrays if name.startswith("mask")}
    if case.kwargs.get("return_attention_scores"):
        known.discard("mask1")  # scores have none, but Keras leaves one on them
    assert {f"mask{i}" for i in masks} == known
    for i, ours in masks.items():
        same(engine.to_numpy(ours), arrays[f"mask{i}"], 0, f"mask {i}")
    if case.gradients:
        for i, (ours, expected) in enumerate(zip(gradients, numbered(arrays, "gradient"), strict=True)):
            same(engine.to_numpy(ours), expected, 4 * case.tolerance, f"gradient {i}")
    state = [v for v in layer.weights if not any(v is w for w in layer.trainable_weights)]
    for ours, expected in zip(state, numbered(arrays, "after"), strict=True):
        same(ours.numpy(), expected, case.tolerance, ours.path)


@PER_CASE
def test_weights_have_the_names_and_order_of_keras(case, reference):
    if case.like == case.layer:
        assert [v.name for v in built(case).weights] == reference[1]["names"]


def symbols(x, axes):
    if isinstance(x, list):
        return [symbols(item, axes) for item in x]
    return KerasTensor(open_shapes(x, axes), str(x.dtype))


def check(found, known, what):
    """Whether symbols have the shapes that Keras gives; what it does not know we may."""
    shapes = [list(y.shape) for y in found]
    assert len(shapes) == len(known) and all(len(a) == len(b) for a, b in zip(shapes, known)), f"{what}: {shapes}"
    apart = [(m, n) for a, b in zip(shapes, known) for m, n in zip(a, b) if m != n and n is not None]
    assert not apart, f"{what}: {shapes}, not {known}"


@PER_CASE
def test_shapes_are_known_beforehand(case, reference):
    """Symbolic call, compute_output_shape and the values agree, and with Keras where axes are unknown."""
    arrays, facts = reference
    args, kwargs = case.arguments()
    plain = {name: value for name, value in kwargs.items() if not leaves([value])}
    expected = numbered(arrays, "output")
    layer = case.make(layers)
    found = leaves([layer(*symbols(args, ()), **plain)])
    assert [y.shape for y in found] == [y.shape for y in expected]
    assert [y.dtype for y in found] == [str(y.dtype) for y in expected]
    for axes in ((0,), (0, 1)):
        known = facts["shapes"][str(axes)]
        if isinstance(known, str):
            continue
        layer = built(case)
        found = leaves([layer(*symbols(args, axes), **plain)])
        if plain.get("return_attention_scores"):
            found, known = found[:1], known[:1]  # of the scores Keras thinks that all lengths are the query's
        check(found, known, f"axes {axes} unknown")
        shapes = [open_shapes(x, axes) for x in args]
        known_to = inspect.signature(layer.compute_output_shape).parameters
        told = layer.compute_output_shape(*shapes, **{name: x for name, x in plain.items() if name in known_to})
        several = isinstance(told, (list, tuple)) and told and isinstance(told[0], (list, tuple))
        told = [KerasTensor(shape) for shape in _flat_shapes(told if several else [told])]
        check(told, known, f"compute_output_shape with axes {axes} unknown")


def _flat_shapes(shapes):
    for shape in shapes:
        if any(isinstance(item, (list, tuple)) for item in shape):
            yield from _flat_shapes(shape)
        else:
            yield shape


@PER_CASE
def test_config_makes_an_equal_layer(case, reference):
    """from_config(get_config()) computes the same; so does a layer made from the config that Keras writes."""
    if "Lambda" in case.layer:
        pytest.skip("A lambda cannot be written into a config.")
    with kbridge.use_backend("numpy"):
        layer = built(case)
        expected = outputs_of(case, layer)
        copies = [type(layer).from_config(layer.get_config())]
        if "config" in reference[1]:
            copies.append(layers.deserialize(reference[1]["config"]))
            copies.append(layers.deserialize(json.loads(json.dumps(layers.serialize(layer)))))
        for copy in copies:
            assert type(copy) is type(layer)
            copy = built(case, copy)
            for ours, theirs in zip(outputs_of(case, copy), expected, strict=True):
                same(ours, theirs, 1e-6, "output of the copy")


@PER_CASE
def test_keras_reads_our_config(case):
    """What Keras makes of our config has the config of its own layer."""
    from oracle import keras

    if "Lambda" in case.layer:
        pytest.skip("A lambda cannot be written into a config.")
    ours, theirs = case.make(layers), case.make(keras.layers)
    expected = without_names(theirs.get_config())
    assert without_names(type(theirs).from_config(ours.get_config()).get_config()) == expected
    written = json.loads(json.dumps(layers.serialize(ours)))
    read = keras.saving.deserialize_keras_object(written)
    assert type(read) is type(theirs)
    assert without_names(read.get_config()) == expected


# -- layers that draw random numbers


def on(engine, layer, x, **kwargs):
    return engine.to_numpy(layer(engine.convert(x), **kwargs))


def test_dropout_drops_its_share_and_keeps_the_mean(engine):
    x = np.ones((50, 200), "float32")
    y = on(engine, layers.Dropout(0.3, seed=1), x, training=True)
    assert abs((y == 0).mean() - 0.3) < 0.02
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    again = layers.Dropout(0.3, seed=1)
    np.testing.assert_array_equal(on(engine, again, x, training=True), y)
    assert (on(engine, again, x, training=True) != y).any(), "each call draws anew"
    np.testing.assert_array_equal(on(engine, again, x), x)
    rows = on(engine, layers.Dropout(0.5, noise_shape=(None, 1), seed=2), x, training=True)
    assert (rows == rows[:, :1]).all() and 0 < (rows[:, 0] == 0).mean() < 1


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrent_dropout_draws_once_for_all_steps(engine, kind):
    """With input kernels of ones, equal steps and no recurrence every step gives the same, dropped or not."""
    x = np.ones((8, 3, 4), "float32")
    settings = {"return_sequences": True, "kernel_initializer": "ones", "recurrent_initializer": "zeros", "seed": 3}
    settings |= {"activation": "linear"} if kind == "SimpleRNN" else {}
    inputs = getattr(layers, kind)(4, dropout=0.5, **settings)
    y = on(engine, inputs, x, training=True)
    if kind == "SimpleRNN":
        assert (y == y[:, :1]).all() and (y[:, 0] != y[0, 0]).any()
    np.testing.assert_array_equal(on(engine, inputs, x), on(engine, inputs, x))
    states = getattr(layers, kind)(4, recurrent_dropout=0.5, return_sequences=True, seed=3)
    plain = getattr(layers, kind)(4, return_sequences=True)
    plain(engine.convert(x))
    y, calm = on(engine, states, x, training=True), on(engine, states, x)
    assert (y[:, 1:] != calm[:, 1:]).any()
    plain.set_weights(states.get_weights())
    np.testing.assert_allclose(calm, on(engine, plain, x), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(y[:, 0], calm[:, 0], rtol=1e-5, atol=1e-6)  # nothing is recalled at the first step


def test_attention_dropout_is_for_training_only(engine):
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
    layer = layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)
    x = engine.convert(x)
    calm = engine.to_numpy(layer(x, x))
    np.testing.assert_allclose(engine.to_numpy(layer(x, x, training=False)), calm, rtol=1e-6)
    assert (engine.to_numpy(layer(x, x, training=True)) != calm).any()


# -- training

# One small model for several layers, since compiling is what takes the time: the input's shape, and the layers.
MODELS = {
    "dense": (
        (4,),
        "Dense(6), Activation('tanh'), Dense(6), PReLU(), Dense(6), LeakyReLU(), ELU(), ReLU(negative_slope=0.1),"
        "BatchNormalization(), Dropout(0.1), LayerNormalization(), Identity(), RepeatVector(2), Permute((2, 1)),"
        "Reshape((2, 6)), Lambda(lambda x: x * 1.0), Flatten(), Dense(3), Softmax()",
    ),
    "images": (
        (8, 8, 2),
        "Conv2D(4, 3, padding='same', activation='relu'), MaxPooling2D(), Conv2D(4, 2), AveragePooling2D(2, strides=1),"
        "BatchNormalization(), GlobalAveragePooling2D(), Dense(3, activation='softmax')",
    ),
    "steps": (
        (8, 3),
        "Masking(), Conv1D(4, 3, padding='causal'), MaxPooling1D(2), TimeDistributed(Dense(4)), AveragePooling1D(2),"
        "GlobalMaxPooling1D(), Dense(3, activation='softmax')",
    ),
    "recurrent": (
        (4, 3),
        "SimpleRNN(4, return_sequences=True), LSTM(4, return_sequences=True),"
        "Bidirectional(GRU(3, return_sequences=True)), RNN([LSTMCell(4), GRUCell(4)]), Dense(3, activation='softmax')",
    ),
    "dropped": (
        (4, 3),
        "LSTM(6, dropout=0.1, recurrent_dropout=0.1, return_sequences=True), GRU(6, recurrent_dropout=0.1),"
        "Dense(3, activation='softmax')",
    ),
}


def trains(model, x, epochs=6):
    y = np.arange(len(x)) % 3
    model.compile(kbridge.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0], history
    return model


@pytest.mark.parametrize("kind", MODELS)
def test_trains(engine, kind):
    shape, names = MODELS[kind]
    stack = eval(f"[{names}]", dict(vars(layers)))
    kbridge.utils.set_random_seed(3)
    x = np.random.default_rng(5).normal(size=(32, *shape)).astype("float32")
    trains(kbridge.Sequential([kbridge.Input(shape), *stack]), x)


def test_trains_a_graph_of_merges_and_attention(engine):
    kbridge.utils.set_random_seed(3)
    inputs = kbridge.Input((4,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    a = layers.MultiHeadAttention(2, 2)(x, x)
    b = layers.Add()([a, x])
    c = layers.Multiply()([b, layers.Average()([a, b])])
    d = layers.Maximum()([layers.Minimum()([a, b]), layers.Subtract()([c, x])])
    products = layers.Flatten()(layers.Dot(-1)([b, d]))
    e = layers.Concatenate()([b, c, d])
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(e))
    outputs = layers.Dense(3, activation="softmax")(layers.Concatenate()([pooled, products]))
    x = np.random.default_rng(5).integers(0, 9, (32, 4))
    trains(kbridge.Model(inputs, outputs), x)


# -- dtypes

FLOATING = [
    ("Dense(3)", (2, 4)),
    ("Conv1D(3, 2, padding='same')", (2, 5, 4)),
    ("Conv2D(3, 2)", (2, 5, 4, 2)),
    ("BatchNormalization()", (4, 3)),
    ("LayerNormalization()", (2, 4)),
    ("MaxPooling2D()", (2, 4, 4, 2)),
    ("AveragePooling1D(2)", (2, 4, 2)),
    ("GlobalAveragePooling1D()", (2, 4, 2)),
    ("SimpleRNN(3)", (2, 3, 4)),
    ("LSTM(3, return_sequences=True)", (2, 3, 4)),
    ("GRU(3)", (2, 3, 4)),
    ("Bidirectional(LSTM(3))", (2, 3, 4)),
    ("TimeDistributed(Dense(3))", (2, 3, 4)),
    ("PReLU()", (2, 4)),
    ("Softmax()", (2, 4)),
    ("Dropout(0.5)", (2, 4)),
    ("Embedding(5, 3)", None),
    ("MultiHeadAttention(2, 3)", (2, 3, 4)),
    ("Add()", [(2, 3), (2, 3)]),
]
POLICIES = {
    "mixed_float16": ("float32", "float16", 2e-2),
    "mixed_bfloat16": ("float32", "bfloat16", 1e-1),
    "float64": ("float64", "float64", 1e-5),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_computes_in_other_dtypes(engine, policy):
    """Variables and outputs have the policy's dtypes, and values are near those of float32."""
    variable_dtype, compute_dtype, tolerance = POLICIES[policy]
    rng = np.random.default_rng(2)
    for name, shape in FLOATING:
        if isinstance(shape, list):
            args = [[rng.normal(size=s).astype("float32") for s in shape]]
        else:
            args = [np.array([[0, 3]], "int32") if shape is None else rng.normal(size=shape).astype("float32")]
        args = args * 2 if name.startswith("Multi") else args
        plain = eval(name, dict(vars(layers)))
        expected = engine.to_numpy(plain(*args))
        before = kbridge.dtype_policies.dtype_policy().name
        kbridge.dtype_policies.set_dtype_policy(policy)
        try:
            layer = eval(name, dict(vars(layers)))
            result = layer(*args, training=True) if name.startswith("Batch") else layer(*args)
            if name.startswith("Batch"):
                result = layer(*args)
        finally:
            kbridge.dtype_policies.set_dtype_policy(before)
        assert {v.dtype for v in layer.weights} <= {variable_dtype}, name
        assert engine.dtype(result) == compute_dtype, name
        if layer.weights:
            layer.set_weights(plain.get_weights())
        ours = engine.to_numpy(layer(*args)).astype("float64")
        np.testing.assert_allclose(ours, expected, atol=tolerance, rtol=tolerance, err_msg=name)


# -- errors

WRONG = [
    ("Dense(0)", ValueError, "Dense: units must be a positive integer. Received: units=0"),
    ("Dense('a')", ValueError, "units must be a positive integer"),
    ("Dense(3, lora_rank=0)", ValueError, "lora_rank must be a positive integer"),
    ("Dense(3, quantization_config={})", NotImplementedError, "layers are not quantized here"),
    ("Dense(3, actvation='relu')", TypeError, "did you mean 'activation'"),
    ("Embedding(0, 3)", ValueError, "input_dim must be a positive integer. Received: input_dim=0"),
    ("ReLU(max_value=-1)", ValueError, "max_value must be a number of at least 0"),
    ("LeakyReLU(negative_slope=-1)", ValueError, "negative_slope must be at least 0"),
    ("Dropout(1.5)", ValueError, r"rate must be in \[0, 1\]. Received: rate=1.5"),
    ("Reshape((-1, -1))", ValueError, "only one axis can be -1"),
    ("Permute((0, 1))", ValueError, "the batch, axis 0, stays"),
    ("RepeatVector(0)", ValueError, "n must be a positive integer"),
    ("Conv1D(0, 2)", ValueError, "Conv1D: filters must be a positive integer"),
    ("Conv2D(3, (1, 2, 3))", ValueError, "Conv2D: kernel_size must be an integer of at least 1, or 2 of them"),
    ("Conv2D(3, 2, padding='causal')", ValueError, "padding must be one of 'valid', 'same'. Received: 'causal'"),
    ("Conv2D(3, 2, strides=2, dilation_rate=2)", ValueError, "cannot both be above 1"),
    ("Conv1D(4, 2, groups=3)", ValueError, "groups must divide filters"),
    ("MaxPooling1D(0)", ValueError, "pool_size must be an integer of at least 1"),
    ("MaxPooling1D(2, padding='causal')", ValueError, "padding must be 'valid' or 'same'"),
    ("BatchNormalization(axis='a')", ValueError, "axis must be an integer"),
    ("BatchNormalization(renorm=True, renorm_clipping={'max': 1})", ValueError, "'rmin', 'rmax' and 'dmax'"),
    ("BatchNormalization(synchronized=True)", ValueError, "needs a distributed run"),
    ("LayerNormalization(axis='a')", TypeError, "axis must be an integer or several"),
    ("Lambda(3)", TypeError, "function must be callable"),
    ("Dot('a')", ValueError, "axes must be an integer or a pair"),
    ("LSTM(0)", ValueError, "units must be a positive integer"),
    ("GRU(3, dropout=2)", ValueError, r"dropout must be in \[0, 1\]"),
    ("RNN(3)", ValueError, "cell must have call"),
    ("StackedRNNCells([3])", ValueError, "takes cells"),
    ("Bidirectional(LSTM(3), merge_mode='max')", ValueError, "merge_mode must be"),
    ("Bidirectional(LSTM(3), backward_layer=LSTM(3))", ValueError, "opposite directions"),
    ("TimeDistributed(3)", ValueError, "TimeDistributed takes a layer"),
    ("MultiHeadAttention(0, 3)", ValueError, "num_heads must be a positive integer"),
    ("MultiHeadAttention(2, 3, sliding_window=0)", ValueError, "sliding_window must be"),
    ("MultiHeadAttention(2, 3, flash_attention=True, dropout=0.1)", ValueError, "cannot be combined with dropout"),
]


@pytest.mark.parametrize(("layer", "kind", "text"), WRONG, ids=[layer for layer, *_ in WRONG])
def test_a_wrong_argument_is_named(layer, kind, text):
    with pytest.raises(kind, match=text):
        eval(layer, dict(vars(layers)))


MISFITS = [
    ("Dense(3)", (2, None), "needs to know the size of its input's last axis"),
    ("Conv1D(3, 2)", (2, 3), "min_ndim=3"),
    ("Conv2D(4, 2, groups=2)", (2, 4, 4, 3), "groups=2 does not divide the 3 channels"),
    ("Conv2D(3, 5)", (2, 4, 4, 3), "smaller"),
    ("RepeatVector(2)", (2, 3, 4), "ndim=2"),
    ("Permute((2, 1))", (2, 3), "ndim=3"),
    ("Reshape((5, -1))", (2, 3, 4), "cannot put 12 values"),
    ("PReLU()", (2, None, 3), "shared_axes"),
    ("LSTM(3)", (2, 3), "ndim=3"),
    ("TimeDistributed(Dense(2))", (2, 3), "takes .batch, time"),
    ("Add()", (2, 3), "takes a list of tensors"),
    ("Add()", [(2, 3)], "at least 2 tensors"),
    ("Add()", [(2, 3), (2, 4)], "in axis 1 they have 3 and 4"),
    ("Subtract()", [(2, 3)] * 3, "exactly 2 inputs"),
    ("Concatenate()", [(2, 3), (3, 3)], "the shapes may differ in no other"),
    ("Dot(1)", [(2, 3), (2, 4)], "they must be equal"),
]


@pytest.mark.parametrize(("layer", "shape", "text"), MISFITS, ids=[f"{layer}{shape}" for layer, shape, _ in MISFITS])
def test_an_input_that_does_not_fit_is_named(layer, shape, text):
    several = isinstance(shape, list)
    inputs = [KerasTensor(s) for s in shape] if several else KerasTensor(shape)
    with pytest.raises(ValueError, match=text):
        eval(layer, dict(vars(layers)))(inputs)
