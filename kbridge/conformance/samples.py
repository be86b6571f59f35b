"""Samples of the ops on arrays: about a line an op. The options of ``add`` are explained in ``draws.py``."""

# fmt: off  (a table)

import numpy as np

from kbridge import ops
from kbridge.conformance import oracles
from kbridge.conformance.draws import Call as C
from kbridge.conformance.draws import add, b, binary, f, i, positive, unary, v

nan, inf = float("nan"), float("inf")

# Parameters that no sample gives, and why.
UNTRIED = {
    "sparse": "True is refused: tensors are dense",
    "ragged": "True is refused: tensors are dense",
    "kwargs": "further keywords are refused, or name the samples' own options",
    "flash_attention": "True asks for a kernel that most devices lack",
}

# -- elementwise: one number

unary("sin cos sinh cosh tanh arctan arcsinh exp expm1", ref=np, smooth=True, ints=(-2, 3))
unary("square", ref=np, smooth=True)
add("square", C(i(4)), ref=np)
unary("exp2", ref=np, smooth=True, ints=(-2, 3))
unary("tan", -1.2, 1.2, ref=np, smooth=True)
unary("arcsin arccos arctanh", -0.9, 0.9, ref=np, smooth=True)
unary("arccosh", 1.2, 3.0, ref=np, smooth=True, ints=(2, 5))
unary("log log2 log10 sqrt", 0.3, 3.0, ref=np, smooth=True, ints=(1, 9))
unary("cbrt", 0.3, 3.0, ref=np, smooth=True)
unary("cbrt", -3.0, -0.3, ref=np)
unary("rsqrt", 0.3, 3.0, ref=lambda x: x**-0.5, smooth=True, ints=(1, 9))
unary("log1p", -0.6, 2.0, ref=np, smooth=True, ints=(0, 5))
unary("reciprocal", 0.3, 3.0, ref=lambda x: 1.0 / x, smooth=True)
unary("absolute fabs", ref=np, ints=(-3, 4))
unary("negative", ref=np, ints=(-3, 4), smooth=True)
unary("sign", ref=np, ints=(-3, 4))
unary("floor ceil trunc rint", ref=np, ints=(-3, 4))
unary("deg2rad rad2deg", ref=np, ints=(-3, 4))
unary("sinc i0", ref=np, smooth=True)
unary("erf", ref=oracles.erf, smooth=True, ints=(-2, 3))
unary("erfc", ref=oracles.erfc, smooth=True)
unary("erfinv", -0.9, 0.9, ref=oracles.erfinv, smooth=True)
unary("angle", ref=lambda x: np.angle(x))
unary("isfinite isinf isnan isneginf isposinf", ref=np, ints=(-3, 4))
add("isfinite isinf isnan isneginf isposinf", C(v([1.0, nan, inf, -inf, 0.0], fixed=True)), ref=np)
add("isreal", C(f(3)), C(v([1 + 2j, 3 + 0j])), ref=np)
unary("signbit", ref=np, ints=(-3, 4))
add("signbit", C(v([0.0, -0.0, inf, -inf], fixed=True)), ref=np)
add("logical_not", C(b(4)), C(i(4)), C(f(3)), ref=np)
add("bitwise_not", C(i(4)), C(b(4)), ref=np)
add("bitwise_not", C(i(4, low=0, high=9, dtype="uint8")), ref=lambda x: 255 - x)
add("round", C(f(2, 3)), C(f(2, 3), decimals=1), C(f(3), 2), C(i(3)), ref=np.round)
add("round", C(v([0.5, 1.5, 2.5, -0.5], fixed=True)), ref=np.round)
add("nan_to_num", C(f(3)), C(v([1.0, nan]), nan=7.0), C(v([nan, inf, -inf, 2.0], fixed=True), 1.0, 5.0, -5.0),
    ref=lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf))
add("nan_to_num", C(v([inf, -inf], "float32")), ref=lambda x: np.array([1.0, -1.0]) * np.finfo("float32").max)
add("clip", C(f(2, 3), -0.7, 0.9), C(i(4, low=-9, high=9), -2, 3), C(f(3), x_min=0.0, x_max=1.0),
    ref=lambda x, x_min, x_max: np.clip(x, x_min, x_max))
