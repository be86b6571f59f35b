"""Models of older generations from files and configs."""

from kbridge import models as core
from kbridge import objects, saving
from kbridge.compat import lambdas


def functions(dialect):
    """clone_model, model_from_config, model_from_json, model_from_yaml, load_model and save_model of a generation."""

    def scope(custom_objects):
        from kbridge.compat.models import dialect_classes

        return objects.custom_object_scope({**dialect_classes(dialect), **(custom_objects or {})})

    def clone_model(model, input_tensors=None, clone_function=None, **kwargs):
        """A model of the same architecture with new layers, whose variables begin anew."""
        return core.clone_model(model, input_tensors, clone_function, **kwargs)

    def model_from_config(config, custom_objects=None, safe_mode=True):
        """The model that a config describes, of whatever generation; its weights begin anew."""
        with scope(custom_objects):
            return saving.model_from_config(config, safe_mode=safe_mode)

    def model_from_json(json_string, custom_objects=None, safe_mode=True):
        """The model whose ``to_json`` gave this string, of whatever generation; its weights begin anew."""
        with scope(custom_objects):
            return saving.model_from_json(json_string, safe_mode=safe_mode)

    def model_from_yaml(yaml_string, custom_objects=None, safe_mode=True):
        """The model whose ``to_yaml`` gave this string, of whatever generation; its weights begin anew."""
        with scope(custom_objects):
            return saving.model_from_yaml(yaml_string, safe_mode=safe_mode)

    def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
        """The model that was saved in a file."""
        with scope({**lambdas.of_file(filepath), **(custom_objects or {})}):
            return saving.load_model(filepath, compile=compile, safe_mode=safe_mode)

    def save_model(model, filepath, overwrite=True, include_optimizer=True):
        """Write the whole model to a file."""
        model.save(filepath, overwrite=overwrite, include_optimizer=include_optimizer)

    found = clone_model, model_from_config, model_from_json, model_from_yaml, load_model, save_model
    for function in found:
        function.__module__ = f"kbridge.compat.{dialect}.models"
        function.__qualname__ = function.__name__
    return found
