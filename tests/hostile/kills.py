"""Processes that save, and are killed at some moment of it; what they leave must be whole, the old or the new.

python kills.py COUNT [SEED [WAY ...]]    kills COUNT processes in each way of saving, and tells of it in lines of JSON
"""

import contextlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time

import numpy as np

SAVED = {  # way: the name of the file
    "keras": "model.keras",
    "folder": "model",
    "h5": "model.h5",
    "weights": "model.weights.h5",
    "old weights": "weights.h5",
    "safetensors": "model.safetensors",
    "npz": "model.npz",
    "ModelCheckpoint": "best.keras",
    "BackupAndRestore": "latest.weights.h5",
    "convert": "converted.h5",
    "two at once": "model.keras",
}
BESIDE = ("source.keras", "previous.weights.h5")  # which some ways keep there too
_MODELS = ("keras", "folder", "h5", "ModelCheckpoint", "convert", "two at once")
UNITS = 100


def model(units=UNITS):
    import kbridge
    from kbridge import layers

    made = kbridge.Sequential([kbridge.Input((8,)), layers.Dense(units), layers.Dense(units), layers.Dense(1)])
    made.compile("adam", "mse")
    return made


def save(way, folder):
    """Save for ever, with all weights at 1, 2, and so on. The second number and those after it are told."""
    made = model()
    x = np.zeros((8, 8), "float32")
    path = os.path.join(folder, SAVED[way])
    if way in ("ModelCheckpoint", "BackupAndRestore"):
        from kbridge import callbacks

        class Number(callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                self.count = getattr(self, "count", 0) + 1
                _fill(made, self.count)
                if self.count > 2:
                    print(self.count, flush=True)

        made.compile("sgd", "mse")
        made.optimizer.learning_rate = 0.0
        callback = (
            callbacks.ModelCheckpoint(path, save_freq=1)
            if way == "ModelCheckpoint"
            else callbacks.BackupAndRestore(folder, save_freq=1)
        )
        made.fit(x, x[:, :1], batch_size=1, epochs=10_000, verbose=0, callbacks=[callback, Number()])
    number = 0
    while True:
        number += 1
        _fill(made, number)
        if number > 1:
            print(number, flush=True)
        if way == "convert":
            _convert(made, path, number)
        elif way in _MODELS:
            made.save(path, zipped=way != "folder")
        else:
            made.save_weights(path)


def _convert(made, path, number):
    """``kbridge convert IN OUT``."""
    import argparse

    from kbridge.cli import convert

    source = os.path.join(os.path.dirname(path), BESIDE[0])
    made.save(source)
    with contextlib.redirect_stdout(io.StringIO()):
        convert.run(argparse.Namespace(source=source, target=path, no_compile=False))


def _fill(made, number):
    for variable in made.weights:
        variable.assign(np.full(variable.shape, number, "float32"))


def read(way, folder):
    """The number that all weights in the file have; None if they are not whole."""
    from kbridge import saving

    path = os.path.join(folder, SAVED[way])
    if way in _MODELS:
        made = saving.load_model(path)
    else:
        made = model()
        made.load_weights(path)
    found = {float(number) for weight in made.get_weights() for number in np.unique(weight)}
    return found.pop() if len(found) == 1 else None


def kill(way, folder, rng, longest):
    """Let a process save, or two, and kill it at some moment."""
    with contextlib.ExitStack() as processes:
        for _ in range(2 if way == "two at once" else 1):
            processes.enter_context(_saving(way, folder))
        time.sleep(rng.random() * longest)


@contextlib.contextmanager
def _saving(way, folder):
    """A process that saves, and is killed at the end of the block. The block begins when it has saved once."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.dup2(writing, 1)
            save(way, folder)
        finally:
            os._exit(1)
    os.close(writing)
    try:
        if not os.read(reading, 1 << 16):
            raise RuntimeError(f"the process that saves ended by itself: {way}")
        yield
    finally:
        os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        os.close(reading)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the process that saves ended by itself: {way}")


def main(count, seed=0, *ways):
    for way in ways or SAVED:
        rng = random.Random(f"{seed} {way}")
        started = time.monotonic()
        whole, broken, debris, most = 0, [], 0, 0
        with tempfile.TemporaryDirectory() as folder:
            for i in range(count):
                kill(way, folder, rng, 0.2)
                others = [name for name in os.listdir(folder) if name not in (SAVED[way], *BESIDE)]
                debris, most = debris + bool(others), max(most, len(others))
                try:
                    found = read(way, folder)
                    whole += found is not None and found >= 1
                    if found is None:
                        broken.append((i, "mixed"))
                except Exception as error:
                    broken.append((i, f"{type(error).__name__}: {str(error)[:200]}"))
        told = {"way": way, "killed": count, "whole": whole, "broken": broken[:5], "within": debris, "most": most}
        told["seconds"] = time.monotonic() - started
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
