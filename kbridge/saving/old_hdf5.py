"""Models and weights in HDF5 files as Keras 1, Keras 2, tf.keras and Keras 3's ``.h5`` keep them.

The root, or the group model_weights, names its layers in the attribute layer_names; the group of each names its
arrays in weight_names. A whole model has its config and how it was compiled as JSON in attributes of the root.
"""

import warnings

import numpy as np

from kbridge import layers, objects
from kbridge.backend.variable import numpy_dtype
from kbridge.saving import old_configs, state
from kbridge.saving.errors import CorruptFileError, FileRefusedError
from kbridge.saving.old_training import compile_as_told, restore_optimizer
from kbridge.saving.old_weights import (
    Learned,
    MisfitError,
    Origin,
    Summary,
    fitted,
    has_state,
    one_by_one,
    paired,
    weights_of,
)
from kbridge.saving.parse_json import parse_json

_ROOT_MARKS = ("layer_names", "layer_names0", "nb_layers", "model_config")
CONFIG = "model_config"
_TOP = "top_level_model_weights"  # what belongs to the model and to no layer


class OldFile:
    """What an ``Hdf5`` of this kind says: who wrote it, and the layers' arrays."""

    config_place = CONFIG

    def __init__(self, source):
        self.source, self.name = source, source.name
        self.root = source.attributes()
        self.prefix = "model_weights/" if "model_weights" in source.groups else ""
        self.group = source.attributes("model_weights") if self.prefix else self.root
        version = self.group.get("keras_version") or self.root.get("keras_version")
        self.version = version if isinstance(version, str) else None
        self.era = old_configs.era_of(self.version)
        self.layers = self._of_keras_0() if "nb_layers" in self.group else self._layers()
        self.backend = self._backend()
        self.origin = Origin(self.era, self.backend == "theano")

    def _backend(self):
        """The backend of old that wrote the arrays. Where no attribute tells, TensorFlow's own names do."""
        told = self.group.get("backend") or self.root.get("backend")
        if isinstance(told, str):
            return told
        names = [name for _, arrays in self.layers for name, _ in arrays]
        if self.era > 1 or not names or "nb_layers" in self.group:
            return None
        return "tensorflow" if any(":" in name for name in names) else "theano"

    def _corrupt(self, place, why):
        return CorruptFileError(self.name, place, why)

    def _layers(self):
        """Pairs (a layer's name, [(an array's name, its path)])."""
        names = self._listed(self.group, "layer_names", self.prefix or "/")
        if f"{self.prefix}{_TOP}" in self.source.groups and _TOP not in names:
            names = [*names, _TOP]
        found = []
        for layer in names:
            path = f"{self.prefix}{layer}"
            if path not in self.source.groups:
                raise self._corrupt(path, "this layer is named, but not there.")
            arrays = self._listed(self.source.attributes(path), "weight_names", path)
            for name in arrays:
                if f"{path}/{name}" not in self.source.entries:
                    raise self._corrupt(f"{path}/{name}", "this array is named, but not there.")
            found.append((layer, [(name, f"{path}/{name}") for name in arrays]))
        if len({name for name, _ in found}) != len(found):
            raise self._corrupt(self.prefix or "/", "two layers have the same name.")
        return found

    def _of_keras_0(self):
        count = self.group["nb_layers"]
        groups = [f"{self.prefix}layer_{k}" for k in range(count if isinstance(count, int) and count < 10_000 else 0)]
        found = []
        for path in groups:
            keys = self.source.keys(path)
            names = [f"param_{p}" for p in range(len(keys))]
            if set(names) != set(keys):
                raise self._corrupt(path, "its arrays are not called param_0, param_1 and so on.")
            found.append((path, [(name, f"{path}/{name}") for name in names]))
        return found

    def _listed(self, attributes, key, place):
        """A list of names in an attribute, or in several that are numbered."""
        found = attributes.get(key)
        if found is None:
            found, number = [], 0
            while isinstance(attributes.get(f"{key}{number}"), list):
                found += attributes[f"{key}{number}"]
                number += 1
            if not number:
                raise self._corrupt(place, f"the attribute {key!r} is missing.")
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise self._corrupt(place, f"the attribute {key!r} is no list of names.")
        return found

    def pairs(self, model):
        """Triples (a layer, its name in the file, [(an array's name, its path)])."""
        return _by_order(model, self)

    def optimizer_file(self, model):
        """The file that holds the state of the optimizer."""
        return self

    def json(self, key):
        """The data in an attribute of the root, or None."""
        text = self.root.get(key)
        if text is None:
            return None
        if not isinstance(text, str):
            raise self._corrupt(key, "it is no text.")
        return parse_json(text.encode("utf-8"), self.name, key)


