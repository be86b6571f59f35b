"""Files that tf_keras writes, in every format it has, and files that it reads: one process of it, beside."""

import numpy as np
import pytest
from models_of_tf_keras import AS_FOLDERS, MODELS, OPTIMIZERS, batches
from tf_keras_beside import FORMATS, WHOLE, TfKeras, given, leaves, load_arrays, unlike

import kbridge
from kbridge.backend import registry
from kbridge.saving import CorruptFileError, UnsafeFileError

QUICK = ("numpy", "torch")  # engines on which a model of many layers is called in no time; on others, some
SOME = ("dense", "images_1d", "two_ways", "functions_of_the_backend")


@pytest.fixture(scope="module")
def theirs():
    """tf_keras, which is asked things."""
    started = TfKeras()
    yield started
    started.close()


@pytest.fixture(scope="module")
def written(theirs, tmp_path_factory):
    """The folder that tf_keras has written its models to, and what it says of each."""
    folder = tmp_path_factory.mktemp("of_tf_keras")
    return folder, theirs.ask("write", folder, *MODELS)


def load(folder, kind, told):
    """The model of tf_keras in a file; for weights alone, made of another file, its weights forgotten."""
    path = str(folder / FORMATS[kind])
    if kind == "json":
        return kbridge.models.model_from_json((folder / FORMATS[kind]).read_text())
    if kind in WHOLE:
        return kbridge.models.load_model(path, compile=False)
    whole = next(other for other in ("keras", "h5") if other not in told["refused"])
    model = kbridge.models.load_model(str(folder / FORMATS[whole]), compile=False)
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    model.load_weights(path)
    return model


def kinds_of(name, told):
    return [kind for kind in FORMATS if kind not in told["refused"] and (kind != "folder" or name in AS_FOLDERS)]


def unlike_theirs(model, folder, told):
    """How a model's outputs differ from those of tf_keras, or None."""
    inputs, outputs = load_arrays(folder / "io.npz")
    found = leaves(model(given(told["names"], inputs), training=False))
    rounding = 1e-3 if "mixed" in folder.name else 1e-5
    return unlike([registry.current().to_numpy(x).astype("float32") for x in found], outputs, rounding)


def why_not(folder, kind, told):
    """Why kbridge does not read a file as it is meant, or None."""
    try:
        model = load(folder, kind, told)
    except (CorruptFileError, UnsafeFileError) as error:
        return str(error)
    return None if kind == "json" else unlike_theirs(model, folder, told)


@pytest.mark.parametrize("name", MODELS)
def test_what_tf_keras_writes_is_read(theirs, written, name):
    folder, told = written[0] / name, written[1][name]
    wrong = {}
    with registry.use_backend("numpy"):
        for kind in kinds_of(name, told):
            why = why_not(folder, kind, told)
            if why is not None and theirs.ask("read", folder, kind, folder) is None:  # a file that is good for it
                wrong[kind] = why
    assert wrong == {}


def test_models_predict_alike_on_each_engine(engine, written, request):
    """All models on engines named by ``--engine``, and on quick ones."""
    wrong = {}
    for name in MODELS if engine.name in QUICK or request.config.getoption("--engine") else SOME:
        folder, told = written[0] / name, written[1][name]
        kind = next(kind for kind in ("h5", "keras") if kind not in told["refused"])
        wrong[name] = why_not(folder, kind, told)
    assert {name: why for name, why in wrong.items() if why is not None} == {}


# what tf_keras has no words for, or keeps where Keras 3, which reads such files too, does not
NO_WAY_BACK = {
    ("gathered", "h5"): "take_along_axis is no function of TensorFlow",
    ("texts", "h5"): "the weights of tokens are variables there",
    ("texts_given", "h5"): "the weights of tokens are variables there",
    ("discretization", "weights.h5"): "what was seen of data is a variable there",
    ("normalized_together", "weights.h5"): "the layer is of a class of its own there",
    ("attention", "weights.h5"): "the inner layers have names of their own there",
}
SLOWLY_MADE = ("recurrent", "cells", "two_ways", "two_ways_and_each_step", "recurrent_images", "states", "masks")


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_here_is_read_by_tf_keras(theirs, written, name, tmp_path):
    folder, told = written[0] / name, written[1][name]
    whole = next(other for other in ("keras", "h5") if other not in told["refused"])
    wrong = {}
    with registry.use_backend("numpy"):
        model = load(folder, whole, told)
        for kind, save in (("h5", model.save), ("weights.h5", model.save_weights)):
            if (name, kind) in NO_WAY_BACK or (kind == "weights.h5" and name in SLOWLY_MADE):
                continue
            save(tmp_path / FORMATS[kind])
            why = theirs.ask("read", tmp_path, kind, folder)
            if why is not None:
                wrong[kind] = why
    assert wrong == {}


# -- training goes on


@pytest.fixture(scope="module")
def trained(theirs, tmp_path_factory):
    """The folder that tf_keras has written trained models to, and what it says of each."""
    folder = tmp_path_factory.mktemp("trained_by_tf_keras")
    return folder, theirs.ask("train", folder, *OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_as_it_would_have(theirs, trained, name):
    folder, told = trained[0] / name, trained[1][name]
    for kind in ("h5", "keras", "folder"):
        if not (folder / FORMATS[kind]).exists() or kind in told["refused"]:
            continue
        with registry.use_backend("numpy"):
            model = kbridge.models.load_model(str(folder / FORMATS[kind]))
            slots = [v.numpy() for v in model.optimizer.variables]
            model.train_on_batch(*batches()[0])
            why = unlike(model.get_weights(), told["after"])
        own = theirs.ask("go_on", folder, kind) if why else None
        assert why is None or isinstance(own, str) or unlike(own, told["after"]), (kind, why, slots, told["slots"])


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "legacy.SGD"])
def test_training_goes_on_in_tf_keras(theirs, trained, name, tmp_path):
    with registry.use_backend("numpy"):
        kbridge.models.load_model(str(trained[0] / name / FORMATS["h5"])).save(tmp_path / FORMATS["h5"])
    assert unlike(theirs.ask("go_on", tmp_path, "h5"), trained[1][name]["after"]) is None
