"""Elementwise mathematics: arithmetic, functions of one number, comparison, logic, bits."""

from __future__ import annotations

import math

import numpy as np

from kbridge.backend import dtypes, shapes
from kbridge.backend.dtypes import floating, integral, promote
from kbridge.backend.op import Other, Tensor, dtype_of, op
from kbridge.ops.core import cast, convert_to_tensor

# -- arithmetic


@op.required(promote)
def add(x1: Tensor, x2: Tensor):
    """``x1 + x2``; of bools, their ``or``."""


@op.required(integral)
def subtract(x1: Tensor, x2: Tensor):
    """``x1 - x2``."""


@op.required(promote)
def multiply(x1: Tensor, x2: Tensor):
    """``x1 * x2``; of bools, their ``and``."""


@op.required(floating)
def true_divide(x1: Tensor, x2: Tensor):
    """``x1 / x2``, a float."""


@op.required(integral)
def floor_divide(x1: Tensor, x2: Tensor):
    """The largest whole number not above ``x1 / x2``."""


@op.required(integral)
def mod(x1: Tensor, x2: Tensor):
    """The remainder of ``x1 / x2``, with the sign of ``x2``."""


@op.required(integral)
def power(x1: Tensor, x2: Tensor):
    """``x1 ** x2``."""


@op.required(promote)
def maximum(x1: Tensor, x2: Tensor):
    """The greater of two; NaN if either is. At a tie each has half the gradient."""


@op.required(promote)
def minimum(x1: Tensor, x2: Tensor):
    """The lesser of two; NaN if either is. At a tie each has half the gradient."""


@op.required(integral)
def negative(x: Tensor):
    """``-x``."""


@op.required(promote, shape=shapes.real_part)
def absolute(x: Tensor):
    """``|x|``; its gradient at 0 is 0. Of a complex number, its length, a real number."""


@op.required(integral)
def sign(x: Tensor):
    """-1, 0 or 1."""


@op(integral)
def square(x: Tensor):
    """``x * x``."""
    return multiply(x, x)


@op(floating)
def reciprocal(x: Tensor):
    """``1 / x``."""
    return true_divide(1.0, x)


@op(floating)
def divide_no_nan(x1: Tensor, x2: Tensor):
    """``x1 / x2``, and 0 where ``x2`` is 0."""
    is_zero = equal(x2, 0)
    return where(is_zero, 0, true_divide(x1, where(is_zero, 1, x2)))


@op(integral)
def fmod(x1: Tensor, x2: Tensor):
    """The remainder of ``x1 / x2``, with the sign of ``x1``."""
    remainder = mod(absolute(x1), absolute(x2))
    return where(less(x1, 0), negative(remainder), remainder)


@op(promote)
def fmax(x1: Tensor, x2: Tensor):
    """The greater of two; where one is NaN, the other."""
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


@op(promote)
def fmin(x1: Tensor, x2: Tensor):
    """The lesser of two; where one is NaN, the other."""
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


@op(floating)
def fabs(x: Tensor):
    """``|x|``, as a float."""
    return absolute(x)


@op(integral)
def clip(x: Tensor, x_min, x_max):
    """``x``, but not below ``x_min`` nor above ``x_max`` (either may be None), in its own dtype."""
    kept = x
    if x_min is not None:
        kept = maximum(kept, x_min)
    if x_max is not None:
        kept = minimum(kept, x_max)
    return cast(kept, dtype_of(x))


@op(integral, gradient=False)
def gcd(x1: Tensor, x2: Tensor):
    """The greatest common divisor of whole numbers, not below 0."""
    a, b = absolute(x1), absolute(x2)
    # Euclid's algorithm; Fibonacci numbers take it longest
    for _ in range(math.ceil(1.45 * 8 * dtypes.itemsize(dtype_of(a)))):
        done = equal(b, 0)
        a, b = where(done, a, b), where(done, b, mod(a, where(done, 1, b)))
    return a


@op(integral, gradient=False)
def lcm(x1: Tensor, x2: Tensor):
    """The least common multiple of whole numbers, not below 0."""
    divisor = gcd(x1, x2)
    return multiply(floor_divide(absolute(x1), maximum(divisor, 1)), absolute(x2))


