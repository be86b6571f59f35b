"""LSTM whose products are convolutions: what it remembers is an image, a line or a volume."""

from kbridge import config, ops
from kbridge.layers.convolutional import per_axis, window_length
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.recurrent import OfOneCell, of_cell
from kbridge.layers.recurrent_cells import LSTMCell

# The arguments of a convolution's windows, in the layers too.
_WINDOWS = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")


class ConvLSTMCell(LSTMCell):
    """One step of ConvLSTM, over ``rank`` axes of space. For the arguments see Conv2D and LSTM."""

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        name = f"ConvLSTM{rank}D"
        if not hasattr(filters, "__index__") or filters < 1:
            raise ValueError(f"{name}: filters must be a positive integer. Received: filters={filters!r}.")
        super().__init__(
            filters,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.rank, self.filters = rank, self.units
        self.kernel_size = per_axis(kernel_size, rank, "kernel_size", name)
        self.strides = per_axis(strides, rank, "strides", name)
        self.dilation_rate = per_axis(dilation_rate, rank, "dilation_rate", name)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"{name}: padding must be 'valid' or 'same'. Received: padding={padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{name}: strides and dilation_rate cannot both be above 1. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}."
            )
        self.data_format = config.standardize_data_format(data_format)

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else -self.rank - 1

    def build(self, inputs_shape, states_shape=None):
        if None in inputs_shape[1:]:
            raise ValueError(
                f"ConvLSTM{self.rank}D needs to know the size of its images and the number of their channels. "
                f"Received steps of the shape {tuple(inputs_shape)}."
            )
        self.step_shape = tuple(inputs_shape[1:])
        self.state_shape = self.shape_of_states(inputs_shape)[1:]
        channels, columns = inputs_shape[self._channel_axis], 4 * self.filters
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, columns), self.kernel_initializer, "kernel")
        self.recurrent_kernel = self._weight(
            "recurrent",
            (*self.kernel_size, self.filters, columns),
            self.recurrent_initializer,
            "recurrent_kernel",
        )
        if self.use_bias:
            self.bias = self._weight("bias", (columns,), self._bias_start(), "bias")

    def shape_of_states(self, step_shape):
        """The shape of an output, and of a state, for inputs of ``step_shape`` (batch, ...)."""
        first = 1 if self.data_format == "channels_last" else 2
        lengths = tuple(step_shape[first : first + self.rank])
        space = tuple(
            window_length(*axis, self.padding, dilation)
            for *axis, dilation in zip(lengths, self.kernel_size, self.strides, self.dilation_rate)
        )
        if any(length is not None and length < 1 for length in space):
            raise ValueError(
                f"ConvLSTM{self.rank}D: steps of the shape {tuple(step_shape)} are smaller than the window of "
                f"{self.kernel_size}."
            )
        inner = (*space, self.filters) if first == 1 else (self.filters, *space)
        return (step_shape[0], *inner)

    def compute_output_shape(self, inputs_shape, states_shape=None):
        shape = self.shape_of_states(inputs_shape)
        return shape, [shape, shape]

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, *self.state_shape), self.compute_dtype) for _ in range(2)]

    def draw_noise(self, batch):
        """As for other cells, but each of the four gates has its own, side by side on the channels."""

        def fourfold(shape):
            shape = list(shape)
            shape[self._channel_axis] *= 4
            return (batch, *shape)

        return self.noise(fourfold(self.step_shape), self.dropout), self.noise(
            fourfold(self.state_shape), self.recurrent_dropout
        )

    def call(self, inputs, states, training=False):
        of_inputs, of_states = None, None
        if training and self.seed_generator is not None:
            of_inputs, of_states = self._noise or self.draw_noise(ops.shape(inputs)[0])
        return self.advance(self.convolve(inputs, of_inputs), states, of_states)

    def convolve(self, inputs, noise=None):
        """What the inputs of a step contribute to the gates."""
        found = ops.conv(
            self._noisy(inputs, noise), self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        if self.bias is None:
            return found
        bias = self.bias if self._channel_axis == -1 else ops.reshape(self.bias, (-1, *(1,) * self.rank))
        return found + bias

    def _noisy(self, x, noise):
        # A kernel for fewer channels than there are convolves groups of them apart: a group for each gate.
        return x if noise is None else ops.concatenate([x] * 4, self._channel_axis) * noise

    def advance(self, gates, states, noise=None):
        """(output, new states) from what the inputs contribute and the states before."""
        h, c = states
        gates = gates + ops.conv(self._noisy(h, noise), self.recurrent_kernel, 1, "same", self.data_format)
        i, f, g, o = ops.split(gates, 4, self._channel_axis)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def shared_config(self):
        found = super().shared_config()
        del found["units"]
        return {**found, **{name: getattr(self, name) for name in _WINDOWS}}


class ConvLSTM(OfOneCell):
    """Base of ConvLSTM (Shi et al., 2015) over ``rank`` axes of space: (batch, time, ..., channels)."""

    cell_class = ConvLSTMCell

    def __init__(self, rank, given, **kwargs):
        run = {name: given[name] for name in ("return_sequences", "return_state", "go_backwards", "stateful")}
        regularizer = given["activity_regularizer"]
        super().__init__({**given, "rank": rank}, run, activity_regularizer=regularizer, **kwargs)
        self.input_spec = InputSpec(ndim=rank + 3)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        cell, shape = self.cell, ops.shape(sequences)
        of_inputs, of_states = None, None
        if training and cell.seed_generator is not None:
            of_inputs, of_states = cell.draw_noise(shape[0])
        # The inputs of all steps at once: to a convolution, a step is one more sample.
        if of_inputs is not None:
            of_inputs = ops.repeat(of_inputs, shape[1], axis=0)
        gates = cell.convolve(ops.reshape(sequences, (-1, *shape[2:])), of_inputs)
        gates = ops.reshape(gates, (shape[0], shape[1], *ops.shape(gates)[1:]))

        def run(x, states):
            return cell.advance(x, states, of_states)

        return self._run_steps(gates, initial_state, mask, run)

    def _output_shape(self):
        return self.cell.state_shape

    def _state_shapes(self):
        return [self.cell.state_shape] * 2

    def compute_mask(self, _, mask):
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        output = mask if self.return_sequences else None
        return [output, None, None] if self.return_state else output

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, length, *step = sequences_shape
        state = self.cell.shape_of_states((batch, *step))
        output = (batch, length, *state[1:]) if self.return_sequences else state
        return [output, state, state] if self.return_state else output


for _name in (*_WINDOWS, "recurrent_activation", "unit_forget_bias"):
    setattr(ConvLSTM, _name, of_cell(_name))


class ConvLSTM1D(ConvLSTM):
    """LSTM over lines: (batch, time, steps, channels). For the arguments see Conv1D and LSTM."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        given = locals()
        super().__init__(1, given, **kwargs)


class ConvLSTM2D(ConvLSTM):
    """LSTM over images: (batch, time, rows, columns, channels). For the arguments see Conv2D and LSTM."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        given = locals()
        super().__init__(2, given, **kwargs)


class ConvLSTM3D(ConvLSTM):
    """LSTM over volumes: (batch, time, depth, rows, columns, channels). For the arguments see Conv3D and LSTM."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        given = locals()
        super().__init__(3, given, **kwargs)
