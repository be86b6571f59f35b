"""Folders and checkpoints of TensorFlow as tf.keras wrote them, built here to their documented layout."""

import json
import os
import random
import struct
import time

import numpy as np
import pytest

import kbridge
from kbridge import layers, saving
from kbridge.saving import CorruptFileError, UnsafeFileError, snappy
from kbridge.saving.crc32c import crc32c

REFUSED = (CorruptFileError, UnsafeFileError)
DTYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "uint16": 14}  # 14: bfloat16
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


# -- a writer of such files: messages, sorted tables, arrays


def varint(n):
    found = bytearray()
    while n > 127:
        found.append(n & 127 | 128)
        n >>= 7
    return bytes([*found, n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed(number, value):
    return varint(number << 3 | 5) + struct.pack("<I", value)


def plain_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def packed(data):
    """As Snappy could have packed it: literals, and one copy where bytes are repeated."""
    found, at = bytearray(varint(len(data))), 0
    while at < len(data):
        run = 1
        while at + run < len(data) and data[at + run] == data[at] and run < 61:
            run += 1
        piece = data[at : at + 1] if run > 4 else data[at : at + 60]
        found += bytes([len(piece) - 1 << 2]) + piece
        at += len(piece)
        if run > 4:
            found += bytes([run - 2 << 2 | 2, 1, 0])
            at += run - 1
    return bytes(found)


def table(items, compress=False, each=3):
    """A sorted table with ``each`` entries in a block, keys shortened by what they share with the one before."""
    found = bytearray()

    def block(entries):
        body, last = bytearray(), b""
        for key, value in entries:
            shared = len(os.path.commonprefix([last, key]))
            body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
            last = key
        body = bytes(body) + struct.pack("<II", 0, 1)
        body = (packed(body) if compress else body) + bytes([1 if compress else 0])
        handle = varint(len(found)) + varint(len(body) - 1)
        found.extend(body + struct.pack("<I", masked(body)))
        return handle

    index = [(items[i : i + each][-1][0], block(items[i : i + each])) for i in range(0, len(items), each)]
    handles = block([]) + block(index)
    return bytes(found) + handles.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def bundle(prefix, arrays, shards=1, compress=False, change=lambda kind, data: data):
    """``prefix``.index and its data files, of arrays and (as bytes) texts by their keys."""
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    data = [bytearray() for _ in range(shards)]
    items = [(b"", change("header", field(1, shards) + field(3, field(1, 1))))]
    for i, (key, value) in enumerate(sorted(arrays.items())):
        shard, shape = i % shards, ()
        if isinstance(value, bytes):
            length, kind = struct.pack("<I", len(value)), 7
            check = struct.pack("<I", masked(length))
            raw, summed = varint(len(value)) + check + value, length + check + value
        else:
            raw = summed = value.tobytes()
            shape, kind = value.shape, DTYPES[value.dtype.name]
        told = field(1, kind) + field(2, b"".join(field(2, field(1, n)) for n in shape))
        told += field(3, shard) + field(4, len(data[shard])) + field(5, len(raw)) + fixed(6, masked(summed))
        items.append((key.encode(), change("entry", told)))
        data[shard] += raw
    for i, part in enumerate(data):
        with open(f"{prefix}.data-{i:05d}-of-{shards:05d}", "wb") as file:
            file.write(change("data", bytes(part)))
    with open(f"{prefix}.index", "wb") as file:
        file.write(change("index", table(items, compress)))


class Slots(dict):
    """The node of an optimizer that keeps slots: triples (variable, name, array)."""

    slots = ()


def checkpoint(prefix, tree, change=lambda kind, data: data, **more):
    """A checkpoint of objects: dicts are objects, arrays their variables; one array is one variable, wherever it is."""
    nodes, arrays, ids = [], {}, {}

    def visit(value, path, name):
        if id(value) in ids:
            return ids[id(value)]
        number = ids[id(value)] = len(nodes)
        nodes.append(b"")
        if isinstance(value, dict):
            parts = [field(1, field(1, visit(v, (*path, k), k)) + field(2, k)) for k, v in value.items()]
            for variable, slot, array in getattr(value, "slots", ()):
                inner = (
                    field(1, ids[id(variable)])
                    + field(2, slot)
                    + field(3, visit(array, (*path, str(len(nodes))), slot))
                )
                parts.append(field(3, inner))
            nodes[number] = b"".join(parts)
        else:
            key = "/".join((*path, ".ATTRIBUTES", "VARIABLE_VALUE"))
            arrays[key] = value
            told = field(1, "VARIABLE_VALUE") + field(2, f"layer/{name}") + field(3, key)
            nodes[number] = field(2, told)
        return number

    visit(tree, (), "")
    graph = b"".join(field(1, node) for node in nodes)
    bundle(str(prefix), {**arrays, GRAPH: change("graph", graph)}, change=change, **more)


def folder(path, tree, metadata=None, model=b"", change=lambda kind, data: data, **more):
    """A SavedModel. ``metadata``: what Keras noted, by the paths of objects."""
    checkpoint(path / "variables" / "variables", tree, change, **more)
    (path / "saved_model.pb").write_bytes(change("model", field(1, 1) + model))
    if metadata is not None:
        found = b""
        for i, (name, told) in enumerate(metadata.items()):
            kind = "_tf_keras_sequential" if name == "root" else "_tf_keras_layer"
            text = change("json", json.dumps(told).encode())
            found += field(1, field(2, i) + field(3, name) + field(4, kind) + field(5, text))
        (path / "keras_metadata.pb").write_bytes(change("metadata", found))
    return str(path)


# -- models in it


def layer(kind, **config):
    return {"class_name": kind, "config": config}


def tuple_of(*items):
    return {"class_name": "__tuple__", "items": list(items)}


def sequential(*inner, **more):
    return {"name": "model", "class_name": "Sequential", "config": {"name": "model", "layers": list(inner)}, **more}


def source(*shape, dtype="float32"):
    shape = tuple_of(None, *shape)
    return layer("InputLayer", batch_input_shape=shape, dtype=dtype, sparse=False, ragged=False, name="input")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def dense(rng, *shape):
    return {"kernel": rng.normal(size=shape).astype("float32"), "bias": rng.normal(size=shape[1:]).astype("float32")}


def predict(model, x):
    return np.asarray(model.predict(x, verbose=0))


def mlp(rng):
    first, second = dense(rng, 4, 5), dense(rng, 5, 2)
    told = sequential(
        source(4),
        layer("Dense", name="first", units=5, activation="relu", kernel_initializer=layer("Zeros")),
        layer("Dropout", name="drop", rate=0.2, noise_shape=None, seed=None),
        layer("Dense", name="second", units=2, activation="linear"),
        keras_version="2.13.1",
    )
    tree = {"layer_with_weights-0": first, "layer-0": first, "layer-1": {}, "layer_with_weights-1": second}
    return (
        tree,
        {"root": told},
        lambda x: np.maximum(x @ first["kernel"] + first["bias"], 0) @ second["kernel"] + second["bias"],
    )


def test_a_model_in_a_folder_and_how_it_is_trained(engine, rng, tmp_path):
    tree, told, expected = mlp(rng)
    first, second = tree["layer_with_weights-0"], tree["layer_with_weights-1"]
    variables = [first["kernel"], first["bias"], second["kernel"], second["bias"]]
    slots = {name: {str(i): rng.random(v.shape).astype("float32") for i, v in enumerate(variables)} for name in "mv"}
    steps, rate = np.array(7, "int64"), np.array(0.25, "float32")
    in_order = [steps] + [slots[name][str(i)] for i in range(4) for name in "mv"]
    tree["optimizer"] = {
        "_variables": {str(i): v for i, v in enumerate(in_order)},
        **{"_iterations": steps, "_learning_rate": rate, "_momentums": slots["m"], "_velocities": slots["v"]},
    }
    told["root"]["training_config"] = {
        **{"loss": "mse", "metrics": [[layer("MeanMetricWrapper", name="mae", fn="mean_absolute_error")]]},
        **{"weighted_metrics": None, "loss_weights": None},
        "optimizer_config": layer("Custom>Adam", name="Adam", learning_rate=0.25, is_legacy_optimizer=False),
    }
    path, x = folder(tmp_path / "model", tree, told), rng.normal(size=(3, 4)).astype("float32")
    model = saving.load_model(path)
    np.testing.assert_allclose(predict(model, x), expected(x), atol=1e-5)
    assert type(model.optimizer).__name__ == "Adam" and int(model.optimizer.iterations) == 7
    kept = {v.name: v.numpy() for v in model.optimizer.variables if v.shape == (4, 5)}
    assert sorted(float(v.sum()) for v in kept.values()) == sorted(float(slots[n]["0"].sum()) for n in "mv")
    assert saving.load_model(path, compile=False).optimizer is None
    report = str(saving.inspect(path))
    assert "tf.keras (2.13.1)" in report and "Adam" in report and "parameters     37" in report


def test_slots_of_older_optimizers(rng, tmp_path):
    tree, told, _ = mlp(rng)
    first, second = tree["layer_with_weights-0"], tree["layer_with_weights-1"]
    optimizer = tree["optimizer"] = Slots(iter=np.array(3, "int64"))
    variables = [second["bias"], first["kernel"], second["kernel"], first["bias"]]
    optimizer.slots = [(v, "momentum", rng.random(v.shape).astype("float32")) for v in variables]
    config = layer("SGD", learning_rate=0.1, momentum=0.9, decay=0.0, nesterov=False, name="SGD")
    told["root"]["training_config"] = {"loss": "mse", "metrics": None, "optimizer_config": config}
    model = saving.load_model(folder(tmp_path / "model", tree, told))
    assert int(model.optimizer.iterations) == 3
    kept = {v.shape: v.numpy() for v in model.optimizer.variables if v.shape}
    for _, _, array in optimizer.slots:
        np.testing.assert_array_equal(kept[array.shape], array)


def test_a_checkpoint_alone(rng, tmp_path):
    tree, _, expected = mlp(rng)
    checkpoint(tmp_path / "ckpt", tree, shards=3, compress=True)
    x = rng.normal(size=(3, 4)).astype("float32")
    for name in ("ckpt", "ckpt.index"):
        model = kbridge.Sequential([layers.Input((4,)), layers.Dense(5, activation="relu"), layers.Dense(2)])
        model.load_weights(tmp_path / name)
        np.testing.assert_allclose(predict(model, x), expected(x), atol=1e-5)
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "ckpt", by_name=True)
    with pytest.raises(CorruptFileError, match="write model.load_weights.*ckpt"):
        saving.load_model(tmp_path)
    before = [w.numpy() for w in model.weights]
    other = kbridge.Sequential([layers.Input((4,)), layers.Dense(5), layers.Dense(3)])
    with pytest.raises(CorruptFileError, match="shape"):
        other.load_weights(tmp_path / "ckpt")
    with pytest.warns(UserWarning, match="left as it is"):
        other.load_weights(tmp_path / "ckpt", skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel.numpy(), before[0])
    with pytest.raises(CorruptFileError, match="weights of 2 layers"):
        kbridge.Sequential([layers.Input((4,)), layers.Dense(5)]).load_weights(tmp_path / "ckpt")
    assert "layer_with_weights-0" in str(saving.inspect(tmp_path / "ckpt"))


def test_layers_are_found_by_name_where_the_file_tells_and_inside_by_attribute(rng, tmp_path):
    normal, inner = (
        {n: rng.random(4).astype("float32") for n in ("moving_variance", "beta", "moving_mean", "gamma")},
        dense(rng, 4, 4),
    )
    normal["axis"] = {}
    told = sequential(
        source(4),
        layer("BatchNormalization", name="norm", axis=[1], epsilon=0.001, momentum=0.9),
        {
            "class_name": "Sequential",
            "config": {"name": "inner", "layers": [source(4), layer("Dense", name="d", units=4)]},
        },
    )
    block = {"layer_with_weights-0": inner, "layer-0": inner}
    tree = {"layer_with_weights-0": block, "layer_with_weights-1": normal}
    names = {
        "root": told,
        "root.layer_with_weights-0": {"name": "inner"},
        "root.layer_with_weights-1": {"name": "norm"},
    }
    x = rng.normal(size=(3, 4)).astype("float32")
    expected = (x - normal["moving_mean"]) / np.sqrt(normal["moving_variance"] + 0.001) * normal["gamma"] + normal[
        "beta"
    ]
    model = saving.load_model(folder(tmp_path / "model", tree, names), compile=False)
    np.testing.assert_allclose(predict(model, x), expected @ inner["kernel"] + inner["bias"], atol=1e-4)


def test_recurrent_layers(rng, tmp_path):
    def cell(units, gates, rows=3):
        parts = {"kernel": (rows, gates * units), "recurrent_kernel": (units, gates * units)}
        parts["bias"] = (gates * units,)
        return {name: rng.normal(size=shape).astype("float32") for name, shape in parts.items()}

    forward, backward, a, b = cell(2, 4), cell(2, 4), cell(3, 4, 4), cell(2, 1)
    tree = {
        # the file keeps what goes backwards first
        "layer_with_weights-0": {"backward_layer": {"cell": backward}, "forward_layer": {"cell": forward}},
        "layer_with_weights-1": {"cell": {"cells": {"1": b, "0": a}}},
    }
    told = sequential(
        source(5, 3),
        layer(
            "Bidirectional",
            name="both",
            layer=layer("LSTM", name="lstm", units=2, return_sequences=True),
            merge_mode="concat",
        ),
        layer(
            "RNN",
            name="rnn",
            cell=layer(
                "StackedRNNCells", name="s", cells=[layer("LSTMCell", units=3), layer("SimpleRNNCell", units=2)]
            ),
        ),
    )
    model = saving.load_model(folder(tmp_path / "model", tree, {"root": told}), compile=False)
    found = [v.numpy() for v in model.weights]
    expected = [*forward.values(), *backward.values(), *a.values(), *b.values()]
    assert len(found) == len(expected) and all(np.array_equal(x, y) for x, y in zip(found, expected))


def test_metadata_within_the_model_as_up_to_tensorflow_2_4(rng, tmp_path):
    tree, told, expected = mlp(rng)
    user = field(1, "_tf_keras_sequential") + field(3, json.dumps(told["root"]))
    objects = field(1, field(4, user)) + field(1, field(4, field(1, "_tf_keras_layer")))
    path = folder(tmp_path / "model", tree, model=field(2, field(2, b"a graph") + field(7, objects)))
    x = rng.normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(predict(saving.load_model(path, compile=False), x), expected(x), atol=1e-5)


def test_without_metadata(rng, tmp_path):
    tree, _, expected = mlp(rng)
    path = folder(tmp_path / "model", tree)
    with pytest.raises(CorruptFileError, match=r"saved_model.pb.*says nothing.*4 arrays.*model.load_weights"):
        saving.load_model(path)
    model = kbridge.Sequential([layers.Input((4,)), layers.Dense(5, activation="relu"), layers.Dense(2)])
    model.load_weights(path)
    x = rng.normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(predict(model, x), expected(x), atol=1e-5)


class Net(kbridge.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(3)
        self.rest = [layers.Dense(2), layers.Dense(2)]

    def call(self, x):
        x = self.first(x)
        return self.rest[1](self.rest[0](x))


def test_models_of_ones_own_by_their_attributes(rng, tmp_path):
    parts = dense(rng, 4, 3), dense(rng, 3, 2), dense(rng, 2, 2)
    checkpoint(tmp_path / "ckpt", {"rest": {"1": parts[2], "0": parts[1]}, "first": parts[0]})
    model = Net()
    x = rng.normal(size=(3, 4)).astype("float32")
    model(x)
    model.load_weights(tmp_path / "ckpt")
    assert [v.shape for v in model.weights] == [v.shape for part in parts for v in part.values()]
    assert all(np.array_equal(v.numpy(), w) for v, w in zip(model.weights, [w for p in parts for w in p.values()]))
    shape = {"class_name": "TensorShape", "items": [None, 4]}
    told = {"name": "net", "class_name": "Net", "config": {"name": "net"}, "build_input_shape": shape}
    path = folder(tmp_path / "model", {"rest": {"1": parts[2], "0": parts[1]}, "first": parts[0]}, {"root": told})
    np.testing.assert_array_equal(predict(saving.load_model(path, {"Net": Net}, compile=False), x), predict(model, x))
    told.pop("build_input_shape")
    folder(tmp_path / "model", {"rest": {"1": parts[2], "0": parts[1]}, "first": parts[0]}, {"root": told})
    with pytest.raises(CorruptFileError, match="not built"):
        saving.load_model(path, {"Net": Net}, compile=False)
    checkpoint(tmp_path / "other", {"first": parts[0]})
    with pytest.raises(CorruptFileError, match="are not the layers of this model"):
        model.load_weights(tmp_path / "other")


def test_bfloat16_and_texts(rng, tmp_path):
    bits = rng.normal(size=(4, 2)).astype("float32").view("uint32") >> 16
    tree = {
        "layer_with_weights-0": {"kernel": bits.astype("uint16"), "bias": np.zeros(2, "float32"), "words": b"\0abc"}
    }
    checkpoint(tmp_path / "ckpt", tree)
    model = kbridge.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.load_weights(tmp_path / "ckpt")
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), (bits << 16).view("float32"))


