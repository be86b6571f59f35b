"""Models in folders, as ``save(..., zipped=False)`` writes them: whole, of Keras's form, and safe to open."""

import os
import shutil
import threading

import numpy as np
import pytest

import kbridge
from kbridge import layers, saving
from kbridge.saving import CorruptFileError, UnsafeFileError, atomic, unzipped

pytest.importorskip("h5py")

from oracle import keras  # noqa: E402

X = np.linspace(-1, 1, 12).reshape(3, 4).astype("float32")
TEXTS = np.array([["b a"], ["c"]])


def small(units=2):
    made = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(units)])
    made.compile("adam", "mse")
    return made


def words():
    layer = layers.TextVectorization(output_sequence_length=2)
    layer.adapt(["a b", "b"])
    return kbridge.Sequential([kbridge.Input((1,), dtype="string"), layer])


def predict(made, x=X):
    return np.asarray(made.predict(x, verbose=0))


def names(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, found in os.walk(folder) for name in found)


def test_a_folder_comes_back_and_training_goes_on_alike(engine, tmp_path):
    made = small()
    made.fit(X, X[:, :2], verbose=0)
    made.save(tmp_path / "model", zipped=False)
    assert names(tmp_path / "model") == ["config.json", "metadata.json", "model.weights.h5"]
    again, weights = saving.load_model(tmp_path / "model"), small()
    weights.load_weights(tmp_path / "model")
    for found in (again, weights):
        np.testing.assert_allclose(predict(found), predict(made), rtol=1e-6)
    history = [one.fit(X, X[:, :2], verbose=0, shuffle=False).history["loss"] for one in (made, again)]
    np.testing.assert_allclose(*history, rtol=1e-6)


def test_assets_lie_below_it(tmp_path):
    made = words()
    made.save(tmp_path / "model", zipped=False)
    assert any(name.startswith(os.path.join("assets", "layers")) for name in names(tmp_path / "model"))
    np.testing.assert_array_equal(predict(saving.load_model(tmp_path / "model"), TEXTS), predict(made, TEXTS))


def test_keras_reads_ours_and_we_read_keras(tmp_path):
    made = small()
    made.save(tmp_path / "ours", zipped=False)
    theirs = keras.saving.load_model(tmp_path / "ours")
    np.testing.assert_allclose(predict(theirs), predict(made), atol=1e-6)
    theirs.save(tmp_path / "theirs", zipped=False)
    np.testing.assert_allclose(predict(saving.load_model(tmp_path / "theirs")), predict(made), atol=1e-6)
    assert names(tmp_path / "theirs") == names(tmp_path / "ours")


@pytest.mark.parametrize("name", ["model.keras", "model"])
def test_names_are_those_that_keras_takes(tmp_path, name):
    path = tmp_path / name
    zipped = path.suffix != ".keras"
    for make in (small(), keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])):
        with pytest.raises(ValueError, match="keras"):
            make.save(path, zipped=zipped)
    small().save(tmp_path / "named.h5", zipped=False)
    assert (tmp_path / "named.h5").is_dir() and saving.load_model(tmp_path / "named.h5").built
    with pytest.raises(ValueError, match="save_format='h5'"):
        small().save(tmp_path / "other", zipped=False, save_format="h5")


# -- nothing is lost


def test_a_folder_that_is_there_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "model"
    path.mkdir(0o750)
    words().save(path, zipped=False)
    (tmp_path / "link").symlink_to(path)
    made = small()
    made.save(tmp_path / "link", zipped=False)
    assert names(path) == ["config.json", "metadata.json", "model.weights.h5"] and (tmp_path / "link").is_symlink()
    np.testing.assert_array_equal(predict(saving.load_model(path)), predict(made))
    assert path.stat().st_mode & 0o777 == 0o750 and sorted(os.listdir(tmp_path)) == ["link", "model"]
    with pytest.raises(FileExistsError, match="overwrite=True"):
        made.save(path, zipped=False, overwrite=False)


def test_what_is_no_model_stays(tmp_path):
    made, other = small(), tmp_path / "other"
    for content in ("diary.txt", os.path.join("assets", "picture.png"), "saved_model.pb"):
        (other / content).parent.mkdir(parents=True)
        (other / content).write_text("mine")
        with pytest.raises(FileExistsError, match="holds .* and so more than a model"):
            made.save(other, zipped=False)
        assert names(tmp_path) == [os.path.join("other", content)]
        shutil.rmtree(other)
    other.write_text("mine")
    with pytest.raises(NotADirectoryError, match="is a file, so no folder can be written there"):
        made.save(other, zipped=False)
    assert other.read_text() == "mine" and os.listdir(tmp_path) == ["other"]


