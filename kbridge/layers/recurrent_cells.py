"""Cells: what a recurrent layer does at one step."""

import inspect
from contextlib import contextmanager

import numpy as np

from kbridge import activations, constraints, initializers, objects, ops, random, regularizers
from kbridge.layers.layer import Layer
from kbridge.ops import fused

# The arguments that the three kinds of cells share, in the layers that wrap them too.
SHARED = (
    "units",
    "activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "seed",
)


class Cell(Layer):
    """Base of the cells: ``call(x, states)`` gives the output and the new states."""

    gates = 1  # how many blocks of ``units`` columns the kernels have
    state_count = 1
    _noise = None  # what ``draw_noise`` gave, while it shall stay the same

    def __init__(self, shared, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        if not hasattr(shared["units"], "__index__") or shared["units"] < 1:
            raise ValueError(f"{name}: units must be a positive integer. Received: units={shared['units']!r}.")
        for argument in ("dropout", "recurrent_dropout"):
            if not 0 <= shared[argument] <= 1:
                raise ValueError(f"{name}: {argument} must be in [0, 1]. Received: {argument}={shared[argument]!r}.")
        self.units = int(shared["units"])
        self.activation = activations.get(shared["activation"])
        self.use_bias = shared["use_bias"]
        for part in ("kernel", "recurrent", "bias"):
            setattr(self, f"{part}_initializer", initializers.get(shared[f"{part}_initializer"]))
            setattr(self, f"{part}_regularizer", regularizers.get(shared[f"{part}_regularizer"]))
            setattr(self, f"{part}_constraint", constraints.get(shared[f"{part}_constraint"]))
        self.dropout, self.recurrent_dropout = shared["dropout"], shared["recurrent_dropout"]
        self.seed = shared["seed"]
        self.seed_generator = random.SeedGenerator(self.seed) if self.dropout or self.recurrent_dropout else None
        self.bias = None

    @property
    def state_size(self):
        return self.units if self.state_count == 1 else [self.units] * self.state_count

    @property
    def output_size(self):
        return self.units

    def build(self, input_shape):
        features, columns = input_shape[-1], self.gates * self.units
        if features is None:
            raise ValueError(
                f"{type(self).__name__} '{self.name}' needs to know the size of its input's last axis. "
                f"Received the shape {input_shape}."
            )
        self.kernel = self._weight("kernel", (features, columns), self.kernel_initializer, "kernel")
        self.recurrent_kernel = self._weight(
            "recurrent", (self.units, columns), self.recurrent_initializer, "recurrent_kernel"
        )
        if self.use_bias:
            self.bias = self._weight("bias", self._bias_shape(), self._bias_start(), "bias")

    def _weight(self, part, shape, initializer, name):
        return self.add_weight(
            shape,
            initializer,
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            name=name,
        )

    def _bias_shape(self):
        return (self.gates * self.units,)

    def _bias_start(self):
        return self.bias_initializer

    def get_initial_state(self, batch_size=None):
        """Zeros, as a list of states."""
        return [ops.zeros((batch_size, self.units), self.compute_dtype) for _ in range(self.state_count)]

    def call(self, inputs, states, training=False):
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        recalled = states[0]
        if training and self.seed_generator is not None:
            of_inputs, of_states = self._noise or self.draw_noise(ops.shape(inputs)[0])
            inputs = inputs if of_inputs is None else inputs * of_inputs
            recalled = recalled if of_states is None else recalled * of_states
        return self.step(ops.expand_dims(inputs, 1), [recalled, *states[1:]], states)

    def draw_noise(self, batch):
        """What dropout multiplies inputs and states by; None for what it leaves alone."""
        shapes = (batch, self.kernel.shape[0]), (batch, self.units)
        return self.noise(shapes[0], self.dropout), self.noise(shapes[1], self.recurrent_dropout)

    def noise(self, shape, rate):
        ones = ops.ones(shape, self.compute_dtype) if rate else None
        return None if ones is None else random.dropout(ones, rate, None, self.seed_generator)

    def get_dropout_mask(self, step_input):
        """What dropout multiplies inputs by, or None: the same until it is reset."""
        return self._noise_for(step_input)[0]

    def get_recurrent_dropout_mask(self, step_input):
        """What dropout multiplies states by, or None: the same until it is reset."""
        return self._noise_for(step_input)[1]

    def _noise_for(self, step_input):
        if self._noise is None:
            self._noise = self.draw_noise(ops.shape(step_input)[0])
        return self._noise

    def reset_dropout_mask(self):
        """Draw anew when asked the next time, for inputs and states."""
        self._noise = None

    reset_recurrent_dropout_mask = reset_dropout_mask

    def step(self, inputs, recalled, states):
        """One step: (batch, 1, features) with the states as they enter the products, and as they are kept."""
        outputs, *new = self.run(inputs, recalled, None, False)
        return outputs[:, 0], new

    def run(self, inputs, states, mask, go_backwards):
        """The outputs of all steps of (batch, time, features), and the last states."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), **self.shared_config()}

    def shared_config(self):
        found = {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
        for part in ("kernel", "recurrent", "bias"):
            found[f"{part}_initializer"] = initializers.serialize(getattr(self, f"{part}_initializer"))
            found[f"{part}_regularizer"] = regularizers.serialize(getattr(self, f"{part}_regularizer"))
            found[f"{part}_constraint"] = constraints.serialize(getattr(self, f"{part}_constraint"))
        return found


# Functions that engines' fused kernels know by name
_FUSED = {
    activations.tanh: "tanh",
    activations.sigmoid: "sigmoid",
    activations.relu: "relu",
    activations.hard_sigmoid: "hard_sigmoid",
    activations.linear: "linear",
}


def fused_name(activation):
    return _FUSED.get(activation, activation)


class SimpleRNNCell(Cell):
    """One step of SimpleRNN."""

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        given = locals()
        super().__init__({name: given[name] for name in SHARED}, **kwargs)

    def run(self, inputs, states, mask, go_backwards):
        return fused.simple_rnn(
            inputs,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *states,
            mask,
            go_backwards,
            fused_name(self.activation),
        )


class LSTMCell(Cell):
    """One step of LSTM."""

    gates = 4
    state_count = 2

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        given = locals()
        super().__init__({name: given[name] for name in SHARED}, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _bias_start(self):
        return _ForgetBias(self.bias_initializer, self.units) if self.unit_forget_bias else self.bias_initializer

    def run(self, inputs, states, mask, go_backwards):
        return fused.lstm(
            inputs,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *states,
            mask,
            go_backwards,
            fused_name(self.activation),
            fused_name(self.recurrent_activation),
        )

    def shared_config(self):
        return {
            **super().shared_config(),
            "unit_forget_bias": self.unit_forget_bias,
            "recurrent_activation": activations.serialize(self.recurrent_activation),
        }


class _ForgetBias(initializers.Initializer):
    """An LSTM's bias with ones for the forget gate, so that memory lasts at first."""

    def __init__(self, inner, units):
        self.inner, self.units = inner, units

    def draw(self, shape, dtype=None):
        blocks = [self._block(dtype) for _ in range(4)]
        blocks[1] = np.ones_like(blocks[1])
        return np.concatenate(blocks)

    def _block(self, dtype):
        draw = getattr(self.inner, "draw", self.inner)
        return np.asarray(draw((self.units,), dtype=dtype))


class GRUCell(Cell):
    """One step of GRU."""

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        given = locals()
        super().__init__({name: given[name] for name in SHARED}, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def run(self, inputs, states, mask, go_backwards):
        bias, recurrent_bias = self.bias, None
        if bias is not None and self.reset_after:
            bias, recurrent_bias = self.bias[0], self.bias[1]
        return fused.gru(
            inputs,
            self.kernel,
            self.recurrent_kernel,
            bias,
            recurrent_bias,
            *states,
            mask,
            go_backwards,
            self.reset_after,
            fused_name(self.activation),
            fused_name(self.recurrent_activation),
        )

    def step(self, inputs, recalled, states):
        if recalled[0] is states[0]:
            return super().step(inputs, recalled, states)
        # What is carried over is the state itself, not the one that dropout thinned out for the products.
        (h,), (kept,) = recalled, states
        bias, recurrent_bias = self.bias, None
        if bias is not None and self.reset_after:
            bias, recurrent_bias = self.bias[0], self.bias[1]
        gate, units = self.recurrent_activation, self.units
        xz, xr, xh = ops.split(fused.dense(inputs[:, 0], self.kernel, bias), 3, axis=-1)
        kernel = self.recurrent_kernel.value
        if self.reset_after:
            hz, hr, hh = ops.split(fused.dense(h, kernel, recurrent_bias), 3, axis=-1)
            z = gate(xz + hz)
            candidate = self.activation(xh + gate(xr + hr) * hh)
        else:
            hz, hr = ops.split(ops.matmul(h, kernel[:, : 2 * units]), 2, axis=-1)
            z = gate(xz + hz)
            candidate = self.activation(xh + ops.matmul(gate(xr + hr) * h, kernel[:, 2 * units :]))
        new = z * kept + (1.0 - z) * candidate
        return new, [new]

    def shared_config(self):
        return {
            **super().shared_config(),
            "reset_after": self.reset_after,
            "recurrent_activation": activations.serialize(self.recurrent_activation),
        }


class StackedRNNCells(Layer):
    """Several cells, one on top of the other, as one cell."""

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise ValueError(f"StackedRNNCells takes cells, which have call() and state_size. Received: {cell!r}.")
        self.cells = list(cells)

    def __call__(self, inputs, states=None, *args, **kwargs):
        if states is None:
            raise ValueError(
                "StackedRNNCells computes one step, from inputs and states. To run it over a sequence, write: "
                "RNN(cells)(inputs), or RNN(StackedRNNCells(cells))(inputs)."
            )
        return super().__call__(inputs, states, *args, **kwargs)

    @property
    def state_size(self):
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        return [initial_state_of(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], output_size_of(cell))

    def call(self, inputs, states, training=False, **kwargs):
        new = []
        for cell, own in zip(self.cells, states):
            own = list(own) if isinstance(own, (list, tuple)) else [own]
            inputs, after = run_cell(cell, inputs, own, training, kwargs)
            new.append(after)
        return inputs, new

    def get_config(self):
        return {**super().get_config(), "cells": [objects.serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [objects.deserialize_keras_object(c, custom_objects=custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)


@contextmanager
def same_noise(cell, batch):
    """Inside, dropout in ``cell`` and the cells in it is the same at every step.

    Noise that changes with time would average out. It is drawn here, before the steps begin, so that a compiled loop
    over them draws nothing.
    """
    inside = cell._flatten_layers() if isinstance(cell, Layer) else ()
    noisy = [one for one in inside if isinstance(one, Cell) and one.built and one.seed_generator is not None]
    for one in noisy:
        one._noise = one.draw_noise(batch)
    try:
        yield
    finally:
        for one in noisy:
            one._noise = None


def run_cell(cell, inputs, states, training, constants=None):
    """(output, new states as a list) of any cell, a user's own included."""
    kwargs = dict(constants or {})
    if (
        cell._info().takes_training
        if isinstance(cell, Layer)
        else "training" in inspect.signature(cell.call).parameters
    ):
        kwargs["training"] = training
    output, new = cell.call(inputs, states, **kwargs)
    return output, list(new) if isinstance(new, (list, tuple)) else [new]


def output_size_of(cell):
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def initial_state_of(cell, batch_size, dtype):
    """The states a cell begins with, as a list; zeros if it does not say."""
    if hasattr(cell, "get_initial_state"):
        states = cell.get_initial_state(batch_size=batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [ops.zeros((batch_size, *((size,) if isinstance(size, int) else size)), dtype) for size in sizes]
