"""Layers of Keras 1 that later releases gave up."""

from kbridge import activations, constraints, initializers, objects, ops, regularizers
from kbridge.compat.layers.base import initializer_of
from kbridge.layers.convolutional_transposed import Conv2DTranspose
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer


class _Kernel(Layer):
    """Base of layers with a kernel and a bias; the arguments are as in Dense."""

    def __init__(
        self,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        for part, initializer in (("kernel", kernel_initializer), ("bias", bias_initializer)):
            setattr(self, f"{part}_initializer", initializers.get(initializer))
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None
        self.input_spec = InputSpec(ndim=2)

    def _add(self, part, shape):
        return self.add_weight(
            shape,
            getattr(self, f"{part}_initializer"),
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            name=part,
        )

    def get_config(self):
        found = {
            **super().get_config(),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        for part in ("kernel", "bias"):
            found[f"{part}_initializer"] = initializers.serialize(getattr(self, f"{part}_initializer"))
            found[f"{part}_regularizer"] = regularizers.serialize(getattr(self, f"{part}_regularizer"))
            found[f"{part}_constraint"] = constraints.serialize(getattr(self, f"{part}_constraint"))
        return found


class Highway(_Kernel):
    """``t * activation(x W + b) + (1 - t) * x``, with the gate ``t = sigmoid(x W_carry + b_carry)``.

    ``transform_bias`` is what the gate's bias begins with.
    """

    def __init__(self, transform_bias=1.0, **kwargs):
        super().__init__(**kwargs)
        self.transform_bias = transform_bias

    def build(self, input_shape):
        size = input_shape[-1]
        self.kernel = self._add("kernel", (size, size))
        self.carry_kernel = self.add_weight((size, size), self.kernel_initializer, name="carry_kernel")
        if self.use_bias:
            self.bias = self._add("bias", (size,))
            start = initializers.Constant(self.transform_bias)
            self.carry_bias = self.add_weight((size,), start, name="carry_bias")

    def call(self, inputs):
        gate, new = ops.matmul(inputs, self.carry_kernel), ops.matmul(inputs, self.kernel)
        if self.use_bias:
            gate, new = gate + self.carry_bias, new + self.bias
        gate = ops.sigmoid(gate)
        return gate * self.activation(new) + (1.0 - gate) * inputs

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "transform_bias": self.transform_bias}


class MaxoutDense(_Kernel):
    """The largest of ``nb_feature`` linear layers of ``units`` outputs (Goodfellow et al., 2013)."""

    def __init__(self, units, nb_feature=4, **kwargs):
        super().__init__(**kwargs)
        self.units, self.nb_feature = units, nb_feature

    def build(self, input_shape):
        self.kernel = self._add("kernel", (self.nb_feature, input_shape[-1], self.units))
        if self.use_bias:
            self.bias = self._add("bias", (self.nb_feature, self.units))

    def call(self, inputs):
        # one product with all kernels side by side
        joined = ops.reshape(ops.transpose(self.kernel, (1, 0, 2)), (-1, self.nb_feature * self.units))
        outputs = ops.reshape(ops.matmul(inputs, joined), (-1, self.nb_feature, self.units))
        return ops.max(outputs if self.bias is None else outputs + self.bias, axis=1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        found = {**super().get_config(), "units": self.units, "nb_feature": self.nb_feature}
        del found["activation"]
        return found


class _Learned(Layer):
    """Base of activations with learned parameters, one for each element; along ``shared_axes`` one for all."""

    supports_masking = True

    def __init__(self, shared_axes=None, **kwargs):
        super().__init__(**kwargs)
        axes = [shared_axes] if isinstance(shared_axes, int) else [a for a in shared_axes or () if a is not None]
        self.shared_axes = axes or None

    def _shape(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' has a parameter for each element, so the shape must be "
                f"known. Received: {tuple(input_shape)}. Write: shared_axes=[...] with the axes of unknown length."
            )
        return tuple(shape)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "shared_axes": self.shared_axes}


class ParametricSoftplus(_Learned):
    """``alpha * log(1 + exp(beta * x))`` with learned alpha and beta, which begin as the arguments say."""

    def __init__(self, alpha_init=0.2, beta_init=5.0, shared_axes=None, **kwargs):
        super().__init__(shared_axes, **kwargs)
        self.alpha_init, self.beta_init = float(alpha_init), float(beta_init)

    def build(self, input_shape):
        shape = self._shape(input_shape)
        self.alphas = self.add_weight(shape, initializers.Constant(self.alpha_init), name="alphas")
        self.betas = self.add_weight(shape, initializers.Constant(self.beta_init), name="betas")

    def call(self, inputs):
        return self.alphas * ops.softplus(self.betas * inputs)

    def get_config(self):
        return {**super().get_config(), "alpha_init": self.alpha_init, "beta_init": self.beta_init}


class SReLU(_Learned):
    """Linear in three pieces with learned joints and slopes (Jin et al., 2016).

    Between ``t_left`` and ``t_left + |t_right|`` it is x; beyond, its slopes are ``a_left`` and ``a_right``. The
    arguments say how these begin.
    """

    parts = ("t_left", "a_left", "t_right", "a_right")

    def __init__(
        self,
        t_left_init="zero",
        a_left_init="glorot_uniform",
        t_right_init="glorot_uniform",
        a_right_init="one",
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(shared_axes, **kwargs)
        given = (t_left_init, a_left_init, t_right_init, a_right_init)
        for part, initializer in zip(self.parts, given):
            setattr(self, f"{part}_init", initializers.get(initializer_of(initializer)))

    def build(self, input_shape):
        shape = self._shape(input_shape)
        for part in self.parts:
            setattr(self, part, self.add_weight(shape, getattr(self, f"{part}_init"), name=part))

    def call(self, inputs):
        left, right = self.t_left, self.t_left + ops.absolute(self.t_right)
        below = ops.where(inputs < left, left + self.a_left * (inputs - left), inputs)
        return ops.where(inputs > right, right + self.a_right * (inputs - right), below)

    def get_config(self):
        found = {f"{part}_init": initializers.serialize(getattr(self, f"{part}_init")) for part in self.parts}
        return {**super().get_config(), **found}


class Deconvolution2D(Conv2DTranspose):
    """A transposed convolution whose output has the shape that it was told.

    ``output_shape`` is that with the batch, whose size does not count; the other arguments are those of
    Conv2DTranspose.
    """

    def __init__(self, filters, kernel_size, output_shape, **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        shape = tuple(output_shape)
        space = shape[-3:-1] if self.data_format == "channels_last" else shape[-2:]
        if len(shape) not in (3, 4) or not all(hasattr(n, "__index__") for n in space):
            raise ValueError(
                f"Deconvolution2D: output_shape must be (batch, rows, columns, channels) in the order of "
                f"data_format={self.data_format!r}. Received: output_shape={output_shape!r}."
            )
        self.output_shape_ = tuple(n if n is None or hasattr(n, "__index__") else None for n in shape)
        self._space = tuple(int(n) for n in space)

    def _length_out(self, length, axis):
        return self._space[axis]

    def _convolve(self, inputs, padding):
        full = ops.conv_transpose(inputs, self.kernel, self.strides, "valid", None, self.data_format)
        first = 1 if self.data_format == "channels_last" else 2
        for axis, wanted in enumerate(self._space):
            place = first + axis
            size, stride = self.kernel_size[axis], self.strides[axis]
            taken = inputs.shape[place]
            begin = 0
            if padding == "same":
                # what the convolution that goes the other way pads in front
                count = -(-wanted // stride) if taken is None else taken
                begin = max((count - 1) * stride + size - wanted, 0) // 2
            full = _cut(full, place, begin, wanted)
        return full

    def compute_output_shape(self, input_shape):
        rows, columns = self._space
        if self.data_format == "channels_last":
            return (input_shape[0], rows, columns, self.filters)
        return (input_shape[0], self.filters, rows, columns)

    def get_config(self):
        found = {**super().get_config(), "output_shape": self.output_shape_}
        del found["output_padding"], found["dilation_rate"]
        return found


def _cut(x, axis, begin, length):
    """``length`` places of ``x`` along ``axis``, from ``begin`` on; zeros behind its end."""
    key = [slice(None)] * len(x.shape)
    key[axis] = slice(begin, begin + length)
    x = x[tuple(key)]
    missing = length - x.shape[axis]
    if missing > 0:
        widths = [(0, 0)] * len(x.shape)
        widths[axis] = (0, missing)
        x = ops.pad(x, widths)
    return x


objects.publish("keras.legacy.layers", Highway, MaxoutDense, ParametricSoftplus, SReLU, Deconvolution2D)
