"""CIFAR-10: colour photographs, 32 x 32 pixels, 10 classes."""

from kbridge.compat.datasets import cifar_images
from kbridge.compat.datasets import load_batch as load_batch
from kbridge.datasets import cifar10 as _today


def load_data():
    """((50,000 images, labels) to train, (10,000 images, labels) to test), as uint8; labels of the shape (n, 1)."""
    train = [f"data_batch_{number}" for number in range(1, 6)]
    return cifar_images("cifar-10-batches-py", train, ["test_batch"], "labels", "uint8", _today.load_data)
