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
from kbridge.backend.variable import UndrawableError, allowance, drawing_late
from kbridge.saving import atomic, old_configs, old_hdf5, saved_model, state
from kbridge.saving.check import allowing, check_config, tell_of_lambdas
from kbridge.saving.errors import CorruptFileError, FileRefusedError, UnsafeFileError
from kbridge.saving.old_training import compile_as_told
from kbridge.saving.parse_hdf5 import SIGNATURE, Hdf5
from kbridge.saving.parse_json import LARGEST, parse_json
from kbridge.saving.parse_zip import Archive
from kbridge.saving.safetensors import is_safetensors
from kbridge.saving.sources import ordinary
from kbridge.saving.unzipped import Unzipped, is_unzipped, write_unzipped
from kbridge.saving.write_hdf5 import Hdf5Writer
from kbridge.saving.write_old import is_old_name, write_old_model

KERAS_VERSION = "3.15.1"  # whose format it is

_CONFIG, _METADATA, _WEIGHTS, _ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets/"
_LARGEST_ASSET = 1 << 30
SPARE = 64 << 20  # bytes that a model's variables may take beyond twice those in its file


# -- writing


def save_model(model, filepath, overwrite=True, zipped=None, include_optimizer=True, save_format=None, **kwargs):
    """Write ``model`` to a file: what it is, its weights, and how it is trained.

    Args:
        model: a Model.
        filepath: where to. A name in ".keras" makes a file of Keras 3's own format, one in ".h5" or ".hdf5" an HDF5
            file as Keras 2 wrote them.
        overwrite: whether a file that is there may be replaced. Otherwise the user is asked, at a terminal.
        zipped: False makes a folder of what is in a ``.keras`` file. Its name must not end in ".keras".
        include_optimizer: whether an HDF5 file says how the model is trained; a ``.keras`` file always does.
        save_format: "keras" or "h5", where the name does not tell.
    """
    filepath = os.fspath(filepath)
    if save_format not in (None, "keras", "h5", "hdf5"):
        raise ValueError(f"save_model: save_format must be 'keras' or 'h5'. Received: save_format={save_format!r}.")
    if zipped is False and (save_format in ("h5", "hdf5") or filepath.endswith(".keras")):
        raise ValueError(
            f"save_model: zipped=False makes a folder, whose name cannot end in '.keras', and which is no HDF5 file. "
            f"Received: filepath={filepath!r}, save_format={save_format!r}."
        )
    if zipped is not False and (save_format in ("h5", "hdf5") or (save_format is None and is_old_name(filepath))):
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
    if zipped is not False and not filepath.endswith(".keras"):
        raise ValueError(
            f"save_model: the name of the file must end in '.keras', or in '.h5' for an HDF5 file. Received: "
            f"filepath={filepath!r}. For a folder write zipped=False, for the weights alone: "
            f"model.save_weights('....weights.h5')."
        )
    if not may_write(filepath, overwrite):
        return
    with objects.sharing() as shared, objects.unnamed(), objects.doubts() as doubts:
        config = shared.told(objects.serialize_keras_object(model))
    doubts.tell(model)
    tell_of_lambdas(model, config)
    config = json.dumps(config).encode("utf-8")
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S"),
        "kbridge_version": __version__,
    }
    if zipped is False:
        write_unzipped(model, filepath, {_METADATA: json.dumps(metadata).encode("utf-8"), _CONFIG: config})
        return
    with atomic.replacing(filepath) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, config)
        with atomic.scratch(filepath) as weights:
            with Hdf5Writer(weights) as writer:
                state.save_state(model, writer)
            weights.seek(0)
            copy_member(weights, archive, _WEIGHTS)
        with tempfile.TemporaryDirectory() if state.has_assets(model) else contextlib.nullcontext() as folder:
            for name in state.save_assets(model, folder) if folder else ():
                with open(os.path.join(folder, *name.split("/")), "rb") as asset:
                    copy_member(asset, archive, _ASSETS + name)


def may_write(filepath, overwrite):
    """Whether ``filepath`` may be written; a person at a terminal is asked where ``overwrite`` is False."""
    if overwrite or not os.path.exists(filepath):
        return True
    if not sys.stdin or not sys.stdin.isatty():
        raise FileExistsError(f"{filepath} exists already. Write overwrite=True to replace it.")
    return input(f"{filepath} exists already. Replace it? [y/n] ").strip().lower() in ("y", "yes")


def copy_member(file, archive, name):
    """Put what is in a binary file object into a zip file that is written, as the member ``name``."""
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.external_attr = 0o600 << 16
    with archive.open(info, "w", force_zip64=True) as target:
        while piece := file.read(1 << 20):
            target.write(piece)


