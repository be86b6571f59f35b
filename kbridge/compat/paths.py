"""Where the modules of older generations are found here: data, and the finder that serves them.

A generation keeps its names in few modules. The finer paths of its time
(``keras.layers.core``, ``keras.engine.topology``, ``keras.utils.np_utils``) show what the
module named beside them holds.
"""

import importlib
import importlib.util
import sys
from types import ModuleType

_LAYERS = (
    "advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings local noise "
    "normalization pooling recurrent wrappers"
)
_BOTH = {
    **{f"layers.{part}": "layers" for part in _LAYERS.split()},
    **{f"engine.{part}": "engine" for part in "topology training base_layer input_layer network sequential".split()},
    **{f"engine.{part}": "engine" for part in "saving training_arrays training_generator training_utils".split()},
    **{f"utils.{part}": "utils" for part in "np_utils generic_utils data_utils io_utils layer_utils".split()},
    **{f"utils.{part}": "utils" for part in "vis_utils visualize_util multi_gpu_utils conv_utils".split()},
    **{f"utils.{part}": "utils" for part in "losses_utils metrics_utils".split()},
    **{f"backend.{part}_backend": "backend" for part in "tensorflow theano cntk numpy".split()},
    **{f"backend.{part}": "backend" for part in ("common", "load_backend")},
    **{f"callbacks.{part}": "callbacks" for part in "callbacks tensorboard_v1 tensorboard_v2".split()},
    "objectives": "losses",
    "initializations": "initializers",
    "legacy.layers": "layers",
    "legacy.models": "models",
    "legacy.interfaces": "legacy",
    "utils.test_utils": "utils",
}

# generation -> a path of its time -> the module here that holds its names
MOVED = {
    "keras1": {**_BOTH, "objectives": "objectives", "losses": "objectives", "initializers": "initializations"},
    "keras2": {**_BOTH},
}
for _own in ("objectives", "initializations"):
    MOVED["keras1"].pop(_own, None)
MOVED["keras1"].update({"losses": "objectives", "initializers": "initializations"})

_ROOT = "kbridge.compat"


class MovedModule(ModuleType):
    """A module that shows the names of another."""

    def __getattr__(self, name):
        return getattr(self.__dict__["_target"], name)

    def __dir__(self):
        return sorted({*super().__dir__(), *dir(self.__dict__["_target"])})


class _Finder:
    """Finds the modules of ``MOVED`` below ``kbridge.compat``."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if not fullname.startswith(_ROOT + ".keras"):
            return None
        generation, _, rest = fullname[len(_ROOT) + 1 :].partition(".")
        if generation not in MOVED:
            return None
        moved = MOVED[generation].get(rest)
        if moved is not None:
            return importlib.util.spec_from_loader(fullname, _Loader(f"{_ROOT}.{generation}.{moved}"))
        if _is_of_today(rest):
            return importlib.util.spec_from_loader(fullname, _Loader(f"kbridge.{rest}"))
        return None


class _Loader:
    def __init__(self, target):
        self.target = target

    def create_module(self, spec):
        module = MovedModule(spec.name)
        module._target = importlib.import_module(self.target)
        return module

    def exec_module(self, module):
        target = module._target
        public = getattr(target, "__all__", None) or [name for name in dir(target) if not name.startswith("_")]
        module.__all__ = list(public)


def _is_of_today(rest):
    """Whether ``kbridge.rest`` is a public module: programs of any generation may name one that came later."""
    parts = rest.split(".")
    if any(part.startswith("_") or part in ("compat", "cli", "conformance") for part in parts):
        return False
    try:
        return importlib.util.find_spec(f"kbridge.{rest}") is not None
    except ModuleNotFoundError:
        return False


def newer(package, find):
    """``__getattr__`` for a generation's package: ``find``, then what kbridge itself has by that name."""

    def get(name):
        try:
            return find(name)
        except AttributeError:
            if name.startswith("_"):
                raise
            import kbridge

            if not hasattr(kbridge, name):
                raise
            return getattr(kbridge, name)

    return get


def serve():
    """Let the paths of ``MOVED`` be imported."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
