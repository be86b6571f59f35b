"""Functions of TensorFlow that tf.keras wrote into graphs, as what they are in ops.

Each takes the arguments of TensorFlow's, by its names. While a graph is built, they are called on symbols, so a model
holds the ops that they are made of. What depends on sizes that only data tell (``tf.shape(x)[0]``) is a ``Size``.
"""

import itertools
import operator
from math import prod

import numpy as np

from kbridge import ops
from kbridge.backend.symbolic import is_symbol
from kbridge.models import graph_ops

MODULE = "tensorflow"  # of such functions, in a graph's description
_PREFIXES = ("__operators__.", "compat.v1.", "nn.", "math.", "linalg.", "image.", "keras.")
_MOST_AXES = 100
_GROWING = ("tile", "repeat", "pad", "one_hot", "broadcast_to", "resize")  # which make much of little
_LONGEST = 1 << 20  # of a range that is made with the graph
FUNCTIONS = {}


class Size:
    """How long an axis of ``symbol`` is. ``value`` is None where only data will tell."""

    def __init__(self, value, symbol=None, axis=None):
        if value is not None and abs(value) >= 1 << 63:
            raise ValueError("it computes a size that no axis can have.")
        self.value, self.symbol, self.axis = value, symbol, axis

    def ones(self, dtype="int32"):
        """As many ones, a vector."""
        if self.symbol is None:
            raise ValueError("it computes with sizes that only data tell in a way that is not understood.")
        found = self.symbol
        for axis in reversed(range(found.ndim)):
            found = found if axis == self.axis else ops.take(found, 0, axis=axis)
        return ops.ones_like(found, dtype=dtype)

    def plain(self, dtype="int32"):
        """A number, or a symbol of it."""
        return ops.sum(self.ones(dtype)) if self.value is None else self.value


class Sizes(list):
    """Sizes of several axes, as ``tf.shape`` gives them."""

    def __init__(self, sizes):
        super().__init__(itertools.islice(sizes, _MOST_AXES + 1))
        if len(self) > _MOST_AXES:
            raise ValueError(f"it has a shape of more than {_MOST_AXES} axes.")


class _Leaf:
    """Holds ``Sizes`` as one value of a graph."""

    def __init__(self, sizes):
        self.sizes = sizes


def known(name):
    """Whether there is such a function, by the name in a file."""
    return _short(name) in FUNCTIONS


def _short(name):
    if not isinstance(name, str):
        return None
    found = name.removeprefix("compat.v1.")
    for prefix in _PREFIXES:
        found = found.removeprefix(prefix)
    return found


def function(described):
    """What ``described``, an entry of a graph, does on the arguments of its node."""
    name = described["class_name"]
    f = FUNCTIONS.get(_short(name))
    if f is None:
        raise ValueError(f"The graph has TensorFlow's function {name!r}, which is not known.")

    def call(*args, **kwargs):
        args, kwargs = _opened(list(args)), _opened(kwargs)
        if not f.sizes:
            args, kwargs = _plain(args), _plain(kwargs)
        graph_ops.check_counts(_short(name), args, kwargs)
        try:
            found = f(*args, **kwargs)
        except TypeError as error:
            raise ValueError(f"{name} cannot be called so: {str(error)[:300]}") from error
        for size in found if isinstance(found, Sizes) else [found]:
            if isinstance(size, Size) and isinstance(size.value, int) and abs(size.value) >= 1 << 63:
                raise ValueError(f"{name} gives a size that no axis has.")
        return _Leaf(found) if isinstance(found, Sizes) else found

    return call


graph_ops.LIBRARIES[MODULE] = function


def _opened(value):
    if isinstance(value, _Leaf):
        return value.sizes
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    return [_opened(item) for item in value] if type(value) in (list, tuple) else value


def _plain(value):
    """Without sizes: numbers and symbols in their place."""
    if isinstance(value, Size):
        return value.plain()
    if isinstance(value, Sizes):
        return ops.stack([item.plain() for item in value])
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _has_size(value):
    return isinstance(value, (Size, Sizes)) or (isinstance(value, (list, tuple)) and any(map(_has_size, value)))


