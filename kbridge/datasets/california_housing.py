"""Prices of houses in the districts of California in 1990, in dollars (R. Pace and R. Barry)."""

from kbridge.datasets.reading import read_npz, shuffled, split
from kbridge.datasets.sources import fetch

_SMALL = 600


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """((8 columns, prices) to train, (8 columns, prices) to test), as float32.

    Args:
        version: "large" for the 20,640 districts, "small" for 600 of them, around San Francisco.
        path: the name of the file in the cache.
        test_split: the part of the rows to test with.
        seed: of the order.
    """
    if version not in ("large", "small"):
        raise ValueError(f"load_data: version must be 'large' or 'small'. Received: version={version!r}.")
    x, y = read_npz(fetch("california_housing.npz", path), "x", "y")
    if version == "small":
        x, y = x[:_SMALL], y[:_SMALL]
    return split(test_split, *shuffled(seed, x, y))
