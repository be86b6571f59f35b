"""Layers that give their inputs mean 0 and variance 1."""

import numpy as np

from kbridge import constraints, initializers, ops, regularizers
from kbridge.backend import dtypes
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


def statistics_dtype(layer):
    """The dtype that means and variances are computed in: narrow floats are too narrow for sums."""
    return dtypes.result_type(layer.compute_dtype, "float32")


class BatchNormalization(Layer):
    """Normalizes by the statistics of the batch while training, by their moving averages afterwards.

    A frozen layer (``trainable=False``) uses the averages while training too.

    Args:
        axis: the axis whose entries are normalized apart: the channels.
        momentum: how slowly the averages move.
        epsilon: added to the variance.
        center, scale: whether a learned offset and factor are applied.
        renorm: whether training normalizes by slowly moving statistics too (batch renormalization, Ioffe 2017).
        renorm_clipping: a dict of bounds "rmin", "rmax", "dmax" of the correction that makes.
        renorm_momentum: how slowly those statistics move.
        synchronized: whether replicas share their statistics; needs a distributed run.
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if synchronized:
            raise ValueError(
                "BatchNormalization: synchronized=True needs a distributed run, which there is none of yet. "
                "Write: synchronized=False."
            )
        if not isinstance(axis, int):
            raise ValueError(f"BatchNormalization: axis must be an integer. Received: axis={axis!r}.")
        unknown = set(renorm_clipping or ()) - {"rmin", "rmax", "dmax"}
        if unknown:
            raise ValueError(
                f"BatchNormalization: renorm_clipping may hold 'rmin', 'rmax' and 'dmax'. Received: {renorm_clipping}."
            )
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        self.axis = axis
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        self.center, self.scale = center, scale
        self.synchronized = synchronized
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = self.beta = None

    def build(self, input_shape):
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                f"BatchNormalization layer '{self.name}' needs to know the size of axis {self.axis}. "
                f"Received the shape {input_shape}."
            )
        if self.scale:
            self.gamma = self.add_weight(
                (size,),
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                (size,),
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
                name="beta",
            )
        self.moving_mean = self.add_weight(
            (size,), self.moving_mean_initializer, trainable=False, autocast=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            (size,), self.moving_variance_initializer, trainable=False, autocast=False, name="moving_variance"
        )
        if self.renorm:
            deviation = _RootOf(self.moving_variance_initializer)
            for name, initializer in (
                ("moving_stddev", deviation),
                ("renorm_mean", self.moving_mean_initializer),
                ("renorm_stddev", deviation),
            ):
                setattr(self, name, self.add_weight((size,), initializer, trainable=False, autocast=False, name=name))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs, training=None, mask=None):
        x = ops.cast(inputs, statistics_dtype(self))
        gamma, beta = self.gamma, self.beta
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            if self.renorm:
                gamma, beta = self._renormalized(mean, variance)
            else:
                self._follow(self.moving_variance, variance, self.momentum)
            self._follow(self.moving_mean, mean, self.momentum)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        outputs = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

    def _renormalized(self, mean, variance):
        """Factor and offset that take the batch's statistics to the slow ones; the latter follow."""
        bounds = self.renorm_clipping or {}
        deviation = ops.sqrt(variance + self.epsilon)
        slow = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r, d = deviation / slow, (mean - self.renorm_mean) / slow
        if bounds.get("rmin") is not None:
            r = ops.maximum(r, bounds["rmin"])
        if bounds.get("rmax") is not None:
            r = ops.minimum(r, bounds["rmax"])
        if bounds.get("dmax") is not None:
            d = ops.clip(d, -bounds["dmax"], bounds["dmax"])
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        gamma, beta = (r, d) if self.gamma is None else (r * self.gamma, d * self.gamma)
        self._follow(self.renorm_mean, mean, self.renorm_momentum)
        self._follow(self.renorm_stddev, deviation, self.renorm_momentum)
        self._follow(self.moving_stddev, deviation, self.momentum)
        self.moving_variance.assign(ops.relu(ops.square(self.moving_stddev.value) - self.epsilon))
        return gamma, beta if self.beta is None else beta + self.beta

    def _moments(self, x, mask):
        axes = tuple(i for i in range(len(x.shape)) if i != self.axis % len(x.shape))
        if mask is None:
            return ops.moments(x, axes)
        counts = ops.cast(mask, ops.dtype(x))
        while len(counts.shape) < len(x.shape):
            counts = ops.expand_dims(counts, -1)
        counts = ops.broadcast_to(counts, ops.shape(x))
        total = ops.maximum(ops.sum(counts, axis=axes, keepdims=True), 1.0)
        mean = ops.sum(x * counts, axis=axes, keepdims=True) / total
        variance = ops.sum(ops.square(x - mean) * counts, axis=axes, keepdims=True) / total
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    @staticmethod
    def _follow(average, value, momentum):
        average.assign(average.value * momentum + ops.stop_gradient(value) * (1.0 - momentum))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": self.synchronized,
        }


class _RootOf(initializers.Initializer):
    """The root of what another initializer draws: deviations that go with variances."""

    def __init__(self, inner):
        self.inner = inner

    def draw(self, shape, dtype=None):
        return np.sqrt(np.asarray(getattr(self.inner, "draw", self.inner)(shape, dtype=dtype)))


class LayerNormalization(Layer):
    """Normalizes each sample by its own statistics over ``axis`` (one or several).

    Args:
        axis: the axes over which mean and variance are taken.
        epsilon: added to the variance.
        center, scale: whether a learned offset and factor are applied.
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        if kwargs.pop("rms_scaling", False):
            raise ValueError(
                "LayerNormalization: rms_scaling=True is not supported: it scaled by the variance instead of its root. "
                "Write: RMSNormalization()."
            )
        super().__init__(**kwargs)
        if not all(isinstance(a, int) for a in (axis if isinstance(axis, (list, tuple)) else (axis,))):
            raise ValueError(f"LayerNormalization: axis must be an integer or several. Received: axis={axis!r}.")
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = self.beta = None

    def build(self, input_shape):
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        shape = tuple(input_shape[axis] for axis in axes)
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
                name="beta",
            )

    def call(self, inputs):
        x = ops.cast(inputs, statistics_dtype(self))
        return ops.cast(ops.layer_normalization(x, self.gamma, self.beta, self.axis, self.epsilon), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
