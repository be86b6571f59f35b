"""The arrays and attributes of an HDF5 file, bounded: all are looked at before any is read.

Only what lies in the file itself counts: groups and datasets behind hard links, each once. Links, external
storage, virtual datasets, unknown filters and types other than numbers are refused, unopened.
"""

import contextlib
import math
import os
import zlib
from typing import NamedTuple

import numpy as np

from kbridge.saving import hdf5_format as fmt
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.hdf5_chunks import chunks
from kbridge.saving.hdf5_format import SIGNATURE as SIGNATURE

MOST_OBJECTS = 1_000_000
DEEPEST = 150
HIGHEST_RATIO = 200  # between the size of all compressed arrays and that of the file, where they are larger than
RATIO_MATTERS = 64 << 20
MOST_CHUNKS = 200_000  # of one array
_IN_MEMORY = 1 << 20  # bytes of a file that is read as a whole
_PIECE = 1 << 17  # bytes of a chunk that are summed at once
_DEFLATE, _SHUFFLE, _FLETCHER, _LZF = 1, 2, 3, 32000


class Entry(NamedTuple):
    """What a file says of an array: its shape, the dtype that ``read`` gives, its size in bytes, and where it is."""

    shape: tuple
    dtype: np.dtype
    nbytes: int
    place: fmt.Place
    filters: tuple = ()
    extent: fmt.Extent | None = None


