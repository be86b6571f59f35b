"""What a model's config may say: looked at as a whole before anything is built from it."""

from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from math import prod

from kbridge import objects
from kbridge.backend.variable import allowance, numpy_dtype
from kbridge.saving.errors import CorruptFileError, UnsafeFileError

# Layers that are made of code or of other files, and those whose vocabulary could be the path of a file
_MADE_OF_CODE = ("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_WITH_VOCABULARY = ("StringLookup", "IntegerLookup", "TextVectorization")

MOST_OBJECTS = 200_000  # in one config
MOST_LAYERS = 10_000  # in one list

_TYPES = {
    "class_name": (str,),
    "module": (str, type(None)),
    "registered_name": (str, type(None)),
    "shared_object_id": (int, type(None)),
    "build_config": (dict, type(None)),
    "compile_config": (dict, type(None)),
    "inbound_nodes": (list,),
}


def check_config(config, file, place, custom_objects=None, compile=True):
    """A copy of ``config`` (plain data) that may be built: functions given for Lambdas stand for their code."""
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise CorruptFileError(file, place, "it does not describe a model: 'class_name' is missing.")
    return _Check(file, place, custom_objects or {}, compile).of(config, "")


class _Check:
    def __init__(self, file, place, custom_objects, compile):
        self.file, self.place = file, place
        self.custom_objects = custom_objects
        self.compile = compile
        self.objects = 0

    def _at(self, where):
        return f"{self.place}: {where.removeprefix('.')}" if where else self.place

    def _given(self, name):
        """What the caller says that ``name`` stands for: here, by a scope, or by registering it."""
        return objects.get_registered_object(name, self.custom_objects)

    def of(self, value, where):
        if isinstance(value, list):
            return [
                self.of(item, f"{where}[{i}]") if isinstance(item, (dict, list)) else item
                for i, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        if "class_name" in value and "config" in value:
            value = self._described(value, where)
        return {
            key: self.of(item, f"{where}.{key}")
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
        if name == "__lambda__":
            raise self._code(where, None)
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
        """A Lambda's config, with what the caller gave under the layer's name in place of code."""
        found = dict(config)
        for part in ("function", "output_shape", "mask"):
            code = found.get(part)
            of_now = isinstance(code, dict) and code.get("class_name") == "__lambda__"
            of_old = found.get(f"{part}_type") == "lambda" or (part == "function" and isinstance(code, list))
            if not of_now and not of_old:
                continue
            name = config.get("name")
            if part != "function" or not isinstance(name, str) or not callable(self._given(name)):
                raise self._code(f"{where}.config.{part}", name)
            found[part] = {
                "module": "builtins",
                "class_name": "function",
                "config": name,
                "registered_name": "function",
            }
            found.pop("function_type", None)
        return found

    def _code(self, where, name):
        name = name if isinstance(name, str) else "the name of the Lambda layer"
        return UnsafeFileError(
            self.file,
            self._at(where),
            f"it is the code of a Python lambda, and code from a file is never run, safe_mode or not. If you know the "
            f"function, write: load_model(..., custom_objects={{{name!r}: function}}). In a model of your own, "
            f"define the function with `def` and decorate it with @register_keras_serializable() before saving.",
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
    """So many bytes that new variables may take."""

    def __init__(self, nbytes, file, place):
        self.nbytes = self.left = nbytes
        self.file, self.place = file, place

    def take(self, name, shape, dtype):
        self.left -= prod(shape) * numpy_dtype(dtype).itemsize
        if self.left < 0:
            raise UnsafeFileError(
                self.file,
                self.place,
                f"the model it describes needs more memory than the file has weights for: with the variable {name!r} "
                f"of shape {tuple(shape)}, more than {self.nbytes:,} bytes.",
            )


@contextmanager
def allowing(nbytes, file, place):
    """Within this context new variables may take ``nbytes`` at most."""
    token = allowance.set(_Allowance(nbytes, file, place))
    try:
        yield
    finally:
        allowance.reset(token)
