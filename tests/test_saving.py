"""Files: models that come back as they were, from and for Keras 3 too, and hostile files that get nowhere."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import saved_models
from saved_models import inputs, leaves, make

import kbridge
from kbridge import layers, saving
from kbridge.backend import registry
from kbridge.saving import CorruptFileError, UnsafeFileError, atomic

h5py = pytest.importorskip("h5py")


def outputs(model, name):
    return leaves(kbridge.tree.map_structure(registry.current().to_numpy, model(inputs(name), training=False)))


def assert_close(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def small():
    return kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.Dense(2)])


# -- back and forth


@pytest.mark.parametrize("name", saved_models.MODELS)
def test_a_model_comes_back_on_its_engine_and_on_another(engine, name, tmp_path):
    model = make(name, kbridge)
    expected = outputs(model, name)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    other = "torch" if engine.name == "numpy" else "numpy"
    for reader in (engine.name, other):
        with registry.use_backend(reader):
            found = saving.load_model(tmp_path / "model.keras")
            assert type(found) is type(model) and [w.name for w in found.weights] == [w.name for w in model.weights]
            assert_close(outputs(found, name), expected)
            fresh = saved_models.MODELS[name](kbridge)
            fresh.load_weights(tmp_path / "model.weights.h5")
            assert_close(outputs(fresh, name), expected)


def test_the_optimizer_comes_back_and_training_goes_on_alike(engine, tmp_path):
    model = saved_models.trained(kbridge)
    model.save(tmp_path / "model.keras")
    found = saving.load_model(tmp_path / "model.keras")
    assert type(found.optimizer) is type(model.optimizer)
    assert found.optimizer.get_config() == model.optimizer.get_config()
    assert int(found.optimizer.iterations) == 3
    for one, other in zip(found.optimizer.get_weights(), model.optimizer.get_weights()):
        np.testing.assert_array_equal(one, other)
    x = inputs("trained")
    history = [m.fit(x, x[:, :1], epochs=2, verbose=0, shuffle=False).history for m in (model, found)]
    assert set(history[1]) == {"loss", "mae", "square"}
    for key in history[0]:
        np.testing.assert_allclose(history[0][key], history[1][key], rtol=1e-5)
    assert saving.load_model(tmp_path / "model.keras", compile=False).optimizer is None


def test_what_compile_left_to_the_engine_is_left_to_it_again(tmp_path):
    model = small()
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    model.save(tmp_path / "model.keras")
    found = saving.load_model(tmp_path / "model.keras")
    assert found.steps_per_execution == "auto" and found.jit_compile == "auto"
    assert found.get_compile_config() == model.get_compile_config()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "mixed_bfloat16", "mixed_float16"])
def test_narrow_floats_come_back_bit_for_bit(engine, dtype, tmp_path):
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3, dtype=dtype)])
    model.save(tmp_path / "model.keras")
    found = saving.load_model(tmp_path / "model.keras")
    assert found.layers[0].dtype_policy.name == dtype
    for one, other in zip(found.get_weights(), model.get_weights()):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()


@saving.register_keras_serializable("tests")
class Keeper(layers.Layer):
    """Keeps its state in its own words, and a text in a file of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.text, self.table = "", np.zeros(2)
        self.built = True

    def call(self, x):
        return x

    def save_own_variables(self, store):
        store["table"] = self.table

    def load_own_variables(self, store):
        self.table = np.asarray(store["table"])

    def save_assets(self, folder):
        Path(folder, "text.txt").write_text(self.text)

    def load_assets(self, folder):
        self.text = Path(folder, "text.txt").read_text()


def test_layers_may_keep_state_and_assets_their_own_way(tmp_path):
    model = kbridge.Sequential([kbridge.Input((4,)), Keeper(name="keeper"), layers.Dense(1)])
    model.layers[0].text, model.layers[0].table = "words", np.array([3.0, 4.0])
    model.save(tmp_path / "model.keras")
    assert "assets/layers/keeper/text.txt" in zipfile.ZipFile(tmp_path / "model.keras").namelist()
    found = saving.load_model(tmp_path / "model.keras").layers[0]
    assert found.text == "words" and found.table.tolist() == [3.0, 4.0]


