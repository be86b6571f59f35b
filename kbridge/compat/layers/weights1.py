"""Mixins for the doors of Keras 1: the attributes of its layers, and weights in the shapes and the order it had."""

import numpy as np

from kbridge import ops, random
from kbridge.compat.layers.gates import HardGRU, HardLSTM
from kbridge.layers.normalization import statistics_dtype


def attribute(get, doc):
    """A read-only attribute; a layer of one's own that sets it has what it set."""

    class Attribute:
        __doc__ = doc

        def __get__(self, layer, cls=None):
            return self if layer is None else get(layer)

    return Attribute()


def item(name, index):
    """One of the numbers that an attribute of today holds."""
    return attribute(lambda layer: getattr(layer, name)[index], f"``{name}[{index}]``.")


def as_number(name):
    """An attribute of today that is a tuple of one number, as that number."""

    def get(layer):
        value = getattr(layer, name)
        return value[0] if isinstance(value, tuple) else value

    return attribute(get, f"``{name}``, as a number.")


class Ordered:
    """Images: the order of their axes is called "th" or "tf", and so is that of kernels."""

    dim_ordering = attribute(
        lambda layer: "th" if layer.data_format == "channels_first" else "tf", "``data_format``, as it was called."
    )

    def add_weight(self, *args, **kwargs):
        variable = super().add_weight(*args, **kwargs)
        if self.data_format == "channels_first":
            # asked for its value, it gives (and takes) what get_weights does
            variable.as_then = _th, lambda array: _fitting(np.asarray(array), variable.shape, _of_th)
        return variable

    def _weights_of_then(self, arrays):
        return [_th(x) for x in arrays] if self.data_format == "channels_first" else arrays

    def _weights_of_today(self, arrays):
        if self.data_format != "channels_first":
            return arrays
        return [_fitting(np.asarray(x), v.shape, _of_th) for x, v in _beside(arrays, self.weights)]


def _th(kernel):
    """(*space, in, out) as (out, in, *space)."""
    rank = kernel.ndim
    return kernel if rank < 4 else kernel.transpose(rank - 1, rank - 2, *range(rank - 2))


def _of_th(kernel):
    rank = kernel.ndim
    return kernel if rank < 4 else kernel.transpose(*range(2, rank), 1, 0)


def _fitting(array, shape, turn):
    """``array`` turned to today's form; as it is, if only so it has the shape."""
    turned = turn(array)
    return turned if turned.shape == tuple(shape) or array.shape != tuple(shape) else array


def _beside(arrays, variables):
    """Pairs; where the counts differ the arrays alone, for ``set_weights`` to complain about."""
    if len(arrays) == len(variables):
        return list(zip(arrays, variables))
    return [(x, _AnyShape) for x in arrays]


class _AnyShape:
    shape = ()


class Sequences1D:
    """Convolutions over sequences: their kernel was (length, 1, in, out)."""

    takes_sequences = True
    filter_length = as_number("kernel_size")
    subsample_length = as_number("strides")

    def _weights_of_then(self, arrays):
        return [x[:, None] if x.ndim == 3 else x for x in arrays]

    def _weights_of_today(self, arrays):
        arrays = [np.asarray(x) for x in arrays]
        return [x[:, 0] if x.ndim == 4 and x.shape[1] == 1 else x for x in arrays]


class ImageWindows(Ordered):
    """Convolutions over images."""

    nb_row = item("kernel_size", 0)
    nb_col = item("kernel_size", 1)


class VolumeWindows(Ordered):
    """Convolutions over volumes."""

    kernel_dim1 = item("kernel_size", 0)
    kernel_dim2 = item("kernel_size", 1)
    kernel_dim3 = item("kernel_size", 2)


