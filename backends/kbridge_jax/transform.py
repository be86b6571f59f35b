"""From imperative functions to pure ones: gradients, compiled steps, compiled loops of steps.

A function that reads and assigns variables is run in a frame where tracers stand in for them. What it
assigned is then one more of its results, and is put into the variables outside.
"""

from collections import OrderedDict
from itertools import starmap

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun

from kbridge.backend.frame import entered, get_frame
from kbridge_jax import wide

_ARRAY = type(jax.device_put(0))
_ROUNDS = 10  # more than that, and the function makes new variables whenever it runs


def captured(function, args, bound, engine=None):
    """``function(*args)`` with ``bound`` (id -> tensor) standing in for variables; returns result and frame.

    The frame's ``bindings`` hold what was assigned, ``written`` which variables, ``touched`` those not bound.
    """
    outer = get_frame()
    frame = outer.child(
        engine=engine or outer.engine,
        bindings={**(outer.bindings or {}), **bound},
        captures=True,
        touched=outer.touched if outer.captures else {},
        written={},
    )
    with entered(frame):
        return function(*args), frame


# -- gradients


def value_and_grad(engine, function, variables, has_aux):
    """``Backend.value_and_grad`` by ``jax.vjp``, on concrete values and inside any trace alike."""
    items = list(variables)
    watched = [getattr(item, "is_variable", False) for item in items]
    primals = [engine.convert(item._own() if is_own else item) for item, is_own in zip(items, watched)]
    smooth = [i for i, primal in enumerate(primals) if primal.dtype in engine.float_dtypes]
    reached = [False] * len(items)
    kept = {}  # results that are no tensors, and the variables that were assigned

    def pure(*given):
        given = _observe(given, [reached, smooth])
        stand_ins = list(primals)
        for i, tensor in zip(smooth, given):
            stand_ins[i] = tensor
        bound = {id(item): x for item, x, is_own in zip(items, stand_ins, watched) if is_own}
        arguments = [x for x, is_own in zip(stand_ins, watched) if not is_own]
        result, frame = captured(function, arguments, bound, engine)
        value, aux = result if has_aux else (result, None)
        with entered(frame):
            value = engine.convert(value)
            leaves, kept["tree"] = jax.tree.flatten(aux)
            leaves = [leaf.value if getattr(leaf, "is_variable", False) else leaf for leaf in leaves]
        if value.shape or value.dtype not in engine.float_dtypes:
            raise ValueError(
                f"Gradients are taken of one float: the loss. Received a value of shape {value.shape} and dtype "
                f"{value.dtype}. Write: ops.sum(value) or ops.mean(value)."
            )
        kept["rest"] = [None if isinstance(leaf, jax.Array) else (leaf,) for leaf in leaves]
        kept["written"] = list(frame.written.values())
        assigned = [frame.bindings[key] for key in frame.written]
        return value, ([leaf for leaf in leaves if isinstance(leaf, jax.Array)], assigned)

    before = wide.entries
    value, backward, (tensors, assigned) = jax.vjp(pure, *(primals[i] for i in smooth), has_aux=True)
    one = jnp.ones((), value.dtype) if value.dtype not in wide.DTYPES else _wide_one(value.dtype)
    if wide.entries == before:
        found = backward(one)
    else:
        with wide.scope():
            found = backward(one)
    gradients = [None] * len(items)
    for i, gradient in zip(smooth, found):
        if reached[i]:
            gradients[i] = gradient
    for variable, tensor in zip(kept["written"], assigned):
        variable.assign(tensor)
    if not has_aux:
        return value, gradients
    tensors = iter(tensors)
    leaves = [rest[0] if rest else next(tensors) for rest in kept["rest"]]
    return (value, jax.tree.unflatten(kept["tree"], leaves)), gradients


def _wide_one(dtype):
    with wide.scope():
        return jnp.ones((), dtype)


def _observe(tensors, record):
    """``tensors`` as they are; on the way back it is noted which ones a gradient reached."""
    reached, positions = record

    @jax.custom_vjp
    def same(*xs):
        return xs

    def forward(*xs):
        return tuple(x.value for x in xs), None

    def backward(_, cotangents):
        found = []
        for i, cotangent in zip(positions, cotangents):
            reached[i] = not isinstance(cotangent, jax.custom_derivatives.SymbolicZero)
            found.append(cotangent if reached[i] else jnp.zeros(cotangent.shape, cotangent.dtype))
        return tuple(found)

    same.defvjp(forward, backward, symbolic_zeros=True)
    return same(*tensors) if tensors else ()


# -- arguments and results of compiled functions


