"""Objects as configs and back."""

import numpy as np
import pytest
from oracle import keras, same_config

from kbridge import initializers, losses, metrics, objects, regularizers
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor

serialize, deserialize = objects.serialize_keras_object, objects.deserialize_keras_object


@objects.register_keras_serializable("tests")
class Scale:
    def __init__(self, by=1.0):
        self.by = by

    def get_config(self):
        return {"by": self.by}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Unregistered(Scale):
    pass


class Holder(Scale):
    """Holds others, in the ways that a config may."""

    def __init__(self, items, named=None):
        self.items = items
        self.named = named or {}

    def get_config(self):
        return {"items": self.items, "named": self.named}

    @classmethod
    def from_config(cls, config):
        return cls(**deserialize(config))


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, "text", [1, 2], (1, (2, 3)), {"a": {"b": [None]}}, b"bytes", slice(1, None, 2), Ellipsis],
    ids=repr,
)
def test_plain_data_come_back(value):
    with registry.use_backend("numpy"):
        again = deserialize(serialize(value))
    assert again == value and type(again) is type(value)
    assert serialize(value) == keras.saving.serialize_keras_object(value)


def test_arrays_and_tensors_come_back(engine):
    for dtype in ("float32", "int64", "bool"):
        array = np.array([[1, 0], [2, 3]]).astype(dtype)
        again = deserialize(serialize(array))
        assert isinstance(again, np.ndarray) and again.dtype == dtype
        np.testing.assert_array_equal(again, array)
        tensor = deserialize(serialize(engine.convert(array)))
        assert engine.dtype(tensor) == dtype
        np.testing.assert_array_equal(engine.to_numpy(tensor), array)
    assert serialize(np.float32(2.0)) == 2.0
    assert serialize(engine.convert(np.float32(1)).dtype) == "float32"


def test_symbols_come_back():
    symbol = deserialize(serialize(KerasTensor((None, 3), "int32")))
    assert symbol.shape == (None, 3) and symbol.dtype == "int32"


@pytest.mark.parametrize(
    "family, name, kwargs",
    [
        ("losses", "Huber", {"delta": 2.0}),
        ("metrics", "AUC", {"num_thresholds": 5, "name": "area"}),
        ("initializers", "GlorotUniform", {"seed": 3}),
        ("regularizers", "L1L2", {"l1": 0.5}),
        ("constraints", "MaxNorm", {"max_value": 3}),
    ],
)
def test_the_data_are_those_of_keras(family, name, kwargs):
    import importlib

    ours = getattr(importlib.import_module(f"kbridge.{family}"), name)(**kwargs)
    config = serialize(ours)
    same_config(config, keras.saving.serialize_keras_object(getattr(getattr(keras, family), name)(**kwargs)))
    again = deserialize(config)
    assert type(again) is type(ours) and again.get_config() == ours.get_config()
    # Keras reads what is written here
    assert keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(config))["class_name"] == name


@pytest.mark.parametrize(
    "module", ["keras.losses", "keras.src.losses.losses", "kbridge.losses", "tf_keras.losses", None]
)
def test_where_a_class_is_said_to_live(module):
    config = {"module": module, "class_name": "Huber", "config": {"delta": 3.0}, "registered_name": None}
    assert deserialize(config).delta == 3.0 if module else losses.deserialize(config).delta == 3.0


def test_functions_by_name():
    for function in (losses.mean_squared_error, metrics.binary_accuracy):
        config = serialize(function)
        assert config == {
            "module": "builtins",
            "class_name": "function",
            "config": function.__name__,
            "registered_name": "function",
        }
        assert deserialize(config) is function


def test_registered():
    assert objects.get_registered_name(Scale) == "tests>Scale"
    assert objects.get_registered_object("tests>Scale") is Scale
    assert objects.get_registered_object("nothing") is None
    assert objects.get_custom_objects()["tests>Scale"] is Scale
    config = serialize(Scale(2.0))
    assert config["registered_name"] == "tests>Scale" and config["class_name"] == "Scale"
    assert deserialize(config).by == 2.0
    # as Keras up to 3.6 wrote them
    assert deserialize({**config, "registered_name": "Scale"}).by == 2.0
    with pytest.raises(ValueError, match="has no get_config"):
        objects.register_keras_serializable()(type("Bare", (), {}))