@op(floating)
def heaviside(x1: Tensor, x2: Tensor):
    """The step function: 0 where ``x1`` is negative, 1 where it is positive, ``x2`` where it is 0."""
    return where(isnan(x1), x1, where(less(x1, 0), 0, where(equal(x1, 0), x2, 1)))


@op(floating)
def hypot(x1: Tensor, x2: Tensor):
    """``sqrt(x1**2 + x2**2)``, without overflow on the way."""
    a, b = absolute(x1), absolute(x2)
    longer, shorter = maximum(a, b), minimum(a, b)
    # also true where the longer is 0 or infinite, and its gradient is finite there
    plain = logical_or(equal(longer, 0), isinf(longer))
    ratio = where(plain, 0, true_divide(shorter, where(plain, 1, longer)))
    return multiply(longer, sqrt(add(multiply(ratio, ratio), 1)))


# -- rounding


@op.required(floating)
def floor(x: Tensor):
    """The largest whole number not above ``x``, as a float."""


@op.required(floating)
def ceil(x: Tensor):
    """The smallest whole number not below ``x``, as a float."""


@op.required(floating)
def rint(x: Tensor):
    """The nearest whole number, as a float; halves go to the even one."""


@op(promote)
def trunc(x: Tensor):
    """``x`` without its fraction."""
    return where(less(x, 0), ceil(x), floor(x)) if _is_inexact(x) else x


@op(promote)
def round(x: Tensor, decimals=0):
    """``x`` rounded to so many decimals, halves to the even one."""
    if decimals == 0:
        return rint(x) if _is_inexact(x) else x
    if decimals > 0:
        return true_divide(rint(multiply(x, 10.0**decimals)), 10.0**decimals) if _is_inexact(x) else x
    return cast(multiply(rint(true_divide(x, 10.0**-decimals)), 10.0**-decimals), dtype_of(x))


# -- exponentials, trigonometry


@op.required(floating)
def exp(x: Tensor):
    """e to the power ``x``."""


@op.required(floating)
def expm1(x: Tensor):
    """``exp(x) - 1``, accurate near 0."""


@op.required(floating)
def log(x: Tensor):
    """The natural logarithm."""


@op.required(floating)
def log1p(x: Tensor):
    """``log(1 + x)``, accurate near 0."""


@op.required(floating)
def sqrt(x: Tensor):
    """The square root."""


@op.required(floating)
def sin(x: Tensor):
    """The sine of an angle in radians."""


@op.required(floating)
def cos(x: Tensor):
    """The cosine of an angle in radians."""


@op.required(floating)
def tan(x: Tensor):
    """The tangent of an angle in radians."""


@op.required(floating)
def arcsin(x: Tensor):
    """The angle in [-pi/2, pi/2] whose sine is ``x``."""


@op.required(floating)
def arccos(x: Tensor):
    """The angle in [0, pi] whose cosine is ``x``."""


@op.required(floating)
def arctan(x: Tensor):
    """The angle in [-pi/2, pi/2] whose tangent is ``x``."""


@op.required(floating)
def arctan2(x1: Tensor, x2: Tensor):
    """The angle in [-pi, pi] of the point with ordinate ``x1`` and abscissa ``x2``."""


@op.required(floating)
def sinh(x: Tensor):
    """The hyperbolic sine."""


@op.required(floating)
def cosh(x: Tensor):
    """The hyperbolic cosine."""


@op.required(floating)
def tanh(x: Tensor):
    """The hyperbolic tangent."""


@op.required(floating)
def arcsinh(x: Tensor):
    """The number whose hyperbolic sine is ``x``."""


@op.required(floating)
def arccosh(x: Tensor):
    """The number, not below 0, whose hyperbolic cosine is ``x``."""


@op.required(floating)
def arctanh(x: Tensor):
    """The number whose hyperbolic tangent is ``x``."""


@op.required(floating, gradient=False)
def nextafter(x1: Tensor, x2: Tensor):
    """The number next to ``x1``, among those the dtype holds, in the direction of ``x2``."""


@op(floating)
def exp2(x: Tensor):
    """2 to the power ``x``."""
    return power(2.0, x)


