from kbridge import activations, constraints, initializers, regularizers
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.low_rank import LowRank, adaptable
from kbridge.ops import fused


def refuse_quantization(layer, **given):
    """Arguments of Keras that make a quantized layer, which is not done here: they must be None."""
    for name, value in given.items():
        if value is not None:
            raise NotImplementedError(
                f"{type(layer).__name__}: {name}={value!r} is not supported, since layers are not quantized here. "
                f"Leave {name} out."
            )


class Dense(LowRank):
    """``activation(inputs @ kernel + bias)``.

    Args:
        units: the size of the output's last axis.
        activation: a function or a name; linear if None.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: how the variables begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: what they are held to.
        lora_rank, lora_alpha: see ``enable_lora``.
        quantization_config: None; layers are not quantized here.
    """

    kernel = adaptable
    supports_masking = True

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(lora_rank, lora_alpha, activity_regularizer=activity_regularizer, **kwargs)
        refuse_quantization(self, quantization_config=quantization_config)
        if not hasattr(units, "__index__") or units < 1:
            raise ValueError(f"Dense: units must be a positive integer. Received: units={units!r}.")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Dense layer '{self.name}' needs to know the size of its input's last axis. Received: {input_shape}."
            )
        self.kernel = self.add_weight(
            (features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self._begin_low_rank()

    def call(self, inputs):
        return self.activation(fused.dense(inputs, self.kernel, self.bias))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
