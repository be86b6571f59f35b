"""What opening a model costs: no value that the file replaces is drawn, no layer of a graph looked at twice."""

import sys

import numpy as np
import pytest

import kbridge
from kbridge import initializers, layers, saving
from kbridge.models import Functional

pytest.importorskip("h5py")


def chain(count):
    x = given = kbridge.Input((2,))
    for _ in range(count):
        x = layers.Dense(2)(x)
    return kbridge.Model(given, x)


def calls(function, *args):
    """What ``function`` returns, and how many functions it calls."""
    count = 0

    def counting(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(counting)
    try:
        found = function(*args)
    finally:
        sys.setprofile(None)
    return found, count


def test_a_graph_listed_back_to_front_is_built_with_no_more_work():
    config = chain(120).get_config()
    model, forwards = calls(Functional.from_config, config)
    config["layers"].reverse()
    again, backwards = calls(Functional.from_config, config)
    assert backwards < 1.2 * forwards
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


def test_a_graph_in_any_order_is_the_same_graph():
    shared = layers.Dense(3)
    a, b = kbridge.Input((3,)), kbridge.Input((3,))
    first, second = shared(a), shared(layers.Add()([shared(b), a]))
    model = kbridge.Model([a, b], layers.Concatenate()([second, first, second]))
    x = [np.random.default_rng(i).normal(size=(2, 3)) for i in range(2)]
    config, draw = model.get_config(), np.random.default_rng(3)
    for _ in range(6):
        draw.shuffle(config["layers"])
        again = Functional.from_config(config)
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_a_graph_without_a_beginning_cannot_be_built():
    config = chain(3).get_config()
    middle, last = config["layers"][2:]
    kept = middle["inbound_nodes"]
    middle["inbound_nodes"] = last["inbound_nodes"]
    with pytest.raises(ValueError, match=f"cannot be built: nothing makes what '{middle['name']}' is called on"):
        Functional.from_config(config)
    middle["inbound_nodes"] = kept
    del config["layers"][1]
    with pytest.raises(ValueError, match="cannot be built: nothing makes"):
        Functional.from_config(config)


class Noted(initializers.Initializer):
    """An initializer that says when it is asked."""

    asked = 0

    def values(self, shape, dtype):
        Noted.asked += 1
        return np.full(shape, 7.0)


class HalfKept(layers.Layer):
    """Keeps one of its two variables in files."""

    def build(self, input_shape):
        self.kept = self.add_weight((3,), Noted(), name="kept")
        self.other = self.add_weight((3,), Noted(), name="other")

    def call(self, x):
        return x * self.kept + self.other

    def save_own_variables(self, store):
        store["kept"] = self.kept.numpy()

    def load_own_variables(self, store):
        self.kept.assign(store["kept"])


class Looking(layers.Layer):
    """Looks at a value of its own while it is built."""

    def build(self, input_shape):
        self.first = self.add_weight((3,), Noted(), name="first")
        self.seen = self.first.numpy().copy()

    def call(self, x):
        return x + self.first


OWN = {cls.__name__: cls for cls in (Noted, HalfKept, Looking)}


@pytest.mark.parametrize("ending", (".keras", ".h5"))
def test_initial_values_that_the_file_replaces_are_never_drawn(engine, tmp_path, ending):
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3, kernel_initializer=Noted()), layers.Dense(2)])
    model.save(tmp_path / f"a{ending}")
    x = np.ones((2, 4))
    expected, before = model.predict(x, verbose=0), Noted.asked
    again = saving.load_model(tmp_path / f"a{ending}", custom_objects=OWN, compile=False)
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-6)
    assert Noted.asked == before
    again.layers[0].kernel.assign_add(np.ones((4, 3)))  # it is the engine's own, like any other
    assert (again.layers[0].kernel.numpy() == 8.0).all()


def test_initial_values_that_the_file_lacks_are_drawn_while_it_is_loaded(engine, tmp_path):
    model = kbridge.Sequential([kbridge.Input((3,)), HalfKept(), Looking()])
    model.layers[0].kept.assign([1.0, 2.0, 3.0])
    model.layers[0].other.assign([9.0, 9.0, 9.0])
    model.layers[1].first.assign([5.0, 5.0, 5.0])
    model.save(tmp_path / "a.keras")
    again = saving.load_model(tmp_path / "a.keras", custom_objects=OWN, compile=False)
    asked = Noted.asked
    half, looking = again.layers
    assert half.kept.numpy().tolist() == [1, 2, 3] and half.other.numpy().tolist() == [7, 7, 7]
    assert looking.seen.tolist() == [7, 7, 7] and looking.first.numpy().tolist() == [5, 5, 5]
    assert Noted.asked == asked
