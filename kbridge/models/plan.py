"""The plan: a graph of nodes, made into a flat list of steps that runs without looking anything up."""

from functools import cached_property

from kbridge.backend import dtypes
from kbridge.backend.symbolic import KerasTensor, Node, is_symbol
from kbridge.backend.tree import flatten, map_structure
from kbridge.backend.variable import allowance
from kbridge.layers.layer import Layer


class Plan:
    """From ``inputs`` to ``outputs`` (structures of symbols), by way of the nodes between them.

    ``layers``: the layers on the way, ordered by their distance from the outputs, the farthest first.
    """

    def __init__(self, inputs, outputs):
        self.inputs = inputs
        self.outputs = outputs
        self.flat_inputs = flatten(inputs)
        self.flat_outputs = flatten(outputs)
        _check_symbols(self.flat_inputs, "inputs")
        _check_symbols(self.flat_outputs, "outputs")
        self.nodes = nodes_between(self.flat_inputs, self.flat_outputs)
        self.layers = list(
            {id(n.operation): n.operation for n in self.nodes if isinstance(n.operation, Layer)}.values()
        )
        self._programs = {}

    def masks(self):
        """The symbols of the outputs' masks (None where there is none)."""
        return [x.mask for x in self.flat_outputs]

    @cached_property
    def all_layers(self):
        """The layers, and those inside them."""
        return list({id(x): x for layer in self.layers for x in layer._flatten_layers()}.values())

    @cached_property
    def has_masks(self):
        """Whether any output has one."""
        return any(x.mask is not None for x in self.flat_outputs)

    @cached_property
    def host(self):
        """(what runs on the host before compiled steps, what is left for them) as plans; None if all is left.

        The first gives what the second takes: a dict of symbols by their names.
        """
        first = nodes_between(
            self.flat_inputs,
            [s for node in self.nodes if _runs_on_host(node) for s in flatten(node.outputs)],
        )
        if all(node.is_input for node in first):
            return None
        done = {id(node) for node in first}
        given = {id(s) for s in self.flat_inputs} | {id(s) for node in first for s in flatten(node.outputs)}
        taken = [s for node in self.nodes if id(node) not in done for s in all_inputs(node)] + self.flat_outputs
        between = {s.name: s for s in taken if id(s) in given}
        return Plan(self.inputs, between), Plan(between, self.outputs)

    def run(self, values, training=None, masked=False):
        """The outputs (a flat list) for the inputs' values (a flat list).

        ``masked``: masks go with the inputs that the graph was not told of, so layers must look for them.
        """
        program = self._programs.get((training, masked))
        if program is None:
            program = self._programs[training, masked] = self._compile(self.flat_outputs, training, masked)
        return program(values)

    def function(self, outputs):
        """A function from the inputs' values to those of other symbols of this graph."""
        return self._compile(outputs, False)

    def _compile(self, outputs, training, masked=False):
        nodes = nodes_between(self.flat_inputs, outputs)
        slots = {id(symbol): i for i, symbol in enumerate(self.flat_inputs)}
        for node in nodes:
            for symbol in flatten(node.outputs):
                slots.setdefault(id(symbol), len(slots))
        last_use = {}
        for step, node in enumerate(nodes):
            for symbol in all_inputs(node):
                last_use[slots[id(symbol)]] = step
        results = [slots[id(symbol)] for symbol in outputs]
        for slot in results:
            last_use[slot] = len(nodes)
        steps = []
        for step, node in enumerate(nodes):
            if node.is_input:
                continue
            done = [slot for slot, last in last_use.items() if last == step]
            steps.append((*_step(node, slots, _runner(node, training, masked)), done))
        total = len(slots)

        def program(values):
            if (held := allowance.get()) is not None:
                held.go(len(steps))
            memory = [*values, *[None] * (total - len(values))]
            for run, single, source, target, done in steps:
                # The common case, one tensor in and one out, is worth a line of its own.
                result = run(memory[source]) if single else run(memory)
                if type(target) is int:
                    memory[target] = result
                else:
                    for slot, item in zip(target, flatten(result)):
                        memory[slot] = item
                for slot in done:
                    memory[slot] = None
            return [memory[slot] for slot in results]

        return program

    # -- pickling: nodes written flat, so that depth costs no recursion

    def record(self):
        """The graph as plain data and operations: what ``replay`` needs to make it anew."""
        numbers, entries = {}, []
        for symbol in self.flat_inputs:
            numbers[id(symbol)] = len(numbers)
        for node in self.nodes:
            for symbol in flatten(node.outputs):
                numbers.setdefault(id(symbol), len(numbers))

        def number(leaf):
            return _Reference(numbers[id(leaf)]) if is_symbol(leaf) else leaf

        for node in self.nodes:
            outputs = map_structure(lambda s: _Reference(numbers[id(s)], s.shape, s.dtype, s.name), node.outputs)
            entries.append(
                (
                    node.operation,
                    map_structure(number, list(node.args)),
                    map_structure(number, dict(node.kwargs)),
                    map_structure(number, dict(getattr(node, "implied", {}))),
                    outputs,
                )
            )
        masks = {
            numbers[id(s)]: numbers[id(s.mask)]
            for node in self.nodes
            for s in flatten(node.outputs)
            if s.mask is not None and id(s.mask) in numbers
        }
        describe = lambda s: _Reference(numbers[id(s)], s.shape, s.dtype, s.name)  # noqa: E731
        return {
            "inputs": map_structure(describe, self.inputs),
            "outputs": map_structure(describe, self.outputs),
            "nodes": entries,
            "masks": masks,
        }

    @classmethod
    def replay(cls, record):
        """The plan that ``record`` was taken of, with new symbols."""
        symbols = {}

        def symbol(reference):
            if not isinstance(reference, _Reference):
                return reference
            if reference.number not in symbols:
                symbols[reference.number] = KerasTensor(reference.shape, reference.dtype, name=reference.name)
            return symbols[reference.number]

        inputs = map_structure(symbol, record["inputs"])
        for operation, args, kwargs, implied, outputs in record["nodes"]:
            outputs = map_structure(symbol, outputs)
            node = Node(operation, tuple(map_structure(symbol, args)), map_structure(symbol, kwargs), outputs)
            node.implied = map_structure(symbol, implied)
            if isinstance(operation, Layer):
                operation._nodes.append(node)
        for number, mask in record["masks"].items():
            symbols[number].mask = symbols[mask]
        return cls(inputs, map_structure(symbol, record["outputs"]))


