"""Preprocessing layers against Keras on TensorFlow, alone, in models, and where TensorFlow is not installed."""

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import layers
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor

sys.path.insert(0, str(Path(__file__).parent))
from preprocessing_cases import CASES, SENTENCES, TOKENS, X, described  # noqa: E402
from preprocessing_cases.space import encoded, rows, spaces  # noqa: E402

PER_CASE = pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case.layer[:60]}" for i, case in enumerate(CASES)])
KINDS = sorted({case.kind for case in CASES})


@pytest.fixture(scope="session")
def keras(tmp_path_factory):
    """What Keras gives for every case, computed by another process, and the folder with the models it saved."""
    folder = tmp_path_factory.mktemp("keras")
    settings = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    program = [sys.executable, "-m", "preprocessing_cases", str(folder)]
    subprocess.run(program, env={**os.environ, **settings}, check=True, timeout=300, cwd=Path(__file__).parent)
    found = json.loads((folder / "reference.json").read_text())
    return {**found, "cases": dict(zip(CASES, found["cases"])), "folder": folder}


def to_numpy(x):
    return x if isinstance(x, np.ndarray) else registry.current().to_numpy(x)


def same(ours, expected, what):
    """Whether two structures of plain data agree: numbers to rounding, all else exactly."""
    if isinstance(expected, dict):
        assert ours.keys() == expected.keys(), f"{what}: {list(ours)}, not {list(expected)}"
        for key in expected:
            same(ours[key], expected[key], f"{what}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        assert isinstance(ours, (list, tuple)) and len(ours) == len(expected), f"{what}: {ours}, not {expected}"
        if expected and all(isinstance(x, float) for x in expected):
            np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6, err_msg=what)
            return
        for i, (one, other) in enumerate(zip(ours, expected)):
            same(one, other, f"{what}[{i}]")
    elif isinstance(expected, float) and not isinstance(ours, str):
        assert ours == pytest.approx(expected, rel=1e-5, abs=1e-6), what
    else:
        assert ours == expected, f"{what}: {ours!r}, not {expected!r}"


# -- each layer alone


def compare(case, expected):
    found = case.run(layers, iter, to_numpy)
    for part in expected:
        same(found[part], expected[part], f"{case.id}: {part}")


@PER_CASE
def test_computes_what_keras_does(case, keras):
    expected = keras["cases"][case]
    assert case.error == ("error" in expected), expected
    with kbridge.use_backend("numpy"):
        if not case.error:
            return compare(case, expected)
        with pytest.raises((ValueError, TypeError)) as raised:
            case.run(layers, iter)
        assert len(str(raised.value)) > 40


@pytest.mark.parametrize("kind", KINDS)
def test_computes_what_keras_does_on_each_engine(engine, kind, keras):
    """What layers do on the host is seen above; here, cases enough to see all that engines do."""
    cases = [case for case in CASES if case.kind == kind and not case.error]
    for case in cases if kind in ("Normalization", "CategoryEncoding", "Rescaling") else cases[::4]:
        compare(case, keras["cases"][case])


