"""Layers: what models are made of."""

from kbridge.layers.activations import ELU as ELU
from kbridge.layers.activations import Activation as Activation
from kbridge.layers.activations import LeakyReLU as LeakyReLU
from kbridge.layers.activations import PReLU as PReLU
from kbridge.layers.activations import ReLU as ReLU
from kbridge.layers.activations import Softmax as Softmax
from kbridge.layers.attention import MultiHeadAttention as MultiHeadAttention
from kbridge.layers.convolutional import Conv1D as Conv1D
from kbridge.layers.convolutional import Conv2D as Conv2D
from kbridge.layers.convolutional import Convolution1D as Convolution1D
from kbridge.layers.convolutional import Convolution2D as Convolution2D
from kbridge.layers.core import Dropout as Dropout
from kbridge.layers.core import Embedding as Embedding
from kbridge.layers.core import Identity as Identity
from kbridge.layers.core import Lambda as Lambda
from kbridge.layers.core import Masking as Masking
from kbridge.layers.dense import Dense as Dense
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
from kbridge.layers.normalization import LayerNormalization as LayerNormalization
from kbridge.layers.pooling import AveragePooling1D as AveragePooling1D
from kbridge.layers.pooling import AveragePooling2D as AveragePooling2D
from kbridge.layers.pooling import AvgPool1D as AvgPool1D
from kbridge.layers.pooling import AvgPool2D as AvgPool2D
from kbridge.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from kbridge.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from kbridge.layers.pooling import GlobalAvgPool1D as GlobalAvgPool1D
from kbridge.layers.pooling import GlobalAvgPool2D as GlobalAvgPool2D
from kbridge.layers.pooling import GlobalMaxPool1D as GlobalMaxPool1D
from kbridge.layers.pooling import GlobalMaxPool2D as GlobalMaxPool2D
from kbridge.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from kbridge.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from kbridge.layers.pooling import MaxPool1D as MaxPool1D
from kbridge.layers.pooling import MaxPool2D as MaxPool2D
from kbridge.layers.pooling import MaxPooling1D as MaxPooling1D
from kbridge.layers.pooling import MaxPooling2D as MaxPooling2D
from kbridge.layers.recurrent import GRU as GRU
from kbridge.layers.recurrent import LSTM as LSTM
from kbridge.layers.recurrent import RNN as RNN
from kbridge.layers.recurrent import SimpleRNN as SimpleRNN
from kbridge.layers.recurrent_cells import GRUCell as GRUCell
from kbridge.layers.recurrent_cells import LSTMCell as LSTMCell
from kbridge.layers.recurrent_cells import SimpleRNNCell as SimpleRNNCell
from kbridge.layers.recurrent_cells import StackedRNNCells as StackedRNNCells
from kbridge.layers.reshaping import Flatten as Flatten
from kbridge.layers.reshaping import Permute as Permute
from kbridge.layers.reshaping import RepeatVector as RepeatVector
from kbridge.layers.reshaping import Reshape as Reshape
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
serialize = _family.serialize
deserialize = _family.deserialize
