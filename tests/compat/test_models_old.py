"""Models of older generations: how they are made, what can be asked of them, and how they are written down."""

import importlib
import json

import numpy as np
import pytest

import kbridge
from kbridge.compat.keras1 import layers as layers1
from kbridge.compat.keras1 import models as models1
from kbridge.compat.keras2 import backend as K
from kbridge.compat.keras2 import layers
from kbridge.compat.keras2 import models as models2
from kbridge.compat.notes import OldCallWarning

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")

random = np.random.RandomState(0)
X = random.randn(12, 4).astype("float32")


def network(models=models2):
    return models.Sequential([layers.Dense(3, input_shape=(4,), activation="relu"), layers.Dense(2)])


# -- made


def test_models_are_those_of_today():
    model = network()
    assert isinstance(model, kbridge.Sequential) and isinstance(kbridge.Sequential(), models2.Sequential)
    assert not isinstance(model, models2.GraphModel)
    graph = models2.Model(model.inputs, model.outputs)
    assert isinstance(graph, kbridge.Model) and type(graph).__name__ == "Model"
    assert json.loads(graph.to_json())["class_name"] == "Functional"


def test_automatic_names():
    first, second = network(), network()
    assert (first.name, second.name) == ("sequential_1", "sequential_2")
    assert [layer.name for layer in second.layers] == ["dense_3", "dense_4"]
    assert first.input_names == ["dense_1_input"] and first.output_names == ["dense_2"]
    assert models2.Model(first.inputs, first.outputs).name == "model_1"


@pytest.mark.parametrize("words", [("input", "output"), ("inputs", "outputs"), ("inputs", "output")])
def test_words_of_either_generation(words):
    x = layers.Input((4,))
    model = models2.Model(**dict(zip(words, (x, layers.Dense(2)(x)))), name="mine")
    assert model.name == "mine" and model.predict(X).shape == (12, 2)


def test_the_old_words_are_noted():
    x = layers.Input((4,))
    with pytest.warns(OldCallWarning, match=r"Model\(inputs=..., outputs=...\)"):
        models2.Model(input=x, output=layers.Dense(2)(x))
    with pytest.raises(TypeError, match="'ouput'.*Model\\(inputs"):
        models2.Model(x, ouput=layers.Dense(2)(x))


def test_lists_of_one_are_one():
    x = layers.Input((4,))
    model = models2.Model([x], [layers.Dense(2)(x)])
    model.compile("sgd", "mse")
    assert model.predict([X]).shape == (12, 2) and isinstance(model.train_on_batch([X], [np.zeros((12, 2))]), float)
    assert model.inputs[0] is x and len(model.outputs) == 1


def test_subclasses():
    class Net(models2.Model):
        def __init__(self):
            super().__init__(name="net")
            self.inner = layers.Dense(2)

        def call(self, inputs):
            return self.inner(inputs)

    model = Net()
    model.compile("sgd", "mse")
    history = model.fit(X, np.zeros((12, 2)), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0] and len(model.get_weights()) == 2


def test_add_and_pop_after_predict():
    model = network()
    assert model.predict(X).shape == (12, 2)
    model.add(layers.Dense(5))
    assert model.predict(X).shape == (12, 5) and model.output_shape == (None, 5)
    model.pop()
    model.pop()
    assert model.predict(X).shape == (12, 3) and len(model.layers) == 1
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("sgd", "binary_crossentropy")
    model.fit(X, np.ones(12), verbose=0)
    assert model.predict_classes(X, verbose=0).shape == (12, 1) and model.predict_proba(X).min() > 0


def test_get_layer():
    model = network()
    assert model.get_layer("dense_2") is model.get_layer(index=1) is model.layers[1]
    with pytest.raises(ValueError, match="dense_9"):
        model.get_layer("dense_9")


def branches():
    left = models1.Sequential([layers1.Dense(3, input_dim=4)])
    right = models1.Sequential([layers1.Dense(3, input_shape=(2,))])
    model = models1.Sequential()
    model.add(layers1.Merge([left, right], mode="concat"))
    model.add(layers1.Dense(1))
    return model, left, right


