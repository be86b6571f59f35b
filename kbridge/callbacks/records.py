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
        self._kept = None  # how many bytes of the file are kept, as long as nothing is written

    def on_train_begin(self, logs=None):
        self._writer, self.keys = None, None
        self._file = open(self.filename, "a", newline="", encoding="utf-8")
        self._kept = os.path.getsize(self.filename) if self.append else 0

    def get_state(self):
        return {"size": os.path.getsize(self.filename) if self._kept is None else self._kept}

    def set_state(self, state):
        self._kept = state["size"]

    def _begin(self):
        """Keep as much of the file as belongs to this run or one before it."""
        self._file.truncate(min(self._kept, os.path.getsize(self.filename)))
        self._kept = None
        with open(self.filename, newline="", encoding="utf-8") as file:
            header = next(csv.reader(file, delimiter=self.sep), None)
        if header:  # the lines to come keep to the columns that are there
            self.keys = header[1:]
            self._writer = csv.DictWriter(self._file, header, delimiter=self.sep, restval="NA", extrasaction="ignore")

    def on_epoch_end(self, epoch, logs=None):
        if self._kept is not None:
            self._begin()
        if self._writer is None:
            self.keys = sorted(logs or ())
            if not any(key.startswith("val_") for key in self.keys):
                # Values of evaluation have their columns even if the first epochs are not evaluated.
                self.keys += [f"val_{key}" for key in self.keys]
            columns = ["epoch", *self.keys]
            self._writer = csv.DictWriter(self._file, columns, delimiter=self.sep, restval="NA", extrasaction="ignore")
            self._writer.writeheader()
        self._writer.writerow({"epoch": epoch} | {name: _as_text(value) for name, value in (logs or {}).items()})
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
