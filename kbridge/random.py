"""Random numbers: the names of ``keras.random``.

``seed`` is an int (the same numbers at each call), a ``SeedGenerator`` (new ones at each call), or None for the
global generator, which ``set_random_seed`` starts anew.
"""

import random as python_random
from functools import wraps

import numpy as np

from kbridge.backend import dtypes, seeds
from kbridge.backend.symbolic import KerasTensor, Node, output_symbols
from kbridge.objects import publish
from kbridge.ops import random as draws
from kbridge.ops.arrays import broadcast_to
from kbridge.ops.core import convert_to_tensor
from kbridge.ops.math import add, multiply
from kbridge.ops.random import draw, is_portable, set_portable
from kbridge.ops.seeding import SeedGenerator, draw_seed, restart

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "is_portable",
    "normal",
    "randint",
    "set_portable",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]

publish("keras.random", SeedGenerator)


def set_random_seed(seed):
    """Start every stream anew from ``seed``: kbridge's, Python's and NumPy's."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ValueError(f"set_random_seed takes an int. Received: seed={seed!r}.")
    seed = int(seed)
    python_random.seed(seed)
    np.random.seed(seed % 2**32)
    seeds.set_seed(seed)
    restart()


def _graphable(function):
    """Let ``function`` meet symbols: it becomes a node of the graph, so that each run draws anew."""

    @wraps(function)
    def call(*args, **kwargs):
        if any(isinstance(value, KerasTensor) for value in (*args, *kwargs.values())):
            return Node(call, args, kwargs, output_symbols(call, args, kwargs)).outputs
        return function(*args, **kwargs)

    return call


def _dtype(name, dtype, allowed, kind):
    found = dtypes.standardize(dtype)
    if not allowed(found):
        raise ValueError(f"random.{name}: `dtype` must be {kind}. Received: dtype={found!r}.")
    return found


def _float(name, dtype):
    return _dtype(name, dtype, dtypes.is_float, "a float dtype")


def _scaled(x, scale, offset, dtype):
    """x * scale + offset, leaving out what does nothing."""
    if not (isinstance(scale, (int, float)) and scale == 1):
        x = multiply(x, _parameter(scale, dtype))
    if not (isinstance(offset, (int, float)) and offset == 0):
        x = add(x, _parameter(offset, dtype))
    return x


def _parameter(value, dtype):
    return float(value) if isinstance(value, (int, float)) else convert_to_tensor(value, dtype)


@_graphable
def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Floats drawn evenly from [minval, maxval)."""
    dtype = _float("uniform", dtype)
    u = draw(draws.random_uniform, tuple(shape), dtype, draw_seed(seed))
    return _scaled(u, maxval - minval, minval, dtype)


@_graphable
def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed floats."""
    dtype = _float("normal", dtype)
    return _scaled(draw(draws.random_normal, tuple(shape), dtype, draw_seed(seed)), stddev, mean, dtype)


@_graphable
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed floats, none further than two standard deviations from the mean."""
    dtype = _float("truncated_normal", dtype)
    return _scaled(draw(draws.random_truncated_normal, tuple(shape), dtype, draw_seed(seed)), stddev, mean, dtype)


@_graphable
def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Integers drawn evenly from [minval, maxval)."""
    dtype = _dtype("randint", dtype, dtypes.is_int, "an integer dtype")
    minval, maxval = (v if isinstance(v, (int, np.integer)) else convert_to_tensor(v) for v in (minval, maxval))
    return draw(draws.random_integers, tuple(shape), minval, maxval, dtype, draw_seed(seed))


@_graphable
def categorical(logits, num_samples, dtype="int32", seed=None):
    """``num_samples`` class indices for each row of unnormalized log-probabilities (batch, classes)."""
    logits = convert_to_tensor(logits)
    if len(logits.shape) != 2:
        raise ValueError(
            f"random.categorical: `logits` must have the shape (batch, classes). Received: {tuple(logits.shape)}."
        )
    return draw(draws.random_categorical, logits, num_samples, dtypes.standardize(dtype), draw_seed(seed))


@_graphable
def gamma(shape, alpha, dtype=None, seed=None):
    """Gamma-distributed floats of scale 1."""
    dtype = _float("gamma", dtype)
    alpha = broadcast_to(convert_to_tensor(alpha, dtype), tuple(shape))
    return draw(draws.random_gamma, alpha, draw_seed(seed))


@_graphable
def beta(shape, alpha, beta, dtype=None, seed=None):
    """Beta-distributed floats."""
    dtype = _float("beta", dtype)
    parameters = [broadcast_to(convert_to_tensor(value, dtype), tuple(shape)) for value in (alpha, beta)]
    return draw(draws.random_beta, *parameters, draw_seed(seed))


@_graphable
def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of ``counts`` trials succeed, each with probability ``probabilities``."""
    dtype = _float("binomial", dtype)
    parameters = [broadcast_to(convert_to_tensor(value, dtype), tuple(shape)) for value in (counts, probabilities)]
    return draw(draws.random_binomial, *parameters, draw_seed(seed))


@_graphable
def dropout(inputs, rate, noise_shape=None, seed=None):
    """``inputs`` with a share ``rate`` of the entries set to 0, and the others divided by 1 - rate.

    ``noise_shape`` (None in an axis: that of the inputs) says where entries share one fate: in the axes of length 1.
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"random.dropout: `rate` must be between 0 and 1. Received: rate={rate}.")
    inputs = convert_to_tensor(inputs)
    if rate == 0.0:
        return inputs
    if rate == 1.0:
        return multiply(inputs, 0)
    noise_shape = None if noise_shape is None else tuple(noise_shape)
    return draw(draws.random_dropout, inputs, rate, noise_shape, draw_seed(seed))


@_graphable
def shuffle(x, axis=0, seed=None):
    """The slices of ``x`` along ``axis``, in random order."""
    return draw(draws.random_shuffle, convert_to_tensor(x), axis, draw_seed(seed))
