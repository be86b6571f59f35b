"""Whether values are being computed here, and the learning phase: what the K functions of old Keras ask first.

Old Keras built a graph and ran it later. Here a K function computes at once where there are values, and makes a
graph where there are symbols. Where it is given neither (only Variables, or just a shape) it makes a graph, unless
a computation is going on: then the values are at hand.

``enable`` gives symbols and Variables the attributes that they had then.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from kbridge.backend.abstract import is_open
from kbridge.backend.frame import get_frame
from kbridge.layers.layer import current_call

_running = ContextVar("kbridge_compat_running", default=False)
_building = ContextVar("kbridge_compat_building", default=False)
_asked = ContextVar("kbridge_compat_asked", default=None)  # the phase that a function is being run in
_set_phase = None  # what set_learning_phase was given


def computing():
    """Whether a computation is going on: a step of a model, a layer's call, a gradient, a trace, a look at shapes."""
    frame = get_frame()
    return (
        frame.bindings is not None
        or (frame.engine is not None and frame.engine.abstract)
        or _running.get()
        or current_call.get() is not None
    )


@contextmanager
def running(training=None):
    """Inside, K functions compute; ``training`` is the learning phase, where that is known for all of it."""
    token, asked = _running.set(True), _asked.set(training if training is not None else _asked.get())
    try:
        yield
    finally:
        _running.reset(token)
        _asked.reset(asked)


@contextmanager
def building():
    """Inside, ``K.zeros`` and the like make Variables even in the middle of a computation: a layer is being built."""
    token = _building.set(True)
    try:
        yield
    finally:
        _building.reset(token)


@contextmanager
def graphing():
    """Inside, no computation counts as going on: K functions make a graph of whatever they are given."""
    tokens = _running.set(False), _building.set(False), current_call.set(None)
    try:
        yield
    finally:
        for variable, token in zip((_running, _building, current_call), tokens):
            variable.reset(token)


def makes_variables(shape):
    """Whether ``K.zeros(shape)`` makes a Variable here, and not a tensor.

    While shapes are worked out it does, since a layer may be being built; but none of an unknown length.
    """
    frame = get_frame()
    if frame.engine is not None and frame.engine.abstract and not any(map(is_open, shape)):
        return True
    return not computing() or _building.get()


# -- the learning phase


def phase():
    """What ``set_learning_phase`` was given: True, False, or None if nothing."""
    return _set_phase


def set_phase(value):
    """Let the learning phase be ``value`` wherever models and functions run; None takes that back."""
    global _set_phase
    _set_phase = None if value is None else bool(value)


def training(default=False):
    """The ``training`` that a model is to run with: what ``set_learning_phase`` said, or else ``default``."""
    return default if _set_phase is None else _set_phase


def phase_here():
    """Whether this computation is one of training: as the call going on says, or the function being run."""
    call = current_call.get()
    if call is not None and call.training is not None:
        return bool(call.training)
    if _asked.get() is not None:
        return bool(_asked.get())
    return training()


def updates_happen():
    """Whether ``K.update`` takes effect in a computation: in a layer's call only if it trains or keeps states.

    In old Keras a model's updates were run by its train function; those of states by every one.
    """
    call = current_call.get()
    return call is None or phase_here() or any(getattr(x, "stateful", False) for x in call.root._flatten_layers())


# -- what symbols and Variables could be asked in those days


class Dimension(int):
    """One dimension of a shape: an int that has a ``value``."""

    value = property(int)


class UnknownDimension:
    """A dimension that is not known; its ``value`` is None."""

    value = None

    def __eq__(self, other):
        return other is None or isinstance(other, UnknownDimension)

    def __hash__(self):
        return hash(None)

    def __int__(self):
        raise TypeError("This dimension is not known. Write -1 in a reshape, or K.shape(x)[i] for its value in a run.")

    def __repr__(self):
        return "None"


class TensorShape(tuple):
    """A shape as ``get_shape()`` gave it: a tuple of dimensions that can also be had ``as_list``."""

    def __new__(cls, dims):
        return super().__new__(cls, [UnknownDimension() if d is None else Dimension(d) for d in dims])

    def as_list(self):
        return [dim.value for dim in self]

    @property
    def ndims(self):
        return len(self)

    rank = ndims

    def __getitem__(self, key):
        found = super().__getitem__(key)
        return TensorShape([dim.value for dim in found]) if isinstance(key, slice) else found

    def is_fully_defined(self):
        return None not in self.as_list()

    def num_elements(self):
        total = 1
        for dim in self.as_list():
            total = None if dim is None or total is None else total * dim
        return total


def enable():
    """Give symbols and Variables what scripts asked of them: ``_keras_shape``, ``get_shape()``, ``eval()``, ...

    The classes are those of the core, which knows nothing of older generations: the attributes are put there from
    here, once, by ``compat.install``. Nothing of the core reads them.
    """
    from kbridge.backend.operators import Operators
    from kbridge.backend.symbolic import KerasTensor
    from kbridge.backend.variable import Variable
    from kbridge.compat.backend import graph, values

    def shape_of(self):
        return tuple(self.shape)

    def get_shape(self):
        return TensorShape(self.shape)

    def set_shape(self, shape):
        """Say more of a shape than is known; it must agree with what is."""
        given = tuple(shape.as_list() if isinstance(shape, TensorShape) else shape)
        known = tuple(self.shape)
        if len(given) != len(known) or any(None not in (a, b) and a != b for a, b in zip(given, known)):
            raise ValueError(f"set_shape: {self!r} has the shape {known}. Received: {given}.")
        if given != known and not getattr(self, "is_variable", False):
            self.shape = tuple(a if b is None else b for a, b in zip(given, known))

    KerasTensor.set_shape = set_shape
    for kind in (KerasTensor, Variable):
        kind._keras_shape = property(shape_of, set_shape)
        kind.get_shape = get_shape
        kind.eval = values.evaluated
    KerasTensor._uses_learning_phase = property(graph.uses_learning_phase, lambda self, value: None)
    KerasTensor._keras_history = property(graph.history)
    KerasTensor.op = property(lambda self: self.node)
    get_item = KerasTensor.__getitem__
    if get_item is Operators.__getitem__:
        KerasTensor.__getitem__ = lambda self, key: (
            graph.part(self, key) if graph.has_dims_in(key) else get_item(self, key)
        )
    Variable._uses_learning_phase = False
    Variable.get_value = lambda self, borrow=False: values.get_value(self)
    Variable.set_value = lambda self, value, borrow=False: values.set_value(self, value)
    Variable.read_value = Variable.initialized_value = lambda self: graph.read(self)
