"""Regularizers of older generations: the base class for one's own, and those that today's Keras lacks."""

from functools import wraps

from kbridge import ops, regularizers
from kbridge.compat import computing
from kbridge.compat.door import door


class _LayerOf:
    """What regularizers of Keras 1.0 asked a layer for: its output."""

    inbound_nodes = (None,)

    def __init__(self, output):
        self.output = output

    def get_output_at(self, node_index):
        return self.output

    def get_output(self, train=False):
        return self.output


class Regularizer(regularizers.Regularizer):
    """A penalty: called with a weight, or an output, it returns a scalar. Define ``__call__`` and ``get_config``.

    In Keras 1.0 it was first told of its weight by ``set_param``, or of its layer by ``set_layer``, and called with
    the loss, to which it added; classes that define one of these are understood.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("__call__")
        if own is None:
            return

        @wraps(own)
        def penalty(self, x):
            if cls.set_param is not Regularizer.set_param:
                self.set_param(x)
                return own(self, 0.0)
            if cls.set_layer is not Regularizer.set_layer:
                self.set_layer(_LayerOf(x))
                return own(self, 0.0)
            return own(self, x)

        cls.__call__ = penalty

    def set_param(self, param):
        """Be told of the weight. (Only classes that define it themselves are.)"""

    def set_layer(self, layer):
        """Be told of the layer. (Only classes that define it themselves are.)"""

    def get_config(self):
        return {}


class _OfGraphs:
    """Of a Variable, a penalty is a symbol, unless a computation is going on."""

    def set_param(self, param):
        """Be told of the weight, as in Keras 1.0; ``layer.regularizers.append`` puts it on that."""
        self.p = param

    def set_layer(self, layer):
        """Be told of the layer, whose ``activity_regularizer`` it is."""

    def __call__(self, x):
        if getattr(x, "is_variable", False) and not computing.computing():
            from kbridge.compat.backend import graph

            x = graph.read(x)
        return super().__call__(x)


L1L2 = door(regularizers.L1L2, "l1=0.0, l2=0.0", mixins=(_OfGraphs,))


class EigenvalueRegularizer(Regularizer):
    """``k`` times the largest singular value of a matrix, found by nine steps of the power method."""

    steps = 9

    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        if len(x.shape) != 2:
            raise ValueError(f"EigenvalueRegularizer takes a matrix. Received one of the shape {tuple(x.shape)}.")
        x = ops.convert_to_tensor(x)
        square = ops.matmul(ops.transpose(x), x)
        vector = ops.ones((x.shape[1], 1), x.dtype)
        for _ in range(self.steps):
            vector = ops.matmul(square, vector)
            # (of any length: that of the vector falls out, and numbers stay in range)
            vector = vector / ops.max(ops.absolute(vector))
        value = ops.sum(vector * ops.matmul(square, vector)) / ops.sum(vector * vector)
        return self.k * ops.sqrt(value)

    def get_config(self):
        return {"k": self.k}
