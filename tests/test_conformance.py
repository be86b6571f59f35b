"""The conformance suite as others use it, and what it must find."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kbridge.backend import registry
from kbridge.backend.op import OPS
from kbridge.conformance import checker

HERE = Path(__file__).parent


def run_suite(*arguments, path=()):
    """(exit status, output) of ``pytest --pyargs kbridge.conformance`` in a process of its own."""
    roots = [str(p) for p in (*path, HERE, HERE.parent, HERE.parent / "backends")]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "kbridge.conformance.plugin", "-o", "addopts="]
    done = subprocess.run(
        [*command, "--pyargs", "kbridge.conformance", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """What the suite says of an engine that an installed package registers."""
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "tiny-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kbridge.backends]\ntiny = tiny_engine:engine\n")
    return run_suite("--engine", "tiny", "-rfs", path=[folder])


def test_a_third_partys_engine_passes_for_what_it_supplies(tiny):
    _, output = tiny
    failed = re.findall(r"^(?:FAILED|ERROR) .*$", output, re.M)
    assert [line for line in failed if "test_no_required_op_is_lacking" not in line] == []
    [passed] = re.findall(r"(\d+) passed", output)
    assert int(passed) > 1000


def test_required_ops_that_are_lacking_are_told_with_their_signatures(tiny):
    status, output = tiny
    assert status == 1
    assert re.search(r'The backend "tiny" lacks \d+ required ops:', output)
    assert "arctan2(x1: 'Tensor', x2: 'Tensor')" in output


def test_an_engine_that_is_missing_fails():
    status, output = run_suite("--engine", "nowhere", "--op", "sin")
    assert status == 1
    assert 'Unknown backend "nowhere"' in output and "test_the_engine_loads[nowhere]" in output


def test_an_unknown_op_is_refused():
    status, output = run_suite("--engine", "numpy", "--op", "sine")
    assert status not in (0, 1) and "--op: there is no op named sine" in output


def test_an_op_without_samples_fails(tmp_path):
    (tmp_path / "more_ops.py").write_text(
        "from kbridge.backend.op import op\n@op\ndef unsampled(x: 'Tensor'):\n    return x + 1\n"
    )
    status, output = run_suite("--engine", "numpy", "-p", "more_ops", "-k", "samples", path=[tmp_path])
    assert status == 1 and "The op unsampled has no sample: add a line to kbridge/conformance/samples.py" in output


def test_a_wrong_rule_in_the_table_of_gradients_is_found(monkeypatch):
    from kbridge_numpy import tape

    engine = registry.load("numpy")
    sin, cos = engine.native("sin"), engine.native("cos")
    cases = checker.cases_of("sin")
    assert [line for outcome in checker.evaluate(engine, cases) for line in checker.check_gradient(outcome)] == []
    monkeypatch.setitem(tape.RULES, sin, tape.RULES[cos])
    found = [line for outcome in checker.evaluate(engine, cases) for line in checker.check_gradient(outcome)]
    assert len(found) >= 2 and all("the first gradient of array 0 is" in line for line in found)


def test_every_promised_engine_is_tried():
    assert list(registry.BUILT_IN) == ["numpy", "torch", "jax", "tensorflow"]
    assert len(OPS) > 300