@PER_CASE
def test_shapes_dtypes_and_configs(case, keras):
    """A symbolic call, compute_output_shape and the values agree; a config makes an equal layer."""
    if case.error:
        return
    with kbridge.use_backend("numpy"):
        layer = case.make(layers)
        if case.adapt is not None or case.batches:
            layer.adapt(case.adapt if case.adapt is not None else iter(case.batches))
        for x in case.inputs:
            arrays = [np.asarray(item) for item in (x if isinstance(x, tuple) else [x])]
            arrays = [a.astype(object) if a.dtype.kind == "U" else a for a in arrays]
            if not arrays[0].ndim or len(arrays[0].shape) != len(np.asarray(case.inputs[0], object).shape):
                continue
            symbols = tuple(KerasTensor(a.shape, str(a.dtype)) for a in arrays)
            given = symbols if isinstance(x, tuple) else symbols[0]
            symbol, value = layer(given, **case.kwargs), to_numpy(layer(x, **case.kwargs))
            text = value.dtype == object
            assert symbol.dtype == ("string" if text else value.dtype.name)
            shape = tuple(a if b is None else b for a, b in zip(value.shape, symbol.shape))
            assert shape == value.shape and len(symbol.shape) == value.ndim
            told = layer.compute_output_shape([s.shape for s in symbols] if isinstance(x, tuple) else given.shape)
            assert told == symbol.shape
        config = json.loads(json.dumps(layers.serialize(layer)))
        again = layers.deserialize(config)
        same(json.loads(json.dumps(layers.serialize(again)))["config"], config["config"], "config")
        if case.adapt is None and not case.batches:
            same(described(to_numpy(again(case.inputs[0], **case.kwargs))), keras["cases"][case]["outputs"][0], "copy")
        for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
            same(described(to_numpy(twin(case.inputs[0], **case.kwargs))), keras["cases"][case]["outputs"][0], "twin")


def sources(data):
    """``data`` as everything that ``adapt`` takes."""
    import tensorflow as tf
    import torch

    class Batches(kbridge.utils.PyDataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, index):
            return data[index : index + 1], np.zeros(1)

    yield "list", data.tolist()
    yield "generator", (data[i : i + 1] for i in range(len(data)))
    yield "PyDataset", Batches()
    yield "Dataset", tf.data.Dataset.from_tensor_slices(data).batch(2)
    yield "Dataset of rows", tf.data.Dataset.from_tensor_slices(data)
    if data.dtype != object:
        yield "DataLoader", torch.utils.data.DataLoader(torch.from_numpy(data), batch_size=2)


def test_adapts_to_data_of_any_kind():
    with kbridge.use_backend("numpy"):
        for kind, data in sources(TOKENS):
            layer = layers.StringLookup()
            layer.adapt(data)
            assert layer.get_vocabulary() == ["[UNK]", "z", "d", "a", "c", "b"], kind
        for kind, data in sources(SENTENCES):
            layer = layers.TextVectorization(max_tokens=4)
            layer.adapt(data)
            assert layer.get_vocabulary() == ["", "[UNK]", "the", "Ünder"], kind
        for kind, data in sources(X):
            if kind != "Dataset of rows":  # a row has no axis of samples
                layer = layers.Normalization()
                layer.adapt(data)
                np.testing.assert_allclose(layer.adapt_mean.numpy(), X.mean(0), rtol=1e-5, err_msg=kind)
                np.testing.assert_allclose(layer.adapt_variance.numpy(), X.var(0), rtol=1e-5, err_msg=kind)
        layer = layers.StringLookup()
        layer.adapt((row for row in TOKENS), steps=1)
        assert layer.vocabulary_size() == 5


def test_state_can_be_gathered_by_hand():
    with kbridge.use_backend("numpy"):
        for layer, data in (
            (layers.StringLookup(), TOKENS),
            (layers.TextVectorization(), SENTENCES),
            (layers.Discretization(num_bins=3), X),
            (layers.Normalization(), X),
        ):
            whole = type(layer).from_config(layer.get_config())
            whole.adapt(data)
            for _ in range(2):
                layer.reset_state()
                for i in range(len(data)):
                    layer.update_state(data[i : i + 1])
                layer.finalize_state()
            if hasattr(layer, "get_vocabulary"):
                assert layer.get_vocabulary() == whole.get_vocabulary()
            elif isinstance(layer, layers.Normalization):
                np.testing.assert_allclose(layer.get_weights()[0], whole.get_weights()[0], rtol=1e-5)
            else:
                assert len(layer.bin_boundaries) == 2


