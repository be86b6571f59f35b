"""Whole models and weights as HDF5 files in the layout of Keras 2, which Keras 3 and tf.keras read too."""

import json

import numpy as np

from kbridge import __version__, losses, objects
from kbridge.layers.layer import Layer
from kbridge.saving import atomic, eras
from kbridge.saving.check import tell_of_lambdas
from kbridge.saving.old_configs import RECURRENT
from kbridge.saving.old_weights import one_by_one, weights_of
from kbridge.saving.to_tensorflow import function_of
from kbridge.saving.write_hdf5 import as_array

KERAS_2, KERAS_3 = "2.19.0", "3.15.1"  # whose words a file is in
_BACKEND = "tensorflow"  # of those that old files name, the one whose kernels lie as ours do
_LIMIT = 64_000  # bytes of one attribute

# arguments that Keras 2 has no word for; left out where they have one of these values
_UNKNOWN_THEN = {
    **dict.fromkeys(("lora_rank", "lora_alpha", "quantization_config", "input_axes", "output_axes"), (None,)),
    **dict.fromkeys(("flash_attention", "sliding_window", "gptq_unpacked_column_size"), (None, False)),
    **dict.fromkeys(
        ("zero_output_for_mask", "optional", "use_gate", "renorm", "synchronized", "rms_scaling"), (None, False)
    ),
    **dict.fromkeys(("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "ema_overwrite_frequency"), (None,)),
    **dict.fromkeys(("loss_scale_factor", "gradient_accumulation_steps"), (None,)),
    "use_ema": (False,),
    "use_cudnn": (None, "auto", True, False),
    "autocast": (True,),
}
_FORMAT = {"data_format": ("channels_last", None)}
_HASHED = {"oov_method": ("floormod",), "salt": (None,)}
# the same of single classes
_UNKNOWN_TO = {
    **dict.fromkeys(("ZeroPadding1D", "Cropping1D", "UpSampling1D"), _FORMAT),
    **dict.fromkeys(("CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation"), _FORMAT),
    **dict.fromkeys(("RandomBrightness", "RandomHeight", "RandomWidth", "Rescaling"), _FORMAT),
    "RandomZoom": _FORMAT,
    "RandomContrast": {**_FORMAT, "value_range": ([0, 255], (0, 255))},
    **dict.fromkeys(("StringLookup", "IntegerLookup"), _HASHED),
    "Resizing": {
        **_FORMAT,
        "pad_to_aspect_ratio": (False,),
        "fill_mode": ("constant",),
        "fill_value": (0.0,),
        "antialias": (False,),
    },
}
_WITHOUT_SEED = (*RECURRENT, "LSTMCell", "GRUCell", "SimpleRNNCell", "MultiHeadAttention", "Attention")


def is_old_name(filepath):
    """Whether a file of this name is in the old layout."""
    return filepath.endswith((".h5", ".hdf5", ".hdf")) and not filepath.endswith(".weights.h5")


def write_old_model(model, filepath, include_optimizer=True):
    """Write the whole model: config, weights, how it is trained, and the optimizer's state."""
    config, version = old_config(model)
    training = _training(model) if include_optimizer else None
    with atomic.replacing(filepath) as file, _opened(file) as target:
        target.attrs.update(keras_version=version, backend=_BACKEND, kbridge_version=__version__)
        target.attrs["model_config"] = json.dumps(config)
        _write_weights(model, target.create_group("model_weights"), version)
        if training is not None:
            target.attrs["training_config"] = json.dumps(training)
            if model.optimizer.built:
                variables = _in_old_order(model.optimizer)
                write_arrays(target.create_group("optimizer_weights"), [(v.path, v) for v in variables])


def _in_old_order(optimizer):
    """The optimizer's state as Keras 2 kept it: the count of steps, then all tensors of a kind together."""
    controls = [v for v in (optimizer._iterations, optimizer._learning_rate) if v is not None]
    slots = [slot for column in zip(*optimizer._slots) for slot in column]
    if len(slots) + len(controls) == len(optimizer.variables):
        return [optimizer._iterations, *slots]
    return optimizer.variables


def write_old_weights(model, filepath):
    """Write the weights alone."""
    with atomic.replacing(filepath) as file, _opened(file) as target:
        target.attrs["kbridge_version"] = __version__
        _write_weights(model, target, KERAS_2)


def _opened(file):
    import h5py

    return h5py.File(file, "w")


def _write_weights(model, group, version):
    layers = one_by_one(model.layers)
    group.attrs.update(keras_version=version, backend=_BACKEND)
    write_names(group, "layer_names", [layer.name for layer in layers])
    for layer in layers:
        write_arrays(group.create_group(layer.name), named(layer))
    inner = {id(v) for layer in layers for v in weights_of(layer)}
    top = [v for v in weights_of(model) if id(v) not in inner]
    write_arrays(group.create_group("top_level_model_weights"), [(v.name, v) for v in top])


def named(layer):
    """Pairs (name, variable): the variable's path from the layer on."""
    found = []
    for variable in weights_of(layer):
        parts = variable.path.split("/")
        parts = parts[parts.index(layer.name) :] if layer.name in parts else [layer.name, parts[-1]]
        found.append(("/".join(parts), variable))
    return found


def write_arrays(group, named):
    taken, names = set(), []
    for name, _ in named:
        free, number = name, 1
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        taken.add(free)
        names.append(f"{free}:0")
    write_names(group, "weight_names", names)
    for name, (_, variable) in zip(names, named):
        array = as_array(variable)
        in_files = getattr(variable, "in_old_files", None)  # a function, where they keep it in another form
        array = array if in_files is None else in_files(array)
        if array.dtype.name == "bfloat16":  # a type that such files have no word for
            array = array.astype("float32")
        group.create_dataset(name, data=array)


def write_names(group, key, names):
    """A list of names as an attribute, or as several where it is too long for one."""
    data = np.array([name.encode("utf-8") for name in names])
    if data.nbytes <= _LIMIT:
        group.attrs[key] = data if names else np.array([], "S1")
        return
    longest = data.dtype.itemsize
    if longest > _LIMIT:
        raise ValueError(f"The name {names[int(data.argmax())][:60]!r}... is too long for an HDF5 file.")
    for number, part in enumerate(np.array_split(data, -(-data.nbytes // (_LIMIT // longest * longest)) + 1)):
        group.attrs[f"{key}{number}"] = part


# -- configs


def old_config(model):
    """(the config of ``model`` in the words of Keras 2, the version of Keras that reads it as it is meant)."""
    if getattr(model, "_plan", None) is None:
        raise NotImplementedError(
            f"Model '{model.name}' is not a graph of symbols, so an HDF5 file has no words for it. Write: "
            f"model.save('....keras'), or model.save_weights(...)."
            + (" A Sequential must be built first, on data or by an Input." if hasattr(model, "_stack") else "")
        )
    with objects.unnamed() as lambdas, objects.doubts() as doubts:
        described = objects.serialize_keras_object(model)
    doubts.tell(model)
    described.pop("compile_config", None)
    tell_of_lambdas(model, described)
    _tell_what_was_learned(described, model)
    writer = _Writer()
    config = writer.value(described, model)
    if writer.slopes == {"1/6", "0.2"}:
        raise ValueError(
            f"Model '{model.name}' uses both hard_sigmoid of today and that of Keras 2, which have one name in an HDF5 "
            f"file. Write: model.save('....keras')."
        )
    if writer.new and not lambdas:
        return described, KERAS_3  # Keras 2 could not read it in any words
    return config, KERAS_3 if "1/6" in writer.slopes else KERAS_2


def _tell_what_was_learned(described, model):
    """Put learned vocabularies into the config: beside it such a file has place for weights alone."""
    known = {layer.name: layer for layer in model.layers}
    for one in described["config"]["layers"]:
        layer = known.get(one["config"].get("name")) if isinstance(one["config"], dict) else None
        if hasattr(layer, "learned_config"):
            one["config"].update(layer.learned_config())
        elif getattr(layer, "_plan", None) is not None and "layers" in one["config"]:
            _tell_what_was_learned(one, layer)


class _Writer:
    def __init__(self):
        self.slopes = set()
        self.new = False  # whether there are layers that Keras 2 never had

    def value(self, value, model=None):
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return self._name(value) if isinstance(value, str) else value
        if "class_name" not in value or "config" not in value:
            return {key: self.value(item) for key, item in value.items()}
        name, config = value["class_name"], value["config"]
        if name == "function":
            return self._name(config)
        if name == "DTypePolicy":
            return config["name"]
        if name.startswith("__"):
            return value
        if name == "Sequential":
            return self._sequential(value, model)
        if isinstance(config, dict) and "input_layers" in config:
            return self._functional(value, model)
        return self._plain(value, model)

    def _name(self, name):
        if name == eras.HARD_SIGMOID:
            self.slopes.add("0.2")
            return "hard_sigmoid"
        if name == "hard_sigmoid":
            self.slopes.add("1/6")
        return name

    def _plain(self, value, layer=None):
        name = value.get("registered_name") or value["class_name"]
        name = value["class_name"] if name.startswith("keras") else name
        self.new |= name in eras.SINCE_KERAS_3
        branches = [one for one in getattr(layer, "branches", ()) if isinstance(one, Layer)]  # models that it joins
        joined = value["config"]["layers"] if branches else []
        own = not str(value.get("module")).startswith("keras")
        config = {key: self._inner(item, own) for key, item in value["config"].items() if item is not joined}
        if branches:
            config["layers"] = [self.value(*pair) for pair in zip(joined, branches)]
        if name == "InputLayer":
            config["batch_input_shape"] = config.pop("batch_shape")
            config.update(sparse=False, ragged=False)
        elif name == "LeakyReLU":
            config["alpha"] = config.pop("negative_slope")
        elif name == "Lambda":
            config = _lambda(config)
        elif name == "MultiHeadAttention":
            shapes = (value.get("build_config") or {}).get("shapes_dict", {})
            config.update({key: shapes.get(key) for key in ("query_shape", "value_shape", "key_shape")})
        if config.get("use_ema") is False:
            config = {key: value for key, value in config.items() if not key.startswith("ema_")}
        if not config.get("renorm", True):
            config.pop("renorm_clipping", None)
            config.pop("renorm_momentum", None)
        if name in _WITHOUT_SEED:
            config.pop("seed", None)
        if name == "Discretization" and config.get("bin_boundaries") is not None:
            config["num_bins"] = None
        unknown = {**_UNKNOWN_THEN, **_UNKNOWN_TO.get(name, {})}
        config = {k: v for k, v in config.items() if k not in unknown or v not in unknown[k]}
        return {"class_name": name, "config": config}

    def _inner(self, value, own=False):
        """An object within a layer's config: Keras 3 looks for its module. In an ``own`` class, functions too."""
        if own and isinstance(value, dict) and value.get("class_name") == "function":
            return value
        found = self.value(value)
        if isinstance(value, dict) and isinstance(found, dict) and "class_name" in found:
            module = value.get("module")
            found.update(module=module, registered_name=value.get("registered_name"))
        if isinstance(value, list):
            return [self._inner(item, own) for item in value]
        return found

    def _layers_of(self, model):
        return {layer.name: layer for layer in model.layers} if model is not None else {}

    def _sequential(self, value, model):
        config, known = value["config"], self._layers_of(model)
        layers = [self.value(layer, known.get(layer["config"].get("name"))) for layer in config["layers"]]
        found = {"name": config["name"], "layers": layers}
        if config.get("build_input_shape"):
            found["build_input_shape"] = config["build_input_shape"]
        return {"class_name": self._class(value, "Sequential"), "config": found}

    @staticmethod
    def _class(value, usual):
        return usual if value.get("registered_name") is None else value["registered_name"]

    def _functional(self, value, model):
        config, known = value["config"], self._layers_of(model)
        counted_from_1 = {
            layer["name"]
            for layer in config["layers"]
            if isinstance(layer["config"], dict) and {"input_layers", "build_input_shape"} & layer["config"].keys()
        }
        nodes = _Nodes(self, known, counted_from_1)
        layers = []
        for layer in config["layers"]:
            described = dict(layer)
            calls = described.pop("inbound_nodes")
            if str(layer.get("module")).startswith(("keras.src.ops", "kbridge.ops")):
                layers.append(nodes.function(layer))
                continue
            found = self.value(described, known.get(layer["name"]))
            found["name"] = layer["name"]
            found["inbound_nodes"] = [nodes.call(call, layer) for call in calls]
            layers.append(found)
        graph = {key: nodes.ends(config[key]) for key in ("input_layers", "output_layers")}
        inner = {"name": config["name"], "trainable": config["trainable"], "layers": layers, **graph}
        return {"class_name": self._class(value, "Functional"), "config": inner}


class _Nodes:
    """The nodes of a graph in the form of Keras 2."""

    def __init__(self, writer, known, counted_from_1):
        self.writer, self.known, self.counted_from_1 = writer, known, counted_from_1

    def _number(self, history):
        name, node, tensor = history
        return [name, node + (name in self.counted_from_1), tensor]

    def function(self, layer):
        """An op that stands alone: as tf.keras writes it where it can, else in the words of Keras 3."""
        written = [function_of(layer, call) for call in layer["inbound_nodes"]]
        if None in written or not written or not all(_has_words(one) for one in written):
            return {**layer, "inbound_nodes": self.renumbered(layer["inbound_nodes"])}
        name = written[0][0]
        found = {"name": layer["name"], "trainable": True, "dtype": "float32", "function": name}
        kind = "SlicingOpLambda" if name.endswith("getitem") else "TFOpLambda"
        calls = []
        for _, first, more in written:
            kwargs = {key: self._argument(value) for key, value in more.items()}
            several = isinstance(first, (list, tuple)) and any(map(_is_symbol, first))
            nodes = [[*self._node(item), kwargs] for item in (first if several else [first])]
            calls.append(nodes if several else nodes[0])
        return {"class_name": kind, "config": found, "name": layer["name"], "inbound_nodes": calls}

    def _node(self, value):
        return self._number(value["config"]["keras_history"]) if _is_symbol(value) else ["_CONSTANT_VALUE", -1, value]

    def renumbered(self, value):
        """Nodes in the form of Keras 3, calls counted as in that of Keras 2."""
        if isinstance(value, dict):
            return {k: self._number(v) if k == "keras_history" else self.renumbered(v) for k, v in value.items()}
        return [self.renumbered(item) for item in value] if isinstance(value, (list, tuple)) else value

    def ends(self, structure):
        """Where the graph begins or ends: a list, or a dict."""
        found = self._ends(structure)
        return [found] if _is_history(structure) else found

    def _ends(self, structure):
        if isinstance(structure, dict):
            return {key: self._ends(item) for key, item in structure.items()}
        return self._number(structure) if _is_history(structure) else [self._ends(item) for item in structure]

    def call(self, call, layer):
        args, kwargs = list(call["args"]), {k: v for k, v in call["kwargs"].items() if v is not None}
        first = args.pop(0) if args else kwargs.pop(next(iter(kwargs)))
        tensors = first if isinstance(first, (list, tuple)) else [first]
        parameters = self.known[layer["name"]]._info().parameters[1:]
        kwargs.update(zip(parameters, args))
        if layer["class_name"] in RECURRENT and kwargs.get("initial_state") is not None:
            states = kwargs.pop("initial_state")
            tensors = [*tensors, *(states if isinstance(states, (list, tuple)) else [states])]
        if not all(_is_symbol(tensor) for tensor in tensors):
            raise NotImplementedError(
                f"Layer '{layer['name']}' is called on something that an HDF5 file has no words for. Write: "
                f"model.save('....keras')."
            )
        kwargs = {key: self._argument(value) for key, value in kwargs.items()}
        return [[*self._number(tensor["config"]["keras_history"]), kwargs] for tensor in tensors]

    def _argument(self, value):
        if _is_symbol(value):
            return self._number(value["config"]["keras_history"])
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        return self.writer.value(value)


def _is_history(value):
    return isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str)


def _has_words(value):
    """Whether it is made of symbols and plain data alone."""
    if isinstance(value, (list, tuple)):
        return all(map(_has_words, value))
    if isinstance(value, dict) and "config" in value:
        return _is_symbol(value)
    return all(map(_has_words, value.values())) if isinstance(value, dict) else True


def _is_symbol(value):
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _lambda(config):
    function = config.pop("function")
    unnamed = isinstance(function, dict)
    config.pop("mask", None)
    shape = config.get("output_shape")
    return {
        **config,
        "function": ["", None, None] if unnamed else function,
        "function_type": "lambda" if unnamed else "function",
        "output_shape": None if isinstance(shape, (dict, str)) else shape,
        "output_shape_type": "raw",
        "arguments": config.get("arguments") or {},
    }


def _training(model):
    """How ``model`` is trained, in the words of Keras 2; None if it is not compiled."""
    if getattr(model, "optimizer", None) is None:
        return None
    with objects.unnamed() as lambdas:
        config = model.get_compile_config()
    if lambdas:
        objects.warn(
            f"Model '{model.name}' is saved, but not how it is trained: its loss or a metric is a lambda, and code is "
            f"not written into files. Define it with `def` at the top of a module, and decorate it, before saving, "
            f"with @register_keras_serializable(). Or write model.compile(...) after loading."
        )
    if not config or lambdas:
        return None
    writer = _Writer()
    found = {key: writer.value(config.get(key)) for key in ("metrics", "weighted_metrics", "loss_weights")}
    found["loss"] = _full_names(writer.value(config.get("loss")))
    return {**found, "sample_weight_mode": None, "optimizer_config": writer.value(config["optimizer"])}


def _full_names(found):
    """Losses by their full names: of "mse" Keras 3 finds a metric."""
    if isinstance(found, list):
        return [_full_names(item) for item in found]
    if isinstance(found, dict):
        return found if "class_name" in found else {key: _full_names(item) for key, item in found.items()}
    if isinstance(found, str) and objects.get_registered_object(found) is None and found in losses._family.members:
        return losses.get(found).__name__
    return found
