"""MNIST: handwritten digits, 28 x 28 pixels, 10 classes (Y. LeCun and C. Cortes; CC BY-SA 3.0)."""

from kbridge.datasets.reading import read_npz
from kbridge.datasets.sources import fetch


def load_data(path="mnist.npz"):
    """((60,000 images, labels) to train, (10,000 images, labels) to test), as uint8.

    ``path``: the name of the file in the cache.
    """
    x_train, y_train, x_test, y_test = read_npz(fetch("mnist.npz", path), "x_train", "y_train", "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)
