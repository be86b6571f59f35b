"""TensorFlow by hand: tf.function with XLA, single steps and a loop over the epoch; the better one counts."""

import time

import numpy as np
import tensorflow as tf


def _weights(shapes):
    rng = np.random.default_rng(0)
    return [tf.Variable((rng.normal(size=s) * 0.1 if len(s) > 1 else np.zeros(s)).astype("float32")) for s in shapes]


def _cross_entropy(z, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z))


def _trainer(row, weights, loss_of, sgd=False, xla=True):
    x, y = map(tf.constant, row.data())
    count = 1 if sgd else 2
    slots = [[tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(count)]
    clock = tf.Variable(0.0)
    variables = [*weights, *(s for group in slots for s in group), clock]

    def step(state, rows):
        w, rest = state[: len(weights)], state[len(weights) :]
        with tf.GradientTape() as tape:
            tape.watch(w)
            loss = loss_of(w, tf.gather(x, rows), tf.gather(y, rows))
        grads = [tf.convert_to_tensor(g) for g in tape.gradient(loss, w)]
        n = len(weights)
        if sgd:
            v = [a * 0.9 - g * 0.1 for a, g in zip(rest[:n], grads)]
            return [*(a + b * 0.9 - g * 0.1 for a, b, g in zip(w, v, grads)), *v, rest[-1]], loss
        t = rest[-1] + 1.0
        m = [a + (g - a) * 0.1 for a, g in zip(rest[:n], grads)]
        v = [a + (g * g - a) * 0.001 for a, g in zip(rest[n : 2 * n], grads)]
        alpha = 1e-3 * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return [*(a - alpha * b / (tf.sqrt(c) + 1e-7) for a, b, c in zip(w, m, v)), *m, *v, t], loss

    def stored(new):
        for variable, value in zip(variables, new):
            variable.assign(value)

    def single_step(rows):
        new, loss = step([v.read_value() for v in variables], rows)
        stored(new)
        return loss

    single = tf.function(single_step, jit_compile=xla)

    @tf.function(jit_compile=xla)
    def loop(rows):
        def body(i, total, *state):
            new, loss = step(list(state), rows[i])
            return (i + 1, total + loss, *new)

        start = (0, 0.0, *(v.read_value() for v in variables))
        found = tf.while_loop(lambda i, *_: i < tf.shape(rows)[0], body, start)
        stored(found[2:])
        return found[1]

    rng = np.random.default_rng(0)

    def orders():
        order = np.stack([rng.permutation(len(x)) for _ in range(row.epochs)]).astype("int32")
        return order.reshape(-1, row.batch)

    def by_steps():
        for rows in orders():
            loss = single(tf.constant(rows))
        loss.numpy()

    def by_loop():
        loop(tf.constant(orders())).numpy()

    ways = [by_steps, by_loop] if row.name not in ("cnn", "lstm") else [by_steps]
    times = []
    for way in ways:
        way()
        begun = time.perf_counter()
        way()
        times.append(time.perf_counter() - begun)
    best = ways[times.index(min(times))]

    def work():
        best()
        return row.epochs * row.steps

    return work


def xor(row):
    def loss_of(w, x, y):
        p = tf.sigmoid(tf.sigmoid(x @ w[0] + w[1]) @ w[2] + w[3])
        return tf.reduce_mean((p - y) ** 2)

    return _trainer(row, _weights([(2, 2), (2,), (2, 1), (1,)]), loss_of, sgd=True)


def _forward(w, x):
    return tf.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3]


def mlp(row):
    return _trainer(
        row, _weights([(64, 64), (64,), (64, 10), (10,)]), lambda w, x, y: _cross_entropy(_forward(w, x), y)
    )


def mnist_mlp(row):
    def loss_of(w, x, y):
        h = tf.nn.dropout(tf.nn.relu(x @ w[0] + w[1]), 0.2)
        h = tf.nn.dropout(tf.nn.relu(h @ w[2] + w[3]), 0.2)
        return _cross_entropy(h @ w[4] + w[5], y)

    return _trainer(row, _weights([(784, 512), (512,), (512, 512), (512,), (512, 10), (10,)]), loss_of)


def cnn(row):
    def loss_of(w, x, y):
        h = tf.nn.relu(tf.nn.conv2d(x, w[0], 1, "VALID") + w[1])
        h = tf.nn.relu(tf.nn.conv2d(h, w[2], 1, "VALID") + w[3])
        h = tf.reshape(tf.nn.max_pool2d(h, 2, 2, "VALID"), (row.batch, -1))
        return _cross_entropy(tf.nn.relu(h @ w[4] + w[5]) @ w[6] + w[7], y)

    shapes = [(3, 3, 1, 32), (32,), (3, 3, 32, 64), (64,), (64 * 144, 128), (128,), (128, 10), (10,)]
    return _trainer(row, _weights(shapes), loss_of, xla=False)


def attention(row):
    def norm(x, g, b):
        x = x - tf.reduce_mean(x, -1, keepdims=True)
        return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + 1e-3) * (1 + g) + b

    def loss_of(w, x, y):
        qkv, qb, proj, pb, g1, b1, up, ub, down, db, g2, b2, out, ob = w
        heads = [tf.reshape(t, (row.batch, 64, 4, 32)) for t in tf.split(tf.tensordot(x, qkv, 1) + qb, 3, -1)]
        weights = tf.nn.softmax(tf.einsum("bqhd,bkhd->bhqk", heads[0], heads[1]) / 32**0.5)
        a = tf.reshape(tf.einsum("bhqk,bkhd->bqhd", weights, heads[2]), (row.batch, 64, 128))
        h = norm(x + tf.tensordot(a, proj, 1) + pb, g1, b1)
        h = norm(h + tf.tensordot(tf.nn.relu(tf.tensordot(h, up, 1) + ub), down, 1) + db, g2, b2)
        return _cross_entropy(tf.reduce_mean(h, 1) @ out + ob, y)

    shapes = [(128, 384), (384,), (128, 128), (128,), (128,), (128,), (128, 512), (512,), (512, 128), (128,), (128,)]
    return _trainer(row, _weights([*shapes, (128,), (128, 10), (10,)]), loss_of)


def predict_one(row):
    x = row.data()[0]
    weights = _weights([(64, 64), (64,), (64, 10), (10,)])
    predict = tf.function(lambda x: tf.nn.softmax(_forward(weights, x)), jit_compile=True)

    def work():
        for _ in range(row.epochs):
            predict(tf.constant(x)).numpy()
        return row.epochs

    return work
