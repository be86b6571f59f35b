"""Weights in ``.npz`` files: a zip of arrays in NumPy's own form. Nothing in them is unpickled."""

import io
import zipfile

import numpy as np

from kbridge.saving import atomic, state
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_hdf5 import bytes_of, room
from kbridge.saving.sources import Arrays, Entry, Written

_LONGEST_HEADER = 10_000
_PIECE = 1 << 20  # bytes that are written at once
_NUMBERS = frozenset("?bhilqBHILQefd")  # NumPy's letters


def write_npz(model, filepath):
    """Write the weights of ``model``, and the state of its optimizer."""
    npz_of(filepath, lambda take: state.save_state(model, Written(take)))


def npz_of(filepath, each):
    """Write the arrays that ``each(take)`` hands to ``take(path, array)``, one at a time."""
    with atomic.replacing(filepath) as file, zipfile.ZipFile(file, "w") as archive:

        def take(path, array):
            if array.dtype.name == "bfloat16":  # a type that NumPy's files have no word for
                array = array.astype("float32")
            with archive.open(f"{path}.npy", "w", force_zip64=True) as member:
                array = np.asarray(array, order="C")
                np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
                data = bytes_of(array)
                for start in range(0, len(data), _PIECE):
                    member.write(data[start : start + _PIECE])

        each(take)


def is_npz(archive):
    """Whether an ``Archive`` is of arrays alone."""
    return bool(archive.members) and all(name.endswith(".npy") for name in archive.members)


class Npz(Arrays):
    """Such a file opened for reading. ``plain``: the arrays are a list, as ``np.savez(file, *arrays)`` writes it."""

    def __init__(self, archive):
        super().__init__(archive.name)
        self._archive, self._offsets = archive, {}
        for member, info in archive.members.items():
            with archive.open(member) as file:
                head = archive.part(file, _LONGEST_HEADER, member)
            shape, dtype, offset = self._header(head, member)
            path = member.removesuffix(".npy")
            nbytes = self.sized(path, shape, dtype)
            if offset + nbytes != info.file_size:
                raise CorruptFileError(self.name, member, f"its shape {shape} does not fit its size.")
            self._offsets[path] = offset
            self.add(path, Entry(shape, dtype, nbytes))
        self.plain = set(self.entries) == {f"arr_{i}" for i in range(len(self.entries))}

    def _header(self, head, member):
        file = io.BytesIO(head)
        try:
            version = np.lib.format.read_magic(file)
            read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}[version[0]]
            shape, by_columns, dtype = read(file, max_header_size=_LONGEST_HEADER)
        except Exception as error:  # whatever NumPy makes of bytes that are no header
            why = f"it is no array in NumPy's form ({type(error).__name__}: {str(error)[:100]})."
            raise CorruptFileError(self.name, member, why) from None
        if dtype.hasobject or dtype.char not in _NUMBERS:
            raise UnsafeFileError(self.name, member, f"its values are of the type {dtype}, which no weight has.")
        if by_columns and len(shape) > 1:
            raise CorruptFileError(self.name, member, "its values lie by columns. Save them with np.ascontiguousarray.")
        if len(shape) > 32 or any(n < 0 for n in shape):
            raise CorruptFileError(self.name, member, f"no array has the shape {shape}.")
        return tuple(shape), dtype, file.tell()

    def verify(self, path):
        self.read(path)

    def read(self, path):
        shape, dtype, nbytes = self.entries[path]
        member, found = f"{path}.npy", room(shape, dtype)
        with self._archive.open(member) as file:
            self._archive.part(file, self._offsets[path], member)
            self.fill(found, lambda size: self._archive.part(file, size, member), member)
            self._archive.part(file, 1, member)  # the end, where its checksum is looked at
        return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))
