"""The state of a model's objects: out of them, and back into them once all of it was seen to fit."""

import os
import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kbridge.backend import dtypes
from kbridge.backend.variable import numpy_dtype
from kbridge.layers.layer import Layer
from kbridge.optimizers import Optimizer
from kbridge.saving.errors import CorruptFileError, FileRefusedError, shown
from kbridge.saving.walk import KERAS_3, TF_KERAS, walk


def save_state(root, writer):
    """Write the variables of ``root`` and of all in it."""
    for path, holder in walk(root):
        if hasattr(holder, "save_own_variables"):
            holder.save_own_variables(writer.store(path, getattr(holder, "name", None)))


def saved_variables(root):
    """The variables that ``save_state`` writes."""
    for _, holder in walk(root):
        yield from _variables_of(holder)


class Fit(NamedTuple):
    """An object (None: left alone), its variables, and why the file's values for them do not fit.

    ``own``: a method of its own loads it.
    """

    path: str
    holder: object
    variables: list
    misfit: str | None
    own: bool


def load_state(root, source, skip_mismatch=False, skipped=()):
    """Set the variables of ``root`` and of all in it from ``source``, an ``Hdf5``.

    Nothing is set before all of it was seen to fit. With ``skip_mismatch`` an object that does not fit stays
    as it is, with a warning; so does an optimizer always. ``skipped``: objects to leave alone.
    """
    fits = _match(root, source, skipped)
    for fit in fits:
        if fit.misfit and not fit.own and not skip_mismatch and not isinstance(fit.holder, Optimizer):
            raise CorruptFileError(source.name, source._where(_own(fit.path)), f"it does not fit: {fit.misfit}")
    for fit in fits:
        for key in source.keys(_own(fit.path)) if fit.holder is not None and (fit.own or not fit.misfit) else ():
            source.verify(f"{_own(fit.path)}/{key}")
    # Those that only a method of their own can judge come first: if it refuses, nothing else is set.
    before = []
    for fit in sorted(fits, key=lambda fit: not (fit.own and fit.misfit)):
        here = [(variable, variable.numpy()) for variable in fit.variables if fit.own and fit.misfit]
        try:
            if fit.holder is not None:
                _load(fit, source)
            before += here
        except CorruptFileError as error:
            skip = skip_mismatch or isinstance(fit.holder, Optimizer)
            for variable, value in here if skip else [*before, *here]:
                variable.assign(value)
            if not skip:
                raise
            warnings.warn(f"It is left as it is. {error}", stacklevel=4)
    _tell_of_unused(source, fits)


def _load(fit, source):
    path = _own(fit.path)
    if fit.own:
        try:
            fit.holder.load_own_variables(Stored(source, path))
        except FileRefusedError:
            raise
        except Exception as error:
            why = f"{type(fit.holder).__name__}.load_own_variables() failed: {type(error).__name__}: {error}"
            raise CorruptFileError(source.name, source._where(path), why) from error
        return
    if fit.misfit:
        if isinstance(fit.holder, Optimizer) and _as_of_tf_keras(fit.holder, source, path):
            return
        raise CorruptFileError(source.name, source._where(path), fit.misfit)
    for i, variable in enumerate(fit.variables):
        array = source.read(f"{path}/{i}").astype(numpy_dtype(variable.dtype), copy=False)
        put(variable, array if array.shape == variable.shape else variable.old_form.read(array))


def _as_of_tf_keras(optimizer, source, path):
    from kbridge.saving.old_training import restore_numbered

    return optimizer.built and restore_numbered(optimizer, source, path)


def put(variable, array):
    """Let ``variable`` hold an array out of a file, which is nobody else's."""
    variable.take_over(array)


def _own(path):
    return f"{path}/vars" if path else "vars"


def _match(root, source, skipped):
    skipped = {id(holder) for holder in skipped}
    if getattr(root, "optimizer", None) is not None and not root.optimizer.built and root.built:
        if len(source.keys("optimizer/vars")) > len(root.optimizer.variables):
            root.optimizer.build(root.trainable_variables)
    found = _match_by(KERAS_3, root, source, skipped)
    for way in TF_KERAS if _misfits(found) else ():  # which has the same format, and other names in it
        other = _match_by(way, root, source, skipped)
        found = other if _misfits(other) < _misfits(found) else found
    return found


def _misfits(fits):
    return sum(fit.misfit is not None for fit in fits)


