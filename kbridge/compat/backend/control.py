"""K functions of control: branches, loops, the learning phase, gradients, and functions of graphs."""

from contextlib import contextmanager

import numpy as np

from kbridge import ops
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten, map_structure
from kbridge.compat import computing
from kbridge.compat.backend import graph
from kbridge.compat.backend.calls import graphed

function = graph.Function


# -- the learning phase


def learning_phase():
    """1 in training, else 0: as ``set_learning_phase`` said, as the computation going on says, or a symbol."""
    if computing.computing():
        return int(computing.phase_here())
    return graph.learning_phase() if computing.phase() is None else int(computing.phase())


def set_learning_phase(value):
    """Let models and functions run in training (1) or not (0), whatever they are called for."""
    if value not in (0, 1):
        raise ValueError(f"K.set_learning_phase takes 0 or 1. Received: {value!r}.")
    computing.set_phase(value)


def _value(x):
    return x() if callable(x) else x


def in_train_phase(x, alt, training=None):
    """``x`` in training, else ``alt``; each may be a function that gives it."""
    if training is None:
        training = learning_phase()
    if is_symbol(training) or graph.is_variable(training):
        if graph.is_learning_phase(training):
            return graph.in_train_phase(graph.lifted(_value(x)), graph.lifted(_value(alt)))
        return switch(training, x, alt)
    if isinstance(training, (bool, int, float, np.generic)):
        return _value(x if training else alt)
    return switch(training, x, alt)


def in_test_phase(x, alt, training=None):
    """``alt`` in training, else ``x``; each may be a function that gives it."""
    return in_train_phase(alt, x, training=training)


def switch(condition, then_expression, else_expression):
    """``then_expression`` where ``condition`` holds, else ``else_expression``; each may be a function that gives it."""
    if isinstance(condition, (bool, int, np.bool_)):
        return _value(then_expression if condition else else_expression)
    functions = callable(then_expression) and callable(else_expression)
    if functions and not is_symbol(condition) and computing.computing() and ops.ndim(condition) == 0:
        return ops.cond(ops.cast(condition, "bool"), then_expression, else_expression)
    then, other = _value(then_expression), _value(else_expression)
    return map_structure(lambda a, b: _where(condition, a, b), then, other)


@graphed
def _where(condition, then, other):
    condition = ops.cast(condition, "bool")
    missing = max(ops.ndim(then), ops.ndim(other)) - ops.ndim(condition)
    if missing > 0 and ops.ndim(condition):
        condition = ops.expand_dims(condition, tuple(range(-missing, 0)))
    return ops.where(condition, then, other)


# -- loops


def _looped(run, function, tensors, *args):
    """``run(function, tensors, *args)``: at once on values, else as a node of the graph."""
    leaves = flatten([tensors, args])
    symbolic = any(is_symbol(leaf) for leaf in leaves)
    if not symbolic and (computing.computing() or not any(graph.is_variable(leaf) for leaf in leaves)):
        with computing.running():
            return run(function, tensors, *args)
    tensors, args = map_structure(graph.lifted, tensors), map_structure(graph.lifted, list(args))
    return graph.node(run, (function, tensors, *args))


def map_fn(fn, elems, name=None, dtype=None):
    """``fn`` of each item along the first axis of ``elems``, stacked."""
    found = _looped(_map, fn, elems)
    return found if dtype is None else map_structure(lambda x: ops.cast(x, dtype), found)


def _map(fn, elems):
    return ops.map(lambda item: _tensors(fn(item)), _tensors(elems))


def _tensors(tree):
    return map_structure(ops.convert_to_tensor, tree)


def foldl(fn, elems, initializer=None, name=None):
    """``fn(accumulated, item)`` over the items along the first axis of ``elems``, from first to last."""
    return _looped(_fold, fn, elems, initializer, False)


def foldr(fn, elems, initializer=None, name=None):
    """``fn(accumulated, item)`` over the items along the first axis of ``elems``, from last to first."""
    return _looped(_fold, fn, elems, initializer, True)


def _fold(fn, elems, initializer, backwards):
    elems = _tensors(elems)
    if backwards:
        elems = map_structure(lambda x: ops.flip(x, axis=0), elems)
    if initializer is None:
        initializer = map_structure(lambda x: x[0], elems)
        elems = map_structure(lambda x: x[1:], elems)
    else:
        initializer = _tensors(initializer)
    if flatten([elems])[0].shape[0] == 0:
        return initializer
    return ops.scan(lambda carry, item: (_tensors(fn(carry, item)), None), initializer, elems)[0]


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
):
    """Go through the steps of (samples, steps, ...): ``output, states = step_function(step, states + constants)``.

    At a step that is masked the states stay, and the output is the one before (zeros at first).
    ``input_length`` is not needed: it is in the shape. Returns the last output, all outputs, and the last states.
    """
    if ops.ndim(inputs) < 3:
        raise ValueError(
            f"K.rnn goes through the steps of (samples, steps, features). Received the shape {tuple(inputs.shape)}."
        )
    states, constants = list(initial_states or ()), list(constants or ())
    return _looped(_rnn, step_function, inputs, states, constants, mask, bool(go_backwards), bool(unroll))


