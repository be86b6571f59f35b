"""What layers of categories and text share: values on the host, batches to adapt to, indices as one-hot rows."""

import sys
from itertools import islice

import numpy as np

from kbridge import ops
from kbridge.backend import registry
from kbridge.backend.abstract import Abstract
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.layers.layer import Layer

OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class Mappable:
    """Adds to a layer that it may be called in the function that a data set maps over its batches.

    There it meets symbols of the data set's library, which may not be the engine's; that library calls it back then.
    """

    autograph_info__ = {}  # a library that rewrites what `map` is given is to leave this code as it is

    def __call__(self, *args, **kwargs):
        symbols = foreign_symbols(args)
        if not symbols or registry.current().is_tensor(symbols[0]) and not self.runs_on_host:
            return super().__call__(*args, **kwargs)
        shapes = map_structure(lambda x: KerasTensor(tuple(x.shape), x.dtype.name), list(args))
        told, call = self.compute_output_spec(*shapes, **kwargs), super().__call__
        return called_back(lambda *values: call(*values, **kwargs), args, told)


def foreign_symbols(args):
    """The tensors among ``args`` that stand for values in a graph of another library."""
    return [x for x in flatten(list(args)) if hasattr(x, "graph")]


def called_back(call, args, told):
    """What stands for ``call(*args)`` in the graph that ``args`` belong to; ``told``: symbols like the results."""
    library = sys.modules[type(foreign_symbols(args)[0]).__module__.partition(".")[0]]
    engine, frame = registry.current(), get_frame()

    def run(*values):
        with entered(frame.child(engine=engine)):
            found = flatten([call(*pack(list(args), values))])
            return [x if isinstance(x, np.ndarray) else engine.to_numpy(x) for x in found]

    symbols = flatten([told])
    results = library.numpy_function(run, flatten(list(args)), [getattr(library, s.dtype) for s in symbols])
    for result, symbol in zip(results, symbols):
        result.set_shape(symbol.shape)
    return pack([told], results)[0]


class HostLayer(Mappable, Layer):
    """A layer that computes with NumPy on the host, where text can be.

    A model runs it before its compiled steps. A subclass defines ``compute(values)``, from NumPy arrays (text as
    arrays of str) to a tensor, ``compute_output_shape`` and ``output_dtype``.
    """

    runs_on_host = True
    encoding = "utf-8"

    def _convert_arguments(self, args, kwargs):
        return args, kwargs  # an engine's tensors cannot hold text

    def call(self, inputs):
        if any(isinstance(leaf, Abstract) for leaf in flatten([inputs])):
            shape = map_structure(lambda x: x.shape, inputs)
            return Abstract(self.compute_output_shape(shape), self.output_dtype)
        return self.compute(self.to_host(inputs))

    def to_host(self, inputs):
        return on_host(inputs, self)


def on_host(x, layer):
    """``x`` (a tensor, an array, a list, a text or a number) as a NumPy array; text as an array of str objects."""
    engine = registry.current()
    if engine.is_tensor(x) and not isinstance(x, np.ndarray):
        try:
            x = engine.to_numpy(x)
        except Exception as error:
            raise TypeError(
                f"{type(layer).__name__} layer '{layer.name}' runs on the host, so it cannot be part of a compiled "
                f"computation. Put it first in a Sequential or functional model, which runs it before its steps, or "
                f"map the data first: x = layer(x)."
            ) from error
    elif hasattr(x, "to_numpy"):
        x = x.to_numpy()
    elif hasattr(x, "detach"):
        x = x.detach().cpu()
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"{type(layer).__name__} layer '{layer.name}' takes arrays or lists whose rows are of one length (ragged "
            f"ones are not supported). Pad them first. Received: {str(x)[:200]}."
        ) from error
    return as_text(array, layer) if array.dtype.kind in "OSUT" else array


