"""Recurrences over time as single functions with their own backward pass.

The inputs of all steps are projected by one product of matrices; so are the gradients of the kernels. What is left
for each step is one product with the recurrent kernel and a few calls that work in place. Inside, time comes first.
"""

import numpy as np

from kbridge_numpy.math import flip, transpose
from kbridge_numpy.tape import differentiable


def _sigmoid(z, out):
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out *= 0.5
    out += 0.5


def _hard_sigmoid(z, out):
    np.divide(z, 6, out=out)
    out += 0.5
    np.clip(out, 0, 1, out=out)


# name -> the function, into ``out``; its derivative, from the result
_ACTIVATIONS = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "relu": (lambda z, out: np.maximum(z, 0, out=out), lambda y: (y > 0).astype(y.dtype)),
    "hard_sigmoid": (_hard_sigmoid, lambda y: ((y > 0) & (y < 1)).astype(y.dtype) * y.dtype.type(1 / 6)),
    "linear": (np.positive, np.ones_like),
    None: (np.positive, np.ones_like),
}


def _project(x, kernel, bias):
    z = (x.reshape(-1, x.shape[-1]) @ kernel).reshape(*x.shape[:2], -1)
    if bias is not None:
        z += bias
    return z


def _unproject(x, kernel, dz, traced):
    """The gradients of a projection for x, kernel and bias, in that order; bit i of ``traced`` asks for the i-th."""
    rows = dz.reshape(-1, dz.shape[-1])
    return [
        (rows @ kernel.T).reshape(x.shape) if traced & 1 else None,
        x.reshape(-1, x.shape[-1]).T @ rows if traced & 2 else None,
        np.add.reduce(rows, 0) if traced & 8 else None,
    ]


def _recurrent_gradient(before, dz):
    return before.reshape(-1, before.shape[-1]).T @ dz.reshape(-1, dz.shape[-1])


class _Mask:
    """Steps at which the state stays as it is; ``None`` in the place of a mask keeps none."""

    def __init__(self, mask):
        self.stays = None if mask is None else ~mask.astype(bool)[..., None]
        self.late = None

    def hold(self, t, new, old):
        """Keep the old state, and the old output, where step t is masked."""
        for a, b in zip(new, old, strict=True):
            np.copyto(a, b, where=self.stays[t])

    def release(self, t, g, dh):
        """(dh of the new state, the part of it that belongs to the old state alone)."""
        stays = self.stays[t]
        g = g if self.late is None else g + self.late
        self.late = np.where(stays, g, 0)  # the output was an earlier one
        return np.where(stays, 0, dh + g), np.where(stays, dh, 0)


def _outputs(states, mask):
    """The outputs: the states, but zeros until the first step that is not masked."""
    if mask.stays is None:
        return states[1:]
    started = np.logical_or.accumulate(~mask.stays, 0)
    return np.where(started, states[1:], 0).astype(states.dtype, copy=False)


@differentiable(once=True)
def _simple_rnn(traced, x, kernel, recurrent_kernel, bias, h, mask, activation):
    act, slope = _ACTIVATIONS[activation]
    steps = len(x)
    states = np.empty((steps + 1, *h.shape), x.dtype)
    states[0] = h
    states[1:] = _project(x, kernel, bias)
    mask = _Mask(mask)
    product = np.empty_like(h)
    for t in range(steps):
        new = states[t + 1]
        new += np.matmul(states[t], recurrent_kernel, out=product)
        act(new, new)
        if mask.stays is not None:
            mask.hold(t, [new], [states[t]])

    def pull(g):
        g_outputs, g_h = g
        dz = slope(states[1:])
        dh = np.zeros_like(h) if g_h is None else g_h
        backwards = np.ascontiguousarray(recurrent_kernel.T)
        for t in reversed(range(steps)):
            kept = None
            if mask.stays is not None:
                dh, kept = mask.release(t, _at(g_outputs, t, h), dh)
            elif g_outputs is not None:
                dh = dh + g_outputs[t]
            dz[t] *= dh
            dh = dz[t] @ backwards
            if kept is not None:
                dh += kept
        dx, dk, db = _unproject(x, kernel, dz, traced)
        return dx, dk, _recurrent_gradient(states[:-1], dz), db, dh

    return (_outputs(states, mask), states[-1]), pull


def _at(g, t, like):
    return np.zeros_like(like) if g is None else g[t]


