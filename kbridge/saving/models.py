"""``save_model`` and ``load_model``: whole models in Keras 3's own format.

A ``.keras`` file is a zip of config.json (what the model is), metadata.json (who wrote it, when),
model.weights.h5 (the state of all objects) and assets/ (what layers keep in files of their own).
"""

import contextlib
import json
import os
import sys
import tempfile
import time
import zipfile

from kbridge import __version__, objects
from kbridge.saving import atomic, old_hdf5, saved_model, state
from kbridge.saving.check import allowing, check_config
from kbridge.saving.errors import CorruptFileError, FileRefusedError, UnsafeFileError
from kbridge.saving.parse_hdf5 import SIGNATURE, Hdf5
from kbridge.saving.parse_json import LARGEST, parse_json
from kbridge.saving.parse_zip import Archive
from kbridge.saving.safetensors import is_safetensors
from kbridge.saving.write_hdf5 import Hdf5Writer
from kbridge.saving.write_old import is_old_name, write_old_model

KERAS_VERSION = "3.15.1"  # whose format it is

_CONFIG, _METADATA, _WEIGHTS, _ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"
_LARGEST_ASSET = 1 << 30
_SPARE = 64 << 20  # bytes that a model's variables may take beyond twice those in its file


# -- writing


def save_model(model, filepath, overwrite=True, zipped=None, include_optimizer=True, save_format=None, **kwargs):
    """Write ``model`` to a file: what it is, its weights, and how it is trained.

    Args:
        model: a Model.
        filepath: where to. A name in ".keras" makes a file of Keras 3's own format, one in ".h5" or ".hdf5" an HDF5
            file as Keras 2 wrote them.
        overwrite: whether a file that is there may be replaced. Otherwise the user is asked, at a terminal.
        zipped: ``.keras`` files are zipped; False (a folder) is not supported.
        include_optimizer: whether an HDF5 file says how the model is trained; a ``.keras`` file always does.
        save_format: "keras" or "h5", where the name does not tell.
    """
    filepath = os.fspath(filepath)
    if save_format not in (None, "keras", "h5", "hdf5"):
        raise ValueError(f"save_model: save_format must be 'keras' or 'h5'. Received: save_format={save_format!r}.")
    if save_format in ("h5", "hdf5") or (save_format is None and is_old_name(filepath)):
        if kwargs:
            raise TypeError(f"save_model() does not know the argument(s) {sorted(kwargs)}.")
        if may_write(filepath, overwrite):
            write_old_model(model, filepath, include_optimizer)
        return
    if not include_optimizer:
        kwargs["include_optimizer"] = include_optimizer
    if kwargs:
        raise TypeError(
            f"save_model() does not know the argument(s) {sorted(kwargs)}. A .keras file always holds the optimizer "
            f"of a compiled model; the format goes by the name of the file."
        )
    if zipped is False:
        raise NotImplementedError("save_model: zipped=False is not supported. Leave it out to write one .keras file.")
    if not filepath.endswith(".keras"):
        raise ValueError(
            f"save_model: the name of the file must end in '.keras', or in '.h5' for an HDF5 file. "
            f"Received: filepath={filepath!r}. For the weights alone write: model.save_weights('....weights.h5')."
        )
    if not may_write(filepath, overwrite):
        return
    with objects.sharing(), objects.doubts() as doubts:
        config = objects.serialize_keras_object(model)
    doubts.tell(model)
    config = json.dumps(config).encode("utf-8")
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S"),
        "kbridge_version": __version__,
    }
    with atomic.replacing(filepath) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, config)
        with atomic.scratch(filepath) as weights:
            with Hdf5Writer(weights) as writer:
                state.save_state(model, writer)
            weights.seek(0)
            _copy(weights, archive, _WEIGHTS)
        with tempfile.TemporaryDirectory() if state.has_assets(model) else contextlib.nullcontext() as folder:
            for name in state.save_assets(model, folder) if folder else ():
                with open(os.path.join(folder, *name.split("/")), "rb") as asset:
                    _copy(asset, archive, _ASSETS + name)


def may_write(filepath, overwrite):
    """Whether ``filepath`` may be written; a person at a terminal is asked where ``overwrite`` is False."""
    if overwrite or not os.path.exists(filepath):
        return True
    if not sys.stdin or not sys.stdin.isatty():
        raise FileExistsError(f"{filepath} exists already. Write overwrite=True to replace it.")
    return input(f"{filepath} exists already. Replace it? [y/n] ").strip().lower() in ("y", "yes")


def _copy(file, archive, name):
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.external_attr = 0o600 << 16
    with archive.open(info, "w", force_zip64=True) as target:
        while piece := file.read(1 << 20):
            target.write(piece)


# -- reading


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True, report=False):
    """The model in a file of any generation of Keras, by its content, not its name.

    Args:
        filepath: the file; a path, or a binary file object. Also the path of a folder that tf.keras saved.
        custom_objects: what names of your own stand for: classes and functions by their names, and functions
            by the names of Lambda layers whose code the file holds.
        compile: whether the model is compiled as it was, its optimizer's state included.
        safe_mode: kept for Keras's sake: code in a file is never run, in either mode.
        report: whether to return a pair, the model and a ``Report`` of what was in the file and what was converted.
    """
    if report:
        from kbridge.saving.report import inspect

        found = inspect(filepath, custom_objects)
        return load_model(filepath, custom_objects, compile, safe_mode), found
    name = name_of(filepath)
    if saved_model.is_saved_model(filepath):
        return _build_old(saved_model.opened(filepath), custom_objects, compile)
    with opened(filepath) as file:
        kind = content(file)
        if kind == "zip":
            return _load(Archive(file, name), custom_objects, compile)
        if kind == "hdf5":
            with Hdf5(file, name) as source:
                return _load_old(source, custom_objects, compile)
        raise CorruptFileError(name, "", f"it is no file of a model, but {_SAYS[kind]}")


