"""Elementwise mathematics, reductions, products, shapes and indexing by ``jax.numpy``."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# -- elementwise


def _unary(function):
    def run(x):
        return function(x)

    return run


def _binary(function):
    def run(x1, x2):
        return function(x1, x2)

    return run


def _bitwise(function):
    def run(x, y):
        return function(x, y)

    return run


add = _binary(jnp.add)
subtract = _binary(jnp.subtract)
multiply = _binary(jnp.multiply)
true_divide = _binary(jnp.true_divide)
floor_divide = _binary(jnp.floor_divide)
mod = _binary(jnp.remainder)
fmod = _binary(jnp.fmod)
power = _binary(jnp.power)
maximum = _binary(jnp.maximum)
minimum = _binary(jnp.minimum)
gcd = _binary(jnp.gcd)
arctan2 = _binary(jnp.arctan2)
nextafter = _binary(jnp.nextafter)
logaddexp = _binary(jnp.logaddexp)
equal = _binary(jnp.equal)
not_equal = _binary(jnp.not_equal)
less = _binary(jnp.less)
less_equal = _binary(jnp.less_equal)
greater = _binary(jnp.greater)
greater_equal = _binary(jnp.greater_equal)
logical_and = _binary(jnp.logical_and)
logical_or = _binary(jnp.logical_or)
logical_xor = _binary(jnp.logical_xor)

negative = _unary(jnp.negative)
absolute = _unary(jnp.abs)
sign = _unary(jnp.sign)
square = _unary(jnp.square)
floor = _unary(jnp.floor)
ceil = _unary(jnp.ceil)
rint = _unary(jnp.rint)
trunc = _unary(jnp.trunc)
exp = _unary(jnp.exp)
exp2 = _unary(jnp.exp2)
expm1 = _unary(jnp.expm1)
log = _unary(jnp.log)
log1p = _unary(jnp.log1p)
sqrt = _unary(jnp.sqrt)
rsqrt = _unary(lax.rsqrt)
cbrt = _unary(jnp.cbrt)
sin = _unary(jnp.sin)
cos = _unary(jnp.cos)
tan = _unary(jnp.tan)
arcsin = _unary(jnp.arcsin)
arccos = _unary(jnp.arccos)
arctan = _unary(jnp.arctan)
sinh = _unary(jnp.sinh)
cosh = _unary(jnp.cosh)
tanh = _unary(jnp.tanh)
arcsinh = _unary(jnp.arcsinh)
arccosh = _unary(jnp.arccosh)
arctanh = _unary(jnp.arctanh)
real = _unary(jnp.real)
imag = _unary(jnp.imag)
conj = _unary(jnp.conj)
isnan = _unary(jnp.isnan)
isinf = _unary(jnp.isinf)
isfinite = _unary(jnp.isfinite)
signbit = _unary(jnp.signbit)
logical_not = _unary(jnp.logical_not)
bitwise_not = _unary(jnp.invert)
erf = _unary(lax.erf)
erfc = _unary(lax.erfc)
erfinv = _unary(lax.erf_inv)

bitwise_and = _bitwise(jnp.bitwise_and)
bitwise_or = _bitwise(jnp.bitwise_or)
bitwise_xor = _bitwise(jnp.bitwise_xor)
bitwise_left_shift = _bitwise(jnp.left_shift)
bitwise_right_shift = _bitwise(jnp.right_shift)


def where(condition, x1=None, x2=None):
    if condition.dtype != bool:
        condition = condition != 0
    if x1 is None and x2 is None:
        return tuple(index.astype("int32") for index in jnp.nonzero(condition))
    return jnp.where(condition, x1, x2)


def settled(x):
    return lax.optimization_barrier(x)


def stop_gradient(variable):
    return lax.stop_gradient(variable)


def copy(x):
    return jnp.copy(x)


def view(x, dtype=None):
    return x.view(dtype)


# -- reductions: dtypes are said everywhere, so that JAX's flag for 64 bits changes nothing


def _axis(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def sum(x, axis=None, keepdims=False):
    return jnp.sum(x, _axis(axis), x.dtype, keepdims=keepdims)


def reduce_prod(x, axis=None, keepdims=False):
    return jnp.prod(x, _axis(axis), x.dtype, keepdims=keepdims)


def max(x, axis=None, keepdims=False, initial=None):
    return jnp.max(x, _axis(axis), keepdims=keepdims, initial=initial)


def min(x, axis=None, keepdims=False, initial=None):
    return jnp.min(x, _axis(axis), keepdims=keepdims, initial=initial)


def argmax(x, axis=None, keepdims=False):
    return jnp.argmax(x, axis, keepdims=keepdims).astype("int32")


def argmin(x, axis=None, keepdims=False):
    return jnp.argmin(x, axis, keepdims=keepdims).astype("int32")


def running_sum(x, axis):
    return jnp.cumsum(x, axis, x.dtype)


def running_prod(x, axis):
    return jnp.cumprod(x, axis, x.dtype)


# -- products


def matmul(x1, x2):
    if x2.ndim == 2 and x1.ndim > 2:
        # As a product of two matrices, so is its gradient: XLA is slow on a CPU where several axes are summed over.
        flat = x1.reshape(math.prod(x1.shape[:-1]), x1.shape[-1])
        return jnp.matmul(flat, x2).reshape(*x1.shape[:-1], x2.shape[-1])
    return jnp.matmul(x1, x2)


def einsum(subscripts, *operands, **kwargs):
    return jnp.einsum(subscripts, *operands, **kwargs)


# -- making and reshaping


def filled(shape, fill_value, dtype):
    return jnp.broadcast_to(lax.convert_element_type(fill_value, jnp.dtype(dtype)), shape)


def iota(start, stop, step, dtype):
    return jnp.arange(start, stop, step, dtype)


def reshape(x, newshape):
    if isinstance(newshape, (list, tuple)):
        newshape = [-1 if dim is None else dim for dim in newshape]
    return jnp.reshape(x, newshape)


def transpose(x, axes=None):
    return jnp.transpose(x, axes)


def broadcast_to(x, shape):
    return jnp.broadcast_to(x, shape)


def expand_dims(x, axis):
    return jnp.expand_dims(x, axis)


def concatenate(xs, axis=0):
    return jnp.concatenate(xs, axis)


def pad_constant(x, pad_width, value=0):
    value = lax.convert_element_type(value, x.dtype)
    return lax.pad(x, value, [(int(before), int(after), 0) for before, after in pad_width])


# -- indexing


def _index(part):
    if getattr(part, "is_variable", False):
        return part.value
    return np.asarray(part) if isinstance(part, list) else part


def get_item(x, key):
    return x[tuple(map(_index, key)) if isinstance(key, tuple) else _index(key)]


def take(x, indices, axis=None):
    if axis is None:
        x, axis = x.reshape(-1), 0
    return x.at[(slice(None),) * (axis % x.ndim) + (indices,)].get(mode="clip")


def take_along_axis(x, indices, axis=None):
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    indices = jnp.where(indices < 0, indices + x.shape[axis], indices)
    return jnp.take_along_axis(x, indices, axis, mode="clip")


def scatter_update(inputs, indices, updates, reduction=None):
    at = inputs.at[tuple(jnp.moveaxis(indices, -1, 0))]
    if reduction == "mul":
        return at.multiply(updates)
    return getattr(at, reduction or "set")(updates)


def dynamic_slice(x, starts, sizes):
    return lax.dynamic_slice(x, [jnp.asarray(start, "int32") for start in starts], sizes)


def dynamic_update_slice(x, starts, update):
    return lax.dynamic_update_slice(x, update, [jnp.asarray(start, "int32") for start in starts])


def sort(x, axis=-1):
    return jnp.sort(x, axis)


def argsort(x, axis=-1):
    return jnp.argsort(x, axis).astype("int32")


def searchsorted(sorted_sequence, values, side="left"):
    return jnp.searchsorted(sorted_sequence, values, side).astype("int32")


def top_k(x, k, sorted=True):
    return lax.top_k(x, k)


def logsumexp(x, axis=None, keepdims=False):
    return jax.nn.logsumexp(x, _axis(axis), keepdims=keepdims)
