"""The pieces that HDF5 files are made of, read in Python: nothing of a file reaches a C library.

Each reader takes an ``Image`` (the bytes of a file, behind bounds) and an address in it, and raises ``Damaged``
where what is there is not what the format says, ``Refused`` where it is but may not be. Understood is what HDF5's
own library writes unless told otherwise, and what it writes with ``libver="latest"``: link messages, fractal heaps,
newer trees, all of which end with a checksum. ``hdf5_chunks.py`` holds the indexes of chunks.
"""

import bisect
import struct
from typing import NamedTuple

import numpy as np

UNDEFINED = 0xFFFFFFFFFFFFFFFF
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST_PIECE = 64 << 20  # bytes of structure read at once
_LARGEST_SEALED = 4 << 20  # the same, where a checksum is to be computed
_MOST_NODES = 200_000  # of one tree, of one header

DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT = 1, 2, 3, 6, 7, 8
FILTERS, ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 11, 12, 16, 17, 21

GROUP_TREE, CHUNK_TREE = 0, 1
LINK_NAMES, ATTRIBUTE_NAMES = 5, 8  # kinds of newer trees: what their records are of
_HUGE = 1


class Damaged(Exception):  # noqa: N818 (it never leaves the package)
    """The bytes are not what the format says."""


class Refused(Exception):  # noqa: N818
    """The bytes say something that no file of weights may."""


class Image:
    """The bytes of a file; ``size`` of them."""

    def __init__(self, file, size, in_memory):
        self.size = size
        self._file = file
        self._bytes = None
        if in_memory:
            file.seek(0)
            self._bytes = file.read(size)

    def at(self, address, length, most=_LARGEST_PIECE):
        """``length`` bytes from ``address`` on, ``most`` at most."""
        if address + length > self.size:
            raise Damaged(f"it points beyond the end of the file, to {address:,}.")
        if length > most:
            raise Refused(f"{length:,} bytes describe it, where at most {most:,} are read.")
        if self._bytes is not None:
            return self._bytes[address : address + length]
        self._file.seek(address)
        found = self._file.read(length)
        if len(found) != length:
            raise Damaged(f"the file ends before {address + length:,}.")
        return found

    def into(self, address, target):
        """Fill ``target``, a writable memoryview of bytes."""
        if address + len(target) > self.size:
            raise Damaged(f"it points beyond the end of the file, to {address:,}.")
        if self._bytes is not None:
            target[:] = self._bytes[address : address + len(target)]
            return
        self._file.seek(address)
        done = 0
        while done < len(target):
            piece = self._file.readinto(target[done:]) if hasattr(self._file, "readinto") else None
            if piece is None:
                data = self._file.read(len(target) - done)
                target[done : done + len(data)] = data
                piece = len(data)
            if not piece:
                raise Damaged("the file ends too early.")
            done += piece


