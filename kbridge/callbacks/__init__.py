"""Callbacks: what is told of the course of training and may change it."""

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
from kbridge.lazy import later as _later

__getattr__, __dir__ = _later(
    __name__,
    names={
        "orbax": ("OrbaxCheckpoint",),
        "remote": ("RemoteMonitor",),
        "tensorboard": ("TensorBoard",),
    },
)


def evaluation_callbacks(model, callbacks, verbose, steps):
    """The callbacks of ``evaluate`` or ``predict``."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(callbacks, add_progbar=verbose != 0, model=model, verbose=verbose, steps=steps, epochs=None)
