"""Named things as data and back: one mechanism for losses, metrics, initializers, layers and the rest.

A module that has members with names makes a ``Family`` of them, and takes its
``get``, ``serialize`` and ``deserialize`` from it. The data are Keras 3's:

    {"module": "keras.losses", "class_name": "Huber", "config": {"delta": 2.0, ...}, "registered_name": None}

Reading them never imports anything: a name stands for a member of a family, or
for what the caller handed over (``custom_objects``) or registered, or it is an error.
"""

import inspect
import sys
import warnings
from contextvars import ContextVar
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np

from kbridge.backend import dtypes, registry
from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.variable import numpy_dtype

_PLAIN = (str, int, float, bool)  # what a config may hold as it is

_public = {}  # (module, name) -> class or function that belongs to kbridge
_home = {}  # the same, the other way round; the first name wins
_registered = {}  # "package>name" -> class or function of the user
_registered_names = {}  # the same, the other way round
_scope = ContextVar("kbridge_custom_objects", default=MappingProxyType({}))  # what CustomObjectScope adds
_sharing = ContextVar("kbridge_sharing", default=None)
_unnamed = ContextVar("kbridge_unnamed", default=None)
_doubts = ContextVar("kbridge_doubts", default=None)
_by_reference = ContextVar("kbridge_by_reference", default=False)


class UnknownObjectError(ValueError, TypeError):
    """A name or config stands for nothing known here."""


class _UnmadeError(TypeError):
    """A class does not take what a config says."""


class _UnwritableError(TypeError):
    """A value that a config has no words for, before it is known whose it is; ``where``: as which argument."""

    def __init__(self, text):
        super().__init__(text)
        self.where = []


# -- the user's own objects


class CustomObjectScope:
    """Within this context the names in ``custom_objects`` (a dict, or several) stand for the objects beside them.

    >>> with CustomObjectScope({"cube": cube}):
    ...     layer = Dense(3, activation="cube")
    """

    def __init__(self, custom_objects=None, *more):
        self.custom_objects = {}
        for given in (custom_objects, *more):
            self.custom_objects.update(given or {})
        self._tokens = []

    def __enter__(self):
        self._tokens.append(_scope.set({**_scope.get(), **self.custom_objects}))
        return self

    def __exit__(self, *error):
        _scope.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope


def get_custom_objects():
    """The dict of the objects registered in this process; what is put into it is known by its key from then on."""
    return _registered


def register_keras_serializable(package="Custom", name=None):
    """A decorator that makes a class or function known as "package>name", for saving and loading."""

    def register(member):
        if inspect.isclass(member) and not hasattr(member, "get_config"):
            raise ValueError(
                f"Class {member.__name__} cannot be registered, since it has no get_config() method. "
                f"Define one that returns the arguments of its constructor as a dict."
            )
        registered_name = f"{package}>{name or member.__name__}"
        _registered[registered_name] = member
        _registered_names[member] = registered_name
        return member

    return register


def get_registered_name(obj):
    """The name that ``obj`` was registered under, or else its own."""
    return _registered_names.get(obj, obj.__name__)


def get_registered_object(name, custom_objects=None, module_objects=None):
    """What ``name`` stands for among ``custom_objects``, those in scope, those registered, and ``module_objects``."""
    for table in (custom_objects or {}, _scope.get(), _registered, module_objects or {}):
        if name in table:
            return table[name]
    return None


def _custom_object(*known_as):
    for name in known_as:
        found = get_registered_object(name)
        if found is not None:
            return found
    # Keras up to 3.6 wrote registered functions without their package
    for name in known_as:
        for table in (_scope.get(), _registered):
            for key, found in table.items():
                if name and key.endswith(f">{name}"):
                    return found
    return None


# -- kbridge's own


def publish(module, *members, **aliases):
    """Let ``members`` be known in configs as members of ``module`` ("keras.losses"), by their names and ``aliases``."""
    for name, member in [(member.__name__, member) for member in members] + list(aliases.items()):
        _public[module, name] = member
        _home.setdefault(member, (module, name))


