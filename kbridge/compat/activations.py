"""Activation functions where those of older generations differ from today's."""

from kbridge import activations
from kbridge.compat.inplace import out_of_place
from kbridge.saving.eras import hard_sigmoid as hard_sigmoid


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """``x`` above ``threshold``, at most ``max_value``; below, ``alpha`` times its distance from it."""
    return activations.relu(x, negative_slope=float(alpha), max_value=max_value, threshold=threshold)


def softmax(x, axis=-1):
    """The softmax along ``axis``."""
    return activations.softmax(x, axis=axis)


def of_name(name):
    """The activation that ``name`` meant then; what is no name is what it is, and leaves its argument as it was."""
    if isinstance(name, str):
        return hard_sigmoid if name == "hard_sigmoid" else name
    return out_of_place(name)
