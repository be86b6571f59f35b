"""``EinsumDense``: a dense layer over any axes, said by an einsum equation."""

import re

from kbridge import activations, constraints, initializers, ops, regularizers
from kbridge.layers.dense import refuse_quantization
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.low_rank import LowRank, adaptable

_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(LowRank):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    Args:
        equation: as "ab,bc->ac": the axes of the input, of the kernel, of the output. Axes that stay as they are
            may be "..." in front of both or behind both.
        output_shape: the sizes of the output's axes, without the batch and without those of "..."; None where
            the input tells them.
        bias_axes: the axes of the output that the bias has, as "c"; no bias if None.
        kernel_initializer, bias_initializer, regularizers, constraints: as in Dense.
        lora_rank, lora_alpha: see ``enable_lora``.
        gptq_unpacked_column_size, quantization_config: None; layers are not quantized here.
    """

    kernel = adaptable

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(lora_rank, lora_alpha, **kwargs)
        refuse_quantization(
            self, gptq_unpacked_column_size=gptq_unpacked_column_size, quantization_config=quantization_config
        )
        self.equation = equation
        self._axes = _Axes(equation, bias_axes)
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None

    def build(self, input_shape):
        kernel_shape, bias_shape, _ = self._axes.shapes(input_shape, self.partial_output_shape, self.name)
        if None in kernel_shape:
            raise ValueError(
                f"EinsumDense layer '{self.name}': the kernel has the axes '{self._axes.kernel}' and so the shape "
                f"{kernel_shape}, of which every size must be known. Received: output_shape="
                f"{self.partial_output_shape} and an input of the shape {tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            kernel_shape,
            self._axes.initializer(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if bias_shape is not None:
            if None in bias_shape:
                raise ValueError(
                    f"EinsumDense layer '{self.name}': bias_axes={self.bias_axes!r} make the bias of the shape "
                    f"{bias_shape}, of which every size must be known."
                )
            self.bias = self.add_weight(
                bias_shape,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._begin_low_rank()

    def call(self, inputs, training=None):
        outputs = ops.einsum(self.equation, inputs, self.kernel)
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def compute_output_shape(self, input_shape):
        return self._axes.shapes(input_shape, self.partial_output_shape, self.name)[2]

    def get_config(self):
        return {
            **super().get_config(),
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class _Axes:
    """The letters of an equation, and the shapes they mean."""

    def __init__(self, equation, bias):
        found = _EQUATION.fullmatch(equation.replace(" ", "")) if isinstance(equation, str) else None
        if found is not None:
            before, self.input, after, self.kernel, before_output, self.output, after_output = found.groups()
        if found is None or before != before_output or after != after_output or (before and after):
            raise ValueError(
                "EinsumDense: equation must be 'X,Y->Z', '...X,Y->...Z' or 'X...,Y->Z...', with letters for X, Y and "
                f"Z. Received: equation={equation!r}."
            )
        self.elides, self.leading = bool(before or after), bool(before)
        unknown = set(self.output) - set(self.input) - set(self.kernel)
        if unknown:
            raise ValueError(
                f"EinsumDense: the axes {sorted(unknown)} of the output are neither in the input nor in the kernel. "
                f"Received: equation={equation!r}."
            )
        unknown = set(self.kernel) - set(self.input) - set(self.output)
        if unknown:
            raise ValueError(
                f"EinsumDense: the axes {sorted(unknown)} of the kernel are neither in the input nor in the output. "
                f"Received: equation={equation!r}."
            )
        unknown = set(bias or "") - set(self.output)
        if unknown:
            raise ValueError(
                f"EinsumDense: bias_axes must be axes of the output, '{self.output}'. Received: bias_axes={bias!r}."
            )
        self.bias = bias

    def shapes(self, input_shape, output_shape, layer):
        """The shapes of the kernel, of the bias (or None), and of the whole output."""
        input_shape = tuple(input_shape)
        elided = len(input_shape) - len(self.input)
        whole = (input_shape[0], *output_shape)
        if self.leading:
            whole = (*input_shape[: max(elided, 1)], *output_shape)
            sizes = dict(zip(self.input, input_shape[elided:]))
        else:
            sizes = dict(zip(self.input, input_shape))
            whole += input_shape[len(self.input) :]
        if elided < 0 or (elided and not self.elides) or len(whole) != len(self.output) + elided:
            raise ValueError(
                f"EinsumDense layer '{layer}': the input has the axes '{self.input}' and the output '{self.output}', "
                f"besides those of '...' if the equation has them; output_shape is without the batch and '...'. "
                f"Received: an input of the shape {input_shape} and output_shape={output_shape}."
            )
        start = elided if self.leading else 0
        for place, axis in enumerate(self.output, start):
            known = sizes.setdefault(axis, whole[place])
            if known is None:
                sizes[axis] = whole[place]
            elif whole[place] not in (None, known):
                raise ValueError(
                    f"EinsumDense layer '{layer}': axis '{axis}' has the size {known} in the input and {whole[place]} "
                    f"in output_shape. Received: an input of the shape {input_shape} and output_shape={output_shape}."
                )
        kept = tuple(sizes[axis] for axis in self.output)
        whole = (*whole[:start], *kept, *whole[start + len(kept) :])
        bias = None
        if self.bias:
            first = min(self.output.find(axis) for axis in self.bias)
            bias = tuple(sizes[axis] if axis in self.bias else 1 for axis in self.output[first:])
            bias += (1,) * (0 if self.leading else elided)
        return tuple(sizes[axis] for axis in self.kernel), bias, whole

    def initializer(self, initializer):
        """``initializer``, knowing which axes of the kernel go in and which come out, if that is of use to it."""
        if not isinstance(initializer, initializers.VarianceScaling) or None not in (
            initializer.input_axes,
            initializer.output_axes,
        ):
            return initializer
        outgoing = [i for i, axis in enumerate(self.kernel) if axis in self.output]
        ingoing = [i for i, axis in enumerate(self.kernel) if axis not in self.output]
        settings = {"seed": initializer.seed, "input_axes": ingoing, "output_axes": outgoing}
        return type(initializer).from_config({**initializer.get_config(), **settings})