def stand_in(member, original):
    """``member`` is written into configs as ``original`` is."""
    for known in (_home, _registered_names):
        if original in known:
            known[member] = known[original]


def name_at_home(member):
    """The name that configs have for ``member``; None if it is not known to them."""
    return _home.get(member, (None, None))[1]


def class_name_at_home(member):
    """The name of the class that configs mean by ``member``: its own, or that of what it stands in for."""
    return getattr(_public.get(_home.get(member)), "__name__", member.__name__)


def is_home(member):
    """Whether configs that name ``member`` mean it, and not what it stands in for."""
    return _public.get(_home.get(member)) is member


def _published(module, name):
    """What ``module.name`` stands for. Keras's inner modules count as the public ones they are part of."""
    parts = [part for part in (module or "keras").split(".") if part != "src"]
    if parts[0] not in ("keras", "kbridge", "tf_keras"):
        return None
    parts[0] = "keras"
    while parts:
        found = _public.get((".".join(parts), name))
        if found is not None:
            return found
        parts.pop()
    found = {id(member): member for (_, known), member in _public.items() if known == name}
    return next(iter(found.values())) if len(found) == 1 else None


# -- objects to data


def serialize_keras_object(obj):
    """``obj`` as data from which ``deserialize_keras_object`` makes its equal."""
    if obj is None or type(obj) in _PLAIN:
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: _serialized(value, key) for key, value in obj.items()}
    special = _as_special(obj)
    if special is not None:
        return special
    if isinstance(obj, (np.generic, np.ndarray)):
        return obj.item()
    if isinstance(obj, _PLAIN):  # subclasses: enumerations of strings and the like
        return next(plain(obj) for plain in (bool, int, float, str) if isinstance(obj, plain))
    if type(obj).__name__.lower().endswith("dtype"):  # an engine's dtype object
        return dtypes.standardize(obj)
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        return _instance_config(obj)
    if callable(obj) and hasattr(obj, "__name__") and not inspect.isclass(obj):
        return _function_config(obj)
    hint = "an object with a get_config() method."
    if callable(obj):
        hint += " Write a function with `def` that does the same, and decorate it with @register_keras_serializable()."
    raise _UnwritableError(
        f"{obj!r} of type {type(obj).__name__} cannot be written into a config. "
        f"Expected plain data, a named function, or {hint}"
    )


def _serialized(value, key):
    try:
        return serialize_keras_object(value)
    except _UnwritableError as error:
        error.where.insert(0, str(key))
        raise


def _as_special(obj):
    """The config of a value that JSON has no word for, or None if ``obj`` is no such value."""
    if isinstance(obj, bytes):
        return _special("bytes", value=obj.decode("utf-8"))
    if isinstance(obj, slice):
        return _special("slice", **{part: serialize_keras_object(getattr(obj, part)) for part in _SLICE})
    if obj is Ellipsis:
        return _special("ellipsis")
    if isinstance(obj, np.ndarray) and obj.ndim:
        return _special("numpy", value=obj.tolist(), dtype=dtypes.standardize(obj.dtype))
    if isinstance(obj, KerasTensor):
        return _special("keras_tensor", shape=obj.shape, dtype=obj.dtype, keras_history=None)
    if not isinstance(obj, (np.ndarray, np.generic)) and registry.current().is_tensor(obj):
        array = registry.current().to_numpy(obj)
        return _special("tensor", value=array.tolist(), dtype=dtypes.standardize(array.dtype))
    return None


_SLICE = ("start", "stop", "step")


def _special(kind, **config):
    return {"class_name": f"__{kind}__", "config": config}


class unnamed:
    """Within this context lambdas are written into configs as being there, without what they do; a list of them."""

    def __enter__(self):
        found = []
        self._token = _unnamed.set(found)
        return found

    def __exit__(self, *error):
        _unnamed.reset(self._token)


class by_reference:
    """Within this context lambdas stand in configs themselves: for configs that stay in this process."""

    def __enter__(self):
        self._token = _by_reference.set(True)

    def __exit__(self, *error):
        _by_reference.reset(self._token)


