"""Configs as Keras wrote them before it had one format for all: {"class_name": ..., "config": ...}, or a name."""

import inspect

from kbridge import objects

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

_NESTED = "__passive_serialization__"  # marks a config inside another one


def serialize_keras_object(instance):
    """``instance`` as a config of the older format: a dict for what has ``get_config``, a name for a function."""
    instance = inspect.unwrap(instance) if callable(instance) else instance
    if instance is None:
        return None
    if not hasattr(instance, "get_config"):
        if hasattr(instance, "__name__"):
            return objects.get_registered_name(instance)
        raise ValueError(
            f"serialize_keras_object: {instance!r} has no get_config() method, and it is no function with a name."
        )
    config = {}
    for key, item in instance.get_config().items():
        if hasattr(item, "get_config"):
            item = {**serialize_keras_object(item), _NESTED: True}
        elif hasattr(item, "__name__"):
            item = serialize_keras_object(item)
        config[key] = item
    return {"class_name": objects.get_registered_name(type(instance)), "config": config}


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """The object for a config of the older format, or for a name.

    Args:
        identifier: the config, a name, or a function, which stays as it is.
        module_objects: a dict of what names stand for.
        custom_objects: likewise, for names of your own; these come first.
        printable_module_name: what the object is called in messages.
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier

    def find(name):
        return objects.get_registered_object(name, custom_objects, module_objects)

    def known(name):
        found = find(name)
        if found is None:
            raise ValueError(
                f"Unknown {printable_module_name}: {name!r}. If it is your own, pass custom_objects={{{name!r}: ...}}, "
                f"or make it known with custom_object_scope."
            )
        return found

    if isinstance(identifier, str):
        found = known(identifier)
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict) or not {"class_name", "config"} <= identifier.keys():
        raise ValueError(
            f"The {printable_module_name} must be a name or a dict with 'class_name' and 'config'. "
            f"Received: {identifier!r}."
        )
    cls, config = known(identifier["class_name"]), identifier["config"]
    if isinstance(config, dict):
        config = {key: _part(key, item, find, module_objects, custom_objects) for key, item in config.items()}
    with objects.CustomObjectScope(custom_objects):
        return cls.from_config(config) if hasattr(cls, "from_config") else cls(**config)


def _part(key, item, find, module_objects, custom_objects):
    if isinstance(item, dict) and _NESTED in item:
        return deserialize_keras_object(item, module_objects, custom_objects, "config_item")
    if isinstance(item, str) and key != "name" and inspect.isfunction(find(item)):
        return find(item)
    return item
