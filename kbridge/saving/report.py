"""What is in a file: ``inspect``, and ``load_model(..., report=True)``."""

import contextlib
import dataclasses
import math
from typing import NamedTuple

from kbridge import objects
from kbridge.backend.variable import drawing_late
from kbridge.optimizers import Optimizer
from kbridge.saving import old_configs, old_hdf5, saved_model, state, texts, yaml
from kbridge.saving.check import allowing, check_config
from kbridge.saving.errors import CorruptFileError, FileRefusedError, shown
from kbridge.saving.models import SPARE, build, content, name_of, open_weights, opened
from kbridge.saving.npz import Npz, is_npz
from kbridge.saving.parse_hdf5 import Hdf5
from kbridge.saving.parse_json import LARGEST, parse_json, text_of
from kbridge.saving.parse_zip import Archive
from kbridge.saving.safetensors import SafeTensors
from kbridge.saving.shards import Shards
from kbridge.saving.unzipped import CONFIG, METADATA, Unzipped, is_unzipped

_ERAS = {1: "Keras 1", 2: "Keras 2 or tf.keras", 3: "Keras 3"}
_MOST_LINES = 200
_LONGEST_LINE = 5000


@dataclasses.dataclass
class Report:
    """What is in a file.

    ``layers``: (name, class, parameters or None) of each; of weights alone, (path, name, parameters). ``weights``:
    whether the file holds any. ``converted``, ``left`` (alone), ``refused``: sentences.
    """

    file: str
    kind: str
    era: str = "Keras 3"
    version: str | None = None
    backend: str | None = None
    model: str | None = None
    layers: list = dataclasses.field(default_factory=list)
    parameters: int | None = None
    weights: bool = True
    optimizer: str | None = None
    converted: list = dataclasses.field(default_factory=list)
    left: list = dataclasses.field(default_factory=list)
    refused: list = dataclasses.field(default_factory=list)

    def count(self, model):
        """Take the numbers of parameters from the model that the file describes."""
        counts = {layer.name: layer.count_params() for layer in getattr(model, "layers", ()) if layer.built}
        self.layers = [(name, kind, counts.get(name, size or 0)) for name, kind, size in self.layers]
        if not self.weights and model.built:
            self.parameters = model.count_params()

    def __str__(self):
        lines = [f"{self.file}: {self.kind}, {self.era}" + (f" ({self.version})" if self.version else "")]
        if self.backend:
            lines.append(f"  written with   {self.backend}")
        lines.append(f"  model          {self.model or 'none, weights alone'}")
        number = "not told" if self.parameters is None else f"{self.parameters:,}"
        lines.append(f"  parameters     {number}{'' if self.weights else ', no values in this file'}")
        lines.append(f"  optimizer      {self.optimizer or 'none'}")
        layers = [(name, kind, "" if n is None else f"{n:,}") for name, kind, n in self.layers]
        width = max((len(name) for name, _, _ in layers), default=0)
        kinds = max((len(kind) for _, kind, _ in layers), default=0)
        lines += [f"    {name:<{width}}  {kind:<{kinds}}  {n:>12}" for name, kind, n in layers[:_MOST_LINES]]
        if len(layers) > _MOST_LINES:
            lines.append(f"    and {len(layers) - _MOST_LINES:,} more")
        told = {"converted": self.converted, "left alone": self.left, "cannot be read": self.refused}
        for what, found in told.items():
            lines += [f"  {what}: {text}" for text in found[:_MOST_LINES]]
        return "\n".join(shown(line.rstrip(), _LONGEST_LINE) for line in lines)


class _How(NamedTuple):
    """What the caller gave, and whether to try if a model can be built."""

    custom_objects: dict
    safe_mode: bool
    trial: bool

    def check(self, config, file, place, borrowed):
        given = {**borrowed, **self.custom_objects}
        return check_config(config, file, place, given, safe_mode=self.safe_mode)


def inspect(filepath, custom_objects=None, safe_mode=True, trial=True):
    """The ``Report`` of a file of any kind; one that cannot be parsed at all raises.

    Args:
        filepath: the file, as for ``load_model`` and ``load_weights``; also one of JSON or YAML.
        custom_objects: as for ``load_model``.
        safe_mode: as for ``load_model``.
        trial: whether to see if the model can be built, and if the weights fit it. No weights are read for that.
    """
    how = _How(custom_objects or {}, safe_mode, trial)
    with objects.CustomObjectScope(custom_objects):
        if saved_model.is_saved_model(filepath) or saved_model.is_checkpoint(filepath):
            return _of_saved_model(saved_model.opened(filepath), how)
        if is_unzipped(filepath):
            return _of_keras(Unzipped(filepath), how, "folder, with what a .keras file holds")
        with opened(filepath) as file:
            return _of_file(file, filepath, how)


