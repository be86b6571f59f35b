"""Normalization, losses and attention; with what stands beside, all names of ``keras.ops.nn``."""

from __future__ import annotations

import math
import warnings

from kbridge import config
from kbridge.backend.dtypes import first, floating, result_type
from kbridge.backend.op import Other, Tensor, dtype_of, op
from kbridge.backend.shapes import canonical_axis
from kbridge.ops.activation import (
    celu,
    elu,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh_shrink,
    threshold,
)
from kbridge.ops.arrays import arange, expand_dims, repeat, reshape, squeeze, transpose
from kbridge.ops.core import cast, shape
from kbridge.ops.ctc import ctc_decode, ctc_loss
from kbridge.ops.indexing import take_along_axis
from kbridge.ops.linalg import norm
from kbridge.ops.math import clip, cos, log, log10, logical_and, maximum, sin, square, tanh, where
from kbridge.ops.products import matmul
from kbridge.ops.reductions import mean, sum, var
from kbridge.ops.special import multi_hot, one_hot, rsqrt
from kbridge.ops.windows import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    conv,
    conv_transpose,
    depth_to_space,
    depthwise_conv,
    fold,
    max_pool,
    separable_conv,
    space_to_depth,
    unfold,
)

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "conv",
    "conv_transpose",
    "ctc_decode",
    "ctc_loss",
    "depth_to_space",
    "depthwise_conv",
    "dot_product_attention",
    "elu",
    "fold",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "layer_normalization",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
    "polar",
    "psnr",
    "relu",
    "relu6",
    "rms_normalization",
    "selu",
    "separable_conv",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
    "unfold",
]


@op(floating)
def polar(abs_: Tensor, angle: Tensor):
    """The complex numbers of these absolute values and angles."""
    dtype = "complex128" if dtype_of(abs_) == "float64" else "complex64"
    return cast(abs_ * cos(angle), dtype) + cast(abs_ * sin(angle), dtype) * 1j


# -- normalization


@op(floating)
def normalize(x: Tensor, axis=-1, order=2, epsilon=None):
    """``x`` divided by its norm of ``order`` along ``axis``, but by no less than ``epsilon``."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: `order` must be an int of at least 1. Received: order={order!r}.")
    epsilon = config.epsilon() if epsilon is None else epsilon
    if not x.ndim:
        x = reshape(x, (1,))
    if order == 2:
        squares = sum(square(x), axis=axis, keepdims=True)
        return x * rsqrt(maximum(squares, epsilon**2))
    return x / maximum(norm(x, ord=order, axis=axis, keepdims=True), epsilon)


@op
def moments(x: Tensor, axes, keepdims=False, synchronized=False):
    """Mean and variance over ``axes``; of float16 they are computed in float32."""
    if synchronized:
        raise NotImplementedError(
            "moments: synchronized=True needs replicas of the model to synchronize, and there is one only. "
            "Write synchronized=False."
        )
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    dtype = dtype_of(x)
    wide = cast(x, "float32") if dtype == "float16" else x
    mu = mean(wide, axis=axes, keepdims=True)
    variance = mean(square(wide - mu), axis=axes, keepdims=True)
    if not keepdims:
        squeezed = tuple(range(x.ndim)) if axes is None else axes
        mu, variance = squeeze(mu, axis=squeezed), squeeze(variance, axis=squeezed)
    if dtype == "float16":
        mu, variance = (cast(clip(part, -65504.0, 65504.0), dtype) for part in (mu, variance))
    return mu, variance


@op(floating)
def batch_normalization(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    axis,
    offset: Tensor | None = None,
    scale: Tensor | None = None,
    epsilon=0.001,
):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with one of each for every index along ``axis``."""
    dims = [1] * x.ndim
    dims[axis] = -1
    factor = rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * scale
    shift = -mean * factor
    if offset is not None:
        shift = shift + offset
    return x * reshape(factor, dims) + reshape(shift, dims)


def _axes(axis, rank):
    """One axis or several, counted from the front, ascending."""
    if axis == -1:
        return (rank - 1,)
    return tuple(sorted(canonical_axis(a, rank) for a in (axis if isinstance(axis, (list, tuple)) else (axis,))))


def _along(parameter, x, axes):
    """A scale or offset as it broadcasts against ``x``, in the dtype of ``x``."""
    if parameter is None:
        return None
    if parameter.dtype != x.dtype:
        parameter = cast(parameter, dtype_of(x))
    if axes == (x.ndim - 1,) or parameter.ndim == x.ndim:
        return parameter
    return reshape(parameter, [x.shape[i] if i in axes else 1 for i in range(x.ndim)])


