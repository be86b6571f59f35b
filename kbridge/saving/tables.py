"""The vocabularies of lookup layers in folders of tf.keras: constants of the graph that fills a table, or its file.

The graph is not run. From the object of a table the way goes to the function that fills it, and from there to the
two constants, keys and values, that it is bound to.
"""

import numpy as np

from kbridge.layers.preprocessing.lookup import IndexLookup
from kbridge.layers.preprocessing.text import TextVectorization
from kbridge.saving.errors import CorruptFileError
from kbridge.saving.protobuf import Fields

_LARGEST_MODEL = 256 << 20
_LARGEST_ASSET = 64 << 20
_MODEL = "saved_model.pb"
_NAMES = ("lookup_table", "_table")
_DTYPES = {3: "int32", 7: "string", 9: "int64"}
_OF_NODE = {5: "asset", 6: "function", 9: "constant"}


def lookup_in(layer):
    """The lookup that ``layer`` is, or has in it; None if it is another."""
    if isinstance(layer, TextVectorization):
        return layer._lookup_layer
    return layer if isinstance(layer, IndexLookup) else None


class Tables:
    """The tables in saved_model.pb of a ``Folder``."""

    def __init__(self, folder):
        self.folder, self.name = folder, folder.name
        self.fields = Fields(self.name, _MODEL)
        of = self.fields.messages
        graph = next(of(memoryview(folder.read(_MODEL, _LARGEST_MODEL)), 2), b"")
        self.nodes, self.bound, self.constants, self.assets = [], {}, {}, []
        for number, part in self.fields.of(graph):
            if number == 2:
                self.constants.update(self._constants(part))
            elif number == 6:
                self.assets.append(self.fields.text(dict(self.fields.of(part)).get(2, b"")))
            elif number == 7:
                for inner, value in self.fields.of(part):
                    if inner == 1:
                        self.nodes.append(self._node(value))
                    elif inner == 2:
                        told = dict(self.fields.of(value))
                        self.bound[self.fields.text(told.get(1, b""))] = self._bound(told.get(2, b""))

    def _node(self, data):
        """(children by their names, kind, what is said of it)."""
        children, kind, about = {}, None, b""
        for number, part in self.fields.of(data):
            if number == 1:
                told = dict(self.fields.of(part))
                children[self.fields.text(told.get(2, b""))] = self.fields.number(told.get(1, 0))
            elif number in _OF_NODE:
                kind, about = _OF_NODE[number], part
        return children, kind, about

    def _bound(self, data):
        """The objects that a function is bound to."""
        found = []
        for number, value in self.fields.of(data):
            if number == 2 and isinstance(value, int):
                found.append(value)
            elif number == 2:
                at = 0
                while at < len(value):
                    one, at = self.fields.varint(value, at)
                    found.append(one)
        return found

    def _constants(self, graph):
        """The constants of a graph, not yet read, by their names."""
        for node in self.fields.messages(graph, 1):
            told, value = {}, None
            for number, part in self.fields.of(node):
                if number in (1, 2):
                    told[number] = self.fields.text(part)
                elif number == 5 and told.get(2) == "Const":
                    attribute = dict(self.fields.of(part))
                    if self.fields.text(attribute.get(1, b"")) == "value":
                        value = dict(self.fields.of(attribute.get(2, b""))).get(8)
            if value is not None:
                yield told.get(1, ""), value

    def _array(self, data):
        """A constant as a list of ints or texts."""
        told = {}
        for number, value in self.fields.of(data):
            told.setdefault(number, []).append(value)
        dtype = _DTYPES.get(told.get(1, [0])[0])
        shape = [dict(self.fields.of(d)).get(1, 0) for part in told.get(2, ()) for d in self.fields.messages(part, 2)]
        if dtype is None or len(shape) != 1:
            raise self._corrupt("a table is filled with what is no list of texts or whole numbers.")
        if dtype == "string":
            found = [self.fields.text(value) for value in told.get(8, ())]
        elif told.get(4):
            raw = bytes(self.fields.bytes(told[4][0]))
            found = np.frombuffer(raw[: len(raw) // 8 * 8] if dtype == "int64" else raw, dtype).tolist()
        else:
            found = []
            for value in told.get(10 if dtype == "int64" else 7, ()):
                at = 0
                while not isinstance(value, int) and at < len(value):
                    one, at = self.fields.varint(value, at)
                    found.append(one)
                found += [value] if isinstance(value, int) else []
            found = [value - (value >> 63 << 64) for value in found]
        if len(found) == 1 and len(found) < shape[0] <= 1 << 24:
            found = found * shape[0]  # one value stands for all
        if len(found) != shape[0]:
            raise self._corrupt(f"a table's constant is said to have {shape[0]:,} values, and has {len(found):,}.")
        return found

    def _corrupt(self, why):
        return CorruptFileError(self.name, _MODEL, why)

    def _child(self, node, *names):
        """The node in ``node`` that has one of these names, or None."""
        children = self.nodes[node][0] if node is not None and node < len(self.nodes) else {}
        found = next((children[name] for name in names if name in children), None)
        return found if found is not None and found < len(self.nodes) else None

    def tokens(self, path, lookup):
        """The vocabulary of the lookup whose object is at ``path``, a list of names; None where there is no table."""
        node = 0 if self.nodes else None
        for name in path:
            node = self._child(node, name)
        fill = self._child(self._child(node, *_NAMES), "_initialize")
        if fill is None or self.nodes[fill][1] != "function":
            return None
        name = next(self.fields.messages(self.nodes[fill][2], 1), None)
        bound = self.bound.get("" if name is None else self.fields.text(name), [])
        given = [self.nodes[number] for number in bound if number < len(self.nodes)]
        files = [about for _, kind, about in given if kind == "asset"]
        constants = [dict(self.fields.of(about)).get(1, b"") for _, kind, about in given if kind == "constant"]
        if files:
            return self._lines(files[0], lookup)
        if len(constants) != 2:
            return None
        keys, values = (self._array(self.constants.get(self.fields.text(c).split(":")[0], b"")) for c in constants)
        if len(keys) != len(values):
            raise self._corrupt(f"a table has {len(keys):,} keys, and {len(values):,} values.")
        pairs = sorted(zip(keys, values) if lookup.invert else zip(values, keys))
        return [token for _, token in pairs]

    def _lines(self, about, lookup):
        """A vocabulary in a file of the folder, a token on each line."""
        number = dict(self.fields.of(about)).get(1, 0)
        name = self.assets[number] if isinstance(number, int) and number < len(self.assets) else ""
        if not name or name in (".", "..") or "/" in name or "\\" in name:
            raise self._corrupt(f"{name[:80]!r} is no name of a file in assets.")
        text = self.folder.read(f"assets/{name}", _LARGEST_ASSET)
        try:
            lines = str(text, "utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError:
            raise CorruptFileError(self.name, f"assets/{name}", "it is no UTF-8.") from None
        return [lookup._token(line) for line in lines]