@differentiable(once=True)
def _lstm(traced, x, kernel, recurrent_kernel, bias, h, c, mask, activation, recurrent_activation):
    (act, slope), (gate, gate_slope) = _ACTIVATIONS[activation], _ACTIVATIONS[recurrent_activation]
    steps, (batch, units) = len(x), h.shape

    def turn(w, by):
        """The order of the gates: outside i, f, c, o; inside o, i, f, c."""
        return None if w is None else np.roll(w, by * units, -1)

    own, recurrent = turn(kernel, 1), turn(recurrent_kernel, 1)
    z = _project(x, own, turn(bias, 1)).reshape(steps, batch, 4, units)
    states, cells = np.empty((2, steps + 1, batch, units), x.dtype)
    bent = np.empty((steps, batch, units), x.dtype)  # activation(c)
    states[0], cells[0] = h, c
    mask = _Mask(mask)
    product = np.empty((batch, 4 * units), x.dtype)
    scratch = np.empty((batch, units), x.dtype)
    for t in range(steps):
        now = z[t]
        flat = now.reshape(batch, -1)
        flat += np.matmul(states[t], recurrent, out=product)
        gates, candidate = flat[:, : 3 * units], flat[:, 3 * units :]
        gate(gates, gates)
        act(candidate, candidate)
        cell, state = cells[t + 1], states[t + 1]
        np.multiply(now[:, 2], cells[t], out=cell)
        cell += np.multiply(now[:, 1], now[:, 3], out=scratch)
        act(cell, bent[t])
        np.multiply(now[:, 0], bent[t], out=state)
        if mask.stays is not None:
            mask.hold(t, [state, cell], [states[t], cells[t]])

    def pull(g):
        g_outputs, dh, dc = g
        dh = np.zeros_like(h) if dh is None else dh
        dc = np.zeros_like(c) if dc is None else np.array(dc)
        # what dh is multiplied with to reach c; what dc (and for the output gate dh) is multiplied with to reach z
        reach = z[:, :, 0] * slope(bent)
        keep = np.array(z[:, :, 2])
        dz = np.empty_like(z)
        dz[:, :, :3] = gate_slope(z[:, :, :3])
        dz[:, :, 3] = slope(z[:, :, 3])
        dz[:, :, 0] *= bent
        dz[:, :, 1] *= z[:, :, 3]
        dz[:, :, 2] *= cells[:-1]
        dz[:, :, 3] *= z[:, :, 1]
        backwards = np.ascontiguousarray(recurrent.T)
        for t in reversed(range(steps)):
            kept = None
            if mask.stays is not None:
                dh, kept = mask.release(t, _at(g_outputs, t, h), dh)
                kept_c = np.where(mask.stays[t], dc, 0)
                np.copyto(dc, 0, where=mask.stays[t])
            elif g_outputs is not None:
                dh = dh + g_outputs[t]
            dc += np.multiply(dh, reach[t], out=scratch)
            now = dz[t]
            now[:, 0] *= dh
            now[:, 1:] *= dc[:, None]
            dc *= keep[t]
            dh = now.reshape(batch, -1) @ backwards
            if kept is not None:
                dh += kept
                dc += kept_c
        dz = dz.reshape(steps, batch, -1)
        dx, dk, db = _unproject(x, own, dz, traced)
        return dx, turn(dk, -1), turn(_recurrent_gradient(states[:-1], dz), -1), turn(db, -1), dh, dc

    return (_outputs(states, mask), states[-1], cells[-1]), pull


