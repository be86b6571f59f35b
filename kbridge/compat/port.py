"""Old programs in today's words: what ``kbridge port`` does.

A call is read as a door reads it, with the source of each argument in the place of its value;
what comes out is put back where the argument stood. Anything that cannot be told from the
text alone is left, and said.
"""

import ast
import importlib
import inspect
import warnings
from dataclasses import dataclass, field

from kbridge.compat import alias, detect, python2
from kbridge.compat import port_tables as tables

_REQUIRED = inspect.Parameter.empty
_ORDERS = {"th": "channels_first", "tf": "channels_last"}
_HELPER = '''

@keras.saving.register_keras_serializable()
def old_hard_sigmoid(x):
    """The hard_sigmoid of Keras 1 and 2; today's has another slope."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
'''


class Left(Exception):
    """A place that is not rewritten, and why."""


@dataclass
class Ported:
    """A program in today's words, and the places that were left: (line, why)."""

    before: str
    after: str
    generation: int
    left: list = field(default_factory=list)


def port(source, generation=None):
    """``source`` (a python2.Source) in today's words; the generation is told from it unless given."""
    generation = generation or detect.of_source(source).generation
    text, left = source.text, []
    if source.why_old is not None:
        text = python2.refactored(source)
        left.append((source.why_old[0], "It was a program of Python 2: see whether it divides whole numbers by /"))
        source = python2.Source(source.path, text.encode())
    tree = python2.parsed(text.encode(), source.path)
    if generation == 3:
        return Ported(source.text, text, 3, left)
    porter = _Porter(text, tree, generation)
    after = porter.run()
    return Ported(text, after, generation, sorted({*left, *porter.left}))


# -- values as they are written


class Written:
    """A value that only the running program has: it can be passed on, and nothing else."""

    slot = None

    def __bool__(self):
        raise Left("what it does depends on a value that is not in the call")

    def __repr__(self):
        return "..."


class _Int(int):
    slot = None


class _Float(float):
    slot = None


class _Str(str):
    slot = None


class _Tuple(tuple):
    slot = None


class _List(list):
    slot = None


_KINDS = {int: _Int, float: _Float, str: _Str, tuple: _Tuple, list: _List}


def _value_of(node, slot):
    """What stands for an argument: a literal that knows its place, or something Written."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        if isinstance(node, (ast.Tuple, ast.List)) and not any(isinstance(e, ast.Starred) for e in node.elts):
            value = [_value_of(element, None) for element in node.elts]
            value = tuple(value) if isinstance(node, ast.Tuple) else value
        else:
            value = Written()
    if value is None or isinstance(value, bool):
        return value
    kind = _KINDS.get(type(value))
    value = Written() if kind is None else kind(value)
    value.slot = slot
    return value


def _slot_of(value):
    """The first slot that is in a value, or None."""
    if isinstance(value, _Decayed):
        return value.first
    slot = getattr(value, "slot", None)
    if slot is None and isinstance(value, (tuple, list)):
        return next((found for item in value if (found := _slot_of(item)) is not None), None)
    return slot


def _plain(value):
    """A value without the marks of its place."""
    if isinstance(value, (tuple, list)):
        return type(value).__mro__[-2](map(_plain, value))
    for kind in (int, float, str):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value


# -- names


_PUBLIC = (
    "layers models optimizers optimizers.schedules losses metrics initializers regularizers constraints activations "
    "callbacks utils ops random"
).split()


def _named(path):
    """What ``keras.path`` is today; None if it is nothing."""
    module, _, name = path.rpartition(".")
    try:
        found = importlib.import_module(f"kbridge.{module}" if module else "kbridge")
    except ImportError:
        return None
    return getattr(found, name, None)


class _Homes(dict):
    """id of an object of today -> its public path below keras."""

    def __init__(self):
        for module in _PUBLIC:
            found = importlib.import_module(f"kbridge.{module}")
            names = [name for name in dir(found) if not name.startswith("_")]
            for name in sorted(names, key=lambda name: getattr(getattr(found, name), "__name__", None) != name):
                self.setdefault(id(getattr(found, name)), f"{module}.{name}")  # under its own name rather than another


_homes = None


def home_of(thing):
    """The public path of an object of today; None if it has none."""
    global _homes
    if _homes is None:
        _homes = _Homes()
    return _homes.get(id(thing))


# -- calls


@dataclass
class Slot:
    """One argument as it is written."""

    start: int
    end: int
    name: str | None
    node: ast.expr


def _signature(thing):
    try:
        return inspect.signature(thing)
    except (TypeError, ValueError):
        raise Left("its arguments are not known") from None


def _today_defaults(thing):
    """The defaults of today's arguments, those of the classes above included."""
    found = {}
    for cls in getattr(thing, "__mro__", [thing]):
        function = cls.__dict__.get("__init__") if inspect.isclass(cls) else cls
        if function is None or function is object.__init__:
            continue
        parameters = _signature(function).parameters.values()
        for p in parameters:
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                found.setdefault(p.name, p.default)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    found.pop("self", None)
    return found