def _function_config(function):
    name = get_registered_name(function)
    if name == "<lambda>" and _by_reference.get() and _unnamed.get() is None:
        return function
    if name == "<lambda>" and _unnamed.get() is not None:
        _unnamed.get().append(function)
        return _special("lambda", code=None)
    if name == "<lambda>":
        raise _UnwritableError(
            f"{function!r} cannot be written into a config, since a lambda has no name to be found by. "
            f"Define it with `def`, and decorate it with @register_keras_serializable()."
        )
    result = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if _doubts.get() is not None:
        _doubts.get().look_for("function", function, name, result, (name, "function"))
    return result


def _instance_config(obj):
    try:
        return _described(obj)
    except _UnwritableError as error:
        name, where = getattr(obj, "name", None), ".".join(error.where)
        whose = f"{type(obj).__name__}{f' {name!r}' if name else ''}{f', {where}' if where else ''}"
        raise TypeError(f"{whose}: {error}") from None


def _described(obj):
    # what an object tells who asks it for its config may be more than belongs into files
    config = obj._config_for_files() if hasattr(obj, "_config_for_files") else obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"{type(obj).__name__}.get_config() must return a dict. It returned: {config!r}.")
    cls = type(obj)
    module, class_name = _home.get(cls, (cls.__module__, cls.__name__))
    result = {
        "module": module,
        "class_name": class_name,
        "config": serialize_keras_object(config),
        "registered_name": None if cls in _home else get_registered_name(cls),
    }
    for part in ("build_config", "compile_config"):
        found = getattr(obj, f"get_{part}", lambda: None)()
        if found is not None:
            result[part] = _serialized(found, part)
    if _doubts.get() is not None and cls not in _home:
        _doubts.get().look_at(cls, result)
    if _sharing.get() is not None:
        _sharing.get().note(obj, result)
    return result


