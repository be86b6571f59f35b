"""Models and weights in files: parse (bounded, without effects) -> check -> build. See ``load_model``."""

from kbridge.objects import CustomObjectScope as CustomObjectScope
from kbridge.objects import custom_object_scope as custom_object_scope
from kbridge.objects import deserialize_keras_object as deserialize_keras_object
from kbridge.objects import get_custom_objects as get_custom_objects
from kbridge.objects import get_registered_name as get_registered_name
from kbridge.objects import get_registered_object as get_registered_object
from kbridge.objects import register_keras_serializable as register_keras_serializable
from kbridge.objects import serialize_keras_object as serialize_keras_object
from kbridge.saving.atomic import replacing as replacing
from kbridge.saving.editor import KerasFileEditor as KerasFileEditor
from kbridge.saving.errors import CorruptFileError as CorruptFileError
from kbridge.saving.errors import UnsafeFileError as UnsafeFileError
from kbridge.saving.models import load_model as load_model
from kbridge.saving.models import save_model as save_model
from kbridge.saving.report import Report as Report
from kbridge.saving.report import inspect as inspect
from kbridge.saving.texts import model_from_config as model_from_config
from kbridge.saving.texts import model_from_json as model_from_json
from kbridge.saving.texts import model_from_yaml as model_from_yaml
from kbridge.saving.texts import to_old_json as to_old_json
from kbridge.saving.texts import to_yaml as to_yaml
from kbridge.saving.weights import load_weights as load_weights
from kbridge.saving.weights import save_weights as save_weights
