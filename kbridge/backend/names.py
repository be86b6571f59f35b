"""Names given to objects that were not named: "dense", "dense_1", ..."""

import re
from collections import defaultdict
from functools import lru_cache

_used = defaultdict(int)


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