def test_weights_are_read_from_a_whole_model_and_from_a_file_object(tmp_path):
    model = small()
    model.save(tmp_path / "model.keras")
    fresh = small()
    fresh.load_weights(tmp_path / "model.keras")
    np.testing.assert_array_equal(fresh.get_weights()[0], model.get_weights()[0])
    found = saving.load_model(io.BytesIO((tmp_path / "model.keras").read_bytes()))
    np.testing.assert_array_equal(found.get_weights()[0], model.get_weights()[0])
    (tmp_path / "model.keras").rename(tmp_path / "model.h5")  # content counts, not the name
    assert len(saving.load_model(tmp_path / "model.h5").layers) == 2


def test_models_without_a_folder_of_names(tmp_path):
    assert kbridge.models.load_model is saving.load_model and kbridge.models.save_model is saving.save_model
    kbridge.models.save_model(small(), tmp_path / "new" / "folder" / "model.keras")
    assert kbridge.models.load_model(tmp_path / "new" / "folder" / "model.keras").built


# -- Keras


@pytest.fixture(scope="module")
def of_keras(tmp_path_factory):
    """Files that Keras 3 wrote."""
    pytest.importorskip("keras", minversion="3.15")
    return run_keras("write", tmp_path_factory.mktemp("keras"))


def run_keras(command, folder):
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    program = [sys.executable, saved_models.__file__, command, str(folder)]
    done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", saved_models.MODELS)
def test_files_of_keras_are_read(engine, of_keras, name):
    saved_models.classes(kbridge)
    expected = list(np.load(of_keras / f"{name}.npz").values())
    model = saving.load_model(of_keras / f"{name}.keras")
    state = model.optimizer.get_weights() if model.optimizer else []
    assert_close(outputs(model, name) + state, expected)
    if name in saved_models.IN_HDF5:
        model = saving.load_model(of_keras / f"{name}.h5")
        state = model.optimizer.get_weights() if model.optimizer else []
        assert_close(outputs(model, name) + state, expected)
    for ending in ("h5", "json"):
        fresh = saved_models.MODELS[name](kbridge)
        fresh.load_weights(of_keras / f"{name}.weights.{ending}")
        assert_close(outputs(fresh, name), expected[: len(outputs(fresh, name))])


def test_keras_reads_ours(tmp_path):
    pytest.importorskip("keras", minversion="3.15")
    for name in saved_models.MODELS:
        model = make(name, kbridge)
        model.save(tmp_path / f"{name}.keras")
        model.save_weights(tmp_path / f"{name}.weights.h5")
        model.save_weights(tmp_path / f"{name}.weights.json", max_shard_size=saved_models.SHARD)
        if name in saved_models.IN_HDF5:
            model.save(tmp_path / f"{name}.h5")
            model.save_weights(tmp_path / f"{name}_weights.h5")
        state = model.optimizer.get_weights() if model.optimizer else []
        np.savez(tmp_path / f"{name}.npz", *outputs(model, name), *state)
    run_keras("read", tmp_path)


@pytest.mark.parametrize("name", saved_models.MODELS)
def test_files_have_the_layout_of_keras(of_keras, name, tmp_path):
    make(name, kbridge).save_weights(tmp_path / "model.weights.h5")

    def arrays(path):
        found = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.update({name: getattr(item, "shape", None)}))
        return {name: shape for name, shape in found.items() if shape is not None}

    assert arrays(tmp_path / "model.weights.h5") == arrays(of_keras / f"{name}.weights.h5")


# -- what must not be lost


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    model, path = small(), tmp_path / "model.keras"
    model.save(path)
    before = path.read_bytes()

    def fail(self, store):
        raise OSError("the disk is full")

    monkeypatch.setattr(layers.BatchNormalization, "save_own_variables", fail)
    broken = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    for save in (broken.save, lambda path: broken.save_weights(path.with_suffix(".weights.h5"))):
        with pytest.raises(OSError, match="disk is full"):
            save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.keras"]


def test_a_model_that_could_not_be_loaded_again_says_so_when_saved(tmp_path):
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Lambda(lambda x: x + 1)])
    with pytest.warns(UserWarning, match=r"without what its lambdas do.*custom_objects=\{'lambda[_0-9]*': function\}"):
        model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras", {model.layers[-1].name: lambda x: x + 1})
    np.testing.assert_array_equal(again.predict(np.ones((1, 4)), verbose=0), np.full((1, 4), 2.0))


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    for name in ("model.keras", "epoch-7.keras"):  # of whatever name: checkpoints have a new one each time
        (tmp_path / f".{name}.0123456789ab.saving").write_bytes(b"half")
    with atomic.replacing(tmp_path / "other.keras") as other:  # this one is being written just now
        small().save(tmp_path / "model.keras")
        assert len(os.listdir(tmp_path)) == 2
        other.write(b"whole")
    assert sorted(os.listdir(tmp_path)) == ["model.keras", "other.keras"]


