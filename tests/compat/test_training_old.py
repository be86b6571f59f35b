"""How models of older generations are compiled, trained and asked: arguments, names in logs, losses, generators."""

import functools

import numpy as np
import pytest

from kbridge.compat.keras1 import models as models1
from kbridge.compat.keras2 import backend as K
from kbridge.compat.keras2 import callbacks, layers, optimizers
from kbridge.compat.keras2 import models as models2
from kbridge.compat.keras2.utils import Sequence

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")

random = np.random.RandomState(0)
X = random.randn(60, 4).astype("float32")
Y = (X[:, :1] - X[:, 1:2] > 0).astype("float32")
CLASSES = np.eye(3, dtype="float32")[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]


def network(models=models2, outputs=1, activation="sigmoid"):
    return models.Sequential(
        [layers.Dense(6, activation="tanh", input_shape=(4,)), layers.Dense(outputs, activation=activation)]
    )


def compiled(models=models2, **arguments):
    model = network(models)
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy", **arguments})
    return model


# -- arguments


def test_keras1_counts_epochs_to_ten_and_keras2_to_one():
    assert len(compiled(models1).fit(X, Y, verbose=0).epoch) == 10
    assert len(compiled(models2).fit(X, Y, verbose=0).epoch) == 1
    assert len(compiled(models2).fit(X, Y, nb_epoch=3, verbose=0).epoch) == 3
    assert len(compiled(models1).fit(X, Y, epochs=3, verbose=0).epoch) == 3


@pytest.mark.parametrize("models", [models1, models2])
def test_fit_by_position(models):
    history = compiled(models).fit(X, Y, 20, 3, 0, None, 0.5)
    assert len(history.history["val_loss"]) == 3


def test_what_is_not_known_is_refused():
    with pytest.raises(TypeError, match="epoch"):
        compiled().fit(X, Y, epoch=3)
    with pytest.raises(TypeError, match="metric"):
        compiled(metric=["acc"])


def test_the_third_argument_of_compile_is_the_metrics():
    model = network()
    model.compile("sgd", "mse", ["accuracy", "mae"])
    assert model.metrics_names == ["loss", "accuracy", "mae"]
    assert len(model.evaluate(X, Y, verbose=0)) == 3


def test_wrong_shapes_are_refused_with_the_name_of_the_input():
    model = compiled()
    with pytest.raises(ValueError, match="Error when checking input.*input.*\\(None, 4\\).*\\(60, 3\\)"):
        model.fit(X[:, :3], Y)
    with pytest.raises(ValueError, match="Error when checking target.*\\(None, 1\\).*\\(60, 3\\)"):
        model.fit(X, CLASSES)


def test_flat_targets_of_one_output_gain_an_axis():
    model = compiled()
    assert model.evaluate(X, Y[:, 0], verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))


def test_keras_1_shows_accuracy():
    model = compiled(models1, class_mode="binary")
    loss, accuracy = model.evaluate(X, Y, show_accuracy=True, verbose=0)
    assert accuracy == pytest.approx(((model.predict(X) > 0.5) == Y).mean())


# -- names


@pytest.mark.parametrize(
    ("models", "asked", "name"),
    [(models1, "accuracy", "acc"), (models2, "accuracy", "accuracy"), (models2, "acc", "acc")],
)
def test_accuracy_is_found_by_either_name(models, asked, name):
    history = compiled(models, metrics=[asked]).fit(X, Y, epochs=2, validation_split=0.2, verbose=0).history
    assert list(history) == ["loss", name, "val_loss", f"val_{name}"]
    assert history["acc"] == history["accuracy"] == history[name]
    assert history["val_acc"] == history.get("val_accuracy")
    assert "val_acc" in history and "val_accuracy" in history and "f1" not in history


def test_monitor_finds_either_name():
    stop = callbacks.EarlyStopping(monitor="val_acc", patience=0, mode="max")
    model = compiled(metrics=["accuracy"], optimizer=optimizers.SGD(lr=0.0))
    assert len(model.fit(X, Y, epochs=9, validation_split=0.2, callbacks=[stop], verbose=0).epoch) == 2


