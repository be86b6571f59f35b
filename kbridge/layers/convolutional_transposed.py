"""Transposed convolutions: the adjoint of a convolution, which enlarges space by its strides."""

from kbridge import ops
from kbridge.layers.convolutional import Windowed, per_axis, positive
from kbridge.ops.windows import transpose_crops


class TransposedConvolution(Windowed):
    """Base of transposed convolutions. The kernel has the shape (*window, filters, channels in).

    Args:
        filters: how many channels the output has.
        output_padding: how much longer the output is than its least length, along each axis; below the strides.
            None: with "valid" padding at least a stride for each input, with "same" exactly that.
        rank and the other arguments of windows: as in Windowed; initializers, regularizers, constraints: as in Dense.
    """

    paddings = ("valid", "same")

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides,
        padding,
        output_padding,
        data_format,
        dilation_rate,
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
    ):
        super().__init__(
            rank,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        name = type(self).__name__
        self.filters = positive(filters, "filters", name)
        self._refuse_strided_dilation()
        if output_padding is not None:
            output_padding = per_axis(output_padding, rank, "output_padding", name, least=0)
            if any(extra >= stride for extra, stride in zip(output_padding, self.strides)):
                raise ValueError(
                    f"{name}: output_padding must be below strides in every axis. "
                    f"Received: output_padding={output_padding}, strides={self.strides}."
                )
        self.output_padding = output_padding
        self._settle(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape):
        channels = self._channels_in(input_shape)
        self.kernel = self._add("kernel", (*self.kernel_size, self.filters, channels))
        if self.use_bias:
            self.bias = self._add("bias", (self.filters,))

    def _convolve(self, inputs, padding):
        return ops.conv_transpose(
            inputs, self.kernel, self.strides, padding, self.output_padding, self.data_format, self.dilation_rate
        )

    def _length_out(self, length, axis):
        if length is None:
            return None
        size, stride, dilation = self.kernel_size[axis], self.strides[axis], self.dilation_rate[axis]
        extra = None if self.output_padding is None else self.output_padding[axis]
        low, high = transpose_crops(size, stride, self.padding, extra, dilation)
        return (length - 1) * stride + (size - 1) * dilation + 1 - low - high

    def _channels_out(self, channels):
        return self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "output_padding": self.output_padding}


class Conv1DTranspose(TransposedConvolution):
    """Transposed convolution over sequences: (batch, steps, channels)."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
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
            rank=1,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            output_padding=output_padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class Conv2DTranspose(TransposedConvolution):
    """Transposed convolution over images: (batch, rows, columns, channels)."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=(1, 1),
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
            rank=2,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            output_padding=output_padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


class Conv3DTranspose(TransposedConvolution):
    """Transposed convolution over volumes: (batch, depth, rows, columns, channels)."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=(1, 1, 1),
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
            rank=3,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            output_padding=output_padding,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
