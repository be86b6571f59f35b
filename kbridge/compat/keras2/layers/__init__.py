"""``keras.layers`` of Keras 2, with the names of its submodules, those of Keras 1, and later ones when asked for."""
# ruff: noqa: F401 (this is an index)

import importlib
import inspect

from kbridge import layers
from kbridge.compat.keras2.layers import merge
from kbridge.compat.keras2.layers._bases import (
    _Conv as _Conv,
)
from kbridge.compat.keras2.layers._bases import (
    _GlobalPooling1D as _GlobalPooling1D,
)
from kbridge.compat.keras2.layers._bases import (
    _GlobalPooling2D as _GlobalPooling2D,
)
from kbridge.compat.keras2.layers._bases import (
    _GlobalPooling3D as _GlobalPooling3D,
)
from kbridge.compat.keras2.layers._bases import (
    _Pooling1D as _Pooling1D,
)
from kbridge.compat.keras2.layers._bases import (
    _Pooling2D as _Pooling2D,
)
from kbridge.compat.keras2.layers._bases import (
    _Pooling3D as _Pooling3D,
)
from kbridge.compat.keras2.layers._bases import (
    _time_distributed_dense as _time_distributed_dense,
)
from kbridge.compat.keras2.layers._convolutional import (
    AtrousConv1D,
    AtrousConv2D,
    AtrousConvolution1D,
    AtrousConvolution2D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Convolution1D,
    Convolution2D,
    Convolution2DTranspose,
    Convolution3D,
    Convolution3DTranspose,
    Deconv2D,
    Deconv3D,
    Deconvolution2D,
    Deconvolution3D,
    DepthwiseConv2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalAvgPool3D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPool3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    LocallyConnected1D,
    LocallyConnected2D,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from kbridge.compat.keras2.layers._core import (
    ELU,
    Activation,
    ActivityRegularization,
    AlphaDropout,
    BatchNormalization,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Highway,
    Input,
    InputLayer,
    InputSpec,
    Lambda,
    Layer,
    LeakyReLU,
    Masking,
    MaxoutDense,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Reshape,
    Softmax,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    ThresholdedReLU,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from kbridge.compat.keras2.layers._recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM2D,
    ConvLSTM2DCell,
    ConvRecurrent2D,
    ConvRNN2D,
    CuDNNGRU,
    CuDNNLSTM,
    GRUCell,
    LSTMCell,
    Recurrent,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
    Wrapper,
)
from kbridge.compat.keras2.layers.merge import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from kbridge.compat.keras2.layers.merge import (
    _Merge as _Merge,
)
from kbridge.compat.layers.random_sizes import RandomCrop, RandomHeight, RandomWidth

# The submodules that its names were spread over; all of them hold all names here.
_SUBMODULES = (
    "advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings local merge noise "
    "normalization pooling recurrent wrappers"
).split()

# What the star import brought along, and what its modules had from elsewhere.
_BESIDE = {
    "K": "kbridge.compat.keras2.backend",
    **{name: f"kbridge.compat.keras2.{name}" for name in "activations constraints initializers regularizers".split()},
    "np": "numpy",
}
_OF_KERAS_1 = "Merge ParametricSoftplus SReLU TimeDistributedDense".split()
_UTILITIES = (
    "conv_input_length conv_output_length deserialize_keras_object func_dump func_load get_from_module has_arg "
    "is_all_none object_list_uid to_list transpose_shape unpack_singleton"
).split()


def deserialize(config, custom_objects=None):
    """The layer that a config describes; ``custom_objects`` says what names of your own stand for."""
    from kbridge import objects

    if isinstance(config, dict) and "module" not in config and "class_name" in config:
        name = config["class_name"]
        cls = objects.get_registered_object(name, custom_objects) or _layer_class(name)
        if cls is not None:
            with objects.custom_object_scope(custom_objects or {}):
                return cls.from_config(dict(config.get("config") or {}))
    return layers.deserialize(config, custom_objects)


def _layer_class(name):
    if name in ("Model", "Sequential"):
        return getattr(importlib.import_module("kbridge.compat.keras2.models"), name)
    found = globals().get(name)
    return found if inspect.isclass(found) and issubclass(found, layers.Layer) else None


def serialize(layer):
    """The class name and the config of a layer."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def disable_tracking(func):
    """``func`` itself: what a layer holds is looked up when it is asked for."""
    return func


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _BESIDE:
        return importlib.import_module(_BESIDE[name])
    if name == "time_distributed_dense" or name in _OF_KERAS_1:
        return getattr(importlib.import_module("kbridge.compat.keras1.layers"), name)
    if name in _UTILITIES:
        return getattr(importlib.import_module("kbridge.compat.keras2.utils"), name)
    if not name.startswith("_") and hasattr(layers, name):
        return getattr(layers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_SUBMODULES, *_BESIDE, *_OF_KERAS_1, *_UTILITIES, *dir(layers)})


_OWN = [name for name, member in globals().items() if not name.startswith("_") and not inspect.ismodule(member)]
__all__ = [*_OWN, *_SUBMODULES, *_BESIDE, *_OF_KERAS_1]
__all__ += [n for n in vars(layers) if not n.startswith("_") and n[0].isupper() and n not in __all__]
