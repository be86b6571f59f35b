"""Arrays and arithmetic on NumPy: shapes, indexing, elementwise functions, reductions, products, random numbers.

Each function carries an op's name. It calls NumPy straight for plain arrays and records traced ones.
"""

import builtins
import operator

import numpy as np

from kbridge_numpy.boxes import strip
from kbridge_numpy.gradients import choose, join, multiply_matrices, spread
from kbridge_numpy.tape import RULES, Traced, put, record, record_one, rule


def like(function):
    """The decorated function has the gradient rules of ``function``."""

    def decorate(own):
        RULES[own] = RULES[function]
        return own

    return decorate


def dtype_of(name):
    from kbridge_numpy.engine import numpy_dtype

    return numpy_dtype(name)


def _axes(axis):
    return tuple(axis) if type(axis) is list else axis


# -- elementwise


def unary(function):
    """An op of one tensor, by a function of plain arrays and its gradient rule."""

    def run(x):
        return record_one(run, x) if type(x) is Traced else function(x)

    if function in RULES:
        RULES[run] = RULES[function]
    run.plain = function
    return run


def _binary(function):
    def run(x1, x2):
        if type(x1) is np.ndarray and type(x2) is np.ndarray:
            return function(x1, x2)
        x1, x2 = _alike(x1, x2)
        if type(x1) is Traced or type(x2) is Traced:
            return record(function, x1, x2)
        return function(x1, x2)

    run.plain = function
    return run


_NUMBERS = (float, int, bool, complex)


def _alike(x1, x2):
    """A number of Python's beside a tensor, in its dtype: types from elsewhere (bfloat16) do not give way to it."""
    if type(x2) in _NUMBERS:
        return x1, x1.dtype.type(x2)
    if type(x1) in _NUMBERS:
        return x2.dtype.type(x1), x2
    return x1, x2


def _plain(function):
    """A function of one or two arguments that has no gradient."""
    if function.nin == 1:
        return lambda x: function(strip(x))
    return lambda x1, x2: function(strip(x1), strip(x2))


add, subtract, multiply, true_divide = map(_binary, (np.add, np.subtract, np.multiply, np.true_divide))
floor_divide, mod, fmod = map(_binary, (np.floor_divide, np.remainder, np.fmod))
maximum, minimum, fmax, fmin = map(_binary, (np.maximum, np.minimum, np.fmax, np.fmin))
arctan2, hypot, heaviside = map(_binary, (np.arctan2, np.hypot, np.heaviside))
logaddexp, logaddexp2 = map(_binary, (np.logaddexp, np.logaddexp2))
negative, absolute, square, reciprocal = map(unary, (np.negative, np.absolute, np.square, np.reciprocal))
exp, expm1, log, log1p, sqrt, cbrt = map(unary, (np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.cbrt))
exp2, log2, log10 = map(unary, (np.exp2, np.log2, np.log10))
sin, cos, tan, arcsin, arccos, arctan = map(unary, (np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan))
sinh, cosh, tanh = map(unary, (np.sinh, np.cosh, np.tanh))
arcsinh, arccosh, arctanh = map(unary, (np.arcsinh, np.arccosh, np.arctanh))
deg2rad, rad2deg = map(unary, (np.deg2rad, np.rad2deg))
sign, floor, ceil, rint, trunc = map(_plain, (np.sign, np.floor, np.ceil, np.rint, np.trunc))
equal, not_equal, less, less_equal = map(_plain, (np.equal, np.not_equal, np.less, np.less_equal))
greater, greater_equal, nextafter = map(_plain, (np.greater, np.greater_equal, np.nextafter))
isnan, isinf, isfinite, signbit = map(_plain, (np.isnan, np.isinf, np.isfinite, np.signbit))
logical_and, logical_or, logical_xor = map(_plain, (np.logical_and, np.logical_or, np.logical_xor))
logical_not, gcd, lcm = map(_plain, (np.logical_not, np.gcd, np.lcm))
conj = unary(np.conjugate)


