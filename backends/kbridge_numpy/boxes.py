"""What makes a traced value behave like an array: Python's operators and NumPy's protocols.

``np.sin(box)``, ``box @ w`` and ``box[0]`` record themselves. What carries no gradient (comparisons, ``argmax``)
gets and gives plain arrays, and so does what asks for an array (``np.asarray(box)``, ``float(box)``).
"""

import operator

import numpy as np

from kbridge.backend.op import OPS

# Functions of NumPy's without a gradient: they get plain arrays.
PLAIN = {
    getattr(np, name)
    for name in """all allclose any argmax argmin argsort argwhere array2string array_equal array_repr array_str
    bincount can_cast copyto count_nonzero digitize empty_like equal flatnonzero full_like greater greater_equal
    iscomplexobj isclose isfinite isinf isnan isreal isrealobj less less_equal logical_and logical_not logical_or
    logical_xor may_share_memory ndim nextafter nonzero not_equal ones_like result_type save searchsorted shape
    shares_memory signbit size spacing unique zeros_like""".split()
}

# The recorders at work, in any thread: see recorded.py.
recorders = []

# Functions that take their arguments in a form of their own -> what to call in their places.
HANDLERS = {}

_REDUCERS = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
_KNOWN = (np.ndarray, float, int, bool, complex, np.generic)  # and what recorded.py adds


def strip(x):
    """The plain array in ``x``."""
    while isinstance(x, ArrayLike):
        x = x.value
    return x


def _strip_all(tree):
    return type(tree)(map(_strip_all, tree)) if type(tree) in (tuple, list) else strip(tree)


class ArrayLike:
    """An array, ``value``, each use of which goes through ``record``. It cannot be changed in place."""

    __slots__ = ()

    record = None  # record(function, *args, **kwargs), set by the tape
    rules = None  # the functions that it knows

    shape = property(operator.attrgetter("value.shape"))
    dtype = property(operator.attrgetter("value.dtype"))
    ndim = property(operator.attrgetter("value.ndim"))
    size = property(operator.attrgetter("value.size"))
    itemsize = property(operator.attrgetter("value.itemsize"))
    nbytes = property(operator.attrgetter("value.nbytes"))
    T = property(lambda self: self.record(np.transpose, self))
    mT = property(lambda self: self.record(np.swapaxes, self, -1, -2))
    real = property(lambda self: self.record(np.real, self))
    imag = property(lambda self: self.record(np.imag, self))

    def __array__(self, dtype=None, copy=None):
        return np.array(strip(self), dtype, copy=copy)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if out is not None:
            raise TypeError(
                "An array cannot take in a value that is being differentiated: in place (`a += x`, out=a) its "
                "gradient would be lost. Write a = a + x, which makes a new one."
            )
        if method == "__call__":
            return ufunc(*map(strip, inputs), **kwargs) if ufunc in PLAIN else self.record(ufunc, *inputs, **kwargs)
        if method == "reduce" and ufunc in _REDUCERS:
            x, axis = (*inputs, kwargs.pop("axis", 0))[:2]
            return _REDUCERS[ufunc](x, axis, keepdims=kwargs.pop("keepdims", False))
        raise TypeError(f"No gradient is known for np.{ufunc.__name__}.{method}. Write it with kbridge.ops.")

    def __array_function__(self, function, types, args, kwargs):
        if function in HANDLERS:
            return HANDLERS[function](*args, **kwargs)
        if function in PLAIN:
            return function(*_strip_all(args), **{name: _strip_all(value) for name, value in kwargs.items()})
        if function not in self.rules and function.__name__ in OPS:  # the op of the same name
            return OPS[function.__name__](*args, **kwargs)
        self.rules[function]  # or an error that says what to do
        if not any(isinstance(a, ArrayLike) for a in args):
            raise TypeError(f"np.{function.__name__}: give it the value that is being differentiated by position.")
        return self.record(function, *args, **kwargs)

    def __setitem__(self, key, value):
        raise TypeError(
            "A value that is being differentiated cannot be changed in place. "
            "Write ops.slice_update, ops.scatter_update or ops.where, which make a new one."
        )

    def __getitem__(self, key):
        return self.record(operator.getitem, self, key)

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    __bool__ = lambda self: bool(self.value)  # noqa: E731
    __float__ = lambda self: float(self.value)  # noqa: E731
    __int__ = lambda self: int(self.value)  # noqa: E731
    __complex__ = lambda self: complex(self.value)  # noqa: E731
    __hash__ = object.__hash__

    def __format__(self, spec):
        return format(strip(self), spec)

    def __repr__(self):
        return f"Traced({strip(self)!r})"

    def item(self, *args):
        return strip(self).item(*args)

    def tolist(self):
        return strip(self).tolist()

    def astype(self, dtype, **kwargs):
        return HANDLERS[np.astype](self, dtype)

    def reshape(self, *shape, **kwargs):
        return self.record(np.reshape, self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def flatten(self, order="C"):
        return self.record(np.reshape, self, -1, order=order)

    def transpose(self, *axes):
        return self.record(np.transpose, self, axes[0] if len(axes) == 1 else axes or None)

    def __neg__(self):
        return self.record(np.negative, self)

    def __abs__(self):
        return self.record(np.absolute, self)

    def __pos__(self):
        return self


def _binary(ufunc):
    def method(self, other):
        if not isinstance(other, _KNOWN) and not isinstance(other, ArrayLike):
            if getattr(type(other), "__array_ufunc__", other) is None:  # a Variable or a symbol: it knows better
                return NotImplemented
            other = np.asarray(other)
        return ufunc(strip(self), strip(other)) if ufunc in PLAIN else self.record(ufunc, self, other)

    def reflected(self, other):
        return self.record(ufunc, other if isinstance(other, _KNOWN) else np.asarray(other), self)

    return method, reflected


def _method(function):
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "pow": np.power,
    "floordiv": np.floor_divide, "mod": np.remainder, "matmul": np.matmul,
}.items():  # fmt: skip
    _forward, _reflected = _binary(_ufunc)
    setattr(ArrayLike, f"__{_name}__", _forward)
    setattr(ArrayLike, f"__r{_name}__", _reflected)
for _name, _ufunc in {
    "lt": np.less, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal, "gt": np.greater, "ge": np.greater_equal,
}.items():  # fmt: skip
    setattr(ArrayLike, f"__{_name}__", _binary(_ufunc)[0])
for _name in """all any argmax argmin argsort clip conj conjugate copy cumprod cumsum diagonal dot max mean min nonzero
        prod ravel repeat round sort squeeze std sum swapaxes take trace var""".split():
    setattr(ArrayLike, _name, _method(getattr(np, _name)))
ArrayLike.__round__ = ArrayLike.round


def _power(self, exponent, general=ArrayLike.__pow__):
    if type(exponent) is int and exponent == 3:  # in the general case NumPy takes a logarithm
        return self * self * self
    return general(self, exponent)


ArrayLike.__pow__ = _power
