"""From a record to a Python function: a line for each call, values in local variables that are freed when done with."""

import math
import operator

import numpy as np

from kbridge.backend.tree import flatten, map_structure, pack
from kbridge_numpy.recorded import Attribute, Box, Method, Ref, leaves

_INFIX = {
    operator.__add__: "+", operator.__sub__: "-", operator.__mul__: "*", operator.__truediv__: "/",
    operator.__pow__: "**", operator.__floordiv__: "//", operator.__mod__: "%", operator.__matmul__: "@",
    operator.__and__: "&", operator.__or__: "|", operator.__xor__: "^", operator.lt: "<", operator.le: "<=",
    operator.eq: "==", operator.ne: "!=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip
# NumPy's own functions, which for arrays and scalars are what the operators are.
_UFUNCS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/", np.equal: "==", np.not_equal: "!=",
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=",
}  # fmt: skip
_IN_PLACE = {"+", "-", "*", "/"}
_COMMUTES = {"+", "*"}
_LARGE = 1 << 12  # bytes: what is smaller may wait for the end


def _operator_of(entry):
    """The operator that an entry is, or None."""
    function = entry.function
    if isinstance(function, Ref) or entry.kwargs or len(entry.args) != 2:
        return None
    if all(type(x) is Ref and x.kind is np.ndarray for x in entry.args):
        function = getattr(function, "plain", function)
    if type(function) is np.ufunc:
        fits = all(x.dtype is not None if type(x) is Ref else type(x) in (int, float) for x in entry.args)
        return _UFUNCS.get(function) if fits else None
    return _INFIX.get(function) if type(function) is type(operator.add) else None


def _refs(tree):
    return [leaf for leaf in leaves(tree) if type(leaf) is Ref]


def _used(entry):
    return _refs((entry.function, entry.args, entry.kwargs))


def _without_the_unused(entries, wanted):
    """The entries that ``wanted`` and those with an effect depend on."""
    needed = {ref.number for ref in wanted}
    kept = []
    for entry in reversed(entries):
        if entry.effect or any(ref.number in needed for ref in _refs(entry.result)):
            needed.update(ref.number for ref in _used(entry))
            kept.append(entry)
    return kept[::-1], needed


