"""Files that are large, written by two at once, or cannot be written: memory, errors, what is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import layers, saving
from kbridge.saving import atomic

pytest.importorskip("h5py")

ROOT = Path(__file__).parents[1]
MODELS = (".keras", ".h5")
WEIGHTS = (".weights.h5", ".safetensors", ".npz")


def start(program, *arguments, engine="numpy"):
    """A process that runs ``program`` with names of files as arguments."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    # What is let go of is given back to the system at once, so that its count is of what is held.
    allocator = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_ARENA_MAX": "1"}
    env = {**os.environ, **allocator, "KBRIDGE_BACKEND": engine, "PYTHONPATH": paths}
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process):
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


def small(value=0.0, units=8):
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(units), layers.Dense(2)])
    for variable in model.variables:
        variable.assign(np.full(variable.shape, value, "float32"))
    return model


def save(model, path):
    (model.save if path.suffix == ".keras" or path.name == "a.h5" else model.save_weights)(path)


# -- memory

LAYER = 4 << 20  # bytes
COUNT = 8

MEASURE = """
import os, sys, gc, tracemalloc
import numpy as np
import kbridge
from kbridge import layers

folder, layer, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
units = int((layer / 4) ** 0.5)

def make(units=units, count=count):
    return kbridge.Sequential([kbridge.Input((units,)), *(layers.Dense(units) for _ in range(count))])

def resident(what):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))

def measured(function, *args, **kwargs):
    # what a call returns, and the bytes that it takes at its peak beside those held before it and after it
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    before, held = resident("VmRSS:"), tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    found = function(*args, **kwargs)
    most, traced = resident("VmHWM:"), tracemalloc.get_traced_memory()[1]
    before, held = max(before, resident("VmRSS:")), max(held, tracemalloc.get_traced_memory()[0])
    return found, max(traced - held, most - before)

def both(model, path, told=None):
    save, load, more = model.save_weights, model.load_weights, ()
    if path.endswith((".keras", "/a.h5")):
        save, load = model.save, kbridge.saving.load_model
    elif path.endswith("inner.h5"):  # a layer as the file has it is a whole model
        model = kbridge.Sequential([kbridge.Input(model.input_shape[1:]), model])
        save, load = model.save, model.load_weights
    elif path.endswith(".json"):
        more = (True, 3.5 * layer / 2**30)
    _, saving = measured(save, path, *more)
    _, loading = measured(load, path)
    if told:
        print(told, saving, loading)

small, model = make(4, 1), make()
for variable in model.variables:
    variable.assign(np.full(variable.shape, 0.5, "float32"))  # on the engine
tracemalloc.start()  # it tells of arrays whose pages no one has touched, too
for name in {names}:
    both(small, folder + "/" + "small_" + name)  # what is imported when first needed is no part of it
    both(model, folder + "/" + name, name)
assert all((weight == 0.5).all() for weight in model.get_weights())
del model, variable
model = make()
_, mapped = measured(model.load_weights, folder + "/a.safetensors", mmap=True)
print("mmap", 0, mapped)
"""
FORMS = ("a.weights.h5", "a.safetensors", "a.npz", "a.weights.json", "old.h5", "inner.h5", "a.keras", "a.h5")


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="peaks of memory are told by Linux")
def test_weights_stream_through_memory_layer_by_layer(engine, tmp_path):
    program = MEASURE.replace("{names}", repr(FORMS))
    lines = told(start(program, tmp_path, LAYER, COUNT, engine=engine.name)).split("\n")[:-1]
    assert len(lines) == len(FORMS) + 1
    spare = LAYER * 3 // 2  # a layer, and half of one for what allocators keep. A whole model has COUNT.
    for name, saved, loaded in map(str.split, lines):
        assert int(saved) < spare, f"saving {name}: {int(saved):,} bytes beside the model"
        assert int(loaded) < spare, f"loading {name}: {int(loaded):,} bytes beside the model"


def test_mapped_weights_are_read_when_used_and_never_written_back(engine, tmp_path):
    path = tmp_path / "a.safetensors"
    small(0.5).save_weights(path)
    before = path.read_bytes()
    model = small()
    model.load_weights(path, mmap=True)
    for weight in model.get_weights():
        np.testing.assert_array_equal(weight, np.full(weight.shape, 0.5))
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.zeros((8, 2)), epochs=2, verbose=0)
    assert not (model.get_weights()[0] == 0.5).all()
    assert path.read_bytes() == before
    small(0.25).save_weights(path)  # takes the old one's place: who has mapped that keeps it
    again = small()
    again.load_weights(path, mmap=True)
    assert (again.get_weights()[0] == 0.25).all()


# -- several writers, and those that are killed

SAVE = """
import sys, numpy as np
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_big_files import save, small
path, value = Path(sys.argv[1]), float(sys.argv[2])
model = small(value, 64)
print("ready", flush=True)
for _ in range({times}):
    save(model, path)
"""


