"""keras.json, environment variables, and the settings they make."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import config
from kbridge.backend import registry
from kbridge.backend.frame import process

ROOT = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty $KERAS_HOME, and a process in which nothing has been chosen yet."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in config.BACKEND_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "engine", None)
    monkeypatch.setattr(config, "_set", {})
    config.reload()
    yield tmp_path
    monkeypatch.undo()
    config.reload()


def write(home, content):
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    (home / "keras.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    config.reload()


def python(code, **env):
    """Run ``code`` in a process of its own; returns the finished process."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]), **env}
    env = {name: value for name, value in env.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True, timeout=300
    )


# -- where values come from


def test_the_order_of_what_chooses_the_engine(home, monkeypatch):
    assert kbridge.backend.backend() == "numpy"
    assert config.backend_choice() == ("numpy", "")
    write(home, {"backend": "torch"})
    assert config.backend_choice() == ("torch", f" (in {home / 'keras.json'})")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert config.backend_choice() == ("jax", " (in the environment variable KERAS_BACKEND)")
    monkeypatch.setenv("KBRIDGE_BACKEND", "tensorflow")
    assert config.backend_choice() == ("tensorflow", " (in the environment variable KBRIDGE_BACKEND)")
    monkeypatch.setenv("KBRIDGE_BACKEND", " ")
    assert config.backend_choice()[0] == "jax"
    monkeypatch.setattr(process, "engine", None)
    assert kbridge.backend.backend() == "jax"
    kbridge.set_backend("numpy")
    assert kbridge.backend.backend() == "numpy"
    with kbridge.use_backend("torch"):
        assert kbridge.backend.backend() == "torch"


def test_where_the_file_is_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "a"))
    assert config.path() == tmp_path / "a" / "keras.json"
    monkeypatch.setenv("HOME", str(tmp_path / "b"))
    monkeypatch.setenv("KERAS_HOME", "~/c")
    assert config.path() == tmp_path / "b" / "c" / "keras.json"
    for unset in (lambda: monkeypatch.setenv("KERAS_HOME", ""), lambda: monkeypatch.delenv("KERAS_HOME")):
        unset()
        assert config.path() == tmp_path / "b" / ".keras" / "keras.json"


def test_every_entry_is_honoured(home):
    write(home, {"backend": "jax", "floatx": "float64", "epsilon": 1e-4, "image_data_format": "channels_first"})
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == ("float64", 1e-4, "channels_first")
    with kbridge.use_backend("numpy") as engine:
        assert engine.dtype(kbridge.ops.zeros((2,))) == "float64"
        assert kbridge.layers.Conv2D(1, 3)(np.zeros((1, 2, 5, 5))).shape == (1, 1, 3, 3)
    origin = str(home / "keras.json")
    assert config.explain() == {
        "backend": ("jax", origin),
        "floatx": ("float64", origin),
        "epsilon": (1e-4, origin),
        "image_data_format": ("channels_first", origin),
    }
    config.set_epsilon(1e-3)
    assert config.explain()["epsilon"] == (1e-3, "set in this process")


def test_the_names_of_keras_1(home):
    for old, new in (("th", "channels_first"), ("tf", "channels_last")):
        write(home, {"image_dim_ordering": old})
        assert config.image_data_format() == new
    write(home, {"image_data_format": "channels_last", "image_dim_ordering": "th"})
    assert config.image_data_format() == "channels_last"  # the newer entry goes first
    write(home, {"image_dim_ordering": "th", "image_data_format": "channels_last"})
    assert config.image_data_format() == "channels_last"


def test_a_byte_order_mark_is_no_matter(home):
    write(home, b"\xef\xbb\xbf" + b'{"floatx": "float16"}')
    assert config.floatx() == "float16"


def test_no_file_and_no_folder(home, monkeypatch):
    assert config.from_file() == {}
    (home / "file").write_text("")
    for place in (home / "nowhere", home / "file"):
        monkeypatch.setenv("KERAS_HOME", str(place))
        config.reload()
        assert config.from_file() == {}


# -- a file that cannot be used: the error names it, the place and the fix


