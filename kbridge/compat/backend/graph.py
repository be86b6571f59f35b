"""Graphs of K functions: what their nodes are, what they depend on, and how they are run.

A symbol is a ``KerasTensor``, and a graph is run as every model's is: by a ``Plan``. Added here are nodes that have
no input (a Variable that is read, a random draw, the learning phase), symbols of dimensions, and gradients.
"""

import operator
from collections import namedtuple

import numpy as np

from kbridge import ops
from kbridge.backend import abstract, dtypes, registry
from kbridge.backend.abstract import Abstract
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.op import OPS
from kbridge.backend.symbolic import KerasTensor, Node, is_symbol
from kbridge.backend.tree import flatten, map_structure
from kbridge.compat import computing
from kbridge.layers import Lambda, Layer
from kbridge.models.plan import Plan, all_inputs, nodes_between

UNCOMPILED = []  # operations that must see values: functions of graphs with such are not compiled

History = namedtuple("History", "layer node_index tensor_index")


class Source(Node):
    """A node that needs no input, and yet computes something anew in each run."""

    is_input = False


def is_variable(x):
    return getattr(x, "is_variable", False)


def node(function, args=(), kwargs=None):
    """Symbols for what ``function`` gives for ``args``, in which symbols stand: it runs when the graph does."""
    kwargs = kwargs or {}
    outputs, touched = _shapes(function, args, kwargs)
    kind = Node if any(is_symbol(leaf) for leaf in flatten([args, kwargs])) else Source
    made = kind(function, args, kwargs, outputs)
    made.reads = [v for v in touched if not v.host]
    return made.outputs


