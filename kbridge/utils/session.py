"""Questions about symbols and dtypes, and beginning anew."""

import gc

from kbridge import dtype_policies
from kbridge.backend import dtypes, names
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten


def clear_session(free_memory=True):
    """Begin anew: automatic names count from the start, and the global dtype policy is that of floatx.

    Models that exist stay as they are, and so does the seed. ``free_memory``: collect what nobody refers to now.
    """
    names.forget()
    dtype_policies.set_dtype_policy(None)
    if free_memory:
        gc.collect()


def is_keras_tensor(x):
    """Whether ``x`` is a symbol: what ``Input`` makes, and what layers and ops make of that."""
    return is_symbol(x)


def standardize_dtype(dtype):
    """The name of a dtype, given as a name, as NumPy's, or as an engine's own; floatx for None."""
    return dtypes.standardize(dtype)


def get_source_inputs(tensor):
    """The symbols that ``tensor`` (one, or a structure of them) was computed from at the very beginning."""
    found, seen = {}, set()
    stack = list(reversed(flatten([tensor])))
    while stack:
        symbol = stack.pop()
        if not is_symbol(symbol):
            raise ValueError(f"get_source_inputs takes symbols. Received: {symbol!r}.")
        if symbol.node is None or symbol.node.is_input:
            found[id(symbol)] = symbol
        elif id(symbol.node) not in seen:
            seen.add(id(symbol.node))
            stack.extend(reversed(symbol.node.inputs))
    return list(found.values())