def test_custom_objects():
    config = serialize(Unregistered(4.0))
    with pytest.raises(TypeError, match="Unknown class 'Unregistered'.*custom_objects={'Unregistered': ...}"):
        deserialize(config)
    assert deserialize(config, custom_objects={"Unregistered": Unregistered}).by == 4.0
    with objects.CustomObjectScope({"Unregistered": Unregistered}):
        with objects.custom_object_scope({"other": Scale}):
            assert deserialize(config).by == 4.0
        assert objects.get_registered_object("other") is None
    with pytest.raises(ValueError):
        deserialize(config)
    # what the caller hands over comes before kbridge's own
    mine = type("Mine", (losses.Huber,), {})
    assert type(deserialize(serialize(losses.Huber()), {"Huber": mine})) is mine


def test_nested():
    holder = Holder([Scale(1.0), (losses.Huber(), "x")], {"init": initializers.Ones(), "plain": [1, 2]})
    again = deserialize(serialize(holder), {"Holder": Holder})
    assert again.items[0].by == 1.0 and isinstance(again.items[1][0], losses.Huber)
    assert isinstance(again.named["init"], initializers.Ones) and again.named["plain"] == [1, 2]


def test_shared():
    one = Scale(3.0)
    with objects.sharing():
        config = serialize(Holder([one, one, Scale(3.0)]))
    with objects.sharing():
        items = deserialize(config, {"Holder": Holder}).items
    assert items[0] is items[1] and items[0] is not items[2]


def test_scopes_do_not_leak_between_threads():
    import threading

    seen = []
    with objects.CustomObjectScope({"other": Scale}):
        thread = threading.Thread(target=lambda: seen.append(objects.get_registered_object("other")))
        thread.start()
        thread.join()
    assert seen == [None]


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: serialize(object()), TypeError, "of type object cannot be written into a config"),
        (lambda: serialize(lambda x: x), TypeError, "a lambda has no name"),
        (lambda: serialize(Scale), TypeError, "cannot be written into a config"),
        (
            lambda: deserialize({"class_name": "__lambda__", "config": {"value": "x"}}),
            ValueError,
            "code from a config is not run",
        ),
        (
            lambda: deserialize({"class_name": "__lambda__", "config": {"value": "x"}}, safe_mode=False),
            ValueError,
            "no list of a code",
        ),
        (
            lambda: deserialize({"module": "os", "class_name": "system", "config": {}}),
            ValueError,
            "Unknown class 'system'",
        ),
        (
            lambda: deserialize({"module": "builtins", "class_name": "function", "config": "eval"}),
            ValueError,
            "Unknown function 'eval'",
        ),
        (
            lambda: deserialize({"module": "keras.losses", "class_name": "Huber", "config": {"delta": 1, "colour": 2}}),
            TypeError,
            "Huber could not be made from its config.*colour",
        ),
        (lambda: deserialize({"class_name": "Huber", "config": 3}), TypeError, "must be a dict. Received: 3"),
        (lambda: deserialize({"class_name": 3, "config": {}}), TypeError, "Expected the name of a class"),
        (lambda: deserialize({}, module=3), TypeError, r"unknown arguments \['module'\]"),
    ],
)
def test_errors(make, error, message):
    with registry.use_backend("numpy"), pytest.raises(error, match=message):
        make()


def test_an_object_whose_config_is_no_dict_says_so():
    class Odd:
        def get_config(self):
            return 3

    with registry.use_backend("numpy"), pytest.raises(TypeError, match=r"Odd.get_config\(\) must return a dict"):
        serialize(Odd())


def test_regularizers_are_objects_too():
    assert regularizers.deserialize({"class_name": "L2", "config": {"l2": 0.5}}).l2 == 0.5
