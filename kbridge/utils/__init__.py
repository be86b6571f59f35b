"""Utilities."""

import numpy as np

from kbridge.callbacks.progress import Progbar as Progbar
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


def to_categorical(x, num_classes=None):
    """One-hot rows for integers: (...) to (..., num_classes), as float64 zeros and ones."""
    x = np.asarray(x, dtype="int64")
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    if num_classes is None:
        num_classes = int(x.max()) + 1
    if x.size and not -num_classes <= x.min() <= x.max() < num_classes:
        raise ValueError(
            f"to_categorical: the classes must lie in 0 to {num_classes - 1}. "
            f"Received values from {x.min()} to {x.max()}."
        )
    return np.eye(num_classes)[x]