add("clip", C(f(2, 3), f(3, low=-1.5, high=-0.5), f(3, low=0.5, high=1.5)), ref=np.clip)
add("real imag conj angle", C(v([[1 + 2j, -3 + 0.5j], [0.5 - 1j, 2 + 2j]])), ref=np)
add("real conj", C(f(3)), ref=np)
add("imag", C(f(3)), ref=np.imag)
add("absolute", C(v([3 + 4j, 1 - 1j])), ref=np)
add("view_as_complex", C(f(3, 2)), ref=lambda x: x[..., 0] + 1j * x[..., 1])
_parts = {"using": lambda op, x: op(ops.view_as_complex(x))}  # differentiated by way of real numbers
add("real", C(f(3, 2)), ref=lambda x: x[:, 0], **_parts)
add("imag", C(f(3, 2)), ref=lambda x: x[:, 1], **_parts)
add("conj", C(f(3, 2)), ref=lambda x: x[:, 0] - 1j * x[:, 1], **_parts)
add("absolute", C(f(3, 2)), ref=lambda x: np.hypot(x[:, 0], x[:, 1]), **_parts)
add("angle", C(f(3, 2)), ref=lambda x: np.arctan2(x[:, 1], x[:, 0]), **_parts)
add("view_as_real", C(f(3, 2)), ref=lambda x: x, **_parts)
_products = {"using": lambda op, x, y: op(ops.view_as_complex(x), ops.view_as_complex(y))}
add("multiply", C(f(3, 2), f(3, 2)), ref=lambda x, y: (x @ [1, 1j]) * (y @ [1, 1j]), **_products)
add("true_divide", C(f(3, 2), positive(3, 2)), ref=lambda x, y: (x @ [1, 1j]) / (y @ [1, 1j]), **_products)
add("matmul", C(f(2, 3, 2), f(3, 2, 2)), ref=lambda x, y: (x @ [1, 1j]) @ (y @ [1, 1j]), **_products)
add("exp", C(f(3, 2)), ref=lambda x: np.exp(x @ [1, 1j]), **_parts)
add("view_as_real", C(v([1 + 2j, 3 - 4j])), ref=lambda x: np.stack([x.real, x.imag], -1))
add("polar", C(positive(3), f(3)), ref=lambda r, a: r * np.exp(1j * a))
add("stop_gradient", C(f(2, 3)), ref=lambda x: x, flat="its point is that there is no gradient")
add("copy", C(f(2, 3)), C(i(3)), C(b(3)), ref=np)
add("heaviside", C(f(2, 3), 0.5), C(v([-1.0, 0.0, 2.0], fixed=True), f(3)), ref=np)

# -- elementwise: values at which something special happens

_special = v([nan, inf, -inf, -0.0, 1e-30, -2.5], fixed=True)
add("absolute negative floor ceil trunc exp expm1 tanh arctan square sign", C(_special), ref=np)
add("maximum minimum add multiply", C(_special, 1.0), C(v([1.0, nan], fixed=True), v([nan, 1.0], fixed=True)), ref=np)
add("clip", C(_special, -1.0, 1.0), ref=np.clip)
add("logaddexp", C(v([1e3, -1e3, 0.0], fixed=True), v([1e3, 1e3, -inf], fixed=True)), ref=np)
add("logsumexp", C(v([[-inf, -inf], [-inf, 2.0]], fixed=True), axis=1), ref=oracles.logaddexps)
add("sort", C(v([2.0, nan, -inf, 1.0], fixed=True)), ref=np)
add("add", C(v([250, 3], "uint8"), v([10, 1], "uint8")), ref=lambda a, b: (a + b) % 256)
add("subtract", C(v([3, 250], "uint8"), v([10, 1], "uint8")), ref=lambda a, b: (a - b) % 256)
add("multiply", C(v([2**30, 3]), v([4, 5])), ref=lambda a, b: (a * b + 2**31) % 2**32 - 2**31)
_none = f(0, 3, fixed=True)
add("exp absolute", C(_none), ref=np)
add("add", C(_none, f(3, fixed=True)), ref=np)
add("sum prod", C(_none), C(_none, axis=0), C(_none, axis=1), ref=np)
add("concatenate", C([_none, f(2, 3, fixed=True)]), ref=np)
add("matmul", C(f(2, 0, fixed=True), _none), C(_none, f(3, 2, fixed=True)), ref=np)
add("reshape", C(_none, (3, 0)), ref=np)
add("cast", C(v([0.0, -0.5, nan, 2.0], fixed=True), "bool"), C(v([-1.7, 1.7, -0.2], fixed=True), "int32"),
    ref=lambda x, dtype: x.astype(dtype))

# -- elementwise: two numbers

binary("add subtract multiply", ref=np, ints=(-3, 4), smooth=True)
add("add multiply", C(b(4), b(4)), ref=np)
binary("true_divide", positive, ref=np.true_divide, ints=(1, 5), smooth=True)
binary("divide_no_nan", positive, ref=np.true_divide, ints=(1, 5))
add("divide_no_nan", C(f(3), v([0.0, 2.0, 0.0], fixed=True)),
    ref=lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b)))
binary("maximum minimum fmax fmin", ref=np, ints=(-3, 4))
add("maximum minimum", C(v([1.0, 2.0, 3.0]), v([1.0, 5.0, 2.0])), ref=np)  # a tie
add("fmax fmin", C(v([1.0, nan, 3.0], fixed=True), v([nan, 2.0, 5.0], fixed=True)), ref=np)
binary("power", positive, ref=np, ints=(1, 4), smooth=True)
add("power", C(f(2, 3), 2), C(f(2, 3), 3), C(f(3), 2.0), C(f(3), v([0, 1, 2])), C(2.0, f(3)), C(f(3), 1), ref=np)
binary("mod floor_divide", ref=np, ints=(1, 5))
add("mod floor_divide", C(v([7, -7, 7, -7]), v([3, 3, -3, -3])), ref=np)
binary("fmod", ref=np, ints=(1, 5))
binary("arctan2", ref=np, ints=(1, 5), smooth=True)
binary("hypot", positive, ref=np, ints=(1, 5), smooth=True)
binary("logaddexp", ref=np, ints=(1, 5), smooth=True)
binary("logaddexp2", ref=np, ints=(1, 5))
binary("equal not_equal less less_equal greater greater_equal", ref=np, ints=(-1, 2))
add("equal not_equal less_equal", C(b(4), b(4)), C(i(4, low=0, high=2), i(4, low=0, high=2)), ref=np)
add("logical_and logical_or logical_xor", C(b(4), b(4)), C(i(4, low=0, high=2), b(4)), C(f(2, 3), b(3)), ref=np)
add("bitwise_and bitwise_or bitwise_xor", C(i(4), i(4)), C(i(2, 2), 3), C(b(4), b(4)), ref=np)
add("bitwise_left_shift", C(i(4, low=0, high=9), i(4, low=0, high=4)), C(i(4), 2), ref=np.left_shift)
add("bitwise_right_shift", C(i(4, low=-9, high=99), i(4, low=0, high=4)), C(i(4), 2), ref=np.right_shift)
add("gcd lcm", C(i(2, 4, low=1, high=30), i(4, low=1, high=30)), C(i(3, low=-9, high=9), 6), ref=np)
add("nextafter", C(f(3), f(3)), C(f(3), 9.0), ref=lambda a, b: a)  # a step is smaller than what is compared
add("ldexp", C(f(2, 3), i(3)), C(f(3), 2), ref=lambda a, b: a * 2.0**b)
add("isclose", C(v([1.0, 2.0, nan, inf]), v([1.0, 2.1, nan, inf])),
    C(v([1.0, nan]), v([1.05, nan]), rtol=0.1, equal_nan=True), ref=np)
