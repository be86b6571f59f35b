"""Doors: the classes and functions of older generations, made of today's.

A door takes the arguments of its generation, by name and by position, with that
generation's defaults, and those of any other generation by name. Behind it there is
one implementation: a door is a subclass of the class of today that only translates
arguments, is taken for it by ``isinstance``, and is written into files as it.

    Dense = door(layers.Dense, "output_dim, init='glorot_uniform', activation=None, bias=True, **kwargs")
"""

import functools
import inspect
import itertools
import sys
from difflib import get_close_matches

from kbridge import objects
from kbridge.backend import names
from kbridge.compat import notes
from kbridge.compat.renames import ARGUMENTS, VALUES
from kbridge.layers.layer import INPUT_ARGUMENTS, Layer

_OF_EVERY_LAYER = frozenset((*INPUT_ARGUMENTS, "name", "trainable", "dtype", "weights", "autocast"))
_REQUIRED = inspect.Parameter.empty
_serials = itertools.count(1)


class DoorType(type):
    """Classes that stand for another: what is an instance or a subclass of that counts as one of theirs.

    A door may have another class for programs to derive theirs from: what its function ``_base_of`` gives for the
    names that a program's class defines.
    """

    def __new__(mcs, name, bases, namespace, **kwargs):
        bases = tuple(_to_derive_from(base, namespace) for base in bases)
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __instancecheck__(cls, instance):
        return DoorType.__subclasscheck__(cls, type(instance))

    def __subclasscheck__(cls, subclass):
        stands_for = cls.__dict__.get("_stands_for")
        if stands_for is None:
            return type.__subclasscheck__(cls, subclass)
        return issubclass(subclass, stands_for) or (
            "_base_of" in cls.__dict__ and type.__subclasscheck__(_to_derive_from(cls), subclass)
        )

    def __getattr__(cls, name):
        base = cls if name.startswith("_") else _to_derive_from(cls)
        if base is not cls:
            return getattr(base, name)
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")


def _to_derive_from(cls, namespace=()):
    find = cls.__dict__.get("_base_of")
    return cls if find is None else find(cls, namespace)


def door(core, signature, name=None, mixins=(), **rules):
    """The class of an older generation that stands for ``core``.

    Args:
        core: a class of today.
        signature: the parameters of the old constructor, as they would stand in a ``def``, without ``self``.
        name: what the class was called then, if not as ``core``.
        mixins: classes with what instances had then; they come before ``core``.
        rules: see ``Translation``; and ``attributes``, a dict from old attributes' names to today's.
    """
    attributes = rules.pop("attributes", {})
    translation = Translation(name or core.__name__, signature, core, **rules)

    @functools.wraps(core.__init__, assigned=("__doc__",), updated=())
    def __init__(self, *args, **kwargs):
        if not type.__instancecheck__(cls, self):  # of a class that derives from another: see DoorType
            return _to_derive_from(cls).__init__(self, *args, **kwargs)
        arguments = translation(args, kwargs)
        if isinstance(self, Layer) and arguments.get("name") is None:
            arguments["name"] = automatic_name(type(self))
        if type(self) is cls:
            self.__dict__["_constructed_with"] = ((), arguments)
        super(cls, self).__init__(**arguments)

    __init__.__signature__ = translation.signature.replace(
        parameters=[inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *translation.parameters]
    )
    body = {
        "__init__": __init__,
        "__module__": sys._getframe(1).f_globals["__name__"],
        "__doc__": core.__doc__,
        "_stands_for": core,
        "_serial": next(_serials),
        "_translation": translation,
        **{old: _renamed_attribute(new) for old, new in attributes.items()},
    }
    if issubclass(core, Layer):
        body["_recorded_arguments"] = _recorded_arguments
    cls = DoorType(name or core.__name__, (*mixins, core), body)
    objects.stand_in(cls, core)
    return cls


def renamed(function, signature, name=None, **rules):
    """``function``, taking the arguments of an older generation. ``rules``: see ``Translation``."""
    translation = Translation(name or function.__name__, signature, function, **rules)

    @functools.wraps(function)
    def run(*args, **kwargs):
        return function(**translation(args, kwargs))

    run.__name__ = run.__qualname__ = translation.name
    run.__module__ = sys._getframe(1).f_globals["__name__"]
    run.__signature__ = translation.signature
    return run


