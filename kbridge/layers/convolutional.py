"""Convolutions in one and two dimensions."""

from kbridge import activations, config, constraints, initializers, ops, regularizers
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


def per_axis(value, rank, name, layer, least=1):
    """``value`` (one number, or one for each of ``rank`` axes) as a tuple."""
    values = (value,) * rank if isinstance(value, int) or hasattr(value, "__index__") else tuple(value)
    if len(values) != rank or any(not hasattr(v, "__index__") or v < least for v in values):
        raise ValueError(
            f"{layer}: {name} must be an integer of at least {least}, or {rank} of them. Received: {name}={value!r}."
        )
    return tuple(int(v) for v in values)


def window_length(length, size, stride, padding, dilation=1):
    """How many windows of ``size`` fit into ``length``; None stays None."""
    if length is None:
        return None
    size = (size - 1) * dilation + 1
    if padding in ("same", "causal"):
        return -(-length // stride)
    return -(-(length - size + 1) // stride)


class Convolution(Layer):
    """Base of convolutions: ``activation(conv(inputs, kernel) + bias)`` over ``rank`` axes of space.

    Args:
        rank: how many axes of space there are.
        filters: how many channels the output has.
        kernel_size: the size of the window: one number, or one for each axis.
        strides: how far the window moves.
        padding: "valid", "same", or, in one dimension, "causal".
        data_format: "channels_last" or "channels_first".
        dilation_rate: how far the window's points lie apart.
        groups: into how many groups the channels are divided.
        activation, use_bias, initializers, regularizers, constraints: as in Dense.
    """

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        name = type(self).__name__
        self.rank = rank
        if not hasattr(filters, "__index__") or filters < 1:
            raise ValueError(f"{name}: filters must be a positive integer. Received: filters={filters!r}.")
        self.filters = int(filters)
        self.groups = int(groups)
        if self.groups < 1 or self.filters % self.groups:
            raise ValueError(f"{name}: groups must divide filters. Received: filters={filters}, groups={groups}.")
        self.kernel_size = per_axis(kernel_size, rank, "kernel_size", name)
        self.strides = per_axis(strides, rank, "strides", name)
        self.dilation_rate = per_axis(dilation_rate, rank, "dilation_rate", name)
        self.padding = str(padding).lower()
        allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
        if self.padding not in allowed:
            raise ValueError(f"{name}: padding must be one of {', '.join(map(repr, allowed))}. Received: {padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{name}: strides and dilation_rate cannot both be above 1. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}."
            )
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None
        self.input_spec = InputSpec(min_ndim=rank + 2)

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        axis = self._channel_axis
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' needs to know the number of channels (axis {axis}, with "
                f"data_format={self.data_format!r}). Received the shape {input_shape}."
            )
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}': groups={self.groups} does not divide the {channels} "
                f"channels of the input shape {input_shape}."
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs):
        padding = self.padding
        if padding == "causal":
            inputs, padding = self._pad_before(inputs), "valid"
        outputs = ops.conv(inputs, self.kernel, self.strides, padding, self.data_format, self.dilation_rate)
        return self.activation(outputs if self.bias is None else outputs + self._broadcast_bias())

    def _pad_before(self, inputs):
        width = (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)
        none = (0, 0)
        return ops.pad(inputs, (none, width, none) if self.data_format == "channels_last" else (none, none, width))

    def _broadcast_bias(self):
        if self.data_format == "channels_last":
            return self.bias
        return ops.reshape(self.bias, (1, self.filters, *(1,) * self.rank))

    def compute_output_shape(self, input_shape):
        first = 1 if self.data_format == "channels_last" else 2
        space = tuple(
            window_length(length, size, stride, self.padding, dilation)
            for length, size, stride, dilation in zip(
                input_shape[first:], self.kernel_size, self.strides, self.dilation_rate
            )
        )
        if any(length is not None and length < 1 for length in space):
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}': the input shape {tuple(input_shape)} is smaller than the "
                f"window of {self.kernel_size}."
            )
        if self.data_format == "channels_last":
            return (input_shape[0], *space, self.filters)
        return (input_shape[0], self.filters, *space)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Conv1D(Convolution):
    """Convolution over sequences: (batch, steps, channels)."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            1,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


class Conv2D(Convolution):
    """Convolution over images: (batch, rows, columns, channels)."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            2,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


Convolution1D, Convolution2D = Conv1D, Conv2D
