"""All hostile files."""

from typing import NamedTuple

from hostile import configs, hdf5, others, zips


class Aim(NamedTuple):
    """What files try to reach: a folder with a secret.txt and a canary_module, and a URL that is watched."""

    folder: str
    url: str


class Case(NamedTuple):
    """A file, how it is opened ("model", "weights", "json", "yaml"), and what should come of it.

    ``expected``: "unsafe", "corrupt", "refused" (either), or "harmless" (loaded or refused). ``advisory``: the
    published one whose kind it is of. ``beside``: further files in its folder.
    """

    name: str
    how: str
    data: bytes
    ending: str
    expected: str = "refused"
    advisory: str | None = None
    beside: dict = {}


PARTS = {"configs": configs, "zips": zips, "hdf5": hdf5, "others": others}


def cases(aim, every=1, parts=PARTS):
    """All files of the corpus, or one out of ``every``."""
    number = 0
    for part in parts:
        for name, how, data, ending, *more in PARTS[part].cases(aim):
            number += 1
            if number % every == 0:
                yield Case(name, how, data() if callable(data) else data, ending, *more)