# -- the parts


def test_checksums():
    assert crc32c(b"123456789") == plain_crc32c(b"123456789") == 0xE3069283
    rng = np.random.default_rng(0)
    for size in (0, 1, 256, 257, 511, 512, 1023, 1024, 5000, 20_001):
        data = rng.integers(0, 256, size).astype("uint8").tobytes()
        assert crc32c(data) == plain_crc32c(data)
        assert crc32c(data[size // 3 :], crc32c(data[: size // 3])) == crc32c(data)


@pytest.mark.parametrize("data", [b"", b"abc", b"a" * 200, b"xyz" * 30 + b"\0" * 70 + b"end"])
def test_snappy(data):
    assert snappy.unpacked(packed(data), 1000) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 9,
        varint(10) + b"\x00a",
        varint(1 << 40),
        varint(5) + b"\x01\x05",
        varint(3) + b"\xf0",
        varint(2) + b"\x0cabcd",
    ],
)
def test_what_snappy_never_makes(data):
    with pytest.raises(snappy.SnappyError):
        snappy.unpacked(data, 1000)


# -- what is refused


@pytest.fixture
def good(rng, tmp_path):
    tree, told, _ = mlp(rng)
    folder(tmp_path / "model", tree, told)
    return tmp_path / "model"


def test_links_that_lead_out(good, tmp_path):
    for place in (
        "variables/variables.index",
        "keras_metadata.pb",
        "variables/variables.data-00000-of-00001",
        "variables",
    ):
        outside = tmp_path / "outside"
        os.rename(good / place, outside)
        os.symlink(outside, good / place)
        with pytest.raises(UnsafeFileError, match="leads out of the folder"):
            saving.load_model(good)
        os.remove(good / place)
        os.rename(outside, good / place)
    inside = good / "variables" / "here"
    os.rename(good / "variables/variables.index", inside)
    os.symlink("here", good / "variables/variables.index")
    saving.load_model(good, compile=False)


