"""Where the chunks of a dataset lie: HDF5 keeps indexes of six kinds of them, the oldest of which is a tree.

The others came with ``libver="latest"``: each structure of theirs ends with a checksum, which is looked at.
"""

import math

import numpy as np

from kbridge.saving.hdf5_format import CHUNK_TREE, UNDEFINED, Cursor, Damaged, records, sealed, tree_leaves

OLD_TREE, SINGLE, IMPLICIT, FIXED, EXTENSIBLE, TREE = range(6)


def chunks(image, place, extent, filtered):
    """All chunks of an array: tuples (its number along each axis, address, bytes in the file, filters left out).

    Args:
        place: the ``Place`` of the array.
        extent: its ``Extent``.
        filtered: whether its chunks went through filters.
    """
    parts = place.chunk[:-1]
    nbytes = math.prod(place.chunk)
    endless = extent.limits.count(None)
    if endless != (place.index == EXTENSIBLE) and place.index in (SINGLE, IMPLICIT, FIXED, EXTENSIBLE):
        raise Damaged("the index of its chunks does not fit its shape.")
    if place.index == OLD_TREE:
        yield from _old_tree(image, place.address, parts)
    elif place.index == SINGLE:
        stored, skipped = place.told or (nbytes, 0)
        yield (0,) * len(parts), place.address, stored, skipped
    elif place.index == IMPLICIT:
        for number, position in _numbered(extent, parts):
            yield position, place.address + number * nbytes, nbytes, 0
    else:
        widths = _widths(place.version, nbytes) if filtered else None
        size = 8 + sum(widths or ())
        if place.index == TREE:
            found = _tree(image, place.address, size, len(parts), filtered)
        else:
            index = _Fixed if place.index == FIXED else _Extensible
            element = index(image, place.address, size, filtered, extent, parts).element
            found = ((position, element(number)) for number, position in _numbered(extent, parts))
        for position, entry in found:
            cursor = Cursor(entry)
            address = cursor.number(8)
            if address != UNDEFINED:
                yield position, address, *([cursor.number(width) for width in widths] if filtered else (nbytes, 0))


