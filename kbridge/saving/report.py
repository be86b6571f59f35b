"""What is in a file, told without building it: ``inspect``, and ``load_model(..., report=True)``."""

import dataclasses
import math

from kbridge.saving import old_configs, old_hdf5, saved_model
from kbridge.saving.check import check_config
from kbridge.saving.errors import FileRefusedError
from kbridge.saving.npz import Npz, is_npz
from kbridge.saving.parse_hdf5 import Hdf5
from kbridge.saving.parse_json import LARGEST, parse_json
from kbridge.saving.parse_zip import Archive
from kbridge.saving.safetensors import SafeTensors

_ERAS = {1: "Keras 1", 2: "Keras 2 or tf.keras", 3: "Keras 3"}
_MOST_LINES = 200


@dataclasses.dataclass
class Report:
    """``layers``: (name, class, parameters) of each. ``converted``, ``refused``: sentences."""

    file: str
    kind: str
    era: str = "Keras 3"
    version: str | None = None
    backend: str | None = None
    model: str | None = None
    layers: list = dataclasses.field(default_factory=list)
    parameters: int = 0
    optimizer: str | None = None
    converted: list = dataclasses.field(default_factory=list)
    refused: list = dataclasses.field(default_factory=list)

    def __str__(self):
        lines = [f"{self.file}: {self.kind}, {self.era}" + (f" ({self.version})" if self.version else "")]
        if self.backend:
            lines.append(f"  written with   {self.backend}")
        lines.append(f"  model          {self.model or 'none, weights alone'}")
        lines.append(f"  parameters     {self.parameters:,}")
        lines.append(f"  optimizer      {self.optimizer or 'none'}")
        width = max((len(name) for name, _, _ in self.layers), default=0)
        kinds = max((len(kind) for _, kind, _ in self.layers), default=0)
        lines += [f"    {name:<{width}}  {kind:<{kinds}}  {n:>12,}" for name, kind, n in self.layers[:_MOST_LINES]]
        if len(self.layers) > _MOST_LINES:
            lines.append(f"    and {len(self.layers) - _MOST_LINES:,} more")
        for what, found in (("converted", self.converted), ("cannot be read", self.refused)):
            lines += [f"  {what}: {text}" for text in found[:_MOST_LINES]]
        return "\n".join(lines)


def inspect(filepath, custom_objects=None):
    """The ``Report`` of a file. No model is built; a file that cannot be parsed at all raises."""
    from kbridge.saving.models import content, name_of, opened

    name = name_of(filepath)
    if saved_model.is_saved_model(filepath) or saved_model.is_checkpoint(filepath):
        return _of_saved_model(saved_model.opened(filepath), custom_objects)
    with opened(filepath) as file:
        kind = content(file)
        if kind == "zip":
            archive = Archive(file, name)
            return _of_weights(Npz(archive), ".npz") if is_npz(archive) else _of_keras(archive, custom_objects)
        if kind == "hdf5":
            with Hdf5(file, name) as source:
                if old_hdf5.is_old(source):
                    return _of_old(source, custom_objects)
                return _of_weights(source, "HDF5")
        if kind == "safetensors":
            return _of_weights(SafeTensors(file, name), ".safetensors")
        file.seek(0)
        return _of_json(parse_json(file.read(LARGEST + 1), name, ""), name, custom_objects)


def _count(entries):
    return sum(math.prod(entry.shape) for entry in entries)


def _split(source):
    """The arrays of the model, and whether there are some of an optimizer."""
    own = {path: e for path, e in source.entries.items() if not path.startswith(("optimizer/", "_"))}
    return own, any(path.startswith("optimizer/") for path in source.entries)


def _of_weights(source, kind):
    own, optimizer = _split(source)
    groups = {}
    for path, entry in own.items():
        groups.setdefault(path.rpartition("/")[0].removesuffix("/vars") or "the model", []).append(entry)
    found = Report(source.name, f"{kind} file", layers=[(group, "", _count(e)) for group, e in groups.items()])
    found.parameters = _count(own.values())
    found.optimizer = "its state" if optimizer else None
    return found


