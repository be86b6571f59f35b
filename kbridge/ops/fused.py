"""Ops inside layers that engines have fast kernels for: the dense product and the recurrences."""

from __future__ import annotations

from kbridge.backend import shapes_nn
from kbridge.backend.dtypes import floating
from kbridge.backend.op import Other, Tensor, op
from kbridge.ops.activation import hard_sigmoid, relu, sigmoid
from kbridge.ops.arrays import expand_dims, flip, split, transpose, zeros_like
from kbridge.ops.control import scan
from kbridge.ops.math import tanh, where
from kbridge.ops.products import matmul


@op(floating)
def dense(x: Tensor, kernel: Tensor, bias: Tensor | None = None):
    """The product of the last axis of ``x`` with ``kernel`` (features in, features out), plus ``bias``."""
    product = matmul(x, kernel)
    return product if bias is None else product + bias


@op
def settled(x: Tensor):
    """``x`` itself; a compiler may not join the arithmetic before it with that behind it, which rounds differently."""
    return x


_ACTIVATIONS = {"tanh": tanh, "sigmoid": sigmoid, "relu": relu, "hard_sigmoid": hard_sigmoid}


def _activation(given):
    """The function that an activation's name stands for; functions stand for themselves."""
    if given is None or given == "linear":
        return lambda x: x
    if callable(given):
        return given
    if given not in _ACTIVATIONS:
        raise ValueError(f"Unknown activation {given!r}. Expected a function or one of: {', '.join(_ACTIVATIONS)}.")
    return _ACTIVATIONS[given]


def _recur(cell, inputs, states, mask, go_backwards):
    """Run ``states = cell(x, *states)`` over axis 1 of ``inputs``; the first state is the output."""
    steps = transpose(inputs, (1, 0, 2))
    if go_backwards:
        steps = flip(steps, axis=0)
    if mask is None:

        def step(states, x):
            states = cell(x, *states)
            return states, states[0]

        states, outputs = scan(step, states, steps)
    else:
        keeps = expand_dims(transpose(mask, (1, 0)), -1)
        if go_backwards:
            keeps = flip(keeps, axis=0)

        def step(carry, item):
            output, states = carry
            x, keep = item
            new = cell(x, *states)
            output = where(keep, new[0], output)
            states = tuple(where(keep, n, old) for n, old in zip(new, states, strict=True))
            return (output, states), output

        (_, states), outputs = scan(step, (zeros_like(states[0]), states), (steps, keeps))
    return transpose(outputs, (1, 0, 2)), states


@op(floating, shape=shapes_nn.recurrence)
def simple_rnn(
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    h: Tensor,
    mask: Other | None = None,
    go_backwards=False,
    activation="tanh",
):
    """h = activation(x_t @ kernel + bias + h @ recurrent_kernel) over time: all outputs, and the last h.

    ``x`` is (batch, time, features). Where ``mask`` (batch, time) is False the state stays as it is and the output
    is the previous one, zeros at first. With ``go_backwards`` time runs from the end, outputs in that order.
    """
    activation = _activation(activation)

    def cell(x, h):
        return (activation(x + matmul(h, recurrent_kernel)),)

    outputs, (h,) = _recur(cell, dense(x, kernel, bias), (h,), mask, go_backwards)
    return outputs, h


@op(floating, shape=shapes_nn.recurrence_of_two)
def lstm(
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    h: Tensor,
    c: Tensor,
    mask: Other | None = None,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    """Long short-term memory over time: all outputs, and the last h and c.

    The kernels' columns are the gates input, forget, cell, output. ``mask`` and ``go_backwards``: see ``simple_rnn``.
    """
    activation, gate = _activation(activation), _activation(recurrent_activation)

    def cell(x, h, c):
        i, f, g, o = split(x + matmul(h, recurrent_kernel), 4, axis=-1)
        c = gate(f) * c + gate(i) * activation(g)
        return gate(o) * activation(c), c

    outputs, (h, c) = _recur(cell, dense(x, kernel, bias), (h, c), mask, go_backwards)
    return outputs, h, c


@op(floating, shape=shapes_nn.recurrence_of_gru)
def gru(
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    recurrent_bias: Tensor | None,
    h: Tensor,
    mask: Other | None = None,
    go_backwards=False,
    reset_after=True,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    """Gated recurrent units over time: all outputs, and the last h.

    The kernels' columns are the gates update (z), reset (r) and the candidate. ``reset_after`` says whether r is
    applied after the product with the recurrent kernel. ``mask`` and ``go_backwards`` are as in ``simple_rnn``.
    """
    activation, gate = _activation(activation), _activation(recurrent_activation)
    units = recurrent_kernel.shape[0]
    gates_kernel, candidate_kernel = recurrent_kernel[:, : 2 * units], recurrent_kernel[:, 2 * units :]

    def after(x, h):
        xz, xr, candidate = split(x, 3, axis=-1)
        hz, hr, recalled = split(dense(h, recurrent_kernel, recurrent_bias), 3, axis=-1)
        z = gate(xz + hz)
        candidate = activation(candidate + gate(xr + hr) * recalled)
        return (z * h + (1.0 - z) * candidate,)

    def before(x, h):
        xz, xr, candidate = split(x, 3, axis=-1)
        hz, hr = split(matmul(h, gates_kernel), 2, axis=-1)
        z = gate(xz + hz)
        candidate = activation(candidate + matmul(gate(xr + hr) * h, candidate_kernel))
        return (z * h + (1.0 - z) * candidate,)

    projected = dense(x, kernel, bias)
    if not reset_after and recurrent_bias is not None:
        projected = projected + recurrent_bias
    outputs, (h,) = _recur(after if reset_after else before, projected, (h,), mask, go_backwards)
    return outputs, h
