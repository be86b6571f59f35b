"""Layers that give their inputs mean 0 and variance 1."""

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
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if synchronized:
            raise ValueError("BatchNormalization: synchronized=True needs a distributed run, which there is none of yet.")
        if not isinstance(axis, int):
            raise ValueError(f"BatchNormalization: axis must be an integer. Received: axis={axis!r}.")
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
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs, training=None, mask=None):
        x = ops.cast(inputs, statistics_dtype(self))
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        outputs = ops.batch_normalization(x, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

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

    def _follow(self, average, value):
        average.assign(average.value * self.momentum + ops.stop_gradient(value) * (1.0 - self.momentum))

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
            "synchronized": self.synchronized,
        }


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
        super().__init__(**kwargs)
        if not isinstance(axis, int) and not (isinstance(axis, (list, tuple)) and all(isinstance(a, int) for a in axis)):
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
        return ops.cast(
            ops.layer_normalization(x, self.gamma, self.beta, self.axis, self.epsilon), self.compute_dtype
        )

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
