"""Samples of the ops of neural networks, linear algebra, signals, images, randomness and control flow.

The options of ``add`` are explained in ``draws.py``.
"""

# fmt: off  (a table)

import numpy as np

from kbridge import ops
from kbridge.conformance import oracles
from kbridge.conformance.draws import Call as C
from kbridge.conformance.draws import add, b, f, i, positive, regular, seed, spd, unary, v

# -- activations

unary("sigmoid", ref=oracles.sigmoid, smooth=True, ints=(-3, 4))
unary("log_sigmoid", ref=lambda x: np.log(oracles.sigmoid(x)), smooth=True)
unary("softplus", ref=lambda x: np.log1p(np.exp(x)), smooth=True)
unary("softsign", ref=lambda x: x / (1 + abs(x)))
unary("relu", ref=lambda x: np.maximum(x, 0), ints=(-3, 4))
unary("relu6", -2.0, 9.0, ref=lambda x: np.clip(x, 0, 6))
unary("silu swish", ref=lambda x: x * oracles.sigmoid(x), smooth=True)
unary("hard_sigmoid", -5.0, 5.0, ref=lambda x: np.clip(x / 6 + 0.5, 0, 1))
unary("hard_silu hard_swish", -5.0, 5.0, ref=lambda x: x * np.clip(x / 6 + 0.5, 0, 1))
unary("hard_tanh", ref=lambda x: np.clip(x, -1, 1))
unary("tanh_shrink", ref=lambda x: x - np.tanh(x), smooth=True)
unary("sparse_plus", -3.0, 3.0, ref=lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)))
unary("sparse_sigmoid", ref=lambda x: np.clip((x + 1) / 2, 0, 1))
unary("selu", ref=lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)))
_elu = [C(f(2, 3)), C(f(3), 0.5), C(f(3), alpha=2.0)]
add("elu", *_elu, ref=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x)))
add("celu", *_elu, ref=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x / alpha)))
_leaky = [C(f(2, 3)), C(f(3), negative_slope=0.1)]
add("leaky_relu", *_leaky, ref=lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x))
_shrink = [C(f(2, 3)), C(f(3), threshold=0.3)]
add("hard_shrink", *_shrink, ref=lambda x, threshold=0.5: np.where(abs(x) > threshold, x, 0))
add("soft_shrink", *_shrink, ref=lambda x, threshold=0.5: np.sign(x) * np.maximum(abs(x) - threshold, 0))
add("threshold", C(f(2, 3), 0.5, -1.0), C(f(3), 0.0, 7.0), ref=lambda x, at, value: np.where(x > at, x, value))
add("squareplus", C(f(2, 3)), C(f(3), b=1), ref=lambda x, b=4: (x + np.sqrt(x * x + b)) / 2, smooth=True)
add("gelu", C(f(2, 3), approximate=False), ref=lambda x, **k: x * (1 + oracles.erf(x / np.sqrt(2))) / 2, smooth=True)
_cubic = np.sqrt(2 / np.pi)
add("gelu", C(f(2, 3)), ref=lambda x: x * (1 + np.tanh(_cubic * (x + 0.044715 * x**3))) / 2, smooth=True)
add("glu", C(f(2, 4)), C(f(2, 3), axis=0), smooth=True)
_far = C(v([-1e3, -40.0, -1e-3, 0.0, 1e-3, 40.0, 1e3], fixed=True))  # no overflow, no lost digits
add("sigmoid", _far, ref=oracles.sigmoid)
add("softplus", _far, ref=lambda x: np.logaddexp(0, x))
add("log_sigmoid", _far, ref=lambda x: -np.logaddexp(0, -x))
add("silu", _far, ref=lambda x: x * oracles.sigmoid(x))
add("tanh", _far, ref=np)
add("relu", _far, C(v([np.nan, 1.0], fixed=True)), ref=lambda x: np.maximum(x, 0))
add("elu celu", _far, ref=lambda x: np.where(x > 0, x, np.expm1(x)))
add("gelu", C(v([-1e3, -40.0, 40.0, 1e3], fixed=True)), ref=lambda x: np.maximum(x, 0))
_axes = [C(f(2, 3)), C(f(2, 3), axis=0), C(f(2, 2, 3), (1, 2))]
add("softmax", *_axes, ref=oracles.softmax, smooth=True)
add("softmax", C(v([[1e4, 1e4, -1e4]])), C(i(3)), ref=oracles.softmax)
add("log_softmax", *_axes[:2], ref=lambda x, axis=-1: np.log(oracles.softmax(x, axis)), smooth=True)
add("log_softmax", C(v([[1e3, 0.0, 1e3]])), ref=lambda x: x - 1e3 - np.log(2))
add("sparsemax", C(f(2, 4)), C(f(4, 2), axis=0), C(f(2, 3, low=-0.3, high=0.3)), ref=oracles.sparsemax)

