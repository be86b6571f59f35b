"""``import keras`` means kbridge, and the real Keras stays where it is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def python(code, **env):
    """What a new Python prints, in which kbridge is found."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]), **env}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


OF_GENERATION = {1: "kbridge.compat.keras1", 2: "kbridge.compat.keras2", 3: "kbridge"}


@pytest.mark.parametrize("generation", OF_GENERATION)
def test_one_module_under_two_names(generation):
    own = OF_GENERATION[generation]
    code = f"""
import importlib, importlib.util, sys, kbridge.compat
kbridge.compat.install({generation})
import keras, keras.layers, keras.models as models
from keras import layers
from keras.models import Sequential
mine = importlib.import_module("{own}.layers")
assert keras is sys.modules["{own}"] is sys.modules["keras"]
assert keras.layers is layers is mine is sys.modules["keras.layers"] is importlib.import_module("keras.layers")
assert layers.__name__ == layers.__spec__.name == "{own}.layers", layers.__spec__
assert models.Sequential is Sequential is importlib.import_module(".models", "keras").Sequential
assert importlib.util.find_spec("keras.layers") is not None and importlib.util.find_spec("keras.leyars") is None
assert importlib.util.find_spec("keras.callbacks").loader.get_code("keras.callbacks")
print(keras.__name__)
"""
    assert python(code) == [own]


def test_misspelt_names_are_explained():
    code = """
import importlib, kbridge.compat
kbridge.compat.install(3)
def said(statement):
    try:
        exec(statement)
    except ImportError as error:
        print(type(error).__name__ + ": " + str(error))
said("from keras.layers import Desne")
said("from keras.layers import to_categorical")
said("import keras.laeyrs")
said("from keras.src.layers import Dense")
said("importlib.import_module('keras.laeyrs.core')")
"""
    assert python(code) == [
        "ImportError: cannot import name 'Desne' from 'keras.layers'. Did you mean 'Dense'?",
        "ImportError: cannot import name 'to_categorical' from 'keras.layers'. "
        "Here it is written: from keras.utils import to_categorical",
        "ModuleNotFoundError: No module named 'keras.laeyrs'. Did you mean 'keras.layers'?",
        "ModuleNotFoundError: No module named 'keras.src'. "
        "It is internal to the package keras. Write the public name, such as keras.layers.Layer.",
        "ModuleNotFoundError: No module named 'keras.laeyrs'. Did you mean 'keras.layers'?",
    ]


def test_auto_reads_the_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import kbridge.compat\nkbridge.compat.install()\nimport keras\nprint(keras.__name__)\n"
        "keras.layers.Dense(output_dim=3)"
    )
    assert python(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')") == ["kbridge.compat.keras1"]


# A package `keras` and its users, as small as they can be: what belongs to whom does not depend on what is in them.
REAL = {
    "keras/__init__.py": "from keras.src import version\n__version__ = version",
    "keras/layers/__init__.py": "from keras.src.layers import Dense",
    "keras/losses.py": "",
    "keras/src/__init__.py": "version = '3.99'\nclass Model:\n    pass",
    "keras/src/layers.py": "from . import version\nclass Dense:\n    def later(self):\n"
    "        from keras import losses\n        import keras.losses as again\n        import sys\n"
    "        return losses is again and losses.__name__",
    "tensorflow/__init__.py": "import importlib\ndef keras():\n    import keras\n    return keras\n"
    "def dense():\n    return importlib.import_module('keras.layers').Dense\n"
    "def where():\n    import importlib.util\n    return importlib.util.find_spec('keras').origin",
    "old_helper.py": "import keras\nfrom keras.layers import Dense",
}


@pytest.fixture
def real(tmp_path):
    """A folder with a package that is called keras, and one that uses it."""
    for name, text in REAL.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "backends")])


def test_install_may_be_called_again_and_undone(real):
    code = """
import os, kbridge.compat
names = []
for generation in (2, 1, 3, "auto"):
    kbridge.compat.install(generation)
    import keras.layers
    names.append(keras.__name__ + " " + os.environ["KBRIDGE_KERAS"])
kbridge.compat.uninstall()
assert "KBRIDGE_KERAS" not in os.environ and "children" not in os.environ["PYTHONPATH"]
import keras.layers
names.append(keras.__version__)
kbridge.compat.install(3)
import keras, tensorflow
names.append(keras.__name__ + " " + tensorflow.keras().__version__)
try:
    kbridge.compat.install(4)
except ValueError as error:
    names.append(str(error))
print(*names, sep="\\n")
"""
    assert python(code, PYTHONPATH=real) == [
        "kbridge.compat.keras2 2",
        "kbridge.compat.keras1 1",
        "kbridge 3",
        "kbridge.compat.keras2 2",
        "3.99",
        "kbridge 3.99",
        'The generation must be 1, 2, 3 or "auto". Received: 4.',
    ]


