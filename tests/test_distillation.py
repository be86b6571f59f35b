"""Distillation: the losses that Keras computes, a student trained on every engine, and what is refused."""

import copy

import numpy as np
import pytest
from oracle import keras

import kbridge
from kbridge import distillation, layers, objects
from kbridge.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation


def network(units, name="net", library=kbridge):
    inputs = library.Input((4,))
    hidden = library.layers.Dense(units, activation="tanh", name="hidden")(inputs)
    return library.Model(inputs, library.layers.Dense(3, name="final")(hidden), name=name)


def data(samples=32):
    random = np.random.default_rng(0)
    return random.normal(size=(samples, 4)).astype("float32"), random.integers(0, 3, samples)


def evaluated(library, strategies, weights=None):
    """The logs of an evaluation, with fixed weights."""
    kind = library.distillation
    teacher, student = network(6, "teacher", library), network(5, "student", library)
    for model in (teacher, student):
        model.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
    model = kind.Distiller(
        teacher, student, strategies(kind, library), distillation_loss_weights=weights, student_loss_weight=0.4
    )
    loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss, metrics=["accuracy"])
    x, y = data()
    return model.evaluate(x, y, verbose=0, return_dict=True)


STRATEGIES = {
    "logits": lambda kind, k: kind.LogitsDistillation(2.0, k.losses.KLDivergence()),
    "logits-mse": lambda kind, k: kind.LogitsDistillation(2.0, "mse"),
    "outputs": lambda kind, k: kind.FeatureDistillation("mae"),
    "layers": lambda kind, k: kind.FeatureDistillation("mse", "final", "final"),
    "both": lambda kind, k: [
        kind.LogitsDistillation(loss=k.losses.KLDivergence()),
        kind.FeatureDistillation("mse", "final", "final"),
    ],
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_losses_are_those_of_keras(engine, name):
    weights = [1.0, 0.3] if name == "both" else None
    ours, theirs = (evaluated(library, STRATEGIES[name], weights) for library in (kbridge, keras))
    assert sorted(ours) == sorted(theirs)
    for key in theirs:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-5, atol=1e-6, err_msg=key)


def test_the_default_softens_the_answers():
    teacher, student = np.array([[2.0, 0.0, -1.0]], "float32"), np.array([[0.0, 1.0, 0.5]], "float32")
    soften = lambda x: np.exp(x / 4) / np.exp(x / 4).sum()  # noqa: E731
    p, q = soften(teacher), soften(student)
    found = LogitsDistillation(temperature=4.0).compute_loss(*map(kbridge.ops.convert_to_tensor, (teacher, student)))
    np.testing.assert_allclose(found, 16 * (p * np.log(p / q)).sum(), rtol=1e-5)


def test_a_student_learns_from_its_teacher_alone(engine):
    x, y = data(64)
    teacher, student = network(6, "teacher"), network(3, "student")
    before = teacher.get_weights()
    model = Distiller(
        teacher,
        student,
        [LogitsDistillation(), FeatureDistillation("mse", "final", "final")],
        student_loss_weight=0.0,
    )
    model.compile(kbridge.optimizers.Adam(0.03), loss="mse")
    start = np.abs(model.predict(x, verbose=0) - teacher.predict(x, verbose=0)).mean()
    logs = model.fit(x, np.eye(3)[y], epochs=40, verbose=0).history
    assert logs["loss"][-1] < 0.2 * logs["loss"][0]
    assert logs["student_loss"][-1] == 0
    np.testing.assert_allclose(logs["distillation_loss"], logs["total_loss"], rtol=1e-5)
    after = np.abs(model.predict(x, verbose=0) - teacher.predict(x, verbose=0)).mean()
    assert after < 0.4 * start
    for old, now in zip(before, teacher.get_weights()):
        np.testing.assert_array_equal(old, now)


def test_models_that_are_not_built_yet(engine):
    x, y = data()
    make = lambda units: kbridge.Sequential([layers.Dense(units, activation="relu"), layers.Dense(3)])  # noqa: E731
    model = Distiller(make(8), make(4), LogitsDistillation())
    model.compile("adam", loss=kbridge.losses.SparseCategoricalCrossentropy(from_logits=True))
    logs = model.fit(x, y, epochs=4, verbose=0).history
    assert logs["loss"][-1] < logs["loss"][0]
    assert not model.teacher.trainable_variables