# -- normalization

add("normalize", C(v([[0.03, 0.04]]), epsilon=0.1), ref=lambda x, epsilon: x / epsilon)
add("normalize", C(f(2, 3)), C(f(2, 3), axis=0), ref=lambda x, axis=-1: x / np.linalg.norm(x, axis=axis, keepdims=True))
add("normalize", C(f(2, 3), order=1), C(f(2, 3), 0, 3),
    ref=lambda x, axis=-1, order=2: x / np.linalg.norm(x, order, axis, keepdims=True))
add("batch_normalization", C(f(3, 2), f(2), positive(2), -1), C(f(3, 2, 2), f(2), positive(2), 1, epsilon=0.1),
    C(f(3, 2), f(2), positive(2), axis=1, offset=f(2), scale=f(2)), C(f(3, 2), f(2), positive(2), -1, None, f(2)),
    ref=oracles.batch_normalization, smooth=True)
add("layer_normalization", C(f(2, 5)), C(f(2, 5), epsilon=0.1),
    ref=lambda x, epsilon=1e-7: oracles.normalized(x, -1, epsilon), tolerance=10)
add("layer_normalization", C(f(2, 5), f(5), f(5)), C(f(2, 5), gamma=f(5), axis=-1),
    ref=lambda x, gamma, beta=0, axis=-1: oracles.normalized(x, -1, 1e-7) * gamma + beta, tolerance=10)
add("layer_norm", C(f(2, 3, 4), f(3, 4), f(3, 4), [1, 2], 0.1), C(f(2, 5), None, f(5), [1], 0.1), smooth=True)
add("rms_norm", C(f(2, 3, 4), f(3, 4), [1, 2], 0.1), C(f(2, 5), None, [1], 0.1), smooth=True)
add("rms_normalization", C(f(2, 3), f(2, 1), axis=0), ref=lambda x, s, axis: x / np.sqrt((x * x).mean(0) + 1e-7) * s,
    tolerance=10)
add("rms_normalization", C(f(2, 5)), C(f(2, 5), f(5)), C(f(2, 5), scale=f(5), epsilon=0.1), tolerance=10,
    ref=lambda x, scale=1, epsilon=1e-7: x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale)

# -- losses

_shares = f(2, 3, low=0.1, high=1.0).then(lambda x: x / x.sum(-1, keepdims=True))
_chances = f(2, 3, low=0.05, high=0.95)
_logits = C(_shares, f(2, 3), from_logits=True)
add("categorical_crossentropy", C(_shares, _shares), _logits, C(f(3, 2, low=0.1, high=0.9), f(3, 2), True, axis=0),
    ref=oracles.categorical_crossentropy, tolerance=10)
add("sparse_categorical_crossentropy", C(v([2, 0]), _shares), C(v([2, 0]), f(2, 3), True),
    C(v([[2], [0]]), f(2, 3), from_logits=True),
    ref=lambda t, y, *a, **k: oracles.categorical_crossentropy(oracles.one_hot(np.ravel(t), 3), y, *a, **k),
    tolerance=10)
add("sparse_categorical_crossentropy", C(v([2, 0]), f(3, 2), True, axis=0),
    ref=lambda t, x, *a, axis: oracles.categorical_crossentropy(oracles.one_hot(t, 3), x.T, True), tolerance=10)
add("binary_crossentropy", C(_chances, _chances), C(_chances, f(2, 3), from_logits=True),
    ref=oracles.binary_crossentropy, tolerance=10)
add("softmax_cross_entropy", C(_shares, f(2, 3), -1),
    ref=lambda t, x, axis: oracles.categorical_crossentropy(t, x, True, axis))
add("sparse_softmax_cross_entropy", C(v([2, 0]), f(2, 3), -1),
    ref=lambda t, x, axis: oracles.categorical_crossentropy(oracles.one_hot(t, 3), x, True))
add("sigmoid_cross_entropy", C(_chances, f(2, 3)), ref=lambda t, x: oracles.binary_crossentropy(t, x, True),
    smooth=True)
add("binary_crossentropy", C(v([0.0, 1.0], fixed=True), v([60.0, -60.0]), True),
    ref=lambda t, x, f: np.array([60.0, 60.0]))
add("ctc_loss", C(v([[1, 2]]), f(1, 4, 3), v([2]), v([4])), C(v([[1, 1], [2, 0]]), f(2, 4, 3), v([2, 1]), v([4, 3])),
    ref=oracles.ctc_loss, tolerance=10)
add("ctc_loss", C(v([[1, 0]]), f(1, 4, 3), v([2]), v([4]), mask_index=2), ref=oracles.ctc_loss, tolerance=10)
_decoded = C(f(2, 4, 3), v([4, 3]))
add("ctc_decode", C(f(2, 4, 3), v([4, 3]), merge_repeated=False, mask_index=2),
    C(f(1, 4, 3), v([4]), "beam_search", 9, top_paths=2, mask_index=1), tolerance=10)
