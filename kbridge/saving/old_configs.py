"""Configs of Keras 1, Keras 2 and tf.keras as those of Keras 3: what ``objects`` can make models of."""

import functools
import importlib
import inspect
from contextlib import contextmanager
from contextvars import ContextVar

from kbridge import objects
from kbridge.layers.layer import INPUT_ARGUMENTS, Layer
from kbridge.models.functional import TOLD_TRAINING
from kbridge.models.graph_ops import is_op
from kbridge.saving import eras, of_tensorflow

_OF_EVERY_LAYER = frozenset((*INPUT_ARGUMENTS, "name", "trainable", "dtype", "autocast", "activity_regularizer"))
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_MODELS = ("Sequential", "Functional", "Model")
_PUBLIC_MODULE = "keras.layers"


_notes = ContextVar("kbridge_conversions", default=None)
_borrowed = ContextVar("kbridge_borrowed", default=None)


@contextmanager
def noting(notes):
    """Within this context ``notes``, a list, is told what is converted."""
    token = _notes.set(notes)
    try:
        yield
    finally:
        _notes.reset(token)


def _note(text):
    if _notes.get() is not None and text not in _notes.get():
        _notes.get().append(text)


class OldConfigError(ValueError):
    """A config says something that has no meaning today."""


def era_of(version):
    """The generation (1, 2 or 3) of a version of Keras, such as "2.2.4-tf"; what names none is of the first."""
    head = str(version or "1").split(".")[0]
    return int(head) if head in ("1", "2", "3") else 2


def is_of_tf_keras(metadata):
    """Whether the metadata of a ``.keras`` file are those of Keras 2 and tf.keras, which wrote such files too."""
    version = metadata.get("keras_version")
    return isinstance(version, str) and era_of(version) == 2


def is_old(config):
    """Whether a model's config is in the words of Keras 1, Keras 2 or tf.keras, or without modules as in HDF5 files."""
    return isinstance(config, dict) and "class_name" in config and "module" not in config


def guessed_era(config):
    """The generation that a config without a version is of, by the names of arguments."""
    if "keras_version" in config:
        return era_of(config["keras_version"])
    return 1 if _mentions(config, {"border_mode", "nb_filter", "W_regularizer", "inner_init", "p", "init"}) else 2


def _mentions(value, names):
    if isinstance(value, dict):
        return not names.isdisjoint(value) or any(_mentions(item, names) for item in value.values())
    return isinstance(value, list) and any(_mentions(item, names) for item in value)


def modern(config, era, borrowed=None):
    """``config``, the description of a model or of another object, in the words of today.

    ``borrowed``, a dict, is given the classes of old layers that nothing of today stands for, by their names.
    """
    token = _borrowed.set({} if borrowed is None else borrowed)
    try:
        return _value(config, era)
    finally:
        _borrowed.reset(token)


def _value(value, era):
    if isinstance(value, list):
        return [_value(item, era) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("class_name"), str) and "config" in value:
        return _object(value, era)
    return {key: _value(item, era) for key, item in value.items()}


def _object(described, era):
    name, config = described["class_name"], described["config"]
    if name.startswith("__"):
        return described
    registered = described.get("registered_name")
    name = registered if isinstance(registered, str) and ">" in registered else name
    short = name.rpartition(">")[2]
    found = objects.get_registered_object(name) or objects.get_registered_object(short)
    if found is None and (borrowed := _of_dialect(short, config, era)) is not None:
        _borrowed.get()[short] = found = borrowed
    if found is not None and name not in _MODELS and not (inspect.isclass(found) and found in objects._home):
        # the caller's own class, which knows its own arguments
        return {**described, "class_name": short, "registered_name": name, "config": _value(config, era)}
    if name in ("Policy", "DTypePolicy", "PolicyV1"):
        return config.get("name") if isinstance(config, dict) else config
    if name == "Sequential":
        return _sequential(described, era)
    if name in ("Functional", "Model") and isinstance(config, dict) and "layers" in config:
        return _functional(described, era)
    if isinstance(config, dict):
        return _plain(described, short, era)
    return described


