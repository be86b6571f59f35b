"""Models as drawings: ``model_to_dot`` and ``plot_model``. The text of the graph is made here, Graphviz draws it."""

import os
import shutil
import subprocess
from html import escape

from kbridge.backend.tree import flatten, map_structure
from kbridge.layers.layer import ComputeMask, Layer
from kbridge.models.functional import Functional
from kbridge.models.sequential import Sequential


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """The graph of a model as pydot's ``Dot`` (``Cluster`` with ``subgraph=True``).

    Args:
        show_shapes: whether the shapes that layers take and give are shown.
        show_dtype: whether the dtypes that they give are.
        show_layer_names: whether their names are, beside their classes.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether a model within the model is drawn with its layers, in a frame.
        dpi: dots per inch.
        subgraph: whether it is to become a part of another graph.
        show_layer_activations: whether the names of activations are shown.
        show_trainable: whether it is shown which layers are trained.
        splines: the form of edges: "ortho", "curved", "polyline" and so on.
    """
    _refuse("model_to_dot", kwargs)
    text = dot_text(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        subgraph,
        show_layer_activations,
        show_trainable,
        splines,
    )
    try:
        import pydot
    except ImportError as error:
        raise ImportError("model_to_dot needs pydot, which is not installed. Run: pip install pydot") from error
    (dot,) = pydot.graph_from_dot_data(text)
    if not subgraph:
        return dot
    (part,) = dot.get_subgraphs()
    return pydot.Cluster(obj_dict=part.obj_dict)


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Draw a model into a file, in the format of its ending: png, svg, pdf, ...; ".dot" is the text of the graph.

    Graphviz must be installed for all but ".dot". In a notebook the picture is returned. The other arguments are
    those of ``model_to_dot``.
    """
    _refuse("plot_model", kwargs)
    text = dot_text(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        False,
        show_layer_activations,
        show_trainable,
        splines,
    )
    to_file = os.fspath(to_file)
    kind = os.path.splitext(to_file)[1][1:] or "png"
    if kind == "dot":
        with open(to_file, "w", encoding="utf-8") as file:
            file.write(text)
        return None
    if shutil.which("dot") is None:
        raise ImportError(
            "plot_model needs the program `dot` of Graphviz, which is not installed: see https://graphviz.org. "
            "The graph alone can be had without it: plot_model(model, to_file='model.dot')."
        )
    done = subprocess.run(["dot", f"-T{kind}", "-o", to_file], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"plot_model: Graphviz could not draw {to_file}: {done.stderr.strip()}")
    if kind == "pdf":
        return None
    try:
        from IPython.display import Image
    except ImportError:
        return None
    return Image(filename=to_file) if kind in ("png", "jpg", "jpeg", "gif") else None


def _refuse(what, kwargs):
    if kwargs.pop("layer_range", None) is not None:
        raise ValueError(f"{what}: layer_range is not supported. Draw a part as a model of its own: Model(inputs, x).")
    if kwargs:
        raise ValueError(f"{what} does not know the argument(s) {sorted(kwargs)}.")


def dot_text(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
):
    """The graph of a model in Graphviz's language."""
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' is not built, so there is nothing to draw. Call it on data, or write "
            f"model.build(shape)."
        )
    drawing = _Drawing(
        expand_nested,
        {
            "name": show_layer_names,
            "activation": show_layer_activations,
            "shapes": show_shapes,
            "dtype": show_dtype,
            "trainable": show_trainable,
        },
    )
    inside = drawing.parts(model)
    edges = [f'"{source}" -> "{target}" [penwidth=2];' for source, target in drawing.edges]
    if subgraph:
        lines = ["digraph {", *_indented(_cluster(model, inside + edges)), "}"]
    else:
        head = [f"rankdir={rankdir};", "concentrate=true;", f"dpi={dpi};", f"splines={splines};"]
        lines = ["digraph {", *_indented([*head, "node [shape=record];", *inside, *edges]), "}"]
    return "\n".join(lines) + "\n"


def _cluster(model, lines):
    name = model.name.replace("\\", "\\\\").replace('"', '\\"')
    head = ["style=dashed;", f'label="{name}";', "labeljust=l;"]
    return [f'subgraph "cluster_{name}" {{', *_indented([*head, *lines]), "}"]


def _indented(lines):
    return ["  " + line for line in lines]


