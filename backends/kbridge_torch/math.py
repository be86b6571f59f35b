"""Elementwise mathematics, reductions and products."""

import builtins

import torch
import torch.nn.functional as F

from kbridge_torch.tensors import constant

# -- arithmetic


def add(x1, x2):
    return x1 + x2


def subtract(x1, x2):
    return x1 - x2


def multiply(x1, x2):
    return x1 * x2


def true_divide(x1, x2):
    return x1 / x2


def divide_no_nan(x1, x2):
    if not isinstance(x2, torch.Tensor):
        return x1 / x2 if x2 else torch.zeros_like(x1)
    is_zero = x2 == 0
    return (x1 / x2.masked_fill(is_zero, 1)).masked_fill(is_zero, 0)


def floor_divide(x1, x2):
    return torch.floor(x1 / x2) if _recorded(x1, x2) else x1 // x2


def mod(x1, x2):
    return constant(x1, x2) % x2 if _recorded(x2) and not isinstance(x1, torch.Tensor) else x1 % x2


def power(x1, x2):
    return torch.pow(x1, x2)


def _recorded(*values):
    return builtins.any(isinstance(x, torch.Tensor) and x.requires_grad for x in values)


def _bounded(x, bound, clamp, extreme):
    """The extreme of a tensor and a number. Clamping is faster, but has another gradient where they are equal."""
    if x.requires_grad or x.dtype is torch.bool:
        return extreme(x, constant(bound, x))
    return clamp(x, bound)


def maximum(x1, x2):
    if isinstance(x1, torch.Tensor):
        if isinstance(x2, torch.Tensor):
            return torch.maximum(x1, x2)
        return _bounded(x1, x2, torch.clamp_min, torch.maximum)
    return _bounded(x2, x1, torch.clamp_min, torch.maximum)


def minimum(x1, x2):
    if isinstance(x1, torch.Tensor):
        if isinstance(x2, torch.Tensor):
            return torch.minimum(x1, x2)
        return _bounded(x1, x2, torch.clamp_max, torch.minimum)
    return _bounded(x2, x1, torch.clamp_max, torch.minimum)


def negative(x):
    return -x


def absolute(x):
    return torch.abs(x)


def sign(x):
    found = torch.sgn(x)
    return torch.where(x != x, x, found) if x.is_floating_point() else found


def square(x):
    return x * x


def clip(x, x_min, x_max):
    plain = int if not x.is_floating_point() else (int, float)
    if x.is_complex() or not builtins.all(bound is None or isinstance(bound, plain) for bound in (x_min, x_max)):
        return NotImplemented
    return x if x_min is None and x_max is None else torch.clamp(x, x_min, x_max)


def reciprocal(x):
    return torch.reciprocal(x)


# -- rounding


def floor(x):
    return torch.floor(x)


def ceil(x):
    return torch.ceil(x)


def rint(x):
    return torch.round(x)


def trunc(x):
    return torch.trunc(x)


# -- exponentials, trigonometry, special functions


def exp(x):
    return torch.exp(x)


def exp2(x):
    return torch.exp2(x)


def expm1(x):
    return torch.expm1(x)


def log(x):
    return torch.log(x)


def log10(x):
    return torch.log10(x)


def log1p(x):
    return torch.log1p(x)


def log2(x):
    return torch.log2(x)


def logaddexp(x1, x2):
    if isinstance(x1, torch.Tensor) and isinstance(x2, torch.Tensor):
        return torch.logaddexp(x1, x2)
    return NotImplemented


def sqrt(x):
    return torch.sqrt(x)


def rsqrt(x):
    return torch.rsqrt(x)


def sin(x):
    return torch.sin(x)


def cos(x):
    return torch.cos(x)


def tan(x):
    return torch.tan(x)


def arcsin(x):
    return torch.asin(x)


def arccos(x):
    return torch.acos(x)


def arctan(x):
    return torch.atan(x)


def arctan2(x1, x2):
    return torch.atan2(*_both(x1, x2))


def sinh(x):
    return torch.sinh(x)


def cosh(x):
    return torch.cosh(x)


def tanh(x):
    return torch.tanh(x)


def arcsinh(x):
    return torch.asinh(x)


def arccosh(x):
    return torch.acosh(x)


def arctanh(x):
    return torch.atanh(x)


def nextafter(x1, x2):
    return torch.nextafter(*_both(x1, x2))


def _both(x1, x2):
    """Two tensors, of which one may be given as a number."""
    if not isinstance(x1, torch.Tensor):
        return constant(x1, x2), x2
    return (x1, x2) if isinstance(x2, torch.Tensor) else (x1, constant(x2, x1))


def erf(x):
    return torch.erf(x)


def erfc(x):
    return torch.erfc(x)


def erfinv(x):
    return torch.erfinv(x)


def i0(x):
    return torch.i0(x)


def sinc(x):
    return torch.sinc(x)


# -- complex numbers


def real(x):
    return x.real


def imag(x):
    return x.imag if x.is_complex() else torch.zeros_like(x)