add("ctc_decode", _decoded, C(f(2, 4, 3), v([4, 3]), strategy="beam_search", beam_width=9), tolerance=10)
_pictures = [f(2, 4, 4, 3, low=0.0, high=1.0), f(2, 4, 4, 3, low=0.0, high=1.0)]
add("psnr", C(*_pictures, 1.0), ref=lambda x, y, m: 10 * np.log10(m**2 / ((x - y) ** 2).mean()))

# -- windows

_image, _kernel = f(2, 5, 4, 2), f(3, 2, 2, 3)
add("conv", C(_image, _kernel), C(_image, _kernel, 2, "same"),
    C(_image, _kernel, padding="valid", dilation_rate=(2, 1)), ref=oracles.conv, smooth=True)
add("conv", C(f(1, 2, 5, 4), _kernel, (1, 2), "same", "channels_first"), C(_image, f(2, 2, 1, 4), padding="same"),
    C(f(2, 6, 2), f(3, 2, 3), 2),
    C(f(1, 2, 7), f(3, 2, 1), padding="same", data_format="channels_first", dilation_rate=2),
    C(f(1, 3, 4, 3, 2), f(2, 2, 1, 2, 2), (1, 2, 1), "same"), ref=oracles.conv)
_resolved = [(1, 1), "valid", "channels_last", (1, 1), 1]
add("convolution", C(_image, _kernel, *_resolved),
    C(f(2, 4, 5, 4), f(3, 2, 2, 4), (2, 1), "same", "channels_first", (1, 1), 2),
    C(_image, f(2, 2, 2, 3), (2, 2), "same", "channels_last", (2, 2), 1),
    ref=lambda x, k, s, p, data, d, g: oracles.conv(x, k, s, p, data_format=data, dilation_rate=d), smooth=True)
add("depthwise_conv", C(_image, f(3, 2, 2, 1)), C(_image, f(2, 2, 2, 2), 2, "same"),
    C(f(1, 2, 5, 4), f(2, 2, 2, 2), 1, "valid", "channels_first"),
    C(f(2, 6, 2), f(3, 2, 2), padding="same", dilation_rate=2), ref=oracles.depthwise_conv)
add("depthwise_convolution", C(_image, f(3, 2, 2, 2), (1, 1), "same", "channels_last", (1, 1)),
    C(f(1, 2, 6), f(3, 2, 1), (2,), "valid", "channels_first", (1,)),
    ref=lambda x, k, s, p, data, d: oracles.depthwise_conv(x, k, s, p, data_format=data, dilation_rate=d))
add("separable_conv", C(_image, f(2, 2, 2, 1), f(1, 1, 2, 3), dilation_rate=2), ref=oracles.separable_conv)
add("separable_conv", C(_image, f(2, 2, 2, 2), f(1, 1, 4, 3)),
    C(f(1, 2, 5, 4), f(2, 2, 2, 1), f(1, 1, 2, 3), 2, "same", data_format="channels_first"),
    C(f(2, 6, 2), f(3, 2, 1), f(1, 2, 3)), ref=oracles.separable_conv)
_small = f(2, 3, 2, 2)
add("conv_transpose", C(_small, f(3, 2, 3, 2)), C(_small, f(3, 3, 1, 2), 2, "same"), C(_small, f(2, 2, 1, 2), 3),
    C(f(1, 2, 3, 3), f(3, 2, 1, 2), 2, "valid", data_format="channels_first"), C(f(2, 4, 2), f(3, 2, 2), 2, "same"),
    C(f(1, 3, 2, 2), f(2, 2, 1, 2), 1, "same", dilation_rate=2), ref=oracles.conv_transpose)
add("conv_transpose", C(_small, f(3, 3, 1, 2), 2, "same", 1), C(f(2, 4, 2), f(3, 2, 2), 2, "valid", output_padding=1))
add("convolution_transpose", C(_small, f(3, 2, 3, 2), (1, 2), ((0, 0), (0, 0)), "channels_last", (1, 1)),
    C(_small, f(3, 2, 3, 2), (2, 2), ((1, 0), (-1, 1)), "channels_last", (1, 1)),
    C(f(1, 2, 3, 3), f(2, 2, 1, 2), (2, 1), ((0, 1), (0, 0)), "channels_first", (1, 2)),
    ref=lambda x, k, s, c, data, d: oracles.convolution_transpose(x, k, s, c, data_format=data, dilation_rate=d))