class Cursor:
    """Reads numbers from bytes, one behind the other."""

    __slots__ = ("data", "place")

    def __init__(self, data, place=0):
        self.data, self.place = data, place

    def take(self, length):
        end = self.place + length
        if length < 0 or end > len(self.data):
            raise Damaged("a part of it is cut short.")
        found, self.place = self.data[self.place : end], end
        return found

    def number(self, width):
        return int.from_bytes(self.take(width), "little")

    def expect(self, signature, what):
        if self.take(len(signature)) != signature:
            raise Damaged(f"{what} is not where it should be.")

    def pad(self, start, to=8):
        """Go on at the next multiple of ``to`` bytes behind ``start``."""
        self.place = start + -(-(self.place - start) // to) * to

    def text(self, length):
        return as_text(self.take(length).split(b"\0", 1)[0])


def as_text(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged("a name in it is no UTF-8.") from None


# -- checksums


def sealed(image, address, signature, length):
    """A Cursor in the ``length`` bytes of what begins with ``signature``, behind that; they end with a checksum."""
    data = image.at(address, length, _LARGEST_SEALED)
    cursor = Cursor(data[:-4])
    cursor.expect(signature, "a part of its description")
    if checksum(cursor.data) != int.from_bytes(data[-4:], "little"):
        raise Damaged("the checksum of a part of its description is wrong.")
    return cursor


def checksum(data):
    """Jenkins's hash of some bytes, "lookup3", by which HDF5 sees that they are whole."""
    a = b = c = 0xDEADBEEF + len(data) & 0xFFFFFFFF
    if not data:
        return c
    words = list(struct.iter_unpack("<III", data + bytes(-len(data) % 12)))
    mask = 0xFFFFFFFF
    for x, y, z in words[:-1]:
        b, c = b + y, c + z & mask
        a = (a + x - c & mask) ^ (c << 4 & mask | c >> 28)
        c += b
        b = (b - a & mask) ^ (a << 6 & mask | a >> 26)
        a += c
        c = (c - b & mask) ^ (b << 8 & mask | b >> 24)
        b = b + a & mask
        a = (a - c & mask) ^ (c << 16 & mask | c >> 16)
        c += b
        b = (b - a & mask) ^ (a << 19 & mask | a >> 13)
        a = a + c & mask
        c = (c - b & mask) ^ (b << 4 & mask | b >> 28)
        b = b + a & mask
    x, y, z = words[-1]
    a, b, c = a + x & mask, b + y & mask, c + z & mask
    c = (c ^ b) - (b << 14 & mask | b >> 18) & mask
    a = (a ^ c) - (c << 11 & mask | c >> 21) & mask
    b = (b ^ a) - (a << 25 & mask | a >> 7) & mask
    c = (c ^ b) - (b << 16 & mask | b >> 16) & mask
    a = (a ^ c) - (c << 4 & mask | c >> 28) & mask
    b = (b ^ a) - (a << 14 & mask | a >> 18) & mask
    return (c ^ b) - (b << 24 & mask | b >> 8) & mask


# -- the beginning, and the headers of objects


def root_address(image):
    """The address of the header of the root group."""
    cursor = Cursor(image.at(0, min(96, image.size)))
    cursor.expect(SIGNATURE, "its signature")
    version = cursor.number(1)
    if version in (0, 1):
        cursor.take(4)
        sizes = cursor.take(2)
        cursor.take(9 if version == 0 else 13)
        base, _, end, _ = (cursor.number(8) for _ in range(4))
        cursor.number(8)
    elif version in (2, 3):
        cursor = sealed(image, 0, SIGNATURE, 48)
        cursor.take(1)
        sizes = cursor.take(2)
        cursor.take(1)
        base, _, end = (cursor.number(8) for _ in range(3))
    else:
        raise Damaged(f"its version is {version}, which there is not.")
    if sizes != b"\x08\x08" or base:
        raise Damaged("its addresses are not of the usual form.")
    if end > image.size:
        raise Damaged(f"it should have {end:,} bytes, and has {image.size:,}: it is cut off.")
    return cursor.number(8)


def messages(image, address):
    """The messages in the header at ``address``: pairs (kind, bytes)."""
    head = image.at(address, min(16, max(0, image.size - address)))
    if head[:4] == b"OHDR":
        return _messages_2(image, address)
    if len(head) < 16 or head[0] != 1:
        raise Damaged("the header of an object is not where it should be.")
    found, waiting, seen = [], [(address + 16, int.from_bytes(head[8:12], "little"))], set()
    while waiting:
        start, length = waiting.pop(0)
        if start in seen or len(found) > _MOST_NODES:
            raise Damaged("a header goes on in itself.")
        seen.add(start)
        data = image.at(start, length)
        place = 0
        while place + 8 <= length:
            kind, size, flags = struct.unpack_from("<HHB", data, place)
            place += 8
            body = data[place : place + size]
            if len(body) != size:
                raise Damaged("a header is cut short.")
            place += size
            _take_message(kind, flags, body, found, waiting)
    return found


def _messages_2(image, address):
    cursor = Cursor(image.at(address, min(64, image.size - address)))
    cursor.expect(b"OHDR", "a header")
    if cursor.number(1) != 2:
        raise Damaged("the version of a header is not 2.")
    flags = cursor.number(1)
    cursor.take((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
    length = cursor.number(1 << (flags & 3))
    found, waiting, seen = [], [(address, cursor.place + length + 4)], set()
    width = 6 if flags & 4 else 4
    while waiting:
        start, length = waiting.pop(0)
        if start in seen or len(found) > _MOST_NODES or length < 8:
            raise Damaged("a header goes on in itself.")
        data = sealed(image, start, b"OCHK" if seen else b"OHDR", length).data[4 if seen else cursor.place :]
        seen.add(start)
        length = len(data)
        place = 0
        while place + width <= length:
            kind, size, own = struct.unpack_from("<BHB", data, place)
            place += width
            body = data[place : place + size]
            if len(body) != size:
                raise Damaged("a header is cut short.")
            place += size
            _take_message(kind, own, body, found, waiting)
    return found


def _take_message(kind, flags, body, found, waiting):
    if flags & 2 and kind in (DATASPACE, DATATYPE, LAYOUT, FILTERS, ATTRIBUTE):
        raise Refused("a part of its description is shared with other objects, which Keras never does.")
    if kind == CONTINUATION:
        cursor = Cursor(body)
        waiting.append((cursor.number(8), cursor.number(8)))
    elif kind:
        found.append((kind, body))


# -- groups: their members, as (name, address), the address being None for a link to elsewhere


def members(image, found):
    """The members of the group with the messages ``found``; None where it is no group."""
    is_group, result = False, []
    for kind, body in found:
        if kind == SYMBOL_TABLE:
            is_group = True
            cursor = Cursor(body)
            result += _symbol_table(image, cursor.number(8), cursor.number(8))
        elif kind == LINK_INFO:
            is_group = True
            cursor = Cursor(body)
            cursor.take(1)
            cursor.take(8 if cursor.number(1) & 1 else 0)
            heap, index = cursor.number(8), cursor.number(8)
            if heap != UNDEFINED:
                result += [_link(body) for body in dense(image, heap, index, LINK_NAMES)]
        elif kind == LINK:
            is_group = True
            result.append(_link(body))
    return result if is_group else None


def _symbol_table(image, tree, heap):
    cursor = Cursor(image.at(heap, 32))
    cursor.expect(b"HEAP", "the names of a group")
    cursor.take(4)
    size, _, address = cursor.number(8), cursor.number(8), cursor.number(8)
    names = image.at(address, size)
    found = []
    for _, node in tree_leaves(image, tree, GROUP_TREE, 8):
        head = Cursor(image.at(node, 8))
        head.expect(b"SNOD", "the members of a group")
        head.take(2)
        entries = image.at(node + 8, 40 * head.number(2))
        for place in range(0, len(entries), 40):
            offset, header, cache = struct.unpack_from("<QQI", entries, place)
            end = names.find(b"\0", offset) if offset < size else -1
            if end < 0:
                raise Damaged("the name of a member is missing.")
            found.append((as_text(names[offset:end]), None if cache == 2 else header))
    return found


def tree_leaves(image, address, kind, key_size):
    """What the leaves of the tree at ``address`` point at: pairs (key, address)."""
    found, seen, waiting = [], set(), [(address, None)]
    while waiting:
        node, expected = waiting.pop()
        if node in seen or len(seen) > _MOST_NODES:
            raise Damaged("a tree in it is linked in a circle.")
        seen.add(node)
        cursor = Cursor(image.at(node, 24))
        cursor.expect(b"TREE", "a tree")
        if cursor.number(1) != kind:
            raise Damaged("a tree in it is of another kind.")
        level, used = cursor.number(1), cursor.number(2)
        if expected is not None and level != expected:
            raise Damaged("the levels of a tree in it are out of order.")
        data = image.at(node + 24, used * (key_size + 8))
        here = []
        for place in range(0, len(data), key_size + 8):
            (child,) = struct.unpack_from("<Q", data, place + key_size)
            here.append((data[place : place + key_size], child))
        if level == 0:
            found += here
            if len(found) > 8 * _MOST_NODES:
                raise Refused("a tree in it has too many leaves.")
        else:
            waiting += [(child, level - 1) for _, child in reversed(here)]
    return found


def _link(body):
    cursor = Cursor(body)
    cursor.take(1)
    flags = cursor.number(1)
    kind = cursor.number(1) if flags & 8 else 0
    cursor.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = as_text(cursor.take(cursor.number(1 << (flags & 3))))
    return name, cursor.number(8) if kind == 0 else None


# -- many links or attributes: messages in a heap, found by a tree


def dense(image, heap, index, kind):
    """The messages in the fractal heap at ``heap``, which the tree at ``index``, of this kind, lists."""
    heap = _Heap(image, heap)
    start, rest = (4, 0) if kind == LINK_NAMES else (0, 9)
    size = start + heap.id_length + rest
    return [heap.message(record[start : size - rest]) for record in records(image, index, kind, size)]


def records(image, address, kind, size):
    """The records, of ``size`` bytes each, in the newer tree of this kind at ``address``."""
    cursor = sealed(image, address, b"BTHD", 38)
    if cursor.take(2) != bytes([0, kind]):
        raise Damaged("a tree in it is of another kind.")
    node_size, told, depth = cursor.number(4), cursor.number(2), cursor.number(2)
    cursor.take(2)
    root, count = cursor.number(8), cursor.number(2)
    if told != size or not size + 10 <= node_size <= 1 << 20 or depth > 8:
        raise Damaged("a tree in it has no sound measures.")
    # how many records a node of each depth has at most, with those below it: so wide are the numbers that tell
    most = below = (node_size - 10) // size
    count_width, widths = _width(most), [0]
    for _ in range(depth):
        pointer = 8 + count_width + widths[-1]
        most = max(1, (node_size - 10 - pointer) // (size + pointer))
        below = (most + 1) * below + most
        widths.append(_width(below))
    found, seen, waiting = [], set(), [(root, count, depth)]
    while waiting:
        node, count, level = waiting.pop()
        if count == 0 and level == 0:
            continue
        if node in seen or len(seen) > _MOST_NODES:
            raise Damaged("a tree in it is linked in a circle.")
        seen.add(node)
        width = widths[level - 1] if level else 0
        length = 10 + count * size + (count + 1 if level else 0) * (8 + count_width + width)
        if length > node_size:
            raise Damaged("a part of a tree in it is larger than there is room for.")
        cursor = sealed(image, node, b"BTIN" if level else b"BTLF", length)
        if cursor.take(2) != bytes([0, kind]):
            raise Damaged("a tree in it is of another kind.")
        found += [cursor.take(size) for _ in range(count)]
        for _ in range(count + 1 if level else 0):
            child, inner = cursor.number(8), cursor.number(count_width)
            cursor.take(width)
            waiting.append((child, inner, level - 1))
        if len(found) > _MOST_NODES:
            raise Refused("a tree in it has too many records.")
    return found


def _width(most):
    """The number of bytes that numbers up to ``most`` take."""
    return max(1, (max(1, most).bit_length() - 1) // 8 + 1)


class _Heap:
    """A fractal heap: blocks that double in size from row to row."""

    def __init__(self, image, address):
        cursor = sealed(image, address, b"FRHP", 146)
        cursor.take(1)
        self.id_length, filters = cursor.number(2), cursor.number(2)
        self.summed = cursor.number(1) & 2  # whether its blocks have checksums, too
        largest = cursor.number(4)
        cursor.take(8)
        self.huge = cursor.number(8)
        cursor.take(10 * 8)
        self.width, self.first, self.largest = cursor.number(2), cursor.number(8), cursor.number(8)
        bits = cursor.number(2)
        cursor.take(2)
        self.root, self.rows = cursor.number(8), cursor.number(2)
        if filters:
            raise Refused("its description is compressed, which Keras never does.")
        sound = 0 < self.width <= 1024 and 0 < self.first <= self.largest <= _LARGEST_SEALED
        if not sound or self.rows > 64 or bits > 64 or not self.id_length:
            raise Damaged("a heap in it has no sound measures.")
        self.image, self.address = image, address
        self.offset_width = -(-bits // 8)
        self.length_width = min(-(-(self.largest.bit_length() - 1) // 8), _width(largest))
        self.direct_rows = (self.largest // self.first).bit_length() + 1
        self._blocks, self._read = None, {}

    def message(self, place):
        cursor = Cursor(place)
        kind = cursor.number(1) >> 4 & 3
        if kind:
            return self._outside(kind, cursor.number(min(8, self.id_length - 1)))
        offset, length = cursor.number(self.offset_width), cursor.number(self.length_width)
        if self._blocks is None:
            self._blocks = []
            self._collect(self.root, 0, self.rows, 0) if self.rows else self._blocks.append((0, self.root, self.first))
        which = bisect.bisect_right(self._blocks, offset, key=lambda block: block[0]) - 1
        if which >= 0:
            start, address, size = self._blocks[which]
            if offset - start + length <= size:
                return self._block(start, address, size)[offset - start : offset - start + length]
        raise Damaged("a heap in it does not hold what it should.")

    def _block(self, start, address, size):
        """A block that holds messages, read once."""
        if address not in self._read:
            data = self.image.at(address, size, _LARGEST_SEALED)
            cursor = Cursor(data)
            self._begin(cursor, b"FHDB", start)
            end = cursor.place + 4
            if self.summed and checksum(data[: end - 4] + bytes(4) + data[end:]) != cursor.number(4):
                raise Damaged("the checksum of a part of a heap is wrong.")
            self._read[address] = data
        return self._read[address]

    def _begin(self, cursor, signature, start):
        cursor.expect(signature, "a part of a heap")
        cursor.take(1)
        if cursor.number(8) != self.address or cursor.number(self.offset_width) != start:
            raise Damaged("a part of a heap is of another heap.")

    def _outside(self, kind, number):
        """A message too large for the blocks: a tree tells where it is."""
        if kind != 1 or self.huge == UNDEFINED:
            raise Refused("a part of its description is kept in a form that is not read.")
        for record in records(self.image, self.huge, _HUGE, 24):
            cursor = Cursor(record)
            address, length = cursor.number(8), cursor.number(8)
            if cursor.number(8) == number:
                return self.image.at(address, length)
        raise Damaged("a heap in it does not hold what it should.")

    def _collect(self, address, start, rows, depth):
        """List the blocks below a block of blocks, in the order of what they hold."""
        if depth > 16 or len(self._blocks) > _MOST_NODES:
            raise Damaged("a heap in it is linked in a circle.")
        cursor = sealed(self.image, address, b"FHIB", 17 + self.offset_width + rows * self.width * 8)
        cursor.place = 0
        self._begin(cursor, b"FHIB", start)
        for row in range(rows):
            size = self.first << max(0, row - 1)
            for _ in range(self.width):
                child = cursor.number(8)
                if child != UNDEFINED and row < self.direct_rows:
                    self._blocks.append((start, child, size))
                elif child != UNDEFINED:
                    inner = (size // (self.first * self.width)).bit_length()
                    self._collect(child, start, inner, depth + 1)
                start += size


# -- types, shapes, places


class Type(NamedTuple):
    """``dtype`` for numbers; ``text`` and ``size`` for texts (of varying length: "vlen"); ``opaque``; else none."""

    size: int
    dtype: object = None
    text: str | None = None
    opaque: bool = False


_FLOATS = {(2, 10, 5, 0, 10, 15): "f2", (4, 23, 8, 0, 23, 127): "f4", (8, 52, 11, 0, 52, 1023): "f8"}


def datatype(cursor):
    """The ``Type`` that a datatype message describes."""
    head, bits, size = cursor.number(1), cursor.number(3), cursor.number(4)
    kind = head & 15
    if kind in (0, 1):
        offset, precision = cursor.number(2), cursor.number(2)
        order = ">" if bits & 1 else "<"
        if kind == 0:
            sound = size in (1, 2, 4, 8) and offset == 0 and precision == 8 * size
            return Type(size, np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}") if sound else None)
        found = _FLOATS.get((size, *(cursor.number(1) for _ in range(4)), cursor.number(4)))
        sound = found and offset == 0 and precision == 8 * size and not bits & 0x40
        return Type(size, np.dtype(order + found) if sound else None)
    if kind == 3:
        return Type(size, text="fixed")
    if kind == 5:
        return Type(size, opaque=True)
    if kind == 8:
        inner = datatype(cursor)
        names = []
        for _ in range(min(bits & 0xFFFF, 3)):
            end = cursor.data.find(b"\0", cursor.place)
            if end < 0:
                raise Damaged("the names of an enumeration are missing.")
            start, text = cursor.place, cursor.take(end - cursor.place + 1)
            names.append(bytes(text[:-1]))
            if head >> 4 < 3:
                cursor.pad(start)
        boolean = names == [b"FALSE", b"TRUE"] and inner.size == 1 and inner.dtype is not None
        return Type(size, np.dtype(bool)) if boolean else inner
    if kind == 9:
        return Type(size, text="vlen" if bits & 15 == 1 and size == 16 else None)
    return Type(size)


class Extent(NamedTuple):
    """The shape of an array, and how long each axis may become (None: without end)."""

    shape: tuple
    limits: tuple


def dataspace(cursor):
    """An ``Extent``, or None for "no values"."""
    version, rank, flags = cursor.number(1), cursor.number(1), cursor.number(1)
    if version == 1:
        cursor.take(5)
    elif version != 2:
        raise Damaged(f"a shape in it is of version {version}, which there is not.")
    elif cursor.number(1) == 2:
        return None
    if rank > 32:
        raise Damaged(f"it has {rank} dimensions.")
    shape = tuple(cursor.number(8) for _ in range(rank))
    limits = tuple(cursor.number(8) for _ in range(rank)) if flags & 1 else shape
    if any(size > limit for size, limit in zip(shape, limits)):
        raise Damaged(f"its shape {shape} is larger than it may become.")
    return Extent(shape, tuple(None if limit == UNDEFINED else limit for limit in limits))


class Place(NamedTuple):
    """Where the values of a dataset are: ``data`` itself, or at ``address``; for chunks an index of them is there."""

    kind: str  # "compact", "contiguous", "chunked", "virtual"
    address: int = UNDEFINED
    nbytes: int = 0
    data: bytes = b""
    chunk: tuple = ()  # how large a chunk is, by axes, and behind that the size of a value
    index: int = 0  # which kind of index; 0 is the old tree
    version: int = 3
    plain_edges: bool = False  # whether filters are left out at chunks that the array does not fill
    told: tuple | None = None  # of a single chunk: its bytes in the file, and which filters it left out


_PLACES = ("compact", "contiguous", "chunked", "virtual")


def layout(body):
    cursor = Cursor(body)
    version = cursor.number(1)
    if version in (1, 2):
        rank = cursor.number(1)
        kind = _place(cursor.number(1))
        cursor.take(5)
        address = UNDEFINED if kind == "compact" else cursor.number(8)
        dims = tuple(cursor.number(4) for _ in range(rank))
        if kind == "compact":
            data = cursor.take(cursor.number(4))
            return Place(kind, nbytes=len(data), data=data)
        nbytes = 1
        for dim in dims:
            nbytes *= dim
        return Place(kind, address, nbytes, chunk=dims)
    if version not in (3, 4, 5):
        raise Damaged(f"its layout is of version {version}, which there is not.")
    kind = _place(cursor.number(1))
    if kind == "compact":
        data = cursor.take(cursor.number(2))
        return Place(kind, nbytes=len(data), data=data)
    if kind == "contiguous":
        return Place(kind, cursor.number(8), cursor.number(8))
    if kind == "chunked" and version > 3:
        return _new_chunks(cursor, version)
    if kind == "chunked":
        rank = cursor.number(1)
        address = cursor.number(8)
        return Place(kind, address, chunk=tuple(cursor.number(4) for _ in range(rank)))
    return Place(kind)


def _new_chunks(cursor, version):
    flags, rank, width = cursor.number(1), cursor.number(1), cursor.number(1)
    if not 0 < width <= 8:
        raise Damaged("its chunks have no sound measures.")
    chunk = tuple(cursor.number(width) for _ in range(rank))
    index = cursor.number(1)
    if not 0 < index < len(_TOLD_OF_INDEX):
        raise Damaged(f"its chunks have an index of the kind {index}, which there is not.")
    told = (cursor.number(8), cursor.number(4)) if index == 1 and flags & 2 else None
    cursor.take(_TOLD_OF_INDEX[index])  # which the index itself tells, too
    return Place("chunked", cursor.number(8), 0, b"", chunk, index, version, bool(flags & 1), told)


_TOLD_OF_INDEX = (0, 0, 0, 1, 5, 6)  # bytes


def _place(kind):
    if kind >= len(_PLACES):
        raise Damaged(f"its layout is of the kind {kind}, which there is not.")
    return _PLACES[kind]


def filters(body):
    """The filters that chunks went through: pairs (number, its values)."""
    cursor = Cursor(body)
    version, count = cursor.number(1), cursor.number(1)
    if version not in (1, 2):
        raise Damaged(f"its filters are of version {version}, which there is not.")
    if version == 1:
        cursor.take(6)
    found = []
    for _ in range(count):
        number = cursor.number(2)
        name = cursor.number(2) if version == 1 or number >= 256 else 0
        cursor.take(2)
        values = cursor.number(2)
        cursor.take(-(-name // 8) * 8 if version == 1 else name)
        found.append((number, [cursor.number(4) for _ in range(values)]))
        if version == 1 and values % 2:
            cursor.take(4)
    return found


# -- attributes


def attribute(image, body):
    """(name, value) of an attribute: a text, a number, or a list of them; None for what is neither."""
    cursor = Cursor(body)
    version, flags = cursor.number(1), cursor.number(1)
    if version not in (1, 2, 3):
        raise Damaged(f"an attribute is of version {version}, which there is not.")
    sizes = [cursor.number(2) for _ in range(3)]
    if version == 3:
        cursor.take(1)
    parts = []
    for size in sizes:
        parts.append(cursor.take(size))
        if version == 1:
            cursor.take(-size % 8)
    name = as_text(parts[0].split(b"\0", 1)[0])
    if version > 1 and flags & 3:
        return name, None
    kind, extent = datatype(Cursor(parts[1])), dataspace(Cursor(parts[2]))
    if extent is None or len(extent.shape) > 1:
        return name, None
    shape = extent.shape
    count = shape[0] if shape else 1
    if kind.dtype is not None:
        values = np.frombuffer(cursor.take(count * kind.size), kind.dtype).tolist()
    elif kind.text == "fixed":
        values = [as_text(cursor.take(kind.size).rstrip(b"\0")) for _ in range(count)] if kind.size else [""] * count
    elif kind.text == "vlen":
        values = [_text_in_heap(image, cursor.take(16)) for _ in range(count)]
    else:
        return name, None
    return name, values if shape else values[0]


def _text_in_heap(image, place):
    length, address, index = struct.unpack("<IQI", place)
    if not length:
        return ""
    cursor = Cursor(image.at(address, 16))
    cursor.expect(b"GCOL", "a heap of texts")
    cursor.take(4)
    data = image.at(address, cursor.number(8))
    at = 16
    while at + 16 <= len(data):
        number, _, _, size = struct.unpack_from("<HHIQ", data, at)
        if number == index:
            if length > size or at + 16 + size > len(data):
                break
            return as_text(data[at + 16 : at + 16 + length].rstrip(b"\0"))
        if not number:
            break
        at += 16 + -(-size // 8) * 8
    raise Damaged("a text in it is missing.")
