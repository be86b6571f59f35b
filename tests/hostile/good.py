"""Sound files of every format, that hostile ones are made of."""

import functools
import io
import json
import os
import tempfile
import zipfile

import numpy as np

import kbridge
from kbridge import callbacks, layers, saving

SHAPES = {"layers/dense/vars": ((4, 3), (3,)), "layers/dense_1/vars": ((3, 2), (2,))}


def model():
    """The model whose files these are, and which weights are loaded into."""
    kbridge.backend.names.forget()
    made = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)], name="small")
    made.compile("adam", "mse", metrics=["mae"])
    return made


@functools.cache
def file(ending):
    """The bytes of what ``save`` or ``save_weights`` writes under a name with this ending."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"model{ending}")
        if ending in (".keras", ".h5"):
            model().save(path)
        else:
            model().save_weights(path)
        with open(path, "rb") as found:
            return found.read()


def fit(folder, epochs=2, **kwargs):
    """Train a model that goes on from the backup in ``folder``."""
    made, x = model(), np.zeros((9, 4), "float32")
    backup = callbacks.BackupAndRestore(folder, save_freq=2, delete_checkpoint=False)
    watchers = [callbacks.EarlyStopping("loss"), callbacks.ReduceLROnPlateau("loss"), backup]
    made.fit(x, x[:, :2], batch_size=3, epochs=epochs, verbose=0, callbacks=watchers, **kwargs)


@functools.cache
def backup():
    """The bytes of a backup in the midst of an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        fit(folder)
        with open(os.path.join(folder, "latest.weights.h5"), "rb") as found:
            return found.read()


def parts():
    """The members of a .keras file."""
    with zipfile.ZipFile(io.BytesIO(file(".keras"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members, **kwargs):
    """A zip file of ``members``: a dict, or pairs of a name or ZipInfo and bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **kwargs) as archive:
        for name, data in members if isinstance(members, list) else members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def config():
    """The config in the .keras file."""
    return json.loads(parts()["config.json"])


def old_config():
    """The same model in the words of Keras 2."""
    return json.loads(saving.to_old_json(model()))


def old_text():
    return saving.to_old_json(model())


def yaml_text():
    return saving.to_yaml(model())