def _of_file(file, filepath, how):
    name, kind = name_of(filepath), content(file)
    if kind == "zip":
        archive = Archive(file, name)
        return _of_weights(Npz(archive), ".npz file") if is_npz(archive) else _of_keras(archive, how, ".keras file")
    if kind == "hdf5":
        with Hdf5(file, name) as source:
            return _of_old(source, how) if old_hdf5.is_old(source) else _of_weights(source, "HDF5 file")
    if kind == "safetensors":
        return _of_weights(SafeTensors(file, name), ".safetensors file")
    file.seek(0)
    data = text_of(file)
    if kind == "json":
        config = parse_json(data, name, "")
        if "weight_map" in config and not hasattr(filepath, "read"):
            with Shards(file, name) as source:
                return _of_weights(source, "index of weights in several files")
        return _of_text(config, name, how, "JSON")
    with contextlib.suppress(UnicodeDecodeError, FileRefusedError):
        config = yaml.load(data.decode("utf-8"), name)
        if isinstance(config, dict) and "class_name" in config:
            return _of_text(config, name, how, "YAML")
    why = "it is no HDF5, .keras, .safetensors or .npz file, and not the text of a model."
    raise CorruptFileError(name, "", "it is empty." if kind == "empty" else why)


@contextlib.contextmanager
def _refusing(found):
    try:
        yield
    except FileRefusedError as error:
        found.refused.append(f"{error.place + ': ' if error.place else ''}{error.why}")


class _EnoughError(Exception):
    """Ends a trial before the first values of variables are drawn."""


@contextlib.contextmanager
def _trying():
    with contextlib.suppress(_EnoughError), drawing_late():
        yield
        raise _EnoughError


def _built(found, config, source, place, custom_objects):
    """The model that a checked config describes, its numbers told to ``found``."""
    with allowing(2 * state.total_bytes(source.entries.values()) + SPARE, found.file, place):
        model = build(config, custom_objects, found.file, place)
    found.count(model)
    return model


def _count(entries):
    return sum(math.prod(entry.shape) for entry in entries)


def _own(source):
    """The arrays that are a model's, and neither its optimizer's nor its training's."""
    others = ("optimizer/", "metrics/", "_training")
    return {path: entry for path, entry in source.entries.items() if not path.startswith(others)}


# -- weights alone


def _of_weights(source, kind):
    found, groups, own = Report(source.name, kind), {}, _own(source)
    for path, entry in own.items():
        groups.setdefault(path.rpartition("/")[0], []).append(entry)
    found.parameters = _count(own.values())
    if getattr(source, "plain", False):
        found.era = f"{len(own)} arrays in order, as of get_weights()"
        return found
    known = [group for group in groups if group == "vars" or group.endswith("/vars")]
    if own and not known:
        told = old_hdf5.some(path[:60] for path in own)
        raise CorruptFileError(source.name, "", f"none of its arrays is where Keras keeps weights. It holds {told}.")
    for group in known:
        name = source.attributes(group).get("name", "") if isinstance(source, Hdf5) else ""
        path = group.removesuffix("vars").removesuffix("/") or "the model itself"
        found.layers.append((path, str(name), _count(groups[group])))
    if any(path.startswith("optimizer/") for path in source.entries):
        found.optimizer = "its state"
    if "_training" in source.entries:
        found.kind = "backup of a training"
    return found


# -- models of today


