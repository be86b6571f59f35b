"""``keras.models`` of Keras 1."""

from importlib import import_module as _import_module

from kbridge.compat import loading as _loading
from kbridge.compat.layers.base import Keras1Layer as _Keras1Layer
from kbridge.compat.models import OldModel as _Old
from kbridge.compat.models import make_model as _make_model
from kbridge.compat.models import make_sequential as _make_sequential
from kbridge.compat.models import method as _method

_QUEUE = ("max_q_size", "nb_worker", "nb_val_worker", "pickle_safe", "max_queue_size", "workers", "use_multiprocessing")
_OF_QUEUE = "max_q_size=10, nb_worker=1, pickle_safe=False"
_BATCHES = {
    "renames": {"nb_epoch": "epochs", "samples_per_epoch": "samples", "nb_val_samples": "validation_samples"},
    "ignored": _QUEUE,
}
_SOME = {"renames": {"val_samples": "samples"}, "ignored": _QUEUE}
_COMPILE = "optimizer, loss=None, metrics=None"


def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, accuracy=False):
    """One step of training on this batch; returns its loss, or a list of its loss and metrics."""
    if accuracy:
        self._show_accuracy()
    return self._step_on("train", x, y, sample_weight, class_weight)


def test_on_batch(self, x, y=None, sample_weight=None, accuracy=False):
    """The loss on this batch, or a list of its loss and metrics."""
    if accuracy:
        self._show_accuracy()
    return self._step_on("test", x, y, sample_weight, None)


def _train_on_batch(self, x, y=None, class_weight=None, sample_weight=None, accuracy=False):
    """One step of training on this batch; returns its loss, or a list of its loss and metrics."""
    return Model.train_on_batch(self, x, y, sample_weight, class_weight, accuracy)


def save_weights_to_hdf5_group(self, f):
    """Write the weights into ``f``, a group of an open HDF5 file, with a group for each layer."""
    from kbridge.compat.keras2.engine import saving

    saving.save_weights_to_hdf5_group(f, self.layers)


def load_weights_from_hdf5_group(self, f):
    """Set the weights from ``f``, a group of an open HDF5 file that holds as many layers."""
    from kbridge.compat.keras2.engine import saving

    saving.load_weights_from_hdf5_group(f, self.layers)


def load_weights_from_hdf5_group_by_name(self, f):
    """Set the weights of the layers that ``f``, a group of an open HDF5 file, holds by their names."""
    from kbridge.compat.keras2.engine import saving

    saving.load_weights_from_hdf5_group_by_name(f, self.layers)


_methods = {
    "save_weights_to_hdf5_group": save_weights_to_hdf5_group,
    "load_weights_from_hdf5_group": load_weights_from_hdf5_group,
    "load_weights_from_hdf5_group_by_name": load_weights_from_hdf5_group_by_name,
    "compile": _method(_Old._compile, f"{_COMPILE}, loss_weights=None, sample_weight_mode=None, **kwargs", "compile"),
    "fit": _method(
        _Old._fit_on,
        "x, y=None, batch_size=32, nb_epoch=10, verbose=1, callbacks=None, validation_split=0.0, validation_data=None, "
        "shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0, **kwargs",
        "fit",
        renames={"nb_epoch": "epochs"},
        ignored=_QUEUE,
    ),
    "evaluate": _method(
        _Old._evaluate, "x, y=None, batch_size=32, verbose=1, sample_weight=None, **kwargs", "evaluate", ignored=_QUEUE
    ),
    "predict": _method(_Old._predict, "x, batch_size=32, verbose=0", "predict", ignored=_QUEUE),
    "fit_generator": _method(
        _Old._fit_batches,
        "generator, samples_per_epoch=None, nb_epoch=1, verbose=1, callbacks=None, validation_data=None, "
        f"nb_val_samples=None, class_weight=None, {_OF_QUEUE}, initial_epoch=0, **kwargs",
        "fit_generator",
        **_BATCHES,
    ),
    "evaluate_generator": _method(
        _Old._evaluate_batches,
        f"generator, val_samples=None, {_OF_QUEUE}, **kwargs",
        "evaluate_generator",
        **_SOME,
    ),
    "predict_generator": _method(
        _Old._predict_batches, f"generator, val_samples=None, {_OF_QUEUE}", "predict_generator", **_SOME
    ),
    "train_on_batch": train_on_batch,
    "test_on_batch": test_on_batch,
}
_of_sequential = {
    "compile": _method(_Old._compile, f"{_COMPILE}, sample_weight_mode=None, **kwargs", "compile"),
    "train_on_batch": _train_on_batch,
}

Model, GraphModel = _make_model(
    "keras1", __name__, _methods, _Keras1Layer, "input=None, output=None, name=None, **kwargs"
)
Sequential = _make_sequential("keras1", __name__, Model, _of_sequential)
Container = Model

clone_model, model_from_config, model_from_json, model_from_yaml, load_model, save_model = _loading.functions("keras1")

del train_on_batch, test_on_batch
del save_weights_to_hdf5_group, load_weights_from_hdf5_group, load_weights_from_hdf5_group_by_name

_BESIDE = {
    "Layer": "layers",
    "Merge": "layers",
    "Node": "engine",
    "get_source_inputs": "engine",
    **dict.fromkeys(("batch_shuffle", "make_batches", "slice_X"), "engine"),
    "optimizer_from_config": "optimizers",
    "ask_to_proceed_with_overwrite": "utils",
}


def __getattr__(name):
    # names that stood here because the module used them
    if name in _BESIDE:
        return getattr(_import_module(f"kbridge.compat.keras1.{_BESIDE[name]}"), name)
    from kbridge.compat import hints

    raise AttributeError(hints.attribute("keras.models", name))