def test_what_is_no_ordinary_file(good):
    os.remove(good / "keras_metadata.pb")
    os.mkfifo(good / "keras_metadata.pb")
    with pytest.raises(UnsafeFileError, match="no ordinary file"):
        saving.load_model(good)


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_a_byte_that_changed(good, part):
    path = good / "variables" / f"variables.{part}"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="checksum|damaged"):
        saving.load_model(good)


def test_files_that_are_missing_or_cut(good):
    path = good / "variables" / "variables.data-00000-of-00001"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(CorruptFileError, match="not all in"):
        saving.load_model(good)
    os.remove(path)
    with pytest.raises(CorruptFileError, match="missing"):
        saving.load_model(good)


def entry(kind=1, shape=(2,), shard=0, offset=0, size=8, more=b""):
    dims = b"".join(field(2, field(1, n)) for n in shape)
    return field(1, kind) + field(2, dims) + field(3, shard) + field(4, offset) + field(5, size) + more


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([(b"a", entry(size=9))], "does not take"),
        ([(b"a", entry(offset=60))], "not all in"),
        ([(b"a", entry(offset=(1 << 64) - 4))], "not all in"),
        ([(b"a", entry(shard=1))], "file 1, of 1"),
        ([(b"a", entry(shape=(1 << 62, 1 << 62)))], "dimension"),
        ([(b"a", entry(shape=(1 << 40, 1 << 40)))], "no array has"),
        ([(b"a", entry(shape=(2,) * 40))], "or so many"),
        ([(b"a", entry()), (b"b", entry(offset=4))], "also those of another"),
        ([(b"a", entry(more=field(7, b"")))], "slices"),
        ([(b"b", entry()), (b"a", entry(offset=8))], "not in order"),
        ([(b"a", entry()[:-1])], "said to have|does not end"),
        ([(b"a", b"\x0b")], "unknown kind"),
        ([(b"a", b"\xff" * 12)], "does not end"),
        ([(b"a", field(1, b"x"))], "number is expected"),
        ([(b"a", field(2, 1))], "bytes are expected"),
    ],
)
def test_entries_that_cannot_be(items, why, tmp_path):
    (tmp_path / "c.data-00000-of-00001").write_bytes(bytes(64))
    (tmp_path / "c.index").write_bytes(table([(b"", field(1, 1)), *items], each=1))
    with pytest.raises(REFUSED, match=why):
        kbridge.Sequential([layers.Input((2,)), layers.Dense(1)]).load_weights(tmp_path / "c")


