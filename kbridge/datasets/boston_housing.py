"""Prices of houses around Boston in the 1970s, in thousands of dollars (D. Harrison and D. Rubinfeld).

One of its columns is a proportion of inhabitants by skin colour: it is a lesson in what not to build models on.
"""

from kbridge.datasets.reading import read_npz, shuffled, split
from kbridge.datasets.sources import fetch


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """((13 columns, prices) to train, (13 columns, prices) to test), as float64; 506 rows in all.

    Args:
        path: the name of the file in the cache.
        test_split: the part of the rows to test with.
        seed: of the order.
    """
    return split(test_split, *shuffled(seed, *read_npz(fetch("boston_housing.npz", path), "x", "y")))