_pools = [C(f(2, 5, 4, 2), 2), C(f(2, 5, 4, 2), (3, 2), 2, "same"),
    C(f(1, 2, 5, 4), 2, (1, 2), "valid", "channels_first"), C(f(2, 6, 2), 3, strides=1, padding="same"),
    C(f(1, 4, 4, 4, 1), 2)]
add("max_pool", *_pools, ref=oracles.max_pool)
add("average_pool", *_pools, ref=oracles.average_pool)
_pools = [C(f(2, 5, 4, 2), (2, 2), (2, 2), "valid", "channels_last"),
    C(f(1, 2, 5, 4), (3, 2), (2, 2), "same", "channels_first"), C(f(2, 6, 2), (3,), (1,), "same", "channels_last")]
add("max_pooling", *_pools, ref=lambda x, w, s, p, data: oracles.max_pool(x, w, s, p, data_format=data))
add("average_pooling", *_pools, ref=lambda x, w, s, p, data: oracles.average_pool(x, w, s, p, data_format=data))
_adaptive = [C(f(2, 5, 4, 2), 2), C(f(2, 5, 4, 2), (3, 1)), C(f(1, 2, 5, 4), (2, 3), "channels_first"),
    C(f(2, 6, 2), output_size=4)]
add("adaptive_average_pool", *_adaptive, ref=oracles.adaptive_average_pool)
add("adaptive_max_pool", *_adaptive, ref=oracles.adaptive_max_pool)

# -- recurrence, attention

_x, _h, _mask = f(2, 3, 2), f(2, 4), v([[True, True, False], [False, True, True]])


def _recurrent(name, ref, gates, states, extra=()):
    kernels = [f(2, 4 * gates), f(4, 4 * gates, low=-1.0, high=1.0)]
    biases = [f(4 * gates), *extra]
    nothing = [None] * len(biases)
    add(name, C(_x, *kernels, *biases, *states), C(_x, *kernels, *nothing, *states, mask=_mask), ref=ref, smooth=True)
    add(name, C(_x, *kernels, *biases, *states, _mask, True), C(_x, *kernels, *biases, *states, go_backwards=True),
        ref=ref)
    add(name, C(_x, *kernels, *biases, *states, activation="linear"),
        C(f(1, 1, 2), *kernels, *biases, *(f(1, 4) for _ in states)), ref=ref)


_recurrent("simple_rnn", oracles.simple_rnn, 1, [_h])
_recurrent("lstm", oracles.lstm, 4, [_h, _h])
_recurrent("gru", oracles.gru, 3, [_h], extra=[f(12)])
add("gru", C(_x, f(2, 12), f(4, 12), f(12), None, _h, reset_after=False),
    C(_x, f(2, 12), f(4, 12), f(12), None, _h, _mask, True, False), ref=oracles.gru)
add("gru", C(_x, f(2, 12), f(4, 12), f(12), f(12), _h, recurrent_activation="linear"), ref=oracles.gru)
add("lstm", C(_x, f(2, 16), f(4, 16), None, _h, _h, activation="relu", recurrent_activation="linear"), ref=oracles.lstm)
_q, _k = f(2, 3, 2, 4), f(2, 5, 2, 4)
add("dot_product_attention", C(_q, _k, _k), C(_q, _q, _q, is_causal=True),
    C(_q, _k, _k, scale=0.3, mask=b(2, 1, 3, 5).then(lambda m: m | (np.arange(5) == 0))),
    ref=oracles.dot_product_attention, smooth=True)
add("dot_product_attention", C(_q, _k, _k, f(2, 2, 3, 5)), C(_q, f(2, 5, 1, 4), f(2, 5, 1, 4)),
    C(_q, _k, _k, attn_logits_soft_cap=2.0), ref=oracles.dot_product_attention)

_some = b(2, 1, 3, 5).then(lambda m: m | (np.arange(5) == 0))
add("attention", C(_q, f(2, 5, 1, 4), f(2, 5, 1, 4), f(1, 2, 3, 5), _some, 0.4, False, None, None),
    C(_q, _k, _k, None, None, 0.5, True, 2.0, False), ref=oracles.attention)

# -- linear algebra. Factors are compared by what they make, where signs and orders are free.


def _mirrored(x):
    return (x + ops.swapaxes(x, -1, -2)) * 0.5


def _of_symmetric(op, x, *args, **kwargs):
    """Only symmetric matrices have these factors: differentiate along such ones alone."""
    return op(_mirrored(x), *args, **kwargs)


def _matmul(*factors):
    product = factors[0]
    for factor in factors[1:]:
        product = ops.matmul(product, factor)
    return product


def _turned(x):
    return ops.swapaxes(x, -1, -2)


add("cholesky", C(spd(3)), C(spd(2, 2)), C(spd(3), upper=True), using=_of_symmetric, smooth=True,
    ref=lambda x, upper=False: np.linalg.cholesky(x, upper=upper))
