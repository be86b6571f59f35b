"""``Operation``: what takes tensors and gives tensors, and makes a node of a graph where it meets symbols."""

import math

from kbridge.backend import names, registry, remat
from kbridge.backend.symbolic import KerasTensor, Node, any_symbol, output_symbols
from kbridge.backend.tree import flatten, map_structure


class Operation:
    """A computation with a name. A subclass computes in ``call``; layers are Operations with variables."""

    _nodes = ()
    _remat_mode = None
    quantization_mode = None

    def __init__(self, name=None):
        self.name = name if name is not None else names.unique(names.snake_case(type(self).__name__))
        if not isinstance(self.name, str) or "/" in self.name:
            raise ValueError(f"{type(self).__name__}: name must be a string without '/'. Received: name={name!r}.")
        self._remat_mode = remat.current_mode.get()
        self._nodes = []

    def call(self, *args, **kwargs):
        """The computation. Subclasses define it."""
        raise NotImplementedError(
            f"{type(self).__name__} does not say what it computes. Write: def call(self, inputs): ..."
        )

    def __call__(self, *args, **kwargs):
        if any_symbol(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        call = self.call if self._remat_mode is None else self.rematerialized_call(self.call, *args, **kwargs)
        return call(*args, **kwargs)

    def symbolic_call(self, *args, **kwargs):
        """The symbols that it gives for symbols, as a node of their graph."""
        outputs = self.compute_output_spec(*args, **kwargs)
        self._nodes.append(Node(self, args, kwargs, outputs))
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """Symbols with the shape and dtype of the output, for symbols as inputs."""
        return output_symbols(self.call, args, kwargs)

    # -- memory and precision

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """``layer_call``, or what takes its place under the RematScope that this was created in."""
        scope = self._remat_mode
        if scope is None:
            return layer_call
        if scope.mode == "activations":
            return self._with_activation_computed_again(layer_call)
        if scope.mode == "list_of_layers" and self.name not in scope.layer_names:
            return layer_call
        if scope.mode == "larger_than" and not self._gives_more_than(scope.output_size_threshold, args, kwargs):
            return layer_call
        return remat.remat(layer_call)

    def _gives_more_than(self, threshold, args, kwargs):
        engine = registry.current()

        def symbol(leaf):
            return KerasTensor(leaf.shape, engine.dtype(leaf)) if engine.is_tensor(leaf) else leaf

        found = output_symbols(self.call, map_structure(symbol, list(args)), map_structure(symbol, kwargs))
        sizes = [math.prod(dim or 1 for dim in leaf.shape) for leaf in flatten([found]) if hasattr(leaf, "shape")]
        return sum(sizes) > threshold

    def _with_activation_computed_again(self, layer_call):
        activation = getattr(self, "activation", None)
        if activation is None:
            return layer_call

        def run(*args, **kwargs):
            self.activation = remat.remat(activation)
            try:
                return layer_call(*args, **kwargs)
            finally:
                self.activation = activation

        return run

    def quantized_call(self, *args, **kwargs):
        raise no_quantization(self, "quantized_call()")

    # -- graph

    def _one_node(self, what):
        if not self._nodes:
            raise AttributeError(
                f"{self._described()} has no {what}: it was not called on a symbol yet, so it has no node. "
                f"Write: layer(Input(shape))."
            )
        if len(self._nodes) > 1:
            raise AttributeError(
                f"{self._described()} has {len(self._nodes)} nodes, so its {what} is not one thing. "
                f"Write: layer.get_{what}_at(node_index)."
            )
        return self._nodes[0]

    def _described(self):
        return f"{type(self).__name__} '{self.name}'"

    @property
    def input(self):
        """The symbol(s) it was called on, if it was called once."""
        inputs = self._one_node("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self):
        """The symbol(s) it gave, if it was called once."""
        return self._one_node("output").outputs

    # -- configuration

    def get_config(self):
        """Arguments from which ``from_config`` makes an equal one, as data."""
        if type(self).__init__ is not Operation.__init__:
            raise NotImplementedError(
                f"{type(self).__name__} has a constructor of its own. Define get_config(), which returns its arguments."
            )
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def no_quantization(operation, what):
    return NotImplementedError(
        f"{type(operation).__name__} '{operation.name}': {what} is not available, since quantization is left for "
        f"later. Use a narrow dtype in its place: dtype='mixed_bfloat16'."
    )
