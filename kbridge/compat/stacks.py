"""Sequential models of older generations."""

from kbridge import models as core
from kbridge import objects
from kbridge.backend.symbolic import is_symbol
from kbridge.compat.networks import sources
from kbridge.layers.input_layer import Input
from kbridge.models.plan import Plan
from kbridge.models.sequential import input_of


class OldSequential:
    """What a Sequential of older generations had beside ``OldModel``: a first layer may join several branches."""

    _branches = None  # the symbols it begins with, where the first layer joins branches

    def __init__(self, layers=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        for layer in layers or ():
            self.add(layer)

    def _name_of_input(self, layer):
        return f"{layer.name}_input"

    def add(self, layer, rebuild=True):
        """Put ``layer`` on top."""
        branches = getattr(layer, "branches", None) if not self._stack and not self._symbols else None
        if branches:
            self._join(layer, branches)
        elif not self._stack and not self._symbols and _has_several_inputs(layer):
            inputs = [Input(batch_shape=s.shape, dtype=s.dtype) for s in layer.inputs]
            self._begin_with(layer, inputs, inputs)
        else:
            super().add(layer)
        self._losses_of_outputs = self._metrics_of_outputs = self._collected = None

    def _join(self, layer, branches):
        inputs, outputs = {}, []
        for branch in branches:
            if isinstance(branch, core.Model):
                if branch._plan is None:
                    raise ValueError(
                        f"The branch '{branch.name}' does not know the shape of its input. Give its first layer "
                        f"input_shape=(...)."
                    )
                inputs.update((id(s), s) for s in branch.inputs)
                outputs += branch.outputs
                continue
            symbol = branch if is_symbol(branch) else None
            if symbol is None and branch._nodes:
                symbol = branch._nodes[-1].outputs
            if symbol is None:
                begin = input_of(branch, self._name_of_input(branch))
                if begin is None:
                    raise ValueError(
                        f"The branch '{branch.name}' does not know the shape of its input. Give it input_shape=(...)."
                    )
                symbol = branch(begin)
            inputs.update((id(s), s) for s in sources(symbol))
            outputs.append(symbol)
        self._begin_with(layer, list(inputs.values()), outputs)

    def _begin_with(self, layer, inputs, given):
        self._branches = inputs
        with self._own_scope():
            self._symbols = [given, layer(given)]
        self._stack.append(layer)
        self._changed()

    def _end_with(self, symbols):
        place = next((i for i, s in enumerate(self._symbols) if i and s is symbols[0]), None)
        if place is None or len(symbols) > 1:
            raise ValueError(
                f"Sequential '{self.name}' can only end with the output of one of its layers. "
                f"Write: Model(model.input, {symbols[0].name if len(symbols) == 1 else '[...]'})."
            )
        del self._stack[place:], self._symbols[place + 1 :]
        self._changed()

    def pop(self, rebuild=True):
        """Take the last layer off, and return it."""
        layer = super().pop()
        if self._branches is not None and not self._stack:
            self._branches, self._symbols = None, []
            self._changed()
        self._losses_of_outputs = self._metrics_of_outputs = self._collected = None
        return layer

    @property
    def _plan(self):
        if self._branches is None:
            return core.Sequential._plan.fget(self)
        if self._graph_made is None and self._stack:
            self._graph_made = Plan(self._branches, self._symbols[-1])
        return self._graph_made

    @property
    def input_shape(self):
        if self._branches is None:
            return super().input_shape
        return [s.shape for s in self._branches]

    def compute_output_shape(self, input_shape):
        if self._branches is not None:
            return self._symbols[-1].shape
        return super().compute_output_shape(input_shape)

    @property
    def model(self):
        """Itself: once, a Sequential held a Model."""
        return self

    @property
    def flattened_layers(self):
        """Its layers, with those of Sequentials inside in their place."""
        found = []
        for layer in self.layers:
            found += layer.flattened_layers if hasattr(layer, "flattened_layers") else [layer]
        return found

    @property
    def training_data(self):
        return None

    def get_config(self):
        """Its layers as data, as they stood in configs then: a list of them in Keras 1."""
        layers = [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in self._stack]
        if self._symbols and self._branches is None and not isinstance(self._stack[0], core.Model):
            layers[0]["config"].setdefault("batch_input_shape", self._symbols[0].shape)
        return layers if self._dialect == "keras1" else {"name": self.name, "layers": layers}

    def _config_for_files(self):
        if self._branches is None:
            return core.Sequential.get_config(self)
        layers = [objects.serialize_keras_object(layer) for layer in self._stack]
        return {"name": self.name, "trainable": self.trainable, "layers": layers, "build_input_shape": None}

    @classmethod
    def from_config(cls, config, custom_objects=None, layer_cache=None):
        if isinstance(config, (list, tuple)):
            config = {"layers": list(config)}
        scope = {**cls._classes_of_then(), **(custom_objects or {})}
        with objects.custom_object_scope(scope):
            return super().from_config(dict(config))


def _has_several_inputs(layer):
    return isinstance(layer, core.Model) and layer._plan is not None and len(layer.inputs) > 1