class doubts:
    """Within this context it is noted what configs that are written could not be read back with."""

    def __init__(self):
        self.unknown = {}  # names that stand for nothing known in this process -> ("class" or "function", what it is)
        self.wrong = []  # what get_config() of some classes does not tell

    def look_for(self, what, member, name, config, known_as):
        try:
            _find(config, what, name, known_as, None)
        except UnknownObjectError:
            self.unknown[name] = what, member

    def look_at(self, cls, config):
        name = config["class_name"]
        self.look_for("class", cls, name, config, (config["registered_name"], name))
        from_config = inspect.getattr_static(cls, "from_config", None)
        if from_config is None or getattr(from_config, "__func__", from_config).__module__.startswith("kbridge."):
            parameters = list(inspect.signature(cls).parameters.values())
            kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            needed = [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
            missing = [each for each in needed if each not in config["config"]]
            if missing:
                self.wrong.append(f"{cls.__name__}.get_config() leaves out {', '.join(map(repr, missing))}")

    def tell(self, model):
        """Warn who saves ``model`` of what it cannot be loaded without."""
        parts = []
        if self.unknown:
            given = ", ".join(f"{name!r}: {_written(member)}" for name, (_, member) in self.unknown.items())
            parts.append(
                f"{', '.join(f'the {what} {name!r}' for name, (what, _) in self.unknown.items())} can only be found "
                f"again if it is given: load_model(..., custom_objects={{{given}}}). Or define it at the top of a "
                f"module, and decorate it, before saving, with @register_keras_serializable()."
            )
        if self.wrong:
            parts.append(
                f"{'; '.join(self.wrong)}, which the constructor needs. Return it there as well, or leave get_config() "
                f"out: arguments are recorded by themselves."
            )
        if parts:
            warn(f"Model '{model.name}' is saved, but {' '.join(parts)}")

    def __enter__(self):
        self._token = _doubts.set(self)
        return self

    def __exit__(self, *error):
        _doubts.reset(self._token)


def _written(member):
    """What a program may write for a class or function of its own."""
    if inspect.ismethod(member) and not inspect.isclass(member.__self__):
        return f"{type(member.__self__).__name__}(...).{member.__name__}"
    return getattr(member, "__qualname__", member.__name__).rpartition("<locals>.")[2]


def warn(text):
    """Warn, and point at the line of the program that led here."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "kbridge":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


class sharing:
    """Within this context an object that is written twice is marked as one, and made once when read."""

    def __init__(self):
        self.written = {}  # id(object) -> [the object, so that the id stays its own; its number; how often]
        self.made = {}  # shared_object_id -> object

    def note(self, obj, config):
        known = self.written.setdefault(id(obj), [obj, len(self.written), 0])
        known[2] += 1
        config["shared_object_id"] = known[1]

    def told(self, config):
        """``config``, written in this context, without the marks of what was written once."""
        once = {number for _, number, times in self.written.values() if times == 1}

        def without(value):
            if isinstance(value, (list, tuple)):
                return [without(item) for item in value]
            if not isinstance(value, dict):
                return value
            drop = value.get("shared_object_id") in once and "class_name" in value
            return {k: without(item) for k, item in value.items() if not (drop and k == "shared_object_id")}

        return without(config)

    def __enter__(self):
        self._token = _sharing.set(self)
        return self

    def __exit__(self, *error):
        _sharing.reset(self._token)


# -- data to objects


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs):
    """The object that ``config`` (from ``serialize_keras_object``) describes; plain data stay as they are.

    ``custom_objects`` says what names of your own stand for. Code in a config (a lambda) is refused, unless
    ``safe_mode=False`` is written in this very call: only do so if you trust whoever made it.
    """
    module_objects = kwargs.pop("module_objects", None)
    if kwargs:
        raise TypeError(f"deserialize_keras_object: unknown arguments {sorted(kwargs)}.")
    with CustomObjectScope(module_objects, custom_objects):
        if not safe_mode:
            from kbridge import bytecode

            config = bytecode.with_functions(config, get_registered_object)
        return _make(config)


def _make(config, family=None):
    if isinstance(config, str):
        found = get_registered_object(config)
        return config if found is None else found
    if isinstance(config, (list, tuple)):
        return type(config)(_make(item) for item in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _make(value) for key, value in config.items()}
    class_name, inner = config["class_name"], config["config"]
    if class_name in _SPECIAL:
        return _SPECIAL[class_name](inner)
    if class_name == "function":
        return _find(config, "function", inner, (inner, config.get("registered_name")), family)
    found = _find(config, "class", class_name, (config.get("registered_name"), class_name), family)
    return _instance(found, config) if inspect.isclass(found) else found


def _find(config, what, name, known_as, family):
    if not isinstance(name, str):
        raise TypeError(f"Expected the name of a {what} in a config. Received: {name!r}, in {config}.")
    found = _custom_object(*known_as)
    if found is None and family is not None:
        found = family.members.get(name)
    if found is None:
        module = config.get("module")
        found = _published(None if module == "builtins" else module, name)
    if found is None and what == "function":
        found = next((_public[module, name] for module in _FUNCTIONS if (module, name) in _public), None)
    if found is not None:
        return found
    known = [known for _, known in _public] + list(_scope.get()) + list(_registered)
    raise UnknownObjectError(
        f"Unknown {what} {name!r}{_hint(name, known)} If it is your own, pass "
        f"custom_objects={{{name!r}: ...}}, or decorate it with @register_keras_serializable(). "
        f"Received the config: {_cut(config)}"
    )


_FUNCTIONS = ("keras.activations", "keras.losses", "keras.metrics", "keras.ops")  # where plain functions live


def _instance(cls, config):
    inner = {} if config["config"] is None else config["config"]
    if not isinstance(inner, dict):
        raise TypeError(f"The config of {config['class_name']} must be a dict. Received: {inner!r}.")
    scope = _sharing.get()
    shared = config.get("shared_object_id") if scope is not None else None
    if shared is not None and shared in scope.made:
        return scope.made[shared]
    try:
        made = cls.from_config(inner) if hasattr(cls, "from_config") else cls(**inner)
    except UnknownObjectError as error:
        name = inner.get("name")
        if not name or getattr(error, "placed", False):
            raise
        placed = UnknownObjectError(f"{cls.__name__} {str(name)[:100]!r}: {error}")
        placed.placed = True
        raise placed from None
    except TypeError as error:
        if isinstance(error, _UnmadeError):
            raise
        own = "" if cls in _home else " Its from_config() has to turn nested configs into objects."
        raise _UnmadeError(
            f"{cls.__name__} could not be made from its config: {error}{own} Received: {_cut(inner)}"
        ) from error
    if config.get("build_config") and not getattr(made, "built", False):
        made.build_from_config(config["build_config"])
    if config.get("compile_config"):
        made.compile_from_config(config["compile_config"])
    if shared is not None:
        scope.made[shared] = made
    return made


def _array(config):
    return np.array(config["value"], numpy_dtype(dtypes.standardize(config["dtype"])))


def _no_lambda(config):
    raise ValueError(
        "The config holds the code of a lambda, and code from a config is not run. If you trust whoever made it, write "
        "safe_mode=False. Or define the function with `def`, register it with @register_keras_serializable(), and save "
        "anew."
    )


_SPECIAL = {
    "__bytes__": lambda config: config["value"].encode("utf-8"),
    "__slice__": lambda config: slice(*(_make(config[part]) for part in _SLICE)),
    "__ellipsis__": lambda config: Ellipsis,
    "__numpy__": _array,
    "__tensor__": lambda config: registry.current().convert(_array(config)),
    "__keras_tensor__": lambda config: KerasTensor(config["shape"], config["dtype"]),
    "__lambda__": _no_lambda,
}


def _cut(config):
    text = str(config)
    return text if len(text) <= 500 else f"{text[:500]}..."


def _hint(name, known):
    name = str(name)[:100]  # longer ones take long to compare
    close = get_close_matches(name, known, 1) or get_close_matches(name.lower(), [k for k in known if k.islower()], 1)
    return f". Did you mean {close[0]!r}?" if close else "."


# -- families


class Family:
    """The members of a module by name: its ``get``, ``serialize`` and ``deserialize``.

    noun:    what a member is called in messages.
    module:  its place in Keras ("keras.losses"), as it stands in configs.
    members: classes and functions.
    also:    a function from the name of a class to a second name of it.
    aliases: further names.
    default: what ``get(None)`` returns.
    """

    def __init__(self, noun, module, members, *, also=None, aliases=None, default=None):
        self.noun = noun
        self.module = module
        self.default = default
        self.members = {member.__name__: member for member in members}
        if also is not None:
            self.members.update({also(m.__name__): m for m in members if inspect.isclass(m)})
        self.members.update(aliases or {})
        publish(module, *members)

    def get(self, identifier):
        """The member for a name, a config, a class or a member itself."""
        if identifier is None:
            return self.default
        if isinstance(identifier, str):
            found = self.named(identifier)
        elif isinstance(identifier, dict):
            found = self.deserialize(identifier)
        else:
            found = identifier
        if inspect.isclass(found):
            found = found()
        if not self.accepts(found):
            raise ValueError(
                f"Could not understand {identifier!r} as {self._article()}. Expected a name, a config, "
                f"or {self._article()} itself. Received: {identifier!r} of type {type(identifier).__name__}."
            )
        return found

    def accepts(self, member):
        return callable(member)

    def named(self, name):
        """The class or function that ``name`` stands for."""
        found = _custom_object(name)
        if found is None:
            found = self.members.get(name)
        if found is None:
            raise UnknownObjectError(
                f"Unknown {self.noun} {name!r}{_hint(name, list(self.members) + list(_scope.get()))} "
                f"Known: {', '.join(sorted(self.members))}. If it is your own, pass the object itself, or make "
                f"the name known: custom_object_scope({{{name!r}: ...}}), or custom_objects in loading."
            )
        return found

    def serialize(self, member):
        return serialize_keras_object(member)

    def deserialize(self, config, custom_objects=None):
        """The member for a config, or a name, with ``custom_objects`` for names of your own."""
        with CustomObjectScope(custom_objects):
            if isinstance(config, str):
                found = self.named(config)
                return found() if inspect.isclass(found) else found
            if isinstance(config, dict) and "class_name" in config:
                config = {"config": {}, **config}
            return _make(config, self)

    def _article(self):
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"
