"""Data that Snappy compressed, unpacked in Python: for the small blocks of a file's table of contents."""


class SnappyError(ValueError):
    """It is not what Snappy makes."""


def unpacked(data, most):
    """The bytes that ``data`` stands for, ``most`` of them at most."""
    size, at = _length(data)
    if size > most:
        raise SnappyError(f"it is said to have {size:,} bytes, where at most {most:,} are read")
    found = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        kind = tag & 3
        if kind == 0:
            length = tag >> 2
            if length >= 60:
                length, at = _number(data, at, length - 59)
            piece = data[at : at + length + 1]
            if len(piece) != length + 1:
                raise SnappyError("it ends too early")
            found += piece
            at += length + 1
        else:
            if kind == 1:
                length = (tag >> 2 & 7) + 4
                low, at = _number(data, at, 1)
                back = tag >> 5 << 8 | low
            else:
                length = (tag >> 2) + 1
                back, at = _number(data, at, 2 if kind == 2 else 4)
            if not 0 < back <= len(found):
                raise SnappyError("it refers to what is not there")
            piece = found[-back:] if back >= length else (found[-back:] * (length // back + 1))
            found += piece[:length]
        if len(found) > size:
            raise SnappyError("it has more bytes than it says")
    if len(found) != size:
        raise SnappyError("it has fewer bytes than it says")
    return bytes(found)


def _length(data):
    value = 0
    for at, byte in enumerate(data[:5]):
        value |= (byte & 127) << 7 * at
        if byte < 128:
            return value, at + 1
    raise SnappyError("its length does not end")


def _number(data, at, count):
    if at + count > len(data):
        raise SnappyError("it ends too early")
    return int.from_bytes(data[at : at + count], "little"), at + count