class _Drawing:
    """The lines of the nodes, and the edges met on the way: pairs of numbers."""

    def __init__(self, expand_nested, shown):
        self.expand_nested = expand_nested
        self.shown = shown
        self.edges = {}
        self._numbers = {}

    def number(self, operation):
        return self._numbers.setdefault(id(operation), len(self._numbers) + 1)

    def parts(self, model):
        """The lines that draw what is in ``model``; its edges are noted."""
        if not isinstance(model, (Functional, Sequential)) or model._plan is None:
            if not isinstance(model, Sequential):
                return [self._box(model, [])]
            for source, target in zip(model.layers, model.layers[1:]):
                self._join(self._last(source, 0), self._first(target, 0))
            return [line for layer in model.layers for line in self._part(layer, [])]
        nodes = {}
        for node in model._plan.nodes:
            hidden = isinstance(node.operation, ComputeMask) or (node.is_input and isinstance(model, Sequential))
            if not hidden:
                nodes.setdefault(id(_drawn(node)), (_drawn(node), []))[1].append(node)
        for operation, calls in nodes.values():
            for node in calls:
                for index, symbol in enumerate(node.inputs):
                    source = symbol.node
                    if source is not None and id(_drawn(source)) in nodes:
                        self._join(self._last(_drawn(source), symbol.index), self._first(operation, index))
        return [line for operation, calls in nodes.values() for line in self._part(operation, calls)]

    def _join(self, source, target):
        self.edges[self.number(source), self.number(target)] = None

    def _opens(self, operation):
        return self.expand_nested and isinstance(operation, (Functional, Sequential))

    def _last(self, operation, index):
        """What an edge that leaves ``operation`` by its output number ``index`` begins at."""
        while self._opens(operation):
            if operation._plan is None:
                operation, index = operation.layers[-1], 0
            else:
                symbol = operation._plan.flat_outputs[index]
                operation, index = _drawn(symbol.node), symbol.index
        return operation

    def _first(self, operation, index):
        """What an edge into ``operation`` by its input number ``index`` ends at."""
        while self._opens(operation):
            if isinstance(operation, Sequential):
                operation = operation.layers[0]
            else:
                operation = _drawn(operation._plan.flat_inputs[index].node)
        return operation

    def _part(self, operation, calls):
        if self._opens(operation):
            return _cluster(operation, self.parts(operation))
        return [self._box(operation, calls)]

    def _box(self, operation, calls):
        label = _label(operation, calls, self.shown)
        return f'"{self.number(operation)}" [label=<{label}>, fontname=Helvetica, border=0, margin=0];'


def _drawn(node):
    """What stands for a node: its layer, however often that is called, or an op's node itself."""
    return node.operation if isinstance(node.operation, Layer) else node


def _label(operation, calls, shown):
    is_layer = isinstance(operation, Layer)
    name = operation.name
    kind = type(operation).__name__ if is_layer else operation.operation.__name__
    title = f"<b>{escape(name)}</b> ({escape(kind)})" if shown["name"] else f"<b>{escape(kind)}</b>"
    cells = []
    if shown["shapes"]:
        if kind != "InputLayer":
            cells.append(_cell(f"Input shape: <b>{_same(calls, _input_shape)}</b>"))
        cells.append(_cell(f"Output shape: <b>{_same(calls, lambda n: _told(n.outputs, 'shape'))}</b>"))
    if shown["dtype"]:
        cells.append(_cell(f"Output dtype: <b>{_same(calls, lambda n: _told(n.outputs, 'dtype'))}</b>"))
    if shown["trainable"] and is_layer and operation.weights:
        word, colour = ("Trainable", "forestgreen") if operation.trainable else ("Non-trainable", "firebrick")
        cells.append(_cell(f"<b>{word}</b>", colour, ' color="white"'))
    span = f'colspan="{max(1, len(cells))}"'
    rows = [f'<tr><td {span} bgcolor="black"><font point-size="16" color="white">{title}</font></td></tr>']
    activation = getattr(operation, "activation", None)
    if shown["activation"] and activation is not None:
        named = getattr(activation, "name", None) or getattr(activation, "__name__", None) or str(activation)
        text = f"Activation: <b>{escape(named)}</b>"
        rows.append(f'<tr><td {span} bgcolor="white"><font point-size="14">{text}</font></td></tr>')
    if cells:
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{"".join(rows)}</table>'


def _cell(text, background="white", colour=""):
    return f'<td bgcolor="{background}"><font point-size="14"{colour}>{text}</font></td>'


def _same(calls, describe):
    """What ``describe`` says of all calls, if they agree."""
    found = {describe(node) for node in calls}
    return escape(found.pop()) if len(found) == 1 else "?"


def _input_shape(node):
    inputs = node.args[0] if node.args and flatten([node.args[0]]) == node.inputs else node.inputs
    return _told(inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else inputs, "shape")


def _told(symbols, what):
    found = map_structure(lambda symbol: getattr(symbol, what), symbols)
    return ", ".join(f"{key}: {value}" for key, value in found.items()) if isinstance(found, dict) else str(found)