def test_a_sequential_with_branches():
    model, left, right = branches()
    model.compile("sgd", "mse")
    x = [X, X[:, :2]]
    history = model.fit(x, np.ones((12, 1)), nb_epoch=4, verbose=0, validation_split=0.25).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.input_shape == [(None, 4), (None, 2)] and len(model.inputs) == 2
    kernel, bias = model.layers[-1].get_weights()
    joined = np.concatenate([left.predict(X), right.predict(X[:, :2])], axis=-1)
    np.testing.assert_allclose(model.predict(x), joined @ kernel + bias, rtol=1e-4)
    assert len(model.get_weights()) == 6
    with pytest.raises(ValueError, match="2 inputs"):
        model.predict(X)


def test_a_sequential_with_branches_is_written_down():
    model, _, _ = branches()
    copy = models1.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    x = [X, X[:, :2]]
    np.testing.assert_allclose(copy.predict(x), model.predict(x), rtol=1e-6)


@pytest.mark.parametrize("kind", [".h5", ".keras"])
def test_a_sequential_with_branches_is_saved(kind, tmp_path):
    inner, _, _ = branches()
    model = models1.Sequential(
        [layers1.Merge([inner, models1.Sequential([layers1.Dense(1, input_dim=3)])], mode="sum")]
    )
    model.add(layers1.Dense(2))
    x = [X, X[:, :2], X[:, 1:]]
    model.compile("adam", "mse")
    model.fit(x, np.ones((12, 2)), nb_epoch=1, verbose=0)
    model.save(tmp_path / f"model{kind}")
    model.save_weights(tmp_path / "weights.h5")
    then, now = models1.load_model(tmp_path / f"model{kind}"), kbridge.models.load_model(tmp_path / f"model{kind}")
    assert type(then) is models1.Sequential
    for again in (then, now):
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x), rtol=1e-6)
    model.train_on_batch(x, np.zeros((12, 2)))
    then.load_weights(tmp_path / "weights.h5")
    np.testing.assert_allclose(then.predict(x), now.predict(x, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("kind", [".h5", ".keras"])
@pytest.mark.parametrize("name", ["hard_sigmoid", K.hard_sigmoid])
def test_hard_sigmoid_keeps_its_slope_in_files(name, kind, tmp_path):
    model = models2.Sequential([layers.LSTM(3, input_shape=(4, 1)), layers.Dense(2, activation=name)])
    model.save(tmp_path / f"model{kind}")
    x = 4 * X[..., None]
    for load in (models2.load_model, kbridge.models.load_model):
        again = load(tmp_path / f"model{kind}", compile=False)
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x), rtol=1e-5)


def test_called_on_symbols():
    model = network()
    placeholder = K.placeholder((None, 4))
    run = K.function([placeholder], [model(placeholder)])
    np.testing.assert_allclose(run([X])[0], model.predict(X), rtol=1e-5)


# -- asked


def test_summary():
    lines = []
    network().summary(line_length=60, positions=[0.5, 0.8, 1.0], print_fn=lines.append)
    assert any("dense_2" in line for line in lines) and all(len(line) <= 60 for line in lines[1:-3])
    assert any("Total params: 23" in line for line in lines)


def test_what_a_network_can_be_asked():
    x = layers.Input((4,), name="x")
    h = layers.Dropout(0.5)(layers.Dense(3, kernel_regularizer="l2", bias_constraint="nonneg")(x))
    model = models2.Model(x, layers.BatchNormalization()(h))
    assert model.uses_learning_phase and not model.stateful and model.state_updates == []
    assert len(model.regularizers) == 1 and len(model.constraints) == 1
    assert [layer.name for layer in model.input_layers] == ["x"] and len(model.output_layers) == 1
    assert model.container_nodes and len(model.losses) == 1
    outputs, masks, shapes = model.run_internal_graph([x])
    assert shapes == [(None, 3)] and masks == [None] and len(outputs) == 1
    assert model.get_output_shape_for((None, 4)) == (None, 3)
    assert len(model.updates) == 2 and len(model.get_losses_for(None)) == 1