add("cholesky_inverse", C(spd(3).then(np.linalg.cholesky)),
    C(spd(3).then(lambda a: np.linalg.cholesky(a, upper=True)), upper=True),
    using=lambda op, x, upper=False: op(ops.triu(x) if upper else ops.tril(x), upper=upper),
    ref=lambda x, upper=False: np.linalg.inv(x.T @ x if upper else x @ x.T), tolerance=10)
add("det inv", C(regular(3)), C(regular(2, 2)), ref=np.linalg, smooth=True)
add("slogdet", C(regular(3)), C(regular(2, 2)), ref=lambda x: tuple(np.linalg.slogdet(x)))
add("logdet", C(spd(3)), C(spd(2, 2)), ref=lambda x: np.linalg.slogdet(x)[1])
add("solve", C(regular(3), f(3)), C(regular(3), f(3, 2)), C(regular(2, 2), f(2, 2, 3)), ref=np.linalg, smooth=True)
add("solve", C(regular(2, 2), f(2, 2)), ref=lambda a, b: np.linalg.solve(a, b[..., None])[..., 0])
add("solve_triangular", C(regular(3), f(3, 2)), C(regular(3), f(3, 2), lower=True), C(regular(3), f(3)),
    C(regular(2, 2), f(2, 2, 3)), ref=lambda a, b, lower=False: np.linalg.solve(np.tril(a) if lower else np.triu(a), b))
add("qr", C(f(4, 2)), C(f(2, 3)), C(regular(3), mode="complete"), C(f(2, 3, 2)), ref=lambda x, mode="reduced": x,
    measure=lambda r, *a, **k: _matmul(*r))
add("qr_decomposition", C(f(4, 2), "reduced"), C(regular(3), "complete"), ref=lambda x, mode: x,
    measure=lambda r, *a: _matmul(*r))
add("qr", C(f(4, 2)), C(regular(3)), ref=lambda x: np.abs(np.linalg.qr(x)[1]), measure=lambda r, x: ops.absolute(r[1]))
add("svd", C(f(3, 2), full_matrices=False), C(f(2, 3), False), ref=lambda x, *a, **k: x,
    measure=lambda r, *a, **k: _matmul(r[0] * r[1], r[2]))
add("svd", C(regular(3)), ref=lambda x: x, measure=lambda r, x: _matmul(r[0] * r[1], r[2]))
add("svd", C(f(3, 2), compute_uv=False), C(f(2, 2, 3), compute_uv=False), ref=np.linalg)
add("svd", C(f(4, 2)), C(f(2, 4)), ref=lambda x: np.linalg.svd(x)[1], measure=lambda r, x: r[1],
    flat="the vectors beyond the rank are arbitrary")
add("eigh", C(spd(3)), C(spd(2, 2)), using=_of_symmetric, ref=lambda x: x,
    measure=lambda r, x: _matmul(r[1] * r[0][..., None, :], _turned(r[1])))
add("eigh", C(spd(3)), using=_of_symmetric, ref=lambda x: np.linalg.eigh(x)[0], measure=lambda r, x: r[0], smooth=True)
add("eig", C(regular(3)), C(spd(2, 2)), ref=lambda x: x + 0j,
    measure=lambda r, x: ops.add(_matmul(x, r[1]) - r[1] * r[0][..., None, :], x))
add("lu_factor", C(regular(3)), C(spd(2, 2)), ref=lambda x: x, measure=lambda r, x: _unfactored(*r))
add("lstsq", C(f(4, 2), f(4)), C(f(4, 2), f(4, 3)), C(regular(3), f(3, 2)), ref=lambda a, b: np.linalg.lstsq(a, b)[0])
add("pinv", C(spd(3).then(lambda a: a * [1, 1, 0] * [[1], [1], [0]]), rcond=0.1), ref=np.linalg,
    flat="not of full rank")
add("lstsq", C(f(4, 2), f(4), rcond=1e-3), ref=lambda a, b, rcond: np.linalg.lstsq(a, b)[0])
add("pinv", C(f(4, 2)), C(f(2, 3)), C(regular(3)), ref=np.linalg)
add("matrix_rank", C(f(3, 3)), C(v([[1.0, 2.0], [2.0, 4.0]])), C(regular(2, 2)), C(f(3, 2), tol=99.0), ref=np.linalg)


def _unfactored(lu, pivots):
    """The matrix whose factors and row exchanges these are."""
    n = lu.shape[-1]
    eye = ops.eye(n, dtype=ops.dtype(lu))
    return _matmul(ops.cast(_permutation(pivots, n), ops.dtype(lu)), ops.tril(lu, k=-1) + eye, ops.triu(lu))


