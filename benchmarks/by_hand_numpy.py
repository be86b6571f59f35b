"""NumPy by hand: gradients derived on paper, everything in float32, updates in place."""

import numpy as np


def _weights(rng, *shapes):
    return [(rng.normal(size=s) * 0.1 if len(s) > 1 else np.zeros(s)).astype("float32") for s in shapes]


class _Adam:
    def __init__(self, weights):
        self.weights, self.t = weights, 0
        self.m, self.v = ([np.zeros_like(w) for w in weights] for _ in range(2))

    def apply(self, grads):
        self.t += 1
        alpha = np.float32(1e-3 * (1 - 0.999**self.t) ** 0.5 / (1 - 0.9**self.t))
        for w, g, m, v in zip(self.weights, grads, self.m, self.v):
            m += (g - m) * np.float32(0.1)
            v += (g * g - v) * np.float32(0.001)
            w -= alpha * m / (np.sqrt(v) + np.float32(1e-7))


def _softmax_cross_entropy(z, y, index):
    """(loss, gradient of the logits)."""
    z -= z.max(1, keepdims=True)
    p = np.exp(z, out=z)
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[index, y]).mean()
    p[index, y] -= 1
    p /= np.float32(len(y))
    return loss, p


def xor(row):
    x, y = row.data()
    rng = np.random.default_rng(1)
    w1, b1, w2, b2 = weights = _weights(rng, (2, 2), (2,), (2, 1), (1,))
    velocity = [np.zeros_like(w) for w in weights]

    def work():
        losses = []
        for _ in range(row.epochs):
            h = 1 / (1 + np.exp(-(x @ w1 + b1)))
            p = 1 / (1 + np.exp(-(h @ w2 + b2)))
            error = p - y
            losses.append((error * error).mean())
            d = error * p * (1 - p) * np.float32(2 / len(x))
            e = (d @ w2.T) * h * (1 - h)
            for w, v, g in zip(weights, velocity, (x.T @ e, e.sum(0), h.T @ d, d.sum(0))):
                step = g * np.float32(-0.1)
                v *= np.float32(0.9)
                v += step
                w += v * np.float32(0.9) + step
        return row.epochs

    return work


def _dense_network(row, sizes, drop=0.0):
    x, y = row.data()
    rng = np.random.default_rng(1)
    shapes = [s for a, b in zip(sizes, sizes[1:]) for s in ((a, b), (b,))]
    weights = _weights(rng, *shapes)
    adam, index = _Adam(weights), np.arange(row.batch)
    layers = list(zip(weights[::2], weights[1::2]))

    def step(xb, yb):
        inputs, masks, h = [], [], xb
        for w, b in layers[:-1]:
            inputs.append(h)
            h = h @ w
            h += b
            np.maximum(h, 0, out=h)
            if drop:
                keep = (rng.random(h.shape, dtype=np.float32) >= drop) * np.float32(1 / (1 - drop))
                h *= keep
                masks.append((h > 0) * keep)
            else:
                masks.append(h > 0)
        inputs.append(h)
        z = h @ layers[-1][0]
        z += layers[-1][1]
        loss, d = _softmax_cross_entropy(z, yb, index)
        grads = []
        for i in range(len(layers) - 1, -1, -1):
            grads[:0] = [inputs[i].T @ d, d.sum(0)]
            if i:
                d = d @ layers[i][0].T
                d *= masks[i - 1]
        adam.apply(grads)
        return loss

    def work():
        for _ in range(row.epochs):
            order, total = rng.permutation(len(x)), 0.0
            for start in range(0, len(x), row.batch):
                rows = order[start : start + row.batch]
                total += step(x[rows], y[rows])
        return row.epochs * row.steps

    return work


def mlp(row):
    return _dense_network(row, (64, 64, 10))


def mnist_mlp(row):
    return _dense_network(row, (784, 512, 512, 10), 0.2)


def predict_one(row):
    x, _ = row.data()
    w1, b1, w2, b2 = _weights(np.random.default_rng(1), (64, 64), (64,), (64, 10), (10,))

    def work():
        for _ in range(row.epochs):
            z = np.maximum(x @ w1 + b1, 0) @ w2 + b2
            e = np.exp(z - z.max(1, keepdims=True))
            e / e.sum(1, keepdims=True)
        return row.epochs

    return work
