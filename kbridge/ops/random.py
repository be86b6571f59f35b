"""Stateless random ops: the same ``seed``, uint32 (key, counter), gives the same numbers.

The bodies here make their bits with threefry2x32, in int32 arithmetic that wraps around: the same on every engine.
Engines bring faster generators of their own, which then run unless portable randomness is switched on. Then
gamma and beta numbers, which need logarithms, agree to rounding from engine to engine, and all others bit by bit.
The public functions, which keep state, are in ``kbridge.random``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from kbridge.backend import dtypes, shapes_nn
from kbridge.backend.dtypes import floating, result_type
from kbridge.backend.op import Tensor, dtype_of, op
from kbridge.ops.arrays import arange, expand_dims, reshape, stack, zeros, zeros_like
from kbridge.ops.control import while_loop
from kbridge.ops.core import cast, convert_to_tensor
from kbridge.ops.core import shape as shape_of
from kbridge.ops.indexing import argsort, take
from kbridge.ops.math import (
    absolute,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    clip,
    exp,
    floor,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    power,
    sqrt,
    where,
)
from kbridge.ops.reductions import any, argmax

_portable = False


def set_portable(portable):
    """Whether random numbers are to be the same on every engine, at some cost in speed."""
    global _portable
    _portable = bool(portable)


def is_portable():
    """Whether random numbers are the same on every engine."""
    return _portable


def draw(random_op, *args):
    """Run a random op: the engine's own, or with portable randomness the body."""
    return random_op.spec.body(*args) if _portable else random_op(*args)


# -- seeds and bits

_GOLDEN = 0x9E3779B9


def fold_in(seed, number):
    """A seed for draw ``number`` (a small int) of those that share ``seed``. Nested numbers add up."""
    shift = np.array([_GOLDEN * number % 2**32, 0], "uint32")
    return seed + shift


def next_round(seed, number):
    """The seed for round ``number`` of a loop, which may be a tensor."""
    if isinstance(seed, np.ndarray):
        return seed + np.array([int(number), 0], "uint32")
    return seed + cast(stack([number, zeros_like(number)]), "uint32")


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def _rotate(x, count):
    low = bitwise_and(bitwise_right_shift(x, 32 - count), 2**count - 1)
    return bitwise_or(bitwise_left_shift(x, count), low)


def _threefry(key, x0, x1):
    """Twenty rounds of threefry2x32 over two int32 vectors; ``key`` is int32 of shape (2,)."""
    first, second = key[0:1], key[1:2]
    keys = (first, second, bitwise_xor(bitwise_xor(first, second), 0x1BD11BDA))
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for group in range(5):
        for count in _ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = bitwise_xor(_rotate(x1, count), x0)
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + (group + 1)
    return x0, x1


def _bits(shape, seed):
    """Two int32 tensors of random bits, each of ``shape``."""
    key = cast(convert_to_tensor(seed), "int32")
    count = math.prod(shape)
    counters = arange(count, dtype="int32")
    x0, x1 = _threefry(key, counters, zeros_like(counters))
    return reshape(x0, shape), reshape(x1, shape)


_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24}  # as many as the type holds exactly


def _fraction(bits, digits):
    """The leading ``digits`` of random ``bits``, as an int below 2**digits."""
    return bitwise_and(bitwise_right_shift(bits, 32 - digits), 2**digits - 1)


@op(shape=shapes_nn.drawn, gradient=False)
def random_uniform(shape, dtype, seed):
    """Numbers drawn evenly from [0, 1), in a float dtype."""
    dtype = dtypes.standardize(dtype)
    high, low = _bits(shape, seed)
    if dtype == "float64":
        return (cast(_fraction(high, 26), dtype) * 2.0**27 + cast(_fraction(low, 27), dtype)) * 2.0**-53
    digits = _DIGITS[dtype]
    return cast(cast(_fraction(high, digits), "float32") * 2.0**-digits, dtype)


@lru_cache(None)
def _half_normal():
    """2**16 evenly likely numbers of a normal distribution with mean 0 and variance 1/2, ascending."""
    inverse = NormalDist().inv_cdf
    above = np.array([inverse((i + 0.5) / 2**16) for i in range(2**15, 2**16)])
    return np.concatenate([-above[::-1], above]) / math.sqrt(2.0 * np.mean(above**2))


@op(shape=shapes_nn.drawn, gradient=False)
def random_normal(shape, dtype, seed):
    """Numbers of mean 0 and standard deviation 1, in a float dtype."""
    dtype = dtypes.standardize(dtype)
    wide = result_type(dtype, "float32")
    bits, _ = _bits(shape, seed)
    # The sum of two, looked up: one addition is all that is rounded, and so the same everywhere.
    table = convert_to_tensor(_half_normal(), wide)
    return cast(take(table, _fraction(bits, 16)) + take(table, bitwise_and(bits, 2**16 - 1)), dtype)