def test_vocabulary_from_a_file(tmp_path):
    (tmp_path / "tokens.txt").write_text("foo\nbär\nbaz\n", encoding="utf-8")
    (tmp_path / "numbers.txt").write_text("7\n9\n")
    with kbridge.use_backend("numpy"):
        layer = layers.StringLookup(vocabulary=str(tmp_path / "tokens.txt"))
        assert layer.get_vocabulary() == ["[UNK]", "foo", "bär", "baz"]
        assert layer.get_config()["vocabulary"] == ["foo", "bär", "baz"]
        assert layers.IntegerLookup(vocabulary=tmp_path / "numbers.txt").get_vocabulary() == [-1, 7, 9]
        layer = layers.TextVectorization()
        layer.set_vocabulary(str(tmp_path / "tokens.txt"))
        assert layer(["BÄR bär baz"]).tolist() == [[1, 3, 4]]
        for cls in (layers.StringLookup, layers.TextVectorization):
            with pytest.raises(ValueError, match="not opened"):
                cls.from_config({"vocabulary": str(tmp_path / "tokens.txt")})


@kbridge.utils.register_keras_serializable("tests")
def shout(texts):
    return np.char.upper(texts.astype(str))


@kbridge.utils.register_keras_serializable("tests")
def by_commas(texts):
    return [text.split(",") for text in texts]


def test_functions_of_ones_own_for_text():
    with kbridge.use_backend("numpy"):
        layer = layers.TextVectorization(standardize=shout, split=by_commas)
        layer.adapt(["a,b", "b"])
        assert layer.get_vocabulary() == ["", "[UNK]", "B", "A"]
        assert layer(["b,a,c"]).tolist() == [[2, 3, 1]]
        again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
        again.set_vocabulary(["B"])
        assert again(["b,a"]).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    "attempt, text",
    [
        (lambda: layers.StringLookup(sparse=True, output_mode="count"), "sparse"),
        (lambda: layers.TextVectorization(ragged=True), "ragged"),
        (lambda: layers.StringLookup()(["a"]), "has no vocabulary yet"),
        (lambda: layers.TextVectorization(vocabulary=["a"]).adapt(["b"]), "nothing to adapt"),
        (lambda: layers.Discretization([1.0]).adapt([2.0]), "nothing to adapt"),
        (lambda: layers.StringLookup(vocabulary=["a"])([1, 2]), "IntegerLookup"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(np.ones(2)), "whole numbers"),
        (lambda: layers.StringLookup(vocabulary=["a"])([["a"], ["b", "c"]]), "one length"),
        (lambda: layers.StringLookup(vocabulary=["a"])(np.array(["a", None], object)), "None"),
        (lambda: layers.StringLookup(vocabulary=["a", "[UNK]"]), "special token"),
        (lambda: layers.Pipeline([3]), "list of layers"),
        (lambda: layers.Discretization(num_bins=3)(X), "adapt"),
        (lambda: layers.Normalization(axis=5)(X), "axis"),
        (lambda: layers.Hashing(3, dtype="float32"), "int"),
    ],
)
def test_errors_say_what_to_do(attempt, text):
    with kbridge.use_backend("numpy"), pytest.raises((ValueError, TypeError), match=text):
        attempt()


def test_pipeline(engine):
    steps = [layers.Rescaling(2.0), layers.Dropout(0.5, seed=1), layers.Normalization(mean=1.0, variance=4.0)]
    pipeline = layers.Pipeline(steps)
    np.testing.assert_allclose(to_numpy(pipeline(X, training=False)), (2 * X - 1) / 2, rtol=1e-5)
    assert (to_numpy(pipeline(X)) == -0.5).any(), "it trains unless told otherwise"
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(pipeline))))
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in steps]
    text = layers.Pipeline([layers.StringLookup(vocabulary=["a", "b"]), layers.CategoryEncoding(3)])
    assert to_numpy(text([["a", "b"], ["q", "q"]])).tolist() == [[0, 1, 1], [1, 0, 0]]


def test_numbers_in_half_precision(engine):
    for layer in (layers.Rescaling(0.5, dtype="float16"), layers.Normalization(dtype="mixed_float16")):
        if hasattr(layer, "adapt"):
            layer.adapt(X)
        y = layer(X)
        assert registry.current().dtype(y) == "float16"


