"""``KerasFileEditor``: the weights in a file, looked at and changed without the model."""

import contextlib
import difflib
import os
import re
import types
import zipfile
from typing import NamedTuple

import numpy as np

from kbridge.saving import atomic, old_hdf5, saved_model, state
from kbridge.saving.errors import CorruptFileError, FileRefusedError, UnsafeFileError, shown
from kbridge.saving.models import content, copy_member, opened
from kbridge.saving.npz import npz_of
from kbridge.saving.parse_hdf5 import DEEPEST, Hdf5
from kbridge.saving.parse_json import LARGEST, parse_json
from kbridge.saving.parse_zip import Archive
from kbridge.saving.safetensors import safetensors_of
from kbridge.saving.sources import Written
from kbridge.saving.unzipped import CONFIG, METADATA, WEIGHTS, Unzipped, is_unzipped
from kbridge.saving.weights import open_source
from kbridge.saving.write_hdf5 import Hdf5Writer, as_array
from kbridge.saving.write_old import is_old_name, write_names

_ENDINGS = (".weights.h5", ".keras", ".safetensors", ".npz")
_LONGEST_LINE = 1000


class _Stored(NamedTuple):
    """An array that is still in the file, at ``path``."""

    path: str
    shape: tuple
    dtype: np.dtype


