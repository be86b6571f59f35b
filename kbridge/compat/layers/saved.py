"""The layers of older generations that files name and today's Keras has no class for."""

from kbridge.compat.layers.activations2 import ThresholdedReLU as ThresholdedReLU
from kbridge.compat.layers.cudnn import CuDNNGRU as CuDNNGRU
from kbridge.compat.layers.cudnn import CuDNNLSTM as CuDNNLSTM
from kbridge.compat.layers.local import LocallyConnected1D as LocallyConnected1D
from kbridge.compat.layers.local import LocallyConnected2D as LocallyConnected2D
from kbridge.compat.layers.merge1 import Merge as Merge
from kbridge.compat.layers.random_sizes import RandomCrop as RandomCrop
from kbridge.compat.layers.random_sizes import RandomHeight as RandomHeight
from kbridge.compat.layers.random_sizes import RandomWidth as RandomWidth
from kbridge.compat.layers.recurrent2 import ConvLSTM2DCell as ConvLSTM2DCell
from kbridge.compat.layers.recurrent2 import ConvRNN2D as ConvRNN2D
from kbridge.compat.layers.retired import Highway as Highway
from kbridge.compat.layers.retired import MaxoutDense as MaxoutDense
from kbridge.compat.layers.retired import ParametricSoftplus as ParametricSoftplus
from kbridge.compat.layers.retired import SReLU as SReLU
