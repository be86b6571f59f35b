"""Models: layers joined into one."""

from kbridge import objects
from kbridge.models.cloning import clone_model as clone_model
from kbridge.models.functional import Functional as Functional
from kbridge.models.model import Model as Model
from kbridge.models.sequential import Sequential as Sequential

objects.publish("keras.src.models.functional", Functional)  # so it stands in Keras's own files
objects.publish("keras", Model, Functional, Sequential)
objects.publish("keras.models", Model, Functional, Sequential)


def __getattr__(name):
    # Files are a floor above.
    if name in ("load_model", "save_model", "model_from_config", "model_from_json", "model_from_yaml"):
        from kbridge import saving

        return getattr(saving, name)
    raise AttributeError(f"module 'kbridge.models' has no attribute {name!r}")
