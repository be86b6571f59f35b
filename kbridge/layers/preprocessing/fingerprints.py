"""64-bit hashes of texts, many at a time: FarmHash's fingerprint, SipHash-2-4, and the one of crossed features.

They are fixed for good: models are trained on the numbers they give. Texts of one length are hashed together, as
rows of a matrix of bytes; arithmetic is modulo 2**64, as NumPy's on uint64 is.
"""

import numpy as np


def _u64(value):
    return np.uint64(value & 0xFFFFFFFFFFFFFFFF)


_K0, _K1, _K2 = map(_u64, (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
_CROSS = _u64(0xC6A4A7935BD1E995)
_CROSS_SEED = 0xDECAFCAFFE


def _right(x, bits):
    """``x`` rotated by so many bits."""
    return (x >> _u64(bits)) | (x << _u64(64 - bits))


def _mixed(x):
    return x ^ (x >> _u64(47))


def _by_length(texts, hash_rows):
    """``hash_rows(matrix of bytes, length)`` of the texts of each length, as one uint64 array in their order."""
    encoded = [text if isinstance(text, bytes) else text.encode("utf-8") for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    result = np.empty(len(encoded), np.uint64)
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        rows = np.frombuffer(b"".join([encoded[i] for i in places]), np.uint8).reshape(len(places), length)
        result[places] = hash_rows(rows, int(length))
    return result


def _word(rows, start, size=8):
    """The little-endian integer of ``size`` bytes from ``start`` in each row."""
    return np.ascontiguousarray(rows[:, start : start + size]).view(f"<u{size}")[:, 0].astype(np.uint64)


# -- FarmHash


def farmhash(texts):
    """``Fingerprint64`` of FarmHash of each text."""
    return _by_length(texts, _farmhash_rows)


def _farmhash_rows(rows, length):
    if length <= 16:
        return _farmhash_up_to_16(rows, length)
    if length <= 32:
        return _farmhash_up_to_32(rows, length)
    return _farmhash_up_to_64(rows, length) if length <= 64 else _farmhash_long(rows, length)


def _pair(u, v, factor):
    """Two words as one."""
    a = _mixed((u ^ v) * factor)
    return _mixed((v ^ a) * factor) * factor


def _farmhash_up_to_16(rows, n):
    factor = _u64(int(_K2) + 2 * n)
    if n >= 8:
        a, b = _word(rows, 0) + _K2, _word(rows, n - 8)
        return _pair(_right(b, 37) * factor + a, (_right(a, 25) + b) * factor, factor)
    if n >= 4:
        return _pair(_u64(n) + (_word(rows, 0, 4) << _u64(3)), _word(rows, n - 4, 4), factor)
    if n == 0:
        return np.full(len(rows), _K2)
    first, middle, last = (rows[:, i].astype(np.uint64) for i in (0, n >> 1, n - 1))
    y, z = first + (middle << _u64(8)), _u64(n) + (last << _u64(2))
    return _mixed(y * _K2 ^ z * _K0) * _K2


def _farmhash_up_to_32(rows, n):
    factor = _u64(int(_K2) + 2 * n)
    a, b = _word(rows, 0) * _K1, _word(rows, 8)
    c, d = _word(rows, n - 8) * factor, _word(rows, n - 16) * _K2
    return _pair(_right(a + b, 43) + _right(c, 30) + d, a + _right(b + _K2, 18) + c, factor)


def _farmhash_up_to_64(rows, n):
    factor = _u64(int(_K2) + 2 * n)
    a, b = _word(rows, 0) * _K2, _word(rows, 8)
    c, d = _word(rows, n - 8) * factor, _word(rows, n - 16) * _K2
    y = _right(a + b, 43) + _right(c, 30) + d
    z = _pair(y, a + _right(b + _K2, 18) + c, factor)
    e, f = _word(rows, 16) * factor, _word(rows, 24)
    g, h = (y + _word(rows, n - 32)) * factor, (z + _word(rows, n - 24)) * factor
    return _pair(_right(e + f, 43) + _right(g, 30) + h, e + _right(f + a, 18) + g, factor)


def _weak(rows, start, a, b):
    """A quick, weak hash of 32 bytes from ``start``, seeded with two words: two words."""
    w, x, y, z = (_word(rows, start + 8 * i) for i in range(4))
    a = a + w
    b = _right(b + a + z, 21)
    total = a + x + y
    return total + z, b + _right(total, 44) + a


def _farmhash_long(rows, n):
    seed = 81
    zeros = np.zeros(len(rows), np.uint64)
    x = _u64(seed * int(_K2)) + _word(rows, 0)
    y = zeros + _u64(seed * int(_K1) + 113)
    z = _mixed(y * _K2 + _u64(113)) * _K2
    v, w = (zeros, zeros), (zeros, zeros)
    last = (n - 1) // 64 * 64
    for s in range(0, last, 64):
        x = _right(x + y + v[0] + _word(rows, s + 8), 37) * _K1 ^ w[1]
        y = _right(y + v[1] + _word(rows, s + 48), 42) * _K1 + v[0] + _word(rows, s + 40)
        z = _right(z + w[0], 33) * _K1
        v = _weak(rows, s, v[1] * _K1, x + w[0])
        w = _weak(rows, s + 32, z + w[1], y + _word(rows, s + 16))
        z, x = x, z
    factor = _K1 + ((z & _u64(0xFF)) << _u64(1))
    s = n - 64
    w = (w[0] + _u64((n - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    nine = _u64(9)
    x = _right(x + y + v[0] + _word(rows, s + 8), 37) * factor ^ w[1] * nine
    y = _right(y + v[1] + _word(rows, s + 48), 42) * factor + v[0] * nine + _word(rows, s + 40)
    z = _right(z + w[0], 33) * factor
    v = _weak(rows, s, v[1] * factor, x + w[0])
    w = _weak(rows, s + 32, z + w[1], y + _word(rows, s + 16))
    z, x = x, z
    return _pair(_pair(v[0], w[0], factor) + _mixed(y) * _K0 + z, _pair(v[1], w[1], factor) + x, factor)


# -- SipHash


def siphash(texts, key):
    """SipHash-2-4 of each text under ``key``, two integers."""
    return _by_length(texts, lambda rows, length: _siphash_rows(rows, length, key))


def _left(x, bits):
    return _right(x, 64 - bits)


def _siphash_rows(rows, n, key):
    key = [_u64(part) for part in key]
    starts = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [np.full(len(rows), _u64(start) ^ key[i % 2]) for i, start in enumerate(starts)]

    def rounds(count):
        for _ in range(count):
            for a, b, c, d, first, second in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                # the halves of a round: (v0, v1) and (v2, v3), then (v2, v1) and (v0, v3)
                v[a], v[c] = v[a] + v[b], v[c] + v[d]
                v[b], v[d] = _left(v[b], first) ^ v[a], _left(v[d], second) ^ v[c]
                v[a] = _left(v[a], 32)

    filled = np.zeros((len(rows), n // 8 * 8 + 8), np.uint8)
    filled[:, :n] = rows
    filled[:, -1] = n & 0xFF
    for start in range(0, filled.shape[1], 8):
        word = _word(filled, start)
        v[3] = v[3] ^ word
        rounds(2)
        v[0] = v[0] ^ word
    v[2] = v[2] ^ _u64(0xFF)
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# -- crossed features


def crossed(columns):
    """One hash for each row of ``columns``, arrays of uint64: the features' own hashes, or integers as they are."""
    result = np.full(len(columns[0]), _u64(_CROSS_SEED))
    for column in columns:
        product = _mixed(column * _CROSS) * _CROSS
        result = (result ^ _CROSS ^ product) * _CROSS
        result = _mixed(_mixed(result) * _CROSS)
    return result