def test_binary_accuracy_where_the_loss_is_binary():
    model = network(outputs=3)
    model.compile("sgd", "binary_crossentropy", ["accuracy"])
    wanted = ((model.predict(X) > 0.5) == CLASSES).mean()
    assert model.evaluate(X, CLASSES, verbose=0)[1] == pytest.approx(wanted)


def two_outputs(models=models2):
    inputs = layers.Input((4,))
    both = layers.Dense(1, activation="sigmoid", name="first")(inputs), layers.Dense(3, name="second")(inputs)
    return models.Model(inputs, list(both))


def test_names_of_several_outputs():
    model = two_outputs()
    model.compile(
        "sgd", {"first": "binary_crossentropy", "second": "mse"}, metrics={"first": "acc"}, loss_weights=[1.0, 0.5]
    )
    assert model.metrics_names == ["loss", "first_loss", "second_loss", "first_acc"]
    history = model.fit({model.input_names[0]: X}, {"first": Y, "second": CLASSES}, verbose=0).history
    assert list(history) == model.metrics_names and history["first_accuracy"]
    total, first, second, _ = model.train_on_batch(X, [Y, CLASSES])
    assert total == pytest.approx(first + 0.5 * second, rel=1e-5)


def test_weights_of_losses_may_be_variables():
    weight = K.variable(1.0)
    model = two_outputs()
    model.compile("sgd", "mse", loss_weights=[weight, 1.0])
    model.optimizer.learning_rate = 0.0
    total, first, second = model.train_on_batch(X, [Y, CLASSES])
    assert total == pytest.approx(first + second, rel=1e-5)
    K.set_value(weight, 0.0)
    assert model.train_on_batch(X, [Y, CLASSES])[0] == pytest.approx(second, rel=1e-5)


# -- metrics


def test_a_metric_for_the_batch_is_averaged_over_samples():
    def mean_output(y_true, y_pred):
        return K.mean(y_pred)

    model = compiled(metrics=[mean_output])
    wanted = model.predict(X).mean()
    assert model.evaluate(X, Y, batch_size=25, verbose=0)[1] == pytest.approx(wanted, rel=1e-5)


def test_a_metric_may_give_a_dict():
    def some(y_true, y_pred):
        return {"low": K.min(y_pred), "high": K.max(y_pred)}

    model = compiled(models1, metrics=[some])
    assert model.metrics_names == ["loss", "low", "high"]
    _, low, high = model.evaluate(X, Y, batch_size=60, verbose=0)
    assert (low, high) == pytest.approx((model.predict(X).min(), model.predict(X).max()))


def test_names_of_metrics_in_either_generation():
    assert compiled(models1, metrics=["mse"]).metrics_names == ["loss", "mean_squared_error"]
    assert compiled(models2, metrics=["mse"]).metrics_names == ["loss", "mse"]


def test_the_learning_rate_as_a_metric():
    optimizer = optimizers.SGD(lr=0.25)

    def lr(y_true, y_pred):
        return optimizer.lr

    model = compiled(optimizer=optimizer, metrics=[lr])
    assert model.fit(X, Y, verbose=0).history["lr"] == [0.25]


# -- losses


def test_a_loss_gives_a_value_for_each_sample_which_is_weighted():
    def loss(y_true, y_pred):
        return K.mean(K.square(y_pred - y_true), axis=-1)

    model, weights = compiled(loss=loss), random.rand(60).astype("float32")
    squares = ((model.predict(X) - Y) ** 2)[:, 0]
    assert model.evaluate(X, Y, sample_weight=weights, verbose=0, batch_size=60) == pytest.approx(
        (weights * squares).mean(), rel=1e-5
    )


def test_keras_1_divides_by_the_samples_that_weigh_something():
    weights = (np.arange(60) < 20).astype("float32")
    first, second = compiled(models1, loss="mse"), compiled(models2, loss="mse")
    second.set_weights(first.get_weights())
    squares = ((first.predict(X) - Y) ** 2)[:, 0]
    of_first = first.evaluate(X, Y, sample_weight=weights, verbose=0, batch_size=60)
    of_second = second.evaluate(X, Y, sample_weight=weights, verbose=0, batch_size=60)
    assert (of_first, of_second) == pytest.approx((squares[:20].mean(), squares[:20].sum() / 60), rel=1e-5)