# -- in models

TEXTS = np.array(["good fine nice", "bad awful", "nice good", "awful bad poor"] * 8)
LABELS = np.array([1, 0, 1, 0] * 8)


def text_model(*first):
    kbridge.utils.set_random_seed(1)
    return kbridge.Sequential(
        [
            *first,
            layers.Embedding(20, 4, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def trained(model, x, **kwargs):
    model.compile(kbridge.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    kbridge.utils.set_random_seed(2)
    return model.fit(x, LABELS, epochs=4, batch_size=8, verbose=0, validation_split=0.25, **kwargs).history


def test_a_model_of_text_trains_as_one_of_its_indices(engine):
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(TEXTS)
    indices = to_numpy(vectorize(TEXTS))
    plain = text_model(kbridge.Input((4,), dtype="int64"))
    expected = trained(plain, indices)
    for first in ([vectorize], [kbridge.Input((1,), dtype="string"), vectorize]):
        model = text_model(*first)
        found = trained(model, TEXTS if len(first) == 1 else TEXTS[:, None])
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)
        assert found["loss"][-1] < found["loss"][0]
        np.testing.assert_allclose(
            model.evaluate(TEXTS, LABELS, verbose=0), plain.evaluate(indices, LABELS, verbose=0), rtol=1e-5
        )
        scores = plain.predict(indices, verbose=0)
        np.testing.assert_allclose(model.predict(TEXTS, verbose=0), scores, rtol=1e-5)
        np.testing.assert_allclose(model.predict(TEXTS.tolist()[:3], verbose=0), scores[:3], rtol=1e-5)
        np.testing.assert_allclose(to_numpy(model(TEXTS[:3])), scores[:3], rtol=1e-5)
        np.testing.assert_allclose(model.predict_on_batch(TEXTS[:3]), scores[:3], rtol=1e-5)
        assert np.isfinite(model.train_on_batch(TEXTS[:4], LABELS[:4])).all()
        batches = ((TEXTS[i : i + 8], LABELS[i : i + 8]) for i in range(0, 32, 8))
        assert np.isfinite(model.fit(batches, verbose=0).history["loss"]).all()


def test_batches_are_mapped_one_by_one_where_all_would_not_fit(monkeypatch):
    from kbridge.training import data

    with kbridge.use_backend("numpy"):
        vectorize = layers.TextVectorization(output_sequence_length=4)
        vectorize.adapt(TEXTS)
        expected = trained(text_model(vectorize), TEXTS, shuffle=False)
        monkeypatch.setattr(data, "_LARGEST_MAPPED", 100)
        found = trained(text_model(vectorize), TEXTS, shuffle=False)
        np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)


def mixed_model():
    """Text, whole numbers and floats, with layers that run on the host and in the step."""
    word, number = kbridge.Input((1,), dtype="string", name="word"), kbridge.Input((1,), dtype="int64", name="number")
    values = kbridge.Input((3,), name="values")
    lookup, normalize = layers.StringLookup(output_mode="multi_hot"), layers.Normalization()
    lookup.adapt(["x", "y", "z"])
    normalize.adapt(X)
    place = layers.IntegerLookup(vocabulary=[1, 2])(number)
    crossed = layers.HashedCrossing(10, output_mode="one_hot")((word, place))
    joined = layers.Concatenate()([lookup(word), normalize(values), crossed])
    model = kbridge.Model([word, number, values], layers.Dense(1)(joined))
    columns = {
        "word": np.array([["x"], ["q"], ["y"], ["z"]]),
        "number": np.array([[1], [2], [3], [1]]),
        "values": X[:4],
    }
    return model, columns


def test_a_graph_with_text_among_its_inputs(engine):
    model, columns = mixed_model()
    model.compile(kbridge.optimizers.Adam(0.1), "mse")
    y = np.arange(4.0)
    history = model.fit(columns, y, epochs=5, verbose=0, validation_data=(columns, y)).history
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_allclose(model.evaluate(columns, y, verbose=0), history["val_loss"][-1], rtol=1e-5)
    scores = model.predict(list(columns.values()), verbose=0)
    np.testing.assert_allclose(to_numpy(model(columns)), scores, rtol=1e-5)
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert again.count_params() == model.count_params()


def test_numbers_become_labels_at_the_end(engine):
    inputs = kbridge.Input((3,))
    best = kbridge.ops.argmax(inputs, axis=-1)
    model = kbridge.Model(inputs, layers.StringLookup(vocabulary=["a", "b"], invert=True)(best))
    assert model.predict(np.eye(3, dtype="float32"), verbose=0).tolist() == ["[UNK]", "a", "b"]
    assert model.predict_on_batch(np.eye(3, dtype="float32")[1:2]).tolist() == ["a"]


def test_numbers_are_preprocessed_inside_of_the_step(engine):
    values, numbers = kbridge.Input((3,)), kbridge.Input((2,), dtype="int64")
    normalize, bins = layers.Normalization(), layers.Discretization(num_bins=3, output_mode="multi_hot")
    normalize.adapt(X)
    bins.adapt(X)
    places = layers.IntegerLookup(vocabulary=[3, 5, 8], output_mode="count", num_oov_indices=2)(numbers)
    kinds = layers.CategoryEncoding(10)(numbers)
    joined = layers.Concatenate()([layers.Rescaling(0.5)(normalize(values)), bins(values), places, kinds])
    model = kbridge.Model([values, numbers], layers.Dense(1)(joined))
    model.compile(kbridge.optimizers.Adam(0.05), "mse")
    assert model._plan.host is None
    x = [X, np.arange(2 * len(X)).reshape(-1, 2) % 10]
    history = model.fit(x, X.sum(1), epochs=5, batch_size=10, verbose=0).history["loss"]
    assert history[-1] < history[0]
    np.testing.assert_allclose(model.predict(x, verbose=0), to_numpy(model(x)), rtol=1e-4, atol=1e-5)


def test_maps_data_sets(engine):
    tf = pytest.importorskip("tensorflow")
    text, normalize = layers.TextVectorization(output_sequence_length=3), layers.Normalization()
    text.adapt(SENTENCES)
    normalize.adapt(X)
    cross = layers.HashedCrossing(10)
    data = tf.data.Dataset.from_tensor_slices(({"t": SENTENCES.tolist(), "n": [3, 1, 4, 1, 5], "x": X[:5]}, np.ones(5)))

    def prepare(x, y):
        return (text(x["t"]), cross((x["t"], x["n"])), normalize(x["x"])), y

    ((found, crossed, numbers), _), *_ = data.batch(5).map(prepare).as_numpy_iterator()
    np.testing.assert_array_equal(found, to_numpy(text(SENTENCES)))
    np.testing.assert_array_equal(crossed, to_numpy(cross((SENTENCES, np.array([3, 1, 4, 1, 5])))))
    np.testing.assert_allclose(numbers, to_numpy(normalize(X[:5])), rtol=1e-5)
    assert data.map(lambda x, y: text(x["t"])).element_spec.shape == (3,)
    pipeline = layers.Pipeline([normalize, layers.Rescaling(2.0)])
    (numbers,) = data.batch(5).map(lambda x, y: pipeline(x["x"])).as_numpy_iterator()
    np.testing.assert_allclose(numbers, 2 * to_numpy(normalize(X[:5])), rtol=1e-5)
    for kind, space in spaces(kbridge.utils.FeatureSpace).items():
        columns = rows(space.features)
        table = tf.data.Dataset.from_tensor_slices(columns)
        space.adapt(table.batch(5))
        (found,) = table.batch(12).map(space).as_numpy_iterator()
        same(
            kbridge.tree.map_structure(described, found),
            kbridge.tree.map_structure(lambda x: described(to_numpy(x)), space(columns)),
            kind,
        )
        first = next(table.map(space).as_numpy_iterator())
        assert kind == "dict" or first.shape == (62,)


def test_tensors_of_text():
    """Where an engine has such, they are taken like arrays."""
    tf = pytest.importorskip("tensorflow")
    for engine in ("tensorflow", "numpy"):
        with kbridge.use_backend(engine):
            vectorize = layers.TextVectorization(output_sequence_length=4)
            vectorize.adapt(tf.constant(TEXTS.tolist()))
            model = text_model(vectorize)
            model.compile("adam", "binary_crossentropy")
            data = tf.data.Dataset.from_tensor_slices((TEXTS.tolist(), LABELS)).batch(8)
            assert np.isfinite(model.fit(data, validation_data=data, verbose=0).history["val_loss"]).all()
            scores = model.predict(TEXTS, verbose=0)
            np.testing.assert_allclose(model.predict(tf.constant(TEXTS.tolist()), verbose=0), scores, rtol=1e-5)
            np.testing.assert_allclose(to_numpy(model(tf.constant(TEXTS.tolist()))), scores, rtol=1e-5)
            np.testing.assert_allclose(model.predict(data, verbose=0), scores, rtol=1e-5)


class Own(kbridge.Model):
    def __init__(self, vectorize):
        super().__init__()
        self.vectorize, self.embed, self.score = vectorize, layers.Embedding(20, 3), layers.Dense(1)

    def call(self, x):
        return self.score(kbridge.ops.mean(self.embed(self.vectorize(x)), axis=1))


def test_text_in_a_call_of_ones_own(engine):
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(TEXTS)
    model = Own(vectorize)
    model.compile("adam", "mse", run_eagerly=True)
    assert np.isfinite(model.fit(TEXTS, LABELS, verbose=0).history["loss"]).all()
    model.compile("adam", "mse")
    if engine.eager:
        assert np.isfinite(model.fit(TEXTS, LABELS, verbose=0).history["loss"]).all()
        return
    with pytest.raises(ValueError, match="cannot enter a compiled step"):
        model.fit(TEXTS, LABELS, verbose=0)


def test_weights_before_a_layer_on_the_host_are_not_trained_silently():
    with kbridge.use_backend("numpy"):
        inputs = kbridge.Input((3,))
        hashed = layers.Hashing(4, output_mode="one_hot")(kbridge.ops.argmax(layers.Dense(3)(inputs), -1))
        model = kbridge.Model(inputs, layers.Dense(1)(hashed))
        model.compile("adam", "mse")
        with pytest.raises(ValueError, match="cannot train"):
            model.fit(X, np.zeros(len(X)), verbose=0)
        assert model.predict(X, verbose=0).shape == (len(X), 1)


# -- files


def test_files_carry_what_was_learned(tmp_path):
    with kbridge.use_backend("numpy"):
        model, columns = mixed_model()
        model.save(tmp_path / "model.keras")
        again = kbridge.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(again.predict(columns, verbose=0), model.predict(columns, verbose=0), rtol=1e-6)


def test_reads_the_files_of_keras(keras):
    with kbridge.use_backend("numpy"):
        words = kbridge.models.load_model(keras["folder"] / "words.keras")
        same(described(words.predict(SENTENCES, verbose=0)), keras["saved"]["words"], "words")
        numbers = kbridge.models.load_model(keras["folder"] / "numbers.keras")
        found = [described(x) for x in numbers.predict(X, verbose=0)]
        same(found, keras["saved"]["numbers"], "numbers")


# -- FeatureSpace


def in_batches(columns, size):
    for start in range(0, len(next(iter(columns.values()))), size):
        yield {name: column[start : start + size] for name, column in columns.items()}


def test_feature_space_encodes_as_keras_does(engine, keras):
    for kind, space in spaces(kbridge.utils.FeatureSpace).items():
        columns = rows(space.features)
        if kind == "concat":
            space.adapt(in_batches(columns, 5))
        else:
            space.adapt({name: row[0] for name, row in batch.items()} for batch in in_batches(columns, 1))
        found = [{name: described(x) for name, x in part.items()} for part in encoded(space, to_numpy)]
        same(found, keras["spaces"][kind], kind)


def test_feature_space_in_models(engine):
    space = spaces(kbridge.utils.FeatureSpace)["concat"]
    columns = rows(space.features)
    space.adapt(columns)
    kbridge.utils.set_random_seed(1)
    features = space.get_encoded_features()
    score = layers.Dense(1)(features)
    inner = kbridge.Model(features, score)
    inner.compile(kbridge.optimizers.Adam(0.1), "mse")
    y = np.arange(12.0)
    history = inner.fit(to_numpy(space(columns)), y, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    whole = kbridge.Model(space.get_inputs(), score)
    expected = inner.predict(to_numpy(space(columns)), verbose=0)
    table = {name: column[:, None] for name, column in columns.items()}
    np.testing.assert_allclose(whole.predict(table, verbose=0), expected, rtol=1e-5)


def test_feature_space_in_files(tmp_path):
    with kbridge.use_backend("numpy"):
        space = spaces(kbridge.utils.FeatureSpace)["concat"]
        space.adapt(rows(space.features))
        space.save(tmp_path / "space.keras")
        again = kbridge.models.load_model(tmp_path / "space.keras")
        np.testing.assert_allclose(again(rows(space.features)), space(rows(space.features)), rtol=1e-6)


def test_feature_space_from_its_config():
    with kbridge.use_backend("numpy"):
        space = spaces(kbridge.utils.FeatureSpace)["concat"]
        again = kbridge.utils.deserialize_keras_object(
            json.loads(json.dumps(kbridge.utils.serialize_keras_object(space)))
        )
        for one in (space, again):
            one.adapt(rows(space.features))
        np.testing.assert_array_equal(again(rows(space.features)), space(rows(space.features)))


@pytest.mark.parametrize(
    "attempt, text",
    [
        (lambda space: space({}), "entry or more"),
        (lambda space: space({"a": "floats"}), "float_rescaled"),
        (lambda space: space({"a": "float"}, output_mode="list"), "concat"),
        (lambda space: space({"a": "float"}, crosses=[("a", "b")]), "must name features"),
        (lambda space: space({"a": "float_normalized"})({"a": [1.0]}), "adapt"),
        (lambda space: space({"a": "float"})({"b": [1.0]}), "lack"),
        (lambda space: space({"a": "float"})([1.0]), "dict"),
        (lambda space: space({"a": space.string_categorical(output_mode="int")}).adapt({"a": ["x"]}), "one_hot"),
        (lambda space: space.feature("float32", layers.Rescaling(1.0), "rows"), "output_mode"),
    ],
)
def test_feature_space_errors(attempt, text):
    with kbridge.use_backend("numpy"), pytest.raises(ValueError, match=text):
        attempt(kbridge.utils.FeatureSpace)


# -- without TensorFlow

PROGRAM = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
import kbridge
from kbridge import layers
texts, y = np.array(["a b", "c d", "a a", "d c"] * 4), np.array([1, 0, 1, 0] * 4)
text, word = layers.TextVectorization(), layers.StringLookup()
text.adapt(texts)
word.adapt(["x", "y", "x"])
model = kbridge.Sequential([text, layers.Embedding(9, 2), layers.GlobalMaxPooling1D(), layers.Dense(1)])
model.compile("adam", "mse")
model.fit(texts, y, verbose=0)
print(word(["y", "x"]).tolist(), model.predict(texts, verbose=0).shape, layers.Hashing(1000)(["A"]).tolist())
assert kbridge.utils.FeatureSpace({"a": "string_hashed"})({"a": ["q"]}).shape == (1, 32)
"""


def test_text_needs_no_tensorflow():
    settings = {**os.environ, "KBRIDGE_BACKEND": "numpy"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n")[0] == "[2, 1] (16, 1) [564]"
