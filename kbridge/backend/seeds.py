"""The host's stream of randomness: initial weights, shuffles and splits, the same for every engine.

One seed and a counter make each draw an independent Philox stream, so results
depend neither on the engine nor on how much earlier draws consumed.
"""

import os
import random
import threading

import numpy as np

_lock = threading.Lock()
_seed = None
_counter = 0
_source = None


def follow(source):
    """Take the keys of draws from ``source``, a function that gives ints; None: from the stream here again."""
    global _source
    _source = source


def set_seed(seed):
    """Start the stream anew from ``seed``; None takes fresh entropy."""
    global _seed, _counter
    with _lock:
        _seed = None if seed is None else int(seed)
        _counter = 0


def current_seed():
    """The seed in force, drawn from the system the first time where none was set."""
    global _seed
    with _lock:
        if _seed is None:
            _seed = int.from_bytes(os.urandom(4), "little")
        return _seed


def next_key():
    """(seed, counter): the key of the next independent draw."""
    global _counter
    if _source is not None:
        return int(_source()), 0
    seed = current_seed()
    with _lock:
        _counter += 1
        return seed, _counter


def get_state():
    """Where the stream is, and those of Python and NumPy, which the user's code may draw from: for ``set_state``."""
    version, numbers, following = random.getstate()
    return {
        "stream": [current_seed(), _counter],
        "python": [version, np.array(numbers, np.uint32), following],
        "numpy": np.random.get_state(legacy=False),
    }


def set_state(state):
    """Go on where ``get_state`` said; where it cannot be so, nothing is changed."""
    global _seed, _counter
    seed, counter = map(int, state["stream"])
    version, numbers, following = state["python"]
    of_python = version, tuple(numbers.tolist()), following
    random.Random().setstate(of_python)
    np.random.RandomState().set_state(state["numpy"])
    with _lock:
        _seed, _counter = seed, counter
    random.setstate(of_python)
    np.random.set_state(state["numpy"])


def generator(key=None):
    """A NumPy Generator for one draw: the next in the stream, or the one of ``key`` (an int or a pair)."""
    seed, counter = next_key() if key is None else key if isinstance(key, tuple) else (int(key), 0)
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, counter % 2**64]))
