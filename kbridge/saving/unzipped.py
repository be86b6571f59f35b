"""Models in folders as ``save(..., zipped=False)`` writes them: the members of a ``.keras`` file, as files."""

import os
import stat

from kbridge.saving import atomic, state
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_json import text_of
from kbridge.saving.parse_zip import MOST_MEMBERS, is_plain
from kbridge.saving.tensor_bundle import Folder
from kbridge.saving.write_hdf5 import Hdf5Writer

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
_FILES = (CONFIG, METADATA, WEIGHTS)
_DEEPEST = 50


def is_unzipped(path):
    """Whether there is such a folder at ``path``."""
    path = os.fspath(path) if isinstance(path, (str, os.PathLike)) else b""
    return isinstance(path, str) and any(os.path.lexists(os.path.join(path, name)) for name in _FILES)


def foreign(path):
    """The name of something in a folder that belongs to no model of this kind, or None."""
    names = sorted(os.listdir(path))
    known = (*_FILES, ASSETS) if CONFIG in names else ()
    return next((name for name in names if name not in known), None)


def write_unzipped(model, filepath, texts):
    """Write ``model`` to a folder; ``texts``: the config and the metadata, by their names."""
    if os.path.isdir(filepath) and (other := foreign(filepath)) is not None:
        raise FileExistsError(
            f"{filepath} is a folder that holds {other!r}, and so more than a model. Saving would replace it as a "
            f"whole: choose another name."
        )
    with atomic.replacing_folder(filepath) as folder:
        for name, text in texts.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)
        with open(os.path.join(folder, WEIGHTS), "w+b") as file, Hdf5Writer(file) as writer:
            state.save_state(model, writer)
        if state.has_assets(model):
            state.save_assets(model, os.path.join(folder, ASSETS))


class Unzipped:
    """Such a folder, to be read like an ``Archive``. Links in it are not followed, and other files left alone."""

    def __init__(self, path):
        self._folder = Folder(path)
        self.name = self._folder.name
        self.members = {}
        for name in _FILES:
            self._add(name)
        self._add_all(ASSETS, 0)

    def _add(self, place):
        try:
            found = os.lstat(self._path(place))
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode):
            why = "it is a link." if stat.S_ISLNK(found.st_mode) else "it is no ordinary file."
            raise UnsafeFileError(self.name, place, why)
        self.members[place] = _Member(found.st_size)
        if len(self.members) > MOST_MEMBERS:
            raise UnsafeFileError(self.name, place, f"it has more than {MOST_MEMBERS:,} files.")

    def _add_all(self, place, depth):
        if not os.path.lexists(self._path(place)):
            return
        if os.path.islink(self._path(place)) or not os.path.isdir(self._path(place)) or depth > _DEEPEST:
            raise UnsafeFileError(self.name, place[:200], "it is a link, or no folder, or too deep in others.")
        with os.scandir(self._path(place)) as found:
            for item in found:
                inner = f"{place}/{item.name}"
                if not is_plain(item.name):
                    raise UnsafeFileError(self.name, inner[:200], "its name is no plain one.")
                if item.is_dir(follow_symlinks=False):
                    self._add_all(inner, depth + 1)
                else:
                    self._add(inner)

    def _path(self, place):
        return os.path.join(self._folder.root, *place.split("/"))

    def open(self, member):
        """A binary file object to read a member from."""
        if member not in self.members:
            raise CorruptFileError(self.name, member, "this part of the folder is missing.")
        return self._folder.open(member)[0]

    def read(self, member, largest):
        """The bytes of a member, if they are at most ``largest``."""
        with self.open(member) as file:
            data = text_of(file, largest + 1)
        if len(data) > largest:
            raise UnsafeFileError(self.name, member, f"more than {largest:,} bytes are not read.")
        return data

    def copy(self, member, target):
        """Write a member's bytes to a binary file object, a piece at a time; no more than there were."""
        left = self.members[member].file_size
        with self.open(member) as file:
            while left and (piece := file.read(min(1 << 20, left))):
                left -= len(piece)
                target.write(piece)


class _Member:
    """What an ``Archive`` says of a member."""

    def __init__(self, size):
        self.file_size = size
