"""64-bit dtypes, without switching the whole process to them.

With its flag ``enable_x64`` JAX makes everyone's default dtypes and index arithmetic 64-bit. So the flag
stays as the user has it. 64-bit dtypes that are asked for by name are allowed, and the flag is on only
while an op, or the way back through one, computes with such, in this thread: JAX's own functions need it.
"""

from functools import wraps

import jax
import numpy as np

from kbridge.backend.frame import get_frame

NAMES = frozenset(("float64", "int64", "uint64", "complex128"))
DTYPES = frozenset(map(np.dtype, NAMES))

if not hasattr(jax, "enable_x64"):
    raise ImportError(
        f"The JAX backend needs JAX 0.8 or newer. Found: {jax.__version__}. Write: pip install --upgrade jax"
    )
jax.config.update("jax_explicit_x64_dtypes", "allow")

entries = 0  # how often 64 bits were asked for: tells whether something in between needed them


def scope():
    """Inside, 64-bit dtypes are what they say."""
    global entries
    entries += 1
    return jax.enable_x64(True)


_by_default = bool(jax.config.jax_enable_x64)


def default():
    """Inside, the flag is as the user had it."""
    return jax.enable_x64(_by_default)


def inside(function):
    """``function``, always run with 64 bits on: JAX lowers some operations only when a whole program is compiled."""

    def run(*args):
        with scope():
            return function(*args)

    return run


def is_wide(x):
    """Whether ``x`` is a tensor or the name of a 64-bit dtype, or a list that holds such."""
    kind = type(x)
    if kind is str:
        return x in NAMES
    if kind is list or kind is tuple:
        return any(map(is_wide, x))
    return getattr(x, "dtype", None) in DTYPES


def scoped(function, device):
    """``function`` run with 64 bits on where an argument has them, and on the device asked for.

    ``device(name)`` finds JAX's device of that name.
    """

    @wraps(function)
    def run(*args, **kwargs):
        frame = get_frame()
        if frame.device is not None:
            with jax.default_device(device(frame.device)):
                return guarded(args, kwargs)
        return guarded(args, kwargs)

    def guarded(args, kwargs):
        for x in args:
            if is_wide(x):
                break
        else:
            if not kwargs or not any(map(is_wide, kwargs.values())):
                return function(*args, **kwargs)
        with scope():
            return function(*args, **kwargs)

    return run
