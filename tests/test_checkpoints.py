"""ModelCheckpoint and BackupAndRestore: what is saved when, and training that goes on after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import layers, saving
from kbridge.callbacks import BackupAndRestore, Callback, EarlyStopping, ModelCheckpoint

pytest.importorskip("h5py")

X = np.random.default_rng(0).random((50, 4)).astype("float32")


def small():
    model = kbridge.Sequential(
        [
            kbridge.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    schedule = kbridge.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
    model.compile(kbridge.optimizers.Adam(schedule), "mse", metrics=["mae"])
    return model


def fit(model, callbacks, epochs=3, **kwargs):
    return model.fit(X, X[:, :2], batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks, **kwargs)


def values(model):
    return model.get_weights() + model.optimizer.get_weights()


class Logs(Callback):
    """Puts values into the logs of the epochs."""

    def __init__(self, **values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: found[epoch] for name, found in self.values.items()})


# -- ModelCheckpoint


def test_every_epoch_is_saved_under_its_name(engine, tmp_path):
    model = small()
    fit(model, [ModelCheckpoint(tmp_path / "{epoch:02d}-{val_loss:.1f}.keras")], validation_data=(X, X[:, :2]))
    found = sorted(os.listdir(tmp_path))
    assert [name[:3] for name in found] == ["01-", "02-", "03-"]
    loaded = saving.load_model(tmp_path / found[-1])
    for one, other in zip(values(loaded), values(model)):
        np.testing.assert_array_equal(one, other)


def test_only_weights_every_so_many_batches(tmp_path):
    fit(small(), [ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4)])
    # 7 batches an epoch; the counter goes on from epoch to epoch
    assert sorted(os.listdir(tmp_path)) == [f"{n}.weights.h5" for n in ("1-4", "2-1", "2-5", "3-2", "3-6")]


@pytest.mark.parametrize(
    "mode, threshold, expected",
    [("min", None, "124"), ("max", None, "13"), ("min", 2.5, "24"), ("auto", 0.5, ""), ("max", 4.0, "3")],
)
def test_only_better_ones(tmp_path, mode, threshold, expected):
    best = ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", "my_loss", 0, True, True, mode, initial_value_threshold=threshold
    )
    fit(small(), [Logs(my_loss=[3.0, 2.0, 5.0, 1.0]), best], epochs=4)
    assert "".join(sorted(name[0] for name in os.listdir(tmp_path))) == expected


def test_what_happens_is_told(tmp_path, capsys):
    logs = Logs(value=[1.0, 2.0])
    fit(small(), [logs, ModelCheckpoint(tmp_path / "a.keras", "value", 1, True, mode="min")], epochs=2)
    told = capsys.readouterr().out
    assert "Epoch 1: the model is saved to" in told and "Epoch 2: value is 2, no better than 1" in told
    with pytest.warns(UserWarning, match="ModelCheckpoint follows 'absent'"):
        fit(small(), [ModelCheckpoint(tmp_path / "b.keras", "absent", save_best_only=True)], epochs=1)
    assert os.listdir(tmp_path) == ["a.keras"]


def test_wrong_arguments_of_model_checkpoint(tmp_path):
    with pytest.raises(ValueError, match=r"'\.weights\.h5'"):
        ModelCheckpoint("model.keras", save_weights_only=True)
    with pytest.raises(ValueError, match=r"'\.keras'"):
        ModelCheckpoint("model.h5")
    with pytest.raises(ValueError, match="save_freq"):
        ModelCheckpoint("model.keras", save_freq="batch")
    with pytest.raises(ValueError, match="mode"):
        ModelCheckpoint("model.keras", mode="best")
    with pytest.raises(KeyError, match=r"\{val_acc\}.*Known are: epoch, loss, mae"):
        fit(small(), [ModelCheckpoint(tmp_path / "{val_acc}.keras")])
    with pytest.raises(KeyError, match="batch"):
        fit(small(), [ModelCheckpoint(tmp_path / "{batch}.keras")])


def test_checkpoints_by_epochs_do_not_slow_batches():
    assert not kbridge.callbacks.CallbackList([ModelCheckpoint("m.keras"), BackupAndRestore("b")]).act_on_batches
    assert kbridge.callbacks.CallbackList([ModelCheckpoint("m.keras", save_freq=3)]).act_on_batches


# -- BackupAndRestore


class Kill(Callback):
    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise RuntimeError("killed")


@pytest.mark.parametrize("save_freq", ["epoch", 3])
@pytest.mark.parametrize("data", ["arrays", "arrays by steps", "generator"])
def test_training_goes_on_where_it_was_broken_off(engine, tmp_path, save_freq, data):
    def run(folder, *others):
        kbridge.utils.set_random_seed(1)
        model = small()
        callbacks = [BackupAndRestore(folder, save_freq), *others]
        if data == "generator":
            batches = (X[i % 6 * 8 :][:8] for i in range(1000))
            history = model.fit(
                ((x, x[:, :2]) for x in batches), steps_per_epoch=6, epochs=3, verbose=0, callbacks=callbacks
            )
        else:
            history = fit(model, callbacks, steps_per_epoch=5 if data == "arrays by steps" else None)
        return values(model), history.history

    expected = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "broken", Kill(10))
    assert os.listdir(tmp_path / "broken") == ["latest.weights.h5"]
    kbridge.random.normal((3,))  # the seeds have moved on meanwhile
    found = run(tmp_path / "broken")
    for one, other in zip(expected[0], found[0]):
        np.testing.assert_allclose(one, other, rtol=0 if engine.name == "numpy" else 1e-6, atol=1e-7)
    assert set(found[1]) == set(expected[1])
    for name in expected[1]:
        np.testing.assert_allclose(found[1][name], expected[1][name], rtol=1e-5)
    assert os.listdir(tmp_path) == []


def test_other_callbacks_know_what_they_knew(tmp_path):
    logs = {"my_loss": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}

    def run(*others):
        stop = EarlyStopping("my_loss", patience=4)
        best = ModelCheckpoint(tmp_path / "best" / "{epoch}.keras", "my_loss", save_best_only=True)
        history = fit(small(), [BackupAndRestore(tmp_path / "backup"), Logs(**logs), stop, best, *others], epochs=6)
        return stop, best, history

    with pytest.raises(RuntimeError):
        run(Kill(17))
    stop, best, history = run()
    assert stop.stopped_epoch == 4 and history.epoch == [0, 1, 2, 3, 4]
    assert best.best == 1.0 and os.listdir(tmp_path / "best") == ["1.keras"]


def test_the_last_but_one_is_used_where_the_last_is_damaged(tmp_path):
    def run(*others, double=True):
        model = small()
        fit(model, [BackupAndRestore(tmp_path, double_checkpoint=double), *others])
        return model

    with pytest.raises(RuntimeError):
        run(Kill(17))
    assert sorted(os.listdir(tmp_path)) == ["latest.weights.h5", "previous.weights.h5"]
    latest = tmp_path / "latest.weights.h5"
    latest.write_bytes(latest.read_bytes()[:3000])
    model = run()
    assert int(model.optimizer.iterations) == 21
    with pytest.raises(RuntimeError):
        run(Kill(9), double=False)
    latest.write_bytes(b"damaged")
    with pytest.raises(saving.CorruptFileError, match="latest"):
        run(double=False)


def test_a_backup_is_kept_on_request_and_one_that_is_done_trains_no_more(tmp_path):
    model = small()
    fit(model, [BackupAndRestore(tmp_path, delete_checkpoint=False)])
    before = values(model)
    again = small()
    fit(again, [BackupAndRestore(tmp_path, delete_checkpoint=False)])
    for one, other in zip(before, values(again)):
        np.testing.assert_array_equal(one, other)
    model.load_weights(tmp_path / "latest.weights.h5")  # an ordinary file of weights


def test_wrong_arguments_of_backup_and_restore(tmp_path):
    with pytest.raises(ValueError, match="backup_dir"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq"):
        BackupAndRestore(tmp_path, save_freq=0)


PROGRAM = """
import sys, time
import numpy as np
sys.path.insert(0, {tests!r})
import kbridge
import test_checkpoints as t