def _plain(described, name, era):
    """The description of a layer, an initializer and so on."""
    config = {key: _value(value, era) for key, value in described["config"].items()}
    if (name in eras.CLASSES or name == "Merge") and _in_scope(name):
        new = name
    else:
        prepare = _PREPARE.get(name)
        new = (prepare and prepare(config)) or eras.CLASSES.get(name, name)
    cls = _class_of(new)
    if new != name:
        _note(f"{name} is {new} today")
    kept = ("name", "inbound_nodes", "build_config") if era == 3 else ("name", "inbound_nodes")
    result = {key: described[key] for key in kept if key in described}
    result.update(module=described.get("module"), class_name=new, config=config, registered_name=None)
    if cls is None:
        return result
    if isinstance(cls, type) and issubclass(cls, Layer):
        result["module"] = objects._home.get(cls, (None,))[0]
    if isinstance(cls, type):
        _rename(config, cls)
        _values(config, era)
        if era < 3:
            for key, value in eras.DEFAULTS.get(new, {}).items():
                config.setdefault(key, value)
        _drop(config, cls, name)
    return result


def _in_scope(name):
    """Whether the caller brings a class of kbridge's that has this very name: a dialect in which it is still known."""
    found = objects.get_registered_object(name)
    return inspect.isclass(found) and objects._home.get(found, (None, None))[1] == name


def _class_of(name):
    """The class of kbridge that ``name`` stands for, those of the dialects included; None if there is none."""
    for module in (_PUBLIC_MODULE, None):
        found = objects._published(module, name)
        if found is not None:
            return found
    return None


def _of_dialect(name, config, era):
    """The layer of that time called ``name``, if nothing of today stands for it."""
    known = name in eras.CLASSES or name in _PREPARE or name in _MODELS or _class_of(name) is not None
    otherwise = name == "RandomCrop" or (name == "Merge" and not _merges_plainly(config))  # than it does today
    if era == 3 or (known and not otherwise):
        return None
    try:  # a floor above: asked only when a file needs it
        layers = importlib.import_module(f"kbridge.compat.keras{era}.layers")
    except ImportError:
        return None
    found = getattr(layers, name, None)
    return found if isinstance(found, type) and issubclass(found, Layer) else None


@functools.lru_cache(None)
def arguments_of(cls):
    """The names of the arguments that a class takes."""
    found = set()
    for one in cls.__mro__:
        if one is Layer:
            return frozenset(found | _OF_EVERY_LAYER)
        function = one.__dict__.get("__init__")
        if function is None or one is object:
            continue
        parameters = list(inspect.signature(function).parameters.values())[1:]
        found.update(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(found)


def _rename(config, cls):
    known = arguments_of(cls)
    for old, names in eras.ARGUMENTS.items():
        if old in config and old not in known:
            new = next((name for name in names if name in known), None)
            if new is not None:
                _note(f"{cls.__name__}: {old} is called {new}")
                value = config.pop(old)
                config.setdefault(new, value)
    if "pointwise_initializer" in known and "depthwise_initializer" in config:
        config.setdefault("pointwise_initializer", config["depthwise_initializer"])


def _values(config, era):
    """Old words for values."""
    if config.get("data_format") in eras.ORDERINGS:
        config["data_format"] = eras.ORDERINGS[config["data_format"]]
    for key, value in config.items():
        if key.endswith(("regularizer", "constraint")) and isinstance(value, dict) and "class_name" not in value:
            inner = {k: v for k, v in value.items() if k != "name"}
            if "name" in value:
                value = {"class_name": value["name"], "config": inner}
                config[key] = _value(value, era)
        elif key.endswith("activation") and value == "hard_sigmoid" and era < 3:
            if objects.get_registered_object("hard_sigmoid") is None:
                _note("hard_sigmoid is that of Keras 2, of slope 0.2")
                config[key] = eras.HARD_SIGMOID
        elif key == "dtype" and value == "infer":
            config[key] = None
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]


def _drop(config, cls, name):
    """Take out what means nothing; what does mean something, and has no place any more, is refused."""
    known = arguments_of(cls)
    for key in [key for key in config if key not in known and key in eras.MEANINGLESS]:
        allowed = eras.MEANINGLESS[key]
        if allowed is not eras.ANY and config[key] not in allowed:
            raise OldConfigError(
                f"{name} '{config.get('name', '')}' has {key}={config[key]!r}, which no layer of today can be told. "
                f"Pass a class of your own for it: custom_objects={{{name!r}: ...}}."
            )
        _note(f"{cls.__name__}: {key} means nothing any more")
        del config[key]


# -- layers whose old form needs more than new names: each changes the config, and may return a new class's name


def _kernel(*parts):
    def prepare(config):
        if parts[0] in config:
            config["kernel_size"] = [config.pop(part) for part in parts]

    return prepare


def _separable(config):
    for part in ("initializer", "regularizer", "constraint"):
        config.pop(f"kernel_{part}", None)  # tf.keras wrote them, but the parts of the kernel have their own


def _thresholded(config):
    config["threshold"] = config.pop("theta", 1.0)