def _permutation(pivots, n):
    """The matrix that undoes the row exchanges i <-> pivots[i]."""
    order = ops.broadcast_to(ops.arange(n), tuple(pivots.shape))
    columns = ops.unstack(order, axis=-1)
    swaps = ops.unstack(ops.cast(pivots, "int32"), axis=-1)
    for k, pivot in enumerate(swaps):
        old = columns[k]
        found = sum(ops.where(pivot == j, columns[j], 0) for j in range(n))
        columns = [ops.where(pivot == j, old, columns[j]) for j in range(n)]
        columns[k] = found
    order = ops.stack(columns, axis=-1)
    return _turned(ops.one_hot(order, n))


# -- signals

_pair = (f(2, 6), f(2, 6))


def _complex(function):
    def run(x, *args, **kwargs):
        z = function(x[0] + 1j * x[1], *args, **kwargs)
        return z.real, z.imag

    return run


def _split(z):
    return z.real, z.imag


add("fft", C(_pair), C((f(5), f(5))), ref=_complex(np.fft.fft), smooth=True)
add("ifft", C(_pair), C((f(5), f(5))), ref=_complex(np.fft.ifft))
add("fft2", C((f(3, 4), f(3, 4))), C((f(2, 3, 2), f(2, 3, 2))), ref=_complex(np.fft.fft2))
add("ifft2", C((f(3, 4), f(3, 4))), C((f(2, 3, 2), f(2, 3, 2))), ref=_complex(np.fft.ifft2))
add("rfft", C(f(2, 6)), C(f(5)), C(f(6), 4), C(f(4), fft_length=7),
    ref=lambda x, fft_length=None: _split(np.fft.rfft(x, fft_length)))
add("irfft", C((f(2, 4), f(2, 4))), C((f(4), f(4)), 5), C((f(4), f(4)), fft_length=8),
    ref=lambda x, fft_length=None: np.fft.irfft(x[0] + 1j * x[1], fft_length))
add("extract_sequences", C(f(2, 7), 3, 2), C(f(6), sequence_length=2, sequence_stride=3), ref=oracles.extract_sequences)
add("stft", C(f(2, 16), 6, 3, 8), C(f(16), 8, 4, 8, window="hamming", center=False), C(f(16), 8, 4, 8, None))
add("istft", C((f(5, 5), f(5, 5)), 8, 4, 8, window="hamming", center=False), tolerance=10)
add("istft", C((f(2, 5, 5), f(2, 5, 5)), 8, 4, 8), C((f(5, 5), f(5, 5)), 8, 4, 8, length=14))

# -- images

_img = f(2, 5, 4, 3, low=0.05, high=0.95)
_one = f(5, 4, 3, low=0.05, high=0.95)
_first = f(2, 3, 5, 4, low=0.05, high=0.95)
add("rgb_to_grayscale", C(_img), C(_one), C(_first, data_format="channels_first"), ref=oracles.rgb_to_grayscale)
add("rgb_to_hsv hsv_to_rgb", C(_img), C(_one), C(_first, "channels_first"))
for _interpolation in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
    add("resize", C(_img, (3, 7), interpolation=_interpolation),
        C(_img, (7, 3), _interpolation, antialias=_interpolation != "nearest"), tolerance=10)
add("resize", C(_one, (3, 7)), C(_first, (3, 7), data_format="channels_first"),
    C(_img, (3, 3), crop_to_aspect_ratio=True, fill_mode="constant"),
    C(_img, (6, 9), pad_to_aspect_ratio=True, fill_value=0.5), tolerance=10)
add("resize_axes", C(_img, (1, 2), (3, 7), "bilinear", True), C(_first, (2, 3), (7, 3), "bicubic", False), tolerance=10)
_turn = v([[0.91, 0.12, 0.33, -0.13, 1.07, 0.21, 0.0, 0.0], [1.03, 0.22, -0.71, 0.12, 0.83, 0.32, 0.011, 0.023]])
add("affine_transform", C(_img, _turn, interpolation="bilinear"),
    C(_one, v([0.91, 0.12, 0.33, -0.13, 1.07, 0.21, 0.0, 0.0])), C(_first, _turn, data_format="channels_first"),
    tolerance=10)
add("affine_transform", C(_img, _turn, "nearest", "constant", 0.5), tolerance=10)
for _fill in ("nearest", "wrap", "mirror", "reflect"):
    add("affine_transform", C(_img, _turn, "bilinear", fill_mode=_fill), tolerance=10)
for _fill in ("constant", "nearest", "wrap", "mirror", "reflect"):
    add("map_coordinates", C(f(4, 5), f(2, 6, low=-0.4, high=3.4), 1, _fill, 0.5),
        C(f(4, 5), f(2, 6, low=0.2, high=2.8), order=0, fill_mode=_fill), tolerance=10)