@differentiable(once=True)
def _gru(traced, x, kernel, recurrent_kernel, bias, h, recurrent_bias, mask, reset_after, activation, gate_activation):
    (act, slope), (gate, gate_slope) = _ACTIVATIONS[activation], _ACTIVATIONS[gate_activation]
    steps, (batch, units) = len(x), h.shape
    both = 2 * units
    z = _project(x, kernel, bias)  # becomes: update gate, reset gate, candidate
    if not reset_after and recurrent_bias is not None:
        z += recurrent_bias
    states = np.empty((steps + 1, batch, units), x.dtype)
    # what the reset gate is multiplied with (h, or its product with the kernel), and the result
    recalled = np.empty((steps, batch, units), x.dtype)
    states[0] = h
    mask = _Mask(mask)
    product = np.empty((batch, 3 * units if reset_after else both), x.dtype)
    first, last = recurrent_kernel[:, :both], recurrent_kernel[:, both:]
    for t in range(steps):
        now, old, new = z[t], states[t], states[t + 1]
        if reset_after:
            np.matmul(old, recurrent_kernel, out=product)
            if recurrent_bias is not None:
                product += recurrent_bias
        else:
            np.matmul(old, first, out=product)
        gates, candidate = now[:, :both], now[:, both:]
        gates += product[:, :both]
        gate(gates, gates)
        recalled[t] = product[:, both:] if reset_after else old
        reset = gates[:, units:] * recalled[t]
        candidate += reset if reset_after else reset @ last
        act(candidate, candidate)
        np.subtract(old, candidate, out=new)
        new *= gates[:, :units]
        new += candidate
        if mask.stays is not None:
            mask.hold(t, [new], [old])

    def pull(g):
        g_outputs, dh = g
        dh = np.zeros_like(h) if dh is None else dh
        update, reset, candidate = z[..., :units], z[..., units:both], z[..., both:]
        dz = np.empty_like(z)  # before the product with dh: the slope of each part
        dz[..., :both] = gate_slope(z[..., :both])
        dz[..., :units] *= states[:-1] - candidate
        dz[..., units:both] *= recalled
        dz[..., both:] = slope(candidate)
        dz[..., both:] *= 1 - update
        inner = np.empty_like(recalled)  # the gradient of what the reset gate multiplies
        rows = np.empty((batch, 3 * units), x.dtype)
        backwards, back_first, back_last = (np.ascontiguousarray(w.T) for w in (recurrent_kernel, first, last))
        for t in reversed(range(steps)):
            kept = None
            if mask.stays is not None:
                dh, kept = mask.release(t, _at(g_outputs, t, h), dh)
            elif g_outputs is not None:
                dh = dh + g_outputs[t]
            now = dz[t]
            now[:, :units] *= dh
            now[:, both:] *= dh
            inward = now[:, both:] if reset_after else now[:, both:] @ back_last
            now[:, units:both] *= inward
            np.multiply(inward, reset[t], out=inner[t])
            dh = dh * update[t]
            if reset_after:
                rows[:, :both] = now[:, :both]
                rows[:, both:] = inner[t]
                dh += rows @ backwards
            else:
                dh += inner[t]
                dh += now[:, :both] @ back_first
            if kept is not None:
                dh += kept
        dx, dk, db = _unproject(x, kernel, dz, traced)
        before = states[:-1]
        if reset_after:
            whole = np.concatenate([dz[..., :both], inner], -1)
            dr = _recurrent_gradient(before, whole)
            drb = np.add.reduce(whole.reshape(-1, 3 * units), 0) if traced & 32 else None
        else:
            dr = _recurrent_gradient(before, dz[..., :both])
            dr = np.concatenate([dr, _recurrent_gradient(reset * before, dz[..., both:])], 1)
            drb = np.add.reduce(dz.reshape(-1, 3 * units), 0) if traced & 32 else None
        return dx, dk, dr, db, dh, drb

    return (_outputs(states, mask), states[-1]), pull


def _time_first(x, go_backwards):
    if x is None:
        return None
    x = transpose(x, (1, 0, *range(2, x.ndim)))
    return flip(x, 0) if go_backwards else x


def _around(run, x, parameters, states, mask, go_backwards, *how):
    """Run a recurrence on time-first, contiguous tensors of at least float32, and give the results as asked for."""
    if any(name not in _ACTIVATIONS for name in how[-2:] if not isinstance(name, bool)):
        return NotImplemented
    dtype = x.dtype
    given = [x, *parameters, *states]
    if dtype.itemsize == 2:
        given = [None if item is None else item.astype(np.float32) for item in given]
    x, *rest = given
    results = run(_time_first(x, go_backwards), *rest, _time_first(mask, go_backwards), *how)
    if results is NotImplemented:
        return NotImplemented
    outputs, *states = (result.astype(dtype, copy=False) for result in results)
    return transpose(outputs, (1, 0, 2)), *states


def simple_rnn(x, kernel, recurrent_kernel, bias, h, mask=None, go_backwards=False, activation="tanh"):
    return _around(_simple_rnn, x, [kernel, recurrent_kernel, bias], [h], mask, go_backwards, activation)


def lstm(x, kernel, recurrent_kernel, bias, h, c, mask=None, go_backwards=False, activation="tanh",
         recurrent_activation="sigmoid"):  # fmt: skip
    parameters = [kernel, recurrent_kernel, bias]
    return _around(_lstm, x, parameters, [h, c], mask, go_backwards, activation, recurrent_activation)


def gru(x, kernel, recurrent_kernel, bias, recurrent_bias, h, mask=None, go_backwards=False, reset_after=True,
        activation="tanh", recurrent_activation="sigmoid"):  # fmt: skip
    parameters, states = [kernel, recurrent_kernel, bias], [h, recurrent_bias]
    return _around(_gru, x, parameters, states, mask, go_backwards, reset_after, activation, recurrent_activation)