class KerasFileEditor:
    """The weights in a file by the paths of the objects that they belong to, to be looked at, changed and saved.

    An object goes by its path ("layers/dense_1"), or by the last part of that where no other has it. Nothing is
    written before ``save``.

    >>> editor = KerasFileEditor("model.weights.h5")
    >>> editor.compare(model)
    >>> editor.rename_object("dense_1", "dense_2")
    >>> editor.save("model.weights.h5")

    Args:
        filepath: a ``.weights.h5``, ``.weights.json``, ``.keras``, ``.safetensors`` or ``.npz`` file, a folder as
            ``save(..., zipped=False)`` makes it, or an HDF5 file of an older generation: there objects are layers.
    """

    def __init__(self, filepath):
        self.filepath = os.fspath(filepath)
        self.metadata = self.config = None
        with _members(self.filepath) as archive:
            if archive is not None:
                self.config = parse_json(archive.read(CONFIG, LARGEST), self.filepath, CONFIG)
                self.metadata = parse_json(archive.read(METADATA, LARGEST), self.filepath, METADATA)
        self._take()

    def _take(self):
        """Know what is in the file."""
        self._stamp = _stamp(self.filepath)
        self._objects, self._others = {"": {}}, []  # path -> {name: array}; paths of arrays that are no object's
        self._layers = {}  # path -> layer's name, of the objects that have a group of their own
        with open_source(self.filepath) as source:
            if getattr(source, "plain", False):
                why = "its arrays are a list without names. Make the model, and write: model.load_weights(...)."
                raise CorruptFileError(self.filepath, "", why)
            self.old = isinstance(source, Hdf5) and old_hdf5.is_old(source)
            (self._take_old if self.old else self._take_new)(source)
        if self._others and not any(self._objects.values()):
            raise CorruptFileError(self.filepath, "", "it holds no weights under paths as Keras 3 writes them.")

    def _take_new(self, source):
        for group in getattr(source, "groups", ()):
            owner, _, last = group.rpartition("/")
            if last == "vars":
                self._with_parents(owner)
                name = source.attributes(group).get("name")
                self._layers[owner] = name if isinstance(name, str) else None
        for path, entry in source.entries.items():
            if any(part in ("", ".", "..") or "\0" in part for part in path.split("/")):
                raise CorruptFileError(self.filepath, path[:200], "its name is no plain path.")
            group, _, key = path.rpartition("/")
            if group != "vars" and not group.endswith("/vars"):
                self._others.append(path)
                continue
            owner = group.removesuffix("vars").removesuffix("/")
            self._with_parents(owner)[key] = _Stored(path, entry.shape, entry.dtype)

    def _take_old(self, source):
        old = old_hdf5.OldFile(source)
        if "nb_layers" in old.group:
            raise CorruptFileError(self.filepath, "", "its layers have no names, so there is nothing to go by.")
        for name, arrays in old.layers:
            self._layers[name], own = None, self._with_parents(name)
            for key, path in arrays:
                own[key] = _Stored(path, source.entries[path].shape, source.entries[path].dtype)

    def _with_parents(self, path):
        """The weights of an object, which is known from now on, as are those that it is in."""
        if path.count("/") > DEEPEST:
            raise UnsafeFileError(self.filepath, path[:200], f"it is nested more than {DEEPEST} deep.")
        for end in _ends(path):
            self._objects.setdefault(path[:end], {})
        return self._objects[path]

    # -- finding

    def _find(self, name):
        path = str(name).strip("/")
        if path in self._objects and path:
            return path
        found = [one for one in self._objects if one.rpartition("/")[2] == path and path]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"Several objects are called {name!r}. Pass one of the paths: {', '.join(found)}.")
        close = difflib.get_close_matches(path[:200], list(self._objects)[1:1000], 1, 0.4)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{self.filepath} has no object {name!r}.{hint} editor.summary() shows all.")

    def _below(self, path):
        """The paths of an object and of all in it."""
        return [one for one in self._objects if one == path or one.startswith(f"{path}/")]

    # -- changing

    def add_object(self, object_path, weights):
        """Add an object at a path, with its weights: names ("0", "1", ...) to arrays, or to dicts for objects in it."""
        path = str(object_path).strip("/")
        parent, _, name = path.rpartition("/")
        if parent not in self._objects and parent:
            raise ValueError(f"There is no object {parent!r} that {object_path!r} could be in. Add that first.")
        if path in self._objects:
            raise ValueError(f"There is an object {path!r} already. Write add_weights(), or delete_object() before.")
        _check_name(name, "an object")
        self._put(path, self._checked(path, weights))

    def add_weights(self, object_name, weights):
        """Add weights to an object: names to arrays. Of two of the same name the new one counts."""
        path = self._find(object_name)
        self._put(path, self._checked(path, weights))

    def delete_object(self, object_name):
        """Remove an object, with all in it."""
        for path in self._below(self._find(object_name)):
            del self._objects[path]
            self._layers.pop(path, None)

    def delete_weight(self, object_name, weight_name):
        """Remove one of the weights of an object."""
        path = self._find(object_name)
        own, name = self._objects[path], str(weight_name)
        found = [name] if name in own else [one for one in own if one.rpartition("/")[2] == name]
        if len(found) != 1:
            raise ValueError(f"Object {path!r} has no weight {weight_name!r}. It has: {', '.join(own) or 'none'}.")
        del own[found[0]]

    def rename_object(self, object_name, new_name):
        """Give an object another name; what it is in stays the same."""
        path = self._find(object_name)
        _check_name(new_name, "an object")
        parent = path.rpartition("/")[0]
        new = f"{parent}/{new_name}" if parent else new_name
        if new in self._objects and new != path:
            raise ValueError(f"There is an object {new!r} already, so {path!r} cannot be renamed to it.")
        moved = {one: new + one[len(path) :] for one in self._below(path)}
        self._objects = {moved.get(one, one): weights for one, weights in self._objects.items()}
        self._layers = {moved.get(one, one): name for one, name in self._layers.items()}

    def _checked(self, path, weights):
        """Pairs (path of an object, its weights as arrays), all of them looked at."""
        if not isinstance(weights, dict):
            raise ValueError(
                f"Weights are given as a dict, names ('0', '1', ...) to arrays. Received: {type(weights).__name__}."
            )
        own, found = {}, []
        for name, value in weights.items():
            name = str(name) if isinstance(name, int) else name
            for part in name.split("/") if isinstance(name, str) and self.old else [name]:
                _check_name(part, "a weight")
            if isinstance(value, dict):
                found += self._checked(f"{path}/{name}", value)
                continue
            array = as_array(value)
            if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
                raise ValueError(f"A weight is an array of numbers. Received: {path}, {name!r}: {array.dtype}.")
            own[name] = array
        return [(path, own), *found]

    def _put(self, path, found):
        for one, weights in found:
            self._with_parents(one).update(weights)
            self._layers.setdefault(one, None)

    # -- telling

    def summary(self):
        """Print the objects in the file, and the shapes of their weights."""
        lines = [self.filepath]
        if isinstance(self.metadata, dict):
            told = [self.metadata.get(key) for key in ("keras_version", "date_saved")]
            lines[0] += "".join(f", {label} {text}" for label, text in zip(("Keras", "saved"), told) if text)
        inner, drawn = {}, set()  # path -> the objects in it; those that are, or hold, some with weights
        for path in self._in_order():
            for end in [0, *_ends(path)]:
                one = path[:end]
                if one not in drawn and one:
                    inner.setdefault(one.rpartition("/")[0], []).append(one)
                drawn.add(one)
        self._draw("", "", inner, lines)
        print("\n".join(shown(line, _LONGEST_LINE) for line in lines))

    def _in_order(self):
        """The paths of the objects with weights; in old files as the layers are listed."""
        listed = self._layers if self.old else self._objects
        return [path for path in listed if self._objects[path]]

    def _draw(self, path, margin, inner, lines):
        own = self._objects[path]
        items = [(name, own[name]) for name in sorted(own, key=_by_number)]
        items += [(one, None) for one in inner.get(path, ())]
        for number, (name, weight) in enumerate(items, 1):
            line, further = ("└─ ", "   ") if number == len(items) else ("├─ ", "│  ")
            if weight is not None:
                lines.append(f"{margin}{line}{name}: shape={tuple(weight.shape)}, dtype={weight.dtype}")
                continue
            last, called = name.rpartition("/")[2], self._layers.get(name)
            lines.append(f"{margin}{line}{last}" + (f" ({called!r})" if called and called != last else ""))
            self._draw(name, margin + further, inner, lines)

    def compare(self, reference_model):
        """Print whether the weights fit ``reference_model``, and where not.

        Returns:
            A dict: "status" ("success" or "error"), "error_count" and "match_count" (of weights).
        """
        if not hasattr(reference_model, "weights"):
            raise ValueError(f"compare() needs a model. Received: {reference_model!r}.")
        errors, matches = (self._compare_old if self.old else self._compare_new)(reference_model)
        for text in errors:
            print(f"- {shown(text, _LONGEST_LINE)}")
        if errors:
            print(f"{len(errors)} difference(s), {matches} weight(s) that match: the file does not fit the model.")
        else:
            print(f"{matches} weight(s), and all match: the file fits the model.")
        return {"status": "error" if errors else "success", "error_count": len(errors), "match_count": matches}

    def _compare_new(self, model):
        theirs = {}
        state.save_state(model, Written(lambda path, array: theirs.setdefault(path, array.shape)))
        ours = {
            f"{path}/vars/{name}" if path else f"vars/{name}": tuple(weight.shape)
            for path, weights in self._objects.items()
            for name, weight in weights.items()
        }
        # an object that one of the two has not at all counts once
        known = [{_owner(path)[:end] for path in paths for end in _ends(_owner(path))} for paths in (ours, theirs)]
        errors, told, matches = [], set(), 0
        for path in [*theirs, *(path for path in ours if path not in theirs)]:
            if path in ours and path in theirs:
                matches += ours[path] == theirs[path]
                if ours[path] != theirs[path]:
                    errors.append(f"{_short(path)}: {ours[path]} in the file, {theirs[path]} in the model")
                continue
            owner, here = _owner(path), path in ours
            missing = next((owner[:end] for end in _ends(owner) if owner[:end] not in known[here]), None)
            if missing is None or missing not in told:
                told.add(missing)
                where = ("the file", "the model") if here else ("the model", "the file")
                errors.append(f"{_short(path) if missing is None else missing}: only in {where[0]}, not in {where[1]}")
        return errors, matches

    def _compare_old(self, model):
        errors, matches = [], 0
        with open_source(self.filepath) as source:
            old = old_hdf5.OldFile(source)
            old.layers = [(name, [(key, (name, key)) for key in self._objects[name]]) for name in self._layers]
            arrays = {(name, key): w for name, weights in self._objects.items() for key, w in weights.items()}
            old.source = types.SimpleNamespace(entries=arrays)
            try:
                for name, count, why in old_hdf5.fits(model, old):
                    matches += 0 if why else count
                    errors += [f"{name}: {why}"] if why else []
            except CorruptFileError as error:
                errors.append(error.why)
        return errors, matches

    # -- writing

    def save(self, filepath):
        """Write the file anew, or another: as its name says, ".weights.h5", ".keras", ".safetensors" or ".npz".

        A name in ".keras" goes with a file of a whole model, whose config stays as it is; one in ".h5" with a file
        of an older generation.
        """
        filepath = os.fspath(filepath)
        ending = next((ending for ending in _ENDINGS if filepath.endswith(ending)), None)
        if self.old and not is_old_name(filepath):
            raise ValueError(
                f"{self.filepath} is of an older generation, so the name of the new file must end in .h5. Received: "
                f"{filepath!r}. For a file of today load it into the model, and save that."
            )
        if not self.old and (ending is None or (ending == ".keras" and self.config is None)):
            endings = [one for one in _ENDINGS if one != ".keras" or self.config is not None]
            raise ValueError(f"The name of the new file must end in {', '.join(endings)}. Received: {filepath!r}.")
        if _stamp(self.filepath) != self._stamp:
            raise CorruptFileError(self.filepath, "", "it was changed since it was opened. Open it anew.")
        try:
            self._write(filepath, ending)
        except FileRefusedError:
            raise
        except (TypeError, ValueError) as error:  # what h5py makes of names and attributes that no Keras writes
            raise CorruptFileError(self.filepath, "", f"what it holds cannot be written anew: {error}") from error
        if os.path.realpath(filepath) == os.path.realpath(self.filepath):
            self._take()

    def resave_weights(self, filepath):
        """The same as ``save``."""
        self.save(filepath)

    def _write(self, filepath, ending):
        if self.old:
            self._write_old(filepath)
        elif ending == ".keras":
            self._write_keras(filepath)
        elif ending == ".weights.h5":
            with atomic.replacing(filepath) as file:
                self._write_new(file)
        else:
            {".safetensors": safetensors_of, ".npz": npz_of}[ending](filepath, self._each)

    def _each(self, take):
        """Hand all arrays over, with their paths."""
        with open_source(self.filepath) as source:
            for path, weights in self._objects.items():
                for name, weight in weights.items():
                    take(f"{path}/vars/{name}" if path else f"vars/{name}", _value(weight, source))
            for path in self._others:
                take(path, source.read(path))

    def _write_new(self, file):
        with open_source(self.filepath) as source, Hdf5Writer(file) as writer:
            for path, weights in self._objects.items():
                if weights or path in self._layers:
                    store = writer.store(path, self._layers.get(path))
                    for name, weight in weights.items():
                        store[name] = _value(weight, source)
            for path in self._others:
                writer.keep(path, source.read(path))

    def _write_keras(self, filepath):
        with _members(self.filepath) as archive, atomic.replacing(filepath) as file:
            with zipfile.ZipFile(file, "w") as target:
                for name in archive.members:
                    if name.endswith("/"):
                        continue
                    with atomic.scratch(filepath) as part:
                        self._write_new(part) if name == WEIGHTS else archive.copy(name, part)
                        part.seek(0)
                        copy_member(part, target, name)

    def _write_old(self, filepath):
        import h5py

        with atomic.replacing(filepath) as file, open_source(self.filepath) as source, h5py.File(file, "w") as target:
            old = old_hdf5.OldFile(source)
            layers = tuple(f"{old.prefix}{name}/" for name, _ in old.layers)
            for group in source.groups:
                if not f"{group}/".startswith(layers):
                    _copy_attributes(source.attributes(group), target.require_group(group or "/"))
            for path in source.entries:
                if not path.startswith(layers):
                    target.create_dataset(path, data=source.read(path))
            listed = [name for name in self._layers if name != old_hdf5._TOP]
            write_names(target.require_group(old.prefix or "/"), "layer_names", listed)
            for name in self._layers:
                group = target.require_group(f"{old.prefix}{name}")
                write_names(group, "weight_names", list(self._objects[name]))
                for key, weight in self._objects[name].items():
                    group.create_dataset(key, data=_value(weight, source))


