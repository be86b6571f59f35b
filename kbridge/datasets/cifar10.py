"""CIFAR-10: colour photographs, 32 x 32 pixels, 10 classes (A. Krizhevsky).

The classes: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.
"""

from kbridge.datasets import cifar


def load_data():
    """((50,000 images, labels) to train, (10,000 images, labels) to test), as uint8; labels of the shape (n, 1)."""
    train = [f"data_batch_{number}" for number in range(1, 6)]
    return cifar.load("cifar-10-python", "cifar-10-batches-py", train, ["test_batch"], "labels", "uint8")
