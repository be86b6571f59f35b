"""Layers that give their inputs mean 0 and variance 1."""

import warnings

import numpy as np

from kbridge import constraints, initializers, ops, regularizers
from kbridge.backend import dtypes
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer
from kbridge.layers.wrappers import Wrapper


def statistics_dtype(layer):
    """The dtype that means and variances are computed in: narrow floats are too narrow for sums."""
    return dtypes.result_type(layer.compute_dtype, "float32")


class _Affine(Layer):
    """Base of normalizations that end with a learned factor ``gamma`` and offset ``beta``, or do without.

    Both are kept, and applied, in full precision.
    """

    supports_masking = True

    def __init__(
        self,
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
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = self.beta = None

    def _add_affine(self, shape, scale, center):
        for name, wanted in (("gamma", scale), ("beta", center)):
            if wanted:
                weight = self.add_weight(
                    shape,
                    getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                    autocast=False,
                    name=name,
                )
                setattr(self, name, weight)

    def _sizes(self, input_shape, axes):
        """The sizes of ``axes``, which must be known."""
        check_axes(self, axes, input_shape)
        sizes = tuple(input_shape[axis] for axis in axes)
        if None in sizes:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' needs to know the size of axis "
                f"{axes[sizes.index(None)]}. Received the shape {tuple(input_shape)}."
            )
        return sizes

    def compute_output_shape(self, input_shape):
        check_axes(self, self.axis, input_shape)
        return input_shape

    def get_config(self):
        found = {**super().get_config(), "center": self.center, "scale": self.scale}
        for name in ("beta", "gamma"):
            found[f"{name}_initializer"] = initializers.serialize(getattr(self, f"{name}_initializer"))
            found[f"{name}_regularizer"] = regularizers.serialize(getattr(self, f"{name}_regularizer"))
            found[f"{name}_constraint"] = constraints.serialize(getattr(self, f"{name}_constraint"))
        return found


def axes_of(layer, axis):
    """``axis``, one or several, as an int or a list."""
    several = isinstance(axis, (list, tuple))
    if not all(isinstance(a, int) for a in (axis if several else (axis,))):
        raise TypeError(f"{layer}: axis must be an integer or several. Received: axis={axis!r}.")
    return list(axis) if several else axis


def check_axes(layer, axis, shape):
    """Refuse an axis that ``shape`` does not have."""
    for one in axis if isinstance(axis, (list, tuple)) else (axis,):
        if not -len(shape) <= one < len(shape):
            raise ValueError(
                f"{type(layer).__name__} layer '{layer.name}': axis {one} is out of bounds for the input shape "
                f"{tuple(shape)}. Received: axis={axis}."
            )


class BatchNormalization(_Affine):
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
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
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
        self.synchronized = synchronized
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape):
        (size,) = self._sizes(input_shape, (self.axis,))
        self._add_affine((size,), self.scale, self.center)
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
        average.assign(average.value * momentum + ops.cast(ops.stop_gradient(value), average.dtype) * (1.0 - momentum))

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
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


class LayerNormalization(_Affine):
    """Normalizes each sample by its own statistics over ``axis`` (one or several).

    Args:
        axis: the axes over which mean and variance are taken.
        epsilon: added to the variance.
        center, scale: whether a learned offset and factor are applied.
        rms_scaling: deprecated: divides by the deviation without taking the mean away; there is no offset then.
            RMSNormalization is what its name promises.
    """

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
        self.rms_scaling = bool(kwargs.pop("rms_scaling", False))
        if self.rms_scaling:
            warnings.warn(
                "LayerNormalization(rms_scaling=True) divides by the standard deviation, not by the root of the mean "
                "square. For the latter write: RMSNormalization().",
                stacklevel=2,
            )
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = axes_of("LayerNormalization", axis)
        self.epsilon = epsilon
        self.autocast = False  # the statistics are of the inputs as they come

    def build(self, input_shape):
        axes = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        shape = self._sizes(input_shape, axes)
        self._add_affine(shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling)

    def call(self, inputs):
        x = ops.cast(inputs, statistics_dtype(self))
        if self.rms_scaling:
            return ops.cast(self._scaled(x), self.compute_dtype)
        return ops.cast(ops.layer_normalization(x, self.gamma, self.beta, self.axis, self.epsilon), self.compute_dtype)

    def _scaled(self, x):
        axes = {axis % x.ndim for axis in ([self.axis] if isinstance(self.axis, int) else self.axis)}
        gamma = ops.reshape(self.gamma, [x.shape[i] if i in axes else 1 for i in range(x.ndim)])
        return x * ops.rsqrt(ops.var(x, axis=tuple(sorted(axes)), keepdims=True) + self.epsilon) * gamma

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "rms_scaling": self.rms_scaling,
        }


