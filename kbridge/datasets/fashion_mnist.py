"""Fashion-MNIST: articles of clothing, 28 x 28 pixels, 10 classes (Zalando SE; MIT licence).

The classes: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.
"""

import os

from kbridge.datasets.reading import read_idx
from kbridge.datasets.sources import fetch


def load_data():
    """((60,000 images, labels) to train, (10,000 images, labels) to test), as uint8."""
    folder = os.path.join("datasets", "fashion-mnist")

    def part(name):
        files = (f"{name}-images-idx3-ubyte.gz", f"{name}-labels-idx1-ubyte.gz")
        return tuple(read_idx(fetch(file, cache_subdir=folder)) for file in files)

    return part("train"), part("t10k")