def conj(x):
    return torch.conj(x).resolve_conj()


# -- comparison, logic, bits


def equal(x1, x2):
    return x1 == x2


def not_equal(x1, x2):
    return x1 != x2


def less(x1, x2):
    return x1 < x2


def less_equal(x1, x2):
    return x1 <= x2


def greater(x1, x2):
    return x1 > x2


def greater_equal(x1, x2):
    return x1 >= x2


def logical_and(x1, x2):
    both = isinstance(x1, torch.Tensor) and isinstance(x2, torch.Tensor)
    return torch.logical_and(x1, x2) if both else NotImplemented


def logical_or(x1, x2):
    both = isinstance(x1, torch.Tensor) and isinstance(x2, torch.Tensor)
    return torch.logical_or(x1, x2) if both else NotImplemented


def logical_not(x):
    return torch.logical_not(x)


def isnan(x):
    return torch.isnan(x)


def isinf(x):
    return torch.isinf(x)


def isfinite(x):
    return torch.isfinite(x)


def bitwise_and(x, y):
    return x & y


def bitwise_or(x, y):
    return x | y


def bitwise_xor(x, y):
    return x ^ y


def bitwise_not(x):
    return ~x


def bitwise_left_shift(x, y):
    return x << y


def bitwise_right_shift(x, y):
    return x >> y


# -- reductions


def _axes(x, axis):
    """Axes as torch's reductions take them: an empty tuple means all to them, and none to NumPy."""
    return tuple(range(x.ndim)) if axis is None else axis


def _none(axis):
    return axis is not None and not isinstance(axis, int) and len(axis) == 0


def sum(x, axis=None, keepdims=False):
    if axis is None and not keepdims:
        return torch.sum(x, dtype=x.dtype)
    return x if _none(axis) else torch.sum(x, _axes(x, axis), keepdims, dtype=x.dtype)


def mean(x, axis=None, keepdims=False):
    if axis is None and not keepdims:
        return torch.mean(x)
    return x if _none(axis) else torch.mean(x, _axes(x, axis), keepdims)


def var(x, axis=None, keepdims=False):
    return torch.zeros_like(x) if _none(axis) else torch.var(x, _axes(x, axis), correction=0, keepdim=keepdims)


def std(x, axis=None, keepdims=False):
    return torch.zeros_like(x) if _none(axis) else torch.std(x, _axes(x, axis), correction=0, keepdim=keepdims)


def logsumexp(x, axis=None, keepdims=False):
    return x if _none(axis) else torch.logsumexp(x, _axes(x, axis), keepdims)


def max(x, axis=None, keepdims=False, initial=None):
    return _extreme(x, axis, keepdims, initial, torch.amax, torch.clamp_min)


def min(x, axis=None, keepdims=False, initial=None):
    return _extreme(x, axis, keepdims, initial, torch.amin, torch.clamp_max)


def _extreme(x, axis, keepdims, initial, reduce, clamp):
    if initial is None:
        return x if _none(axis) else reduce(x, _axes(x, axis), keepdims)
    if not x.numel():
        return torch.full_like(torch.sum(x, _axes(x, axis), keepdims, dtype=x.dtype), initial)
    return clamp(_extreme(x, axis, keepdims, None, reduce, clamp), initial)


def argmax(x, axis=None, keepdims=False):
    return _place(torch.argmax, x, axis, keepdims)


def argmin(x, axis=None, keepdims=False):
    return _place(torch.argmin, x, axis, keepdims)


def _place(search, x, axis, keepdims):
    if axis is not None:
        return search(x, axis, keepdims)
    found = search(x.reshape(-1), 0)
    return found.reshape((1,) * x.ndim) if keepdims else found


def all(x, axis=None, keepdims=False):
    return x != 0 if _none(axis) else torch.all(x != 0, dim=_axes(x, axis), keepdim=keepdims)


def any(x, axis=None, keepdims=False):
    return x != 0 if _none(axis) else torch.any(x != 0, dim=_axes(x, axis), keepdim=keepdims)


def reduce_prod(x, axis=None, keepdims=False):
    if axis is None and not keepdims:
        return torch.prod(x, dtype=x.dtype)
    axes = _axes(x, axis)
    for one in sorted((a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes)), reverse=True):
        x = torch.prod(x, one, keepdims, dtype=x.dtype)
    return x


def running_sum(x, axis):
    return torch.cumsum(x, axis, dtype=x.dtype)


def running_prod(x, axis):
    return torch.cumprod(x, axis, dtype=x.dtype)


# -- products


def matmul(x1, x2):
    return torch.matmul(x1, x2)


def einsum(subscripts, *operands, **kwargs):
    return torch.einsum(subscripts, *operands)


def dense(x, kernel, bias=None):
    if bias is not None and x.dim() == 2 and kernel.dim() == 2 and bias.dim() == 1:
        return torch.addmm(bias, x, kernel)
    if kernel.dim() == 2 and x.dim() > 1:
        return F.linear(x, kernel.t(), bias)
    product = torch.matmul(x, kernel)
    return product if bias is None else product + bias
