"""The engine of shapes: it computes nothing but shapes and dtypes.

Under it a tensor is an ``Abstract``, a required op is its shape rule, and every
other op is its portable body. So a layer's or a function's output shape is
found by running it, without an engine, without data, in microseconds.
"""

import re

from kbridge.backend import dtypes
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.interface import Backend
from kbridge.backend.op import OPS
from kbridge.backend.operators import Operators
from kbridge.backend.tree import flatten, map_structure


class Abstract(Operators):
    """A tensor known by its shape and dtype alone."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape, dtype):
        self.shape = tuple(shape)
        self.dtype = dtype

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        total = 1
        for dim in self.shape:
            total *= dim
        return total

    def __eq__(self, other):
        return OPS["equal"](self, other)

    def __ne__(self, other):
        return OPS["not_equal"](self, other)

    __hash__ = object.__hash__

    def __len__(self):
        if not self.shape:
            raise TypeError("A scalar has no length.")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"<shape {self.shape}, {self.dtype}>"

    def __bool__(self):
        raise TypeError(
            "A shape is being worked out here, so no value is known: `if`, `while`, `and`, `or` and `not` "
            "cannot ask for one. Write ops.where, ops.cond, ops.while_loop or ops.logical_and."
        )

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "A shape is being worked out here, so no value is known and none can be handed to NumPy. "
            "Write the same with kbridge.ops."
        )

    @classmethod
    def apply_op(cls, spec, args, kwargs):
        """An op met an Abstract while a real engine is in charge: shapes are all there is to find."""
        with entered(get_frame().child(engine=engine)):
            return OPS[spec.name](*args, **kwargs)


class AbstractBackend(Backend):
    name = "abstract"
    abstract = True
    eager = False
    tensor_types = frozenset((Abstract,))
    float_dtypes = frozenset(dtypes.FLOATS + dtypes.COMPLEX)

    def native(self, name):
        spec = OPS[name].spec
        if spec.shape is None and not spec.required:
            return None

        def run(*args, **kwargs):
            rule = spec.shape or broadcast
            result = rule(*args, **kwargs)
            return self._finish(result, spec, args, kwargs)

        return run

    def _finish(self, result, spec, args, kwargs):
        if isinstance(result, tuple) and all(isinstance(dim, int) for dim in result):
            dtype = spec.out
            if dtype is None:
                found = [x.dtype for x in flatten([args, kwargs]) if type(x) is Abstract]
                dtype = found[0] if found else dtypes.standardize(None)
            return Abstract(result, dtype)
        return result

    def is_tensor(self, x):
        return type(x) is Abstract

    def convert(self, x, dtype=None):
        if type(x) is Abstract:
            return x if dtype is None or x.dtype == dtype else Abstract(x.shape, dtype)
        shape = getattr(x, "shape", None)
        if shape is None:
            import numpy as np

            if isinstance(x, (list, tuple)) and any(type(item) is Abstract for item in flatten(x)):
                return OPS["stack"]([self.convert(item, dtype) for item in x])
            array = np.asarray(x)
            if dtype is None:
                dtype = {"f": dtypes.standardize(None), "i": "int32"}.get(array.dtype.kind, None)
            return Abstract(array.shape, dtype or dtypes.standardize(array.dtype))
        return Abstract(shape, dtype or dtypes.standardize(x.dtype))

    def cast(self, x, dtype):
        return Abstract(x.shape, dtype)

    def dtype(self, x):
        return x.dtype

    def shape(self, x):
        return x.shape

    def read(self, storage):
        return storage

    def allocate(self, value, device=None):
        return Abstract(value.shape, dtypes.standardize(value.dtype))


def broadcast(*args, **kwargs):
    """The shape rule of elementwise ops: that of all their tensors, broadcast together."""
    return broadcast_shapes(*(x.shape for x in flatten([args, kwargs]) if type(x) is Abstract))


def broadcast_shapes(*shapes):
    rank = max(map(len, shapes), default=0)
    result = []
    for i in range(-rank, 0):
        dims = {shape[i] for shape in shapes if len(shape) >= -i} - {1}
        if not agree(*dims):
            raise ValueError(
                f"The shapes {' and '.join(map(str, shapes))} cannot be broadcast together: "
                f"in axis {i} they have {' and '.join(map(str, sorted(dims)))}."
            )
        result.append(common(*dims) if dims else 1)
    return tuple(result)


def is_open(dim):
    """Whether ``dim`` is not known, or stands for one that is not, or for a multiple of it."""
    return dim is None or bool(dim) and any(dim % trial == 0 for trial in TRIALS)


def agree(*dims):
    """Whether dimensions may be equal: what is not known may be anything."""
    return len({dim for dim in dims if not is_open(dim)}) <= 1


def common(*dims):
    """What dimensions that agree have in common: a known one if there is one."""
    return next((dim for dim in dims if not is_open(dim)), dims[0])


engine = AbstractBackend()

# Unknown dimensions are tried as two numbers; what differs in the results is unknown there.
# Both are large, so that windows fit, and prime, so that nothing divides them by accident.
TRIALS = (1009, 2003)


def trace_shapes(function, args, kwargs, is_symbol):
    """What ``function`` returns for arguments in which symbols stand: Abstracts with None where unknown.

    ``is_symbol(leaf)`` says which leaves of the arguments have ``shape`` (None where unknown) and ``dtype``.
    """

    def attempt(trial):
        def fill(leaf):
            if is_symbol(leaf):
                return Abstract((trial if dim is None else dim for dim in leaf.shape), leaf.dtype)
            return leaf

        with entered(get_frame().child(engine=engine, bindings=None, captures=False)):
            try:
                return function(*map_structure(fill, list(args)), **map_structure(fill, dict(kwargs)))
            except ValueError as error:
                told = re.sub(rf"\b{trial}\b", "None", str(error))
                raise (error if told == str(error) else ValueError(told)) from error.__cause__

    first = attempt(TRIALS[0])
    if all(None not in leaf.shape for leaf in flatten([args, kwargs]) if is_symbol(leaf)):
        return first
    second = attempt(TRIALS[1])

    def merge(a, b):
        if type(a) is not Abstract:
            return a
        if len(a.shape) != len(b.shape):
            raise ValueError(f"The rank of the result depends on an unknown dimension: {a.shape} or {b.shape}.")
        return Abstract((m if m == n else None for m, n in zip(a.shape, b.shape)), a.dtype)

    return map_structure(merge, first, second)