class OverTime:
    """Recurrent layers: ``consume_less`` said how they computed, and with it how many weights they had."""

    gates = ""  # today's order of them
    gates_then = ""

    def __init__(self, *args, consume_less="cpu", **kwargs):
        if consume_less not in ("cpu", "mem", "gpu"):
            raise ValueError(f"consume_less must be 'cpu', 'mem' or 'gpu'. Received: consume_less={consume_less!r}.")
        self.consume_less = consume_less
        super().__init__(*args, **kwargs)

    @property
    def input_dim(self):
        return self.cell.kernel.shape[-2] if self.cell.built else self._input_arguments.get("input_dim")

    @property
    def _is_split(self):
        return bool(self.gates) and self.consume_less != "gpu"

    def _weights_of_then(self, arrays):
        if not self._is_split:
            return arrays
        parts = [dict(zip(self.gates, np.split(x, len(self.gates), axis=-1))) for x in arrays]
        return [part[gate] for gate in self.gates_then for part in parts]

    def _weights_of_today(self, arrays):
        each, rest = divmod(len(arrays), len(self.gates) or 1)
        if not self.gates or rest or each != len(self.weights):
            return arrays
        parts = {gate: arrays[i * each : (i + 1) * each] for i, gate in enumerate(self.gates_then)}
        return [np.concatenate([parts[gate][i] for gate in self.gates], axis=-1) for i in range(each)]

    def reset_states(self):
        if not self.stateful:
            raise AttributeError(
                f"Layer '{self.name}' is not stateful, so it has no states to reset. "
                f"Write: {type(self).__name__}(..., stateful=True)."
            )
        super().reset_states()

    def get_config(self):
        return {**super().get_config(), "consume_less": self.consume_less}

    def _config_for_files(self):
        config = super()._config_for_files()
        config.pop("consume_less", None)
        return config


class Gates4(HardLSTM, OverTime):
    gates, gates_then = "ifco", "icfo"


class Gates3(HardGRU, OverTime):
    gates, gates_then = "zrh", "zrh"


class ImagesOverTime(Ordered, OverTime):
    """ConvLSTM2D."""

    gates, gates_then = "ifco", "icfo"
    nb_row = attribute(lambda layer: layer.cell.kernel_size[0], "The rows of the kernel.")
    nb_col = attribute(lambda layer: layer.cell.kernel_size[1], "The columns of the kernel.")
    data_format = attribute(lambda layer: layer.cell.data_format, "The order of the axes.")

    def _weights_of_then(self, arrays):
        return Ordered._weights_of_then(self, OverTime._weights_of_then(self, arrays))

    def _weights_of_today(self, arrays):
        arrays = [np.asarray(x) for x in arrays]
        if self.data_format == "channels_first" and len(arrays) > len(self.weights):
            arrays = [_of_th(x) for x in arrays]
        return OverTime._weights_of_today(self, arrays)


# -- what some layers did otherwise


class WholeWords:
    """Embedding: while training, ``dropout`` leaves out whole rows of the table."""

    dropout = 0.0

    def __init__(self, *args, dropout=0.0, **kwargs):
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"Embedding: dropout must be in [0, 1). Received: dropout={dropout!r}.")
        super().__init__(*args, **kwargs)
        if dropout:
            self.dropout = dropout
            self.seed_generator = random.SeedGenerator()

    def call(self, inputs, training=False):
        outputs = super().call(inputs)
        if not training or not self.dropout:
            return outputs
        kept = random.dropout(ops.ones((self.input_dim,), outputs.dtype), self.dropout, None, self.seed_generator)
        return outputs * ops.expand_dims(ops.take(kept, ops.cast(inputs, "int32"), axis=0), -1)

    def get_config(self):
        config = super().get_config()
        return {**config, "dropout": self.dropout} if self.dropout else config

    input_length = attribute(
        lambda layer: (layer._input_arguments.get("input_shape") or (None,))[0], "The length that it was told."
    )


class Modes:
    """BatchNormalization: by the statistics of the batch while training and by their averages else (mode 0), within
    each sample (mode 1), or always by the statistics of the batch (mode 2)."""

    mode = 0

    def __init__(self, *args, mode=0, **kwargs):
        if mode not in (0, 1, 2):
            raise ValueError(f"BatchNormalization: mode must be 0, 1 or 2. Received: mode={mode!r}.")
        super().__init__(*args, **kwargs)
        if mode:
            self.mode = mode

    def call(self, inputs, training=None, mask=None):
        if self.mode == 1:
            mean = ops.mean(inputs, axis=-1, keepdims=True)
            spread = ops.sqrt(ops.var(inputs, axis=-1, keepdims=True) + self.epsilon)
            return self.gamma * ((inputs - mean) / (spread + self.epsilon)) + self.beta
        if not training and self.mode == 0:
            return super().call(inputs, training=False)
        x = ops.cast(inputs, statistics_dtype(self))
        mean, variance = self._moments(x, None)
        if training and self.mode == 0:
            # averages moved in frozen layers, too
            self._follow(self.moving_mean, mean, self.momentum)
            self._follow(self.moving_variance, variance, self.momentum)
        outputs = ops.batch_normalization(x, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        return {**config, "mode": self.mode} if self.mode else config


class EqualShapes:
    """TimeDistributedDense: a Dense layer over (batch, time, features)."""

    takes_sequences = True