class _Fixed:
    """A leaf that is no tensor (a string, a bool, an object): part of the signature of a trace."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is _Fixed and (self.value is other.value or self._same(other))

    def _same(self, other):
        return type(self.value) is type(other.value) and bool(self.value == other.value)

    def __hash__(self):
        try:
            return hash(self.value)
        except TypeError:
            return id(self.value)


jax.tree_util.register_pytree_node(_Fixed, lambda fixed: ((), fixed), lambda fixed, _: fixed)


class _Mixed:
    """A structure in which some leaves are ``_Fixed``."""

    def __init__(self, tree):
        self.tree = tree


jax.tree_util.register_pytree_node(_Mixed, lambda mixed: ((mixed.tree,), None), lambda _, parts: _Mixed(*parts))


def _is_plain(x):
    """Whether jax.jit takes ``x`` as it is, and nobody can change it while a step is still under way."""
    kind = type(x)
    if kind is _ARRAY or x is None:
        return True
    if kind is tuple or kind is list:
        return all(map(_is_plain, x))
    return kind is dict and all(map(_is_plain, x.values()))


def _prepared(engine, tree):
    """Arguments as jax.jit takes them: numbers and arrays of all kinds as tensors, everything else fixed."""

    def prepare(leaf):
        kind = type(leaf)
        if kind is _ARRAY:
            return leaf
        if kind is np.ndarray and leaf.dtype.kind in "fiub" and leaf.dtype not in wide.DTYPES:
            return leaf.copy()  # JAX may still read it while the caller writes to it
        if kind in (int, float, complex) or hasattr(leaf, "__array__") or hasattr(leaf, "__dlpack__"):
            return engine.convert(leaf)
        return _Fixed(leaf)

    return jax.tree.map(prepare, tree)


def _unwrapped(tree):
    return jax.tree.map(
        lambda leaf: leaf.value if type(leaf) is _Fixed else leaf, tree, is_leaf=lambda leaf: type(leaf) is _Fixed
    )


def _in_order(tree):
    """A dict of results (logs) in a form that keeps its order: JAX sorts the keys of plain ones."""
    return OrderedDict(tree) if type(tree) is dict else tree


def _as_returned(tree):
    return dict(tree) if type(tree) is OrderedDict else tree


def _results(engine, frame, tree):
    """What a function returned, with tensors for variables and arrays, and anything else fixed."""
    with entered(frame):

        def prepare(leaf):
            if getattr(leaf, "is_variable", False):
                return leaf.value
            if isinstance(leaf, (jax.Array, np.ndarray)):
                return engine.convert(leaf)
            return _Fixed(leaf)

        tree = jax.tree.map(prepare, _in_order(tree))
    fixed = any(type(leaf) is _Fixed for leaf in jax.tree.leaves(tree, is_leaf=lambda leaf: type(leaf) is _Fixed))
    return _Mixed(tree) if fixed else tree


# -- compiled functions


class _Discovered(Exception):
    """A function touched variables that were not among its inputs, or needs 64 bits, which was not known."""

    def __init__(self, variables, is_wide=False):
        super().__init__("variables were discovered")
        self.variables = variables
        self.is_wide = is_wide


class _Traced:
    """One trace of a function over variables and arguments of given shapes, to be replayed inside other traces.

    Knowing what the function assigns before anything is compiled is what allows to donate just that.
    """

    def __init__(self, engine, function, variables, args):
        keys = list(variables)

        def pure(values, args):
            with wide.default():
                result, frame = captured(function, _unwrapped(args), dict(zip(keys, values)), engine)
            unknown = {key: v for key, v in frame.touched.items() if key not in variables}
            if unknown:
                raise _Discovered(unknown)
            self.written = [key for key in keys if key in frame.written]
            return [frame.bindings[key] for key in self.written], _results(engine, frame, result)

        specs = [jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.dtype)) for v in variables.values()]
        before = wide.entries
        with jax.enable_x64(True):  # for the specs; the function itself sees the user's setting
            self.program, shapes = jax.make_jaxpr(pure, return_shape=True)(specs, args)
        self.is_wide = wide.entries > before or any(v.dtype in wide.NAMES for v in variables.values())
        self.keys = keys
        self.tree = jax.tree.structure(shapes)
        used = {id(x) for equation in self.program.jaxpr.eqns for x in equation.invars}
        used |= {id(x) for x in self.program.jaxpr.outvars}
        self.used = [key for key, x in zip(keys, self.program.jaxpr.invars) if id(x) in used]

    def run(self, values, args):
        """(what was assigned: id -> tensor, result) for ``values`` (id -> tensor) of the variables."""
        leaves = jax.tree.leaves(([values.get(key, 0) for key in self.keys], args))
        found = jaxpr_as_fun(self.program)(*leaves)
        assigned, result = jax.tree.unflatten(self.tree, found)
        return dict(zip(self.written, assigned)), result


class _Program:
    """A jitted pure function over the variables that a function touches, and how they go in and out.

    Those that it assigns are donated: their arrays are updated in place. An array that anyone outside may
    hold is copied first.
    """

    def __init__(self, engine, state):
        self.engine = engine
        self.variables = {id(v): v for v in state}
        self.needed = set()  # those that some later trace turned out to read
        self.is_wide = False  # whether anything in it has 64 bits
        self.run = None

    def __call__(self, *args):
        """The results for ``args``; the variables hold what was assigned."""
        for _ in range(_ROUNDS):
            try:
                return (self.run or self.build(args))(args)
            except _Discovered as found:
                self.variables.update(found.variables)
                self.needed.update(found.variables)
                self.is_wide |= found.is_wide
                self.run = None
        raise ValueError(
            "A compiled function creates new Variables whenever it runs. Create them once, outside of it "
            "or in a layer's build()."
        )

    def trace(self, args):
        """Trace for ``args``: the ids of the variables that are assigned, and of those that are read."""
        raise NotImplementedError

    def pure(self, values, args):
        """(assigned, result), inside jax.jit; ``values`` and ``assigned`` map ids to tensors."""
        raise NotImplementedError

    def build(self, args):
        engine = self.engine
        written, used = self.trace(args)
        written = set(written)
        used = written | set(used) | self.needed
        changing = [v for key, v in self.variables.items() if key in written]
        constant = [v for key, v in self.variables.items() if key in used and key not in written]
        inputs = [id(v) for v in changing + constant]

        def pure(changing_values, constant_values, args):
            values = dict(zip(inputs, [*changing_values, *constant_values]))
            assigned, result = self.pure(values, args)
            new = [assigned.get(id(v), values[id(v)]) for v in changing]
            # What only this trace assigns and the first did not.
            more = {i: assigned[id(v)] for i, v in enumerate(constant) if id(v) in assigned}
            return new, more, result

        self.jitted = jitted = jax.jit(pure, donate_argnums=0)

        def run(args):
            storages = []
            values = []
            for variable in changing:
                held_by, storage = variable._cell
                if held_by is not engine:
                    storage = variable._move(engine)[1]
                storages.append(storage)
                values.append(_copy(storage.array) if storage.shared else storage.array)
            constants = []
            for variable in constant:
                held_by, storage = variable._cell
                if held_by is not engine:
                    storage = variable._move(engine)[1]
                constants.append(storage.array)
            found = []
            try:
                # One call for Python, so that Ctrl-C cannot come between the donation and having the results.
                found.extend(starmap(jitted, ((values, constants, args),)))
                take_over(storages, *found[0])
            except BaseException:
                if found:
                    take_over(storages, *found[0])
                raise
            return found[0][2]

        def take_over(storages, new, more, _):
            for storage, array in zip(storages, new):
                storage.array = array
                storage.shared = False
            for i, array in more.items():
                storage = constant[i]._cell[1]
                storage.array = array
                storage.shared = False

        self.run = wide.inside(run) if self.is_wide else run
        return self.run


def _copy(array):
    return jax.device_put(array, may_alias=False)


class Compiled:
    """``Backend.compile``."""

    def __init__(self, engine, function, state):
        self._function = function
        self._program = _Step(engine, function, state)
        self._engine = engine

    def __call__(self, *args):
        if get_frame().captures:  # already part of something that is being traced
            return self._function(*args)
        if not all(map(_is_plain, args)):
            args = _prepared(self._engine, args)
        result = self._program(*args)
        return _as_returned(_unwrapped(result.tree) if type(result) is _Mixed else result)


class _Step(_Program):
    def __init__(self, engine, function, state):
        super().__init__(engine, state)
        self.function = function
        self.first = None  # the trace that told what is assigned, to be compiled next

    def trace(self, args):
        self.first = _Traced(self.engine, self.function, self.variables, args)
        self.is_wide |= self.first.is_wide
        return self.first.written, self.first.used

    def pure(self, values, args):
        traced, self.first = self.first, None
        if traced is not None:
            return traced.run(values, args)
        before = wide.entries
        with wide.default():
            result, frame = captured(self.function, _unwrapped(args), values, self.engine)
        unknown = {key: v for key, v in frame.touched.items() if key not in values}
        is_wide = wide.entries > before
        if unknown or is_wide > self.is_wide:
            raise _Discovered(unknown, is_wide)
        return {key: frame.bindings[key] for key in frame.written}, _results(self.engine, frame, result)


_BLOCK = 1 << 16  # indices handed over at a time


class Loop:
    """``Backend.compile_loop``: steps, the tail of each epoch, and its results, for many epochs in one program.

    The program is made for blocks of so many epochs of so many steps, and told how many of them are there:
    other numbers of epochs, and similar numbers of steps, need no other program.
    """

    def __init__(self, engine, step, finish, state):
        self._engine = engine
        self._program = _Epochs(engine, step, finish, state)

    def __call__(self, data, rows, tail=None):
        rows = np.asarray(rows, "int32")
        tail = None if tail is None else np.asarray(tail, "int32")
        if not _is_plain(data):
            data = _prepared(self._engine, data)
        epochs, steps, batch = rows.shape
        room = _room(steps)
        at_once = 1 << max((_BLOCK // max(room * batch, 1)).bit_length() - 1, 0)
        found = []
        for start in range(0, epochs, at_once):
            own = rows[start : start + at_once]
            own_tail = None if tail is None else _padded(tail[start : start + at_once], (at_once, tail.shape[1]))
            own_rows = _padded(own, (at_once, room, batch))
            result = self._program(data, own_rows, own_tail, np.int32(len(own)), np.int32(steps))
            found.append(_unwrapped(result.tree) if type(result) is _Mixed else result)

        def join(*parts):
            joined = np.concatenate([np.asarray(part) for part in parts])
            return joined[:epochs]  # only the last block has room to spare

        return _as_returned(jax.tree.map(join, *found))


def _room(count):
    """``count`` rounded up by at most a quarter."""
    unit = 1 << max(count.bit_length() - 3, 0)
    return -(-count // unit) * unit


def _padded(array, shape):
    room = np.zeros(shape, array.dtype)
    room[tuple(map(slice, array.shape))] = array
    return room


class _Epochs(_Program):
    def __init__(self, engine, step, finish, state):
        super().__init__(engine, state)
        self.step = step
        self.finish = finish
        self.traces = {}

    def trace(self, args):
        data, rows, tail, _, _ = args
        self.traces.clear()
        traces = [self._traced(data, rows.shape[-1]), self._traced(None, 0)]
        if tail is not None:
            traces.append(self._traced(data, tail.shape[-1]))
        return [key for t in traces for key in t.written], [key for t in traces for key in t.used]

    def _finish(self):
        return jax.tree.map(self.engine.convert, _in_order(self.finish()))

    def _traced(self, data, size):
        """The trace of ``step`` for batches of ``size``; of ``finish``, for no data."""
        specs = jax.tree.map(lambda x: jax.ShapeDtypeStruct((size, *x.shape[1:]), x.dtype), data)
        leaves, tree = jax.tree.flatten(specs)
        key = (size, tree, *((spec.shape, spec.dtype) for spec in leaves))
        if key not in self.traces:
            function, args = (self._finish, ()) if data is None else (self.step, (specs,))
            self.traces[key] = traced = _Traced(self.engine, function, self.variables, args)
            self.is_wide |= traced.is_wide
        return self.traces[key]

    def pure(self, values, args):
        data, rows, tail, epochs, steps = args
        finish = self._traced(None, 0)
        step = self._traced(data, rows.shape[-1])
        last = None if tail is None else self._traced(data, tail.shape[-1])
        changing = list(dict.fromkeys([*step.written, *finish.written, *(last.written if last else ())]))

        def apply(traced, state, args=()):
            assigned, result = traced.run({**values, **dict(zip(changing, state))}, args)
            return [assigned.get(key, old) for key, old in zip(changing, state)], result

        def run_step(traced, state, row):
            return apply(traced, state, (self.engine.gather(data, row),))[0]

        def run_epoch(epoch, carry):
            state, results = carry
            own_rows = jax.lax.dynamic_index_in_dim(rows, epoch, keepdims=False)
            if len(own_rows) == 1:
                state = run_step(step, state, own_rows[0])
            elif len(own_rows):
                state = jax.lax.fori_loop(
                    0,
                    steps,
                    lambda i, state: run_step(step, state, jax.lax.dynamic_index_in_dim(own_rows, i, keepdims=False)),
                    state,
                )
            if last is not None:
                state = run_step(last, state, jax.lax.dynamic_index_in_dim(tail, epoch, keepdims=False))
            state, result = apply(finish, state)
            return state, jax.tree.map(lambda all, one: all.at[epoch].set(one), results, result)

        state = [values[key] for key in changing]
        _, shapes = jax.eval_shape(lambda state: apply(finish, state), state)
        results = jax.tree.map(lambda x: jnp.zeros((len(rows), *x.shape), x.dtype), shapes)
        state, results = jax.lax.fori_loop(0, epochs, run_epoch, (state, results))
        return dict(zip(changing, state)), results
