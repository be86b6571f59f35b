"""Utilities: what ``keras.utils`` and its modules (``np_utils``, ``generic_utils``, ...) held."""

from kbridge.compat import convs as _convs
from kbridge.compat import fetching as _fetching
from kbridge.compat import generic as _generic
from kbridge.compat import listing as _listing
from kbridge.compat import numbers as _numbers
from kbridge.compat.content import parts_of as _parts_of
from kbridge.compat.convs import convert_all_kernels_in_model as convert_all_kernels_in_model
from kbridge.compat.generic import CustomObjectScope as CustomObjectScope
from kbridge.compat.generic import custom_object_scope as custom_object_scope
from kbridge.compat.generic import func_dump as func_dump
from kbridge.compat.generic import func_load as func_load
from kbridge.compat.generic import get_custom_objects as get_custom_objects
from kbridge.compat.generic import get_from_module as get_from_module
from kbridge.compat.generic import make_tuple as make_tuple
from kbridge.compat.hdf5 import HDF5Matrix as HDF5Matrix
from kbridge.compat.hdf5 import ask_to_proceed_with_overwrite as ask_to_proceed_with_overwrite
from kbridge.compat.hdf5 import load_array as load_array
from kbridge.compat.hdf5 import save_array as save_array
from kbridge.compat.listing import count_total_params as count_total_params
from kbridge.compat.listing import print_layers as _print_layers
from kbridge.compat.numbers import accuracy as accuracy
from kbridge.compat.numbers import binary_logloss as binary_logloss
from kbridge.compat.numbers import categorical_probas_to_classes as categorical_probas_to_classes
from kbridge.compat.numbers import multiclass_logloss as multiclass_logloss
from kbridge.compat.numbers import probas_to_classes as probas_to_classes
from kbridge.compat.progress import Progbar as Progbar

convert_kernel = _convs.convert_ordered_kernel


def to_categorical(y, nb_classes=None, **kwargs):
    """One-hot rows for integers, as float64: one row for each, whatever the axes of ``y``."""
    nb_classes = kwargs.pop("num_classes", nb_classes)
    return _numbers.to_categorical(_numbers.np.ravel(y), nb_classes, **{"dtype": "float64", **kwargs})


def normalize(a, axis=-1, order=2):
    """``a`` divided by its norm of this ``order`` along ``axis``; what is zero stays zero."""
    return _numbers.normalize(a, axis, order)


def conv_output_length(input_length, filter_size, border_mode, stride, dilation=1):
    """How many places a convolution gives for ``input_length`` of them; None for an unknown length."""
    return _convs.conv_output_length(input_length, filter_size, border_mode, stride, dilation)


def conv_input_length(output_length, filter_size, border_mode, stride):
    """How many places a convolution was given, if it gave ``output_length``."""
    return _convs.conv_input_length(output_length, filter_size, border_mode, stride)


def get_file(fname, origin, untar=False, md5_hash=None, cache_subdir="datasets", **kwargs):
    """The path of the file at ``origin``, which is fetched unless the cache has it.

    Args:
        fname: its name in the cache. With a path of a file of your own, that is taken as it is.
        origin: a URL.
        untar: whether it is a tar archive (in the cache: ``fname`` with ".tar.gz") that holds a directory ``fname``,
            whose path is wanted.
        md5_hash: an md5 hash to check.
        cache_subdir: the directory below the cache's.
    """
    return _fetching.get_file(fname, origin, untar, md5_hash, cache_subdir=cache_subdir, **kwargs)


def validate_file(fpath, md5_hash, **kwargs):
    """Whether a file has this md5 hash."""
    return _fetching.validate_file(fpath, kwargs.pop("file_hash", md5_hash), **{"algorithm": "md5", **kwargs})


def print_summary(layers, relevant_nodes=None, line_length=100, positions=None, **kwargs):
    """Print a table of layers; of a model's, where a model is given.

    Args:
        layers: a list of them, or a model.
        relevant_nodes: the names of the calls ("dense_1_ib-0") that are listed as connections; all, unless told.
        line_length: how wide the table is.
        positions: where each column ends: fractions of the width, or columns.
    """
    layers = getattr(layers, "layers", layers)
    _print_layers(layers, relevant_nodes, line_length, positions, **kwargs)


def layer_from_config(config, custom_objects=None):
    """The layer or model for a dict with "class_name" and "config"; ``custom_objects`` are classes of your own."""
    from kbridge.compat.keras1 import layers, models

    class_name = config["class_name"]
    known = {"Container": models.Model, "Model": models.Model, "Sequential": models.Sequential}
    if class_name not in known and hasattr(layers, class_name):
        known[class_name] = getattr(layers, class_name)
    return _generic.deserialize_keras_object(config, known, custom_objects, "layer")


def model_to_dot(model, show_shapes=False, show_layer_names=True, **kwargs):
    """The graph of a model as pydot's ``Dot``."""
    return _listing.model_to_dot(model, show_shapes, show_layer_names, **kwargs)


def plot(model, to_file="model.png", show_shapes=False, show_layer_names=True, **kwargs):
    """Draw a model into a file, in the format of its ending."""
    _listing.plot_model(model, to_file, show_shapes, show_layer_names, **kwargs)


plot_model = plot

__getattr__, __dir__ = _parts_of(__name__, "kbridge.compat.keras2.utils")
