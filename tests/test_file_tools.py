"""``kbridge inspect`` and ``kbridge convert``: what users are told of files of every kind, and what becomes of them."""

import json
import os
import zipfile

import numpy as np
import pytest

import kbridge
from kbridge import cli, layers, saving

h5py = pytest.importorskip("h5py")

import old_files  # noqa: E402

X = np.linspace(-1, 1, 8).reshape(2, 4).astype("float32")


def model():
    first = [kbridge.Input((4,), name="x"), layers.Dense(3, name="a")]
    made = kbridge.Sequential([*first, layers.Dense(2, name="b")], name="m")
    made.compile("adam", "mse")
    return made


def of_keras_1(path):
    rng = np.random.default_rng(0)
    config = {"output_dim": 3, "bias": True, "batch_input_shape": [None, 4], "activation": "hard_sigmoid"}
    weights = {"dense_1": [("dense_1_W", old_files.random(rng, 4, 3)), ("dense_1_b", old_files.random(rng, 3))]}
    described = {"class_name": "Sequential", "config": old_files.sequential(("Dense", config))}
    return old_files.write(path, weights, described, "1.2.2")


def changed(path, change):
    """The ``.keras`` file at ``path`` with another config."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**parts, "config.json": json.dumps(config)}.items():
            archive.writestr(name, data)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("files"), model()
    for name in ("model.keras", "unknown.keras", "wrong.keras", "model.h5"):
        made.save(folder / name)
    made.save(folder / "folder", zipped=False)
    for name in ("w.weights.h5", "w.safetensors", "w.npz", "old_weights.h5"):
        made.save_weights(folder / name)
    made.save_weights(folder / "w.weights.json", max_shard_size=4e-7)
    np.savez(folder / "list.npz", *made.get_weights())
    (folder / "model.json").write_text(made.to_json())
    (folder / "model.yaml").write_text(saving.to_yaml(made))
    of_keras_1(folder / "keras1.h5")
    changed(folder / "unknown.keras", lambda config: config["config"]["layers"][1].update(class_name="Mine"))
    changed(folder / "wrong.keras", lambda config: config["config"]["layers"][2]["config"].update(units=7))
    with h5py.File(folder / "other.h5", "w") as file:
        file["images/first"] = np.zeros((3, 4))
    (folder / "text.txt").write_text("a text\n")
    (folder / "empty.keras").touch()
    (folder / "empty").mkdir()
    (folder / "data.json").write_text('{"a": 1}')
    data = (folder / "model.keras").read_bytes()
    (folder / "cut.keras").write_bytes(data[: len(data) // 2])
    return folder


@pytest.fixture
def run(files, capsys, monkeypatch):
    """Run a command in the folder of files: (exit status, lines of stdout, lines of stderr)."""
    monkeypatch.chdir(files)

    def run(*arguments):
        status = cli.main(list(arguments))
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return run


LAYERS = [["x", "InputLayer", "0"], ["a", "Dense", "15"], ["b", "Dense", "8"]]


@pytest.mark.parametrize(
    "name, head, parameters, optimizer",
    [
        ("model.keras", ".keras file, Keras 3 (3.15.1)", "23", "Adam"),
        ("folder", "folder, with what a .keras file holds, Keras 3 (3.15.1)", "23", "Adam"),
        ("model.h5", "HDF5 file, Keras 2 or tf.keras (2.19.0)", "23", "Adam, without its state"),
        ("model.json", "JSON file, Keras 3", "23, no values in this file", "none"),
        ("model.yaml", "YAML file, Keras 2 or tf.keras (2.19.0)", "23, no values in this file", "none"),
    ],
)
def test_a_model_is_told_with_its_layers(run, name, head, parameters, optimizer):
    status, out, err = run("inspect", name)
    assert (status, err) == (0, []) and out[0] == f"{name}: {head}"
    out = [line for line in out if "written with" not in line]
    assert out[1:4] == [
        "  model          Sequential 'm'",
        f"  parameters     {parameters}",
        f"  optimizer      {optimizer}",
    ]
    assert [line.split() for line in out[4:]] == LAYERS


@pytest.mark.parametrize(
    "name, head, optimizer, found",
    [
        (
            "w.weights.h5",
            "HDF5 file, Keras 3",
            "its state",
            [["layers/dense", "a", "15"], ["layers/dense_1", "b", "8"]],
        ),
        ("w.weights.json", "index of weights in several files, Keras 3", "its state", None),
        ("w.safetensors", ".safetensors file, Keras 3", "its state", [["layers/dense", "15"], ["layers/dense_1", "8"]]),
        ("w.npz", ".npz file, Keras 3", "its state", [["layers/dense", "15"], ["layers/dense_1", "8"]]),
        ("list.npz", ".npz file, 4 arrays in order, as of get_weights()", "none", []),
        ("old_weights.h5", "HDF5 file, Keras 2 or tf.keras (2.19.0)", "none", [["a", "15"], ["b", "8"]]),
    ],
)
def test_weights_alone_are_told_as_such(run, name, head, optimizer, found):
    status, out, err = run("inspect", name)
    assert (status, err) == (0, []) and out[0] == f"{name}: {head}"
    assert "  model          none, weights alone" in out and "  parameters     23" in out
    assert f"  optimizer      {optimizer}" in out
    lines = [line.split() for line in out if line.startswith("    ")]
    assert lines == found if found is not None else sum(int(line[-1]) for line in lines) == 23


def test_what_is_converted_and_what_cannot_be_read_is_told(run):
    status, out, err = run("inspect", "keras1.h5")
    assert status == 0 and out[:2] == ["keras1.h5: HDF5 file, Keras 1 (1.2.2)", "  written with   theano"]
    assert "  converted: Dense: output_dim is called units" in out
    assert "  converted: hard_sigmoid is that of Keras 2, of slope 0.2" in out
    status, out, err = run("inspect", "unknown.keras", "model.keras", "missing.keras", "wrong.keras")
    assert status == 1 and err == ["kbridge inspect: There is no file 'missing.keras'."]
    refused = [line for line in out if line.startswith("  cannot be read: ")]
    assert len(refused) == 2 and "Unknown class 'Mine'" in refused[0] and "custom_objects={'Mine': ...}" in refused[0]
    assert "layers/dense_1: Dense 'b' has the variable" in refused[1] and "(3, 7), and the file (3, 2)" in refused[1]
    assert saving.inspect("unknown.keras", {"Mine": layers.Dense}).refused == []


BAD = {
    "missing.keras": "There is no file 'missing.keras'.",
    "empty": "empty: it is a folder, but of no model: it has neither config.json nor saved_model.pb.",
    "empty.keras": "empty.keras: it is empty.",
    "text.txt": "text.txt: it is no HDF5, .keras, .safetensors or .npz file, and not the text of a model.",
    "data.json": "data.json: it is JSON, but describes no model: 'class_name' is missing.",
    "cut.keras": "cut.keras: it is no whole zip file: its list of members is missing.",
    "other.h5": "other.h5: none of its arrays is where Keras keeps weights. It holds images/first.",
}


@pytest.mark.parametrize("name", BAD)
def test_other_files_are_told_in_a_line(run, name):
    assert run("inspect", name) == (1, [], [f"kbridge inspect: {BAD[name]}"])
    before = sorted(os.listdir())
    assert run("convert", name, "new.keras") == (1, [], [f"kbridge convert: {BAD[name]}"])
    assert sorted(os.listdir()) == before


def test_names_in_a_file_cannot_write_to_the_terminal(files, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes((files / "model.keras").read_bytes())
    changed(path, lambda config: config["config"].update(name="\x1b[2J\n\nm"))
    told = str(saving.inspect(path))
    assert "\x1b" not in told and r"\x1b[2J" in told and "\n\n" not in told


@pytest.mark.parametrize("source", ["model.keras", "folder", "model.h5", "keras1.h5"])
@pytest.mark.parametrize("target", [".keras", ".h5", "/"])
def test_models_are_converted_with_equal_predictions(run, tmp_path, source, target):
    path = f"{tmp_path}/new{target}"
    status, out, err = run("convert", source, path)
    assert (status, err) == (0, []) and out[-1].startswith(f"{path}: Sequential")
    first, second = saving.load_model(source), saving.load_model(path)
    np.testing.assert_allclose(first.predict(X, verbose=0), second.predict(X, verbose=0), rtol=1e-6)
    assert type(first.optimizer) is type(second.optimizer)
    if source == "keras1.h5":
        assert "converted: Dense: output_dim is called units" in out
        assert [line for line in out if line.startswith("note: keras1.h5 does not say how the model is trained")]


@pytest.mark.parametrize("source", ["model.keras", "folder", "model.h5", "w.weights.h5", "w.weights.json", "w.npz"])
@pytest.mark.parametrize("target", [".weights.h5", ".safetensors", ".npz"])
def test_weights_are_converted(run, tmp_path, source, target):
    path = f"{tmp_path}/new{target}"
    assert run("convert", source, path)[0] == 0
    found = model()
    found.load_weights(path)
    for one, other in zip(found.get_weights(), saving.load_model("model.keras").get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("source", ["model.keras", "model.json", "model.yaml", "model.h5"])
def test_texts_are_converted(run, tmp_path, source):
    for ending, read in ((".json", saving.model_from_json), (".yaml", saving.model_from_yaml)):
        assert run("convert", source, f"{tmp_path}/new{ending}")[0] == 0
        assert read((tmp_path / f"new{ending}").read_text()).count_params() == 23


@pytest.mark.parametrize(
    "source, target, text",
    [
        ("model.json", "new.keras", "model.json holds no weights, so only .json, .yaml, .yml can be made of it."),
        (
            "w.npz",
            "new.keras",
            "w.npz holds weights alone, and no model. Make the model, and write: model.load_weights",
        ),
        ("w.npz", "new.h5", "must end in .weights.h5, .safetensors, .npz. Received: 'new.h5'."),
        ("list.npz", "new.safetensors", "its arrays are a list without names."),
        ("old_weights.h5", "new.npz", "old_weights.h5 is of an older generation, so the name of the new file must end"),
        ("model.keras", "new.txt", "must end in one of .keras, .h5, .hdf5, /, .json"),
        ("model.keras", "empty/../text.txt/new.keras", "could not be written"),
        ("unknown.keras", "new.h5", "Unknown class 'Mine'"),
    ],
)
def test_what_cannot_be_converted_is_told_in_a_line(run, source, target, text):
    before = sorted(os.listdir())
    status, out, err = run("convert", source, target)
    assert status == 1 and out == [] and len(err) == 1 and text in err[0]
    assert err[0].startswith("kbridge convert: ") and sorted(os.listdir()) == before


def test_a_report_comes_with_the_model(files):
    made, report = saving.load_model(files / "model.keras", report=True)
    assert made.built and report.layers == [("x", "InputLayer", 0), ("a", "Dense", 15), ("b", "Dense", 8)]
    assert (report.era, report.parameters, report.refused) == ("Keras 3", 23, [])
