"""``vectorize``: a function of single items, or of small tensors, made one of whole tensors."""

from __future__ import annotations

import re
from functools import wraps

from kbridge.backend.abstract import broadcast_shapes
from kbridge.backend.shapes import product
from kbridge.backend.tree import map_structure
from kbridge.ops.arrays import broadcast_to, reshape
from kbridge.ops.control import vectorized_map
from kbridge.ops.core import convert_to_tensor, shape

_TERM = r"\([\w,]*\)"
_SIGNATURE = re.compile(rf"({_TERM}(?:,{_TERM})*|)->({_TERM}(?:,{_TERM})*)")


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function that applies ``pyfunc`` to every item of its arguments, broadcast together.

    Arguments whose position (or name) is among ``excluded`` are passed on whole. A ``signature`` such as
    "(m,n),(n)->(m)" says that ``pyfunc`` works on the last axes of each argument, not on single items.
    """
    excluded = set(excluded or ())
    cores = None if signature is None else _parse(signature)

    @wraps(pyfunc)
    def vectorized(*args, **kwargs):
        whole = {name: value for name, value in kwargs.items() if name in excluded}
        mapped = [i for i in range(len(args)) if i not in excluded]
        names = [name for name in kwargs if name not in excluded]
        values = [convert_to_tensor(args[i]) for i in mapped] + [convert_to_tensor(kwargs[name]) for name in names]
        ranks = [0] * len(values) if cores is None else cores
        if len(ranks) != len(values):
            raise ValueError(f"vectorize: the signature {signature!r} takes {len(ranks)} tensors, not {len(values)}.")
        dims = [shape(value) for value in values]
        loop = broadcast_shapes(*(d[: len(d) - rank] for d, rank in zip(dims, ranks)))
        rows = []
        for value, d, rank in zip(values, dims, ranks):
            core = d[len(d) - rank :]
            rows.append(reshape(broadcast_to(value, (*loop, *core)), (product(loop), *core)))

        def one(row):
            given = list(args)
            for i, item in zip(mapped, row):
                given[i] = item
            return pyfunc(*given, **whole, **dict(zip(names, row[len(mapped) :])))

        results = vectorized_map(one, tuple(rows))
        return map_structure(lambda result: reshape(result, (*loop, *shape(result)[1:])), results)

    return vectorized


def _parse(signature):
    """The number of core axes of each argument."""
    match = _SIGNATURE.fullmatch(signature.replace(" ", ""))
    if match is None:
        raise ValueError(f'vectorize: expected a signature such as "(m,n),(n)->(m)". Received: {signature!r}.')
    return [len([name for name in term.split(",") if name]) for term in re.findall(r"\(([\w,]*)\)", match.group(1))]
