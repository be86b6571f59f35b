"""Names given to objects that were not named, "dense", "dense_1", ..., and the scopes that paths are made of."""

import re
from collections import defaultdict
from contextvars import ContextVar
from functools import lru_cache

_used = defaultdict(int)
_uids = defaultdict(int)
_scope = ContextVar("kbridge_names", default=("", None))  # the path here, and who opened its last part


@lru_cache(None)
def snake_case(name):
    """``MaxPooling2D`` -> ``max_pooling2d``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    return name if not name.startswith("_") else "private" + name


def unique(prefix):
    """``prefix``, with a number behind it from the second time on."""
    _used[prefix] += 1
    return prefix if _used[prefix] == 1 else f"{prefix}_{_used[prefix] - 1}"


def get_uid(prefix=""):
    """How often this was asked for ``prefix``: 1, 2, ..."""
    _uids[prefix] += 1
    return _uids[prefix]


def forget():
    """Begin to count anew."""
    _used.clear()
    _uids.clear()


def path(name=None):
    """The path of the scope here, or of ``name`` in it."""
    here = _scope.get()[0]
    return here if name is None else f"{here}/{name}" if here else name


class name_scope:
    """Inside, what is created has ``name`` in its path: layers and variables "name/...".

    ``caller`` is whoever opens it: opened again by the same one, the scope stays as it is.
    """

    def __init__(self, name, **kwargs):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"name_scope: name must be a string without '/'. Received: name={name!r}.")
        self.caller = kwargs.pop("caller", None)
        if kwargs:
            raise TypeError(f"name_scope does not know the argument(s) {sorted(kwargs)}.")
        self.name = name
        self._tokens = []

    def __enter__(self):
        here, caller = _scope.get()
        same = self.caller is not None and caller is self.caller
        self._tokens.append(_scope.set((here if same else path(self.name), self.caller)))
        return self

    def __exit__(self, *error):
        _scope.reset(self._tokens.pop())
