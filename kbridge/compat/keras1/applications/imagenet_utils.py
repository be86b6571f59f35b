"""Images as the models of ImageNet take them, and their predictions as names."""

from kbridge.compat import applications as _shared
from kbridge.compat.applications import CLASS_INDEX_PATH as CLASS_INDEX_PATH
from kbridge.compat.applications import decode_predictions as decode_predictions
from kbridge.compat.applications import preprocessing

CLASS_INDEX = None  # the names of the classes were kept here; they are read from the cache each time

preprocess_input = preprocessing("caffe", "keras1")


def _obtain_input_shape(input_shape, default_size, min_size, dim_ordering, include_top, **kwargs):
    """The shape of images that a model takes: ``input_shape``, checked, or what it is unless told."""
    return _shared.obtain_input_shape(input_shape, default_size, min_size, dim_ordering, include_top, **kwargs)
