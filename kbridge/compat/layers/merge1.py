"""``Merge`` and ``merge`` of Keras 1: one layer for every way to join several tensors."""

import inspect
from functools import reduce

from kbridge import objects, ops
from kbridge.backend.names import get_uid
from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten
from kbridge.compat.inplace import out_of_place
from kbridge.compat.layers.base import Keras1Layer
from kbridge.layers.layer import Layer, is_shape
from kbridge.layers.merging import batch_dot
from kbridge.models import Model

_MODES = ("sum", "mul", "concat", "ave", "cos", "dot", "max")


class Merge(Keras1Layer, Layer):
    """Joins several tensors into one.

    Args:
        layers: layers whose outputs are joined, where the layer is the first of a Sequential; without them it is
            called on a list of tensors.
        mode: "sum", "mul", "concat", "ave", "cos", "dot", "max", or a function of the tensors (of a list of them,
            or of each by itself).
        concat_axis: the axis along which "concat" joins.
        dot_axes: the axes that "dot" and "cos" sum over: one for both, or a pair.
        output_shape: the shape that a function gives: without the batch, or a function from shapes to a shape.
        output_mask: the mask that a function's result has, or a function from masks to it.
        arguments: more arguments for a function, as a dict.
        node_indices: which node of each layer is meant.
        tensor_indices: which of the node's tensors.
        name: its name.
    """

    supports_masking = True

    def __init__(
        self,
        layers=None,
        mode="sum",
        concat_axis=-1,
        dot_axes=-1,
        output_shape=None,
        output_mask=None,
        arguments=None,
        node_indices=None,
        tensor_indices=None,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name or f"merge_{get_uid('merge')}", **kwargs)
        if not callable(mode) and mode not in _MODES:
            raise ValueError(
                f"Merge: mode must be one of {', '.join(map(repr, _MODES))}, or a function. Received: mode={mode!r}."
            )
        self.mode = out_of_place(mode) if callable(mode) else mode
        self.concat_axis = concat_axis
        self.dot_axes = dot_axes
        self._output_shape = output_shape
        self._output_mask = output_mask
        self.arguments = dict(arguments or {})
        # what it joins as the first layer of a Sequential: layers, or symbols
        self.branches = _branches(layers or (), node_indices, tensor_indices)

    @property
    def branches_in_files(self):
        """The layers that old files name in its place, since Keras 1 wrote those of the branches one by one."""
        found = []
        for branch in self.branches:
            if isinstance(branch, Layer):
                found += branch.layers if isinstance(branch, Model) else [branch]
        return found

    @property
    def output(self):
        if not self._nodes and self.branches:
            self([x if isinstance(x, KerasTensor) else x.output for x in self.branches])
        return super().output

    def build(self, input_shape):
        if is_shape(input_shape) or len(input_shape) < 2:
            raise ValueError(
                f"Merge layer '{self.name}' takes a list of at least 2 tensors. Received the shape(s) {input_shape}. "
                f"Write: merge([a, b], mode={self.mode!r})."
            )
        shapes = [tuple(shape) for shape in input_shape]
        if self.mode in ("sum", "mul", "ave", "max"):
            self._require_equal(shapes, shapes)
        elif self.mode == "concat":
            if not all(-len(shape) <= self.concat_axis < len(shape) for shape in shapes):
                raise ValueError(f"Merge: no axis {self.concat_axis} in the shapes {_told(shapes)}.")
            self._require_equal([_without(shape, self.concat_axis) for shape in shapes], shapes)
        elif self.mode in ("dot", "cos"):
            if len(shapes) != 2:
                raise ValueError(f"Merge: mode {self.mode!r} takes 2 tensors. Received: {_told(shapes)}.")
            a, b = self._axes(shapes)
            if None not in (shapes[0][a], shapes[1][b]) and shapes[0][a] != shapes[1][b]:
                raise ValueError(
                    f"Merge: mode {self.mode!r} sums over axis {a} of the first tensor and {b} of the second, which "
                    f"must be of one size. Received: {_told(shapes)}."
                )

    def _require_equal(self, compared, shapes):
        first = compared[0]
        for other in compared[1:]:
            if len(first) != len(other) or any(None not in (m, n) and m != n for m, n in zip(first, other)):
                raise ValueError(
                    f"Merge layer '{self.name}': mode {self.mode!r} joins tensors of one shape"
                    f"{f' (axis {self.concat_axis} aside)' if self.mode == 'concat' else ''}. "
                    f"Received: {_told(shapes)}."
                )

    def _axes(self, shapes):
        given = (self.dot_axes,) * 2 if isinstance(self.dot_axes, int) else self.dot_axes
        axes = [axis[0] if isinstance(axis, (list, tuple)) else axis for axis in given]
        return tuple(axis % len(shape) for axis, shape in zip(axes, shapes))

    def call(self, inputs, mask=None):
        mode = self.mode
        if callable(mode):
            return self._call_function(list(inputs), mask)
        if mode in ("sum", "ave"):
            total = reduce(ops.add, inputs)
            return total if mode == "sum" else total / float(len(inputs))
        if mode == "mul":
            return reduce(ops.multiply, inputs)
        if mode == "max":
            return reduce(ops.maximum, inputs)
        if mode == "concat":
            return ops.concatenate(inputs, axis=self.concat_axis)
        x, y = inputs
        a, b = axes = self._axes([x.shape, y.shape])
        if mode == "cos":
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        return batch_dot(x, y, axes)

    def _call_function(self, inputs, mask):
        arguments = dict(self.arguments)
        parameters = _parameters(self.mode)
        if "mask" in parameters:
            arguments["mask"] = mask
        positional = [
            p
            for p in parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
        ]
        own = [p for p in positional if p.name not in arguments]
        if len(inputs) == len(own):
            return self.mode(*inputs, **arguments)
        return self.mode(inputs, **arguments)

    def compute_output_shape(self, input_shape):
        said = self._output_shape
        if callable(self.mode) and said is not None:
            shape = said(input_shape) if callable(said) else (input_shape[0][0], *said)
            return tuple(shape)
        return super().compute_output_shape(input_shape)

    def compute_mask(self, inputs, mask=None):
        if callable(self.mode):
            return self._output_mask(mask) if callable(self._output_mask) else self._output_mask
        masks = [m for m in flatten([mask]) if m is not None]
        if not masks or self.mode in ("dot", "cos"):
            return None
        if self.mode != "concat":
            return reduce(ops.logical_and, masks)
        full = [
            ops.ones_like(x, dtype="bool")
            if m is None
            else ops.broadcast_to(ops.expand_dims(m, -1), ops.shape(x))
            if len(m.shape) < len(x.shape)
            else m
            for x, m in zip(inputs, mask)
        ]
        return ops.all(ops.concatenate(full, axis=self.concat_axis), axis=-1)

    def get_config(self):
        config = super().get_config()
        for key in ("dtype", "trainable", "batch_input_shape"):
            config.pop(key, None)
        layers = [layer for layer in self.branches if isinstance(layer, Layer)]
        if layers:
            config["layers"] = [objects.serialize_keras_object(layer) for layer in layers]
        found = {"mode": self.mode, "output_shape": self._output_shape, "output_mask": self._output_mask}
        return {
            **config,
            **{k: objects.serialize_keras_object(v) if callable(v) else v for k, v in found.items()},
            "concat_axis": self.concat_axis,
            "dot_axes": self.dot_axes,
            "arguments": self.arguments,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if config.get("layers"):
            config["layers"] = [objects.deserialize_keras_object(layer) for layer in config["layers"]]
        for key in ("mode", "output_shape", "output_mask"):
            if isinstance(config.get(key), dict):
                config[key] = objects.deserialize_keras_object(config[key])
        return cls(**config)


def merge(
    inputs,
    mode="sum",
    concat_axis=-1,
    dot_axes=-1,
    output_shape=None,
    output_mask=None,
    arguments=None,
    name=None,
):
    """The tensors ``inputs`` joined into one: see ``Merge``."""
    layer = Merge(
        mode=mode,
        concat_axis=concat_axis,
        dot_axes=dot_axes,
        output_shape=output_shape,
        output_mask=output_mask,
        arguments=arguments,
        name=name,
    )
    return layer(list(inputs))


def _branches(layers, node_indices, tensor_indices):
    """``layers``, as they are, or as the symbols that the indices choose of what they give."""
    for layer in layers:
        if not isinstance(layer, (Layer, KerasTensor)):
            raise TypeError(
                f"Merge: layers must be layers or tensors of a model. Received: {layer!r} "
                f"(of type {type(layer).__name__})."
            )
    if not node_indices and not tensor_indices:
        return list(layers)
    chosen = zip(layers, node_indices or [0] * len(layers), tensor_indices or [0] * len(layers))
    return [x if isinstance(x, KerasTensor) else flatten(x._nodes[node].outputs)[i] for x, node, i in chosen]


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _without(shape, axis):
    axis %= len(shape)
    return (*shape[:axis], *shape[axis + 1 :])


def _told(shapes):
    return ", ".join(map(str, shapes))


objects.publish("keras.legacy.layers", Merge)
