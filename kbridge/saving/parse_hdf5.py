"""The arrays of an HDF5 file, bounded: all are looked at before any is read.

Only what lies in the file itself counts: groups and datasets behind hard links, each once, in one piece.
Links, external storage, virtual datasets, filters and types other than numbers are refused, unopened.
"""

import contextlib
import math
import os
from typing import NamedTuple

import numpy as np

from kbridge.saving.errors import CorruptFileError, UnsafeFileError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_OBJECTS = 1_000_000
DEEPEST = 150
_IN_MEMORY = 16 << 20  # bytes of a file that is read as a whole
_NUMBERS = frozenset("?bhilqBHILQefd")  # NumPy's letters


class Entry(NamedTuple):
    """What a file says of an array: its shape, the dtype that ``read`` gives, its size in bytes, and where it is."""

    shape: tuple
    dtype: np.dtype
    nbytes: int
    dataset: object


class Hdf5:
    """An HDF5 file opened for reading. ``entries``: path -> Entry.

    ``file`` is a binary file object, closed at the end if it is ``owned``; ``name`` and ``place`` say in errors
    what it is.
    """

    def __init__(self, file, name, place="", owned=False):
        import h5py

        self._h5py = h5py
        self.name, self.place = name, place
        self._owned = file if owned else None
        self.entries, self._names = {}, {}
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(8) != SIGNATURE:
            raise CorruptFileError(name, place, "it is no HDF5 file: it does not begin like one.")
        with self._errors("/"):
            if self._size <= _IN_MEMORY:  # looking around is much faster there
                file.seek(0)
                self._file = h5py.File(h5py.h5f.open_file_image(file.read()))
            else:
                self._file = h5py.File(file, "r")
        try:
            with self._errors("/"):
                self._look(self._file.id)
            total = sum(entry.nbytes for entry in self.entries.values())
            if total > self._size:
                raise self._corrupt("/", f"its arrays are said to take {total:,} bytes, more than the file has.")
        except BaseException:
            self.close()
            raise

    def close(self):
        with contextlib.suppress(Exception):  # of a library that has already said that the file is damaged
            self._file.close()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def _where(self, path):
        return f"{self.place}:{path}" if self.place else path

    def _unsafe(self, path, why):
        return UnsafeFileError(self.name, self._where(path), why)

    def _corrupt(self, path, why):
        return CorruptFileError(self.name, self._where(path), why)

    @contextlib.contextmanager
    def _errors(self, path):
        """What the library raises on a damaged file, as the one exception for that."""
        try:
            yield
        except (UnsafeFileError, CorruptFileError):
            raise
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise self._corrupt(path, f"the HDF5 library cannot read it ({str(error)[:200]}).") from None

    # -- looking at everything, reading nothing

    def _look(self, root):
        h5o, h5l = self._h5py.h5o, self._h5py.h5l
        seen = {h5o.get_info(root).addr}
        waiting = [(root, "", 0)]
        while waiting:
            group, prefix, depth = waiting.pop()
            if depth > DEEPEST:
                raise self._unsafe(prefix, f"its groups are nested more than {DEEPEST} deep.")
            for raw in group:
                name = raw.decode("utf-8")
                path = f"{prefix}{name}"
                if group.links.get_info(raw).type != h5l.TYPE_HARD:
                    raise self._unsafe(path, "it is a link to somewhere else, and only what lies in the file counts.")
                info = h5o.get_info(group, raw)
                if info.addr in seen:
                    raise self._unsafe(path, "it is linked from two places.")
                seen.add(info.addr)
                if len(seen) > MOST_OBJECTS:
                    raise self._unsafe(path, f"the file has more than {MOST_OBJECTS:,} objects.")
                if info.type == h5o.TYPE_GROUP:
                    waiting.append((h5o.open(group, raw), f"{path}/", depth + 1))
                elif info.type == h5o.TYPE_DATASET:
                    self.entries[path] = self._entry(h5o.open(group, raw), path)
                    self._names.setdefault(prefix[:-1], []).append(name)
                else:
                    raise self._unsafe(path, "it is neither a group nor an array.")

    def _entry(self, dataset, path):
        h5d, h5t = self._h5py.h5d, self._h5py.h5t
        plan = dataset.get_create_plist()
        layout = plan.get_layout()
        if layout == h5d.VIRTUAL:
            raise self._unsafe(path, "it is a virtual dataset, which takes its values from elsewhere.")
        if plan.get_external_count():
            raise self._unsafe(path, "its values lie in another file.")
        if layout == h5d.CHUNKED or plan.get_nfilters():
            raise self._unsafe(
                path, "it is cut into chunks or compressed, which Keras never does. Save it anew with Keras."
            )
        kind = dataset.get_type()
        if kind.get_class() not in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.OPAQUE):
            raise self._unsafe(path, "its values are no numbers.")
        dtype = kind.dtype
        if kind.get_class() == h5t.OPAQUE:
            dtype = self._bfloat16(dataset, path, dtype)
        elif dtype.char not in _NUMBERS:
            raise self._unsafe(path, f"its values are of the type {dtype}, which no weight has.")
        shape = dataset.shape
        if shape is None or len(shape) > 32:
            raise self._corrupt(path, "it has no shape that an array can have.")
        nbytes = math.prod(shape) * kind.get_size()
        if nbytes != dataset.get_storage_size():
            found = dataset.get_storage_size()
            raise self._corrupt(path, f"{nbytes:,} bytes are needed for its shape {shape}, and {found:,} are there.")
        offset = dataset.get_offset()
        if nbytes > self._size or (offset is not None and offset + nbytes > self._size):
            raise self._corrupt(path, f"its shape {shape} needs more than there is in the file.")
        return Entry(tuple(shape), dtype, nbytes, dataset)

    def _bfloat16(self, dataset, path, dtype):
        if dtype.itemsize == 2 and self._text(self._h5py.h5a, dataset, "dtype") == "bfloat16":
            import ml_dtypes

            return np.dtype(ml_dtypes.bfloat16)
        raise self._unsafe(path, f"its values are of the type {dtype}, which no weight has.")

    def _text(self, h5a, owner, name):
        """The text that an attribute holds, or None."""
        if not h5a.exists(owner, name.encode()):
            return None
        attribute = h5a.open(owner, name.encode())
        kind = attribute.get_type()
        if kind.get_class() != self._h5py.h5t.STRING or attribute.shape != () or attribute.get_storage_size() > 64:
            return None
        value = self._h5py.AttributeManager(self._h5py.Dataset(owner))[name]
        return value.decode("utf-8") if isinstance(value, bytes) else value

    # -- reading

    def keys(self, path):
        """The names of the arrays directly in the group ``path``."""
        return self._names.get(path, [])

    def read(self, path):
        """The array at ``path``."""
        shape, dtype, nbytes, dataset = self.entries[path]
        found = np.empty(shape, dtype)
        if nbytes:
            with self._errors(path):
                opaque = dtype.kind == "V" or dtype.char not in _NUMBERS
                target = found.view(np.dtype((np.void, dtype.itemsize))) if opaque else found
                dataset.read(self._h5py.h5s.ALL, self._h5py.h5s.ALL, target, dataset.get_type() if opaque else None)
        return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))
