"""Elementwise mathematics, products, reductions, running totals."""

from kbridge_tensorflow.load import is_recording, tf

_raw = tf.raw_ops
_Tensor = tf.Tensor

# TensorFlow has no kernels of some ops for some dtypes: there they are computed in another.
# Unsigned numbers may pass as signed ones of any width, where arithmetic wraps around.
_UNSIGNED_AS_SIGNED = {tf.uint8: tf.int32, tf.uint16: tf.int32, tf.uint32: tf.int64, tf.uint64: tf.int64}
_SMALL_AS_INT32 = {tf.bool: tf.int32, tf.int8: tf.int32, tf.int16: tf.int32, **_UNSIGNED_AS_SIGNED}
_HALF_AS_SINGLE = {tf.float16: tf.float32, tf.bfloat16: tf.float32}
_BOOL_AS_INT = {tf.bool: tf.int8}


def _via(x, substitutes, function):
    """``function(x)``, computed in the substitute for the dtype of ``x`` if it has one."""
    other = substitutes.get(x.dtype)
    if other is None:
        return function(x)
    return _raw.Cast(x=function(_raw.Cast(x=x, DstT=other)), DstT=x.dtype)


def _tensors(x1, x2):
    """Both as tensors; one may be a Python scalar."""
    if not isinstance(x1, _Tensor):
        return tf.constant(x1, x2.dtype), x2
    return x1, x2 if isinstance(x2, _Tensor) else tf.constant(x2, x1.dtype)


def _unary(kernel, substitutes=None):
    if not substitutes:
        return lambda x: kernel(x=x)
    return lambda x: _via(x, substitutes, lambda x: kernel(x=x))


def _binary(kernel, of_bools=None, substitutes=None):
    def run(x1, x2):
        if not isinstance(x1, _Tensor):
            x1 = tf.constant(x1, x2.dtype)
        return kernel(x=x1, y=x2)

    if of_bools is None and not substitutes:
        return run

    def choose(x1, x2):
        dtype = x1.dtype if isinstance(x1, _Tensor) else x2.dtype
        if of_bools is not None and dtype == tf.bool:
            x1, x2 = _tensors(x1, x2)
            return of_bools(x=x1, y=x2)
        if substitutes and dtype in substitutes:
            x1, x2 = (_raw.Cast(x=x, DstT=substitutes[dtype]) for x in _tensors(x1, x2))
            result = kernel(x=x1, y=x2)
            return result if result.dtype == tf.bool else _raw.Cast(x=result, DstT=dtype)
        return run(x1, x2)

    return choose


# -- arithmetic

add = _binary(_raw.AddV2, of_bools=_raw.LogicalOr)
subtract = _binary(_raw.Sub)
multiply = _binary(_raw.Mul, of_bools=_raw.LogicalAnd)
true_divide = _binary(_raw.RealDiv)
floor_divide = _binary(_raw.FloorDiv)
mod = _binary(_raw.FloorMod)
power = _binary(_raw.Pow, substitutes=_UNSIGNED_AS_SIGNED)
arctan2 = _binary(lambda x, y: _raw.Atan2(y=x, x=y))  # the kernel's y is the ordinate
divide_no_nan = _binary(_raw.DivNoNan)


def _extreme(kernel, of_bools):
    plain = _binary(kernel, of_bools)

    def run(x1, x2):
        dtype = x1.dtype if isinstance(x1, _Tensor) else x2.dtype
        if not dtype.is_floating or (tf.executing_eagerly() and not is_recording()):
            return plain(x1, x2)
        x1, x2 = _tensors(x1, x2)
        # at a tie the kernel's gradient goes to one side only; that of the mean goes to both
        return _raw.SelectV2(condition=_raw.Equal(x=x1, y=x2), t=x1 * 0.5 + x2 * 0.5, e=kernel(x=x1, y=x2))

    return run


maximum = _extreme(_raw.Maximum, _raw.LogicalOr)
minimum = _extreme(_raw.Minimum, _raw.LogicalAnd)


def negative(x):
    return _raw.Neg(x=x) if x.dtype not in _UNSIGNED_AS_SIGNED else _raw.Sub(x=tf.zeros((), x.dtype), y=x)


def absolute(x):
    if x.dtype.is_complex:
        return tf.abs(x)
    return x if x.dtype.is_unsigned or x.dtype == tf.bool else _raw.Abs(x=x)


def sign(x):
    if x.dtype.is_complex:
        return tf.sign(x)
    return _via(x, _UNSIGNED_AS_SIGNED, lambda x: _raw.Sign(x=x))


square = _unary(_raw.Square, _BOOL_AS_INT)
reciprocal = _unary(_raw.Reciprocal)
rsqrt = _unary(_raw.Rsqrt)