def test_graphs_that_cannot_be(tmp_path):
    model = kbridge.Sequential([layers.Input((2,)), layers.Dense(1)])
    circle = field(1, field(1, 0) + field(2, "layer_with_weights-0"))
    for graph, why in [
        (b"", "no objects"),
        (field(1, field(1, field(1, 5) + field(2, "layer-0"))), "not there"),
        (field(1, circle), "does not fit"),
        (field(1, field(1, field(2, b"\xff"))), "UTF-8"),
    ]:
        bundle(str(tmp_path / "c"), {GRAPH: graph, "a": np.zeros(2, "float32")})
        with pytest.raises(REFUSED, match=why):
            model.load_weights(tmp_path / "c")
    bundle(str(tmp_path / "c"), {"dense/kernel": np.zeros((2, 1), "float32")})
    with pytest.raises(CorruptFileError, match="checkpoint of names alone.*dense/kernel"):
        model.load_weights(tmp_path / "c")


def test_no_more_memory_or_time_than_the_file_can_need(rng, tmp_path):
    start = time.perf_counter()
    tree, told, _ = mlp(rng)
    told["root"]["config"]["layers"][1]["config"]["units"] = 1 << 28
    with pytest.raises(UnsafeFileError, match="needs more memory"):
        saving.load_model(folder(tmp_path / "wide", tree, told))
    with pytest.raises(UnsafeFileError, match="more than the .* fields"):
        (tmp_path / "wide" / "keras_metadata.pb").write_bytes(b"\x12\x00" * 1_100_000)
        saving.load_model(tmp_path / "wide")
    path = tmp_path / "wide" / "saved_model.pb"
    os.remove(tmp_path / "wide" / "keras_metadata.pb")
    os.truncate(path, 1 << 34)  # a hole
    with pytest.raises(UnsafeFileError, match="at most"):
        saving.load_model(tmp_path / "wide")
    assert time.perf_counter() - start < 10


