"""Layers of numbers: Rescaling, Normalization, Discretization, CategoryEncoding. They run inside of steps."""

import math

import numpy as np

from kbridge import config, ops
from kbridge.backend import dtypes
from kbridge.layers.layer import Layer
from kbridge.layers.preprocessing.host import (
    Adapting,
    Mappable,
    check_output_mode,
    encode,
    encoded_shape,
    on_host,
)


class NumericLayer(Mappable, Layer):
    """A layer of numbers: it consists of ops, so it runs inside of steps."""

    def convert_weight(self, weight):
        """``weight`` (a variable, an array or a number) as a tensor of the engine in charge, to compute with."""
        return ops.cast(ops.convert_to_tensor(weight), self.compute_dtype)


class Rescaling(NumericLayer):
    """``inputs * scale + offset``; a list of numbers has one for each channel."""

    supports_masking = True

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.built = True

    def call(self, inputs):
        x = ops.convert_to_tensor(inputs, self.compute_dtype)
        return x * self._factor(self.scale) + self._factor(self.offset)

    def _factor(self, value):
        if isinstance(value, (int, float)):
            return value
        array = np.asarray(value, "float64")
        if array.ndim and config.image_data_format() == "channels_first":
            array = array.reshape(array.shape + (1,) * (3 - array.ndim))
        return self.convert_weight(array)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": _plain(self.scale), "offset": _plain(self.offset)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from kbridge import objects

        read = {k: objects.deserialize_keras_object(config[k], custom_objects) for k in ("scale", "offset")}
        return super().from_config({**config, **read})


def _plain(value):
    return np.asarray(value).tolist() if hasattr(value, "shape") else value


class Normalization(Adapting, NumericLayer):
    """Shifts and scales to mean 0 and variance 1, by statistics of the data it was adapted to, or given ones.

    Args:
        axis: the axis, or axes, whose entries have statistics of their own; None takes all entries together.
        mean, variance: the statistics, instead of those that ``adapt`` finds.
        invert: whether to do the opposite, and give back what was normalized.
    """

    supports_masking = True

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: mean and variance must be given both or not at all. "
                f"Received: mean={mean!r}, variance={variance!r}."
            )
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.autocast = False
        self.reset_state()

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Normalization layer '{self.name}': axis must name axes of the input. "
                f"Received: axis={self.axis} for the shape {tuple(input_shape)}."
            )
        kept = sorted(axis % rank for axis in self.axis)
        if any(input_shape[axis] is None for axis in kept):
            raise ValueError(
                f"Normalization layer '{self.name}' needs to know the size of axis {self.axis}. "
                f"Received the shape {tuple(input_shape)}."
            )
        self._reduced = tuple(axis for axis in range(rank) if axis not in kept)
        self._broadcast = tuple(input_shape[axis] if axis in kept else 1 for axis in range(rank))
        shape = tuple(input_shape[axis] for axis in kept)
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")
        else:
            self.mean = np.broadcast_to(np.asarray(self.input_mean, "float64"), self._broadcast)
            self.variance = np.broadcast_to(np.asarray(self.input_variance, "float64"), self._broadcast)

    def adapt(self, data):
        """Take mean and variance from ``data``: an array, or batches from a data set, a loader or a generator."""
        super().adapt(data)

    def reset_state(self):
        """Forget what ``adapt`` or ``update_state`` have seen."""
        self._seen = 0.0, 0.0, 0.0  # how many, their mean, and the sum of squared distances from it

    def update_state(self, data):
        """Take a batch into account."""
        if self.input_mean is not None:
            raise ValueError(
                f"Normalization layer '{self.name}' was given mean and variance, so there is nothing to adapt. "
                f"Leave them out to have them learned."
            )
        x = on_host(data, self).astype("float64")
        if not self.built:
            self.build((None, *x.shape[1:]) if x.ndim > 1 else x.shape)
        if x.ndim != len(self._broadcast):
            raise ValueError(
                f"Normalization layer '{self.name}' was built for {len(self._broadcast)} axes. "
                f"Received data of the shape {x.shape}."
            )
        count, mean, spread = self._seen
        size = math.prod(x.shape[axis] for axis in self._reduced)
        if size:
            apart, total = x.mean(self._reduced) - mean, count + size
            spread = spread + x.var(self._reduced) * size + apart**2 * (count * size / total)
            self._seen = total, mean + apart * (size / total), spread

    def finalize_state(self):
        """Set the statistics by what was seen."""
        count, mean, spread = self._seen
        if count:
            self.adapt_mean.assign(mean)
            self.adapt_variance.assign(spread / count)

    def call(self, inputs):
        x = ops.convert_to_tensor(inputs, self.compute_dtype)
        if self.input_mean is None:
            mean = ops.reshape(self.adapt_mean, self._broadcast)
            variance = ops.reshape(self.adapt_variance, self._broadcast)
        else:
            mean, variance = self.mean, self.variance
        mean = self.convert_weight(mean)
        deviation = ops.maximum(ops.sqrt(self.convert_weight(variance)), config.epsilon())
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": _plain(self.input_mean),
            "variance": _plain(self.input_variance),
        }


