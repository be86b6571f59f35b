"""The recurrent layers that ran on NVIDIA's library alone, here on any device.

They are LSTM and GRU with sigmoid gates; their weights are as that library has them, with a bias for the inputs and
one for the states, one behind the other.
"""

import functools

import numpy as np

from kbridge import initializers, objects, ops
from kbridge.layers.recurrent import GRU, LSTM
from kbridge.layers.recurrent_cells import GRUCell, LSTMCell
from kbridge.ops import fused

# What that library knows no choice of, so that configs do not tell it.
_FIXED = (
    "activation",
    "recurrent_activation",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "reset_after",
    "seed",
    "unroll",
    "zero_output_for_mask",
)


class _TwoBiases:
    """What both cells have in common. In files of the time a gate's kernels stand the other way round."""

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel.in_old_files = functools.partial(_kernel_in_files, self.gates)
        self.recurrent_kernel.in_old_files = functools.partial(_recurrent_in_files, self.gates)


def _kernel_in_files(gates, kernel):
    return np.hstack([k.T.reshape(k.shape) for k in np.hsplit(kernel, gates)])


def _recurrent_in_files(gates, kernel):
    return np.hstack([k.T for k in np.hsplit(kernel, gates)])


class CuDNNLSTMCell(_TwoBiases, LSTMCell):
    """One step of CuDNNLSTM."""

    def _bias_shape(self):
        return (8 * self.units,)

    def _bias_start(self):
        return _ForgetBias(self.bias_initializer, self.units) if self.unit_forget_bias else self.bias_initializer

    def run(self, inputs, states, mask, go_backwards):
        bias = ops.sum(ops.reshape(self.bias, (2, -1)), axis=0)
        return fused.lstm(inputs, self.kernel, self.recurrent_kernel, bias, *states, mask, go_backwards)


class _ForgetBias(initializers.Initializer):
    """The bias with ones for the forget gate, in the half that belongs to the states."""

    def __init__(self, inner, units):
        self.inner, self.units = inner, units

    def draw(self, shape, dtype=None):
        draw = getattr(self.inner, "draw", self.inner)
        parts = [draw((5 * self.units,), dtype=dtype), np.ones(self.units), draw((2 * self.units,), dtype=dtype)]
        return np.concatenate([np.asarray(part) for part in parts])


class CuDNNGRUCell(_TwoBiases, GRUCell):
    """One step of CuDNNGRU."""

    def _bias_shape(self):
        return (6 * self.units,)

    def run(self, inputs, states, mask, go_backwards):
        bias, recurrent_bias = ops.split(self.bias, 2)
        return fused.gru(
            inputs, self.kernel, self.recurrent_kernel, bias, recurrent_bias, *states, mask, go_backwards, True
        )


class CuDNNLSTM(LSTM):
    """LSTM with sigmoid gates and the weights of NVIDIA's library; for the arguments see LSTM."""

    cell_class = CuDNNLSTMCell

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        return_sequences=False,
        return_state=False,
        stateful=False,
        go_backwards=False,
        **kwargs,
    ):
        super().__init__(
            units=units,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )

    def get_config(self):
        return _without_fixed(super().get_config())


class CuDNNGRU(GRU):
    """GRU with sigmoid gates, ``reset_after`` and the weights of NVIDIA's library; for the arguments see GRU."""

    cell_class = CuDNNGRUCell

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        return_sequences=False,
        return_state=False,
        stateful=False,
        go_backwards=False,
        **kwargs,
    ):
        super().__init__(
            units=units,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )

    def get_config(self):
        return _without_fixed(super().get_config())


def _without_fixed(config):
    return {name: value for name, value in config.items() if name not in _FIXED}


objects.publish("keras.legacy.layers", CuDNNLSTM, CuDNNGRU)
