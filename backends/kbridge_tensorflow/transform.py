"""Functions of functions on TensorFlow: gradients, compiled functions, loops of steps compiled as one."""

import itertools

import numpy as np

from kbridge.backend.frame import entered, get_frame
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge_tensorflow.backend import TENSORS, SlowInLoop, device_path, in_loop
from kbridge_tensorflow.load import context, execute, is_recording, tf


def _is_variable(x):
    return getattr(x, "is_variable", False)


# -- gradients


def value_and_grad(engine, function, variables, has_aux=False):
    frame = get_frame()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        with entered(frame.child(engine=engine, autocast=None)):
            # a tensor may stand for several arguments, each with a gradient of its own
            stand_ins = [v.value if _is_variable(v) else tf.identity(v) for v in variables]
        tape.watch([x for x in stand_ins if x.dtype.is_floating or x.dtype.is_complex])
        bound = {id(v): x for v, x in zip(variables, stand_ins) if _is_variable(v)}
        before = {**(frame.bindings or {}), **bound}
        inner = frame.child(engine=engine, bindings=dict(before), written={})
        with entered(inner):
            result = function(*(x for v, x in zip(variables, stand_ins) if not _is_variable(v)))
        value = result[0] if has_aux else result
        target = tf.convert_to_tensor(value)
    for key, variable in inner.written.items():
        if inner.bindings[key] is not before.get(key):
            with entered(frame.child(engine=engine)):
                variable.assign(inner.bindings[key])
    gradients = tape.gradient(target, stand_ins) if stand_ins else []
    return result, [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]


def rematerialize(function, tensors):
    """``Backend.rematerialize``."""
    kept = {}
    smooth = [i for i, tensor in enumerate(tensors) if tensor.dtype.is_floating or tensor.dtype.is_complex]

    @tf.recompute_grad
    def run(*given):
        filled = list(tensors)
        for i, tensor in zip(smooth, given):
            filled[i] = tensor
        result = function(filled)
        kept.setdefault("result", result)
        return [leaf for leaf in flatten(result) if type(leaf) in TENSORS]

    found = iter(run(*(tensors[i] for i in smooth)))
    return map_structure(lambda leaf: next(found) if type(leaf) in TENSORS else leaf, kept["result"])


# -- compiled functions

_STATIC = (type(None), bool, str, bytes)


def _describe(x, leaves):
    """A hashable description of the argument ``x``; the tensors in it are added to ``leaves``."""
    kind = type(x)
    if kind in TENSORS:
        leaves.append(x)
        return x.dtype, tuple(x.shape)
    if kind is tuple or kind is list:
        return kind, tuple([_describe(item, leaves) for item in x])
    if isinstance(x, dict):
        return kind, tuple([(key, _describe(x[key], leaves)) for key in x])
    if kind in _STATIC:
        return kind, x
    if isinstance(x, (list, tuple)):
        return kind, tuple([_describe(item, leaves) for item in x])
    if isinstance(x, (int, float, complex, np.ndarray, np.generic, tf.Tensor, tf.Variable)):
        return _describe(_engine().convert(x), leaves)
    return kind, id(x)  # it stands for itself: a Variable, a layer


def _engine():
    from kbridge_tensorflow import engine

    return engine


def _rebuild(x, leaves):
    """``x`` with the tensors that ``leaves`` yields in the places of its own."""
    kind = type(x)
    if kind in _STATIC:
        return x
    if isinstance(x, dict):
        return type(x)((key, _rebuild(x[key], leaves)) for key in x)
    if isinstance(x, (list, tuple)):
        items = [_rebuild(item, leaves) for item in x]
        return kind(*items) if hasattr(kind, "_fields") else kind(items)
    if isinstance(x, (int, float, complex, np.ndarray, np.generic, tf.Tensor, tf.Variable)):
        return next(leaves)
    return x


def _is_inside():
    """Whether this runs inside another function that is being traced or differentiated."""
    return not tf.executing_eagerly() or get_frame().bindings is not None or is_recording()


_TENSOR = object()  # stands in a result's structure for a tensor


