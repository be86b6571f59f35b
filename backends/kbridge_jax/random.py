"""Random numbers from a seed of two uint32 (key, counter).

Bits are a hash of their position, keyed by the seed: a few integer operations that XLA fuses with whatever
uses the numbers. JAX's own generators are ten times slower on a CPU, and write their bits to memory first.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def _mix(x):
    """A permutation of 32-bit numbers in which each bit of ``x`` tosses every bit of the result ("lowbias32")."""
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def _bits(seed, shape, stream=0):
    """Random uint32 of ``shape``; each ``stream`` of a seed is independent of the others."""
    seed = jnp.asarray(seed, "uint32")
    first = _mix(seed[0] ^ np.uint32(0x9E3779B9 + stream))
    second = _mix(seed[1] + first)
    third = _mix(first ^ _mix(second + np.uint32(0x85EBCA6B)))
    place = lax.iota("uint32", int(np.prod(shape))).reshape(shape)
    return _mix(_mix(place * np.uint32(0x9E3779B1) + second) ^ third)


_DIGITS = {"bfloat16": 8, "float16": 11, "float32": 24}  # as many as the dtype holds exactly


def random_uniform(shape, dtype, seed):
    shape = tuple(shape)
    if dtype == "float64":
        high, low = (_bits(seed, shape, stream) >> (5 + stream) for stream in (0, 1))
        return (high.astype(dtype) * 2.0**26 + low.astype(dtype)) * 2.0**-53
    digits = _DIGITS[str(dtype)]
    return (_bits(seed, shape) >> (32 - digits)).astype("int32").astype(dtype) * 2.0**-digits


def random_normal(shape, dtype, seed):
    # Uniform numbers in (-1, 1): the middles of equal steps, so that neither end occurs.
    if dtype == "float64":
        uniform = random_uniform(shape, dtype, seed) * 2.0 - (1.0 - 2.0**-53)
    else:
        steps = lax.bitcast_convert_type(_bits(seed, tuple(shape)), "int32") >> 8
        uniform = (steps.astype("float32") + 0.5) * 2.0**-23
    return (np.sqrt(2.0).item() * lax.erf_inv(uniform)).astype(dtype)


def random_dropout(x, rate, noise_shape, seed):
    shape = x.shape
    if noise_shape is not None:
        shape = [dim if own is None else own for dim, own in zip(shape, noise_shape, strict=True)]
    wide = "float64" if x.dtype == "float64" else "float32"
    keep = random_uniform(shape, wide, seed) >= rate
    return jnp.where(keep, x * (1.0 / (1.0 - rate)), jnp.zeros((), x.dtype))


def _key(seed):
    return jax.random.wrap_key_data(jnp.asarray(seed, "uint32"), impl="threefry2x32")


def random_gamma(alpha, seed):
    return lax.stop_gradient(jax.random.gamma(_key(seed), alpha, dtype=alpha.dtype))


def random_binomial(counts, probabilities, seed):
    return jax.random.binomial(_key(seed), counts, probabilities, dtype=counts.dtype)
