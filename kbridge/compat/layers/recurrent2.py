"""Recurrent layers as Keras 2 had them: constants, states that are set by hand, and the base classes of its time."""

import inspect

import numpy as np

from kbridge import objects, ops
from kbridge.backend.tree import flatten
from kbridge.layers.convolutional import per_axis, window_length
from kbridge.layers.convolutional_recurrent import ConvLSTMCell
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer
from kbridge.layers.recurrent import RNN
from kbridge.layers.recurrent_cells import run_cell


class OldStates:
    """For the doors of recurrent layers: states are asked for by the inputs, and set by hand."""

    implementation = 2  # how it was computed then

    def reset_states(self, states=None):
        """Let the next batch begin with ``states`` (an array for each), or with zeros."""
        set_states(self, states)

    reset_state = reset_states

    def get_initial_state(self, inputs):
        """The states to begin with, for a batch of ``inputs`` (or for a batch of that size)."""
        return super().get_initial_state(ops.shape(inputs)[0] if hasattr(inputs, "shape") else inputs)


def set_states(layer, states=None):
    """Give the states of a stateful layer values, zeros unless told."""
    if not layer.stateful:
        raise AttributeError(
            f"Layer '{layer.name}' is not stateful, so it has no states to reset. "
            f"Write: {type(layer).__name__}(..., stateful=True)."
        )
    own = flatten(layer.states) if layer.states is not None else []
    given = [np.zeros(state.shape, "float32") for state in own] if states is None else flatten([states])
    if len(given) != len(own):
        raise ValueError(f"Layer '{layer.name}' has {len(own)} state(s). Received {len(given)}.")
    for i, (variable, value) in enumerate(zip(own, given)):
        if tuple(value.shape) != tuple(variable.shape):
            raise ValueError(
                f"State {i} of layer '{layer.name}' has the shape {tuple(variable.shape)}. "
                f"Received one of the shape {tuple(value.shape)}."
            )
        variable.assign(value)


class WithConstants(OldStates):
    """For the doors of RNN: ``constants``, tensors that the cell is given at every step."""

    _num_constants = None

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        if isinstance(inputs, (list, tuple)) and len(inputs) > 1:
            inputs, *more = inputs
            if constants is None and self._num_constants:
                more, constants = more[: -self._num_constants], more[-self._num_constants :]
            if initial_state is None and more:
                initial_state = more
        if constants is not None:
            constants = list(constants) if isinstance(constants, (list, tuple)) else [constants]
            self._num_constants = len(constants)
            kwargs["constants"] = constants
        return super().__call__(inputs, initial_state, **kwargs)

    def _ensure_built(self, args, kwargs):
        if not self.built and kwargs.get("constants"):
            cell, sequences = self.cell, args[0]
            if not takes_constants(cell):
                raise ValueError(
                    f"RNN: the cell {type(cell).__name__} is called without constants. "
                    f"Write: def call(self, inputs, states, constants), or leave them out."
                )
            if isinstance(cell, Layer) and not cell.built:
                step = (sequences.shape[0], *sequences.shape[2:])
                cell.build([step, *(tuple(one.shape) for one in kwargs["constants"])])
                cell.built = True
        super()._ensure_built(args, kwargs)

    def call(self, sequences, initial_state=None, mask=None, training=False, constants=None):
        self._constants = constants
        try:
            return super().call(sequences, initial_state, mask, training)
        finally:
            self._constants = None

    def inner_loop(self, sequences, initial_state, mask, training=False):
        if self._constants is None:
            return super().inner_loop(sequences, initial_state, mask, training)
        constants = {"constants": self._constants}
        return self._run_steps(
            sequences, initial_state, mask, lambda x, states: run_cell(self.cell, x, states, training, constants)
        )


def takes_constants(cell):
    """Whether a cell is called with constants."""
    parameters = inspect.signature(cell.call).parameters
    return "constants" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


class EvenOutputs:
    """For the door of Bidirectional: at a masked step the output is the one before, as in any recurrent layer."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for direction in self._sublayers():
            if hasattr(direction, "zero_output_for_mask"):
                direction.zero_output_for_mask = False


class ConvLSTM2DCell(ConvLSTMCell):
    """One step of ConvLSTM2D. For the arguments see there."""

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(2, filters, kernel_size, **kwargs)

    def input_conv(self, x, w, b=None, padding="valid"):
        """The convolution of a step's inputs."""
        found = ops.conv(x, w, self.strides, padding, self.data_format, self.dilation_rate)
        if b is None:
            return found
        return found + (b if self._channel_axis == -1 else ops.reshape(b, (-1, 1, 1)))

    def recurrent_conv(self, x, w):
        """The convolution of the state."""
        return ops.conv(x, w, 1, "same", self.data_format)


