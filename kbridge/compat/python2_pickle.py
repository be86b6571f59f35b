"""``pickle`` for programs of Python 2: their texts are bytes, and their files may be open for text."""

import pickle
from pickle import *  # noqa: F403


def load(file, **options):
    options.setdefault("encoding", "latin1")
    return pickle.load(getattr(file, "buffer", file), **options)


def loads(data, **options):
    options.setdefault("encoding", "latin1")
    return pickle.loads(data.encode("latin1") if isinstance(data, str) else data, **options)


def dump(value, file, protocol=None, **options):
    pickle.dump(value, getattr(file, "buffer", file), protocol, **options)
