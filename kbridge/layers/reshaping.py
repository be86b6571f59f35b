"""Layers that move, repeat or leave out values, or put zeros between them."""

import math

from kbridge import config, ops
from kbridge.layers.convolutional import per_axis
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


class Flatten(Layer):
    """Each sample as one axis. With "channels_first" the channels are put last before."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        batch, *inner = inputs.shape
        if None in inner:
            return ops.reshape(inputs, (ops.shape(inputs)[0], -1))
        size = math.prod(inner)
        if batch is None:
            batch = -1 if size else ops.shape(inputs)[0]  # nothing says how many times nothing there is
        return ops.reshape(inputs, (batch, size))

    def compute_output_shape(self, input_shape):
        inner = input_shape[1:]
        return (input_shape[0], None if None in inner else math.prod(inner))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Each sample in ``target_shape``, in which one axis may be -1: whatever is left."""

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if any(not hasattr(dim, "__index__") or dim < -1 for dim in self.target_shape):
            raise ValueError(
                f"Reshape: target_shape must hold integers of at least 0, or -1 for what is left. "
                f"Received: target_shape={target_shape}."
            )
        if sum(dim == -1 for dim in self.target_shape) > 1:
            raise ValueError(f"Reshape: only one axis can be -1. Received: target_shape={self.target_shape}.")
        self.built = True

    def call(self, inputs):
        wanted = self.compute_output_shape(tuple(inputs.shape))[1:]
        batch = inputs.shape[0]
        if batch is None:
            batch = -1 if None not in wanted and -1 not in wanted else ops.shape(inputs)[0]
        return ops.reshape(inputs, (batch, *(-1 if dim is None else dim for dim in wanted)))

    def compute_output_shape(self, input_shape):
        inner = input_shape[1:]
        if None in inner:
            return (input_shape[0], *(None if dim == -1 else dim for dim in self.target_shape))
        size = math.prod(inner)
        known = math.prod(dim for dim in self.target_shape if dim != -1)
        fits = size % known == 0 if -1 in self.target_shape and known else size == known
        if not fits:
            raise ValueError(
                f"Reshape layer '{self.name}' cannot put {size} values, of shape {inner}, into {self.target_shape}."
            )
        return (input_shape[0], *(size // known if dim == -1 else dim for dim in self.target_shape))

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """The axes of each sample in another order: ``dims`` counts from 1, the batch being 0."""

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must hold each of 1 to {len(self.dims)} once; the batch, axis 0, stays. "
                f"Received: dims={dims}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[dim] for dim in self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """(batch, features) to (batch, n, features)."""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not hasattr(n, "__index__") or n < 1:
            raise ValueError(f"RepeatVector: n must be a positive integer. Received: n={n!r}.")
        self.n = int(n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs):
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}


def _pairs(value, rank, name, layer):
    """(before, after) for each of ``rank`` axes: of one number for all, or of one or a pair for each."""
    each = value if isinstance(value, (tuple, list)) else (value,) * rank
    pairs = [tuple(pair) if isinstance(pair, (tuple, list)) else (pair, pair) for pair in each]
    if len(pairs) != rank or any(len(pair) != 2 or any(not _counts(n) for n in pair) for pair in pairs):
        raise ValueError(
            f"{layer}: {name} must be an integer of at least 0, {rank} of them, or {rank} pairs (before, after). "
            f"Received: {name}={value!r}."
        )
    return tuple((int(before), int(after)) for before, after in pairs)


def _pair(value, name, layer):
    """(before, after) for the only axis: of one number or of two."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or any(not _counts(n) for n in pair):
        raise ValueError(
            f"{layer}: {name} must be an integer of at least 0, or a pair (before, after). Received: {name}={value!r}."
        )
    return tuple(int(n) for n in pair)


def _counts(n):
    return hasattr(n, "__index__") and n >= 0


class Spatial(Layer):
    """Base of layers that change the lengths of ``rank`` axes of space, each by ``_length_out(length, axis)``."""

    def __init__(self, rank, data_format="channels_last", **kwargs):
        super().__init__(**kwargs)
        self.rank = rank
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    @property
    def _first(self):
        """The first axis of space."""
        return 1 if self.data_format == "channels_last" else 2

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis in range(self.rank):
            place = self._first + axis
            shape[place] = None if shape[place] is None else self._length_out(shape[place], axis)
        return tuple(shape)


class Cropping(Spatial):
    """Base of layers that cut off ``pairs`` of (before, after) in the axes of space."""

    def __init__(self, pairs, **kwargs):
        super().__init__(len(pairs), **kwargs)
        self._pairs = pairs

    def call(self, inputs):
        self.compute_output_shape(tuple(inputs.shape))  # complains where nothing would be left
        cut = tuple(slice(before, -after if after else None) for before, after in self._pairs)
        return inputs[(slice(None),) * self._first + cut]

    def _length_out(self, length, axis):
        before, after = self._pairs[axis]
        if before + after >= length:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' would leave nothing of axis {self._first + axis}, of the "
                f"length {length}, with cropping={self.cropping}."
            )
        return length - before - after


class Cropping1D(Cropping):
    """Cuts off the first and last steps: ``cropping`` is (before, after), or one number for both."""

    def __init__(self, cropping=(1, 1), **kwargs):
        self.cropping = _pair(cropping, "cropping", "Cropping1D")
        super().__init__((self.cropping,), **kwargs)

    def get_config(self):
        return {**super().get_config(), "cropping": self.cropping}


class _CroppingND(Cropping):
    def __init__(self, rank, cropping, data_format, **kwargs):
        self.cropping = _pairs(cropping, rank, "cropping", type(self).__name__)
        super().__init__(self.cropping, data_format=data_format, **kwargs)

    def get_config(self):
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}


