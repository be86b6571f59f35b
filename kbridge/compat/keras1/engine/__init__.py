"""``keras.engine`` of Keras 1, with the names of ``engine.topology`` and ``engine.training``."""
# ruff: noqa: F401 (this is an index)

import numpy as np

from kbridge import config
from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten
from kbridge.compat.generic import func_dump, func_load, object_list_uid, slice_arrays, to_list
from kbridge.compat.keras1.layers import Input, InputLayer, InputSpec, Layer, Merge, merge
from kbridge.compat.keras2.engine import Node
from kbridge.lazy import later

_find, _listed = later(
    "kbridge.compat.keras1",
    names={"models": ["Model"], "utils": ["GeneratorEnqueuer", "Progbar", "ask_to_proceed_with_overwrite"]},
)
_MODULES = ("topology", "training")


def __getattr__(name):
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    return _find("Model" if name == "Container" else name)


def __dir__():
    return sorted({*globals(), *_MODULES, *_listed(), "Container"})


def get_source_inputs(tensor, layer=None, node_index=None):
    """The inputs that a symbol was computed from; of one that ``layer`` made at ``node_index``, if these are told."""
    from kbridge.compat.backend import graph

    if not isinstance(tensor, KerasTensor):
        return [tensor]
    if layer is not None and layer._nodes:
        tensor = flatten(layer._nodes[node_index or 0].outputs)[0]
    return graph.sources([tensor])


# -- what training did with data


def make_batches(size, batch_size):
    """(begin, end) of each batch of ``size`` samples."""
    return [(begin, min(size, begin + batch_size)) for begin in range(0, size, batch_size)]


def batch_shuffle(index_array, batch_size):
    """The indices with whole batches in a random order; those that fill no batch stay last."""
    full = len(index_array) // batch_size * batch_size
    batches = np.asarray(index_array[:full]).reshape(-1, batch_size)
    return np.append(batches[np.random.permutation(len(batches))].ravel(), index_array[full:])


def slice_X(X, start=None, stop=None):  # noqa: N802, N803 (its name, and that of its argument)
    """Rows of an array, or of each in a list: from ``start`` to ``stop``, or those that ``start`` lists."""
    return slice_arrays(X, start, stop)


def collect_metrics(metrics, output_names):
    """A list of metrics for each output."""
    if not metrics:
        return [[] for _ in output_names]
    if isinstance(metrics, list):
        return [list(metrics) for _ in output_names]
    if isinstance(metrics, dict):
        return [to_list(metrics.get(name, [])) for name in output_names]
    raise TypeError(f"metrics must be a list, or a dict by the names of outputs. Received: {metrics!r}.")


def check_array_lengths(inputs, targets, weights):
    """Refuse arrays of different numbers of samples."""
    counts = {}
    for what, arrays in (("inputs", inputs), ("targets", targets), ("sample weights", weights)):
        found = sorted({x.shape[0] for x in arrays})
        if len(found) != 1:
            raise ValueError(f"All {what} must have the same number of samples. Received arrays of {found}.")
        counts[what] = found[0]
    if len(set(counts.values())) != 1:
        raise ValueError(f"Inputs, targets and weights must have the same number of samples. Received: {counts}.")


_SAME_SHAPE = ("mean_square_error", "mean_squared_error", "binary_crossentropy", "categorical_crossentropy")


def check_loss_and_target_compatibility(targets, losses, output_shapes):
    """Refuse targets whose shapes do not suit the losses."""
    for y, loss, shape in zip(targets, losses, output_shapes):
        name = getattr(loss, "__name__", None)
        if name == "categorical_crossentropy" and y.shape[-1] == 1:
            raise ValueError(
                f"categorical_crossentropy takes targets of 0 and 1, one column for each class. Received targets of "
                f"the shape {y.shape}. Write: to_categorical(y), or the loss 'sparse_categorical_crossentropy'."
            )
        if name in _SAME_SHAPE and any(n is not None and m != n for m, n in zip(y.shape[1:], shape[1:])):
            raise ValueError(f"The loss {name} takes targets of the shape of the output, {shape}. Received: {y.shape}.")