def clip(x, x_min, x_max):
    plain = isinstance(x_min, (int, float)) and isinstance(x_max, (int, float))
    if not plain or not x.dtype.is_floating:
        return NotImplemented
    low, high = tf.constant(x_min, x.dtype), tf.constant(x_max, x.dtype)
    return _raw.ClipByValue(t=x, clip_value_min=low, clip_value_max=high)


# -- functions of one number

floor = _unary(_raw.Floor)
ceil = _unary(_raw.Ceil)
rint = _unary(_raw.Round)
exp = _unary(_raw.Exp)
expm1 = _unary(_raw.Expm1)
log = _unary(_raw.Log)
log1p = _unary(_raw.Log1p)
sqrt = _unary(_raw.Sqrt)
sin = _unary(_raw.Sin)
cos = _unary(_raw.Cos)
tan = _unary(_raw.Tan)
arcsin = _unary(_raw.Asin)
arccos = _unary(_raw.Acos)
arctan = _unary(_raw.Atan)
sinh = _unary(_raw.Sinh)
cosh = _unary(_raw.Cosh)
tanh = _unary(_raw.Tanh)
arcsinh = _unary(_raw.Asinh)
arccosh = _unary(_raw.Acosh)
arctanh = _unary(_raw.Atanh)
erf = _unary(_raw.Erf)
erfc = _unary(_raw.Erfc)
erfinv = _unary(_raw.Erfinv, _HALF_AS_SINGLE)


def real(x):
    return tf.math.real(x)


def imag(x):
    return tf.math.imag(x) if x.dtype.is_complex else tf.zeros_like(x)


def conj(x):
    return tf.math.conj(x)


def nextafter(x1, x2):
    x1, x2 = _tensors(x1, x2)
    if x1.dtype in (tf.float32, tf.float64):
        return _raw.NextAfter(x1=x1, x2=x2)
    # one step in the numbers' bits, as 16-bit ints whose order is that of the numbers
    x1, x2 = tf.broadcast_to(x1, tf.broadcast_dynamic_shape(tf.shape(x1), tf.shape(x2))), x2 + tf.zeros_like(x1)
    bits = tf.cast(tf.bitcast(x1, tf.int16), tf.int32)
    place = tf.where(bits < 0, -(bits & 0x7FFF), bits)
    place = place + tf.where(x2 > x1, 1, -1)
    bits = tf.where(place < 0, -place - 0x8000, place)
    moved = tf.bitcast(tf.cast(bits, tf.int16), x1.dtype)
    return tf.where(x1 == x2, x2, tf.where((x1 != x1) | (x2 != x2), x1 + x2, moved))


# -- comparison, logic, bits

equal = _binary(_raw.Equal)
not_equal = _binary(_raw.NotEqual)
less = _binary(_raw.Less, substitutes=_BOOL_AS_INT)
less_equal = _binary(_raw.LessEqual, substitutes=_BOOL_AS_INT)
greater = _binary(_raw.Greater, substitutes=_BOOL_AS_INT)
greater_equal = _binary(_raw.GreaterEqual, substitutes=_BOOL_AS_INT)


def _of_floats(kernel):
    return lambda x: kernel(x=x) if x.dtype.is_floating else NotImplemented


isnan = _of_floats(_raw.IsNan)
isinf = _of_floats(_raw.IsInf)
isfinite = _of_floats(_raw.IsFinite)


def _logical(kernel):
    def run(x1, x2):
        if not (isinstance(x1, _Tensor) and isinstance(x2, _Tensor) and x1.dtype == x2.dtype == tf.bool):
            return NotImplemented
        return kernel(x=x1, y=x2)

    return run


logical_and = _logical(_raw.LogicalAnd)
logical_or = _logical(_raw.LogicalOr)


def logical_not(x):
    return _raw.LogicalNot(x=x) if x.dtype == tf.bool else NotImplemented


def _bits(kernel, of_bools=None):
    run = _binary(kernel, of_bools)
    return lambda x, y: run(x, y)


bitwise_and = _bits(_raw.BitwiseAnd, _raw.LogicalAnd)
bitwise_or = _bits(_raw.BitwiseOr, _raw.LogicalOr)
bitwise_xor = _bits(_raw.BitwiseXor, _raw.NotEqual)
bitwise_left_shift = _bits(_raw.LeftShift)
bitwise_right_shift = _bits(_raw.RightShift)


def bitwise_not(x):
    return _raw.LogicalNot(x=x) if x.dtype == tf.bool else _raw.Invert(x=x)


