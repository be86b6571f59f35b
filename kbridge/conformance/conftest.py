"""Every test of the suite that asks for an engine or an op runs for each one chosen."""

import pytest

from kbridge.backend import registry
from kbridge.conformance import checker
from kbridge.conformance.draws import SAMPLES

_evaluations = {}


def chosen_engines(config):
    """The engines asked for; by default all that kbridge brings, installed or not: a missing one fails."""
    return config.getoption("--engine") or list(registry.BUILT_IN)


def chosen_ops(config):
    names = config.getoption("--op") or sorted(checker.FUNCTIONS)
    unknown = [name for name in names if name not in checker.FUNCTIONS]
    if unknown:
        raise pytest.UsageError(f"--op: there is no op named {', '.join(unknown)}.")
    return names


def pytest_generate_tests(metafunc):
    if "engine_name" in metafunc.fixturenames:
        metafunc.parametrize("engine_name", chosen_engines(metafunc.config), scope="session")
    if "op_name" in metafunc.fixturenames:
        names = chosen_ops(metafunc.config)
        marker = metafunc.definition.get_closest_marker("ops")
        if marker:
            names = [name for name in names if marker.args[0](name)]
        metafunc.parametrize("op_name", names)


def pytest_collection_modifyitems(config, items):
    """With --op, only the tests of ops."""
    if config.getoption("--op"):
        other = [item for item in items if item.path.name in ("test_checker.py", "test_control.py")]
        items[:] = [item for item in items if item not in other]
        config.hook.pytest_deselected(items=other)


def pytest_configure(config):
    config.addinivalue_line("markers", "ops(which): the ops for which a test of the conformance suite is made")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call():
    """What needs a required op that the engine lacks is not tried: one test tells of them all."""
    try:
        return (yield)
    except NotImplementedError as error:
        if not checker.is_lacking(error):
            raise
        pytest.skip(f"{error} See test_no_required_op_is_lacking.")


@pytest.fixture(scope="session")
def loaded(engine_name):
    """The engine, or the exception that came instead."""
    try:
        return registry.load(engine_name)
    except Exception as error:
        return error


@pytest.fixture
def engine(loaded, engine_name):
    """An engine under test, in charge."""
    if isinstance(loaded, Exception):
        pytest.skip(f'"{engine_name}" does not load: see test_the_engine_loads')
    with checker.on(loaded):
        yield loaded


@pytest.fixture
def outcomes(engine, op_name, request):
    """What the engine makes of each sample of the op."""
    if op_name not in SAMPLES:
        pytest.skip("has no samples: see test_every_op_has_samples")
    if engine not in _evaluations:
        _evaluations[engine] = checker.Evaluations(engine, chosen_ops(request.config))
    found = _evaluations[engine].of(op_name)
    for outcome in found:
        if checker.lacks(outcome):
            pytest.skip(f"{checker.lacks(outcome)} See test_no_required_op_is_lacking.")
    return found
