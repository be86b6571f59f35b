"""``KerasFileEditor``: weights in files of every kind, looked at, changed and written anew."""

import os
import shutil

import numpy as np
import pytest

import kbridge
from kbridge import layers, saving
from kbridge.saving import CorruptFileError, KerasFileEditor, UnsafeFileError, safetensors

pytest.importorskip("h5py")

from oracle import keras  # noqa: E402

X = np.linspace(-1, 1, 8).reshape(2, 4).astype("float32")
SUMMARY = """\
{file}
├─ layers
│  ├─ dense ('first')
│  │  ├─ 0: shape=(4, 3), dtype=float32
│  │  └─ 1: shape=(3,), dtype=float32
│  └─ sequential ('inner')
│     └─ layers
│        └─ dense
│           ├─ 0: shape=(3, 2), dtype=float32
│           └─ 1: shape=(2,), dtype=float32
└─ optimizer ('sgd')
   ├─ 0: shape=(), dtype=int32
   └─ 1: shape=(), dtype=float32
"""


def model(K=kbridge, more=()):
    inner = K.Sequential([K.Input((3,)), K.layers.Dense(2, name="dense")], name="inner")
    made = K.Sequential([K.Input((4,)), K.layers.Dense(3, name="first"), inner, *more], name="outer")
    made.compile("sgd", "mse")
    return made


def predict(made):
    return np.asarray(made.predict(X, verbose=0))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model's folder of files of each kind."""
    made, folder = model(), tmp_path_factory.mktemp("written")
    for ending in ("keras", "h5"):
        made.save(folder / f"model.{ending}")
    for ending in ("weights.h5", "safetensors", "npz"):
        made.save_weights(folder / f"model.{ending}")
    made.save_weights(folder / "model.weights.json", max_shard_size=4e-7)
    made.save(folder / "folder", zipped=False)
    return folder