def _rnn(step_function, inputs, states, constants, mask, go_backwards, unroll):
    x, states, constants = ops.convert_to_tensor(inputs), _tensors(states), _tensors(constants)
    x = ops.transpose(x, (1, 0, *range(2, ops.ndim(x))))
    if mask is not None:
        mask = ops.cast(mask, "bool")
        mask = ops.transpose(mask if ops.ndim(mask) == 2 else ops.squeeze(mask, -1))
    if go_backwards:
        x, mask = ops.flip(x, axis=0), None if mask is None else ops.flip(mask, axis=0)

    def choose(keep, new, old):
        return ops.where(ops.reshape(keep, (-1, *[1] * (ops.ndim(new) - 1))), new, old)

    def advance(before, states, x, keep):
        output, new = step_function(x, [*states, *constants])
        output, new = ops.convert_to_tensor(output), _tensors(list(new))
        if keep is not None:
            output = choose(keep, output, ops.zeros_like(output) if before is None else before)
            new = [choose(keep, a, b) for a, b in zip(new, states)]
        return output, new

    # The first step by itself: it says what an output is like.
    last, states = advance(None, states, x[0], None if mask is None else mask[0])
    length = x.shape[0]
    if length == 1:
        return last, ops.expand_dims(last, 1), states
    if unroll and length is not None:
        found = [last]
        for i in range(1, length):
            last, states = advance(last, states, x[i], None if mask is None else mask[i])
            found.append(last)
        return last, ops.stack(found, axis=1), states

    def step(carry, item):
        x, keep = item if mask is not None else (item, None)
        output, states = advance(*carry, x, keep)
        return (output, states), output

    rest = x[1:] if mask is None else (x[1:], mask[1:])
    first = ops.expand_dims(last, 0)
    (last, states), outputs = ops.scan(step, (last, states), rest)
    outputs = ops.concatenate([first, outputs], axis=0)
    return last, ops.transpose(outputs, (1, 0, *range(2, ops.ndim(outputs)))), states


# -- gradients


def gradients(loss, variables):
    """The gradients of ``loss`` with respect to symbols and Variables: a list of symbols, None where there is none."""
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    losses = [graph.lifted(x) for x in (loss if isinstance(loss, (list, tuple)) else [loss])]
    for what, items in (("loss", losses), ("variables", wanted)):
        for x in items:
            if not (is_symbol(x) or (what == "variables" and graph.is_variable(x))):
                raise TypeError(
                    f"K.gradients: {what} must be made of symbols, such as model.output or K.placeholder(shape). "
                    f"Received: {type(x).__name__}, a value, which does not remember how it was computed. Write it "
                    f"outside of call() and Lambda, or: kbridge.value_and_grad(lambda: loss_of(x), variables)."
                )
    total = losses[0]
    for more in losses[1:]:
        total = ops.add(ops.sum(total), ops.sum(more))
    return graph.gradients(total, wanted)


@graphed
def stop_gradient(variables):
    """The same values, through which no gradient flows; of a list, each."""
    return map_structure(ops.stop_gradient, variables)


class Print:
    """The operation that prints what it is given: functions with it are not compiled."""

    name = "print"

    def __init__(self, message):
        self.message = message

    def __call__(self, x):
        try:
            text = str(ops.convert_to_numpy(x))
        except Exception:  # a function is being traced: there is no value to show
            text = f"<{ops.dtype(x)} of shape {tuple(x.shape)}>"
        print(self.message, text)
        return x


graph.UNCOMPILED.append(Print)


def print_tensor(x, message=""):
    """``x``, which is printed behind ``message`` whenever it is computed."""
    if is_symbol(x) or (graph.is_variable(x) and not computing.computing()):
        from kbridge.backend.symbolic import KerasTensor, Node

        x = graph.lifted(x)
        return Node(Print(message), (x,), {}, KerasTensor(x.shape, x.dtype)).outputs
    return Print(message)(x)


@contextmanager
def control_dependencies(control_inputs):
    """A block whose results wait for ``control_inputs``. Here whatever is asked for is computed in order."""
    given = control_inputs() if callable(control_inputs) else control_inputs
    given = given if isinstance(given, list) else [given]
    if any(isinstance(x, graph.Update) and not x.applied for x in given):
        raise ValueError(
            "K.control_dependencies cannot hold back updates. Write: K.function(inputs, outputs, updates=[...])."
        )
    yield


def symbolic(func):
    """A decorator that once made ``func`` run on symbols: it does so as it is."""
    return func


def eager(func):
    """A decorator that once made ``func`` run on values: it does so as it is."""
    return func