def where(condition, x1=None, x2=None):
    if condition.dtype != tf.bool:
        condition = tf.cast(condition, tf.bool)
    if x1 is None and x2 is None:
        return tuple(tf.unstack(tf.cast(tf.where(condition), tf.int32), axis=-1))
    x1, x2 = _tensors(x1, x2)
    return _raw.SelectV2(condition=condition, t=x1, e=x2)


# -- products


def _product(x1, x2):
    rank1, rank2 = x1.shape.rank, x2.shape.rank
    if rank1 == 2 and rank2 == 2:
        return _raw.MatMul(a=x1, b=x2)
    if rank1 == 1 and rank2 == 1:
        return _raw.Sum(input=x1 * x2, axis=0)
    if rank1 == 1:
        return tf.squeeze(_product(x1[tf.newaxis], x2), -2)
    if rank2 == 1:
        return tf.squeeze(_product(x1, x2[:, tf.newaxis]), -1)
    if rank2 == 2:  # one large product instead of many small ones
        dims = x1.shape.as_list()
        lead = dims[:-1]
        if None in lead:  # what is known stays known
            lead = [own if own is not None else dim for own, dim in zip(lead, tf.unstack(tf.shape(x1)[:-1]))]
        flat = _raw.MatMul(a=tf.reshape(x1, (-1, x2.shape[0])), b=x2)
        return tf.reshape(flat, [*lead, x2.shape[1]])
    return _raw.BatchMatMulV2(x=x1, y=x2)


def matmul(x1, x2):
    x1, x2 = _tensors(x1, x2)
    other = _SMALL_AS_INT32.get(x1.dtype)
    if other is None:
        return _product(x1, x2)
    product = _product(tf.cast(x1, other), tf.cast(x2, other))
    return tf.cast(product, x1.dtype)


def einsum(subscripts, *operands, **kwargs):
    operands = [x if isinstance(x, _Tensor) else tf.constant(x) for x in operands]
    dtype = operands[0].dtype
    other = _SMALL_AS_INT32.get(dtype)
    if other is None:
        return tf.einsum(subscripts, *operands)
    return tf.cast(tf.einsum(subscripts, *(tf.cast(x, other) for x in operands)), dtype)


def dense(x, kernel, bias=None):
    if kernel.shape.rank != 2:
        return NotImplemented
    if x.shape.rank == 2:
        product = _raw.MatMul(a=x, b=kernel)
        return product if bias is None else _raw.BiasAdd(value=product, bias=bias)
    product = _product(x, kernel)
    return product if bias is None else _raw.AddV2(x=product, y=bias)


# -- reductions


def _axes(x, axis):
    if axis is None:
        return list(range(x.shape.rank))
    return list(axis) if isinstance(axis, (list, tuple)) else axis


def sum(x, axis=None, keepdims=False):
    return _raw.Sum(input=x, axis=_axes(x, axis), keep_dims=keepdims)


def reduce_prod(x, axis=None, keepdims=False):
    return _raw.Prod(input=x, axis=_axes(x, axis), keep_dims=keepdims)


def mean(x, axis=None, keepdims=False):
    return _via(x, _HALF_AS_SINGLE, lambda x: _raw.Mean(input=x, axis=_axes(x, axis), keep_dims=keepdims))


def max(x, axis=None, keepdims=False, initial=None):
    kernel = _raw.Any if x.dtype == tf.bool else _raw.Max
    found = kernel(input=x, axis=_axes(x, axis), keep_dims=keepdims)
    return found if initial is None else maximum(found, initial)


def min(x, axis=None, keepdims=False, initial=None):
    kernel = _raw.All if x.dtype == tf.bool else _raw.Min
    found = kernel(input=x, axis=_axes(x, axis), keep_dims=keepdims)
    return found if initial is None else minimum(found, initial)


def any(x, axis=None, keepdims=False):
    return _raw.Any(input=tf.cast(x, tf.bool), axis=_axes(x, axis), keep_dims=keepdims)


def all(x, axis=None, keepdims=False):
    return _raw.All(input=tf.cast(x, tf.bool), axis=_axes(x, axis), keep_dims=keepdims)


def _place_of(kernel):
    def run(x, axis=None, keepdims=False):
        rank = x.shape.rank
        if axis is None:
            found = kernel(input=tf.reshape(x, [-1]), dimension=0, output_type=tf.int32)
            return tf.reshape(found, [1] * rank) if keepdims else found
        found = kernel(input=x, dimension=axis, output_type=tf.int32)
        return tf.expand_dims(found, axis) if keepdims else found

    return run


argmax = _place_of(_raw.ArgMax)
argmin = _place_of(_raw.ArgMin)


def running_sum(x, axis):
    return _raw.Cumsum(x=x, axis=axis)


def running_prod(x, axis):
    return _raw.Cumprod(x=x, axis=axis)
