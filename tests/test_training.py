"""compile, fit, evaluate, predict: values a user would check, on every engine."""

import contextlib
import io
import sys
import warnings

import numpy as np
import pytest

import kbridge
from kbridge import layers

rng = np.random.default_rng(3)
X = rng.normal(size=(96, 5)).astype("float32")
Y = (X[:, :1] * X[:, 1:2]).astype("float32")
START = [rng.normal(size=(5, 8)) * 0.4, np.zeros(8), rng.normal(size=(8, 1)) * 0.4, np.zeros(1)]


def network(optimizer=None, loss="mse", **kwargs):
    model = kbridge.Sequential([kbridge.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
    model.set_weights(START)
    model.compile(optimizer or kbridge.optimizers.SGD(0.05), loss, **kwargs)
    return model


def by_hand(x):
    a, b, c, d = START
    return np.tanh(x @ a + b) @ c + d


def test_fit_descends_and_history_tells(engine):
    history = network().fit(X, Y, batch_size=40, epochs=6, verbose=0)
    assert list(history.history) == ["loss"] and history.epoch == list(range(6))
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_a_step_of_sgd_is_the_gradient(engine):
    model = network(kbridge.optimizers.SGD(0.1))
    a, b, c, d = START
    hidden = np.tanh(X @ a + b)
    error = 2 * (hidden @ c + d - Y) / len(X)
    loss = model.train_on_batch(X, Y)
    np.testing.assert_allclose(loss, np.mean((hidden @ c + d - Y) ** 2), rtol=1e-4)
    back = (error @ c.T) * (1 - hidden**2)
    expected = [a - 0.1 * X.T @ back, b - 0.1 * back.sum(0), c - 0.1 * hidden.T @ error, d - 0.1 * error.sum(0)]
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_shuffle_false_takes_the_batches_in_order(engine):
    model, stepped = network(), network()
    model.fit(X, Y, batch_size=36, epochs=2, shuffle=False, verbose=0)  # 36, 36 and 24
    for _ in range(2):
        for i in range(0, 96, 36):
            stepped.train_on_batch(X[i : i + 36], Y[i : i + 36])
    for found, wanted in zip(model.get_weights(), stepped.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_steps_per_execution_changes_nothing_but_the_time(engine):
    results = []
    for steps in (1, 3, "auto"):
        kbridge.utils.set_random_seed(4)
        model = network(steps_per_execution=steps)
        history = model.fit(X, Y, batch_size=10, epochs=3, verbose=0).history["loss"]
        results.append((history, model.get_weights()[0]))
    for history, kernel in results[1:]:
        np.testing.assert_allclose(history, results[0][0], rtol=1e-4)
        np.testing.assert_allclose(kernel, results[0][1], rtol=1e-3, atol=1e-5)


def test_run_eagerly_gives_the_same(engine):
    results = []
    for eagerly in (False, True):
        kbridge.utils.set_random_seed(4)
        model = network(run_eagerly=eagerly)
        results.append(model.fit(X, Y, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4)


def test_evaluate_and_predict(engine):
    model = network(metrics=["mae"])
    loss, mae = model.evaluate(X, Y, batch_size=20, verbose=0)
    np.testing.assert_allclose(loss, np.mean((by_hand(X) - Y) ** 2), rtol=1e-4)
    np.testing.assert_allclose(mae, np.mean(np.abs(by_hand(X) - Y)), rtol=1e-4)
    assert model.evaluate(X, Y, verbose=0, return_dict=True).keys() == {"loss", "mae"}
    found = model.predict(X, batch_size=20, verbose=0)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(X), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(X[:3]), by_hand(X[:3]), rtol=1e-3, atol=1e-5)


def test_validation(engine):
    model = network()
    history = model.fit(X, Y, epochs=3, validation_split=0.25, validation_freq=2, verbose=0).history
    assert len(history["loss"]) == 3 and len(history["val_loss"]) == 1
    model = network()
    w = np.linspace(0, 1, 24).astype("float32")
    history = model.fit(X[:72], Y[:72], validation_data=(X[72:], Y[72:], w), verbose=0).history
    expected = np.mean(w * (model.predict(X[72:], verbose=0) - Y[72:])[:, 0] ** 2)
    np.testing.assert_allclose(history["val_loss"][-1], expected, rtol=1e-3)


def test_sample_and_class_weights(engine):
    w = np.linspace(0, 2, 96).astype("float32")
    found = network().train_on_batch(X, Y, sample_weight=w)
    np.testing.assert_allclose(found, np.mean(w * (by_hand(X) - Y)[:, 0] ** 2), rtol=1e-4)
    labels = (Y > 0).astype("float32")
    found = network().train_on_batch(X, labels, class_weight={0: 0.5, 1: 3.0})
    w = np.where(labels[:, 0] > 0, 3.0, 0.5)
    np.testing.assert_allclose(found, np.mean(w * (by_hand(X) - labels)[:, 0] ** 2), rtol=1e-4)


def two_outputs():
    inputs = kbridge.Input((5,), name="inputs")
    first = layers.Dense(1, name="first", kernel_initializer="ones")(inputs)
    second = layers.Dense(3, name="second", activation="softmax", kernel_initializer="ones")(inputs)
    return kbridge.Model(inputs, [first, second])


def test_losses_weights_and_metrics_by_output(engine):
    labels = rng.integers(0, 3, 96)
    model = two_outputs()
    model.compile(
        "sgd",
        loss={"first": "mse", "second": "sparse_categorical_crossentropy"},
        loss_weights={"first": 0.5, "second": 2.0},
        metrics={"second": ["accuracy"]},
    )
    found = model.evaluate(X, {"first": Y, "second": labels}, verbose=0, return_dict=True)
    mse = np.mean((X.sum(1, keepdims=True) - Y) ** 2)
    assert list(found) == ["loss", "first_loss", "second_loss", "second_accuracy"]
    np.testing.assert_allclose(found["first_loss"], mse, rtol=1e-4)
    np.testing.assert_allclose(found["second_loss"], np.log(3), rtol=1e-4)
    np.testing.assert_allclose(found["loss"], 0.5 * mse + 2 * np.log(3), rtol=1e-4)
    model = two_outputs()
    model.compile("sgd", loss=["mse", "sparse_categorical_crossentropy"], loss_weights=[0.5, 2.0])
    again = model.evaluate(X, [Y, labels], verbose=0, return_dict=True)
    np.testing.assert_allclose(again["loss"], found["loss"], rtol=1e-5)


def test_penalties_count(engine):
    model = kbridge.Sequential(
        [kbridge.Input((5,)), layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2", use_bias=False)]
    )
    model.compile("sgd", "mse")
    y = X.sum(1, keepdims=True).repeat(2, 1)
    np.testing.assert_allclose(model.evaluate(X, y, verbose=0), 0.01 * 10, rtol=1e-4)
    model = kbridge.Sequential(
        [kbridge.Input((5,)), layers.Dense(1, kernel_initializer="ones", activity_regularizer="l1", use_bias=False)]
    )
    model.compile("sgd", "mse")
    expected = 0.01 * np.abs(X.sum(1)).mean()
    np.testing.assert_allclose(model.evaluate(X, y[:, :1], batch_size=96, verbose=0), expected, rtol=1e-3)


# -- kinds of data


def batches(size=24):
    for i in range(0, 96, size):
        yield X[i : i + size], Y[i : i + size]


class Batches(kbridge.utils.PyDataset):
    ended = 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return X[i * 24 : (i + 1) * 24], Y[i * 24 : (i + 1) * 24]

    def on_epoch_end(self):
        self.ended += 1


def endless():
    while True:
        yield from batches()


def test_every_kind_of_batches_trains_alike(engine):
    import pandas
    import tensorflow
    import torch

    expected = network()
    expected.fit(X, Y, batch_size=24, shuffle=False, epochs=2, verbose=0)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=24
    )
    dataset = Batches()
    cases = {
        "generator": (dict(x=endless(), steps_per_epoch=4), None),
        "PyDataset": (dict(x=dataset), None),
        "PyDataset with workers": (dict(x=Batches(workers=3)), None),
        "DataLoader": (dict(x=loader), None),
        "tf.data": (dict(x=tensorflow.data.Dataset.from_tensor_slices((X, Y)).batch(24)), None),
        "pandas": (dict(x=pandas.DataFrame(X), y=pandas.DataFrame(Y), batch_size=24, shuffle=False), None),
        "lists": (dict(x=X.tolist(), y=Y.tolist(), batch_size=24, shuffle=False), None),
        "torch": (dict(x=torch.from_numpy(X), y=torch.from_numpy(Y), batch_size=24, shuffle=False), None),
        "tf": (dict(x=tensorflow.constant(X), y=tensorflow.constant(Y), batch_size=24, shuffle=False), None),
    }
    for name, (arguments, _) in cases.items():
        model = network()
        history = model.fit(**arguments, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2, name
        for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5, err_msg=name)
    assert dataset.ended == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (dict(x=X, y=Y[:50]), "same number of samples.*x: 96, y: 50"),
        (dict(x=X[:0], y=Y[:0]), "no samples"),
        (dict(x=X[:, :4], y=Y), r"expects its input .* \(None, 5\).*\(.*, 4\)"),
        (dict(x=[X, X], y=Y), "expects 1 input"),
        (dict(x=batches(), y=Y), "y must not be given"),
        (dict(x=X, y=Y, validation_split=1.5), "validation_split must be between 0 and 1"),
        (dict(x=X, y=Y, batch_size=-1), "batch_size must be at least 1"),
        (dict(x=X, y=Y, class_weight={7: 1.0}), "class_weight has weights for the classes"),
    ],
)
def test_bad_data_is_refused_with_the_reason(arguments, text):
    with kbridge.use_backend("numpy"), pytest.raises(ValueError, match=text):
        network().fit(**arguments, verbose=0)


def test_misspelt_arguments_are_errors():
    with pytest.raises(TypeError, match="epoch"):
        network().fit(X, Y, epoch=3)
    with pytest.raises(TypeError, match="metric"):
        network().compile("sgd", "mse", metric=["mae"])
    with pytest.raises(TypeError, match=r"loss_weights must be numbers.* write: metrics=\['mae'\]"):
        network().compile("sgd", "mse", ["mae"])
    with pytest.raises(ValueError, match="must be compiled before fit"):
        kbridge.Sequential([layers.Dense(1)]).fit(X, Y)


# -- what is printed


def printed(function):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        function()
    return out.getvalue()


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_verbose_off_screen_is_a_line_an_epoch(verbose):
    with kbridge.use_backend("numpy"):
        text = printed(lambda: network().fit(X, Y, batch_size=1, epochs=2, verbose=verbose))
    if verbose == 0:
        assert text == ""
        return
    lines = text.splitlines()
    assert len(lines) == 4 and "\r" not in text
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2"
    assert lines[1].startswith("96/96 - ") and "loss: " in lines[1]


def test_verbose_on_a_terminal_is_a_live_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    with kbridge.use_backend("numpy"):
        network().fit(X, Y, batch_size=1, epochs=2, verbose=1)
    monkeypatch.undo()
    assert "\r96/96 [====================]" in out.getvalue() and out.getvalue().endswith("\n")


# -- callbacks and Ctrl-C


class Recorder(kbridge.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.events = []

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(f"batch {batch} {sorted(logs)}")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"end {sorted(logs)}")


def test_a_callback_gets_its_turn_on_time(engine):
    recorder = Recorder()
    network(metrics=["mae"]).fit(X, Y, batch_size=48, epochs=2, verbose=0, callbacks=[recorder])
    epoch = ["batch 0 ['loss', 'mae']", "batch 1 ['loss', 'mae']", "end ['loss', 'mae']"]
    assert recorder.events == ["epoch 0", *epoch, "epoch 1", *epoch]


def test_a_callback_may_stop_training_at_a_batch(engine):
    class Stop(kbridge.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = network()
    model.fit(X, Y, batch_size=10, epochs=5, verbose=0, callbacks=[Stop()])
    assert int(model.optimizer.iterations) == 2


def test_ctrl_c_keeps_the_model_and_the_history(engine, capsys):
    class Interrupt(kbridge.callbacks.Callback):
        ended = False

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

        def on_train_end(self, logs=None):
            self.ended = True

    model, interrupt = network(), Interrupt()
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[interrupt])
    assert history.epoch == [0, 1] and interrupt.ended and model.history is history
    assert "stopped by the user in epoch 3" in capsys.readouterr().out
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert len(model.fit(X, Y, epochs=1, verbose=0).history["loss"]) == 1


def test_an_error_in_a_step_leaves_the_variables(engine):
    model = network(loss=lambda y, p: kbridge.ops.reshape(p, (7, 7)))
    with pytest.raises(Exception, match="(?i)reshape|shape|size"):
        model.fit(X, Y, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], START[0], rtol=1e-6)
    model.compile(kbridge.optimizers.SGD(0.05), "mse")
    assert model.fit(X, Y, verbose=0).history["loss"][0] < 10


