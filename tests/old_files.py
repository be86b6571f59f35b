"""HDF5 files as Keras 1 and Keras 2 wrote them, built to their documented layouts, with what they compute in NumPy."""

import json

import h5py
import numpy as np


def write(path, layers, config=None, version=None, backend=None, training=None, optimizer=()):
    """A file of a whole model, or, without ``config``, of weights. ``layers``: a dict name -> [(name, array)]."""
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            if version:
                file.attrs["keras_version"] = version.encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file if config is None else file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in layers]
        if version and not version.startswith("1."):
            group.attrs["keras_version"] = version.encode()
        if backend:
            group.attrs["backend"] = backend.encode()
        for name, arrays in layers.items():
            _arrays(group.create_group(name), arrays)
        if optimizer:
            _arrays(file.create_group("optimizer_weights"), optimizer)
    return path


def _arrays(group, arrays):
    group.attrs["weight_names"] = [name.encode() for name, _ in arrays]
    for name, array in arrays:
        group.create_dataset(name, data=array)


def random(rng, *shape):
    return rng.normal(size=shape).astype("float32") / 2


def sequential(*layers):
    return [{"class_name": name, "config": {"name": name.lower() + "_1", **config}} for name, config in layers]


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def correlation(x, kernel):
    """x (batch, height, width, channels) with kernel (rows, columns, channels, filters), at valid places."""
    rows, columns = kernel.shape[:2]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    found = np.zeros((len(x), height, width, kernel.shape[3]))
    for i in range(height):
        for j in range(width):
            found[:, i, j] = np.tensordot(x[:, i : i + rows, j : j + columns], kernel, 3)
    return found


def lstm(x, gates, inner):
    """The last output of an LSTM; ``gates``: a dict "i", "f", "c", "o" -> (W, U, b)."""
    h = c = np.zeros((len(x), gates["i"][1].shape[0]))
    for t in range(x.shape[1]):
        z = {key: x[:, t] @ w + h @ u + b for key, (w, u, b) in gates.items()}
        c = inner(z["f"]) * c + inner(z["i"]) * np.tanh(z["c"])
        h = inner(z["o"]) * np.tanh(c)
    return h


def gru(x, gates, inner):
    """The last output of a GRU that resets before the product; ``gates``: "z", "r", "h" -> (W, U, b)."""
    h = np.zeros((len(x), gates["z"][1].shape[0]))
    for t in range(x.shape[1]):
        z, r = (inner(x[:, t] @ w + h @ u + b) for w, u, b in (gates["z"], gates["r"]))
        w, u, b = gates["h"]
        h = z * h + (1 - z) * np.tanh(x[:, t] @ w + (r * h) @ u + b)
    return h