# -- reading


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True, report=False):
    """The model in a file of any generation of Keras, by its content, not its name.

    Args:
        filepath: the file; a path, or a binary file object. Also the path of a folder that tf.keras, or
            ``save(..., zipped=False)``, made.
        custom_objects: what names of your own stand for: classes and functions by their names, and functions
            by the names of Lambda layers whose code the file holds.
        compile: whether the model is compiled as it was, its optimizer's state included.
        safe_mode: whether code in the file is refused. With False the bytecode of its lambdas is run: only write that
            if you trust whoever made the file.
        report: whether to return a pair, the model and a ``Report`` of what was in the file and what was converted.
    """
    if report:
        from kbridge.saving.report import inspect

        found = inspect(filepath, custom_objects, safe_mode, trial=False)
        model = load_model(filepath, custom_objects, compile, safe_mode)
        found.count(model)
        return model, found
    name = name_of(filepath)
    if saved_model.is_saved_model(filepath):
        return _build_old(saved_model.opened(filepath), custom_objects, compile, safe_mode)
    if is_unzipped(filepath):
        return _load(Unzipped(filepath), custom_objects, compile, safe_mode)
    with opened(filepath) as file:
        kind = content(file)
        if kind == "zip":
            return _load(Archive(file, name), custom_objects, compile, safe_mode)
        if kind == "hdf5":
            with Hdf5(file, name) as source:
                return _build_old(_old_file(source), custom_objects, compile, safe_mode)
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
        why = f"it is a folder, but of no model: it has neither {_CONFIG} nor {saved_model.MODEL}."
        raise CorruptFileError(filepath, "", f"{why}{saved_model.checkpoints_in(filepath)}")
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"There is no file {filepath!r}.")
    return ordinary(filepath, filepath, follow=True)


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
    "json": "JSON. A model's config is read by model_from_json(...), an index of weights by model.load_weights(...).",
    "safetensors": "a .safetensors file. Make the model and write: model.load_weights(...).",
    "empty": "empty.",
    "other": "something else. Models are read from .keras and HDF5 files, and from folders that Keras saved.",
}


def _load(archive, custom_objects, compile, safe_mode):
    """parse -> check -> build."""
    name = archive.name
    for member in (_CONFIG, _METADATA):
        if member not in archive.members:
            raise CorruptFileError(name, member, "this part of a .keras file is missing.")
    metadata = parse_json(archive.read(_METADATA, LARGEST), name, _METADATA)
    if not isinstance(metadata, dict):
        raise CorruptFileError(name, _METADATA, "it is no object.")
    config = parse_json(archive.read(_CONFIG, LARGEST), name, _CONFIG)
    told = None
    if old_configs.is_of_tf_keras(metadata):
        with objects.CustomObjectScope(custom_objects):
            config, told, borrowed = old_hdf5.of_archive(config, name, _CONFIG)
        custom_objects = {**borrowed, **(custom_objects or {})}
    with open_weights(archive) as source:
        config = check_config(config, name, _CONFIG, custom_objects, compile, safe_mode)
        if "kbridge_version" not in metadata and config.get("compile_config"):
            config["compile_config"].pop("jit_compile", None)  # what Keras chose for its engine is no choice for ours
        with _drawing_late(name, _CONFIG):
            with allowing(2 * state.total_bytes(source.entries.values()) + SPARE, name, _CONFIG):
                model = build(config, custom_objects, name)
                if compile and told:
                    with objects.CustomObjectScope(custom_objects):
                        compile_as_told(model, told, name, 2, _CONFIG)
            state.load_state(model, source)
    _load_assets(model, archive)
    return model


def _old_file(source):
    if not old_hdf5.is_old(source):
        why = "it holds weights alone. Make the model and write: model.load_weights(...)."
        raise CorruptFileError(source.name, "", why)
    return old_hdf5.OldFile(source)


def _build_old(old, custom_objects, compile, safe_mode):
    """The same for HDF5 files, and for folders of TensorFlow."""
    name, source, borrowed = old.name, old.source, {}
    with objects.CustomObjectScope(custom_objects):
        config = old_hdf5.config_of(old, borrowed)
    custom_objects = {**borrowed, **(custom_objects or {})}
    config = check_config(config, name, old.config_place, custom_objects, compile, safe_mode)
    most = 2 * state.total_bytes(source.entries.values()) + SPARE
    with _drawing_late(name, old.config_place):
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
    if isinstance(archive, Unzipped):
        return Hdf5(archive.open(_WEIGHTS), archive.name, _WEIGHTS, owned=True)
    file = tempfile.TemporaryFile()
    try:
        archive.copy(_WEIGHTS, file)
        return Hdf5(file, archive.name, _WEIGHTS, owned=True)
    except BaseException:
        file.close()
        raise


def _unmade(name, place, error):
    why = f"no model can be built from it. {type(error).__name__}: {str(error)[:2000]}"
    return CorruptFileError(name, place, why)


@contextlib.contextmanager
def _drawing_late(name, place):
    """``drawing_late``, where initial values that cannot be drawn are the config's fault."""
    try:
        with drawing_late():
            yield
    except UndrawableError as error:
        raise _unmade(name, place, error) from error


def build(config, custom_objects, name, place=_CONFIG):
    from kbridge.models import Model

    if (held := allowance.get()) is not None:
        held.bound_steps(config)
    try:
        with objects.sharing():
            model = objects.deserialize_keras_object(config, custom_objects=custom_objects)
    except FileRefusedError:
        raise
    except Exception as error:  # whatever a config that is not right leads to
        raise _unmade(name, place, error) from error
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
