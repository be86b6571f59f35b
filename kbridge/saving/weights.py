"""``save_weights`` and ``load_weights``: the state of a model's objects alone."""

import contextlib
import json
import os
import zlib
from collections.abc import Mapping

import numpy as np

from kbridge.backend.variable import numpy_dtype
from kbridge.saving import atomic, old_hdf5, saved_model, state
from kbridge.saving.errors import CorruptFileError
from kbridge.saving.models import content, may_write, name_of, open_weights, opened
from kbridge.saving.npz import Npz, is_npz, write_npz
from kbridge.saving.parse_hdf5 import Hdf5
from kbridge.saving.parse_json import parse_json
from kbridge.saving.parse_zip import Archive
from kbridge.saving.safetensors import SafeTensors, write_safetensors
from kbridge.saving.shards import Shards, write_shards
from kbridge.saving.unzipped import Unzipped, is_unzipped
from kbridge.saving.write_hdf5 import Hdf5Writer
from kbridge.saving.write_old import is_old_name, write_old_weights


def save_weights(model, filepath, overwrite=True, max_shard_size=None, save_format=None, **kwargs):
    """Write the weights of ``model`` to a file.

    Args:
        model: a Model.
        filepath: where to. A name in ".weights.h5" (".weights.json" with ``max_shard_size``) makes a file of Keras 3,
            with the state of the optimizer, so does one in ".safetensors" or ".npz"; one in ".h5" or ".hdf5" makes an
            HDF5 file as Keras 2 wrote them.
        overwrite: whether a file that is there may be replaced. Otherwise the user is asked, at a terminal.
        save_format: "h5" for a file as Keras 2 wrote them, whatever its name.
        max_shard_size: gigabytes. The weights go into several files, none with more, and ``filepath`` is their index.
    """
    filepath = os.fspath(filepath)
    if kwargs:
        raise TypeError(f"save_weights() does not know the argument(s) {sorted(kwargs)}.")
    if max_shard_size is None and (save_format in ("h5", "hdf5") or is_old_name(filepath)):
        _refuse_unbuilt(model, "saved")
        if may_write(filepath, overwrite):
            write_old_weights(model, filepath)
        return
    ending = ".weights.h5" if max_shard_size is None else ".weights.json"
    if max_shard_size is None:
        ending = next((other for other in _OTHERS if filepath.endswith(other)), ending)
    if not filepath.endswith(ending):
        raise ValueError(
            f"save_weights: with max_shard_size={max_shard_size} the name of the file must end in {ending!r}"
            f"{'' if max_shard_size else ', .h5, .safetensors or .npz'}. Received: filepath={filepath!r}."
        )
    _refuse_unbuilt(model, "saved")
    if not may_write(filepath, overwrite):
        return
    if ending in _OTHERS:
        _OTHERS[ending](model, filepath)
    elif max_shard_size is None:
        write_weights(model, filepath)
    else:
        write_shards(model, filepath, max_shard_size * 2**30)


_OTHERS = {".safetensors": write_safetensors, ".npz": write_npz}


def write_weights(model, filepath, training=None):
    """The file of ``save_weights``; ``training`` is added to it: plain data and arrays, which others do not look at."""
    with atomic.replacing(filepath) as file, Hdf5Writer(file) as writer:
        state.save_state(model, writer)
        if training is not None:
            arrays = []
            text = json.dumps(_without_arrays(training, arrays), default=_refuse)
            writer.note(_TRAINING, f"{zlib.crc32(text.encode('utf-8')):08x}{text}")
            store = writer.store(f"{_TRAINING}_arrays", None)
            for i, array in enumerate(arrays):
                store[str(i)] = array


_TRAINING = "_training"  # a checksum and a text of JSON, since HDF5 has no checksums of its own


