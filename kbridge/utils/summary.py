"""What a model's summary counts: parameters and bytes."""

from kbridge.models.summary import count_and_bytes, readable
from kbridge.models.summary import print_summary as print_summary


def count_params(weights):
    """The number of parameters in a list of Variables."""
    return count_and_bytes(weights)[0]


def weight_memory_size(weights):
    """How many bytes a list of Variables takes."""
    return count_and_bytes(weights)[1]


def readable_memory_size(weight_memory_size):
    """A number of bytes for the eye: 123456789 is "117.74 MB"."""
    return readable(weight_memory_size)
