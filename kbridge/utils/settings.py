"""``Config``: settings as attributes, which can be frozen."""

import json
from difflib import get_close_matches


class Config:
    """Named values, read and set as attributes or as items, until ``freeze`` is called.

    config = Config(rate=0.1)
    config.units = 32
    config.freeze()
    """

    _own = ("_values", "_frozen")

    def __init__(self, **kwargs):
        object.__setattr__(self, "_values", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self):
        """Whether changes are refused."""
        return self._frozen

    def freeze(self):
        """Refuse changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self):
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def _changeable(self):
        if self._frozen:
            raise ValueError("This Config is frozen, so it cannot be changed. Call unfreeze() first.")
        return self._values

    def as_dict(self):
        """The values, as a new dict."""
        return dict(self._values)

    def to_json(self):
        """The values, as JSON."""
        return json.dumps(self._values, default=_plain)

    def keys(self):
        return self._values.keys()

    def values(self):
        return self._values.values()

    def items(self):
        return self._values.items()

    def get(self, keyname, value=None):
        """The value of that name, or ``value`` where there is none."""
        return self._values.get(keyname, value)

    def pop(self, *args):
        """Remove a name (with a default for where there is none) and return its value."""
        return self._changeable().pop(*args)

    def update(self, *args, **kwargs):
        """Set many values, as ``dict.update`` does."""
        self._changeable().update(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("__") or name in self._own:
            raise AttributeError(name)
        if name in self._values:
            return self._values[name]
        close = get_close_matches(name, self._values, 1, 0.7)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise AttributeError(f"Config has no entry {name!r}.{hint}")

    def __setattr__(self, name, value):
        if hasattr(type(self), name):
            raise AttributeError(f"{name!r} belongs to Config itself. Write: config[{name!r}] = ...")
        self._changeable()[name] = value

    def __delattr__(self, name):
        if name not in self._changeable():
            raise AttributeError(f"Config has no entry {name!r}.")
        del self._values[name]

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, item):
        self._changeable()[key] = item

    def __delitem__(self, key):
        del self._changeable()[key]

    def __contains__(self, item):
        return item in self._values

    def __iter__(self):
        return iter(sorted(self._values))

    def __len__(self):
        return len(self._values)

    def __eq__(self, other):
        return isinstance(other, Config) and self._values == other._values

    __hash__ = None

    def __getstate__(self):
        return {"_values": self._values, "_frozen": self._frozen}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def __repr__(self):
        return f"<Config {self._values}>"


def _plain(value):
    if isinstance(value, Config):
        return value.as_dict()
    raise TypeError(f"Config.to_json: {value!r} of type {type(value).__name__} has no place in JSON.")