class Translation:
    """From the arguments of an old call to those of today's, as a dict by name.

    Args:
        name: what is called, for messages.
        signature: its old parameters, as text.
        target: the class or function of today; its name is in the corrected call.
        renames: old names to new ones, beside the common table ``renames.ARGUMENTS``.
        values: by the new name, a function from an old value to a new one, beside ``renames.VALUES``.
        ignored: old parameters that cannot change a result here.
        refused: old parameters that cannot be honoured, with what to write instead; their defaults may be given.
        own: old parameters that a mixin of the door takes, and that today's call does not have.
        before: a function (args, kwargs) -> (args, kwargs), for calls that are read by their form.
        prepare: a function that is given the old arguments as a dict, with defaults, and today's (those given by
            their names of today) as another, and may change both.
    """

    def __init__(
        self,
        name,
        signature,
        target,
        renames=None,
        values=None,
        ignored=(),
        refused=None,
        own=(),
        before=None,
        prepare=None,
    ):
        self.name, self.target = name, target
        self.signature = parse(signature)
        self.parameters = list(self.signature.parameters.values())
        self.old = {p.name: p.default for p in self.parameters if p.kind is not p.VAR_KEYWORD}
        self.takes_anything = len(self.old) < len(self.parameters)
        self.renames = {**ARGUMENTS, **(renames or {})}
        self.own_renames = renames or {}
        self.values = {**VALUES, **(values or {})}
        self.ignored, self.refused, self.own = frozenset(ignored), refused or {}, frozenset(own)
        self.before, self.prepare = before, prepare

    @functools.cached_property
    def known(self):
        """The parameters of today."""
        found = set(_OF_EVERY_LAYER) if inspect.isclass(self.target) and issubclass(self.target, Layer) else set()
        for cls in self.target.__mro__ if inspect.isclass(self.target) else [self.target]:
            function = cls.__dict__.get("__init__") if inspect.isclass(cls) else cls
            if function is None or function is object.__init__:
                continue
            parameters = inspect.signature(function).parameters.values()
            found.update(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
        return (found | self.own) - {"self", "kwargs"}

    @functools.cached_property
    def places(self):
        """Today's parameters, in their order."""
        try:
            return list(inspect.signature(self.target).parameters)
        except (TypeError, ValueError):
            return []

    def new_name(self, old):
        """What the argument ``old`` of any generation is called today; None if it is not known."""
        if old in self.own_renames:
            return self.own_renames[old]
        if old in self.known:
            return old
        new = self.renames.get(old)
        return new if new in self.known else None

    def __call__(self, args, kwargs):
        if self.before is not None:
            args, kwargs = self.before(args, dict(kwargs))
        old, today, loose = self._sorted(args, kwargs)
        given = {self.new_name(key) for key in old} | set(today)
        defaults = {
            key: value
            for key, value in self.old.items()
            if key not in old and value is not _REQUIRED and self.new_name(key) not in today
        }
        filled = {**old, **defaults}
        if self.prepare is not None:
            self.prepare(filled, today)
        self._require(filled, today)
        for key, value in filled.items():
            if key in self.ignored:
                continue
            if key in self.refused and key in old and not _same(value, self.old.get(key)):
                raise ValueError(f"{self.name}: {key}={value!r} cannot be honoured here. {self.refused[key]}")
            new = self.new_name(key)
            if new is None:
                if key in self.refused or key in self.ignored:
                    continue
                raise TypeError(f"{self.name}: the argument {key!r} has no meaning here.")
            if key in old and new in today:
                raise TypeError(f"{self.name}: {key!r} and {new!r} are the same argument, and both were given.")
            if key in old or new not in today:
                today[new] = self._read(new, value)
        same = {old_ for old_, new in zip(list(self.old)[: len(args)], self.places) if self.new_name(old_) == new}
        if loose or any(self.new_name(key) != key for key in old if key not in same):
            unsaid = {self.new_name(key) for key in defaults} | self.own
            said = sorted(today, key=lambda k: self.places.index(k) if k in self.places else len(self.places))
            wanted = {k: today[k] for k in said if (k in given and k not in self.own) or k not in unsaid}
            notes.corrected(notes.call(self.target.__name__, wanted))
        # a default of None leaves the choice to the class of today, as not giving it does
        unsaid = {self.new_name(key) for key, value in defaults.items() if value is None}
        return {key: value for key, value in today.items() if value is not None or key not in unsaid}

    def _sorted(self, args, kwargs):
        """The arguments under their old names, those under today's, and whether any had a third name."""
        names_ = list(self.old)
        if len(args) > len(names_):
            raise TypeError(
                f"{self.name} takes at most {len(names_)} positional arguments ({', '.join(names_)}). "
                f"Received: {len(args)}."
            )
        old, today, loose = dict(zip(names_, args)), {}, False
        for key, value in kwargs.items():
            if key in old or key in today:
                raise TypeError(f"{self.name} was given {key!r} twice.")
            if key in self.old:
                old[key] = value
            elif key in self.ignored:
                continue
            elif key in self.refused:
                raise ValueError(f"{self.name}: {key}={value!r} cannot be honoured here. {self.refused[key]}")
            else:
                new = self.new_name(key)
                if new is None:
                    raise TypeError(f"{self.name} does not know the argument {key!r}{self._hint(key)}.")
                loose = loose or new != key
                if new in today:
                    raise TypeError(f"{self.name}: {key!r} and {new!r} are the same argument, and both were given.")
                today[new] = self._read(new, value)
        return old, today, loose

    def _require(self, filled, today):
        for key, default in self.old.items():
            if default is _REQUIRED and key not in filled and self.new_name(key) not in today:
                new = self.new_name(key)
                if new is None:  # prepare has made something else of it
                    continue
                other = f" (today: {new!r})" if new != key else ""
                raise TypeError(f"{self.name}: the argument {key!r}{other} is missing.")

    def _read(self, new, value):
        read = self.values.get(new)
        return value if read is None else read(value)

    def _hint(self, key):
        close = get_close_matches(key, [*self.old, *self.known], 1)
        return (
            f"; did you mean {close[0]!r}?" if close else f". It knows: {', '.join(sorted({*self.old, *self.known}))}"
        )


@functools.lru_cache(None)
def parse(text):
    """The Signature that ``text`` writes down. Defaults are literals."""
    import ast

    arguments = ast.parse(f"def f({text}): pass").body[0].args
    kind = inspect.Parameter
    defaults = [_REQUIRED] * (len(arguments.args) - len(arguments.defaults))
    defaults += [ast.literal_eval(node) for node in arguments.defaults]
    found = [kind(a.arg, kind.POSITIONAL_OR_KEYWORD, default=d) for a, d in zip(arguments.args, defaults)]
    if arguments.vararg:
        found.append(kind(arguments.vararg.arg, kind.VAR_POSITIONAL))
    for a, node in zip(arguments.kwonlyargs, arguments.kw_defaults):
        found.append(kind(a.arg, kind.KEYWORD_ONLY, default=_REQUIRED if node is None else ast.literal_eval(node)))
    if arguments.kwarg:
        found.append(kind(arguments.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(found)


def automatic_name(cls):
    """A name as older generations gave them: "dense_1", "dense_2", ..."""
    prefix = getattr(cls, "_prefix_of", names.snake_case)(cls.__name__)
    return f"{prefix}_{names.get_uid(prefix)}"


def _recorded_arguments(self):
    cls = type(self)
    stands_for = cls.__dict__.get("_stands_for")
    if stands_for is None:
        return super(_nearest_door(cls), self)._recorded_arguments()
    given = {k: v for k, v in self._constructed_with[1].items() if k not in ("name", "trainable", "dtype")}
    return {key: objects.serialize_keras_object(value) for key, value in given.items()}


def _nearest_door(cls):
    return next(c for c in cls.__mro__ if "_stands_for" in c.__dict__)


def _renamed_attribute(new):
    path = new.split(".")

    def get(self):
        return functools.reduce(getattr, path, self)

    def set_(self, value):
        setattr(functools.reduce(getattr, path[:-1], self), path[-1], value)

    return property(get, set_, doc=f"``{new}``, by its old name.")


def _same(value, other):
    try:
        return bool(value == other)
    except Exception:
        return value is other
