"""Seeds for random ops: where the keys and counters come from."""

import numpy as np

from kbridge.backend import registry, seeds
from kbridge.backend.variable import Variable
from kbridge.ops.math import add

_ONE_STEP = np.array([0, 1], "uint32")


class SeedGenerator:
    """A stream of seeds: ``next()`` gives one and moves on.

    Args:
        seed: an int; None takes one from the stream that ``set_random_seed`` starts.
        name: a name.
    """

    _count = 0

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise ValueError(f"SeedGenerator takes seed and name. Received also: {', '.join(kwargs)}.")
        if not (seed is None or isinstance(seed, (int, np.integer))) or isinstance(seed, bool):
            raise ValueError(f"SeedGenerator: `seed` must be an int or None. Received: seed={seed!r}.")
        if name is None:
            name = "seed_generator" if not SeedGenerator._count else f"seed_generator_{SeedGenerator._count}"
            SeedGenerator._count += 1
        self.name = name
        self._initial_seed = seed
        start = _fresh_seed() if seed is None else seed
        self.state = Variable(
            np.array([start % 2**32, 0], "uint32"),
            dtype="uint32",
            trainable=False,
            name="seed_generator_state",
            host=True,
        )
        self.state.path = f"{name}/{self.state.name}"

    def next(self, ordered=True):
        """The next seed, uint32 (key, counter). With ``ordered=False`` the stream need not be a count; here it is."""
        seed = self.state.value
        self.state.assign(seed + _ONE_STEP if isinstance(seed, np.ndarray) else add(seed, _ONE_STEP))
        return seed

    def get_config(self):
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _fresh_seed():
    return int(seeds.generator().integers(2**32))


def _global_seed():
    """The same for the same ``set_random_seed``, however much was drawn since."""
    return int(seeds.generator((seeds.current_seed(), 0)).integers(2**32))


_global_generator = None


def global_seed_generator():
    """The SeedGenerator behind ``seed=None``."""
    global _global_generator
    if _global_generator is None:
        _global_generator = SeedGenerator(_global_seed(), name="global_seed_generator")
    return _global_generator


def restart():
    """Start the global generator anew from the seed in force."""
    if _global_generator is not None:
        _global_generator.state.assign(np.array([_global_seed(), 0], "uint32"))


def draw_seed(seed):
    """``seed`` in any of its forms as the uint32 (key, counter) that the ops take."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        pair = np.array([int(seed) % 2**32, 0], "uint32")
        engine = registry.current()
        return pair if engine.eager else engine.convert(pair)
    if getattr(seed, "shape", None) == (2,):
        return seed
    raise ValueError(
        f"`seed` must be an int, a SeedGenerator or None. Received: seed={seed!r} ({type(seed).__name__})."
    )
