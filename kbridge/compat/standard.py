"""Data for models as older generations took it: checked against the inputs and outputs, and brought into order."""

import warnings

import numpy as np

from kbridge.backend.tree import flatten
from kbridge.training import data as data_module


def inputs(model, x):
    """``x`` as the model's steps take it: one array, or a list of one for each input."""
    if x is None or getattr(model, "_plan", None) is None:
        return x
    plan = model._plan
    return _one_or_list(_columns(x, model.input_names, plan.flat_inputs, "input", [True] * len(plan.flat_inputs)))


def targets(model, y):
    """``y`` as the model's steps take it: one array, or a list with an array (or None) for each output."""
    if y is None:
        return None
    if getattr(model, "_plan", None) is None:
        return _on_two_axes(y) if _is_flat(y) else y
    names, symbols = model.output_names, model._plan.flat_outputs
    losses, _ = model._objectives(model._plan.outputs)
    expected, wanted = losses.expected_shapes(symbols), losses.with_targets()
    if isinstance(y, (list, tuple)) and len(names) > 1 and len(y) == len(wanted) < len(names):
        given = iter(y)  # only the outputs that have a loss
        y = [next(given) if i in wanted else None for i in range(len(names))]
    return _one_or_list(_columns(y, names, expected, "target", [i in wanted for i in range(len(names))]))


def weights(model, y, sample_weight=None, class_weight=None):
    """A weight for each sample, or a list of such for the outputs; None where there are none."""
    if sample_weight is None and class_weight is None:
        return None
    if isinstance(class_weight, (str, np.ndarray)):
        line = "{0: 1.0, 1: 5.0}" if isinstance(class_weight, str) else "dict(enumerate(weights))"
        warnings.warn(
            f"class_weight={class_weight!r} had no effect in older Keras, and has none here. "
            f"Write a dict: class_weight={line}.",
            stacklevel=2,
        )
        class_weight = None
        if sample_weight is None:
            return None
    names = model.output_names if getattr(model, "_plan", None) is not None else ["output"]
    given = _for_outputs(sample_weight, names, "sample_weight")
    classes = _for_outputs(class_weight, names, "class_weight", _is_class_weight)
    columns = y if isinstance(y, list) and len(names) > 1 else [y]
    found = [
        _weight(model, one, own, of_classes, i) for i, (one, own, of_classes) in enumerate(zip(columns, given, classes))
    ]
    return None if all(w is None for w in found) else _one_or_list(found)


def _weight(model, y, own, of_classes, index):
    if own is not None:
        own = data_module.as_array(own, "sample_weight")
    if own is not None and own.ndim > 1 and not model._weighs_steps(index) and own.shape[1:] != (1,):
        raise ValueError(
            f"sample_weight has the shape {own.shape}, which weighs the steps of each sample. "
            f"Write: model.compile(..., sample_weight_mode='temporal')."
        )
    if of_classes is None:
        return own
    if not isinstance(of_classes, dict):
        raise ValueError(
            f"class_weight must be a dict from classes to weights. Received: {of_classes!r}. "
            f"Write: class_weight=dict(enumerate(weights))"
        )
    if y is None:
        raise ValueError("class_weight needs targets, but there are none.")
    if len(y.shape) > 2:
        raise ValueError(
            f"class_weight is for targets of one class a sample. These have the shape {tuple(y.shape)}. "
            f"Write: sample_weight=..., and compile with sample_weight_mode='temporal'."
        )
    found = data_module.class_weights(y, {int(key): value for key, value in of_classes.items()})
    return found if own is None else found * own.reshape(found.shape)


def _is_class_weight(value):
    return isinstance(value, dict) and all(isinstance(key, (int, np.integer)) for key in value)