add("allclose", C(v([1.0, nan]), v([1.2, nan]), rtol=0.1, atol=0.2, equal_nan=True), C(f(3), f(3)),
    C(v([1.0, 2.0]), v([1.0, 2.0])), ref=np)
add("isclose", C(v([1.0, 2.0]), v([1.2, 2.5]), 0.0, atol=0.3), ref=np)
add("isin", C(i(2, 4), v([1, 2, -1])), C(f(3), f(2)), C(i(4), v([0, 1]), invert=True),
    C(i(4), v([0, 1]), assume_unique=True), ref=np)

# -- reductions

_axes = [ C(f(2, 3)), C(f(2, 3), axis=1), C(f(2, 3), -1, keepdims=True), C(f(2, 3, 2), axis=(0, 2)),
    C(f(2, 3, 2), axis=(-1, 0), keepdims=True), ]
add("sum mean", *_axes, C(f(), axis=None), ref=np, smooth=True)
add("sum", C(i(2, 3), axis=0), C(b(4)), C(i(3, dtype="int8")), C(i(3, low=0, dtype="uint8")), C(f(4, dtype="float16")),
    ref=np)
add("mean", C(i(2, 3), axis=0), C(b(4)), ref=np)
add("prod reduce_prod", *_axes, C(i(2, 3), axis=0), ref=np.prod)
add("prod reduce_prod", C(v([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0]])), C(v([[0.0, 2.0, 3.0], [1.0, 5.0, 4.0]]), axis=1),
    ref=np.prod)
add("prod", C(f(2, 3), axis=0, dtype="float64"), ref=np)
add("max min", *_axes, C(i(2, 3), axis=0), C(f(2, 3), axis=1, initial=0.5), C(b(4)), ref=np)
add("max min", C(v([[1.0, 2.0, 2.0], [3.0, -3.0, 0.0]]), axis=1), ref=np)  # a tie
add("ptp", *_axes, ref=np)
add("std var", *_axes, C(i(2, 3), axis=0), ref=np, smooth=True)
add("median", *_axes, C(f(2, 4), axis=1), ref=np)
add("argmax argmin", C(f(2, 3)), C(f(2, 3), axis=1), C(f(2, 3), -1, keepdims=True), C(i(2, 3), axis=0),
    C(v([[1.0, 3.0, 3.0]]), axis=1), ref=np)
add("all any", C(b(2, 3)), C(b(2, 3), axis=1), C(b(2, 3), 0, keepdims=True), C(i(2, 3), axis=(0, 1)), C(f(3)), ref=np)
add("count_nonzero", C(i(2, 3, low=0, high=2)), C(i(2, 3, low=0, high=2), axis=1), C(b(2, 3), axis=(0, 1)), C(f(3)),
    ref=np)
add("logsumexp", *_axes, ref=oracles.logsumexp, smooth=True)
add("logsumexp", C(v([1e3, 1e3])), ref=lambda x: 1e3 + np.log(2))
add("cumsum cumprod", C(f(2, 3), 0, "float64"), C(f(2, 3)), C(f(2, 3), axis=0), C(f(2, 3), -1), C(i(2, 3), axis=1),
    ref=np)
add("cumprod", C(v([2.0, 0.0, 3.0, 0.0])), ref=np)
add("cumsum", C(i(3), axis=0, dtype="float32"), C(b(3)), ref=np)
add("running_sum", C(f(2, 3), 1), C(f(2, 3), axis=0), C(i(2, 3), 1), ref=np.cumsum)
add("running_prod", C(f(2, 3), 1), C(f(2, 3), axis=0), C(i(2, 3), 1), C(v([2.0, 0.0, 3.0, 0.0]), 0), ref=np.cumprod)
add("average", C(f(2, 3)), C(f(2, 3), axis=1), C(f(2, 3), axis=1, weights=positive(3)),
    C(f(2, 3), weights=positive(2, 3)), ref=np)
