"""How much work a step is: counted, not timed."""

import cProfile
import pstats

import numpy as np
import pytest

import kbridge
from kbridge import layers

X = np.random.default_rng(0).normal(size=(320, 64)).astype("float32")
Y = np.random.default_rng(1).integers(0, 10, 320).astype("int32")


def classifier(loss="sparse_categorical_crossentropy", steps=1):
    model = kbridge.Sequential(
        [kbridge.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    # a fixed number of steps: "auto" would go by the clock
    model.compile("adam", loss, steps_per_execution=steps)
    return model


def test_python_calls_in_a_step(engine):
    """An engine that runs eagerly pays for every call; 32 samples through two layers should not take many."""
    model = classifier()
    model.fit(X, Y, epochs=3, verbose=0)
    profile = cProfile.Profile()
    profile.enable()
    model.fit(X, Y, epochs=20, verbose=0)
    profile.disable()
    calls = pstats.Stats(profile).total_calls / 200
    assert calls < (800 if engine.eager else 400), f"{calls:.0f} calls a step"


class Counted:
    """A loss that counts how often Python runs it."""

    def __init__(self):
        self.calls = 0

    def __call__(self, y_true, y_pred):
        self.calls += 1
        return kbridge.losses.sparse_categorical_crossentropy(y_true, y_pred)


@pytest.mark.parametrize("steps", [1, 8])  # single steps, or loops
@pytest.mark.parametrize("samples", [320, 300])  # 300 leaves a smaller last batch
def test_a_second_fit_traces_nothing(engine, samples, steps):
    loss = Counted()
    model = classifier(loss, steps)
    x, y = X[:samples], Y[:samples]
    model.fit(x, y, epochs=30, verbose=0)
    model.evaluate(x, y, verbose=0)
    first = loss.calls
    model.fit(x, y, epochs=30, verbose=0)
    model.evaluate(x, y, verbose=0)
    if engine.eager:
        assert loss.calls == 2 * first  # Python runs each step
    else:
        assert first <= 12 and loss.calls == first


def test_nothing_is_read_back_that_nobody_looks_at(engine, monkeypatch):
    """In a silent fit the logs come from the engine once a piece of epochs, not once a batch."""
    model = classifier()
    model.fit(X, Y, epochs=3, verbose=0)
    read = []
    original = engine.to_numpy
    monkeypatch.setattr(engine, "to_numpy", lambda x: read.append(1) or original(x))
    model.fit(X, Y, epochs=5, verbose=0)
    assert len(read) <= 10  # 50 steps
