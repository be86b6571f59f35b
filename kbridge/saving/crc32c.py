"""CRC-32C (Castagnoli), with many pieces of the data at once in NumPy: nothing in the standard library has it."""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78
_LANES, _LANE = 16384, 128  # pieces that go side by side, bytes of each
_CHUNK = _LANES * _LANE
_SHORT = 256  # bytes that are gone through one by one


def masked_crc32c(data, crc=0):
    """The checksum as files of TensorFlow keep it."""
    return masked(crc32c(data, crc))


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data, crc=0):
    """The checksum of ``data`` (bytes or an array of bytes), going on from that of what stood before."""
    data = np.frombuffer(data, np.uint8)
    state = crc ^ 0xFFFFFFFF
    for start in range(0, len(data), _CHUNK):
        state = _advanced(state, data[start : start + _CHUNK])
    return state ^ 0xFFFFFFFF


def _advanced(state, data):
    if len(data) <= _SHORT:
        return _one_by_one(state, data)
    lanes = 1 << (len(data) // _LANE).bit_length() - 1
    size = lanes * _LANE
    words = np.array(data[:size].view("<u2").reshape(lanes, _LANE // 2).T, order="C")  # a copy, to be changed
    crc, table = np.zeros(lanes, np.uint32), _by_words()
    crc[0] = state
    for word in words:
        word ^= crc.astype(np.uint16)
        crc >>= 16
        crc ^= table.take(word)
    zeros = _LANE
    while len(crc) > 1:
        crc = _shifted(crc[::2], zeros) ^ crc[1::2]
        zeros *= 2
    rest = data[size:]
    return _advanced(int(crc[0]), rest) if len(rest) else int(crc[0])


def _one_by_one(state, data):
    table = _by_bytes()
    for byte in data.tolist():
        state = table[(state ^ byte) & 255] ^ state >> 8
    return state


@functools.cache
def _by_bytes():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


@functools.cache
def _by_words():
    table = np.array(_by_bytes(), np.uint32)
    first = np.arange(1 << 16, dtype=np.uint32)
    first = table[first & 255] ^ first >> 8
    return table[first & 255] ^ first >> 8


def _shifted(crc, zeros):
    """The states after so many bytes of zeros."""
    tables = _shifts(zeros)
    return tables[0][crc & 255] ^ tables[1][crc >> 8 & 255] ^ tables[2][crc >> 16 & 255] ^ tables[3][crc >> 24]


@functools.cache
def _shifts(zeros):
    values = (np.arange(256, dtype=np.uint32) << np.arange(0, 32, 8, dtype=np.uint32)[:, None]).astype(np.uint32)
    if zeros == _LANE:
        table = np.array(_by_bytes(), np.uint32)
        for _ in range(zeros):
            values = table[values & 255] ^ values >> 8
        return values
    return _shifted(_shifted(values, zeros // 2), zeros // 2)