def test_two_that_write_at_once_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "file"
    with atomic.replacing(path) as one, atomic.replacing(path) as two:
        one.write(b"one")
        two.write(b"two")
    assert path.read_bytes() == b"one" and os.listdir(tmp_path) == ["file"]


def test_the_file_has_the_rights_that_files_have(tmp_path):
    path = tmp_path / "model.keras"
    small().save(path)
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    path.chmod(0o640)
    small().save(path)
    assert path.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link.keras"
    link.symlink_to(path)
    small().save(link)
    assert link.is_symlink() and saving.load_model(path).built


def test_wrong_names_and_arguments_are_told(tmp_path):
    model = small()
    with pytest.raises(ValueError, match=r"must end in '\.keras'"):
        model.save(tmp_path / "model.txt")
    with pytest.raises(ValueError, match=r"must end in '\.weights\.h5'"):
        model.save_weights(tmp_path / "model.txt")
    with pytest.raises(ValueError, match="zipped=False makes a folder"):
        model.save(tmp_path / "model.keras", zipped=False)
    with pytest.raises(ValueError, match=r"must end in '\.weights\.json'"):
        model.save_weights(tmp_path / "model.weights.h5", max_shard_size=1)
    with pytest.raises(TypeError, match="save_form"):
        model.save(tmp_path / "model.keras", save_form="tf")
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "model.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match="missing"):
        saving.load_model(tmp_path / "missing.keras")
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "model.keras", by_name=True)
    with pytest.raises(ValueError, match="not built"):
        kbridge.Sequential([layers.Dense(2)]).save_weights(tmp_path / "model.weights.h5")


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    small().save_weights(tmp_path / "model.weights.h5")
    other = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.Dense(5)])
    before = other.get_weights()
    with pytest.raises(CorruptFileError, match=r"layers/dense_1/vars.*\(3, 5\).*\(3, 2\)"):
        other.load_weights(tmp_path / "model.weights.h5")
    for one, now in zip(before, other.get_weights()):
        np.testing.assert_array_equal(one, now)
    with pytest.warns(UserWarning, match="layers/dense_1/vars"):
        other.load_weights(tmp_path / "model.weights.h5", skip_mismatch=True)
    assert (other.get_weights()[0] != before[0]).any() and (other.get_weights()[2] == before[2]).all()
    fresh = small()
    before = fresh.get_weights()
    fresh.load_weights(tmp_path / "model.weights.h5", objects_to_skip=[fresh.layers[0]])
    assert (fresh.get_weights()[0] == before[0]).all() and (fresh.get_weights()[2] != before[2]).any()


def test_weights_in_several_files(tmp_path):
    model = make("trained", kbridge)
    path = tmp_path / "model.weights.json"
    for largest in (100, 150):  # bytes; the files of the first time are removed
        model.save_weights(path, max_shard_size=largest / 2**30)
        files = sorted(set(os.listdir(tmp_path)) - {path.name})
        listed = json.loads(path.read_text())["weight_map"]
        assert len(files) > 1 and set(files) == {name for names in listed.values() for name in names}
        assert {"/layers/dense/vars", "/optimizer/vars"} <= set(listed)
        fresh = saved_models.trained(kbridge)
        fresh.load_weights(path)
        for one, other in zip(fresh.get_weights(), model.get_weights()):
            np.testing.assert_array_equal(one, other)
    mixed = tmp_path / "model_00001.weights.h5"
    kept = mixed.read_bytes()
    small().save_weights(tmp_path / "other.weights.json", max_shard_size=100 / 2**30)
    (tmp_path / "other_00000.weights.h5").replace(mixed)
    with pytest.raises(CorruptFileError, match="model_00001.*another save"):
        model.load_weights(path)
    mixed.write_bytes(kept)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match="Make that larger"):
        model.save_weights(path, max_shard_size=10 / 2**30)
    assert sorted(os.listdir(tmp_path)) == before
    for bad, kind in (("../x.weights.h5", UnsafeFileError), ("/x.weights.h5", UnsafeFileError), (3, UnsafeFileError)):
        path.write_text(json.dumps({"weight_map": {"/vars": [bad]}}))
        with pytest.raises(kind, match="beside it"):
            model.load_weights(path)
    path.write_text(json.dumps({"weight_map": {"/vars": ["absent.weights.h5"]}}))
    with pytest.raises(CorruptFileError, match="no such file"):
        model.load_weights(path)
    path.write_text("{}")
    with pytest.raises(CorruptFileError, match="weight_map"):
        model.load_weights(path)


