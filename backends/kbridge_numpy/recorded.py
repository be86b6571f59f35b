"""The recorder: it follows the values of a step, and writes down which calls on arrays the step consists of.

A ``Box`` stands for a value that may be another one at the next run. Whatever is called with one is called with the
value and becomes an entry: the function, its arguments, its results. Shapes and dtypes are known from a box; its
value is not, since code that decides by it cannot be replayed: to ask for it gives up the recording.
"""

import operator
from types import FunctionType

import numpy as np

from kbridge.backend import op
from kbridge_numpy import boxes
from kbridge_numpy.boxes import ArrayLike, recorders


class GiveUp(BaseException):
    """What is being recorded cannot be replayed. It passes by ``except Exception``."""


class Again(BaseException):
    """Something was met that must be known beforehand: the recording is to begin anew."""


class Ref:
    """The name of a value in a program, and what its text depends on."""

    __slots__ = ("number", "nbytes", "kind", "shape", "dtype")

    def __init__(self, number, value):
        self.number = number
        self.kind = type(value)
        array = isinstance(value, (np.ndarray, np.generic))
        self.nbytes = value.nbytes if array else 0 if self.kind in (int, float, bool, complex) else 1 << 20
        self.shape = value.shape if array else ()
        self.dtype = value.dtype if array else None


class Entry:
    """One call. ``function`` is called with ``args`` and ``kwargs``, in which ``Ref``s stand for values.

    effect: whether it counts although nobody uses ``result``.
    """

    __slots__ = ("function", "args", "kwargs", "result", "effect")

    def __init__(self, function, args, kwargs, result, effect=False):
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.result = result
        self.effect = effect


class Method(str):
    """The name of a method, in the place of a function."""

    __slots__ = ()

    def __call__(self, x, *args, **kwargs):
        return getattr(x, self)(*args, **kwargs)


class Attribute(str):
    """The name of an attribute, in the place of a function."""

    __slots__ = ()

    def __call__(self, x):
        return getattr(x, self)


_MOST = 10_000  # calls: with more, a program takes long to make

# What only depends on shapes and dtypes: its results are the same at every run.
_STATIC = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast, np.may_share_memory}
_LIKE = {np.ones_like, np.zeros_like, np.empty_like}
# What gives results of other shapes for other values, or changes its arguments.
_UNKNOWN = {
    getattr(np, name)
    for name in """argwhere bincount compress copyto digitize extract fill_diagonal flatnonzero histogram nonzero place
    put put_along_axis putmask save setdiff1d union1d intersect1d trim_zeros unique array_equal allclose""".split()
}
_UNKNOWN |= {Method(name) for name in ("nonzero", "compress", "fill", "put", "itemset", "resize", "tolist", "tobytes")}
_UNKNOWN_OPS = {"nonzero", "unique", "argwhere", "bincount"}
# The arguments after the first say the shape of the result.
_SHAPERS = {np.repeat, np.tile, np.broadcast_to, np.reshape, np.resize, np.pad, np.array_split, np.split}
_SHAPERS |= {Method("reshape"), Method("repeat"), Method("resize")}
_LITERALS = (type(None), str, np.dtype, type, type(Ellipsis))


def leaves(tree):
    """The leaves of arguments."""
    kind = type(tree)
    if kind is dict:
        tree = tree.values()
    elif kind is slice:
        tree = (tree.start, tree.stop, tree.step)
    elif not isinstance(tree, (tuple, list)):
        yield tree
        return
    for item in tree:
        yield from leaves(item)


def mapped(fn, tree):
    """Arguments with ``fn`` of their leaves."""
    kind = type(tree)
    if kind is dict:
        return {key: mapped(fn, item) for key, item in tree.items()}
    if kind is slice:
        return slice(mapped(fn, tree.start), mapped(fn, tree.stop), mapped(fn, tree.step))
    if kind is list:
        return [mapped(fn, item) for item in tree]
    if isinstance(tree, tuple):
        return tuple([mapped(fn, item) for item in tree])
    return fn(tree)


def unbox(x):
    return x.value if isinstance(x, Box) else x


def _ref(x):
    return x.ref if isinstance(x, Box) else x


