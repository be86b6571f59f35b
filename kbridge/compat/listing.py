"""What old programs took from ``keras.utils.layer_utils`` and ``vis_utils``: counts, tables and drawings of layers."""

import numpy as np

from kbridge.utils import plotting
from kbridge.utils.session import get_source_inputs as _sources


def count_params(weights):
    """The number of parameters in a list of variables; one that is listed twice counts once."""
    return sum(int(np.prod(w.shape)) for w in {id(w): w for w in weights}.values())


def count_total_params(layers, layer_set=None):
    """(trainable, other) parameters of layers, those in models among them too; a layer in ``layer_set`` is left out."""
    layer_set = set() if layer_set is None else layer_set
    trainable = others = 0
    for layer in layers:
        if layer in layer_set:
            continue
        layer_set.add(layer)
        if hasattr(layer, "layers"):
            inside = count_total_params(layer.layers, layer_set)
            trainable, others = trainable + inside[0], others + inside[1]
        else:
            trainable += count_params(layer.trainable_weights)
            others += count_params(layer.non_trainable_weights)
    return trainable, others


def get_source_inputs(tensor, layer=None, node_index=None):
    """The symbols that ``tensor`` was computed from at the very beginning.

    Args:
        tensor: a symbol.
        layer: a layer to ask for its output, instead.
        node_index: which of its outputs.
    """
    if layer is not None and (node_index is not None or tensor is None):
        tensor = layer.get_output_at(node_index or 0)
    return _sources(tensor)


def print_layers(layers, relevant_nodes=None, line_length=100, positions=None, print_fn=None):
    """Print a table of layers.

    Args:
        layers: a list of them.
        relevant_nodes: the names of the calls ("dense_1_ib-0") that are listed as connections; all, unless told.
        line_length: how wide the table is.
        positions: where each column ends: fractions of the width, or columns.
        print_fn: called with each line instead of ``print``.
    """
    write = print_fn or print
    ends = list(positions or (0.33, 0.55, 0.67, 1.0))
    if ends[-1] <= 1:
        ends = [int(line_length * end) for end in ends]

    def row(*cells):
        line = ""
        for cell, end in zip(cells, ends):
            line = f"{line}{' ' if line else ''}{cell}"[: end - 1].ljust(end - 1)
        write(line.rstrip())

    write("_" * line_length)
    row("Layer (type)", "Output Shape", "Param #", "Connected to")
    for index, layer in enumerate(layers):
        write(("_" if index else "=") * line_length)
        first, *others = _connections(layer, relevant_nodes) or [""]
        try:
            shape = layer.output_shape
        except AttributeError:
            shape = "multiple"
        row(f"{layer.name} ({type(layer).__name__})", shape, layer.count_params(), first)
        for other in others:
            row("", "", "", other)
    write("=" * line_length)
    trainable, others = count_total_params(layers)
    write(f"Total params: {trainable + others:,}")
    write(f"Trainable params: {trainable:,}")
    write(f"Non-trainable params: {others:,}")
    write("_" * line_length)


def _connections(layer, relevant_nodes):
    found = []
    for index, node in enumerate(layer._nodes):
        if relevant_nodes and f"{layer.name}_ib-{index}" not in relevant_nodes:
            continue
        for symbol in node.inputs:
            source = symbol.node
            if source is None:
                continue
            calls = getattr(source.operation, "_nodes", [source])
            place = next((i for i, call in enumerate(calls) if call is source), 0)
            found.append(f"{getattr(source.operation, 'name', source.name)}[{place}][{symbol.index}]")
    return found


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """Print a model's table of layers."""
    from kbridge.models.summary import print_summary

    print_summary(model, line_length, positions, print_fn)


# -- drawings


def model_to_dot(
    model,
    show_shapes=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=96,
    subgraph=False,
):
    """The graph of a model as pydot's ``Dot``; see ``kbridge.utils.model_to_dot``."""
    _build(model)
    return plotting.model_to_dot(
        model,
        show_shapes=show_shapes,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        subgraph=subgraph,
    )


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=96,
):
    """Draw a model into a file, in the format of its ending; see ``kbridge.utils.plot_model``."""
    _build(model)
    return plotting.plot_model(
        model,
        to_file,
        show_shapes=show_shapes,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
    )


def _build(model):
    if not model.built and hasattr(model, "build") and model.layers:
        model.build()


def add_edge(dot, src, dst):
    """Draw an edge between two nodes of a ``Dot``, once."""
    import pydot

    if not dot.get_edge(src, dst):
        dot.add_edge(pydot.Edge(src, dst))


def is_model(layer):
    """Whether a layer is a model."""
    from kbridge.models import Model

    return isinstance(layer, Model)


def is_wrapped_model(layer):
    """Whether a layer wraps a model."""
    from kbridge.layers import Wrapper

    return isinstance(layer, Wrapper) and is_model(layer.layer)


def multi_gpu_model(model, gpus=None, cpu_merge=True, cpu_relocation=False):
    """Refused, with what to write instead: one process works with one device, or spreads over all it has."""
    raise ValueError(
        f"multi_gpu_model(model, gpus={gpus!r}): copies of a model on several devices are not made here. Use the model "
        f"itself: model.compile(...); model.fit(...). To spread batches over all devices of an engine that can, write "
        f"before the model is made: kbridge.distribution.set_distribution(kbridge.distribution.DataParallel())"
    )