def _cudnn(**fixed):
    def prepare(config):
        config.update(fixed)

    return prepare


def _input_layer(config):
    shape = config.pop("batch_input_shape", None)
    if shape is not None:
        config["batch_shape"] = shape
    dtype = config.pop("input_dtype", None)
    if dtype is not None:
        config["dtype"] = dtype
    if config.get("sparse") or config.get("ragged"):
        raise OldConfigError(f"InputLayer '{config.get('name')}' is sparse or ragged; only dense inputs are read.")
    for key in ("sparse", "ragged", "type_spec", "trainable"):
        config.pop(key, None)


def _padding(config):
    padding = config.get("padding")
    if isinstance(padding, list) and len(padding) == 4:
        config["padding"] = [padding[:2], padding[2:]]


def _recurrent(config):
    first = config.pop("forget_bias_init", None)
    if first is not None:
        config["unit_forget_bias"] = first in ("one", "ones")
    if config.get("time_major"):
        raise OldConfigError(f"{config.get('name')!r} has time_major=True; batches come first here.")


def _embedding(config):
    if config.get("dropout"):
        raise OldConfigError(
            f"Embedding '{config.get('name')}' has dropout={config['dropout']}, which no layer of today can be told. "
            f"Pass a class of your own: custom_objects={{'Embedding': ...}}."
        )


def _merges_plainly(config):
    mode = config.get("mode", "sum") if isinstance(config, dict) else None
    return config.get("mode_type", "raw") == "raw" and isinstance(mode, str) and mode in (*eras.MERGES, "dot", "cos")


def _merge(config):
    plainly = _merges_plainly(config)
    mode = config.pop("mode", "sum")
    kind = config.pop("mode_type", "raw")
    axis, axes = config.pop("concat_axis", -1), config.pop("dot_axes", -1)
    for key in ("output_shape", "output_shape_type", "output_mask", "output_mask_type", "arguments", "layers"):
        config.pop(key, None)
    if not plainly:
        raise OldConfigError(
            f"Merge '{config.get('name')}' has mode={str(mode)[:60]!r} ({kind}), which no layer of today computes. "
            f"Pass a class of your own: custom_objects={{'Merge': ...}}."
        )
    if mode == "concat":
        config["axis"] = axis
    if mode in ("dot", "cos"):
        config["normalize"] = mode == "cos"
        config["axes"] = axes[0] if isinstance(axes, list) and axes and isinstance(axes[0], list) else axes
        return "Dot"
    return eras.MERGES[mode]


def _lambda(config):
    if config.get("function_type") == "function" and isinstance(config.get("function"), str):
        name = config.pop("function")
        config["function"] = {"class_name": "function", "config": name, "registered_name": name, "module": "builtins"}
        config.pop("function_type")
    if config.get("output_shape_type") in (None, "raw"):
        config.pop("output_shape_type", None)
    for key in ("module", "output_shape_module"):
        config.pop(key, None)
    if config.get("output_shape_type") is not None:
        config.pop("output_shape_type")
        config["output_shape"] = None  # a function, found anew from what the layer computes


_PREPARE = {
    **dict.fromkeys(("Convolution2D", "Deconvolution2D", "AtrousConvolution2D"), _kernel("nb_row", "nb_col")),
    "SeparableConvolution2D": _kernel("nb_row", "nb_col"),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D"), _separable),
    "Convolution3D": _kernel("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    "ConvLSTM2D": lambda config: (_kernel("nb_row", "nb_col")(config), _recurrent(config))[0],
    "ThresholdedReLU": _thresholded,
    "CuDNNLSTM": _cudnn(activation="tanh", recurrent_activation="sigmoid"),
    "CuDNNGRU": _cudnn(activation="tanh", recurrent_activation="sigmoid", reset_after=True),
    "InputLayer": _input_layer,
    "ZeroPadding2D": _padding,
    "Cropping2D": _padding,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _recurrent),
    "Embedding": _embedding,
    "Merge": _merge,
    "Lambda": _lambda,
}


# -- models


def _named(described):
    """A layer's description, with the name that its entry in a graph has; those of Keras 0 are brought into form."""
    if "class_name" not in described and isinstance(described.get("name"), str):
        config = {key: value for key, value in described.items() if key not in ("name", "custom_name")}
        return {"class_name": described["name"], "config": {**config, "name": described.get("custom_name")}}
    return described


