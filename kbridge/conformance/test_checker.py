"""The checker itself: what is planted must be found."""

import copy

import numpy as np
import pytest

from kbridge.backend.op import OPS
from kbridge.conformance import checker


def planted(engine, name, wrong):
    """``engine``, but for ``wrong(right, *args)`` in the place of its function for the op ``name``."""
    right = engine.native(name)
    native = engine.native
    liar = copy.copy(engine)

    def lie(*args, **kwargs):
        return wrong(right, *args, **kwargs)

    liar.native = lambda asked: lie if asked == name else native(asked)
    return liar


def complaints(engine, name):
    outcomes = checker.evaluate(engine, checker.cases_of(name, dynamic=False), compiled=not engine.eager)
    checks = {
        "types": checker.check_types,
        "value": checker.check_value,
        "first": checker.check_gradient,
        "second": lambda outcome: checker.check_gradient(outcome, "second"),
    }
    found = {}
    for kind, check in checks.items():
        lines = [line for outcome in outcomes if "value" not in outcome.errors for line in check(outcome)]
        if lines:
            found[kind] = lines
    if any("value" in outcome.errors for outcome in outcomes):
        found["error"] = [str(outcome.errors["value"]) for outcome in outcomes if outcome.errors]
    return found


def constant(x):
    return OPS["stop_gradient"](x)


def test_an_honest_engine_passes(engine):
    for name in ("sin", "matmul"):
        honest = planted(engine, name, lambda right, *args, **kwargs: right(*args, **kwargs))
        assert complaints(honest, name) == {}


def test_a_wrong_value_is_found(engine):
    found = complaints(planted(engine, "sin", lambda sin, x: sin(x) + 1e-3), "sin")
    assert set(found) == {"value"}
    assert "sin[0] in float32: part 0 is 1.0e-03 from the reference" in found["value"][0]


def test_a_wrong_gradient_is_found(engine):
    """The value is right, the gradient that of sin(x) + x/1000."""
    found = complaints(planted(engine, "sin", lambda sin, x: sin(x) + (x - constant(x)) * 1e-3), "sin")
    assert "first" in found and "value" not in found and "types" not in found


def test_a_wrong_second_gradient_is_found(engine):
    """Value and gradient are right; the gradient's own derivative has lost a factor."""

    def flat(sin, x):
        slope = constant(OPS["cos"](x))
        return constant(sin(x)) + slope * (x - constant(x))

    assert set(complaints(planted(engine, "sin", flat), "sin")) == {"second"}


def test_a_lost_gradient_is_found(engine):
    found = complaints(planted(engine, "sin", lambda sin, x: sin(constant(x))), "sin")
    assert "first" in found and "value" not in found


def test_a_gradient_lost_for_one_argument_is_found(engine):
    found = complaints(planted(engine, "matmul", lambda matmul, a, b: matmul(a, constant(b))), "matmul")
    assert "first" in found and "value" not in found
    assert all("array 1" in line for line in found["first"])


def test_a_wrong_shape_is_found(engine):
    found = complaints(planted(engine, "sin", lambda sin, x: OPS["expand_dims"](sin(x), 0)), "sin")
    assert "types" in found and "value" in found


def test_a_wrong_dtype_is_found(engine):
    found = complaints(planted(engine, "sin", lambda sin, x: engine.cast(sin(x), "float64")), "sin")
    assert "types" in found


def test_an_error_is_told(engine):
    def fail(sin, x):
        raise RuntimeError("planted")

    assert set(complaints(planted(engine, "sin", fail), "sin")) == {"error"}


def test_a_lacking_op_is_named(engine):
    poor = copy.copy(engine)
    poor.native = lambda name: None if name == "sin" else engine.native(name)
    assert "sin" in checker.lacking(poor)
    outcome = checker.evaluate(poor, checker.cases_of("sin")[:1])[0]
    assert "Its module needs a function sin(x" in checker.lacks(outcome)


@pytest.mark.parametrize(
    "got, want, apart",
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 200.0], [1.0, 100.0], 1.0),
        ([np.nan], [np.nan], 0.0),
        ([np.nan], [1.0], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([1.0], [[1.0]], np.inf),
        ([1 + 1j], [1 - 1j], 2.0 / np.sqrt(2.0)),
    ],
)
def test_distance(got, want, apart):
    assert checker.distance(got, want) == pytest.approx(apart)


def test_differences():
    [found] = checker.differences(lambda x: (x**3).sum(), [np.array([1.0, 2.0])])
    assert found == pytest.approx([3.0, 12.0], rel=1e-7)