class Cropping2D(_CroppingND):
    """Cuts off the edges of images: ((top, bottom), (left, right)), one number for each axis, or one for all."""

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(2, cropping, data_format, **kwargs)


class Cropping3D(_CroppingND):
    """Cuts off the faces of volumes: a pair for each axis, one number for each, or one for all."""

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(3, cropping, data_format, **kwargs)


class ZeroPadding(Spatial):
    """Base of layers that put zeros around, ``pairs`` of (before, after) in the axes of space."""

    def __init__(self, pairs, data_format, **kwargs):
        super().__init__(len(pairs), data_format, **kwargs)
        self._pairs = pairs

    def call(self, inputs):
        none = ((0, 0),)
        return ops.pad(inputs, none * self._first + self._pairs + none * (2 - self._first))

    def _length_out(self, length, axis):
        return length + sum(self._pairs[axis])

    def get_config(self):
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding1D(ZeroPadding):
    """Adds steps of zeros: ``padding`` is (before, after), or one number for both."""

    def __init__(self, padding=1, data_format=None, **kwargs):
        self.padding = _pair(padding, "padding", "ZeroPadding1D")
        super().__init__((self.padding,), data_format, **kwargs)


class ZeroPadding2D(ZeroPadding):
    """Puts zeros around images: ((top, bottom), (left, right)), one number for each axis, or one for all."""

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        self.padding = _pairs(padding, 2, "padding", "ZeroPadding2D")
        super().__init__(self.padding, data_format, **kwargs)


class ZeroPadding3D(ZeroPadding):
    """Puts zeros around volumes: a pair for each axis, one number for each, or one for all."""

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        self.padding = _pairs(padding, 3, "padding", "ZeroPadding3D")
        super().__init__(self.padding, data_format, **kwargs)


class UpSampling(Spatial):
    """Base of layers that repeat each place ``factors`` times along the axes of space."""

    def __init__(self, factors, **kwargs):
        super().__init__(len(factors), **kwargs)
        self._factors = factors

    def call(self, inputs):
        for axis, factor in enumerate(self._factors, self._first):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def _length_out(self, length, axis):
        return length * self._factors[axis]

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class UpSampling1D(UpSampling):
    """Repeats each step ``size`` times."""

    def __init__(self, size=2, **kwargs):
        if not hasattr(size, "__index__") or size < 1:
            raise ValueError(f"UpSampling1D: size must be a positive integer. Received: size={size!r}.")
        self.size = int(size)
        super().__init__((self.size,), **kwargs)


_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling2D(UpSampling):
    """Enlarges images by the factors ``size``, repeating pixels or by another ``interpolation``."""

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        self.size = per_axis(size, 2, "size", "UpSampling2D")
        self.interpolation = str(interpolation).lower()
        if self.interpolation not in _INTERPOLATIONS:
            raise ValueError(
                f"UpSampling2D: interpolation must be one of {', '.join(map(repr, _INTERPOLATIONS))}. "
                f"Received: interpolation={interpolation!r}."
            )
        super().__init__(self.size, data_format=data_format, **kwargs)

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        lengths = ops.shape(inputs)[self._first : self._first + 2]
        size = tuple(length * factor for length, factor in zip(lengths, self.size))
        return ops.image.resize(inputs, size, interpolation=self.interpolation, data_format=self.data_format)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format, "interpolation": self.interpolation}


class UpSampling3D(UpSampling):
    """Repeats each place of a volume ``size`` times along each axis."""

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        self.size = per_axis(size, 3, "size", "UpSampling3D")
        super().__init__(self.size, data_format=data_format, **kwargs)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}
