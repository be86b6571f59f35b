"""CIFAR-100: colour photographs, 32 x 32 pixels, 100 classes in 20 groups."""

from kbridge.compat.datasets import cifar_images
from kbridge.compat.datasets import load_batch as load_batch
from kbridge.datasets import cifar100 as _today


def load_data(label_mode="fine"):
    """((50,000 images, labels) to train, (10,000 images, labels) to test), as uint8 and int64; labels (n, 1).

    ``label_mode``: "fine" for the 100 classes, "coarse" for the 20 groups.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"load_data: label_mode must be 'fine' or 'coarse'. Received: label_mode={label_mode!r}.")
    today = lambda: _today.load_data(label_mode)  # noqa: E731
    return cifar_images("cifar-100-python", ["train"], ["test"], f"{label_mode}_labels", "int64", today)
