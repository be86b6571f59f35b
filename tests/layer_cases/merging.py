"""Layers that merge several inputs."""

from layer_cases.case import FULL, PADDED, case

case("Add()", [(2, 3), (2, 3), (2, 3)])
case("Add()", [(2, 3, 4), (2, 4)])
case("Add()", [(3, 4, 2), (3, 4, 2)], masks={0: PADDED, 1: FULL})
case("Add()", [(3, 4, 2), (3, 4, 2)], masks={0: PADDED})
case("Subtract()", [(2, 3), (2, 3)])
case("Multiply()", [(2, 3), (2, 3), (2, 3)])
case("Multiply()", [(2, 3, 4), (2, 3, 1)])
case("Average()", [(2, 3), (2, 3), (2, 3)])
case("Maximum()", [(2, 3), (2, 3), (2, 3)])
case("Minimum()", [(2, 3), (2, 3)])
case("Concatenate()", [(2, 3), (2, 4)])
case("Concatenate(axis=1)", [(2, 3, 4), (2, 2, 4), (2, 1, 4)])
case("Concatenate()", [(3, 4, 2), (3, 4, 1)], masks={0: PADDED, 1: FULL})
case("Concatenate(axis=1)", [(3, 4, 2), (3, 4, 2)], masks={0: PADDED})
case("Dot(1)", [(2, 3), (2, 3)])
case("Dot((2, 1))", [(2, 3, 4), (2, 4, 5)])
case("Dot(-1, normalize=True)", [(2, 3, 4), (2, 5, 4)])