_gaps = v([[1.0, nan, 3.0], [-2.0, 0.5, nan]])
add("nansum nanmean nanprod nanmax nanmin nanmedian", C(_gaps), C(_gaps, axis=1), C(_gaps, 0, keepdims=True), ref=np)
add("nanstd nanvar", C(_gaps), C(_gaps, axis=1), C(v([[1.0, nan, 3.0], [-2.0, 0.5, 0.1]]), 0, keepdims=True), ref=np)
add("nanargmax nanargmin", C(_gaps), C(_gaps, axis=1), C(_gaps, 0, keepdims=True), ref=np)
add("nancumsum nancumprod", C(_gaps, 1, dtype="float64"), C(_gaps), C(_gaps, axis=1), ref=np)
add("quantile nanquantile", C(f(2, 5), 0.3), C(f(2, 5), 0.5, axis=1),
    C(f(2, 5), v([0.1, 0.75], fixed=True), 1, keepdims=True), C(f(2, 4), 0.6, axis=(0, 1)), ref=np)
add("percentile nanpercentile", C(f(2, 5), 30.0, 1, keepdims=True), C(f(2, 5), 30.0),
    C(f(2, 5), v([10.0, 75.0], fixed=True), 1), ref=np)
for _method in ("lower", "higher", "nearest", "midpoint"):
    add("quantile percentile nanquantile nanpercentile", C(f(2, 5), 0.3, axis=1, method=_method), ref=np)
add("nanquantile nanpercentile", C(_gaps, 0.3, axis=1), ref=np)
add("moments", C(f(2, 3), [0], synchronized=False), C(f(2, 3), [0]), C(f(2, 3, 2), axes=(0, 2), keepdims=True),
    ref=oracles.moments)
add("norm", C(f(2, 3)), C(f(4), ord=1), C(f(2, 3), ord=2, axis=1), C(f(2, 3), ord=3, axis=-1, keepdims=True),
    C(f(2, 3), ord="fro"), C(f(2, 3), ord=inf, axis=0), C(f(4), ord=-inf), C(f(2, 3), ord=1), C(f(3, 2), ord=inf),
    C(f(4), ord=0), C(f(2, 3), ord="nuc"), C(f(3, 2), ord=2), C(f(2, 2, 3), ord=-1, axis=(1, 2)), C(f(3, 3), ord=-2),
    ref=np.linalg.norm)
add("corrcoef", C(f(3, 5)), ref=np)
add("trapezoid", C(f(2, 4)), C(f(2, 4), dx=0.5, axis=0), C(f(4), v([0.0, 1.0, 3.0, 4.0])), ref=np)
add("diff", C(f(2, 4)), C(f(2, 4), n=2), C(f(3, 2), 1, 0), C(i(4)), ref=np)

# -- products

add("matmul", C(f(2, 3), f(3, 4)), C(f(3), f(3, 2)), C(f(2, 3), f(3)), C(f(3), f(3)), ref=np, smooth=True)
add("matmul", C(f(2, 2, 3), f(3, 2)), C(f(2, 1, 2, 3), f(3, 3, 2)), C(i(2, 3), i(3, 2)), C(i(2, 3), f(3, 2)), ref=np)
add("matmul", C(i(2, 3, dtype="int8"), i(3, 2, dtype="int8")), C(f(2, 3), f(2, 3, 3)), ref=np)
add("dense", C(f(2, 3), f(3, 4)), C(f(2, 3), f(3, 4), f(4)), C(f(2, 2, 3), f(3, 4), f(4)),
    ref=lambda x, k, c=0: x @ k + c, smooth=True)
