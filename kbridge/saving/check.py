"""What a model's config may say: looked at as a whole before anything is built from it."""

from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from math import prod

from kbridge import bytecode, objects
from kbridge.backend.variable import allowance, numpy_dtype
from kbridge.saving.errors import CorruptFileError, UnsafeFileError

# Layers that are made of code or of other files, and those whose vocabulary could be the path of a file
_MADE_OF_CODE = ("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_WITH_VOCABULARY = ("StringLookup", "IntegerLookup", "TextVectorization")

MOST_OBJECTS = 200_000  # in one config
MOST_LAYERS = 10_000  # in one list
_LEAST_STEPS, _STEPS_PER_OBJECT = 2000, 20

_TYPES = {
    "class_name": (str,),
    "module": (str, type(None)),
    "registered_name": (str, type(None)),
    "shared_object_id": (int, type(None)),
    "build_config": (dict, type(None)),
    "compile_config": (dict, type(None)),
    "inbound_nodes": (list,),
}


def check_config(config, file, place, custom_objects=None, compile=True, safe_mode=True):
    """A copy of ``config`` (plain data) that may be built.

    Functions given for Lambdas stand for their code, or, if the caller says ``safe_mode=False``, what the code is.
    """
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise CorruptFileError(file, place, "it does not describe a model: 'class_name' is missing.")
    return _Check(file, place, custom_objects or {}, compile, safe_mode).of(config, "")


class _Check:
    def __init__(self, file, place, custom_objects, compile, safe_mode):
        self.file, self.place = file, place
        self.custom_objects = custom_objects
        self.compile, self.safe_mode = compile, safe_mode
        self.objects = 0

    def _at(self, where):
        return f"{self.place}: {where.removeprefix('.')}" if where else self.place

    def _given(self, name):
        """What the caller says that ``name`` stands for: here, by a scope, or by registering it."""
        return objects.get_registered_object(name, self.custom_objects)

    def of(self, value, where, owner=None):
        """``value`` checked; ``owner`` is the name of the layer or the model that it belongs to."""
        if isinstance(value, list):
            return [
                self.of(item, f"{where}[{i}]", owner) if isinstance(item, (dict, list)) else item
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        if (code := _code_in(value, where)) is not None:
            return self._function(code, where, f"{owner}.{where.rpartition('.')[2]}")
        if "class_name" in value and "config" in value:
            value = self._described(value, where)
            owner = _name_in(value["config"]) or owner
        return {
            key: self.of(item, f"{where}.{key}", owner)
            for key, item in value.items()
            if self.compile or key != "compile_config"
        }

    def _described(self, value, where):
        """The description of an object, checked by itself."""
        for key, types in _TYPES.items():
            if key in value and (not isinstance(value[key], types) or isinstance(value[key], bool)):
                raise CorruptFileError(
                    self.file,
                    self._at(where),
                    f"{key!r} cannot be {str(value[key])[:80]!r} ({type(value[key]).__name__}).",
                )
        name, config = value["class_name"], value["config"]
        if (value.get("module") or "").startswith("keras.legacy."):
            _know_older()
        if name == "Sequential" and _begins_by_merging(config):
            value = {**value, "module": "keras.legacy.models"}
            _know_older()
        self.objects += 1
        layers = config.get("layers") if isinstance(config, dict) else None
        if self.objects > MOST_OBJECTS or (isinstance(layers, (list, dict)) and len(layers) > MOST_LAYERS):
            why = f"it describes more than {MOST_LAYERS:,} layers, or {MOST_OBJECTS:,} objects in all."
            raise UnsafeFileError(self.file, self._at(where), why)
        if name in _MADE_OF_CODE and self._given(name) is None:
            raise UnsafeFileError(
                self.file,
                self._at(where),
                f"a {name} is made of code or of other files. Pass what stands for it in custom_objects, as {name!r}.",
            )
        if not isinstance(config, dict):
            return value
        if name == "Lambda":
            value = {**value, "config": self._lambda(config, where)}
        if name in _WITH_VOCABULARY and isinstance(config.get("vocabulary"), str):
            raise UnsafeFileError(
                self.file, self._at(where), f"the vocabulary is a path ({config['vocabulary'][:80]!r}); none is opened."
            )
        for i, call in enumerate(value.get("inbound_nodes", ())):
            if not _has_symbol(call):
                raise UnsafeFileError(
                    self.file,
                    self._at(f"{where}.inbound_nodes[{i}]"),
                    "it is called on constants alone, not on a symbol.",
                )
        return value

    def _lambda(self, config, where):
        """A Lambda's config with functions in place of code."""
        found = dict(config)
        for part in ("function", "output_shape", "mask"):
            told = config.get(part)
            code = _code_in(told, where)
            if code is None and (config.get(f"{part}_type") == "lambda" or (part, type(told)) == ("function", list)):
                code = told  # as older generations wrote it
            if code is None:
                continue
            name = _name_in(config) or "the name of the layer"
            name = name if part == "function" else f"{name}.{part}"
            found[part] = self._function(code, f"{where}.config.{part}", name)
            found.pop(f"{part}_type", None)
        return found

    def _function(self, code, where, name):
        """What the caller gives under ``name`` in place of code, or what the code is, if the caller lets it run."""
        if callable(given := self._given(name)):
            return given
        give = f"custom_objects={{{name!r}: function}}" + (" or compile=False" if "compile_config" in where else "")
        if not bytecode.is_told(code):
            why = f"it is a Python lambda, and the file does not say what it does. Write {give} in this call."
            raise UnsafeFileError(self.file, self._at(where), why)
        if self.safe_mode:
            raise UnsafeFileError(
                self.file,
                self._at(where),
                f"it is the code of a Python lambda, and code from a file is not run. If you know the function, write "
                f"{give} in this call. If you trust whoever made the file, write safe_mode=False. In a model of your "
                f"own, define the function with `def` and decorate it with @register_keras_serializable() before "
                f"saving.",
            )
        try:
            return bytecode.described(code, self._given)
        except bytecode.BytecodeError as error:
            why = f"the code of a Python lambda cannot be used: {error} If you know the function, write {give}."
            raise CorruptFileError(self.file, self._at(where), why) from error


def _name_in(config):
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) else None


def _code_in(value, where):
    """The code of a lambda, if that is what ``value`` describes."""
    if not isinstance(value, dict):
        return None
    if value.get("class_name") == "__lambda__":
        return value.get("config", {})
    if where.endswith("activation") and value.keys() == {"value"}:  # so Keras writes one that is an activation
        return value
    return None


def _names_of_lambdas(value, owner=None, key="", of_lambda=False):
    """The names under which functions are given for the lambdas in a config; see ``_Check``."""
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _names_of_lambdas(item, owner, f"{key}[{i}]")
    if not isinstance(value, dict):
        return
    if _code_in(value, key) is not None:
        yield owner if of_lambda and key == "function" else f"{owner}.{key}"
        return
    inner = value.get("config") if "class_name" in value else None
    of_lambda = of_lambda if inner is None else value["class_name"] == "Lambda"
    for name, item in value.items():
        yield from _names_of_lambdas(item, _name_in(inner) or owner, name, of_lambda)


def tell_of_lambdas(model, config):
    """Warn who saves ``model`` with this config that the functions of its lambdas are not in the file."""
    if names := list(_names_of_lambdas(config)):
        given = ", ".join(f"{name!r}: function" for name in names)
        objects.warn(
            f"Model '{model.name}' is saved, but without what its lambdas do, since code is not written into files. To "
            f"load it again, write: load_model(..., custom_objects={{{given}}})"
            f"{', or compile=False' if list(_names_of_lambdas(config.get('compile_config'))) else ''}. Or define each "
            f"with `def` at the top of a module, and decorate it, before saving, with @register_keras_serializable()."
        )


@lru_cache(None)
def _know_older():
    """Make the layers known that only older generations have: a floor above, asked only when a file names one."""
    for generation in ("keras1", "keras2"):
        for part in ("layers", "models"):
            import_module(f"kbridge.compat.{generation}.{part}")


def _begins_by_merging(config):
    """Whether it is of a Sequential with several branches, which only older generations made."""
    layers = config.get("layers") if isinstance(config, dict) else None
    first = layers[0] if isinstance(layers, list) and layers and isinstance(layers[0], dict) else {}
    return (first.get("module"), first.get("class_name")) == ("keras.legacy.layers", "Merge")


def _has_symbol(value):
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__" or any(map(_has_symbol, value.values()))
    return isinstance(value, list) and any(map(_has_symbol, value))


class _Allowance:
    """So many bytes that new variables may take, and so many steps that graphs may go to find out shapes."""

    def __init__(self, nbytes, file, place):
        self.nbytes = self.left = nbytes
        self.steps = float("inf")
        self.file, self.place = file, place

    def bound_steps(self, config):
        """Let the work be in proportion to the number of objects in ``config``.

        A model called twice, within a model called twice, and so on, would take twice the time with each.
        """
        self.steps = _LEAST_STEPS + _STEPS_PER_OBJECT * _objects_in(config)

    def go(self, steps):
        self.steps -= steps
        if self.steps < 0:
            raise UnsafeFileError(
                self.file, self.place, "models in it are called again and again, within others that are called so."
            )

    def take(self, name, shape, dtype):
        self.left -= prod(shape) * numpy_dtype(dtype).itemsize
        if self.left < 0:
            raise UnsafeFileError(
                self.file,
                self.place,
                f"the model it describes needs more memory than the file has weights for: with the variable {name!r} "
                f"of shape {tuple(shape)}, more than {self.nbytes:,} bytes.",
            )


def _objects_in(value):
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        count += isinstance(one, dict)
        waiting += [v for v in (one.values() if isinstance(one, dict) else one) if isinstance(v, (dict, list))]
    return count


@contextmanager
def allowing(nbytes, file, place):
    """Within this context new variables may take ``nbytes`` at most."""
    token = allowance.set(_Allowance(nbytes, file, place))
    try:
        yield
    finally:
        allowance.reset(token)
