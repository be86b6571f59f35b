"""Layers' ops: convolution, pooling, activations, attention."""

import jax
import jax.numpy as jnp
from jax import lax

_LETTERS = "DHW"


def _dimensions(rank, data_format):
    """Names of the axes of inputs, kernels and outputs."""
    space = _LETTERS[-rank:]
    data = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return data, f"{space}IO", data


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups):
    return lax.conv_general_dilated(
        inputs,
        kernel,
        strides,
        padding.upper(),
        rhs_dilation=dilation_rate,
        dimension_numbers=_dimensions(len(strides), data_format),
        feature_group_count=groups,
    )


def convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate):
    space = range(len(strides))
    reach = [(kernel.shape[i] - 1) * dilation_rate[i] for i in space]
    return lax.conv_general_dilated(
        inputs,
        jnp.swapaxes(jnp.flip(kernel, tuple(space)), -1, -2),
        (1,) * len(strides),
        [(reach[i] - low, reach[i] - high) for i, (low, high) in enumerate(crops)],
        lhs_dilation=strides,
        rhs_dilation=dilation_rate,
        dimension_numbers=_dimensions(len(strides), data_format),
    )


def _reduce_windows(x, start, reduction, pool_size, strides, padding, data_format):
    def spread(values):
        return (1, *values, 1) if data_format == "channels_last" else (1, 1, *values)

    return lax.reduce_window(x, start, reduction, spread(pool_size), spread(strides), padding.upper())


def max_pooling(inputs, pool_size, strides, padding, data_format):
    return _reduce_windows(inputs, -jnp.inf, lax.max, pool_size, strides, padding, data_format)


def average_pooling(inputs, pool_size, strides, padding, data_format):
    arguments = pool_size, strides, padding, data_format
    total = _reduce_windows(inputs, 0.0, lax.add, *arguments)
    if padding == "valid":
        size = 1
        for length in pool_size:
            size *= length
        return total / size
    space = inputs.shape[1:-1] if data_format == "channels_last" else inputs.shape[2:]
    ones = jnp.ones((1, *space, 1) if data_format == "channels_last" else (1, 1, *space), inputs.dtype)
    return total / _reduce_windows(ones, 0.0, lax.add, *arguments)


# -- activations


def relu(x):
    return jnp.where(x <= 0, jnp.zeros((), x.dtype), x)  # passes NaN on; its slope at 0 is 0


def sigmoid(x):
    return lax.logistic(x)


def silu(x):
    return x * lax.logistic(x)


def softplus(x):
    return jnp.logaddexp(x, jnp.zeros((), x.dtype))


def gelu(x, approximate=True):
    return jax.nn.gelu(x, approximate)


def softmax(x, axis=-1):
    return jax.nn.softmax(x, axis)


def log_softmax(x, axis=-1):
    return jax.nn.log_softmax(x, axis)


# -- losses


def sparse_softmax_cross_entropy(target, logits, axis):
    # Comparing with all classes fuses with the rest; a gather, and the scatter that is its gradient, would not.
    classes = lax.broadcasted_iota("int32", logits.shape, axis)
    chosen = jnp.expand_dims(target, axis) == classes
    exists = (target >= 0) & (target < logits.shape[axis])
    picked = jnp.sum(jnp.where(chosen, logits, 0), axis)
    return jnp.where(exists, jax.nn.logsumexp(logits, axis) - picked, 0)


# -- attention


def attention(query, key, value, bias, mask, scale, is_causal, soft_cap, flash):
    if soft_cap is not None or flash:
        return NotImplemented
    return jax.nn.dot_product_attention(
        query, key, value, bias, None if mask is None else mask.astype(bool), scale=scale, is_causal=is_causal
    )