@op(floating)
def log2(x: Tensor):
    """The logarithm to base 2."""
    return true_divide(log(x), math.log(2))


@op(floating)
def log10(x: Tensor):
    """The logarithm to base 10."""
    return true_divide(log(x), math.log(10))


@op(floating)
def logaddexp(x1: Tensor, x2: Tensor):
    """``log(exp(x1) + exp(x2))``, without overflow on the way."""
    difference = where(equal(x1, x2), 0, subtract(x1, x2))  # of equal infinities too
    return add(maximum(x1, x2), log1p(exp(negative(absolute(difference)))))


@op(floating)
def logaddexp2(x1: Tensor, x2: Tensor):
    """``log2(2**x1 + 2**x2)``, without overflow on the way."""
    scale = math.log(2)
    return true_divide(logaddexp(multiply(x1, scale), multiply(x2, scale)), scale)


@op(floating)
def ldexp(x1: Tensor, x2: Tensor):
    """``x1 * 2**x2``."""
    return multiply(x1, power(2.0, x2))


@op(floating)
def cbrt(x: Tensor):
    """The cube root."""
    return multiply(sign(x), power(absolute(x), 1 / 3))


@op(floating)
def sinc(x: Tensor):
    """``sin(pi x) / (pi x)``, and 1 at 0."""
    is_zero = equal(x, 0)
    angle = multiply(where(is_zero, 1, x), math.pi)
    return where(is_zero, 1, true_divide(sin(angle), angle))


@op(floating)
def deg2rad(x: Tensor):
    """Degrees to radians."""
    return multiply(x, math.pi / 180)


@op(floating)
def rad2deg(x: Tensor):
    """Radians to degrees."""
    return multiply(x, 180 / math.pi)


# Coefficients, highest first, of Chebyshev series for exp(-x) I0(x) on [0, 8] and exp(-x) sqrt(x) I0(x) beyond.
_I0_SMALL = (
    -4.4153416464793394e-18,
    3.3307945188222381e-17,
    -2.4312798465479547e-16,
    1.715391285555133e-15,
    -1.1685332877993452e-14,
    7.6761854986049356e-14,
    -4.8564467831119295e-13,
    2.9550526631296398e-12,
    -1.7268262914415557e-11,
    9.6758090353732369e-11,
    -5.1897956016352629e-10,
    2.6598237246823867e-9,
    -1.300025009986248e-8,
    6.0469950225419189e-8,
    -2.6707938539406117e-7,
    1.1173875391201037e-6,
    -4.4167383584587506e-6,
    1.6448448070728897e-5,
    -5.7541950100821037e-5,
    1.8850288509584166e-4,
    -5.7637557453858237e-4,
    1.6394756169413358e-3,
    -4.3243099950505759e-3,
    1.0546460394594998e-2,
    -2.3737414805899469e-2,
    4.9305284239670708e-2,
    -9.4901097048047644e-2,
    1.7162090152220878e-1,
    -3.046826723431984e-1,
    6.7679527440947608e-1,
)
_I0_LARGE = (
    -7.233180487874754e-18,
    -4.8305044859441821e-18,
    4.46562142029676e-17,
    3.4612228676974611e-17,
    -2.8276239805165835e-16,
    -3.4254856196772191e-16,
    1.7725601330565264e-15,
    3.8116806693526224e-15,
    -9.5548466988283076e-15,
    -4.1505693472872221e-14,
    1.5400862175214098e-14,
    3.8527783827421427e-13,
    7.1801244513836662e-13,
    -1.7941785315068061e-12,
    -1.3215811840447713e-11,
    -3.1499165279632414e-11,
    1.1889147107846438e-11,
    4.9406023882249696e-10,
    3.3962320257083863e-9,
    2.2666689904981781e-8,
    2.0489185894690637e-7,
    2.8913705208347565e-6,
    6.889758346916824e-5,
    3.3691164782556941e-3,
    8.0449041101410883e-1,
)