def is_old(source):
    """Whether an ``Hdf5`` is of this kind."""
    return "model_weights" in source.groups or any(mark in source.attributes() for mark in _ROOT_MARKS)


def config_of(old, borrowed=None):
    """The config of the model in an ``OldFile``, in the words of today. ``borrowed``: see ``old_configs.modern``."""
    config = old.json("model_config")
    if config is None:
        raise CorruptFileError(
            old.name,
            "model_config",
            "it holds weights, but no model. Make the model and write: model.load_weights(...).",
        )
    return translated(config, old.era, old.name, old.config_place, borrowed)


def of_archive(config, file, place):
    """(config, how the model is trained, classes that it borrows) of a ``.keras`` file that tf.keras wrote.

    It has the form of Keras 3's, but the words of Keras 2.
    """
    borrowed, told = {}, None
    if isinstance(config, dict):
        told = config.get("compile_config")
        config = {key: value for key, value in config.items() if key != "compile_config"}
    return translated(config, 2, file, place, borrowed), told, borrowed


def translated(config, era, file, place, borrowed=None):
    """``old_configs.modern``, with the one exception for what is not right."""
    try:
        return old_configs.modern(config, era, borrowed)
    except FileRefusedError:
        raise
    except Exception as error:  # whatever a config that is not right leads to
        what = str(error) if isinstance(error, old_configs.OldConfigError) else f"{type(error).__name__}: {error}"
        raise CorruptFileError(file, place, f"no model can be built from it: {what[:2000]}") from error


# -- weights


def load_old_weights(model, old, by_name=False, skip_mismatch=False, skipped=()):
    """Set the weights of ``model`` from an ``OldFile``; nothing is set before all of it was seen to fit.

    Layers are found by their order, or by their names; both as older generations did. With ``skip_mismatch`` a
    layer that does not fit stays as it is, with a warning.
    """
    pairs = _by_name(model, old) if by_name else old.pairs(model)
    skipped = {id(layer) for layer in skipped}
    fits, learned = [], []
    for layer, name, arrays in pairs:
        if id(layer) in skipped:
            continue
        if isinstance(layer, Learned):
            learned.append((layer, name))
            continue
        try:
            plan = _plan(layer, arrays, old)
        except MisfitError as error:
            refused = CorruptFileError(old.name, f"{old.prefix}{name}", f"it does not fit: {error}")
            if not skip_mismatch:
                raise refused from None
            warnings.warn(f"It is left as it is. {refused}", stacklevel=4)
            continue
        fits.append((layer, arrays, plan))
    for _, path in (pair for _, arrays, _ in fits for pair in arrays):
        old.source.verify(path)
    for layer, arrays, plan in fits:
        for variable, array in _values(layer, arrays, old, plan):
            array = np.array(array, numpy_dtype(variable.dtype), copy=None, order="C")
            if isinstance(variable, Summary):
                variable.take(array)
            else:
                state.put(variable, array)
        for inner in layer._flatten_layers() if hasattr(layer, "_flatten_layers") else ():
            if hasattr(inner, "finalize_state") and not isinstance(inner, layers.Discretization):
                inner.finalize_state()
    for layer, name in learned:
        try:
            layer.set()
        except ValueError as error:
            raise CorruptFileError(old.name, f"{old.prefix}{name}", f"it has no vocabulary: {error}") from error


def fits(model, old):
    """Triples (a layer's name in an ``OldFile``, how many arrays it has there, why they do not fit or None)."""
    for layer, name, arrays in old.pairs(model):
        why = None
        try:
            if not isinstance(layer, Learned):
                _plan(layer, arrays, old)
        except MisfitError as error:
            why = str(error)
        yield name, len(arrays), why


