"""Files of Keras 3.15.1, in every format it has, with models of every layer: what each side writes the other reads."""

import inspect
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import zoo_in_keras
from zoo import MEANT_FOR_NO_FILE, ZOO, call, classes
from zoo_in_keras import FORMATS, keep, state, unlike, write

import kbridge
from kbridge import layers, saving
from kbridge.backend import registry

pytest.importorskip("h5py")

QUICK = ("deferred", "frozen", "models_of_models", "of_ones_own", "penalized", "subclassed", "trained_by_Adam")
PER_MODEL = pytest.mark.parametrize("name", ZOO)


def outputs(model, exhibit):
    to_numpy = registry.current().to_numpy
    return [x if isinstance(x, np.ndarray) else to_numpy(x) for x in call(model, exhibit.inputs())]


def predicted(model, exhibit):
    """The model's outputs, and what else has to come back."""
    return outputs(model, exhibit) + state(model)


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    """The folder with the files of both sides, and what Keras says of ours and of its own."""
    folder = tmp_path_factory.mktemp("zoo")
    for side in ("ours", "theirs"):
        (folder / side).mkdir()
    with registry.use_backend("numpy"):
        for name, exhibit in ZOO.items():
            model = exhibit.make(kbridge)
            write(model, folder / "ours" / name, {})
            keep(folder / "ours" / name, outputs(model, exhibit), state(model))
    facts = {}
    for engine in ("torch", "tensorflow"):
        names = [name for name, exhibit in ZOO.items() if exhibit.engine == engine]
        env = {**os.environ, "KERAS_BACKEND": engine, "TF_CPP_MIN_LOG_LEVEL": "3"}
        program = [sys.executable, zoo_in_keras.__file__, str(folder), *names]
        done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]
        facts |= json.loads((folder / f"{engine}.json").read_text())
    return folder, facts


def stored(stem):
    """What a model gave to the side that wrote it."""
    kept = np.load(f"{stem}.npz")
    return [kept[key] for key in kept if key != "state"]


def test_every_layer_has_a_model():
    known = {value for value in vars(layers).values() if inspect.isclass(value) and issubclass(value, layers.Layer)}
    known -= {getattr(layers, name) for name in MEANT_FOR_NO_FILE}
    text = " ".join(exhibit.text for exhibit in ZOO.values())
    named = {getattr(layers, word, None) for word in re.findall(r"\w+", text)}
    assert sorted(layer.__name__ for layer in known - named) == []


@PER_MODEL
def test_what_is_written_here_is_read_by_keras(name, exchanged):
    facts = exchanged[1][name]
    assert "error" not in facts, facts["error"]
    wrong = {kind: why for kind, why in facts.items() if kind in FORMATS and why and not facts.get(f"its own {kind}")}
    assert not wrong


@pytest.mark.filterwarnings("ignore:It is left as it is")  # the optimizer, which Keras leaves out of JSON
@PER_MODEL
def test_what_keras_writes_is_read(name, exchanged):
    folder, facts = exchanged[0], exchanged[1][name]
    exhibit, stem = ZOO[name], folder / "theirs" / name
    classes(kbridge)
    given, expected = exhibit.custom_objects(kbridge), stored(stem)

    def check(model, whole=True):
        found = predicted(model, exhibit) if whole else outputs(model, exhibit)
        assert unlike(found, expected[: len(found)], exhibit.tolerance) is None

    with registry.use_backend("numpy"):
        if not facts.get("its own keras"):
            check(saving.load_model(f"{stem}.keras", custom_objects=given))
        if "h5" not in facts["refused"] and not facts.get("its own h5"):
            model = saving.load_model(f"{stem}.h5", custom_objects=given)
            check(model, whole=model.optimizer is not None)  # what is shared by models is not, after such a file
        fresh = kbridge.models.model_from_json((folder / "theirs" / f"{name}.json").read_text(), given)
        if any(hasattr(layer, "get_vocabulary") for layer in fresh.layers):
            fresh = exhibit.make(kbridge)  # JSON has no place for what was learned
        for kind in ("weights.h5", "weights.json"):
            if kind not in facts["refused"] and not facts.get("its own keras"):
                fresh.load_weights(f"{stem}.{kind}")
                check(fresh, whole=False)


def test_what_keras_writes_is_read_on_each_engine(engine, exchanged, request):
    """Each engine takes all weights. Some models predict on it; all of them on engines named by ``--engine``."""
    folder, facts = exchanged
    names = ZOO if request.config.getoption("--engine") else QUICK
    wrong = {}
    classes(kbridge)
    for name, exhibit in ZOO.items():
        if facts[name].get("its own keras"):
            continue
        stem = folder / "theirs" / name
        model = saving.load_model(f"{stem}.keras", custom_objects=exhibit.custom_objects(kbridge))
        assert all(variable.value is not None for variable in model.variables)  # on the engine
        with registry.use_backend(engine.name if name in names else "numpy"):
            wrong[name] = unlike(predicted(model, exhibit), stored(stem), exhibit.tolerance)
    assert {name: why for name, why in wrong.items() if why} == {}


def test_what_keras_says_beside_a_call_is_no_word_of_the_user(exchanged, tmp_path):
    """Keras writes training=False beside each call of a Dropout: it is the default, not a wish."""
    x = np.ones((2, 4), "float32")
    with registry.use_backend("numpy"):
        model = saving.load_model(exchanged[0] / "theirs" / "Dropout.keras")
        assert (outputs_in_training(model, ZOO["Dropout"].inputs())[0] == 0).any()
        inputs = kbridge.Input((4,))
        kept = kbridge.Model(inputs, layers.Dropout(0.5)(layers.Dropout(0.5)(inputs), training=False))
        never = kbridge.Model(inputs, layers.Dropout(0.5)(inputs, training=False))
        for number, mine in enumerate((kept, never)):
            mine.save(tmp_path / f"{number}.keras")
            mine.save(tmp_path / f"{number}.h5")
            for again in (saving.load_model(tmp_path / f"{number}.{kind}") for kind in ("keras", "h5")):
                assert (np.asarray(again(x, training=True)) == 0).any() == (mine is kept)


def outputs_in_training(model, inputs):
    return [np.asarray(x) for x in model(inputs, training=True)]


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_vocabularies_come_back_whatever_their_tokens_are(kind, tmp_path):
    with registry.use_backend("numpy"):
        for name in ("TextVectorization_of_lines", "StringLookup", "IntegerLookup"):
            model = ZOO[name].make(kbridge)
            model.save(tmp_path / f"model.{kind}")
            again = saving.load_model(tmp_path / f"model.{kind}")
            assert unlike(outputs(again, ZOO[name]), outputs(model, ZOO[name])) is None
        lookup = layers.StringLookup(vocabulary=["a", "b"])
        lookup.set_vocabulary(["c", "d"])
        model = kbridge.Model(inputs := kbridge.Input((), dtype="string"), lookup(inputs))
        model.save(tmp_path / f"model.{kind}")
        again = saving.load_model(tmp_path / f"model.{kind}")
        assert again.layers[-1].get_vocabulary() == ["[UNK]", "c", "d"]


def test_layers_that_models_share_come_back_shared(tmp_path):
    with registry.use_backend("numpy"):
        exhibit = ZOO["shared_by_models"]
        model = exhibit.make(kbridge)
        model.save(tmp_path / "model.keras")
        again = saving.load_model(tmp_path / "model.keras")
        assert unlike(predicted(again, exhibit), predicted(model, exhibit)) is None