def name_of(filepath):
    """What a file, given by its path or as a file object, is called in errors."""
    return str(getattr(filepath, "name", "<file>")) if hasattr(filepath, "read") else os.fspath(filepath)


def opened(filepath):
    """``filepath`` as a binary file object to be used in a ``with``; one of the caller's is left open."""
    if hasattr(filepath, "read"):
        return contextlib.nullcontext(filepath)
    filepath = os.fspath(filepath)
    if os.path.isdir(filepath):
        why = f"it is a folder without {saved_model.MODEL}. Models are read from .keras files."
        raise CorruptFileError(filepath, "", f"{why}{saved_model.checkpoints_in(filepath)}")
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"There is no file {filepath!r}.")
    return open(filepath, "rb")


def content(file):
    """What a file holds, by its first bytes: "zip", "hdf5", "safetensors", "json", "empty" or "other"."""
    file.seek(0)
    head = file.read(9)
    if is_safetensors(head):
        return "safetensors"
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if head.lstrip()[:1] == b"{":
        return "json"
    return "hdf5" if head[:8] == SIGNATURE else "other" if head else "empty"


_SAYS = {
    "json": "JSON. If it is a model's config, write: kbridge.models.model_from_json(...).",
    "safetensors": "a .safetensors file. Make the model and write: model.load_weights(...).",
    "empty": "empty.",
    "other": "something else.",
}


def _load(archive, custom_objects, compile):
    """parse -> check -> build."""
    name = archive.name
    for member in (_CONFIG, _METADATA):
        if member not in archive.members:
            raise CorruptFileError(name, member, "this part of a .keras file is missing.")
    metadata = parse_json(archive.read(_METADATA, LARGEST), name, _METADATA)
    if not isinstance(metadata, dict):
        raise CorruptFileError(name, _METADATA, "it is no object.")
    config = parse_json(archive.read(_CONFIG, LARGEST), name, _CONFIG)
    with open_weights(archive) as source:
        config = check_config(config, name, _CONFIG, custom_objects, compile)
        if "kbridge_version" not in metadata and config.get("compile_config"):
            config["compile_config"].pop("jit_compile", None)  # what Keras chose for its engine is no choice for ours
        with allowing(2 * state.total_bytes(source.entries.values()) + _SPARE, name, _CONFIG):
            model = build(config, custom_objects, name)
        state.load_state(model, source)
    _load_assets(model, archive)
    return model


def _load_old(source, custom_objects, compile):
    """The same for HDF5 files."""
    name = source.name
    if not old_hdf5.is_old(source):
        raise CorruptFileError(name, "", "it holds weights alone. Make the model and write: model.load_weights(...).")
    return _build_old(old_hdf5.OldFile(source), custom_objects, compile)


def _build_old(old, custom_objects, compile):
    name, source, borrowed = old.name, old.source, {}
    with objects.CustomObjectScope(custom_objects):
        config = old_hdf5.config_of(old, borrowed)
    custom_objects = {**borrowed, **(custom_objects or {})}
    config = check_config(config, name, old.config_place, custom_objects, compile)
    most = 2 * state.total_bytes(source.entries.values()) + _SPARE
    with allowing(most, name, old.config_place):
        model = build(config, custom_objects, name, old.config_place)
    old_hdf5.load_old_weights(model, old)
    if compile:
        with allowing(most, name, "training_config"):
            old_hdf5.compile_old(model, old, custom_objects)
    return model


def open_weights(archive):
    """The ``Hdf5`` in a .keras file."""
    if _WEIGHTS not in archive.members:
        if "model.weights.npz" in archive.members:
            raise UnsafeFileError(
                archive.name, "model.weights.npz", "such weights are pickled, and nothing is unpickled."
            )
        raise CorruptFileError(archive.name, _WEIGHTS, "this part of a .keras file is missing.")
    file = tempfile.TemporaryFile()
    try:
        archive.copy(_WEIGHTS, file)
        return Hdf5(file, archive.name, _WEIGHTS, owned=True)
    except BaseException:
        file.close()
        raise


def build(config, custom_objects, name, place=_CONFIG):
    from kbridge.models import Model

    try:
        with objects.sharing():
            model = objects.deserialize_keras_object(config, custom_objects=custom_objects)
    except FileRefusedError:
        raise
    except Exception as error:  # whatever a config that is not right leads to
        why = f"no model can be built from it. {type(error).__name__}: {str(error)[:2000]}"
        raise CorruptFileError(name, place, why) from error
    if not isinstance(model, Model) and not hasattr(model, "save"):  # a FeatureSpace has, and is no Model
        raise CorruptFileError(name, place, f"it describes a {type(model).__name__}, not a model.")
    return model


def _load_assets(model, archive):
    names = [name for name in archive.members if name.startswith(_ASSETS) and not name.endswith("/")]
    if not names:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in names:  # whose parts were seen to be plain names
            target = os.path.join(folder, *name.removeprefix(_ASSETS).split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if archive.members[name].file_size > _LARGEST_ASSET:
                raise UnsafeFileError(archive.name, name, f"it has more than {_LARGEST_ASSET:,} bytes.")
            with open(target, "xb") as file:
                archive.copy(name, file)
        state.load_assets(model, folder, archive.name)