def _sequential(described, era):
    config = described["config"]
    if isinstance(config, list):
        config = {"name": described.get("name"), "layers": config}
    layers = [_named(layer) for layer in config["layers"]]
    first = layers[0] if layers else {}
    merges = first.get("class_name") == "Merge" and isinstance(first.get("config", {}).get("layers"), list)
    if merges and not _in_scope("Merge"):
        return _after_merge(described, config, layers, era)
    found = {key: config[key] for key in ("trainable", "build_input_shape") if config.get(key) is not None}
    found.update(name=config.get("name") or described.get("name"), layers=_value(layers, era))
    return {**_about(described, "Sequential"), "config": found}


def _about(described, name):
    kept = {key: described[key] for key in ("name", "compile_config") if key in described}
    return {**kept, "module": "keras", "class_name": name, "registered_name": None}


def _after_merge(described, config, layers, era):
    """A Sequential that begins by merging others: a graph."""
    merge = dict(layers[0]["config"])
    branches = [_object({**branch, "name": None}, era) for branch in merge.pop("layers")]
    merged = _object({**layers[0], "config": merge}, era)
    entries, outputs, inputs = [], [], []
    for number, branch in enumerate(branches):
        name = branch["config"].get("name") or f"branch_{number + 1}"
        branch["config"]["name"] = name
        taken = []
        firsts = _firsts(branch["config"])
        for place, first in enumerate(firsts):
            shape = first["config"].get("batch_input_shape") or first["config"].get("batch_shape")
            if shape is None:
                raise OldConfigError(f"the model that is merged as number {number + 1} does not say its input's shape.")
            dtype = first["config"].get("input_dtype") or ("int32" if first["class_name"] == "Embedding" else None)
            dtype = dtype or (first["config"].get("dtype") if first["class_name"] == "InputLayer" else None)
            source = {"batch_shape": shape, "dtype": dtype, "name": f"{name}_input" + (f"_{place}" if place else "")}
            taken.append([source["name"], 0, 0])
            entries.append(_entry({"module": _PUBLIC_MODULE, "class_name": "InputLayer", "config": source}, []))
        inputs += taken
        outputs.append(name)
        symbols = [_symbol(history) for history in taken]
        entries.append(_entry(branch, [_called([symbols[0] if len(symbols) == 1 else symbols])]))
    before = [_symbol([name, 0, 0]) for name in outputs]
    for layer in [merged, *_value(layers[1:], era)]:
        entries.append(_entry(layer, [_called([before])]))
        before = _symbol([layer["config"]["name"], 0, 0])
    graph = {"layers": entries, "input_layers": inputs, "output_layers": before["config"]["keras_history"]}
    return {**_about(described, "Functional"), "config": {"name": config.get("name"), **graph}}


def _firsts(config):
    """The layers of a model, by its config, that say what its inputs are."""
    layers = config["layers"]
    if "input_layers" not in config:
        return layers[:1] or [{"class_name": None, "config": {}}]
    histories = config["input_layers"]
    histories = [histories] if histories and isinstance(histories[0], str) else histories
    by_name = {_name_of(layer): layer for layer in layers}
    return [by_name[history[0]] for history in histories]


def _entry(described, calls):
    return {**described, "name": described["config"]["name"], "inbound_nodes": calls}


def _called(args, kwargs=None):
    return {"args": args, "kwargs": kwargs or {}}


def _symbol(history):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}


def _functional(described, era):
    config = described["config"]
    graph = _Graph(config, era)
    found = {
        "name": config.get("name") or described.get("name"),
        "layers": [graph.entry(layer) for layer in config["layers"]],
        "input_layers": graph.ends(config["input_layers"]),
        "output_layers": graph.ends(config["output_layers"]),
    }
    if config.get("trainable") is False:
        found["trainable"] = False
    return {**_about(described, "Functional"), "config": found}


