"""Programs as people wrote them for Keras 1 and 2, run unchanged on every engine; they assert for themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kbridge.backend import registry

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("keras[12]/*.py"))


class Worker:
    """The process that runs programs on one engine; started anew when it died."""

    def __init__(self, engine):
        self.engine = engine
        self.process = None

    def run(self, path, generation):
        if self.process is None or self.process.poll() is not None:
            roots = [str(HERE.parents[1]), str(HERE.parents[1] / "backends"), os.environ.get("PYTHONPATH", "")]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "MPLBACKEND": "Agg"}
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(HERE / "worker.py"), self.engine],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                text=True,
            )
        self.process.stdin.write(json.dumps([str(path), generation]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else f"The process ended with status {self.process.wait()}."

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(30)


@pytest.fixture(scope="module")
def workers():
    started = {}
    yield started
    for worker in started.values():
        worker.stop()


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_program(path, workers, engine_name):
    worker = workers.setdefault(engine_name, Worker(engine_name))
    problem = worker.run(path, int(path.parent.name[-1]))
    assert problem is None, problem


def pytest_generate_tests(metafunc):
    if "engine_name" in metafunc.fixturenames:
        engines = metafunc.config.getoption("--engine", None) or list(registry.BUILT_IN)
        metafunc.parametrize("engine_name", engines)


def test_there_are_programs_of_both_generations():
    count = {name: sum(path.parent.name == name for path in PROGRAMS) for name in ("keras1", "keras2")}
    assert min(count.values()) >= 25, count