class Hdf5:
    """An HDF5 file opened for reading. ``entries``: path -> Entry; ``groups``: the paths of groups, "" first.

    ``file`` is a binary file object, closed at the end if it is ``owned``; ``name`` and ``place`` say in errors
    what it is.
    """

    def __init__(self, file, name, place="", owned=False):
        self.name, self.place = name, place
        self._owned = file if owned else None
        self.entries, self.groups, self._names, self._attributes = {}, {}, {}, {}
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(8) != SIGNATURE:
            raise CorruptFileError(name, place, "it is no HDF5 file: it does not begin like one.")
        self.size = size
        try:
            with self._errors("/"):
                self._image = fmt.Image(file, size, size <= _IN_MEMORY)
                self._look(fmt.root_address(self._image))
            self._weigh()
        except BaseException:
            self.close()
            raise

    def close(self):
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
        """What is found wrong while reading, as the two exceptions for that."""
        try:
            yield
        except fmt.Refused as error:
            raise self._unsafe(path, str(error)) from None
        except fmt.Damaged as error:
            raise self._corrupt(path, str(error)) from None

    # -- looking at everything, reading nothing

    def _look(self, root):
        seen = {root}
        waiting = [(root, "", 0)]
        while waiting:
            address, path, depth = waiting.pop()
            with self._errors(path or "/"):
                found = fmt.messages(self._image, address)
                inner = fmt.members(self._image, found)
            if inner is None:
                parent, _, name = path.rpartition("/")
                with self._errors(path):
                    self.entries[path] = self._entry(found, path)
                self._names.setdefault(parent, []).append(name)
                continue
            if depth > DEEPEST:
                raise self._unsafe(path, f"its groups are nested more than {DEEPEST} deep.")
            self.groups[path] = [name for name, _ in inner]
            self._attributes[path] = [m for m in found if m[0] in (fmt.ATTRIBUTE, fmt.ATTRIBUTE_INFO)]
            for name, header in reversed(inner):
                at = f"{path}/{name}" if path else name
                if not name or "/" in name or name in (".", ".."):
                    raise self._corrupt(path or "/", f"it has a member without a sound name ({name[:60]!r}).")
                if header is None:
                    raise self._unsafe(at, "it is a link to somewhere else, and only what lies in the file counts.")
                if header in seen:
                    raise self._unsafe(at, "it is linked from two places.")
                seen.add(header)
                if len(seen) > MOST_OBJECTS:
                    raise self._unsafe(at, f"the file has more than {MOST_OBJECTS:,} objects.")
                waiting.append((header, at, depth + 1))

    def _entry(self, found, path):
        parts = {kind: body for kind, body in found}
        if fmt.EXTERNAL in parts:
            raise self._unsafe(path, "its values lie in another file.")
        if fmt.DATATYPE not in parts or fmt.LAYOUT not in parts or fmt.DATASPACE not in parts:
            raise self._unsafe(path, "it is neither a group nor an array.")
        place = fmt.layout(parts[fmt.LAYOUT])
        if place.kind == "virtual":
            raise self._unsafe(path, "it is a virtual dataset, which takes its values from elsewhere.")
        kind = fmt.datatype(fmt.Cursor(parts[fmt.DATATYPE]))
        dtype = kind.dtype
        if kind.opaque:
            dtype = self._bfloat16(found, path, kind)
        elif dtype is None:
            raise self._unsafe(path, "its values are no numbers.")
        extent = fmt.dataspace(fmt.Cursor(parts[fmt.DATASPACE]))
        shape = extent and extent.shape
        if shape is None or (0 in shape and math.prod(dim for dim in shape if dim) > 1 << 48):
            raise self._corrupt(path, "it has no shape that an array can have.")
        nbytes = math.prod(shape) * kind.size
        entry = Entry(shape, dtype, nbytes, place, (), extent)
        if place.kind == "chunked":
            return self._chunked(entry, parts, path)
        if fmt.FILTERS in parts:
            raise self._corrupt(path, "it has filters, but no chunks.")
        stored = 0 if place.kind == "contiguous" and place.address == fmt.UNDEFINED else place.nbytes
        if nbytes != stored:
            raise self._corrupt(path, f"{nbytes:,} bytes are needed for its shape {shape}, and {stored:,} are there.")
        if place.kind == "contiguous" and nbytes and place.address + nbytes > self.size:
            raise self._corrupt(path, f"its shape {shape} needs more than there is in the file.")
        return entry

    def _chunked(self, entry, parts, path):
        """The entry of an array in chunks: their form is checked here, each of them when it is read."""
        shape, place = entry.shape, entry.place
        used = tuple(fmt.filters(parts[fmt.FILTERS])) if fmt.FILTERS in parts else ()
        unknown = [number for number, _ in used if number not in (_DEFLATE, _SHUFFLE, _FLETCHER, _LZF)]
        if unknown or len(used) > 8:
            why = f"it went through filters that are not read ({unknown}). Write it with compression='gzip', or with "
            raise self._unsafe(path, why + "none: h5repack -f NONE IN OUT")
        chunk = place.chunk[:-1]
        if len(chunk) != len(shape) or not shape or 0 in chunk or place.chunk[-1] * math.prod(shape) != entry.nbytes:
            raise self._corrupt(path, f"its chunks {place.chunk} do not fit its shape {shape}.")
        count = math.prod(-(-size // part) for size, part in zip(shape, chunk))
        if count > MOST_CHUNKS:
            raise self._unsafe(path, f"it has {count:,} chunks, where at most {MOST_CHUNKS:,} are read.")
        if entry.nbytes and place.address == fmt.UNDEFINED:
            raise self._corrupt(path, f"{entry.nbytes:,} bytes are needed for its shape {shape}, and 0 are there.")
        if math.prod(place.chunk) > max(RATIO_MATTERS, 2 * entry.nbytes):
            raise self._unsafe(path, f"its chunks {chunk} are far larger than itself.")
        return entry._replace(filters=used)

    def _bfloat16(self, found, path, kind):
        if kind.size == 2:
            told = dict(fmt.attribute(self._image, body) for number, body in found if number == fmt.ATTRIBUTE)
            if told.get("dtype") == "bfloat16":
                import ml_dtypes

                return np.dtype(ml_dtypes.bfloat16)
        raise self._unsafe(path, f"its values are of the type V{kind.size}, which no weight has.")

    def _weigh(self):
        """No array may claim more than the file can hold."""
        plain = sum(entry.nbytes for entry in self.entries.values() if not entry.filters)
        if plain > self.size:
            raise self._corrupt("/", f"its arrays are said to take {plain:,} bytes, more than the file has.")
        packed = sum(entry.nbytes for entry in self.entries.values() if entry.filters)
        if packed > max(RATIO_MATTERS, HIGHEST_RATIO * self.size):
            raise self._unsafe("/", f"{self.size:,} bytes would become {packed:,}: it is compressed too well.")

    # -- reading

    def keys(self, path):
        """The names of the arrays directly in the group ``path``."""
        return self._names.get(path, [])

    def attributes(self, path=""):
        """The attributes of a group, by name: texts, numbers, and lists of them."""
        found = {}
        with self._errors(path or "/"):
            for kind, body in self._attributes.get(path, ()):
                bodies = [body]
                if kind == fmt.ATTRIBUTE_INFO:
                    cursor = fmt.Cursor(body)
                    cursor.take(1)
                    cursor.take(2 if cursor.number(1) & 1 else 0)
                    heap, index = cursor.number(8), cursor.number(8)
                    bodies = []
                    if heap != fmt.UNDEFINED:
                        bodies = fmt.dense(self._image, heap, index, fmt.ATTRIBUTE_NAMES)
                found.update(fmt.attribute(self._image, body) for body in bodies)
        return found

    def verify(self, path):
        """Raise if the array at ``path`` would turn out to be damaged when it is read, as those in chunks may."""
        if self.entries[path].place.kind == "chunked":
            self.read(path)

    def read(self, path):
        """The array at ``path``."""
        entry = self.entries[path]
        found = room(entry.shape, entry.dtype)
        if entry.nbytes:
            with self._errors(path):
                if entry.place.kind == "chunked":
                    self._read_chunks(entry, found, path)
                elif entry.place.kind == "compact":
                    bytes_of(found)[:] = entry.place.data
                else:
                    self._image.into(entry.place.address, bytes_of(found))
        if found.dtype.kind == "b":
            return found.view(np.uint8) != 0
        return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))

    def _read_chunks(self, entry, target, path):
        place, parts = entry.place, entry.place.chunk[:-1]
        nbytes = math.prod(place.chunk)
        counts = [-(-size // part) for size, part in zip(entry.shape, parts)]
        positions, addresses = set(), set()
        for position, address, stored, skipped in chunks(self._image, place, entry.extent, bool(entry.filters)):
            if position in positions or any(p >= count for p, count in zip(position, counts)):
                raise fmt.Damaged("its chunks are not where they should be.")
            if address in addresses or stored > 2 * nbytes + 1024:
                raise fmt.Damaged("its chunks lie one in another.")
            positions.add(position)
            addresses.add(address)
            here = tuple(slice(p * part, min((p + 1) * part, n)) for p, part, n in zip(position, parts, entry.shape))
            inner = tuple(slice(0, s.stop - s.start) for s in here)
            if place.plain_edges and any(s.stop < part for s, part in zip(inner, parts)):
                skipped = -1
            data = self._unpacked(self._image.at(address, stored, stored), entry, skipped, nbytes)
            if len(data) != nbytes:
                raise fmt.Damaged(f"one of its chunks has {len(data):,} bytes in place of {nbytes:,}.")
            target[here] = np.frombuffer(data, entry.dtype).reshape(parts)[inner]
        if len(positions) != math.prod(counts):
            raise fmt.Damaged(f"{math.prod(counts) - len(positions)} of its chunks are missing.")

    @staticmethod
    def _unpacked(data, entry, skipped, nbytes):
        for i, (number, _) in reversed(list(enumerate(entry.filters))):
            if skipped >> i & 1:
                continue
            if number == _FLETCHER:
                if len(data) < 4 or _fletcher32(data[:-4]) != [int(n) % 65535 for n in np.frombuffer(data[-4:], "<u2")]:
                    raise fmt.Damaged("the checksum of one of its chunks is wrong.")
                data = data[:-4]
            elif number == _SHUFFLE:
                size = entry.dtype.itemsize
                if len(data) % size:
                    raise fmt.Damaged("one of its chunks is cut short.")
                data = np.frombuffer(data, np.uint8).reshape(size, -1).T.tobytes()
            elif number == _LZF:
                data = _lzf(data, nbytes + 5)
            else:
                unpacker = zlib.decompressobj()
                try:
                    data = unpacker.decompress(data, nbytes + 5)
                except zlib.error as error:
                    raise fmt.Damaged(f"one of its chunks cannot be decompressed ({error}).") from None
        return data


def room(shape, dtype):
    """An array to be filled, aligned as engines want it that use its memory as it is."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def bytes_of(array):
    """The memory of an array without gaps, as bytes."""
    return memoryview(array.reshape(-1).view(np.uint8))


def _lzf(data, most):
    """What a chunk was before h5py's own quick filter; where it becomes longer than ``most``, no more of it."""
    found, place, end = bytearray(), 0, len(data)
    while place < end and len(found) < most:
        head = data[place]
        place += 1
        if head < 32:  # so many bytes as they are, and one more
            found += data[place : place + head + 1]
            place += head + 1
            continue
        more = head >> 5 == 7
        if place + more >= end:
            raise fmt.Damaged("one of its chunks is cut short.")
        length = (head >> 5) + 2 + (data[place] if more else 0)
        start = len(found) - (((head & 31) << 8) + data[place + more] + 1)
        place += 1 + more
        if start < 0:
            raise fmt.Damaged("one of its chunks begins with what comes before it.")
        piece = found[start : start + length]
        found += piece if len(piece) == length else (piece * -(-length // len(piece)))[:length]
    return found


def _fletcher32(data):
    """The two sums of Fletcher's checksum of words of 16 bits, modulo 65535."""
    first = second = 0
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        words = np.frombuffer(piece + bytes(len(piece) % 2), ">u2").astype(np.uint64)
        sums = np.cumsum(words)
        second = (second + first * len(words) + int(sums.sum())) % 65535
        first = (first + int(sums[-1])) % 65535
    return [first, second]