@like(np.power)
def power(x1, x2):
    if type(x1) is Traced or type(x2) is Traced:
        return record(power, *((x1, x2) if type(x2) in _NUMBERS else _alike(x1, x2)))
    if type(x2) is int and x2 == 3:  # in the general case NumPy takes a logarithm
        return x1 * x1 * x1
    y = np.asarray(x1) ** x2 if type(x2) in _NUMBERS else np.power(*_alike(x1, x2))
    return y if type(x2) is not float or y.dtype == x1.dtype else y.astype(x1.dtype)


def _bits(function):
    return lambda x, y: function(x, y)


bitwise_and, bitwise_or, bitwise_xor = map(_bits, (np.bitwise_and, np.bitwise_or, np.bitwise_xor))
bitwise_left_shift, bitwise_right_shift = map(_bits, (np.left_shift, np.right_shift))


def bitwise_not(x):
    return np.invert(x)


def _part(function, of_real):
    def run(x):
        if x.dtype.kind != "c":
            return of_real(x)
        return record(function, x) if type(x) is Traced else function(x)

    return run


real = _part(np.real, lambda x: x)
imag = _part(np.imag, lambda x: np.zeros_like(strip(x)))


def clip(x, x_min, x_max):
    x_min, x_max = strip(x_min), strip(x_max)
    if type(x) is Traced:
        return record(np.clip, x, x_min, x_max)
    return np.clip(x, x_min, x_max).astype(x.dtype, copy=False)


@like(np.where)
def where(condition, x1=None, x2=None):
    condition = strip(condition)
    if x1 is None:
        return np.nonzero(condition)
    x1, x2 = _alike(x1, x2)
    if type(x1) is Traced or type(x2) is Traced:
        return record(where, condition, x1, x2)
    return choose(condition, x1, x2) if x1.dtype == x2.dtype else np.where(condition, x1, x2)


def stop_gradient(variable):
    return strip(variable)


def view(x, dtype=None):
    x = np.ascontiguousarray(strip(x))
    return x if dtype is None else x.view(dtype_of(dtype))


# -- the error function

