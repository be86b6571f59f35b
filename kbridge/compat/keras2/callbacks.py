"""``keras.callbacks`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge.callbacks import BackupAndRestore, SwapEMAWeights
from kbridge.compat import named as _named
from kbridge.compat.callbacks import (
    BaseLogger,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    RemoteMonitor,
    TensorBoard,
    TerminateOnNaN,
)
from kbridge.compat.progress import Progbar

__getattr__ = _named.otherwise(__name__, "kbridge.callbacks")