class _Plain:
    """From an old call to today's where there is no door: by the two signatures."""

    def __init__(self, old, new, renames=None, ignored=(), skip=0):
        parameters = [p for p in _signature(old).parameters.values()][skip:]
        self.old = {p.name: p.default for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        self.renames, self.ignored = renames or {}, ignored
        self.known = set(_today_defaults(new))

    def new_name(self, old):
        new = self.renames.get(old, old)
        return new if new in self.known else None

    def __call__(self, args, kwargs):
        names = list(self.old)
        if len(args) > len(names):
            raise Left("it has more arguments than it took")
        given = dict(zip(names, args))
        given.update(kwargs)
        filled = {k: v for k, v in self.old.items() if v is not _REQUIRED and k not in given}
        today = {}
        for key, value in {**filled, **given}.items():
            if key in self.ignored:
                continue
            new = self.new_name(key)
            if new is None:
                if key not in given or value is None or value == self.old.get(key):
                    continue
                raise Left(f"{key}= has no counterpart")
            if key in given or new not in map(self.new_name, given):
                today[new] = value
        return today


class _Decayed:
    """A rate that falls after each update, which was two arguments."""

    def __init__(self, rate, decay):
        self.rate, self.decay = rate, decay
        self.first = _slot_of(decay) if _slot_of(rate) is None else _slot_of(rate)


class _OfOptimizer(_Plain):
    """From the arguments of an old optimizer to today's."""

    def __init__(self, old, new):
        super().__init__(old, new, {"lr": "learning_rate", "clipnorm": "global_clipnorm"})
        self.known |= {"decay", "schedule_decay"}
        self.starts_at_zero = "initial_accumulator_value" in self.known

    def __call__(self, args, kwargs):
        if len(args) > 2:
            raise Left("its arguments came in another order in some releases")
        today = super().__call__(args, kwargs)
        decay, schedule = today.pop("decay", 0.0), today.pop("schedule_decay", 0.004)
        if isinstance(schedule, Written) or schedule != 0.004:
            raise Left("schedule_decay= has no counterpart")
        if today.get("epsilon", 0) is None:
            del today["epsilon"]
        if isinstance(decay, Written) or decay != 0:
            today["learning_rate"] = _Decayed(today["learning_rate"], decay)
        if self.starts_at_zero:
            today.setdefault("initial_accumulator_value", 0.0)
        return today


def _equal(value, default):
    value = _plain(value)
    if value in (None, False) and default in (None, False):
        return True
    try:
        return type(value) is type(default) and bool(value == default) or value is default
    except Exception:
        return False


class _Porter(ast.NodeVisitor):
    def __init__(self, text, tree, generation):
        self.text, self.tree, self.generation = text, tree, generation
        self.data = text.encode()
        self.starts = [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.edits, self.left = [], set()  # edits: (start, end, new text), over bytes
        self.orders = any(word in text for word in ("'th'", '"th"', "channels_first"))
        self.package = alias.GENERATIONS[generation]
        self.paths = {}  # a name in the program -> what it stands for: a path below keras, or "" for keras itself
        self.models, self.needs_keras, self.needs_helper = set(), False, False
        self.merges = self.merges_left = 0  # calls of the function merge

    def run(self):
        self._read_names()
        self.visit(self.tree)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and self._is_keras(node):
                self._import_from(node)
        self._add_helper()
        data = self.data
        for start, end, new in sorted(self.edits, reverse=True):
            data = data[:start] + new.encode() + data[end:]
        after = data.decode()
        ast.parse(after)
        return after

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
        bound, self.literals = {}, {}
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
            elif isinstance(node, ast.ImportFrom) and self._is_keras(node):
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
                if not name.startswith("_") and name not in dir(__builtins__):
                    self.paths.setdefault(name, f"{module}.{name}".strip("."))
        self.bound = bound
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
    def _is_keras(node):
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
        if name in tables.GETTERS or (thing is not None and _named(path) is thing):
            return f"{module}.{name}" if _named(f"{module}.{name}") is not None else None
        core = getattr(thing, "__dict__", {}).get("_stands_for")
        if core is not None and (home := home_of(core)) is not None:
            return home
        if thing is not None and name in tables.NAMES:
            return tables.NAMES[name]
        if home := home_of(getattr(thing, "__wrapped__", thing)):
            return home
        if module.partition(".")[0] in tables.ALIKE and _named(f"{module}.{name}") is not None:
            core_module = getattr(core or thing, "__module__", "")
            if core is None and (inspect.isclass(thing) and issubclass(thing, _named("layers.Layer"))):
                return None  # a class of its own: what it does is not what today's of that name does
            if core_module.startswith("kbridge.compat.layers"):
                return None
            return f"{module}.{name}"
        if inspect.ismodule(thing):
            return path if _is_module(path) else None
        return None

    # -- imports

    def visit_Import(self, node):
        parts, changed = [], False
        for a in node.names:
            if a.name.startswith("keras."):
                new = self.today(a.name[6:])
                if new is None:
                    self.leave(node, f"{a.name} is no module today")
                    new = a.name[6:]
                changed = changed or new != a.name[6:]
                parts.append(f"keras.{new}" + (f" as {a.asname}" if a.asname else ""))
            else:
                parts.append(a.name + (f" as {a.asname}" if a.asname else ""))
        if changed:
            self.replace(*self.span(node), f"import {', '.join(dict.fromkeys(parts))}")

    def visit_ImportFrom(self, node):
        """These come last: what is no longer called need not be imported."""

    def _import_from(self, node):
        module, groups, changed = node.module[6:], {}, False
        for a in node.names:
            path = f"{module}.{a.name}".strip(".")
            if a.name == "merge" and self.merges and not self.merges_left:
                changed = True
                continue
            if a.name == "*":
                new = self.today(module) if module else ""
                where, name = (module if new is None else new), "*"
            else:
                new = self.today(path)
                if a.name == "merge" and module in ("layers", "engine", "engine.topology", "legacy.layers"):
                    new = path
                elif new is None and not path.startswith("backend."):
                    self.leave(node, f"{a.name} has no counterpart in today's Keras")
                where, _, name = (path if new is None else new).rpartition(".")
            local = a.asname or a.name
            if a.asname is None and name != a.name and inspect.ismodule(self.old(path)):
                groups.setdefault(where, []).append(f"{name} as {local}")
            else:
                groups.setdefault(where, []).append(name + (f" as {a.asname}" if a.asname else ""))
            changed = changed or (where, name) != (module, a.name)
        if not changed:
            return
        start, end = self.span(node)
        if not groups:  # nothing is left of it
            if self._alone(node) and len(self.tree.body) > 1:
                self.replace(self.starts[node.lineno - 1], self.starts[node.end_lineno], "")
            return
        if any(b"#" in line for line in self.data[start:end].splitlines()) or len(groups) > 1 and not self._alone(node):
            self.leave(node, "the import has comments inside it, or shares its line")
            return
        indent = " " * node.col_offset
        lines = []
        for where, names in groups.items():
            package = f"keras.{where}" if where else "keras"
            line = f"from {package} import {', '.join(dict.fromkeys(names))}"
            if len(indent) + len(line) > 100:
                head = f"from {package} import ("
                inner = f",\n{indent}    ".join(dict.fromkeys(names))
                line = f"{head}\n{indent}    {inner},\n{indent})"
            lines.append(line)
        self.replace(start, end, f"\n{indent}".join(lines))

    def _alone(self, node):
        """Whether a statement has its lines for itself."""
        start, end = self.span(node)
        before = self.data[self.starts[node.lineno - 1] : start]
        after = self.data[end : self.starts[node.end_lineno]]
        return not before.strip() and (not after.strip() or after.strip().startswith(b"#"))

    # -- names in use

    def visit_Name(self, node):
        path = self.paths.get(node.id)
        if not path or not isinstance(node.ctx, ast.Load) or inspect.ismodule(self.old(path)):
            return
        if self.old(path) is None:
            return
        new = self.today(path)
        name = node.id
        if new is not None and name == path.rpartition(".")[2] and new.rpartition(".")[2] != name:
            self.replace(*self.span(node), new.rpartition(".")[2])

    def visit_Attribute(self, node):
        path = self.path_of(node)
        if path is None:
            self.generic_visit(node)
            return
        if path.startswith("backend."):
            self._leave_backend(node, path[8:])
            return
        self._rename_path(node, path)

    def _rename_path(self, node, path):
        new = self.today(path)
        if new is None:
            if self.old(path) is not None:
                self.leave(node, f"keras.{path} has no counterpart in today's Keras")
            return
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        inside = self.paths[root.id]
        moved = self.today(inside) if inside else ""
        if moved is not None and (new.startswith(moved + ".") or not moved):
            self.replace(*self.span(node), f"{root.id}.{new[len(moved) :].lstrip('.')}")
        elif new != path:
            self.needs_keras = True
            self.replace(*self.span(node), f"keras.{new}")

    def _leave_backend(self, node, name):
        if name in tables.BACKEND_AS_IT_WAS:
            return
        instead = tables.BACKEND_GONE.get(name)
        self.leave(node, f"K.{name} has no counterpart" + (f". Write instead: {instead}" if instead else ""))

    # -- definitions

    def visit_ClassDef(self, node):
        bases = [self.path_of(base) for base in node.bases]
        self.generic_visit(node)
        if not any(base and self.old(base) is not None for base in bases):
            return
        for function in node.body:
            if isinstance(function, ast.FunctionDef) and function.name in tables.METHOD_NAMES:
                start = self.at(function.lineno, function.col_offset)
                at = self.data.index(function.name.encode(), start)
                self.replace(at, at + len(function.name), tables.METHOD_NAMES[function.name])

    def visit_Compare(self, node):
        """K.image_dim_ordering() == 'th'"""
        left, right = node.left, node.comparators[0]
        asks = isinstance(left, ast.Call) and self.path_of(left.func) == "backend.image_dim_ordering"
        if asks and isinstance(right, ast.Constant) and right.value in _ORDERS:
            self.replace(*self.span(right), repr(_ORDERS[right.value]))
            self._call_name(left, "image_data_format")
        else:
            self.generic_visit(node)

    def _call_name(self, node, name):
        """Another last name for what is called."""
        start, end = self.span(node.func)
        if isinstance(node.func, ast.Attribute):
            start = end - len(node.func.attr.encode())
        self.replace(start, end, name)

    def visit_Subscript(self, node):
        self.generic_visit(node)
        if (
            isinstance(node.slice, ast.Constant)
            and node.slice.value in tables.HISTORY
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "history"
        ):
            self.replace(*self.span(node.slice), repr(tables.HISTORY[node.slice.value]))

    # -- calls

    def visit_Call(self, node):
        for inner in (*node.args, *node.keywords):
            self.visit(inner)
        path = self.path_of(node.func)
        before = list(self.edits)
        try:
            if path is not None and path.startswith("backend."):
                self._backend_call(node, path[8:])
            elif path is not None and self.old(path) is not None:
                self._keras_call(node, path)
            elif isinstance(node.func, ast.Attribute):
                self.visit(node.func)
                self._method_call(node)
            else:
                self.visit(node.func)
        except Exception as why:  # Left, or what a door says of arguments it cannot take
            self.edits = before
            self.leave(node, f"{ast.unparse(node.func)}(...): {why}")
            if path is not None and not path.startswith("backend."):
                self._rename_function(node, path)

    def visit_keyword(self, node):
        if node.arg == "monitor" and isinstance(node.value, ast.Constant) and node.value.value in tables.HISTORY:
            self.replace(*self.span(node.value), repr(tables.HISTORY[node.value.value]))
        self.visit(node.value)

    def _keras_call(self, node, path):
        thing = self.old(path)
        if path.rpartition(".")[2] == "merge":
            self.merges += 1
            self.merges_left += 1
            self._merge(node)
            self.merges_left -= 1
            return
        new = self.today(path)
        if new is None:
            raise Left("it has no counterpart in today's Keras")
        target = _named(new)
        if new in ("models.Model", "models.Sequential"):
            translate = _Plain(target, target, {"input": "inputs", "output": "outputs"})
            translate.old = {"inputs": None, "outputs": None, "name": None} if new.endswith("Model") else translate.old
            translate.known |= {"inputs", "outputs", "name"}
            places = list(translate.old)
        elif inspect.isclass(target) and issubclass(target, _named("optimizers.Optimizer")):
            translate = _OfOptimizer(thing, target)
            places = list(_signature(target).parameters)
        else:
            renames = {**tables.ARGUMENTS, "l": "l2" if "2" in path else "l1"}
            translate = getattr(thing, "_translation", None) or _Plain(thing, target, renames)
            places = list(_signature(target).parameters)
        self._arguments(node, translate, target, places)
        self._rename_function(node, path)

    def _rename_function(self, node, path):
        if isinstance(node.func, ast.Name):
            self.visit_Name(node.func)
        elif self.today(path) is not None:
            self._rename_path(node.func, path)

    def _merge(self, node):
        given = {k.arg: k.value for k in node.keywords}
        mode = node.args[1] if len(node.args) == 2 else given.get("mode")
        mode = mode.value if isinstance(mode, ast.Constant) else "sum" if mode is None else None
        if (
            mode not in tables.MERGE_MODES
            or len(node.args) > 2
            or set(given) - {"mode", "concat_axis", "dot_axes", "name", "inputs"}
        ):
            raise Left("write keras.layers.concatenate, add, multiply, dot or a Lambda for it")
        renames = {"inputs": "inputs", "name": "name"}
        renames.update({"concat_axis": "axis"} if mode == "concat" else {"dot_axes": "axes"} if mode == "dot" else {})
        keep = [self.now(*self.span(node.args[0]))] if node.args else []
        for key, value in given.items():
            if key in renames:
                keep.append(f"{renames[key]}={self.now(*self.span(value))}")
            elif key != "mode":
                continue
        if mode == "dot" and "dot_axes" not in given:
            keep.append("axes=-1")
        self.needs_keras = True
        self.replace(*self.span(node), f"keras.layers.{tables.MERGE_MODES[mode]}({', '.join(keep)})")

    def _backend_call(self, node, name):
        if name == "set_image_dim_ordering" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            self.replace(*self.span(node.args[0]), repr(_ORDERS[node.args[0].value]))
            self._call_name(node, "set_image_data_format")
            return
        if name not in tables.BACKEND:
            self._leave_backend(node, name)
            return
        new, renames = tables.BACKEND[name]
        old, target = self.old(f"backend.{name}"), _named(new)
        if self.generation == 1 and name.endswith("crossentropy"):
            raise Left("its arguments were (output, target); today they are (target, output)")
        translate = _Plain(old, target, renames)
        self._arguments(node, translate, target, list(_signature(target).parameters))
        self.needs_keras = True
        self.replace(*self.span(node.func), f"keras.{new}")

    def _method_call(self, node):
        name, receiver = node.func.attr, node.func.value
        is_model = isinstance(receiver, ast.Name) and receiver.id in self.models
        words = {keyword.arg for keyword in node.keywords}
        if not is_model:
            told = words & {"nb_epoch", "samples_per_epoch", "nb_val_samples", "val_samples"}
            if not told and name not in ("fit_generator", "evaluate_generator", "predict_generator"):
                return
        if name in tables.METHODS_GONE:
            raise Left(f"write {tables.METHODS_GONE[name]}")
        if name not in tables.METHODS:
            return
        new, renames, ignored = tables.METHODS[name]
        told = words & {"samples_per_epoch", "nb_val_samples", "val_samples"}
        if told:
            raise Left(f"{min(told)}= counts samples; today's fit counts batches: steps_per_epoch, validation_steps")
        kind = "Sequential" if name != "compile" else "Model"
        old = getattr(self.old(f"models.{kind}"), name)
        target = getattr(_named("models.Model"), new)
        translate = _Plain(old, target, renames, ignored, skip=1)
        if self.generation == 1 and name == "fit_generator" and len(node.args) > 1:
            raise Left("its second argument counts samples; today's fit counts batches: steps_per_epoch")
        places = list(_signature(target).parameters)[1:]
        self._arguments(node, translate, target, places, {"self"})
        if new != name:
            self._call_name(node, new)
        if name == "compile":
            self._optimizer_name(node)

    def _optimizer_name(self, node):
        """An optimizer that is given by its name, where its defaults were others."""
        for keyword in node.keywords:
            if keyword.arg == "optimizer":
                value = keyword.value
                break
        else:
            value = node.args[0] if node.args else None
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str):
            return
        module = _named("optimizers")
        name = next((n for n in dir(module) if n.lower() == value.value.lower() and n != n.lower()), None)
        old = self.old(f"optimizers.{name}") if name else None
        if old is None:
            return
        target = getattr(module, name)
        today = self._translated(_OfOptimizer(old, target), (), {})
        extra = self._extra(today, target, set(), set())
        if extra:
            self.needs_keras = True
            self.replace(*self.span(value), f"keras.optimizers.{name}({', '.join(extra)})")

    def _translated(self, translate, args, kwargs):
        from kbridge.compat import notes

        said, notes.corrected = notes.corrected, lambda *words, **more: None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return translate(args, kwargs)
        except (TypeError, ValueError, AttributeError) as error:
            if "Written" in str(error):
                raise Left("what it does depends on a value that is not in the call") from None
            raise
        finally:
            notes.corrected = said

    def _slots(self, node):
        slots = [Slot(*self.span(a), None, a) for a in node.args]
        for keyword in node.keywords:
            start = self.at(keyword.lineno, keyword.col_offset)
            slots.append(Slot(start, self.span(keyword.value)[1], keyword.arg, keyword.value))
        return sorted(slots, key=lambda slot: slot.start)

    def _arguments(self, node, translate, target, places, without=frozenset()):
        """Write the arguments of a call as today's."""
        if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            raise Left("it has arguments by * or **")
        slots = self._slots(node)
        args = [_value_of(slot.node, i) for i, slot in enumerate(slots) if slot.name is None]
        kwargs = {slot.name: _value_of(slot.node, i) for i, slot in enumerate(slots) if slot.name is not None}
        today = self._translated(translate, args, kwargs)
        first = self._first_input(node, today, target)
        order = list(translate.old)
        by_name = {}
        for i, slot in enumerate(slots):
            old = slot.name if slot.name is not None else order[i] if i < len(order) else None
            by_name.setdefault(translate.new_name(old) if old else None, i)
        anchored = {}
        for key, value in today.items():
            slot = _slot_of(value)
            slot = by_name.get(key) if slot is None else slot
            if slot is not None:
                anchored.setdefault(slot, []).append(key)
        known = set(_today_defaults(target)) | set(getattr(translate, "known", ()))
        strange = [
            key
            for keys in anchored.values()
            for key in keys
            if key not in known or key in getattr(translate, "own", ())
        ]
        if strange:
            raise Left(f"{strange[0]}= has no counterpart")
        anchored = {i: [key for key in keys if key in today] for i, keys in anchored.items()}
        pieces, positional = [], True
        for i, slot in enumerate(slots):
            keys = anchored.get(i, [])
            texts = []
            for key in keys:
                text = self._text(today[key], slots, slot)
                place = len([p for p in pieces]) + len(texts)
                positional = positional and slot.name is None and place < len(places) and places[place] == key
                texts.append(text if positional else f"{key}={text}")
            if texts:
                pieces.append((i, ", ".join(texts)))
        said = {key for keys in anchored.values() for key in keys}
        extra = self._extra(today, target, said, without)
        if first is not None:
            self._put_before(node, f"keras.Input(batch_shape={self._text(first, slots, None)})")
        self._write(node, slots, pieces, extra)

    def _first_input(self, node, today, target):
        """Say what a layer takes as today's do; returns the shape of a whole batch, if it was told as such."""
        if not (inspect.isclass(target) and issubclass(target, _named("layers.Layer"))):
            return None
        if "weights" in today and today["weights"] is not None:
            raise Left("weights=: write layer.set_weights(...) once the layer is built")
        if target.__name__ in tables.OF_SEQUENCES:
            length, features = today.pop("input_length", None), today.pop("input_dim", None)
            if features is not None:
                today["input_shape"] = (length, features)
        elif target.__name__ == "Embedding":
            today.pop("input_length", None)  # it takes any length, as it did
            if today.get("input_shape") is not None and _slot_of(today["input_shape"]) is None:
                del today["input_shape"]
        if today.get("batch_input_shape") is None or target.__name__ == "InputLayer":
            return None
        if self._holder(node) is None:
            raise Left("batch_input_shape=: write keras.Input(batch_shape=...) before the layer")
        return today.pop("batch_input_shape")

    def _holder(self, node):
        """Where a layer stands, if another can be put before it: ``model.add(layer)``, or a list."""
        parent = self.parents.get(node)
        if isinstance(parent, (ast.List, ast.Tuple)):
            return parent
        adds = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "add"
        return parent if adds and isinstance(self.parents.get(parent), ast.Expr) and parent.args == [node] else None

    def _put_before(self, node, text):
        self.needs_keras = True
        parent = self._holder(node)
        if isinstance(parent, ast.Call):
            start = self.span(parent)[0]
            call = self.data[start : self.span(node)[0]].decode()
            self.edits.append((start, start, f"{call}{text})\n{' ' * parent.col_offset}"))
        else:
            start = self.span(node)[0]
            self.edits.append((start, start, f"{text}, "))

    def _extra(self, today, target, said, without):
        """Old defaults that are not today's, as arguments."""
        defaults = _today_defaults(target)
        found = []
        for key, value in today.items():
            if key in said or key in tables.NO_MATTER or key in without or key not in defaults:
                continue
            if (value, defaults[key]) in tables.SAME or (key == "data_format" and not self.orders):
                continue
            if not _equal(value, defaults[key]):
                found.append(f"{key}={self._text(value, [], None)}")
        return found

    def _text(self, value, slots, slot):
        """A value of today's call as it is to be written."""
        place = getattr(value, "slot", None)
        if place is not None:
            node = slots[place].node
            return self.now(*self.span(node))
        if isinstance(value, (tuple, list)) and _slot_of(value) is not None:
            inner = [self._text(item, slots, slot) for item in value]
            inner = ", ".join(inner) + ("," if len(inner) == 1 and isinstance(value, tuple) else "")
            return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
        if isinstance(value, _Decayed):
            self.needs_keras = True
            rate, decay = (self._text(part, slots, slot) for part in (value.rate, value.decay))
            return f"keras.optimizers.schedules.InverseTimeDecay({rate}, 1, {decay})"
        if isinstance(value, Written):
            raise Left("what it does depends on a value that is not in the call")
        if value is None or isinstance(value, (bool, int, float, str, tuple, list)):
            return repr(_plain(value))
        return self._object(value)

    def _object(self, value):
        if getattr(value, "__module__", "").startswith("kbridge.compat.activations"):
            if value.__name__ == "hard_sigmoid":
                self.needs_helper = self.needs_keras = True
                return "old_hard_sigmoid"
            return repr(value.__name__)
        home = home_of(type(value)) or home_of(type(value).__dict__.get("_stands_for"))
        if home is None or not hasattr(value, "get_config"):
            raise Left(f"today there is nothing like {type(value).__name__} of that time")
        defaults = _today_defaults(_named(home))
        config = {k: v for k, v in value.get_config().items() if k in defaults and not _equal(v, defaults[k])}
        config.pop("seed", None)
        if any(not isinstance(v, (bool, int, float, str)) for v in config.values()):
            raise Left(f"{type(value).__name__} is too much to be written into the call")
        self.needs_keras = True
        return f"keras.{home}({', '.join(f'{k}={v!r}' for k, v in config.items())})"

    def _write(self, node, slots, pieces, extra):
        """Put the arguments in their places; what stands between those that stay is kept."""
        if not slots:
            if extra:
                end = self.span(node)[1] - 1
                self.replace(end, end, ", ".join(extra))
            return
        text, last = "", None
        for i, piece in pieces:
            if last is not None:
                text += self.data[slots[i - 1].end : slots[i].start].decode()
            text += piece
            last = i
        if extra:
            text += (", " if text else "") + ", ".join(extra)
        self.replace(slots[0].start, slots[-1].end, text)

    # -- what the rewritten text needs

    def _add_helper(self):
        body = self.tree.body
        at = next((i for i, node in enumerate(body) if self._imports_keras(node)), None)
        if at is None:  # it is imported further in: before all else, but for the docstring and __future__
            at = next(i for i, node in enumerate(body) if not _comes_first(node))
        if self.needs_keras and not (self._imports_keras(body[at]) and self.paths.get("keras") == ""):
            start = self.starts[body[at].lineno - 1]
            self.edits.append((start, start, "import keras\n"))
        if self.needs_helper:
            while at + 1 < len(body) and isinstance(body[at + 1], (ast.Import, ast.ImportFrom)):
                at += 1
            place = body[at].end_lineno if isinstance(body[at], (ast.Import, ast.ImportFrom)) else body[at].lineno - 1
            after = self.data[self.starts[place] :]
            blank = len(after) - len(after.lstrip(b"\n"))
            self.edits.append((self.starts[place], self.starts[place], _HELPER + "\n" * max(0, 2 - blank)))

    def _imports_keras(self, node):
        if isinstance(node, ast.ImportFrom):
            return self._is_keras(node)
        return isinstance(node, ast.Import) and any(a.name.partition(".")[0] == "keras" for a in node.names)


def _comes_first(node):
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _is_module(path):
    try:
        return inspect.ismodule(importlib.import_module(f"kbridge.{path}"))
    except ImportError:
        return False