@op(first)
def layer_norm(x: Tensor, gamma: Tensor | None, beta: Tensor | None, axes, epsilon):
    """``layer_normalization``, everything resolved: ``axes`` ascend, ``gamma`` and ``beta`` broadcast against ``x``.

    The sums are in float32 at least; the result has the dtype of ``x``.
    """
    dtype = dtype_of(x)
    wide = result_type(dtype, "float32")
    x = cast(x, wide)
    x = x - mean(x, axis=axes, keepdims=True)
    x = x * rsqrt(mean(square(x), axis=axes, keepdims=True) + epsilon)
    if gamma is not None:
        x = x * cast(gamma, wide)
    if beta is not None:
        x = x + cast(beta, wide)
    return cast(x, dtype)


@op
def layer_normalization(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, axis=-1, epsilon=None, **kwargs
):
    """``x`` with mean 0 and variance 1 over ``axis`` (one or several), times ``gamma``, plus ``beta``."""
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization does not know the arguments {sorted(kwargs)}.")
    epsilon = config.epsilon() if epsilon is None else epsilon
    axes = _axes(axis, x.ndim)
    gamma, beta = _along(gamma, x, axes), _along(beta, x, axes)
    if not rms_scaling:
        return layer_norm(x, gamma, beta, axes, epsilon)
    warnings.warn(
        "layer_normalization(..., rms_scaling=True) divides by the standard deviation, not by the root of the mean "
        "square. Write rms_normalization(x, scale, axis) for the latter.",
        stacklevel=2,
    )
    dtype = dtype_of(x)
    wide = cast(x, result_type(dtype, "float32"))
    scaled = wide * rsqrt(var(wide, axis=axes, keepdims=True) + epsilon)
    return cast(scaled if gamma is None else scaled * gamma, dtype)


@op(first)
def rms_norm(x: Tensor, scale: Tensor | None, axes, epsilon):
    """``rms_normalization``, everything resolved: ``axes`` ascend, ``scale`` broadcasts against ``x``.

    The sums are in float32 at least; the result has the dtype of ``x``.
    """
    dtype = dtype_of(x)
    wide = result_type(dtype, "float32")
    x = cast(x, wide)
    x = x * rsqrt(mean(square(x), axis=axes, keepdims=True) + epsilon)
    return cast(x if scale is None else x * cast(scale, wide), dtype)


