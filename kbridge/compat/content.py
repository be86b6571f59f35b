"""Packages of an older generation that hold the names of their modules: how these, and later names, are found."""

import sys
from importlib import import_module

from kbridge.compat.paths import MOVED


def parts_of(package, newer):
    """``__getattr__`` and ``__dir__`` of a package: its modules of that time, then what the module ``newer`` has."""
    generation, _, own = package.removeprefix("kbridge.compat.").partition(".")
    modules = sorted(path[len(own) + 1 :] for path in MOVED[generation] if path.startswith(f"{own}."))

    def find(name):
        if name in modules:
            return import_module(f"{package}.{name}")
        if not name.startswith("_"):
            found = getattr(import_module(newer), name, None)
            if found is not None:
                return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listed():
        return sorted({*vars(sys.modules[package]), *modules})

    return find, listed
