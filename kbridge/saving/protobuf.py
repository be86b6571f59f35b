"""Messages of Protocol Buffers as plain fields, bounded: no more is read than the few messages that are needed say."""

from kbridge.saving.errors import CorruptFileError, UnsafeFileError

MOST_FIELDS = 1_000_000  # in one part of a file


class Fields:
    """The fields of messages in one part of a file, which is called ``file``, ``place`` in errors."""

    def __init__(self, file, place, most=MOST_FIELDS):
        self.file, self.place = file, place
        self.left = self.most = most

    def corrupt(self, why):
        return CorruptFileError(self.file, self.place, why)

    def of(self, data):
        """Pairs (number, value) of a message: an int, or for texts, bytes and inner messages the bytes."""
        at, end = 0, len(data)
        while at < end:
            self.left -= 1
            if self.left < 0:
                raise UnsafeFileError(
                    self.file, self.place, f"it has more than the {self.most:,} fields that are read at most."
                )
            tag, at = self.varint(data, at)
            number, kind = tag >> 3, tag & 7
            if not 0 < number < 1 << 29:
                raise self.corrupt(f"no field of a message has the number {number}.")
            if kind == 0:
                value, at = self.varint(data, at)
                yield number, value
                continue
            if kind == 2:
                size, at = self.varint(data, at)
            else:
                size = {1: 8, 5: 4}.get(kind)
                if size is None:
                    raise self.corrupt(f"a field of a message is of the unknown kind {kind}.")
            if size > end - at:
                raise self.corrupt(f"a field of a message is said to have {size:,} bytes, and {end - at:,} are left.")
            value, at = data[at : at + size], at + size
            yield number, value if kind == 2 else int.from_bytes(value, "little")

    def messages(self, data, number):
        """The inner messages of this number; other fields are passed over."""
        for found, value in self.of(data):
            if found == number:
                yield self.bytes(value)

    def varint(self, data, at):
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise self.corrupt("a number in a message does not end.")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (1 << 64) - 1, at
            shift += 7

    def bytes(self, value):
        if isinstance(value, int):
            raise self.corrupt("a field of a message is a number, where bytes are expected.")
        return value

    def number(self, value):
        if not isinstance(value, int):
            raise self.corrupt("a field of a message is bytes, where a number is expected.")
        return value

    def text(self, value):
        try:
            return str(self.bytes(value), "utf-8")
        except UnicodeDecodeError:
            raise self.corrupt("a text in a message is no UTF-8.") from None
