"""Small helpers that old programs took from ``keras.utils.generic_utils``."""

import collections
import inspect

from kbridge import bytecode, objects
from kbridge.objects import CustomObjectScope as CustomObjectScope
from kbridge.objects import custom_object_scope as custom_object_scope
from kbridge.objects import get_custom_objects as get_custom_objects

ArgSpec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")


# -- lists


def to_list(x, allow_tuple=False):
    """``x`` if it is a list (or, if allowed, a tuple), else a list of it alone."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x):
    """What a list of one holds; a longer one as it is."""
    return x[0] if len(x) == 1 else x


def is_all_none(iterable_or_element):
    """Whether it is None, or a list or tuple of nothing else."""
    return all(element is None for element in to_list(iterable_or_element, allow_tuple=True))


def make_tuple(*args):
    """The arguments as a tuple."""
    return args


def object_list_uid(object_list):
    """A text that is the same for the same objects."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list))


def slice_arrays(arrays, start=None, stop=None):
    """Rows of an array, or of each in a list: from ``start`` to ``stop``, or those that ``start`` lists."""
    if arrays is None:
        return [None]
    if hasattr(start, "__len__"):
        rows = start.tolist() if hasattr(start, "tolist") else start
    else:
        rows = slice(start, stop)
    if isinstance(arrays, list):
        return [None if x is None else x[rows] for x in arrays]
    return arrays[rows]


def transpose_shape(shape, target_format, spatial_axes):
    """A shape with the channels last, in the order that ``target_format`` says."""
    if target_format == "channels_last":
        return shape
    if target_format != "channels_first":
        raise ValueError(
            f"transpose_shape: target_format must be 'channels_first' or 'channels_last'. Received: {target_format!r}."
        )
    found = (*shape[: spatial_axes[0]], shape[-1], *(shape[axis] for axis in spatial_axes))
    return list(found) if isinstance(shape, list) else found


def check_for_unexpected_keys(name, input_dict, expected_values):
    """Refuse a dict with keys that are not expected."""
    unknown = set(input_dict) - set(expected_values)
    if unknown:
        raise ValueError(
            f"Unknown entries in the dictionary {name}: {sorted(unknown)}. Only these are expected: "
            f"{list(expected_values)}"
        )


# -- functions


def getargspec(fn):
    """(args, varargs, keywords, defaults) of a function."""
    found = inspect.getfullargspec(fn)
    return ArgSpec(found.args, found.varargs, found.varkw, found.defaults)


def has_arg(fn, name, accept_all=False):
    """Whether a function can be given the argument ``name``; with ``accept_all``, ``**kwargs`` count."""
    parameters = inspect.signature(fn).parameters
    found = parameters.get(name)
    if found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY):
        return True
    return accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def func_dump(func):
    """A function's bytecode as text, its defaults, and what it closes over."""
    return bytecode.dumped(func)


def func_load(code, defaults=None, closure=None, globs=None):
    """The function that ``func_dump`` told of, in the same version of Python. It is code: know who made it."""
    if isinstance(code, (list, tuple)):  # all three in one
        code, defaults, closure = code
    return bytecode.loaded(code, defaults, closure, (globs or {}).get)


# -- names


def get_from_module(identifier, module_params, module_name, instantiate=False, kwargs=None):
    """What a name, or a dict with a "name" and arguments, stands for; anything else as it is.

    Args:
        identifier: the name or dict.
        module_params: a dict of what names stand for.
        module_name: what that is called in messages.
        instantiate: whether what was found is called.
        kwargs: with what.
    """
    if isinstance(identifier, str):
        found = _known(identifier, None, module_params, module_name)
        return found(**(kwargs or {})) if instantiate else found
    if isinstance(identifier, dict):
        arguments = dict(identifier)
        return _known(arguments.pop("name"), None, module_params, module_name)(**arguments)
    return identifier


def _known(name, custom_objects, module_objects, noun):
    found = objects.get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {noun}: {name!r}. If it is your own, give custom_objects={{{name!r}: ...}}, or work within "
            f"CustomObjectScope({{{name!r}: ...}})."
        )
    return found


def serialize_keras_object(instance):
    """A dict with "class_name" and "config" for what has ``get_config``, a name for a function."""
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        return {"class_name": type(instance).__name__, "config": instance.get_config()}
    if hasattr(instance, "__name__"):
        return instance.__name__
    raise ValueError(f"serialize_keras_object: {instance!r} has neither a get_config() method nor a name.")


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """The object for a dict with "class_name" and "config"; for a name, what it stands for.

    Args:
        identifier: the dict or name.
        module_objects: a dict of what names stand for.
        custom_objects: likewise, for names of your own; these come first.
        printable_module_name: what the object is called in messages.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        return _known(identifier, custom_objects, module_objects, printable_module_name)
    if not isinstance(identifier, dict) or not {"class_name", "config"} <= identifier.keys():
        raise ValueError(
            f"The {printable_module_name} must be a name or a dict with 'class_name' and 'config'. "
            f"Received: {identifier!r}."
        )
    cls = _known(identifier["class_name"], custom_objects, module_objects, printable_module_name)
    with CustomObjectScope(custom_objects):
        if not hasattr(cls, "from_config"):
            return cls(**identifier["config"])
        if has_arg(cls.from_config, "custom_objects"):
            return cls.from_config(identifier["config"], custom_objects=custom_objects)
        return cls.from_config(identifier["config"])
