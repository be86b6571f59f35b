"""Which generation of Keras a program is written for: evidence from its text, weighed."""

import ast
import importlib.util
import os
import sys
from dataclasses import dataclass, field

from kbridge.compat import python2
from kbridge.compat.evidence import ARGUMENTS, ARGUMENTS_OF, METHODS, MODULES, NAMES

_LIMIT_FILES, _LIMIT_BYTES = 40, 2_000_000


def _by_name(rows):
    return {name: (row[0], row[1]) for row in rows for name in row[-1].split()}


_ARGUMENTS, _NAMES, _MODULES, _METHODS = map(_by_name, (ARGUMENTS, NAMES, MODULES, METHODS))
_ARGUMENTS_OF = {
    (function, name): (row[0], row[1]) for row in ARGUMENTS_OF for function in row[2].split() for name in row[3].split()
}


@dataclass
class Evidence:
    """One word, where it stands, and how much it says for which generations."""

    generations: str
    weight: int
    what: str
    line: int
    path: str


@dataclass
class Found:
    """What a program's text says of its generation."""

    generation: int = 2
    evidence: list = field(default_factory=list)
    reason: Evidence | None = None
    main: str | None = None
    old_python: str | None = None

    def __str__(self):
        if self.reason is None:
            return f"Keras {self.generation} (nothing in the program says otherwise)"
        where = "" if self.reason.path == self.main else f"{os.path.basename(self.reason.path)}, "
        return f"Keras {self.generation} ({self.reason.what}, {where}line {self.reason.line})"


def of_file(path):
    """What the program in a file is written for."""
    try:
        return of_source(python2.of_file(os.fspath(path)))
    except OSError:
        return Found()


def of_module(name):
    """The Source of a module that is to be run; None where it has none."""
    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except (ImportError, ValueError, AttributeError):
        return None
    finally:
        del sys.path[0]
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return python2.of_file(spec.origin)


def of_source(source):
    """What a program is written for: its own text, and the modules beside it that it imports."""
    if source is None:
        return Found()
    evidence, waiting, seen, read = [], [source], set(), 0
    while waiting and len(seen) < _LIMIT_FILES and read < _LIMIT_BYTES:
        one = waiting.pop(0)
        if one.path in seen:
            continue
        seen.add(one.path)
        read += len(one.data)
        if one.tree is None:
            continue
        reader = _Reader(one.path)
        reader.visit(one.tree)
        evidence += reader.found
        waiting += _beside(one, reader.imports)
    return weigh(evidence, source.path)


def weigh(evidence, main=None):
    """The generation that the evidence is for.

    What is of today alone counts where there is nothing older: the older generations know newer names, too.
    """
    sums = dict.fromkeys(("1", "12", "2", "23", "3"), 0)
    for one in evidence:
        sums[one.generations] += one.weight
    if sums["3"] and not (sums["1"] or sums["12"] or sums["2"]):
        chosen, speaks = 3, ("3",)
    elif sums["1"] > sums["2"] + sums["23"]:
        chosen, speaks = 1, ("1",)
    else:
        chosen, speaks = 2, ("2", "23", "12")
    own = [one for one in evidence if one.generations in speaks]
    # the strongest word of the program itself, and the first of them
    order = {generations: place for place, generations in enumerate(speaks)}
    reason = min(own, key=lambda one: (-one.weight, order[one.generations], one.path != main, one.line), default=None)
    return Found(chosen, evidence, reason, main)


def _beside(source, names):
    """The modules beside a program that it imports."""
    if source.path[:1] == "<":
        return
    folder = os.path.dirname(os.path.abspath(source.path))
    for name in names:
        place = os.path.join(folder, *name.split("."))
        for path in (f"{place}.py", os.path.join(place, "__init__.py")):
            if os.path.isfile(path) and os.path.getsize(path) < _LIMIT_BYTES:
                yield python2.Source(path, open_bytes(path), main=False)
                break


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


