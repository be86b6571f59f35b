"""What a K function does before it computes: ``graphed``."""

from functools import wraps

import numpy as np

from kbridge import ops
from kbridge.backend import dtypes
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten, map_structure
from kbridge.compat import computing
from kbridge.compat.backend import graph


def graphed(function=None, *, host=None):
    """Let ``function``, written in ops, be a K function: eager on values, symbolic on symbols and Variables.

    Where a dimension of a symbol is among the arguments, the call becomes one node, since ops need dimensions that
    are known. ``host`` does the same on the whole numbers that dimensions are, if its result is such.
    """
    if function is None:
        return lambda function: graphed(function, host=host)

    @wraps(function)
    def call(*args, **kwargs):
        leaves = flatten([args, kwargs])
        if any(isinstance(leaf, graph.Dims) for leaf in leaves):
            if host is not None and all(isinstance(x, graph.Dims) or not is_symbol(x) for x in leaves):
                found = host(*args, **kwargs)
                if found is not NotImplemented:
                    return found
            return graph.node(function, args, kwargs)
        if not computing.computing() and any(graph.is_variable(leaf) for leaf in leaves):
            args, kwargs = map_structure(graph.lifted, list(args)), map_structure(graph.lifted, kwargs)
        if len(leaves) > 1 and any(_is_wide(leaf) for leaf in leaves):
            args, kwargs = _narrowed(args, kwargs, leaves)
        return function(*args, **kwargs)

    return call


def _is_wide(x):
    return type(x) is np.ndarray and x.dtype == np.float64


def _narrowed(args, kwargs, leaves):
    """Arrays of doubles give way to the floats of the tensors beside them, as when they became constants."""
    for leaf in leaves:
        if not _is_wide(leaf) and getattr(leaf, "ndim", None) is not None:
            found = ops.dtype(leaf)
            if dtypes.is_float(found) and found != "float64":

                def narrow(x, found=found):
                    return x.astype("float32") if _is_wide(x) else x

                return map_structure(narrow, list(args)), map_structure(narrow, kwargs)
    return args, kwargs


def on_dims(function):
    """For ``graphed(host=...)``: ``function`` of dimensions gives dimensions."""

    def call(*args, **kwargs):
        return graph.known(graph.Dims(lambda *values: function(*values, **kwargs), *args))

    return call


def dims(shape):
    """A shape as ops take it: a tuple of Python's ints, or of tensors where a dimension is not known before it runs."""
    if shape is None or isinstance(shape, (int, str)):
        return (shape,) if isinstance(shape, int) else shape
    if not isinstance(shape, (list, tuple)) and not getattr(shape, "shape", None):
        shape = (shape,)
    return tuple(_dim(dim) for dim in shape)


def _dim(dim):
    if dim is None or type(dim) is int or is_symbol(dim):
        return dim
    try:
        return int(dim)
    except TypeError:  # a tensor of a function being traced
        return dim
    except Exception as error:
        if type(dim).__module__.partition(".")[0] in ("numpy", "builtins"):
            raise TypeError(f"A dimension must be a whole number. Received: {dim!r}.") from error
        return dim