class Slow(kbridge.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("batch", flush=True)
        time.sleep({pause})

kbridge.utils.set_random_seed(5)
model = t.small()
t.fit(model, [t.BackupAndRestore({folder!r}, save_freq=2), Slow()], epochs=4)
np.savez({result!r}, *t.values(model))
"""


def test_a_killed_process_goes_on_to_the_same_weights(tmp_path):
    env = {**os.environ, "KBRIDGE_BACKEND": "numpy"}

    def start(name, pause=0.0):
        paths = {"folder": str(tmp_path / name), "result": str(tmp_path / f"{name}.npz")}
        program = PROGRAM.format(tests=str(Path(__file__).parent), pause=pause, **paths)
        return subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, text=True)

    whole = start("whole")
    for after in (5, 9):  # killed in the first epoch, then in the second
        process = start("killed", pause=0.02)
        for _ in range(after):
            assert process.stdout.readline() == "batch\n"
        time.sleep(0.003 * after)  # somewhere, in the midst of a write perhaps
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "killed.npz").exists()
        assert (tmp_path / "killed" / "latest.weights.h5").exists()
    last = start("killed")
    for process in (whole, last):
        process.communicate(timeout=120)
        assert process.returncode == 0
    expected, found = (list(np.load(tmp_path / f"{name}.npz").values()) for name in ("whole", "killed"))
    for one, other in zip(expected, found):
        np.testing.assert_array_equal(one, other)
    assert sorted(os.listdir(tmp_path)) == ["killed.npz", "whole.npz"]
