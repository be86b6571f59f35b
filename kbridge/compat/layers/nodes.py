"""Nodes as Keras 1 and 2 had them: one application of a layer, told by layers, indices, tensors, masks and shapes."""

from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten
from kbridge.layers.layer import Layer


class Node:
    """A view of a node of today's graphs."""

    def __init__(self, node):
        self.node = node

    @staticmethod
    def create_node(outbound_layer, inbound_layers, node_indices=None, tensor_indices=None):
        """Call ``outbound_layer`` on outputs of other layers; the node of that."""
        outbound_layer.add_inbound_node(inbound_layers, node_indices, tensor_indices)
        return of(outbound_layer._nodes[-1])

    @property
    def outbound_layer(self):
        return self.node.operation

    @property
    def input_tensors(self):
        return self.node.inputs or self.output_tensors  # an input's node is said to take what it gives

    @property
    def output_tensors(self):
        return [x for x in flatten(self.node.outputs) if isinstance(x, KerasTensor)]

    @property
    def input_masks(self):
        return [x.mask for x in self.input_tensors]

    @property
    def output_masks(self):
        return [x.mask for x in self.output_tensors]

    @property
    def input_shapes(self):
        return [x.shape for x in self.input_tensors]

    @property
    def output_shapes(self):
        return [x.shape for x in self.output_tensors]

    def _origins(self):
        """The inputs that layers gave."""
        return [x for x in self.node.inputs if x.node is not None and isinstance(x.node.operation, Layer)]

    @property
    def inbound_layers(self):
        return [x.node.operation for x in self._origins()]

    @property
    def node_indices(self):
        return [next(i for i, n in enumerate(x.node.operation._nodes) if n is x.node) for x in self._origins()]

    @property
    def tensor_indices(self):
        return [x.index for x in self._origins()]

    @property
    def arguments(self):
        return dict(self.node.kwargs)

    def get(self, what):
        """One of the lists above; its item, if there is just one."""
        values = getattr(self, what)
        return values[0] if len(values) == 1 else values

    def get_config(self):
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }

    def __eq__(self, other):
        return isinstance(other, Node) and other.node is self.node

    def __hash__(self):
        return hash(id(self.node))


def of(node):
    """The view of ``node``."""
    return Node(node)
