"""Parts of a package that are imported when they are first asked for."""

import sys
from importlib import import_module


def later(package, modules=(), names=None):
    """``__getattr__`` and ``__dir__`` of a package, for its ``modules`` and for ``names``, by module."""
    homes = {name: module for module, own in (names or {}).items() for name in own}

    def find(name):
        if name in modules:
            return import_module(f"{package}.{name}")
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed():
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return find, listed