def test_states_are_reset():
    model = models2.Sequential([layers.LSTM(3, stateful=True, batch_input_shape=(2, 5, 4))])
    x = random.randn(2, 5, 4)
    first = model.predict(x)
    assert not np.allclose(first, model.predict(x))
    model.reset_states()
    np.testing.assert_allclose(first, model.predict(x), rtol=1e-5)
    assert model.stateful
    with pytest.raises(ValueError, match="stateful"):
        model.predict(random.randn(3, 5, 4))


def test_the_learning_phase_of_models_made_under_it():
    try:
        K.set_learning_phase(0)
        model = models2.Sequential([layers.Dropout(0.5, input_shape=(4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        wanted = model.evaluate(X, X[:, 0], verbose=0)
        assert model.train_on_batch(X, X[:, 0]) == pytest.approx(wanted)
        K.set_learning_phase(1)
        model = models2.Sequential([layers.Dropout(0.5, input_shape=(4,))])
        assert (model.predict(X) == 0).any()
    finally:
        K.clear_session()


# -- written down


@pytest.mark.parametrize("models", [models1, models2])
def test_configs(models):
    model = network(models)
    config = model.get_config() if models is models1 else model.get_config()["layers"]
    assert [entry["class_name"] for entry in config] == ["Dense", "Dense"]
    assert config[0]["config"]["batch_input_shape"] == (None, 4)
    for copy in (
        models.model_from_json(model.to_json()),
        models.model_from_yaml(model.to_yaml()),
        models.Sequential.from_config(model.get_config()),
        models.Sequential.from_config(model._config_for_files()),
        models.clone_model(model),
    ):
        assert type(copy) is models.Sequential
        copy.set_weights(model.get_weights())
        np.testing.assert_allclose(copy.predict(X), model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("models", [models1, models2])
def test_configs_of_graphs(models):
    x = layers.Input((4,))
    model = models.Model(x, layers.Dense(2)(layers.Dense(3)(x)))
    copies = [
        models.model_from_json(model.to_json()),
        models.Model.from_config(model.get_config()),
        models.clone_model(model),
    ]
    for copy in copies:
        assert type(copy) is models.GraphModel
        copy.set_weights(model.get_weights())
        np.testing.assert_allclose(copy.predict(X), model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("models", [models1, models2])
def test_files(models, tmp_path):
    pytest.importorskip("h5py")
    model = network(models)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X[:, :2], verbose=0)
    file, weights = str(tmp_path / "model.h5"), str(tmp_path / "weights.h5")
    model.save(file)
    loaded = models.load_model(file)
    assert type(loaded) is models.Sequential
    np.testing.assert_allclose(loaded.predict(X), model.predict(X), rtol=1e-6)
    assert loaded.evaluate(X, X[:, :2], verbose=0) == pytest.approx(model.evaluate(X, X[:, :2], verbose=0), rel=1e-5)
    model.save_weights(weights, overwrite=True)
    other = network(models)
    other.load_weights(weights)
    np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-6)
    named = models.Sequential([layers.Dense(3, input_shape=(4,), name=model.layers[0].name), layers.Dense(7)])
    named.load_weights(weights, by_name=True)
    np.testing.assert_array_equal(named.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("generation", ["keras1", "keras2"])
def test_names_of_weights_tell_of_their_layers(generation):
    """Programs choose learning rates and decay by them."""
    layers = importlib.import_module(f"kbridge.compat.{generation}.layers")
    models = importlib.import_module(f"kbridge.compat.{generation}.models")
    model = models.Sequential([layers.LSTM(3, input_shape=(4, 2), name="memory"), layers.Dense(2, name="out")])
    assert [w.name for w in model.weights] == [
        *("memory/kernel:0", "memory/recurrent_kernel:0", "memory/bias:0", "out/kernel:0", "out/bias:0")
    ]
