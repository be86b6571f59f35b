"""All hostile files."""

from typing import NamedTuple

from hostile import configs, hdf5, others, zips


class Aim(NamedTuple):
    """What files try to reach: a folder with a secret.txt and a canary_module, and a URL that is watched."""

    folder: str
    url: str


class Case(NamedTuple):
    """A file, how it is opened ("model", "weights", "json", "yaml"), and what should come of it.

    ``expected``: "unsafe", "corrupt", "refused" (either), or "harmless" (loaded or refused). ``advisory``: the published
    one whose kind it is of. ``beside``: further files in its folder.
    """

    name: str
    how: str
    data: bytes
    ending: str
    expected: str = "refused"
    advisory: str | None = None
    beside: dict = {}


def cases(aim):
    for part in (configs, zips, hdf5, others):
        for name, how, data, ending, *more in part.cases(aim):
            yield Case(name, how, data, ending, *more)
