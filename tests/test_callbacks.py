"""Callbacks: when they are told of what, what they change, and what they write."""

import csv
import io
import math
import random
import re
import sys
import warnings

import numpy as np
import pytest

import kbridge
from kbridge import callbacks, layers
from kbridge.callbacks import progress


@pytest.fixture(autouse=True)
def _on_numpy(request):
    """On NumPy, where a test does not ask for every engine."""
    if "engine" in request.fixturenames:
        yield
    else:
        with kbridge.use_backend("numpy"):
            yield


def data(samples=12):
    x = np.random.default_rng(0).normal(size=(samples, 3)).astype("float32")
    return x, x.sum(-1, keepdims=True)


def regressor(rate=0.1):
    model = kbridge.Sequential([kbridge.Input((3,)), layers.Dense(1)])
    model.compile(kbridge.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


class Rate:
    """An optimizer as far as callbacks are concerned."""

    learning_rate = 1.0


class Fake:
    """A model as far as callbacks are concerned: its weight is the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = Rate()
        self.metrics = []
        self.weights = [-1]

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = list(weights)


def play(callback, values, name="val_loss", start=0):
    """Lead ``callback`` through epochs with these values; returns (epochs run, model, the rates)."""
    model = Fake()
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values, start):
        model.weights = [epoch]
        callback.on_epoch_begin(epoch, {})
        logs = {"loss": 0.0} if value is None else {"loss": 0.0, name: value}
        callback.on_epoch_end(epoch, logs)
        rates.append(model.optimizer.learning_rate)
        if model.stop_training:
            break
    callback.on_train_end({})
    return len(rates), model, rates


# -- EarlyStopping


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({}, [3, 2, 1, 0], 4),
        ({}, [3, 2, 2, 0], 3),
        ({"patience": 2}, [3, 4, 4, 0], 3),
        ({"patience": 2}, [3, 4, 2, 3, 1, 2, 2], 7),
        ({"min_delta": 0.5}, [3, 2.6, 1], 2),
        ({"min_delta": -0.5}, [3, 2.6, 1], 2),
        ({"mode": "max"}, [1, 2, 3, 2], 4),
        ({"mode": "max"}, [1, 0, 3], 2),
        ({"mode": "min"}, [1, 2, 0], 2),
        ({"baseline": 1.0, "patience": 2}, [3, 2, 1.5, 0], 4),
        ({"baseline": 1.0, "patience": 2}, [3, 3, 0.5], 2),
        ({"baseline": 5.0}, [3, 2, 1], 3),
        ({"start_from_epoch": 3}, [1, 2, 3, 4, 5, 6], 5),
    ],
)
def test_early_stopping_stops_when_it_should(options, values, epochs):
    assert play(callbacks.EarlyStopping(**options), values)[0] == epochs


def test_early_stopping_gives_back_the_best_weights(capsys):
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    _, model, _ = play(stop, [3, 1, 2, 2, 0])
    assert model.weights == [1] and stop.best == 1 and stop.best_epoch == 1 and stop.stopped_epoch == 3
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 4: early stopping",
        "The weights of epoch 2, the best, are restored.",
    ]
    _, model, _ = play(callbacks.EarlyStopping(restore_best_weights=True, patience=9), [3, 1, 2])
    assert model.weights == [1]  # where training ends by itself too
    _, model, _ = play(callbacks.EarlyStopping(patience=2), [3, 1, 2, 2, 0])
    assert model.weights == [3]


def test_early_stopping_begins_anew_with_each_training():
    stop = callbacks.EarlyStopping()
    assert play(stop, [1, 2])[0] == 2
    assert play(stop, [9, 8, 7])[0] == 3


def test_a_value_that_the_logs_lack_is_told():
    with pytest.warns(UserWarning, match=r"EarlyStopping follows 'val_loss', which the logs lack. They hold: loss"):
        play(callbacks.EarlyStopping(), [None])
    with pytest.warns(UserWarning, match=r"ReduceLROnPlateau follows 'val_acc'.*They hold: loss, learning_rate"):
        play(callbacks.ReduceLROnPlateau("val_acc"), [None])


def test_auto_goes_by_the_metric_then_by_the_name():
    assert play(callbacks.EarlyStopping("val_accuracy"), [0.1, 0.2, 0.1], "val_accuracy")[0] == 3
    assert play(callbacks.EarlyStopping("out_loss"), [0.1, 0.2], "out_loss")[0] == 2
    with pytest.warns(UserWarning, match="cannot tell whether more or less of 'val_thing' is better"):
        assert play(callbacks.EarlyStopping("val_thing"), [0.1, 0.2], "val_thing")[0] == 2
    with pytest.raises(ValueError, match="mode must be 'auto', 'min' or 'max'. Received: mode='upwards'"):
        callbacks.EarlyStopping(mode="upwards")

    stop = callbacks.EarlyStopping("val_thing")
    metric = kbridge.metrics.BinaryAccuracy(name="thing")
    model = regressor()
    model.compile("sgd", "mse", metrics=[metric])
    x, y = data()
    model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[stop])
    assert stop._upwards() is True


def test_early_stopping_in_fit(engine):
    x, y = data()
    model = regressor(rate=0.0)
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    before = model.get_weights()
    history = model.fit(x, y, epochs=9, verbose=0, validation_split=0.25, callbacks=[stop])
    assert history.epoch == [0, 1, 2] and stop.stopped_epoch == 2
    for now, then in zip(model.get_weights(), before):
        np.testing.assert_array_equal(now, then)


# -- the learning rate


def test_a_schedule_of_one_argument_and_of_two(capsys):
    assert play(callbacks.LearningRateScheduler(lambda epoch: 1.0 / (epoch + 1)), [1, 1, 1])[2] == [1, 0.5, 1 / 3]
    assert play(callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2), [1, 1, 1])[2] == [0.5, 0.25, 0.125]
    assert play(callbacks.LearningRateScheduler(lambda epoch: np.float32(2)), [1])[2] == [2.0]
    assert capsys.readouterr().out == ""
    play(callbacks.LearningRateScheduler(lambda epoch: 0.25, verbose=1), [1])
    assert "Epoch 1: the learning rate is set to 0.25." in capsys.readouterr().out


def test_errors_of_a_schedule_are_its_own():
    def broken(epoch, rate):
        return rate + "a"

    with pytest.raises(TypeError, match="unsupported operand"):
        play(callbacks.LearningRateScheduler(broken), [1])
    with pytest.raises(ValueError, match="schedule must return a number. It returned None for epoch 0"):
        play(callbacks.LearningRateScheduler(lambda epoch: None), [1])


def test_the_rate_stands_in_the_history_and_is_used(engine):
    x, y = data()
    model = regressor()
    schedule = kbridge.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[callbacks.LearningRateScheduler(schedule)])
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.05, 0.025], rtol=1e-6)
    before = model.get_weights()[0]
    model.fit(x, y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.0)])
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(
    ("options", "values", "rates"),
    [
        ({"patience": 1, "factor": 0.5}, [2, 2, 2, 1, 1], [1, 0.5, 0.25, 0.25, 0.125]),
        ({"patience": 2, "factor": 0.5}, [2, 2, 2, 2, 2], [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.4}, [2, 2, 2, 2], [1, 0.5, 0.4, 0.4]),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, [2, 2, 2, 2, 2], [1, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 1, "factor": 0.5, "mode": "max"}, [1, 2, 3, 3], [1, 1, 1, 0.5]),
        ({"patience": 1, "factor": 0.5, "min_delta": 1}, [3, 2.5, 1], [1, 0.5, 0.5]),
        ({"patience": 1, "factor": 0.5, "epsilon": 1}, [3, 2.5, 1], [1, 0.5, 0.5]),
    ],
)
def test_reduce_lr_on_plateau(options, values, rates):
    assert play(callbacks.ReduceLROnPlateau(**options), values)[2] == rates


def test_reduce_lr_on_plateau_refuses_and_tells(capsys):
    with pytest.raises(ValueError, match="factor must be less than 1. Received: factor=1.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="does not know the argument.*'waiting'"):
        callbacks.ReduceLROnPlateau(waiting=1)
    play(callbacks.ReduceLROnPlateau(patience=1, verbose=1), [1, 1])
    assert "Epoch 2: the learning rate is reduced to 0.1." in capsys.readouterr().out


def test_terminate_on_nan(engine, capsys):
    x, y = data()
    y[7] = np.nan
    model = regressor()
    history = model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1 and math.isnan(history.history["loss"][0])
    assert capsys.readouterr().out == "Batch 3: the loss is nan, so training stops.\n"
    with pytest.raises(RuntimeError, match="Batch 0: the loss is nan"):
        model.fit(x, y, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


# -- the same as Keras


def test_the_course_is_that_of_keras():
    """Random courses: both stop at the same epoch, with the same best weights and the same rates."""
    theirs = pytest.importorskip("oracle").keras.callbacks
    draw = random.Random(0)
    for _ in range(150):
        values = [round(draw.uniform(0, 2), 1) for _ in range(12)]
        common = {"mode": draw.choice(["min", "max"]), "min_delta": draw.choice([0, 0.1, 0.5])}
        stopping = common | {
            "patience": draw.randrange(4),
            "baseline": draw.choice([None, 1.0]),
            "restore_best_weights": draw.random() < 0.5,
            "start_from_epoch": draw.randrange(3),
        }
        plateau = common | {
            "patience": draw.randrange(1, 4),
            "cooldown": draw.randrange(3),
            "factor": 0.5,
            "min_lr": 0.1,
        }
        for name, options in (("EarlyStopping", stopping), ("ReduceLROnPlateau", plateau)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                epochs, model, rates = play(getattr(callbacks, name)(**options), values)
                other = play(getattr(theirs, name)(**options), values)
            assert (epochs, model.weights) == (other[0], other[1].weights), (name, options, values)
            np.testing.assert_allclose(rates, other[2], rtol=1e-6)


# -- what is written


def rows(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv_logger_writes_what_the_history_holds(tmp_path, engine):
    x, y = data()
    path = tmp_path / "log.csv"
    model = regressor()
    history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.25, callbacks=[callbacks.CSVLogger(path)])
    header, *lines = rows(path)
    assert header == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [line[0] for line in lines] == ["0", "1", "2"]
    for column, name in enumerate(header[1:], 1):
        assert [float(line[column]) for line in lines] == history.history[name]


def test_csv_logger_appends_under_the_columns_that_are_there(tmp_path):
    x, y = data()
    path, model = str(tmp_path / "log.csv"), regressor()
    model.fit(x, y, verbose=0, callbacks=[callbacks.CSVLogger(path, separator=";")])
    assert rows(path, ";")[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert rows(path, ";")[1][3:] == ["NA", "NA"]  # there was no evaluation
    log = callbacks.CSVLogger(path, separator=";", append=True)
    fitted = {
        "verbose": 0,
        "validation_data": (x, y),
        "callbacks": [callbacks.LearningRateScheduler(lambda e: 0.1), log],
    }
    model.fit(x, y, **fitted)
    model.fit(x, y, **fitted)
    found = rows(path, ";")
    assert len(found) == 4 and all(len(row) == 5 for row in found)
    assert float(found[2][3]) > 0
    model.fit(x, y, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    assert len(rows(path)) == 2


def test_csv_logger_by_hand(tmp_path):
    log = callbacks.CSVLogger(tmp_path / "log.csv")
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": 1.0, "parts": [1, 2]})
    log.on_epoch_end(1, {"loss": np.float32(0.5)})
    assert rows(tmp_path / "log.csv")[1] == ["0", "1.0", "[1, 2]", "NA", "NA"]  # each line is there at once
    log.on_train_end()
    assert rows(tmp_path / "log.csv")[2] == ["1", "0.5", "NA", "NA", "NA"]


# -- hooks


class Recorder(callbacks.Callback):
    """Notes every hook it is told of."""

    def __init__(self):
        super().__init__()
        self.told = []


def _recording(name):
    def note(self, *args, logs=None):
        if logs is None:
            *args, logs = args
        assert isinstance(logs, dict), name
        self.told.append((name.removeprefix("on_"), *args))

    return note


for _name in callbacks.hooks.ALL:
    if _name not in ("on_batch_begin", "on_batch_end"):
        setattr(Recorder, _name, _recording(_name))


def batches(kind, count):
    return [(f"{kind}_batch_{moment}", i) for i in range(count) for moment in ("begin", "end")]


EVALUATION = [("test_begin",), *batches("test", 1), ("test_end",)]
EPOCHS = [
    entry
    for epoch in range(2)
    for entry in [("epoch_begin", epoch), *batches("train", 3), *EVALUATION, ("epoch_end", epoch)]
]


def test_the_order_of_hooks(engine):
    x, y = data()
    model, recorder = regressor(), Recorder()
    model.fit(
        x, y, batch_size=4, epochs=2, verbose=0, validation_data=(x, y), validation_batch_size=12, callbacks=recorder
    )
    assert recorder.told == [("train_begin",), *EPOCHS, ("train_end",)]
    assert recorder.params["epochs"] == 2 and recorder.params["steps"] == 3 and recorder.model is model
    recorder.told.clear()
    model.evaluate(x, y, batch_size=6, verbose=0, callbacks=[recorder])
    assert recorder.told == [("test_begin",), *batches("test", 2), ("test_end",)]
    recorder.told.clear()
    model.predict(x, batch_size=6, verbose=0, callbacks=[recorder])
    assert recorder.told == [("predict_begin",), *batches("predict", 2), ("predict_end",)]


def test_the_order_of_hooks_is_that_of_keras():
    keras = pytest.importorskip("oracle").keras
    recorder = type("Theirs", (keras.callbacks.Callback,), {k: v for k, v in vars(Recorder).items() if k != "__doc__"})
    told = recorder.told = []
    model = Fake()
    recorder.__init__ = lambda self: keras.callbacks.Callback.__init__(self)
    ours = Recorder()
    for found in (keras.callbacks.CallbackList([recorder()], model=model), callbacks.CallbackList([ours], model=model)):
        found.on_train_begin()
        found.on_epoch_begin(0)
        found.on_train_batch_begin(0)
        found.on_train_batch_end(0, {"loss": 1.0})
        found.on_test_begin()
        found.on_test_batch_begin(0)
        found.on_test_batch_end(0)
        found.on_test_end()
        found.on_epoch_end(0)
        found.on_predict_begin()
        found.on_predict_batch_begin(0)
        found.on_predict_batch_end(0)
        found.on_predict_end()
        found.on_train_end()
    assert len(told) == 14 and ours.told == told


@pytest.mark.parametrize("old", ["on_batch_begin", "on_batch_end"])
def test_the_older_names_of_batch_hooks(old):
    x, y = data()
    seen = []
    callback = type("Old", (callbacks.Callback,), {old: lambda self, batch, logs=None: seen.append(batch)})()
    regressor().fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[callback])
    assert seen == [0, 1, 2] * 2


def test_lambda_callback(engine):
    x, y = data()
    seen = []
    told = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs))),
        on_train_begin=lambda logs: seen.append("begin"),
        on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"] > 0)),
        on_train_end=lambda _: seen.append("end"),
        on_test_begin=lambda _: seen.append("test"),
    )
    regressor().fit(x, y, batch_size=6, verbose=0, validation_data=(x, y), callbacks=[told])
    expected = ["begin", (0, True), (1, True), "test", (0, ["loss", "mae", "val_loss", "val_mae"]), "end"]
    assert seen == expected
    with pytest.raises(TypeError, match="LambdaCallback does not know .'on_epoch'.. It knows: on_train_begin"):
        callbacks.LambdaCallback(on_epoch=print)


def test_history(engine):
    x, y = data()
    model, own = regressor(), callbacks.History()
    history = model.fit(x, y, epochs=5, initial_epoch=2, verbose=0, callbacks=[own])
    assert history is own is model.history
    assert history.epoch == [2, 3, 4] and sorted(history.history) == ["loss", "mae"]
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert model.fit(x, y, verbose=0).epoch == [0] and own.epoch == [2, 3, 4]


def test_a_callback_that_stops_within_an_epoch(engine):
    x, y = data()
    model = regressor()

    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    history = model.fit(x, y, batch_size=2, epochs=5, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0] and int(model.optimizer.iterations) == 2


def test_a_list_used_by_hand():
    """As in a training loop of one's own."""
    x, y = data()
    model, recorder = regressor(), Recorder()
    found = callbacks.CallbackList([recorder], add_history=True, model=model, epochs=1, steps=1, verbose=0)
    later = Recorder()
    found.append(later)
    found.on_train_begin()
    found.on_epoch_begin(0)
    found.on_train_batch_begin(0)
    logs = model.train_on_batch(x, y, return_dict=True)
    found.on_train_batch_end(0, logs)
    found.on_epoch_end(0, logs)
    found.on_train_end(logs)
    assert (
        recorder.told
        == later.told
        == [("train_begin",), ("epoch_begin", 0), *batches("train", 1), ("epoch_end", 0), ("train_end",)]
    )
    assert later.model is model and later.params["epochs"] == 1
    assert found.history.history["loss"] == [logs["loss"]] and model.history is found.history
    with pytest.raises(TypeError, match="callbacks must be Callbacks. Received: 3"):
        callbacks.CallbackList([3])


# -- progress on the screen


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_one_line_an_epoch(capsys):
    x, y = data()
    model = regressor()
    for verbose in ("auto", 1):
        model.fit(x, y, batch_size=1, epochs=2, verbose=verbose)
        lines = capsys.readouterr().out.splitlines()
        assert [re.sub(r"(12/12 - ).*", r"\1", line) for line in lines] == [
            "Epoch 1/2",
            "12/12 - ",
            "Epoch 2/2",
            "12/12 - ",
        ]
        assert re.fullmatch(r"12/12 - \S+ \S+/step - loss: \S+ - mae: \S+", lines[1])
    model.fit(x, y, batch_size=1, epochs=2, validation_data=(x, y))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(" - val_loss: " in line for line in lines[1::2])
    model.fit(x, y, verbose=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
    model.fit(x, y, verbose=0)
    assert capsys.readouterr().out == ""
    model.evaluate(x, y, batch_size=1)
    model.predict(x, batch_size=1)
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"12/12 - \S+ \S+/step - loss: \S+ - mae: \S+", first)
    assert re.fullmatch(r"12/12 - \S+ \S+/step", second)


def test_an_unknown_number_of_steps(capsys):
    x, y = data()

    def generated():
        for _ in range(3):
            yield x[:4], y[:4]

    regressor().fit(generated(), verbose=1)
    assert re.match(r"Epoch 1/1\n3/3 - ", capsys.readouterr().out)


def test_a_terminal_gets_a_bar_that_is_drawn_over(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    bar = progress.Progbar(4, interval=0)
    for step in range(1, 5):
        bar.update(step, [("loss", 1.0 / step), ("a_value_with_a_long_name", 2.0)])
    text = screen.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n")
    *drawn, last = [line for line in text.split("\r") if line]
    assert len(drawn) == 3 and all(len(line) < 40 for line in drawn)
    assert drawn[0].startswith("1/4 [=====...............] - ETA")
    assert last.startswith("4/4 [====================]") and "a_value_with_a_long_name: 2.0000" in last
    assert f"loss: {(1 + 1 / 2 + 1 / 3 + 1 / 4) / 4:.4f}" in last  # the mean


def test_a_notebook_is_drawn_over_too(monkeypatch, capsys):
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", type(sys)("IPython"))
    sys.modules["IPython"].get_ipython = lambda: shell
    assert progress.is_live()
    bar = progress.Progbar(2, interval=0)
    bar.add(1)
    bar.add(1)
    assert capsys.readouterr().out.count("\r") == 2


def test_progbar_by_hand(capsys):
    bar = progress.Progbar(10, stateful_metrics=["last"], unit_name="file")
    bar.update(4, [("mean", 1.0), ("last", 1.0)])
    assert capsys.readouterr().out == ""
    bar.add(6, [("mean", 2.0), ("last", 2.0)])
    assert re.fullmatch(r"10/10 - \S+ \S+/file - mean: 1.6000 - last: 2.0000\n", capsys.readouterr().out)
    bar = progress.Progbar(2, stateless_metrics=["mean"])
    bar.update(1, [("mean", 1.0), ("last", 1.0)])
    bar.update(2, [("mean", 2.0), ("last", 1e-5)])
    assert "mean: 1.5000 - last: 1.0000e-05" in capsys.readouterr().out
    progress.Progbar(2, verbose=0).update(2)
    progress.Progbar(None).update(2)
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="stateful_metrics .* or stateless_metrics"):
        progress.Progbar(2, stateful_metrics=[], stateless_metrics=[])
    assert kbridge.utils.Progbar is progress.Progbar


def test_a_live_terminal_in_fit(monkeypatch):
    x, y = data()
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "120")
    regressor().fit(x, y, batch_size=1, epochs=2)
    lines = screen.getvalue().split("\n")
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 5
    assert lines[1].split("\r")[-1].startswith("12/12 [====================]")
    assert re.search(r" - loss: \S+ - mae: \S+$", lines[3])