class GroupNormalization(_Affine):
    """Normalizes each sample by the statistics of groups of its channels (Wu and He, 2018).

    Args:
        groups: how many groups the channels are divided into; -1 makes each channel one of its own.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center, scale: whether a learned offset and factor, one for each channel, are applied.
    """

    def __init__(
        self,
        groups=32,
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
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if not isinstance(groups, int) or groups < 1 and groups != -1:
            raise ValueError(
                f"GroupNormalization: groups must be a positive integer, or -1 for groups of one channel. "
                f"Received: groups={groups!r}."
            )
        if not isinstance(axis, int):
            raise TypeError(f"GroupNormalization: axis must be an integer. Received: axis={axis!r}.")
        self.groups, self.axis, self.epsilon = groups, axis, epsilon
        self.autocast = False

    def build(self, input_shape):
        (size,) = self._sizes(input_shape, (self.axis,))
        if self.axis % len(input_shape) == 0:
            raise ValueError(
                f"GroupNormalization layer '{self.name}': axis {self.axis} of the input shape {tuple(input_shape)} is "
                f"the batch, whose samples are normalized apart. Write: axis=-1."
            )
        if self.groups == -1:
            self.groups = size
        if size % self.groups:
            raise ValueError(
                f"GroupNormalization layer '{self.name}': the {size} channels (axis {self.axis}) cannot be divided "
                f"into {self.groups} groups. Write groups=n with an n that divides {size}."
            )
        self._add_affine((size,), self.scale, self.center)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs):
        x = ops.cast(inputs, statistics_dtype(self))
        rank, axis = len(x.shape), self.axis % len(x.shape)
        size = x.shape[axis] // self.groups
        shape = list(ops.shape(x))
        grouped = ops.reshape(x, [-1, *shape[1:axis], self.groups, size, *shape[axis + 1 :]])
        mean, variance = ops.moments(grouped, [i for i in range(1, rank + 1) if i != axis], keepdims=True)
        grouped = (grouped - mean) * ops.rsqrt(variance + self.epsilon)
        x = ops.reshape(grouped, [-1, *shape[1:]])
        along = [-1 if i == axis else 1 for i in range(rank)]
        if self.gamma is not None:
            x = x * ops.reshape(self.gamma, along)
        if self.beta is not None:
            x = x + ops.reshape(self.beta, along)
        return ops.cast(x, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "axis": self.axis, "epsilon": self.epsilon}


class RMSNormalization(Layer):
    """Divides by the root of the mean square over ``axis``, times a learned factor (Zhang and Sennrich, 2019).

    Args:
        axis: one axis or several.
        epsilon: added to the mean square.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = axes_of("RMSNormalization", axis)
        self.epsilon = epsilon

    def build(self, input_shape):
        axes = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        check_axes(self, axes, input_shape)
        self.scale = self.add_weight(tuple(input_shape[axis] for axis in axes), "ones", name="scale")

    def call(self, x):
        axes = {axis % x.ndim for axis in ([self.axis] if isinstance(self.axis, int) else self.axis)}
        scale = ops.reshape(self.scale, [x.shape[i] if i in axes else 1 for i in range(x.ndim)])
        return ops.rms_normalization(x, scale, self.axis, self.epsilon)

    def compute_output_shape(self, input_shape):
        check_axes(self, self.axis, input_shape)
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(Layer):
    """Divides by the Euclidean norm over ``axis``, one or several."""

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axes_of("UnitNormalization", axis)
        self.built = True

    def call(self, inputs):
        x = ops.cast(inputs, statistics_dtype(self))
        return ops.cast(ops.normalize(x, axis=self.axis, order=2, epsilon=1e-12), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        check_axes(self, self.axis, input_shape)
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer (or its embeddings) by its largest singular value at each step of training.

    The singular value is estimated by power iteration (Miyato et al., 2018). What training changes afterwards is the
    divided kernel.

    Args:
        layer: a layer with a ``kernel`` or ``embeddings``.
        power_iterations: how many iterations a step makes.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if not isinstance(power_iterations, int) or power_iterations < 1:
            raise ValueError(
                f"SpectralNormalization: power_iterations must be a positive integer. "
                f"Received: power_iterations={power_iterations!r}."
            )
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        self.kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if self.kernel is None:
            raise ValueError(
                f"SpectralNormalization layer '{self.name}' takes a layer with a kernel or embeddings. "
                f"{type(self.layer).__name__} has neither."
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=self.kernel.dtype,
            name="vector_u",
        )

    def call(self, inputs, training=False):
        if training:
            vector_u, kernel = self.normalized_weights()
            self.vector_u.assign(vector_u)
            # Gradients are those at the divided kernel, since it is what the optimizer goes on from.
            own = self.kernel._own()
            self.kernel.assign(own + ops.stop_gradient(kernel - own))
        return self.layer(inputs)

    def normalized_weights(self):
        """(the new estimate of the singular vector, the divided kernel); a kernel of zeros stays as it is."""
        kernel, start = self.kernel._own(), self.vector_u._own()  # in full precision
        matrix = ops.reshape(kernel, (-1, self.kernel.shape[-1]))
        u = start
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)), axis=None)
            u = ops.normalize(ops.matmul(v, matrix), axis=None)
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))[0, 0]
        empty = ops.equal(sigma, 0.0)
        return ops.where(empty, start, u), kernel / ops.where(empty, 1.0, sigma)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations}