@pytest.fixture
def made(written, tmp_path):
    """The model, which ``tmp_path`` has the files of."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return saving.load_model(written / "model.keras")


NEW = ("model.keras", "model.weights.h5", "model.weights.json", "model.safetensors", "model.npz", "folder")


def test_the_public_methods_are_those_of_keras():
    theirs = {name for name in vars(keras.saving.KerasFileEditor) if not name.startswith("_")}
    assert {"compare", "summary", "save", "resave_weights", "delete_weight"} <= theirs <= set(vars(KerasFileEditor))


def test_a_summary_draws_objects_and_shapes(made, tmp_path, capsys):
    KerasFileEditor(tmp_path / "model.weights.h5").summary()
    assert capsys.readouterr().out == SUMMARY.format(file=tmp_path / "model.weights.h5")
    editor = KerasFileEditor(tmp_path / "model.keras")
    editor.summary()
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'model.keras'}, Keras 3.15.1, saved 20")
    assert editor.config["class_name"] == "Sequential" and editor.metadata["keras_version"] == "3.15.1"


def test_numbers_stand_in_their_order(made, tmp_path, capsys):
    editor = KerasFileEditor(tmp_path / "model.weights.h5")
    editor.add_weights("optimizer", {str(i): np.zeros(2) for i in range(11)})
    editor.summary()
    shown = capsys.readouterr().out
    assert shown.index(" 2: ") < shown.index(" 9: ") < shown.index(" 10: ")


@pytest.mark.parametrize("name", NEW)
def test_what_is_in_a_file_is_compared_with_a_model(made, tmp_path, capsys, name):
    editor = KerasFileEditor(tmp_path / name)
    assert editor.compare(made) == {"status": "success", "error_count": 0, "match_count": 6}
    assert capsys.readouterr().out == "6 weight(s), and all match: the file fits the model.\n"
    other = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(5), layers.EinsumDense("ab,bc->ac", 2)])
    assert editor.compare(other) == {"status": "error", "error_count": 5, "match_count": 0}
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == [
        "- layers/dense/0: (4, 3) in the file, (4, 5) in the model",
        "- layers/dense/1: (3,) in the file, (5,) in the model",
        "- layers/einsum_dense: only in the model, not in the file",
    ]
    assert set(told[3:5]) == {
        f"- {name}: only in the file, not in the model" for name in ("layers/sequential", "optimizer")
    }


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("ending", ["weights.h5", "safetensors", "npz"])
def test_weights_of_one_kind_of_file_go_into_another(made, tmp_path, name, ending):
    editor = KerasFileEditor(tmp_path / name)
    (editor.save if ending == "npz" else editor.resave_weights)(tmp_path / f"new.{ending}")
    other = model()
    other.load_weights(tmp_path / f"new.{ending}")
    np.testing.assert_array_equal(predict(other), predict(made))


def test_files_it_writes_load_in_keras(made, tmp_path):
    theirs = model(keras)
    for name in ("model.weights.h5", "model.keras"):
        editor = KerasFileEditor(tmp_path / name)
        editor.add_weights("layers/dense", {"1": np.full(3, 2.0, "float32")})
        editor.save(tmp_path / f"new_{name}")
    theirs.load_weights(tmp_path / "new_model.weights.h5")
    again = keras.saving.load_model(tmp_path / "new_model.keras")
    made.get_layer("first").bias.assign(np.full(3, 2.0))
    for found in (theirs, again):
        np.testing.assert_allclose(predict(found), predict(made), atol=1e-6)


def test_it_opens_files_of_keras_and_keeps_their_inner_models(tmp_path):
    theirs = model(keras)
    theirs.save(tmp_path / "theirs.keras")
    editor = KerasFileEditor(tmp_path / "theirs.keras")
    assert editor.compare(model())["status"] == "success"
    editor.save(tmp_path / "new.keras")
    np.testing.assert_allclose(predict(saving.load_model(tmp_path / "new.keras")), predict(theirs), atol=1e-6)
    # Keras's own editor forgets what is in a model in the model
    lost = keras.saving.KerasFileEditor(str(tmp_path / "theirs.keras"))
    assert "sequential" not in lost.weights_dict["layers"]


def test_a_file_of_another_model_is_made_to_fit(made, tmp_path):
    """The way of Keras's guide: compare, rename, delete, add, compare, save."""
    target = kbridge.Sequential(
        [kbridge.Input((4,)), layers.EinsumDense("ab,bc->ac", 3, bias_axes="c"), layers.Dense(2)]
    )
    path = tmp_path / "model.weights.h5"
    editor = KerasFileEditor(path)
    editor.delete_object("sequential")
    editor.delete_object("/optimizer")
    editor.rename_object("dense", "einsum_dense")
    editor.add_object("layers/dense", {0: np.ones((3, 2)), "1": np.arange(2.0), "extra": {"0": np.zeros(1)}})
    assert editor.compare(target)["error_count"] == 1
    editor.delete_object("layers/dense/extra")
    editor.add_weights("dense", {"2": np.zeros(1)})
    editor.delete_weight("dense", 2)
    assert editor.compare(target) == {"status": "success", "error_count": 0, "match_count": 4}
    editor.save(path)  # in its own place
    assert editor.compare(target)["status"] == "success"
    editor.save(path)
    target.load_weights(path)
    np.testing.assert_array_equal(target.layers[0].kernel.numpy(), made.layers[0].kernel.numpy())
    np.testing.assert_array_equal(target.layers[1].bias.numpy(), [0, 1])
    assert not [name for name in os.listdir(tmp_path) if "saving" in name]


def test_layers_of_an_old_file_are_edited_in_their_own_words(made, tmp_path, capsys):
    path = tmp_path / "model.h5"
    editor = KerasFileEditor(path)
    assert editor.compare(made) == {"status": "success", "error_count": 0, "match_count": 4}
    editor.add_weights("first", {"first/bias:0": np.full(3, 2.0, "float32")})
    editor.rename_object("inner", "outer")
    editor.delete_weight("first", "kernel:0")
    assert (
        editor.compare(made)["error_count"] == 1 and "first: Dense 'first' has 2 variables" in capsys.readouterr().out
    )
    kernel = made.layers[0].kernel.numpy()
    editor.delete_object("first")
    editor.add_object("begin", {"kernel": kernel})
    assert editor.compare(made)["error_count"] == 2
    editor = KerasFileEditor(path)
    editor.add_weights("first", {"first/bias:0": np.full(3, 2.0, "float32")})
    editor.save(tmp_path / "new.h5")
    made.get_layer("first").bias.assign(np.full(3, 2.0))
    again = saving.load_model(tmp_path / "new.h5")
    np.testing.assert_array_equal(predict(again), predict(made))
    assert type(again.optimizer) is type(made.optimizer)
    np.testing.assert_allclose(predict(keras.saving.load_model(tmp_path / "new.h5")), predict(made), atol=1e-6)
    with pytest.raises(ValueError, match="older generation, so the name of the new file must end in .h5"):
        editor.save(tmp_path / "new.weights.h5")


