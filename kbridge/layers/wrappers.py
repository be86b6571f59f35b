"""Layers around a layer."""

from kbridge import objects, ops
from kbridge.backend.tree import flatten, map_structure
from kbridge.layers.layer import Layer


class Wrapper(Layer):
    """Base of layers that hold another one, in ``layer``."""

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} takes a layer. Received: layer={layer!r}.")
        super().__init__(**kwargs)
        self.layer = layer
        if not self._input_arguments:
            self._input_arguments = dict(layer._input_arguments)

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self):
        return {**super().get_config(), "layer": objects.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = objects.deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)


class TimeDistributed(Wrapper):
    """Applies a layer to every step of (batch, time, ...)."""

    supports_masking = True

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed layer '{self.name}' takes (batch, time, ...). "
                f"Received the shape {tuple(input_shape)}."
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs, training=None, mask=None):
        if mask is not None and (len(mask.shape) < 2 or not _agree(mask.shape[:2], inputs.shape[:2])):
            raise ValueError(
                f"TimeDistributed layer '{self.name}' takes a mask that begins with (batch, time), as its input does. "
                f"Received a mask of the shape {tuple(mask.shape)} for an input of the shape {tuple(inputs.shape)}."
            )
        if training and any(not v.trainable for v in self.layer.weights):
            return self._step_by_step(inputs, mask)
        # All steps at once: to the layer, a step is one more sample.
        shape = ops.shape(inputs)
        rows = ops.reshape(inputs, (-1, *shape[2:]))
        kwargs = {}
        if self.layer._info().takes_training:
            kwargs["training"] = training
        if mask is not None and "mask" in self.layer._info().masks and len(mask.shape) > 2:
            kwargs["mask"] = ops.reshape(mask, (-1, *ops.shape(mask)[2:]))
        outputs = self.layer(rows, **kwargs)

        def restore(y):
            return ops.reshape(y, (shape[0], shape[1], *ops.shape(y)[1:]))

        return map_structure(restore, outputs)

    def _step_by_step(self, inputs, mask):
        """As ``call`` while training, for a layer that counts something at each call (BatchNormalization)."""
        if inputs.shape[1] is None:
            raise ValueError(
                f"TimeDistributed layer '{self.name}' trains a {type(self.layer).__name__}, which keeps counts, step "
                f"by step: the number of steps must be known. Received the shape {tuple(inputs.shape)}."
            )
        info, outputs = self.layer._info(), []
        for step in range(inputs.shape[1]):
            kwargs = {"training": True} if info.takes_training else {}
            if mask is not None and "mask" in info.masks and (len(mask.shape) > 2 or not _takes_sequences(self.layer)):
                kwargs["mask"] = mask[:, step]
            outputs.append(self.layer(inputs[:, step], **kwargs))
        return map_structure(lambda *steps: ops.stack(steps, axis=1), *outputs)

    def compute_output_shape(self, input_shape):
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (input_shape[0], input_shape[1], *inner[1:])


def _takes_sequences(layer):
    """Whether a mask for it has a time axis of its own."""
    return getattr(layer, "takes_sequences", False)


def _agree(shape, other):
    """Whether two shapes are the same where both are known."""
    return all(a is None or b is None or a == b for a, b in zip(shape, other))


class Bidirectional(Wrapper):
    """Runs a recurrent layer in both directions.

    Args:
        layer: the layer that runs forwards.
        merge_mode: "concat", "sum", "mul", "ave", or None for a list of both outputs.
        weights: a list of arrays to begin with.
        backward_layer: the layer that runs backwards; a copy of ``layer`` turned round unless told.
    """

    supports_masking = True
    takes_sequences = True

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                f"Bidirectional: merge_mode must be 'sum', 'mul', 'ave', 'concat' or None. Received: {merge_mode!r}."
            )
        super().__init__(layer, weights=weights, **kwargs)
        self.forward_layer = self._copy(layer, f"forward_{layer.name}", layer.go_backwards)
        if backward_layer is None:
            backward_layer = self._copy(layer, f"backward_{layer.name}", not layer.go_backwards)
        elif backward_layer.go_backwards == layer.go_backwards:
            raise ValueError("Bidirectional: layer and backward_layer must run in opposite directions (go_backwards).")
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(backward_layer, name) != getattr(layer, name):
                raise ValueError(f"Bidirectional: layer and backward_layer must have the same {name}.")
        self.backward_layer = backward_layer
        for direction in self._sublayers():
            # Where a mask hides a step its output is 0, in both directions: what was kept would come from afar.
            if hasattr(direction, "zero_output_for_mask"):
                direction.zero_output_for_mask = layer.return_sequences
        self.merge_mode = merge_mode
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = layer.stateful

    @staticmethod
    def _copy(layer, name, go_backwards):
        with objects.sharing():  # of its own: two copies have nothing in common
            config = layer.get_config()
            return type(layer).from_config({**config, "name": name, "go_backwards": go_backwards})

    def _sublayers(self):
        return [self.forward_layer, self.backward_layer]

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in self._sublayers():
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True

    def _shapes_for_build(self, args, kwargs):
        return tuple(flatten([args[0]])[0].shape)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        forward, backward = {}, {}
        if initial_state is not None:
            half = len(initial_state) // 2
            forward, backward = {"initial_state": initial_state[:half]}, {"initial_state": initial_state[half:]}
        y = self.forward_layer(sequences, mask=mask, training=training, **forward)
        z = self.backward_layer(sequences, mask=mask, training=training, **backward)
        states = []
        if self.return_state:
            states = [*y[1:], *z[1:]]
            y, z = y[0], z[0]
        if self.return_sequences:
            z = ops.flip(z, 1)
        merged = self._merge(y, z)
        if self.return_state:
            return [*(merged if self.merge_mode is None else (merged,)), *states]
        return merged

    def _merge(self, y, z):
        if self.merge_mode == "concat":
            return ops.concatenate([y, z], axis=-1)
        if self.merge_mode == "sum":
            return y + z
        if self.merge_mode == "mul":
            return y * z
        return [y, z] if self.merge_mode is None else ops.multiply(y + z, 0.5)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        states = list(shape[1:]) * 2 if self.return_state else []
        output = tuple(shape[0] if self.return_state else shape)
        merged = [output, output] if self.merge_mode is None else [output]
        if self.merge_mode == "concat":
            merged = [(*output[:-1], output[-1] * 2)]
        return [*merged, *states] if len(merged) + len(states) > 1 else merged[0]

    def compute_mask(self, _, mask):
        mask = flatten([mask])[0] if self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            outputs += [None] * (2 * len(flatten([self.layer.cell.state_size])))
        return outputs if len(outputs) > 1 else outputs[0]

    def reset_states(self):
        """Let the next batch begin with zeros."""
        for layer in self._sublayers():
            layer.reset_states()

    reset_state = reset_states

    @property
    def states(self):
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return None if forward is None else [*flatten(forward), *flatten(backward)]

    def get_config(self):
        found = {**super().get_config(), "merge_mode": self.merge_mode}
        found["layer"] = objects.serialize_keras_object(self.forward_layer)
        found["layer"]["config"]["name"] = self.layer.name
        found["backward_layer"] = objects.serialize_keras_object(self.backward_layer)
        return found

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if config.get("backward_layer") is not None:
            config["backward_layer"] = objects.deserialize_keras_object(
                config["backward_layer"], custom_objects=custom_objects
            )
        return super().from_config(config, custom_objects)
