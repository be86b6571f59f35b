"""Replay: a step that is run again and again is recorded once, and from then on only its calls on arrays are run.

A function is recorded while it does one of its steps. Where that gives up, nothing has changed, the step is done
without it, and the function stays as it is.
"""

import gc
import os
import signal
import sys
import sysconfig
from functools import update_wrapper
from types import MethodType

import numpy as np

import kbridge
from kbridge import config
from kbridge.backend import seeds
from kbridge.backend.frame import current_frame, get_frame, process
from kbridge.backend.interface import Backend
from kbridge.backend.tree import flatten, map_structure
from kbridge_numpy.boxes import ArrayLike, recorders, strip
from kbridge_numpy.program import MISS, build, is_named_tuple
from kbridge_numpy.recorded import Again, Box, GiveUp, Number, Recorder, invoke, mapped, unbox

_SEEN = 2  # calls of one signature before it is recorded
_SIGNATURES = 8  # that are remembered of a function
_ROUNDS = 10  # of finding out about more variables
_LARGEST = 1 << 24  # items of state: a step on more takes so long that nothing is gained


class _Touched(dict):
    """Of a capturing frame: a variable that was not known begins the recording anew."""

    def __init__(self, known):
        super().__init__()
        self.known = known

    def __setitem__(self, key, variable):
        if key not in self.known:
            self.known[key] = variable
            raise Again


class _Bindings(dict):
    """Of a capturing frame: what stands for variables. What is assigned carries no gradient, as outside."""

    def __init__(self, boxes, recorder):
        super().__init__(boxes)
        self.recorder = recorder

    def get(self, key, default=None):
        if key in self.recorder.pending:  # its update was put off, to no avail
            self.recorder.puts_off = False
            raise Again
        return super().get(key, default)

    def __setitem__(self, key, value):
        if isinstance(value, ArrayLike) and value.index >= value.tape.leaves:
            if not isinstance(self.get(key), ArrayLike):  # else it is being differentiated
                value = strip(value)
        if isinstance(value, Box) and not isinstance(value, Number):
            array = value.value
            if type(array) is np.ndarray and (array.base is not None or value.recorder.fed.get(value.ref.number)):
                value = invoke(np.array, (value,))  # it may be part of what changes in place
        super().__setitem__(key, value)

    def copy(self):
        return _Bindings(self, self.recorder)


class _Reads(dict):
    """What stands for variables while a function of the host's numbers runs: it is noted which ones it reads."""

    def __init__(self, bindings):
        super().__init__({key: unbox(value) for key, value in bindings.items()})
        self.read = set()

    def get(self, key, default=None):
        self.read.add(key)
        return super().get(key, default)


