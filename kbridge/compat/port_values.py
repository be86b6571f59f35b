"""Arguments that are not values yet: how ``port`` reads a call of a program that is not running."""

import ast
import importlib
import inspect
from dataclasses import dataclass

_REQUIRED = inspect.Parameter.empty


class Left(Exception):
    """A place that is not rewritten, and why."""


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


def value_of(node, slot):
    """What stands for an argument: a literal that knows its place, or something Written."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        if isinstance(node, (ast.Tuple, ast.List)) and not any(isinstance(e, ast.Starred) for e in node.elts):
            value = [value_of(element, None) for element in node.elts]
            value = tuple(value) if isinstance(node, ast.Tuple) else value
        else:
            value = Written()
    if value is None or isinstance(value, bool):
        return value
    kind = _KINDS.get(type(value))
    value = Written() if kind is None else kind(value)
    value.slot = slot
    return value


def slot_of(value):
    """The first slot that is in a value, or None."""
    if isinstance(value, Decayed):
        return value.first
    slot = getattr(value, "slot", None)
    if slot is None and isinstance(value, (tuple, list)):
        return next((found for item in value if (found := slot_of(item)) is not None), None)
    return slot


def plain(value):
    """A value without the marks of its place."""
    if isinstance(value, (tuple, list)):
        return type(value).__mro__[-2](map(plain, value))
    for kind in (int, float, str):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value


# -- names


_PUBLIC = (
    "layers models optimizers optimizers.schedules losses metrics initializers regularizers constraints activations "
    "callbacks utils ops random"
).split()


def named(path):
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


def signature(thing):
    try:
        return inspect.signature(thing)
    except (TypeError, ValueError):
        raise Left("its arguments are not known") from None


def today_defaults(thing):
    """The defaults of today's arguments, those of the classes above included."""
    found = {}
    for cls in getattr(thing, "__mro__", [thing]):
        function = cls.__dict__.get("__init__") if inspect.isclass(cls) else cls
        if function is None or function is object.__init__:
            continue
        parameters = signature(function).parameters.values()
        for p in parameters:
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                found.setdefault(p.name, p.default)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    found.pop("self", None)
    return found


class BySignature:
    """From an old call to today's where there is no door: by the two signatures."""

    def __init__(self, old, new, renames=None, ignored=(), skip=0):
        parameters = [p for p in signature(old).parameters.values()][skip:]
        self.old = {p.name: p.default for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        self.renames, self.ignored = renames or {}, ignored
        self.known = set(today_defaults(new))

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


class Decayed:
    """A rate that falls after each update, which was two arguments."""

    def __init__(self, rate, decay):
        self.rate, self.decay = rate, decay
        self.first = slot_of(decay) if slot_of(rate) is None else slot_of(rate)


class OfOptimizer(BySignature):
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
            today["learning_rate"] = Decayed(today["learning_rate"], decay)
        if self.starts_at_zero:
            today.setdefault("initial_accumulator_value", 0.0)
        return today


def equal(value, default):
    value = plain(value)
    if value in (None, False) and default in (None, False):
        return True
    try:
        return type(value) is type(default) and bool(value == default) or value is default
    except Exception:
        return False


def is_module(path):
    try:
        return inspect.ismodule(importlib.import_module(f"kbridge.{path}"))
    except ImportError:
        return False