def test_class_weights_of_several_outputs():
    model = two_outputs()
    model.compile(optimizers.SGD(lr=0.0), "mse")
    weights = {"first": {0: 0.0, 1: 3.0}}
    total, first, _ = model.train_on_batch(X, [Y, CLASSES], class_weight=weights)
    squares = ((model.predict(X)[0] - Y) ** 2)[:, 0]
    assert first == pytest.approx((np.where(Y[:, 0], 3.0, 0.0) * squares).mean(), rel=1e-5)


def test_weights_of_steps_must_be_asked_for():
    model = models2.Sequential([layers.Dense(1, input_shape=(5, 4))])
    x, y, weights = np.ones((6, 5, 4)), np.ones((6, 5, 1)), random.rand(6, 5)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="sample_weight_mode='temporal'"):
        model.train_on_batch(x, y, sample_weight=weights)
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    squares = (model.predict(x) - y)[..., 0] ** 2
    assert model.train_on_batch(x, y, sample_weight=weights) == pytest.approx((weights * squares).mean(), rel=1e-5)


def autoencoder():
    x = layers.Input((4,))
    h = layers.Dense(8, activation="tanh")(x)
    mean, log_var = layers.Dense(2)(h), layers.Dense(2)(h)

    def sample(args):
        mean, log_var = args
        return mean + K.exp(log_var / 2) * K.random_normal(shape=K.shape(mean))

    decoded = layers.Dense(4)(layers.Lambda(sample)([mean, log_var]))
    kl = -0.5 * K.sum(1 + log_var - K.square(mean) - K.exp(log_var), axis=-1)
    return models2.Model(x, decoded), x, decoded, kl


def test_a_symbol_as_a_loss(engine):
    model, x, decoded, kl = autoencoder()
    model.add_loss(K.mean(K.sum(K.square(x - decoded), axis=-1) + kl))
    model.add_metric(kl, name="kl", aggregation="mean")
    model.compile("adam", loss=None)
    history = model.fit(X, epochs=30, batch_size=20, validation_data=(X, None), verbose=0).history
    assert list(history) == ["loss", "kl", "val_loss", "val_kl"]
    assert history["loss"][-1] < 0.95 * history["loss"][0]
    wanted = K.function([x], [kl])([X])[0].mean()
    assert model.evaluate(X, None, verbose=0)[1] == pytest.approx(wanted, rel=1e-4)
    gradients = K.gradients(model.total_loss, model.trainable_weights)
    assert [g.shape for g in gradients] == [w.shape for w in model.trainable_weights]


def test_a_loss_that_reads_symbols(engine):
    model, x, decoded, kl = autoencoder()

    def loss(y_true, y_pred):
        return K.sum(K.square(y_true - y_pred), axis=-1) + kl

    model.compile("adam", loss, metrics=["mse"])
    loss_, square = model.train_on_batch(X, X)
    wanted = 4 * square + K.function([x], [kl])([X])[0].mean()
    assert loss_ == pytest.approx(wanted, abs=0.2)
    assert len(model.fit(X, X, epochs=2, verbose=0).history["loss"]) == 2


def test_a_loss_on_gradients():
    x = layers.Input((4,))
    score = layers.Dense(1)(layers.Dense(6, activation="tanh")(x))

    def penalty(y_true, y_pred, at):
        gradients = K.gradients(y_pred, at)[0]
        return K.mean(K.square(1 - K.sqrt(K.sum(K.square(gradients), axis=-1) + 1e-8)))

    partial = functools.partial(penalty, at=x)
    partial.__name__ = "penalty"
    model = models2.Model(x, score)
    model.compile(optimizers.Adam(0.02), partial)
    first = model.train_on_batch(X, Y)
    for _ in range(40):
        last = model.train_on_batch(X, Y)
    assert 0 <= last < 0.5 * first