def recording_of(kind, numpy_dtype):
    """The class of engines that record what engines of the class ``kind`` do."""

    class Recording(kind):
        """In charge while a step is recorded: what an engine does, with boxes."""

        def __init__(self, base):
            self.base = base
            self._joined = base._joined

        def native(self, name):
            function = super().native(name)
            return function and (lambda *args, **kwargs: invoke(function, args, kwargs))

        def is_tensor(self, x):
            return isinstance(x, Box) or super().is_tensor(x)

        def convert(self, x, dtype=None):
            if getattr(x, "is_variable", False):
                x = x.value
            if isinstance(x, Number) and dtype is not None:
                return invoke(np.array, (x, numpy_dtype(dtype)))
            if isinstance(x, Number) or type(x) in (list, tuple) and _holds_boxes(x):
                return invoke(self.base.convert, (x, dtype))
            return super().convert(x, dtype)

        def value_and_grad(self, function, variables, has_aux=False):
            frame = get_frame()
            for item in variables:
                if getattr(item, "is_variable", False) and id(item) not in frame.bindings:
                    frame.touched[id(item)] = item
            return super().value_and_grad(function, variables, has_aux)

        def on_host(self, function, *args):
            recorder, bindings = self.recorder, get_frame().bindings
            raw = _Reads(bindings)
            frame = get_frame().child(engine=self.base, bindings=raw, written={})
            token = current_frame.set(frame)
            recorder.busy = True
            try:
                result = function(*map(unbox, args))
            finally:
                current_frame.reset(token)
                recorder.busy = False
            if not recorder.pending.isdisjoint(raw.read):
                recorder.puts_off = False
                raise Again
            if frame.written or any(bindings[key] is not recorder.boxes[key] for key in raw.read if key in bindings):
                raise recorder.give_up("a function of the host's numbers assigned, or read what had been assigned")
            return recorder.enter(function, args, {}, result, True)

        def update(self, rule, gradients, values, slots, scalars):
            recorder, bindings = self.recorder, get_frame().bindings
            variables = [*values, *[slot for own in slots for slot in own]]
            joined = None
            if getattr(rule, "elementwise", False) and not any(isinstance(g, ArrayLike) for g in gradients):
                if all(bindings.get(id(v)) is recorder.boxes.get(id(v)) is not None for v in variables):
                    joined = self.base.joined(values, slots)
            if joined is None:
                return Backend.update(self, rule, gradients, values, slots, scalars)
            if any(recorder.boxes[id(v)].value is not v._cell[1] for v in variables):
                raise Again  # they have only now been joined
            flats = [[recorder.box(flat) for flat in tensors] for _, tensors in joined.groups]
            boxes = [flat for tensors in flats for flat in tensors]
            recorder.joins.append((lambda: self.base.joined(values, slots), variables, boxes))
            for (members, _), tensors in zip(joined.groups, flats):
                parts = [gradients[i].reshape(-1) for i in members]
                gradient = parts[0] if len(parts) == 1 else np.concatenate(parts)
                if len(gradient) > self.chunk:
                    recorder.pending.update(id(v) for i in members for v in (values[i], *slots[i]))
                    self._update_in_chunks(rule, gradient, tensors, scalars)
                    continue
                new, new_slots = rule(gradient, tensors[0], tuple(tensors[1:]), scalars)
                for flat, item in zip(tensors, (new, *new_slots), strict=True):
                    if item is not flat:
                        recorder.write(flat, item)

        def _update_in_chunks(self, rule, gradient, tensors, scalars):
            """As one call. It is put off until the recording has succeeded, or what was there before is kept."""
            recorder, given = self.recorder, (rule, gradient, tensors, scalars)
            recorder.enter(self.in_chunks, given, {}, None, True)
            raw = rule, unbox(gradient), [flat.value for flat in tensors], mapped(unbox, scalars)
            if recorder.puts_off:
                recorder.later.append(lambda: self.in_chunks(*raw))
                return
            recorder.pending.clear()
            recorder.undo += [(flat.value, flat.value.copy()) for flat in tensors]
            recorder.busy = True
            try:
                self.in_chunks(*raw)
            finally:
                recorder.busy = False

        @property
        def recorder(self):
            return get_frame().touched.recorder

    return Recording


def _holds_boxes(x):
    found = flatten(x)
    return any(isinstance(leaf, Box) for leaf in found) and not any(isinstance(leaf, ArrayLike) for leaf in found)


# -- whose code runs


def _folder(path, *parts):
    return os.path.join(os.path.dirname(os.path.realpath(path)), *parts, "")


_OWN = (_folder(kbridge.__file__), _folder(__file__), _folder(np.__file__))
_TESTS = _folder(kbridge.__file__, "conformance")  # these stand for a user's code
_LIBRARY = os.path.join(os.path.realpath(sysconfig.get_path("stdlib")), "")
_NOT_LIBRARY = tuple(
    os.path.join(_LIBRARY, name) for name in ("site-packages", "dist-packages", "random.py", "unittest")
)
_FOREIGN_BUILTINS = {"random", "_random", "time", "_warnings", "posix", "nt", "_io"}
_files = {}  # name of a file -> whether it is ours


