"""kbridge.tree, by its own promises and against keras.tree."""

import random
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from kbridge import tree

Point = namedtuple("Point", ["x", "y"])
NAMES = (
    "MAP_TO_NONE assert_same_paths assert_same_structure flatten flatten_with_path is_nested lists_to_tuples "
    "map_shape_structure map_structure map_structure_up_to pack_sequence_as traverse"
).split()


def counting(start=0):
    """A structure of every kind, its leaves numbered."""
    n = iter(range(start, start + 100))
    return {
        "b": [next(n), (next(n),), Point(next(n), [next(n)])],
        "a": OrderedDict(z=next(n), y={}),
        "c": defaultdict(list, k=deque([next(n), None], maxlen=5)),
    }


def same(a, b):
    """Whether two structures are equal in values and types."""
    tree.assert_same_structure(a, b)
    return a == b and repr(a) == repr(b)


def test_flatten_goes_by_sorted_keys_and_an_ordered_dict_by_its_own():
    assert tree.flatten({100: "world!", 6: "Hello"}) == ["Hello", "world!"]
    assert tree.flatten(OrderedDict([(100, "world!"), (6, "Hello")])) == ["world!", "Hello"]
    assert tree.flatten(None) == [None] and tree.flatten(1) == [1] and tree.flatten([]) == []
    assert tree.flatten_with_path([{"foo": 42}, Point(1, 2)]) == [((0, "foo"), 42), ((1, 0), 1), ((1, 1), 2)]


def test_pack_is_the_opposite_of_flatten():
    structure = counting()
    assert same(tree.pack_sequence_as(structure, tree.flatten(structure)), structure)
    assert tree.pack_sequence_as("leaf", [3]) == 3
    assert tree.pack_sequence_as(structure, range(7))["c"]["k"].maxlen == 5
    with pytest.raises(ValueError, match="has 2 leaves, but flat_sequence has 3 items"):
        tree.pack_sequence_as([0, 0], [1, 2, 3])
    with pytest.raises(ValueError, match="has 2 leaves, but flat_sequence has 1 items"):
        tree.pack_sequence_as([0, 0], [1])
    with pytest.raises(TypeError):
        tree.pack_sequence_as([0], 1)


def test_map_structure():
    assert tree.map_structure(lambda x, y: x * y, [[1], (2,)], [[3], (4,)]) == [[3], (8,)]
    assert tree.map_structure(lambda v: v * 2, Point(1, 2)) == Point(2, 4)
    assert tree.map_structure(lambda v: 0, [None, 1], none_is_leaf=False) == [None, 0]
    assert tree.map_structure(lambda v: 0, [None, 1]) == [0, 0]
    assert tree.map_structure(lambda v: 0, None, none_is_leaf=False) is None
    made = tree.map_structure(lambda v: v, counting())
    assert same(made, counting()) and made["c"].default_factory is list
    with pytest.raises(ValueError, match=r"differ at \[0\]: a list against a leaf"):
        tree.map_structure(lambda x, y: x, [[1]], [1])
    with pytest.raises(TypeError, match="at least one structure"):
        tree.map_structure(len)
    with pytest.raises(TypeError, match="func must be callable. Received: 3"):
        tree.map_structure(3, [1])


def test_map_structure_up_to():
    assert tree.map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]]) == ["[1, 1]", ["2", "2"]]
    assert tree.map_structure_up_to({"a": 0}, lambda x, y: x + y, {"a": [1]}, {"a": [2]}) == {"a": [1, 2]}
    with pytest.raises(ValueError, match=r"differ at \[0\]: a list against a leaf"):
        tree.map_structure_up_to([[None]], str, [1])


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ([1], (1,), "a list against a tuple"),
        ([1], [1, 2], "1 items against 2"),
        ({"a": 1}, {"b": 1}, "the keys \\['a'\\] against \\['b'\\]"),
        ([{"a": [1]}], [{"a": 1}], "at \\[0, 'a'\\]: a list against a leaf"),
        (1, [1], "a leaf against a list"),
        (Point(1, 2), (1, 2), "a Point against a tuple"),
    ],
)
def test_structures_that_differ(a, b, text):
    with pytest.raises(ValueError, match=text):
        tree.assert_same_structure(a, b)


