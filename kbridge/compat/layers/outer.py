"""Symbols that a layer's ``call`` reads from outside, as in ``Lambda(lambda x: x * gate)``: inputs of its node."""

import functools
from contextlib import contextmanager

from kbridge.backend.symbolic import is_symbol, met_symbols
from kbridge.backend.tree import flatten, map_structure

ARGUMENT = "_outer"  # what their values are handed to ``call`` as: a dict from their ids


class Finder:
    """Notes the symbols that operations meet, and were not made by others that it saw."""

    def __init__(self, inside):
        self.met, self.made = {}, {id(s): s for s in inside}

    def __call__(self, proceed, args, kwargs):
        for leaf in flatten([list(args), dict(kwargs)]):
            if is_symbol(leaf) and id(leaf) not in self.made:
                self.met.setdefault(str(id(leaf)), leaf)
        outputs = proceed(*args, **kwargs)
        self.made.update((id(leaf), leaf) for leaf in flatten([outputs]) if is_symbol(leaf))
        return outputs

    def call_layer(self, layer, args, kwargs):
        return self(layer.compute_output_spec, args, kwargs)


class Filler:
    """Puts values in the place of symbols that operations meet; ``values``: a dict from their ids."""

    def __init__(self, values):
        self.values = values

    def __call__(self, proceed, args, kwargs):
        def fill(leaf):
            return self.values.get(str(id(leaf)), leaf) if is_symbol(leaf) else leaf

        args, kwargs = map_structure(fill, list(args)), map_structure(fill, dict(kwargs))
        with _watched(None if any(map(is_symbol, flatten([args, kwargs]))) else self):
            return proceed(*args, **kwargs)

    def call_layer(self, layer, args, kwargs):
        return self(layer, args, kwargs)


@contextmanager
def _watched(watcher):
    token = met_symbols.set(watcher)
    try:
        yield
    finally:
        met_symbols.reset(token)


def output_symbols(layer, find, args, kwargs):
    """(what ``find(args, kwargs)`` gives, the symbols of outside that the layer's ``call`` reads, by their ids)."""
    inside = [s for s in flatten([list(args), dict(kwargs)]) if is_symbol(s)]
    outer = {}
    while True:
        finder, problem, outputs = Finder([*inside, *outer.values()]), None, None
        with _watched(finder):
            try:
                outputs = find(args, {**kwargs, ARGUMENT: outer} if outer else kwargs)
            except Exception as error:
                problem = error
        if not finder.met:
            if problem is not None:
                raise problem
            return outputs, outer
        outer = {**outer, **finder.met}
        _let_take(layer)


def _let_take(layer):
    """Let ``layer.call`` take the values of symbols of outside."""
    call = layer.call
    if hasattr(call, "takes_outer"):
        return

    @functools.wraps(call)
    def run(*args, **kwargs):
        values = kwargs.pop(ARGUMENT, None)
        if values is None:
            return call(*args, **kwargs)
        with _watched(Filler(values)):
            return call(*args, **kwargs)

    run.takes_outer = True
    layer.__dict__["call"] = run
