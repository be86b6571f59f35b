"""Layers: what models are made of."""

from kbridge.layers.activations import ELU as ELU
from kbridge.layers.activations import Activation as Activation
from kbridge.layers.activations import LeakyReLU as LeakyReLU
from kbridge.layers.activations import PReLU as PReLU
from kbridge.layers.activations import ReLU as ReLU
from kbridge.layers.activations import Softmax as Softmax
from kbridge.layers.attention import AdditiveAttention as AdditiveAttention
from kbridge.layers.attention import Attention as Attention
from kbridge.layers.attention import GroupQueryAttention as GroupQueryAttention
from kbridge.layers.attention import MultiHeadAttention as MultiHeadAttention
from kbridge.layers.bridges import FlaxLayer as FlaxLayer
from kbridge.layers.bridges import JaxLayer as JaxLayer
from kbridge.layers.bridges import TFSMLayer as TFSMLayer
from kbridge.layers.bridges import TorchModuleWrapper as TorchModuleWrapper
from kbridge.layers.convolutional import Conv1D as Conv1D
from kbridge.layers.convolutional import Conv2D as Conv2D
from kbridge.layers.convolutional import Conv3D as Conv3D
from kbridge.layers.convolutional import Convolution1D as Convolution1D
from kbridge.layers.convolutional import Convolution2D as Convolution2D
from kbridge.layers.convolutional import Convolution3D as Convolution3D
from kbridge.layers.convolutional_depthwise import DepthwiseConv1D as DepthwiseConv1D
from kbridge.layers.convolutional_depthwise import DepthwiseConv2D as DepthwiseConv2D
from kbridge.layers.convolutional_recurrent import ConvLSTM1D as ConvLSTM1D
from kbridge.layers.convolutional_recurrent import ConvLSTM2D as ConvLSTM2D
from kbridge.layers.convolutional_recurrent import ConvLSTM3D as ConvLSTM3D
from kbridge.layers.convolutional_separable import SeparableConv1D as SeparableConv1D
from kbridge.layers.convolutional_separable import SeparableConv2D as SeparableConv2D
from kbridge.layers.convolutional_separable import SeparableConvolution1D as SeparableConvolution1D
from kbridge.layers.convolutional_separable import SeparableConvolution2D as SeparableConvolution2D
from kbridge.layers.convolutional_transposed import Conv1DTranspose as Conv1DTranspose
from kbridge.layers.convolutional_transposed import Conv2DTranspose as Conv2DTranspose
from kbridge.layers.convolutional_transposed import Conv3DTranspose as Conv3DTranspose
from kbridge.layers.convolutional_transposed import Convolution1DTranspose as Convolution1DTranspose
from kbridge.layers.convolutional_transposed import Convolution2DTranspose as Convolution2DTranspose
from kbridge.layers.convolutional_transposed import Convolution3DTranspose as Convolution3DTranspose
from kbridge.layers.core import Dropout as Dropout
from kbridge.layers.core import Identity as Identity
from kbridge.layers.core import Lambda as Lambda
from kbridge.layers.core import Masking as Masking
from kbridge.layers.dense import Dense as Dense
from kbridge.layers.einsum_dense import EinsumDense as EinsumDense
from kbridge.layers.embedding import Embedding as Embedding
from kbridge.layers.embedding import ReversibleEmbedding as ReversibleEmbedding
from kbridge.layers.image_preprocessing import AugMix as AugMix
from kbridge.layers.image_preprocessing import AutoContrast as AutoContrast
from kbridge.layers.image_preprocessing import CenterCrop as CenterCrop
from kbridge.layers.image_preprocessing import (
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
)
from kbridge.layers.image_preprocessing import CutMix as CutMix
from kbridge.layers.image_preprocessing import Equalization as Equalization
from kbridge.layers.image_preprocessing import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from kbridge.layers.image_preprocessing import MixUp as MixUp
from kbridge.layers.image_preprocessing import RandAugment as RandAugment
from kbridge.layers.image_preprocessing import RandomBrightness as RandomBrightness
from kbridge.layers.image_preprocessing import RandomColorDegeneration as RandomColorDegeneration
from kbridge.layers.image_preprocessing import RandomColorJitter as RandomColorJitter
from kbridge.layers.image_preprocessing import RandomContrast as RandomContrast
from kbridge.layers.image_preprocessing import RandomCrop as RandomCrop
from kbridge.layers.image_preprocessing import RandomElasticTransform as RandomElasticTransform
from kbridge.layers.image_preprocessing import RandomErasing as RandomErasing
from kbridge.layers.image_preprocessing import RandomFlip as RandomFlip
from kbridge.layers.image_preprocessing import RandomGaussianBlur as RandomGaussianBlur
from kbridge.layers.image_preprocessing import RandomGrayscale as RandomGrayscale
from kbridge.layers.image_preprocessing import RandomHue as RandomHue
from kbridge.layers.image_preprocessing import RandomInvert as RandomInvert
from kbridge.layers.image_preprocessing import RandomPerspective as RandomPerspective
from kbridge.layers.image_preprocessing import RandomPosterization as RandomPosterization
from kbridge.layers.image_preprocessing import RandomRotation as RandomRotation
from kbridge.layers.image_preprocessing import RandomSaturation as RandomSaturation
from kbridge.layers.image_preprocessing import RandomSharpness as RandomSharpness
from kbridge.layers.image_preprocessing import RandomShear as RandomShear
from kbridge.layers.image_preprocessing import RandomTranslation as RandomTranslation
from kbridge.layers.image_preprocessing import RandomZoom as RandomZoom
from kbridge.layers.image_preprocessing import Resizing as Resizing
from kbridge.layers.image_preprocessing import Solarization as Solarization
from kbridge.layers.input_layer import Input as Input
from kbridge.layers.input_layer import InputLayer as InputLayer
from kbridge.layers.input_spec import InputSpec as InputSpec
from kbridge.layers.layer import Layer as Layer
from kbridge.layers.merging import Add as Add
from kbridge.layers.merging import Average as Average
from kbridge.layers.merging import Concatenate as Concatenate
from kbridge.layers.merging import Dot as Dot
from kbridge.layers.merging import Maximum as Maximum
from kbridge.layers.merging import Minimum as Minimum
from kbridge.layers.merging import Multiply as Multiply
from kbridge.layers.merging import Subtract as Subtract
from kbridge.layers.merging import add as add
from kbridge.layers.merging import average as average
from kbridge.layers.merging import concatenate as concatenate
from kbridge.layers.merging import dot as dot
from kbridge.layers.merging import maximum as maximum
from kbridge.layers.merging import minimum as minimum
from kbridge.layers.merging import multiply as multiply
from kbridge.layers.merging import subtract as subtract
from kbridge.layers.normalization import BatchNormalization as BatchNormalization
from kbridge.layers.normalization import GroupNormalization as GroupNormalization
from kbridge.layers.normalization import LayerNormalization as LayerNormalization
from kbridge.layers.normalization import RMSNormalization as RMSNormalization
from kbridge.layers.normalization import SpectralNormalization as SpectralNormalization
from kbridge.layers.normalization import UnitNormalization as UnitNormalization
from kbridge.layers.pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from kbridge.layers.pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from kbridge.layers.pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from kbridge.layers.pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from kbridge.layers.pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from kbridge.layers.pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from kbridge.layers.pooling import AveragePooling1D as AveragePooling1D
from kbridge.layers.pooling import AveragePooling2D as AveragePooling2D
from kbridge.layers.pooling import AveragePooling3D as AveragePooling3D
from kbridge.layers.pooling import AvgPool1D as AvgPool1D
from kbridge.layers.pooling import AvgPool2D as AvgPool2D
from kbridge.layers.pooling import AvgPool3D as AvgPool3D
from kbridge.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from kbridge.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from kbridge.layers.pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from kbridge.layers.pooling import GlobalAvgPool1D as GlobalAvgPool1D
from kbridge.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
from kbridge.layers.pooling import GlobalAvgPool3D as GlobalAvgPool3D
from kbridge.layers.pooling import GlobalMaxPool1D as GlobalMaxPool1D
from kbridge.layers.pooling import GlobalMaxPool2D as GlobalMaxPool2D
from kbridge.layers.pooling import GlobalMaxPool3D as GlobalMaxPool3D
from kbridge.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from kbridge.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from kbridge.layers.pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from kbridge.layers.pooling import MaxPool1D as MaxPool1D
from kbridge.layers.pooling import MaxPool2D as MaxPool2D
from kbridge.layers.pooling import MaxPool3D as MaxPool3D
from kbridge.layers.pooling import MaxPooling1D as MaxPooling1D
from kbridge.layers.pooling import MaxPooling2D as MaxPooling2D
from kbridge.layers.pooling import MaxPooling3D as MaxPooling3D
from kbridge.layers.preprocessing.hashing import HashedCrossing as HashedCrossing
from kbridge.layers.preprocessing.hashing import Hashing as Hashing
from kbridge.layers.preprocessing.lookup import IntegerLookup as IntegerLookup
from kbridge.layers.preprocessing.lookup import StringLookup as StringLookup
from kbridge.layers.preprocessing.numeric import CategoryEncoding as CategoryEncoding
from kbridge.layers.preprocessing.numeric import Discretization as Discretization
from kbridge.layers.preprocessing.numeric import Normalization as Normalization
from kbridge.layers.preprocessing.numeric import Rescaling as Rescaling
from kbridge.layers.preprocessing.pipeline import Pipeline as Pipeline
from kbridge.layers.preprocessing.text import TextVectorization as TextVectorization
from kbridge.layers.recurrent import GRU as GRU
from kbridge.layers.recurrent import LSTM as LSTM
from kbridge.layers.recurrent import RNN as RNN
from kbridge.layers.recurrent import SimpleRNN as SimpleRNN
from kbridge.layers.recurrent_cells import GRUCell as GRUCell
from kbridge.layers.recurrent_cells import LSTMCell as LSTMCell
from kbridge.layers.recurrent_cells import SimpleRNNCell as SimpleRNNCell
from kbridge.layers.recurrent_cells import StackedRNNCells as StackedRNNCells
from kbridge.layers.regularization import ActivityRegularization as ActivityRegularization
from kbridge.layers.regularization import AlphaDropout as AlphaDropout
from kbridge.layers.regularization import GaussianDropout as GaussianDropout
from kbridge.layers.regularization import GaussianNoise as GaussianNoise
from kbridge.layers.regularization import SpatialDropout1D as SpatialDropout1D
from kbridge.layers.regularization import SpatialDropout2D as SpatialDropout2D
from kbridge.layers.regularization import SpatialDropout3D as SpatialDropout3D
from kbridge.layers.reshaping import Cropping1D as Cropping1D
from kbridge.layers.reshaping import Cropping2D as Cropping2D
from kbridge.layers.reshaping import Cropping3D as Cropping3D
from kbridge.layers.reshaping import Flatten as Flatten
from kbridge.layers.reshaping import Permute as Permute
from kbridge.layers.reshaping import RepeatVector as RepeatVector
from kbridge.layers.reshaping import Reshape as Reshape
from kbridge.layers.reshaping import UpSampling1D as UpSampling1D
from kbridge.layers.reshaping import UpSampling2D as UpSampling2D
from kbridge.layers.reshaping import UpSampling3D as UpSampling3D
from kbridge.layers.reshaping import ZeroPadding1D as ZeroPadding1D
from kbridge.layers.reshaping import ZeroPadding2D as ZeroPadding2D
from kbridge.layers.reshaping import ZeroPadding3D as ZeroPadding3D
from kbridge.layers.spectrograms import MelSpectrogram as MelSpectrogram
from kbridge.layers.spectrograms import STFTSpectrogram as STFTSpectrogram
from kbridge.layers.wrappers import Bidirectional as Bidirectional
from kbridge.layers.wrappers import TimeDistributed as TimeDistributed
from kbridge.layers.wrappers import Wrapper as Wrapper
from kbridge.objects import Family as _Family


class _Layers(_Family):
    def accepts(self, member):
        return isinstance(member, Layer)


_family = _Layers(
    "layer",
    "keras.layers",
    sorted(
        {m for m in list(globals().values()) if isinstance(m, type) and issubclass(m, Layer)}, key=lambda m: m.__name__
    ),
)
deserialize = _family.deserialize


def serialize(layer):
    """The config of a layer."""
    return _family.serialize(layer)