@op(floating)
def i0(x: Tensor):
    """The modified Bessel function of the first kind, of order 0."""
    x = absolute(x)
    large = greater(x, 8)
    inner = _chebyshev(subtract(true_divide(where(large, 8, x), 2), 2), _I0_SMALL)
    x_outer = where(large, x, 8)
    outer = true_divide(_chebyshev(subtract(true_divide(32, x_outer), 2), _I0_LARGE), sqrt(x_outer))
    return multiply(exp(x), where(large, outer, inner))


def _chebyshev(x, coefficients):
    """The sum of a Chebyshev series at ``x / 2``, by Clenshaw's recurrence."""
    b0, b1, b2 = coefficients[0], 0.0, 0.0
    for coefficient in coefficients[1:]:
        b0, b1, b2 = add(subtract(multiply(x, b0), b1), coefficient), b0, b1
    return multiply(subtract(b0, b2), 0.5)


# -- complex numbers


@op.required(shape=shapes.real_part)
def real(x: Tensor):
    """The real part; of a real number, the number."""


@op.required(shape=shapes.real_part)
def imag(x: Tensor):
    """The imaginary part; of a real number, 0."""


@op.required
def conj(x: Tensor):
    """The complex conjugate; of a real number, the number."""


@op(floating)
def angle(x: Tensor):
    """The angle in the complex plane, in radians: of real numbers 0 or pi."""
    return arctan2(imag(x), real(x))


# -- comparison


@op.required(promote, out="bool", gradient=False)
def equal(x1: Tensor, x2: Tensor):
    """Whether ``x1 == x2``."""


@op.required(promote, out="bool", gradient=False)
def not_equal(x1: Tensor, x2: Tensor):
    """Whether ``x1 != x2``."""


@op.required(promote, out="bool", gradient=False)
def less(x1: Tensor, x2: Tensor):
    """Whether ``x1 < x2``."""


@op.required(promote, out="bool", gradient=False)
def less_equal(x1: Tensor, x2: Tensor):
    """Whether ``x1 <= x2``."""


@op.required(promote, out="bool", gradient=False)
def greater(x1: Tensor, x2: Tensor):
    """Whether ``x1 > x2``."""


@op.required(promote, out="bool", gradient=False)
def greater_equal(x1: Tensor, x2: Tensor):
    """Whether ``x1 >= x2``."""


@op(promote, out="bool", gradient=False)
def isnan(x: Tensor):
    """Whether ``x`` is not a number."""
    return not_equal(x, x)


@op(promote, out="bool", gradient=False)
def isinf(x: Tensor):
    """Whether ``x`` is infinite, of either sign."""
    return equal(absolute(x), math.inf)


@op(promote, out="bool", gradient=False)
def isfinite(x: Tensor):
    """Whether ``x`` is neither infinite nor NaN."""
    return less(absolute(x), math.inf)


@op(promote, out="bool", gradient=False)
def isposinf(x: Tensor):
    """Whether ``x`` is positive infinity."""
    return equal(x, math.inf)


@op(promote, out="bool", gradient=False)
def isneginf(x: Tensor):
    """Whether ``x`` is negative infinity."""
    return equal(x, -math.inf)


@op(promote, out="bool", gradient=False)
def isreal(x: Tensor):
    """Whether the imaginary part of ``x`` is 0."""
    return equal(imag(x), 0)


@op(promote, out="bool", gradient=False)
def signbit(x: Tensor):
    """Whether the sign of ``x`` is minus; that of -0.0 is."""
    return less(arctan2(x, -1.0), 0) if _is_inexact(x) else less(x, 0)


