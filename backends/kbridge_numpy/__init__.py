"""The NumPy engine: every op on plain arrays, with gradients by a tape of its own."""

from kbridge_numpy.engine import NumPyBackend

engine = NumPyBackend()
