"""The files of CIFAR."""

from kbridge.compat.datasets import load_batch as load_batch
