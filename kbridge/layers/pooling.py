"""Pooling in one to three dimensions: over windows, over as many parts as asked for, or over everything."""

from kbridge import config, ops
from kbridge.layers.convolutional import per_axis, refuse_empty, window_length
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


class Pooling(Layer):
    """Base of pooling over windows.

    Args:
        rank: how many axes of space there are.
        pool_size: the size of the window.
        strides: how far it moves; its own size if None.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, rank, pool_size, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        self.rank = rank
        self.pool_size = per_axis(pool_size, rank, "pool_size", name)
        self.strides = per_axis(pool_size if strides is None else strides, rank, "strides", name)
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"{name}: padding must be 'valid' or 'same'. Received: padding={padding!r}.")
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    def compute_output_shape(self, input_shape):
        first = 1 if self.data_format == "channels_last" else 2
        space = tuple(
            window_length(length, size, stride, self.padding)
            for length, size, stride in zip(input_shape[first:], self.pool_size, self.strides)
        )
        refuse_empty(self, space, input_shape, self.pool_size)
        if self.data_format == "channels_last":
            return (input_shape[0], *space, input_shape[-1])
        return (*input_shape[:2], *space)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _Max(Pooling):
    def call(self, inputs):
        return ops.max_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class _Average(Pooling):
    def call(self, inputs):
        return ops.average_pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class MaxPooling1D(_Max):
    """The largest value in each window of steps."""

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(1, pool_size, strides, padding, data_format, name=name, **kwargs)


class MaxPooling2D(_Max):
    """The largest value in each window of an image."""

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(2, pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling1D(_Average):
    """The mean of each window of steps."""

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(1, pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling2D(_Average):
    """The mean of each window of an image."""

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(2, pool_size, strides, padding, data_format, name=name, **kwargs)


class MaxPooling3D(_Max):
    """The largest value in each window of a volume."""

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(3, pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling3D(_Average):
    """The mean of each window of a volume."""

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(3, pool_size, strides, padding, data_format, name=name, **kwargs)


class AdaptivePooling(Layer):
    """Base of pooling that divides each axis of space into ``output_size`` parts, as equal as can be."""

    def __init__(self, rank, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.rank = rank
        self.output_size = per_axis(output_size, rank, "output_size", type(self).__name__)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    def compute_output_shape(self, input_shape):
        if self.data_format == "channels_last":
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (*input_shape[:2], *self.output_size)

    def get_config(self):
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class _AdaptiveAverage(AdaptivePooling):
    def call(self, inputs):
        return ops.adaptive_average_pool(inputs, self.output_size, self.data_format)


class _AdaptiveMax(AdaptivePooling):
    def call(self, inputs):
        return ops.adaptive_max_pool(inputs, self.output_size, self.data_format)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The mean of each of ``output_size`` parts of the steps."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(1, output_size, data_format, **kwargs)


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The mean of each of ``output_size`` parts of an image."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(2, output_size, data_format, **kwargs)


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """The mean of each of ``output_size`` parts of a volume."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(3, output_size, data_format, **kwargs)


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest value of each of ``output_size`` parts of the steps."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(1, output_size, data_format, **kwargs)


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest value of each of ``output_size`` parts of an image."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(2, output_size, data_format, **kwargs)


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """The largest value of each of ``output_size`` parts of a volume."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(3, output_size, data_format, **kwargs)


class GlobalPooling(Layer):
    """Base of pooling over all axes of space. With ``keepdims`` they stay, with size 1."""

    def __init__(self, rank, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.rank = rank
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    @property
    def _space(self):
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape):
        space = self._space
        if self.keepdims:
            return tuple(1 if i in space else dim for i, dim in enumerate(input_shape))
        return tuple(dim for i, dim in enumerate(input_shape) if i not in space)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class _GlobalMax(GlobalPooling):
    def call(self, inputs):
        return ops.max(inputs, axis=self._space, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMax):
    """The largest value of all steps."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(1, data_format, keepdims, **kwargs)


class GlobalMaxPooling2D(_GlobalMax):
    """The largest value of an image."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(2, data_format, keepdims, **kwargs)


class GlobalMaxPooling3D(_GlobalMax):
    """The largest value of a volume."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(3, data_format, keepdims, **kwargs)


class _GlobalAverage(GlobalPooling):
    def call(self, inputs):
        return ops.mean(inputs, axis=self._space, keepdims=self.keepdims)


class GlobalAveragePooling1D(GlobalPooling):
    """The mean of all steps; of those that the mask lets count, where there is one."""

    supports_masking = True

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(1, data_format, keepdims, **kwargs)

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=self._space, keepdims=self.keepdims)
        counts = ops.expand_dims(ops.cast(mask, ops.dtype(inputs)), 2 if self.data_format == "channels_last" else 1)
        total = ops.sum(inputs * counts, axis=self._space, keepdims=self.keepdims)
        # An empty row has the mean 0 rather than no number.
        return total / ops.maximum(ops.sum(counts, axis=self._space, keepdims=self.keepdims), 1.0)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of an image."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(2, data_format, keepdims, **kwargs)


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean of a volume."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(3, data_format, keepdims, **kwargs)


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
