"""Callbacks that write down, and callbacks made of functions."""

import csv
import os
from collections.abc import Iterable

import numpy as np

from kbridge.callbacks import hooks
from kbridge.callbacks.callback import Callback


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a CSV file.

    Args:
        filename: the file.
        separator: what stands between values.
        append: whether the lines go behind those of an earlier run.
    """

    watches_only = True

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys = None
        self._file = self._writer = None

    def on_train_begin(self, logs=None):
        has_header = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self.append_header = not has_header
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        if self._writer is None:
            self.keys = sorted(logs)
            # Values of evaluation have their columns even if the first epochs are not evaluated.
            self.keys += [f"val_{key}" for key in self.keys if f"val_{key}" not in logs and not key.startswith("val_")]
            self._writer = csv.DictWriter(self._file, fieldnames=["epoch", *self.keys], delimiter=self.sep)
            if self.append_header:
                self._writer.writeheader()
        self._writer.writerow({"epoch": epoch, **{key: _as_text(logs.get(key, "NA")) for key in self.keys}})
        self._file.flush()

    def on_train_end(self, logs=None):
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _as_text(value):
    if isinstance(value, str) or isinstance(value, np.ndarray) and value.ndim == 0:
        return value
    if isinstance(value, Iterable):
        return "[" + ", ".join(map(str, value)) + "]"
    return value


class LambdaCallback(Callback):
    """A callback made of functions, named like the methods they stand for."""

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        unknown = [name for name in given if name not in hooks.ALL]
        if unknown:
            raise TypeError(f"LambdaCallback does not know {unknown}. It knows: {', '.join(hooks.ALL)}.")
        for name, function in given.items():
            if function is not None:
                self.__dict__[name] = function