class Program:
    """The graph for one signature, called without detours.

    ``traced(*tensors)`` runs once, in a frame in which variables are read from their storage and assignments
    are kept. These are carried out at the end of the graph, once the results are known.
    """

    def __init__(self, traced, leaves, known=(), jit_compile=None):
        engine, frame = _engine(), get_frame()
        used = {id(v): v for v in known}

        def run(*tensors):
            with entered(frame.child(engine=engine, autocast=None)):
                bindings = {key: v.value for key, v in used.items()}
            inner = frame.child(engine=engine, bindings=bindings, captures=True, touched={}, written={})
            with entered(inner):
                self.result = map_structure(lambda x: x.value if _is_variable(x) else x, traced(*tensors))
            outputs = [x for x in flatten(self.result) if engine.is_tensor(x)]
            with tf.control_dependencies(outputs):
                for key, variable in inner.written.items():
                    engine.write(variable.storage, bindings[key])
            used.update(inner.touched)
            return outputs

        specs = [tf.TensorSpec(x.shape, x.dtype) for x in leaves]
        with tf.device(None if frame.device is None else device_path(frame.device)):
            self.concrete = tf.function(run, autograph=False, jit_compile=jit_compile).get_concrete_function(*specs)
        self.captures = list(self.concrete.captured_inputs)
        captured = {id(x) for x in self.captures}
        self.state = [(v, v.storage) for v in used.values()]
        self.state = [(v, storage) for v, storage in self.state if id(storage.handle) in captured]
        self.items = [_TENSOR if engine.is_tensor(x) else x for x in flatten(self.result)]
        self.count = sum(item is _TENSOR for item in self.items)
        self.result = map_structure(lambda x: None, self.result)
        inference = self.concrete._inference_function
        self.name = inference.name.decode()

    def __call__(self, leaves):
        for variable, storage in self.state:
            if variable._cell[1] is not storage:  # it was on another engine meanwhile: bring it back
                engine = _engine()
                engine.write(storage, variable.value)
                variable.set_storage(engine, storage)
        ctx = context()
        attributes = tuple(itertools.chain(*ctx.function_call_options.as_attrs().items()))
        outputs = execute(self.name, self.count, leaves + self.captures, attributes, ctx)
        if self.result is None:
            return outputs[0] if outputs else self.items[0]
        outputs = iter(outputs)
        return pack(self.result, [next(outputs) if item is _TENSOR else item for item in self.items])


class Compiled:
    """A function, traced once for each signature of its arguments."""

    def __init__(self, function, state=(), jit=None):
        self.function = function
        self.known = list(state)
        self.jit = jit
        self.programs = {}

    def __call__(self, *args):
        if _is_inside():
            return self.function(*args)
        leaves = []
        key = get_frame().device, _describe(args, leaves)
        program = self.programs.get(key)
        if program is None:

            def traced(*tensors):
                return self.function(*_rebuild(args, iter(tensors)))

            program = self.programs[key] = Program(traced, leaves, self.known, jit_compile=self.jit)
        return program(leaves)


# -- loops of steps


