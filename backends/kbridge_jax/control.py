"""Control flow by XLA's own loops and branches. What a body assigns to variables is carried along."""

import jax
import jax.numpy as jnp

from kbridge.backend import registry
from kbridge.backend.frame import entered
from kbridge_jax.transform import captured


def _tensors(tree):
    return jax.tree.map(registry.current().convert, tree)


def _is_traced(x):
    return isinstance(x, jax.core.Tracer)


class _Assigned(Exception):
    """A body assigned variables that were not carried."""

    def __init__(self, variables):
        super().__init__("variables were assigned")
        self.variables = variables


def _carrying(attempt):
    """``attempt(carried, start)``, with the variables that the bodies in it assign; it returns (result, values).

    Which ones these are shows when the bodies are traced; it then starts anew.
    """
    carried = {}
    while True:
        try:
            result, values = attempt(carried, [variable._own() for variable in carried.values()])
        except _Assigned as found:
            carried.update(found.variables)
            continue
        for variable, value in zip(carried.values(), values):
            variable.assign(value)
        return result


def _run(function, args, carried, values):
    """The results of ``function(*args)`` as tensors, and the new values of the carried variables."""
    result, frame = captured(function, args, dict(zip(carried, values)))
    new = {key: variable for key, variable in frame.written.items() if key not in carried}
    if new:
        raise _Assigned(new)
    with entered(frame):
        return _tensors(result), [frame.bindings[key] for key in carried]


def cond(pred, true_fn, false_fn):
    pred = registry.current().convert(pred)
    if not _is_traced(pred):
        return _tensors(true_fn() if pred else false_fn())

    def attempt(carried, start):
        branches = [lambda values, f=f: _run(f, (), carried, values) for f in (true_fn, false_fn)]
        return jax.lax.cond(pred.astype(bool), *branches, start)

    return _carrying(attempt)


def switch(index, branches, *operands):
    operands = _tensors(operands)
    index = registry.current().convert(index)
    if not _is_traced(index):
        return _tensors(branches[min(max(int(index), 0), len(branches) - 1)](*operands))

    def attempt(carried, start):
        functions = [lambda operands, values, f=f: _run(f, operands, carried, values) for f in branches]
        return jax.lax.switch(index, functions, operands, start)

    return _carrying(attempt)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    single = not isinstance(loop_vars, (list, tuple))
    first = _tensors((loop_vars,) if single else tuple(loop_vars))

    def attempt(carried, start):
        def test(state):
            count, current, values = state
            holds = _run(cond, current, carried, values)[0].reshape(())
            return holds if maximum_iterations is None else jnp.logical_and(holds, count < maximum_iterations)

        def step(state):
            count, current, values = state
            new, values = _run(body, current, carried, values)
            return count + 1, tuple(new) if isinstance(new, (list, tuple)) else (new,), values

        _, last, values = jax.lax.while_loop(test, step, (jnp.int32(0), first, start))
        return last, values

    result = _carrying(attempt)
    return result[0] if single else result


def fori_loop(lower, upper, body_fun, init_val):
    convert = registry.current().convert
    lower, upper = (bound if isinstance(bound, int) else convert(bound, "int32") for bound in (lower, upper))
    init_val = _tensors(init_val)

    def attempt(carried, start):
        return jax.lax.fori_loop(
            lower, upper, lambda i, state: _run(body_fun, (i, state[0]), carried, state[1]), (init_val, start)
        )

    return _carrying(attempt)


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    init, xs = _tensors(init), _tensors(xs)

    def attempt(carried, start):
        def step(state, x):
            (carry, y), values = _run(f, (state[0], x), carried, state[1])
            return (carry, values), y

        (carry, values), ys = jax.lax.scan(step, (init, start), xs, length, reverse, unroll)
        return (carry, ys), values

    return _carrying(attempt)


def map(f, xs):
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


def vectorized_map(function, elements):
    elements = _tensors(elements)

    def attempt(carried, start):
        # What is assigned must be the same for every item, as a seed's next state is.
        run = jax.vmap(lambda item: _run(function, (item,), carried, start), out_axes=(0, None))
        return run(elements)

    return _carrying(attempt)


def associative_scan(f, elems, reverse=False, axis=0):
    return jax.lax.associative_scan(lambda a, b: _tensors(f(a, b)), _tensors(elems), reverse, axis)


def call_with_gradient(function, args):
    engine = registry.current()
    args = [engine.convert(arg) if hasattr(arg, "dtype") or isinstance(arg, float) else arg for arg in args]
    smooth = [i for i, arg in enumerate(args) if isinstance(arg, jax.Array) and arg.dtype in engine.float_dtypes]

    def attempt(carried, start):
        @jax.custom_gradient
        def run(*given):
            own = list(args)
            for i, tensor in zip(smooth, given):
                own[i] = tensor
            rule = []

            def outputs_only(*own):
                outputs, gradient = function(*own)
                rule.append(gradient)
                return outputs

            results = _run(outputs_only, own, carried, start)

            def backward(upstream):
                found = rule[0](upstream[0])
                found = tuple(found) if isinstance(found, (list, tuple)) else (found,)
                if len(found) == len(args):
                    found = [found[i] for i in smooth]
                return tuple(
                    jnp.zeros_like(x) if part is None else engine.convert(part, x.dtype.name)
                    for part, x in zip(found, given)
                )

            return results, backward

        return run(*(args[i] for i in smooth))

    return _carrying(attempt)


def jvp(fun, primals, tangents, has_aux=False):
    primals, tangents = _tensors(tuple(primals)), _tensors(tuple(tangents))
    tangents = jax.tree.map(lambda x, moved: moved.astype(x.dtype), primals, tangents)

    def attempt(carried, start):
        def pure(*args):
            result, values = _run(fun, args, carried, start)
            outputs, aux = result if has_aux else (result, None)
            return outputs, (aux, values)

        outputs, derivatives, (aux, values) = jax.jvp(pure, primals, tangents, has_aux=True)
        return ((outputs, derivatives, aux) if has_aux else (outputs, derivatives)), values

    return _carrying(attempt)
