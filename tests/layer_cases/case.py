"""What a case is: a layer, written as in a program, and what it is called on.

A tuple is the shape of random floats, a list holds several inputs, ``ints`` are random integers. ``masks`` names the
mask of an input by its place, ``like`` a layer that computes the same where Keras cannot run this one on the engine
used here.
"""

import numpy as np


class ints:
    """Random integers below ``high``, the first of each row 0 so that masks of zeros have something to find."""

    def __init__(self, high, *shape):
        self.high, self.shape = high, shape


class Case:
    """A layer, the inputs of its call, and the random values that both sides compute with."""

    def __init__(self, layer, *inputs, masks=None, tolerance=1e-5, like=None, gradients=True, **kwargs):
        self.layer, self.inputs, self.kwargs, self.tolerance = layer, list(inputs), kwargs, tolerance
        self.like, self.gradients = like or layer, gradients
        self.masks = masks or {}
        call = ", ".join(f"{name}={'...' if isinstance(v, np.ndarray) else v}" for name, v in kwargs.items())
        self.id = layer + ("" if not call else f"({call})") + ("+mask" if masks else "")

    def make(self, namespace, like=False):
        """The layer, with the names that ``namespace`` (a module of layers) has; or the one it shall be like."""
        return eval(self.like if like else self.layer, dict(vars(namespace)))

    def arguments(self):
        """(positional, keyword) arguments of the call, as arrays."""
        rng = np.random.default_rng(7)

        def fill(spec):
            if isinstance(spec, list):
                return [fill(item) for item in spec]
            if isinstance(spec, tuple):
                return rng.normal(size=spec).astype("float32")
            if isinstance(spec, ints):
                found = rng.integers(0, spec.high, spec.shape).astype("int32")
                found[:, 0] = 0
                return found
            return spec

        return fill(self.inputs), {name: fill(value) for name, value in self.kwargs.items()}

    def weights(self, variables):
        """A value for each variable, none of them at a special point."""
        rng = np.random.default_rng(11)
        values = [rng.normal(size=tuple(v.shape)).astype("float32") * 0.5 for v in variables]
        return [np.abs(x) + 0.5 if "variance" in v.name else x for v, x in zip(variables, values)]


def average_where_same(rank, size, stride):
    """A Keras layer for average pooling with padding "same" that counts no padding; Keras on torch repeats the edge."""
    import keras

    def pool(x):
        lengths = x.shape[1 : rank + 1]
        total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(lengths, size, stride)]
        pads = [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)]

        def sums(y):
            return keras.ops.average_pool(keras.ops.pad(y, pads), size, stride, "valid", "channels_last")

        return sums(x) / sums(keras.ops.ones_like(x))

    return keras.layers.Lambda(pool)


def leaves(tree):
    """The arrays in a structure of lists, tuples and dicts, in order."""
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in leaves(item)]
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    return [tree] if hasattr(tree, "shape") else []


def refill(tree, values):
    """``tree`` with its arrays replaced, in order, by the next of the iterator ``values``."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(refill(item, values) for item in tree)
    if isinstance(tree, dict):
        return {name: refill(item, values) for name, item in tree.items()}
    return next(values) if hasattr(tree, "shape") else tree


def coefficients(shape):
    """Factors that make one number of an output, different at each place."""
    return np.cos(np.arange(int(np.prod(shape)), dtype="float32") * 0.7 + 0.3).reshape(shape)


def open_shapes(inputs, axes):
    """The shapes of ``inputs`` with None for ``axes`` where they have them."""
    if isinstance(inputs, list):
        return [open_shapes(item, axes) for item in inputs]
    return tuple(None if i in axes else dim for i, dim in enumerate(inputs.shape))


PADDED = np.array([[True, True, True, False], [False, False, True, True], [False] * 4])
FULL = np.array([[True, True, False, True], [True, False, False, False], [False, True, True, True]])
SEEN = np.random.default_rng(3).random((3, 4, 5)) > 0.4
SEEN[:, :, 0] = True

ROWS = np.tril(np.ones((2, 3, 4, 4), bool))

CASES = []


def case(*args, **kwargs):
    CASES.append(Case(*args, **kwargs))
