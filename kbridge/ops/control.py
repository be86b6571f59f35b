"""Control flow, and functions of functions. The portable bodies are Python's own loops and branches."""

from __future__ import annotations

from functools import partial, reduce, wraps

from kbridge.backend import registry
from kbridge.backend.abstract import Abstract
from kbridge.backend.frame import get_frame
from kbridge.backend.op import OPS, op
from kbridge.backend.shapes import canonical_axis
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.ops.arrays import concatenate, flip, stack, zeros, zeros_like
from kbridge.ops.core import convert_to_tensor
from kbridge.ops.indexing import unstack
from kbridge.ops.math import add
from kbridge.ops.reductions import sum

__all__ = [
    "associative_scan",
    "cond",
    "custom_gradient",
    "fori_loop",
    "jvp",
    "map",
    "scan",
    "switch",
    "vectorized_map",
    "while_loop",
]


def structured(define=op, **options):
    """Like ``op``, for functions whose tensors lie inside structures: a symbol anywhere makes a graph node."""

    def decorate(function):
        made = define(None, **options)(function)

        @wraps(function)
        def call(*args, **kwargs):
            engine = get_frame().engine
            shapes_only = engine.tensor_types if engine is not None and engine.abstract else ()
            for leaf in flatten([args, kwargs]):
                apply_op = getattr(type(leaf), "apply_op", None)
                if apply_op is not None and type(leaf) not in shapes_only:
                    return apply_op(made.spec, args, kwargs)
            return made(*args, **kwargs)

        call.spec, call.implementations = made.spec, made.implementations
        OPS[made.spec.name] = call
        return call

    return decorate


def _tensors(tree):
    return map_structure(lambda leaf: None if leaf is None else convert_to_tensor(leaf), tree)


def _length(xs, axis=0):
    """The common length of the leaves of ``xs`` along ``axis``."""
    lengths = {leaf.shape[axis] for leaf in flatten(xs) if leaf is not None}
    if len(lengths) != 1:
        raise ValueError(
            f"All tensors must have the same length along axis {axis}. Received lengths {sorted(lengths)}."
        )
    return lengths.pop()


def _check_alike(name, first, second, what):
    def describe(tree):
        return [getattr(leaf, "shape", None) for leaf in flatten(tree)]

    if describe(first) != describe(second):
        raise ValueError(f"{name}: {what} must have the same shapes: {describe(first)} against {describe(second)}.")


# -- branches


def _cond_shape(pred, true_fn, false_fn):
    if isinstance(pred, bool):
        return _tensors((true_fn if pred else false_fn)())
    result, other = _tensors(true_fn()), _tensors(false_fn())
    _check_alike("cond", result, other, "the results of true_fn and false_fn")
    return result


@structured(shape=_cond_shape)
def cond(pred, true_fn, false_fn):
    """``true_fn()`` where the scalar ``pred`` holds, else ``false_fn()``."""
    return true_fn() if bool(pred) else false_fn()


def _switch_shape(index, branches, *operands):
    results = [_tensors(branch(*operands)) for branch in branches]
    for other in results[1:]:
        _check_alike("switch", results[0], other, "the results of all branches")
    return results[0]


@structured(shape=_switch_shape)
def switch(index, branches, *operands):
    """``branches[index](*operands)``; an index outside of the list is moved to its nearer end."""
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


# -- loops


def _as_tuple(values):
    return tuple(values) if isinstance(values, (list, tuple)) else (values,)


def _while_shape(cond, body, loop_vars, maximum_iterations=None):
    values = _tensors(_as_tuple(loop_vars))
    cond(*values)
    _check_alike("while_loop", values, _tensors(_as_tuple(body(*values))), "loop_vars and the result of body")
    return values if isinstance(loop_vars, (list, tuple)) else values[0]


@structured(shape=_while_shape)
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """Repeat ``loop_vars = body(*loop_vars)`` while ``cond(*loop_vars)`` holds, at most so many times."""
    values = _tensors(_as_tuple(loop_vars))
    rounds = 0
    while (maximum_iterations is None or rounds < maximum_iterations) and bool(cond(*values)):
        values = _as_tuple(body(*values))
        rounds += 1
    return values if isinstance(loop_vars, (list, tuple)) else values[0]


def _fori_shape(lower, upper, body_fun, init_val):
    value = _tensors(init_val)
    _check_alike(
        "fori_loop", value, _tensors(body_fun(Abstract((), "int32"), value)), "init_val and the result of body_fun"
    )
    return value


@structured(shape=_fori_shape)
def fori_loop(lower, upper, body_fun, init_val):
    """Repeat ``value = body_fun(i, value)`` for i from ``lower`` to ``upper`` - 1, from ``init_val`` on."""
    value = _tensors(init_val)
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def _scan_length(xs, length):
    if xs is None and length is None:
        raise ValueError("scan needs the number of steps. Pass xs, or length=.")
    if not flatten(xs) or xs is None:
        return int(length)
    found = _length(xs)
    if length is not None and isinstance(found, int) and found != int(length):
        raise ValueError(f"scan: length={length}, but the tensors in xs have the length {found}.")
    return found


def _scan_shape(f, init, xs=None, length=None, reverse=False, unroll=1):
    xs, carry = _tensors(xs), _tensors(init)
    length = _scan_length(xs, length)
    x = map_structure(lambda leaf: None if leaf is None else Abstract(leaf.shape[1:], leaf.dtype), xs)
    new, y = f(carry, x)
    new, y = _tensors(new), _tensors(y)
    _check_alike("scan", carry, new, "init and the carry that f returns")
    return new, map_structure(lambda leaf: None if leaf is None else Abstract((length, *leaf.shape), leaf.dtype), y)


