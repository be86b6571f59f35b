from kbridge.layers.layer import Layer
from kbridge.layers.dense import Dense
from kbridge.layers.input_layer import Input, InputLayer
