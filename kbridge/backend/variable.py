"""``Variable``: a value that lasts, held by one engine at a time.

A Variable is born in host memory and moves to an engine when it is first read
there; read under another engine, it moves on. So one live model runs on all.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import numpy as np

from kbridge.backend import dtypes, registry
from kbridge.backend.frame import get_frame
from kbridge.backend.operators import Operators

# What new Variables may take while a file says which to make: an object with ``take(name, shape, dtype)``, or None.
allowance = ContextVar("kbridge_allowance", default=None)

_undrawn = ContextVar("kbridge_undrawn", default=None)  # Variables whose initial values wait; None: none may


@contextmanager
def drawing_late():
    """Initial values of Variables made within are drawn at the end, or when read: those replaced before, never."""
    variables = []
    token = _undrawn.set(variables)
    try:
        yield
    finally:
        _undrawn.reset(token)
    for variable in variables:
        held_by, draw = variable._cell
        if held_by is _UNDRAWN:
            variable._cell = (None, _drawn(draw))


class UndrawableError(ValueError):
    """The initial value of a Variable, which had waited, cannot be made."""


def _drawn(draw):
    try:
        return draw()
    except Exception as error:  # whatever an initializer does
        raise UndrawableError(f"{type(error).__name__}: {error}") from error


class _Undrawn:
    """Takes the place of the engine in a Variable that holds how to draw its value, and no value yet."""

    abstract = False

    def read(self, draw):
        return _drawn(draw)

    def to_numpy(self, value):
        return value


_UNDRAWN = _Undrawn()


class Variable(Operators):
    """A tensor that can be assigned to.

    Args:
        initializer: a value, or a callable ``initializer(shape, dtype)``.
        shape: needed with a callable.
        dtype: ``floatx()`` unless told, or that of the value.
        trainable: whether optimizers may change it.
        autocast: whether layers that compute in another float dtype read it in that one.
        aggregation: how replicas of it are joined; kept for distribution.
        synchronization: kept for distribution.
        layout: kept for distribution.
        name: a name without "/".
        host: small state of control (a counter, a learning rate, a seed) that an engine which runs
            eagerly reads as a Python or NumPy value, without a detour by its device.
    """

    is_variable = True
    overwrite_with_gradient = False  # whether its "gradient" is its next value
    regularizer = None
    constraint = None
    aggregation = "none"
    synchronization = "auto"
    layout = None

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        layout=None,
        name=None,
        host=False,
    ):
        self.name = name or "variable"
        if "/" in self.name:
            raise ValueError(f"The name of a Variable cannot contain '/'. Received: name={name!r}.")
        if aggregation not in ("none", "mean", "sum", "only_first_replica"):
            raise ValueError(
                f"Invalid aggregation of Variable {self.name!r}. "
                f"Expected 'none', 'mean', 'sum' or 'only_first_replica'. Received: {aggregation!r}."
            )
        self.path = self.name
        self.trainable = bool(trainable)
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self.layout = layout
        self.host = host
        if _undrawn.get() is not None and getattr(initializer, "may_wait", False) and shape is not None:
            self.dtype, self.shape = _wanted(shape, dtype, self.name)
            self._cell = (_UNDRAWN, partial(initializer.draw, self.shape, dtype=self.dtype))
            _undrawn.get().append(self)
            return
        self.dtype, value = _initial_value(initializer, shape, dtype, self.name)
        self.shape = value.shape
        self._cell = (None, value)  # (engine, its storage); engine None is host memory

    # -- reading

    @property
    def value(self):
        """The tensor, on the engine in charge. It may be live: copy what must not change later."""
        frame = get_frame()
        bindings = frame.bindings
        if bindings is not None:
            bound = bindings.get(id(self))
            if bound is not None:
                return bound if frame.autocast is None else self._autocast(bound, frame)
            if frame.captures:
                frame.touched[id(self)] = self
        engine, storage = self._cell
        if engine is not frame.engine or engine is None:
            engine, storage = self._move(frame.engine or registry.current())
        if self.host and engine.eager:
            return storage if storage.ndim else storage.item()
        value = engine.read(storage)
        return value if frame.autocast is None else self._autocast(value, frame)

    def _autocast(self, value, frame):
        to = frame.autocast
        if to is None or not self.autocast or self.dtype == to or not dtypes.is_float(self.dtype):
            return value
        return (frame.engine or registry.current()).cast(value, to)

    def _move(self, to):
        """Bring the value to the engine ``to``; returns the new cell."""
        held_by, storage = self._cell
        if to.abstract:
            return to, to.allocate(self)
        if held_by is to:
            return self._cell
        if self.host and to.eager:
            storage = storage if held_by is None else held_by.to_numpy(held_by.read(storage))
            return to, storage  # host values stay where they are
        storage = to.allocate(storage) if held_by is None else to.adopt(storage, held_by)
        self._cell = (to, storage)
        return self._cell

    @property
    def storage(self):
        """What the engine in charge holds the value in (``Backend.allocate`` made it)."""
        engine = get_frame().engine or registry.current()
        return self._move(engine)[1]

    def numpy(self):
        """A NumPy array with the value."""
        if self._stood_in_for():
            return registry.current().to_numpy(self.value)
        engine, storage = self._cell
        return storage.copy() if engine is None else np.array(engine.to_numpy(engine.read(storage)))

    def _stood_in_for(self):
        """Whether a tensor takes its place here, or is about to: in a gradient, or in what is being compiled."""
        frame = get_frame()
        return frame.bindings is not None and (frame.captures or id(self) in frame.bindings)

    def __array__(self, dtype=None, copy=None):
        value = self.numpy()
        return value if dtype is None else value.astype(dtype)

    # -- writing

    def assign(self, value):
        """Replace the value; ``value`` must have this shape. Returns the Variable."""
        frame = get_frame()
        engine = frame.engine or registry.current()
        if engine.abstract:
            return self
        bindings = frame.bindings
        if self.host and engine.eager and not self._stood_in_for():
            host = (
                value if type(value) in (int, float) else engine.to_numpy(value) if engine.is_tensor(value) else value
            )
            host = np.array(host, numpy_dtype(self.dtype))
            self._check_shape(host.shape)
            self._cell = (None, host)
            return self
        if isinstance(value, Variable):
            value = value.value
        value = engine.convert(value, self.dtype)
        self._check_shape(value.shape)
        if bindings is not None and (frame.captures or id(self) in bindings):
            bindings[id(self)] = value
            frame.written[id(self)] = self
            if frame.captures:
                frame.touched[id(self)] = self
            return self
        held_by, storage = self._cell
        if held_by is not engine:
            storage = self._move(engine)[1]
        self._cell = (engine, engine.write(storage, value))
        return self

    def _check_shape(self, shape):
        if tuple(shape) != self.shape:
            raise ValueError(
                f"Variable {self.path!r} has the shape {self.shape}. Received a value of the shape {tuple(shape)}."
            )

    def assign_add(self, value):
        return self.assign(self._own() + self._operand(value))

    def assign_sub(self, value):
        return self.assign(self._own() - self._operand(value))

    def _operand(self, value):
        """``value`` as the tensors of every engine can add it."""
        arrays = isinstance(value, (list, tuple, np.ndarray))
        return registry.current().convert(value, self.dtype) if arrays and not self.host else value

    def _own(self):
        frame = get_frame()
        if frame.autocast is None:
            return self.value
        from kbridge.backend.frame import entered

        with entered(frame.child(autocast=None)):
            return self.value

    def take_over(self, array):
        """Hold a NumPy array of this dtype that no one else will use: it is not copied where that can be avoided."""
        frame = get_frame()
        engine = frame.engine or registry.current()
        if self.host or frame.bindings is not None or engine.abstract:
            self.assign(array)
            return
        self._check_shape(array.shape)
        held_by, storage = self._cell
        self._cell = (engine, engine.take_over(storage, array)) if held_by is engine else (None, array)

    def set_storage(self, engine, storage):
        """For engines: put ``storage`` of ``engine`` in the place of the present one."""
        self._cell = (engine, storage)

    # -- the rest

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return int(np.prod(self.shape))

    def __len__(self):
        if not self.shape:
            raise TypeError(f"Variable {self.path!r} is a scalar and has no length.")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def _scalar(self):
        if self.size != 1:
            raise TypeError(
                f"Variable {self.path!r} of shape {self.shape} is not a scalar. Write variable.numpy() for its array."
            )
        return self.numpy().item()

    def __float__(self):
        return float(self._scalar())

    def __int__(self):
        return int(self._scalar())

    def __index__(self):
        if not dtypes.is_int(self.dtype):
            raise TypeError(f"Variable {self.path!r} of dtype {self.dtype} cannot be an index.")
        return int(self._scalar())

    def __bool__(self):
        return bool(self._scalar())

    def __eq__(self, other):
        from kbridge.backend.op import OPS

        return OPS["equal"](self, other)

    def __ne__(self, other):
        from kbridge.backend.op import OPS

        return OPS["not_equal"](self, other)

    __hash__ = object.__hash__

    def __deepcopy__(self, memo):
        return self.__reduce__()[0](*self.__reduce__()[1])

    def __reduce__(self):
        kept = {k: v for k, v in self.__dict__.items() if k != "_cell"}
        return _restore, (kept, self.numpy())

    def __repr__(self):
        value = self.value if self._stood_in_for() else self.numpy()
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={value}>"


def _restore(fields, value):
    variable = Variable.__new__(Variable)
    variable.__dict__.update(fields)
    variable._cell = (None, value)
    return variable


def numpy_dtype(name):
    if name == "bfloat16" or name.startswith("float8"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def _initial_value(initializer, shape, dtype, name):
    """(dtype, NumPy array) of a new Variable."""
    if callable(initializer):
        if shape is None:
            raise ValueError(
                f"Variable {name!r} was given an initializer but no shape. Write: Variable(initializer, shape=...)."
            )
        dtype, shape = _wanted(shape, dtype, name)
        draw = getattr(initializer, "draw", initializer)  # kbridge's own draw on the host
        value = draw(shape, dtype=dtype)
    else:
        value = initializer
    if isinstance(value, Variable):
        value = value.numpy()
    if not isinstance(value, np.ndarray):
        value = _to_host(value)
    if dtype is None:
        dtype = {"float64": None, "int64": "int32"}.get(str(value.dtype), str(value.dtype))
        if isinstance(initializer, np.ndarray):
            dtype = str(initializer.dtype)
        dtype = dtypes.standardize(dtype)
    dtype = dtypes.standardize(dtype)
    if shape is not None and value.shape != tuple(np.atleast_1d(shape) if isinstance(shape, int) else shape):
        raise ValueError(f"Variable {name!r} was to have the shape {shape}, but its value has {value.shape}.")
    return dtype, np.array(value, numpy_dtype(dtype))


def _wanted(shape, dtype, name):
    """(dtype, shape) of a Variable that an initializer makes, once it is seen that there may be one."""
    dtype = dtypes.standardize(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(int(dim) for dim in shape)
    if any(dim < 0 for dim in shape):
        raise ValueError(f"Variable {name!r} cannot have the shape {shape}.")
    if allowance.get() is not None:
        allowance.get().take(name, shape, dtype)
    return dtype, shape


def _to_host(value):
    if isinstance(value, (bool, int, float, list, tuple, np.generic)):
        return np.asarray(value)
    if getattr(get_frame(), "bindings", None) is None and not registry.current().is_tensor(value):
        return np.asarray(value)
    return registry.current().to_numpy(value)
