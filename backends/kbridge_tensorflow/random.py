"""Random bits: a hash of each item's place, keyed by the seed.

XLA's Philox generator takes a hundred times as long on the CPU as TensorFlow's own, and gives other numbers. A few
rounds of integer arithmetic are as fast as the best of both, and the same with and without XLA; so a model that is
trained in single steps or in a loop compiled as one sees the same numbers.
"""

import math

from kbridge_tensorflow.backend import DTYPES
from kbridge_tensorflow.load import tf

_raw = tf.raw_ops
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 24}  # as many as the dtype holds, of one draw


def _word(value):
    return tf.constant(value, tf.uint32)


def _fold(x, places):
    return _raw.BitwiseXor(x=x, y=_raw.RightShift(x=x, y=_word(places)))


def _mix(x):
    """A bijection of 32-bit words in which each bit of the input changes about half of those of the output."""
    x = _raw.Mul(x=_fold(x, 16), y=_word(0x7FEB352D))
    x = _raw.Mul(x=_fold(x, 15), y=_word(0x846CA68B))
    return _fold(x, 16)


def _bits(shape, seed, stream=0):
    """Random uint32 words of ``shape``; ``stream`` numbers independent sets of them for one seed."""
    seed = tf.cast(tf.convert_to_tensor(seed), tf.uint32)
    keys = _mix(seed + tf.constant([0x9E3779B9, 0x85EBCA6B * (stream + 1) % 2**32], tf.uint32))
    count = math.prod(shape) if all(isinstance(dim, int) for dim in shape) else tf.reduce_prod(tf.stack(shape))
    places = _raw.Bitcast(input=tf.range(count, dtype=tf.int32), type=tf.uint32)
    words = _mix(_raw.AddV2(x=places, y=keys[0]))
    words = _mix(_raw.BitwiseXor(x=words, y=keys[1] + keys[0]))
    return _raw.Reshape(tensor=words, shape=tf.convert_to_tensor(list(shape), tf.int32))


def random_uniform(shape, dtype, seed):
    digits = _DIGITS[dtype]
    whole = _raw.RightShift(x=_bits(shape, seed), y=_word(32 - digits))
    fraction = tf.cast(_raw.Bitcast(input=whole, type=tf.int32), DTYPES[dtype]) * 2.0**-digits
    if dtype == "float64":
        rest = _raw.RightShift(x=_bits(shape, seed, 1), y=_word(3))
        fraction += tf.cast(_raw.Bitcast(input=rest, type=tf.int32), DTYPES[dtype]) * 2.0**-53
    return fraction


def random_dropout(x, rate, noise_shape, seed):
    if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        return NotImplemented
    static = x.shape.as_list()
    shape = static if None not in static else tf.unstack(tf.shape(x))
    if noise_shape is not None:
        shape = [dim if own is None else own for dim, own in zip(shape, noise_shape, strict=True)]
    keep = _raw.GreaterEqual(x=_bits(shape, seed), y=_word(min(round(rate * 2**32), 2**32 - 1)))
    return x * (tf.cast(keep, x.dtype) * (1.0 / (1.0 - rate)))