class Program:
    """The text of a function, being written.

    names: number of a Ref -> the local variable that holds its value; several where one is updated in place.
    """

    def __init__(self):
        self.space = {"PACK": pack, "ARRAY": np.array, "ndarray": np.ndarray}  # what the text names
        self.constants = {}
        self.names = {}
        self.lines = []  # (text, the names in it)

    def constant(self, value):
        key = id(value)
        if key not in self.constants:
            self.constants[key] = name = f"k{len(self.constants)}"
            self.space[name] = value
        return self.constants[key]

    def name(self, ref):
        return self.names.setdefault(ref.number, f"v{ref.number}")

    def text(self, x):
        kind = type(x)
        if kind is Ref:
            return self.name(x)
        if x is None or kind in (bool, int, str) or kind is float and math.isfinite(x):
            return f"({x!r})" if kind in (int, float) and x < 0 else repr(x)
        if x is Ellipsis:
            return "..."
        if kind is tuple:
            return f"({''.join(self.text(item) + ', ' for item in x)})"
        if kind is list:
            return f"[{', '.join(map(self.text, x))}]"
        if kind is slice:
            return f"slice({self.text(x.start)}, {self.text(x.stop)}, {self.text(x.step)})"
        if kind is dict:
            return "{" + ", ".join(f"{key!r}: {self.text(item)}" for key, item in x.items()) + "}"
        return self.constant(x)

    def call(self, entry):
        function, args = entry.function, entry.args
        sign = _operator_of(entry)
        if sign:
            return f"{self.text(args[0])} {sign} {self.text(args[1])}"
        if function is operator.getitem:
            return f"{self.text(args[0])}[{self.text(args[1])}]"
        if type(function) is Attribute:
            return f"{self.text(args[0])}.{function}"
        if type(function) is Method:
            called, args = f"{self.text(args[0])}.{function}", args[1:]
        else:
            plain = getattr(function, "plain", None)  # what an op of plain arrays comes down to
            arrays = len(args) == 1 or all(type(x) is Ref and x.kind is np.ndarray for x in args)
            called = self.text(plain if plain is not None and arrays else function)
        given = [self.text(x) for x in args] + [f"{key}={self.text(x)}" for key, x in entry.kwargs.items()]
        return f"{called}({', '.join(given)})"

    def assign(self, target, text, refs):
        """Lines that put the result of ``text`` into names."""
        kind = type(target)
        used = [self.name(ref) for ref in refs]
        if kind is Ref:
            self.lines.append((f"{self.name(target)} = {text}", [*used, self.name(target)]))
        elif kind in (tuple, list) and target and all(type(item) is Ref or item is None for item in target):
            names = [self.name(item) if type(item) is Ref else "_" for item in target]
            self.lines.append((f"{', '.join(names)}{',' * (len(names) == 1)} = {text}", used + names))
        else:
            self.lines.append((f"_ = {text}", [*used, "_"]))
            if kind in (tuple, list, dict):
                whole = f"u{len(self.lines)}"
                self.lines.append((f"{whole} = _", [whole]))
                for key, item in target.items() if kind is dict else enumerate(target):
                    if _refs(item):
                        self.assign(item, f"{whole}[{key!r}]", [])

    def body(self, entries, results, fed):
        """Lines for ``entries``; ``results`` are the Refs needed afterwards, ``fed`` the numbers of variables."""
        end = len(entries)
        last = {ref.number: i for i, entry in enumerate(entries) for ref in _used(entry)}
        last.update((ref.number, end) for ref in results)
        signs = [_operator_of(entry) for entry in entries]
        # An array that only meets operators has no views, and nobody else keeps it.
        shared = {ref.number for entry, sign in zip(entries, signs) if not sign for ref in _used(entry)}
        shared |= {ref.number for ref in results}
        absorbed = self._absorbed(entries, signs, last, fed)
        own = set()  # arrays made by an operator
        for i, (entry, sign) in enumerate(zip(entries, signs)):
            if entry in absorbed:
                continue
            if entry.function is operator.setitem:
                target, _, value = entry.args
                self.lines.append((f"{self.text(target)}[...] = {self.text(value)}", self._names(_used(entry))))
                continue
            result = entry.result
            if sign and type(result) is Ref and result.kind is np.ndarray:
                place = self._place(entry, sign, i, last, own - shared, absorbed.get(i))
                if result.number not in fed:
                    own.add(result.number)
                if place is not None:
                    into, other = place
                    self.names[result.number] = name = self.name(into)
                    self.lines.append((f"{name} {sign}= {self.text(other)}", [name, *self._names(_refs((other,)))]))
                    continue
            self.assign(result, self.call(entry), _used(entry))

    def _names(self, refs):
        return [self.name(ref) for ref in refs]

    def _place(self, entry, sign, i, last, own, target):
        """(operand that may take in the result, the other operand), or None."""
        if sign not in _IN_PLACE:
            return None
        result, (a, b) = entry.result, entry.args
        for into, other in ((a, b), (b, a)) if sign in _COMMUTES else ((a, b),):
            if type(into) is Ref and into.kind is np.ndarray and into.shape == result.shape:
                dead = target is None and into.number in own and last[into.number] == i
                if into.dtype == result.dtype and (dead or into is target):
                    return into, other
        return None

    def _absorbed(self, entries, signs, last, fed):
        """Writes ``m[...] = m + x`` that may become ``m += x``: the entries to leave out; and index -> m."""
        found = {}
        made = {entry.result.number: i for i, entry in enumerate(entries) if type(entry.result) is Ref}
        for k, entry in enumerate(entries):
            if entry.function is not operator.setitem or type(entry.args[2]) is not Ref:
                continue
            target, _, value = entry.args
            j = made.get(value.number)
            if j is None or signs[j] not in _IN_PLACE or value.shape != target.shape or value.dtype != target.dtype:
                continue
            operands = entries[j].args if signs[j] in _COMMUTES else entries[j].args[:1]
            between = [ref for other in entries[j + 1 : k] for ref in _used(other)]
            if any(x is target for x in operands) and last[target.number] == k and value.kind is np.ndarray:
                if not any(ref is target or ref.number in fed for ref in between):
                    found[j], found[entry] = target, True
        return found

    def finish(self, head, tail):
        """The function ``replay(args)``. Arrays of some size are freed after their last use."""
        last = {}
        for i, (_, names) in enumerate(self.lines):
            last.update((name, i) for name in names)
        large = {self.names[number] for number in self.large if number in self.names}
        lines = []
        for i, (text, names) in enumerate(self.lines):
            lines.append(text)
            done = [name for name in dict.fromkeys(names) if last[name] == i and name in large - self.kept]
            if done:
                lines.append(f"del {', '.join(done)}")
        text = "\n    ".join(["def replay(args):", *head, *lines, *tail])
        exec(compile(text, "<replay>", "exec"), self.space)
        replay = self.space["replay"]
        replay.text = text
        return replay


def _rejoin(space, i, join, variables, boxes):
    """A function that joins variables anew, and puts their views and the flat arrays into ``space``."""

    def rejoin():
        flats = [flat for _, tensors in join().groups for flat in tensors]
        space.update((f"f{i}_{n}", flat) for n, flat in enumerate(flats))
        space.update((f"j{i}_{n}", variable._cell[1]) for n, variable in enumerate(variables))

    rejoin()
    return rejoin


MISS = object()  # what a replay returns for arguments that it was not made for