@pytest.mark.parametrize(
    ("content", "place", "fix"),
    [
        ("", "the file is empty", 'Write {"backend": "numpy"}'),
        (" \n", "the file is empty", "delete it"),
        ('{"backend": "jax"', "line 1, column 18: ", "half written"),
        ('{\n  "backend": jax\n}', "line 2, column 14: ", "Correct that place"),
        ("{'backend': 'jax'}", "line 1, column 2: ", "Correct that place"),
        ("[1]", "expected an object, found list", 'Write {"backend": "numpy"}'),
        ("null", "expected an object, found NoneType", 'Write {"backend": "numpy"}'),
        ("[" * 100_000, "it holds what no configuration does", 'Write {"backend": "numpy"}'),
        ({"backend": 3}, '"backend" is 3', "the name of an engine"),
        ({"backend": ""}, "\"backend\" is ''", "the name of an engine"),
        ({"backend": None}, '"backend" is None', "the name of an engine"),
        ({"floatx": "float8"}, "floatx is 'float8'", "Expected one of: float16, bfloat16, float32, float64"),
        ({"floatx": ["float32"]}, "floatx is ['float32']", "Expected one of"),
        ({"floatx": 32}, "floatx is 32", "Expected one of"),
        ({"epsilon": "1e-7"}, "epsilon is '1e-7'", "a number between 0 and 1"),
        ({"epsilon": True}, "epsilon is True", "a number between 0 and 1"),
        ({"epsilon": 0}, "epsilon is 0", "a number between 0 and 1"),
        ('{"epsilon": NaN}', "epsilon is nan", "a number between 0 and 1"),
        ({"image_data_format": "channels"}, "image_data_format is 'channels'", "'channels_last' or 'channels_first'"),
        ({"image_data_format": {}}, "image_data_format is {}", "'channels_last' or 'channels_first'"),
        ({"image_dim_ordering": "xx"}, "\"image_dim_ordering\" is 'xx'", '"tf" or "th"'),
        ({"image_dim_ordering": []}, '"image_dim_ordering" is []', '"tf" or "th"'),
        ('{"floatx": "float32"}'.encode("utf-16"), "byte 0: ", "as UTF-8"),
    ],
)
def test_errors_name_the_file_the_place_and_the_fix(home, content, place, fix):
    write(home, content)
    for ask in (config.floatx, kbridge.backend.backend, config.explain):
        with pytest.raises(config.ConfigError) as raised:
            ask()
        text = str(raised.value)
        assert text.startswith(str(home / "keras.json")) and place in text and fix in text
    before = (home / "keras.json").read_bytes()
    with pytest.raises(config.ConfigError):
        config.save(floatx="float64")  # what is not understood is not overwritten
    assert (home / "keras.json").read_bytes() == before


def test_a_folder_in_its_place(home):
    (home / "keras.json").mkdir()
    with pytest.raises(config.ConfigError, match="keras.json cannot be read: Is a directory. Make it a file"):
        config.floatx()


def test_a_file_that_may_not_be_read(home, monkeypatch):
    write(home, {})

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(home / "keras.json"))

    monkeypatch.setattr(Path, "read_text", refuse)  # the tests may run as a user to whom nothing is forbidden
    with pytest.raises(config.ConfigError, match="keras.json cannot be read: Permission denied. Make it a file"):
        config.floatx()


def test_a_repaired_file_is_read_again(home):
    write(home, "{")
    with pytest.raises(config.ConfigError):
        config.floatx()
    (home / "keras.json").write_text('{"floatx": "float64"}')
    assert config.floatx() == "float64"  # an error is not remembered


def test_unknown_entries_are_told_with_a_hint(home):
    write(home, {"flaotx": "float64", "nnx_enabled": False, "colour": 1})
    with pytest.warns(UserWarning) as told:
        assert config.floatx() == "float32"
    texts = [str(warning.message) for warning in told]
    assert len(texts) == 2
    assert (
        texts[0] == f"{home / 'keras.json'}: the entry 'flaotx' is not known and does nothing. Did you mean 'floatx'?"
    )
    assert texts[1].endswith("the entry 'colour' is not known and does nothing.")


