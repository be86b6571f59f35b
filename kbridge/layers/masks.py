"""Masks beside tensors: a side table, since nothing is ever set on an engine's tensor."""

import weakref

_masks = {}  # id(tensor) -> (reference to the tensor, mask)


def remember_mask(tensor, mask):
    """Let ``mask`` go with ``tensor`` for as long as that lives."""
    key = id(tensor)
    try:
        reference = weakref.ref(tensor, lambda _: _masks.pop(key, None))
    except TypeError:  # a tensor that cannot be referred to weakly is kept until the next of its place
        reference = lambda: tensor  # noqa: E731
    _masks[key] = (reference, mask)


def mask_of(tensor):
    """The mask that goes with ``tensor``, or None."""
    if not _masks:
        return None
    entry = _masks.get(id(tensor))
    return entry[1] if entry is not None and entry[0]() is tensor else None
