"""``Model``: layers joined into one, by a graph or by a ``call`` of one's own, that can be trained."""

import numpy as np

from kbridge.backend import registry
from kbridge.backend.operation import no_quantization
from kbridge.backend.symbolic import KerasTensor, any_symbol
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.layers.layer import Layer, map_shapes, within_call
from kbridge.layers.masks import remember_mask
from kbridge.models.plan import Plan
from kbridge.training.data import to_array
from kbridge.training.trainer import Trainer


class Model(Trainer, Layer):
    """A network that can be trained, evaluated, used and saved.

    Either from symbols, ``Model(inputs, outputs)``, or by subclassing: create layers in
    ``__init__`` and use them in ``call``.

    Args:
        inputs: the symbol(s) it begins with: one, or a list, tuple or dict of them.
        outputs: the symbol(s) it gives, likewise.
        name: its name.
        trainable: whether its variables may be trained.
    """

    _plan = None

    def __new__(cls, *args, **kwargs):
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            from kbridge.models.functional import Functional

            return super().__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        names = ("inputs", "outputs", "name")
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes at most inputs, outputs and name. Received: {args!r}.")
        given = dict(zip(names, args))
        clash = given.keys() & kwargs.keys()
        if clash:
            raise TypeError(f"{type(self).__name__} was given {sorted(clash)} twice.")
        given.update(kwargs)
        inputs, outputs = given.pop("inputs", None), given.pop("outputs", None)
        Trainer.__init__(self)
        Layer.__init__(self, **given)
        if (inputs is None) != (outputs is None):
            missing = "outputs" if outputs is None else "inputs"
            raise ValueError(f"{type(self).__name__}: {missing} is missing. Write: Model(inputs=..., outputs=...).")
        if inputs is not None:
            self._plan = Plan(inputs, outputs)
            self.built = True
            if any_symbol(*self._constructed_with):
                self._constructed_with = ((), {})  # the graph says it all

    # -- structure

    def _kinds(self):
        """The classes that copies are made with: of a stack of layers, and of a graph."""
        from kbridge.models.sequential import Sequential

        return Sequential, Model

    def _sublayers(self):
        held = super()._sublayers()
        if self._plan is None:
            return held
        found = {id(layer): layer for layer in self._plan.layers}
        found.update((id(layer), layer) for layer in held)
        return list(found.values())

    @property
    def layers(self):
        """The layers it consists of, in the order in which they run."""
        return self._sublayers()

    def get_layer(self, name=None, index=None):
        """The layer called ``name``, or the one at ``index``."""
        if (name is None) == (index is None):
            raise ValueError("get_layer takes either a name or an index.")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"Model '{self.name}' has {len(layers)} layers. Received: index={index}.")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        from difflib import get_close_matches

        known = [layer.name for layer in layers]
        close = get_close_matches(str(name), known, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"Model '{self.name}' has no layer {name!r}.{hint} Its layers: {known}.")

    def _graph(self, what):
        if self._plan is None:
            raise AttributeError(
                f"Model '{self.name}' is not a graph of symbols, so it has no {what}. "
                f"Build it from Input(...), or give its first layer an input shape."
            )
        return self._plan

    @property
    def inputs(self):
        """The symbols it begins with, as a list."""
        return self._graph("inputs").flat_inputs

    @property
    def outputs(self):
        """The symbols it gives, as a list."""
        return self._graph("outputs").flat_outputs

    @property
    def input(self):
        return self._graph("input").inputs

    @property
    def output(self):
        return self._graph("output").outputs

    @property
    def input_shape(self):
        return map_structure(lambda s: s.shape, self._graph("input_shape").inputs)

    @property
    def output_shape(self):
        return map_structure(lambda s: s.shape, self._graph("output_shape").outputs)

    @property
    def input_names(self):
        return [s.name for s in self._graph("input_names").flat_inputs]

    @property
    def output_names(self):
        """The name of each output: that of the layer which gives it, numbered where one gives several."""
        plan = self._graph("output_names")
        if isinstance(plan.outputs, dict):
            return list(plan.outputs)
        names, count = [], {}
        for symbol in plan.flat_outputs:
            name = symbol.node.name if symbol.node is not None else symbol.name
            count[name] = count.get(name, -1) + 1
            names.append(f"{name}_{count[name]}" if count[name] else name)
        return names

    # -- running

    def build(self, input_shape):
        """Create all variables, for inputs of this shape (or structure of shapes)."""
        if self._plan is not None:
            self.built = True
            return
        symbols = map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), input_shape)
        if type(self).call is Model.call:
            raise NotImplementedError(
                f"Model {type(self).__name__} has neither a graph nor a call(). "
                f"Write: Model(inputs, outputs), or define call(self, inputs)."
            )
        self._output_symbols((symbols,), {})
        self.built = True

    def _ensure_built(self, args, kwargs):
        # A subclassed model without build() of its own builds its layers as they are called.
        if type(self).build is Model.build and type(self).call is not Model.call:
            if not self.built:
                self._build_shapes = self._shapes_for_build(args, kwargs)
            self.built = True
            return
        super()._ensure_built(args, kwargs)

    def _forward(self, inputs, training):
        """``self(inputs, training=training)``, without looking for what a graph cannot need."""
        if self._plan is None or type(self).__call__ is not Layer.__call__ or not self._runs_its_graph():
            return self(inputs, training=training)
        with within_call(self, training):
            return self.call(inputs, training)

    def _runs_its_graph(self):
        return type(self).call is Model.call and self.activity_regularizer is None

    def call(self, inputs, training=None, mask=None):
        plan = self._graph("call()")
        if plan.host is not None and isinstance(inputs, dict) and inputs.keys() == plan.host[1].inputs.keys():
            plan = plan.host[1]
        values = self._inputs_in_order(inputs, plan)
        masked = mask is not None and any(m is not None for m in flatten([mask]))
        if masked:
            for value, one in zip(values, flatten([mask])):
                if one is not None:
                    remember_mask(value, one)
        outputs = plan.run(values, training, masked)
        if plan.has_masks and not masked:
            for output, one in zip(outputs, self._output_masks(values, plan)):
                if one is not None:
                    remember_mask(output, one)
        return outputs[0] if plan.outputs is plan.flat_outputs[0] else pack(plan.outputs, outputs)

    def _preprocess(self, inputs):
        """What steps take in place of ``inputs``: a dict of what the layers that run on the host make of them."""
        first, _ = self._plan.host
        values = first.run(self._inputs_in_order(inputs, self._plan), training=False)
        return {symbol.name: to_array(value) for symbol, value in zip(first.flat_outputs, values)}

    def _output_masks(self, values, plan):
        symbols = plan.masks()
        if not any(s is not None for s in symbols):
            return symbols
        found = iter(plan.function([s for s in symbols if s is not None])(values))
        return [None if s is None else next(found) for s in symbols]

    def compute_mask(self, inputs, previous_mask=None):
        """The masks of the outputs."""
        if self._plan is None:
            return previous_mask
        masks = self._output_masks(self._inputs_in_order(inputs, self._plan), self._plan)
        return masks[0] if len(masks) == 1 else None if all(m is None for m in masks) else masks

    def _carry_mask(self, args, kwargs, outputs):
        # A graph's call has done so already; a subclass hands on what its last layer left beside the output.
        if self._plan is None and type(self).compute_mask is not Model.compute_mask:
            super()._carry_mask(args, kwargs, outputs)

    def _carry_symbolic_mask(self, args, outputs):
        if self._plan is None or self._plan.has_masks:
            super()._carry_symbolic_mask(args, outputs)

    def _inputs_in_order(self, inputs, plan):
        """The values of the inputs as a flat list of tensors that fit the graph's symbols, or a clear error."""
        symbols = plan.flat_inputs
        if isinstance(inputs, dict):
            keys = list(plan.inputs) if isinstance(plan.inputs, dict) else [s.name for s in symbols]
            missing = [key for key in keys if key not in inputs]
            if missing:
                raise ValueError(
                    f"Model '{self.name}' expects the inputs {keys}. Received a dict with {list(inputs)}: "
                    f"{missing} is missing."
                )
            values = (
                flatten({key: inputs[key] for key in keys})
                if isinstance(plan.inputs, dict)
                else [inputs[key] for key in keys]
            )
        else:
            values = flatten([inputs])
        if len(values) != len(symbols):
            raise ValueError(
                f"Model '{self.name}' expects {len(symbols)} input(s), {[s.name for s in symbols]}. "
                f"Received {len(values)}."
            )
        return [self._fit(value, symbol) for value, symbol in zip(values, symbols)]

    def _fit(self, value, symbol):
        engine = registry.current()
        if symbol.dtype == "string":
            value = value if hasattr(value, "shape") else np.asarray(value, object)
        elif type(value) not in engine.tensor_types or engine.dtype(value) != symbol.dtype:
            if value is None:
                return None
            value = engine.convert(value, symbol.dtype)
        shape, expected = value.shape, symbol.shape
        if len(shape) != len(expected):
            if len(shape) + 1 == len(expected) and expected[-1] == 1:
                return value[..., None] if symbol.dtype == "string" else _ops().expand_dims(value, -1)
            if len(shape) == len(expected) + 1 and shape[-1] == 1:
                return value[..., 0] if symbol.dtype == "string" else _ops().squeeze(value, -1)
            self._refuse(value, symbol)
        for found, wanted in zip(shape[1:], expected[1:]):  # the batch may have any size, as in Keras
            if wanted is not None and found is not None and found != wanted:
                self._refuse(value, symbol)
        return value

    def _refuse(self, value, symbol):
        raise ValueError(
            f"Model '{self.name}' expects its input '{symbol.name}' to have the shape {symbol.shape}. "
            f"Received a tensor of the shape {tuple(value.shape)}."
        )

    # -- configuration

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Print a table of the layers, their output shapes and their parameters."""
        from kbridge.models.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def to_json(self, **kwargs):
        """The architecture, as JSON: what ``model_from_json`` takes."""
        import json

        from kbridge import objects

        return json.dumps(objects.serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model that a config describes; ``custom_objects`` says what names of your own stand for."""
        from kbridge import objects

        with objects.custom_object_scope(custom_objects):
            if cls is Model and "input_layers" in config:
                from kbridge.models.functional import Functional

                return Functional.from_config(config)
            return super().from_config(config)

    @property
    def state_updates(self):
        return []

    def get_compile_config(self):
        """The arguments of ``compile``, as data; None where it was not compiled."""
        from kbridge import objects

        if not self._compile_arguments:
            return None
        found = objects.serialize_keras_object({**self._compile_arguments, "optimizer": self.optimizer})
        if found["steps_per_execution"] == "auto":
            found["steps_per_execution"] = 1  # Keras 3 has no other word for leaving it alone
        return found

    def compile_from_config(self, config):
        from kbridge import objects

        if not config:
            return
        arguments = {k: objects.deserialize_keras_object(v) for k, v in config.items()}
        if arguments.get("steps_per_execution") == 1:
            arguments["steps_per_execution"] = "auto"
        self.compile(**arguments)

    # -- files

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Write the whole model to a file: see ``kbridge.saving.save_model``."""
        from kbridge.saving import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None, **kwargs):
        """Write the weights to a file: see ``kbridge.saving.save_weights``."""
        from kbridge.saving import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Set the weights from a file: see ``kbridge.saving.load_weights``."""
        from kbridge.saving import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    # -- left for later

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        raise no_quantization(self, f"quantize(mode={mode!r})")

    def get_quantization_layer_structure(self, mode=None):
        raise no_quantization(self, f"get_quantization_layer_structure(mode={mode!r})")

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Left for later."""
        raise NotImplementedError(
            f"Model '{self.name}': export(format={format!r}) is not available: exporting is left for later. "
            f"Write model.save(...), or compute with the model itself."
        )

    # -- pickling and copying

    def __getstate__(self):
        state = super().__getstate__()
        for name in self._made_for_this_process:
            state.pop(name, None)
        if self.__dict__.get("_plan") is not None:
            state["_plan"] = self._plan.record()
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(state.get("_plan"), dict):
            self.__dict__["_plan"] = Plan.replay(state["_plan"])
        self._forget_functions()


def _ops():
    from kbridge import ops

    return ops