def as_text(array, layer):
    """An array of strings of any kind as one of str objects; one of numbers in disguise as numbers."""
    items = array.ravel().tolist()
    if array.dtype.kind != "U" and set(map(type, items)) - {str}:
        if items and not isinstance(items[0], (str, bytes)):
            numbers = np.asarray(items)
            if numbers.dtype.kind in "iufb":
                return numbers.reshape(array.shape)
        for i, item in enumerate(items):
            if isinstance(item, bytes):
                items[i] = item.decode(layer.encoding)
            elif not isinstance(item, str):
                raise TypeError(
                    f"{type(layer).__name__} layer '{layer.name}' takes text or numbers. Received {item!r} of type "
                    f"{type(item).__name__} among the values. Write a str in its place."
                )
    result = np.empty(len(items), object)
    result[:] = items
    return result.reshape(array.shape)


def is_text(array):
    return array.dtype == object


def batches_of(data, steps=None):
    """The batches that ``adapt`` is to look at: those of a data set, a loader or a generator, or the data as one."""
    if hasattr(data, "as_numpy_iterator"):  # tf.data.Dataset
        found = data.as_numpy_iterator()
    elif hasattr(data, "batches") and hasattr(data, "num_batches"):  # PyDataset
        found = data.batches()
    elif hasattr(data, "batch_sampler") or (hasattr(data, "__next__") and not hasattr(data, "shape")):
        found = iter(data)
    else:
        found = iter([data])
    for batch in islice(found, steps):
        yield batch[0] if isinstance(batch, tuple) else batch


class Adapting:
    """Adds ``adapt`` to a layer that has ``reset_state``, ``update_state`` and ``finalize_state``."""

    def adapt(self, data, steps=None):
        """Learn from ``data``: an array, a list, or batches from a data set, a loader or a generator.

        ``steps`` limits the number of batches. What was learned before is forgotten.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()


# -- indices as rows


def encode(indices, output_mode, depth, dtype, weights=None):
    """Indices as rows of ``depth`` numbers; those outside of 0 to ``depth - 1`` leave no trace.

    "one_hot" makes a row of each index; "multi_hot" and "count" one of all indices along the last axis: which occur,
    and how often (or the sum of their ``weights``).
    """
    if output_mode == "int":
        return ops.cast(indices, dtype)
    if len(indices.shape) == 0:
        indices = ops.reshape(indices, (1,))
    if output_mode == "one_hot":
        if len(indices.shape) > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, -1)
        return ops.one_hot(indices, depth, dtype=dtype)
    size = ops.shape(indices)[-1]
    rows = ops.reshape(indices, (-1, size))
    count = ops.shape(rows)[0]
    known = ops.logical_and(rows >= 0, rows < depth)
    amounts = ops.cast(known, dtype)
    if weights is not None:
        amounts = amounts * ops.reshape(ops.cast(weights, dtype), (-1, size))
    places = ops.where(known, rows, 0) + ops.expand_dims(ops.arange(count, dtype=ops.dtype(rows)), -1) * depth
    found = ops.segment_sum(ops.reshape(amounts, (-1,)), ops.reshape(places, (-1,)), count * depth)
    if output_mode == "multi_hot":
        found = ops.cast(found > 0, dtype)
    return ops.reshape(found, (*ops.shape(indices)[:-1], depth))


def encoded_shape(shape, output_mode, depth):
    """The shape of what ``encode`` makes of indices of this shape."""
    shape = tuple(shape)
    if output_mode == "int":
        return shape
    if output_mode == "one_hot":
        if not shape:
            return (1, depth)
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def check_output_mode(layer, output_mode, allowed, sparse=False):
    """Raise unless ``output_mode`` is one of ``allowed``, and dense."""
    name = type(layer).__name__
    if output_mode not in allowed:
        raise ValueError(f"{name}: output_mode must be one of {', '.join(allowed)}. Received: {output_mode!r}.")
    if sparse:
        raise ValueError(f"{name}: sparse tensors are not supported. Leave out sparse=True.")