def _is_own(name):
    found = _files.get(name)
    if found is None:
        path = os.path.realpath(name)
        if path.startswith(_OWN):
            found = not path.startswith(_TESTS)
        else:
            found = path.startswith(_LIBRARY) and not path.startswith(_NOT_LIBRARY)
        found = _files[name] = found or name.startswith(("<frozen ", "<string>"))
    return found


def _watcher(recorder):
    """A profiler that gives up before code runs that may do other things than its arguments say."""

    def watch(frame, event, arg):
        if recorder.busy:
            return
        if event == "call":
            code = frame.f_code
            if not _is_own(code.co_filename) or code is seeds.next_key.__code__:
                if any(getattr(signal.getsignal(n), "__code__", None) is code for n in signal.valid_signals()):
                    recorder.give_up("a signal came")
                    sys.setprofile(None)  # let it be handled
                    return
                raise recorder.give_up(f"{code.co_qualname} ran, which may do other things at each call")
        elif event == "c_call":
            owner = getattr(arg, "__self__", None)
            module = getattr(arg, "__module__", None) or getattr(type(owner), "__module__", None)
            if module in _FOREIGN_BUILTINS:
                raise recorder.give_up(f"{arg.__name__} ran, which may do other things at each call")

    return watch


def _is_watched():
    """Whether a debugger, a profiler or a coverage tool is at work here."""
    monitoring = getattr(sys, "monitoring", None)
    return (
        sys.getprofile() is not None
        or sys.gettrace() is not None
        or (monitoring is not None and any(monitoring.get_tool(i) for i in range(6)))
    )


# -- compiled functions


class _Unsuited(Exception):
    """An argument that cannot be part of a signature."""


def _signature(x):
    kind = type(x)
    if kind is np.ndarray:
        return x.shape, x.dtype
    if kind is tuple or kind is list or is_named_tuple(x):
        return kind, *map(_signature, x)
    if kind is dict:
        return kind, *[(key, _signature(item)) for key, item in x.items()]
    if x is None or kind in (bool, int, float, str):
        return kind, x
    if issubclass(kind, np.generic):
        return kind
    raise _Unsuited(f"an argument is a {kind.__name__}")


