"""Utilities: what ``keras.utils`` and its modules (``np_utils``, ``generic_utils``, ...) held."""

from kbridge.compat.backend.settings import normalize_data_format as normalize_data_format
from kbridge.compat.content import parts_of as _parts_of
from kbridge.compat.convs import conv_input_length as conv_input_length
from kbridge.compat.convs import conv_output_length as conv_output_length
from kbridge.compat.convs import convert_all_kernels_in_model as convert_all_kernels_in_model
from kbridge.compat.convs import convert_dense_weights_data_format as convert_dense_weights_data_format
from kbridge.compat.convs import convert_kernel as convert_kernel
from kbridge.compat.convs import deconv_length as deconv_length
from kbridge.compat.convs import normalize_padding as normalize_padding
from kbridge.compat.convs import normalize_tuple as normalize_tuple
from kbridge.compat.enqueuers import GeneratorEnqueuer as GeneratorEnqueuer
from kbridge.compat.enqueuers import OrderedEnqueuer as OrderedEnqueuer
from kbridge.compat.enqueuers import SequenceEnqueuer as SequenceEnqueuer
from kbridge.compat.enqueuers import get_index as get_index
from kbridge.compat.enqueuers import init_pool as init_pool
from kbridge.compat.enqueuers import init_pool_generator as init_pool_generator
from kbridge.compat.enqueuers import next_sample as next_sample
from kbridge.compat.fetching import get_file as get_file
from kbridge.compat.fetching import validate_file as validate_file
from kbridge.compat.generic import CustomObjectScope as CustomObjectScope
from kbridge.compat.generic import check_for_unexpected_keys as check_for_unexpected_keys
from kbridge.compat.generic import custom_object_scope as custom_object_scope
from kbridge.compat.generic import deserialize_keras_object as deserialize_keras_object
from kbridge.compat.generic import func_dump as func_dump
from kbridge.compat.generic import func_load as func_load
from kbridge.compat.generic import get_custom_objects as get_custom_objects
from kbridge.compat.generic import get_from_module as get_from_module
from kbridge.compat.generic import getargspec as getargspec
from kbridge.compat.generic import has_arg as has_arg
from kbridge.compat.generic import is_all_none as is_all_none
from kbridge.compat.generic import make_tuple as make_tuple
from kbridge.compat.generic import object_list_uid as object_list_uid
from kbridge.compat.generic import serialize_keras_object as serialize_keras_object
from kbridge.compat.generic import slice_arrays as slice_arrays
from kbridge.compat.generic import to_list as to_list
from kbridge.compat.generic import transpose_shape as transpose_shape
from kbridge.compat.generic import unpack_singleton as unpack_singleton
from kbridge.compat.hdf5 import HDF5_OBJECT_HEADER_LIMIT as HDF5_OBJECT_HEADER_LIMIT
from kbridge.compat.hdf5 import H5Dict as H5Dict
from kbridge.compat.hdf5 import HDF5Matrix as HDF5Matrix
from kbridge.compat.hdf5 import ask_to_proceed_with_overwrite as ask_to_proceed_with_overwrite
from kbridge.compat.hdf5 import load_array as load_array
from kbridge.compat.hdf5 import load_from_binary_h5py as load_from_binary_h5py
from kbridge.compat.hdf5 import save_array as save_array
from kbridge.compat.hdf5 import save_to_binary_h5py as save_to_binary_h5py
from kbridge.compat.listing import add_edge as add_edge
from kbridge.compat.listing import count_params as count_params
from kbridge.compat.listing import get_source_inputs as get_source_inputs
from kbridge.compat.listing import is_model as is_model
from kbridge.compat.listing import is_wrapped_model as is_wrapped_model
from kbridge.compat.listing import model_to_dot as model_to_dot
from kbridge.compat.listing import multi_gpu_model as multi_gpu_model
from kbridge.compat.listing import plot_model as plot_model
from kbridge.compat.listing import print_summary as print_summary
from kbridge.compat.numbers import accuracy as accuracy
from kbridge.compat.numbers import binary_logloss as binary_logloss
from kbridge.compat.numbers import categorical_probas_to_classes as categorical_probas_to_classes
from kbridge.compat.numbers import multiclass_logloss as multiclass_logloss
from kbridge.compat.numbers import normalize as normalize
from kbridge.compat.numbers import probas_to_classes as probas_to_classes
from kbridge.compat.numbers import to_categorical as to_categorical
from kbridge.compat.progress import Progbar as Progbar
from kbridge.compat.sequences import Sequence as Sequence

h5dict = H5Dict
plot = plot_model

__getattr__, __dir__ = _parts_of(__name__, "kbridge.utils")
