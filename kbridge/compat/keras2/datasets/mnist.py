"""MNIST: handwritten digits, 28 x 28 pixels, 10 classes."""

from kbridge.compat.datasets import arrays
from kbridge.datasets import mnist as _today


def load_data(path="mnist.npz"):
    """((60,000 images, labels) to train, (10,000 images, labels) to test), as uint8.

    ``path``: the name of the file in the cache, or the path of a file of your own.
    """

    def today():
        (x_train, y_train), (x_test, y_test) = _today.load_data(path)
        return x_train, y_train, x_test, y_test

    x_train, y_train, x_test, y_test = arrays(path, today, "x_train", "y_train", "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)
