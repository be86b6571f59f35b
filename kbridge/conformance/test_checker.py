"""The checker itself: what is planted must be found."""

from contextlib import contextmanager

import numpy as np
import pytest

from kbridge.backend.op import OPS
from kbridge.conformance import checker


@contextmanager
def planted(engine, name, wrong):
    """For a while ``wrong(right, *args)`` is the engine's function for the op ``name``."""
    right = engine.native(name)
    native = engine.native

    def lie(*args, **kwargs):
        return wrong(right, *args, **kwargs)

    engine.native = lambda asked: (wrong and lie) if asked == name else native(asked)
    OPS[name].implementations.pop(engine, None)
    try:
        yield
    finally:
        del engine.native
        OPS[name].implementations.pop(engine, None)


def complaints(engine, name, wrong=None):
    """What the checks say of the op ``name`` while ``wrong`` is planted: kind -> lines."""
    with planted(engine, name, wrong or (lambda right, *args, **kwargs: right(*args, **kwargs))):
        outcomes = checker.evaluate(engine, checker.cases_of(name, dynamic=False), compiled=not engine.eager)
    checks = {
        "types": checker.check_types,
        "value": checker.check_value,
        "first": checker.check_gradient,
        "second": lambda outcome: checker.check_gradient(outcome, "second"),
    }
    outcomes = [outcome for outcome in outcomes if not checker.lacks(outcome)]
    found = {"error": [str(outcome.errors["value"]) for outcome in outcomes if "value" in outcome.errors]}
    for kind, check in checks.items():
        found[kind] = [line for outcome in outcomes if "value" not in outcome.errors for line in check(outcome)]
    return {kind: lines for kind, lines in found.items() if lines}


def constant(x):
    return OPS["stop_gradient"](x)


def test_an_honest_engine_passes(engine):
    for name in ("sin", "matmul"):
        assert complaints(engine, name) == {}


def test_a_wrong_value_is_found(engine):
    found = complaints(engine, "sin", lambda sin, x: sin(x) + 1e-3)
    assert set(found) == {"value"}
    assert "sin[0] in float32: part 0 is 1.0e-03 from the reference" in found["value"][0]


def test_a_wrong_gradient_is_found(engine):
    """The value is right, the gradient that of sin(x) + x/1000."""
    found = complaints(engine, "sin", lambda sin, x: sin(x) + (x - constant(x)) * 1e-3)
    assert "first" in found and "value" not in found and "types" not in found


def test_a_wrong_second_gradient_is_found(engine):
    """Value and gradient are right; the gradient's own derivative has lost a factor."""

    def flat(sin, x):
        slope = constant(OPS["cos"](x))
        return constant(sin(x)) + slope * (x - constant(x))

    assert set(complaints(engine, "sin", flat)) == {"second"}


def test_a_lost_gradient_is_found(engine):
    found = complaints(engine, "sin", lambda sin, x: sin(constant(x)))
    assert "first" in found and "value" not in found


def test_a_gradient_lost_for_one_argument_is_found(engine):
    found = complaints(engine, "matmul", lambda matmul, a, b: matmul(a, constant(b)))
    assert "first" in found and "value" not in found
    assert all("array 1" in line for line in found["first"])


def test_a_wrong_shape_is_found(engine):
    found = complaints(engine, "sin", lambda sin, x: OPS["expand_dims"](sin(x), 0))
    assert "types" in found and "value" in found


def test_a_wrong_dtype_is_found(engine):
    found = complaints(engine, "sin", lambda sin, x: engine.cast(sin(x), "float64"))
    assert "types" in found


def test_an_error_is_told(engine):
    def fail(sin, x):
        raise RuntimeError("planted")

    assert set(complaints(engine, "sin", fail)) == {"error"}


def test_a_lacking_op_is_named(engine):
    assert "sin" not in checker.lacking(engine)
    with planted(engine, "sin", None):
        assert "sin" in checker.lacking(engine)
        outcome = checker.evaluate(engine, checker.cases_of("sin")[:1])[0]
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