def _copy_attributes(found, group):
    for key, value in found.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = np.array([item.encode("utf-8") for item in value] or [], None if value else "S1")
        if not re.match(r"layer_names\d*\Z", key):
            group.attrs[key] = value


def _check_name(name, what):
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"The name of {what} is a text, not empty, without '/'. Received: {name!r}.")


@contextlib.contextmanager
def _members(filepath):
    """The parts of a file or folder of a whole model of today; None for others."""
    if saved_model.is_saved_model(filepath) or saved_model.is_checkpoint(filepath):
        why = "TensorFlow's own files are not edited. Load the model, or write: model.load_weights(...)."
        raise CorruptFileError(filepath, "", why)
    if is_unzipped(filepath):
        yield Unzipped(filepath)
        return
    with opened(filepath) as file:
        archive = Archive(file, filepath) if content(file) == "zip" else None
        yield archive if archive is not None and CONFIG in archive.members else None


def _value(weight, source):
    return source.read(weight.path) if isinstance(weight, _Stored) else weight


def _by_number(name):
    """For names to stand as 0, 1, ..., 10, where they are numbers; else as they stood."""
    return int(name) if name.isdecimal() and len(name) < 10 else 0


def _owner(path):
    """The path of the object that has the array at ``path``."""
    return path.rpartition("/")[0].removesuffix("vars").removesuffix("/")


def _ends(path):
    """Where the paths of an object, and of those that it is in, end in ``path``; the outermost first."""
    return [i for i, c in enumerate(path) if c == "/"] + [len(path)] if path else []


def _short(path):
    owner, name = _owner(path), path.rpartition("/")[2]
    return f"{owner}/{name}" if owner else name


def _stamp(path):
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino
