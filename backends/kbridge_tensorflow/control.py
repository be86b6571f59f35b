"""Control flow inside graphs. Outside of them Python's own, in the portable bodies, does as well.

An assignment to a variable inside a branch or a loop makes a tensor of an inner graph. It leaves that graph as one
more result of the branch, or as one more loop variable. Which variables these are is found out by tracing: a
construction that meets an assignment it does not know of is started again with it.
"""

import builtins

from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge_tensorflow.load import tf


class _Assigned(Exception):
    """A variable was assigned to that the construction does not carry."""

    def __init__(self, variables):
        super().__init__()
        self.variables = variables


def _carrying(construct):
    """``construct(carried)``, where ``carried`` maps ids to the variables that are assigned to inside.

    It returns a result and the new values of these.
    """
    carried = {}
    while True:
        try:
            result, values = construct(carried)
        except _Assigned as found:
            carried.update(found.variables)
            continue
        for variable, value in zip(carried.values(), values):
            variable.assign(value)
        return result


def _inside(function, carried, values):
    """``function()`` with ``values`` in the place of the carried variables; returns its result and their new values."""
    frame = get_frame()
    if frame.bindings is None:  # assignments go to the storage, and TensorFlow knows how
        return function(), []
    inner = frame.child(bindings={**frame.bindings, **dict(zip(carried, values))}, written={})
    with entered(inner):
        result = function()
    unknown = {key: variable for key, variable in inner.written.items() if key not in carried}
    if unknown:
        raise _Assigned(unknown)
    return result, [inner.bindings[key] for key in carried]


def _values(carried):
    return [variable.value for variable in carried.values()]


def _to_tensors(tree):
    convert = registry.current().convert
    return map_structure(lambda x: None if x is None else convert(x), tree)


def _present(tree):
    """The tensors of a structure in which None may stand as well."""
    return [x for x in flatten(tree) if x is not None]


def _refill(tree, tensors):
    tensors = iter(tensors)
    return pack(tree, [None if x is None else next(tensors) for x in flatten(tree)])


def _described(function):
    """What ``function()`` returns, from a graph of its own that is then thrown away."""
    with tf.__internal__.FuncGraph("description").as_default():
        return function()


def _choose(select, branches):
    def construct(carried):
        values = _values(carried)
        structure = []

        def traced(branch):
            def run():
                result, new = _inside(lambda: _to_tensors(branch()), carried, values)
                if not structure:
                    structure.append(result)
                present = _present(result)
                first = _present(structure[0])
                return [tf.cast(x, like.dtype) for x, like in zip(present, first)] + new

            return run

        found = select([traced(branch) for branch in branches])
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        split = len(found) - len(carried)
        return _refill(structure[0], found[:split]), found[split:]

    return _carrying(construct)


def cond(pred, true_fn, false_fn):
    if tf.executing_eagerly() or not isinstance(pred, tf.Tensor):
        return NotImplemented
    pred = tf.reshape(tf.cast(pred, tf.bool), ())
    return _choose(lambda branches: tf.cond(pred, *branches), [true_fn, false_fn])


def switch(index, branches, *operands):
    if tf.executing_eagerly() or not isinstance(index, tf.Tensor):
        return NotImplemented
    index = tf.clip_by_value(tf.cast(index, tf.int32), 0, len(branches) - 1)
    branches = [lambda branch=branch: branch(*operands) for branch in branches]
    return _choose(lambda branches: tf.switch_case(index, branches), branches)


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    if tf.executing_eagerly():
        return NotImplemented
    many = isinstance(loop_vars, (list, tuple))
    start = _to_tensors(tuple(loop_vars) if many else (loop_vars,))

    def construct(carried):
        def go_on(values, tensors):
            result, _ = _inside(lambda: cond(*_refill(start, values)), carried, tensors)
            return tf.reshape(tf.cast(result, tf.bool), ())

        def advance(values, tensors):
            result, tensors = _inside(lambda: body(*_refill(start, values)), carried, tensors)
            result = _to_tensors(tuple(result) if isinstance(result, (list, tuple)) else (result,))
            return [tf.cast(new, old.dtype) for new, old in zip(_present(result), values)], tensors

        values, tensors = tf.while_loop(
            go_on, advance, (_present(start), _values(carried)), maximum_iterations=maximum_iterations
        )
        return _refill(start, values), tensors

    result = _carrying(construct)
    return result if many else result[0]


