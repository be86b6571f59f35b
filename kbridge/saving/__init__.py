"""Models and weights in files: parse (bounded, without effects) -> check -> build. See ``load_model``."""

from kbridge.objects import CustomObjectScope as CustomObjectScope
from kbridge.objects import custom_object_scope as custom_object_scope
from kbridge.objects import deserialize_keras_object as deserialize_keras_object
from kbridge.objects import get_custom_objects as get_custom_objects
from kbridge.objects import get_registered_name as get_registered_name
from kbridge.objects import get_registered_object as get_registered_object
from kbridge.objects import register_keras_serializable as register_keras_serializable
from kbridge.objects import serialize_keras_object as serialize_keras_object
from kbridge.saving.errors import CorruptFileError as CorruptFileError
from kbridge.saving.errors import UnsafeFileError as UnsafeFileError
from kbridge.saving.models import load_model as load_model
from kbridge.saving.models import save_model as save_model
from kbridge.saving.weights import load_weights as load_weights
from kbridge.saving.weights import save_weights as save_weights
