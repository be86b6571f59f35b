"""What a layer holds: found by looking at its attributes when asked, so there is nothing to keep in step."""

# Attributes that are bookkeeping: what they refer to does not belong to the layer.
_NOT_HELD = frozenset(
    ("_nodes", "_constructed_with", "_losses", "_plan", "_variables", "_build_shapes", "_loss_tracker")
)
_PLAIN = frozenset((bool, int, float, str, bytes, type(None)))  # what most attributes are


def held(holder, kind):
    """The instances of ``kind`` in the attributes of ``holder``, in lists, tuples and dicts too, each once."""
    found = {}
    for name, value in holder.__dict__.items():
        if type(value) not in _PLAIN and name not in _NOT_HELD:
            _search(value, kind, found)
    return list(found.values())


def _search(value, kind, found):
    if isinstance(value, kind):
        found[id(value)] = value
    elif isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, (str, bytes, int, float)):
                break  # a list of plain data
            _search(item, kind, found)
    elif isinstance(value, dict):
        for item in value.values():
            _search(item, kind, found)


def seeds(layer):
    """The seed generators that ``layer`` holds."""
    from kbridge.random import SeedGenerator

    return held(layer, SeedGenerator)
