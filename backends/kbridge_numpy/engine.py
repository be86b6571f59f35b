"""The engine itself: tensors in and out, storage of variables, differentiation, optimizer updates."""

import threading
import weakref
from functools import cache, cached_property, wraps
from operator import is_

import numpy as np

from kbridge.backend import registry
from kbridge.backend.dtypes import standardize
from kbridge.backend.frame import current_frame, get_frame
from kbridge.backend.interface import Backend
from kbridge.backend.tree import flatten, map_structure
from kbridge_numpy import convolution, gradients, linalg, math, nn, recurrence
from kbridge_numpy.boxes import strip
from kbridge_numpy.recorded import TENSORS
from kbridge_numpy.replay import Compiled, recording_of
from kbridge_numpy.tape import FLOATS, Tape, Traced, depth


class _Running(threading.local):
    """What goes on in this thread: ``journal`` is what the compiled function that runs has written."""

    journal = None


_running = _Running()

# Scalars are tensors too: NumPy's reductions return them.
_SCALARS = {np.dtype(code).type for code in "?bBhHiIlLqQefdFD"}


@cache
def numpy_dtype(name):
    """NumPy's own dtype for a name; bfloat16 and float8 come from ml_dtypes, imported when first asked for."""
    if name == "string":
        return np.dtype(str)
    if name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        try:
            import ml_dtypes
        except ModuleNotFoundError as error:
            raise ImportError(f"The dtype {name} needs ml_dtypes. Write: pip install ml_dtypes.") from error
        dtype = np.dtype(getattr(ml_dtypes, name))
        NumPyBackend.tensor_types.add(dtype.type)
        NumPyBackend.float_dtypes.add(dtype)
        return dtype
    return np.dtype(name)


class NumPyBackend(Backend):
    """Arrays in host memory. Eager: what is compiled runs as it is too, until it has been recorded."""

    name = "numpy"
    modules = (math, nn, linalg, convolution, recurrence)
    tensor_types = {np.ndarray, Traced, *_SCALARS, *TENSORS}
    float_dtypes = FLOATS
    running = _running

    def __init__(self):
        self._joined = {}  # ids of variables -> the _Joined that holds them

    # -- tensors in and out

    def is_tensor(self, x):
        return type(x) is Traced or isinstance(x, (np.ndarray, np.generic))

    def convert(self, x, dtype=None):
        if type(x) not in self.tensor_types:
            x = _to_array(x, dtype)
        if dtype is None:
            return x
        return x if x.dtype == (wanted := numpy_dtype(dtype)) else self.cast(x, wanted)

    def to_numpy(self, x):
        return np.asarray(strip(x))

    def cast(self, x, dtype):
        dtype = numpy_dtype(dtype) if type(dtype) is str else dtype
        if x.dtype.kind == "c" and dtype.kind in "fiu":
            x = np.real(x)
        return gradients.astype(x, dtype)

    # -- storage of variables

    def allocate(self, value, device=None):
        return np.array(value, order="C")

    def write(self, storage, tensor):
        # a copy: the tensor may be the caller's, and a tape may still need what is in the storage
        written = np.array(strip(tensor), order="C")
        journal = _running.journal
        if journal is not None:
            journal.append((written, storage))
        return written

    def take_over(self, storage, array):
        keeps = type(array) is np.ndarray and array.flags.c_contiguous and _running.journal is None
        return array if keeps else self.write(storage, array)

    # -- functions of functions

    def value_and_grad(self, function, variables, has_aux=False):
        frame = get_frame()
        outer = frame.bindings
        bindings = {} if outer is None else outer.copy()
        arguments, watched = [], []
        with Tape() as tape:
            for item in variables:
                if getattr(item, "is_variable", False):
                    value = None if outer is None else outer.get(id(item))
                    if value is None:
                        held_by, value = item._cell
                        value = value if held_by is self else item.storage
                    if value.dtype in FLOATS:
                        value = bindings[id(item)] = tape.watch(value)
                else:
                    value = self.convert(item)
                    if value.dtype in FLOATS:
                        value = tape.watch(value)
                    arguments.append(value)
                watched.append(value)
            child = frame.child(bindings=bindings, written={})
            token = current_frame.set(child)
            try:
                result = function(*arguments)
            finally:
                current_frame.reset(token)
            value, aux = result if has_aux else (result, None)
            found = tape.gradients(value)

        def unbox(x):
            return x.value if type(x) is Traced and x.tape is tape else x

        for variable in child.written.values():
            variable.assign(unbox(bindings[id(variable)]))
        grads = [_like(found[x.index], x.dtype) if type(x) is Traced and x.tape is tape else None for x in watched]
        value = unbox(value)
        return ((value, map_structure(unbox, aux)) if has_aux else value), grads

    def compile(self, function, state=(), jit=None):
        """``function``, replayed where it can be: see replay.py.

        An error undoes what it assigned since it began, or since the last optimizer update in it. ``jit``: True
        insists on replay, whatever code runs in it; None replays only what is kbridge's code and NumPy's; False
        runs it as it is.
        """
        plain = self._undoing(function)
        return plain if jit is False else Compiled(self, function, plain, state, bool(jit))

    @cached_property
    def recording(self):
        """The engine in charge while a step is recorded."""
        return recording_of(NumPyBackend, numpy_dtype)(self)

    def compile_loop(self, step, finish, state=(), jit=None):
        return super().compile_loop(self.compile(step, state, jit), self.compile(finish, state, jit))

    def _undoing(self, function):
        @wraps(function)
        def run(*args, **kwargs):
            outer = _running.journal
            journal = _running.journal = []
            try:
                result = function(*args, **kwargs)
            except BaseException:
                for written, before in journal:  # what was written twice gets the first value by way of the second
                    written[...] = before
                raise
            finally:
                _running.journal = outer
            if outer is not None:
                outer += journal
            return result

        return run

    def gather(self, data, row):
        row = strip(row)
        return map_structure(lambda x: x.take(row, 0), data)

    # -- optimizers

    def update(self, rule, gradients, values, slots, scalars):
        if depth() or get_frame().bindings or not getattr(rule, "elementwise", False):
            return super().update(rule, gradients, values, slots, scalars)
        joined = self.joined(values, slots)
        if joined is None:
            return super().update(rule, gradients, values, slots, scalars)
        if _running.journal:
            _running.journal.clear()  # what is updated in place cannot be undone
        for members, tensors in joined.groups:
            if len(members) == 1:
                gradient = gradients[members[0]].reshape(-1)
            else:
                gradient = np.concatenate([gradients[i].reshape(-1) for i in members])
            _in_chunks(rule, gradient, tensors, scalars)

    def joined(self, values, slots):
        """The ``_Joined`` that holds these variables and their slots; None where there can be none."""
        key = tuple(map(id, values))
        joined = self._joined.get(key)
        if joined is None or not joined.holds(values, slots):
            rows = [(variable, *own) for variable, own in zip(values, slots, strict=True)]
            if any(slot.shape != row[0].shape for row in rows for slot in row):
                return None
            for other in [other for other in self._joined if not set(key).isdisjoint(other)]:
                del self._joined[other]  # its variables are taken over
            joined = self._joined[key] = _Joined(self, rows)
            joined.owner = weakref.ref(values[0], lambda _: self._joined.pop(key, None))
        return joined