class Discretization(Adapting, NumericLayer):
    """Numbers to the indices of the bins they fall into.

    Args:
        bin_boundaries: where one bin ends and the next begins, in ascending order.
        num_bins: how many bins of about equal share ``adapt`` makes, instead.
        epsilon: how far the share of a bin may be off; the smaller, the more memory ``adapt`` takes.
        output_mode: "int", "one_hot", "multi_hot" or "count"; see CategoryEncoding.
        sparse: False; sparse tensors are not supported.
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
    ):
        super().__init__(name=name, dtype=dtype)
        check_output_mode(self, output_mode, ("int", "one_hot", "multi_hot", "count"), sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"Discretization takes either bin_boundaries or num_bins. "
                f"Received: bin_boundaries={bin_boundaries!r}, num_bins={num_bins!r}."
            )
        if num_bins is not None and num_bins < 1:
            raise ValueError(f"Discretization: num_bins must be at least 1. Received: {num_bins!r}.")
        self.bin_boundaries = None if bin_boundaries is None else _plain(np.asarray(bin_boundaries, "float64"))
        if self.bin_boundaries is not None and sorted(self.bin_boundaries) != self.bin_boundaries:
            raise ValueError(f"Discretization: bin_boundaries must ascend. Received: {bin_boundaries!r}.")
        self.num_bins, self.epsilon, self.output_mode, self.sparse = num_bins, epsilon, output_mode, False
        self.autocast = False
        self.built = True
        self.reset_state()

    @property
    def input_dtype(self):
        return config.floatx()

    @property
    def output_dtype(self):
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def reset_state(self):
        """Forget what ``adapt`` or ``update_state`` have seen."""
        self._summary = np.empty((2, 0), "float32")

    def update_state(self, data):
        """Take a batch into account."""
        if self.num_bins is None:
            raise ValueError(
                f"Discretization layer '{self.name}' was given bin_boundaries, so there is nothing to adapt. "
                f"Write: Discretization(num_bins=...)."
            )
        fresh = _summary_of(on_host(data, self).astype("float32"), self.epsilon)
        self._summary = _merged(self._summary, fresh, self.epsilon)

    def finalize_state(self):
        """Set the boundaries by what was seen."""
        if self.num_bins is not None:
            if not self._summary.shape[1]:
                raise ValueError(f"Discretization layer '{self.name}' cannot adapt to no data at all.")
            self.bin_boundaries = _compressed(self._summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def load_own_variables(self, store):
        """Take over what has been seen, which Keras 2 keeps in files in place of the boundaries."""
        if "0" in store:
            self.load_summary(store["0"])

    def load_summary(self, summary):
        """Set the boundaries by ``summary``, pairs of values and weights: two rows."""
        if self.num_bins is None or np.ndim(summary) != 2 or len(summary) != 2:
            raise ValueError(
                f"Discretization layer '{self.name}' has no use for an array of shape {np.shape(summary)} "
                f"(num_bins={self.num_bins})."
            )
        if np.shape(summary)[1]:
            self._summary = np.asarray(summary, "float32")
            self.finalize_state()

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(
                f"Discretization layer '{self.name}' has no boundaries yet. Write: layer.adapt(data), or "
                f"Discretization(bin_boundaries=[...])."
            )
        x = ops.convert_to_tensor(inputs)
        x = x if dtypes.is_float(ops.dtype(x)) else ops.cast(x, config.floatx())
        indices = ops.digitize(x, ops.convert_to_tensor(np.asarray(self.bin_boundaries), ops.dtype(x)))
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    def compute_output_shape(self, input_shape):
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    def get_config(self):
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.compute_dtype,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        found = config.get("bin_boundaries")
        if config.get("num_bins") is not None:
            config["bin_boundaries"] = None
        layer = super().from_config(config)
        layer.bin_boundaries = found
        return layer


# What has been seen of a stream of numbers: a few of them in ascending order, (values, weights), each standing for as
# many as its weight says.


def _summary_of(values, epsilon):
    """About ``1 / epsilon`` numbers that stand for ``values``."""
    values = np.sort(values, axis=None)
    step = max(len(values) / (1.0 / epsilon), 1)
    chosen = values[int(step) - 1 :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _merged(summary, other, epsilon):
    both = np.concatenate([summary, other], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary, epsilon):
    """``summary`` by ``1 / epsilon`` numbers, evenly spread over the weights."""
    values, weights = summary
    if len(values) * epsilon < 1:
        return summary
    reached = weights.cumsum()
    share = reached / reached[-1]
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    return np.stack([np.interp(wanted, share, values), np.diff(np.interp(wanted, share, reached), prepend=0.0)]).astype(
        "float32"
    )


class CategoryEncoding(NumericLayer):
    """Whole numbers below ``num_tokens`` to rows of as many numbers. Others leave no trace.

    Args:
        num_tokens: how many numbers there are: 0 to ``num_tokens - 1``.
        output_mode: "one_hot" makes a row of each; "multi_hot" and "count" one of all along the last axis: which
            occur, and how often.
        sparse: False; sparse tensors are not supported.
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if output_mode == "binary":  # its name in Keras 2
            output_mode = "multi_hot"
        check_output_mode(self, output_mode, ("one_hot", "multi_hot", "count"), sparse)
        if not hasattr(num_tokens, "__index__") or num_tokens < 1:
            raise ValueError(
                f"CategoryEncoding: num_tokens must be a positive integer; where it is not known, IntegerLookup "
                f"finds it. Received: num_tokens={num_tokens!r}."
            )
        self.num_tokens, self.output_mode, self.sparse = int(num_tokens), output_mode, False
        self.autocast = False
        self.built = True

    def call(self, inputs, count_weights=None):
        """``count_weights``, of the inputs' shape, say how much each counts in the mode "count"."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"CategoryEncoding layer '{self.name}': count_weights belong to output_mode='count'. "
                f"Received: output_mode={self.output_mode!r}."
            )
        x = ops.convert_to_tensor(inputs)
        if ops.dtype(x) not in ("int32", "int64"):
            x = ops.cast(x, "int32")
        return encode(x, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def compute_output_shape(self, input_shape, *args, **kwargs):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def get_config(self):
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