@op(promote, out="bool", gradient=False)
def isclose(x1: Tensor, x2: Tensor, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether ``|x1 - x2| <= atol + rtol * |x2|``; infinities are close to themselves, NaNs if ``equal_nan``."""
    x1, x2 = (cast(x, dtypes.floating(dtype_of(x))) for x in (x1, x2))
    near = less_equal(absolute(subtract(x1, x2)), add(multiply(absolute(x2), rtol), atol))
    close = logical_or(logical_and(near, isfinite(x2)), equal(x1, x2))
    return logical_or(close, logical_and(isnan(x1), isnan(x2))) if equal_nan else close


# -- logic


@op(promote, out="bool", gradient=False)
def logical_and(x1: Tensor, x2: Tensor):
    """Whether both hold; what is not 0 holds."""
    return bitwise_and(_truth(x1), _truth(x2))


@op(promote, out="bool", gradient=False)
def logical_or(x1: Tensor, x2: Tensor):
    """Whether either holds; what is not 0 holds."""
    return bitwise_or(_truth(x1), _truth(x2))


@op(promote, out="bool", gradient=False)
def logical_xor(x1: Tensor, x2: Tensor):
    """Whether one holds and the other does not; what is not 0 holds."""
    return not_equal(_truth(x1), _truth(x2))


@op(promote, out="bool", gradient=False)
def logical_not(x: Tensor):
    """Whether ``x`` is 0."""
    return equal(x, 0)


def _truth(x):
    if isinstance(x, (bool, int, float)):
        return bool(x)
    return x if dtype_of(x) == "bool" else not_equal(x, 0)


# -- bits: of bools these are the logical operations


@op.required(promote, gradient=False)
def bitwise_and(x: Tensor, y: Tensor):
    """The bits set in both; of bools, their ``and``."""


@op.required(promote, gradient=False)
def bitwise_or(x: Tensor, y: Tensor):
    """The bits set in either; of bools, their ``or``."""


@op.required(promote, gradient=False)
def bitwise_xor(x: Tensor, y: Tensor):
    """The bits set in one alone; of bools, their exclusive ``or``."""


@op.required(promote, gradient=False)
def bitwise_not(x: Tensor):
    """Every bit reversed; of bools, their ``not``."""


@op.required(integral, gradient=False)
def bitwise_left_shift(x: Tensor, y: Tensor):
    """The bits of ``x`` moved up by ``y`` places: ``x * 2**y``."""


@op.required(integral, gradient=False)
def bitwise_right_shift(x: Tensor, y: Tensor):
    """The bits of ``x`` moved down by ``y`` places, the sign kept: ``floor(x / 2**y)``."""


# -- choice


@op.required(promote, shape=shapes.where)
def where(condition: Other, x1: Tensor = None, x2: Tensor = None):
    """``x1`` where ``condition`` (of any dtype; not 0) holds, else ``x2``; of a condition alone, its ``nonzero``."""


@op(promote)
def nan_to_num(x: Tensor, nan=0.0, posinf=None, neginf=None):
    """``x`` with numbers in the place of NaN and the infinities: by default 0 and the ends of its dtype."""
    if not _is_inexact(x):
        return x
    least, greatest = dtypes.limits(dtype_of(x))
    x = where(isnan(x), nan, x)
    x = where(isposinf(x), greatest if posinf is None else posinf, x)
    return where(isneginf(x), least if neginf is None else neginf, x)


def _is_inexact(x):
    dtype = dtype_of(x)
    return dtype == "float" or dtypes.is_float(dtype) or dtypes.is_complex(dtype)


# How many bits of a whole number a float keeps.
_EXACT_BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}


@op
def saturate_cast(x: Tensor, dtype):
    """``x`` in ``dtype``, with what does not fit moved to the nearest number that does."""
    held, wanted = dtype_of(x), dtypes.standardize(dtype)
    if "bool" in (held, wanted) or dtypes.is_complex(held) or dtypes.is_complex(wanted):
        return cast(x, wanted)
    (low, high), (own_low, own_high) = dtypes.limits(wanted), dtypes.limits(held)
    greatest = high
    if dtypes.is_int(wanted) and held in _EXACT_BITS:
        # as a float the greatest int would round to one beyond it: stay below, and put it in afterwards
        spare = max(high.bit_length() - _EXACT_BITS[held], 0)
        greatest = high >> spare << spare
    result = cast(clip(x, type(own_low)(max(low, own_low)), type(own_high)(min(greatest, own_high))), wanted)
    if greatest == high:
        return result
    return where(greater(x, float(greatest)), convert_to_tensor(np.array(high, wanted)), result)


@op
def copy(x: Tensor):
    """A new tensor of the same values."""
    return multiply(x, cast(True, dtype_of(x)))


abs = absolute
divide = true_divide
conjugate = conj
bitwise_invert = bitwise_not
left_shift = bitwise_left_shift
right_shift = bitwise_right_shift
