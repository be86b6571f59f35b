"""Nested structures: dicts, lists, tuples, named tuples and deques of leaves. All else, None too, is a leaf.

The leaves of a dict come in the order of its sorted keys, those of an OrderedDict in its own.
"""

from collections import OrderedDict, defaultdict, deque


class MAP_TO_NONE:
    """What a function given to ``traverse`` returns to put None in a place (None itself means: go on)."""


def is_nested(structure):
    """Whether ``structure`` is a dict, list, tuple, named tuple or deque."""
    return isinstance(structure, (list, tuple, dict, deque))


def _keys(structure):
    """The keys of a nested structure, in order."""
    if not isinstance(structure, dict):
        return range(len(structure))
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:  # keys of several kinds
        return list(structure)


def _rebuilt(structure, found):
    """A structure like this one, with the items of ``found``, a dict by its keys."""
    kind = type(structure)
    if isinstance(structure, dict):
        items = {key: found[key] for key in structure}
        if isinstance(structure, defaultdict):
            return kind(structure.default_factory, items)
        return items if kind is dict else kind(items)
    items = [found[key] for key in range(len(structure))]
    if isinstance(structure, deque):
        return kind(items, structure.maxlen)
    return kind(*items) if hasattr(structure, "_fields") else kind(items)


def _require_callable(func):
    if not callable(func):
        raise TypeError(f"func must be callable. Received: {func!r} (of type {type(func).__name__}).")


def flatten(structure):
    """The list of the leaves."""
    return [leaf for _, leaf in flatten_with_path(structure)]


def flatten_with_path(structure):
    """The list of pairs (path, leaf). A path is a tuple of keys and indices.

    >>> flatten_with_path([{"foo": 42}])
    [((0, 'foo'), 42)]
    """
    found = []

    def visit(part, path):
        if is_nested(part):
            for key in _keys(part):
                visit(part[key], (*path, key))
        else:
            found.append((path, part))

    visit(structure, ())
    return found


def pack_sequence_as(structure, flat_sequence):
    """The items of ``flat_sequence`` in the places of the leaves of ``structure``: the opposite of ``flatten``."""
    items = list(flat_sequence)
    count = len(flatten(structure))
    if len(items) != count:
        raise ValueError(f"The structure has {count} leaves, but flat_sequence has {len(items)} items: {structure!r}.")
    following = iter(items)
    return _packed(structure, following)


def _packed(structure, following):
    if not is_nested(structure):
        return next(following)
    return _rebuilt(structure, {key: _packed(structure[key], following) for key in _keys(structure)})


def map_structure(func, *structures, none_is_leaf=True):
    """``func`` of corresponding leaves, in a structure like the first.

    Args:
        func: takes as many arguments as there are structures.
        structures: structures of one form.
        none_is_leaf: False leaves each None as it is, without asking ``func``.
    """
    _require_callable(func)
    if not structures:
        raise TypeError("map_structure needs at least one structure.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return _mapped(func, structures[0], structures, none_is_leaf)


def map_structure_up_to(shallow_structure, func, *structures):
    """``func`` of the corresponding parts of ``structures`` that stand where ``shallow_structure`` has leaves.

    >>> map_structure_up_to([None, None], len, [[1, 1], [2, 2, 2]])
    [2, 3]
    """
    _require_callable(func)
    if not structures:
        raise TypeError("map_structure_up_to needs at least one structure.")
    for other in structures:
        _compare(shallow_structure, other, (), whole=False)
    return _mapped(func, shallow_structure, structures, True)


def _mapped(func, shape, structures, none_is_leaf):
    if is_nested(shape):
        found = {
            key: _mapped(func, shape[key], [other[key] for other in structures], none_is_leaf) for key in _keys(shape)
        }
        return _rebuilt(shape, found)
    if not none_is_leaf and all(structure is None for structure in structures):
        return None
    return func(*structures)


def assert_same_structure(a, b, check_types=None):
    """Raise ValueError unless ``a`` and ``b`` are nested in the same way, by the same types (all dicts are one type).

    ``check_types`` has no effect; to compare places only, use ``assert_same_paths``.
    """
    if check_types is not None:
        import warnings

        warnings.warn(
            "assert_same_structure: check_types has no effect. To compare places only, write assert_same_paths(a, b).",
            DeprecationWarning,
            stacklevel=2,
        )
    _compare(a, b, (), whole=True)


def _kind(structure):
    return dict if isinstance(structure, dict) else type(structure)


def _compare(a, b, path, whole):
    """Raise at the first difference; without ``whole``, ``b`` may go deeper than ``a``."""
    if not is_nested(a) and (not whole or not is_nested(b)):
        return
    at = f" at {list(path)}" if path else ""
    if not is_nested(a) or not is_nested(b) or _kind(a) is not _kind(b):
        raise ValueError(f"The two structures differ{at}: {_told(a)} against {_told(b)}.")
    if isinstance(a, dict) and a.keys() != b.keys():
        raise ValueError(f"The two structures differ{at}: the keys {_keys(a)} against {_keys(b)}.")
    if len(a) != len(b):
        raise ValueError(f"The two structures differ{at}: {len(a)} items against {len(b)}.")
    for key in _keys(a):
        _compare(a[key], b[key], (*path, key), whole)


def _told(part):
    return f"a {type(part).__name__}" if is_nested(part) else "a leaf"


def assert_same_paths(a, b):
    """Raise ValueError unless the leaves of ``a`` and ``b`` have the same paths, whatever types lead there."""
    paths, others = [[path for path, _ in flatten_with_path(tree)] for tree in (a, b)]
    if set(paths) != set(others):
        raise ValueError(
            f"The two structures have different paths. Only in the first: {[p for p in paths if p not in others]}. "
            f"Only in the second: {[p for p in others if p not in paths]}."
        )


def traverse(func, structure, top_down=True):
    """Call ``func`` with ``structure``, each part and each leaf; what it returns, unless None, takes that place.

    With ``top_down`` a part comes before what it holds, and one that was replaced is not gone into;
    without, it comes after. ``MAP_TO_NONE`` puts None in a place.
    """
    _require_callable(func)

    def replaced(part):
        found = func(part)
        if found is None:
            return False, part
        return True, None if found is MAP_TO_NONE or isinstance(found, MAP_TO_NONE) else found

    def visit(part):
        if top_down:
            done, part = replaced(part)
            if done:
                return part
        if is_nested(part):
            part = _rebuilt(part, {key: visit(part[key]) for key in _keys(part)})
        return part if top_down else replaced(part)[1]

    return visit(structure)


def lists_to_tuples(structure):
    """The structure with a tuple in place of each list."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func, structure):
    """``func`` of each shape: a list or tuple that holds only ints and Nones."""
    _require_callable(func)

    def visit(part):
        if isinstance(part, (list, tuple)) and all(item is None or isinstance(item, int) for item in part):
            return func(part)
        if is_nested(part):
            return _rebuilt(part, {key: visit(part[key]) for key in _keys(part)})
        raise ValueError(f"A structure of shapes holds tuples of ints and Nones. It holds {part!r}.")

    return visit(structure)
