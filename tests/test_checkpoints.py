"""ModelCheckpoint and BackupAndRestore: what is saved when, and training that goes on after a kill."""

import importlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import callbacks, layers, saving
from kbridge.backend import seeds
from kbridge.callbacks import BackupAndRestore, Callback, EarlyStopping, ModelCheckpoint

pytest.importorskip("h5py")

from test_hostile_files import program  # noqa: E402

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
    for name, weights in [("model.weights.h5", False), ("model.safetensors", False), ("model.npz", False), ("m", True)]:
        with pytest.raises(ValueError, match=r"must end in '\.(keras|weights\.h5)', \.h5"):
            ModelCheckpoint(name, save_weights_only=weights)
    with pytest.raises(ValueError, match="save_freq"):
        ModelCheckpoint("model.keras", save_freq="batch")
    with pytest.raises(ValueError, match="mode"):
        ModelCheckpoint("model.keras", mode="best")
    with pytest.raises(KeyError, match=r"\{val_acc\}.*Known are: epoch, loss, mae"):
        fit(small(), [ModelCheckpoint(tmp_path / "{val_acc}.keras")])
    with pytest.raises(KeyError, match="batch"):
        fit(small(), [ModelCheckpoint(tmp_path / "{batch}.keras")])


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "a.hdf5", "a.hdf"])
def test_models_in_every_format_of_save(tmp_path, name):
    model = small()
    fit(model, [ModelCheckpoint(tmp_path / name)], epochs=1)
    loaded = saving.load_model(tmp_path / name)
    for one, other in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert loaded.optimizer.built


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.hdf5", "a.hdf", "a.safetensors", "a.npz"])
def test_weights_in_every_format_of_save_weights(tmp_path, name):
    model, loaded = small(), small()
    fit(model, [ModelCheckpoint(tmp_path / name, save_weights_only=True)], epochs=1)
    loaded.load_weights(tmp_path / name)
    for one, other in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)


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


class Cheat(Callback):
    """Has something to say of the beginning of each epoch, and remembers nothing."""

    def on_epoch_begin(self, epoch, logs=None):
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1


@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_every_callback_goes_on_as_if_nothing_had_been(engine, tmp_path, save_freq):
    def run(folder, *others):
        folder.mkdir(exist_ok=True)
        kbridge.utils.set_random_seed(3)
        model = small()
        model.compile(kbridge.optimizers.Adam(0.01, use_ema=True), "mse", metrics=["mae"])
        stop = EarlyStopping("up", patience=4, mode="max", restore_best_weights=True)
        plateau = callbacks.ReduceLROnPlateau("up", 0.5, patience=1, mode="max", cooldown=1)
        some = ModelCheckpoint(folder / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4)
        best = ModelCheckpoint(folder / "best-{epoch}.h5", "up", save_best_only=True, mode="max")
        watchers = [
            Logs(up=[1.0, 2.0, 1.5, 1.8, 1.6, 1.0, 3.0]),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            *(plateau, stop, best, some, Cheat()),
            callbacks.SwapEMAWeights(swap_on_epoch=True),
            callbacks.CSVLogger(folder / "log.csv"),
            BackupAndRestore(folder / "backup", save_freq),
        ]
        history = fit(model, [*watchers, *others], 7, validation_data=(X[:9], X[:9, :2]))
        known = [stop.best, stop.best_epoch, stop.stopped_epoch, stop.wait, best.best]
        known += [plateau.best, plateau.wait, plateau.cooldown_counter, history.epoch, sorted(os.listdir(folder))]
        return values(model), known, history.history, (folder / "log.csv").read_text()

    expected = run(tmp_path / "whole")
    for after in (5, 10, 17, 4):
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path / "broken", Kill(after))
    found = run(tmp_path / "broken")
    exact = engine.name == "numpy"
    for one, other in zip(expected[0], found[0]):
        np.testing.assert_allclose(one, other, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6)
    assert found[1] == expected[1] and expected[1][2] == 5
    assert list(found[2]) == list(expected[2])
    for name in expected[2]:
        np.testing.assert_allclose(found[2][name], expected[2][name], rtol=0 if exact else 1e-5)
    assert found[3] == expected[3] or not exact
    assert found[3].count("\n") == 7 and found[3].count("epoch") == 1