class ConvRNN2D(WithConstants, RNN):
    """Runs a cell over (batch, time, ...) of images. For the arguments see RNN."""

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            raise TypeError("ConvRNN2D takes one cell. To stack some, write a ConvRNN2D for each.")
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)
        self.input_spec = InputSpec(ndim=5)

    def _output_shape(self):
        return self.cell.state_shape

    def _state_shapes(self):
        return [self.cell.state_shape] * len(flatten([self.cell.state_size]))

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, length, *step = sequences_shape
        state = self.cell.shape_of_states((batch, *step))
        output = (batch, length, *state[1:]) if self.return_sequences else state
        return [output, *[state] * len(self._state_shapes())] if self.return_state else output


class Recurrent(Layer):
    """The base of recurrent layers until Keras 2.0: a subclass defines ``step(inputs, states)``.

    It sets ``self.units`` (``self.output_dim`` in Keras 1) and, in ``build``, ``self.states``: a list with None for
    each state. It may define ``preprocess_input``, ``get_constants``, ``get_initial_state`` and, for a stateful
    layer, ``reset_states``.

    Args:
        return_sequences: whether the output of every step is returned, or that of the last.
        return_state: whether the last states are returned too.
        go_backwards: whether time runs from the end.
        stateful: whether a batch begins with the states the batch before ended with.
        unroll, implementation: how it was computed; the result is the same.
    """

    supports_masking = True
    takes_sequences = True

    def __init__(
        self,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        implementation=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.implementation = unroll, implementation
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None
        self.states = [None]
        self.dropout = self.recurrent_dropout = 0

    # -- what a subclass defines

    def step(self, inputs, states):
        """(output, new states) of one step."""
        raise NotImplementedError(f"{type(self).__name__} must define step(inputs, states).")

    def preprocess_input(self, inputs, training=None):
        """What the steps are given in place of the inputs."""
        return inputs

    def get_constants(self, inputs, training=None):
        """Tensors that every step is given, behind its states."""
        return []

    def get_initial_state(self, inputs):
        """Zeros, for each of the states."""
        zeros = ops.zeros((ops.shape(inputs)[0], self._units()), self.compute_dtype)
        return [zeros for _ in self.states]

    def _units(self):
        units = getattr(self, "units", None)
        return self.output_dim if units is None else units

    # -- running it

    def __call__(self, inputs, initial_state=None, **kwargs):
        if isinstance(inputs, (list, tuple)) and len(inputs) > 1 and initial_state is None:
            inputs, *initial_state = inputs
        if initial_state is not None:
            kwargs["initial_state"] = flatten([initial_state])
        return super().__call__(inputs, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        if isinstance(inputs, (list, tuple)):
            inputs, *initial_state = inputs
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if "states" not in self.__dict__:
            self.states = [None]
        if initial_state is None:
            begin = getattr(self, "get_initial_states", self.get_initial_state)  # the first is of Keras 1
            states = [s.value for s in self._kept(inputs)] if self.stateful else list(begin(inputs))
        else:
            states = flatten([initial_state])
        if len(states) != len(self.states):
            raise ValueError(f"Layer '{self.name}' has {len(self.states)} state(s). Received {len(states)}.")
        constants = list(_as_asked(self.get_constants, inputs, training))
        steps = _as_asked(self.preprocess_input, inputs, training)
        last, outputs, states = run_steps(
            lambda x, now: self.step(x, [*now, *constants]), steps, states, self.go_backwards, mask
        )
        if self.stateful:
            for variable, state in zip(self.states, states):
                variable.assign(ops.stop_gradient(state))
        result = outputs if self.return_sequences else last
        return [result, *states] if self.return_state else result

    def _kept(self, inputs):
        if any(state is None for state in self.states):
            self._make_states(inputs.shape[0])
        return self.states

    def _make_states(self, batch_size):
        from kbridge.backend.variable import Variable

        if not batch_size:
            raise ValueError(
                f"Layer '{self.name}' is stateful, so the batch size must be fixed. "
                f"Write: batch_input_shape=(32, ...) in the first layer, or Input(batch_shape=(32, ...))."
            )
        shape = (batch_size, self._units())
        self.states = [
            Variable(np.zeros(shape, "float32"), dtype=self.variable_dtype, trainable=False, name="rnn_state")
            for _ in self.states
        ]

    def _own_variables(self):
        states = {id(state) for state in self.__dict__.get("states", ())}
        return [variable for variable in super()._own_variables() if id(variable) not in states]

    def reset_states(self, states=None):
        """Let the next batch begin with ``states`` (an array for each), or with zeros."""
        if self.stateful and any(state is None for state in self.states):
            spec = self.input_spec[0] if isinstance(self.input_spec, (list, tuple)) else self.input_spec
            self._make_states(spec.shape[0] if spec is not None and spec.shape else None)
        set_states(self, states)

    reset_state = reset_states

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        output = mask if self.return_sequences else None
        return [output, *[None] * len(self.states)] if self.return_state else output

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        state = (input_shape[0], self._units())
        output = (*input_shape[:2], self._units()) if self.return_sequences else state
        return [output, *[state] * len(self.states)] if self.return_state else output

    def get_config(self):
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "implementation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _as_asked(method, inputs, training):
    """``method(inputs)``, with ``training`` where it takes it."""
    takes = "training" in inspect.signature(method).parameters
    return method(inputs, training=training) if takes else method(inputs)


def run_steps(step, inputs, states, go_backwards=False, mask=None):
    """(the last output, all outputs, the last states) of ``step(x, states)`` over the axis behind the batch."""
    count = len(states)
    items = ops.moveaxis(inputs, 1, 0)
    keeps = None if mask is None else ops.moveaxis(mask, 1, 0)
    if go_backwards:
        items, keeps = ops.flip(items, 0), None if keeps is None else ops.flip(keeps, 0)
    if keeps is None:

        def advance(now, x):
            output, new = step(x, list(now))
            return list(new)[:count], output

        states, outputs = ops.scan(advance, list(states), items)
    else:
        sample, _ = step(items[0], list(states))

        def advance(carry, item):
            (before, now), (x, keep) = carry, item
            output, new = step(x, list(now))
            output = _chosen(keep, output, before)
            new = [_chosen(keep, a, b) for a, b in zip(new, now)]
            return (output, new), output

        (_, states), outputs = ops.scan(advance, (ops.zeros_like(sample), list(states)), (items, keeps))
    return outputs[-1], ops.moveaxis(outputs, 0, 1), list(states)


def _chosen(keep, new, old):
    while len(keep.shape) < len(new.shape):
        keep = ops.expand_dims(keep, -1)
    return ops.where(keep, new, old)


class ConvRecurrent2D(Recurrent):
    """As Recurrent, over (batch, time, ...) of images. For the arguments see Conv2D and Recurrent."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        from kbridge import config

        super().__init__(return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs)
        name = type(self).__name__
        self.filters = filters
        self.kernel_size = per_axis(kernel_size, 2, "kernel_size", name)
        self.strides = per_axis(strides, 2, "strides", name)
        self.padding = str(padding).lower()
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = per_axis(dilation_rate, 2, "dilation_rate", name)
        self.input_spec = [InputSpec(ndim=5)]

    def _state_shape(self, input_shape):
        batch, _, *step = input_shape
        space = step[:2] if self.data_format == "channels_last" else step[1:]
        rows, columns = (
            window_length(length, size, stride, self.padding, dilation)
            for length, size, stride, dilation in zip(space, self.kernel_size, self.strides, self.dilation_rate)
        )
        last = self.data_format == "channels_last"
        return (batch, rows, columns, self.filters) if last else (batch, self.filters, rows, columns)

    def get_initial_state(self, inputs):
        batch, *inner = self._state_shape(tuple(inputs.shape))
        zeros = ops.zeros((ops.shape(inputs)[0], *inner), self.compute_dtype)
        return [zeros for _ in self.states]

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        state = self._state_shape(tuple(input_shape))
        output = (*input_shape[:2], *state[1:]) if self.return_sequences else state
        return [output, state, state] if self.return_state else output

    def get_config(self):
        names = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


objects.publish("keras.legacy.layers", ConvRNN2D, ConvLSTM2DCell)