# -- engines that are retired, unknown or not installed


@pytest.mark.parametrize("name", ["theano", "Theano", "cntk"])
def test_a_retired_engine_is_replaced(home, monkeypatch, name):
    write(home, {"backend": name})
    with pytest.warns(UserWarning) as told:
        assert kbridge.backend.backend() == "torch"
    assert kbridge.backend.backend() == "torch"
    (text,) = [str(warning.message) for warning in told]
    assert text.startswith(f'The backend "{name}" (in {home / "keras.json"}) is no longer made; "torch" is used')
    assert 'write "torch" there' in text
    monkeypatch.setattr(registry, "is_installed", lambda name: name == "numpy")
    assert registry.substitute() == "numpy"


def test_an_unknown_engine(home, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorfow")
    with pytest.raises(registry.UnknownBackendError) as raised:
        kbridge.ops.zeros((2,))
    assert str(raised.value).startswith(
        'Unknown backend "tensorfow" (in the environment variable KERAS_BACKEND). Did you mean "tensorflow"? Known: '
    )
    with pytest.raises(ValueError, match='Unknown backend "pytorhc". Did you mean "torch"?'):
        kbridge.set_backend("pytorhc")
    with pytest.raises(ValueError, match='Unknown backend "something". Known: numpy, torch, jax, tensorflow'):
        kbridge.use_backend("something")


def test_an_engine_that_is_not_installed(tmp_path):
    done = python(
        """
        import sys
        sys.modules["torch"] = sys.modules["tensorflow"] = None
        import kbridge
        from kbridge.backend import registry
        print(kbridge.available())
        try:
            kbridge.ops.zeros((2,))
        except registry.BackendNotInstalledError as error:
            assert isinstance(error, ImportError)
            print(error)
        print(registry.substitute())
        """,
        KERAS_BACKEND="torch",
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout.splitlines() == [
        "['numpy', 'jax']",
        'The backend "torch" (in the environment variable KERAS_BACKEND) needs torch, which is not installed. '
        'Write: pip install "kbridge[torch]". Installed here: numpy, jax.',
        "jax",
    ], done.stderr


# -- settings


@pytest.mark.parametrize("floatx", config.FLOATX)
def test_floatx_is_the_dtype_of_what_is_new(engine, floatx):
    config.set_floatx(floatx)
    ops = kbridge.ops
    layer = kbridge.layers.Dense(2)
    layer.build((None, 3))
    assert layer.kernel.dtype == layer.compute_dtype == floatx
    for tensor in (ops.zeros((2,)), ops.convert_to_tensor(0.5), ops.mean(ops.arange(3)), layer(ops.ones((1, 3)))):
        assert engine.dtype(tensor) == floatx
    assert engine.dtype(ops.convert_to_tensor(1)) == "int32"
    assert kbridge.Input((2,)).dtype == floatx
    with pytest.raises(ValueError, match="floatx is 'float'. Expected one of: float16, bfloat16, float32, float64."):
        config.set_floatx("float")
    assert config.floatx() == floatx


def test_floatx_may_be_a_dtype_object(engine):
    config.set_floatx(kbridge.ops.zeros((1,), "float16").dtype)
    assert config.floatx() == "float16"
    config.set_floatx(np.float64)
    assert config.floatx() == "float64"


def test_settings_are_checked():
    for value in ("small", 0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="epsilon is .*Expected a number between 0 and 1"):
            config.set_epsilon(value)
    with pytest.raises(ValueError, match="image_data_format is 'th'. Expected 'channels_last' or 'channels_first'."):
        config.set_image_data_format("th")
    config.set_image_data_format("channels_first")
    assert config.standardize_data_format(None) == "channels_first"
    assert config.standardize_data_format("Channels_Last") == "channels_last"
    with pytest.raises(ValueError, match="data_format must be 'channels_last' or 'channels_first'. Received: 'nchw'"):
        config.standardize_data_format("NCHW")


# -- writing


def test_save_keeps_the_other_entries(home):
    write(home, {"nnx_enabled": False, "floatx": "float64", "image_dim_ordering": "th"})
    config.save(backend="torch", epsilon=1e-5)
    assert json.loads((home / "keras.json").read_text()) == {
        "nnx_enabled": False,
        "floatx": "float64",
        "image_dim_ordering": "th",
        "backend": "torch",
        "epsilon": 1e-5,
    }
    config.save(image_data_format="channels_last")
    assert "image_dim_ordering" not in json.loads((home / "keras.json").read_text())
    assert config.image_data_format() == "channels_last"
    for wrong in ({"flaotx": 1}, {"floatx": "float8"}, {"epsilon": 3}):
        before = (home / "keras.json").read_text()
        with pytest.raises(ValueError):
            config.save(**wrong)
        assert (home / "keras.json").read_text() == before


def test_save_makes_the_folder(home, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(home / "new" / "folder"))
    config.save(floatx="float64")
    assert config.floatx() == "float64" and (home / "new" / "folder" / "keras.json").exists()


def test_save_replaces_the_file_in_one_step(home, monkeypatch):
    write(home, {"floatx": "float64"})

    def broken(*args):
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", broken)
        with pytest.raises(OSError, match="no space left"):
            config.save(floatx="float16")
    assert os.listdir(home) == ["keras.json"] and json.loads((home / "keras.json").read_text()) == {"floatx": "float64"}

    seen, done = [], threading.Event()

    def watch():
        while not done.is_set():
            seen.append(json.loads((home / "keras.json").read_text())["floatx"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    for i in range(50):
        config.save(floatx=("float16", "float64")[i % 2])
    done.set()
    watcher.join()
    assert set(seen) <= {"float16", "float64"} and os.listdir(home) == ["keras.json"]


def test_save_writes_through_a_link(home):
    (home / "real.json").write_text("{}")
    (home / "real.json").chmod(0o640)
    (home / "keras.json").symlink_to(home / "real.json")
    config.save(floatx="float64")
    assert (home / "keras.json").is_symlink()
    assert json.loads((home / "real.json").read_text()) == {"floatx": "float64"}
    assert (home / "real.json").stat().st_mode & 0o777 == 0o640


def test_reading_writes_nothing(home):
    config.explain(), kbridge.backend.backend(), kbridge.ops.zeros((2,))
    assert os.listdir(home) == []


# -- beside an installed Keras


def test_keras_and_kbridge_share_a_variable_and_a_process(tmp_path):
    done = python(
        """
        import kbridge, keras
        ours, theirs = (type(found.ops.zeros((2,))) for found in (kbridge, keras))
        print(kbridge.backend.backend(), keras.backend.backend(), ours is theirs)
        """,
        KERAS_BACKEND="jax",
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout.split() == ["jax", "jax", "True"], done.stderr


@pytest.mark.parametrize("name", ["theano", "no such engine", None])
def test_tensorflow_runs_whatever_the_variable_says(tmp_path, name):
    done = python(
        """
        import warnings
        warnings.simplefilter("ignore")
        import numpy as np, kbridge
        with kbridge.use_backend("tensorflow"):
            model = kbridge.Sequential([kbridge.layers.Dense(1)])
            model.compile("sgd", "mse")
            model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
            print(kbridge.backend.backend())
        """,
        KERAS_BACKEND=name,
        KERAS_HOME=None,
        HOME=str(tmp_path),
    )
    assert done.stdout.split() == ["tensorflow"] and done.stderr == "", done.stderr
    assert not (tmp_path / ".keras").exists()


def test_tensorflow_runs_whatever_the_file_says(tmp_path):
    """Its own copy of an old Keras does not know every dtype."""
    (tmp_path / "keras.json").write_text('{"floatx": "bfloat16"}')
    done = python(
        """
        import kbridge
        with kbridge.use_backend("tensorflow") as engine:
            print(engine.dtype(kbridge.ops.zeros((2,))), kbridge.config.path().parent)
        """,
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout.split() == ["bfloat16", str(tmp_path)], done.stderr
    assert os.listdir(tmp_path) == ["keras.json"]
