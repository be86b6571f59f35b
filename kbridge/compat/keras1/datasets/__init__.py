"""Small data sets to learn from."""

from kbridge.lazy import later as _later

_MODULES = ("boston_housing cifar cifar10 cifar100 fashion_mnist imdb mnist reuters").split()

__getattr__, __dir__ = _later(__name__, _MODULES)
