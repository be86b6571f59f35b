"""Callbacks: what is told of the course of training and may change it."""

from importlib import import_module

from kbridge.callbacks.callback import Callback as Callback
from kbridge.callbacks.callback import CallbackList as CallbackList
from kbridge.callbacks.checkpoints import BackupAndRestore as BackupAndRestore
from kbridge.callbacks.checkpoints import ModelCheckpoint as ModelCheckpoint
from kbridge.callbacks.course import EarlyStopping as EarlyStopping
from kbridge.callbacks.course import LearningRateScheduler as LearningRateScheduler
from kbridge.callbacks.course import ReduceLROnPlateau as ReduceLROnPlateau
from kbridge.callbacks.course import TerminateOnNaN as TerminateOnNaN
from kbridge.callbacks.ema import SwapEMAWeights as SwapEMAWeights
from kbridge.callbacks.history import History as History
from kbridge.callbacks.progress import Progbar as Progbar
from kbridge.callbacks.progress import ProgbarLogger as ProgbarLogger
from kbridge.callbacks.records import CSVLogger as CSVLogger
from kbridge.callbacks.records import LambdaCallback as LambdaCallback

# What is imported when it is first asked for: names, by the module that has them.
_LATER = {
    "orbax": ("OrbaxCheckpoint",),
    "remote": ("RemoteMonitor",),
    "tensorboard": ("TensorBoard",),
}


def evaluation_callbacks(model, callbacks, verbose, steps):
    """The callbacks of ``evaluate`` or ``predict``."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(callbacks, add_progbar=verbose != 0, model=model, verbose=verbose, steps=steps, epochs=None)


def __getattr__(name):
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f"kbridge.callbacks.{module}"), name)
    raise AttributeError(f"module 'kbridge.callbacks' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *(name for names in _LATER.values() for name in names)})
