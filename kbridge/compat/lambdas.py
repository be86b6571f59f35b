"""The lambdas in models that this process has saved. Files hold no code; what is loaded again here needs none."""

import os

from kbridge.layers import Lambda

_saved = {}  # path -> (the file's time and size, {name of a layer: its function})


def remember(model, path):
    """Keep the functions of the lambdas in a model that has just been saved."""
    found = {
        layer.name: layer.function
        for layer in model._flatten_layers()
        if isinstance(layer, Lambda) and getattr(layer.function, "__name__", None) == "<lambda>"
    }
    if found and isinstance(path, (str, os.PathLike)):
        _saved[os.path.abspath(path)] = _mark(path), found


def of_file(path):
    """The functions of the lambdas in a file, by the names of their layers, if it is as this process has written it."""
    if not isinstance(path, (str, os.PathLike)):
        return {}
    mark, found = _saved.get(os.path.abspath(path), (None, {}))
    return found if found and mark == _mark(path) else {}


def _mark(path):
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