# -- hostile files


@pytest.fixture
def parts(tmp_path):
    """The members of a good file, to make bad ones of."""
    small().save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members, **kwargs):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **kwargs) as archive:
        for name, data in members if isinstance(members, list) else members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def refused(data, kind, match, **kwargs):
    """The error that a file of these bytes is refused with; nothing but an error comes of it."""
    with pytest.raises(kind, match=match) as caught:
        saving.load_model(io.BytesIO(data), **kwargs)
    assert type(caught.value) is kind and isinstance(caught.value, ValueError)


def changed(parts, change):
    config = json.loads(parts["config.json"])
    return zipped({**parts, "config.json": json.dumps(change(config) or config)})


def layer(config, index=1):
    return config["config"]["layers"][index]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil", "a\\b", "C:evil", "assets/../../x", "assets//x", "con.txt"]
)
def test_no_name_in_a_zip_is_a_path(parts, name):
    refused(zipped({**parts, name: b"x"}), UnsafeFileError, "plain relative path")


def test_zips_are_bounded(parts, monkeypatch):
    refused(zipped([*parts.items(), ("assets/a", b"1"), ("assets/A", b"2")]), UnsafeFileError, "two members")
    bomb = zipped({**parts, "assets/zeros": bytes(64 << 20)}, compression=zipfile.ZIP_DEFLATED)
    refused(bomb, UnsafeFileError, "zip bomb")
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    refused(zipped([*parts.items(), (link, "/etc/passwd")]), UnsafeFileError, "it is a link")
    refused(zipped(parts, compression=zipfile.ZIP_LZMA), UnsafeFileError, "not deflate")
    monkeypatch.setattr("kbridge.saving.parse_zip.MOST_MEMBERS", 5)
    refused(zipped({**parts, **{f"assets/{i}": b"" for i in range(9)}}), UnsafeFileError, "12 members")


def test_damaged_zips_are_told_from_whole_ones(parts):
    good = zipped(parts)
    refused(b"", CorruptFileError, "empty")
    refused(b"PK\3\4 and no more", CorruptFileError, "list of members is missing")
    refused(good[:-30], CorruptFileError, "good|whole|list of members")
    flipped = bytearray(good)
    flipped[good.index(b"\x89HDF") + 5000] ^= 0xFF
    refused(bytes(flipped), CorruptFileError, "CRC")
    for name in parts:
        refused(zipped({k: v for k, v in parts.items() if k != name}), CorruptFileError, f"{name}: .*missing")
    size = good.index(b"config.json", good.index(b"PK\1\2")) - 22  # in the list of members
    lying = bytearray(good)
    lying[size : size + 4] = (1 << 30).to_bytes(4, "little")
    refused(bytes(lying), CorruptFileError, "two sizes differ")
    refused(zipped({**parts, "metadata.json": "[]"}), CorruptFileError, "metadata.json")
    pickled = {k: v for k, v in parts.items() if k != "model.weights.h5"} | {"model.weights.npz": b"x"}
    refused(zipped(pickled), UnsafeFileError, "nothing is unpickled")


@pytest.mark.parametrize(
    "text, kind, match",
    [
        ("[" * 100_000, UnsafeFileError, "deep"),
        ('{"a":' * 200 + "1" + "}" * 200, UnsafeFileError, "deep"),
        ('{"a": 1, "a": 2}', UnsafeFileError, "stands twice"),
        ('{"a": ' + "9" * 5000 + "}", UnsafeFileError, "digits"),
        ('{"a": ', CorruptFileError, "not JSON"),
        (b"\xff\xfe", CorruptFileError, "no UTF-8"),
        ("[]", CorruptFileError, "class_name"),
        ("3", CorruptFileError, "class_name"),
        ('{"class_name": "Dense", "config": {"units": 3}, "module": "keras.layers"}', CorruptFileError, "not a model"),
        ('{"class_name": "Dense", "config": {"units": "many"}}', CorruptFileError, "no model can be built"),
    ],
)
def test_configs_are_bounded_data(parts, text, kind, match):
    refused(zipped({**parts, "config.json": text}), kind, match)


