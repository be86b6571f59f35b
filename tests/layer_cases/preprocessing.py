"""Preprocessing of numbers, as far as there is nothing to adapt; the rest is in test_preprocessing.py."""

import numpy as np

from layer_cases.case import case, ints

case("Rescaling(0.5, offset=-1.0)", (2, 3))
case("Rescaling([1.0, 2.0, 3.0], offset=[0.5, 0.0, 1.0])", (2, 4, 3))
case("Normalization(mean=[0.5, 1.0, 0.0], variance=[2.0, 0.5, 1.0])", (2, 4, 3))
case("Normalization(axis=None, mean=0.5, variance=2.0, invert=True)", (2, 3))
case("Normalization(axis=(1, -1), mean=0.5, variance=2.0)", (2, 4, 3))
case("Discretization(bin_boundaries=[-0.5, 0.0, 0.7])", (2, 5), gradients=False)
case("Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode='one_hot')", (4, 1), gradients=False)
case("Discretization(bin_boundaries=[-0.5, 0.0, 0.7], output_mode='count')", (2, 5), gradients=False)
case("CategoryEncoding(4)", ints(4, 3, 2))
case("CategoryEncoding(4, output_mode='one_hot')", ints(4, 3, 2))
case("CategoryEncoding(4, output_mode='count')", ints(4, 3, 2))
case(
    "CategoryEncoding(4, output_mode='count')", ints(4, 2, 3), count_weights=np.array([[0.5, 1, 2], [3, 0.1, 1]], "f4")
)
