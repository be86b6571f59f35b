"""Nested structures: dicts, lists, tuples and named tuples of leaves."""


def _is_named_tuple(tree):
    return isinstance(tree, tuple) and hasattr(tree, "_fields")


def _keys(tree):
    try:
        return sorted(tree)
    except TypeError:
        return list(tree)


def is_nested(tree):
    return isinstance(tree, (list, tuple, dict))


def flatten(tree):
    """The leaves of ``tree``, left to right; dicts in the order of their sorted keys."""
    leaves = []
    _flatten(tree, leaves)
    return leaves


def _flatten(tree, leaves):
    if isinstance(tree, dict):
        for key in _keys(tree):
            _flatten(tree[key], leaves)
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            _flatten(item, leaves)
    else:
        leaves.append(tree)


def map_structure(fn, tree, *others):
    """``fn`` of corresponding leaves, in a structure like ``tree``."""
    if not others:
        return _map(fn, tree)
    if isinstance(tree, dict):
        mapped = {key: map_structure(fn, tree[key], *(other[key] for other in others)) for key in tree}
        return _rebuild_dict(tree, mapped)
    if isinstance(tree, (list, tuple)):
        for other in others:
            if len(other) != len(tree):
                raise ValueError(f"The structures differ: {len(tree)} items against {len(other)}.")
        items = [map_structure(fn, *parts) for parts in zip(tree, *others)]
        return type(tree)(*items) if _is_named_tuple(tree) else type(tree)(items)
    return fn(tree, *others)


def _map(fn, tree):
    kind = type(tree)  # the plain kinds first: every step of training comes this way
    if kind is tuple:
        return tuple([_map(fn, item) for item in tree])
    if kind is list:
        return [_map(fn, item) for item in tree]
    if kind is dict:
        return {key: _map(fn, item) for key, item in tree.items()}
    if isinstance(tree, dict):
        return _rebuild_dict(tree, {key: _map(fn, item) for key, item in tree.items()})
    if isinstance(tree, (list, tuple)):
        items = [_map(fn, item) for item in tree]
        return kind(*items) if _is_named_tuple(tree) else kind(items)
    return fn(tree)


def _rebuild_dict(like, mapped):
    if type(like) is dict:
        return mapped
    if hasattr(like, "default_factory"):
        return type(like)(like.default_factory, mapped)
    return type(like)(mapped)


def pack(structure, leaves):
    """``leaves`` (in the order ``flatten`` gives them) put in the places of the leaves of ``structure``."""
    return _pack(structure, iter(leaves))


def _pack(structure, leaves):
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in _keys(structure)}
        return _rebuild_dict(structure, {key: packed[key] for key in structure})
    if isinstance(structure, (list, tuple)):
        items = [_pack(item, leaves) for item in structure]
        return type(structure)(*items) if _is_named_tuple(structure) else type(structure)(items)
    return next(leaves)
