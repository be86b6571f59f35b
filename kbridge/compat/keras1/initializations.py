"""``keras.initializations`` of Keras 1: functions that make a Variable of a shape."""
# ruff: noqa: F401 (this is an index)

import functools as _functools

from kbridge import initializers as _today
from kbridge.compat import named as _named
from kbridge.compat.initializers import (
    get_fans,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    identity,
    lecun_uniform,
    normal,
    one,
    orthogonal,
    uniform,
    zero,
)

_own = {name: member for name, member in _named.public(globals()).items() if hasattr(member, "for_layers")}
_family = _named.extended(_today._family, {**_own, "zeros": zero, "ones": one})


def get(identifier, **kwargs):
    """The initialization for a name (with ``kwargs`` for its arguments) or a function."""
    found = _family.get(identifier)
    if not kwargs:
        return found
    made = _functools.partial(found, **kwargs)
    if hasattr(found, "for_layers"):
        own = {key: value for key, value in kwargs.items() if key == "scale"}
        made.for_layers = _functools.partial(found.for_layers, **own)
    return made


__getattr__ = _named.otherwise(__name__, "kbridge.compat.keras2.initializers")
