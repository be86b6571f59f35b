"""All hostile files."""

from typing import NamedTuple

from hostile import configs, hdf5, others, zips


class Aim(NamedTuple):
    """What files try to reach: a folder with a secret.txt and a canary_module, and a URL that is watched."""

    folder: str
    url: str


class Case(NamedTuple):
    """A file, how it is opened ("model", "weights", "json", "yaml"), and what should come of it.

    ``expected``: "unsafe", "unasked" (likewise, but run with safe_mode=False), "corrupt", "refused" (either), or
    "harmless" (loaded or refused). ``advisory``: the published one whose kind it is of. ``beside``: further files in
    its folder.
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
    """All files of the corpus, or one out of ``every``, and the first of each advisory."""
    number, advisories = 0, {None}
    for part in parts:
        for name, how, data, ending, *more in PARTS[part].cases(aim):
            number += 1
            advisory = more[1] if len(more) > 1 else None
            if number % every == 0 or advisory not in advisories:
                advisories.add(advisory)
                yield Case(name, how, data() if callable(data) else data, ending, *more)
