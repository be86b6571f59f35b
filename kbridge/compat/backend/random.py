"""K functions of random numbers: outside of a computation they are symbols, drawn anew in each run."""

import numpy as np

from kbridge import config, ops, random
from kbridge.backend import dtypes, seeds
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten
from kbridge.compat import computing
from kbridge.compat.backend import graph
from kbridge.compat.backend.calls import dims
from kbridge.compat.backend.values import variable

_streams = {}  # seed -> the generator that goes on with it, for draws inside of computations


def forget_streams():
    """Let every seed begin anew."""
    _streams.clear()


def _draw(function, shape, *args, seed):
    """``function(shape, *args, seed)``, at once or in each run. One seed gives other numbers in each."""
    shape = dims(shape)
    if any(is_symbol(leaf) for leaf in flatten([shape, args])) or not computing.computing():
        args = [graph.lifted(arg) for arg in args]
        return graph.node(function, (shape, *args, None if seed is None else random.SeedGenerator(int(seed))))
    if seed is not None and int(seed) not in _streams:
        _streams[int(seed)] = random.SeedGenerator(int(seed))
    return function(shape, *args, None if seed is None else _streams[int(seed)])


def _dtype(dtype):
    return config.floatx() if dtype is None else dtypes.standardize(dtype)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed numbers."""
    dtype = _dtype(dtype)
    return _draw(
        lambda shape, mean, dev, seed: random.normal(shape, mean, dev, dtype, seed), shape, mean, stddev, seed=seed
    )


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed numbers, none further than two standard deviations from the mean."""
    dtype = _dtype(dtype)

    def draw(shape, mean, dev, seed):
        return random.truncated_normal(shape, mean, dev, dtype, seed)

    return _draw(draw, shape, mean, stddev, seed=seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers drawn evenly from [minval, maxval); whole ones for a dtype of such."""
    dtype = _dtype(dtype)
    draws = random.randint if dtypes.is_int(dtype) else random.uniform
    return _draw(lambda shape, low, high, seed: draws(shape, low, high, dtype, seed), shape, minval, maxval, seed=seed)


def random_binomial(shape, p=0.0, dtype=None, seed=None):
    """1 with the probability ``p``, else 0."""
    dtype = _dtype(dtype)

    def draw(shape, p, seed):
        return ops.cast(ops.less(random.uniform(shape, seed=seed), p), dtype)

    return _draw(draw, shape, p, seed=seed)


def dropout(x, level, noise_shape=None, seed=None):
    """``x`` with a share ``level`` of its items set to 0, and the others made larger to make up for them."""
    noise_shape = None if noise_shape is None else dims(noise_shape)
    if not 0 <= level < 1:
        raise ValueError(f"K.dropout: level must be in [0, 1). Received: level={level!r}.")

    def drop(noise_shape, x, seed):
        return random.dropout(x, level, noise_shape, seed)

    if is_symbol(x) or graph.is_variable(x):
        return _draw(drop, noise_shape, x, seed=seed)
    with computing.running():
        return _draw(drop, noise_shape, x, seed=seed)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A Variable of numbers drawn evenly from [low, high)."""
    return variable(_generator(seed).uniform(low, high, dims(shape)), dtype, name)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A Variable of normally distributed numbers."""
    return variable(_generator(seed).normal(mean, scale, dims(shape)), dtype, name)


def _generator(seed):
    return seeds.generator() if seed is None else np.random.default_rng(int(seed))
