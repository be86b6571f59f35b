"""MNIST: handwritten digits, 28 x 28 pixels, 10 classes."""

from kbridge.compat.datasets import found
from kbridge.compat.keras2.datasets import mnist as _later
from kbridge.datasets.reading import read_plain


def load_data(path="mnist.pkl.gz"):
    """((60,000 images, labels) to train, (10,000 images, labels) to test), as uint8.

    ``path``: the name of the file in the cache, or the path of a file of your own: a pickle or npz. Without such, the
    data are fetched as npz.
    """
    if ".pkl" not in path:
        return _later.load_data(path)
    file = found(path)
    if file is None:
        return _later.load_data()
    train, test = read_plain(file)
    return train, test
