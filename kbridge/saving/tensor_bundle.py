"""Arrays in TensorFlow's checkpoints: ``NAME.index``, a sorted table that says where each is, and ``NAME.data-*``."""

import os

import numpy as np

from kbridge.saving import snappy
from kbridge.saving.crc32c import crc32c, masked, masked_crc32c
from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_json import text_of
from kbridge.saving.protobuf import Fields
from kbridge.saving.sources import Arrays, Entry, ordinary

LARGEST_INDEX = 64 << 20  # bytes
LARGEST_TEXT = 64 << 20
MOST_ENTRIES = 100_000
MOST_FILES = 10_000
_LARGEST_BLOCK = 8 << 20
_PIECE = 1 << 24

_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_STRING, _BFLOAT16 = 7, 14
_DTYPES = {1: "f4", 2: "f8", 3: "i4", 4: "u1", 5: "i2", 6: "i1", 9: "i8", 10: "?", 17: "u2", 19: "f2"}
_DTYPES |= {22: "u4", 23: "u8", 8: "c8", 18: "c16", _BFLOAT16: "u2"}


class Folder:
    """The files below a folder, by names that are fixed; a link that leads out of it is not followed."""

    def __init__(self, path, name=None):
        self.name = os.fspath(path) if name is None else name
        self.root = os.path.realpath(os.fspath(path))

    def has(self, place):
        return os.path.lexists(os.path.join(self.root, *place.split("/")))

    def open(self, place):
        """The file at ``place``, and its size."""
        path = os.path.realpath(os.path.join(self.root, *place.split("/")))
        if os.path.commonpath([path, self.root]) != self.root:
            raise UnsafeFileError(
                self.name, place, "it is a link that leads out of the folder. Copy the folder with what it links to."
            )
        try:
            file = ordinary(path, self.name, place)
        except FileNotFoundError:
            raise CorruptFileError(self.name, place, "this file is missing.") from None
        except OSError as error:
            raise CorruptFileError(self.name, place, f"it cannot be opened ({error.strerror}).") from None
        return file, os.fstat(file.fileno()).st_size

    def read(self, place, most):
        file, size = self.open(place)
        with file:
            if size > most:
                raise UnsafeFileError(self.name, place, f"it has {size:,} bytes, where at most {most:,} are read.")
            return text_of(file, most)


