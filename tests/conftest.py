"""Fixtures for every test: a fixed seed, default settings, and ``engine``."""

import os
import sys
import tempfile

import pytest

from kbridge import config, dtype_policies
from kbridge.backend import names, registry, seeds


def pytest_configure(config):
    """The user's keras.json and variables have no say in the tests, nor in the processes they start."""
    home = tempfile.TemporaryDirectory(prefix="kbridge-tests-")
    config.add_cleanup(home.cleanup)
    os.environ["KERAS_HOME"] = home.name
    for name in ("KBRIDGE_BACKEND", "KERAS_BACKEND"):
        os.environ.pop(name, None)
    # Test processes run side by side: threads of their own would only wait for each other.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def pytest_generate_tests(metafunc):
    """``engine`` is every engine that kbridge brings (or those of --engine); one that is missing fails."""
    if "engine" in metafunc.fixturenames:
        engines = metafunc.config.getoption("--engine", None) or list(registry.BUILT_IN)
        metafunc.parametrize("engine", engines, indirect=True)


@pytest.fixture
def engine(request):
    """An engine, in charge while the test runs."""
    with registry.use_backend(request.param) as engine:
        yield engine


@pytest.fixture(autouse=True)
def _fixed_start():
    """Each test starts from the same seed, settings and counts of names, and leaves the settings as they were."""
    seeds.set_seed(1234)
    names.forget()
    names_of_keras = sys.modules.get("keras.src.utils.naming")
    if names_of_keras is not None:
        names_of_keras.reset_uids()
    before = config.floatx(), config.epsilon(), config.image_data_format()
    yield
    if config.floatx() != before[0]:
        config.set_floatx(before[0])
    config.set_epsilon(before[1])
    config.set_image_data_format(before[2])
    dtype_policies.set_dtype_policy(None)
