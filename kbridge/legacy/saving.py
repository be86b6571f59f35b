"""The configs of Keras 2: {"class_name": ..., "config": ...}, without modules."""

from kbridge import objects


def serialize_keras_object(instance):
    """``instance`` as such a config; a function is its name."""
    config = objects.serialize_keras_object(instance)
    if not isinstance(config, dict) or "class_name" not in config:
        return config
    if config["class_name"] == "function":
        return config["config"]
    return {"class_name": config["class_name"], "config": config["config"]}


def deserialize_keras_object(identifier, module_objects=None, custom_objects=None, printable_module_name="object"):
    """The object for such a config, or for a name.

    Args:
        identifier: the config or the name.
        module_objects: a dict of what names stand for.
        custom_objects: a dict of your own, looked at first.
        printable_module_name: what the object is called in messages.
    """
    if identifier is None:
        return None
    known = {**(module_objects or {}), **(custom_objects or {})}
    with objects.CustomObjectScope(known):
        if isinstance(identifier, str):
            found = objects.get_registered_object(identifier)
            if found is None:
                raise ValueError(
                    f"Unknown {printable_module_name} {identifier!r}. Pass custom_objects={{{identifier!r}: ...}}."
                )
            return found() if isinstance(found, type) else found
        return objects.deserialize_keras_object(identifier)
