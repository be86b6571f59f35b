"""Callbacks of Keras 1 and 2: their arguments, what they are told, how they count, and the files they write."""

import csv
import importlib
import os

import numpy as np
import pytest

from kbridge.backend import registry
from kbridge.compat.logs import OldLogs

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")

rng = np.random.RandomState(0)
X = rng.randn(20, 4).astype("float32")
Y = np.eye(2, dtype="float32")[(X[:, 0] > 0).astype(int)]


@pytest.fixture(autouse=True)
def _on_numpy(request):
    """What asks for no engine needs none in particular."""
    if "engine" in request.fixturenames:
        yield
    else:
        with registry.use_backend("numpy"):
            yield


def module(generation, name):
    return importlib.import_module(f"kbridge.compat.keras{generation}.{name}")


def model_of(generation, lr=0.1):
    layers, models, optimizers = (module(generation, name) for name in ("layers", "models", "optimizers"))
    model = models.Sequential()
    model.add(layers.Dense(2, input_dim=4, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=optimizers.SGD(lr=lr), metrics=["accuracy"])
    return model


def fit(model, generation, epochs, callbacks, **kwargs):
    kwargs["nb_epoch" if generation == 1 else "epochs"] = epochs
    return model.fit(X, Y, batch_size=8, verbose=0, callbacks=callbacks, **kwargs)


class Fixed:
    """A model whose epochs end with the values of a list: what callbacks make of them is what is looked at."""

    stop_training = False

    def __init__(self, generation, lr=1.0):
        self.optimizer = module(generation, "optimizers").SGD(lr=lr)
        self.weights, self.restored = None, None

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.restored = weights

    def run(self, callback, values, name="val_loss"):
        """The epochs it goes through, and the learning rate after each."""
        callback.set_model(self)
        callback.set_params({"epochs": len(values), "metrics": [name]})
        callback.on_train_begin()
        rates = []
        for epoch, value in enumerate(values):
            self.weights = epoch
            callback.on_epoch_begin(epoch)
            callback.on_epoch_end(epoch, OldLogs({name: value}))
            rates.append(round(float(self.optimizer.lr), 6))
            if self.stop_training:
                break
        callback.on_train_end()
        return rates


def test_logs_answer_to_both_spellings():
    logs = OldLogs({"acc": 0.5, "val_accuracy": 0.25, "lr": 0.1, "loss": 2.0})
    assert logs["accuracy"] == logs.get("acc") == 0.5 and logs["val_acc"] == 0.25 and logs["learning_rate"] == 0.1
    assert "accuracy" in logs and "val_loss" not in logs and logs.get("val_loss") is None
    assert list(logs) == ["acc", "val_accuracy", "lr", "loss"] and len(logs) == 4
    with pytest.raises(KeyError, match="vall_acc"):
        logs["vall_acc"]


@pytest.mark.parametrize("generation", [1, 2])
def test_early_stopping_counts_as_then(generation):
    callbacks = module(generation, "callbacks")
    values = [5, 4, 4.5, 4.4, 4.3, 4.2, 4.1]
    for patience in (0, 1, 2):
        stopped = 3 + (patience if generation == 1 else max(patience - 1, 0))  # Keras 1 waited for one more
        assert len(Fixed(generation).run(callbacks.EarlyStopping(patience=patience), values)) == stopped
    # a value to which more is better, by either of its names
    for monitor in ("val_acc", "val_accuracy"):
        model = Fixed(generation)
        callback = callbacks.EarlyStopping(monitor, 0.05, 1 if generation == 2 else 0, 0, "auto")
        assert len(model.run(callback, [0.1, 0.3, 0.32, 0.9], "val_acc")) == 3
        assert callback.stopped_epoch == 2
    assert len(Fixed(generation).run(callbacks.EarlyStopping("loss", mode="max"), [1, 2, 3, 2], "loss")) == 4
    with pytest.warns(UserWarning, match="val_accc.*lack"):
        Fixed(generation).run(callbacks.EarlyStopping("val_accc"), [1.0])
    with pytest.warns(RuntimeWarning, match="best"):
        callbacks.EarlyStopping(mode="best")


def test_early_stopping_of_keras_2_restores_and_has_a_baseline():
    callbacks = module(2, "callbacks")
    model = Fixed(2)
    model.run(callbacks.EarlyStopping(patience=2, restore_best_weights=True), [5, 4, 4.5, 4.4])
    assert model.restored == 1
    model = Fixed(2)
    model.run(callbacks.EarlyStopping(patience=5, restore_best_weights=True), [5, 4, 4.5])
    assert model.restored is None  # it was not stopped
    assert len(Fixed(2).run(callbacks.EarlyStopping(patience=2, baseline=3.0), [5, 4, 3.5, 2])) == 2


def test_reducing_the_rate():
    first, second = (module(generation, "callbacks") for generation in (1, 2))
    values = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95]
    rates = Fixed(2).run(second.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.2), values)
    assert rates == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    rates = Fixed(1).run(first.ReduceLROnPlateau(factor=0.5, patience=2, epsilon=1e-3), values)
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.25]
    rates = Fixed(2).run(second.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2), values)
    assert rates == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert second.ReduceLROnPlateau(epsilon=0.5).min_delta == first.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    with pytest.raises(ValueError, match="factor"):
        second.ReduceLROnPlateau(factor=1.5)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_rate_by_the_epoch(generation):
    callbacks = module(generation, "callbacks")
    model = model_of(generation)
    before = model.get_weights()
    history = fit(model, generation, 2, [callbacks.LearningRateScheduler(lambda epoch: 0.0)])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert history.history.get("lr") == (None if generation == 1 else [0.0, 0.0])
    if generation == 2:
        fit(model, 2, 3, [callbacks.LearningRateScheduler(lambda epoch, lr: lr + 1.0, verbose=0)])
        assert float(model.optimizer.lr) == 3.0


