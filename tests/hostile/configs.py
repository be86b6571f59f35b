"""Configs that ask for code, files, connections, memory or time, in each container that holds configs."""

import base64
import copy
import json
import marshal
from functools import partial

from hostile import good
from hostile.hdf5 import old_file

_CODE = base64.b64encode(marshal.dumps((lambda x: open("effect", "w") and x).__code__)).decode()
_LAMBDA = {"class_name": "__lambda__", "config": {"code": _CODE, "defaults": None, "closure": None}}
HUGE = 10**9


def cases(aim):
    for name, layer, expected, advisory in _layers(aim):
        yield from _in_containers(name, _with_layer(layer), expected, advisory)
    for name, change, expected, advisory in _wholes(aim):
        yield from _in_containers(name, change, expected, advisory)
    for name, change, expected, advisory in _of_today(aim):
        yield f"{name} in .keras", "model", partial(in_keras, change), ".keras", expected, advisory
    for name, told, expected, advisory in _compiled(aim):
        data = partial(_trained, told)
        yield f"{name} in .h5", "model", data, ".h5", expected, advisory
    for name, change in _of_tensorflow():
        old = partial(_old_text, change)
        yield f"{name} in .h5", "model", lambda old=old: old_file(old()), ".h5", "harmless"
        yield f"{name} in old JSON", "json", lambda old=old: old().encode(), ".json", "harmless"
    yield from _texts()


# -- containers


def _old_text(change):
    return json.dumps(changed(good.old_config(), change))


def _trained(told):
    return old_file(good.old_config(), training=told)


def changed(config, change):
    config = copy.deepcopy(config)
    found = change(config)
    return config if found is None else found


def in_keras(change):
    return keras_of(json.dumps(changed(good.config(), change)))


def keras_of(text):
    return _with("config.json", text)


def _with(name, data):
    return good.zipped({**good.parts(), name: data})


def _in_containers(name, change, expected, advisory):
    texts = expected != "only weights tell"  # and texts have none: what memory there is bounds them
    expected = expected if texts else "refused"

    def now():
        return json.dumps(changed(good.config(), change))

    def old():
        return json.dumps(changed(good.old_config(), change))

    yield f"{name} in .keras", "model", lambda: keras_of(now()), ".keras", expected, advisory
    yield f"{name} in .h5", "model", lambda: old_file(old()), ".h5", expected, advisory
    if texts:
        yield f"{name} in JSON", "json", lambda: now().encode(), ".json", expected, advisory
        yield f"{name} in old JSON", "json", lambda: old().encode(), ".json", expected, advisory
        # JSON with its keys quoted is YAML as well
        yield f"{name} in YAML", "yaml", lambda: old().encode(), ".yaml", expected, advisory


def _with_layer(layer):
    def change(config):
        config["config"]["layers"].append(copy.deepcopy(layer))

    return change


def _dense(**config):
    return {"class_name": "Dense", "module": "keras.layers", "config": {"name": "other", "units": 2, **config}}


def _named(module, name, kind="function", config=None, registered=None):
    config = name if kind == "function" else (config or {})
    return {
        "module": module,
        "class_name": "function" if kind == "function" else name,
        "config": config,
        "registered_name": registered if registered is not None else name,
    }


def _layer(kind, of="keras.layers", /, **config):
    return {"class_name": kind, "module": of, "config": {"name": "other", **config}, "registered_name": None}


# -- layers