def build(recorder, inputs, fed, written, result, guard, feed):
    """A function ``replay(args)`` from a record.

    inputs:  the arguments of the recorded call, in boxes.
    fed:     [(variable, its box)].
    written: [(variable, what was assigned to it last)].
    guard:   whether the surroundings are such that it may run.
    feed:    (engine, a function that gives the value of a variable that lives elsewhere).
    """
    program = Program()
    space = program.space
    engine, read = feed
    space |= {"GUARD": guard, "MISS": MISS, "ENGINE": engine, "READ": read}
    flat = [x.ref if isinstance(x, Box) else x for x in flatten([result])]
    final = [x.ref if isinstance(x, Box) else x for _, x in written]
    results = [x for x in (*flat, *final) if type(x) is Ref]
    entries, needed = _without_the_unused(recorder.entries, results)
    head = ["if not GUARD(): return MISS"]
    _unpack(program, head, "args", inputs, needed)
    for i, (join, variables, boxes) in enumerate(recorder.joins):
        space[f"JOIN{i}"] = _rejoin(space, i, join, variables, boxes)
        apart = " or ".join(f"{program.constant(v)}._cell[1] is not j{i}_{n}" for n, v in enumerate(variables))
        head.append(f"if {apart}: JOIN{i}()")
        head.extend(f"{program.name(box.ref)} = f{i}_{n}" for n, box in enumerate(boxes))
    numbers = set()
    for variable, box in fed:
        if box.ref.number not in needed:
            continue
        numbers.add(box.ref.number)
        name, own = program.name(box.ref), program.constant(variable)
        head.append(f"_, {name} = {own}._cell")
        if variable.host:
            head.append(f"if _ is not None: {name} = READ({own})")
            if not variable.shape:
                head.append(f"else: {name} = {name}.item()")
        else:
            head.append(f"if _ is not ENGINE: {name} = READ({own})")
    program.body(entries, results, numbers)
    made = [ref for entry in entries for ref in _refs(entry.result)]
    program.large = {ref.number for ref in made if ref.nbytes >= _LARGE and ref.number not in numbers}
    program.kept = {program.name(ref) for ref in results}
    tail = []
    # arrays that were made for this
    own = {e.result.number for e in entries if e.function is np.array and type(e.result) is Ref}
    own -= {ref.number for ref in flat if type(ref) is Ref}
    for i, value in enumerate(final):
        text = program.text(value)
        if type(value) is Ref and value.number in own and final.count(value) == 1:
            tail.append(f"w{i} = {text}")
        elif type(value) is Ref and value.kind is np.ndarray:
            tail.append(f"w{i} = {text}.copy()")
        else:
            tail.append(f"w{i} = ARRAY({text})")
    for i, (variable, _) in enumerate(written):
        tail.append(f"{program.constant(variable)}._cell = ({None if variable.host else 'ENGINE'}, w{i})")
    tail.append(f"return {_structure(program, result)}")
    return program.finish(head, tail)


def is_named_tuple(x):
    return isinstance(x, tuple) and hasattr(x, "_fields")


def _unpack(program, lines, name, tree, needed):
    """Lines that take arguments apart and check them."""
    kind = type(tree)
    if isinstance(tree, Box):
        value = tree.value
        own = program.name(tree.ref)
        lines.append(f"{own} = {name}")
        if type(value) is np.ndarray:
            dtype = program.constant(value.dtype)
            other = f"{own}.shape != {value.shape!r} or {own}.dtype != {dtype}"
            lines.append(f"if type({own}) is not ndarray or {other}: return MISS")
        else:
            lines.append(f"if type({own}) is not {program.constant(type(value))}: return MISS")
    elif kind in (tuple, list, dict) or is_named_tuple(tree):
        own = kind.__name__ if kind in (tuple, list, dict) else program.constant(kind)
        lines.append(f"if type({name}) is not {own} or len({name}) != {len(tree)}: return MISS")
        if kind is dict:
            keys = program.constant(tuple(tree))
            lines.append(f"if tuple({name}) != {keys}: return MISS")
        for i, (key, item) in enumerate(tree.items() if kind is dict else enumerate(tree)):
            own = f"{name}_{i}"
            lines.append(f"{own} = {name}[{key!r}]")
            _unpack(program, lines, own, item, needed)
    elif tree is None:
        lines.append(f"if {name} is not None: return MISS")
    else:
        own = program.constant(tree)
        lines.append(f"if type({name}) is not {program.constant(kind)} or {name} != {own}: return MISS")


def _structure(program, tree):
    """The text of what is returned."""
    kind = type(tree)
    if isinstance(tree, Box):
        return program.name(tree.ref)
    if kind is tuple:
        return f"({''.join(_structure(program, item) + ', ' for item in tree)})"
    if kind is list:
        return f"[{', '.join([_structure(program, item) for item in tree])}]"
    if kind is dict:
        items = [f"{program.text(key)}: {_structure(program, item)}" for key, item in tree.items()]
        return "{" + ", ".join(items) + "}"
    if isinstance(tree, (tuple, list, dict)):  # a named tuple and the like
        rest = ", ".join([_structure(program, leaf) for leaf in flatten([tree])])
        return f"PACK({program.constant(map_structure(lambda _: None, [tree]))}, [{rest}])[0]"
    # what is the same at every run is given as a copy, where the caller could change it
    return f"{program.text(tree)}.copy()" if kind is np.ndarray else program.text(tree)
