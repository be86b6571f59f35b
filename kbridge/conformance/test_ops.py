"""Each op on each engine, by its samples."""

import inspect

import pytest

from kbridge.backend.op import OPS
from kbridge.conformance import checker, samples
from kbridge.conformance.draws import SAMPLES


def report(complaints):
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


# -- of the ops alone


def test_every_op_has_samples(op_name):
    assert SAMPLES.get(op_name), f"The op {op_name} has no sample: add a line to kbridge/conformance/samples.py."
    if checker.is_required(op_name):
        without = [s for s in SAMPLES[op_name] if s.ref is None and not s.random]
        assert not without, f"A required op has no body, so its samples need an oracle (ref=...): {without}"


def test_every_parameter_is_tried(op_name):
    """Some sample gives each parameter of the op, by position or by name."""
    parameters = inspect.signature(checker.FUNCTIONS[op_name])
    known = SAMPLES.get(op_name, ())
    if any(sample.using for sample in known):
        return  # these call the op in their own way
    given = {name for s in known for name in parameters.bind(*s.call.args, **s.call.kwargs).arguments}
    missing = set(parameters.parameters) - given - set(samples.UNTRIED)
    assert not missing, f"No sample of {op_name} gives {sorted(missing)}: add one to kbridge/conformance/samples.py."


def test_no_sample_is_stale():
    assert not sorted(set(SAMPLES) - set(checker.FUNCTIONS)), "These samples are of no op."


def _has_body(name):
    return not checker.is_required(name) and any(s.ref is not None for s in SAMPLES.get(name, ()))


@pytest.mark.ops(_has_body)
def test_portable_body(op_name):
    """The body agrees with the oracle, whatever functions engines have."""
    complaints = []
    for sample in SAMPLES[op_name]:
        if sample.ref is not None:
            outcome = checker.Outcome(sample, "float64")
            outcome.measured = checker.reference_by_body(sample)
            complaints += checker.compare(outcome, checker.reference(sample), "the oracle")
    report(complaints)


@pytest.mark.ops(lambda name: name in SAMPLES)
def test_shapes_without_data(op_name):
    """The engine of shapes runs every sample whose shape can be known."""
    for sample, dtype in checker.cases_of(op_name, dynamic=False):
        checker.expected_types(sample, dtype)


# -- of an engine


def test_the_engine_loads(engine_name, loaded):
    if isinstance(loaded, Exception):
        raise loaded
    assert loaded.name == engine_name


def test_no_required_op_is_lacking(engine):
    lacking = [f"    {name}{OPS[name].spec.signature}" for name in checker.lacking(engine)]
    report(lacking and [f'The backend "{engine.name}" lacks {len(lacking)} required ops:', *lacking])


def _parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.ops(lambda name: name in OPS)
def test_signature(engine, op_name):
    """A function of the engine takes the op's arguments: the same names, places and defaults."""
    native = engine.native(op_name)
    if native is None:
        return
    try:
        own = _parameters(native)
    except ValueError:
        pytest.fail(f"{native} tells no signature: wrap it in a function {op_name}{OPS[op_name].spec.signature}")
    assert own == _parameters(OPS[op_name].spec.body), f"expected {op_name}{OPS[op_name].spec.signature}"


def test_shape_and_dtype(outcomes):
    report([line for o in outcomes if "value" not in o.errors for line in checker.check_types(o)])


def test_value(outcomes):
    report([line for o in outcomes for line in checker.check_value(o)])


def _differentiable(name):
    return checker.has_gradient(name) and any(sample.differentiable for sample in SAMPLES.get(name, ()))


@pytest.mark.ops(_differentiable)
def test_gradient(outcomes):
    report([line for o in outcomes for line in checker.check_gradient(o)])


@pytest.mark.ops(lambda name: _differentiable(name) and any(s.smooth for s in SAMPLES[name]))
def test_second_gradient(outcomes):
    report([line for o in outcomes for line in checker.check_gradient(o, "second")])


def _compilable(name):
    return any(not sample.dynamic for sample in SAMPLES.get(name, ()))


@pytest.mark.ops(_compilable)
def test_compiled_like_eager(engine, op_name, outcomes):
    """An op gives the same inside a compiled function and outside."""
    case = checker.cases_of(op_name, dynamic=False)[0]
    [other] = checker.evaluate(engine, [case], compiled=engine.eager, deep=False)
    [own] = [o for o in outcomes if (o.sample, o.dtype) == case]
    report(checker.check_value(own) + checker.check_value(other))
    report(checker.compare(other, own.measured, "the compiled result" if not engine.eager else "the eager result"))
    assert other.types == own.types