def _tf(*names, sizes=False):
    """A function of TensorFlow, by its own name and ``names``. ``sizes``: it knows what to do with a ``Size``."""

    def register(f):
        f.sizes = sizes
        for name in names or (f.__name__.rstrip("_"),):
            FUNCTIONS[name] = f
        return f

    return register


def _tensor(value):
    """Lists of numbers as arrays."""
    return np.asarray(value, "float32" if _is_float(value) else None) if isinstance(value, list) else value


def _is_float(value):
    return any(map(_is_float, value)) if isinstance(value, list) else isinstance(value, float)


# -- one by one


def _unary(op, *names):
    def f(x=None, name=None, **other):
        if len(other) + (x is not None) != 1:
            raise TypeError(f"it takes one argument, not also {sorted(other)}.")
        return op(_tensor(x if x is not None else next(iter(other.values()))))

    f.sizes = False
    for one in names:
        FUNCTIONS[one] = f


for _names in (
    *("exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "square", "reciprocal", "sign", "ceil", "floor", "sin", "cos"),
    *("tan", "sinh", "cosh", "tanh", "sigmoid", "erf", "logical_not", "softplus", "softsign", "relu", "relu6", "elu"),
    *("selu", "stop_gradient", "log_sigmoid", "erfc", "inv", "det", "cholesky", "conj", "real", "imag", "angle"),
):
    _unary(getattr(ops, _names), _names)
for _op, *_names in (
    (ops.absolute, "abs"),
    (ops.negative, "negative", "neg"),
    (ops.round, "round", "rint"),
    (ops.isnan, "is_nan"),
    (ops.isinf, "is_inf"),
    (ops.isfinite, "is_finite"),
    *((getattr(ops, f"arc{_name}"), f"a{_name}") for _name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")),
    (lambda x: ops.flip(x, -2), "flip_left_right"),
    (lambda x: ops.flip(x, -3), "flip_up_down"),
    (lambda x: ops.sum(ops.square(x)) / 2, "l2_loss"),
    (ops.image.rgb_to_grayscale, "rgb_to_grayscale"),
    (lambda x: ops.swapaxes(x, -1, -2), "matrix_transpose"),
):
    _unary(_op, *_names)


def _binary(op, python, *names):
    """Of two arguments; on sizes, what Python's operator gives."""

    def f(x, y, name=None):
        if not _has_size([x, y]):
            return op(_tensor(x), _tensor(y))
        values = [item.value if isinstance(item, Size) else item for item in (x, y)]
        if python is not None and not any(map(is_symbol, values)) and not any(isinstance(v, list) for v in values):
            if None not in values:
                return Size(python(*values))
            if all(not isinstance(v, float) for v in values):
                return Size(None)
        return op(*(_plain(item) for item in (x, y)))

    f.sizes = True
    for name in names:
        FUNCTIONS[name] = f


for _op, _python, *_names in (
    (ops.add, operator.add, "add"),
    (ops.subtract, operator.sub, "subtract", "sub"),
    (ops.multiply, operator.mul, "multiply", "mul"),
    (ops.true_divide, None, "divide", "truediv", "div", "realdiv"),
    (ops.floor_divide, operator.floordiv, "floordiv", "floor_div"),
    (ops.mod, operator.mod, "floormod", "mod"),
    (ops.power, None, "pow"),
    (ops.maximum, max, "maximum"),
    (ops.minimum, min, "minimum"),
    (ops.arctan2, None, "atan2"),
    *((getattr(ops, _name), None, _name) for _name in ("greater", "greater_equal", "less", "less_equal", "equal")),
    (ops.equal, None, "eq"),
    (ops.not_equal, None, "not_equal", "ne"),
    *((getattr(ops, _name), None, _name) for _name in ("logical_and", "logical_or", "logical_xor")),
    (lambda x, y: ops.square(ops.subtract(x, y)), None, "squared_difference"),
):
    _binary(_op, _python, *_names)


@_tf("divide_no_nan", "div_no_nan")
def _divide_no_nan(x, y, name=None):
    zero = ops.equal(y, 0)
    return ops.where(zero, 0.0, ops.true_divide(x, ops.where(zero, 1.0, y)))


@_tf("scalar_mul")
def _scalar_mul(scalar, x, name=None):
    return ops.multiply(scalar, x)


@_tf("add_n", "accumulate_n")
def _add_n(inputs, shape=None, tensor_dtype=None, name=None):
    total = _tensor(inputs[0])
    for item in inputs[1:]:
        total = ops.add(total, _tensor(item))
    return total


@_tf("clip_by_value")
def _clip(t, clip_value_min, clip_value_max, name=None):
    return ops.clip(t, clip_value_min, clip_value_max)


@_tf("leaky_relu")
def _leaky_relu(features, alpha=0.2, name=None):
    return ops.leaky_relu(features, alpha)


@_tf("silu", "swish")
def _silu(features, beta=1.0):
    return ops.silu(features) if beta == 1.0 else features * ops.sigmoid(beta * features)


@_tf("gelu")
def _gelu(features, approximate=False, name=None):
    return ops.gelu(features, approximate)


@_tf("crelu")
def _crelu(features, axis=-1, name=None):
    return ops.relu(ops.concatenate([features, -features], axis=axis))


@_tf("softmax")
def _softmax(logits, axis=None, name=None, dim=None):
    return ops.softmax(logits, _first(axis, dim, -1))


@_tf("log_softmax")
def _log_softmax(logits, axis=None, name=None, dim=None):
    return ops.log_softmax(logits, _first(axis, dim, -1))


def _first(*values):
    return next((value for value in values if value is not None), None)


@_tf("l2_normalize")
def _l2_normalize(x, axis=None, epsilon=1e-12, name=None, dim=None):
    squares = ops.sum(ops.square(x), axis=_axis(_first(axis, dim)), keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon))


@_tf("batch_normalization")
def _batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    found = (x - _tensor(mean)) * ops.rsqrt(_tensor(variance) + variance_epsilon)
    found = found if scale is None else found * _tensor(scale)
    return found if offset is None else found + _tensor(offset)


@_tf("bias_add")
def _bias_add(value, bias, data_format=None, name=None):
    bias = _tensor(bias)
    if data_format in ("NCHW", "NCDHW"):
        bias = ops.reshape(bias, (-1,) + (1,) * (value.ndim - 2))
    return ops.add(value, bias)


@_tf("dropout")
def _dropout(x, rate=None, noise_shape=None, seed=None, name=None, keep_prob=None):
    if rate or keep_prob not in (None, 1.0):
        raise ValueError("nn.dropout leaves out values outside of training too.")
    return x


@_tf("per_image_standardization")
def _standardized(image):
    axes = (-3, -2, -1)
    count = prod(image.shape[axis] for axis in axes)
    deviation = ops.maximum(ops.std(image, axis=axes, keepdims=True), 1 / np.sqrt(count))
    return (image - ops.mean(image, axis=axes, keepdims=True)) / deviation


# -- over axes


def _axis(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def _reduce(name, op):
    def f(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
        if isinstance(input_tensor, Sizes):
            if f.of_sizes is None or any(item.value is None for item in input_tensor):
                return Size(None) if f.of_sizes is prod else op(_plain(input_tensor))
            return Size(f.of_sizes(item.value for item in input_tensor))
        axis = _axis(_first(axis, reduction_indices))
        return op(_tensor(_plain(input_tensor)), axis=axis, keepdims=bool(_first(keepdims, keep_dims, False)))

    f.of_sizes = {"prod": prod, "sum": sum}.get(name)
    f.sizes = True
    FUNCTIONS[f"reduce_{name}"] = f


for _name in ("sum", "mean", "max", "min", "prod", "std", "any", "all", "logsumexp"):
    _reduce(_name, getattr(ops, _name))
_reduce("variance", ops.var)
_reduce("euclidean_norm", lambda x, axis, keepdims: ops.sqrt(ops.sum(ops.square(x), axis, keepdims)))


@_tf("norm")
def _norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None, keep_dims=None):
    keepdims = bool(_first(keepdims, keep_dims, False))
    if ord == "euclidean":  # of a matrix too it is that of all its entries
        return ops.sqrt(ops.sum(ops.square(tensor), axis=_axis(axis), keepdims=keepdims))
    return ops.norm(tensor, ord=ord, axis=_axis(axis), keepdims=keepdims)


def _arg(op):
    def f(input, axis=None, output_type="int64", name=None, dimension=None):
        return ops.cast(op(input, axis=_first(axis, dimension, 0)), _dtype(output_type))

    return f


_tf("argmax", "arg_max")(_arg(ops.argmax))
_tf("argmin", "arg_min")(_arg(ops.argmin))


@_tf("count_nonzero")
def _count_nonzero(input, axis=None, keepdims=False, dtype="int64", name=None):
    return ops.sum(ops.cast(ops.not_equal(input, 0), _dtype(dtype)), axis=_axis(axis), keepdims=bool(keepdims))


def _cumulative(op, first):
    def f(x, axis=0, exclusive=False, reverse=False, name=None):
        x = ops.flip(x, axis) if reverse else x
        found = op(x, axis=axis)
        if exclusive:
            length = x.shape[axis]
            if length is None:
                raise ValueError("it is exclusive, along an axis of unknown length.")
            before = [(0, 0)] * x.ndim
            before[axis] = (1, 0)
            found = ops.pad(ops.take(found, np.arange(length - 1), axis=axis), before, constant_values=first)
        return ops.flip(found, axis) if reverse else found

    return f


_tf("cumsum")(_cumulative(ops.cumsum, 0))
_tf("cumprod")(_cumulative(ops.cumprod, 1))


@_tf("sort")
def _sort(values, axis=-1, direction="ASCENDING", name=None):
    found = ops.sort(values, axis=axis)
    return ops.flip(found, axis) if direction == "DESCENDING" else found


@_tf("argsort")
def _argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None):
    return ops.argsort(-values if direction == "DESCENDING" else values, axis=axis)


@_tf("top_k")
def _top_k(input, k=1, sorted=True, index_type=None, name=None):
    return ops.top_k(input, k, sorted=sorted)


# -- products


@_tf("matmul", "batch_matmul")
def _matmul(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, name=None, **other):
    if any(other.values()):
        raise TypeError(f"it does not know {sorted(key for key, value in other.items() if value)}.")
    a, b = _tensor(a), _tensor(b)
    a = ops.swapaxes(a, -1, -2) if transpose_a or adjoint_a else a
    b = ops.swapaxes(b, -1, -2) if transpose_b or adjoint_b else b
    return ops.matmul(a, b)


@_tf("tensordot")
def _tensordot(a, b, axes, name=None):
    return ops.tensordot(_tensor(a), _tensor(b), axes=axes)


# -- other forms


@_tf("shape", "shape_v2", sizes=True)
def _shape(input, name=None, out_type=None):
    if not is_symbol(input):
        raise ValueError("it asks for the shape of what is no symbol.")
    return Sizes(Size(length, input, axis) for axis, length in enumerate(input.shape))


@_tf("size", sizes=True)
def _size(input, name=None, out_type=None):
    found = _shape(input)
    if all(item.value is not None for item in found):
        return Size(prod(item.value for item in found))
    return ops.sum(ops.ones_like(input, dtype="int32"))


@_tf("rank", sizes=True)
def _rank(input, name=None):
    return Size(len(input) if isinstance(input, Sizes) else input.ndim)


@_tf("getitem", "strided_slice_of", sizes=True)
def _getitem(x, slice_spec):
    key = [_part(item) for item in (slice_spec if isinstance(slice_spec, list) else [slice_spec])]
    if isinstance(x, Sizes):
        if len(key) != 1:
            raise ValueError("it takes several items of a shape.")
        found = x[key[0]]
        return Sizes(found) if isinstance(found, list) else found
    return _plain(x)[tuple(key)]


def _part(item):
    """One item between the brackets of x[...]."""
    if isinstance(item, dict):
        if item.get("class_name") == "__ellipsis__":
            return Ellipsis
        return slice(*(_index(item.get(part)) for part in ("start", "stop", "step")))
    return Ellipsis if item is Ellipsis else _index(item)


def _index(value):
    if isinstance(value, Size) and value.value is None:
        raise ValueError("it slices up to a size that only data tell.")
    value = value.value if isinstance(value, Size) else value
    if value is not None and not is_symbol(value) and not isinstance(value, int):
        raise ValueError(f"it slices by {str(value)[:60]!r}.")
    return value


@_tf("reshape", sizes=True)
def _reshape(tensor, shape, name=None):
    shape = _dimensions(shape)
    tensor = _tensor(_plain(tensor))
    own = list(tensor.shape)
    if None in shape and -1 in shape and own.count(None) == shape.count(None) == 1:  # as it is, and what is left
        shape[shape.index(-1)] = prod(n for n in own if n) // max(prod(n for n in shape if n and n > 0), 1)
    shape = [-1 if size is None else size for size in shape]
    if shape.count(-1) > 1:
        raise ValueError("it has several sizes that only data tell.")
    return ops.reshape(tensor, tuple(shape))


def _dimensions(shape):
    """A shape as a list of ints and None."""
    if is_symbol(shape):
        raise ValueError("a shape is computed in a way that is not understood.")
    shape = shape if isinstance(shape, list) else [shape]
    found = [item.value if isinstance(item, Size) else item for item in shape]
    if any(item is not None and not isinstance(item, int) for item in found):
        raise ValueError("a shape is computed in a way that is not understood.")
    return found


def _spread(value, shape, dtype=None):
    """``value``, a number, in a shape some of whose sizes are those of a symbol."""
    shape = shape if isinstance(shape, list) else [shape]
    of_symbols = [(n, size) for n, size in enumerate(shape) if isinstance(size, Size)]
    if not of_symbols:
        raise ValueError("it is of constants alone.")
    unknown = [item for item in of_symbols if item[1].value is None] or of_symbols[:1]
    dtype = dtype or ("float32" if isinstance(value, float) or is_symbol(value) else "int32")
    found = ops.multiply(ops.ones_like(unknown[0][1].ones(dtype)), value)
    found = ops.reshape(found, [-1 if n == unknown[0][0] else 1 for n in range(len(shape))])
    for n, size in unknown[1:]:
        found = found * ops.reshape(size.ones(dtype), [-1 if m == n else 1 for m in range(len(shape))])
    taken = {n for n, _ in unknown}
    lengths = [1 if n in taken else size for n, size in enumerate(_dimensions(shape))]
    return ops.tile(found, lengths) if set(lengths) != {1} else found


@_tf("ones", sizes=True)
def _ones(shape, dtype="float32", name=None, layout=None):
    return _spread(1, shape, _dtype(dtype))


@_tf("zeros", sizes=True)
def _zeros(shape, dtype="float32", name=None, layout=None):
    return _spread(0, shape, _dtype(dtype))


@_tf("fill", sizes=True)
def _fill(dims, value, name=None, layout=None):
    return _spread(value, dims)


@_tf("range", sizes=True)
def _range(start, limit=None, delta=1, dtype=None, name="range"):
    size = start if limit is None else limit
    if not isinstance(size, Size) or delta != 1 or (limit is not None and start != 0):
        raise ValueError("it is no range from 0 up to a size.")
    return ops.cumsum(size.ones(_dtype(dtype) or "int32"), axis=0) - 1


@_tf("broadcast_to", sizes=True)
def _broadcast_to(input, shape, name=None):
    if not _has_size(shape):
        return ops.broadcast_to(_tensor(input), tuple(shape))
    return ops.multiply(_tensor(_plain(input)), _spread(1, shape, getattr(input, "dtype", "float32")))


@_tf("ensure_shape", "identity", "convert_to_tensor", "check_numerics", sizes=True)
def _same(x=None, shape=None, name=None, dtype=None, message=None, **other):
    x = _first(x, *other.values())
    return x if isinstance(x, (Size, Sizes)) else ops.cast(x, _dtype(dtype)) if dtype else x


@_tf("cast", "saturate_cast", sizes=True)
def _cast(x, dtype, name=None):
    dtype = _dtype(dtype)
    if isinstance(x, Size):
        if x.value is None:
            return x if dtype.startswith("int") else x.plain(dtype)
        return float(x.value) if "float" in dtype else x
    return ops.cast(_plain(x), dtype)


def _dtype(dtype):
    """A dtype's name, as files have it."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", dtype)
        dtype = dtype.get("name") if isinstance(dtype, dict) else dtype
    return dtype.replace("<dtype: '", "").replace("'>", "") if isinstance(dtype, str) else dtype


_tf("to_float")(lambda x, name=None: ops.cast(x, "float32"))
_tf("to_int32")(lambda x, name=None: ops.cast(x, "int32"))


@_tf("expand_dims", sizes=True)
def _expand_dims(input, axis=None, name=None, dim=None):
    axis = _first(axis, dim)
    return ops.expand_dims(_tensor(_plain(input)), axis[0] if isinstance(axis, list) and len(axis) == 1 else axis)


@_tf("squeeze")
def _squeeze(input, axis=None, name=None, squeeze_dims=None):
    axis = _first(axis, squeeze_dims)
    return ops.squeeze(input, axis=_axis(axis) or None)


@_tf("transpose")
def _transpose(a, perm=None, name=None, conjugate=False):
    return ops.transpose(a, axes=perm)


@_tf("concat", sizes=True)
def _concat(values, axis, name=None):
    if any(isinstance(item, Sizes) for item in values):
        return Sizes(_sized(one) for item in values for one in (item if isinstance(item, list) else [item]))
    return ops.concatenate([_tensor(item) for item in _plain(values)], axis=axis)


def _sized(value):
    return value if isinstance(value, Size) else Size(value)


@_tf("stack", "pack", sizes=True)
def _stack(values, axis=0, name=None):
    if any(isinstance(item, Size) for item in values) and not any(map(is_symbol, values)):
        return Sizes(map(_sized, values))
    return ops.stack([_tensor(item) for item in _plain(values)], axis=axis)


@_tf("unstack", "unpack", sizes=True)
def _unstack(value, num=None, axis=0, name=None):
    return list(value) if isinstance(value, Sizes) else ops.unstack(value, num, axis=axis)


@_tf("split")
def _split(value, num_or_size_splits, axis=0, num=None, name=None):
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    sizes = list(num_or_size_splits)
    if -1 in sizes:
        sizes[sizes.index(-1)] = value.shape[axis] - sum(sizes) - 1
    return ops.split(value, [int(n) for n in np.cumsum(sizes[:-1])], axis=axis)


@_tf("slice")
def _slice(input_, begin, size, name=None):
    parts = zip(begin, size, strict=True)
    return input_[tuple(slice(one, None if length == -1 else one + length) for one, length in parts)]


@_tf("tile")
def _tile(input, multiples, name=None):
    return ops.tile(input, multiples)


@_tf("repeat")
def _repeat(input, repeats, axis=None, name=None):
    return ops.repeat(input, repeats, axis=axis)


@_tf("reverse")
def _reverse(tensor, axis, name=None):
    return ops.flip(tensor, _axis(axis))


@_tf("roll")
def _roll(input, shift, axis, name=None):
    return ops.roll(input, _axis(shift), axis=_axis(axis))


@_tf("pad")
def _pad(tensor, paddings, mode="CONSTANT", name=None, constant_values=0):
    mode = mode.lower()
    return ops.pad(tensor, paddings, mode=mode, **({"constant_values": constant_values} if mode == "constant" else {}))


@_tf("where")
def _where(condition, x=None, y=None, name=None):
    if x is None or y is None:
        raise TypeError("it gives places, as many as there are.")
    return ops.where(condition, _tensor(x), _tensor(y))


@_tf("one_hot")
def _one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None):
    found = ops.one_hot(indices, depth, axis=_first(axis, -1), dtype=_dtype(dtype) or "float32")
    if on_value in (None, 1) and off_value in (None, 0):
        return found
    on, off = (default if value is None else value for value, default in ((on_value, 1), (off_value, 0)))
    return found * (on - off) + off


@_tf("gather")
def _gather(params, indices, validate_indices=None, name=None, axis=None, batch_dims=0):
    params, indices = _tensor(params), _tensor(indices)
    axis = _first(axis, batch_dims)
    if not batch_dims:
        return ops.take(params, indices, axis=axis)
    axis = axis % params.ndim
    if batch_dims != 1 or axis != 1 or None in params.shape[2:] or None in indices.shape[1:]:
        raise ValueError(f"it has batch_dims={batch_dims} and axis={axis}, of which only 1 and 1 are understood.")
    behind = tuple(params.shape[2:])
    flat = ops.reshape(indices, (-1, prod(indices.shape[1:])) + (1,) * len(behind))
    found = ops.take_along_axis(params, ops.tile(flat, (1, 1, *behind)) if behind else flat, axis=1)
    return ops.reshape(found, (-1, *indices.shape[1:], *behind))


@_tf("zeros_like")
def _zeros_like(input=None, dtype=None, name=None, layout=None, tensor=None, optimize=True):
    return ops.zeros_like(_first(input, tensor), dtype=_dtype(dtype))


@_tf("ones_like")
def _ones_like(input=None, dtype=None, name=None, layout=None, tensor=None, optimize=True):
    return ops.ones_like(_first(input, tensor), dtype=_dtype(dtype))


@_tf("sequence_mask")
def _sequence_mask(lengths, maxlen=None, dtype="bool", name=None):
    if not isinstance(maxlen, int) or not 0 <= maxlen <= _LONGEST:
        raise ValueError(f"it has maxlen={str(maxlen)[:60]}.")
    return ops.cast(ops.less(np.arange(maxlen, dtype="int32"), ops.expand_dims(lengths, -1)), _dtype(dtype))


@_tf("band_part", "matrix_band_part")
def _band_part(input, num_lower, num_upper, name=None):
    found = input if num_lower < 0 else ops.triu(input, -num_lower)
    return found if num_upper < 0 else ops.tril(found, num_upper)


# -- images


@_tf("resize")
def _resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None):
    if preserve_aspect_ratio:
        raise ValueError("it keeps the aspect ratio.")
    return ops.image.resize(images, tuple(size), interpolation=method, antialias=antialias, data_format="channels_last")


def _inner(sizes, count):
    """The sizes along the axes of a picture: TensorFlow takes one, one for each, or those of all axes."""
    if isinstance(sizes, int):
        return (sizes,) * count
    sizes = tuple(sizes)
    return sizes * count if len(sizes) == 1 else sizes[1:-1] if len(sizes) == count + 2 else sizes


def _pool(op, count):
    def f(input=None, ksize=None, strides=None, padding="VALID", data_format=None, name=None, value=None):
        _channels_last(data_format)
        return op(_first(input, value), _inner(ksize, count), _inner(strides, count), padding.lower(), "channels_last")

    return f


for _count in (1, 2, 3):
    _tf(f"max_pool{_count}d", *(["max_pool"] if _count == 2 else []))(_pool(ops.max_pool, _count))
    _tf(f"avg_pool{_count}d", *(["avg_pool"] if _count == 2 else []))(_pool(ops.average_pool, _count))


def _channels_last(data_format):
    if data_format not in (None, "NHWC", "NWC", "NDHWC"):
        raise ValueError(f"it has data_format={data_format!r}.")


def _convolve(op, count):
    def f(
        input=None,
        filter=None,
        strides=1,
        padding="VALID",
        data_format=None,
        dilations=1,
        name=None,
        filters=None,
        **old,
    ):
        _channels_last(data_format)
        kernel = _tensor(_first(filter, filters))
        if not isinstance(padding, str) or {key for key in old if key != "use_cudnn_on_gpu"}:
            raise ValueError(f"it has padding={padding!r} and {sorted(old)}.")
        dilation = _inner(_first(dilations, 1), count)
        return op(input, kernel, _inner(strides, count), padding.lower(), "channels_last", dilation)

    return f


for _count in (1, 2, 3):
    _tf(f"conv{_count}d")(_convolve(ops.conv, _count))
_tf("depthwise_conv2d", "depthwise_conv2d_native")(_convolve(ops.depthwise_conv, 2))


@_tf("space_to_depth")
def _space_to_depth(input, block_size, data_format="NHWC", name=None):
    _channels_last(data_format)
    return ops.space_to_depth(input, block_size, data_format="channels_last")


@_tf("depth_to_space")
def _depth_to_space(input, block_size, data_format="NHWC", name=None):
    _channels_last(data_format)
    return ops.depth_to_space(input, block_size, data_format="channels_last")