def test_a_strategy_of_ones_own(engine):
    class Directions(DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return 1.0 + kbridge.ops.mean(kbridge.losses.cosine_similarity(teacher_outputs, student_outputs))

    x, y = data()
    model = Distiller(network(6), network(3), Directions(), student_loss_weight=0.0)
    model.compile(kbridge.optimizers.Adam(0.05), loss="mse")
    losses = model.fit(x, np.eye(3)[y], epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_several_outputs():
    def two(units):
        inputs = kbridge.Input((4,))
        hidden = layers.Dense(units)(inputs)
        return kbridge.Model(inputs, [layers.Dense(2)(hidden), layers.Dense(1)(hidden)])

    x, _ = data()
    model = Distiller(two(5), two(3), FeatureDistillation(["mse", None]), student_loss_weight=0.5)
    model.compile("adam", loss=["mse", "mae"])
    logs = model.fit(x, [x[:, :2], x[:, :1]], epochs=5, verbose=0).history
    assert logs["loss"][-1] < logs["loss"][0]
    with pytest.raises(ValueError, match="loss must be a structure like that of the outputs"):
        Distiller(two(5), two(3), FeatureDistillation("mse")).compute_loss(kbridge.ops.ones((2, 4)))


def test_sample_weights_and_penalties_count():
    x, y = data()
    student = network(3)
    student.get_layer("hidden").kernel.regularizer = kbridge.regularizers.L2(1.0)
    model = Distiller(network(6), student, LogitsDistillation(), student_loss_weight=1.0)
    model.compile("sgd", loss=kbridge.losses.SparseCategoricalCrossentropy(from_logits=True))
    penalty = float((student.get_layer("hidden").kernel.numpy() ** 2).sum())
    none = model.evaluate(x, y, sample_weight=np.zeros(len(x)), verbose=0, return_dict=True)
    assert none["student_loss"] == 0
    np.testing.assert_allclose(none["total_loss"], penalty, rtol=1e-5)


def test_configs(engine):
    x, y = data()
    model = Distiller(
        network(6, "teacher"),
        network(3, "student"),
        [LogitsDistillation(2.5), FeatureDistillation("mae", "hidden", "hidden")],
        [1.0, 0.2],
        student_loss_weight=0.3,
    )
    model.compile("adam", loss="mse", metrics=["mae"])
    config = objects.serialize_keras_object(model)
    again = objects.deserialize_keras_object(copy.deepcopy(config))
    assert again.get_config() == model.get_config()
    assert [type(s) for s in again.distillation_losses] == [LogitsDistillation, FeatureDistillation]
    assert again.compiled and again.get_compile_config() == model.get_compile_config()
    again.student.set_weights(model.student.get_weights())
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def refused(match, function, *args, **kwargs):
    with pytest.raises(ValueError, match=match):
        function(*args, **kwargs)


def test_what_is_refused():
    teacher, student = network(6, "teacher"), network(3, "student")
    logits = LogitsDistillation()
    refused("teacher must be a Model. Received: 3", Distiller, 3, student, logits)
    refused("must be a DistillationLoss.*Received: None", Distiller, teacher, student, None)
    refused("between 0.0 and 1.0. Received: 2", Distiller, teacher, student, logits, student_loss_weight=2)
    refused("must be a number. Received: '1'", Distiller, teacher, student, logits, student_loss_weight="1")
    refused("a number for each of the 1", Distiller, teacher, student, logits, distillation_loss_weights=[1, 2])
    other = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(2)])
    refused("outputs of the same shape", Distiller, teacher, other, logits)
    refused("no layer 'hiden'. Did you mean 'hidden'", Distiller, teacher, student, FeatureDistillation("mse", "hiden"))
    lazy = kbridge.Sequential([layers.Dense(3)])
    refused("needs a student made of symbols", Distiller, teacher, lazy, FeatureDistillation("mse", None, "dense"))
    refused("temperature must be a number above 0. Received: 0", LogitsDistillation, 0)
    refused("nothing but None", LogitsDistillation, loss=[None, None])
    refused("loss is missing", Distiller(teacher, student, logits).compile, "adam")
    refused("metrics must be a list", Distiller(teacher, student, logits).compile, "adam", "mse", metrics="mae")
    with pytest.raises(NotImplementedError, match="DistillationLoss must define compute_loss"):
        DistillationLoss().compute_loss(None, None)


def test_the_names_are_there():
    assert {"DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"} <= set(dir(distillation))