def _of_keras(archive, how, kind):
    for member in (CONFIG, METADATA):
        if member not in archive.members:
            raise CorruptFileError(archive.name, member, "this part of a .keras file is missing.")
    config = parse_json(archive.read(CONFIG, LARGEST), archive.name, CONFIG)
    metadata = parse_json(archive.read(METADATA, LARGEST), archive.name, METADATA)
    found = Report(archive.name, kind)
    _describe(found, config, {})
    compiled = config.get("compile_config") if isinstance(config, dict) else None
    _tell_optimizer(found, compiled.get("optimizer") if isinstance(compiled, dict) else None)
    with open_weights(archive) as source, _refusing(found):
        found.parameters, borrowed = _count(_own(source).values()), {}
        if isinstance(metadata, dict):
            found.version = str(metadata.get("keras_version"))
            if old_configs.is_of_tf_keras(metadata):
                found.era = "tf.keras"
                with old_configs.noting(found.converted):
                    config, _, borrowed = old_hdf5.of_archive(config, archive.name, CONFIG)
        config = how.check(config, archive.name, CONFIG, borrowed)
        if how.trial:
            with _trying():
                model = _built(found, config, source, CONFIG, {**borrowed, **how.custom_objects})
                for fit in state._match(model, source, ()):
                    if fit.misfit and isinstance(fit.holder, Optimizer):
                        found.left.append(f"the state of the optimizer: {fit.misfit}")
                    elif fit.misfit and not fit.own:
                        found.refused.append(f"{fit.path}: {fit.misfit}")
    return found


def _describe(found, config, sizes):
    """Put into ``found`` what ``config`` says of the model and its layers."""
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(config, dict) or "class_name" not in config:
        return
    name = inner.get("name") if isinstance(inner, dict) else None
    found.model = f"{config['class_name']}" + (f" {name!r}" if name else "")
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict):
            own = layer.get("config")
            name = layer.get("name") or (own.get("name") if isinstance(own, dict) else None)
            found.layers.append((str(name), str(layer.get("class_name")), sizes.get(str(name))))


def _tell_optimizer(found, config, with_state=True):
    name = config.get("class_name") if isinstance(config, dict) else config
    if isinstance(name, str):
        found.optimizer = f"{name.rpartition('>')[2]}{'' if with_state else ', without its state'}"


# -- models of before


def _of_old(source, how):
    old = old_hdf5.OldFile(source)
    found = Report(source.name, "HDF5 file", _ERAS[old.era], old.version, old.backend)
    sizes = {name: _count(source.entries[path] for _, path in arrays) for name, arrays in old.layers}
    found.parameters = sum(sizes.values())
    if old.origin.flipped:
        found.converted.append("kernels of convolutions are turned round, as Theano's were the other way")
    config = old.json(old_hdf5.CONFIG)
    if config is None:
        found.layers = [(name, "", size) for name, size in sizes.items() if size or name != old_hdf5._TOP]
        return found
    return _of_whole(found, config, old, how, sizes, "optimizer_weights" in source.groups)


def _of_saved_model(old, how):
    kind = "folder of TensorFlow (SavedModel)" if old.whole else "checkpoint of TensorFlow"
    found = Report(old.name, kind, "tf.keras" if old.told or not old.whole else "unknown", old.version)
    sizes, found.parameters = old.sizes()
    if old.told is None:
        found.layers = [(name, "", size) for name, size in sizes.items()]
        return found
    return _of_whole(found, old.json(old_hdf5.CONFIG), old, how, sizes, old.has_optimizer())


def _of_whole(found, config, old, how, sizes, with_state):
    _describe(found, config, sizes)
    told = old.json("training_config")
    _tell_optimizer(found, told.get("optimizer_config") if isinstance(told, dict) else None, with_state)
    with _refusing(found), old_configs.noting(found.converted):
        borrowed = {}
        config = old_hdf5.translated(config, old.era, old.name, old.config_place, borrowed)
        config = how.check(config, old.name, old.config_place, borrowed)
        if how.trial:
            with _trying():
                given = {**borrowed, **how.custom_objects}
                model = _built(found, config, old.source, old.config_place, given)
                for name, _, why in old_hdf5.fits(model, old):
                    if why:
                        found.refused.append(f"{old.prefix}{name}: {why}")
    return found


# -- texts


def _of_text(config, name, how, kind):
    if "class_name" not in config:
        raise CorruptFileError(name, "", f"it is {kind}, but describes no model: 'class_name' is missing.")
    found = Report(name, f"{kind} file", weights=False)
    if old_configs.is_old(config):
        version = config.get("keras_version")
        found.era = _ERAS[old_configs.guessed_era(config)]
        found.version, found.backend = str(version) if version else None, config.get("backend")
    _describe(found, config, {})
    with _refusing(found), old_configs.noting(found.converted), _trying():
        found.count(texts.built(config, how.custom_objects, name, how.safe_mode))
    return found
