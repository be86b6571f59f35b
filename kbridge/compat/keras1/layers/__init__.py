"""``keras.layers`` of Keras 1, with the names of its submodules; those of later generations when asked for."""
# ruff: noqa: F401 (this is an index)

import importlib

from kbridge.compat.keras1.layers._convolutional import (
    AtrousConv1D,
    AtrousConv2D,
    AtrousConvolution1D,
    AtrousConvolution2D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    Conv1D,
    Conv2D,
    Conv3D,
    Convolution1D,
    Convolution2D,
    Convolution3D,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Deconv2D,
    Deconvolution2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    LocallyConnected1D,
    LocallyConnected2D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    SeparableConv2D,
    SeparableConvolution2D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
from kbridge.compat.keras1.layers._core import (
    ELU,
    Activation,
    ActivityRegularization,
    BatchNormalization,
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
    ParametricSoftplus,
    Permute,
    PReLU,
    RepeatVector,
    Reshape,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
    SReLU,
    ThresholdedReLU,
    TimeDistributedDense,
    time_distributed_dense,
)
from kbridge.compat.keras1.layers._recurrent import (
    GRU,
    LSTM,
    Bidirectional,
    ConvLSTM2D,
    ConvRecurrent2D,
    Recurrent,
    SimpleRNN,
    TimeDistributed,
    Wrapper,
)
from kbridge.compat.layers.merge1 import Merge, merge

# The submodules that its names were spread over; all of them hold all names here.
_SUBMODULES = (
    "advanced_activations convolutional convolutional_recurrent core embeddings local noise normalization pooling "
    "recurrent wrappers"
).split()
_BESIDE = {
    "K": "kbridge.compat.keras1.backend",
    **{f"{name}": f"kbridge.compat.keras1.{name}" for name in "activations constraints regularizers".split()},
    "initializations": "kbridge.compat.keras1.initializations",
    "np": "numpy",
}
_UTILITIES = "conv_input_length conv_output_length func_dump func_load get_from_module".split()
_BASES = ("_Pooling", "_GlobalPooling")  # that programs derived from
_LATER = "kbridge.compat.keras2.layers"


def __getattr__(name):
    if name == "__all__":
        own = [key for key in globals() if not key.startswith("_") and key != "importlib"]
        later = importlib.import_module(_LATER)
        return sorted({*own, *(key for key in later.__all__ if not key.startswith("_"))})
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _BESIDE:
        return importlib.import_module(_BESIDE[name])
    if name in _UTILITIES:
        return getattr(importlib.import_module("kbridge.compat.keras1.utils"), name)
    if not name.startswith("_") or name.startswith(_BASES):
        try:
            return getattr(importlib.import_module(_LATER), name)
        except AttributeError:
            pass
    from kbridge.compat import hints

    raise AttributeError(hints.attribute("keras.layers", name))