class Loop:
    """Epochs of steps as one XLA program, or, where XLA cannot compile a step, as single steps.

    The program has room for a fixed number of rows and epochs, and is told how many to run: so neither a longer
    fit nor another number of batches compiles it anew. What does not fit is run in several calls.
    """

    def __init__(self, step, finish, state=()):
        self.step = step
        self.finish = finish
        self.carried = {id(v): v for v in state}
        self.programs = {}
        self.steps = Compiled(lambda data, row: step(_engine().gather(data, row)), state)
        self.ends = Compiled(finish, state)

    def __call__(self, data, rows, tail=None):
        rows = np.asarray(rows, "int32")
        tail = None if tail is None else np.asarray(tail, "int32")
        epochs, steps, batch = rows.shape
        if _is_inside() or self.programs is None:
            return self._singly(data, rows, tail)
        leaves = []
        described = _describe(data, leaves)
        room = _room(steps, batch)
        at_once = max(room // max(steps, 1), 1)
        key = get_frame().device, described, room, batch, None if tail is None else tail.shape[1]
        program = self.programs.get(key)
        first = program is None
        results = []
        for start in range(0, epochs, at_once):
            block = rows[start : start + at_once]
            inputs = [
                *leaves,
                _padded(block.reshape(-1, batch), room),
                *(() if tail is None else (_padded(tail[start : start + at_once], room),)),
                tf.constant(len(block), tf.int32),
                tf.constant(steps, tf.int32),
            ]
            if program is None:
                program = self._build(data, inputs, room)
            try:
                found = program(inputs) if program else None
            except tf.errors.OpError:
                if not first:
                    raise
                found = None  # XLA cannot compile it
            if found is None:
                self.programs = None
                return self._singly(data, rows, tail)
            first = False
            self.programs[key] = program
            results.append((len(block), found))
        return map_structure(
            lambda *columns: np.concatenate([np.asarray(c)[:n] for (n, _), c in zip(results, columns)]),
            *(found for _, found in results),
        )

    def _singly(self, data, rows, tail):
        results = []
        for epoch, block in enumerate(rows):
            for row in block:
                self.steps(data, row)
            if tail is not None:
                self.steps(data, tail[epoch])
            results.append(self.ends())
        return map_structure(lambda *values: np.stack([np.asarray(v) for v in values]), *results)

    def _build(self, data, inputs, room):
        """The program, or None. It is traced again if a step turns out to touch variables that were not known."""
        while True:
            token = in_loop.set(True)
            try:
                return Program(lambda *tensors: self._run(data, tensors, room), inputs, self.carried.values(), True)
            except _Unknown as found:
                self.carried.update(found.variables)
            except SlowInLoop:
                return None
            finally:
                in_loop.reset(token)

    def _run(self, data, tensors, room):
        """All epochs, inside a graph; the state goes round as loop variables."""
        engine, frame, carried = _engine(), get_frame(), self.carried
        tensors = iter(tensors)
        data = _rebuild(data, tensors)
        rows, *tails, epochs, steps = tensors
        written = {}

        def pure(function, state):
            """What ``function`` returns, and the state after it."""
            inner = frame.child(bindings=dict(zip(carried, state)), captures=True, touched={}, written={})
            with entered(inner):
                result = function()
            written.update(inner.written)
            unknown = {k: v for k, v in {**inner.touched, **inner.written}.items() if k not in carried}
            if unknown:
                raise _Unknown(unknown)
            return result, [tf.ensure_shape(inner.bindings[key], v.shape) for key, v in carried.items()]

        def step(row, state):
            return pure(lambda: self.step(engine.gather(data, row)), state)[1]

        def finish(state):
            result, state = pure(self.finish, state)
            return map_structure(engine.convert, result), state

        def epoch(number, state, columns):
            _, state = tf.while_loop(
                lambda i, state: i < steps, lambda i, state: (i + 1, step(rows[number * steps + i], state)), (0, state)
            )
            for tail in tails:
                state = step(tail[number], state)
            result, state = finish(state)
            return number + 1, state, [c.write(number, x) for c, x in zip(columns, flatten(result))]

        state = [frame.bindings[key] for key in carried]
        form, _ = finish(state)  # for the structure alone; nothing uses these nodes of the graph
        columns = [tf.TensorArray(x.dtype, size=room, element_shape=x.shape) for x in flatten(form)]
        written.clear()
        _, state, columns = tf.while_loop(lambda number, *_: number < epochs, epoch, (0, state, columns))
        for (key, variable), value in zip(carried.items(), state):
            if key in written:
                variable.assign(value)
        return pack(form, [column.stack() for column in columns])


class _Unknown(Exception):
    """A step touches variables that are not among the loop's."""

    def __init__(self, variables):
        super().__init__()
        self.variables = variables


def _room(steps, batch):
    """How many rows a program has room for: at least an epoch's, at best about 4096, in few sizes."""
    room = max(1, min(4096, 2**18 // max(batch, 1)))
    while room < steps:
        room *= 2
    return room


def _padded(rows, room):
    padded = np.zeros((room, rows.shape[1]), "int32")
    padded[: len(rows)] = rows
    return tf.constant(padded)
