"""Training that is killed at any moment and started again, until it ends; what comes out must be what an undisturbed
run gives: the weights, the optimizer, the History, the files, and what the callbacks know.

python resumes.py COUNT [SEED [EXACT]]    kills COUNT processes on the engine that KBRIDGE_BACKEND names, and tells of
it in lines of JSON. EXACT=0: numbers may differ by rounding.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time

import numpy as np

KINDS = ("schedule", "plateau", "generator")
EPOCHS = 6
EVERY = 3  # batches, from backup to backup; 7 are an epoch


def train(kind, folder, result):
    """One run of a program. Its outcome is written to the file ``result``."""
    import kbridge
    from kbridge import callbacks, layers

    kbridge.utils.set_random_seed(11)
    made = kbridge.Sequential(
        [
            kbridge.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.4),
            layers.BatchNormalization(),
            layers.GaussianNoise(0.1),
            layers.Dense(2, kernel_regularizer="l2"),
        ]
    )
    x = np.random.default_rng(0).random((50, 4)).astype("float32")
    best = callbacks.ModelCheckpoint(os.path.join(folder, "best.keras"), save_best_only=True)
    stop = callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    watchers = [best, stop, callbacks.CSVLogger(os.path.join(folder, "log.csv"))]
    if kind == "plateau":
        rate = 0.05
        watchers += [callbacks.ReduceLROnPlateau(factor=0.5, patience=0, min_delta=0.01, cooldown=1)]
        watchers += [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.95)]
    else:
        rate = kbridge.optimizers.schedules.CosineDecay(0.05, 40)
    made.compile(kbridge.optimizers.Adam(rate, use_ema=True, weight_decay=0.01), "mse", metrics=["mae"])
    watchers.append(
        callbacks.BackupAndRestore(os.path.join(folder, "backup"), EVERY, double_checkpoint=kind != "plateau")
    )
    data = {"x": x, "y": x[:, :2], "batch_size": 8}
    if kind == "generator":
        data = {"x": _batches(x), "steps_per_epoch": 7}
    history = made.fit(**data, epochs=EPOCHS, verbose=0, validation_data=(x[:20], x[:20, 2:]), callbacks=watchers)
    known = {
        f"{type(one).__name__} {name}": getattr(one, name)
        for one in watchers
        for name in getattr(one, "remembered", ())
    }
    saved = kbridge.saving.load_model(best.filepath)
    arrays = [*made.get_weights(), *made.optimizer.get_weights(), *saved.get_weights(), *saved.optimizer.get_weights()]
    arrays += [np.asarray(history.history[name], "float64") for name in sorted(history.history)]
    with open(os.path.join(folder, "log.csv")) as file:
        lines = file.read()
    told = {"history": sorted(history.history), "epochs": history.epoch, "lines": lines.count("\n")}
    told |= {"files": sorted(os.listdir(folder)), "known": sorted(known)}
    arrays += [np.asarray(value, "float64") for _, value in sorted(known.items()) if isinstance(value, (int, float))]
    with kbridge.saving.replacing(result) as file:
        np.savez(file, json.dumps(told), *arrays)


def _batches(x):
    """Batches that the program draws as it goes, with numbers of its own."""
    while True:
        picked = np.random.permutation(len(x))[:8]
        yield x[picked], x[picked, :2] + random.random() / 10


def begun(kind, folder, result):
    """A process that trains."""
    process = os.fork()
    if not process:
        failed = 1
        try:
            train(kind, folder, result)
            failed = 0
        finally:
            sys.stderr.flush()
            os._exit(failed)
    return process


def _ended(process):
    """Whether a process has ended by itself."""
    found, status = os.waitpid(process, os.WNOHANG)
    if found and status:
        raise RuntimeError("a process ended by itself, with an error")
    return bool(found)


def same(one, other, exact):
    """Why two results differ, or None."""
    with np.load(one) as one, np.load(other) as other:
        if sorted(one) != sorted(other) or one["arr_0"] != other["arr_0"]:
            return f"{one['arr_0']} and {other['arr_0']}"
        for name in one:
            if name == "arr_0":
                continue
            here, there = one[name], other[name]
            if not (np.array_equal(here, there) if exact else np.allclose(here, there, 1e-4, 1e-5)):
                return f"{name}: {np.abs(here - there).max()}"
    return None


def main(count, seed=0, exact=1):
    import kbridge  # noqa: F401 (so that each process has it at once, and an engine only to itself)

    rng = random.Random(seed)
    killed, completed, wrong, most, started = 0, 0, [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lasts = {}
        for kind in KINDS:
            os.mkdir(os.path.join(folder, kind))
            start = time.monotonic()
            process = begun(kind, os.path.join(folder, kind), os.path.join(folder, f"{kind}.npz"))
            os.waitpid(process, 0)
            lasts[kind] = time.monotonic() - start
        while killed < count:
            kind = KINDS[completed % len(KINDS)]
            place, result = os.path.join(folder, str(completed)), os.path.join(folder, f"{completed}.npz")
            os.mkdir(place)
            while not os.path.exists(result):
                process = begun(kind, place, result)
                time.sleep(rng.random() * lasts[kind])
                if _ended(process):
                    break
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                killed += 1
                backup = os.path.join(place, "backup")
                left = [*os.listdir(place), *(os.listdir(backup) if os.path.isdir(backup) else ())]
                most = max(most, sum(name.endswith(".saving") for name in left))
            why = same(os.path.join(folder, f"{kind}.npz"), result, exact)
            if why is not None:
                wrong.append((completed, kind, why))
            completed += 1
    told = {"killed": killed, "completed": completed, "wrong": wrong[:5], "right": completed - len(wrong), "most": most}
    print(json.dumps({**told, "seconds": time.monotonic() - started}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