class Compiled:
    """A function that is recorded when it has been called ``_SEEN`` times with one signature, or at once."""

    def __init__(self, engine, function, plain, state, forced):
        self.engine = engine
        self.function = function
        self.plain = plain
        self.variables = {id(v): v for v in state}
        self.forced = forced
        self.why = None  # what stood in the way of recording it
        self.last = None  # the replay that fitted the last time
        self.seen = {}  # signature -> how often it came, then its replay
        update_wrapper(self, function, updated=())
        self.hopeless = not forced and sum(v.size for v in state) > _LARGEST

    def __get__(self, instance, owner=None):
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args, **kwargs):
        if self.last is not None and not kwargs:
            result = self.last(args)
            if result is not MISS:
                return result
        if self.hopeless or not _guard(self.engine)():
            return self.plain(*args, **kwargs)
        try:
            if kwargs:
                raise _Unsuited("arguments are given by name")
            key = (config.floatx(), config.epsilon(), *map(_signature, args))
            known = self.seen.get(key, 0)
        except (_Unsuited, TypeError) as error:
            if self.forced:
                raise self._refusal(error) from None
            return self.plain(*args, **kwargs)
        if callable(known):
            self.last = known
            result = known(args)
            return self.plain(*args) if result is MISS else result
        if len(self.seen) >= _SIGNATURES and not known:
            return self.plain(*args)
        if (known < _SEEN or _is_watched()) and not self.forced:
            self.seen[key] = known + 1
            return self.plain(*args)
        return self.record(key, args)

    def record(self, key, args):
        """Do the step and record it."""
        puts_off = True
        for _ in range(_ROUNDS):
            recorder = Recorder(puts_off)
            try:
                found = self._run(recorder, args)
            except Again:
                recorder.take_back()
                puts_off = recorder.puts_off
                continue
            except GiveUp:
                pass  # recorder.why says what stood in the way
            except Exception:
                if self.forced and recorder.why is None:
                    recorder.take_back()
                    raise
                recorder.why = recorder.why or "an error was raised"
            except BaseException:
                recorder.take_back()
                raise
            if recorder.why is None:
                replay, result = found
                self.seen[key] = self.last = replay
                return result
            recorder.take_back()
            break
        if self.forced:
            raise self._refusal(recorder.why or "it makes new Variables at each call")
        self.hopeless, self.why = True, recorder.why
        self.seen.clear()
        self.last = None
        return self.plain(*args)

    def _refusal(self, why):
        return ValueError(
            f'jit_compile=True cannot be honoured: the engine "{self.engine.name}" cannot replay '
            f'{getattr(self.function, "__qualname__", self.function)}, since {why}. Write jit_compile="auto".'
        )

    def _run(self, recorder, args):
        """(the replay, the result)"""
        engine = self.engine
        values = {key: variable.value for key, variable in self.variables.items()}
        recorder.boxes = boxes = {key: recorder.box(value) for key, value in values.items()}
        recorder.fed = {box.ref.number: True for box in boxes.values()}
        touched = _Touched(self.variables)
        touched.recorder = recorder
        inputs = _boxed(recorder, args)
        outer = get_frame()
        bindings = _Bindings(boxes, recorder)
        frame = outer.child(engine=engine.recording, bindings=bindings, captures=True, touched=touched, written={})
        token = current_frame.set(frame)
        recorders.append(recorder)
        collects = gc.isenabled()
        gc.disable()  # finalizers and their like are not part of the step
        if not self.forced:
            sys.setprofile(_watcher(recorder))
        try:
            result = self.function(*inputs)
        finally:
            if not self.forced:
                sys.setprofile(None)
            if collects:
                gc.enable()
            recorders.remove(recorder)
            current_frame.reset(token)
        if recorder.why is not None:
            raise GiveUp
        for leaf in flatten([result]):
            if isinstance(leaf, ArrayLike) or not _may_return(leaf):
                raise recorder.give_up(f"it returned a {type(leaf).__name__}")
        written = [(variable, bindings[key]) for key, variable in frame.written.items()]
        fed = [(variable, boxes[key]) for key, variable in self.variables.items() if key in boxes]
        replay = build(recorder, inputs, fed, written, result, _guard(engine, True), (engine, _read))
        recorder.closed = True
        for update in recorder.later:
            update()
        new = [np.array(unbox(value), order="C") for _, value in written]
        for (variable, _), value in zip(written, new):
            variable._cell = (None if variable.host else engine, value)
        recorder.undo.clear()
        return replay, map_structure(_returned, result)


def _may_return(leaf):
    known = (Box, np.ndarray, np.generic, bool, int, float, str)
    return leaf is None or isinstance(leaf, known) or getattr(leaf, "is_variable", False)


def _returned(leaf):
    """A result without its box; what the replay gives a copy of at each run, is copied here too."""
    return leaf.copy() if type(leaf) is np.ndarray else unbox(leaf)


def _boxed(recorder, tree):
    kind = type(tree)
    if kind in (tuple, list):
        return kind([_boxed(recorder, item) for item in tree])
    if is_named_tuple(tree):
        return kind(*[_boxed(recorder, item) for item in tree])
    if kind is dict:
        return {key: _boxed(recorder, item) for key, item in tree.items()}
    return recorder.box(tree) if isinstance(tree, (np.ndarray, np.generic)) else tree


def _read(variable):
    return variable.value


def _guard(engine, fixed=False):
    """A function that says whether a replay may run: on this engine, in nothing else, with the settings of now."""
    floatx, epsilon = config.floatx(), config.epsilon()
    running = engine.running

    def fits():
        frame = get_frame()
        return (
            (frame.engine is engine or frame.engine is None and process.engine is engine)
            and frame.bindings is None
            and frame.autocast is None
            and running.journal is None
            and config.floatx() == floatx
            and config.epsilon() == epsilon
        )

    return fits
