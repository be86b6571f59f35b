"""K functions of elements, axes and shapes: arithmetic, reductions, products, and what moves items about."""

import builtins

import numpy as np

from kbridge import config, ops
from kbridge.backend import dtypes
from kbridge.backend.symbolic import is_symbol
from kbridge.compat import notes
from kbridge.compat.backend import graph
from kbridge.compat.backend.calls import dims, graphed, on_dims


def _unary(name, run, doc):
    def function(x):
        return run(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return graphed(function)


abs = _unary("abs", ops.absolute, "The absolute value of each item.")
square = _unary("square", ops.square, "Each item times itself.")
exp = _unary("exp", ops.exp, "e to the power of each item.")
log = _unary("log", ops.log, "The natural logarithm of each item.")
sign = _unary("sign", ops.sign, "-1, 0 or 1 for each item.")
sin = _unary("sin", ops.sin, "The sine of each item.")
cos = _unary("cos", ops.cos, "The cosine of each item.")
round = _unary("round", ops.round, "Each item rounded to a whole number, halves to the even one.")


@graphed
def sqrt(x):
    """The square root of each item; 0 for those below."""
    return ops.sqrt(ops.maximum(x, 0.0))


@graphed
def pow(x, a):
    """Each item to the power ``a``."""
    return ops.power(x, a)


@graphed
def clip(x, min_value, max_value):
    """Each item, no less than ``min_value`` and no more than ``max_value``."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)) and max_value < min_value:
        max_value = min_value
    low = -np.inf if min_value is None else min_value
    high = np.inf if max_value is None else max_value
    return ops.clip(x, low, high)


def _binary(name, run, doc, host=None):
    def function(x, y):
        return run(x, y)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return graphed(function, host=host)


equal = _binary("equal", ops.equal, "Whether items are equal.")
not_equal = _binary("not_equal", ops.not_equal, "Whether items differ.")
greater = _binary("greater", ops.greater, "Whether items of x are greater.")
greater_equal = _binary("greater_equal", ops.greater_equal, "Whether items of x are greater or equal.")
less = _binary("less", ops.less, "Whether items of x are less.")
less_equal = _binary("less_equal", ops.less_equal, "Whether items of x are less or equal.")
maximum = _binary("maximum", ops.maximum, "The greater of two items.", on_dims(np.maximum))
minimum = _binary("minimum", ops.minimum, "The lesser of two items.", on_dims(np.minimum))


# -- reductions


def _axis(axis):
    return axis if axis is None or isinstance(axis, int) else tuple(int(a) for a in np.atleast_1d(np.asarray(axis)))


def _as_float(x):
    x = x if hasattr(x, "dtype") else ops.convert_to_tensor(x)
    return x if dtypes.is_float(ops.dtype(x)) else ops.cast(x, config.floatx())


def _reduction(name, run, doc, prepare=None, host=None):
    def function(x, axis=None, keepdims=False):
        return run(x if prepare is None else prepare(x), axis=_axis(axis), keepdims=keepdims)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return graphed(function, host=None if host is None else on_dims(host))


max = _reduction("max", ops.max, "The greatest item along axes.", host=np.max)
min = _reduction("min", ops.min, "The least item along axes.", host=np.min)
sum = _reduction("sum", ops.sum, "The sum along axes.", host=np.sum)
prod = _reduction("prod", ops.prod, "The product along axes.", host=np.prod)
mean = _reduction("mean", ops.mean, "The mean along axes.", _as_float)
var = _reduction("var", ops.var, "The variance along axes.", _as_float)
std = _reduction("std", ops.std, "The standard deviation along axes.", _as_float)
any = _reduction("any", ops.any, "Whether any item along axes is true.")
all = _reduction("all", ops.all, "Whether all items along axes are true.")
logsumexp = _reduction("logsumexp", ops.logsumexp, "log(sum(exp(x))) along axes.", _as_float)


@graphed
def argmax(x, axis=-1):
    """The index of the greatest item along ``axis``."""
    return ops.argmax(x, axis=axis)


@graphed
def argmin(x, axis=-1):
    """The index of the least item along ``axis``."""
    return ops.argmin(x, axis=axis)


@graphed
def cumsum(x, axis=0):
    """Sums up to each item along ``axis``."""
    return ops.cumsum(x, axis=axis)


@graphed
def cumprod(x, axis=0):
    """Products up to each item along ``axis``."""
    return ops.cumprod(x, axis=axis)


# -- products


@graphed
def dot(x, y):
    """The product over the last axis of ``x`` and the last but one of ``y``."""
    if hasattr(x, "tocoo"):
        x = x.toarray()
    return ops.matmul(x, y) if ops.ndim(x) == ops.ndim(y) == 2 else ops.dot(x, y)


def _reduced_axes(x, y, axes):
    """The axis of ``x`` and that of ``y`` that ``batch_dot`` sums over, checked."""
    shapes = [tuple(x.shape), tuple(y.shape)]
    ranks = [len(dims) for dims in shapes]
    received = f"Received the shapes {shapes[0]} and {shapes[1]}, axes={axes}."
    if builtins.min(ranks) < 2:
        raise ValueError(f"K.batch_dot: both tensors must have an axis beside that of the batch. {received}")
    if axes is None:
        axes = (ranks[0] - 1, 1 if ranks[1] == 2 else ranks[1] - 2)
    axes = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if len(axes) != 2 or not builtins.all(isinstance(a, int) for a in axes):
        raise ValueError(
            f"K.batch_dot: axes must be an int or a pair of them, since one axis is summed over. {received}"
        )
    axes = tuple(a + rank if a < 0 else a for a, rank in zip(axes, ranks))
    if 0 in axes:
        raise ValueError(
            f"K.batch_dot cannot sum over axis 0, that of the batch. {received} "
            f"Write K.expand_dims(x, 0) if there is no batch."
        )
    lengths = [dims[a] for dims, a in zip(shapes, axes)]
    if None not in lengths and lengths[0] != lengths[1]:
        raise ValueError(f"K.batch_dot: the axes that are summed over must have one length, not {lengths}. {received}")
    return axes


def _note_matmul(x, y, a, b):
    """Say what the product would have been before Keras 2.3, where all axes but two were those of the batch."""
    rank = builtins.max(len(x), len(y))
    batch = "abcdefghijklm"[: rank - 2]
    if rank < 4 or _differ(x[: rank - 2], y[: rank - 2]):
        return
    terms = {}
    for own, shape, axis in (("x", x, a), ("y", y, b)):
        free = {rank - 1: (rank - 2,), rank: (rank - 2, rank - 1)}.get(len(shape), ())
        if axis not in free:
            return
        terms[own] = "".join("z" if i == axis else own for i in free)
    result = "".join(term.replace("z", "") for term in terms.values())
    notes.corrected(
        f"keras.ops.einsum('{batch}{terms['x']},{batch}{terms['y']}->{batch}{result}', x, y)",
        "K.batch_dot has had one axis for the batch since Keras 2.3. If this was written for an older one, where all "
        "but the last two were such, it needs another line",
    )


def _differ(dims, others):
    """Whether lengths differ, as far as they are known."""
    return builtins.any(d != o and None not in (d, o) for d, o in zip(dims, others))


@graphed
def batch_dot(x, y, axes=None):
    """For each sample the product of ``x`` and ``y``, summed over one axis of each.

    ``axes``: those axes; the default is the last of ``x`` and the last but one of ``y``.
    """
    x, y = (v if hasattr(v, "shape") else ops.convert_to_tensor(v) for v in (x, y))
    a, b = _reduced_axes(x, y, axes)
    ranks = len(x.shape), len(y.shape)
    if ranks == (2, 2):
        return ops.sum(ops.multiply(x, y), axis=1, keepdims=True)
    if ranks == (3, 3):
        return ops.matmul(x if a == 2 else ops.transpose(x, (0, 2, 1)), y if b == 1 else ops.transpose(y, (0, 2, 1)))
    _note_matmul(x.shape, y.shape, a, b)
    letters = "abcdefghijklmnopqrstuvwxy"
    of_x = letters[: ranks[0]]
    of_y = "a" + letters[ranks[0] : ranks[0] + ranks[1] - 1]
    summed = of_x[a]
    of_y = of_y[:b] + summed + of_y[b + 1 :]
    result = "a" + (of_x + of_y).replace("a", "").replace(summed, "")
    return ops.einsum(f"{of_x},{of_y}->{result}", x, y)


# -- axes


@graphed
def transpose(x):
    """The axes in reverse order."""
    return ops.transpose(x)


@graphed
def permute_dimensions(x, pattern):
    """The axes in the order ``pattern``."""
    return ops.transpose(x, tuple(int(axis) for axis in pattern))


@graphed
def reshape(x, shape):
    """The items in another shape; one dimension may be -1."""
    return ops.reshape(x, tuple(-1 if dim is None else dim for dim in dims(shape)))


@graphed(host=on_dims(np.expand_dims))
def expand_dims(x, axis=-1):
    """A new axis of length 1."""
    return ops.expand_dims(x, axis)


@graphed(host=on_dims(np.squeeze))
def squeeze(x, axis):
    """Without an axis of length 1."""
    return ops.squeeze(x, _axis(axis))


@graphed
def flatten(x):
    """All items in one axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """All items of each sample in one axis."""
    found = x.shape if hasattr(x, "shape") else ops.shape(x)
    rest = tuple(found)[1:]
    if builtins.all(isinstance(dim, (int, np.integer)) for dim in rest):
        return reshape(x, (-1, int(np.prod(rest))))
    if found[0] is not None:
        return reshape(x, (found[0], -1))
    return reshape(x, (-1, prod(graph.shape(x)[1:])))


def _joined(values, axis=0):
    return np.concatenate([np.asarray(v) for v in values], axis)


@graphed(host=lambda tensors, axis=-1: on_dims(lambda *v: _joined(v, axis))(*tensors))
def concatenate(tensors, axis=-1):
    """Several tensors, one behind the other along ``axis``."""
    return ops.concatenate(list(tensors), axis=axis)


@graphed(host=lambda x, axis=0: on_dims(lambda *v: np.stack(v, axis))(*x))
def stack(x, axis=0):
    """Several tensors side by side along a new ``axis``."""
    return ops.stack(list(x), axis=axis)


@graphed
def repeat(x, n):
    """Each row of a matrix ``n`` times, in a new axis behind that of the batch."""
    if ops.ndim(x) != 2:
        raise ValueError(
            f"K.repeat repeats the rows of (samples, features). Received the shape {tuple(x.shape)}. "
            f"Write K.repeat_elements or K.tile for others."
        )
    return ops.tile(ops.expand_dims(x, 1), (1, *dims((n,)), 1))


@graphed
def repeat_elements(x, rep, axis):
    """Each item along ``axis`` ``rep`` times."""
    return ops.repeat(x, rep, axis=axis)


@graphed
def tile(x, n):
    """The whole tensor ``n`` times along each axis."""
    return ops.tile(x, dims((n,) if isinstance(n, int) else n))


@graphed
def reverse(x, axes):
    """The items along ``axes`` in reverse order."""
    return ops.flip(x, axis=_axis(axes))


@graphed
def slice(x, start, size):
    """A part of ``x`` that begins at ``start`` and has the shape ``size``, in which -1 means up to the end."""
    start, size = dims(start), dims(size)
    if builtins.all(isinstance(i, int) for i in start):
        return x[tuple(builtins.slice(i, None if n == -1 else i + n) for i, n in zip(start, size))]
    return ops.slice(x, start, size)


@graphed(host=on_dims(np.take))
def gather(reference, indices):
    """The items of ``reference`` along its first axis that ``indices`` name."""
    if not is_symbol(indices) and not dtypes.is_int(ops.dtype(indices)):
        indices = ops.cast(indices, "int32")
    return ops.take(reference, indices, axis=0)


@graphed
def one_hot(indices, num_classes):
    """A vector of ``num_classes`` for each index: 1 in its place, else 0."""
    return ops.one_hot(indices, num_classes)


@graphed
def arange(start, stop=None, step=1, dtype="int32"):
    """Numbers from ``start`` (or 0) up to ``stop``."""
    if stop is None and isinstance(start, (int, float)) and start < 0:
        start = 0
    if stop is None:
        start, stop = 0, start
    return ops.arange(*(int(v) if isinstance(v, np.integer) else v for v in (start, stop, step)), dtype=dtype)


def _cast_dims(x, dtype):
    return x if dtypes.is_int(dtypes.standardize(dtype)) else NotImplemented


@graphed(host=_cast_dims)
def cast(x, dtype):
    """The items in ``dtype``."""
    x = x if hasattr(x, "dtype") else ops.convert_to_tensor(x)
    return ops.cast(x, dtype)


# -- padding


def _channels_first(data_format):
    return config.standardize_data_format(data_format) == "channels_first"


def _pair(value):
    return (value, value) if isinstance(value, (int, np.integer)) else tuple(value)


@graphed
def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after the steps of (samples, steps, features)."""
    return ops.pad(x, ((0, 0), _pair(padding), (0, 0)))


def _spatial_padding(x, padding, data_format, rank):
    pads = [_pair(p) for p in ((padding,) * rank if isinstance(padding, int) else padding)]
    if len(pads) != rank or ops.ndim(x) != rank + 2:
        raise ValueError(
            f"K.spatial_{rank}d_padding: expected {rank} pairs for a tensor of rank {rank + 2}. "
            f"Received padding={padding} for rank {ops.ndim(x)}."
        )
    pads = [(0, 0), (0, 0), *pads] if _channels_first(data_format) else [(0, 0), *pads, (0, 0)]
    return ops.pad(x, pads)


@graphed
def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around images: ``((top, bottom), (left, right))``, or one number for both ends."""
    return _spatial_padding(x, padding, data_format, 2)


@graphed
def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around volumes: a pair, or one number, for each of three axes."""
    return _spatial_padding(x, padding, data_format, 3)


@graphed
def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Images enlarged by whole factors: each pixel repeated, or "bilinear"."""
    rows, columns = (2, 3) if _channels_first(data_format) else (1, 2)
    if interpolation == "nearest":
        return ops.repeat(ops.repeat(x, height_factor, axis=rows), width_factor, axis=columns)
    if interpolation != "bilinear":
        raise ValueError(
            f'K.resize_images: interpolation must be "nearest" or "bilinear". Received: {interpolation!r}.'
        )
    if is_symbol(x) and None in (x.shape[rows], x.shape[columns]):
        return graph.node(resize_images, (x, height_factor, width_factor, data_format, interpolation))
    for axis, factor in ((rows, height_factor), (columns, width_factor)):
        x = _interpolated(x, axis, factor)
    return x


def _interpolated(x, axis, factor):
    """``factor`` times as many items along ``axis``, the first of each lying on the old one."""
    length = x.shape[axis]
    at = np.arange(length * factor) / factor
    low = np.floor(at).astype("int32")
    share = (at - low).astype("float32").reshape([-1 if i == axis else 1 for i in range(ops.ndim(x))])
    share = ops.cast(share, ops.dtype(x) if dtypes.is_float(ops.dtype(x)) else config.floatx())
    high = np.minimum(low + 1, length - 1)
    return ops.take(x, low, axis=axis) * (1.0 - share) + ops.take(x, high, axis=axis) * share


@graphed
def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes enlarged by whole factors: each item repeated."""
    first = 2 if _channels_first(data_format) else 1
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis=axis)
    return x