class _Reference:
    """A symbol, by number."""

    def __init__(self, number, shape=None, dtype=None, name=None):
        self.number, self.shape, self.dtype, self.name = number, shape, dtype, name


def _check_symbols(symbols, what):
    if not symbols:
        raise ValueError(f"Model: {what} is empty. Write: Model(inputs=Input(shape), outputs=layer(inputs)).")
    for symbol in symbols:
        if not is_symbol(symbol):
            raise ValueError(
                f"Model: {what} must be symbols, made by Input(shape) and by layers called on such. "
                f"Received: {symbol!r} (of type {type(symbol).__name__})."
            )


def _runs_on_host(node):
    return isinstance(node.operation, Layer) and any(x.runs_on_host for x in node.operation._flatten_layers())


def all_inputs(node):
    implied = getattr(node, "implied", None)
    return node.inputs if not implied else [*node.inputs, *(x for x in flatten(implied) if is_symbol(x))]


def nodes_between(inputs, outputs):
    """The nodes needed for ``outputs``, those farthest from them first; ties in the order they are met."""
    given = {id(symbol) for symbol in inputs}
    order, seen, finished = [], set(), set()
    input_nodes = {id(s.node): s.node for s in inputs if s.node is not None and s.node.is_input}
    stack = [(symbol, False) for symbol in reversed(outputs)]
    while stack:
        symbol, leave = stack.pop()
        node = symbol.node
        if leave:
            if id(node) not in finished:
                finished.add(id(node))
                order.append(node)
            continue
        if id(symbol) in given:
            continue
        if node is None or node.is_input:
            raise ValueError(
                f"The graph is disconnected: {symbol!r} is needed for the outputs, but it is not among the inputs "
                f"{[s.name for s in inputs]} and no layer makes it from them."
            )
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.append((symbol, True))
        stack.extend((s, False) for s in reversed(all_inputs(node)) if s.node is None or id(s.node) not in finished)
    depth = {}
    for node in reversed(order):
        mine = depth.setdefault(id(node), 0)
        for symbol in all_inputs(node):
            if symbol.node is not None and id(symbol) not in given:
                depth[id(symbol.node)] = max(depth.get(id(symbol.node), 0), mine + 1)
    ordered = sorted(order, key=lambda node: -depth[id(node)])
    return [*input_nodes.values(), *ordered]


def _step(node, slots, run):
    """(function, whether it takes one tensor, its slot, the slots of the results) for one node."""
    targets = [slots[id(symbol)] for symbol in flatten(node.outputs) if is_symbol(symbol)]
    target = targets[0] if is_symbol(node.outputs) else targets
    kwargs = {**node.kwargs, **getattr(node, "implied", {})}
    if len(node.args) == 1 and is_symbol(node.args[0]) and not any(is_symbol(x) for x in flatten(kwargs)):
        if kwargs:
            return (lambda x: run(x, **kwargs)), True, slots[id(node.args[0])], target
        return run, True, slots[id(node.args[0])], target

    def fetch(memory):
        def value(leaf):
            return memory[slots[id(leaf)]] if is_symbol(leaf) else leaf

        return run(*map_structure(value, list(node.args)), **map_structure(value, kwargs))

    return fetch, False, None, target


def _runner(node, training, masked):
    """What computes the node: an op, or a layer's ``call``, straight where nothing else must happen around it."""
    layer = node.operation
    if not isinstance(layer, Layer):
        return layer
    info = layer._info()
    given = "training" in node.kwargs
    if not masked and _needs_nothing_around(layer, node):
        if not info.takes_training or given:
            return layer.call
        call, mode = layer.call, info.default_training if training is None else training
        return lambda *args, **kwargs: call(*args, training=mode, **kwargs)
    if training is None or given or not (info.takes_training or info.takes_anything):
        return layer
    return lambda *args, **kwargs: layer(*args, training=training, **kwargs)


def _needs_nothing_around(layer, node):
    """Whether ``layer.call`` alone does what calling the layer does: nothing to build, cast, penalise or convert."""
    return (
        layer.built
        and type(layer).__call__ is Layer.__call__
        and layer.activity_regularizer is None
        and layer._remat_mode is None
        and layer.compute_dtype == layer.variable_dtype
        and all(
            s.dtype == layer.compute_dtype or not layer.autocast or not dtypes.is_float(s.dtype)
            for s in flatten([list(node.args), dict(node.kwargs)])
            if is_symbol(s)
        )
    )
