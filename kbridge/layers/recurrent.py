"""Recurrent layers: cells run over time."""

import inspect
from contextlib import nullcontext

import numpy as np

from kbridge import objects, ops
from kbridge.backend.abstract import engine as shapes
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.names import snake_case
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.backend.variable import Variable
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer
from kbridge.layers.recurrent_cells import (
    SHARED,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    initial_state_of,
    output_size_of,
    run_cell,
    same_noise,
)


class RNN(Layer):
    """Runs a cell (or a list of them, stacked) over (batch, time, ...).

    Args:
        cell: has ``call(x, states)``, ``state_size`` and, optionally, ``output_size`` and ``get_initial_state``.
        return_sequences: whether the output of every step is returned, or that of the last.
        return_state: whether the last states are returned too.
        go_backwards: whether time runs from the end.
        stateful: whether a batch begins with the states the batch before ended with.
        unroll: whether the steps are written out one by one instead of looped over.
        zero_output_for_mask: whether outputs at masked steps are 0 instead of the previous output.
    """

    supports_masking = True
    takes_sequences = True

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ValueError(f"RNN: cell must have call() and state_size. Received: cell={cell!r}.")
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.states = None
        self.input_spec = None

    def build(self, sequences_shape, initial_state_shape=None):
        if len(sequences_shape) < 3:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' takes (batch, time, features): ndim=3. "
                f"Received the shape {tuple(sequences_shape)}."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True
        if self.stateful:
            self._make_states(sequences_shape[0])

    def _make_states(self, batch_size):
        if batch_size is None:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' is stateful, so the batch size must be fixed. "
                f"Write: Input(batch_shape=(32, ...)), or batch_input_shape=(32, ...) in the first layer."
            )
        with entered(get_frame().child(engine=shapes)):
            like = self.get_initial_state(batch_size)
        self.states = map_structure(self._make_state, like)

    def _make_state(self, like):
        state = Variable(np.zeros(like.shape, "float32"), dtype=self.variable_dtype, trainable=False, name="rnn_state")
        state.path = f"{self.name}/{state.name}"
        return state

    def _own_variables(self):
        # States come and go with batches: they are no weights.
        states = {id(state) for state in flatten(self.states)} if self.states is not None else ()
        return [variable for variable in super()._own_variables() if id(variable) not in states]

    def _ensure_built(self, args, kwargs):
        if args and isinstance(args[0], (list, tuple)):
            sequences = args[0][0]
            super()._ensure_built((sequences,), {})
        else:
            super()._ensure_built(args[:1] or (kwargs["sequences"],), {})

    def _shapes_for_build(self, args, kwargs):
        return tuple(args[0].shape)

    def __call__(self, sequences, initial_state=None, **kwargs):
        # The states may come behind the sequences, as one list.
        if isinstance(sequences, (list, tuple)) and initial_state is None and len(sequences) > 1:
            sequences, initial_state = sequences[0], list(sequences[1:])
        if initial_state is None:
            return super().__call__(sequences, **kwargs)
        return super().__call__(sequences, initial_state=initial_state, **kwargs)

    def get_initial_state(self, batch_size):
        return initial_state_of(self.cell, batch_size, self.compute_dtype)

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        states = self._first_states(sequences, initial_state)
        outputs, last, states = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            for variable, state in zip(flatten(self.states), flatten(states)):
                variable.assign(ops.stop_gradient(state))
        result = outputs if self.return_sequences else last
        return [result, *flatten(states)] if self.return_state else result

    def _first_states(self, sequences, initial_state):
        if self.stateful:
            self._check_batch(sequences)
        if initial_state is not None:
            return self._given_states(flatten([initial_state]))
        if self.stateful:
            return map_structure(lambda v: v.value, self.states)
        return self.get_initial_state(ops.shape(sequences)[0])

    def _check_batch(self, sequences):
        expected, found = flatten(self.states)[0].shape[0], sequences.shape[0]
        if found not in (None, expected):
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' is stateful and was built for batches of {expected}. "
                f"Received a batch of {found}."
            )

    def _given_states(self, given):
        """States from outside, as the cell takes them."""
        expected = self._state_shapes()
        shapes = [tuple(state.shape[1:]) for state in given]
        if shapes != expected:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' has {len(expected)} state(s), of the shapes "
                f"{[('batch', *shape) for shape in expected]}. Received an initial_state of {len(given)}, of the "
                f"shapes {[tuple(state.shape) for state in given]}."
            )
        like = self.cell.state_size
        nested = isinstance(like, (list, tuple)) and any(isinstance(s, (list, tuple)) for s in like)
        return pack(like, given) if nested else given

    def _output_shape(self):
        """The shape of a step's output, without the batch."""
        size = output_size_of(self.cell)
        return (size,) if isinstance(size, int) else tuple(size)

    def _state_shapes(self):
        """The shape of each state, in order, without the batch."""
        return [(size,) for size in flatten([self.cell.state_size])]

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """(all outputs, the last output, the last states)."""

        def run(x, states):
            return run_cell(self.cell, x, states, training)

        with same_noise(self.cell, ops.shape(sequences)[0]) if training else nullcontext():
            return self._run_steps(sequences, initial_state, mask, run)

    def _run_steps(self, sequences, initial_state, mask, run):
        """``inner_loop`` with ``run(x, states)`` for a step."""
        steps = ops.moveaxis(sequences, 1, 0)
        keeps = None if mask is None else ops.moveaxis(mask, 1, 0)
        if self.go_backwards:
            steps, keeps = ops.flip(steps, 0), None if keeps is None else ops.flip(keeps, 0)
        structure = initial_state

        def cell(x, states):
            output, new = run(x, states)
            return output, pack(structure, flatten(new))

        if keeps is None:

            def step(states, x):
                output, new = cell(x, states)
                return new, output

            states, outputs = ops.scan(step, initial_state, steps, unroll=self.unroll or 1)
        else:
            first = ops.zeros((ops.shape(sequences)[0], *self._output_shape()), self.compute_dtype)

            def step(carry, item):
                previous, states = carry
                x, keep = item
                output, new = cell(x, states)
                choose = lambda a, b: ops.where(_as_wide(keep, a), a, b)  # noqa: E731
                output = choose(output, previous)
                new = pack(structure, [choose(a, b) for a, b in zip(flatten(new), flatten(states))])
                return (output, new), output

            (_, states), outputs = ops.scan(step, (first, initial_state), (steps, keeps), unroll=self.unroll or 1)
        outputs = ops.moveaxis(outputs, 0, 1)
        return self._finished(outputs, keeps, states)

    def _finished(self, outputs, keeps, states):
        last = outputs[:, -1]
        if keeps is not None and self.zero_output_for_mask:
            outputs = ops.where(_as_wide(ops.moveaxis(keeps, 0, 1), outputs), outputs, ops.zeros_like(outputs))
        return outputs, last, states

    def reset_states(self):
        """Let the next batch begin with zeros."""
        if self.states is not None:
            for variable in flatten(self.states):
                variable.assign(ops.zeros(variable.shape, variable.dtype))

    reset_state = reset_states

    def compute_mask(self, _, mask):
        mask = flatten([mask])[0]
        output = mask if self.return_sequences else None
        if self.return_state:
            return [output, *[None] * len(self._state_shapes())]
        return output

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, length = sequences_shape[0], sequences_shape[1]
        size = self._output_shape()
        output = (batch, length, *size) if self.return_sequences else (batch, *size)
        if not self.return_state:
            return output
        return [output, *((batch, *shape) for shape in self._state_shapes())]

    def _run_config(self):
        return {
            name: getattr(self, name)
            for name in (
                "return_sequences",
                "return_state",
                "go_backwards",
                "stateful",
                "unroll",
                "zero_output_for_mask",
            )
        }

    def get_config(self):
        return {**self._config_without_cell(), "cell": objects.serialize_keras_object(self.cell)}

    def _config_without_cell(self):
        return {**super().get_config(), **self._run_config()}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["cell"] = objects.deserialize_keras_object(config["cell"], custom_objects=custom_objects)
        return cls(**config)