def _widths(version, nbytes):
    """How many bytes tell of the size of a chunk in the file, and of the filters that it left out."""
    return (8 if version > 4 else min(8, 1 + (nbytes.bit_length() + 7) // 8)), 4


def _numbered(extent, parts):
    """The chunks in an array as (number, number along each axis), in order; axes without end come first."""
    most = [None if limit is None else -(-limit // part) for limit, part in zip(extent.limits, parts)]
    steps, step = [0] * len(parts), 1
    for axis in sorted(range(len(parts)), key=lambda axis: (most[axis] is not None, axis), reverse=True):
        steps[axis], step = step, step * (most[axis] or 1)
    counts = [-(-size // part) for size, part in zip(extent.shape, parts)]
    return sorted((sum(map(int.__mul__, steps, position)), position) for position in np.ndindex(*counts))


def _old_tree(image, address, parts):
    for key, child in tree_leaves(image, address, CHUNK_TREE, 16 + 8 * len(parts)):
        cursor = Cursor(key)
        stored, skipped = cursor.number(4), cursor.number(4)
        start = [cursor.number(8) for _ in parts]
        if any(s % part for s, part in zip(start, parts)):
            raise Damaged("its chunks are not where they should be.")
        yield tuple(s // part for s, part in zip(start, parts)), child, stored, skipped


def _tree(image, address, size, rank, filtered):
    for record in records(image, address, 11 if filtered else 10, size + 8 * rank):
        cursor = Cursor(record, size)
        yield tuple(cursor.number(8) for _ in range(rank)), record


class _Array:
    """What both arrays of chunks have in common: a header, and elements of one size."""

    signature = header_size = block_signature = None

    def __init__(self, image, address, size, filtered, extent, parts):
        self.image, self.address, self.size, self.client = image, address, size, int(filtered)
        cursor = sealed(image, address, self.signature, self.header_size)
        if cursor.take(3) != bytes([0, self.client, size]):
            raise Damaged("the index of its chunks is of another kind.")
        self.begin(cursor, extent, parts)
        self._kept = {}

    def block(self, signature, address, nbytes):
        """A Cursor in a part of the array, behind what all parts begin with; ``nbytes`` follow, and a checksum."""
        cursor = sealed(self.image, address, signature, 14 + nbytes + 4)
        if cursor.take(2) != bytes([0, self.client]) or cursor.number(8) != self.address:
            raise Damaged("a part of the index of its chunks is of another index.")
        return cursor

    def once(self, key, make):
        """What ``make()`` gives, kept until it is asked for another ``key[0]``: chunks are asked for in order."""
        if self._kept.get(key[0], (None,))[0] != key:
            self._kept[key[0]] = key, make()
        return self._kept[key[0]][1]

    def paged(self, made, page, number, start, per_page, count):
        """Element ``number`` of a block in pages from ``start`` on, or where the page was not made, none."""
        if not made[page >> 3] & 0x80 >> (page & 7):
            return self.missing
        inner, number = divmod(number, per_page)
        here = min(per_page, count - inner * per_page) * self.size
        at = start + inner * (per_page * self.size + 4)
        data = self.once(("page", at), lambda: sealed(self.image, at, b"", here + 4).data)
        return data[number * self.size : (number + 1) * self.size]

    @property
    def missing(self):
        return b"\xff" * self.size


class _Fixed(_Array):
    """As many elements as the array can ever have chunks: one block, in pages if there are many."""

    signature, header_size = b"FAHD", 28

    def begin(self, cursor, extent, parts):
        bits, self.count, self.start = cursor.number(1), cursor.number(8), cursor.number(8)
        if bits > 24 or self.count != math.prod(-(-limit // part) for limit, part in zip(extent.limits, parts)):
            raise Damaged("the index of its chunks does not fit its shape.")
        self.per_page = 1 << bits
        self.pages = -(-self.count // self.per_page) if self.count > self.per_page else 0

    def element(self, number):
        if self.start == UNDEFINED:
            return self.missing
        if not self.pages:
            data = self.once(("block",), lambda: self.block(b"FADB", self.start, self.count * self.size)).data
            return data[14 + number * self.size : 14 + (number + 1) * self.size]
        length = -(-self.pages // 8)
        made = self.once(("block",), lambda: self.block(b"FADB", self.start, length)).data[14:]
        start = self.start + 14 + length + 4
        return self.paged(made, number // self.per_page, number, start, self.per_page, self.count)


class _Extensible(_Array):
    """Elements without end: a few in the index, more in blocks that it lists, the rest in blocks of blocks.

    Blocks are of levels: at level u there are 2 ** (u // 2) of them, each 2 ** ((u + 1) // 2) times as long as the
    first.
    """

    signature, header_size = b"EAHD", 72

    def begin(self, cursor, extent, parts):
        bits, self.first, self.least, pointers, page_bits = (cursor.number(1) for _ in range(5))
        cursor.take(48)
        self.start = cursor.number(8)
        sound = 0 < bits <= 64 and page_bits <= 24 and 0 < self.least <= 1 << bits and pointers
        if not sound or self.least & self.least - 1 or pointers & pointers - 1:
            raise Damaged("the index of its chunks has no sound measures.")
        self.place_width, self.per_page = -(-bits // 8), 1 << page_bits
        self.levels = bits - self.least.bit_length() + 2
        self.own_levels = 2 * (pointers.bit_length() - 1)
        self.own_blocks = 2 * (pointers - 1)

    def element(self, number):
        if self.start == UNDEFINED:
            return self.missing
        inside, blocks, supers = self.once(("index",), self._index)
        if number < self.first:
            return inside[number * self.size : (number + 1) * self.size]
        number -= self.first
        level = (number // self.least + 1).bit_length() - 1
        if level >= self.levels:
            raise Damaged("the index of its chunks does not reach so far.")
        length = self.least << (level + 1) // 2
        block, number = divmod(number - ((1 << level) - 1) * self.least, length)
        pages, made = 0, b""
        if level < self.own_levels:
            address = blocks[sum(1 << lower // 2 for lower in range(level)) + block]
        else:
            address = supers[level - self.own_levels]
            pages = length // self.per_page if length > self.per_page else 0
            if address != UNDEFINED:
                made, blocks = self.once(("level", level), lambda: self._level(address, 1 << level // 2, pages))
                address = blocks[block]
        if address == UNDEFINED:
            return self.missing
        size = self.place_width
        if not pages:
            data = self.once(("block", address), lambda: self.block(b"EADB", address, size + length * self.size)).data
            return data[14 + size + number * self.size :][: self.size]
        self.once(("block", address), lambda: self.block(b"EADB", address, size))
        page, start = block * pages + number // self.per_page, address + 14 + size + 4
        return self.paged(made, page, number, start, self.per_page, length)

    def _index(self):
        """(the elements in it, the addresses of its blocks, those of its blocks of blocks)"""
        supers = max(0, self.levels - self.own_levels)
        nbytes = self.first * self.size
        cursor = self.block(b"EAIB", self.start, nbytes + 8 * (self.own_blocks + supers))
        inside = cursor.take(nbytes)
        return inside, [cursor.number(8) for _ in range(self.own_blocks)], [cursor.number(8) for _ in range(supers)]

    def _level(self, address, count, pages):
        """(which pages were made, the addresses of the blocks) of a level."""
        length = count * -(-pages // 8)
        cursor = self.block(b"EASB", address, self.place_width + length + 8 * count)
        cursor.take(self.place_width)
        return cursor.take(length), [cursor.number(8) for _ in range(count)]