def _plan(layer, arrays, old):
    """For each variable of ``layer`` which of the file's arrays it takes as it stands, or None; a look at shapes."""
    blanks = [_blank(old.source.entries[path]) for _, path in arrays]
    places = {id(blank): place for place, blank in enumerate(blanks)}
    return [places.get(id(array)) for _, array in _fit(layer, arrays, old, blanks)]


def _values(layer, arrays, old, plan):
    """Pairs (variable, array): those that are taken as they stand are read one at a time, the others before."""
    paths = [path for _, path in arrays]
    later = {place for place in plan if place is not None}
    given = [
        _blank(old.source.entries[path]) if place in later else old.source.read(path)
        for place, path in enumerate(paths)
    ]
    for (variable, array), place in zip(_fit(layer, arrays, old, given), plan):
        yield variable, array if place is None else old.source.read(paths[place])


def _fit(layer, arrays, old, given):
    """Pairs (variable, array) for the arrays ``given`` in place of those in the file."""
    if isinstance(layer, Top):
        return paired("the model itself", layer.variables, given)
    return fitted(layer, given, old.origin, [name for name, _ in arrays])


def _blank(entry):
    return np.broadcast_to(np.zeros((), entry.dtype), entry.shape)  # which takes no memory


class Top:
    """The variables of a model that belong to none of its layers."""

    def __init__(self, model):
        inner = {id(v) for layer in model.layers for v in layer.weights}
        self.variables = [v for v in weights_of(model) if id(v) not in inner]


def _top(model, old):
    top = Top(model)
    arrays = dict(old.layers).get(_TOP, [])
    return [(top, _TOP, arrays)] if top.variables and arrays else []


def _by_order(model, old):
    stored = [(name, arrays) for name, arrays in old.layers if arrays and name != _TOP]
    own = [layer for layer in one_by_one(model.layers) if weights_of(layer)]
    if len(own) != len(stored):
        own = [layer for layer in one_by_one(model.layers) if has_state(layer)]
    names = [layer.name for layer in own]
    if len(own) != len(stored):
        flat = _flat(model)  # Keras 1 wrote the layers of a Sequential in a Sequential one by one
        if len(flat) == len(stored):
            own, names = flat, [layer.name for layer in flat]
    if len(own) != len(stored):
        raise CorruptFileError(
            old.name,
            old.prefix or "/",
            f"it holds weights of {len(stored)} layers ({some(name for name, _ in stored)}), and the model has "
            f"{len(own)} with weights ({some(names)}).",
        )
    if {name for name, _ in stored} == set(names) and len(set(names)) == len(names):
        by_name = dict(zip(names, own))
        own = [by_name[name] for name, _ in stored]
    return [(layer, name, arrays) for layer, (name, arrays) in zip(own, stored)] + _top(model, old)


def _flat(model):
    from kbridge.models import Model

    found = []
    for layer in one_by_one(model.layers):
        if isinstance(layer, Model):
            found += _flat(layer)
        elif weights_of(layer):
            found.append(layer)
    return found


def _by_name(model, old):
    if "nb_layers" in old.group:
        raise CorruptFileError(old.name, old.prefix or "/", "its layers have no names, so by_name=True cannot be used.")
    own = {}
    for layer in [*one_by_one(model.layers), *_flat(model)]:
        own.setdefault(layer.name, layer)
    found = [(own[name], name, arrays) for name, arrays in old.layers if arrays and name in own]
    return found + _top(model, old)


def some(names):
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# -- compiling


def compile_old(model, old, custom_objects):
    """Compile ``model`` as an ``OldFile`` says, and give the optimizer its state; a warning where it says nothing."""
    told = old.json("training_config")
    if told is None:
        warnings.warn(
            f"{old.name} does not say how the model is trained, so it was not compiled. Write: model.compile(...).",
            stacklevel=4,
        )
        return
    with objects.CustomObjectScope(custom_objects):
        compile_as_told(model, told, old.name, old.era)
        restore_optimizer(model, old.optimizer_file(model))
