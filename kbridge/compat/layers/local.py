"""Locally connected layers: convolutions with a kernel of its own at every place."""

import math

import numpy as np

from kbridge import objects, ops
from kbridge.layers.convolutional import Windowed, positive, window_length


class _OldKernel:
    """The kernel in the forms of other implementations, as files keep it: a matrix from all inputs to all outputs with
    zeros where they are not connected (2), and its entries that are (3).
    """

    def __init__(self, layer, space, counts, channels):
        self.layer, self.space, self.counts = layer, space, counts
        self.channels = channels

    def takes(self, shape):
        """Whether an array of this shape is in one of those forms."""
        if len(shape) == 1:
            return shape[0] == self._connected()[1].size
        return tuple(shape) == self._shape()

    def read(self, array):
        """The kernel of such an array."""
        kernel = np.zeros(self.layer.kernel.shape, array.dtype)
        inside, flat = self._connected()
        kernel.reshape(-1)[inside] = array if array.ndim == 1 else array.reshape(-1)[flat]
        return kernel

    def write(self, kernel):
        """The kernel in the form that the layer's implementation goes by."""
        if self.layer.implementation == 1:
            return kernel
        inside, flat = self._connected()
        values = kernel.reshape(-1)[inside]
        if self.layer.implementation == 3:
            return values
        found = np.zeros(self._shape(), kernel.dtype)
        found.reshape(-1)[flat] = values
        return found

    def _shape(self):
        channels, filters = (self.channels,), (self.layer.filters,)
        if self.layer.data_format == "channels_last":
            return (*self.space, *channels, *self.counts, *filters)
        return (*channels, *self.space, *filters, *self.counts)

    def _connected(self):
        """Of each entry of the kernel that is connected to an input its place in the kernel and in the matrix, in the
        order in which outputs, and for each of them its inputs, follow each other.
        """
        layer, rank, last = self.layer, len(self.space), self.layer.data_format == "channels_last"
        kernel = (*self.counts, *layer.kernel_size, self.channels, layer.filters)
        axes = np.indices(kernel, sparse=True)
        outputs, windows, channel, filters = axes[:rank], axes[rank : 2 * rank], axes[-2], axes[-1]
        inputs, valid = [], np.ones(kernel, bool)
        for axis in range(rank):
            at = outputs[axis] * layer.strides[axis] + windows[axis] - layer._before(axis)
            valid &= (at >= 0) & (at < self.space[axis])
            inputs.append(np.clip(at, 0, self.space[axis] - 1))
        ends = ([*inputs, channel], [*outputs, filters]) if last else ([channel, *inputs], [filters, *outputs])
        flat = np.ravel_multi_index(np.broadcast_arrays(*ends[0], *ends[1]), self._shape())
        own = np.arange(math.prod(kernel)).reshape(layer.kernel.shape[0], *layer.kernel_size, self.channels, -1)
        if not last:  # such kernels have channels before windows
            shape = (own.shape[0], self.channels, *layer.kernel_size, layer.filters)
            own = np.moveaxis(np.arange(own.size).reshape(shape), 1, -2)
        own, flat = own.reshape(kernel)[valid], flat[valid]
        each = math.prod(self._shape()[rank + 1 :])
        order = np.lexsort((flat // each, flat % each))
        return own[order], flat[order]


class LocallyConnected(Windowed):
    """Base of both. The kernel has the shape (places, window * channels, filters), the bias (*space, filters).

    Args:
        filters: how many channels the output has.
        implementation: how older versions computed the same.
        rank and the other arguments of windows: as in a convolution; initializers, regularizers, constraints: as in
            Dense.
    """

    paddings = ("valid", "same")

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        implementation=1,
        **kwargs,
    ):
        super().__init__(
            rank,
            kernel_size,
            strides,
            padding,
            data_format,
            1,
            activation,
            use_bias,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = positive(filters, "filters", type(self).__name__)
        self.implementation = implementation
        self._settle(
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape):
        channels = self._channels_in(input_shape)
        space = self._space_of(input_shape)
        if None in space:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' has a kernel for each place, so the size of its input must "
                f"be known. Received the shape {tuple(input_shape)}."
            )
        counts = [self._length_out(length, axis) for axis, length in enumerate(space)]
        self.kernel = self._add(
            "kernel", (int(np.prod(counts)), int(np.prod(self.kernel_size)) * channels, self.filters)
        )
        self.kernel.old_form = _OldKernel(self, space, counts, channels)
        self.kernel.in_old_files = self.kernel.old_form.write
        if self.use_bias:
            self.bias = self._add("bias", (*counts, self.filters))

    def save_own_variables(self, store):
        """Write the variables in the forms that Keras 2 knows."""
        for i, variable in enumerate(self._own_variables()):
            value = variable.numpy()
            store[str(i)] = self.kernel.old_form.write(value) if variable is self.kernel else value

    def _before(self, axis):
        """How far the first window begins before the input: half its size, whatever the stride."""
        return self.kernel_size[axis] // 2 if self.padding == "same" else 0

    def _space_of(self, shape):
        return tuple(shape[1:-1] if self.data_format == "channels_last" else shape[2:])

    def _length_out(self, length, axis):
        return window_length(length, self.kernel_size[axis], self.strides[axis], self.padding)

    def _convolve(self, inputs, padding):
        last = self.data_format == "channels_last"
        x = inputs if last else ops.moveaxis(inputs, 1, -1)
        counts = []
        for axis in range(self.rank):  # each axis of space becomes (places, window)
            place = 1 + 2 * axis
            length, size, stride = x.shape[place], self.kernel_size[axis], self.strides[axis]
            count = window_length(length, size, stride, padding)
            before = self._before(axis)
            after = max((count - 1) * stride + size - length - before, 0)
            if before or after:
                widths = [(0, 0)] * len(x.shape)
                widths[place] = (before, after)
                x = ops.pad(x, widths)
            index = (np.arange(count)[:, None] * stride + np.arange(size)).ravel()
            x = ops.take(x, index.astype("int32"), axis=place)
            x = ops.reshape(x, (-1, *x.shape[1:place], count, size, *x.shape[place + 1 :]))
            counts.append(count)
        places = range(1, 2 * self.rank, 2)
        windows = [axis + 1 for axis in places]
        channels = 2 * self.rank + 1
        inner = [*windows, channels] if last else [channels, *windows]  # in the order that each kernel has
        x = ops.transpose(x, (*places, 0, *inner))
        x = ops.reshape(x, (int(np.prod(counts)), -1, self.kernel.shape[1]))
        outputs = ops.reshape(ops.matmul(x, self.kernel), (*counts, -1, self.filters))
        outputs = ops.moveaxis(outputs, self.rank, 0)
        return outputs if last else ops.moveaxis(outputs, -1, 1)

    def _broadcast_bias(self):
        return self.bias if self.data_format == "channels_last" else ops.moveaxis(self.bias, -1, 0)

    def _channels_out(self, channels):
        return self.filters

    def get_config(self):
        found = {**super().get_config(), "filters": self.filters, "implementation": self.implementation}
        del found["dilation_rate"]
        return found


class LocallyConnected1D(LocallyConnected):
    """As Conv1D, with a kernel of its own at every place. For the arguments see there."""

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, **kwargs):
        super().__init__(1, filters, kernel_size, strides, padding, data_format, **kwargs)


class LocallyConnected2D(LocallyConnected):
    """As Conv2D, with a kernel of its own at every place. For the arguments see there."""

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, **kwargs):
        super().__init__(2, filters, kernel_size, strides, padding, data_format, **kwargs)


objects.publish("keras.legacy.layers", LocallyConnected1D, LocallyConnected2D)