@op
def rms_normalization(x: Tensor, scale: Tensor | None = None, axis=-1, epsilon=None):
    """``x`` divided by the root of its mean square over ``axis`` (one or several), times ``scale``."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    if not x.ndim:
        x = reshape(x, (1,))
    axes = _axes(axis, x.ndim)
    return rms_norm(x, None if scale is None else cast(scale, dtype_of(x)), axes, epsilon)


# -- losses


@op(floating)
def softmax_cross_entropy(target: Tensor, logits: Tensor, axis):
    """-sum(target * log_softmax(logits)), checked: what engines may bring for ``categorical_crossentropy``."""
    return -sum(target * log_softmax(logits, axis=axis), axis=axis)


@op(floating)
def sparse_softmax_cross_entropy(target: Other, logits: Tensor, axis):
    """-log_softmax(logits) at the int32 classes ``target``, checked: 0 for a class that does not exist."""
    return -_pick(log_softmax(logits, axis=axis), target, axis)


@op(floating)
def sigmoid_cross_entropy(target: Tensor, logits: Tensor):
    """``binary_crossentropy`` from logits, checked."""
    return softplus(logits) - logits * target


def _pick(x, classes, axis):
    """The entry of ``x`` along ``axis`` at each of ``classes``, 0 where there is no such class."""
    count = x.shape[axis]
    exists = logical_and(classes >= 0, classes < count)
    picked = take_along_axis(x, expand_dims(where(exists, classes, 0), axis), axis=axis)
    return where(exists, squeeze(picked, axis), 0.0)


def _log_of_probabilities(output, axis):
    """The logarithm of ``output`` made to sum to 1 along ``axis``, kept away from 0 and 1."""
    epsilon = config.epsilon()
    return log(clip(output / sum(output, axis=axis, keepdims=True), epsilon, 1.0 - epsilon))


def _fits(a, b):
    """Whether two shapes may be the same; None fits all."""
    return len(a) == len(b) and all(m == n or m is None or n is None for m, n in zip(a, b, strict=True))


def _check_shapes(name, target, output, expected):
    if not output.ndim or not _fits(tuple(target.shape), tuple(expected)):
        raise ValueError(
            f"{name}: the target should have the shape {tuple(expected)} for an output of shape "
            f"{tuple(output.shape)}. Received a target of shape {tuple(target.shape)}."
        )


@op(floating)
def categorical_crossentropy(target: Tensor, output: Tensor, from_logits=False, axis=-1):
    """-sum(target * log(output)) along ``axis``, for probabilities or logits in ``output``."""
    _check_shapes("categorical_crossentropy", target, output, output.shape)
    if from_logits:
        return softmax_cross_entropy(target, output, axis)
    return -sum(target * _log_of_probabilities(output, axis), axis=axis)


@op(floating)
def sparse_categorical_crossentropy(target: Other, output: Tensor, from_logits=False, axis=-1):
    """-log(output) at the class in ``target``, for probabilities or logits in ``output``."""
    target = cast(target, "int32")
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = squeeze(target, -1)
    axis = canonical_axis(axis, output.ndim)
    expected = [dim for i, dim in enumerate(output.shape) if i != axis]
    _check_shapes("sparse_categorical_crossentropy", target, output, expected)
    if from_logits:
        return sparse_softmax_cross_entropy(target, output, axis)
    return -_pick(_log_of_probabilities(output, axis), target, axis)


@op(floating)
def binary_crossentropy(target: Tensor, output: Tensor, from_logits=False):
    """-target * log(output) - (1 - target) * log(1 - output), for probabilities or logits in ``output``."""
    if target.ndim or output.ndim:
        _check_shapes("binary_crossentropy", target, output, output.shape)
    if from_logits:
        return sigmoid_cross_entropy(target, output)
    epsilon = config.epsilon()
    output = clip(output, epsilon, 1.0 - epsilon)
    return -(target * log(output) + (1.0 - target) * log(1.0 - output))


@op(floating)
def psnr(x1: Tensor, x2: Tensor, max_val):
    """The peak signal-to-noise ratio of two images, in decibels."""
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"psnr: the shapes must be equal. Received {tuple(x1.shape)} and {tuple(x2.shape)}.")
    return 20.0 * log10(cast(max_val, dtype_of(x1))) - 10.0 * log10(mean(square(x1 - x2)))


# -- attention


@op(floating)
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    mask: Other | None,
    scale,
    is_causal,
    soft_cap,
    flash,
):
    """``dot_product_attention``, everything resolved: what engines may bring for it.

    ``key`` and ``value`` may have fewer heads than ``query``, of which they then serve groups. ``mask`` and ``bias``
    broadcast against (batch, heads, targets, sources). ``flash`` is True where only a fused kernel will do, and None
    where any is welcome.
    """
    if flash:
        raise ValueError(
            "dot_product_attention: this backend has no flash attention for these inputs. Write flash_attention=None."
        )
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        key, value = repeat(key, groups, axis=2), repeat(value, groups, axis=2)
    dtype = dtype_of(query)
    wide = result_type(dtype, "float32")
    # (batch, heads, targets, sources)
    logits = matmul(transpose(query, (0, 2, 1, 3)), transpose(key, (0, 2, 3, 1)))
    logits = cast(logits, wide) * scale
    if soft_cap is not None:
        logits = tanh(logits / soft_cap) * soft_cap
    if bias is not None:
        logits = logits + cast(bias, wide)
    allowed = None if mask is None else cast(mask, "bool")
    if is_causal:
        targets, sources = shape(logits)[-2:]
        past = expand_dims(arange(targets), 1) >= arange(sources)
        allowed = past if allowed is None else logical_and(allowed, past)
    if allowed is not None:
        logits = where(allowed, logits, -0.7 * 3.38953e38)
    weights = cast(softmax(logits, axis=-1), dtype)
    return transpose(matmul(weights, transpose(value, (0, 2, 1, 3))), (0, 2, 1, 3))


@op(floating)
def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    mask: Other | None = None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """softmax(query @ key * scale + bias) @ value, for tensors (batch, positions, heads, features).

    ``mask`` is True where a target may look; ``is_causal`` hides what comes later; ``scale`` is 1 / sqrt(features)
    unless given; ``attn_logits_soft_cap`` bends the logits so that they stay within plus or minus so much.
    """
    shapes = [tuple(x.shape) for x in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes) or shapes[1][:3] != shapes[2][:3] or query.shape[2] % key.shape[2]:
        raise ValueError(
            "dot_product_attention takes (batch, positions, heads, features), with key and value alike but for their "
            f"features, and a multiple of their heads in query. Received query, key, value of shapes {shapes}."
        )
    scale = 1.0 / math.sqrt(key.shape[-1]) if scale is None else scale
    if flash_attention is None and config.is_flash_attention_enabled() is False:
        flash_attention = False
    return attention(query, key, value, bias, mask, scale, is_causal, attn_logits_soft_cap, flash_attention)
