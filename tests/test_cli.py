"""The command line, and the examples."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kbridge
from kbridge import cli
from kbridge import config as settings
from kbridge.backend import registry
from kbridge.backend.frame import process

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in this process, with an empty $KERAS_HOME: (exit status, stdout, stderr)."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in settings.BACKEND_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "engine", None)
    monkeypatch.setattr(settings, "_set", {})
    settings.reload()

    def run(*arguments):
        try:
            status = cli.main(list(arguments))
        except SystemExit as left:  # argparse's way
            status = left.code
        return (status, *capsys.readouterr())

    yield run
    monkeypatch.undo()
    settings.reload()


def child(*arguments, **env):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]), **env}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, timeout=300)


def test_help_version_and_an_unknown_command(run):
    status, out, _ = run()
    assert status == 0
    for name, (_, text) in cli.COMMANDS.items():
        assert re.search(rf"^ +{name} +{text[:20]}", out, re.MULTILINE)
    assert run("--version") == (0, f"kbridge {kbridge.__version__}\n", "")
    status, out, err = run("demmo")
    assert status == 2 and "invalid choice: 'demmo'" in err and "demo" in err


def test_as_a_module():
    done = child("-m", "kbridge", "demo", "--backend", "numpy", "--epochs", "2")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "1437 handwritten digits to learn from, 360 to test on." in done.stdout
    accuracy = re.search(
        r"numpy +loaded in +\S+ s, trained in +\S+ s +test loss \d\.\d{4}, accuracy (\d+\.\d)%", done.stdout
    )
    assert float(accuracy[1]) > 75
    assert "differ" not in done.stdout


def test_the_demo_says_how_far_engines_are_apart(run):
    status, out, err = run("demo", "--backend", "np", "--backend", "torch", "--backend", "numpy", "--epochs", "1")
    assert (status, err) == (0, "")
    assert len(re.findall(r"trained in", out)) == 2
    apart = re.search(r"differ by at most (\S+) in the loss of an epoch\s+and (\S+) in a predicted probability", out)
    assert all(float(number) < 1e-3 for number in apart.groups())
    assert float(re.search(r"trained on numpy, .* differ by at most (\S+)\.\n", out)[1]) < 1e-5


def test_the_demo_goes_on_without_an_engine_that_does_not_load(run, monkeypatch):
    monkeypatch.setattr(registry, "available", lambda: ["jax", "numpy"])
    load = registry.load

    def broken(name, where=""):
        if name == "jax":
            raise RuntimeError("no such driver")
        return load(name, where)

    monkeypatch.setattr(registry, "load", broken)
    status, out, _ = run("demo", "--epochs", "1")
    assert status == 0 and "jax         does not load: RuntimeError: no such driver\n" in out and "numpy" in out


def test_errors_of_the_demo(run):
    assert run("demo", "--backend", "pytorhc") == (
        1,
        "",
        'kbridge demo: Unknown backend "pytorhc". Did you mean "torch"? Known: numpy, torch, jax, tensorflow.\n',
    )
    status, _, err = run("demo", "--epochs", "0")
    assert status == 1 and "at least one epoch. Received: --epochs 0" in err
    assert run("demo", "--epochs", "x")[0] == 2


def test_config_show_explain_and_path(run, tmp_path, monkeypatch):
    shown = ["backend            numpy", "floatx             float32", "epsilon            1e-07"]
    for arguments in (("config",), ("config", "show")):
        status, out, _ = run(*arguments)
        assert status == 0 and out.splitlines() == [*shown, "image_data_format  channels_last"]
    assert run("config", "path") == (0, f"{tmp_path / 'keras.json'}\n", "")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    out = run("config", "explain")[1].splitlines()
    assert out[0] == "backend            jax            the environment variable KERAS_BACKEND"
    assert out[1] == "floatx             float32        default"


def test_config_set(run, tmp_path, monkeypatch):
    path = tmp_path / "keras.json"
    status, out, _ = run("config", "set", "backend=pytorch", "epsilon=1e-5")
    assert (status, out) == (0, f"{path}: backend = torch, epsilon = 1e-05\n")
    assert json.loads(path.read_text()) == {"backend": "torch", "epsilon": 1e-5}
    assert f"backend            torch          {path}" in run("config", "explain")[1]
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert "KERAS_BACKEND is set (jax), it goes before the file" in run("config", "set", "backend=numpy")[1]
    monkeypatch.setattr(registry, "is_installed", lambda name: False)
    assert 'Not installed yet. Write: pip install "kbridge[jax]"' in run("config", "set", "backend=jax")[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["set"], "there is nothing to set. Write, for instance: kbridge config set backend=torch"),
        (["set", "backend"], "'backend' is no KEY=VALUE. Write, for instance"),
        (["set", "bakend=torch"], "there is no entry 'bakend'. The entries are: backend, floatx, epsilon, image_data"),
        (["set", "backend=theano"], "unknown backend 'theano'. Known: numpy, torch, jax, tensorflow"),
        (["set", "floatx=float8"], "floatx is 'float8'. Expected one of: float16, bfloat16, float32, float64."),
        (["set", "epsilon=small"], "epsilon must be a number, such as 1e-07. Received: 'small'."),
        (["set", "epsilon=2"], "epsilon is 2.0. Expected a number between 0 and 1"),
        (["set", "image_data_format=th"], "image_data_format is 'th'. Expected 'channels_last' or 'channels_first'."),
        (["show", "backend=torch"], "'show' takes nothing more. Received: 'backend=torch'. To change an entry, write"),
    ],
)
def test_errors_of_config(run, tmp_path, arguments, text):
    status, out, err = run("config", *arguments)
    assert (status, out) == (1, "") and err.startswith("kbridge config: ") and text in err and err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_broken_file_is_told_by_every_command(run, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": ')
    for command in ("config", "doctor"):
        status, _, err = run(command, *(["--fast"] if command == "doctor" else []))
        assert status == 1 and err.startswith(f"kbridge {command}: {tmp_path / 'keras.json'}: line 1, column 13: ")


def test_doctor(run):
    status, out, err = run("doctor")
    assert (status, err) == (0, "")
    for name in registry.BUILT_IN:
        version = re.escape(registry.load(name).version())
        assert re.search(rf"^  {name} +{version} +loads in +\S+ s +devices: cpu:0.*default: \S+$", out, re.MULTILINE)
    assert re.search(r"^  floatx +float32 +default$", out, re.MULTILINE)
    assert out.endswith('\nWould be used: "numpy" (the default).\n')


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("jax", 0, '"jax" (in the environment variable KERAS_BACKEND).'),
        ("Torch", 0, '"torch" (in the environment variable KERAS_BACKEND).'),
        ("theano", 0, '"torch", since "theano" (in the environment variable KERAS_BACKEND) is no longer made.'),
        ("jaxx", 1, 'none. "jaxx" (in the environment variable KERAS_BACKEND) is not known. Known: numpy, torch'),
    ],
)
def test_doctor_says_what_would_be_used(run, monkeypatch, name, status, text):
    monkeypatch.setenv("KERAS_BACKEND", name)
    found, out, _ = run("doctor", "--fast")
    assert found == status and f"Would be used: {text}" in out


def test_doctor_says_what_is_missing_and_what_is_broken(run, monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda name: name in ("numpy", "torch"))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    status, out, _ = run("doctor", "--fast")
    assert status == 1
    assert '  jax         not installed: pip install "kbridge[jax]"\n' in out
    assert 'Would be used: none. "jax" (in the environment variable KERAS_BACKEND) is not installed. Write: pip' in out
    load = registry.load

    def broken(name, where=""):
        if name == "torch":
            raise OSError("libcuda is damaged")
        return load(name, where)

    monkeypatch.setattr(registry, "load", broken)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    status, out, _ = run("doctor")
    assert status == 1 and "  torch       does not load: OSError: libcuda is damaged\n" in out
    assert "does not load: see above." in out
    monkeypatch.delenv("KERAS_BACKEND")
    assert run("doctor")[0] == 0  # what would be used can be used


def test_doctor_fast_loads_no_engine(tmp_path):
    code = (
        "import sys; from kbridge.cli import main; status = main(['doctor', '--fast']); "
        "print(status, [m for m in ('torch', 'jax', 'tensorflow', 'keras') if m in sys.modules])"
    )
    done = child("-c", code, KERAS_HOME=str(tmp_path))
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


# -- examples

ARGUMENTS = {"own_train_step.py": ["numpy", "60"]}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples(path, tmp_path):
    done = child(str(path), *ARGUMENTS.get(path.name, ["numpy"]), KERAS_HOME=str(tmp_path))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "numpy" in done.stdout and "nan" not in done.stdout


def test_there_are_examples():
    assert {"switch_engines.py", "own_train_step.py", "custom_layer.py"} <= {path.name for path in EXAMPLES}
