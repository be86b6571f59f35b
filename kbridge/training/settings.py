"""What compiled functions take for granted: the plain values that layers and the optimizer were made with."""

import inspect
from functools import cache

_PLAIN = (bool, int, float, str, tuple)


@cache
def _arguments(cls):
    return tuple(inspect.signature(cls.__init__).parameters)


def settings_of(objects):
    """The numbers, flags and texts among the attributes that are named like arguments of the constructors.

    They may be set at any time (``layer.rate = 0.2``): where they differ, what was compiled with them is outdated.
    """
    found = []
    for one in objects:
        values = vars(one)
        found.append(id(one))
        found += [value for name in _arguments(type(one)) if type(value := values.get(name)) in _PLAIN]
    return found
