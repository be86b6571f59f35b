"""Sound files with a few changes, of each format: they load, or are refused with one of two exceptions.

``python tests/hostile/mutations.py 10000`` does the same to 10,000 of each.
"""

import pytest

pytest.importorskip("h5py")

from hostile import mutations  # noqa: E402
from test_hostile_files import needs_linux, program  # noqa: E402


@needs_linux
def test_mutated_files_load_or_are_refused():
    lines = program("mutations.py", 30, 1)
    assert "done" in lines[-1]
    assert {told["format"] for told in lines if "counts" in told} == set(mutations.FORMATS)
    assert not [told for told in lines if "bad" in told]