def test_what_belongs_to_no_object_is_kept(made, tmp_path):
    path = tmp_path / "latest.weights.h5"
    saving.weights.write_weights(made, path, training={"epoch": 3, "values": np.arange(4)})
    KerasFileEditor(path).save(path)
    found = saving.weights.read_weights(made, path, lambda told: None)
    assert found["epoch"] == 3 and found["values"].tolist() == [0, 1, 2, 3]


def test_narrow_floats_and_columns_are_written(made, tmp_path):
    import ml_dtypes

    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    for ending in ("weights.h5", "safetensors", "npz"):
        editor = KerasFileEditor(tmp_path / "model.weights.h5")
        editor.add_weights("layers/dense", {"2": np.ones(2, ml_dtypes.bfloat16), "3": columns, "4": np.int8(7)})
        editor.save(tmp_path / f"new.{ending}")
        with saving.weights.open_source(tmp_path / f"new.{ending}") as source:
            read = [source.read(f"layers/dense/vars/{i}") for i in (2, 3, 4)]
        assert read[0].dtype == ("float32" if ending == "npz" else "bfloat16") and read[2] == 7 and read[2].shape == ()
        np.testing.assert_array_equal(read[1], columns)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda e: e.rename_object("dens", "x"), "no object 'dens'. Did you mean 'layers/dense'"),
        (lambda e: e.rename_object("dense", "x"), "Several objects .*: layers/dense, layers/sequential/layers/dense"),
        (lambda e: e.rename_object("layers/dense", "sequential"), "an object 'layers/sequential' already"),
        (lambda e: e.rename_object("layers/dense", "a/b"), "without '/'. Received: 'a/b'"),
        (lambda e: e.delete_object(""), "no object ''"),
        (lambda e: e.delete_weight("layers/dense", 7), "has no weight 7. It has: 0, 1"),
        (lambda e: e.add_object("layer/new", {}), "There is no object 'layer' that 'layer/new' could be in"),
        (lambda e: e.add_object("layers/dense", {}), "an object 'layers/dense' already. Write add_weights"),
        (lambda e: e.add_object("layers/..", {}), "Received: '..'"),
        (lambda e: e.add_weights("layers/dense", [np.ones(2)]), "names .* to arrays. Received: list"),
        (
            lambda e: e.add_weights("layers/dense", {"2": "text"}),
            "an array of numbers. Received: layers/dense, '2': <U4",
        ),
        (lambda e: e.compare("model"), "compare.. needs a model. Received: 'model'"),
        (lambda e: e.save("new.keras"), "must end in .weights.h5, .safetensors, .npz. Received: 'new.keras'"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(made, tmp_path, change, match):
    editor = KerasFileEditor(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match=match):
        change(editor)
    assert editor.compare(made)["status"] == "success"


def test_files_that_cannot_be_edited_are_told(made, tmp_path):
    np.savez(tmp_path / "list.npz", *made.get_weights())
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    np.savez(tmp_path / "deep.npz", **{"a/" * 200 + "vars/0": np.ones(3)})
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").touch()
    for name, kind, match in (
        ("list.npz", CorruptFileError, "a list without names"),
        ("other.npz", CorruptFileError, "no weights under paths"),
        ("deep.npz", UnsafeFileError, "nested more than 150 deep"),
        ("saved_model", CorruptFileError, "TensorFlow's own files are not edited"),
        ("missing.keras", FileNotFoundError, "no file .*missing.keras"),
    ):
        with pytest.raises(kind, match=match):
            KerasFileEditor(tmp_path / name)

    def odd(take):
        take("a/vars/0", np.ones(1))
        take("a/vars/0/vars/0", np.ones(1))

    safetensors.safetensors_of(tmp_path / "odd.safetensors", odd)
    safetensors.safetensors_of(tmp_path / "nul.safetensors", lambda take: take("a\0/vars/0", np.ones(1)))
    with pytest.raises(CorruptFileError, match="its name is no plain path"):
        KerasFileEditor(tmp_path / "nul.safetensors")
    with pytest.raises(CorruptFileError, match="odd.safetensors: what it holds cannot be written anew"):
        KerasFileEditor(tmp_path / "odd.safetensors").save(tmp_path / "new.weights.h5")
    editor = KerasFileEditor(tmp_path / "model.keras")
    model(more=[layers.Dense(1)]).save(tmp_path / "model.keras")
    with pytest.raises(CorruptFileError, match="model.keras: it was changed since it was opened"):
        editor.save(tmp_path / "new.keras")
    assert not [name for name in os.listdir(tmp_path) if name.startswith(("new", "."))]