@op(floating, shape=shapes_nn.drawn_like, gradient=False)
def random_gamma(alpha: Tensor, seed):
    """Gamma-distributed numbers of scale 1, one for each shape parameter in ``alpha``."""
    dtype = dtype_of(alpha)
    wide = result_type(dtype, "float32")
    dims = shape_of(alpha)
    alpha = cast(alpha, wide)
    # Marsaglia and Tsang's rejection, which accepts more than 95 % each time; below 1, a number for alpha + 1
    # is scaled down.
    small = alpha < 1.0
    d = where(small, alpha + 1.0, alpha) - 1.0 / 3.0
    c = 1.0 / sqrt(9.0 * d)

    def attempt(step, result, accepted):
        own = next_round(seed, step)
        x = draw(random_normal, dims, wide, fold_in(own, 1))
        u = draw(random_uniform, dims, wide, fold_in(own, 2))
        v = power(1.0 + c * x, 3)
        safe = where(v > 0.0, v, 1.0)
        fits = logical_and(v > 0.0, log1p(-u) < 0.5 * x * x + d * (1.0 - v + log(safe)))
        result = where(logical_and(fits, logical_not(accepted)), d * v, result)
        return step + 1, result, logical_or(accepted, fits)

    start = (zeros((), "int32"), d, zeros_like(small))
    result = while_loop(lambda step, result, accepted: any(logical_not(accepted)), attempt, start, 50)[1]
    u = draw(random_uniform, dims, wide, fold_in(seed, 3))
    return cast(where(small, result * exp(log1p(-u) / alpha), result), dtype)


@op(floating, shape=shapes_nn.drawn_like_both, gradient=False)
def random_binomial(counts: Tensor, probabilities: Tensor, seed):
    """How many of ``counts`` independent trials succeed, each with its ``probabilities``; broadcast, as floats."""
    n, p = counts + zeros_like(probabilities), probabilities + zeros_like(counts)

    # Of n uniform numbers the i-th smallest, b, has a Beta distribution. If b <= p, then i of them are below p and
    # the rest lie evenly above b; else those below b decide. Either way about half of the trials remain.
    def halve(step, n, p, successes):
        own = next_round(seed, step * 1000)  # apart from the rounds within
        i = floor(n / 2.0) + 1.0
        b = draw(random_beta, i, maximum(n + 1.0 - i, 1.0), own)
        below = b <= p
        active = n > 0.0
        successes = where(logical_and(active, below), successes + i, successes)
        above = maximum(1.0 - b, 1e-30)
        p = where(below, clip((p - b) / above, 0.0, 1.0), clip(p / maximum(b, 1e-30), 0.0, 1.0))
        n = where(active, where(below, n - i, i - 1.0), n)
        return step + 1, n, p, successes

    start = (zeros((), "int32"), n, p, zeros_like(n))
    return while_loop(lambda step, n, p, successes: any(n > 0.0), halve, start)[3]


# -- composed of these


@op(floating, gradient=False)
def random_beta(alpha: Tensor, beta: Tensor, seed):
    """Beta-distributed numbers, one for each pair of parameters."""
    x = draw(random_gamma, alpha + zeros_like(beta), fold_in(seed, 1000))
    y = draw(random_gamma, beta + zeros_like(alpha), fold_in(seed, 2000))
    return x / (x + y)


@op(shape=shapes_nn.drawn, gradient=False)
def random_truncated_normal(shape, dtype, seed):
    """Standard normal numbers, given that they lie within two standard deviations."""
    dtype = dtypes.standardize(dtype)
    wide = result_type(dtype, "float32")
    # Draw again what lies outside: 5 % each time, and after ten times none to speak of.
    x = draw(random_normal, shape, wide, seed)
    for i in range(1, 10):
        x = where(absolute(x) > 2.0, draw(random_normal, shape, wide, fold_in(seed, i)), x)
    return cast(clip(x, -2.0, 2.0), dtype)


@op(gradient=False)
def random_integers(shape, minval, maxval, dtype, seed):
    """Integers drawn evenly from ``minval`` to ``maxval`` - 1; these may be tensors."""
    u = draw(random_uniform, shape, "float64", seed)
    low, high = cast(minval, "float64"), cast(maxval, "float64")
    return cast(minimum(floor(low + u * (high - low)), high - 1.0), dtype)


@op(floating, gradient=False)
def random_categorical(logits: Tensor, num_samples, dtype, seed):
    """``num_samples`` classes for each row of ``logits`` (batch, classes)."""
    batch, classes = shape_of(logits)
    wide = result_type(dtype_of(logits), "float32")
    u = draw(random_uniform, (batch, num_samples, classes), wide, seed)
    gumbel = -log(-log(maximum(u, 1e-30)))
    return cast(argmax(expand_dims(cast(logits, wide), 1) + gumbel, axis=-1), dtype)


@op(floating)
def random_dropout(x: Tensor, rate, noise_shape, seed):
    """Set a share ``rate`` of ``x`` to 0 and scale up the rest; ``noise_shape`` broadcasts where it has 1."""
    dims = shape_of(x)
    if noise_shape is not None:
        dims = tuple(dim if own is None else own for dim, own in zip(dims, noise_shape, strict=True))
    dtype = dtype_of(x)
    keep = draw(random_uniform, dims, result_type(dtype, "float32"), seed) >= rate
    return x * (cast(keep, dtype) * (1.0 / (1.0 - rate)))


@op
def random_shuffle(x: Tensor, axis, seed):
    """The slices of ``x`` along ``axis``, in random order."""
    order = draw(random_uniform, (shape_of(x)[axis],), "float32", seed)
    return take(x, argsort(order), axis=axis)