def test_a_save_that_fails_leaves_the_old_folder(tmp_path, monkeypatch):
    path, made = tmp_path / "model", small()
    made.save(path, zipped=False)
    before = predict(made)

    def fail(self, store):
        raise OSError("the disk is full")

    monkeypatch.setattr(layers.BatchNormalization, "save_own_variables", fail)
    with pytest.raises(OSError, match="disk is full. The folder that was there is as it was"):
        small().save(path, zipped=False)
    np.testing.assert_array_equal(predict(saving.load_model(path)), before)
    assert os.listdir(tmp_path) == ["model"]


def test_where_folders_cannot_be_exchanged_the_old_one_stays(tmp_path, monkeypatch):
    path, made = tmp_path / "model", small()
    made.save(path, zipped=False)
    monkeypatch.setattr(atomic.ctypes, "CDLL", lambda *args, **kwargs: object())
    with pytest.raises(OSError, match="cannot exchange two folders at once.*The folder that was there is as it was"):
        small().save(path, zipped=False)
    np.testing.assert_array_equal(predict(saving.load_model(path)), predict(made))
    small().save(tmp_path / "new", zipped=False)
    assert sorted(os.listdir(tmp_path)) == ["model", "new"]


def test_folders_that_killed_processes_left_behind_are_removed(tmp_path):
    left = tmp_path / ".model.0123456789ab.saving"
    (left / "assets").mkdir(parents=True)
    (left / "assets" / "words.txt").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / ".link.0123456789ab.saving").symlink_to(outside)
    with atomic.replacing_folder(tmp_path / "other") as other:  # this one is being written just now
        small().save(tmp_path / "model.keras")
        assert not left.exists() and os.path.isdir(other) and outside.is_dir()
    assert (tmp_path / "other").is_dir()


def test_several_that_save_to_one_folder_do_not_spoil_it(tmp_path):
    path, models, failed = tmp_path / "model", [small(), small()], []
    for number, made in enumerate(models, 1):
        made.set_weights([np.full(w.shape, number, "float32") for w in made.get_weights()])

    def write(made):
        try:
            for _ in range(4):
                made.save(path, zipped=False)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(made,)) for made in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and os.listdir(tmp_path) == ["model"]
    found = {float(v) for weight in saving.load_model(path).get_weights() for v in np.unique(weight)}
    assert found in ({1.0}, {2.0})


# -- what is in it


def _link(path, target):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize(
    "change, kind, match",
    [
        (lambda f: _link(f / "config.json", "metadata.json"), UnsafeFileError, "config.json: it is a link"),
        (lambda f: _link(f / "model.weights.h5", "/nowhere"), UnsafeFileError, "model.weights.h5: it is a link"),
        (lambda f: _link(f / "assets", "/"), UnsafeFileError, "assets: it is a link"),
        (lambda f: _link(f / "assets" / "words.txt", "/etc/passwd"), UnsafeFileError, "assets/words.txt: it is a link"),
        (lambda f: (f / "assets" / "a\nb").touch(), UnsafeFileError, "its name is no plain one"),
        (lambda f: (f / "metadata.json").unlink(), CorruptFileError, "metadata.json: .*missing"),
        (lambda f: (f / "config.json").unlink(), CorruptFileError, "config.json: .*missing"),
        (lambda f: (f / "model.weights.h5").unlink(), CorruptFileError, "model.weights.h5: .*missing"),
        (lambda f: (f / "model.weights.h5").write_bytes(b"no"), CorruptFileError, "model.weights.h5: .*no HDF5 file"),
        (lambda f: (f / "config.json").write_text("{"), CorruptFileError, "config.json: it is not JSON"),
        (lambda f: ((f / "config.json").unlink(), os.mkfifo(f / "config.json")), UnsafeFileError, "no ordinary file"),
    ],
)
def test_folders_are_read_without_leaving_them(tmp_path, change, kind, match):
    words().save(tmp_path / "model", zipped=False)
    change(tmp_path / "model")
    for read in (saving.load_model, saving.inspect):
        with pytest.raises(kind, match=match):
            read(tmp_path / "model")


def test_other_files_in_a_folder_are_left_alone_and_members_bounded(tmp_path, monkeypatch):
    words().save(tmp_path / "model", zipped=False)
    _link(tmp_path / "model" / "README.md", "/nowhere")
    assert saving.load_model(tmp_path / "model").built
    monkeypatch.setattr(unzipped, "MOST_MEMBERS", 3)
    with pytest.raises(UnsafeFileError, match="more than 3 files"):
        saving.load_model(tmp_path / "model")