def test_no_name_in_a_config_is_imported(parts, tmp_path):
    target = tmp_path / "effect"
    for module, name in (("os", "system"), ("builtins", "eval"), ("keras.utils", "get_file"), ("subprocess", "run")):

        def as_activation(config, module=module, name=name):
            layer(config)["config"]["activation"] = {
                "module": module,
                "class_name": "function",
                "config": name,
                "registered_name": name,
            }

        def as_class(config, module=module, name=name):
            config["config"]["layers"][1] = {
                "module": module,
                "class_name": name,
                "config": {"name": f"touch {target}"},
            }

        for change in (as_activation, as_class):
            refused(changed(parts, change), CorruptFileError, f"Unknown .*{name}")
    assert not target.exists()


def test_lambdas_are_refused_and_the_error_says_what_to_write(parts):
    import base64
    import marshal

    code = base64.b64encode(marshal.dumps((lambda x: x * 3).__code__)).decode()
    described = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}

    def change(config):
        config["config"]["layers"].append(
            {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "triple", "function": described}}
        )

    data = changed(parts, change)
    refused(data, UnsafeFileError, r"custom_objects=\{'triple': function\}")
    model = saving.load_model(io.BytesIO(data), custom_objects={"triple": lambda x: x * 3.0})
    x = np.ones((2, 4), "float32")
    expected = 3 * saving.load_model(io.BytesIO(zipped(parts))).predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6)

    def as_activation(config):
        layer(config)["config"]["activation"] = described

    refused(changed(parts, as_activation), UnsafeFileError, "config.activation.*is not run")

    def of_old(config):
        config["config"]["layers"].append(
            {
                "class_name": "Lambda",
                "config": {"name": "old", "function": [code, None, None], "function_type": "lambda"},
            }
        )

    refused(changed(parts, of_old), UnsafeFileError, "is not run")