def test_a_graph_that_many_layers_lead_through(rng, tmp_path):
    start = time.perf_counter()
    children = b"".join(field(1, field(1, 1 + i % 2) + field(2, f"layer_with_weights-{i}")) for i in range(2000))
    nodes = field(1, children), field(1, children), field(1, children.replace(b"weights", b"widgets"))
    bundle(str(tmp_path / "c"), {GRAPH: b"".join(nodes), "a": np.zeros(2, "float32")})
    with pytest.raises(UnsafeFileError, match="steps"):
        saving.inspect(tmp_path / "c")
    assert time.perf_counter() - start < 10


def test_code_is_not_run_unasked(rng, tmp_path):
    code = layer("Lambda", name="twice", function=tuple_of("4wEAAAA=", None, None), function_type="lambda")
    path = folder(tmp_path / "model", {"layer-0": {}}, {"root": sequential(source(4), code)})
    with pytest.raises(UnsafeFileError, match="is not run"):
        saving.load_model(path)
    with pytest.raises(CorruptFileError, match="another version of Python"):
        saving.load_model(path, safe_mode=False)
    x = np.ones((1, 4), "float32")
    model = saving.load_model(path, {"twice": lambda x: 2 * x}, compile=False)
    np.testing.assert_array_equal(predict(model, x), 2 * x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_mutations(seed, tmp_path):
    """Bytes changed before the checksums are made, or after: a clean load or a refusal."""
    draw = random.Random(seed)
    loaded = 0
    for number in range(80):
        kind, chance = (
            draw.choice(["header", "entry", "data", "index", "graph", "model", "json", "metadata"]),
            draw.random(),
        )

        def change(found, data, kind=kind, chance=chance):
            if found != kind or not data or (kind in ("entry", "json") and draw.random() > 0.3):
                return data
            data = bytearray(data)
            for _ in range(draw.choice([1, 1, 2, 5])):
                at = draw.randrange(len(data) or 1)
                if chance < 0.6:
                    data[at] = draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])
                elif chance < 0.8:
                    del data[at : at + draw.randrange(1, 9)]
                else:
                    data[at:at] = data[at : at + draw.randrange(1, 40)]
                if not data:
                    break
            return bytes(data)

        tree, told, _ = mlp(np.random.default_rng(0))
        tree["optimizer"] = {"_iterations": np.array(1, "int64")}
        config = {"loss": "mse", "metrics": None, "optimizer_config": layer("Adam", name="Adam", learning_rate=0.25)}
        told["root"]["training_config"] = config
        told["root.layer_with_weights-0"] = {"name": "first"}
        path = folder(tmp_path / str(number), tree, told, change=change)
        try:
            saving.inspect(path)
            saving.load_model(path)
            loaded += 1
        except REFUSED as error:
            assert error.why
    assert loaded < 80


