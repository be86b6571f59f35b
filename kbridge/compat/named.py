"""Families of an older generation: what its modules know by name."""

import copy
import inspect
from importlib import import_module

from kbridge.objects import serialize_keras_object


def extended(family, members, default=None):
    """A family like that of today which knows ``members``, a dict by name, first."""
    found = copy.copy(family)
    found.members = {**family.members, **members}
    if default is not None:
        found.default = default
    return found


def public(module, kind=object):
    """The public functions and classes (or those of one ``kind``) among the names of a module, by name."""
    return {
        name: member
        for name, member in module.items()
        if not name.startswith("_") and callable(member) and isinstance(member, kind)
    }


def serialize(member):
    """A member as Keras 2 wrote it: the name of a function, or {"class_name": ..., "config": ...} of an object."""
    if member is None:
        return None
    if hasattr(member, "get_config") and not inspect.isclass(member):
        data = serialize_keras_object(member)
        name = data["registered_name"] or data["class_name"]
        return {"class_name": name, "config": serialize_keras_object(member.get_config())}
    if hasattr(member, "__name__"):
        return member.__name__
    raise ValueError(f"{member!r} cannot be written down: it has neither a name nor a get_config().")


def from_config_of_keras_1(family, identifier, kwargs=None):
    """What Keras 1 made of a name or of the config ``{"name": ..., **arguments}``."""
    if isinstance(identifier, dict) and "class_name" not in identifier and "name" in identifier:
        config = dict(identifier)
        identifier = {"class_name": config.pop("name"), "config": config}
    elif isinstance(identifier, dict) and identifier and "class_name" not in identifier:
        # what get_config() gives of one alone: its arguments tell which it is
        for member in family.members.values():
            if inspect.isclass(member) and _takes_all(member, identifier):
                return member(**identifier)
    if kwargs and isinstance(identifier, str):
        return family.named(identifier)(**kwargs)
    return family.get(identifier)


def _takes_all(cls, config):
    try:
        parameters = inspect.signature(cls.__dict__.get("_stands_for", cls)).parameters
    except (TypeError, ValueError):
        return False
    return {name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD} == set(config)


def otherwise(own, *modules):
    """``__getattr__`` of the module ``own``: what it lacks is looked for in ``modules``, of other generations."""

    def find(name):
        for module in modules if not name.startswith("_") else ():
            found = getattr(import_module(module), name, None)
            if found is not None:
                return found
        raise AttributeError(f"module {own!r} has no attribute {name!r}")

    return find
