"""Activation functions where those of older generations differ from today's."""

from kbridge import activations, objects, ops


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """``x`` above ``threshold``, at most ``max_value``; below, ``alpha`` times its distance from it."""
    return activations.relu(x, negative_slope=float(alpha), max_value=max_value, threshold=threshold)


# a name of its own in files: today's means another function
@objects.register_keras_serializable("kbridge", "hard_sigmoid_of_keras_2")
def hard_sigmoid(x):
    """``0.2 * x + 0.5`` between 0 and 1. (Today's has the slope 1/6.)"""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def softmax(x, axis=-1):
    """The softmax along ``axis``."""
    return activations.softmax(x, axis=axis)


def of_name(name):
    """The activation that ``name`` meant then; what is no name is what it is."""
    return hard_sigmoid if isinstance(name, str) and name == "hard_sigmoid" else name