def test_penalties_of_what_is_frozen_count():
    model = models2.Sequential([layers.Dense(1, input_shape=(4,), kernel_regularizer="l2", trainable=False)])
    model.compile("sgd", "mse")
    kernel = model.get_weights()[0]
    wanted = ((model.predict(X) - Y) ** 2).mean() + 0.01 * (kernel**2).sum()
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(wanted, rel=1e-5)


# -- what is trained


def test_what_is_trained_is_settled_by_compile(engine):
    half, other = network(), network()
    half.compile("sgd", "mse")
    half.trainable = False
    inputs = layers.Input((4,))
    joined = models2.Model(inputs, half(layers.Dense(4)(inputs)))
    joined.compile("sgd", "mse")
    before = half.get_weights()
    joined.train_on_batch(X, Y)
    np.testing.assert_array_equal(before[0], half.get_weights()[0])
    half.train_on_batch(X, Y)  # as it was compiled
    assert not np.allclose(before[0], half.get_weights()[0])
    assert len(joined._collected_trainable_weights) == 2 and other.trainable_weights


def test_one_optimizer_for_two_models(engine):
    optimizer = optimizers.Adam(0.01, 0.5)
    judge, maker = network(), models2.Sequential([layers.Dense(4, input_shape=(3,))])
    judge.compile(optimizer, "binary_crossentropy")
    judge.trainable = False
    inputs = layers.Input((3,))
    both = models2.Model(inputs, judge(maker(inputs)))
    both.compile(optimizer, "binary_crossentropy")
    for _ in range(2):
        for model, x, fixed in ((judge, X, maker), (both, X[:, :3], judge)):
            before = [w.get_weights()[0] for w in (judge, maker)]
            model.train_on_batch(x, Y)
            same = [np.array_equal(w, m.get_weights()[0]) for w, m in zip(before, (judge, maker))]
            assert same == [fixed is judge, fixed is maker]
    assert K.get_value(optimizer.iterations) == 4


def test_metrics_of_several_batches():
    model = compiled(optimizer=optimizers.SGD(lr=0.0))
    first, second = (model.test_on_batch(X[i : i + 30], Y[i : i + 30]) for i in (0, 30))
    model.train_on_batch(X[:30], Y[:30])
    assert model.train_on_batch(X[30:], Y[30:], reset_metrics=False) == pytest.approx((first + second) / 2, rel=1e-5)


# -- callbacks


def test_what_callbacks_are_told():
    seen = {}

    class Listener(callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen["params"] = dict(self.params)
            seen["validation"] = [a.shape for a in self.validation_data]
            seen["losses"] = []

        def on_batch_end(self, batch, logs=None):
            seen.setdefault("logs", dict(logs))
            seen.setdefault("sizes", []).append((logs["batch"], logs["size"]))
            seen["losses"].append(logs.get("loss"))

        def on_epoch_end(self, epoch, logs=None):
            seen["epoch"] = logs["val_accuracy"], logs["val_acc"]

    model = compiled(metrics=["acc"], optimizer=optimizers.SGD(lr=0.0))
    history = model.fit(
        X,
        Y,
        batch_size=25,
        epochs=1,
        validation_data=(X[:10], Y[:10]),
        callbacks=[Listener()],
        verbose=0,
        shuffle=False,
    )
    assert list(seen["logs"]) == ["batch", "size", "loss", "acc"]
    assert seen["sizes"] == [(0, 25), (1, 25), (2, 10)]
    params = seen["params"]
    assert params["samples"] == params["nb_sample"] == 60 and params["nb_epoch"] == params["epochs"] == 1
    assert params["metrics"] == ["loss", "acc", "val_loss", "val_acc"] and params["do_validation"]
    assert seen["validation"] == [(10, 4), (10, 1), (10,)]
    # the values of the batch, and not those of the epoch so far
    wanted = [model.test_on_batch(X[i : i + 25], Y[i : i + 25])[0] for i in (0, 25, 50)]
    np.testing.assert_allclose(seen["losses"], wanted, rtol=1e-5)
    assert history.history["loss"] == pytest.approx([np.dot(wanted, [25, 25, 10]) / 60])
    assert seen["epoch"][0] == seen["epoch"][1]


def test_a_callback_stops_training():
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert compiled().fit(X, Y, epochs=9, callbacks=[Stop()], verbose=0).epoch == [0, 1]


# -- generators


def batches(size=15):
    while True:
        for i in range(0, 60, size):
            yield X[i : i + size], Y[i : i + size]


class Batches(Sequence):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[index * 15 : index * 15 + 15], Y[index * 15 : index * 15 + 15]


def test_generators_of_keras_1_count_samples():
    model = compiled(models1, metrics=["acc"])
    seen = []

    def counted():
        for batch in batches():
            seen.append(len(batch[0]))
            yield batch

    history = model.fit_generator(counted(), 40, 2, 0, validation_data=batches(), nb_val_samples=60)
    assert len(history.history["val_acc"]) == 2 and len(seen) == 6
    assert model.evaluate_generator(batches(), 60) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-4)
    np.testing.assert_allclose(model.predict_generator(batches(), val_samples=60), model.predict(X), rtol=1e-5)
    model.fit_generator(
        batches(), samples_per_epoch=60, nb_epoch=1, max_q_size=2, nb_worker=1, pickle_safe=False, verbose=0
    )