@pytest.mark.parametrize("first", ["script", "tensorflow", "before"])
def test_those_who_need_the_real_keras_have_it(real, first):
    before = "import keras.layers" if first == "before" else ""
    uses = "tensorflow.dense()" if first != "script" else ""
    code = f"""
import sys, pickle
{before}
import kbridge.compat
kbridge.compat.install(3)
import tensorflow
{uses}
import keras
from keras.layers import Dense
import old_helper
assert keras.__name__ == old_helper.keras.__name__ == "kbridge" and old_helper.Dense is Dense
theirs = tensorflow.keras()
assert theirs.__version__ == "3.99" and theirs is tensorflow.keras()
assert tensorflow.dense() is theirs.layers.Dense is not Dense
assert tensorflow.dense()().later() == "keras.losses"
assert tensorflow.where().endswith("__init__.py") and "kbridge" not in tensorflow.where().rsplit("keras", 1)[0][-9:]
assert sys.modules["keras"] is keras and sys.modules["keras.layers"].Dense is Dense
import keras.losses
assert keras.losses.__name__ == "kbridge.losses"
kind = tensorflow.dense()
assert pickle.loads(pickle.dumps(kind)) is kind and pickle.loads(pickle.dumps(Dense)) is Dense
print("ok")
"""
    assert python(code, PYTHONPATH=real) == ["ok"]


def test_threads_see_their_own_world(real):
    code = """
import threading, kbridge.compat
kbridge.compat.install(3)
import tensorflow
wrong = []
def mine():
    for _ in range(200):
        import keras.layers
        from keras.losses import mean_squared_error
        if keras.__name__ != "kbridge":
            wrong.append(keras)
def theirs():
    for _ in range(200):
        if tensorflow.keras().__name__ != "keras" or not tensorflow.dense()().later():
            wrong.append("theirs")
threads = [threading.Thread(target=job) for job in (mine, theirs, mine, theirs)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
"""
    assert python(code, PYTHONPATH=real) == ["[]"]


def test_children_find_the_same_keras_and_start_as_fast(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('the next sitecustomize')")
    child = "import sys; print('numpy' in sys.modules, 'kbridge' in sys.modules); import keras; print(keras.__name__)"
    code = f"""
import subprocess, sys, kbridge.compat
kbridge.compat.install(2)
subprocess.run([sys.executable, "-c", {child!r}], check=True)
"""
    path = os.pathsep.join([str(ROOT), str(ROOT / "backends"), str(tmp_path)])
    found = python(code, PYTHONPATH=path)
    assert found == ["the next sitecustomize", "the next sitecustomize", "False False", "kbridge.compat.keras2"]


WITH_TENSORFLOW = """
import kbridge.compat
import numpy as np
x = np.random.rand(8, 3).astype("float32")

def use():
    import keras
    import tensorflow as tf
    from keras.layers import Dense, Lambda
    model = keras.Sequential([Dense(4), Lambda(lambda v: tf.nn.relu(tf.concat([v, -v], axis=-1)))])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((8, 8)), verbose=0)
    assert model.predict(x, verbose=0).shape == (8, 8)
    theirs = tf.keras.layers.Dense(4)
    assert isinstance(theirs(x), tf.Tensor) and type(theirs).__module__.startswith("keras.src")
    from tensorflow.keras.layers import Conv2D
    assert Conv2D.__module__.startswith("keras.src") and Dense.__module__.startswith("kbridge")

kbridge.compat.install(2)
use()
kbridge.compat.uninstall()
import keras
assert keras.Model.__module__.startswith("keras.src")
kbridge.compat.install(3)  # both are there already
use()
print("ok")
"""


def test_kbridge_as_keras_beside_tensorflow(request):
    if "tensorflow" not in (request.config.getoption("--engine", None) or ["tensorflow"]):
        pytest.skip("for the TensorFlow engine")
    pytest.importorskip("keras")
    # the real Keras must not mind what the engine here is called
    assert python(WITH_TENSORFLOW, KERAS_BACKEND="tf", TF_CPP_MIN_LOG_LEVEL="3") == ["ok"]