add("settled", C(f(2, 3)), C(f()), ref=lambda x: x, smooth=True)
add("dot", C(f(2, 3), f(3, 2)), C(f(3), f(3)), C(f(2, 2, 3), f(2, 3, 2)), C(f(2, 3), 2.0), C(f(), f(3)), ref=np)
add("inner", C(f(3), f(3)), C(f(2, 3), f(4, 3)), ref=np)
add("outer", C(f(3), f(2)), C(f(2, 2), f(3)), ref=np)
add("vdot", C(f(3), f(3)), C(f(2, 2), f(2, 2)), ref=np)
add("kron", C(f(2, 3), f(2, 2)), C(f(2), f(3)), C(f(2), f(2, 2)), ref=np)
add("cross", C(f(2, 3), f(2, 3)), C(f(3), f(2, 3)), C(f(3, 2), f(3, 2), axis=0), ref=np)
add("cross", C(f(4, 2), f(4, 2)), ref=lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
add("cross", C(f(3, 2), f(2, 3), axisa=0, axisb=1, axisc=0), C(f(2, 3), f(3, 2), -1, 0, -1), ref=np)
add("tensordot", C(f(2, 3, 2), f(3, 2, 4)), C(f(2, 3), f(3, 2), axes=1), C(f(2, 3), f(2, 3), axes=([0], [0])),
    C(f(2), f(3), 0), ref=np)
add("einsum", C("ij,jk->ik", f(2, 3), f(3, 2)), C("bij,bjk->bik", f(2, 2, 3), f(2, 3, 2)), C("ij->ji", f(2, 3)),
    C("ii->i", f(3, 3)), C("ij->", f(2, 3)), C("i,j", f(2), f(3)), C("...ij,...jk->...ik", f(2, 2, 2), f(2, 3)),
    C("ij,jk,kl->il", f(2, 3), f(3, 2), f(2, 2)), C("bhqd,bkhd->bhqk", f(1, 2, 2, 3), f(1, 3, 2, 3)),
    C("ab,cd->cbda", f(2, 3), f(1, 2)), C("ij,ij->i", f(2, 3), f(2, 3)), C("ii", f(3, 3)),
    C("ij,jk->ik", i(2, 3), i(3, 2)), ref=np)
add("correlate", C(f(5), f(3)), C(f(5), f(3), mode="same"), C(f(4), f(4), "full"), C(f(3), f(5), "full"), ref=np)
add("cdist", C(f(3, 2), f(4, 2)), C(f(2, 3, 2), f(2, 2, 2)),
    ref=lambda x, y: np.sqrt(((x[..., :, None, :] - y[..., None, :, :]) ** 2).sum(-1)))
add("vander", C(f(3)), C(f(3), 4), C(f(3), N=2, increasing=True), ref=np)

# -- making tensors

add("zeros ones", C((2, 3)), C((2,), dtype="int32"), C([2, 1], "bool"), C((), "float64"), ref=np)
add("empty", C((2, 3)), C((2,), dtype="int32"), ref=lambda shape, dtype=None: np.zeros(shape),
    measure=lambda r, *a, **k: r * 0)
add("empty_like", C(f(2, 3)), C(f(2, 3), dtype="int32"), ref=lambda x, **k: np.zeros(x.shape),
    measure=lambda r, *a, **k: r * 0, flat="what memory happens to hold depends on nothing")
add("zeros_like ones_like", C(f(2, 3)), C(i(3)), C(f(2), dtype="int32"), ref=np)
add("full", C((2, 3), 1.5), C((2,), 3, dtype="float32"), C((2, 3), f(3)), C([2], 7),
    ref=lambda shape, value, dtype=None: np.full(shape, value))
add("full_like", C(f(2, 3), 2.0), C(i(3), 4), C(f(2), 1, dtype="int32"),
    ref=lambda x, value, dtype=None: np.full(x.shape, value), flat="a constant")
add("filled", C((2, 3), f(3), "float64"), ref=lambda shape, value, dtype: np.broadcast_to(value, shape))
add("filled", C((2, 3), 1.5, "float32"), C((2, 3), v([1, 2, 3]), "float64"),
    ref=lambda shape, value, dtype: np.broadcast_to(value, shape))
add("iota", C(0, 5, 1, "int32"), C(1.0, 2.0, 0.25, "float32"),
    ref=lambda start, stop, step, dtype: np.arange(start, stop, step))
add("arange", C(4), C(1, 7, 2), C(0.0, 1.0, 0.25), C(3, dtype="float32"), C(5, 0, -2), ref=np)
add("linspace", C(0.0, 1.0, 5), C(0, 10, num=4, endpoint=False), C(f(2), f(2), num=3), C(f(2), f(2), 3, axis=1),
    C(0.0, 1.0, 3, dtype="float64"), ref=np)
add("linspace", C(0.0, 2.0, 5, retstep=True), ref=np)
add("logspace", C(0.0, 2.0, 5), C(0.0, 3.0, num=3, base=2.0, endpoint=False), ref=np)
add("logspace geomspace", C(positive(2), positive(2), 3, axis=-1, dtype="float64"), ref=np)
add("geomspace", C(1.0, 100.0, 3), C(1.0, 16.0, num=4, endpoint=False), ref=np)
add("eye", C(3), C(2, 4), C(3, k=1, dtype="int32"), C(3, 4, -1), ref=np)
add("identity", C(3), C(2, dtype="int32"), ref=np)
add("tri", C(3), C(2, 4, 1), C(3, k=-1, dtype="int32"), ref=np)
add("bartlett blackman hamming hanning", C(5), C(1), ref=np)
add("kaiser", C(5, 4.0), C(4, beta=2.0), ref=np)
add("one_hot", C(v([0, 2, 1]), 3), C(v([[0, 1], [2, 0]]), 3, axis=0), C(v([1, 5, -1]), num_classes=3),
    ref=oracles.one_hot)
add("one_hot", C(v([1, 0]), 3, dtype="int32"), ref=lambda x, n, dtype: oracles.one_hot(x, n))
add("multi_hot", C(v([[0, 2], [1, 1]]), 3), C(v([0, 2]), num_classes=4),
    ref=lambda x, num_classes: oracles.one_hot(x, num_classes).max(-2))
add("multi_hot", C(v([[0, 2], [1, 1]]), 3, axis=0, dtype="int32"),
    ref=lambda x, n, **k: np.array([[1, 0], [1, 1], [0, 1]]))
add("meshgrid", C(f(3), f(2)), C(f(3), f(2), indexing="ij"), C(f(2)), C(f(2), f(3), f(2)), ref=np)
add("diag diagflat", C(f(3)), C(f(2), k=1), C(f(2), -1), ref=np)
add("diag", C(f(3, 3)), C(f(2, 4), 1), C(f(4, 3), k=-2), ref=np)
add("diagflat", C(f(2, 2)), ref=np)
add("cast", C(f(3), "float64"), C(f(3), "bfloat16"), C(f(3), "int32"), C(i(3), "float32"),
    C(i(3, low=0, high=2), "bool"), C(b(3), "float32"), ref=lambda x, dtype: x if "float" in dtype else x.astype(dtype))
add("saturate_cast", C(f(3, low=-999.0, high=999.0), "uint8"), C(i(4, low=-999, high=999), "int8"), C(f(3), "float32"),
    ref=oracles.saturate_cast)
add("view", C(f(2, 2, dtype="float32"), "int32"), C(f(2, 4, dtype="float32"), dtype="float64"),
    C(f(2, 2, dtype="float32"), "uint8"), ref=lambda x, dtype: x.astype("float32").view(dtype))
add("convert_to_tensor array", C(f(2, 3)), C([1, 2]), C([1.0, 2.5]), C(i(2), dtype="float32"), C([f(2), f(2)]),
    ref=lambda x, dtype=None: np.asarray(x))

# -- shapes

add("reshape", C(f(2, 3), (3, 2)), C(f(2, 3), (-1,)), C(f(2, 3), [2, -1, 1]), C(i(4), newshape=(2, 2)), C(f(1), ()),
    C(f(2, 2), -1), ref=lambda x, newshape: np.reshape(x, newshape))
add("transpose", C(f(2, 3)), C(f(2, 3, 2), (1, 2, 0)), C(f(2, 3, 2), axes=[0, -1, 1]), C(f(2, 1, 3)), ref=np)
add("broadcast_to", C(f(3), (2, 3)), C(f(2, 1), (2, 3)), C(f(), (2,)), C(f(1, 3), (2, 2, 3)), ref=np)
add("expand_dims", C(f(2, 3), 0), C(f(2, 3), axis=-1), C(f(2, 3), (0, 2)), ref=np)
add("squeeze", C(f(2, 1, 3)), C(f(1, 2, 1), axis=0), C(f(1, 2, 1), -1), C(f(1, 2, 1), (0, 2)), ref=np)
add("ravel", C(f(2, 3)), C(f()), ref=np)
add("swapaxes", C(f(2, 3, 2), 0, 1), C(f(2, 3), axis1=-1, axis2=0), ref=np)
add("moveaxis", C(f(2, 3, 4), 0, -1), C(f(2, 3, 4), (0, 1), (2, 0)), C(f(2, 3), source=[1], destination=[0]), ref=np)
add("flip", C(f(2, 3)), C(f(2, 3), axis=1), C(f(2, 3), (0, 1)), ref=np)
add("fliplr flipud", C(f(2, 3)), ref=np)
add("rot90", C(f(2, 3)), C(f(2, 3), k=2), C(f(2, 3, 2), 3, (1, 2)), C(f(2, 3), -1), ref=np)
add("roll", C(f(2, 3), 1), C(f(2, 3), -1, axis=1), C(f(2, 3), (1, 2), (0, 1)), C(f(4), shift=7, axis=0), ref=np)
add("tile", C(f(2, 3), 2), C(f(2, 3), (2, 1)), C(f(3), [2, 2]), C(f(2, 2, 2), (2,)), ref=np)
add("repeat", C(f(2, 3), 2), C(f(2, 3), 2, axis=1), C(f(3), repeats=[1, 0, 2], axis=0), ref=np)
add("concatenate", C([f(2, 3), f(1, 3)]), C([f(2, 1), f(2, 2), f(2, 1)], axis=-1), C((f(2), i(2))), C([i(2), i(1)]),
    ref=np)
add("stack", C([f(2, 3), f(2, 3)]), C([f(2), f(2), f(2)], axis=-1), C([f(2), i(2)], 1), C([i(2), i(2)]), ref=np)
add("vstack hstack dstack", C([f(2, 3), f(2, 3)]), C([f(3), f(3)]), C([i(2), i(2)]), ref=np)
add("append", C(f(2, 3), f(1, 3), axis=0), C(f(2), f(2, 2)), C(f(2), i(2)), ref=np)
add("split array_split", C(f(4, 2), 2), C(f(2, 5), [1, 3], axis=1), C(f(6), (2,), 0), ref=np)
add("array_split", C(f(7), 3), C(f(2, 5), 2, axis=-1), ref=np)
add("hsplit", C(f(2, 4), 2), C(f(4), [1]), ref=np)
add("vsplit", C(f(4, 2), 2), C(f(4, 2), [1, 2]), ref=np)
add("dsplit", C(f(1, 2, 4), 2), C(f(1, 2, 4), [1]), ref=np)
add("unstack", C(f(2, 3)), C(f(2, 3), axis=1), C(f(2, 3), 3, -1),
    ref=lambda x, num=None, axis=0: list(np.moveaxis(x, axis, 0)))
add("pad", C(f(2, 3), 1), C(f(2, 3), ((1, 0), (0, 2))), C(f(2, 3), ((1, 1), (2, 0)), constant_values=2.0),
    C(i(3), (1, 2)), ref=lambda x, w, **k: np.pad(x, w, **k))
for _mode in ("reflect", "symmetric"):
    add("pad", C(f(3, 4), ((1, 2), (2, 0)), _mode), C(f(4), ((2, 1),), mode=_mode), ref=np)
add("pad", C(f(2, 3), 2, mode="edge"), C(f(2, 3), ((1, 0), (2, 1)), "wrap"), ref=np)
add("pad_constant", C(f(2, 3), ((1, 0), (0, 2))), C(f(2, 3), ((0, 1), (2, 0)), 2.5), C(i(3), ((1, 1),), value=7),
    ref=lambda x, w, value=0: np.pad(x, w, constant_values=value))
add("tril triu", C(f(3, 3)), C(f(2, 4), k=1), C(f(2, 3, 3), -1), C(i(3, 3)), ref=np)
add("diagonal trace", C(f(3, 3)), C(f(2, 4), offset=1), C(f(2, 3, 3), -1, 1, 2), C(i(3, 3)), ref=np)
add("rearrange", C(f(2, 3), "a b -> b a"), C(f(2, 6), "a (b c) -> a c b", b=2), C(f(2, 3, 2), "a b c -> (a c) b"),
    ref=None)
add("unfold", C(f(1, 2, 4, 4), 2), C(f(1, 1, 5, 4), (3, 2), padding=1, stride=2), C(f(1, 1, 5, 5), 2, dilation=2))
add("fold", C(f(1, 8, 9), (4, 4), 2), C(f(1, 4, 4), output_size=(4, 4), kernel_size=2, stride=2),
    C(f(1, 4, 16), (5, 5), 2, 1, 0, 1))

# -- parts, indices, order

add("get_item", C(f(3, 4), 1), C(f(3, 4), (slice(None), -1)), C(f(3, 4), (slice(0, 3, 2), slice(None, None, -1))),
    C(f(3, 4), Ellipsis), C(f(3, 4), (Ellipsis, None, 0)), C(f(3, 4), slice(-2, None)), C(i(4), slice(1, 3)),
    ref=lambda x, key: x[key])
add("get_item", C(f(3, 4), np.array([0, 2, 0])), C(f(3, 4), (slice(None), np.array([[1, 0], [3, 3]]))),
    C(f(3, 4), ([0, 1], [1, -1])), C(f(3, 4), np.array([True, False, True])),
    C(f(2, 3, 4), (np.array([0, 1]), slice(None), np.array([1, 2]))),
    C(f(2, 3, 4), (slice(None), np.array([0, 2]), np.array([1, 1]))),
    ref=lambda x, key: x[tuple(key) if isinstance(key, list) else key])
add("get_item", C(f(3, 4), i(2, low=0, high=3)), C(f(3, 4), (slice(None), i(2, 2, low=-4, high=4))),
    C(f(3, 4), i(low=0, high=3)), ref=lambda x, key: x[tuple(key) if isinstance(key, (list, tuple)) else key])
add("take", C(f(3, 4), v([0, 2, 2]), axis=0), C(f(3, 4), v([[1], [0]]), 1), C(f(3, 4), v([5, -1])),
    C(f(3, 4), 1, axis=-1), C(i(4), v([1])), ref=np)
add("take_along_axis", C(f(3, 4), v([[0, 1], [2, 3], [0, 0]]), axis=1), C(f(3, 4), v([[0, 1, -1, 0]]), 0),
    C(f(2, 2), v([3, 0]), axis=None), ref=np)
add("where", C(b(2, 3), f(2, 3), f(2, 3)), C(b(3), f(2, 3), 0.0), C(b(2, 1), 1.0, f(3)), C(b(3), i(3), f(3)),
    C(i(3), f(3), f(3)), ref=np)
add("where", C(v([True, False, True])), C(v([[0, 1], [2, 0]])), ref=np,
    dynamic="as many results as there are true values")
add("nonzero", C(v([[0, 1], [2, 0]])), C(v([0.0, 1.5], fixed=True)), ref=np,
    dynamic="as many results as there are values that are not 0")
add("select", C([b(3), b(3)], [f(3), f(3)]), C([b(2, 3), b(3)], [f(3), f(2, 3)], default=1.5), ref=np)
add("searchsorted", C(v([1.0, 2.0, 3.0, 5.0]), f(3, low=0.0, high=6.0)),
    C(v([1, 2, 2, 5]), v([[2, 0], [5, 9]]), side="right"), ref=np)
add("digitize", C(f(4), v([-1.0, 0.0, 1.0])), C(i(3), v([-1, 0, 2])), ref=np)
add("sort", C(f(2, 4)), C(f(3, 2), axis=0), C(i(2, 4)), C(f(2, 3), None), ref=np)
add("argsort", C(f(2, 4)), C(f(3, 2), axis=0), C(f(2, 3), None), ref=np)
add("argsort", C(v([2, 1, 2, 1, 0])), C(v([1.0, nan, 0.0])), C(b(6)), ref=lambda x: np.argsort(x, kind="stable"))
add("argpartition", C(f(5), 2), C(f(2, 4), kth=1), ref=lambda x, kth: np.sort(x)[..., : kth + 1],
    measure=lambda r, x, kth: ops.sort(ops.take_along_axis(x, r, axis=-1)[..., : kth + 1]))
add("argpartition", C(f(4, 2), 1, axis=0), ref=lambda x, kth, axis: np.sort(x, 0)[:2],
    measure=lambda r, x, *a, **k: ops.sort(ops.take_along_axis(x, r, axis=0)[:2], axis=0))
add("top_k", C(f(2, 5), 2), C(v([1.0, 3.0, 3.0, 2.0]), k=3), C(i(4), 1), ref=oracles.top_k)
add("top_k", C(f(5), 3, sorted=False), ref=lambda x, k, sorted: np.sort(x)[-k:],
    measure=lambda r, *a, **k: ops.sort(r[0]))
add("in_top_k", C(v([1, 0]), f(2, 4), 2), C(v([3, 3]), f(2, 4), k=1), ref=oracles.in_top_k)
add("scatter", C(v([[0], [2]]), f(2), (4,)), C(v([[0, 1], [1, 0], [0, 1]]), f(3), shape=(2, 2)),
    C(v([[1], [1]]), f(2, 3), (3, 3)), ref=oracles.scatter)
add("scatter_update", C(f(4), v([[0], [2]]), f(2)), C(f(2, 3), v([[0, 1], [1, 2]]), f(2)),
    C(f(3, 2), v([[2]]), f(1, 2)), C(i(4), v([[0], [2]]), v([7, 8])),
    C(f(2, 3), v([[[0, 0], [0, 1]], [[1, 1], [1, 2]]]), f(2, 2)), ref=oracles.scatter_update)
for _reduction in ("add", "max", "min", "mul"):
    add("scatter_update", C(f(4), v([[0], [2]]), f(2), _reduction), ref=oracles.scatter_update)
add("scatter_update", C(f(4), v([[1], [1]]), f(2), reduction="add"), ref=oracles.scatter_update)
add("slice", C(f(3, 4), [1, 0], [2, 3]), C(f(4), (2,), (2,)),
    ref=lambda x, s, n: x[tuple(slice(a, a + c) for a, c in zip(s, n))])
add("slice", C(f(3, 4), i(2, low=0, high=2), (2, 2)),
    ref=lambda x, s, n: x[tuple(slice(a, a + c) for a, c in zip(s, n))])
add("dynamic_slice", C(f(3, 4), [1, 0], (2, 3)), C(f(3, 4), [i(low=0, high=2), 1], [2, 2]),
    ref=lambda x, s, n: x[tuple(slice(int(a), int(a) + c) for a, c in zip(s, n))])
add("slice_update", C(f(3, 4), [1, 0], f(2, 3)), C(f(4), (2,), f(2)), C(f(3, 4), i(2, low=0, high=2), f(2, 2)),
    ref=oracles.slice_update)
add("dynamic_update_slice", C(f(3, 4), [1, 0], f(2, 3)), C(f(3, 4), [i(low=0, high=2), 1], f(2, 2)),
    ref=oracles.slice_update)
add("unique", C(v([3, 1, 2, 1, 3])), C(v([1.5, 0.5, 1.5], fixed=True)),
    C(v([3, 1, 1]), return_inverse=True, return_counts=True), C(v([3, 1, 3]), return_index=True),
    ref=lambda x, **k: np.unique(x, **k), dynamic="as many results as there are different values")
add("unique", C(v([3, 1, 1, 2]), size=4, fill_value=0), ref=lambda x, **k: np.array([1, 2, 3, 0]))
add("unique", C(v([[3, 1], [3, 1], [2, 2]]), axis=0), C(v([3, 1, 3]), sorted=False),
    ref=lambda x, sorted=True, axis=None: np.unique(x, axis=axis),
    dynamic="as many results as there are different values",
    measure=lambda r, x, sorted=True, axis=None: r if sorted else ops.sort(r))
add("unravel_index", C(v([0, 5, 3]), (2, 3)), C(v([[1, 2]]), shape=[4]), ref=np)
add("bincount", C(v([0, 2, 2, 1])), C(v([0, 2, 2]), weights=f(3)), ref=np, dynamic="as long as the greatest value")
add("bincount", C(v([0, 2, 2]), minlength=5), ref=np, dynamic="as long as the greatest value")
add("histogram", C(f(9)), C(f(9), bins=4), C(f(9), 3, range=(-1.0, 1.0)), C(v([0, 1, 2, 4, 5, 9]), 3), ref=np,
    flat="counts")
add("segment_sum", C(f(4), v([0, 0, 2, 1]), 3), C(f(4, 2), v([0, 1, 1, 1]), num_segments=3, sorted=True),
    ref=oracles.segment(np.sum, 0))
add("segment_prod", C(f(4), v([0, 0, 2, 1]), 3), C(f(4, 2), v([0, 1, 1, 1]), num_segments=2, sorted=True),
    ref=oracles.segment(np.prod, 1))
add("segment_max", C(f(4), v([0, 0, 2, 1]), 3), C(f(4, 2), v([0, 1, 1, 1]), num_segments=2, sorted=True),
    ref=oracles.segment(np.max, -inf))
add("segment_min", C(f(4), v([0, 0, 2, 1]), 3), C(f(4, 2), v([0, 1, 1, 1]), num_segments=2, sorted=True),
    ref=oracles.segment(np.min, inf))
add("segment_sum", C(f(4), v([0, 0, 2, 1])), ref=oracles.segment(np.sum, 0), dynamic="as long as the greatest id")
add("shape", C(f(2, 3)), C(f()), ref=np)
add("size ndim", C(f(2, 3)), C(f()), ref=np)
add("dtype", C(f(2, dtype="bfloat16")), ref=lambda x: "bfloat16")
add("dtype", C(i(2, dtype="int8")), ref=lambda x: "int8")
add("is_tensor", C(f(2)), C([1.0, 2.0]), ref=lambda x: isinstance(x, np.ndarray))
add("convert_to_numpy", C(f(2)), C(i(2)), ref=lambda x: x, dynamic="what it gives lies in host memory")
_ends = [C(f(), f(), 4, True, 0), C(f(2), f(2), 3, False, -1)]
add("_linspace", C(f(2), f(2), 3, True, 0, True), ref=lambda a, b, *r: np.linspace(a, b, 3, retstep=True))
add("_linspace", *_ends, ref=lambda a, b, *r: np.linspace(a, b, r[0], r[1], axis=r[2]))
_ends = [C(positive(), positive(), 4, True, 0), C(positive(2), positive(2), 3, False, -1)]
add("_logspace", C(f(2), f(2), 3, True, 0, base=2.0), ref=lambda a, b, *r, base: np.logspace(a, b, 3, base=base))
add("_logspace", *_ends, ref=lambda a, b, *r: np.logspace(a, b, r[0], r[1], axis=r[2]))
add("_geomspace", *_ends, ref=lambda a, b, *r: np.geomspace(a, b, r[0], r[1], axis=r[2]))