def test_two_that_write_to_one_path_leave_one_whole_file(tmp_path):
    path = tmp_path / "a.keras"
    program = SAVE.format(tests=str(ROOT / "tests"), times=12)
    save(small(3.0, 64), path)
    writers = [start(program, path, value) for value in (1.0, 2.0)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        weights = saving.load_model(path).get_weights()
        found = {float(number) for weight in weights for number in weight.ravel()}
        assert len(found) == 1
        seen |= found
    for writer in writers:
        told(writer)
    assert seen <= {1.0, 2.0, 3.0} and len(seen) > 1
    assert os.listdir(tmp_path) == [path.name]


def test_what_a_killed_process_left_behind_is_gone_after_the_next_save(tmp_path):
    path = tmp_path / "a.keras"
    program = SAVE.format(tests=str(ROOT / "tests"), times=10**6)
    save(small(), path)
    for after in (0.02, 0.05):
        writer = start(program, path, 1.0)
        writer.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(after)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert len(os.listdir(tmp_path)) <= 2  # at most what the last one wrote
        assert len({float(w.ravel()[0]) for w in saving.load_model(path).get_weights()}) == 1
    (tmp_path / ".other.keras.0123456789ab.saving").write_bytes(b"half of a file of another name")
    (tmp_path / ".mine.saving").write_bytes(b"not ours")
    save(small(), path)
    assert sorted(os.listdir(tmp_path)) == [".mine.saving", "a.keras"]


def test_what_another_is_writing_is_left_alone(tmp_path):
    with atomic.replacing(tmp_path / "a") as first:
        first.write(b"first")
        with atomic.replacing(tmp_path / "a") as second:
            second.write(b"second")
        assert (tmp_path / "a").read_bytes() == b"second"
    assert (tmp_path / "a").read_bytes() == b"first" and os.listdir(tmp_path) == ["a"]


def test_a_name_as_long_as_names_may_be(tmp_path):
    name = "m" * (255 - len(".keras")) + ".keras"
    small().save(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


# -- what cannot be written

FULL = """
import os, sys, resource, signal
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_big_files import MODELS, WEIGHTS, save, small
folder = Path(sys.argv[1])
for ending in MODELS + WEIGHTS:
    save(small(), folder / ("a" + ending))
before = {{path.name: path.read_bytes() for path in folder.iterdir()}}
big = small(1.0, 30_000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for ending in MODELS + WEIGHTS:
    for name in ("a", "new"):
        path = folder / (name + ending)
        if path.name == "new.h5":
            continue
        try:
            save(big, path)
        except OSError as error:
            assert str(path) in str(error) and "could not be written" in str(error), str(error)
            assert ("as it was" if name == "a" else "Nothing was left") in str(error), str(error)
        else:
            raise AssertionError(path)
assert before == {{path.name: path.read_bytes() for path in folder.iterdir()}}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sizes of files are limited on POSIX systems alone")
def test_where_no_room_is_left_the_old_file_stays(tmp_path):
    told(start(FULL.format(tests=str(ROOT / "tests")), tmp_path))


READ_ONLY = """
import os, sys, tempfile
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_big_files import MODELS, WEIGHTS, save, small
with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    for ending in MODELS + WEIGHTS:
        save(small(), folder / ("a" + ending))
    before = {{path.name: path.read_bytes() for path in folder.iterdir()}}
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # whom permissions bind
    for ending in MODELS + WEIGHTS:
        path = folder / ("a" + ending)
        try:
            save(small(1.0), path)
        except PermissionError as error:
            assert str(path) in str(error) and "as it was" in str(error), str(error)
        else:
            raise AssertionError(path)
    assert before == {{path.name: path.read_bytes() for path in folder.iterdir()}}
    os.seteuid(user)
    folder.chmod(0o755)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders have permissions on POSIX systems alone")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    told(start(READ_ONLY.format(tests=str(ROOT / "tests"))))


# -- models that could not be loaded again


class Unknown(layers.Layer):
    def __init__(self, thing=None, **kwargs):
        super().__init__(**kwargs)
        self.thing = thing

    def call(self, x):
        return x


class Forgetful(Unknown):
    def __init__(self, needed, **kwargs):
        super().__init__(**kwargs)

    def get_config(self):
        return {"name": self.name}


def double(x):
    return x * 2


def of(layer):
    return kbridge.Sequential([kbridge.Input((3,)), layer], name="m")


@pytest.mark.parametrize("ending", MODELS)
def test_what_a_model_cannot_be_loaded_without_is_told_when_it_is_saved(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    with pytest.warns(UserWarning, match="'m' is saved, but the class 'Unknown'.*custom_objects={'Unknown': Unknown}"):
        of(Unknown(3)).save(path)
    assert saving.load_model(path, custom_objects={"Unknown": Unknown}).layers[-1].thing == 3
    with pytest.warns(UserWarning, match="the function 'double' can only be found again if it is given"):
        of(layers.Lambda(double)).save(path)
    saving.load_model(path, custom_objects={"double": double})
    with pytest.warns(UserWarning, match=r"Forgetful.get_config\(\) leaves out 'needed'"):
        of(Forgetful(3)).save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="^Unknown 'it': <object object.*cannot be written into a config"):
        of(Unknown(object(), name="it")).save(path)
    assert path.read_bytes() == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with saving.CustomObjectScope({"Unknown": Unknown}):
            of(Unknown(layers.Dense(3, activation="relu"))).save(path)
