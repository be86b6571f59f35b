"""Handwritten digits, 8 x 8 pixels, 10 classes (E. Alpaydin and C. Kaynak; CC BY 4.0).

These are real data that come with kbridge: nothing is fetched.
"""

from pathlib import Path

from kbridge.datasets.reading import read_npz

_TRAIN = 1437


def load_data():
    """((1,437 images, labels) to train, (360 images, labels) to test), uint8: pixels from 0 to 16, 43 writers."""
    images, labels = read_npz(Path(__file__).parent.parent / "demo_data" / "digits.npz", "images", "labels")
    return (images[:_TRAIN], labels[:_TRAIN]), (images[_TRAIN:], labels[_TRAIN:])