# erf(x) / x in powers of x**2, for |x| <= 1; exp(x**2) * erfc(x) in powers of the t below, for 1 <= x <= 7
_ERF = (
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
    -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05, 1.6447424703317362e-06,
    -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
_ERFCX = (
    0.19594605878015267, -0.15838038578056715, 0.054518480803062236, -0.015041951256759199, 0.003195235518484267,
    -0.0004729801576392882, 3.304268752393205e-05, 3.5485862169110875e-06, -1.0256891314814138e-06,
    8.84026300917223e-09, 2.3746249746814116e-08, -1.1790596644641087e-09, -6.210562609187924e-10,
    3.4218394147868774e-11, 1.7194882436140305e-11,
)  # fmt: skip
# erf(x) as x times a quotient of polynomials in x**2, for float32
_ERF32 = (1.12837915, 0.187225943, 0.0524100651, 0.0036498087, 0.000285984086, 2.12525627e-06)
_ERF32_BELOW = (1.0, 0.499257579, 0.112868641, 0.0147366094, 0.00114118541, 3.89221828e-05)


def _polynomial(coefficients, x):
    result = x * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        result += c
        result *= x
    result += coefficients[0]
    return result


def _erfc(x):
    """1 - erf(x) for 1 <= x <= 7, to the last digits."""
    t = ((x - 3.0) / (x + 3.0) + 0.05) / 0.45
    return _polynomial(_ERFCX, t) * np.exp(-x * x)


def plain_erf(x):
    """The error function of a plain array."""
    if x.dtype.itemsize < 8:
        narrow = np.clip(x, -3.83, 3.83, dtype=np.float32)
        squared = narrow * narrow
        narrow *= _polynomial(_ERF32, squared)
        narrow /= _polynomial(_ERF32_BELOW, squared)
        return np.clip(narrow, -1, 1).astype(x.dtype, copy=False)
    size = np.abs(x)
    near = np.minimum(size, 1.0)
    far = np.clip(size, 1.0, 6.0)
    return np.where(size < 1.0, x * _polynomial(_ERF, near * near), np.copysign(1.0 - _erfc(far), x))


def plain_erfinv(x):
    """The inverse, by a closed approximation and two of Halley's steps in the complement, where digits are kept."""
    wide = np.asarray(x, np.float64)
    size = np.abs(wide)
    rest = 1.0 - size
    log_rest = np.log(np.maximum(rest * (1.0 + size), 1e-300))
    half = 2 / (np.pi * 0.147) + log_rest / 2
    guess = np.sqrt(np.maximum(np.sqrt(half * half - log_rest / 0.147) - half, 0.0))
    for _ in range(2):
        far = np.clip(guess, 1.0, 7.0)
        error = np.where(guess < 1.0, size - plain_erf(guess), _erfc(far) - rest)
        step = error * (np.sqrt(np.pi) / 2) * np.exp(guess * guess)
        guess = guess + step / (1.0 - guess * step)
    guess = np.where(size < 1.0, guess, np.where(size == 1.0, np.inf, np.nan))
    return np.copysign(guess, wide).astype(x.dtype, copy=False)


rule(plain_erf, lambda g, _, x: g * np.exp(-x * x) * float(2 / np.sqrt(np.pi)))
rule(plain_erfinv, lambda g, y, _x: g * np.exp(y * y) * float(np.sqrt(np.pi) / 2))
erf, erfinv = map(unary, (plain_erf, plain_erfinv))

# -- shapes


def reshape(x, newshape):
    if type(newshape) is not int and None in newshape:
        newshape = [-1 if dim is None else dim for dim in newshape]
    return record(np.reshape, x, newshape) if type(x) is Traced else x.reshape(newshape)


def transpose(x, axes=None):
    return record(np.transpose, x, axes) if type(x) is Traced else x.transpose(axes)


def broadcast_to(x, shape):
    return record(np.broadcast_to, x, shape) if type(x) is Traced else np.broadcast_to(x, shape)


def expand_dims(x, axis):
    if type(axis) is int:
        at = axis if axis >= 0 else axis + x.ndim + 1
        shape = x.shape
        return x.reshape((*shape[:at], 1, *shape[at:]))
    return np.expand_dims(x, axis)


def squeeze(x, axis=None):
    return x.reshape(np.squeeze(strip(x), _axes(axis)).shape)


def flip(x, axis=None):
    axis = _axes(axis)
    return record(np.flip, x, axis) if type(x) is Traced else np.flip(x, axis)


def concatenate(xs, axis=0):
    return join(axis, *xs)


def stack(x, axis=0):
    return join(axis, *[expand_dims(item, axis) for item in x])


def filled(shape, fill_value, dtype):
    return np.full(shape, strip(fill_value), dtype_of(dtype)) if type(fill_value) is not Traced else NotImplemented


def pad_constant(x, pad_width, value=0):
    if type(x) is Traced:
        return record(pad_constant, x, pad_width, strip(value))
    padded = np.full([n + before + after for n, (before, after) in zip(x.shape, pad_width)], value, x.dtype)
    padded[_inner(pad_width, x.shape)] = x
    return padded


def _inner(pad_width, shape):
    return tuple([slice(before, before + n) for (before, _), n in zip(pad_width, shape, strict=True)])


rule(pad_constant, lambda g, _, x_shape, pad_width, value: g[_inner(pad_width, x_shape)])


# -- indexing


def get_item(x, key):
    if type(key) is tuple:
        key = tuple([_index(part) for part in key])
    elif type(key) not in (int, slice):
        key = _index(key)
    return record(operator.getitem, x, key) if type(x) is Traced else x[key]


def _index(part):
    return part.value if getattr(part, "is_variable", False) else np.asarray(part) if type(part) is list else part


def take(x, indices, axis=None):
    return record(np.take, x, indices, axis) if type(x) is Traced else np.take(x, indices, axis)


def take_along_axis(x, indices, axis=None):
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    return record(np.take_along_axis, x, indices, axis) if type(x) is Traced else np.take_along_axis(x, indices, axis)


def _clamped(starts, sizes, shape):
    """The slices of a box, moved inside where it would stick out."""
    starts = [builtins.max(0, builtins.min(int(s), n - size)) for s, size, n in zip(starts, sizes, shape, strict=True)]
    return tuple([slice(start, start + size) for start, size in zip(starts, sizes, strict=True)])


def dynamic_slice(x, starts, sizes):
    return get_item(x, _clamped(starts, sizes, x.shape))


def _replaced(x, update, key):
    if type(x) is Traced or type(update) is Traced:
        return record(_replaced, x, update, key)
    result = np.array(x)
    result[key] = update
    return result


rule(_replaced, lambda g, _, _x, _u, key: _replaced(g, np.zeros((), g.dtype), key), lambda g, _, _x, _u, key: g[key])


def dynamic_update_slice(x, starts, update):
    return _replaced(x, update, _clamped(starts, update.shape, x.shape))


_AT = {"add": np.add, "mul": np.multiply, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}


def scatter_update(inputs, indices, updates, reduction=None):
    key = tuple(np.moveaxis(strip(indices), -1, 0))
    if reduction is None:
        return _replaced(inputs, updates, key)
    if reduction == "add" and len(key) == 1:
        return inputs + spread(updates, inputs.shape, key[0], 0)
    return _scatter(inputs, updates, key, reduction)


def _scatter(x, updates, key, reduction):
    if type(x) is Traced or type(updates) is Traced:
        return record(_scatter, x, updates, key, reduction)
    result = np.array(x)
    _AT[reduction].at(result, key, updates)
    return result


def _scatter_old(g, y, x, updates, key, reduction):
    if reduction == "add":
        return g
    if _AT[reduction] is np.multiply:
        return g * _scatter(np.ones_like(strip(x)), updates, key, "mul")
    return g * (x == y) / _winners(y, x, updates, key)


def _scatter_new(g, y, x, updates, key, reduction):
    if reduction == "add":
        return g[key]
    if _AT[reduction] is np.multiply:
        return g[key] * y[key] / updates
    return g[key] * (updates == y[key]) / _winners(y, x, updates, key)[key]


def _winners(y, x, updates, key):
    """How many of the old value and the updates attain the extremum."""
    y = strip(y)
    return np.maximum((x == y) + put((updates == y[key]).astype(y.dtype), y.shape, key), 1)


rule(_scatter, _scatter_old, _scatter_new)


def argsort(x, axis=-1):
    return np.argsort(strip(x), axis, kind="stable")


def sort(x, axis=-1):
    if type(x) is not Traced:
        return np.sort(x, axis)
    return take_along_axis(x, argsort(x, axis), axis)


def searchsorted(sorted_sequence, values, side="left"):
    return np.searchsorted(strip(sorted_sequence), strip(values), side)


def top_k(x, k, sorted=True):
    plain = strip(x)
    # a key whose ascending order is the descending one of x
    key = ~plain if plain.dtype.kind in "bu" else -plain.astype(np.int64) if plain.dtype.kind == "i" else -plain
    order = np.argsort(key, -1, kind="stable")[..., :k]
    return take_along_axis(x, order, -1), order.astype(np.int32)


# -- reductions


def _strong(y):
    """NumPy's double-precision scalars give way to the dtypes of others, as Python's do; arrays do not."""
    return np.asarray(y) if type(y) is np.float64 else y


@like(np.sum)
def sum(x, axis=None, keepdims=False):
    axis = _axes(axis)
    if type(x) is Traced:
        return record(sum, x, axis, keepdims=keepdims)
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV":  # sharper in float32, and faster
        return np.add.reduce(x.astype(np.float32), axis, keepdims=keepdims).astype(x.dtype)
    return _strong(np.add.reduce(x, axis, x.dtype, None, keepdims))


@like(np.mean)
def mean(x, axis=None, keepdims=False):
    axis = _axes(axis)
    if type(x) is Traced:
        return record(mean, x, axis, keepdims=keepdims)
    if x.dtype.itemsize == 2:
        return mean(x.astype(np.float32), axis, keepdims).astype(x.dtype)
    total = np.add.reduce(x, axis, x.dtype, None, keepdims)
    return _strong(total / x.dtype.type(x.size / builtins.max(total.size, 1)))


def _extremum(ufunc, function):
    @like(function)
    def run(x, axis=None, keepdims=False, initial=None):
        axis = _axes(axis)
        if type(x) is not Traced:
            bound = {} if initial is None else {"initial": initial}
            return _strong(ufunc.reduce(x, axis, keepdims=keepdims, **bound))
        best = record(run, x, axis, keepdims=keepdims)
        return best if initial is None else record(ufunc, best, initial)

    return run


def _place(function):
    return lambda x, axis=None, keepdims=False: function(strip(x), axis, keepdims=keepdims)


def _truth(ufunc):
    return lambda x, axis=None, keepdims=False: ufunc.reduce(strip(x), _axes(axis), keepdims=keepdims)


def _running(function):
    return lambda x, axis: record(function, x, axis) if type(x) is Traced else function(x, axis, dtype=x.dtype)


max, min = map(_extremum, (np.maximum, np.minimum), (np.max, np.min))
argmax, argmin = map(_place, (np.argmax, np.argmin))
all, any = map(_truth, (np.logical_and, np.logical_or))
running_sum, running_prod = map(_running, (np.cumsum, np.cumprod))


@like(np.prod)
def reduce_prod(x, axis=None, keepdims=False):
    axis = _axes(axis)
    if type(x) is Traced:
        return record(reduce_prod, x, axis, keepdims=keepdims)
    return _strong(np.multiply.reduce(x, axis, x.dtype, None, keepdims))


# -- products


def _product(a, b):
    if a.dtype.itemsize == 2 and a.dtype.kind in "fV":  # no BLAS for these
        return multiply_matrices(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    return multiply_matrices(a, b)


@like(np.matmul)
def matmul(x1, x2):
    if type(x1) is Traced or type(x2) is Traced:
        return record(matmul, x1, x2)
    return x1 @ x2 if x1.ndim == 2 and x1.dtype.itemsize > 2 else _product(x1, x2)


def einsum(subscripts, *operands, **kwargs):
    terms, result = _explicit(subscripts, operands)
    x, term = operands[0], terms[0]
    for i in range(1, len(operands)):  # in pairs, so that each is a product of matrices
        later = set(result).union(*terms[i + 1 :])
        joined = "".join(dict.fromkeys(c for c in term + terms[i] if c in later)) if i < len(operands) - 1 else result
        x, term = _pair(x, term, operands[i], terms[i], joined), joined
    x, term = _distinct(x, term, result)
    return x if term == result else transpose(x, [term.index(c) for c in result])


def _explicit(subscripts, operands):
    """The terms and the result with a letter for each axis: "..." written out, "->" supplied."""
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in subscripts]
    dots = ""
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        if "..." in term:
            count = x.ndim - len(term) + 3
            own = "".join(spare[:count][::-1])  # aligned at the last axis
            dots = own if len(own) > len(dots) else dots
            terms[i] = term.replace("...", own)
    if not arrow:
        letters = "".join(terms)
        result = dots + "".join(sorted(c for c in set(letters) - set(dots) if letters.count(c) == 1))
    return terms, result.replace("...", dots)


def _distinct(x, term, keep):
    """``x`` with the diagonal of letters that stand twice, and summed over those not in ``keep``."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i, j = term.index(c), term.rindex(c)
            rest = [k for k in range(len(term)) if k not in (i, j)]
            places = np.arange(x.shape[i])
            x = get_item(transpose(x, [i, j, *rest]), (places, places))
            term = c + "".join(term[k] for k in rest)
    gone = [i for i, c in enumerate(term) if c not in keep]
    return (sum(x, gone), "".join(c for c in term if c in keep)) if gone else (x, term)


def _pair(a, ta, b, tb, result):
    a, ta = _distinct(a, ta, tb + result)
    b, tb = _distinct(b, tb, ta + result)
    summed = [c for c in ta if c in tb and c not in result]
    if not summed:  # a product without a sum
        return multiply(_placed(a, ta, result), _placed(b, tb, result))
    size = dict(zip(ta + tb, a.shape + b.shape, strict=True))
    for c, n in zip(ta, a.shape, strict=True):
        size[c] = builtins.max(size[c], n)
    a = broadcast_to(a, tuple([size[c] if c in summed else n for c, n in zip(ta, a.shape, strict=True)]))
    b = broadcast_to(b, tuple([size[c] if c in summed else n for c, n in zip(tb, b.shape, strict=True)]))
    batch = [c for c in ta if c in tb and c in result]
    rows, columns = [c for c in ta if c not in tb], [c for c in tb if c not in ta]
    a = transpose(a, [ta.index(c) for c in (*batch, *rows, *summed)])
    b = transpose(b, [tb.index(c) for c in (*batch, *summed, *columns)])
    inner = np.prod([size[c] for c in summed], dtype=int)
    lead = len(batch)
    width = np.prod([size[c] for c in columns], dtype=int)
    height = np.prod([size[c] for c in rows], dtype=int)
    y = matmul(reshape(a, (*a.shape[:lead], height, inner)), reshape(b, (*b.shape[:lead], inner, width)))
    y = reshape(y, (*y.shape[:lead], *[size[c] for c in (*rows, *columns)]))
    order = [*batch, *rows, *columns]
    return y if "".join(order) == result else transpose(y, [order.index(c) for c in result])


def _placed(x, term, result):
    """The axes of ``x`` in the order of ``result``, with axes of length 1 for what it lacks."""
    x = transpose(x, [term.index(c) for c in result if c in term])
    return reshape(x, [x.shape[[d for d in result if d in term].index(c)] if c in term else 1 for c in result])


# -- random numbers, from seed = (key, counter)


def generator(seed):
    return np.random.Generator(np.random.SFC64(np.asarray(seed, np.uint32)))


def random_uniform(shape, dtype, seed):
    dtype = dtype_of(dtype)
    if dtype.itemsize > 4:
        return np.asarray(generator(seed).random(shape, dtype))
    size = int(np.prod(shape))
    bits = generator(seed).bit_generator.random_raw(-(-size // 2)).view(np.uint32)[:size]
    digits = 24 if dtype.itemsize == 4 else 11 if dtype.kind == "f" else 8  # as many as the dtype holds: never 1
    bits >>= 32 - digits
    numbers = bits.astype(np.float32)
    numbers *= np.float32(2.0**-digits)
    return numbers.reshape(shape).astype(dtype, copy=False)


def random_normal(shape, dtype, seed):
    dtype = dtype_of(dtype)
    return generator(seed).standard_normal(shape, _drawn(dtype)).astype(dtype, copy=False)


def _drawn(dtype):
    return np.float64 if dtype.itemsize > 4 else np.float32


def random_gamma(alpha, seed):
    alpha = strip(alpha)
    return np.asarray(generator(seed).standard_gamma(alpha, None, _drawn(alpha.dtype)), alpha.dtype)


def random_binomial(counts, probabilities, seed):
    counts = strip(counts)
    found = generator(seed).binomial(counts.astype(np.int64), np.asarray(strip(probabilities), np.float64))
    return np.asarray(found).astype(counts.dtype)
