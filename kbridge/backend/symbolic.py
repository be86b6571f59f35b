"""Symbols: tensors without values, joined into a graph by the ops and layers that made them."""

import itertools
from contextvars import ContextVar

from kbridge.backend import dtypes, registry
from kbridge.backend.abstract import Abstract, trace_shapes
from kbridge.backend.op import OPS
from kbridge.backend.operators import Operators
from kbridge.backend.tree import flatten, map_structure

_serial = itertools.count()
# who is to be asked when operations meet symbols, if anyone: a function (what would be done, args, kwargs) -> outputs
met_symbols = ContextVar("kbridge_met_symbols", default=None)


class KerasTensor(Operators):
    """A symbol: a shape (None where unknown), a dtype, and the node that makes it."""

    # All symbols are of dense tensors.
    sparse = ragged = False
    ragged_rank = row_splits_dtype = None

    def __init__(self, shape, dtype="float32", sparse=False, ragged=False, record_history=True, name=None):
        if sparse or ragged:
            raise ValueError("KerasTensor: sparse and ragged tensors are not supported. Pass dense ones.")
        self.shape = tuple(None if dim is None else int(dim) for dim in shape)
        self.dtype = dtypes.standardize(dtype)
        self.name = name or f"keras_tensor_{next(_serial)}"
        self.record_history = record_history
        self.node = None  # the Node that makes it
        self.index = 0  # which of the node's outputs it is
        self.mask = None  # the symbol of its mask, if it carries one

    @property
    def ndim(self):
        return len(self.shape)

    def reshape(self, newshape):
        return OPS["reshape"](self, newshape)

    def squeeze(self, axis=None):
        return OPS["squeeze"](self, axis)

    @classmethod
    def apply_op(cls, spec, args, kwargs):
        """An op met a symbol: the result is a new one."""
        operation, watcher = OPS[spec.name], met_symbols.get()
        if watcher is None:
            return _symbols_of(operation, args, kwargs)

        def proceed(*args, **kwargs):
            return (_symbols_of if any_symbol(args, kwargs) else _called)(operation, args, kwargs)

        return watcher(proceed, args, kwargs)

    def _no_value(self, asked):
        raise TypeError(
            f"{self!r} is a symbol of a model under construction and has no value, so {asked}. "
            f"Use kbridge.ops, or put the computation into a layer's call()."
        )

    def __array__(self, *args, **kwargs):
        self._no_value("NumPy cannot take it")

    def __bool__(self):
        self._no_value("Python's `if`, `while`, `and`, `or` and `not` cannot ask for one")

    def __float__(self):
        self._no_value("it cannot become a float")

    def __int__(self):
        self._no_value("it cannot become an int")

    def __len__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"The length of {self!r} is not known.")
        return self.shape[0]

    def __iter__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"{self!r} cannot be iterated over: the length of its first axis is not known.")
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self):
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


class Node:
    """One application of an operation (an op or a Layer) to symbols: its arguments and its outputs."""

    def __init__(self, operation, args, kwargs, outputs):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.inputs = [leaf for leaf in flatten([list(args), dict(kwargs)]) if isinstance(leaf, KerasTensor)]
        for index, leaf in enumerate(flatten(outputs)):
            if isinstance(leaf, KerasTensor) and leaf.node is None:
                leaf.node, leaf.index = self, index

    @property
    def input_tensors(self):
        return self.inputs

    @property
    def output_tensors(self):
        return flatten(self.outputs)

    @property
    def is_input(self):
        return not self.inputs

    @property
    def name(self):
        name = getattr(self.operation, "name", None)
        return name if isinstance(name, str) else self.operation.__name__

    def __repr__(self):
        return f"<Node of {self.name}>"


def _symbols_of(operation, args, kwargs):
    return Node(operation, args, kwargs, output_symbols(operation, args, kwargs)).outputs


def _called(operation, args, kwargs):
    return operation(*args, **kwargs)


def is_symbol(leaf):
    return isinstance(leaf, KerasTensor)


def any_symbol(*trees):
    return any(isinstance(leaf, KerasTensor) for leaf in flatten(trees))


def output_symbols(function, args, kwargs):
    """Fresh symbols for what ``function`` returns; shapes and dtypes are found by running it on shapes."""
    try:
        found = trace_shapes(function, args, kwargs, is_symbol)
    except (TypeError, AttributeError, NotImplementedError) as error:
        found = _trace_on_engine(function, args, kwargs, error)
    return map_structure(
        lambda leaf: KerasTensor(leaf.shape, leaf.dtype) if isinstance(leaf, Abstract) else leaf, found
    )


def _trace_on_engine(function, args, kwargs, error):
    """The same for a function that calls the engine's own library and so cannot run on shapes alone."""
    engine = registry.current()
    symbols = [leaf for leaf in flatten([list(args), dict(kwargs)]) if is_symbol(leaf)]

    def attempt(trial):
        def run(*values):
            values = iter(values)

            def fill(leaf):
                return next(values) if is_symbol(leaf) else leaf

            return function(*map_structure(fill, list(args)), **map_structure(fill, dict(kwargs)))

        specs = [Abstract((trial if dim is None else dim for dim in s.shape), s.dtype) for s in symbols]
        return engine.eval_shape(run, *specs)

    try:
        first, second = attempt(2), attempt(3)
    except Exception:
        raise error from None  # what went wrong on shapes says more
    return map_structure(
        lambda a, b: (
            Abstract((m if m == n else None for m, n in zip(a.shape, b.shape)), a.dtype)
            if isinstance(a, Abstract)
            else a
        ),
        first,
        second,
    )
