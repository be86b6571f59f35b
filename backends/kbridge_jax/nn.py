"""Activations, losses and attention, where XLA or JAX knows a better way than the portable body."""

import jax
import jax.numpy as jnp
from jax import lax

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
    classes = lax.broadcasted_iota("int32", logits.shape, axis % logits.ndim)
    chosen = jnp.expand_dims(target, axis) == classes
    exists = (target >= 0) & (target < logits.shape[axis])
    picked = jnp.sum(jnp.where(chosen, logits, 0), axis)
    return jnp.where(exists, jax.nn.logsumexp(logits, axis) - picked, 0)


# -- attention


def attention(query, key, value, bias, mask, scale, is_causal, soft_cap, flash):
    if soft_cap is not None or flash is False or jax.default_backend() == "cpu" or query.dtype == "float64":
        return NotImplemented
    mask = None if mask is None else mask.astype(bool)
    kernel = "cudnn" if flash else None  # None is JAX's own choice
    return jax.nn.dot_product_attention(
        query, key, value, bias, mask, scale=scale, is_causal=is_causal, implementation=kernel
    )
