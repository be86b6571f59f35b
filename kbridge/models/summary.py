"""``summary``: a table of a model's layers that fits the terminal."""

import shutil

from kbridge.backend.tree import flatten
from kbridge.backend.variable import Variable

_BYTES = {
    "float64": 8,
    "int64": 8,
    "uint64": 8,
    "float16": 2,
    "bfloat16": 2,
    "int16": 2,
    "uint16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}


def print_summary(
    model, line_length=None, positions=None, print_fn=None, expand_nested=False, show_trainable=False, layer_range=None
):
    """See ``Model.summary``.

    Args:
        line_length: how wide the table may be; the terminal's width unless told.
        positions: where each column ends: fractions of the width, or columns.
        print_fn: called with each line instead of ``print``.
        expand_nested: whether the layers of nested models are listed too.
        show_trainable: whether a column says which layers are trained.
        layer_range: the names (or patterns) of the first and last layer to list.
    """
    if not model.built and not model.layers:
        raise ValueError(
            f"Model '{model.name}' has no layers yet, so there is nothing to show. "
            f"Call it on data, or write model.build(shape)."
        )
    connected = getattr(model, "_plan", None) is not None and not _is_a_chain(model)
    header = ["Layer (type)", "Output Shape", "Param #"]
    if connected:
        header.append("Connected to")
    if show_trainable:
        header.append("Trainable")
    rows = [
        _row(layer, depth, connected, show_trainable, model)
        for layer, depth in _listed(model.layers, expand_nested, 0, layer_range)
    ]
    width = line_length or min(shutil.get_terminal_size((88, 24)).columns, 110)
    lines = [f'Model: "{model.name}"', *_table(header, rows, width, positions), *_totals(model)]
    write = print_fn or print
    for line in lines:
        write(line)


def _is_a_chain(model):
    from kbridge.models.sequential import Sequential

    if isinstance(model, Sequential):
        return True
    nodes = [node for node in model._plan.nodes if not node.is_input]
    return len(model._plan.flat_inputs) == 1 and all(
        len(node.inputs) == 1 and (i == 0 or node.inputs[0].node is nodes[i - 1]) for i, node in enumerate(nodes)
    )


def _listed(layers, expand_nested, depth, layer_range):
    if layer_range is not None:
        layers = _between(layers, layer_range)
    for layer in layers:
        yield layer, depth
        if expand_nested and hasattr(layer, "layers"):
            yield from _listed(layer.layers, expand_nested, depth + 1, None)


def _between(layers, layer_range):
    import re

    first, last = layer_range
    names = [layer.name for layer in layers]
    starts = [i for i, name in enumerate(names) if re.fullmatch(first, name)]
    ends = [i for i, name in enumerate(names) if re.fullmatch(last, name)]
    if not starts or not ends:
        raise ValueError(f"summary: layer_range={list(layer_range)} names no layers. The layers are called {names}.")
    return layers[min(starts) : max(ends) + 1]


def _row(layer, depth, connected, show_trainable, model):
    try:
        shape = layer.output_shape if not hasattr(layer, "batch_shape") else layer.batch_shape
        shape = ", ".join(str(s) for s in _shapes(shape))
    except AttributeError:
        shape = "multiple" if len(layer._nodes) > 1 else "?"
    parameters = f"{sum(v.size for v in layer.weights):,}" if layer.built else "0 (unbuilt)"
    cells = [f"{'  ' * depth}{layer.name} ({type(layer).__name__})", shape, parameters]
    if connected:
        names = {
            s.node.name: None
            for node in model._plan.nodes
            if node.operation is layer
            for s in node.inputs
            if s.node is not None
        }
        cells.append(", ".join(names) or "-")
    if show_trainable:
        cells.append("Y" if layer.trainable else "N")
    return cells


def _shapes(shape):
    if isinstance(shape, tuple) and all(d is None or isinstance(d, int) for d in shape):
        return [shape]
    return [s for item in (shape.values() if isinstance(shape, dict) else shape) for s in _shapes(item)]


def _table(header, rows, width, positions):
    columns = list(zip(header, *rows))
    if positions:
        ends = [int(p * (width - 1)) if p <= 1 else int(p) for p in positions[: len(header)]]
        widths = [end - start - 3 for start, end in zip([0, *ends], ends)]
    else:
        widths = [max(len(cell) for cell in column) for column in columns]
        spare = width - (3 * len(header) + 1)
        while sum(widths) > spare and max(widths) > 12:
            widths[widths.index(max(widths))] -= 1  # the widest column gives way
    rule = lambda left, middle, right, dash: left + middle.join(dash * (w + 2) for w in widths) + right  # noqa: E731
    lines = [rule("┌", "┬", "┐", "─"), *_cells(header, widths), rule("├", "┼", "┤", "─")]
    for row in rows:
        lines += _cells(row, widths)
    return [*lines, rule("└", "┴", "┘", "─")]


def _cells(row, widths):
    """The lines of one row: what does not fit goes on below."""
    parts = [[cell[i : i + w] for i in range(0, len(cell), w)] or [""] for cell, w in zip(row, widths)]
    return [
        "│" + "│".join(f" {(part[i] if i < len(part) else ''):<{w}} " for part, w in zip(parts, widths)) + "│"
        for i in range(max(map(len, parts)))
    ]


def _totals(model):
    trained = count_and_bytes(model.trainable_variables)
    total = count_and_bytes(model.weights)
    lines = [
        f" Total params: {total[0]:,} ({readable(total[1])})",
        f" Trainable params: {trained[0]:,} ({readable(trained[1])})",
        f" Non-trainable params: {total[0] - trained[0]:,} ({readable(total[1] - trained[1])})",
    ]
    if getattr(model, "compiled", False) and model.optimizer is not None and model.optimizer.built:
        state = count_and_bytes(model.optimizer.variables)
        lines.append(f" Optimizer params: {state[0]:,} ({readable(state[1])})")
    return lines


def count_and_bytes(variables):
    variables = [v for v in flatten(variables) if isinstance(v, Variable)]
    return sum(v.size for v in variables), sum(v.size * _BYTES.get(v.dtype, 4) for v in variables)


def readable(count):
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.2f} {unit}"
        count /= 1024