def is_index(path):
    """Whether an ordinary file is a table of this kind."""
    with open(path, "rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - len(_MAGIC), 0))
        return file.read(len(_MAGIC)) == _MAGIC


class Bundle(Arrays):
    """A checkpoint opened for reading: ``prefix`` is its place in a ``Folder``, without ".index"."""

    def __init__(self, folder, prefix):
        super().__init__(folder.name)
        self.folder, self.prefix, self.place = folder, prefix, f"{prefix}.index"
        self._fields = Fields(self.name, self.place)
        self._places, self._texts, self._sizes = {}, {}, {}
        self._verified = set()
        items = _Table(folder.read(self.place, LARGEST_INDEX), self.name, self.place).items()
        key, header = next(items, (None, b""))
        if key != b"":
            raise self._corrupt("its header is missing.")
        self._shards, self._order = self._header(header)
        for key, value in items:
            if len(self._places) + len(self._texts) >= MOST_ENTRIES:
                raise UnsafeFileError(self.name, self.place, f"it names more than {MOST_ENTRIES:,} arrays.")
            self._add(key, value)
        self._check_overlap()

    def _corrupt(self, why, key=None):
        return CorruptFileError(self.name, f"{self.place}: {key}" if key else self.place, why)

    def _where(self, path):
        return f"{self.prefix}: {path}"

    def _header(self, data):
        found = {number: self._fields.number(value) for number, value in self._fields.of(data) if number in (1, 2)}
        shards = found.get(1, 0)
        if not 0 < shards <= MOST_FILES:
            raise self._corrupt(f"it is said to be in {shards:,} files, where at most {MOST_FILES:,} are read.")
        return shards, ">" if found.get(2) else "<"

    def _add(self, key, value):
        path = key.decode("utf-8", "replace")
        fields, shape, told = self._fields, None, {}
        for number, item in fields.of(value):
            if number == 2:
                shape = self._shape(fields.bytes(item))
            elif number == 7:
                raise self._corrupt("it is kept in slices, as variables of several machines are.", path[:200])
            else:
                told[number] = fields.number(item)
        kind, shard, offset, size = (told.get(number, 0) for number in (1, 3, 4, 5))
        shape = shape or ()
        if shard >= self._shards:
            raise self._corrupt(f"it is said to be in file {shard}, of {self._shards}.", path[:200])
        total = self._size_of(shard)
        if size > total or offset > total - size:
            why = f"its {size:,} bytes at {offset:,} are not all in {self._shard(shard)}, which has {total:,}."
            raise self._corrupt(why, path[:200])
        if kind == _STRING:
            self._texts[path] = (shape, shard, offset, size, told.get(6))
            return
        if kind not in _DTYPES or len(shape) > 32:
            return  # no weight: left to whoever asks for it
        dtype = np.dtype(_DTYPES[kind])
        if self.sized(path, shape, dtype) != size:
            raise self._corrupt(f"its shape {shape} of {dtype} does not take {size:,} bytes.", path[:200])
        self._places[path] = (kind, shard, offset, size, told.get(6))
        known = np.dtype("f4") if kind == _BFLOAT16 else dtype
        self.add(path, Entry(shape, known, self.sized(path, shape, known)))

    def _shape(self, data):
        found = []
        for dim in self._fields.messages(data, 2):
            size = 0
            for number, value in self._fields.of(dim):
                size = self._fields.number(value) if number == 1 else size
            if size >= 1 << 48 or len(found) > 32:
                raise self._corrupt(f"no array has a dimension of {size:,}, or so many.")
            found.append(size)
        return tuple(found)

    def _shard(self, number):
        return f"{self.prefix}.data-{number:05d}-of-{self._shards:05d}"

    def _size_of(self, shard):
        if shard not in self._sizes:
            file, self._sizes[shard] = self.folder.open(self._shard(shard))
            file.close()
        return self._sizes[shard]

    def _check_overlap(self):
        taken = [(place[1:4], path) for path, place in (*self._places.items(), *self._texts.items()) if place[3]]
        last, end = 0, 0
        for (shard, offset, size), path in sorted(taken):
            if shard == last and offset < end:
                raise self._corrupt("its bytes are also those of another.", path[:200])
            last, end = shard, offset + size

    def _bytes(self, path, place):
        _, shard, offset, size, _ = place
        file, total = self.folder.open(self._shard(shard))
        with file:
            if size > total or offset > total - size:
                raise CorruptFileError(self.name, self._shard(shard), "it was changed while it was read.")
            data = np.empty(size, np.uint8)
            file.seek(offset)
            if file.readinto(data) != size:
                raise CorruptFileError(self.name, self._shard(shard), f"it ends within {path[:200]}.")
        return data

    def _check_sum(self, path, place, found):
        if found != place[4]:
            raise CorruptFileError(
                self.name, self._shard(place[1]), f"the bytes of {path[:200]} are damaged: their checksum is another."
            )

    def verify(self, path):
        self._sound(path)

    def _sound(self, path):
        """The bytes of an array, whose checksum is looked at once."""
        place = self._places[path]
        data = self._bytes(path, place)
        if place[4] is not None and path not in self._verified:
            self._check_sum(path, place, masked_crc32c(data))
            self._verified.add(path)
        return data

    def read(self, path):
        place, data = self._places[path], self._sound(path)
        shape, dtype, _ = self.entries[path]
        stored = np.dtype(_DTYPES[place[0]])
        data = data.view(stored.newbyteorder(self._order)).astype(stored, copy=False)
        if place[0] == _BFLOAT16:
            data = (data.astype("u4") << 16).view("f4")
        return data.reshape(shape).astype(dtype, copy=False)

    def text(self, path):
        """The bytes of a single text, or None where there is none of this name."""
        place = self._texts.get(path)
        if place is None:
            return None
        if place[0] or place[3] > LARGEST_TEXT:
            raise UnsafeFileError(self.name, self._where(path), f"it is no text of at most {LARGEST_TEXT:,} bytes.")
        data = self._bytes(path, place).tobytes()
        fields = Fields(self.name, self._where(path))
        length, at = fields.varint(data, 0)
        if at + 4 + length != len(data):
            raise CorruptFileError(self.name, self._where(path), "it does not have the length that it says.")
        crc = crc32c(length.to_bytes(4 if length < 1 << 32 else 8, "little"))
        if masked(crc) != int.from_bytes(data[at : at + 4], "little"):
            raise CorruptFileError(self.name, self._where(path), "its length is damaged: the checksum is another.")
        self._check_sum(path, place, masked_crc32c(data[at:], crc))
        return data[at + 4 :]


class _Table:
    """A table of sorted keys, as LevelDB makes them."""

    def __init__(self, data, name, place):
        self.data, self.name, self.place = data, name, place
        self._fields = Fields(name, place)
        self._left = LARGEST_INDEX  # bytes of blocks
        if len(data) < _FOOTER or data[-8:] != _MAGIC:
            raise self._corrupt("it is no table of a checkpoint: its end is missing.")

    def _corrupt(self, why):
        return CorruptFileError(self.name, self.place, why)

    def _handle(self, data, at=0):
        offset, at = self._fields.varint(data, at)
        size, at = self._fields.varint(data, at)
        return (offset, size), at

    def items(self):
        """Pairs (key, value), in order."""
        footer = self.data[-_FOOTER:-8]
        _, at = self._handle(footer)
        index, _ = self._handle(footer, at)
        last = None
        for _, value in self._entries(self._block(*index)):
            for key, inner in self._entries(self._block(*self._handle(value)[0])):
                if last is not None and key <= last:
                    raise self._corrupt("its keys are not in order.")
                last = key
                yield key, inner

    def _block(self, offset, size):
        end = offset + size
        if end + 5 > len(self.data) - _FOOTER:
            raise self._corrupt(f"a block of {size:,} bytes at {offset:,} is not in it.")
        block, kind = self.data[offset:end], self.data[end]
        if masked_crc32c(self.data[offset : end + 1]) != int.from_bytes(self.data[end + 1 : end + 5], "little"):
            raise self._corrupt(f"the block at {offset:,} is damaged: its checksum is another.")
        if kind == 1:
            try:
                block = snappy.unpacked(block, _LARGEST_BLOCK)
            except snappy.SnappyError as error:
                raise self._corrupt(f"the block at {offset:,} cannot be unpacked: {error}.") from None
        elif kind:
            raise self._corrupt(f"the block at {offset:,} is packed in the unknown way {kind}.")
        self._left -= max(size, len(block), 1 << 9)
        if self._left < 0:
            raise UnsafeFileError(self.name, self.place, f"its blocks have more than {LARGEST_INDEX:,} bytes.")
        return block

    def _entries(self, block):
        restarts = int.from_bytes(block[-4:], "little")
        end = len(block) - 4 - 4 * restarts
        if len(block) < 4 or end < 0:
            raise self._corrupt("a block has no end.")
        key, at = b"", 0
        varint = self._fields.varint
        while at < end:
            shared, at = varint(block, at)
            fresh, at = varint(block, at)
            size, at = varint(block, at)
            if shared > len(key) or fresh + size > end - at or shared + fresh > 1 << 16:
                raise self._corrupt("an entry of a block is not all in it.")
            key = key[:shared] + block[at : at + fresh]
            yield key, block[at + fresh : at + fresh + size]
            at += fresh + size