def test_generators_of_keras_2_count_batches():
    model = compiled()
    history = model.fit_generator(
        batches(), steps_per_epoch=4, epochs=3, initial_epoch=1, verbose=0, class_weight={0: 1.0, 1: 2.0}, workers=2
    )
    assert history.epoch == [1, 2]
    history = model.fit_generator(Batches(), epochs=2, validation_data=Batches(), verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert model.evaluate_generator(Batches()) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-4)
    assert model.predict_generator(batches(), steps=4).shape == (60, 1)
    assert model.predict_generator((x for x, _ in batches()), steps=2).shape == (30, 1)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        model.fit_generator(batches(), epochs=1)
    with pytest.raises(ValueError, match="tuples \\(x, y\\)"):
        model.fit_generator((x for x, _ in batches()), steps_per_epoch=1)


# -- steps as functions


def test_steps_as_functions_of_lists():
    model = compiled(metrics=["acc"])
    model._make_train_function()
    model._make_test_function()
    model._make_predict_function()
    weights = np.ones(60, "float32")
    wanted = model.test_on_batch(X, Y)
    assert model.test_function([X, Y, weights, 0.0]) == pytest.approx(wanted)
    assert model.train_function([X, Y, weights, 1.0]) == pytest.approx(wanted)
    np.testing.assert_allclose(model.predict_function([X, 0.0])[0], model.predict(X), rtol=1e-5)


def test_the_loss_as_a_graph():
    model = models2.Sequential([layers.Dense(1, input_shape=(4,), kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    run = K.function([*model.inputs, *model.targets, *model.sample_weights], [model.total_loss])
    weights = random.rand(60).astype("float32")
    wanted = model.evaluate(X, Y, sample_weight=weights, verbose=0, batch_size=60)
    assert run([X, Y, weights])[0] == pytest.approx(wanted, rel=1e-5)
    gradient = K.gradients(model.total_loss, model.trainable_weights)[1]
    found = K.function([*model.inputs, *model.targets, *model.sample_weights], [gradient])([X, Y, weights])[0]
    np.testing.assert_allclose(found, [(2 * weights[:, None] * (model.predict(X) - Y)).mean()], rtol=1e-4)


def test_target_tensors():
    model = network()
    model.compile("sgd", "mse", target_tensors=K.constant(Y))
    wanted = ((model.predict(X) - Y) ** 2).mean()
    assert model.train_on_batch(X, None) == pytest.approx(wanted, rel=1e-5)


def test_the_optimizer_is_at_hand():
    model = compiled(optimizer=optimizers.SGD(lr=0.5, momentum=0.9))
    assert K.get_value(model.optimizer.lr) == 0.5
    K.set_value(model.optimizer.lr, 0.125)
    assert K.get_value(model.optimizer.lr) == 0.125
