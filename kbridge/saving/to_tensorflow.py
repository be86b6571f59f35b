"""Ops as the functions of TensorFlow that tf.keras writes into graphs: ``of_tensorflow`` the other way round."""

from kbridge.models.graph_ops import arguments_of_op

_FUNCTIONS = {}


def function_of(described, call):
    """(function, what it is called on first, its other arguments by name) for an op in a graph and a call of it.

    None where TensorFlow has no function that takes these arguments.
    """
    name, values = arguments_of_op(described, call)
    make = _FUNCTIONS.get(name)
    if make is None:
        return None
    try:
        return make(**{key: _plain(value) for key, value in values.items()})
    except (TypeError, _Unknown):
        return None


class _Unknown(ValueError):  # noqa: N818
    """TensorFlow's function has no such argument."""


def _plain(value):
    """Arrays as lists."""
    if isinstance(value, dict) and value.get("class_name") == "__numpy__":
        return value["config"]["value"]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _must(fits):
    if not fits:
        raise _Unknown


def _write(*names):
    def register(f):
        for name in names:
            _FUNCTIONS[name] = f
        return f

    return register


def _unary(name, function):
    _FUNCTIONS[name] = lambda x: (function, x, {})


def _binary(name, function):
    _FUNCTIONS[name] = lambda x1, x2: (function, x1, {"y": x2})