def _match_by(way, root, source, skipped):
    found = []
    for path, holder in walk(root, way):
        if not hasattr(holder, "load_own_variables"):
            continue
        if id(holder) in skipped:
            found.append(Fit(path, None, [], None, False))
            continue
        keys = source.keys(_own(path))
        if isinstance(holder, Optimizer) and not keys:
            continue
        variables = _variables_of(holder)
        if keys or variables:
            misfit = _misfit(holder, variables, keys, source, _own(path))
            found.append(Fit(path, holder, variables, misfit, _loads_by_its_own(holder, len(keys) == len(variables))))
    return found


def _loads_by_its_own(holder, as_many):
    """Whether only the object's own method can say what fits. kbridge's keep the usual form where numbers agree."""
    method = type(holder).load_own_variables
    usual = method in (Layer.load_own_variables, Optimizer.load_own_variables)
    return not usual and not (as_many and method.__module__.startswith("kbridge."))


def _variables_of(holder):
    if isinstance(holder, Layer):
        return holder._own_variables()
    return holder.variables if isinstance(holder, Optimizer) else []


def _misfit(holder, variables, keys, source, path):
    """Why what the file holds at ``path`` cannot be the values of ``variables``, or None."""
    what = f"{type(holder).__name__} '{getattr(holder, 'name', '')}'"
    if len(keys) != len(variables) or any(str(i) not in keys for i in range(len(variables))):
        unbuilt = "" if getattr(holder, "built", True) else " It is not built: call the model on data first."
        some = ", ".join([f"{v.name}{v.shape}" for v in variables[:5]] + ["..."] * (len(variables) > 5))
        return f"{what} has {len(variables)} variables ({some}), and the file {len(keys)} for it.{unbuilt}"
    for i, variable in enumerate(variables):
        entry = source.entries[f"{path}/{i}"]
        form = getattr(variable, "old_form", None)
        if entry.shape != variable.shape and not (form is not None and form.takes(entry.shape)):
            return f"{what} has the variable {variable.name!r} of shape {variable.shape}, and the file {entry.shape}."
        if kind(variable.dtype) != kind(entry.dtype.name):
            return f"{what} has the variable {variable.name!r} of dtype {variable.dtype}, and the file {entry.dtype}."
    return None


def kind(dtype):
    """What values of ``dtype`` are: "float", "int", "bool" or something else."""
    return "float" if dtypes.is_float(dtype) else dtype.strip("0123456789").removeprefix("u")


class Stored(Mapping):
    """What ``load_own_variables`` is given: the arrays of one group by their names, read when asked for."""

    def __init__(self, source, path):
        self._source, self._path = source, path
        self._keys = source.keys(path)

    def __getitem__(self, key):
        if key not in self._keys:
            raise KeyError(key)
        return self._source.read(f"{self._path}/{key}")

    def __iter__(self):
        return iter(self._keys)

    def __len__(self):
        return len(self._keys)


def _tell_of_unused(source, fits):
    used = {_own(fit.path) for fit in fits}
    beside = ("optimizer/", "metrics/", "_training")
    unused = [p for p in source.entries if p.rpartition("/")[0] not in used and not p.startswith(beside)]
    if unused:
        more = f" and {len(unused) - 5} more" if len(unused) > 5 else ""
        warnings.warn(
            f"{source.name} holds weights that this model has no place for: {shown(', '.join(unused[:5]), 500)}{more}.",
            stacklevel=4,
        )


# -- assets: what layers keep in files of their own


def has_assets(root):
    """Whether some object in ``root`` keeps files of its own."""
    return any(hasattr(holder, "save_assets") for _, holder in walk(root))


def save_assets(root, folder):
    """Let the objects in ``root`` write their assets below ``folder``; returns the paths of the files."""
    for path, holder in walk(root):
        if hasattr(holder, "save_assets"):
            inner = os.path.join(folder, *path.split("/")) if path else folder
            os.makedirs(inner, exist_ok=True)
            holder.save_assets(inner)
    return sorted(
        os.path.relpath(os.path.join(at, name), folder).replace(os.sep, "/")
        for at, _, names in os.walk(folder)
        for name in names
    )


def load_assets(root, folder, name):
    """Let the objects in ``root`` read their assets, which were brought to ``folder``."""
    for path, holder in walk(root):
        if hasattr(holder, "load_assets"):
            inner = os.path.join(folder, *path.split("/")) if path else folder
            if os.path.isdir(inner):
                try:
                    holder.load_assets(inner)
                except Exception as error:
                    raise CorruptFileError(
                        name, f"assets/{path}", f"{type(holder).__name__}.load_assets() failed: {error}"
                    ) from error


def total_bytes(arrays):
    return sum(int(np.prod(entry.shape)) * entry.dtype.itemsize for entry in arrays)