def _without_arrays(value, arrays):
    """``value`` as JSON can hold it, arrays being put into the list ``arrays``."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"__array__": [len(arrays) - 1, zlib.crc32(np.ascontiguousarray(value))]}
    if isinstance(value, Mapping):
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    return [_without_arrays(item, arrays) for item in value] if isinstance(value, (list, tuple)) else value


def _with_arrays(value, read):
    if isinstance(value, dict):
        if set(value) == {"__array__"}:
            return read(*value["__array__"])
        return {key: _with_arrays(item, read) for key, item in value.items()}
    return [_with_arrays(item, read) for item in value] if isinstance(value, list) else value


def _refuse(value):
    raise TypeError(
        f"{value!r} ({type(value).__name__}) cannot be kept in a backup of training. Expected from the get_state() of "
        f"a callback: plain data and NumPy arrays."
    )


def load_weights(model, filepath, skip_mismatch=False, by_name=False, mmap=False, **kwargs):
    """Set the weights of ``model`` from a file of any generation of Keras, by its content, not its name.

    Either everything is set or nothing.

    Args:
        model: a Model, built.
        filepath: the file; a path, or a binary file object. Also the path of a folder that tf.keras, or
            ``save(..., zipped=False)``, made, and the prefix of a checkpoint of tf.keras's ``save_weights``.
        skip_mismatch: whether layers that the file's weights do not fit stay as they are, with a warning.
        by_name: whether layers are found by their names, those of other names being left alone. Only in HDF5 files
            as Keras 1 and 2 wrote them.
        mmap: whether arrays of a ``.safetensors`` file are read when they are first used, out of the file itself,
            which must not be changed in place meanwhile.
        objects_to_skip: layers (or other objects in the model) to leave alone.
    """
    skipped = kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(f"load_weights() does not know the argument(s) {sorted(kwargs)}.")
    _refuse_unbuilt(model, "loaded")
    if saved_model.is_saved_model(filepath) or saved_model.is_checkpoint(filepath):
        if by_name:
            raise _by_name_refused(os.fspath(filepath))
        old_hdf5.load_old_weights(model, saved_model.opened(filepath), False, skip_mismatch, skipped)
        return
    with open_source(filepath, mmap) as source:
        if isinstance(source, Npz) and source.plain:
            _load_list(model, source)
            return
        if isinstance(source, Hdf5) and old_hdf5.is_old(source):
            old_hdf5.load_old_weights(model, old_hdf5.OldFile(source), by_name, skip_mismatch, skipped)
            return
        if by_name:
            raise _by_name_refused(source.name)
        state.load_state(model, source, skip_mismatch, skipped)


def _by_name_refused(name):
    return ValueError(
        f"load_weights: by_name=True is for HDF5 files as Keras 1 and 2 wrote them. In {name} weights are found by "
        f"their place in the model. For layers that do not fit, write: skip_mismatch=True."
    )


def read_weights(model, filepath, prepare):
    """Set the weights from a file of ``write_weights``; returns what was added to it.

    ``prepare`` is called with that before, and may build what the weights are of.
    """
    with open_source(filepath) as source:
        if _TRAINING not in source.entries or source.entries[_TRAINING].dtype != "uint8":
            raise CorruptFileError(filepath, _TRAINING, "this part is missing.")

        def read(number, checksum):
            path = f"{_TRAINING}_arrays/vars/{number}"
            if path not in source.entries:
                raise CorruptFileError(filepath, path, "this part is missing.")
            array = source.read(path)
            if zlib.crc32(array) != checksum:
                raise CorruptFileError(filepath, path, "it is damaged: its checksum is another.")
            return array

        text = source.read(_TRAINING).tobytes()
        if text[:8] != b"%08x" % zlib.crc32(text[8:]):
            raise CorruptFileError(filepath, _TRAINING, "it is damaged: its checksum is another.")
        found = _with_arrays(parse_json(text[8:], filepath, _TRAINING), read)
        prepare(found)
        state.load_state(model, source)
    return found


@contextlib.contextmanager
def open_source(filepath, mmap=False):
    """The ``Hdf5`` with the weights in a file."""
    name = name_of(filepath)
    if is_unzipped(filepath):
        with open_weights(Unzipped(filepath)) as source:
            yield source
        return
    with opened(filepath) as file:
        kind = content(file)
        if kind == "zip":
            archive = Archive(file, name)
            source = Npz(archive) if is_npz(archive) else open_weights(archive)
        elif kind == "safetensors":
            source = SafeTensors(file, name, mmap)
        elif kind == "hdf5":
            source = Hdf5(file, name)
        elif kind == "json" and not hasattr(filepath, "read"):
            source = Shards(file, name)
        else:
            raise CorruptFileError(name, "", "it holds no weights: it is no .h5, .keras, .safetensors or .npz file.")
        with source:
            yield source


def _load_list(model, source):
    """The weights from arrays in order, as ``np.savez(file, *model.get_weights())`` writes them."""
    shapes = [source.entries[f"arr_{i}"].shape for i in range(len(source.entries))]
    expected = [tuple(variable.shape) for variable in model.weights]
    if shapes != expected:
        raise CorruptFileError(source.name, "", f"its arrays have the shapes {shapes}, and the model's are {expected}.")
    for path in source.entries:
        source.verify(path)
    for i, variable in enumerate(model.weights):
        state.put(variable, source.read(f"arr_{i}").astype(numpy_dtype(variable.dtype), copy=False))


def _refuse_unbuilt(model, done):
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' is not built yet, so it has no weights that can be {done}. Call it on data first, "
            f"or write: model.build(input_shape)."
        )