# -- files of TensorFlow's own


def test_checkpoints_that_tensorflow_writes(rng, tmp_path):
    tf = pytest.importorskip("tensorflow")
    modules, arrays = [], []
    for shape in ((4, 300), (300, 2)):
        part = dense(rng, *shape)
        module = tf.Module()
        module.kernel, module.bias = tf.Variable(part["kernel"]), tf.Variable(part["bias"])
        module.words = tf.Variable(["some", "text"])
        modules.append(module)
        arrays += [part["kernel"], part["bias"]]
    root = tf.train.Checkpoint(**{f"layer_with_weights-{i}": module for i, module in enumerate(modules)})
    for name, written in (("plain", root), ("inner", tf.train.Checkpoint(model=root))):
        written.write(str(tmp_path / name))
        model = kbridge.Sequential([layers.Input((4,)), layers.Dense(300), layers.Dense(2)])
        model.load_weights(tmp_path / name)
        assert all(np.array_equal(v.numpy(), array) for v, array in zip(model.weights, arrays))


def test_a_folder_that_tensorflow_writes(rng, tmp_path):
    tf = pytest.importorskip("tensorflow")
    module = tf.Module()
    module.kernel = tf.Variable(rng.normal(size=(4, 2)).astype("float32"))
    module.apply = tf.function(lambda x: x @ module.kernel, input_signature=[tf.TensorSpec((None, 4))])
    tf.saved_model.save(module, str(tmp_path / "module"))
    with pytest.raises(CorruptFileError, match=r"1 arrays \(kernel \(4, 2\)\).*model.load_weights"):
        saving.load_model(tmp_path / "module")
    assert "unknown" in str(saving.inspect(tmp_path / "module"))
    model = kbridge.Sequential([layers.Input((4,)), layers.Dense(2, use_bias=False)])
    model.load_weights(tmp_path / "module")
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), module.kernel.numpy())
