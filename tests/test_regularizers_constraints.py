"""Regularizers and constraints against Keras 3, on each engine."""

import json

import numpy as np
import pytest
from oracle import close, keras, same_config

from kbridge import constraints, ops, regularizers
from kbridge.backend import registry
from kbridge.backend.variable import Variable

_rng = np.random.default_rng(3)
MATRIX = _rng.normal(size=(4, 3)).astype("float32")
KERNEL = _rng.normal(size=(2, 2, 3, 4)).astype("float32")

REGULARIZERS = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {}),
    ("L2", {"l2": 2}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1}),
    ("L1L2", {"l2": 0.2}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": 1}),
    ("MaxNorm", {"max_value": 0.5, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 1.5, "rate": 0.3, "axis": 1}),
]


@pytest.mark.parametrize("name, kwargs", REGULARIZERS)
def test_regularizer(engine, name, kwargs):
    ours, reference = getattr(regularizers, name)(**kwargs), getattr(keras.regularizers, name)(**kwargs)
    if name == "OrthogonalRegularizer":  # Keras on NumPy normalizes columns wrongly
        reference = keras.regularizers.OrthogonalRegularizer(kwargs.get("factor", 0.01))
        close(ours(engine.convert(MATRIX)), reference(MATRIX.T if kwargs else MATRIX))
        return
    for x in (MATRIX, KERNEL):
        close(ours(engine.convert(x)), reference(x))
        close(ours(Variable(x)), reference(x))


@pytest.mark.parametrize("name, kwargs", CONSTRAINTS)
def test_constraint(engine, name, kwargs):
    ours, reference = getattr(constraints, name)(**kwargs), getattr(keras.constraints, name)(**kwargs)
    for x in (MATRIX, KERNEL):
        close(ours(engine.convert(x)), reference(x))
        close(ours(Variable(x)), reference(x))


@pytest.mark.parametrize("name, kwargs", REGULARIZERS + CONSTRAINTS)
def test_config(name, kwargs):
    family = "regularizers" if hasattr(regularizers, name) else "constraints"
    ours, reference = globals()[family], getattr(keras, family)
    made = getattr(ours, name)(**kwargs)
    config = ours.serialize(made)
    if name in ("L1", "OrthogonalRegularizer"):  # Keras rounds these to float32
        assert config["config"] == {**made.get_config(), **kwargs}
    else:
        same_config(config, reference.serialize(getattr(reference, name)(**kwargs)))
    again = ours.deserialize(json.loads(json.dumps(config)))
    assert type(again) is type(made) and again.get_config() == made.get_config()


def test_gradient_of_a_penalty(engine):
    weight = Variable(MATRIX)
    penalty = regularizers.L1L2(l1=0.1, l2=0.2)
    _, (gradient,) = engine.value_and_grad(lambda: penalty(weight), [weight])
    close(gradient, 0.1 * np.sign(MATRIX) + 0.4 * MATRIX)


def test_half_precision_stays(engine):
    x = engine.convert(MATRIX, "float16")
    assert engine.dtype(regularizers.L2()(x)) == "float16"
    assert engine.dtype(constraints.MaxNorm()(x)) == "float16"


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2", "l1_l2", "L1L2", "orthogonal_regularizer"])
def test_names_of_regularizers(name):
    assert isinstance(regularizers.get(name), regularizers.Regularizer)


@pytest.mark.parametrize("name", ["max_norm", "min_max_norm", "non_neg", "unit_norm", "MaxNorm"])
def test_names_of_constraints(name):
    assert isinstance(constraints.get(name), constraints.Constraint)


def test_get():
    assert regularizers.get(None) is None and constraints.get(None) is None
    assert regularizers.l1_l2 is regularizers.L1L2 and constraints.max_norm is constraints.MaxNorm
    own = lambda w: ops.sum(w)  # noqa: E731
    assert regularizers.get(own) is own and constraints.get(own) is own
    assert regularizers.L1(None).l1 == 0.01 and regularizers.L1L2(None, None).l2 == 0.0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: regularizers.get("l22"), "Unknown regularizer 'l22'. Did you mean 'l2'"),
        (lambda: constraints.get("maxnorm"), "Unknown constraint 'maxnorm'. Did you mean 'max_norm'"),
        (lambda: regularizers.L2(-1), "float of 0 or more. Received: l2=-1"),
        (lambda: regularizers.L1("a"), "float of 0 or more. Received: l1='a'"),
        (lambda: regularizers.L1L2(l2=float("nan")), "float of 0 or more. Received: l2=nan"),
        (
            lambda: regularizers.OrthogonalRegularizer(mode="all"),
            "mode must be 'rows' or 'columns'. Received: mode='all'",
        ),
        (
            lambda: regularizers.OrthogonalRegularizer()(KERNEL),
            r"takes a matrix. Received one of the shape \(2, 2, 3, 4\)",
        ),
    ],
)
def test_errors(make, message):
    with registry.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_a_regularizer_without_config_says_so():
    with pytest.raises(NotImplementedError, match="Mine needs a get_config"):
        type("Mine", (regularizers.Regularizer,), {})().get_config()
