"""Event files as TensorBoard reads them: records of protocol buffers, framed with checksums."""

import itertools
import os
import socket
import struct
import time
import zlib

import numpy as np

_serial = itertools.count()

# -- checksums


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli's polynomial, bits reversed
        table.append(byte)
    return table


_TABLE = _crc_table()


def masked_crc32c(data):
    """The checksum of a record: CRC-32C, turned so that a checksum of checksums is no trivial one."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data):
    """``data`` framed: its length, the checksum of that, the data, and their checksum."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))


# -- protocol buffers: a message is a sequence of fields, each with its number and kind


def _varint(value):
    value &= (1 << 64) - 1  # negative numbers take all 64 bits
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field, value):
    return _varint(field << 3) + _varint(int(value))


def double(field, value):
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def data(field, value):
    """A string, bytes, or a message made already."""
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # TensorFlow's numbers of dtypes
_SCALAR, _TENSOR, _BLOBS = 1, 2, 3  # what TensorBoard calls classes of data


def _shape(shape):
    return b"".join(data(2, integer(1, dim)) for dim in shape)


def _tensor(array):
    """A TensorProto of floats."""
    array = np.array(array, order="C")
    kind = _DOUBLE if array.dtype == np.float64 else _FLOAT
    return integer(1, kind) + data(2, _shape(array.shape)) + data(4, array.tobytes())


def _strings(items):
    """A TensorProto of a vector of strings, or of one alone."""
    shape = () if isinstance(items, (str, bytes)) else (len(items),)
    items = [items] if isinstance(items, (str, bytes)) else items
    return integer(1, _STRING) + data(2, _shape(shape)) + b"".join(data(8, item) for item in items)


def _value(tag, tensor, plugin, kind, content=b""):
    metadata = data(1, data(1, plugin) + data(2, content)) + integer(4, kind)
    return data(1, tag) + data(9, metadata) + data(8, tensor)


def scalar(tag, value):
    """A Summary.Value that holds one number."""
    return _value(tag, _tensor(np.float32(value)), "scalars", _SCALAR)


def histogram(tag, values, buckets=30):
    """A Summary.Value that says how many of ``values`` lie in each of so many intervals."""
    values = np.asarray(values, "float64").reshape(-1)
    values = values[np.isfinite(values)]
    if not values.size:
        rows = np.zeros((0, 3))
    elif values.min() == values.max():
        rows = np.array([[values[0] - 0.5, values[0] + 0.5, values.size]])
    else:
        counts, edges = np.histogram(values, buckets)
        rows = np.stack([edges[:-1], edges[1:], counts], 1)
    return _value(tag, _tensor(rows.astype("float64")), "histograms", _TENSOR)


def images(tag, batch):
    """A Summary.Value of images: (count, height, width, 1, 3 or 4), from 0 to 255, uint8."""
    _, height, width, _ = batch.shape
    return _value(tag, _strings([str(width), str(height), *(png(image) for image in batch)]), "images", _BLOBS)


def png(image):
    """An image (height, width, 1, 3 or 4) of uint8 as the bytes of a PNG file."""
    height, width, channels = image.shape
    colour = {1: 0, 3: 2, 4: 6}[channels]
    rows = np.zeros((height, 1 + width * channels), "uint8")  # each row begins with the kind of its filter: none
    rows[:, 1:] = image.reshape(height, -1)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(rows.tobytes())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def graph(nodes):
    """A GraphDef of ``nodes``: (name, what it does, names of those it takes its inputs from)."""
    return b"".join(
        data(1, data(1, name) + data(2, operation) + b"".join(data(3, source) for source in sources))
        for name, operation, sources in nodes
    )


# -- files


class EventFile:
    """A file of events in ``folder``, made when the first one is written."""

    def __init__(self, folder):
        self.folder = folder
        self._file = None

    def _write(self, content):
        if self._file is None:
            os.makedirs(self.folder, exist_ok=True)
            host = socket.gethostname().replace(os.sep, "-")
            # Boards read a folder's files in the order of their names, so the numbers have leading zeros.
            name = f"events.out.tfevents.{int(time.time()):010d}.{host}.{os.getpid()}.{next(_serial):06d}.v2"
            self._file = open(os.path.join(self.folder, name), "wb")
            self._file.write(record(double(1, time.time()) + data(3, "brain.Event:2")))
        self._file.write(record(double(1, time.time()) + content))

    def add(self, step, *values):
        """Write Summary.Values of a step."""
        self._write(integer(2, step) + data(5, b"".join(data(1, value) for value in values)))

    def add_graph(self, nodes):
        """Write a graph: see ``graph``."""
        self._write(data(4, graph(nodes)))

    def flush(self):
        if self._file is not None:
            self._file.flush()

    def close(self):
        if self._file is not None:
            self._file.close()
        self._file = None
