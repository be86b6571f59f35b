"""``keras.engine``: the names that programs import from there and from its modules.

What these modules used among themselves to prepare data and run batches has no counterpart here.
"""

from kbridge.backend import symbolic
from kbridge.compat.layers import nodes
from kbridge.lazy import later

_HOMES = {
    "layers": "Input InputLayer InputSpec Layer disable_tracking",
    "models": "Model Sequential load_model model_from_config model_from_json model_from_yaml save_model",
    "utils": (
        "GeneratorEnqueuer H5Dict HDF5_OBJECT_HEADER_LIMIT OrderedEnqueuer Progbar Sequence "
        "ask_to_proceed_with_overwrite count_params get_source_inputs has_arg is_all_none load_from_binary_h5py "
        "object_list_uid print_summary save_to_binary_h5py slice_arrays to_list unpack_singleton"
    ),
}
_HOMES["engine._groups"] = (
    "load_attributes_from_hdf5_group load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name "
    "preprocess_weights_for_loading save_attributes_to_hdf5_group save_weights_to_hdf5_group"
)
_find, _ = later("kbridge.compat.keras2", names={module: text.split() for module, text in _HOMES.items()})
_OTHERS = {"Network": "Model", "Container": "Model", "print_layer_summary": "print_summary"}  # by their names of today
_MODULES = (
    "base_layer input_layer network saving sequential topology training training_arrays training_generator "
    "training_utils"
).split()


class _IsAnyNode(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, nodes.Node)


class Node(nodes.Node, metaclass=_IsAnyNode):
    """An application of a layer, told by hand: that ``outbound_layer`` makes the outputs of the inputs.

    Who made the inputs and which shapes they have, the tensors say themselves.
    """

    def __init__(
        self,
        outbound_layer,
        inbound_layers,
        node_indices,
        tensor_indices,
        input_tensors,
        output_tensors,
        input_masks,
        output_masks,
        input_shapes,
        output_shapes,
        arguments=None,
    ):
        given, outputs = list(input_tensors), list(output_tensors)
        args = () if given == outputs else (given[0] if len(given) == 1 else given,)
        made = symbolic.Node(outbound_layer, args, dict(arguments or {}), outputs[0] if len(outputs) == 1 else outputs)
        outbound_layer._nodes.append(made)
        for output, mask in zip(outputs, output_masks or ()):
            output.mask = mask
        super().__init__(made)


def make_batches(size, batch_size):
    """(begin, end) of each batch of ``size`` samples."""
    return [(begin, min(size, begin + batch_size)) for begin in range(0, size, batch_size)]


def batch_shuffle(index_array, batch_size):
    """The indices with whole batches in a random order; those that fill no batch stay last."""
    import numpy as np

    full = len(index_array) // batch_size * batch_size
    batches = np.asarray(index_array[:full]).reshape(-1, batch_size)
    return np.append(batches[np.random.permutation(len(batches))].ravel(), index_array[full:])


def is_sequence(seq):
    """Whether ``seq`` is a Sequence, or is read like one."""
    return hasattr(seq, "use_sequence_api") or {"__len__", "__getitem__", "on_epoch_end"} <= set(dir(seq))


def is_generator_or_sequence(x):
    """Whether ``x`` gives batches by itself."""
    return hasattr(x, "__next__") or is_sequence(x)


def iter_sequence_infinite(seq):
    """The items of ``seq``, over and over."""
    while True:
        yield from seq


def should_run_validation(validation_freq, epoch):
    """Whether the epoch with this index ends with a validation."""
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def fit_generator(model, *args, **kwargs):
    """``model.fit_generator(...)``."""
    return model.fit_generator(*args, **kwargs)


def evaluate_generator(model, *args, **kwargs):
    """``model.evaluate_generator(...)``."""
    return model.evaluate_generator(*args, **kwargs)


def predict_generator(model, *args, **kwargs):
    """``model.predict_generator(...)``."""
    return model.predict_generator(*args, **kwargs)


def __getattr__(name):
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    return _find(_OTHERS.get(name, name))


def __dir__():
    return sorted({*globals(), *_MODULES, *_OTHERS, *(n for text in _HOMES.values() for n in text.split())})


_BEHIND = (*_MODULES, "later", "nodes", "symbolic")
__all__ = [name for name in __dir__() if not name.startswith("_") and name not in _BEHIND]
