"""Doors of Keras 2: recurrent layers, their cells, and what is put around them."""

from kbridge import layers
from kbridge.compat.keras2.layers._doors import forget_gate, layer, sequence_input, sides
from kbridge.compat.layers import cudnn, gates, recurrent2

_INITIALIZERS = "kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', bias_initializer='zeros', "
_WEIGHTS = "use_bias=True, " + _INITIALIZERS
_FORGET = "unit_forget_bias=True, "
_PENALTIES = "kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, "
_CONSTRAINTS = "kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, "
_OF_LAYER = _PENALTIES + "activity_regularizer=None, " + _CONSTRAINTS
_DROPOUT = "dropout=0.0, recurrent_dropout=0.0, "
_RUN = "return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False"
_HOW = ("implementation", "consume_less")  # how it was computed, not what


class _OneStep:
    """For the doors of cells: they compute one step."""

    def __call__(self, inputs, states=None, *args, **kwargs):
        if states is None:
            name = type(self).__name__
            raise ValueError(
                f"{name} computes one step, from inputs and states. To run it over a sequence, write: "
                f"RNN({name}(...))(inputs)."
            )
        return super().__call__(inputs, states, *args, **kwargs)


def _recurrent(core, signature, mixins=(), **rules):
    return layer(core, signature, mixins=[*mixins, recurrent2.OldStates], ignored=_HOW, prepare=sequence_input, **rules)


def _cell(core, signature, **rules):
    return layer(core, signature, mixins=[_OneStep], ignored=_HOW, **rules)


SimpleRNN = _recurrent(layers.SimpleRNN, "units, activation='tanh', " + _WEIGHTS + _OF_LAYER + _DROPOUT + _RUN)
GRU = _recurrent(
    layers.GRU,
    "units, activation='tanh', recurrent_activation='sigmoid', "
    + _WEIGHTS
    + _OF_LAYER
    + _DROPOUT
    + "implementation=2, "
    + _RUN
    + ", reset_after=False",
    mixins=[gates.HardGRU],
)
LSTM = _recurrent(
    layers.LSTM,
    "units, activation='tanh', recurrent_activation='sigmoid', "
    + _WEIGHTS
    + _FORGET
    + _OF_LAYER
    + _DROPOUT
    + "implementation=2, "
    + _RUN,
    before=forget_gate,
    mixins=[gates.HardLSTM],
)
_CUDNN_RUN = "return_sequences=False, return_state=False, stateful=False"
CuDNNGRU = _recurrent(
    cudnn.CuDNNGRU,
    "units, " + _INITIALIZERS + _OF_LAYER + _CUDNN_RUN,
)
CuDNNLSTM = _recurrent(
    cudnn.CuDNNLSTM,
    "units, " + _INITIALIZERS + _FORGET + _OF_LAYER + _CUDNN_RUN,
)

SimpleRNNCell = _cell(
    layers.SimpleRNNCell,
    "units, activation='tanh', " + _WEIGHTS + _PENALTIES + _CONSTRAINTS + "dropout=0.0, recurrent_dropout=0.0",
)
GRUCell = _cell(
    layers.GRUCell,
    "units, activation='tanh', recurrent_activation='sigmoid', "
    + _WEIGHTS
    + _PENALTIES
    + _CONSTRAINTS
    + _DROPOUT
    + "implementation=2, reset_after=False",
)
LSTMCell = _cell(
    layers.LSTMCell,
    "units, activation='tanh', recurrent_activation='sigmoid', "
    + _WEIGHTS
    + _FORGET
    + _PENALTIES
    + _CONSTRAINTS
    + _DROPOUT
    + "implementation=2",
)


def _in_order(args, kwargs):
    """A ``before`` for StackedRNNCells: the states come in the order of the cells, as in Keras 2.3."""
    kwargs = dict(kwargs)
    if kwargs.pop("reverse_state_order", False):
        raise ValueError(
            "StackedRNNCells: reverse_state_order=True cannot be honoured here: states come in the order of the cells. "
            "Leave it out, and turn the states round where they are used."
        )
    return args, kwargs


StackedRNNCells = layer(layers.StackedRNNCells, "cells", before=_in_order)
RNN = layer(
    layers.RNN,
    "cell, " + _RUN,
    mixins=[recurrent2.WithConstants],
    ignored=_HOW,
    prepare=sequence_input,
)
Recurrent = layer(
    recurrent2.Recurrent,
    _RUN + ", implementation=0",
    ignored=("consume_less",),
    prepare=sequence_input,
)

# -- images over time

_WINDOW = "filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1), "
_GATES = "activation='tanh', recurrent_activation='hard_sigmoid', "

ConvLSTM2D = layer(
    layers.ConvLSTM2D,
    _WINDOW
    + _GATES
    + _WEIGHTS
    + _FORGET
    + _OF_LAYER
    + "return_sequences=False, go_backwards=False, stateful=False, dropout=0.0, recurrent_dropout=0.0",
    mixins=[recurrent2.OldStates],
    before=lambda args, kwargs: sides(2)(*forget_gate(args, kwargs)),
    renames={"kernel_sides": "kernel_size"},
    ignored=_HOW,
)
ConvLSTM2DCell = _cell(
    recurrent2.ConvLSTM2DCell,
    _WINDOW + _GATES + _WEIGHTS + _FORGET + _PENALTIES + _CONSTRAINTS + "dropout=0.0, recurrent_dropout=0.0",
)
ConvRNN2D = layer(recurrent2.ConvRNN2D, "cell, " + _RUN, ignored=_HOW)
ConvRecurrent2D = layer(
    recurrent2.ConvRecurrent2D, _WINDOW + "return_sequences=False, go_backwards=False, stateful=False"
)

# -- wrappers

Wrapper = layer(layers.Wrapper, "layer")
TimeDistributed = layer(layers.TimeDistributed, "layer")
Bidirectional = layer(layers.Bidirectional, "layer, merge_mode='concat', weights=None", mixins=[recurrent2.EvenOutputs])
