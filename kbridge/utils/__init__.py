"""Utilities."""

from kbridge.callbacks.progress import Progbar as Progbar
from kbridge.config import disable_interactive_logging as disable_interactive_logging
from kbridge.config import enable_interactive_logging as enable_interactive_logging
from kbridge.config import is_interactive_logging_enabled as is_interactive_logging_enabled
from kbridge.lazy import later as _later
from kbridge.objects import CustomObjectScope as CustomObjectScope
from kbridge.objects import custom_object_scope as custom_object_scope
from kbridge.objects import deserialize_keras_object as deserialize_keras_object
from kbridge.objects import get_custom_objects as get_custom_objects
from kbridge.objects import get_registered_name as get_registered_name
from kbridge.objects import get_registered_object as get_registered_object
from kbridge.objects import register_keras_serializable as register_keras_serializable
from kbridge.objects import serialize_keras_object as serialize_keras_object
from kbridge.random import set_random_seed as set_random_seed
from kbridge.training.data import pack_x_y_sample_weight as pack_x_y_sample_weight
from kbridge.training.data import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from kbridge.training.datasets import PyDataset as PyDataset
from kbridge.training.datasets import Sequence as Sequence
from kbridge.utils.numerical import normalize as normalize
from kbridge.utils.numerical import to_categorical as to_categorical
from kbridge.utils.sequences import pad_sequences as pad_sequences
from kbridge.utils.session import clear_session as clear_session
from kbridge.utils.session import get_source_inputs as get_source_inputs
from kbridge.utils.session import is_keras_tensor as is_keras_tensor
from kbridge.utils.session import standardize_dtype as standardize_dtype

__getattr__, __dir__ = _later(
    __name__,
    modules=("bounding_boxes", "legacy"),
    names={
        "directories": ("audio_dataset_from_directory", "image_dataset_from_directory", "text_dataset_from_directory"),
        "feature_space": ("FeatureSpace",),
        "files": ("get_file",),
        "images": ("array_to_img", "img_to_array", "load_img", "save_img"),
        "plotting": ("model_to_dot", "plot_model"),
        "settings": ("Config",),
        "splitting": ("split_dataset",),
        "timeseries": ("timeseries_dataset_from_array",),
    },
)
