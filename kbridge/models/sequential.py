"""``Sequential``: layers one behind the other."""

from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten
from kbridge.layers.input_layer import Input, InputLayer
from kbridge.layers.layer import Layer
from kbridge.models.model import Model
from kbridge.models.plan import Plan


class Sequential(Model):
    """A stack of layers, each taking the output of the one before.

    Args:
        layers: the layers, first to last; an ``Input`` may come first.
        trainable: whether its variables may be trained.
        name: its name.
    """

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(name=name, trainable=trainable)
        self._stack = []
        self._symbols = []  # the input, then each layer's output, once the input's shape is known
        self._graph_made = None
        for layer in layers or ():
            self.add(layer, rebuild=False)

    def add(self, layer, rebuild=True):
        """Put ``layer`` on top."""
        if isinstance(layer, KerasTensor):
            layer = layer.node.operation if isinstance(getattr(layer.node, "operation", None), InputLayer) else layer
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise ValueError(
                f"Sequential.add takes a layer, not the class {layer.__name__}. Write: {layer.__name__}(...)."
            )
        if not isinstance(layer, Layer):
            raise ValueError(f"Sequential.add takes a layer. Received: {layer!r} (of type {type(layer).__name__}).")
        if isinstance(layer, InputLayer):
            if self._stack or self._symbols:
                raise ValueError(f"Sequential '{self.name}' has layers already: an Input can only come first.")
            self._begin(layer.output)
            return
        if any(other.name == layer.name for other in self._stack):
            raise ValueError(
                f"Sequential '{self.name}' already has a layer called {layer.name!r}. Layers need different names."
            )
        if not self._stack and not self._symbols:
            symbol = input_of(layer, self._name_of_input(layer))
            if symbol is not None:
                self._begin(symbol)
        if self._symbols:
            with self._own_scope():
                self._symbols.append(_single(layer(self._symbols[-1]), layer))
        self._stack.append(layer)
        self._changed()

    def pop(self, rebuild=True):
        """Take the last layer off, and return it."""
        if not self._stack:
            raise ValueError(f"Sequential '{self.name}' has no layer to take off.")
        layer = self._stack.pop()
        if self._symbols:
            self._symbols.pop()
            layer._nodes.pop()
        self._changed()
        return layer

    def _name_of_input(self, layer):
        """What the input is called that is made for the first layer; None leaves it to itself."""
        return None

    def _begin(self, symbol):
        self._symbols = [symbol]
        self._changed()

    def _changed(self):
        self._graph_made = None
        self.built = bool(self._symbols) and bool(self._stack)
        self._forget_functions()

    @property
    def _plan(self):
        if self._graph_made is None and self._symbols and self._stack:
            self._graph_made = Plan(self._symbols[0], self._symbols[-1])
        return self._graph_made

    def _sublayers(self):
        return list(self._stack)

    @property
    def layers(self):
        return list(self._stack)

    def build(self, input_shape=None):
        """Connect the layers, for inputs of this shape."""
        if input_shape is None:
            raise ValueError(f"Sequential '{self.name}' needs a shape to be built: model.build((None, features)).")
        name = self._name_of_input(self._stack[0]) if self._stack else None
        self._connect(Input(batch_shape=tuple(input_shape), name=name))

    def _connect(self, symbol):
        if self._symbols:
            return
        if not self._stack:
            raise ValueError(f"Sequential '{self.name}' has no layers. Write: model.add(layer).")
        symbols = [symbol]
        with self._own_scope():
            for layer in self._stack:
                symbols.append(_single(layer(symbols[-1]), layer))
        self._symbols = symbols
        self._changed()

    def _ensure_built(self, args, kwargs):
        if not self._symbols:
            (first,) = flatten([args[0]])[:1] or (None,)
            if not hasattr(first, "shape"):
                raise ValueError(f"Sequential '{self.name}' takes one tensor. Received: {args[0]!r}.")
            dtype = getattr(first, "dtype", None)
            name = self._name_of_input(self._stack[0]) if self._stack else None
            self._connect(Input(batch_shape=(None, *first.shape[1:]), dtype=dtype, name=name))
        self.built = True

    def _runs_its_graph(self):
        return type(self).call is Sequential.call and self.activity_regularizer is None

    def call(self, inputs, training=None, mask=None):
        if not self._symbols:
            self._ensure_built((inputs,), {})
        return super().call(inputs, training, mask)

    @property
    def input_shape(self):
        return self._graph("input_shape").inputs.shape

    def compute_output_shape(self, input_shape):
        if self._symbols:
            return super().compute_output_shape(input_shape)
        for layer in self._stack:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        from kbridge import objects

        layers = list(self._stack)
        if self._symbols and isinstance(self._symbols[0].node.operation, InputLayer):
            layers.insert(0, self._symbols[0].node.operation)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [objects.serialize_keras_object(layer) for layer in layers],
            "build_input_shape": list(self._symbols[0].shape) if self._symbols else None,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from kbridge import objects

        model = cls(name=config.get("name"), trainable=config.get("trainable", True))
        for layer in config["layers"]:
            model.add(objects.deserialize_keras_object(layer, custom_objects=custom_objects))
        shape = config.get("build_input_shape")
        if not model._symbols and shape:
            model.build(shape)
        return model

    def __getstate__(self):
        state = super().__getstate__()
        state["_graph_record"] = self._plan.record() if self._plan is not None else None
        for name in ("_symbols", "_graph_made", "_plan"):
            state.pop(name, None)
        return state

    def __setstate__(self, state):
        record = state.pop("_graph_record")
        super().__setstate__(state)
        self._symbols, self._graph_made = [], None
        if record is not None:
            plan = Plan.replay(record)
            self._symbols = [plan.inputs, *(layer._nodes[-1].outputs for layer in self._stack)]
            self._graph_made = plan


def input_of(layer, name=None):
    """The symbol to begin with that ``layer`` itself tells of, called ``name``; or None."""
    if isinstance(layer, Model) and layer._plan is not None:
        (symbol,) = layer.inputs if len(layer.inputs) == 1 else (None,)
        return None if symbol is None else Input(batch_shape=symbol.shape, dtype=symbol.dtype, name=name)
    told = layer._input_arguments
    batch = told.get("batch_size")
    shape = told.get("batch_input_shape")
    if shape is None and "input_shape" in told:
        shape = (batch, *_tuple(told["input_shape"]))
    if shape is None and "input_dim" in told:
        inner = (told["input_dim"],)
        if "input_length" in told:
            inner = (told["input_length"], *inner)
        elif getattr(layer, "takes_sequences", False):
            inner = (None, *inner)
        shape = (batch, *inner)
    if shape is None:
        return None
    dtype = told.get("input_dtype") or getattr(layer, "default_input_dtype", None)
    return Input(batch_shape=tuple(shape), dtype=dtype, name=name)


def _tuple(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _single(output, layer):
    if not isinstance(output, KerasTensor):
        raise ValueError(f"In a Sequential each layer gives one tensor, but '{layer.name}' gives {output!r}.")
    return output