def standardize_input_data(data, names, shapes=None, check_batch_axis=True, exception_prefix=""):
    """``data`` as a list of arrays, one for each of ``names``, with at least two axes.

    Args:
        data: an array, a list of arrays, or a dict from names to arrays.
        names: what they are called.
        shapes: the shapes that they must have; None in them is anything.
        check_batch_axis: whether the first axis must fit, too.
        exception_prefix: what messages call them.
    """
    what = exception_prefix or "data"
    if isinstance(data, dict):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"Nothing was given for {missing} among the {what}. Expected the names {names}.")
        arrays = [data[name] for name in names]
    else:
        arrays = list(data) if isinstance(data, list) and (len(names) > 1 or hasattr(data[0], "shape")) else [data]
    if len(arrays) != len(names):
        raise ValueError(f"Expected {len(names)} arrays as {what}: {names}. Received {len(arrays)}.")
    arrays = [np.asarray(x) for x in arrays]
    arrays = [x[:, None] if x.ndim == 1 else x for x in arrays]
    first = 0 if check_batch_axis else 1
    for x, name, shape in zip(arrays, names, shapes or [None] * len(names)):
        if shape is None:
            continue
        unequal = any(n is not None and m != n for m, n in list(zip(x.shape, shape))[first:])
        if x.ndim != len(shape) or unequal:
            raise ValueError(f"{what}: {name} must have the shape {tuple(shape)}. Received the shape {x.shape}.")
    return arrays


def standardize_sample_or_class_weights(x_weight, output_names, weight_type):
    """An entry of ``x_weight`` for each output; None where there is none."""
    if x_weight is None or len(x_weight) == 0:
        return [None] * len(output_names)
    if len(output_names) == 1:
        if isinstance(x_weight, list) and len(x_weight) == 1:
            return x_weight
        if isinstance(x_weight, dict) and output_names[0] in x_weight:
            return [x_weight[output_names[0]]]
        return [x_weight]
    if isinstance(x_weight, list):
        if len(x_weight) != len(output_names):
            raise ValueError(
                f"{weight_type} has {len(x_weight)} entries, but the model has {len(output_names)} outputs."
            )
        return x_weight
    if isinstance(x_weight, dict):
        return [x_weight.get(name) for name in output_names]
    raise TypeError(
        f"The model has several outputs, so {weight_type} must be a list, or a dict by their names {output_names}. "
        f"Received: {x_weight!r}."
    )


def standardize_class_weights(class_weight, output_names):
    """A dict from classes to weights for each output."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight, output_names):
    """Weights of samples for each output."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def standardize_weights(y, sample_weight=None, class_weight=None, sample_weight_mode=None):
    """A weight for each sample of ``y`` (for each step, in the mode "temporal")."""
    if sample_weight_mode not in (None, "temporal"):
        raise ValueError(f"sample_weight_mode must be None or 'temporal'. Received: {sample_weight_mode!r}.")
    axes = 1 if sample_weight_mode is None else 2
    if axes == 2 and y.ndim < 3:
        raise ValueError(f"Steps are weighted in targets of at least 3 axes. These have the shape {y.shape}.")
    if sample_weight is not None:
        if sample_weight.ndim != axes or y.shape[:axes] != sample_weight.shape:
            raise ValueError(
                f"sample_weight must have the shape {y.shape[:axes]} here. Received the shape {sample_weight.shape}."
            )
        return sample_weight
    if isinstance(class_weight, dict):
        if y.ndim > 2:
            raise ValueError(f"class_weight is for targets of up to 2 axes. These have the shape {y.shape}.")
        classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
        return np.asarray([class_weight[int(c)] for c in classes])
    return np.ones(y.shape[:axes], config.floatx())


def weighted_objective(fn):
    """A function of (targets, predictions, weights, mask) from a loss function of (targets, predictions)."""

    def weighted(y_true, y_pred, weights, mask=None):
        from kbridge.compat.keras1 import backend as K  # noqa: N812 (what it has always been called)

        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask / K.mean(mask)
        axes = 0 if weights is None else K.ndim(weights)
        if K.ndim(score) > axes and weights is not None:
            score = K.mean(score, axis=list(range(axes, K.ndim(score))))
        if weights is not None:
            score = score * weights / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted
