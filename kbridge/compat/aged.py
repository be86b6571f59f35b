"""Names that programs of those years count on, and that Python, NumPy and SciPy have dropped since.

``kbridge run`` gives them back to programs for Keras 1 and 2, as far as they mean the same
as ever. Modules are completed when they are first imported.
"""

import math
import sys
from importlib.machinery import PathFinder


def _python():
    """Names that are gone from Python's library, by module."""
    import collections.abc
    import time

    abstract = "Callable Hashable Iterable Iterator Mapping MutableMapping MutableSequence Sequence Set Sized".split()
    return {
        "time": {"clock": time.process_time},
        "collections": {name: getattr(collections.abc, name) for name in abstract},
        "fractions": {"gcd": math.gcd},
    }


def _numpy():
    import numpy as np

    return {
        "bool": bool,
        "int": int,
        "float": float,
        "complex": complex,
        "object": object,
        "str": str,
        "long": int,
        "unicode": str,
        "float_": np.float64,
        "complex_": np.complex128,
        "string_": np.bytes_,
        "unicode_": np.str_,
        "Inf": np.inf,
        "NaN": np.nan,
        "NAN": np.nan,
        "infty": np.inf,
        "product": np.prod,
        "cumproduct": np.cumprod,
        "sometrue": np.any,
        "alltrue": np.all,
        "asscalar": lambda array: np.asarray(array).item(),
        "asfarray": lambda array, dtype=np.float64: np.asarray(array, dtype),
        "row_stack": np.vstack,
        "in1d": np.isin,
        "trapz": getattr(np, "trapezoid", None),
    }


def _inspect():
    import inspect
    from collections import namedtuple

    kind = namedtuple("ArgSpec", "args varargs keywords defaults")
    return {"getargspec": lambda function: kind(*inspect.getfullargspec(function)[:4])}


def _sklearn_cross_validation():
    from sklearn import model_selection

    return {"train_test_split": model_selection.train_test_split, "cross_val_score": model_selection.cross_val_score}


# module -> what it lacks, made when it is imported
_LATER = {
    "numpy": _numpy,
    "inspect": _inspect,
    "scipy.misc": lambda: _images("imread imresize imsave imrotate toimage fromimage bytescale"),
    "sklearn.cross_validation": _sklearn_cross_validation,
    "sklearn.grid_search": lambda: _of("sklearn.model_selection", "GridSearchCV RandomizedSearchCV ParameterGrid"),
    "sklearn.externals.joblib": lambda: _of("joblib", "load dump Parallel delayed Memory"),
    "sklearn.externals": dict,
}


def _of(module, names):
    from importlib import import_module

    found = import_module(module)
    return {name: getattr(found, name) for name in names.split()}


def _images(names):
    return _of("kbridge.compat.aged_images", names)


def restore():
    """Give the names back, now to the modules that are there, and to others when they are imported."""
    for name, lacking in _python().items():
        if name in sys.modules:
            _complete(sys.modules[name], lacking)
    for name, make in _LATER.items():
        if name in sys.modules:
            _complete(sys.modules[name], make())
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _complete(module, lacking):
    for name, value in lacking.items():
        if value is not None and name not in vars(module):
            setattr(module, name, value)


class _Finder:
    """Finds the modules of ``_LATER`` as usual, or empty ones where they are gone, for ``_Completing``."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _LATER:
            return None
        from importlib.machinery import ModuleSpec

        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            spec = ModuleSpec(name, None, is_package=name == "sklearn.externals")
        spec.loader = _Completing(spec.loader)
        return spec


class _Completing:
    """A loader that adds what a module lacks."""

    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return None if self.loader is None else self.loader.create_module(spec)

    def exec_module(self, module):
        if self.loader is not None:
            self.loader.exec_module(module)
        _complete(module, _LATER[module.__name__]())

    def __getattr__(self, name):
        return getattr(self.__dict__["loader"], name)