def invoke(function, args, kwargs=None):
    """``function(*args, **kwargs)``, recorded as one call where an argument is followed by a recorder."""
    kwargs = kwargs or {}
    recorder, stale = None, False
    for leaf in (function, *leaves((args, kwargs))):
        if isinstance(leaf, Box):
            if leaf.recorder.closed:
                stale = True
            else:
                recorder = leaf.recorder
        elif isinstance(leaf, ArrayLike):  # the tape comes first, and calls here with what is in its boxes
            return function(*args, **kwargs)
    if recorder is not None:
        return recorder.call(function, args, kwargs)
    if stale:
        function, args, kwargs = unbox(function), mapped(unbox, args), mapped(unbox, kwargs)
    return function(*args, **kwargs)


class Recorder:
    """The record of one run. ``puts_off`` says whether large updates in place wait until it has succeeded."""

    def __init__(self, puts_off=True):
        self.puts_off = puts_off
        self.later = []  # the updates that wait
        self.pending = set()  # ids of the variables that they change
        self.entries = []
        self.joins = []  # (a function that joins variables, these, the boxes of the flat arrays they are joined in)
        self.count = 0
        self.busy = False  # whether a recorded function is at work, on plain values
        self.closed = False
        self.why = None  # what made it give up
        self.undo = []  # (array, what was in it): what has been changed in place

    def give_up(self, why):
        self.why = self.why or why
        return GiveUp(why)

    def box(self, value):
        self.count += 1
        return _BOXES.get(type(value), Recorded)(value, self, Ref(self.count, value))

    def call(self, function, args, kwargs):
        """Call ``function`` with what is in the boxes, and record it."""
        if self.busy:
            raise self.give_up("a function met a value that was not among its arguments")
        self._refuse_unknown(function, args, kwargs)
        raw, named, run = mapped(unbox, args), mapped(unbox, kwargs), unbox(function)
        self.busy = True
        try:
            result = run(*raw, **named)
        finally:
            self.busy = False
        if result is NotImplemented or not isinstance(function, Box) and function in _STATIC:
            return result
        if not isinstance(function, Box) and function in _LIKE:
            if isinstance(result, np.ndarray):
                result.flags.writeable = False  # it is the same one at every run
            return result
        if not all(map(_is_value, leaves(result))):  # such as a Piece
            return function(*args, **kwargs)
        return self.enter(function, args, kwargs, result)

    def enter(self, function, args, kwargs, result, effect=False):
        """Record a call that has been made; returns ``result`` in boxes."""
        boxed = mapped(lambda x: x if isinstance(x, _LITERALS) else self.box(x), result)
        entry = Entry(_ref(function), mapped(_ref, args), mapped(_ref, kwargs), mapped(_ref, boxed), effect)
        self.entries.append(entry)
        if len(self.entries) > _MOST:
            raise self.give_up(f"it consists of more than {_MOST} calls")
        return boxed

    def _refuse_unknown(self, function, args, kwargs):
        if isinstance(function, Box):
            return
        name = getattr(function, "__name__", function)
        if function in _UNKNOWN or function is np.where and len(args) == 1 or name in _UNKNOWN_OPS:
            raise self.give_up(f"the shape of what {name} gives, or whether it does anything, depends on values")
        if function is operator.getitem or name == "get_item":
            for key in leaves(args[1:]):
                if isinstance(key, Number) or _is_mask(key):
                    raise self.give_up("the shape of what an index gives depends on values")
        if function in _SHAPERS and any(isinstance(leaf, Box) for leaf in leaves((args[1:], kwargs))):
            raise self.give_up(f"the shape of what {name} gives depends on values")

    def write(self, array, value):
        """``array[...] = value``, in place; ``array`` is a box."""
        self.undo.append((array.value, array.value.copy()))
        array.value[...] = unbox(value)
        self.entries.append(Entry(operator.setitem, (_ref(array), Ellipsis, _ref(value)), {}, None, True))

    def take_back(self):
        for array, before in reversed(self.undo):
            array[...] = before


def _is_mask(key):
    return isinstance(key, Box) and getattr(key.value, "dtype", None) == np.dtype(bool)


def _is_value(x):
    return isinstance(x, (np.ndarray, np.generic, int, float, complex, FunctionType, *_LITERALS))


