"""Weights in several files, none larger than asked: an index of JSON, and the files it names.

All are written beside their targets before the first is renamed. Keras finds them by their numbers, so they
cannot have new names in each save: a token in each tells those of one save from those of another.
"""

import contextlib
import json
import os
import re
import secrets

from kbridge.saving import atomic, state
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_hdf5 import Hdf5
from kbridge.saving.parse_json import parse_json, text_of
from kbridge.saving.sources import ordinary
from kbridge.saving.write_hdf5 import Hdf5Writer, as_array

_NAME = re.compile(r"[\w][\w.+@=-]*\.weights\.h5\Z")
_MOST = 10_000
_SAVE = "_save"  # what holds the token


def write_shards(model, filepath, largest):
    """Write the weights of ``model`` to files of at most ``largest`` bytes of arrays each, and an index of them."""
    folder, name = os.path.split(os.path.realpath(filepath))
    os.makedirs(folder, exist_ok=True)
    before = _names_in(filepath) if os.path.exists(filepath) else []
    with contextlib.ExitStack() as files:
        index = files.enter_context(atomic.replacing(filepath))  # the first to be opened is the last to be renamed
        writer = _Writer(files, folder, name.removesuffix(".weights.json"), largest)
        state.save_state(model, writer)
        metadata = {"total_size": writer.total, "save": writer.token}
        index.write(json.dumps({"metadata": metadata, "weight_map": writer.map}, indent=4).encode("utf-8"))
    for name in set(before) - set(writer.names):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(folder, name))


def _names_in(filepath):
    """The files that an index there names, as far as it can be understood."""
    with open(filepath, "rb") as file, contextlib.suppress(ValueError):
        return _checked(text_of(file), filepath)[1]
    return []


class _Writer:
    """Like ``Hdf5Writer``, but for several files."""

    def __init__(self, files, folder, stem, largest):
        self._files, self._folder, self._stem, self.largest = files, folder, stem, largest
        self.names, self.map, self.total = [], {}, 0
        self.token = secrets.token_hex(8)
        self._next()

    def _next(self):
        self.names.append(f"{self._stem}_{len(self.names):05d}.weights.h5")
        file = self._files.enter_context(atomic.replacing(os.path.join(self._folder, self.names[-1])))
        self.current, self._size = self._files.enter_context(Hdf5Writer(file)), 0
        self.current.note(_SAVE, self.token)

    def store(self, path, name):
        return _Store(self, path, name)

    def room(self, path, key, nbytes):
        """Make sure that there is room for an array of ``path``."""
        if nbytes > self.largest:
            raise ValueError(
                f"save_weights: the array {key} of {path or 'the model'} has {nbytes:,} bytes, more than "
                f"max_shard_size={self.largest / 2**30:g} (GB). Make that larger."
            )
        if self._size + nbytes > self.largest:
            self._next()
        self._size += nbytes
        self.total += nbytes
        names = self.map.setdefault(f"/{path}/vars" if path else "/vars", [])
        if self.names[-1] not in names:
            names.append(self.names[-1])


class _Store:
    def __init__(self, writer, path, name):
        self._writer, self._path, self._name, self._keys = writer, path, name, []
        writer.current.store(path, name)

    def __setitem__(self, key, value):
        array = as_array(value)
        self._writer.room(self._path, key, array.nbytes)
        self._writer.current.store(self._path, self._name)[key] = array
        self._keys.append(key)

    def keys(self):
        return list(self._keys)


class Shards:
    """The arrays of all files that an index names; to be used like ``Hdf5``."""

    def __init__(self, file, filepath):
        self.name = os.fspath(filepath)
        folder = os.path.dirname(os.path.realpath(self.name))
        file.seek(0)
        token, names = _checked(text_of(file), self.name)
        self.entries, self._of, self._sources = {}, {}, []
        try:
            for name in names:
                path = os.path.join(folder, name)
                try:
                    file = ordinary(path, self.name, name)
                except OSError:
                    raise CorruptFileError(self.name, name, "there is no such file beside it.") from None
                source = Hdf5(file, path, owned=True)
                self._sources.append(source)
                own = source.read(_SAVE).tobytes().decode("latin-1") if _SAVE in source.entries else None
                if own != token:
                    why = "it is of another save than the index: the process was ended while it renamed the files."
                    raise CorruptFileError(self.name, name, why)
                source.entries.pop(_SAVE, None)
                for at, entry in source.entries.items():
                    if at in self.entries:
                        raise UnsafeFileError(self.name, f"{name}:{at}", "another of its files holds it too.")
                    self.entries[at], self._of[at] = entry, source
        except BaseException:
            self.close()
            raise

    def _where(self, path):
        return path

    def keys(self, path):
        return [key for source in self._sources for key in source.keys(path)]

    def verify(self, path):
        self._of[path].verify(path)

    def read(self, path):
        return self._of[path].read(path)

    def close(self):
        for source in self._sources:
            source.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _checked(data, name):
    """(the token of an index or None, the names of its files): each a plain name, none a path."""
    index = parse_json(data, name, "")
    found = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(found, dict):
        raise CorruptFileError(name, "", "it is no index of weights: 'weight_map' is missing.")
    names = {}
    for path, files in found.items():
        for one in files if isinstance(files, list) else [files]:
            if not isinstance(one, str) or not _NAME.match(one):
                raise UnsafeFileError(name, path, f"{str(one)[:80]!r} is not the name of a .weights.h5 file beside it.")
            names[one] = True
    if len(names) > _MOST:
        raise UnsafeFileError(name, "", f"it names {len(names):,} files, where at most {_MOST:,} are read.")
    metadata = index.get("metadata")
    return metadata.get("save") if isinstance(metadata, dict) else None, list(names)
