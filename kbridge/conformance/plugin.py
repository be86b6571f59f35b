"""The options of the conformance suite: pytest loads them by an entry point, or in a checkout by its conftest.py."""


def pytest_addoption(parser):
    group = parser.getgroup("kbridge")
    group.addoption(
        "--engine",
        action="append",
        metavar="NAME",
        help="an engine to try (may be given several times); by default every one that comes with kbridge",
    )
    group.addoption("--op", action="append", metavar="NAME", help="an op to try (may be given several times)")