@structured(shape=_scan_shape)
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """``carry, y = f(carry, x)`` for each x along the first axis of ``xs``: the last carry, and the ys stacked.

    With ``reverse`` it goes from the last x to the first, and the ys stand in the places of their xs.
    ``unroll`` says how many steps a compiling engine may write out at once; it does not change the result.
    """
    xs, carry = _tensors(xs), _tensors(init)
    length = _scan_length(xs, length)
    if length == 0:
        raise ValueError("scan: there is no step to take; xs is empty.")
    columns = [None if leaf is None else unstack(leaf) for leaf in flatten(xs)]
    ys = []
    for i in reversed(range(length)) if reverse else range(length):
        x = None if xs is None else pack(xs, [None if column is None else column[i] for column in columns])
        carry, y = f(carry, x)
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, map_structure(lambda *leaves: None if leaves[0] is None else stack(leaves), *ys)


def _map_shape(f, xs):
    xs = _tensors(xs)
    length = _length(xs)
    y = _tensors(f(map_structure(lambda leaf: Abstract(leaf.shape[1:], leaf.dtype), xs)))
    return map_structure(lambda leaf: Abstract((length, *leaf.shape), leaf.dtype), y)


@structured(shape=_map_shape)
def map(f, xs):
    """``f`` of each item along the first axis of ``xs``, one after the other; the results stacked."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@structured(shape=lambda function, elements: _map_shape(function, elements))
def vectorized_map(function, elements):
    """``function`` of each item along the first axis of ``elements``, all at once where the engine can; stacked."""
    return map(function, elements)


@structured()
def associative_scan(f, elems, reverse=False, axis=0):
    """The running results of the associative ``f`` along ``axis``: y[i] = f(y[i - 1], x[i]), in log2(n) steps.

    ``f`` takes and returns structures like ``elems``, and treats all positions along ``axis`` alike.
    """
    elems = _tensors(elems)
    axis = canonical_axis(axis, flatten(elems)[0].ndim)
    length = _length(elems, axis)
    if reverse:
        elems = map_structure(lambda x: flip(x, axis=axis), elems)

    def part(x, start, stop):
        return x[(slice(None),) * axis + (slice(start, stop),)]

    reach = 1
    while reach < length:
        earlier = map_structure(lambda x, r=reach: part(x, None, length - r), elems)
        later = map_structure(lambda x, r=reach: part(x, r, None), elems)
        joined = f(earlier, later)
        elems = map_structure(lambda x, y, r=reach: concatenate([part(x, None, r), y], axis=axis), elems, joined)
        reach *= 2
    return map_structure(lambda x: flip(x, axis=axis), elems) if reverse else elems


# -- gradients


@structured(op.required, shape=lambda function, args: function(*args)[0])
def call_with_gradient(function, args):
    """The first of ``function(*args)`` = (outputs, gradient), differentiated by ``gradient``.

    ``gradient(upstream)`` takes the gradient of the outputs and returns that of each of ``args`` (a tuple of
    tensors), or a single one where there is one argument. What engines bring for ``custom_gradient``.
    """


def custom_gradient(f):
    """Make ``f``, which returns (outputs, gradient), a function of outputs that is differentiated by ``gradient``.

    ``gradient(upstream)`` takes the gradient of the outputs, and returns one for each argument of ``f``.
    """

    @wraps(f)
    def call(*args, **kwargs):
        args = tuple(arg.value if getattr(arg, "is_variable", False) else arg for arg in args)
        return call_with_gradient(partial(f, **kwargs) if kwargs else f, args)

    return call


def _jvp_shape(fun, primals, tangents, has_aux=False):
    found = fun(*_tensors(primals))
    outputs, *aux = found if has_aux else (found,)
    outputs = _tensors(outputs)
    return (outputs, outputs, *aux)


@structured(shape=_jvp_shape)
def jvp(fun, primals, tangents, has_aux=False):
    """``fun(*primals)``, and how it changes when the primals move along ``tangents``.

    With ``has_aux``, ``fun`` returns (outputs, aux), and aux comes back as the third result.
    """
    if len(primals) != len(tangents):
        raise ValueError(f"jvp needs one tangent for each primal. Received {len(primals)} and {len(tangents)}.")
    primals, tangents = _tensors(list(primals)), _tensors(list(tangents))
    _check_alike("jvp", primals, tangents, "primals and tangents")
    found = fun(*primals)
    outputs, *aux = found if has_aux else (found,)
    value_and_grad = registry.current().value_and_grad
    still = [zeros_like(leaf) for leaf in flatten(outputs)]

    def inner(xs, ys):
        products = [sum(x * y) for x, y in zip(xs, ys, strict=True) if x is not None]
        return reduce(add, products) if products else zeros(())

    def transposed(*weights):
        """The gradient of the outputs, so weighted, along the tangents: linear in the weights."""

        def weighted(*leaves):
            result = fun(*pack(primals, leaves))
            return inner(flatten(result[0] if has_aux else result), weights)

        _, gradients = value_and_grad(weighted, flatten(primals))
        return inner(gradients, flatten(tangents))

    _, derivatives = value_and_grad(transposed, still)
    derivatives = [zero if d is None else d for zero, d in zip(still, derivatives, strict=True)]
    return (outputs, pack(outputs, derivatives), *aux)