_corners = v([[[0.0, 0.0], [0.0, 3.0], [4.0, 0.0], [4.0, 3.0]], [[0.0, 0.0], [0.0, 3.0], [4.0, 0.0], [4.0, 3.0]]])
_moved = v([[[0.3, 0.2], [0.1, 3.2], [4.2, 0.1], [3.8, 2.9]], [[0.2, 0.1], [-0.1, 2.7], [3.7, 0.2], [4.1, 3.3]]])
add("perspective_transform", C(_img, _corners, _moved), C(_img, _corners, _moved, "nearest", 0.5),
    C(_first, _corners, _moved, data_format="channels_first"), tolerance=100)
add("extract_patches", C(_img, 2), C(_img, (3, 2), 1, padding="same"), C(_img, 2, strides=(2, 1), dilation_rate=1),
    ref=oracles.extract_patches)
add("extract_patches", C(_one, 2), ref=lambda x, size: oracles.extract_patches(x[None], size)[0])
add("extract_patches", C(_first, 2, data_format="channels_first"), C(_img, 2, 1, 2), ref=oracles.extract_patches)
add("extract_patches_3d", C(f(1, 2, 3, 4, 3), (2, 2, 1), 1, 2, "same", "channels_first"), C(f(1, 3, 4, 3, 2), 2),
    C(f(1, 3, 4, 3, 2), (2, 2, 1), 1, padding="same"), ref=oracles.extract_patches)
add("pad_images", C(_img, 1, 2, 0, 1), C(_img, top_padding=1, left_padding=0, target_height=7, target_width=6),
    C(_one, 1, 1, 1, 1), C(_first, 1, 0, 1, 0, data_format="channels_first"))
add("crop_images", C(_img, 1, 1, 0, 1), C(_img, top_cropping=1, left_cropping=0, target_height=3, target_width=2),
    C(_one, 1, 1, 1, 1), C(_first, 1, 0, 1, 0, data_format="channels_first"))
add("gaussian_blur", C(_img), C(_one, (3, 3), (0.5, 1.0)), C(_first, data_format="channels_first"), tolerance=10)
add("elastic_transform", C(_first, 2.0, 1.0, "nearest", "constant", 0.5, 3, "channels_first"),
    C(_img, 2.0, 1.0, seed=3), C(_one, alpha=2.0, sigma=1.0, seed=3), random="its shifts are drawn by the engine")
add("scale_and_translate",
    C(_img, (2, 6, 5, 3), v([1.2, 0.9], fixed=True), v([0.3, -0.2], fixed=True), (1, 2), "linear"),
    C(_one, (3, 7, 3), v([0.6, 1.5], fixed=True), v([0.1, 0.2], fixed=True), (0, 1), "cubic", antialias=False),
    tolerance=10)
add("sobel_edges", C(_img), C(_first, data_format="channels_first"))
_large = f(1, 2, 7, 6, low=0.0, high=2.0)
add("ssim", C(_large, _large, 2.0, 5, 1.0, k1=0.02, k2=0.05, data_format="channels_first"), tolerance=10)
add("ssim", C(f(2, 6, 6, 2, low=0.0, high=1.0), f(2, 6, 6, 2, low=0.0, high=1.0), filter_size=3), tolerance=10)
add("depth_to_space", C(f(1, 2, 3, 8), 2), C(f(1, 8, 2, 3), 2, "channels_first"))
add("space_to_depth", C(f(1, 4, 6, 2), 2), C(f(1, 2, 4, 6), 2, data_format="channels_first"))

# -- randomness: moments and reproducibility are tried in test_control.py

_drawn = "the engine's own numbers"
add("random_uniform random_normal", C((2, 3), "float32", seed()), C((), "float64", seed()),
    C((4,), dtype="bfloat16", seed=seed()), random=_drawn)
add("random_gamma", C(positive(2, 3), seed()), random=_drawn, flat="differentiated by no engine alike")
add("random_binomial", C(v([5.0, 9.0]), v([0.3, 0.6]), seed()), random=_drawn, flat="counts")
add("random_integers", C((2, 3), -2, 5, "int32", seed()), C((40,), 0, 2, "uint8", seed()),
    measure=lambda r, shape, low, high, *a: ops.logical_and(r >= low, r < high),
    ref=lambda shape, *a: np.ones(shape, bool))
add("random_truncated_normal", C((40,), "float32", seed()), C((2, 2), "float64", seed()),
    measure=lambda r, *a: ops.absolute(r) <= 2.0, ref=lambda shape, *a: np.ones(shape, bool))
add("random_beta", C(positive(2, 3), positive(3), seed()), measure=lambda r, *a: ops.logical_and(r > 0, r < 1),
    ref=lambda a, b, s: np.ones(np.shape(a), bool), flat=_drawn)
