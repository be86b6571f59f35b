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

    def folds(kind, samples, y, n_folds, shuffle, random_state):
        kind = kind(n_folds, shuffle=shuffle, random_state=random_state if shuffle else None)
        return list(kind.split([0] * samples, y))

    # These were gone through by themselves: they knew the data, and gave pairs (train, test) of indices.
    def KFold(n, n_folds=3, shuffle=False, random_state=None):  # noqa: N802 (its name)
        return folds(model_selection.KFold, n, None, n_folds, shuffle, random_state)

    def StratifiedKFold(y, n_folds=3, shuffle=False, random_state=None):  # noqa: N802
        return folds(model_selection.StratifiedKFold, len(y), y, n_folds, shuffle, random_state)

    return {
        "train_test_split": model_selection.train_test_split,
        "cross_val_score": model_selection.cross_val_score,
        "KFold": KFold,
        "StratifiedKFold": StratifiedKFold,
    }


# Names of TensorFlow 1 that mean the same in TensorFlow 2: what programs configured it with, and its calculations.
_TENSORFLOW = {
    "": """
        ConfigProto GPUOptions OptimizerOptions Session InteractiveSession get_default_graph get_default_session
        reset_default_graph set_random_seed logging flags app gfile global_variables_initializer to_float
        to_double to_int32 to_int64 log log1p log_sigmoid expm1 ceil rint erf floordiv floormod floor_div div
        mod div_no_nan is_nan is_inf is_finite lgamma digamma rsqrt reciprocal squared_difference count_nonzero
        cumprod cross conj real imag angle fft ifft random_normal random_uniform random_shuffle random_crop
        truncated_normal multinomial matrix_band_part matrix_diag matrix_diag_part matrix_set_diag
        matrix_transpose matrix_inverse matrix_determinant cholesky svd diag diag_part trace depth_to_space
        space_to_depth batch_to_space_nd extract_image_patches segment_max segment_mean segment_min segment_sum
        unsorted_segment_max unsorted_segment_mean unsorted_segment_sum sparse_to_dense sparse_tensor_to_dense
        sparse_placeholder confusion_matrix logical_xor py_func Print lin_space verify_tensor_all_finite
        invert_permutation setdiff1d bincount
    """,
    "nn": "softmax_cross_entropy_with_logits_v2 fused_batch_norm depthwise_conv2d_native",
    "image": "resize_images resize_bilinear resize_nearest_neighbor resize_bicubic resize_area extract_image_patches",
}


def _tensorflow():
    tf = sys.modules["tensorflow"]  # called when that is there
    then = tf.compat.v1
    for part in ("nn", "image"):
        _complete(getattr(tf, part), _there(getattr(then, part), _TENSORFLOW[part]))
    return _there(then, _TENSORFLOW[""])


def _there(module, names):
    return {name: getattr(module, name, None) for name in names.split()}


# module -> what it lacks, made when it is imported
_LATER = {
    "numpy": _numpy,
    "tensorflow": _tensorflow,
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
        if spec is None and name == "tensorflow":
            return None
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
