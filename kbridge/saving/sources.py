"""What the readers and writers of weights have in common: arrays by the paths that ``walk`` gives."""

import math
import os
import stat
from typing import NamedTuple

import numpy as np

from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_hdf5 import bytes_of
from kbridge.saving.write_hdf5 import as_array


def ordinary(path, name, place="", follow=False):
    """The file at ``path``, opened for reading; not what would never end (a pipe) nor, unless told, what a link means.

    ``name`` and ``place`` are for errors. What was opened is looked at, which no one can change any more.
    """
    more = getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    file = open(path, "rb", opener=lambda path, flags: os.open(path, flags | more))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnsafeFileError(name, place, "it is no ordinary file.")
    return file


class Entry(NamedTuple):
    """What a file says of an array."""

    shape: tuple
    dtype: np.dtype
    nbytes: int


class Arrays:
    """Arrays of a file, to be used like ``Hdf5``: ``entries`` (path -> Entry), ``keys``, ``read``."""

    def __init__(self, name):
        self.name = name
        self.entries, self._names = {}, {}

    def add(self, path, entry):
        self.entries[path] = entry
        parent, _, key = path.rpartition("/")
        self._names.setdefault(parent, []).append(key)

    def sized(self, path, shape, dtype):
        """The bytes that such an array takes, if there can be one."""
        if math.prod(n for n in shape if n) > 1 << 48:
            raise CorruptFileError(self.name, path[:200], f"no array has the shape {shape}.")
        return math.prod(shape) * dtype.itemsize

    def fill(self, array, read, path):
        """Put the bytes that ``read(size)`` gives, a piece at a time, into ``array``; they must be as many."""
        target, done = bytes_of(array), 0
        while piece := read(min(1 << 18, len(target) - done)):
            target[done : done + len(piece)] = piece
            done += len(piece)
        if done < len(target):
            raise CorruptFileError(self.name, path, "it is shorter than it is said to be.")

    def verify(self, path):
        """Raise if the values of an array would turn out to be damaged when they are read. Here nothing can tell."""

    def _where(self, path):
        return path

    def keys(self, path):
        return self._names.get(path, [])

    def close(self):
        """Nothing is held open."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Written:
    """Like ``Hdf5Writer``, handing each array to ``take(path, array)``."""

    def __init__(self, take):
        self._take = take

    def store(self, path, name):
        return _Store(self._take, f"{path}/vars" if path else "vars")


class _Store:
    def __init__(self, take, path):
        self._take, self._path, self._keys = take, path, []

    def __setitem__(self, key, value):
        self._keys.append(key)
        self._take(f"{self._path}/{key}", as_array(value))

    def keys(self):
        return list(self._keys)