@pytest.mark.parametrize("generation", [1, 2])
def test_checkpoints(tmp_path, generation):
    callbacks, models = module(generation, "callbacks"), module(generation, "models")
    model = model_of(generation)
    pattern = str(tmp_path / "weights.{epoch:02d}-{val_acc:.2f}.hdf5")
    found = fit(model, generation, 3, [callbacks.ModelCheckpoint(pattern, period=2)], validation_data=(X, Y))
    value = found.history["val_acc"][1]
    assert os.listdir(tmp_path) == [f"weights.{1 if generation == 1 else 2:02d}-{value:.2f}.hdf5"]
    path = str(tmp_path / "best.h5")
    best = callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True, save_weights_only=True, verbose=0)
    fit(model, generation, 2, [best], validation_data=(X, Y))
    assert best.best == min(found.model.history.history["val_loss"])
    other = model_of(generation)
    other.load_weights(path)
    np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-5)
    whole = str(tmp_path / "whole.h5")
    fit(model, generation, 1, [callbacks.ModelCheckpoint(whole)])
    again = models.load_model(whole)
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-5)
    fit(again, generation, 1, [])
    with pytest.raises(KeyError, match="val_los.*Known are: acc"):
        fit(model, generation, 1, [callbacks.ModelCheckpoint(str(tmp_path / "{val_los}.h5"))])


def test_what_a_callback_of_ones_own_is_told(engine):
    for generation in (1, 2) if engine.name == "numpy" else (2,):
        check_what_is_told(generation)


