"""Learning rate schedules against Keras: on numbers, on tensors, and inside compiled functions."""

import pickle

import numpy as np
import pytest

from kbridge.backend.variable import Variable
from kbridge.optimizers import schedules
from tests.oracle import keras, same_config

STEPS = [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 15, 20, 21, 29, 30, 31, 47, 70, 100, 1000]

SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.7}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.7, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.7}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 2, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [4, 20], "values": [1.0, 0.5, 0.1]}),
    ("PiecewiseConstantDecay", {"boundaries": [0.5, 9.5, 29], "values": [1, 2, 3, 4]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.01, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "power": 0.5, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.2}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 20, "warmup_target": 0.3, "warmup_steps": 10}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "warmup_target": 0.3, "warmup_steps": 0}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.0, "m_mul": 0.9}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.5, "alpha": 0.1}),
]

each = pytest.mark.parametrize("name, arguments", SCHEDULES, ids=lambda x: x if isinstance(x, str) else "")


def rates(schedule, steps=STEPS):
    return [float(np.asarray(schedule(step))) for step in steps]


def make(name, arguments):
    return getattr(schedules, name)(**arguments), getattr(keras.optimizers.schedules, name)(**arguments)


@each
def test_numbers_give_numbers(name, arguments):
    ours, reference = make(name, arguments)
    found = [ours(step) for step in STEPS]
    assert all(isinstance(rate, (int, float)) for rate in found)  # nothing is computed on an engine
    np.testing.assert_allclose(found, rates(reference), rtol=1e-5, atol=1e-7)


@each
def test_tensors_give_tensors(engine, name, arguments):
    ours, reference = make(name, arguments)
    expected = rates(reference)
    for dtype in ("int32", "int64", "float32"):
        found = [ours(engine.convert(np.array(step, dtype))) for step in STEPS]
        assert all(engine.is_tensor(rate) and str(engine.to_numpy(rate).dtype) == "float32" for rate in found)
        np.testing.assert_allclose([float(engine.to_numpy(r)) for r in found], expected, rtol=1e-5, atol=1e-7)


@each
def test_compiled(engine, name, arguments):
    ours, reference = make(name, arguments)
    step = Variable(0, dtype="int32", trainable=False)
    function = engine.compile(lambda number: (ours(number), ours(step)), [step])
    for number, expected in zip(STEPS, rates(reference)):
        step.assign(number)
        for found in function(engine.convert(np.array(number, "int32"))):
            np.testing.assert_allclose(float(engine.to_numpy(found)), expected, rtol=1e-5, atol=1e-7)


@each
def test_a_counter_on_the_host_is_read_as_a_number(engine, name, arguments):
    ours, reference = make(name, arguments)
    counter = Variable(0, dtype="int32", trainable=False, host=True)
    for number, expected in list(zip(STEPS, rates(reference)))[::4]:
        counter.assign(number)
        found = ours(counter)
        assert not engine.eager or isinstance(found, (int, float))
        np.testing.assert_allclose(float(np.asarray(found)), expected, rtol=1e-5, atol=1e-7)


@each
def test_configs_are_those_of_keras_and_make_equals(name, arguments):
    ours, reference = make(name, arguments)
    same_config(schedules.serialize(ours), keras.optimizers.schedules.serialize(reference))
    assert ours.get_config() == reference.get_config()
    for again in (schedules.deserialize(schedules.serialize(ours)), pickle.loads(pickle.dumps(ours))):
        assert type(again) is type(ours) and rates(again) == rates(ours)
    assert repr(ours).startswith(f"{name}(")


class Halving(schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate * 0.5**step

    def get_config(self):
        return {"rate": self.rate}


def test_schedules_of_ones_own():
    again = schedules.deserialize(schedules.serialize(Halving(2.0)), custom_objects={"Halving": Halving})
    assert again(3) == 0.25
    with pytest.raises(NotImplementedError, match=r"LearningRateSchedule must define __call__"):
        schedules.LearningRateSchedule()(1)
    with pytest.raises(NotImplementedError, match=r"must define get_config\(\) to be saved"):
        schedules.LearningRateSchedule().get_config()


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("ExponentialDecay", (0.1, 0, 0.5), "decay_steps must be positive. Received: decay_steps=0"),
        ("InverseTimeDecay", (0.1, -1, 0.5), "decay_steps must be positive"),
        ("PolynomialDecay", (0.1, 0), "decay_steps must be positive"),
        ("CosineDecay", (0.1, 0), "decay_steps must be positive"),
        ("CosineDecayRestarts", (0.1, 0), "first_decay_steps must be positive"),
        ("PiecewiseConstantDecay", ([1, 2], [0.1, 0.2]), "one boundary fewer than values"),
    ],
)
def test_mistakes_are_explained(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(schedules, name)(*arguments)