def test_files_of_others_are_not_opened(parts):
    def vocabulary(config):
        config["config"]["layers"].append({"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}})

    refused(changed(parts, vocabulary), UnsafeFileError, "is a path")

    def saved_model(config):
        config["config"]["layers"].append({"class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}})

    refused(changed(parts, saved_model), UnsafeFileError, "TFSMLayer")


def test_a_config_cannot_allocate(parts):
    def huge(config):
        layer(config)["config"]["units"] = 1 << 40

    refused(changed(parts, huge), UnsafeFileError, "more memory than the file has weights for")

    def large(config):
        layer(config)["config"]["units"] = 1 << 23

    refused(changed(parts, large), UnsafeFileError, "more memory than the file has weights for")

    graph = {
        "class_name": "Functional",
        "module": "keras",
        "config": {"layers": [], "input_layers": [], "output_layers": []},
    }
    zeros = {"module": "kbridge.ops", "class_name": "ones", "config": {"name": "o"}, "name": "o"}
    graph["config"]["layers"] = [{**zeros, "inbound_nodes": [{"args": [[1 << 40]], "kwargs": {}}]}]
    refused(zipped({**parts, "config.json": json.dumps(graph)}), UnsafeFileError, "constants alone")


def test_configs_are_bounded_in_number(parts, monkeypatch):
    monkeypatch.setattr("kbridge.saving.check.MOST_LAYERS", 2)
    refused(zipped(parts), UnsafeFileError, "more than 2 layers")
    monkeypatch.setattr("kbridge.saving.check.MOST_LAYERS", 10)
    monkeypatch.setattr("kbridge.saving.check.MOST_OBJECTS", 5)
    refused(zipped(parts), UnsafeFileError, "5 objects in all")


def test_a_model_that_is_not_built_comes_back_unbuilt(tmp_path):
    model = kbridge.Sequential([layers.Dense(3), layers.Dense(2)], name="later")
    model.save(tmp_path / "model.keras")
    found = saving.load_model(tmp_path / "model.keras")
    assert not found.built and found.name == "later"
    assert found.predict(inputs("dense"), verbose=0).shape == (3, 2)


@pytest.mark.parametrize("key", ["class_name", "module", "registered_name", "build_config", "compile_config"])
def test_fields_of_a_wrong_kind_are_told(parts, key):
    def change(config):
        layer(config)[key] = [1]

    refused(changed(parts, change), CorruptFileError, rf"config.layers\[1\].*{key}")


def hdf5(fill):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for index, shape in ((0, ((4, 3), (3,))), (1, ((3, 2), (2,)))):
            for i, one in enumerate(shape):
                name = f"layers/dense{'_1' if index else ''}/vars/{i}"
                if (index, i) != (0, 0):
                    file[name] = np.ones(one, "float32")
        fill(file, "layers/dense/vars/0")
    return buffer.getvalue()


def _external(file, name):
    file.create_dataset(name, (4, 3), "float32", external=[("/etc/passwd", 0, 48)])


def _virtual(file, name):
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "data", (4, 3))
    file.create_virtual_dataset(name, layout)


def _soft(file, name):
    file[name] = h5py.SoftLink("/layers/dense_1/vars/0")


def _link(file, name):
    file[name] = h5py.ExternalLink("/tmp/other.h5", "/data")


def _twice(file, name):
    file[name] = file["layers/dense_1/vars/0"]


def _cycle(file, name):
    file["layers/dense/vars/0/again"] = file["layers"]


def _filtered(file, name):
    file.create_dataset(name, data=np.ones((4, 3), "float32"), chunks=(2, 3), scaleoffset=2)


def _holes(file, name):
    file.create_dataset(name, (4, 3), "float32", chunks=(2, 3), compression="gzip")[:2] = 1.0


def _bomb(file, name):
    file.create_dataset("zeros", data=np.zeros((17 << 20,), "float32"), chunks=(1 << 18,), compression="gzip")


def _text(file, name):
    file[name] = "text"


def _record(file, name):
    file[name] = np.zeros((4, 3), [("a", "f4")])


def _opaque(file, name):
    file[name] = np.zeros((4, 3), "V2")


def _missing(file, name):
    pass


def _unwritten(file, name):
    file.create_dataset(name, (1 << 30, 1 << 30), "float32")


def _shape(file, name):
    file[name] = np.ones((3, 4), "float32")


def _kind(file, name):
    file[name] = np.ones((4, 3), "int32")


@pytest.mark.parametrize(
    "fill, kind, match",
    [
        (_external, UnsafeFileError, "another file"),
        (_virtual, UnsafeFileError, "virtual"),
        (_soft, UnsafeFileError, "link"),
        (_link, UnsafeFileError, "link"),
        (_twice, UnsafeFileError, "two places"),
        (_cycle, UnsafeFileError, "two places"),
        (_filtered, UnsafeFileError, "filters"),
        (_holes, CorruptFileError, "chunks are missing"),
        (_bomb, UnsafeFileError, "compressed too well"),
        (_text, UnsafeFileError, "no numbers"),
        (_record, UnsafeFileError, "no numbers"),
        (_opaque, UnsafeFileError, "which no weight has"),
        (_missing, CorruptFileError, "2 variables"),
        (_unwritten, CorruptFileError, "are there"),
        (_shape, CorruptFileError, r"\(4, 3\).*\(3, 4\)"),
        (_kind, CorruptFileError, "int32"),
    ],
)
def test_weights_lie_in_the_file_itself_and_fit(parts, fill, kind, match, tmp_path):
    data = hdf5(fill)
    refused(zipped({**parts, "model.weights.h5": data}), kind, match)
    (tmp_path / "model.weights.h5").write_bytes(data)
    model = small()
    before = model.get_weights()
    with pytest.raises(kind, match=match):
        model.load_weights(tmp_path / "model.weights.h5")
    for one, now in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, now)


def test_damaged_weights_are_told(tmp_path):
    small().save_weights(tmp_path / "good.weights.h5")
    good = (tmp_path / "good.weights.h5").read_bytes()
    path = tmp_path / "bad.weights.h5"
    for data in (b"", b"no such thing", good[:100], good[: len(good) // 2], good[:-1]):
        path.write_bytes(data)
        with pytest.raises(CorruptFileError, match="bad.weights.h5"):
            small().load_weights(path)


def test_mutated_files_load_or_are_refused(parts):
    """Changes of a few bytes, in what is read first and in the whole."""
    rng = np.random.default_rng(0)
    good = zipped(parts)
    names = list(parts)
    for i in range(120):
        if i % 2:
            data = bytearray(good)
            for place in rng.integers(0, len(data), 3):
                data[place] = rng.integers(256)
        else:
            name = names[1] if i % 4 else names[0]
            member = bytearray(parts[name])
            for place in rng.integers(0, len(member), 2):
                member[place] = rng.integers(32, 127)
            data = zipped({**parts, name: bytes(member)})
        try:
            saving.load_model(io.BytesIO(bytes(data)))
        except (UnsafeFileError, CorruptFileError):
            continue


def test_h5py_is_imported_only_when_a_file_is_opened():
    program = "import sys, kbridge, kbridge.saving; assert 'h5py' not in sys.modules, 'too early'"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    program = "import sys, kbridge; assert 'kbridge.saving' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