def fori_loop(lower, upper, body_fun, init_val):
    if tf.executing_eagerly():
        return NotImplemented
    known = isinstance(lower, int) and isinstance(upper, int)
    start = _to_tensors(init_val)

    def body(i, *values):
        return (i + 1, *_present(_to_tensors(body_fun(i, _refill(start, values)))))

    loop_vars = (tf.cast(lower, tf.int32), *_present(start))
    limit = builtins.max(upper - lower, 0) if known else None
    found = while_loop(lambda i, *_: i < tf.cast(upper, tf.int32), body, loop_vars, limit)
    return _refill(start, found[1:])


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    if tf.executing_eagerly():
        return NotImplemented
    xs, start = _to_tensors(xs), _to_tensors(init)
    columns = _present(xs)
    steps = columns[0].shape[0] if columns else int(length)
    if steps is None:
        steps = tf.shape(columns[0])[0]
    elif not steps or unroll is True or unroll >= steps:
        return NotImplemented

    def item(i):
        return None if xs is None else _refill(xs, [column[i] for column in columns])

    def step(i, values):
        carry, y = f(_refill(start, values), item(i))
        return _to_tensors(carry), _to_tensors(y)

    form = _described(lambda: _inside_freely(lambda: step(0, _present(start))[1]))

    def construct(carried):
        arrays = [
            tf.TensorArray(y.dtype, size=steps, element_shape=y.shape, clear_after_read=False) for y in _present(form)
        ]

        def advance(count, values, arrays, tensors):
            i = steps - 1 - count if reverse else count
            (carry, y), tensors = _inside(lambda: step(i, values), carried, tensors)
            values = [tf.cast(new, old.dtype) for new, old in zip(_present(carry), values)]
            return count + 1, values, [a.write(i, leaf) for a, leaf in zip(arrays, _present(y))], tensors

        _, values, arrays, tensors = tf.while_loop(
            lambda count, *_: count < steps,
            advance,
            (0, _present(start), arrays, _values(carried)),
            maximum_iterations=steps,
        )
        return (_refill(start, values), _refill(form, [array.stack() for array in arrays])), tensors

    return _carrying(construct)


def _inside_freely(function):
    """``function()`` with its assignments forgotten."""
    frame = get_frame()
    if frame.bindings is None:
        return function()
    with entered(frame.child(bindings=dict(frame.bindings), written={})):
        return function()


def vectorized_map(function, elements):
    frame = get_frame()
    elements = _to_tensors(elements)
    inner = frame.child(bindings=dict(frame.bindings or {}), captures=True, touched={}, written={})

    def traced(items):
        with entered(inner):
            return _to_tensors(function(items))

    try:
        result = tf.vectorized_map(traced, elements)
    except (ValueError, TypeError, NotImplementedError, tf.errors.OpError):
        return NotImplemented  # there an error of the function itself is met again
    return NotImplemented if inner.written else result


def call_with_gradient(function, args):
    args = _to_tensors(tuple(args))
    form = []

    @tf.custom_gradient
    def run(*tensors):
        outputs, gradient = function(*tensors)
        outputs = _to_tensors(outputs)
        form.append(outputs)

        def backward(*upstream):
            found = gradient(_refill(outputs, upstream))
            found = tuple(found) if isinstance(found, (list, tuple)) else (found,)
            return [None if x is None else _to_tensors(x) for x in found]

        return _present(outputs), backward

    found = run(*args)
    return _refill(form[-1], found if isinstance(found, (list, tuple)) else [found])
