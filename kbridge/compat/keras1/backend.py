"""``keras.backend`` as Keras 1 spelled it: as in Keras 2, but for the functions that were others then."""
# ruff: noqa: F401, F403 (this is an index)

from kbridge.compat.keras2.backend import *
from kbridge.compat.keras2.backend import __all__ as __all__

# isort: split
from kbridge.compat.backend import settings
from kbridge.compat.backend.first import (
    all,
    any,
    batch_get_value,
    batch_normalization,
    binary_crossentropy,
    categorical_crossentropy,
    conv1d,
    conv2d,
    conv3d,
    expand_dims,
    moving_average_update,
    one_hot,
    pattern_broadcast,
    pool2d,
    pool3d,
    random_normal,
    random_uniform,
    resize_images,
    resize_volumes,
    separable_conv2d,
    sparse_categorical_crossentropy,
    spatial_2d_padding,
    spatial_3d_padding,
    temporal_padding,
)
from kbridge.compat.backend.windows import conv2d_transpose

__path__ = []  # `tensorflow_backend` and the like are below it: see compat.paths


def __getattr__(name):
    return settings.attribute(name, __name__)