_SMALL = 1 << 15  # items: larger tensors gain nothing by being joined
_CHUNK = 1 << 15  # items: what a rule reads and writes of a chunk stays in the cache


class _Joined:
    """Storages of variables and their slots, as flat arrays: small ones of like dtypes are views into a common one.

    groups: pairs (indices of variables, flat arrays of the variables and of each slot).
    views:  the storages of the variables, then of the slots of each, as they were set.
    """

    def __init__(self, engine, rows):
        kinds = {}
        for i, row in enumerate(rows):
            large = i if row[0].size > _SMALL else None
            kinds.setdefault((large, *(x.dtype for x in row)), []).append(i)
        self.groups = []
        views = [[None] * len(row) for row in rows]
        for members in kinds.values():
            flats = []
            for place in range(len(rows[members[0]])):
                variables = [rows[i][place] for i in members]
                flat = np.concatenate([variable.storage.reshape(-1) for variable in variables])
                ends = np.cumsum([variable.size for variable in variables])
                for i, variable, end in zip(members, variables, ends, strict=True):
                    view = flat[end - variable.size : end].reshape(variable.shape)
                    variable.set_storage(engine, view)
                    views[i][place] = view
                flats.append(flat)
            self.groups.append((members, flats))
        self.views = [row[0] for row in views] + [view for row in views for view in row[1:]]

    def holds(self, values, slots):
        """Whether each variable still lives here: none was assigned to or moved to another engine meanwhile."""
        found = [variable._cell[1] for row in (values, *slots) for variable in row]
        return len(found) == len(self.views) and all(map(is_, found, self.views))


def _in_chunks(rule, gradient, tensors, scalars):
    """Run an elementwise rule on flat arrays, ``tensors`` = (value, *slots), in place, a chunk at a time."""
    for start in range(0, len(gradient), _CHUNK):
        value, *slots = tensors if len(gradient) <= _CHUNK else [x[start : start + _CHUNK] for x in tensors]
        new_value, new_slots = rule(gradient[start : start + _CHUNK], value, tuple(slots), scalars)
        value[...] = new_value
        for slot, new in zip(slots, new_slots, strict=True):
            slot[...] = new


NumPyBackend.chunk, NumPyBackend.in_chunks = _CHUNK, staticmethod(_in_chunks)


def _like(g, dtype):
    """A gradient as users get it: in the dtype of its variable, conjugated where that is complex."""
    if g is None or g.dtype is dtype and dtype.kind != "c":
        return g
    if g.dtype.kind == "c":
        g = np.conj(g) if dtype.kind == "c" else np.real(g)
    return g if g.dtype == dtype else gradients.astype(g, dtype)


def _to_array(x, dtype=None):
    """Whatever is no tensor here, as one; ``dtype`` is the one that numbers will get."""
    if type(x) in _WEAK:
        return np.array(x, numpy_dtype(dtype or _weak_dtype(x)))
    if getattr(x, "is_variable", False):
        x = x.value
        return x if type(x) in NumPyBackend.tensor_types else _to_array(x, dtype)
    if isinstance(x, (list, tuple)):
        leaves = flatten(x)
        if all(type(leaf) in _WEAK for leaf in leaves):
            array = np.asarray(x)
            return array if dtype else array.astype(_weak_dtype(array), copy=False)
        return np.stack([item if type(item) is Traced else _to_array(item, dtype) for item in x])
    if isinstance(x, (np.ndarray, np.generic)):  # a subclass
        return np.asarray(x)
    for engine in list(registry._engines.values()):
        if engine.name != "numpy" and engine.is_tensor(x):
            return engine.to_numpy(x)
    return np.asarray(x)


_WEAK = (bool, int, float, complex)


def _weak_dtype(x):
    """The dtype of Python's numbers: int32, floatx and their like, but int64 for what needs it."""
    kind = type(x) if type(x) in _WEAK else {"b": bool, "i": int, "f": float, "c": complex}.get(x.dtype.kind)
    if kind is None or kind is int and np.size(x) and not -(2**31) <= np.min(x) <= np.max(x) < 2**31:
        return "int64" if kind else x.dtype
    return standardize(kind)