class Box:
    """A value that is followed. ``ref`` is its name in the record."""

    __slots__ = ("value", "recorder", "ref")

    def __init__(self, value, recorder, ref):
        self.value = value
        self.recorder = recorder
        self.ref = ref

    def _known(self):
        if self.recorder.closed:
            return self.value
        raise self.recorder.give_up("code outside of the engine asked for a value")

    def __array__(self, dtype=None, copy=None):
        return np.array(self._known(), dtype, copy=copy)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(x, ArrayLike) for x in inputs):
            return NotImplemented
        if kwargs.get("out") is not None or method == "at":
            raise self.recorder.give_up(f"np.{ufunc.__name__} was to change an array in place")
        return invoke(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if any(issubclass(kind, ArrayLike) for kind in types):
            return NotImplemented
        if kwargs.get("out") is not None:
            raise self.recorder.give_up(f"np.{function.__name__} was to change an array in place")
        return invoke(function, args, kwargs)

    __bool__ = lambda self: bool(self._known())  # noqa: E731
    __float__ = lambda self: float(self._known())  # noqa: E731
    __int__ = lambda self: int(self._known())  # noqa: E731
    __index__ = lambda self: operator.index(self._known())  # noqa: E731
    __complex__ = lambda self: complex(self._known())  # noqa: E731
    __hash__ = object.__hash__

    def __repr__(self):
        return f"Recorded({self.value!r})" if self.recorder.closed else "Recorded(...)"


class Pullback(Box):
    """A function that a function returned."""

    __slots__ = ()

    def __call__(self, *args, **kwargs):
        if any(isinstance(leaf, ArrayLike) for leaf in leaves((args, kwargs))):
            raise self.recorder.give_up("gradients of gradients were taken through a function with its own pullback")
        return invoke(self, args, kwargs)


class Number(Box):
    """One of Python's numbers."""

    __slots__ = ()


class Recorded(Box):
    """An array, or one of NumPy's scalars."""

    __slots__ = ()
    shape = property(operator.attrgetter("value.shape"))
    dtype = property(operator.attrgetter("value.dtype"))
    ndim = property(operator.attrgetter("value.ndim"))
    size = property(operator.attrgetter("value.size"))
    itemsize = property(operator.attrgetter("value.itemsize"))
    nbytes = property(operator.attrgetter("value.nbytes"))
    T = property(lambda self: invoke(Attribute("T"), (self,)))
    mT = property(lambda self: invoke(Attribute("mT"), (self,)))
    real = property(lambda self: invoke(Attribute("real"), (self,)))
    imag = property(lambda self: invoke(Attribute("imag"), (self,)))

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        return invoke(operator.getitem, (self, key))

    def __setitem__(self, key, value):
        raise self.recorder.give_up("an array was to be changed in place")


class Double(Recorded):
    """One of NumPy's scalars that counts as Python's where dtypes are promoted."""

    __slots__ = ()
    __class__ = property(lambda self: type(self.value))


def _method(name):
    return lambda self, *args, **kwargs: invoke(Method(name), (self, *args), kwargs)


for (
    _name
) in """all any argmax argmin argsort astype clip conj conjugate copy cumprod cumsum diagonal dot flatten item max
        mean min nonzero prod ravel repeat reshape round squeeze std sum swapaxes take tolist trace transpose var
        view""".split():
    setattr(Recorded, _name, _method(_name))


def _binary(function):
    def method(self, other):
        if isinstance(other, ArrayLike) or not isinstance(other, Box) and _knows_better(other):
            return NotImplemented
        return invoke(function, (self, other))

    def reflected(self, other):
        return NotImplemented if _knows_better(other) else invoke(function, (other, self))

    return method, reflected


def _knows_better(other):
    """Whether ``other`` is a Variable or a symbol."""
    return getattr(type(other), "__array_ufunc__", other) is None


def _unary(function):
    return lambda self: invoke(function, (self,))


for _name in "add sub mul truediv pow floordiv mod matmul and or xor lshift rshift".split():
    _forward, _reflected = _binary(getattr(operator, f"__{_name}__"))
    setattr(Box, f"__{_name}__", _forward)
    setattr(Box, f"__r{_name}__", _reflected)
for _name in "lt le eq ne gt ge".split():
    setattr(Box, f"__{_name}__", _binary(getattr(operator, _name))[0])
for _name in "neg pos abs invert".split():
    setattr(Box, f"__{_name}__", _unary(getattr(operator, _name)))

_BOXES = {FunctionType: Pullback}
for _type, _weak in op._WEAK.copy().items():
    _BOXES[_type] = _kind = type(f"{_type.__name__}_box", (Double if issubclass(_type, np.generic) else Number,), {
        "__slots__": ()
    })  # fmt: skip
    op._WEAK[_kind] = _weak
_BOXES[np.bool_] = Recorded  # gives way to everything in any case
TENSORS = {Recorded, *(kind for kind in _BOXES.values() if issubclass(kind, Recorded))}

boxes._KNOWN += (Box,)

__all__ = ["Again", "Box", "Entry", "GiveUp", "Number", "Recorder", "TENSORS", "invoke", "recorders"]
