"""Models from configs and texts of any generation: JSON and YAML, without weights."""

import os

from kbridge import objects
from kbridge.saving import old_configs, old_hdf5, yaml
from kbridge.saving.check import allowing, check_config
from kbridge.saving.errors import CorruptFileError
from kbridge.saving.parse_json import parse_json

_UNKNOWN_MEMORY = 16 << 30


def model_from_json(json_string, custom_objects=None, safe_mode=True):
    """The model whose ``to_json`` gave this string, of whatever generation; its weights begin anew."""
    data = json_string.encode("utf-8", "surrogatepass") if isinstance(json_string, str) else bytes(json_string)
    return built(parse_json(data, "model_from_json", ""), custom_objects, "model_from_json", safe_mode)


def model_from_yaml(yaml_string, custom_objects=None, safe_mode=True):
    """The model whose ``to_yaml`` gave this string, of whatever generation; its weights begin anew."""
    text = yaml_string.decode("utf-8", "replace") if isinstance(yaml_string, bytes) else yaml_string
    return built(yaml.load(text, "model_from_yaml"), custom_objects, "model_from_yaml", safe_mode)


def model_from_config(config, custom_objects=None, safe_mode=True):
    """The model that a config describes, of whatever generation; its weights begin anew."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(f"A model's config is a dict with 'class_name' and 'config'. Received: {str(config)[:80]}.")
    return built(config, custom_objects, "model_from_config", safe_mode)


def built(config, custom_objects, name, safe_mode=True):
    """parse -> check -> build, for a config alone."""
    from kbridge.saving.models import build

    if not isinstance(config, dict):
        raise CorruptFileError(name, "", "it does not describe a model.")
    with objects.CustomObjectScope(custom_objects):
        if old_configs.is_old(config):
            borrowed = {}
            config = old_hdf5.translated(config, old_configs.guessed_era(config), name, "", borrowed)
            custom_objects = {**borrowed, **(custom_objects or {})}
        config = check_config(config, name, "", custom_objects, safe_mode=safe_mode)
        with allowing(_memory(), name, ""):
            return build(config, custom_objects, name, "")


def _memory():
    """Half of the memory that there is."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_MEMORY


def to_old_json(model, **kwargs):
    """The architecture as Keras 2 wrote it."""
    import json

    return json.dumps(_old(model), **kwargs)


def to_yaml(model):
    """The architecture as YAML, as Keras 2 wrote it."""
    return yaml.dump(_old(model))


def _old(model):
    from kbridge.saving.write_old import old_config

    config, version = old_config(model)
    return {**config, "keras_version": version, "backend": "tensorflow"}
