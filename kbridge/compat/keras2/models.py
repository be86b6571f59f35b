"""``keras.models`` of Keras 2."""

from importlib import import_module as _import_module

from kbridge import objects as _objects
from kbridge.compat import loading as _loading
from kbridge.compat.keras2.layers import Input as Input
from kbridge.compat.layers.base import Keras2Layer as _Keras2Layer
from kbridge.compat.models import OldModel as _Old
from kbridge.compat.models import make_model as _make_model
from kbridge.compat.models import make_sequential as _make_sequential
from kbridge.compat.models import method as _method

_QUEUE = ("max_queue_size", "workers", "use_multiprocessing", "max_q_size", "nb_worker", "nb_val_worker", "pickle_safe")
_OF_QUEUE = "max_queue_size=10, workers=1, use_multiprocessing=False"
_BATCHES = {
    "renames": {"nb_epoch": "epochs", "samples_per_epoch": "samples", "nb_val_samples": "validation_samples"},
    "ignored": _QUEUE,
}
_SOME = {"renames": {"val_samples": "samples"}, "ignored": _QUEUE}


def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, reset_metrics=True):
    """One step of training on this batch; returns its loss, or a list of its loss and metrics."""
    return self._step_on("train", x, y, sample_weight, class_weight, reset_metrics)


def test_on_batch(self, x, y=None, sample_weight=None, reset_metrics=True):
    """The loss on this batch, or a list of its loss and metrics."""
    return self._step_on("test", x, y, sample_weight, None, reset_metrics)


_methods = {
    "compile": _method(
        _Old._compile,
        "optimizer, loss=None, metrics=None, loss_weights=None, sample_weight_mode=None, weighted_metrics=None, "
        "target_tensors=None, **kwargs",
        "compile",
    ),
    "fit": _method(
        _Old._fit_on,
        "x=None, y=None, batch_size=None, epochs=1, verbose=1, callbacks=None, validation_split=0.0, "
        "validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0, "
        f"steps_per_epoch=None, validation_steps=None, validation_freq=1, {_OF_QUEUE}, **kwargs",
        "fit",
        ignored=_QUEUE,
    ),
    "evaluate": _method(
        _Old._evaluate,
        f"x=None, y=None, batch_size=None, verbose=1, sample_weight=None, steps=None, callbacks=None, {_OF_QUEUE}",
        "evaluate",
        ignored=_QUEUE,
    ),
    "predict": _method(
        _Old._predict,
        f"x, batch_size=None, verbose=0, steps=None, callbacks=None, {_OF_QUEUE}",
        "predict",
        ignored=_QUEUE,
    ),
    "fit_generator": _method(
        _Old._fit_batches,
        "generator, steps_per_epoch=None, epochs=1, verbose=1, callbacks=None, validation_data=None, "
        f"validation_steps=None, validation_freq=1, class_weight=None, {_OF_QUEUE}, shuffle=True, initial_epoch=0",
        "fit_generator",
        **_BATCHES,
    ),
    "evaluate_generator": _method(
        _Old._evaluate_batches,
        f"generator, steps=None, callbacks=None, {_OF_QUEUE}, verbose=0",
        "evaluate_generator",
        **_SOME,
    ),
    "predict_generator": _method(
        _Old._predict_batches,
        f"generator, steps=None, callbacks=None, {_OF_QUEUE}, verbose=0",
        "predict_generator",
        **_SOME,
    ),
    "train_on_batch": train_on_batch,
    "test_on_batch": test_on_batch,
}

Model, GraphModel = _make_model(
    "keras2", __name__, _methods, _Keras2Layer, "inputs=None, outputs=None, name=None, **kwargs"
)
Sequential = _make_sequential("keras2", __name__, Model, {})
_objects.publish("keras.legacy.models", Sequential)  # that of files where the first layer joins branches
Network = Model

clone_model, model_from_config, model_from_json, model_from_yaml, load_model, save_model = _loading.functions("keras2")

del train_on_batch, test_on_batch
_BESIDE = {"InputLayer": "layers", "has_arg": "utils.generic_utils", "to_list": "utils.generic_utils"}


def __getattr__(name):
    # names that stood here because the module used them
    if name in _BESIDE:
        return getattr(_import_module(f"kbridge.compat.keras2.{_BESIDE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