def _layers(aim):
    """(name, description of a layer, what should come of it, advisory)."""
    # code
    code = "CVE-2024-3660"
    yield "Lambda of bytecode", _layer("Lambda", function=_LAMBDA), "unasked", code
    yield "Lambda with a mask of bytecode", _layer("Lambda", function="relu", mask=_LAMBDA), "unasked", code
    yield "Lambda with a shape of bytecode", _layer("Lambda", function="relu", output_shape=_LAMBDA), "unasked", code
    for part in ("activation", "kernel_initializer", "bias_regularizer", "kernel_constraint"):
        yield f"bytecode as {part}", _dense(**{part: _LAMBDA}), "unasked", code
    wrapped = _layer("TimeDistributed", layer=_layer("Lambda", function=_LAMBDA))
    yield "Lambda of bytecode within another layer", wrapped, "unasked", code
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [_layer("Lambda", function=_LAMBDA)]}}
    yield "Lambda of bytecode within a model within", inner, "unasked", code
    old = "CVE-2025-9905"
    for function in ([_CODE, None, None], [_CODE, [1], [2]]):
        described = _layer("Lambda", function=function, function_type="lambda", module="canary_module", arguments={})
        yield f"Lambda of old bytecode {len(str(function))}", described, "unasked", old
    yield "Lambda of old bytecode that tells no type", _layer("Lambda", function=[_CODE, None, None]), "unasked", old
    shaped = _layer("Lambda", function="relu", output_shape=[_CODE, None, None], output_shape_type="lambda")
    yield "Lambda of old with a shape of bytecode", shaped, "refused", old
    masked = _layer("Lambda", function="relu", mask=[_CODE, None, None], mask_type="lambda", function_type="function")
    yield "Lambda of old with a mask of bytecode", masked, "unasked", old
    by_name = _layer("Lambda", function="run", function_type="function", module="canary_module")
    yield "Lambda of a function by module", by_name, "refused", old
    merge = _layer("Merge", mode=_CODE, mode_type="lambda", concat_axis=-1, dot_axes=-1, output_shape=[3])
    yield "Merge of bytecode", merge, "refused", old

    # names that would be imported
    imports = "CVE-2025-1550"
    for module, name in (
        *(
            ("canary_module", "run"),
            ("os", "system"),
            ("builtins", "eval"),
            ("builtins", "exec"),
            ("subprocess", "run"),
        ),
        *(("pickle", "loads"), ("numpy", "load"), ("torch", "load"), ("this", "s"), ("antigravity", "geohash")),
        *(("importlib", "import_module"), ("keras.src.layers.core.lambda_layer", "python_utils")),
    ):
        yield f"{module}.{name} as activation", _dense(activation=_named(module, name)), "refused", imports
        described = _named(module, name, "class", {"name": "x", "args": "touch effect"})
        yield f"{module}.{name} as layer", described, "refused", imports
        described = _layer("Lambda", function=_named(module, name), arguments={"command": "touch effect"})
        yield f"{module}.{name} in a Lambda", described, "refused", imports
    for name in ("os>system", "canary_module>run", "canary_module.run", "kbridge.layers.os", "__import__", "__class__"):
        yield f"{name} as class", _layer(name), "refused", imports
        yield f"{name} as name", _dense(activation=name), "refused", imports
        registered = {**_dense(), "class_name": "Mine", "registered_name": name}
        yield f"{name} as registered name", registered, "refused", imports

    for module, name in (
        ("keras.utils", "func_load"),
        ("keras.src.utils.python_utils", "func_load"),
        ("kbridge.bytecode", "loaded"),
        ("kbridge.compat.generic", "func_load"),
        ("keras.saving", "KerasFileEditor"),
        ("keras.export", "ExportArchive"),
        ("keras.src.saving.saving_lib", "load_model"),
    ):
        told = {"filepath": "secret.txt", "code": _CODE, "text": _CODE, "name": "x"}
        yield f"{module}.{name} as layer", _named(module, name, "class", told), "refused", imports
        lambda_ = _layer("Lambda", function=_named(module, name), arguments={"code": _CODE, "text": _CODE})
        yield f"{module}.{name} in a Lambda", lambda_, "refused", imports
    for name in ("Lambda", "keras>Lambda", "Custom>Lambda"):
        described = {**_layer("Mine", function=[_CODE, None, None], function_type="lambda"), "registered_name": name}
        yield f"bytecode of a layer registered as {name}", described, "refused", old
        described = {**_layer(name, function=[_CODE, None, None], function_type="lambda"), "registered_name": name}
        yield f"bytecode of a {name}", described, "refused", old
    for module in ("keras.legacy.layers", "tf_keras.layers", "keras.src.layers.core.lambda_layer", "canary_module"):
        yield f"Lambda of {module}", _layer("Lambda", module, function=_LAMBDA), "unasked", code
    yield "bytecode that says only what it is", _dense(activation={"value": _CODE}), "refused", code
    yield "bytecode without its config", _dense(activation={"class_name": "__lambda__"}), "refused", code

    # functions of Keras that have effects
    get = "CVE-2025-8747"
    for module in ("keras.utils", "keras.src.utils.file_utils", "kbridge.utils", "tf_keras.utils"):
        told = {"fname": "effect", "origin": aim.url, "cache_dir": ".", "extract": True}
        yield f"{module}.get_file as layer", _named(module, "get_file", "class", told), "refused", get
        yield f"{module}.get_file as activation", _dense(activation=_named(module, "get_file")), "refused", get
        lambda_ = _layer("Lambda", function=_named(module, "get_file"), arguments={"origin": aim.url})
        yield f"{module}.get_file in a Lambda", lambda_, "refused", get
    tar = {"fname": "a.tar", "origin": f"file://{aim.folder}/evil.tar", "extract": True, "untar": True}
    yield (
        "a tar that get_file would extract",
        _named("keras.utils", "get_file", "class", tar),
        "refused",
        "CVE-2025-12060",
    )
    switch = "CVE-2025-9906"
    for module in ("keras.config", "keras.src.saving.serialization_lib", "kbridge.config", "keras"):
        name = "enable_unsafe_deserialization"
        yield f"{module}.{name} as layer", _named(module, name, "class"), "refused", switch
        yield f"{module}.{name} as activation", _dense(activation=_named(module, name)), "refused", switch
        yield f"{module}.{name} in a Lambda", _layer("Lambda", function=_named(module, name)), "refused", switch
    for module, name, told in (
        ("keras.config", "set_floatx", {"value": "float16"}),
        ("keras.config", "set_backend", {"backend": "torch"}),
        ("keras.mixed_precision", "set_global_policy", {"policy": "float16"}),
        ("keras.utils", "plot_model", {"model": None, "to_file": "effect"}),
        ("keras.saving", "load_model", {"filepath": "secret.txt"}),
        ("keras.callbacks", "CSVLogger", {"filename": "effect"}),
        ("keras.callbacks", "TensorBoard", {"log_dir": "effect"}),
        ("keras.datasets.mnist", "load_data", {"path": "effect"}),
        ("keras.utils", "image_dataset_from_directory", {"directory": "."}),
    ):
        yield f"{module}.{name} as layer", _named(module, name, "class", told), "refused", get
        yield f"{module}.{name} as activation", _dense(activation=_named(module, name)), "refused", get

    # layers made of other files, or of code
    for module in ("keras.layers", "keras.src.utils.torch_utils", None, "kbridge.layers"):
        described = _layer("TorchModuleWrapper", module, module=_CODE)
        yield f"TorchModuleWrapper of {module}", described, "unsafe", "CVE-2025-49655"
        described = _layer("TFSMLayer", module, filepath=aim.folder, call_endpoint="serve")
        yield f"TFSMLayer of {module}", described, "unsafe", "CVE-2026-1462"
    for name in ("JaxLayer", "FlaxLayer"):
        yield name, _layer(name, call_fn=_LAMBDA, module=_CODE), "unsafe", "GHSA-hqp4-2352-xf5r"
    for name in ("Custom>TFSMLayer", "keras>TFSMLayer", "TFSMLayerV2"):
        yield name, _layer(name, filepath=aim.folder), "refused", "CVE-2026-1462"
    wrapper = _layer("TimeDistributed", layer=_layer("TFSMLayer", filepath=aim.folder))
    yield "TFSMLayer within another layer", wrapper, "unsafe", "CVE-2026-1462"

    # words that would be read from files
    words = "CVE-2025-12058"
    for place in (
        f"{aim.folder}/secret.txt",
        "secret.txt",
        aim.url,
        f"file://{aim.folder}/secret.txt",
        "gs://bucket/a",
    ):
        for name in ("StringLookup", "IntegerLookup", "TextVectorization"):
            yield f"{name} of {place[:9]}", _layer(name, vocabulary=place), "unsafe", words
    hidden = {"class_name": "__bytes__", "config": {"value": "secret.txt"}}
    yield "StringLookup of bytes", _layer("StringLookup", vocabulary=hidden), "refused", words
    yield "StringLookup of a list of paths", _layer("StringLookup", vocabulary=["secret.txt"]), "harmless", words
    weights = _layer("StringLookup", vocabulary=["a"], idf_weights="secret.txt", output_mode="tf_idf")
    yield "StringLookup with weights of a path", weights, "refused", words
    lookup = {"class_name": "StringLookup", "config": {"vocabulary": "secret.txt"}}
    yield "StringLookup within another layer", _layer("TimeDistributed", layer=lookup), "unsafe", words
    mine = {**_layer("Mine", vocabulary="secret.txt"), "registered_name": "StringLookup"}
    yield "StringLookup by its registered name", mine, "refused", words
    yield "Package>StringLookup", _layer("keras>StringLookup", vocabulary="secret.txt"), "refused", words

    # sizes
    size = "CVE-2026-0897"
    for units in (HUGE, 10**18, 2**63, 2**64, 10**30):
        yield f"Dense of {units} units", _dense(units=units), "only weights tell", size
    for units in (-1, 0, "8", 1.5, None, [3], {}, True, float("nan"), float("inf"), -HUGE):
        yield f"Dense of {units!r} units", _dense(units=units), "harmless" if units is True else "refused", None
    yield "Dense of 2**40 units", _dense(units=2**40), "refused", size
    deep = [None, 4]
    for name, told in (
        ("LSTM", {"units": HUGE}),
        ("GRU", {"units": HUGE, "return_sequences": True}),
        ("MultiHeadAttention", {"num_heads": HUGE, "key_dim": HUGE}),
        ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": [HUGE]}),
        ("EinsumDense", {"equation": "," * 10_000, "output_shape": [3]}),
        ("Embedding", {"input_dim": 10**12, "output_dim": 10**6}),
        ("Embedding", {"input_dim": 10**12, "output_dim": 10**6, "batch_input_shape": deep}),
        ("Conv1D", {"filters": HUGE, "kernel_size": [HUGE]}),
        ("Conv2D", {"filters": HUGE, "kernel_size": [3, 3]}),
        ("RepeatVector", {"n": 10**18}),
        ("RepeatVector", {"n": 10**30}),
        ("Reshape", {"target_shape": [1] * 5000 + [2]}),
        ("Reshape", {"target_shape": [2**70, -1]}),
        ("Permute", {"dims": [2] * 100_000}),
        ("CategoryEncoding", {"num_tokens": 10**12}),
        ("Hashing", {"num_bins": 10**30}),
        ("Discretization", {"num_bins": 10**12}),
        ("Discretization", {"bin_boundaries": "many"}),
        (
            "StringLookup",
            {"vocabulary": ["a"], "max_tokens": 10**12, "output_mode": "multi_hot", "pad_to_max_tokens": True},
        ),
        ("StringLookup", {"vocabulary": ["a"], "num_oov_indices": 10**12, "output_mode": "multi_hot"}),
        ("IntegerLookup", {"vocabulary": [1], "max_tokens": 10**12, "output_mode": "tf_idf", "idf_weights": [1.0]}),
        ("IntegerLookup", {"max_tokens": 10**10, "output_mode": "tf_idf"}),
        ("TextVectorization", {"ngrams": HUGE, "max_tokens": HUGE, "output_mode": "tf_idf", "pad_to_max_tokens": True}),
        ("TextVectorization", {"output_sequence_length": 10**12}),
        ("HashedCrossing", {"num_bins": 10**12, "output_mode": "one_hot"}),
        ("MelSpectrogram", {"fft_length": 2**30, "num_mel_bins": 2**20}),
        ("STFTSpectrogram", {"frame_length": 2**30, "fft_length": 2**30}),
        ("STFTSpectrogram", {"frame_length": 2**14, "fft_length": 2**14, "mode": "log"}),
        ("Resizing", {"height": 10**9, "width": 10**9}),
        ("CenterCrop", {"height": 10**9, "width": 10**9}),
        ("RandomCrop", {"height": 10**9, "width": 10**9}),
        ("Normalization", {"mean": [0.0] * 100_000, "variance": [1.0] * 100_000}),
        ("Normalization", {"axis": list(range(100_000))}),
        ("BatchNormalization", {"axis": 10**30}),
        ("LayerNormalization", {"axis": list(range(-100_000, 0))}),
        ("GroupNormalization", {"groups": 10**30}),
        ("UpSampling1D", {"size": 10**30}),
        ("ZeroPadding1D", {"padding": 10**30}),
        ("Cropping1D", {"cropping": 10**30}),
        ("Dropout", {"rate": 0.5, "noise_shape": [1] * 100_000}),
        ("Dropout", {"rate": float("nan")}),
        ("GaussianNoise", {"stddev": float("inf"), "seed": 10**40}),
        ("Dropout", {"rate": 0.5, "seed": 10**30}),
        ("Dropout", {"rate": 0.5, "seed": -1}),
        ("SpectralNormalization", {"power_iterations": 10**12, "layer": _dense()}),
        ("StackedRNNCells", {"cells": [_layer("LSTMCell", units=4)] * 200}),
        ("RNN", {"cell": [_layer("GRUCell", units=HUGE)] * 50}),
        ("Bidirectional", {"layer": _dense()}),
        ("TimeDistributed", {"layer": 3}),
        ("Activation", {"activation": "x" * 1_000_000}),
        ("Activation", {"activation": {"class_name": "function", "config": {"a": 1}}}),
        ("MaxPooling1D", {"pool_size": 0, "strides": 0}),
        ("AveragePooling1D", {"pool_size": -5}),
        ("Lambda", {"function": "ones"}),
        ("Lambda", {"function": "arange", "arguments": {"stop": 10**12}}),
        ("Lambda", {"function": _named("keras.ops", "zeros"), "arguments": {"dtype": "float64"}}),
        ("Lambda", {"function": "eye", "arguments": {"N": 10**6}}),
        ("Lambda", {"function": "repeat", "arguments": {"repeats": 10**12}}),
        ("Pipeline", {"layers": [_dense()] * 100}),
        ("RandomGrayscale", {"factor": 10**30}),
        ("AugMix", {"num_chains": 10**9, "chain_depth": [10**9, 10**9]}),
        ("RandAugment", {"num_ops": 10**9}),
        ("MelSpectrogram", {}),
        ("AdaptiveMaxPooling1D", {"output_size": 10**7}),
        ("IntegerLookup", {"vocabulary": [k * (2**61 - 1) for k in range(20_000)]}),  # all of one hash
        ("StackedRNNCells", {"cells": [_layer("StackedRNNCells", cells=[_layer("LSTMCell", units=4)] * 3)] * 3}),
    ):
        yield f"{name} of {str(told)[:60]}", _layer(name, **told), "harmless", size
    for initializer in (
        {"class_name": "Constant", "config": {"value": [[1.0] * 1000] * 100}},
        {"class_name": "Orthogonal", "config": {"gain": 1e300}},
        {"class_name": "Identity", "config": {"gain": HUGE}},
        {"class_name": "RandomNormal", "config": {"seed": 10**40}},
        {"class_name": "VarianceScaling", "config": {"scale": 1e308, "mode": "x", "distribution": "y"}},
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
        {"class_name": "__numpy__", "config": {"value": "x" * 1000, "dtype": "U1000000000"}},
        {"class_name": "__tensor__", "config": {"value": [1], "dtype": "V1000000000"}},
        {"class_name": "__slice__", "config": {"start": 10**30, "stop": None, "step": 0}},
        {"class_name": "__slice__", "config": 3},
        {"class_name": "__bytes__", "config": {"value": 3}},
        {"class_name": "__keras_tensor__", "config": {"shape": [10**30] * 1000, "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {}},
    ):
        yield f"{str(initializer)[:60]} as initializer", _dense(kernel_initializer=initializer), "harmless", size
    for n, initializer in ((4000, "Orthogonal"), (3900, "IdentityInitializer"), (3900, "TruncatedNormal")):
        big = _dense(units=n, kernel_initializer=initializer, batch_input_shape=[None, 4])
        yield f"{n} {initializer}", big, "harmless", size
    square = {
        "class_name": "Sequential",
        "config": {
            "name": "inner",
            "layers": [_dense(units=3800), _dense(units=3800, kernel_initializer="orthogonal")],
        },
    }
    yield "a large orthogonal matrix", square, "harmless", size
    # shapes and names
    for shape in ([None] * 100_000, [10**30], [-5], ["a"], 3, "4", [[4]], [None, 10**18], [float("nan")], {}, [True]):
        yield f"an input of {str(shape)[:30]}", _layer("InputLayer", batch_shape=shape), "harmless", None
    for name in (
        "../../effect",
        "a" * 1_000_000,
        "\ud800",
        "\0",
        "",
        "a/b",
        3,
        None,
        ["x"],
        {"a": 1},
        "\x1b[2J",
        "%s{0}",
    ):
        yield f"the name {str(name)[:12]!r}", _dense(name=name), "harmless", None
    for dtype in ("object", "U10", "float1000000", "V8", "datetime64", 3, {"class_name": "DTypePolicy", "config": {}}):
        yield f"the dtype {dtype}", _dense(dtype=dtype), "harmless", None
    for key, value in (("build_config", {"input_shape": [None, HUGE]}), ("build_config", {"input_shape": [[[[]]]]})):
        yield f"built for {value}", {**_dense(units=HUGE), key: value}, "only weights tell", size
    for key in ("unknown_argument", "__class__", "self", "cls", "", "\ud800"):
        yield f"the argument {key!r}", _dense(**{key: 1}), "refused", None
    for extra in ({"shared_object_id": 10**30}, {"shared_object_id": -1}, {"shared_object_id": 0}):
        yield f"{extra}", {**_dense(), **extra}, "harmless", None
    for described in (
        None,
        3,
        [],
        {},
        "Dense",
        [_dense()],
        {"class_name": "Dense"},
        {"class_name": None, "config": {}},
    ):
        yield f"a layer that is {str(described)[:30]}", described, "refused", None
    for config in (None, 3, [], "x", [1, 2], {"name": {}}, {"units": {}}):
        yield f"a layer of the config {config}", {"class_name": "Dense", "config": config}, "refused", None


# -- whole configs


def _nested(depth):
    def change(config):
        inner = config["config"]["layers"][-1]
        for number in range(depth):
            inner = {"class_name": "Sequential", "config": {"name": f"s{number}", "layers": [inner]}}
        config["config"]["layers"].append(inner)

    return change


def _replaced(**values):
    def change(config):
        config.update(values)

    return change


def _graph(layers, inputs, outputs):
    return lambda config: {
        **{key: value for key, value in config.items() if key == "module"},
        "class_name": "Functional",
        "config": {"name": "graph", "layers": layers, "input_layers": inputs, "output_layers": outputs},
    }


def _called(name, *inbound, kind="Dense", **config):
    found = {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **({"units": 2} if kind == "Dense" else {}), **config},
    }
    return {**found, "inbound_nodes": list(inbound)}


def _call(*sources):
    return [[source, 0, 0, {}] for source in sources]


def _wholes(aim):
    """(name, change of a config, what should come of it, advisory)."""
    for depth in (20, 49, 60, 140):
        yield f"{depth} models in one another", _nested(depth), "harmless", None
    yield (
        "200 more layers",
        lambda c: c["config"]["layers"].extend([_dense(name=f"d{i}") for i in range(200)]),
        "harmless",
        None,
    )
    yield "20000 layers", lambda c: c["config"]["layers"].extend([_dense()] * 20_000), "refused", None
    for key in ("class_name", "config"):
        for value in (None, 3, [], {}, "x", True):
            expected = "harmless" if (key, value) == ("config", []) else "refused"  # Keras 1 wrote lists of layers
            yield f"{key} = {value!r}", _replaced(**{key: value}), expected, None
    for value in (None, 3, {}, "x", [[]], [None], [[[]]]):
        yield f"layers = {value!r}", lambda c, v=value: c["config"].update(layers=v), "refused", None
    for name in (
        "Model",
        "Layer",
        "Functional",
        "kbridge.Model",
        "Dense",
        "Adam",
        "function",
        "__numpy__",
        "__lambda__",
    ):
        yield f"the model is a {name}", _replaced(class_name=name), "refused", None
    first = _called("a", kind="InputLayer", batch_input_shape=[None, 4])
    circle = [first, _called("b", _call("a", "c")), _called("c", _call("b"))]
    yield "a graph in a circle", _graph(circle, [["a", 0, 0]], [["c", 0, 0]]), "refused", None
    itself = [first, _called("b", _call("b"))]
    yield "a layer called on itself", _graph(itself, [["a", 0, 0]], [["b", 0, 0]]), "refused", None
    absent = [first, _called("b", _call("nowhere"))]
    for depth in (8, 14, 40):
        yield f"{depth} models called twice in one another", _doubled(depth), "harmless", None
    yield "a layer called on none", _graph(absent, [["a", 0, 0]], [["b", 0, 0]]), "refused", None
    for index in (10**30, "0", None, 1.5, [0], 5):
        wrong = [first, _called("b", [["a", index, 0, {}]])]
        yield f"node {index!r}", _graph(wrong, [["a", 0, 0]], [["b", 0, 0]]), "refused", None
        yield (
            f"output {index!r}",
            _graph([first, _called("b", _call("a"))], [["a", 0, 0]], [["b", 0, index]]),
            "refused",
            None,
        )
    yield "a graph of nothing", _graph([], [], []), "refused", None
    yield "outputs of nowhere", _graph([first], [["a", 0, 0]], [["z", 0, 0]]), "refused", None
    yield "inputs of nowhere", _graph([first], [["z", 0, 0]], [["a", 0, 0]]), "refused", None
    twice = [first, _called("b", _call("a")), _called("b", _call("a"))]
    yield "two layers of one name", _graph(twice, [["a", 0, 0]], [["b", 0, 0]]), "harmless", None
    many = [first, _called("b", *[_call("a") for _ in range(5000)])]
    yield "a layer called 5000 times", _graph(many, [["a", 0, 0]], [["b", 4999, 0]]), "harmless", None
    double = [first] + [
        _called(f"x{i}", _call(*[f"x{i - 1}" if i else "a"] * 2), kind="Concatenate") for i in range(100)
    ]
    yield "a width doubled 100 times", _graph(double, [["a", 0, 0]], [["x99", 0, 0]]), "harmless", None
    chain = [first] + [_called(f"d{i}", _call(f"d{i - 1}" if i else "a")) for i in range(200)]
    yield "a chain of 200", _graph(chain, [["a", 0, 0]], [["d199", 0, 0]]), "harmless", None
    back = [first] + [_called(f"d{i}", _call(f"d{i + 1}")) for i in range(300)] + [_called("d300", _call("a"))]
    yield "a chain of 300 from behind", _graph(back, [["a", 0, 0]], [["d0", 0, 0]]), "harmless", None


def _doubled(depth):
    """A model that calls one twice, which calls one twice, and so on."""

    def model(number):
        source, name = f"a{number}", f"m{number}"
        first = _called(source, kind="InputLayer", batch_input_shape=[None, 4])
        inner = _called(name, _call(source), kind="Activation", activation="relu")
        if number:
            inner = {**model(number - 1), "name": name, "inbound_nodes": [_call(source), _call(name)]}
            inner["config"]["name"] = name
        config = {
            "layers": [first, inner],
            "input_layers": [[source, 0, 0]],
            "output_layers": [[name, number and 1, 0]],
        }
        return {"class_name": "Functional", "config": {"name": f"m{number + 1}", **config}}

    return lambda config: model(depth)


def _of_today(aim):
    """Changes that only configs of Keras 3 know."""

    def node(module, name, *args, **kwargs):
        def change(config):
            tensor = {
                "class_name": "__keras_tensor__",
                "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["a", 0, 0]},
            }
            first = {**_layer("InputLayer", batch_shape=[None, 4]), "name": "a", "inbound_nodes": []}
            first["config"]["name"] = "a"
            other = {"module": module, "class_name": name, "config": {"name": "b"}, "name": "b"}
            other["inbound_nodes"] = [{"args": [tensor, *args], "kwargs": kwargs}]
            inner = {
                "name": "g",
                "layers": [first, other],
                "input_layers": [["a", 0, 0]],
                "output_layers": [["b", 0, 0]],
            }
            return {"module": "keras", "class_name": "Functional", "config": inner, "registered_name": "Functional"}

        return change

    yield "a node of os.system", node("os", "system"), "refused", "CVE-2025-1550"
    yield "a node of get_file", node("keras.utils", "get_file", origin=aim.url), "refused", "CVE-2025-8747"
    yield "a node of load_model", node("keras.saving", "load_model"), "refused", "CVE-2025-8747"
    for name, args in (
        ("Tile", [[10**6, 10**6]]),
        ("tile", [[10**6, 10**6]]),
        ("Repeat", [10**18]),
        ("Pad", [[[10**9, 10**9], [10**9, 10**9]]]),
        ("BroadcastTo", [[10**9, 10**9, 4]]),
        ("Reshape", [[10**18, -1]]),
        ("OneHot", [10**12]),
        ("Linspace", [3, 10**12]),
        ("Ones", []),
        ("Arange", [10**12]),
        ("Einsum", []),
        ("fori_loop", [10**12]),
        ("while_loop", [10**12]),
        ("vectorized_map", []),
        ("ScatterUpdate", [[10**30], 3]),
        ("Expm", []),
        ("split", [10**8]),
        ("tensordot", [[1.0] * 4, 10**8]),
        ("diff", [10**9]),
        ("repeat", [[10**9] * 4, 1]),
        ("pad", [[[0, 0], [10**9, 10**9]], "reflect"]),
        ("extract_sequences", [3, 10**9]),
        ("one_hot", [10**12]),
        ("Kron", [{"class_name": "__numpy__", "config": {"value": [[1.0] * 1000] * 100, "dtype": "float32"}}]),
        ("Vander", [10**12]),
        ("Diag", [10**9]),
        ("Eye", [10**6]),
    ):
        module = "kbridge.ops" if name.islower() else "keras.src.ops.numpy"
        yield f"a node of {name} with {str(args)[:40]}", node(module, name, *args), "harmless", None

    def compiled(key, value):
        def change(config):
            config["compile_config"][key] = value

        return change

    for name, told in _told(aim):
        kind = {"optimizer": ("optimizer",), "loss": ("loss",)}.get(told[0], ("metrics", "weighted_metrics"))
        for key in kind:
            yield f"{name} as {key}", compiled(key, [told[1]] if "metrics" in key else told[1]), told[2], told[3]
    for key in ("optimizer", "loss", "metrics", "jit_compile", "steps_per_execution", "loss_weights", "run_eagerly"):
        for value in (3.5, [[[]]], {"a": {"b": {}}}, "x" * 100_000, 10**30, {"class_name": "Adam"}):
            yield f"compiled with {key}={str(value)[:20]}", compiled(key, value), "harmless", None
    for value in (None, {}, [], {"input_shape": [None, 10**9]}, {"input_shape": "x"}, {"shapes_dict": {"x": [10**30]}}):
        yield f"build_config = {value}", lambda c, v=value: c.update(build_config=v), "harmless", None
    yield (
        "a variable as layer",
        _with_layer(_named("keras", "Variable", "class", {"initializer": "zeros", "shape": [10**12]})),
        "refused",
        None,
    )
    for name in (
        "FeatureSpace",
        "Node",
        "KerasTensor",
        "SeedGenerator",
        "DTypePolicyMap",
        "EarlyStopping",
        "PyDataset",
    ):
        yield f"the model is a {name}", _replaced(class_name=name, module="keras", config={}), "refused", None
    features = {
        "x": {
            "class_name": "Feature",
            "config": {
                "dtype": "string",
                "output_mode": "one_hot",
                "preprocessor": {
                    "class_name": "StringLookup",
                    "module": "keras.layers",
                    "config": {"vocabulary": "secret.txt"},
                },
            },
        }
    }
    space = {"module": "keras.utils", "class_name": "FeatureSpace", "config": {"features": features, "crosses": []}}
    yield "a FeatureSpace of a vocabulary's path", lambda c: space, "refused", "CVE-2025-12058"


def _of_tensorflow():
    """Changes of a config into a graph of TensorFlow's functions, each called on what the one before gives."""
    huge, before = 10**9, object()
    size = [("shape", {}), ("__operators__.getitem", {"slice_spec": 1})]
    many = [("math.multiply", {"y": before})] * 40
    for name, shape, *functions in (
        ("a size squared 40 times", [None, 4], *size, *many, ("ones", {})),
        ("a large size", [None, 4], *size, ("math.multiply", {"y": huge}), ("range", {})),
        ("a tile", [None, 4], ("tile", {"multiples": [1, huge]})),
        ("a repeat of each", [None, 4], ("repeat", {"repeats": [huge] * 4, "axis": 1})),
        ("a split", [None, 4], ("split", {"num_or_size_splits": 10**8, "axis": 1})),
        ("a split into none", [None, 4], ("split", {"num_or_size_splits": [0] * 100_000, "axis": 1})),
        ("an unstack", [None, 10**8], ("unstack", {"axis": 1})),
        ("a tensordot", [None, 4], ("tensordot", {"b": before, "axes": 10**8})),
        ("a mirrored margin", [None, 4], ("pad", {"paddings": [[0, 0], [huge, huge]], "mode": "REFLECT"})),
        ("a mask", [None, 4], ("sequence_mask", {"maxlen": huge})),
        ("an image", [None, 4, 4, 3], ("image.resize", {"size": [huge, huge]})),
        ("os.system", [None, 4], ("os.system", {"command": "touch effect"})),
        ("a file", [None, 4], ("io.write_file", {"filename": "effect", "contents": "x"})),
        ("a file that is read", [None, 4], ("io.read_file", {"filename": "secret.txt"})),
        ("a function of Python", [None, 4], ("py_function", {"func": "eval"})),
    ):

        def change(config, shape=shape, functions=functions):
            layers, last = [_called("a", kind="InputLayer", batch_input_shape=shape)], "a"
            for i, (function, told) in enumerate(functions):
                told = {key: [last, 0, 0] if value is before else value for key, value in told.items()}
                layers.append(_called(f"f{i}", [last, 0, 0, told], kind="TFOpLambda", function=function))
                last = f"f{i}"
            whole = {"name": "graph", "layers": layers, "input_layers": [["a", 0, 0]], "output_layers": [[last, 0, 0]]}
            return {"class_name": "Functional", "config": whole}

        yield f"TensorFlow's function: {name}", change


def _told(aim):
    """(name, (part of what is compiled, its description, what should come of it, advisory))."""
    code, imports = "CVE-2024-3660", "CVE-2025-1550"
    for part in ("optimizer", "loss", "metrics"):
        yield "bytecode", (part, _LAMBDA, "unasked", code)
        yield "os.system", (part, _named("os", "system"), "refused", imports)
        yield "canary_module.run", (part, _named("canary_module", "run"), "refused", imports)
        yield "canary_module.Run", (part, _named("canary_module", "run", "class"), "refused", imports)
        yield (
            "get_file",
            (part, _named("keras.utils", "get_file", "class", {"origin": aim.url}), "refused", "CVE-2025-8747"),
        )
    size = "CVE-2026-0897"
    for name, config in (
        ("AUC", {"num_thresholds": HUGE}),
        ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": HUGE}),
        ("MeanIoU", {"num_classes": 10**6}),
        ("AUC", {"thresholds": [0.1] * 100_000}),
        ("F1Score", {"average": None, "threshold": float("nan")}),
        ("TopKCategoricalAccuracy", {"k": 10**30}),
    ):
        described = {"class_name": name, "module": "keras.metrics", "config": {"name": "m", **config}}
        yield f"{name} {str(config)[:30]}", ("metrics", described, "harmless", size)
    schedule = {
        "class_name": "PiecewiseConstantDecay",
        "config": {"boundaries": [1] * 100_000, "values": [1.0] * 100_001},
    }
    for name, config in (
        ("Adam", {"learning_rate": schedule}),
        ("Adam", {"learning_rate": float("nan"), "beta_1": 10**400}),
        ("SGD", {"learning_rate": _LAMBDA}),
        ("LossScaleOptimizer", {"inner_optimizer": {"class_name": "os>system", "config": {}}}),
        ("Adam", {"gradient_accumulation_steps": 10**30}),
        ("Adam", {"nonsense": 1}),
    ):
        described = {"class_name": name, "module": "keras.optimizers", "config": config}
        yield f"{name} {str(config)[:30]}", ("optimizer", described, "harmless", size)


def _compiled(aim):
    for name, (part, described, expected, advisory) in _told(aim):
        for key in {"optimizer": ("optimizer_config",), "loss": ("loss",)}.get(part, ("metrics", "weighted_metrics")):
            told = {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "mse"}
            told[key] = [described] if "metrics" in key else described
            # what is refused there is refused by another name
            yield f"{name} as {key}", told, "refused" if expected in ("unsafe", "unasked") else expected, advisory
    for key in ("optimizer_config", "loss", "metrics", "loss_weights", "sample_weight_mode"):
        for value in (3.5, [[[]]], {"a": {"b": {}}}, "x" * 100_000, 10**30, {"class_name": "Adam"}):
            told = {"optimizer_config": {"class_name": "SGD", "config": {}}, "loss": "mse", key: value}
            yield f"trained with {key}={str(value)[:20]}", told, "harmless", None
    for told in (3, [], {}, "x", None):
        yield f"trained with {told}", told, "harmless", None


# -- texts


def _texts():
    good_text, good_yaml = json.dumps(good.config()), good.yaml_text()
    texts = [
        ("nesting of lists", "[" * 100_000, "unsafe"),
        ("nesting of objects", '{"a":' * 100_000, "unsafe"),
        ("closed nesting", '{"class_name":' * 160 + "1" + "}" * 160, "unsafe"),
        ("nesting of 900", '{"a": ' + "[" * 900 + "]" * 900 + "}", "unsafe"),
        ("a key twice", '{"class_name": "Sequential", "class_name": "Functional", "config": {}}', "unsafe"),
        ("a key twice in a layer", good_text.replace('"units"', '"units": 3, "units"', 1), "unsafe"),
        ("a huge number", good_text.replace('"units": 3', '"units": ' + "9" * 100_000), "unsafe"),
        ("a huge negative number", good_text.replace('"units": 3', '"units": -' + "9" * 5000), "unsafe"),
        ("a huge float", good_text.replace('"units": 3', '"units": 1e' + "9" * 5000), "refused"),
        ("a long float", good_text.replace('"units": 3', '"units": 0.' + "1" * 1_000_000), "refused"),
        ("NaN", good_text.replace('"units": 3', '"units": NaN'), "refused"),
        ("Infinity", good_text.replace('"units": 3', '"units": -Infinity'), "refused"),
        ("a lone surrogate", good_text.replace('"small"', '"\\ud800"'), "harmless"),
        ("a surrogate as key", good_text.replace('"units"', '"\\udfff"', 1), "refused"),
        ("nothing", "", "corrupt"),
        ("a space", " ", "corrupt"),
        ("null", "null", "corrupt"),
        ("a number", "3", "corrupt"),
        ("a list", "[]", "corrupt"),
        ("a string", '"x"', "corrupt"),
        ("an empty object", "{}", "corrupt"),
        ("another object", '{"a": 1}', "corrupt"),
        ("a comment", "// x\n" + good_text, "corrupt"),
        ("what follows", good_text + "x", "corrupt"),
        ("two objects", good_text + good_text, "corrupt"),
        ("a mark of bytes", "\ufeff" + good_text, "harmless"),
        ("a zero", good_text.replace("small", "sm\0all"), "corrupt"),
        ("many keys", "{" + ",".join(f'"k{i}":1' for i in range(300_000)) + "}", "corrupt"),
        ("many twice", "{" + ",".join(f'"k{i // 2}":1' for i in range(60_000)) + "}", "unsafe"),
        ("far too many lists", "[" + "[]," * 2_000_000 + "[]]", "unsafe"),
        ("far too many objects", "[" + '{"a":1},' * 600_000 + "[]]", "unsafe"),
        ("far too many numbers", "[" + "1," * 8_000_000 + "1]", "unsafe"),
        ("many and one twice", "{" + "".join(f'"k{i}":1,' for i in range(200_000)) + '"x":1,"x":1}', "unsafe"),
        ("many lists", '{"class_name": "Sequential", "config": [' + "[]," * 300_000 + "[]]}", "refused"),
    ]
    for name, text, expected in texts:
        data = text.encode("utf-8", "surrogatepass")
        yield f"{name} as config", "model", partial(keras_of, data), ".keras", expected
        yield f"{name} as JSON", "json", data, ".json", expected
        if len(data) < 60_000:
            yield (
                f"{name} as model_config",
                "model",
                partial(old_file, text),
                ".h5",
                "harmless" if name in ("nothing", "null") else "refused" if expected != "harmless" else expected,
            )
        metadata = partial(_with, "metadata.json", data)
        loose = ("another object", "an empty object", "many keys", "many lists")
        yield (
            f"{name} as metadata",
            "model",
            metadata,
            ".keras",
            "harmless" if name in loose or "units" in text else expected,
        )
    for place in range(0, len(good_text), max(1, len(good_text) // 40)):
        yield f"JSON cut at {place}", "json", good_text[:place].encode(), ".json", "corrupt"
        yield f"config cut at {place}", "model", partial(keras_of, good_text[:place]), ".keras", "corrupt"
    laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
        for a, b in zip("abcdefghi", "bcdefghij")
    )
    yamls = [
        ("a billion laughs", laughs, "unsafe"),
        ("laughs in blocks", laughs.replace(": &", ": \n  &"), "refused"),
        ("a tag", "!!python/object/apply:os.system ['touch effect']", "unsafe"),
        ("a tag of a module", "a: !!python/module:canary_module x", "unsafe"),
        ("a tag of a name", "a: !!python/name:canary_module.run x", "unsafe"),
        ("a new object", "a: !!python/object/new:canary_module.run [x]", "unsafe"),
        ("a tag in a list", "a: [1, !!python/object:canary_module.run {}]", "unsafe"),
        ("a tag of its own", "a: !canary x", "unsafe"),
        ("a whole tag", "a: !<tag:yaml.org,2002:python/object/apply:os.system> ['touch effect']", "unsafe"),
        ("nesting", "[" * 100_000, "refused"),
        ("nesting in blocks", "".join(f"{' ' * i}a:\n" for i in range(2000)), "refused"),
        ("nesting of lists", "- " * 5000 + "x", "refused"),
        ("an anchor in itself", "a: &a [*a]", "refused"),
        ("an absent anchor", "a: *b", "corrupt"),
        ("a key twice", "class_name: A\nclass_name: B", "unsafe"),
        ("a merge", "a: &a {class_name: Dense}\nb:\n  <<: *a", "refused"),
        ("a huge number", f"class_name: {'9' * 100_000}", "unsafe"),
        ("a long quotation", 'a: "' + "x\n" * 50_000, "refused"),
        ("many quotations", 'a: "' + "\\\n" * 20_000, "refused"),
        ("quotations within one", 'a: "' + "x'\n]" * 50_000, "refused"),
        ("an open list over many lines", "a: [" + "x]y,[\n" * 50_000, "refused"),
        ("a word over many lines", "a: [b" + "\n  c" * 200_000, "refused"),
        ("a number and what is none", f"a: {'1' * 1_000_000}x", "refused"),
        ("lists in one line", "- " * 1_500_000, "unsafe"),
        ("brackets in one line", "a: " + "[" * 2_000_000, "unsafe"),
        ("words in one line", "a: [" + "b," * 1_900_000 + "]", "unsafe"),
        ("long keys of spaces", "\n".join(f"a{' ' * 950}b{i}: 1" for i in range(4000)), "refused"),
        ("far too long", "#" * (5 << 20), "unsafe"),
        ("an open bracket", "a: [" + "x,\n" * 20_000, "refused"),
        ("closing brackets", "a: [" + "]\n" * 5000, "refused"),
        ("many brackets", "a: {" * 3000 + "}\n" * 3000, "refused"),
        ("spaces", "a:" + " " * 1_000_000 + "b", "refused"),
        ("a long key", "a" * 1_000_000 + ": b", "refused"),
        ("quotes in a key", "'" * 100_000 + ": b", "refused"),
        ("backslashes", 'a: "' + "\\" * 100_001 + '"', "refused"),
        ("colons", ":" * 100_000, "refused"),
        ("words without colons", "a " * 100_000, "refused"),
        ("tabs", "\t" * 1000 + "a: b", "refused"),
        ("comments", "#\n" * 100_000, "refused"),
        ("a literal", "a: |\n  import os", "refused"),
        ("nothing", "", "corrupt"),
        ("stars", "*" * 10_000, "refused"),
        ("ampersands", "&a " * 10_000, "refused"),
        ("exclamation marks", "!" * 10_000, "refused"),
        ("properties", "a: " + "&a " * 20_000 + "x", "refused"),
        ("a directive", "%YAML 9.9\n---\na: b", "refused"),
        ("dashes", "-" * 100_000, "refused"),
        ("lines of dashes", "-\n" * 20_000, "refused"),
    ]
    for name, text, expected in yamls:
        yield f"YAML: {name}", "yaml", text.encode(), ".yaml", expected
    for place in range(0, len(good_yaml), max(1, len(good_yaml) // 30)):
        yield f"YAML cut at {place}", "yaml", good_yaml[:place].encode(), ".yaml", "harmless"
