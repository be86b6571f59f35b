"""Weights in ``.safetensors`` files: a header of JSON, and the arrays one behind the other."""

import json
import os

import numpy as np

from kbridge.saving import atomic, state
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_hdf5 import bytes_of, room
from kbridge.saving.parse_json import LARGEST, parse_json
from kbridge.saving.sources import Arrays, Entry, Written

_DTYPES = {
    **{"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1"},
    **{"U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?"},
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}


def write_safetensors(model, filepath):
    """Write the weights of ``model``, and the state of its optimizer."""
    safetensors_of(filepath, lambda take: state.save_state(model, Written(take)))


def safetensors_of(filepath, each):
    """Write the arrays that ``each(take)`` hands to ``take(path, array)``, one at a time; it is called twice."""
    header, place = {"__metadata__": {"format": "kbridge"}}, 0
    each(lambda path, array: header.setdefault(path, _described(path, array)))
    for entry in list(header.values())[1:]:
        start, place = place, place + entry.pop("nbytes")
        entry["data_offsets"] = [start, place]
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with atomic.replacing(filepath) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        each(lambda path, array: file.write(bytes_of(np.ascontiguousarray(array))))


def _described(path, array):
    if array.dtype.name == "bfloat16":
        name = "BF16"
    elif array.dtype in _NAMES:
        name = _NAMES[array.dtype]
    else:
        raise ValueError(f"save_weights: {path} is of dtype {array.dtype}, which .safetensors files have no word for.")
    return {"dtype": name, "shape": list(array.shape), "nbytes": array.nbytes}


def is_safetensors(head):
    """Whether a file that begins with these 9 bytes may be one."""
    return len(head) == 9 and head[8:] == b"{" and 0 < int.from_bytes(head[:8], "little") < 1 << 40


class SafeTensors(Arrays):
    """Such a file opened for reading. With ``mmap`` arrays are the file's own memory, copied where they are changed."""

    def __init__(self, file, name, mmap=False):
        super().__init__(name)
        self._file, self._mapped = file, None
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise CorruptFileError(name, "", "its header is said to be longer than the file.")
        if length > LARGEST:
            raise UnsafeFileError(name, "", f"its header has {length:,} bytes, where at most {LARGEST:,} are read.")
        header = parse_json(file.read(length), name, "header")
        if not isinstance(header, dict):
            raise CorruptFileError(name, "header", "it is no object.")
        header.pop("__metadata__", None)
        self._start, self._places = 8 + length, {}
        for path, described in header.items():
            self._add(path, described)
        end = 0
        for path, place in sorted(self._places.items(), key=lambda item: (item[1], self.entries[item[0]].nbytes)):
            if place != end:
                raise CorruptFileError(name, path, "its values overlap those of another, or leave a hole.")
            end += self.entries[path].nbytes
        if self._start + end != size:
            raise CorruptFileError(name, "", f"its arrays take {end:,} bytes, and {size - self._start:,} are there.")
        if mmap:
            self._mapped = np.memmap(file, np.uint8, mode="c")

    def _add(self, path, described):
        described = described if isinstance(described, dict) else {}
        shape, offsets = described.get("shape"), described.get("data_offsets")
        dtype = described.get("dtype")
        sound = _counts(shape) and _counts(offsets) and len(offsets) == 2 and len(shape) <= 32
        if not sound or not isinstance(dtype, str) or (dtype not in _DTYPES and dtype != "BF16"):
            raise CorruptFileError(self.name, path[:200], f"it is not described as an array: {str(described)[:200]}.")
        if dtype == "BF16":
            import ml_dtypes

            dtype = np.dtype(ml_dtypes.bfloat16)
        else:
            dtype = np.dtype(_DTYPES[dtype])
        nbytes = self.sized(path, shape, dtype)
        if offsets[1] - offsets[0] != nbytes:
            raise CorruptFileError(self.name, path, f"its shape {shape} takes {nbytes:,} bytes, and others are told.")
        self._places[path] = offsets[0]
        self.add(path, Entry(tuple(shape), dtype, nbytes))

    def read(self, path):
        shape, dtype, nbytes = self.entries[path]
        place = self._start + self._places[path]
        if self._mapped is not None:
            return self._mapped[place : place + nbytes].view(dtype).reshape(shape)
        self._file.seek(place)
        found = room(shape, dtype)
        self.fill(found, self._file.read, path)
        return found


def _counts(value):
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 48 for n in value)
