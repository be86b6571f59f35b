"""Gates with the hard sigmoid of older generations, by the engines' fused kernels.

These know today's, of the slope 1/6. The older one, of the slope 1/5, is that of 1.2 times its argument: so the
gates' columns of the kernels and biases are taken 1.2 times.
"""

import functools

import numpy as np

from kbridge.compat.activations import hard_sigmoid
from kbridge.layers import recurrent_cells as today
from kbridge.layers.recurrent_cells import fused_name
from kbridge.ops import fused


@functools.lru_cache(64)
def _factors(units, blocks, candidate):
    """1.2 for the columns of the gates, 1 for those of what they let in."""
    factors = np.full((blocks, units), 1.2, "float32")
    factors[candidate] = 1.0
    return factors.ravel()


class _HardGates:
    """For cells: with the older hard sigmoid they run as fast as with today's."""

    def _taken(self):
        """The kernels and the bias as they are to be run, or None if they can be run as they are."""
        if self.recurrent_activation is not hard_sigmoid:
            return None
        factors = _factors(self.units, self.gates, 2)
        bias = None if self.bias is None else self.bias * factors
        return self.kernel * factors, self.recurrent_kernel * factors, bias


class LSTMCell(_HardGates, today.LSTMCell):
    """One step of LSTM."""

    def run(self, inputs, states, mask, go_backwards):
        taken = self._taken()
        if taken is None:
            return super().run(inputs, states, mask, go_backwards)
        return fused.lstm(inputs, *taken, *states, mask, go_backwards, fused_name(self.activation), "hard_sigmoid")


class GRUCell(_HardGates, today.GRUCell):
    """One step of GRU."""

    def run(self, inputs, states, mask, go_backwards):
        taken = self._taken()
        if taken is None:
            return super().run(inputs, states, mask, go_backwards)
        kernel, recurrent_kernel, bias = taken
        recurrent_bias = None
        if bias is not None and self.reset_after:
            bias, recurrent_bias = bias[0], bias[1]
        activation = fused_name(self.activation)
        return fused.gru(
            inputs,
            kernel,
            recurrent_kernel,
            bias,
            recurrent_bias,
            *states,
            mask,
            go_backwards,
            self.reset_after,
            activation,
            "hard_sigmoid",
        )


class HardLSTM:
    """For the doors of LSTM."""

    cell_class = LSTMCell


class HardGRU:
    """For the doors of GRU."""

    cell_class = GRUCell