class _Graph:
    """The nodes of a graph. In some files calls of a model count from 1, since it was made by a call itself."""

    def __init__(self, config, era):
        self.era = era
        self.names = {_name_of(layer) for layer in config["layers"]}
        used = {}
        for history in self._histories([layer.get("inbound_nodes") for layer in config["layers"]]):
            used.setdefault(history[0], set()).add(history[1])
        for history in self._histories([config["input_layers"], config["output_layers"]]):
            used.setdefault(history[0], set()).add(history[1])
        self.shifted = {
            _name_of(layer)
            for layer in config["layers"]
            if 0 not in used.get(_name_of(layer), {0}) and max(used[_name_of(layer)]) >= len(layer["inbound_nodes"])
        }

    def _is_history(self, value):
        return (
            isinstance(value, list)
            and len(value) in (3, 4)
            and isinstance(value[0], str)
            and value[0] in self.names
            and all(isinstance(number, int) and not isinstance(number, bool) for number in value[1:3])
        )

    def _histories(self, value):
        if self._is_history(value):
            yield value
            value = value[3:]
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from self._histories(item)

    def _number(self, history):
        name, node, tensor = history[:3]
        return [name, node - (name in self.shifted), tensor]

    def ends(self, histories):
        """Where the graph begins or ends."""
        if self._is_history(histories):
            return self._number(histories)
        if isinstance(histories, dict):
            return {key: self.ends(value) for key, value in histories.items()}
        found = [self.ends(history) for history in histories]
        return found[0] if len(found) == 1 else found

    def entry(self, layer):
        name = _name_of(layer)
        if layer["class_name"] in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
            return self._function(layer, name)
        nodes = layer.get("inbound_nodes") or []
        if nodes and isinstance(nodes[0], dict) and "args" in nodes[0]:  # as Keras 3 writes them, in HDF5 files too
            return self._of_today(layer, name, nodes)
        found = _object({**layer, "name": name}, self.era)
        recurrent = found["class_name"] in RECURRENT
        return {**found, "name": name, "inbound_nodes": [self._call(node, recurrent) for node in nodes]}

    def _of_today(self, layer, name, nodes):
        config, module = layer["config"], layer.get("module")
        nodes = self._renumbered(nodes)
        if module is None and isinstance(config, dict) and not {"trainable", "layers"} & config.keys():
            if is_op(layer["class_name"]):  # and no layer that does not tell whether it is trainable
                module = "keras.src.ops"
        if isinstance(module, str) and module.startswith(("keras.src.ops", "kbridge.ops")):
            return {**layer, "module": module, "name": name, "inbound_nodes": nodes}
        return {**_object({**layer, "name": name}, self.era), "name": name, "inbound_nodes": nodes}

    def _renumbered(self, value):
        if isinstance(value, dict):
            return {
                key: self._number(item) if key == "keras_history" and self._is_history(item) else self._renumbered(item)
                for key, item in value.items()
            }
        return [self._renumbered(item) for item in value] if isinstance(value, list) else value

    def _tensor(self, item):
        if isinstance(item, list) and item and item[0] == "_CONSTANT_VALUE":
            return item[2]
        return _symbol(self._number(item)) if self._is_history(item) else item

    def _argument(self, value):
        if isinstance(value, list):
            special = self._is_history(value) or (value and value[0] == "_CONSTANT_VALUE")
            return self._tensor(value) if special else [self._argument(item) for item in value]
        if isinstance(value, dict):
            return {key: self._argument(item) for key, item in value.items()}
        return _value(value, self.era)

    def _call(self, node, recurrent=False):
        if isinstance(node, dict):
            return _called([self._argument({key: value[:3] for key, value in node.items()})])
        single = bool(node) and isinstance(node[0], str)
        items = [node] if single else node
        kwargs = {}

        def read(item):
            if item and all(isinstance(inner, list) for inner in item):
                return [read(inner) for inner in item]
            if len(item) > 3 and isinstance(item[3], dict):
                kwargs.update((k, self._argument(v)) for k, v in item[3].items() if v is not None)
            return self._tensor(item)

        tensors = [read(item) for item in items]
        if recurrent and len(tensors) > 1:
            kwargs["initial_state"] = tensors[1:]
            tensors = tensors[:1]
        kwargs.pop("name", None)
        return {**_called([tensors[0] if len(tensors) == 1 else tensors], kwargs), TOLD_TRAINING: True}

    def _function(self, layer, name):
        """A function of TensorFlow."""
        function = layer["config"].get("function")
        if not of_tensorflow.known(function):
            function = function or layer["class_name"]
            raise OldConfigError(
                f"the graph calls TensorFlow's function {str(function)[:60]!r} outside of any layer ('{name}'), which "
                f"has no counterpart here. Put the call into a layer of your own, and save the model again."
            )
        described = {"module": of_tensorflow.MODULE, "class_name": function, "config": {}, "registered_name": None}
        calls = []
        for node in layer["inbound_nodes"]:
            call = self._call(node)
            if isinstance(node, list) and len(node) == 1 and isinstance(node[0], list):
                call["args"] = [call["args"]]  # a list of one
            calls.append(call)
        return {**described, "name": name, "inbound_nodes": calls}


def _name_of(layer):
    name = layer.get("name")
    if name is None and isinstance(layer.get("config"), dict):
        name = layer["config"].get("name")
    if not isinstance(name, str):
        raise OldConfigError("a layer of the graph has no name.")
    return name