class _Reader(ast.NodeVisitor):
    """Collects evidence and imports from one file."""

    def __init__(self, path):
        self.path, self.found, self.imports = path, [], []
        self.from_keras = {}  # a name in this file -> the path of what it stands for
        self.all_of_keras = False  # whether there is a `from keras... import *`

    def add(self, known, what, node):
        if known is not None:
            self.found.append(Evidence(*known, what, node.lineno, self.path))

    def module(self, path, node, written):
        self.add(_MODULES.get(path), written, node)

    def visit_Import(self, node):
        for alias in node.names:
            if alias.name == "keras" or alias.name.startswith("keras."):
                self.module(alias.name[6:], node, f"import {alias.name}")
                bound = alias.asname or "keras"
                self.from_keras[bound] = alias.name if alias.asname else "keras"
            else:
                self.imports.append(alias.name)

    def visit_ImportFrom(self, node):
        name = node.module or ""
        if node.level or not (name == "keras" or name.startswith("keras.")):
            self.imports.append(name)
            self.imports += [f"{name}.{alias.name}".strip(".") for alias in node.names]
            return
        inner = name[6:]
        self.module(inner, node, f"from {name} import")
        for alias in node.names:
            path = f"{inner}.{alias.name}".strip(".")
            if path in _MODULES and alias.name not in _NAMES:
                self.module(path, node, f"from {name} import {alias.name}")
            elif inner != "backend":
                self.add(_NAMES.get(alias.name), alias.name, node)
            self.from_keras[alias.asname or alias.name] = f"{name}.{alias.name}"
            self.all_of_keras = self.all_of_keras or alias.name == "*"

    def visit_Name(self, node):
        if self.all_of_keras and node.id[0].isupper() and node.id not in self.from_keras:
            self.add(_NAMES.get(node.id), node.id, node)

    def visit_Attribute(self, node):
        path = self._path(node)
        if path is not None and path.startswith("keras."):
            inner = path[6:]
            if inner in _MODULES:
                self.module(inner, node, path)
            elif not inner.startswith("backend."):
                self.add(_NAMES.get(node.attr), node.attr, node)
        self.generic_visit(node)

    def _path(self, node):
        """The dotted path of an expression that begins with a name imported from keras."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.from_keras:
            return None
        return ".".join([self.from_keras[node.id], *reversed(parts)])

    def visit_FunctionDef(self, node):
        self.add(_METHODS.get(node.name), f"def {node.name}", node)
        self.generic_visit(node)

    def visit_Call(self, node):
        function = node.func
        self.visit(function)
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
        if isinstance(function, ast.Attribute):
            self.add(_METHODS.get(name), f".{name}()", node)
        elif self.from_keras.get(name, "").startswith("keras.backend."):
            self.add(_METHODS.get(name), f"{name}()", node)
        for keyword in node.keywords:
            known = _ARGUMENTS_OF.get((name, keyword.arg)) or _ARGUMENTS.get(keyword.arg)
            self.add(known, f"{keyword.arg}=", keyword.value)
        self._form(name, node)
        for inner in (*node.args, *node.keywords):
            self.visit(inner)

    def _form(self, name, node):
        """Calls that are told by their positions."""
        if name in ("Convolution2D", "Conv2D") and len(node.args) >= 3 and _is_number(node.args[1], node.args[2]):
            self.add(("1", 3), f"{name}({', '.join(map(ast.unparse, node.args[:3]))})", node)
        elif (
            name in ("Convolution2D", "Conv2D")
            and len(node.args) >= 2
            and isinstance(node.args[1], (ast.Tuple, ast.List))
        ):
            self.add(("23", 3), f"{name}({', '.join(map(ast.unparse, node.args[:2]))})", node)


def _is_number(*nodes):
    return all(isinstance(node, ast.Constant) and isinstance(node.value, int) for node in nodes)
