"""``keras.callbacks`` of Keras 1."""
# ruff: noqa: F401 (this is an index)

from kbridge.compat import named as _named
from kbridge.compat.callbacks import (
    BaseLogger,
    Callback,
    CallbackList,
    CSVLogger,
    History,
    LambdaCallback,
    ProgbarLogger,
    RemoteMonitor,
    TerminateOnNaN,
)
from kbridge.compat.callbacks import EarlyStopping1 as EarlyStopping
from kbridge.compat.callbacks import LearningRateScheduler1 as LearningRateScheduler
from kbridge.compat.callbacks import ModelCheckpoint1 as ModelCheckpoint
from kbridge.compat.callbacks import ReduceLROnPlateau1 as ReduceLROnPlateau
from kbridge.compat.callbacks import TensorBoard1 as TensorBoard
from kbridge.compat.progress import Progbar

__getattr__ = _named.otherwise(__name__, "kbridge.callbacks")