def test_variables_that_the_loss_ignores_are_told():
    with kbridge.use_backend("numpy"):
        inputs = kbridge.Input((5,))
        unused = layers.Dense(2, name="unused")(inputs)
        model = kbridge.Model(inputs, [layers.Dense(1)(inputs), unused])
        model.compile("sgd", ["mse", None])
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            model.fit(X, [Y, None] if False else {model.output_names[0]: Y}, verbose=0)
    assert any("unused/kernel" in str(w.message) for w in seen)


def test_jit_compile_is_honoured_or_refused(engine):
    expected = network().fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    found = network(jit_compile=False).fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    try:
        found = network(jit_compile=True).fit(X, Y, epochs=2, shuffle=False, verbose=0).history["loss"]
    except ValueError as error:
        assert engine.eager and "jit_compile=True cannot be honoured" in str(error)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_floatx_is_what_is_computed_in(engine, dtype):
    kbridge.config.set_floatx(dtype)
    model = kbridge.Sequential([kbridge.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
    model.set_weights(START)
    model.compile("sgd", "mse")
    loss = model.fit(X, Y, batch_size=96, verbose=0).history["loss"][0]
    tolerance = {"float64": 1e-9, "bfloat16": 0.05, "float16": 5e-3}[dtype]
    np.testing.assert_allclose(loss, np.mean((by_hand(X.astype("float64")) - Y) ** 2), rtol=tolerance)
    assert {v.dtype for v in model.weights} == {dtype} and str(model.predict(X, verbose=0).dtype) == dtype


def test_a_setting_that_changes_between_fits_counts(engine):
    """Also where the step was compiled before."""
    dropout = layers.Dropout(0.0)
    model = kbridge.Sequential([kbridge.Input((8,)), dropout, layers.Dense(1, kernel_initializer="ones")])
    model.compile(kbridge.optimizers.SGD(0.0), "mse")
    x = np.ones((16, 8), "float32")
    y = np.full((16, 1), 8.0, "float32")
    for _ in range(4):
        assert model.fit(x, y, verbose=0).history["loss"] == [0.0]
    dropout.rate = 0.9
    assert model.fit(x, y, verbose=0).history["loss"][0] > 1
    model.optimizer.learning_rate = kbridge.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5)
    before = model.get_weights()[0]
    model.fit(x, y, verbose=0)
    assert (model.get_weights()[0] != before).any()


def test_logs_keep_their_order(engine):
    """The loss first, then the metrics as they were given, in single steps and in loops."""
    for steps in (1, 4):
        model = kbridge.Sequential([kbridge.Input((8,)), layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", "mse", metrics=["mae", "accuracy"], steps_per_execution=steps)
        x, y = np.ones((32, 8), "float32"), np.ones((32, 1), "float32")
        history = model.fit(x, y, batch_size=4, epochs=3, validation_data=(x, y), verbose=0).history
        assert list(history) == ["loss", "mae", "accuracy", "val_loss", "val_mae", "val_accuracy"]
        assert list(model.train_on_batch(x, y, return_dict=True)) == ["loss", "mae", "accuracy"]