def test_csv_lines_of_earlier_runs_stay_where_lines_are_appended(tmp_path):
    file = tmp_path / "log.csv"

    def run(*others):
        logger = callbacks.CSVLogger(file, append=True)
        fit(small(), [logger, BackupAndRestore(tmp_path / "backup", 4), *others], validation_split=0.2)

    run()
    before = file.read_text()
    with pytest.raises(RuntimeError):
        run(Kill(11))  # behind the end of an epoch that was not backed up yet
    assert file.read_text().count("\n") == before.count("\n") + 2
    run()
    assert file.read_text().startswith(before)
    assert [line[0] for line in file.read_text().splitlines()] == list("e012012")


def test_a_run_that_was_told_to_stop_stops(tmp_path):
    def run(*others):
        model = small()
        stop = EarlyStopping("up", patience=2, mode="max")
        fit(model, [Logs(up=[2.0, 1.0, 1.0, 1.0, 1.0]), stop, BackupAndRestore(tmp_path / "b"), *others], epochs=5)
        return model, stop

    class KillAtTheEnd(Callback):
        def on_train_end(self, logs=None):
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        run(KillAtTheEnd())  # told before the backup is removed
    model, stop = run()
    assert stop.stopped_epoch == 2 and int(model.optimizer.iterations) == 21
    assert len(model.history.epoch) == 3


class TwoOptimizers(kbridge.Model):
    """A model with a step of its own, which builds two optimizers and its metrics as it goes."""

    def __init__(self):
        super().__init__()
        self.one, self.two = layers.Dense(4), layers.Dense(2)
        self.first_optimizer = kbridge.optimizers.Adam(0.01)
        self.second_optimizer = kbridge.optimizers.SGD(0.01, momentum=0.9)

    def call(self, x):
        return self.two(self.one(x))

    def train_step(self, data):
        x, y = data
        y = y + 0.01 * np.random.standard_normal(y.shape).astype("float32") + 0.01 * kbridge.random.normal(y.shape)

        def loss():
            y_pred = self(x, training=True)
            return kbridge.ops.mean((y - y_pred) ** 2), y_pred

        variables = self.trainable_variables
        (value, y_pred), gradients = kbridge.training.autodiff.value_and_grad(loss, variables, has_aux=True)
        self.first_optimizer.apply(gradients[:2], variables[:2])
        self.second_optimizer.apply(gradients[2:], variables[2:])
        return {"mine": value, **self.compute_metrics(x, y, y_pred)}


@pytest.mark.parametrize("save_freq", ["epoch", 3, 7])
def test_a_step_of_ones_own_goes_on(tmp_path, save_freq):
    def run(*others):
        kbridge.utils.set_random_seed(4)
        model = TwoOptimizers()
        model.compile(optimizer=None, loss=None, metrics=["mae"], run_eagerly=True)
        history = fit(model, [BackupAndRestore(tmp_path / "backup", save_freq), *others])
        optimizers = (model.first_optimizer, model.second_optimizer)
        return model.get_weights() + [v.numpy() for one in optimizers for v in one.variables], history.history

    expected = run()
    for after in (8, 9):
        with pytest.raises(RuntimeError, match="killed"):
            run(Kill(after))
    found = run()
    for one, other in zip(expected[0], found[0]):
        np.testing.assert_array_equal(one, other)
    assert found[1] == expected[1]


@pytest.fixture
def numpys_stream():
    """Draws follow np.random, as in programs of Keras 1 and 2."""
    seeds.follow(lambda: np.random.randint(2**31 - 1))
    yield
    seeds.follow(None)


@pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")
@pytest.mark.parametrize("generation", [1, 2])
def test_models_and_callbacks_of_older_generations_go_on(tmp_path, numpys_stream, generation):
    door = f"kbridge.compat.keras{generation}."
    old = {name: importlib.import_module(door + name) for name in ("layers", "models", "optimizers", "callbacks")}

    class Watch(old["callbacks"].Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["up"] = [1.0, 3.0, 2.0, 1.0, 1.0][epoch]

    def run(folder, *others):
        folder.mkdir(exist_ok=True)
        np.random.seed(7)
        model = old["models"].Sequential()
        model.add(old["layers"].Dense(4, input_dim=4, activation="relu"))
        model.add(old["layers"].Dropout(0.3))
        model.add(old["layers"].Dense(2))
        model.compile(loss="mse", optimizer=old["optimizers"].SGD(lr=0.05, momentum=0.9), metrics=["mae"])
        known = old["callbacks"]
        stop = known.EarlyStopping("up", patience=3, mode="max")
        plateau = known.ReduceLROnPlateau("up", patience=1, mode="max", factor=0.5)
        some = known.ModelCheckpoint(str(folder / "{epoch}.h5"), period=2, save_weights_only=True)
        lines = known.CSVLogger(str(folder / "log.csv"))
        rate = known.LearningRateScheduler(lambda epoch: 0.05 / (1 + epoch))
        watchers = [Watch(), rate, stop, plateau, some, lines, BackupAndRestore(folder / "backup", 3), *others]
        history = model.fit(
            X, X[:, :2], batch_size=8, verbose=0, callbacks=watchers, **{"nb_epoch" if generation == 1 else "epochs": 5}
        )
        known = [stop.best, stop.wait, plateau.best, plateau.wait, some.epochs_since_last_save, history.epoch]
        known += [history.history["mean_absolute_error"], sorted(os.listdir(folder))]
        return values(model), known, dict(history.history), (folder / "log.csv").read_text()

    expected = run(tmp_path / "whole")
    for after in (5, 10, 14):
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path / "broken", Kill(after))
    np.random.rand(5)
    found = run(tmp_path / "broken")
    for one, other in zip(expected[0], found[0]):
        np.testing.assert_array_equal(one, other)
    assert found[1:] == expected[1:]


def test_the_users_own_streams_of_numbers_go_on(tmp_path):
    def noisy():
        while True:
            yield X[:8] + 0.1 * np.random.standard_normal((8, 4)).astype("float32"), random.random() + X[:8, :2]

    def run(*others):
        kbridge.utils.set_random_seed(2)
        model = small()
        callbacks = [BackupAndRestore(tmp_path / "b", 2), *others]
        model.fit(noisy(), steps_per_epoch=5, epochs=3, verbose=0, callbacks=callbacks)
        return values(model)

    expected = run()
    for after in (4, 6):
        with pytest.raises(RuntimeError, match="killed"):
            run(Kill(after))
    for one, other in zip(expected, run()):
        np.testing.assert_array_equal(one, other)


def test_what_killed_processes_left_behind_goes(tmp_path):
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / ".latest.weights.h5.0123456789ab.saving").write_bytes(b"half")
    fit(small(), [BackupAndRestore(folder)], epochs=0)
    assert os.listdir(tmp_path) == []


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


def test_a_backup_that_is_damaged_is_told(tmp_path):
    fit(small(), [BackupAndRestore(tmp_path, 3, delete_checkpoint=False)])
    path = tmp_path / "latest.weights.h5"
    whole = path.read_bytes()
    state = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    for mark in (b'"epoch": ', b'"stream": ', b'"history": '):
        data = bytearray(whole)
        data[data.find(mark) + len(mark)] ^= 1
        path.write_bytes(data)
        with pytest.raises(saving.CorruptFileError, match="checksum"):
            fit(small(), [BackupAndRestore(tmp_path, 3)])
    assert state == (random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist())


def test_a_backup_of_another_program_is_told(tmp_path):
    fit(small(), [BackupAndRestore(tmp_path, delete_checkpoint=False)])

    class Watch(Callback):
        def get_state(self):
            return {"seen": 1}

        def set_state(self, state):
            self.seen = state["other"]

    fit(small(), [Watch(), BackupAndRestore(tmp_path, delete_checkpoint=False)], epochs=5)
    with pytest.raises(saving.CorruptFileError, match="'other'.*another program"):
        fit(small(), [Watch(), BackupAndRestore(tmp_path)], epochs=6)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_training_that_is_killed_at_any_moment_comes_to_the_same_end():
    (told,) = program("resumes.py", 4, 1)
    assert told["killed"] >= 4 and told["completed"] == told["right"] and told["most"] <= 2, told


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