def check_what_is_told(generation):
    callbacks = module(generation, "callbacks")

    class Losses(callbacks.Callback):
        def on_train_begin(self, logs={}):  # noqa: B006 (as it was written then)
            self.losses, self.sizes = [], []

        def on_batch_begin(self, batch, logs={}):  # noqa: B006
            self.sizes.append(logs.get("size"))

        def on_batch_end(self, batch, logs={}):  # noqa: B006
            self.losses.append(logs.get("loss"))

        def on_epoch_end(self, epoch, logs={}):  # noqa: B006
            self.seen = logs["acc"], logs["accuracy"], logs.get("val_acc"), self.validation_data[0].shape

    class Stopper(callbacks.Callback):
        def __init__(self, model):
            self.model = model  # without a call of the base's constructor
            self.told = None

        def _set_params(self, params):
            self.told = params

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    model = model_of(generation)
    losses, stopper = Losses(), Stopper(model)
    history = fit(model, generation, 5, [losses, stopper], validation_data=(X, Y), shuffle=False)
    assert losses.sizes == [8, 8, 4] and len(losses.losses) == 3 and len(history.epoch) == 1
    np.testing.assert_allclose(np.dot(losses.losses, [8, 8, 4]) / 20, history.history["loss"][0], rtol=1e-5)
    assert losses.seen[0] == losses.seen[1] and losses.seen[2] is not None and losses.seen[3] == (20, 4)
    epochs = stopper.told["nb_epoch" if generation == 1 else "epochs"]
    assert epochs == 5 and stopper.told["batch_size" if generation == 1 else "samples"] == (
        8 if generation == 1 else 20
    )
    assert history.history["acc"] == history.history["accuracy"] and len(history.history["val_acc"]) == 1


def test_functions_as_callbacks_and_loops_of_ones_own():
    callbacks = module(2, "callbacks")
    told = []
    callback = callbacks.LambdaCallback(
        lambda epoch, logs: told.append(("begin", epoch)),
        lambda epoch, logs: told.append(("end", epoch)),
        lambda batch, logs: told.append(("batch", batch)),
        on_train_end=lambda logs: told.append("over"),
    )
    fit(model_of(2), 2, 1, [callback])
    assert told == [("begin", 0), ("batch", 0), ("batch", 1), ("batch", 2), ("end", 0), "over"]

    model, history, means = model_of(2), callbacks.History(), callbacks.BaseLogger()
    several = callbacks.CallbackList([means, callback, history])
    several.set_model(model)
    several.set_params({"epochs": 1, "metrics": ["loss"]})
    several.on_train_begin()
    several.on_epoch_begin(0)
    for batch, (loss, size) in enumerate([(1.0, 8), (4.0, 4)]):
        several.on_batch_begin(batch, {"size": size})
        several.on_batch_end(batch, {"loss": loss, "size": size})
    logs = {}
    several.on_epoch_end(0, logs or {"loss": 0.0})
    assert history.history["loss"] == [2.0] and told.count(("batch", 1)) == 2


def test_files_of_logs(tmp_path):
    callbacks = module(2, "callbacks")
    path, logs = str(tmp_path / "log.csv"), str(tmp_path / "tb")
    board = callbacks.TensorBoard(logs, 1, 32, True, False, True)
    model = model_of(2)
    fit(model, 2, 2, [callbacks.CSVLogger(path, ";"), board])
    fit(model, 2, 1, [callbacks.CSVLogger(path, ";", append=True)])
    with open(path, newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert rows[0][:3] == ["epoch", "accuracy", "loss"] and [row[0] for row in rows[1:]] == ["0", "1", "0"]
    assert any(name.startswith("events") for _, _, names in os.walk(logs) for name in names)
    with pytest.warns(UserWarning, match="write_grads"):
        callbacks.TensorBoard(logs, write_grads=True)
    with pytest.raises(ValueError, match="count_mode"):
        callbacks.ProgbarLogger("batches")


def test_training_ends_when_the_loss_is_no_number():
    callbacks = module(2, "callbacks")
    model = model_of(2)
    model.compile(loss=lambda t, p: (t - p) * float("nan"), optimizer="sgd")
    history = fit(model, 2, 5, [callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1


def test_the_bar_counts_samples_or_steps(capsys):
    callbacks = module(2, "callbacks")
    for mode, last in (("samples", "20/20"), ("steps", "3/3")):
        model = model_of(2)
        model.fit(X, Y, batch_size=8, epochs=1, verbose=2, callbacks=[callbacks.ProgbarLogger(mode)])
        assert last in capsys.readouterr().out
