"""Weights in a group of an open HDF5 file: what programs call of ``keras.engine.saving`` by themselves."""

import numpy as np

from kbridge.saving import old_configs
from kbridge.saving.old_weights import MisfitError, Origin, fitted, weights_of
from kbridge.saving.write_old import named, write_arrays, write_names


def load_attributes_from_hdf5_group(group, name):
    """A list of names in an attribute of ``group``, or in several that are numbered."""
    if name in group.attrs:
        return _texts(group.attrs[name])
    found = []
    while f"{name}{len(found)}" in group.attrs:
        found.append(_texts(group.attrs[f"{name}{len(found)}"]))
    return [text for part in found for text in part]


def save_attributes_to_hdf5_group(group, name, data):
    """Write a list of names as an attribute of ``group``, or as several where it is too long for one."""
    write_names(group, name, _texts(data))


def save_weights_to_hdf5_group(group, layers):
    """Write the weights of ``layers`` into ``group``, a group for each."""
    group.attrs.update(keras_version="2.3.1", backend="tensorflow")
    write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        write_arrays(group.create_group(layer.name), named(layer))


def load_weights_from_hdf5_group(f, layers, reshape=False):
    """Set the weights of ``layers`` from the group ``f``, which holds as many layers with weights, in their order."""
    own = [layer for layer in layers if weights_of(layer)]
    stored = [(name, arrays) for name, arrays in _stored(f) if arrays]
    if len(own) != len(stored):
        raise ValueError(
            f"{f.name} holds weights of {len(stored)} layers, and {len(own)} layers with weights were given. To load "
            f"what they have in common, write: load_weights_from_hdf5_group_by_name(f, layers)."
        )
    _set([(layer, arrays) for layer, (_, arrays) in zip(own, stored)], f, reshape, skip_mismatch=False)


def load_weights_from_hdf5_group_by_name(f, layers, skip_mismatch=False, reshape=False):
    """Set the weights of those ``layers`` that the group ``f`` holds layers of the same name for."""
    stored = dict(_stored(f))
    pairs = [(layer, stored[layer.name]) for layer in layers if stored.get(layer.name)]
    _set(pairs, f, reshape, skip_mismatch)


def preprocess_weights_for_loading(layer, weights, original_keras_version=None, original_backend=None, reshape=False):
    """Arrays from a file as ``layer.set_weights`` takes them."""
    names = [f"array_{number}" for number in range(len(weights))]
    return [
        array for _, array in _fitted(layer, zip(names, weights), original_keras_version, original_backend, reshape)
    ]


def _stored(f):
    """Pairs (a layer's name, [(an array's name, the array)])."""
    return [
        (name, [(key, np.asarray(f[name][key])) for key in load_attributes_from_hdf5_group(f[name], "weight_names")])
        for name in load_attributes_from_hdf5_group(f, "layer_names")
    ]


def _set(pairs, f, reshape, skip_mismatch):
    """Set all the weights, or none where one does not fit."""
    import warnings

    version, backend = (_text(f.attrs[key]) if key in f.attrs else None for key in ("keras_version", "backend"))
    found = []
    for layer, arrays in pairs:
        try:
            found += _fitted(layer, arrays, version, backend, reshape)
        except MisfitError as error:
            if not skip_mismatch:
                raise ValueError(f"{f.name}: {error}") from None
            warnings.warn(f"{f.name}: {error} It is left as it is.", stacklevel=3)
    for variable, array in found:
        variable.assign(array)


def _fitted(layer, arrays, version, backend, reshape):
    arrays = list(arrays)
    values = [np.asarray(array) for _, array in arrays]
    if reshape:
        shapes = [tuple(variable.shape) for variable in weights_of(layer)]
        values = [a.reshape(s) if a.size == np.prod(s) else a for a, s in zip(values, shapes)] + values[len(shapes) :]
    origin = Origin(old_configs.era_of(version) if version else 2, backend == "theano")
    return fitted(layer, values, origin, [name for name, _ in arrays])


def _texts(values):
    return [_text(value) for value in values]


def _text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
