"""The ops of the tiny engine: each a NumPy function and the rules of its gradient, written in ops."""

import numpy as np

from kbridge.backend.op import OPS
from tiny_engine.tensor import Tensor


def _array(x, beside=None):
    """The array in ``x``; a number takes the dtype of the tensor that it stands beside."""
    return x.array if type(x) is Tensor else x if beside is None else np.asarray(x, beside.array.dtype)


def _fit(g, like):
    """``g`` summed over the axes along which ``like`` was broadcast."""
    extra = g.ndim - like.ndim
    axes = [*range(extra), *(extra + k for k, n in enumerate(like.shape) if n == 1)]
    return reshape(sum(g, axes), like.shape) if axes else g


def _unary(function, slope=None):
    """``slope(x, y)`` is the derivative, None where it is 0."""

    def op(x):
        y = Tensor(function(x.array).astype(x.array.dtype))
        if slope:
            y.links = [(x, lambda g: g * slope(x, y))]
        return y

    return op


def _binary(function, *slopes):
    """``slopes``: for each argument its derivative, a function of (x1, x2, y)."""

    def op(x1, x2):
        y = Tensor(function(_array(x1, x2), _array(x2, x1)))
        y.links = [
            (x, lambda g, x=x, slope=slope: _fit(g * slope(x1, x2, y), x))
            for x, slope in zip((x1, x2), slopes)
            if type(x) is Tensor
        ]
        return y

    return op


negative = _unary(np.negative, lambda x, y: -1)
sign = _unary(np.sign)
floor = _unary(np.floor)
exp = _unary(np.exp, lambda x, y: y)
log = _unary(np.log, lambda x, y: 1 / x)
sqrt = _unary(np.sqrt, lambda x, y: 0.5 / y)
sin = _unary(np.sin, lambda x, y: cos(x))
cos = _unary(np.cos, lambda x, y: -sin(x))
tanh = _unary(np.tanh, lambda x, y: 1 - y * y)

add = _binary(np.add, lambda a, b, y: 1, lambda a, b, y: 1)
subtract = _binary(np.subtract, lambda a, b, y: 1, lambda a, b, y: -1)
multiply = _binary(np.multiply, lambda a, b, y: b, lambda a, b, y: a)
true_divide = _binary(np.true_divide, lambda a, b, y: 1 / b, lambda a, b, y: -y / b)
power = _binary(np.power, lambda a, b, y: b * a ** (b - 1), lambda a, b, y: y * log(OPS["maximum"](a, 1e-30)))
maximum = _binary(np.maximum, lambda a, b, y: _wins(a, b, y), lambda a, b, y: _wins(b, a, y))
minimum = _binary(np.minimum, lambda a, b, y: _wins(a, b, y), lambda a, b, y: _wins(b, a, y))
equal, not_equal, less, less_equal, greater, greater_equal = (
    _binary(f) for f in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
)


def absolute(x):
    return Tensor(np.abs(x.array), [(x, lambda g: g * sign(x))])


def _wins(a, b, y):
    """1 where ``a`` is the result, a half where ``b`` is as well."""
    return Tensor(((_array(a, y) == y.array) * (1 - 0.5 * (_array(a, y) == _array(b, y)))).astype(y.array.dtype))


def matmul(x1, x2):
    y = Tensor(np.matmul(x1.array, x2.array))
    if x1.ndim > 1 and x2.ndim > 1:
        turned = [transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)) for x in (x1, x2)]
        y.links = [(x1, lambda g: _fit(matmul(g, turned[1]), x1)), (x2, lambda g: _fit(matmul(turned[0], g), x2))]
        return y
    a = reshape(x1, (1, -1)) if x1.ndim == 1 else x1
    b = reshape(x2, (-1, 1)) if x2.ndim == 1 else x2
    return reshape(matmul(a, b), y.shape)


def sum(x, axis=None, keepdims=False):
    axis = tuple(axis) if isinstance(axis, list) else axis
    y = Tensor(np.sum(x.array, axis, x.array.dtype, keepdims=True))
    y.links = [(x, lambda g: broadcast_to(g, x.shape))]
    return y if keepdims else reshape(y, np.sum(x.array, axis).shape)


def stop_gradient(variable):
    return Tensor(variable.array)


def reshape(x, newshape):
    shape = (newshape,) if isinstance(newshape, int) else tuple(-1 if n is None else int(n) for n in newshape)
    return Tensor(x.array.reshape(shape), [(x, lambda g: reshape(g, x.shape))])


def transpose(x, axes=None):
    axes = tuple(reversed(range(x.ndim))) if axes is None else tuple(axis % x.ndim for axis in axes)
    return Tensor(x.array.transpose(axes), [(x, lambda g: transpose(g, tuple(np.argsort(axes).tolist())))])


def broadcast_to(x, shape):
    return Tensor(np.broadcast_to(x.array, shape), [(x, lambda g: _fit(g, x))])


def concatenate(xs, axis=0):
    if axis is None:
        return concatenate([reshape(x, -1) for x in xs])
    ends = np.cumsum([x.shape[axis] for x in xs]).tolist()

    def cut(start, end):
        key = (slice(None),) * (axis % xs[0].ndim) + (slice(start, end),)
        return lambda g: get_item(g, key)

    cuts = [cut(start, end) for start, end in zip([0, *ends], ends)]
    return Tensor(np.concatenate([x.array for x in xs], axis), list(zip(xs, cuts)))


def get_item(x, key):
    key = tuple(map(_array, key)) if isinstance(key, tuple) else _array(key)
    return Tensor(x.array[key], [(x, lambda g: _put(g, key, x.shape))])


def _put(g, key, shape):
    """Zeros with ``g`` added at ``key``."""
    array = np.zeros(shape, g.array.dtype)
    np.add.at(array, key, g.array)
    return Tensor(array, [(g, lambda h: get_item(h, key))])


def where(condition, x1=None, x2=None):
    if x1 is None:
        return tuple(Tensor(found.astype("int32")) for found in np.nonzero(condition.array))
    on = condition.array.astype(bool)
    y = Tensor(np.where(on, _array(x1, x2), _array(x2, x1)))
    ones = [Tensor(on.astype(y.array.dtype)), Tensor((~on).astype(y.array.dtype))]
    y.links = [(x, lambda g, x=x, one=one: _fit(g * one, x)) for x, one in zip((x1, x2), ones) if type(x) is Tensor]
    return y
