"""Logs: values of metrics by name, fetched from the engine only when somebody looks."""

from collections.abc import Mapping

import numpy as np

from kbridge.backend import registry


def to_floats(logs):
    """Python numbers for the scalars in ``logs``, arrays for the rest."""
    engine = registry.current()

    def number(value):
        if isinstance(value, (int, float)):
            return value
        array = engine.to_numpy(value) if engine.is_tensor(value) else np.asarray(value)
        return array.item() if array.ndim == 0 else array

    return {name: number(value) for name, value in (logs or {}).items()}


class LazyLogs(dict):
    """A dict that is filled when it is first looked into."""

    def __init__(self, fetch):
        super().__init__()
        self._fetch = fetch

    def _fill(self):
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            super().update(fetch())
        return self

    def __getitem__(self, key):
        self._fill()
        return super().__getitem__(key)

    def __iter__(self):
        self._fill()
        return super().__iter__()

    def __len__(self):
        self._fill()
        return super().__len__()

    def __contains__(self, key):
        self._fill()
        return super().__contains__(key)

    def __eq__(self, other):
        self._fill()
        return super().__eq__(other)

    def __ne__(self, other):
        return not self == other

    def __repr__(self):
        self._fill()
        return super().__repr__()

    def __setitem__(self, key, value):
        self._fill()
        super().__setitem__(key, value)

    def __delitem__(self, key):
        self._fill()
        super().__delitem__(key)

    def __or__(self, other):
        return dict(self.items()) | other

    def __reduce__(self):
        return dict, (dict(self.items()),)

    keys = Mapping.keys
    values = Mapping.values
    items = Mapping.items
    get = Mapping.get

    def copy(self):
        return dict(self.items())

    def update(self, *args, **kwargs):
        self._fill()
        super().update(*args, **kwargs)

    def pop(self, *args):
        self._fill()
        return super().pop(*args)

    def setdefault(self, key, default=None):
        self._fill()
        return super().setdefault(key, default)