def test_structures_that_do_not():
    tree.assert_same_structure({"a": 1}, OrderedDict(a=2))
    tree.assert_same_structure(defaultdict(int, a=1), {"a": 2})
    with pytest.warns(DeprecationWarning, match="check_types has no effect"):
        tree.assert_same_structure([1], [2], check_types=False)
    tree.assert_same_paths([0, 1], (2, 3))
    tree.assert_same_paths(Point(0, 1), [2, 3])
    with pytest.raises(ValueError, match=r"Only in the first: \[\(1,\)\]. Only in the second: \[\]"):
        tree.assert_same_paths([0, 1], [0])


def test_traverse():
    seen = []
    structure = [(1, 2), [3], {"a": 4}]
    assert tree.traverse(seen.append, structure) == structure
    assert seen == [structure, (1, 2), 1, 2, [3], 3, {"a": 4}, 4]
    seen.clear()
    tree.traverse(seen.append, structure, top_down=False)
    assert seen == [1, 2, (1, 2), 3, [3], 4, {"a": 4}, structure]
    assert tree.traverse(lambda p: "T" if isinstance(p, tuple) else None, structure) == ["T", [3], {"a": 4}]
    assert tree.traverse(lambda p: tree.MAP_TO_NONE if p == 3 else None, structure) == [(1, 2), [None], {"a": 4}]
    with pytest.raises(TypeError, match="func must be callable"):
        tree.traverse(None, structure)


def test_lists_to_tuples_and_shapes():
    assert tree.lists_to_tuples([1, [2, {"a": [3]}], Point([1], 2)]) == (1, (2, {"a": (3,)}), Point((1,), 2))
    assert tree.map_shape_structure(len, {"a": (None, 3), "b": [(1, 2, 3), ()]}) == {"a": 2, "b": [3, 0]}
    assert tree.map_shape_structure(tuple, [1, None]) == (1, None)
    with pytest.raises(ValueError, match="holds 'x'"):
        tree.map_shape_structure(tuple, ["x"])


def _drawn(draw, depth=0):
    kind = draw.randrange(6) if depth < 3 else 5
    if kind == 5:
        return draw.choice([1, "s", None, 2.5])
    items = [_drawn(draw, depth + 1) for _ in range(draw.randrange(1, 4))]
    if kind == 0:
        return {draw.choice("abcdef") + str(i): item for i, item in enumerate(items)}
    if kind == 1:
        return OrderedDict((draw.choice("abcdef") + str(i), item) for i, item in enumerate(items))
    if kind == 2:
        return Point(items[0], items[-1])
    return items if kind == 3 else tuple(items)


def _visits(found, structure, top_down):
    seen = []
    found.traverse(lambda part: seen.append(repr(part)), structure, top_down)
    return seen


def test_the_same_as_keras():
    theirs = pytest.importorskip("oracle").keras.tree
    draw = random.Random(0)
    for _ in range(200):
        structure = _drawn(draw)
        assert tree.is_nested(structure) == theirs.is_nested(structure)
        assert tree.flatten(structure) == theirs.flatten(structure)
        assert tree.flatten_with_path(structure) == theirs.flatten_with_path(structure)
        for none_is_leaf in (True, False):
            ours, reference = (
                found.map_structure(lambda leaf: [leaf], structure, none_is_leaf=none_is_leaf)
                for found in (tree, theirs)
            )
            assert same(ours, reference)
        numbers = list(range(len(tree.flatten(structure))))
        assert same(tree.pack_sequence_as(structure, numbers), theirs.pack_sequence_as(structure, numbers))
        assert same(tree.lists_to_tuples(structure), theirs.lists_to_tuples(structure))
        for top_down in (True, False):
            assert _visits(tree, structure, top_down) == _visits(theirs, structure, top_down)
        other = _drawn(draw)
        for name in ("assert_same_structure", "assert_same_paths"):
            raised = []
            for found in (tree, theirs):
                try:
                    getattr(found, name)(structure, other)
                    raised.append(False)
                except ValueError:
                    raised.append(True)
            assert raised[0] == raised[1], (name, structure, other)


def test_every_name_is_there():
    assert [name for name in NAMES if not hasattr(tree, name)] == []
