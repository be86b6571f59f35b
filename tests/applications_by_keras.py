"""A program that lets Keras compute what its applications give: ``python applications_by_keras.py FILE NAME ...``."""

import os
import sys
import zlib

import numpy as np

SIZE = 40
CLASSES = 7


def made(applications, name):
    """One of the applications, small and with random weights."""
    return getattr(applications, name)(weights=None, classes=CLASSES, input_shape=(SIZE, SIZE, 3))


def values(weights):
    """The same values for equal lists of weights, none at a special point, all in a range that keeps signals alive."""
    found = []
    for number, w in enumerate(weights):
        shape = tuple(w.shape)
        rng = np.random.default_rng([number, zlib.crc32(repr(shape).encode())])
        value = rng.normal(size=shape).astype("float32") / max(1.0, np.sqrt(np.prod(shape[:-1])))
        found.append(np.abs(value) + 0.5 if "variance" in w.name else value)
    return found


def images():
    return np.random.default_rng(0).uniform(0, 255, (2, SIZE, SIZE, 3)).astype("float32")


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    results = {}
    for name in sys.argv[2:]:
        model = made(keras.applications, name)
        model.set_weights(values(model.weights))
        results[f"{name}/names"] = np.array([layer.name for layer in model.layers if layer.weights])
        results[f"{name}/shapes"] = np.array([repr(tuple(w.shape)) for w in model.weights])
        results[f"{name}/outputs"] = model.predict(images(), verbose=0)
    np.savez(sys.argv[1], **results)