def _as_wide(mask, like):
    while len(mask.shape) < len(like.shape):
        mask = ops.expand_dims(mask, -1)
    return mask


class OfOneCell(RNN):
    """A recurrent layer with a cell of its own, whose arguments are its arguments."""

    cell_class = None

    def __init__(self, given, run, **kwargs):
        names = [n for n in inspect.signature(self.cell_class.__init__).parameters if n not in ("self", "kwargs")]
        dtype = kwargs.get("dtype")
        cell = self.cell_class(**{n: given[n] for n in names}, dtype=dtype, name=snake_case(self.cell_class.__name__))
        kwargs.pop("implementation", None)  # how older versions computed the same
        super().__init__(cell, **run, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        cell = self.cell
        if training and cell.recurrent_dropout:
            return super().inner_loop(sequences, initial_state, mask, training)
        if training and cell.dropout:
            of_inputs, _ = cell.draw_noise(ops.shape(sequences)[0])
            sequences = sequences * ops.expand_dims(of_inputs, 1)
        outputs, *states = cell.run(sequences, initial_state, mask, self.go_backwards)
        if mask is not None and self.go_backwards:
            mask = ops.flip(mask, 1)
        return self._finished(outputs, None if mask is None else ops.moveaxis(mask, 1, 0), states)

    def get_config(self):
        return {**self._config_without_cell(), **self.cell.shared_config()}

    from_config = Layer.__dict__["from_config"]


def of_cell(name):
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's ``{name}``.")


for _name in SHARED:
    setattr(OfOneCell, _name, of_cell(_name))

_RUN = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")


class SimpleRNN(OfOneCell):
    """The output of a step is its input and the output before, through a dense layer each, added up.

    ``dropout`` is applied to the inputs, ``recurrent_dropout`` to the outputs that are fed back; for the other
    arguments see RNN and Dense.
    """

    cell_class = SimpleRNNCell

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        given = locals()
        super().__init__(given, {n: given[n] for n in _RUN}, activity_regularizer=activity_regularizer, **kwargs)


class LSTM(OfOneCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997). For the arguments see SimpleRNN.

    ``use_cudnn`` is left to the engine, which uses its fused kernel where it has one.
    """

    cell_class = LSTMCell
    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        given = locals()
        super().__init__(given, {n: given[n] for n in _RUN}, activity_regularizer=activity_regularizer, **kwargs)


class GRU(OfOneCell):
    """Gated recurrent units (Cho et al., 2014). For the arguments see SimpleRNN.

    ``reset_after`` says whether the reset gate is applied after the product with the recurrent kernel;
    ``use_cudnn`` is left to the engine.
    """

    cell_class = GRUCell
    recurrent_activation = of_cell("recurrent_activation")
    reset_after = of_cell("reset_after")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        given = locals()
        super().__init__(given, {n: given[n] for n in _RUN}, activity_regularizer=activity_regularizer, **kwargs)