def _for_outputs(given, names, what, is_one=lambda value: False):
    """An entry of ``given`` for each output."""
    if given is None:
        return [None] * len(names)
    if is_one(given):
        if len(names) > 1:
            raise ValueError(f"{what}: the model has {len(names)} outputs. Give a dict by output name: {names}.")
        return [given]
    if isinstance(given, dict):
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(f"{what} names {unknown}, but the outputs are called {names}.")
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and (len(names) > 1 or len(given) == 1 and np.ndim(given[0])):
        if len(given) != len(names):
            raise ValueError(f"{what} has {len(given)} entries, but the model has {len(names)} outputs: {names}.")
        return list(given)
    return [given] * (1 if len(names) == 1 else len(names))


def _columns(data, names, symbols, what, needed):
    """A list of arrays, one for each of ``names``; ``symbols`` have the shapes, where these are known."""
    if isinstance(data, dict):
        missing = [name for name, need in zip(names, needed) if need and name not in data]
        if missing:
            raise ValueError(
                f"Error when checking {what}: nothing was given for {missing}. Expected the names {names}. "
                f"Received: {list(data)}."
            )
        found = [data.get(name) for name in names]
    elif len(names) == 1:
        found = [_only(data, symbols[0])]
    elif isinstance(data, (list, tuple)) and len(data) == len(names):
        found = list(data)
    else:
        count = len(data) if isinstance(data, (list, tuple)) else 1
        raise ValueError(
            f"Error when checking {what}: the model has {len(names)} {what}s, {names}, and takes a list of as many "
            f"arrays. Received: {count}."
        )
    return [
        None if value is None else _fitting(value, name, symbol, what)
        for value, name, symbol in zip(found, names, symbols)
    ]


def _only(data, symbol):
    """The array for the only input, which may stand in a list of its own."""
    if not isinstance(data, (list, tuple)):
        return data
    if len(data) == 1 and hasattr(data[0], "shape"):
        if symbol is None or len(data[0].shape) in (len(symbol.shape), 1):
            return data[0]
    if len(data) > 1 and all(hasattr(item, "shape") and len(item.shape) > 1 for item in data):
        if symbol is not None and len(data[0].shape) == len(symbol.shape):
            raise ValueError(
                f"Error when checking input: the model has one input, but {len(data)} arrays were given, of the shapes "
                f"{[tuple(item.shape) for item in data]}."
            )
    return np.asarray(data)


def _fitting(value, name, symbol, what):
    array = data_module.as_array(value, name)
    shape = getattr(array, "shape", None)
    if shape is None or symbol is None:
        return _on_two_axes(array) if len(shape or ()) == 1 else array
    expected = symbol.shape
    if len(shape) == 1 and len(expected) == 2:
        array, shape = _on_two_axes(array), (*shape, 1)
    if len(shape) != len(expected):
        trimmed = min(shape, expected, key=len), max(shape, expected, key=len)
        if what == "input" and len(trimmed[1]) - len(trimmed[0]) == 1 and trimmed[1][-1] == 1:
            return array
        raise ValueError(
            f"Error when checking {what}: {name!r} takes arrays of {len(expected)} axes, {tuple(expected)}. "
            f"Received an array of the shape {tuple(shape)}."
        )
    for found, wanted in zip(shape[1:], expected[1:]):
        if wanted is not None and found is not None and found != wanted:
            raise ValueError(
                f"Error when checking {what}: {name!r} takes arrays of the shape {tuple(expected)}. "
                f"Received an array of the shape {tuple(shape)}."
            )
    return array


def _is_flat(y):
    return hasattr(y, "shape") and len(y.shape) == 1


def _on_two_axes(array):
    array = array.to_numpy() if hasattr(array, "to_numpy") else array
    return array[:, None]


def _one_or_list(found):
    return found[0] if len(found) == 1 else found


def samples(x):
    """The number of samples in ``x``, or None."""
    leaves = [leaf for leaf in flatten([x]) if getattr(leaf, "shape", ())]
    return int(leaves[0].shape[0]) if leaves else None
