"""LSTM and GRU, with derivatives that keep products of matrices out of the loop over time.

Differentiated by itself, the loop would add up the gradient of the recurrent kernel step by step. Here what the
kernel's change does at all steps is one product, before the loop of the tangents; its transpose, the gradient, is
one product after it. The derivatives of the activations are computed for all steps at once, too.
"""

import jax
import jax.numpy as jnp
from jax import lax


def _project(x, kernel, bias, go_backwards):
    """``x`` (batch, time, features) times the kernel, as (time, batch, units)."""
    steps = jnp.swapaxes(x, 0, 1)
    if go_backwards:
        steps = jnp.flip(steps, 0)
    product = steps.reshape(-1, steps.shape[-1]) @ kernel
    return (product if bias is None else product + bias).reshape(*steps.shape[:-1], kernel.shape[-1])


def _before(first, states):
    """The state that each step began with."""
    return jnp.concatenate([first[None], states[:-1]])


def _at_all_steps(states, matrix):
    return (states.reshape(-1, states.shape[-1]) @ matrix).reshape(*states.shape[:-1], matrix.shape[-1])


def lstm(
    x,
    kernel,
    recurrent_kernel,
    bias,
    h,
    c,
    mask=None,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    if mask is not None or activation != "tanh" or recurrent_activation != "sigmoid":
        return NotImplemented
    outputs, c = _lstm(_project(x, kernel, bias, go_backwards), recurrent_kernel, h, c)
    return jnp.swapaxes(outputs, 0, 1), outputs[-1], c


def _lstm_step(states, z, recurrent_kernel):
    h, c = states
    i, f, g, o = jnp.split(z + h @ recurrent_kernel, 4, -1)
    i, f, g, o = lax.logistic(i), lax.logistic(f), jnp.tanh(g), lax.logistic(o)
    c = f * c + i * g
    return (o * jnp.tanh(c), c), (i, f, g, o)


@jax.custom_jvp
def _lstm(z, recurrent_kernel, h, c):
    def step(states, z):
        states, _ = _lstm_step(states, z, recurrent_kernel)
        return states, states[0]

    (_, c), outputs = lax.scan(step, (h, c), z)
    return outputs, c


@_lstm.defjvp
def _lstm_rule(primals, tangents):
    z, recurrent_kernel, h, c = primals
    z_moves, kernel_moves, h_moves, c_moves = tangents

    def step(states, z):
        states, gates = _lstm_step(states, z, recurrent_kernel)
        return states, (*states, *gates)

    _, (hs, cs, i, f, g, o) = lax.scan(step, (h, c), z)
    tanh = jnp.tanh(cs)
    by_i, by_f, by_g = g * i * (1 - i), _before(c, cs) * f * (1 - f), i * (1 - g * g)
    by_o, by_c = tanh * o * (1 - o), o * (1 - tanh * tanh)
    z_moves = z_moves + _at_all_steps(_before(h, hs), kernel_moves)

    def move(states, step):
        h, c = states
        z, f, by_i, by_f, by_g, by_o, by_c = step
        i, f_moves, g, o = jnp.split(z + h @ recurrent_kernel, 4, -1)
        c = f * c + by_i * i + by_f * f_moves + by_g * g
        h = by_o * o + by_c * c
        return (h, c), h

    (_, c_moves), outputs_move = lax.scan(move, (h_moves, c_moves), (z_moves, f, by_i, by_f, by_g, by_o, by_c))
    return (hs, cs[-1]), (outputs_move, c_moves)


def gru(
    x,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    h,
    mask=None,
    go_backwards=False,
    reset_after=True,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    if mask is not None or not reset_after or activation != "tanh" or recurrent_activation != "sigmoid":
        return NotImplemented
    if recurrent_bias is None:
        recurrent_bias = jnp.zeros(recurrent_kernel.shape[-1], x.dtype)
    outputs = _gru(_project(x, kernel, bias, go_backwards), recurrent_kernel, recurrent_bias, h)
    return jnp.swapaxes(outputs, 0, 1), outputs[-1]


def _gru_step(h, x, recurrent_kernel, recurrent_bias):
    xz, xr, xn = jnp.split(x, 3, -1)
    hz, hr, recalled = jnp.split(h @ recurrent_kernel + recurrent_bias, 3, -1)
    z, r = lax.logistic(xz + hz), lax.logistic(xr + hr)
    n = jnp.tanh(xn + r * recalled)
    return z * h + (1 - z) * n, (z, r, n, recalled)


@jax.custom_jvp
def _gru(x, recurrent_kernel, recurrent_bias, h):
    def step(h, x):
        h, _ = _gru_step(h, x, recurrent_kernel, recurrent_bias)
        return h, h

    return lax.scan(step, h, x)[1]


@_gru.defjvp
def _gru_rule(primals, tangents):
    x, recurrent_kernel, recurrent_bias, h = primals
    x_moves, kernel_moves, bias_moves, h_moves = tangents

    def step(h, x):
        h, gates = _gru_step(h, x, recurrent_kernel, recurrent_bias)
        return h, (h, *gates)

    _, (hs, z, r, n, recalled) = lax.scan(step, h, x)
    before = _before(h, hs)
    by_z, by_n = (before - n) * z * (1 - z), (1 - z) * (1 - n * n)
    by_r = by_n * recalled * r * (1 - r)
    recurrent_moves = _at_all_steps(before, kernel_moves) + bias_moves

    def move(h, step):
        x, u, z, by_z, by_r, by_n, by_recalled = step
        xz, xr, xn = jnp.split(x, 3, -1)
        hz, hr, recalled = jnp.split(u + h @ recurrent_kernel, 3, -1)
        h = z * h + by_z * (xz + hz) + by_r * (xr + hr) + by_n * xn + by_recalled * recalled
        return h, h

    _, outputs_move = lax.scan(move, h_moves, (x_moves, recurrent_moves, z, by_z, by_r, by_n, by_n * r))
    return hs, outputs_move
