"""``save_weights`` and ``load_weights``: the state of a model's objects alone."""

import contextlib
import os

from kbridge.saving import atomic, state
from kbridge.saving.errors import CorruptFileError
from kbridge.saving.models import content, may_write, name_of, open_weights, opened
from kbridge.saving.parse_hdf5 import Hdf5
from kbridge.saving.parse_json import parse_json
from kbridge.saving.parse_zip import Archive
from kbridge.saving.shards import Shards, write_shards
from kbridge.saving.write_hdf5 import Hdf5Writer


def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Write the weights of ``model``, and the state of its optimizer, to a ``.weights.h5`` file.

    Args:
        model: a Model.
        filepath: where to; the name ends in ".weights.h5", or in ".weights.json" with ``max_shard_size``.
        overwrite: whether a file that is there may be replaced. Otherwise the user is asked, at a terminal.
        max_shard_size: gigabytes. The weights go into several files, none with more, and ``filepath`` is their index.
    """
    filepath = os.fspath(filepath)
    if kwargs:
        raise TypeError(f"save_weights() does not know the argument(s) {sorted(kwargs)}.")
    ending = ".weights.h5" if max_shard_size is None else ".weights.json"
    if not filepath.endswith(ending):
        raise ValueError(
            f"save_weights: with max_shard_size={max_shard_size} the name of the file must end in {ending!r}. "
            f"Received: filepath={filepath!r}."
        )
    _refuse_unbuilt(model, "saved")
    if not may_write(filepath, overwrite):
        return
    if max_shard_size is None:
        write_weights(model, filepath)
    else:
        write_shards(model, filepath, max_shard_size * 2**30)


def write_weights(model, filepath, **notes):
    """The file of ``save_weights``; ``notes`` are texts added to it, which others do not look at."""
    with atomic.replacing(filepath) as file, Hdf5Writer(file) as writer:
        state.save_state(model, writer)
        for name, text in notes.items():
            writer.note(f"_{name}", text)


def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Set the weights of ``model`` from a file of ``save_weights`` or ``save_model``, by its content, not its name.

    Either everything is set or nothing.

    Args:
        model: a Model, built.
        filepath: the file; a path, or a binary file object.
        skip_mismatch: whether layers that the file's weights do not fit stay as they are, with a warning.
        objects_to_skip: layers (or other objects in the model) to leave alone.
    """
    skipped = kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(
            f"load_weights() does not know the argument(s) {sorted(kwargs)}. Weights are found by their place in "
            f"the model, as Keras 3 keeps them."
        )
    _refuse_unbuilt(model, "loaded")
    with open_source(filepath) as source:
        state.load_state(model, source, skip_mismatch, skipped)


def read_weights(model, filepath, note):
    """Set the weights from a file of ``write_weights``; returns the data in one of its notes (a text of JSON)."""
    with open_source(filepath) as source:
        path = f"_{note}"
        if path not in source.entries or source.entries[path].dtype != "uint8":
            raise CorruptFileError(filepath, path, "this part is missing.")
        found = parse_json(source.read(path).tobytes(), filepath, path)
        state.load_state(model, source)
    return found


@contextlib.contextmanager
def open_source(filepath):
    """The ``Hdf5`` with the weights in a file."""
    name = name_of(filepath)
    with opened(filepath) as file:
        kind = content(file)
        if kind == "zip":
            source = open_weights(Archive(file, name))
        elif kind == "hdf5":
            source = Hdf5(file, name)
        elif kind == "json" and not hasattr(filepath, "read"):
            source = Shards(file, name)
        else:
            raise CorruptFileError(name, "", "it is neither a .weights.h5 nor a .keras file.")
        with source:
            yield source


def _refuse_unbuilt(model, done):
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' is not built yet, so it has no weights that can be {done}. Call it on data first, "
            f"or write: model.build(input_shape)."
        )