def _shapes(function, args, kwargs):
    """(symbols of the shapes that ``function`` gives, the Variables that it reads).

    It is run on shapes, with two numbers in turn for what is not known.
    """
    touched = {}

    def attempt(trial):
        def fill(leaf):
            if isinstance(leaf, Dims):
                return leaf.at(trial)
            if is_symbol(leaf):
                return Abstract((trial if dim is None else dim for dim in leaf.shape), leaf.dtype)
            return leaf

        inside = get_frame().child(engine=abstract.engine, bindings={}, captures=True, touched=touched, written={})
        with entered(inside):
            return function(*map_structure(fill, list(args)), **map_structure(fill, dict(kwargs)))

    def merge(a, b):
        if type(a) is not Abstract:
            if is_symbol(a):
                raise ValueError(
                    f"The function of a loop, or one that is given a dimension, uses the symbol {a!r} from outside, "
                    f"which has no value in there. Pass it as an argument: K.rnn(..., constants=[x])."
                )
            return a
        return KerasTensor((m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)

    return map_structure(merge, *(attempt(trial) for trial in abstract.TRIALS)), list(touched.values())


class Read:
    """The operation that reads a Variable."""

    name = "read"

    def __init__(self, variable):
        self.variable = variable

    def __call__(self):
        return ops.convert_to_tensor(self.variable)


def read(variable):
    """A symbol for what ``variable`` holds when the graph is run."""
    return Source(Read(variable), (), {}, KerasTensor(variable.shape, variable.dtype, name=variable.name)).outputs


def read_by(symbol):
    """The Variable that ``symbol`` was made of by ``read``, or None."""
    operation = getattr(symbol.node, "operation", None)
    return operation.variable if isinstance(operation, Read) else None


def lifted(x):
    """``x`` as a symbol, if it is a Variable."""
    return read(x) if is_variable(x) else x


# -- dimensions


class Dims(KerasTensor):
    """Whole numbers that are dimensions of a symbol, or computed from such: a dimension may be asked for by them."""

    def __init__(self, function, *args):
        self.function, self.args = function, args
        super().__init__(np.shape(self.at(abstract.TRIALS[0])), "int32")
        kind = Node if any(is_symbol(leaf) for leaf in flatten([args])) else Source
        kind(function, args, {}, self)

    def at(self, trial):
        """Their values, if every dimension that is not known were ``trial``."""

        def fill(leaf):
            if isinstance(leaf, Dims):
                return leaf.at(trial)
            return tuple(trial if dim is None else dim for dim in leaf.shape) if is_symbol(leaf) else leaf

        return self.function(*map_structure(fill, list(self.args)))

    def __getitem__(self, key):
        return known(Dims(operator.getitem, self, key))


def _arithmetic(name):
    function = getattr(operator, name)
    general, reflected = f"__{name}__", f"__r{name}__"

    def method(self, other):
        if _is_whole(other):
            return known(Dims(function, self, other))
        return getattr(KerasTensor, general)(self, other)

    def backwards(self, other):
        if _is_whole(other):
            return known(Dims(lambda a, b: function(b, a), self, other))
        return getattr(KerasTensor, reflected)(self, other)

    setattr(Dims, general, method)
    setattr(Dims, reflected, backwards)


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _arithmetic(_name)


def _is_whole(x):
    if isinstance(x, (list, tuple)):
        return all(map(_is_whole, x))
    return isinstance(x, (Dims, int, np.integer)) or getattr(getattr(x, "dtype", None), "kind", "") in tuple("iu")


def known(dims):
    """``dims``, or its values where these depend on nothing that is not known."""
    first, second = (np.asarray(dims.at(trial)) for trial in abstract.TRIALS)
    if first.shape == second.shape and (first == second).all():
        return int(first) if not first.ndim else first.astype("int32")
    return dims


def has_dims(*trees):
    return any(isinstance(leaf, Dims) for leaf in flatten(trees))


def part(x, key):
    """``x[key]``, where a slice of ``key`` ends at a dimension of a symbol."""
    items = list(key) if isinstance(key, tuple) else [key]
    bounds = [(item.start, item.stop, item.step) if isinstance(item, slice) else item for item in items]

    def take(x, bounds):
        def number(i):
            return int(i) if isinstance(i, np.integer) else i

        return x[tuple(slice(*map(number, b)) if isinstance(item, slice) else b for item, b in zip(items, bounds))]

    return node(take, (x, bounds))


def has_dims_in(key):
    """Whether a slice of the key of ``x[key]`` begins or ends at a dimension of a symbol."""
    for item in key if isinstance(key, tuple) else (key,):
        if isinstance(item, slice) and has_dims(item.start, item.stop, item.step):
            return True
    return False


def dims_of(x):
    """The shape of a tensor, of a tuple that is one, or of anything with values: an array; a tensor while traced."""
    found = x if type(x) is tuple else ops.shape(x)
    found = [int(dim) if isinstance(dim, (int, np.integer)) else dim for dim in found]
    if all(isinstance(dim, int) for dim in found):
        return np.array(found, "int32")
    return ops.stack([ops.cast(dim, "int32") for dim in found])


def shape(x):
    """The dimensions of ``x``, as whole numbers that can be dimensions again."""
    if isinstance(x, Abstract) or not is_symbol(x):
        return dims_of(x)
    return known(Dims(dims_of, x)) if x.ndim else np.zeros((0,), "int32")


# -- what a symbol depends on


def sources(symbols):
    """The symbols that ``symbols`` were computed from at the very beginning: inputs and placeholders."""
    return [s for s in _ancestors(symbols)[0] if s.node is None or s.node.is_input]


def leaves(symbols):
    """(symbols, Variables) that ``symbols`` depend on: those that must be fed, and those that are read."""
    found, nodes = _ancestors(symbols)
    variables = {id(v): v for n in nodes for v in variables_of(n)}
    return [s for s in found if s.node is None or s.node.is_input], list(variables.values())


def _ancestors(symbols):
    """(the symbols, the nodes) on all ways to ``symbols``."""
    seen, nodes = {}, {}
    stack = [s for s in reversed(flatten([symbols])) if is_symbol(s)]
    while stack:
        symbol = stack.pop()
        if id(symbol) in seen:
            continue
        seen[id(symbol)] = symbol
        if symbol.node is not None and not symbol.node.is_input:
            nodes[id(symbol.node)] = symbol.node
            stack.extend(reversed(all_inputs(symbol.node)))
    return list(seen.values()), list(nodes.values())


def variables_of(node):
    """The Variables that a node reads: its layer's, those among its arguments, those that a gradient reads."""
    operation = node.operation
    found = [leaf for leaf in flatten([list(node.args), dict(node.kwargs)]) if is_variable(leaf)]
    found.extend(getattr(node, "reads", ()))
    if isinstance(operation, Read):
        found.append(operation.variable)
    elif isinstance(operation, Gradients):
        found.extend(operation.reads)
    elif isinstance(operation, Layer):
        found.extend(operation.variables)
        if isinstance(operation, Lambda):
            found.extend(_read_inside(node))
    return found


def _read_inside(node):
    """The Variables that the function of a Lambda reads from outside."""
    if not hasattr(node, "reads"):
        kwargs = {**node.kwargs, **getattr(node, "implied", {})}
        try:
            touched = _shapes(node.operation.call, node.args, kwargs)[1]
        except Exception:  # a function that cannot be run on shapes: it is taken to read none
            touched = []
        node.reads = [v for v in touched if not v.host]
    return node.reads


def uses_learning_phase(symbol):
    """Whether ``symbol`` is different in training: a layer that asks for it is on the way."""
    for found in _ancestors([symbol])[1]:
        layer = found.operation
        if isinstance(layer, Layer) and any(type(x)._info().takes_training for x in layer._flatten_layers()):
            return True
    return False


def is_of_layer(symbol):
    """Whether ``symbol`` is the output of a layer (an ``Input`` among them), not of a K function."""
    found = symbol.node
    return found is not None and isinstance(found.operation, Layer) and not isinstance(found.operation, _OfGraphs)


def history(symbol):
    """(layer, index of its node, index of the output) of a layer's output."""
    if not is_of_layer(symbol):
        raise AttributeError(f"{symbol!r} has no _keras_history: no layer made it.")
    layer = symbol.node.operation
    index = next((i for i, n in enumerate(layer._nodes) if n is symbol.node), 0)
    return History(layer, index, symbol.index)


# -- operations that follow the learning phase: plans tell layers whether they train


class _OfGraphs(Layer):
    """A layer that is a means of graphs, made by K functions: it has no variables and casts nothing."""

    def __init__(self, name):
        super().__init__(name=name, autocast=False)
        self.built = True


class LearningPhase(_OfGraphs):
    """1 where the graph is run in training, else 0."""

    def call(self, training=False):
        return ops.convert_to_tensor(int(bool(training)), "int32")


class InTrainPhase(_OfGraphs):
    """The first of two in training, else the second."""

    def call(self, x, alt, training=False):
        return x if training else alt


_phase = []


def learning_phase():
    """The symbol of the learning phase."""
    if not _phase:
        _phase.append(
            Source(LearningPhase("keras_learning_phase"), (), {}, KerasTensor((), "int32", name="learning_phase"))
        )
    return _phase[0].outputs


def is_learning_phase(x):
    return bool(_phase) and x is _phase[0].outputs


def in_train_phase(x, alt):
    """A symbol for ``x`` in training and ``alt`` else; both are symbols or values."""
    tensors = [v if is_symbol(v) else ops.convert_to_tensor(v) for v in (x, alt)]
    dtype = ops.dtype(tensors[0])
    x, alt = (v if ops.dtype(v) == dtype else ops.cast(v, dtype) for v in tensors)
    dims = x.shape
    if len(x.shape) == len(alt.shape):
        dims = [a if a == b else None for a, b in zip(x.shape, alt.shape)]
    kind = Node if is_symbol(x) or is_symbol(alt) else Source
    return kind(InTrainPhase("in_train_phase"), (x, alt), {}, KerasTensor(dims, dtype)).outputs


# -- gradients


class Gradients(_OfGraphs):
    """The operation that gives a loss and its gradients with respect to symbols and Variables.

    It is called on the values of the symbols ``wrt`` and of whatever else flows into the nodes between these and
    the loss; it runs those nodes again, under the engine's ``value_and_grad``.
    """

    def __init__(self, loss, wrt, others, variables):
        super().__init__("gradients")
        self.loss = loss
        self.count = len(wrt)
        given = [*wrt, *others]
        self.plan = Plan(given or [KerasTensor((), name="nothing")], [loss])
        self.empty = not given
        self.wrt_variables = variables
        self.reads = _reads(self.plan)

    def call(self, *values, training=False):
        engine, plan, count = registry.current(), self.plan, self.count
        first, rest = list(values[:count]), list(values[count:])
        if self.empty:
            rest = [ops.convert_to_tensor(0.0)]
        if engine.abstract:
            loss = plan.run([*first, *rest], training)[0]
            return [loss, *first, *(engine.convert(v) for v in self.wrt_variables)]

        def objective(*given):
            loss = plan.run([*given, *rest], training)[0]
            return (ops.sum(loss) if ops.ndim(loss) else loss), loss

        (_, loss), found = engine.value_and_grad(objective, [*first, *self.wrt_variables], True)
        items = [*first, *self.wrt_variables]
        return [loss, *(ops.zeros_like(x) if g is None else g for x, g in zip(items, found))]


def _reads(plan):
    """The Variables that the nodes of ``plan`` read."""
    return list({id(v): v for n in plan.nodes for v in variables_of(n)}.values())


def gradients(loss, wrt):
    """Symbols for the gradients of the symbol ``loss`` (summed up) with respect to each symbol or Variable in ``wrt``.

    None for what it does not depend on.
    """
    items = [item if is_variable(item) else read_by(item) or item for item in wrt]
    order = [n for n in nodes_between(sources([loss]), [loss]) if not n.is_input]
    reads = {id(n): {id(v) for v in variables_of(n)} for n in order} if any(map(is_variable, items)) else {}
    below = [_below(item, order, reads) for item in items]
    found = [None] * len(items)
    for group in _independent(items, below, [i for i, ids in enumerate(below) if id(loss) in ids]):
        symbols = list({id(items[i]): items[i] for i in group if not is_variable(items[i])}.values())
        variables = list({id(items[i]): items[i] for i in group if is_variable(items[i])}.values())
        between, given = set().union(*(below[i] for i in group)), {id(s) for s in symbols}
        others = {}  # what else flows into the nodes between; it is computed outside
        for step in order:
            made = {id(s) for s in flatten(step.outputs)}
            if made & between and not made & given:
                others.update((id(s), s) for s in all_inputs(step) if id(s) not in between)
        operation = Gradients(loss, symbols, list(others.values()), variables)
        outputs = [KerasTensor(x.shape, x.dtype) for x in (loss, *symbols, *variables)]
        args = (*symbols, *others.values())
        made = (Node if args else Source)(operation, args, {}, outputs)
        of = {id(x): output for x, output in zip([*symbols, *variables], made.outputs[1:])}
        for i in group:
            found[i] = of[id(items[i])]
    return found


def _independent(items, below, wanted):
    """Groups of ``wanted`` indices of ``items`` in which none depends on another: each group takes one gradient."""
    groups = []

    def depends(i, j):
        return items[i] is not items[j] and not is_variable(items[i]) and id(items[i]) in below[j]

    for i in wanted:
        for group in groups:
            if not any(depends(i, j) or depends(j, i) for j in group):
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def _below(item, order, reads):
    """The ids of the symbols in the nodes ``order`` whose gradient with respect to ``item`` may not be zero."""
    below, watched = set() if is_variable(item) else {id(item)}, id(item)
    for step in order:
        if _stops(step.operation):
            continue
        if any(id(s) in below for s in all_inputs(step)) or watched in reads.get(id(step), ()):
            below.update(id(s) for s in flatten(step.outputs) if is_symbol(s) and dtypes.is_float(s.dtype))
    return below


def _stops(operation):
    spec = getattr(operation, "spec", None)
    return spec is not None and (not spec.gradient or spec is OPS["stop_gradient"].spec)


# -- running


class Update(tuple):
    """A pair (variable, its next value): what ``K.update`` gives. ``applied``: whether it was done at once."""

    applied = False

    def __new__(cls, variable, value, applied=False):
        self = super().__new__(cls, (variable, value))
        self.applied = applied
        return self

    variable = property(lambda self: self[0])
    value = property(lambda self: self[1])


class Written:
    """An update by a layer that assigns ``variable`` itself as it runs: a function that is given it keeps that."""

    def __init__(self, variable):
        self.variable = variable


def flat_updates(updates):
    """(Updates, Variables whose assignment by layers is to be kept, symbols that are only to be run)."""
    if isinstance(updates, dict):
        updates = list(updates.items())
    pairs, kept, run = [], [], []
    for item in updates or ():
        if item is None or getattr(item, "applied", False):
            continue
        if isinstance(item, Written):
            kept.append(item.variable)
        elif isinstance(item, (tuple, list)) and len(item) == 2 and is_variable(item[0]):
            pairs.append(Update(*item))
        elif isinstance(item, (tuple, list)):
            for mine, more in zip((pairs, kept, run), flat_updates(item)):
                mine.extend(more)
        elif is_symbol(item):
            run.append(item)
        else:
            raise TypeError(
                f"K.function: updates must be pairs (variable, new value) or what K.update returns. "
                f"Received: {item!r} (of type {type(item).__name__})."
            )
    return pairs, kept, run


class Program:
    """Symbols, Variables and values as something to be run: for fed ``inputs``, it gives what ``outputs`` are then.

    What layers assign meanwhile (moving averages, states) is dropped, unless it is among ``kept``; seeds go on.
    ``updates`` are assigned when everything has been computed.
    """

    def __init__(self, inputs, outputs, updates=(), kept=(), name="K.function"):
        self.inputs = list(inputs)
        self.kept = {id(v) for v in kept}
        self.updates = list(updates)
        wanted = [lifted(x) for x in (*outputs, *(u.value for u in updates))]
        self.count = len(outputs)
        self.places = [(is_symbol(x), x) for x in wanted]
        symbols = self._with_losses_of_gradients([x for x in wanted if is_symbol(x)])
        fed = [x for x in self.inputs if is_symbol(x)]
        self._check(symbols, fed, name)
        self.plan = Plan(fed or [KerasTensor((), name="nothing")], symbols) if symbols else None
        self.nothing = not fed
        self.plain = any(isinstance(n.operation, tuple(UNCOMPILED)) for n in self.plan.nodes) if symbols else True
        self.read = [v for v in _reads(self.plan) if not v.host] if symbols else []
        self.compiled = {}

    def _with_losses_of_gradients(self, symbols):
        """Where a loss is asked for whose gradient is computed anyway, it is taken from there."""
        of = {}
        for found in _ancestors(symbols)[1]:
            if isinstance(found.operation, Gradients):
                of.setdefault(id(found.operation.loss), found.outputs[0])
        fed = {id(x) for x in self.inputs}
        return [of[id(s)] if id(s) in of and id(s) not in fed else s for s in symbols]

    def _check(self, symbols, fed, name):
        given, stack, seen = {id(s) for s in fed}, list(symbols), set()
        while stack:
            symbol = stack.pop()
            if id(symbol) in seen or id(symbol) in given:
                continue
            seen.add(id(symbol))
            if symbol.node is None or symbol.node.is_input:
                raise ValueError(
                    f"{name}: the outputs depend on the placeholder {symbol.name!r} of shape {symbol.shape}, which is "
                    f"not among the inputs {[s.name for s in fed]}. Write: K.function([..., x], outputs) with it, "
                    f"and pass a value for it."
                )
            stack.extend(all_inputs(symbol.node))

    def __call__(self, values, training):
        """The outputs as tensors of the engine in charge."""
        engine = registry.current()
        values = [engine.convert(v, x.dtype) for v, x in zip(values, self.inputs)]
        if engine.eager or self.plain:
            return self._run(training, *values)
        key = engine, training, get_frame().device
        if key not in self.compiled:
            self.compiled[key] = engine.compile(lambda *values: self._run(training, *values))
        return self.compiled[key](*values)

    def _run(self, training, *values):
        frame, engine = get_frame(), registry.current()
        bindings = dict(frame.bindings or {})
        fed = []
        for x, value in zip(self.inputs, values):
            if is_variable(x):
                bindings[id(x)] = value
            else:
                fed.append(value)
        captures = frame.captures or not engine.eager
        if not captures:  # what may be assigned has a stand-in; seeds stay on the host
            bindings.update((id(v), v.value) for v in self.read if id(v) not in bindings)
        touched = frame.touched if frame.captures else {}
        inside = frame.child(engine=engine, bindings=bindings, captures=captures, touched=touched, written={})
        with entered(inside), computing.running(training):
            if self.nothing:
                fed = [ops.convert_to_tensor(0.0)]
            found = iter(self.plan.run(fed, training) if self.plan is not None else ())
            results = [
                engine.convert(next(found)) if symbolic else ops.convert_to_tensor(x) for symbolic, x in self.places
            ]
        for variable in inside.written.values():
            if variable.host or id(variable) in self.kept:
                variable.assign(bindings[id(variable)])
        for update, value in zip(self.updates, results[self.count :]):
            update.variable.assign(engine.cast(value, update.variable.dtype))
        return results[: self.count]


def on_host(x):
    """A tensor as an array (a scalar: as a number) of the caller's own."""
    return np.array(registry.current().to_numpy(x))[()]


def evaluate(symbols, feed=None, training=None):
    """The values (tensors of the engine in charge) of a list of symbols, Variables or values.

    Args:
        feed: a dict from symbols to values, or a list of such pairs.
        training: the learning phase; None for what ``set_learning_phase`` said, else for no training.
    """
    pairs = list(feed.items()) if isinstance(feed, dict) else list(feed or ())
    for x, value in pairs:
        if is_learning_phase(x):
            training = bool(value)
    pairs = [(x, value) for x, value in pairs if not is_learning_phase(x)]
    training = computing.training() if training is None else bool(training)
    program = Program([x for x, _ in pairs], symbols, name="K.eval")
    engine = registry.current()
    return program._run(training, *(engine.convert(value, x.dtype) for x, value in pairs))


class Function:
    """What ``K.function`` makes: call it with a list of the inputs' values for the list of the outputs' values.

    Args:
        inputs: placeholders, inputs of models, or any symbols in between; ``K.learning_phase()`` among them takes
            0 or 1.
        outputs: symbols; for one that is no list, one value is returned.
        updates: pairs (variable, new value), or what ``K.update`` returns: done at each call, after the outputs.
        name: its name.
        feed_dict: values for further symbols.
        fetches: further updates.
    """

    def __init__(self, inputs, outputs, updates=None, name=None, feed_dict=None, fetches=None, **ignored):
        unknown = sorted(set(ignored) - {"on_unused_input", "allow_input_downcast", "mode", "profile", "options"})
        if unknown:
            raise TypeError(
                f"K.function does not know the argument(s) {unknown}. It takes: inputs, outputs, updates, name, "
                f"feed_dict, fetches."
            )
        self.name = name
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.single = not isinstance(outputs, (list, tuple))
        self.outputs = [outputs] if self.single else list(outputs)
        for x in self.inputs:
            if not (is_symbol(x) or is_variable(x) or isinstance(x, (int, bool))):
                raise TypeError(
                    f"K.function: inputs must be symbols, such as model.input or K.placeholder(shape). "
                    f"Received: {x!r} (of type {type(x).__name__})."
                )
        outputs, pending = [], []
        for x in self.outputs:
            if isinstance(x, Update):
                pending.append(x)
                x = x.value
            outputs.append(x)
        updates, kept, run = flat_updates([*(updates or ()), *(fetches or ()), *pending])
        self.extra = dict(feed_dict or {})
        fed = [x for x in self.inputs if not _is_phase(x)] + list(self.extra)
        self._count = len(outputs)
        self._program = Program(fed, [*outputs, *run], updates, kept)

    def __call__(self, inputs=()):
        if not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        if len(inputs) != len(self.inputs):
            raise ValueError(
                f"This function of K takes {len(self.inputs)} input(s): {[_described(x) for x in self.inputs]}. "
                f"Received {len(inputs)}. Write: f([...]) with one value for each."
            )
        training, values = computing.training(), []
        for x, value in zip(self.inputs, inputs):
            if _is_phase(x):
                training = bool(value)
            else:
                values.append(value)
        found = self._program([*values, *self.extra.values()], training)
        found = [on_host(x) for x in found[: self._count]]
        return found[0] if self.single else found


def _is_phase(x):
    return is_learning_phase(x) or isinstance(x, (int, bool))


def _described(x):
    return getattr(x, "name", x)
