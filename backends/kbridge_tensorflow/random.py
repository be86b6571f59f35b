"""Random numbers from a seed of two numbers, by the Philox generator: the same in and out of XLA, and on all devices."""

from kbridge_tensorflow.backend import DTYPES
from kbridge_tensorflow.load import tf

_raw = tf.raw_ops
_PHILOX = 1


def _draw(kernel, shape, dtype, seed):
    seed = tf.convert_to_tensor(seed)
    key, counter = _raw.StatelessRandomGetKeyCounter(seed=tf.bitcast(tf.cast(seed, tf.uint32), tf.int32))
    shape = tf.convert_to_tensor(list(shape), tf.int32)
    return kernel(shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=DTYPES[dtype])


def random_uniform(shape, dtype, seed):
    return _draw(_raw.StatelessRandomUniformV2, shape, dtype, seed)


def random_normal(shape, dtype, seed):
    return _draw(_raw.StatelessRandomNormalV2, shape, dtype, seed)


def random_truncated_normal(shape, dtype, seed):
    return _draw(_raw.StatelessTruncatedNormalV2, shape, dtype, seed)
