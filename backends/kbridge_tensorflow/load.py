"""TensorFlow itself, imported without the things it brings along.

At its end, ``import tensorflow`` imports the installed ``keras`` package, so that
tf.keras's optimizers are registered. That takes longer than TensorFlow itself,
fails where KERAS_BACKEND names no backend of that package, and writes to the
user's ``~/.keras``. TensorFlow goes on without it where the import fails, and
finds it later when ``tf.keras`` is used; so here it fails.

Its libraries also print messages about this machine's processor and drivers while
they are loaded, whatever the log level. Those are kept off the terminal, unless the log level is set to 0.
"""

import os
import re
import sys
import tempfile
import threading
from contextlib import contextmanager, nullcontext
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# What the libraries say of the machine. Anything else written meanwhile is passed on.
_NOISE = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog|To enable the following instructions"
    rb"|[IWE]\d{4} [\d:.]+ +\d+ (port|cudart_stub|cpu_feature_guard|cuda_\w+|computation_placer|gpu_device)\.)"
)


class _Refused:
    """A loader that does not load."""

    def create_module(self, spec):
        raise ModuleNotFoundError(f"{spec.name} is not imported along with TensorFlow.", name=spec.name)

    def exec_module(self, module):
        raise ModuleNotFoundError("keras is not imported along with TensorFlow.")


class _WithoutKeras:
    """Finds the package ``keras`` as usual, but refuses to load it in the thread that made this finder."""

    def __init__(self):
        self.thread = threading.get_ident()

    def find_spec(self, name, path=None, target=None):
        if threading.get_ident() != self.thread or name.partition(".")[0] not in ("keras", "tf_keras"):
            return None
        spec = PathFinder.find_spec(name, path, target) or ModuleSpec(name, None)
        spec.loader = _Refused()
        return spec


@contextmanager
def _quietly():
    """Pass on what is written to file descriptor 2 meanwhile, at the end and without the noise."""
    try:
        terminal = os.dup(2)
    except OSError:  # there is no such file: nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            kept = b"".join(line for line in held if not _NOISE.match(line))
            if kept:
                os.write(2, kept)


@contextmanager
def _without_keras_json():
    """TensorFlow's copy of an old Keras reads keras.json, or writes one that says "tensorflow": let it find neither."""
    before = os.environ.get("KERAS_HOME")
    with tempfile.TemporaryDirectory() as home:
        os.environ["KERAS_HOME"] = home
        try:
            yield
        finally:
            if before is None:
                del os.environ["KERAS_HOME"]
            else:
                os.environ["KERAS_HOME"] = before


def load():
    """The module ``tensorflow``, with its devices set up so that GPU memory is taken as it is needed."""
    if "tensorflow" in sys.modules:  # the user's own import; all of it has happened
        import tensorflow
    else:
        finder = _WithoutKeras()
        level = os.environ.get(_LEVEL)  # other libraries set it too, to 1
        quiet = level != "0"
        if quiet:
            os.environ[_LEVEL] = max(level or "2", "2")
        sys.meta_path.insert(0, finder)
        try:
            with _quietly() if quiet else nullcontext(), _without_keras_json():
                import tensorflow

                tensorflow.config.list_physical_devices()
        finally:
            sys.meta_path.remove(finder)
            if level is None:
                os.environ.pop(_LEVEL, None)
            else:
                os.environ[_LEVEL] = level
    _share_gpu_memory(tensorflow)
    return tensorflow


def _share_gpu_memory(tf):
    if "TF_FORCE_GPU_ALLOW_GROWTH" in os.environ:
        return
    for device in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(device, True)
        except (RuntimeError, ValueError):  # already in use, or divided by the user: their setting stands
            return


tf = load()

# What has no public name: the types of tensors and of variables (tf.Variable is a factory, which tf.function
# restricts), the tape, and the way by which TensorFlow runs a function itself.
EagerTensor = import_module("tensorflow.python.framework.ops").EagerTensor
SymbolicTensor = import_module("tensorflow.python.framework.ops").SymbolicTensor
ResourceVariable = import_module("tensorflow.python.ops.resource_variable_ops").ResourceVariable
is_recording = import_module("tensorflow.python.eager.record").could_possibly_record
context = import_module("tensorflow.python.eager.context").context
execute = import_module("tensorflow.python.eager.execute").quick_execute
