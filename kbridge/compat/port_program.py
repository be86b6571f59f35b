"""The text of an old program, its names, and what they are today: what ``port`` works on."""

import ast
import builtins
import importlib
import inspect

from kbridge.compat import alias
from kbridge.compat import port_tables as tables
from kbridge.compat.port_values import home_of, is_module, named


class Program(ast.NodeVisitor):
    """A program, and the edits that are to be made to it."""

    def __init__(self, text, tree, generation):
        self.tree, self.generation = tree, generation
        self.data = text.encode()
        self.starts = [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.edits, self.left = [], set()  # edits: (start, end, new text), over bytes
        self.package = alias.GENERATIONS[generation]
        self.paths = {}  # a name in the program -> what it stands for: a path below keras, or "" for keras itself
        self.models = set()  # the names that hold models
        self._read_names()

    def edited(self):
        """The text with all edits made."""
        return self.now(0, len(self.data))

    # -- places in the text

    def at(self, line, column):
        return self.starts[line - 1] + column

    def span(self, node):
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def now(self, start, end):
        """The text of a span, with the edits inside it made."""
        data, shift = self.data[start:end], start
        for a, b, new in sorted((e for e in self.edits if start <= e[0] and e[1] <= end), reverse=True):
            data = data[: a - shift] + new.encode() + data[b - shift :]
        return data.decode()

    def replace(self, start, end, new):
        self.edits = [e for e in self.edits if not (start <= e[0] and e[1] <= end)]
        if new.encode() != self.data[start:end]:
            self.edits.append((start, end, new))

    def leave(self, node, why):
        self.left.add((node.lineno, why))

    # -- names

    def _read_names(self):
        """What the names of the program stand for, of those that are bound once, by an import from keras."""
        bound = {}
        for node in ast.walk(self.tree):
            names = []
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names = [node.id]
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = [node.name]
            elif isinstance(node, ast.arg):
                names = [node.arg]
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [(a.asname or a.name).partition(".")[0] for a in node.names]
            for name in names:
                bound.setdefault(name, []).append(node)
        stars = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for a in node.names:
                    if a.name == "keras" or a.name.startswith("keras."):
                        path = a.name[6:] if a.asname else ""
                        self.paths.setdefault(a.asname or "keras", set()).add(path)
            elif isinstance(node, ast.ImportFrom) and self.is_keras(node):
                for a in node.names:
                    if a.name == "*":
                        stars.append(node.module[6:])
                    else:
                        path = f"{node.module[6:]}.{a.name}".strip(".")
                        self.paths.setdefault(a.asname or a.name, set()).add(path)
        imports = (ast.Import, ast.ImportFrom)
        self.paths = {
            name: next(iter(found))
            for name, found in self.paths.items()
            if len(found) == 1 and all(isinstance(node, imports) for node in bound[name])
        }
        used = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)} - set(bound)
        for module in stars:
            found = self._old_module(module)
            for name in used & set(dir(found) if found is not None else ()):
                if not name.startswith("_") and name not in dir(builtins):
                    self.paths.setdefault(name, f"{module}.{name}".strip("."))
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self._read_models()

    def _read_models(self):
        """The names that hold models, as far as assignments show."""
        makers = {"Sequential", "Model", "load_model", "model_from_json"}

        def makes(node):
            if not isinstance(node, ast.Call):
                return False
            path = self.path_of(node.func)
            return (path is not None and path.rpartition(".")[2] in makers) or (
                isinstance(node.func, ast.Name) and node.func.id in functions
            )

        functions = set()
        for _ in range(2):
            values = {}
            for node in ast.walk(self.tree):
                if isinstance(node, ast.Assign):
                    for target in node.targets:
                        if isinstance(target, ast.Name):
                            values.setdefault(target.id, []).append(node.value)
            self.models = {name for name, found in values.items() if found and all(map(makes, found))}
            for node in ast.walk(self.tree):
                if isinstance(node, ast.FunctionDef):
                    returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
                    if returns and all(
                        makes(value) or (isinstance(value, ast.Name) and value.id in self.models) for value in returns
                    ):
                        functions.add(node.name)

    @staticmethod
    def is_keras(node):
        return not node.level and (node.module == "keras" or (node.module or "").startswith("keras."))

    def path_of(self, node):
        """The path below keras that an expression names, or None."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.paths:
            return None
        return ".".join(part for part in [self.paths[node.id], *reversed(parts)] if part)

    def _old_module(self, path):
        try:
            return importlib.import_module(f"{self.package}.{path}" if path else self.package)
        except ImportError:
            return None

    def old(self, path):
        """What the path was in its generation; None if it was nothing."""
        module, _, name = path.rpartition(".")
        found = self._old_module(module)
        return getattr(found, name, None) if found is not None else None

    def today(self, path):
        """Today's path for an old one; None if there is none."""
        if path == "" or path == "backend":
            return path
        if path in tables.MODULES:
            return tables.MODULES[path]
        module, _, name = path.rpartition(".")
        module = tables.MODULES.get(module, module)
        if module == "backend":
            return None
        thing = self.old(path)
        if name in tables.GETTERS or (thing is not None and named(path) is thing):
            return f"{module}.{name}" if named(f"{module}.{name}") is not None else None
        core = getattr(thing, "__dict__", {}).get("_stands_for")
        if core is not None and (home := home_of(core)) is not None:
            return home
        if thing is not None and name in tables.NAMES:
            return tables.NAMES[name]
        if home := home_of(getattr(thing, "__wrapped__", thing)):
            return home
        if module.partition(".")[0] in tables.ALIKE and named(f"{module}.{name}") is not None:
            core_module = getattr(core or thing, "__module__", "")
            if core is None and (inspect.isclass(thing) and issubclass(thing, named("layers.Layer"))):
                return None  # a class of its own: what it does is not what today's of that name does
            if core_module.startswith("kbridge.compat.layers"):
                return None
            return f"{module}.{name}"
        if inspect.ismodule(thing):
            return path if is_module(path) else None
        return None