add("random_categorical", C(f(2, 3), 5, "int32", seed()), C(v([[0.0, 90.0], [90.0, 0.0]]), 4, "int64", seed()),
    measure=lambda r, *a: r < 3, ref=lambda x, n, *a: np.ones((2, n), bool))
_kept = {"measure": lambda r, x, *a: r * (r - x * (1 / (1 - a[0]))), "ref": lambda x, *a: 0 * x, "flat": _drawn}
add("random_dropout", C(f(3, 4), 0.25, None, seed()), C(f(3, 4), 0.5, (3, 1), seed()),
    C(f(3, 4), 0.5, (None, 1), seed()), **_kept)
add("random_shuffle", C(f(5), 0, seed()), C(f(2, 5), 1, seed()), measure=lambda r, x, axis, s: ops.sort(r, axis=axis),
    ref=lambda x, axis, s: np.sort(x, axis), flat=_drawn)


# -- control flow, functions of functions


_no = v(False)
add("cond", C(v(True), f(3)), C(_no, f(3)), using=lambda op, p, x: op(p, lambda: x * 2.0, lambda: x * x),
    ref=lambda p, x: x * 2.0 if p else x * x)
add("cond", C(v(True), f(2)),
    using=lambda op, p, x: op(p, lambda: {"a": x, "b": [x + 1.0]}, lambda: {"a": -x, "b": [x]}),
    ref=lambda p, x: {"a": x, "b": [x + 1.0]})
add("switch", C(v(1), f(3)), C(v(7), f(3)), C(v(-1), f(3)),
    using=lambda op, n, x: op(n, [lambda x: x, lambda x: x * 2.0, lambda x: x * x], x),
    ref=lambda n, x: [x, x * 2.0, x * x][min(max(int(n), 0), 2)])
add("while_loop", C(v(0), f(3)), using=lambda op, k, x: op(lambda k, x: k < 3, lambda k, x: (k + 1, x * 1.5), (k, x)),
    ref=lambda k, x: (3, x * 1.5**3), flat="engines differentiate a bounded loop only")
add("while_loop", C(f(3)),
    using=lambda op, x: op(lambda x: ops.sum(x * x) < 100.0, lambda x: x * 2.0, [x], maximum_iterations=2),
    ref=lambda x: [x * 4.0], flat="engines differentiate a bounded loop only")
add("fori_loop", C(f(3)), using=lambda op, x: op(0, 3, lambda k, y: y * x + 1.0, x),
    ref=lambda x: ((x * x + 1) * x + 1) * x + 1)
add("scan", C(f(3), f(4, 3)), using=lambda op, s, xs: op(lambda s, x: (s * 0.5 + x, s * x), s, xs),
    ref=lambda s, xs: _scanned(s, xs), smooth=True)
add("scan", C(f(3), f(4, 3)), using=lambda op, s, xs: op(lambda s, x: (s * 0.5 + x, s * x), s, xs, reverse=True),
    ref=lambda s, xs: _scanned(s, xs, True))
add("scan", C(f(2)), using=lambda op, s: op(lambda s, x: (s * 0.5, s), s, length=3),
    ref=lambda s: (s / 8, np.stack([s, s / 2, s / 4])))
add("associative_scan", C(f(5)), using=lambda op, x: op(lambda a, b: a + b, x), ref=np.cumsum)
add("associative_scan", C(f(2, 4)), using=lambda op, x: op(lambda a, b: a * b, x, reverse=True, axis=1),
    ref=lambda x: np.cumprod(x[:, ::-1], 1)[:, ::-1])
add("map", C(f(3, 2)), using=lambda op, x: op(lambda row: ops.sum(row * row), x), ref=lambda x: (x * x).sum(1))
add("vectorized_map", C(f(3, 2)), using=lambda op, x: op(lambda row: ops.sum(row * row), x),
    ref=lambda x: (x * x).sum(1))
add("vectorize", C(f(3)), using=lambda op, x: op(lambda a: a * 2.0)(x), ref=lambda x: x * 2.0)
add("jvp", C(f(3), f(3)), using=lambda op, x, t: op(lambda x: ops.sin(x) * x, (x,), (t,)),
    ref=lambda x, t: (np.sin(x) * x, (np.cos(x) * x + np.sin(x)) * t))
add("custom_gradient", C(f(3)), using=lambda op, x: op(lambda x: (x * x, lambda upstream: upstream * 2.0 * x))(x),
    ref=lambda x: x * x)
add("call_with_gradient", C(f(3), f(3)),
    using=lambda op, x, y: op(lambda x, y: (x * y, lambda upstream: (upstream * y, upstream * x)), (x, y)),
    ref=lambda x, y: x * y)


def _scanned(state, xs, reverse=False):
    ys = []
    for x in xs[::-1] if reverse else xs:
        ys.append(state * x)
        state = state * 0.5 + x
    return state, np.stack(ys[::-1] if reverse else ys)
