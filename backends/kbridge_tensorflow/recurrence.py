"""Recurrent layers as one loop over time, with gradients written by hand.

The gradient that TensorFlow derives for a loop adds up those of the weights step by step. Here the loop backwards
finds the gradients of what goes into the activations, and the weights' then come from one product over all steps.
All that does not depend on the state is computed outside of the loops.
"""

from functools import lru_cache

from kbridge_tensorflow import math as _math
from kbridge_tensorflow.load import is_recording, tf


class _SimpleRNN:
    """h = tanh(x + p), where p is the product of the former h with the recurrent kernel."""

    @staticmethod
    def forward(x, p, states):
        return (tf.tanh(x + p),), ()

    @staticmethod
    def factors(saved, before, after):
        (h,) = after
        return (1.0 - h * h,)

    @staticmethod
    def backward(factors, gradients):
        """From the gradients of the new states: those of x, of p, and directly of the old states."""
        (dh,) = gradients
        dx = dh * factors[0]
        return dx, dx, (tf.zeros_like(dh),)


class _LSTM:
    @staticmethod
    def forward(x, p, states):
        _, c = states
        i, f, g, o = tf.split(x + p, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * c + i * g
        return (o * tf.tanh(c), c), (tf.concat([i, f, g, o], -1),)

    @staticmethod
    def factors(saved, before, after):
        i, f, g, o = tf.split(saved[0], 4, axis=-1)
        top = tf.tanh(after[1])
        gates = tf.concat([g * i * (1.0 - i), before[1] * f * (1.0 - f), i * (1.0 - g * g)], -1)
        return o * (1.0 - top * top), gates, top * o * (1.0 - o), f

    @staticmethod
    def backward(factors, gradients):
        to_cell, gates, to_output, forget = factors
        dh, dc = gradients
        dc = dc + dh * to_cell
        dx = tf.concat([gates * tf.concat([dc, dc, dc], -1), dh * to_output], -1)
        return dx, dx, (tf.zeros_like(dh), dc * forget)


class _GRU:
    """With the reset gate applied after the product."""

    @staticmethod
    def forward(x, p, states):
        (h,) = states
        xz, xr, xg = tf.split(x, 3, axis=-1)
        pz, pr, pg = tf.split(p, 3, axis=-1)
        z, r = tf.sigmoid(xz + pz), tf.sigmoid(xr + pr)
        g = tf.tanh(xg + r * pg)
        return (z * h + (1.0 - z) * g,), (tf.concat([z, r, g, pg], -1),)

    @staticmethod
    def factors(saved, before, after):
        z, r, g, pg = tf.split(saved[0], 4, axis=-1)
        return (before[0] - g) * z * (1.0 - z), (1.0 - z) * (1.0 - g * g), pg * r * (1.0 - r), r, z

    @staticmethod
    def backward(factors, gradients):
        to_update, to_candidate, to_reset, r, z = factors
        (dh,) = gradients
        dg = dh * to_candidate
        both = tf.concat([dh * to_update, dg * to_reset], -1)
        return tf.concat([both, dg], -1), tf.concat([both, dg * r], -1), (dh * z,)


def _items(x, steps):
    """The parts of ``x`` along its first axis, one for each round of a loop."""
    return tf.TensorArray(x.dtype, size=steps, element_shape=x.shape[1:]).unstack(x)


def _loop(steps, body, states, backwards=False):
    """``states, ys = body(t, states)`` for each t: the last states, and each y stacked."""
    with tf.__internal__.FuncGraph("description").as_default():
        form = [(y.dtype, y.shape) for y in body(tf.constant(0), states)[1]]
    arrays = [tf.TensorArray(dtype, size=steps, element_shape=shape) for dtype, shape in form]

    def advance(count, states, arrays):
        t = steps - 1 - count if backwards else count
        states, ys = body(t, states)
        return count + 1, states, [array.write(t, y) for array, y in zip(arrays, ys, strict=True)]

    _, states, arrays = tf.while_loop(
        lambda count, *_: count < steps, advance, (0, states, arrays), maximum_iterations=steps
    )
    return states, [array.stack() for array in arrays]


def _merge(keep, new, old):
    return new if keep is None else tuple(tf.where(keep, n, o) for n, o in zip(new, old, strict=True))


def _run(cell, recording, xs, kernel, bias, keeps, *states):
    """All outputs over time, and the last states. ``xs`` (time, batch, gates) are the projected inputs."""
    steps = tf.shape(xs)[0] if xs.shape[0] is None else xs.shape[0]
    keep_items = None if keeps is None else _items(keeps, steps)

    def keep_at(t):
        return None if keeps is None else keep_items.read(t)

    def forward(xs, kernel, bias, states, with_saved):
        items = _items(xs, steps)

        def step(t, states):
            new, saved = cell.forward(items.read(t), _math.dense(states[0], kernel, bias), states)
            new = _merge(keep_at(t), new, states)
            return new, (*new, *saved) if with_saved else new[:1]

        return _loop(steps, step, states)

    if not recording:
        last, outputs = forward(xs, kernel, bias, states, False)
        return outputs[0], *last

    @tf.custom_gradient
    def differentiable(xs, kernel, *rest):
        bias_given, states = (None, rest) if bias is None else (rest[0], rest[1:])
        last, found = forward(xs, kernel, bias_given, states, True)
        after, saved = found[: len(states)], found[len(states) :]

        def gradient(d_outputs, *d_last):
            before = [tf.concat([first[tf.newaxis], all_[:-1]], 0) for first, all_ in zip(states, after, strict=True)]
            factors = [_items(x, steps) for x in cell.factors(saved, before, after)]
            upstream = _items(d_outputs, steps)

            def step(t, gradients):
                gradients = (gradients[0] + upstream.read(t), *gradients[1:])
                dx, dp, direct = cell.backward([x.read(t) for x in factors], gradients)
                keep = keep_at(t)
                if keep is not None:
                    dx, dp = (tf.where(keep, d, tf.zeros((), d.dtype)) for d in (dx, dp))
                direct = (direct[0] + tf.matmul(dp, kernel, transpose_b=True), *direct[1:])
                return _merge(keep, direct, gradients), (dx, dp)

            d_states, (dx, dp) = _loop(steps, step, d_last, backwards=True)
            units, gates = kernel.shape
            d_kernel = tf.matmul(tf.reshape(before[0], [-1, units]), tf.reshape(dp, [-1, gates]), transpose_a=True)
            d_bias = () if bias is None else (tf.reduce_sum(dp, [0, 1]),)
            return (dx, d_kernel, *d_bias, *d_states)

        return (after[0], *last), gradient

    return differentiable(xs, kernel, *(() if bias is None else (bias,)), *states)


@lru_cache(maxsize=64)
def _traced(cell, recording, specs):
    """``_run`` as one function, for calls outside of graphs. ``specs`` has None where an argument is None."""

    def run(*tensors):
        tensors = iter(tensors)
        return _run(cell, recording, *(None if spec is None else next(tensors) for spec in specs))

    given = [tf.TensorSpec(*spec) for spec in specs if spec is not None]
    return tf.function(run, autograph=False).get_concrete_function(*given)


def _recur(cell, x, kernel, recurrent_kernel, bias, recurrent_bias, states, mask, go_backwards):
    xs = tf.transpose(_math.dense(x, kernel, bias), [1, 0, 2])
    keeps = None if mask is None else tf.transpose(tf.cast(mask, tf.bool))[:, :, tf.newaxis]
    if go_backwards:
        xs = tf.reverse(xs, [0])
        keeps = None if keeps is None else tf.reverse(keeps, [0])
    args = (xs, recurrent_kernel, recurrent_bias, keeps, *states)
    if tf.executing_eagerly():
        specs = tuple(None if x is None else (tuple(x.shape), x.dtype) for x in args)
        outputs, *last = _traced(cell, is_recording(), specs)(*(x for x in args if x is not None))
    else:
        outputs, *last = _run(cell, is_recording(), *args)
    if keeps is not None:  # before the first step that counts the output is 0, whatever the state
        begun = tf.math.cumsum(tf.cast(keeps, tf.int32)) > 0
        outputs = tf.where(begun, outputs, tf.zeros((), outputs.dtype))
    return tf.transpose(outputs, [1, 0, 2]), *last


def simple_rnn(x, kernel, recurrent_kernel, bias, h, mask=None, go_backwards=False, activation="tanh"):
    if activation != "tanh":
        return NotImplemented
    return _recur(_SimpleRNN, x, kernel, recurrent_kernel, bias, None, (h,), mask, go_backwards)


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
    if (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    return _recur(_LSTM, x, kernel, recurrent_kernel, bias, None, (h, c), mask, go_backwards)


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
    if (activation, recurrent_activation, bool(reset_after)) != ("tanh", "sigmoid", True):
        return NotImplemented
    return _recur(_GRU, x, kernel, recurrent_kernel, bias, recurrent_bias, (h,), mask, go_backwards)
