"""Old programs in today's words: what ``kbridge port`` does.

A call is read as a door reads it, with the source of each argument in the place of its value;
what comes out is put back where the argument stood. Anything that cannot be told from the
text alone is left, and said.
"""

import ast
import inspect
import warnings
from dataclasses import dataclass, field

from kbridge.compat import detect, notes, python2
from kbridge.compat import port_tables as tables
from kbridge.compat.activations import hard_sigmoid
from kbridge.compat.port_program import Program
from kbridge.compat.port_values import (
    BySignature,
    Decayed,
    Left,
    OfOptimizer,
    Slot,
    Written,
    equal,
    home_of,
    named,
    plain,
    signature,
    slot_of,
    today_defaults,
    value_of,
)

_ORDERS = {"th": "channels_first", "tf": "channels_last"}
_HELPER = '''

@keras.saving.register_keras_serializable()
def old_hard_sigmoid(x):
    """The hard_sigmoid of Keras 1 and 2; today's has another slope."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
'''


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
    tree = python2.parsed(text, source.path)
    if generation == 3:
        return Ported(source.text, text, 3, left)
    porter = _Porter(text, tree, generation)
    after = porter.run()
    return Ported(text, after, generation, sorted({*left, *porter.left}))


class _Porter(Program):
    """Makes the edits."""

    def __init__(self, text, tree, generation):
        super().__init__(text, tree, generation)
        self.orders = any(word in text for word in ("'th'", '"th"', "channels_first"))
        self.needs_keras = self.needs_helper = False
        self.merges = self.merges_left = 0  # calls of the function merge

    def run(self):
        self.visit(self.tree)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and self.is_keras(node):
                self._import_from(node)
        self._add_helper()
        after = self.edited()
        ast.parse(after)
        return after

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
        if node.attr.startswith("__"):
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
        target = named(new)
        if new in ("models.Model", "models.Sequential"):
            translate = BySignature(target, target, {"input": "inputs", "output": "outputs"})
            translate.old = {"inputs": None, "outputs": None, "name": None} if new.endswith("Model") else translate.old
            translate.known |= {"inputs", "outputs", "name"}
            places = list(translate.old)
        elif inspect.isclass(target) and issubclass(target, named("optimizers.Optimizer")):
            translate = OfOptimizer(thing, target)
            places = list(signature(target).parameters)
        else:
            renames = {**tables.ARGUMENTS, "l": "l2" if "2" in path else "l1"}
            translate = getattr(thing, "_translation", None) or BySignature(thing, target, renames)
            places = list(signature(target).parameters)
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
        old, target = self.old(f"backend.{name}"), named(new)
        if self.generation == 1 and name.endswith("crossentropy"):
            raise Left("its arguments were (output, target); today they are (target, output)")
        translate = BySignature(old, target, renames)
        self._arguments(node, translate, target, list(signature(target).parameters))
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
        target = getattr(named("models.Model"), new)
        translate = BySignature(old, target, renames, ignored, skip=1)
        if self.generation == 1 and name == "fit_generator" and len(node.args) > 1:
            raise Left("its second argument counts samples; today's fit counts batches: steps_per_epoch")
        places = list(signature(target).parameters)[1:]
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
        module = named("optimizers")
        name = next((n for n in dir(module) if n.lower() == value.value.lower() and n != n.lower()), None)
        old = self.old(f"optimizers.{name}") if name else None
        if old is None:
            return
        target = getattr(module, name)
        today = self._translated(OfOptimizer(old, target), (), {})
        extra = self._extra(today, target, set(), set())
        if extra:
            self.needs_keras = True
            self.replace(*self.span(value), f"keras.optimizers.{name}({', '.join(extra)})")

    def _translated(self, translate, args, kwargs):
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
        args = [value_of(slot.node, i) for i, slot in enumerate(slots) if slot.name is None]
        kwargs = {slot.name: value_of(slot.node, i) for i, slot in enumerate(slots) if slot.name is not None}
        today = self._translated(translate, args, kwargs)
        for key in tables.HARMLESS & set(today):
            del today[key]
        first = self._first_input(node, today, target)
        order = list(translate.old)
        by_name = {}
        for i, slot in enumerate(slots):
            old = slot.name if slot.name is not None else order[i] if i < len(order) else None
            by_name.setdefault(translate.new_name(old) if old else None, i)
        anchored = {}
        for key, value in today.items():
            slot = slot_of(value)
            slot = by_name.get(key) if slot is None else slot
            if slot is not None:
                anchored.setdefault(slot, []).append(key)
        known = set(today_defaults(target)) | set(getattr(translate, "known", ()))
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
        if not (inspect.isclass(target) and issubclass(target, named("layers.Layer"))):
            return None
        if "weights" in today and today["weights"] is not None:
            raise Left("weights=: write layer.set_weights(...) once the layer is built")
        if target.__name__ in tables.OF_SEQUENCES:
            length, features = today.pop("input_length", None), today.pop("input_dim", None)
            if features is not None:
                today["input_shape"] = (length, features)
        elif target.__name__ == "Embedding":
            today.pop("input_length", None)  # it takes any length, as it did
            if today.get("input_shape") is not None and slot_of(today["input_shape"]) is None:
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
        defaults = today_defaults(target)
        found = []
        for key, value in today.items():
            if key in said or key in tables.NO_MATTER or key in without or key not in defaults:
                continue
            if (value, defaults[key]) in tables.SAME or (key == "data_format" and not self.orders):
                continue
            if not equal(value, defaults[key]):
                found.append(f"{key}={self._text(value, [], None)}")
        return found

    def _text(self, value, slots, slot):
        """A value of today's call as it is to be written."""
        place = getattr(value, "slot", None)
        if place is not None:
            node = slots[place].node
            return self.now(*self.span(node))
        if isinstance(value, (tuple, list)) and slot_of(value) is not None:
            inner = [self._text(item, slots, slot) for item in value]
            inner = ", ".join(inner) + ("," if len(inner) == 1 and isinstance(value, tuple) else "")
            return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
        if isinstance(value, Decayed):
            self.needs_keras = True
            rate, decay = (self._text(part, slots, slot) for part in (value.rate, value.decay))
            return f"keras.optimizers.schedules.InverseTimeDecay({rate}, 1, {decay})"
        if isinstance(value, Written):
            raise Left("what it does depends on a value that is not in the call")
        if value is None or isinstance(value, (bool, int, float, str, tuple, list)):
            return repr(plain(value))
        return self._object(value)

    def _object(self, value):
        if value is hard_sigmoid:
            self.needs_helper = self.needs_keras = True
            return "old_hard_sigmoid"
        if getattr(value, "__module__", "").startswith("kbridge.compat.activations"):
            return repr(value.__name__)
        home = home_of(type(value)) or home_of(type(value).__dict__.get("_stands_for"))
        if home is None or not hasattr(value, "get_config"):
            raise Left(f"today there is nothing like {type(value).__name__} of that time")
        defaults = today_defaults(named(home))
        config = {k: v for k, v in value.get_config().items() if k in defaults and not equal(v, defaults[k])}
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
            return self.is_keras(node)
        return isinstance(node, ast.Import) and any(a.name.partition(".")[0] == "keras" for a in node.names)


def _comes_first(node):
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