for _name in (
    *("exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "square", "reciprocal", "sign", "ceil", "floor", "sin", "cos"),
    *("tan", "sinh", "cosh", "tanh", "sigmoid", "erf", "logical_not", "softplus", "log_sigmoid", "negative"),
):
    _unary(_name, f"math.{_name}")
for _name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
    _unary(f"arc{_name}", f"math.a{_name}")
for _name in ("relu", "relu6", "selu", "softsign", "silu"):
    _unary(_name, f"nn.{_name}")
for _name, _function in (
    ("absolute", "math.abs"),
    ("isnan", "math.is_nan"),
    ("isinf", "math.is_inf"),
    ("isfinite", "math.is_finite"),
):
    _unary(_name, _function)
_FUNCTIONS["stop_gradient"] = lambda variable: ("stop_gradient", variable, {})

for _name in (
    *("add", "subtract", "multiply", "maximum", "minimum", "greater", "greater_equal", "less", "less_equal", "equal"),
    *("not_equal", "logical_and", "logical_or", "logical_xor"),
):
    _binary(_name, f"math.{_name}")
for _name, _function in (
    ("true_divide", "math.truediv"),
    ("divide", "math.truediv"),
    ("power", "math.pow"),
    ("floor_divide", "math.floordiv"),
    ("mod", "math.floormod"),
    ("arctan2", "math.atan2"),
):
    _binary(_name, _function)


def _reduction(name, function):
    def f(x, axis=None, keepdims=False, **more):
        _must(all(value is None for value in more.values()))
        return function, x, {"axis": axis, "keepdims": keepdims}

    _FUNCTIONS[name] = f


for _name in ("sum", "mean", "max", "min", "prod", "std", "any", "all", "logsumexp"):
    _reduction(_name, f"math.reduce_{_name}")
_reduction("var", "math.reduce_variance")


@_write("argmax", "argmin")
def _argmax(x, axis=None, keepdims=False, function="math.argmax"):
    _must(axis is not None and not keepdims)
    return function, x, {"axis": axis, "output_type": "int32"}


_FUNCTIONS["argmin"] = lambda **values: _argmax(**values, function="math.argmin")


@_write("cumsum")
def _cumsum(x, axis=None, dtype=None):
    _must(axis is not None and dtype is None)
    return "math.cumsum", x, {"axis": axis}


@_write("round")
def _round(x, decimals=0):
    _must(decimals == 0)
    return "math.round", x, {}


@_write("sort")
def _sort(x, axis=-1):
    return "sort", x, {"axis": axis}


@_write("top_k")
def _top_k(x, k, sorted=True):
    return "math.top_k", x, {"k": k, "sorted": sorted}


@_write("elu")
def _elu(x, alpha=1.0):
    _must(alpha == 1.0)
    return "nn.elu", x, {}


@_write("leaky_relu")
def _leaky_relu(x, negative_slope=0.2):
    return "nn.leaky_relu", x, {"alpha": negative_slope}


@_write("gelu")
def _gelu(x, approximate=True):
    return "nn.gelu", x, {"approximate": approximate}


@_write("softmax")
def _softmax(x, axis=-1):
    return "nn.softmax", x, {"axis": axis}


@_write("log_softmax")
def _log_softmax(x, axis=-1):
    return "nn.log_softmax", x, {"axis": axis}


@_write("clip")
def _clip(x, x_min, x_max):
    return "clip_by_value", x, {"clip_value_min": x_min, "clip_value_max": x_max}


@_write("where")
def _where(condition, x1=None, x2=None):
    _must(x1 is not None)
    return "where", condition, {"x": x1, "y": x2}


@_write("cast")
def _cast(x, dtype):
    return "cast", x, {"dtype": dtype}


@_write("zeros_like")
def _zeros_like(x, dtype=None):
    return "zeros_like", x, {} if dtype is None else {"dtype": dtype}


@_write("ones_like")
def _ones_like(x, dtype=None):
    return "ones_like", x, {} if dtype is None else {"dtype": dtype}


@_write("matmul")
def _matmul(x1, x2):
    return "linalg.matmul", x1, {"b": x2}


@_write("tensordot")
def _tensordot(x1, x2, axes=2):
    return "tensordot", x1, {"b": x2, "axes": axes}


@_write("reshape")
def _reshape(x, newshape):
    _must(None not in newshape)
    return "reshape", x, {"shape": newshape}


@_write("transpose")
def _transpose(x, axes=None):
    return "compat.v1.transpose", x, {} if axes is None else {"perm": axes}


@_write("swapaxes")
def _swapaxes(x, axis1, axis2):
    _must({axis1, axis2} == {-1, -2})
    return "linalg.matrix_transpose", x, {}


@_write("expand_dims")
def _expand_dims(x, axis):
    return "expand_dims", x, {"axis": axis}


@_write("squeeze")
def _squeeze(x, axis=None):
    return "compat.v1.squeeze", x, {} if axis is None else {"axis": axis if isinstance(axis, list) else [axis]}


@_write("concatenate")
def _concatenate(xs, axis=-1):
    return "concat", xs, {"axis": axis}


@_write("stack")
def _stack(x, axis=0):
    return "stack", x, {"axis": axis}


@_write("unstack")
def _unstack(x, num=None, axis=0):
    return "unstack", x, {"axis": axis} if num is None else {"num": num, "axis": axis}


@_write("split")
def _split(x, indices_or_sections, axis=0):
    sizes = indices_or_sections
    if isinstance(sizes, list):
        sizes = [end - begin for begin, end in zip([0, *sizes], sizes)] + [-1]
    return "split", x, {"num_or_size_splits": sizes, "axis": axis}


@_write("tril")
def _tril(x, k=0):
    _must(k >= 0)
    return "linalg.band_part", x, {"num_lower": -1, "num_upper": k}


@_write("take")
def _take(x, indices, axis=None):
    _must(axis is not None)
    return "compat.v1.gather", x, {"indices": indices, "axis": axis}


@_write("pad")
def _pad(x, pad_width, mode="constant", constant_values=None):
    _must(mode in ("constant", "reflect", "symmetric") and isinstance(pad_width, list))
    _must(all(isinstance(pair, list) for pair in pad_width))
    return "compat.v1.pad", x, {"paddings": pad_width, "mode": mode.upper(), "constant_values": constant_values or 0}


@_write("tile")
def _tile(x, repeats):
    _must(isinstance(repeats, list))
    return "tile", x, {"multiples": repeats}


@_write("repeat")
def _repeat(x, repeats, axis=None):
    return "repeat", x, {"repeats": repeats, "axis": axis}


@_write("flip")
def _flip(x, axis=None):
    _must(axis is not None)
    return "reverse", x, {"axis": axis if isinstance(axis, list) else [axis]}


@_write("roll")
def _roll(x, shift, axis=None):
    _must(axis is not None)
    return "roll", x, {"shift": shift, "axis": axis}


@_write("one_hot")
def _one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    _must(not sparse)
    return "one_hot", x, {"depth": num_classes, "axis": axis, "dtype": dtype or "float32"}


@_write("get_item")
def _get_item(x, key):
    return "__operators__.getitem", x, {"slice_spec": [_part(item) for item in (key if type(key) is list else [key])]}


def _part(item):
    if isinstance(item, dict) and item.get("class_name") == "__slice__":
        return item["config"]
    if isinstance(item, dict) and item.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__"}
    _must(item is None or (isinstance(item, int) and not isinstance(item, bool)))
    return item


# -- images


def _last(data_format):
    _must(data_format in (None, "channels_last"))


@_write("space_to_depth")
def _space_to_depth(x, block_size, data_format="channels_last"):
    _last(data_format)
    return "nn.space_to_depth", x, {"block_size": block_size}


@_write("depth_to_space")
def _depth_to_space(x, block_size, data_format="channels_last"):
    _last(data_format)
    return "nn.depth_to_space", x, {"block_size": block_size}


def _pool(inputs, pool_size, strides=None, padding="valid", data_format=None, *, kind):
    _last(data_format)
    _must(isinstance(pool_size, list))
    strides = pool_size if strides is None else strides
    return f"nn.{kind}{len(pool_size)}d", inputs, {"ksize": pool_size, "strides": strides, "padding": padding.upper()}


_FUNCTIONS["max_pool"] = lambda **values: _pool(**values, kind="max_pool")
_FUNCTIONS["average_pool"] = lambda **values: _pool(**values, kind="avg_pool")


@_write("conv")
def _conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    _last(data_format)
    rank = len(strides) if isinstance(strides, list) else len(inputs["config"]["shape"]) - 2
    more = {"strides": strides, "padding": padding.upper(), "dilations": dilation_rate}
    return f"nn.conv{rank}d", inputs, {"filters": kernel, **more}


@_write("resize")
def _resize(images, size, interpolation="bilinear", antialias=False, data_format=None, **more):
    _last(data_format)
    _must(not any(more.get(key) for key in ("crop_to_aspect_ratio", "pad_to_aspect_ratio")))
    return "image.resize", images, {"size": size, "method": interpolation, "antialias": antialias}
