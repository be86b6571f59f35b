"""Convolutions in one to three dimensions, and what all kinds of convolutions share."""

from kbridge import activations, config, constraints, initializers, ops, regularizers
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer
from kbridge.layers.low_rank import LowRank, adaptable


def per_axis(value, rank, name, layer, least=1):
    """``value`` (one number, or one for each of ``rank`` axes) as a tuple."""
    values = (value,) * rank if isinstance(value, int) or hasattr(value, "__index__") else tuple(value)
    if len(values) != rank or any(not hasattr(v, "__index__") or v < least for v in values):
        raise ValueError(
            f"{layer}: {name} must be an integer of at least {least}, or {rank} of them. Received: {name}={value!r}."
        )
    return tuple(int(v) for v in values)


def positive(value, name, layer):
    """``value`` if it is a positive integer."""
    if not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{layer}: {name} must be a positive integer. Received: {name}={value!r}.")
    return int(value)


def window_length(length, size, stride, padding, dilation=1):
    """How many windows of ``size`` fit into ``length``; None stays None."""
    if length is None:
        return None
    size = (size - 1) * dilation + 1
    if padding in ("same", "causal"):
        return -(-length // stride)
    return -(-(length - size + 1) // stride)


def refuse_empty(layer, space, input_shape, size):
    """Complain where no window fits, so that one of the lengths ``space`` is not positive."""
    if any(length is not None and length < 1 for length in space):
        raise ValueError(
            f"{type(layer).__name__} layer '{layer.name}': the input shape {tuple(input_shape)} is smaller than the "
            f"window of {size}."
        )


class Windowed(Layer):
    """Base of all convolutions: the windows, the variables' settings, the bias, the activation.

    A subclass creates its kernels with ``_add``, computes in ``_convolve(inputs, padding)`` and says in
    ``_channels_out`` how many channels come out. ``parts`` names what has an initializer, a regularizer and a
    constraint; ``_settle`` is given them.

    Args:
        rank: how many axes of space there are.
        kernel_size: the size of the window: one number, or one for each axis.
        strides: how far the window moves.
        padding: "valid", "same", or, in one dimension, "causal".
        data_format: "channels_last" or "channels_first".
        dilation_rate: how far the window's points lie apart.
        activation: a function or a name; linear if None.
        use_bias: whether a bias is added.
    """

    parts = ("kernel", "bias")
    paddings = ("valid", "same", "causal")

    def __init__(self, rank, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        self.rank = rank
        self.kernel_size = per_axis(kernel_size, rank, "kernel_size", name)
        self.strides = per_axis(strides, rank, "strides", name)
        self.dilation_rate = per_axis(dilation_rate, rank, "dilation_rate", name)
        self.padding = str(padding).lower()
        allowed = self.paddings if rank == 1 else self.paddings[:2]
        if self.padding not in allowed:
            raise ValueError(f"{name}: padding must be one of {', '.join(map(repr, allowed))}. Received: {padding!r}.")
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias = None
        self.input_spec = InputSpec(min_ndim=rank + 2)

    def _settle(self, **settings):
        """Take (initializer, regularizer, constraint) of each part."""
        for part, (initializer, regularizer, constraint) in settings.items():
            setattr(self, f"{part}_initializer", initializers.get(initializer))
            setattr(self, f"{part}_regularizer", regularizers.get(regularizer))
            setattr(self, f"{part}_constraint", constraints.get(constraint))

    def _add(self, part, shape, name=None):
        return self.add_weight(
            shape,
            getattr(self, f"{part}_initializer"),
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            name=name or part,
        )

    def _refuse_strided_dilation(self):
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{type(self).__name__}: strides and dilation_rate cannot both be above 1. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}."
            )

    def _channels_in(self, input_shape):
        """The number of channels of the input, which must be known; from now on it is fixed."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' needs to know the number of channels (axis {axis}, with "
                f"data_format={self.data_format!r}). Received the shape {input_shape}."
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return channels

    def call(self, inputs):
        padding = self.padding
        if padding == "causal":
            inputs, padding = self._pad_before(inputs), "valid"
        outputs = self._convolve(inputs, padding)
        return self.activation(outputs if self.bias is None else outputs + self._broadcast_bias())

    def _pad_before(self, inputs):
        width = (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)
        none = (0, 0)
        return ops.pad(inputs, (none, width, none) if self.data_format == "channels_last" else (none, none, width))

    def _broadcast_bias(self):
        if self.data_format == "channels_last":
            return self.bias
        return ops.reshape(self.bias, (1, -1, *(1,) * self.rank))

    def _length_out(self, length, axis):
        """How long the output is where the input has ``length``, in an axis of space."""
        return window_length(length, self.kernel_size[axis], self.strides[axis], self.padding, self.dilation_rate[axis])

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        space = tuple(input_shape[1:-1] if last else input_shape[2:])
        space = tuple(self._length_out(length, axis) for axis, length in enumerate(space))
        refuse_empty(self, space, input_shape, self.kernel_size)
        channels = self._channels_out(input_shape[-1 if last else 1])
        return (input_shape[0], *space, channels) if last else (input_shape[0], channels, *space)

    def get_config(self):
        found = {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        for part in self.parts:
            found[f"{part}_initializer"] = initializers.serialize(getattr(self, f"{part}_initializer"))
            found[f"{part}_regularizer"] = regularizers.serialize(getattr(self, f"{part}_regularizer"))
            found[f"{part}_constraint"] = constraints.serialize(getattr(self, f"{part}_constraint"))
        return found


class Convolution(LowRank, Windowed):
    """Base of convolutions: ``activation(conv(inputs, kernel) + bias)`` over ``rank`` axes of space.

    Args:
        filters: how many channels the output has.
        groups: into how many groups the channels are divided.
        lora_rank, lora_alpha: see ``enable_lora``.
        rank and the other arguments of windows: as in Windowed; initializers, regularizers, constraints: as in Dense.
    """

    kernel = adaptable

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
        super().__init__(
            rank=rank,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        name = type(self).__name__
        self.filters = positive(filters, "filters", name)
        self.groups = int(groups)
        if self.groups < 1 or self.filters % self.groups:
            raise ValueError(f"{name}: groups must divide filters. Received: filters={filters}, groups={groups}.")
        self._refuse_strided_dilation()
        self._settle(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape):
        channels = self._channels_in(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}': groups={self.groups} does not divide the {channels} "
                f"channels of the input shape {input_shape}."
            )
        self.kernel = self._add("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        if self.use_bias:
            self.bias = self._add("bias", (self.filters,))
        self._begin_low_rank()

    def convolution_op(self, inputs, kernel):
        """The convolution alone, for subclasses that change the kernel (padding "causal" is done before)."""
        padding = "valid" if self.padding == "causal" else self.padding
        return ops.conv(inputs, kernel, self.strides, padding, self.data_format, self.dilation_rate)

    def _convolve(self, inputs, padding):
        return self.convolution_op(inputs, self.kernel)

    def _channels_out(self, channels):
        return self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


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


class Conv3D(Convolution):
    """Convolution over volumes: (batch, depth, rows, columns, channels)."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1, 1),
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
            3,
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


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
