"""Logs and histories that answer to the names of any generation: "acc" and "accuracy", "lr" and "learning_rate"."""

_WORDS = (
    ("acc", "accuracy"),
    ("lr", "learning_rate"),
    ("mse", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("msle", "mean_squared_logarithmic_error"),
)


def other_spellings(name):
    """What older or newer generations call the value ``name``: ["val_accuracy"] of "val_acc"."""
    if not isinstance(name, str):
        return []
    found = []
    for word, other in (*_WORDS, *(pair[::-1] for pair in _WORDS)):
        if name == word or name.endswith(f"_{word}"):
            found.append(name[: len(name) - len(word)] + other)
    return found


class OldLogs(dict):
    """A dict of values by name, which finds each by its other spellings, too.

    It holds, shows and iterates over the names that were put in.
    """

    def __missing__(self, name):
        for other in other_spellings(name):
            if dict.__contains__(self, other):
                return dict.__getitem__(self, other)
        raise KeyError(name)

    def __contains__(self, name):
        return dict.__contains__(self, name) or any(dict.__contains__(self, other) for other in other_spellings(name))

    def get(self, name, default=None):
        try:
            return self[name]
        except KeyError:
            return default

    def copy(self):
        return type(self)(self)
