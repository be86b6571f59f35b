"""Activations against Keras 3, on each engine."""

import numpy as np
import pytest
from oracle import close, keras

from kbridge import activations
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor
from kbridge.objects import custom_object_scope, register_keras_serializable

X = np.array([[-7.5, -3.0, -1.0, -0.3, 0.0, 0.2], [0.5, 1.0, 2.9, 4.0, 6.5, 20.0]], "float32")

CASES = [
    ("celu", {}),
    ("celu", {"alpha": 0.5}),
    ("elu", {}),
    ("elu", {"alpha": 2.0}),
    ("exponential", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("glu", {}),
    ("glu", {"axis": 0}),
    ("hard_shrink", {}),
    ("hard_shrink", {"threshold": 2.0}),
    ("hard_sigmoid", {}),
    ("hard_silu", {}),
    ("hard_swish", {}),
    ("hard_tanh", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.5}),
    ("linear", {}),
    ("log_sigmoid", {}),
    ("log_softmax", {}),
    ("log_softmax", {"axis": 0}),
    ("mish", {}),
    ("relu", {}),
    ("relu", {"max_value": 6}),
    ("relu", {"max_value": 2.5}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"negative_slope": 0.1, "max_value": 5.0}),
    ("relu", {"threshold": 0.7}),
    ("relu", {"threshold": 0.7, "max_value": 3.0, "negative_slope": 0.2}),
    ("relu6", {}),
    ("selu", {}),
    ("sigmoid", {}),
    ("silu", {}),
    ("swish", {}),
    ("soft_shrink", {}),
    ("soft_shrink", {"threshold": 2.0}),
    ("softmax", {}),
    ("softmax", {"axis": 0}),
    ("softplus", {}),
    ("softsign", {}),
    ("sparse_plus", {}),
    ("sparse_sigmoid", {}),
    ("sparsemax", {}),
    ("squareplus", {}),
    ("squareplus", {"b": 2}),
    ("tanh", {}),
    ("tanh_shrink", {}),
    ("threshold", {"threshold": 1.0, "default_value": -2.0}),
]


@pytest.mark.parametrize("name, kwargs", CASES)
def test_activation(engine, name, kwargs):
    ours = getattr(activations, name)(engine.convert(X), **kwargs)
    reference = _sparsemax(X) if name == "sparsemax" else getattr(keras.activations, name)(X, **kwargs)
    close(ours, reference, rtol=1e-5, atol=1e-5)


def _sparsemax(rows):
    """The nearest point of the simplex, row by row; Keras on NumPy takes all rows for one."""
    result = []
    for row in rows:
        low, high = row.min() - 1, row.max()
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if np.maximum(row - middle, 0).sum() > 1 else (low, middle)
        result.append(np.maximum(row - low, 0))
    return np.array(result, "float32")


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES} - {"threshold", "glu"}))
def test_symbols_keep_their_shape(name):
    assert getattr(activations, name)(KerasTensor((None, 6))).shape == (None, 6)


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_names(name):
    function = activations.get(name)
    assert function is getattr(activations, name)
    assert activations.serialize(function) == keras.activations.serialize(keras.activations.get(name))
    assert activations.deserialize(activations.serialize(function)) is function
    assert activations.get(keras.saving.serialize_keras_object(getattr(keras.activations, name))) is function


def test_get():
    assert activations.get(None) is activations.linear
    own = lambda x: x  # noqa: E731
    assert activations.get(own) is own


def test_one_of_the_user():
    @register_keras_serializable("tests")
    def cube(x):
        return x * x * x

    def square(x):
        return x * x

    config = activations.serialize(cube)
    assert config["config"] == "tests>cube"
    assert activations.deserialize(config) is cube
    assert activations.get("tests>cube") is cube
    with custom_object_scope({"square": square}):
        assert activations.get("square") is square
    assert activations.deserialize("square", {"square": square}) is square


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: activations.get("reluu"), "Unknown activation 'reluu'. Did you mean 'relu"),
        (lambda: activations.get("ReLU"), "Unknown activation 'ReLU'. Did you mean 'relu'"),
        (lambda: activations.get(1.5), "Could not understand 1.5 as an activation"),
        (lambda: activations.get({"class_name": "function", "config": "soft_max"}), "Did you mean 'softmax'"),
    ],
)
def test_errors(make, message):
    with registry.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_a_lambda_cannot_be_saved():
    with pytest.raises(TypeError, match="a lambda has no name"):
        activations.serialize(lambda x: x)
