"""``Function``: a graph of symbols as an operation."""

from kbridge.backend.operation import Operation
from kbridge.backend.symbolic import KerasTensor, output_symbols
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.layers.layer import map_shapes
from kbridge.models.plan import Plan


class Function(Operation):
    """From symbols to symbols that were made of them, as something that can be called on tensors.

    Args:
        inputs: the symbol(s) it begins with: one, or a list, tuple or dict of them.
        outputs: the symbol(s) it gives.
        name: its name.
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name)
        self._plan = Plan(inputs, outputs)

    @property
    def inputs(self):
        """The symbols it begins with, as a list."""
        return self._plan.flat_inputs

    @property
    def outputs(self):
        """The symbols it gives, as a list."""
        return self._plan.flat_outputs

    @property
    def operations(self):
        """The ops and layers on the way, each once, in the order in which they run."""
        return list({id(node.operation): node.operation for node in self._plan.nodes}.values())

    def call(self, inputs):
        from kbridge import ops

        plan = self._plan
        values = flatten([inputs])
        if len(values) != len(plan.flat_inputs):
            raise ValueError(
                f"Function '{self.name}' expects {len(plan.flat_inputs)} input(s). Received: {len(values)}."
            )
        values = [ops.convert_to_tensor(value, symbol.dtype) for value, symbol in zip(values, plan.flat_inputs)]
        outputs = plan.run(values)
        return outputs[0] if plan.outputs is plan.flat_outputs[0] else pack(plan.outputs, outputs)

    def compute_output_spec(self, inputs):
        return output_symbols(self.call, (inputs,), {})

    def compute_output_shape(self, input_shape):
        """The shape(s) of the outputs for inputs of this shape (or structure of shapes)."""
        dtypes = iter([symbol.dtype for symbol in self.inputs])
        symbols = map_shapes(lambda shape: KerasTensor(shape, next(dtypes)), input_shape)
        return map_structure(lambda symbol: symbol.shape, self.compute_output_spec(symbols))

    def get_config(self):
        raise NotImplementedError(
            f"Function '{self.name}' cannot be written into a config. Make a Model of the same inputs and outputs."
        )