def _of_keras(archive, custom_objects):
    from kbridge.saving.models import open_weights

    metadata = parse_json(archive.read("metadata.json", LARGEST), archive.name, "metadata.json")
    config = parse_json(archive.read("config.json", LARGEST), archive.name, "config.json")
    found = Report(archive.name, ".keras file")
    found.version = str(metadata.get("keras_version")) if isinstance(metadata, dict) else None
    with open_weights(archive) as source:
        own, _ = _split(source)
        found.parameters = _count(own.values())
    _describe(found, config, lambda: check_config(config, archive.name, "config.json", custom_objects))
    compiled = config.get("compile_config") if isinstance(config, dict) else None
    if isinstance(compiled, dict) and isinstance(compiled.get("optimizer"), dict):
        found.optimizer = str(compiled["optimizer"].get("class_name"))
    return found


def _of_old(source, custom_objects):
    old = old_hdf5.OldFile(source)
    found = Report(source.name, "HDF5 file", _ERAS[old.era], old.version, old.backend)
    sizes = {name: _count(source.entries[path] for _, path in arrays) for name, arrays in old.layers}
    found.parameters = sum(sizes.values())
    if old.origin.flipped:
        found.converted.append("kernels of convolutions are turned round, as Theano's were the other way")
    config = old.json(old_hdf5.CONFIG)
    if config is None:
        found.layers = [(name, "", size) for name, size in sizes.items()]
        return found
    _describe_old(found, config, old, custom_objects, sizes)
    _tell_optimizer(found, old, "optimizer_weights" in source.groups)
    return found


def _tell_optimizer(found, old, with_state):
    told = old.json("training_config")
    optimizer = told.get("optimizer_config") if isinstance(told, dict) else None
    if isinstance(optimizer, dict):
        name = str(optimizer.get("class_name")).rpartition(">")[2]
        found.optimizer = f"{name}{'' if with_state else ', without its state'}"


def _of_saved_model(old, custom_objects):
    kind = "folder of TensorFlow (SavedModel)" if old.whole else "checkpoint of TensorFlow"
    found = Report(old.name, kind, "tf.keras" if old.told or not old.whole else "unknown", old.version)
    sizes, found.parameters = old.sizes()
    if old.told is None:
        found.layers = [(name, "", size) for name, size in sizes.items()]
        return found
    _describe_old(found, old.json(old_hdf5.CONFIG), old, custom_objects, sizes)
    _tell_optimizer(found, old, old.has_optimizer())
    return found


def _of_json(config, name, custom_objects):
    if not old_configs.is_old(config):
        found = Report(name, "JSON file")
        _describe(found, config, lambda: check_config(config, name, "", custom_objects))
        return found
    era = old_configs.guessed_era(config)
    version = config.get("keras_version")
    found = Report(name, "JSON file", _ERAS[era], str(version) if version else None, config.get("backend"))
    _describe_translated(found, config, era, "", custom_objects, {})
    return found


def _describe_old(found, config, old, custom_objects, sizes):
    _describe_translated(found, config, old.era, old.config_place, custom_objects, sizes)


def _describe_translated(found, config, era, place, custom_objects, sizes):
    def check():
        with old_configs.noting(found.converted):
            today = old_hdf5.translated(config, era, found.file, place)
        check_config(today, found.file, place, custom_objects)

    _describe(found, config, check, sizes)


def _describe(found, config, check, sizes=None):
    """Put into ``found`` what ``config`` says, and what ``check`` finds wrong."""
    if isinstance(config, dict):
        inner = config.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        found.model = f"{config.get('class_name')}" + (f" {name!r}" if name else "")
        layers = inner.get("layers") if isinstance(inner, dict) else inner
        for layer in layers if isinstance(layers, list) else ():
            if isinstance(layer, dict):
                own = layer.get("config")
                name = layer.get("name") or (own.get("name") if isinstance(own, dict) else None)
                found.layers.append((str(name), str(layer.get("class_name")), (sizes or {}).get(str(name), 0)))
    try:
        check()
    except FileRefusedError as error:
        found.refused.append(f"{error.place + ': ' if error.place else ''}{error.why}")
