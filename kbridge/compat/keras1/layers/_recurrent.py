"""Doors of Keras 1: recurrent layers, and what is put around layers."""

import importlib

from kbridge import layers
from kbridge.compat.keras1.layers._doors import layer
from kbridge.compat.layers import recurrent2
from kbridge.compat.layers.arguments1 import all_of, forget_gate, reset_first, sides
from kbridge.compat.layers.weights1 import Gates3, Gates4, ImagesOverTime, OverTime

_INITS = "output_dim, init='glorot_uniform', inner_init='orthogonal'"
_REST = "W_regularizer=None, U_regularizer=None, b_regularizer=None, dropout_W=0.0, dropout_U=0.0"
_GATED = "activation='tanh', inner_activation='hard_sigmoid'"
_ATTRIBUTES = {
    "output_dim": "units",
    "W": "cell.kernel",
    "U": "cell.recurrent_kernel",
    "b": "cell.bias",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
_OF_GATES = {**_ATTRIBUTES, "inner_activation": "recurrent_activation"}
_OWN = {"own": ("consume_less",)}

SimpleRNN = layer(
    layers.SimpleRNN, f"{_INITS}, activation='tanh', {_REST}", mixins=[OverTime], attributes=_ATTRIBUTES, **_OWN
)
GRU = layer(
    layers.GRU, f"{_INITS}, {_GATED}, {_REST}", mixins=[Gates3], attributes=_OF_GATES, prepare=reset_first, **_OWN
)
LSTM = layer(
    layers.LSTM,
    f"{_INITS}, forget_bias_init='one', {_GATED}, {_REST}",
    mixins=[Gates4],
    attributes=_OF_GATES,
    prepare=forget_gate,
    **_OWN,
)

_RUN = "return_sequences=False, go_backwards=False, stateful=False"


class _States:
    """For the door of Recurrent: how it was told to compute, and states that ``build`` is to make."""

    def __init__(self, *args, consume_less="cpu", **kwargs):
        given = self.__dict__.get("states")
        super().__init__(*args, **kwargs)
        self.consume_less = consume_less
        del self.states  # programs ask whether there are any
        if given is not None:
            self.states = given

    def get_initial_states(self, x):
        """Zeros, for each of the states."""
        return self.get_initial_state(x)

    def get_config(self):
        return {**super().get_config(), "consume_less": self.consume_less}


Recurrent = layer(
    recurrent2.Recurrent,
    f"weights=None, {_RUN}, unroll=False, consume_less='cpu', input_dim=None, input_length=None",
    mixins=[_States],
    own=("consume_less",),
    ignored=("implementation",),
)


def _with_steps(cls, namespace):
    return getattr(importlib.import_module("kbridge.compat.keras1.layers._steps"), cls.__name__)


for _door in (SimpleRNN, GRU, LSTM):
    _door._base_of = _with_steps

_IMAGE = sides("nb_row", "nb_col")
ConvLSTM2D = layer(
    layers.ConvLSTM2D,
    "nb_filter, nb_row, nb_col, init='glorot_uniform', inner_init='orthogonal', forget_bias_init='one', "
    f"{_GATED}, dim_ordering='default', border_mode='valid', subsample=(1, 1), {_REST}",
    mixins=[ImagesOverTime],
    attributes={**_OF_GATES, "output_dim": "cell.filters", "nb_filter": "cell.filters"},
    before=_IMAGE["before"],
    prepare=all_of(_IMAGE["prepare"], forget_gate),
    **_OWN,
)
ConvRecurrent2D = layer(
    recurrent2.ConvRecurrent2D,
    f"weights=None, nb_row=None, nb_col=None, nb_filter=None, {_RUN}, dim_ordering=None",
    prepare=_IMAGE["prepare"],
    ignored=("consume_less", "unroll"),
)

Wrapper = layer(layers.Wrapper, "layer")
TimeDistributed = layer(layers.TimeDistributed, "layer")
Bidirectional = layer(
    layers.Bidirectional,
    "layer, merge_mode='concat', weights=None",
    mixins=[recurrent2.EvenOutputs],
)
