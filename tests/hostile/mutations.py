"""Sound files, changed at random, with a seed; run as a program that reads them and tells which were not read well.

python mutations.py COUNT [SEED [FORMAT ...]]    COUNT changed files of each format
"""

import copy
import functools
import io
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np

WORDS = (0, 1, 7, 0xFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, (1 << 63) - 1, (1 << 64) - 1)
VALUES = (
    None,
    True,
    -1,
    0,
    3,
    1.5,
    10**9,
    10**18,
    10**30,
    float("nan"),
    "",
    "x",
    "relu",
    "../x",
    [],
    [[]],
    {},
    [None, 4],
)


# -- bytes


def bytes_changed(data, rng):
    """One or a few changes of ``data``."""
    data = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 2, 4]))):
        if not data:
            break
        place = int(rng.integers(len(data) if rng.random() < 0.7 else min(len(data), 2000)))
        length = int(rng.choice([1, 2, 4, 8, 16, 64, 512]))
        kind = rng.integers(8)
        if kind == 0:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[place] = int(rng.integers(256))
        elif kind == 2:
            data[place : place + length] = rng.bytes(min(length, len(data) - place))
        elif kind == 3:
            del data[place:]
        elif kind == 4:
            other = int(rng.integers(len(data)))
            data[place : place + length] = data[other : other + length]
        elif kind == 5:
            data[place:place] = rng.bytes(length) if rng.random() < 0.5 else bytes(length)
        elif kind == 6:
            del data[place : place + length]
        else:
            width = int(rng.choice([1, 2, 4, 8]))
            place = place // width * width
            word = int(rng.choice([*range(len(WORDS) + 1)]))
            value = len(data) if word == len(WORDS) else WORDS[word]
            data[place : place + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    return bytes(data)


# -- what is in them


def _spots(value):
    """All places in data, as pairs (container, key)."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        keys = one.keys() if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found


def data_changed(value, rng):
    """Data of JSON with one or a few changes."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        spots = _spots(value)
        if not spots:
            break
        holder, key = spots[rng.integers(len(spots))]
        other, other_key = spots[rng.integers(len(spots))]
        kind = rng.integers(6)
        if kind <= 1:
            holder[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
        elif kind == 2:
            holder[key] = copy.deepcopy(other[other_key])
        elif kind == 3:
            del holder[key]
        elif kind == 4 and isinstance(holder, dict):
            holder[str(rng.choice(["name", "units", "class_name", "config", "module", "layers", "x"]))] = holder[key]
        elif isinstance(holder, list):
            holder += [copy.deepcopy(holder[key]) for _ in range(int(rng.choice([1, 3, 50])))]
        elif isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * int(rng.choice([-1, 2, 1000, 10**9]))
    return value


def _text_changed(text, rng):
    if rng.random() < 0.5:
        return json.dumps(data_changed(json.loads(text), rng)).encode()
    return bytes_changed(text if isinstance(text, bytes) else text.encode(), rng)


def keras(rng):
    from hostile import good

    if rng.random() < 0.25:
        return bytes_changed(good.file(".keras"), rng)
    parts = _drawn([_parts()], rng)
    name = rng.choice(["config.json", "config.json", "model.weights.h5", "metadata.json"])
    changed = _text_changed(parts[name], rng) if name.endswith("json") else bytes_changed(parts[name], rng)
    return good.zipped({**parts, name: changed})


@functools.cache
def _parts():
    """The members of .keras files."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for made in _models():
            made.save(f"{folder}/model.keras")
            with zipfile.ZipFile(f"{folder}/model.keras") as archive:
                found.append({name: archive.read(name) for name in archive.namelist()})
    return found


@functools.cache
def _models():
    """The small model and others, with layers of several families."""
    import saved_models

    import kbridge
    from hostile import good

    return [good.model(), *(make(kbridge) for name, make in saved_models.MODELS.items() if name != "custom")]


def _drawn(kinds, rng):
    """One of a list of one of these kinds: the first, of the small model, half of the time."""
    kind = kinds[rng.integers(len(kinds))]
    return kind[0 if rng.random() < 0.5 else rng.integers(len(kind))]


def h5(rng):
    """A whole model as kbridge writes it for Keras 2, or its texts changed within a sound file."""
    from hostile import good
    from hostile.hdf5 import old_file

    kind = rng.random()
    if kind < 0.5:
        return bytes_changed(good.file(".h5"), rng)
    if kind < 0.8:
        return old_file(_text_changed(_texts()[0], rng))
    told = json.loads(_texts()[1])
    return old_file(_texts()[0], training=data_changed(told, rng))


@functools.cache
def _texts():
    from hostile import good

    with h5py.File(io.BytesIO(good.file(".h5"))) as file:
        found = [file.attrs[key] for key in ("model_config", "training_config")]
    return [text.decode() if isinstance(text, bytes) else text for text in found]


def weights_h5(rng):
    return bytes_changed(_weights()[rng.integers(4)], rng)


@functools.cache
def _weights():
    """Files of HDF5's older and newer form, in chunks, and with many members in a group."""
    from hostile import good
    from hostile.hdf5 import KEY, written

    def packed(file):
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset(KEY, data=np.ones((4, 3), "f4"), chunks=(2, 2), **options)

    def many(file):
        file[KEY] = np.ones((4, 3), "f4")
        for i in range(20):
            file[f"other/x{i}"] = np.ones(1, "f4")
            file.attrs[f"a{i}"] = "x" * 40

    return good.file(".weights.h5"), written(packed), written(many), written(many, libver=("v108", "v108"))


def npz(rng):
    from hostile import good
    from hostile.others import arrays

    if rng.random() < 0.4:
        return bytes_changed(good.file(".npz"), rng)
    members = arrays()
    name = sorted(members)[rng.integers(len(members))]
    return good.zipped({**members, name: bytes_changed(members[name], rng)})


def safetensors(rng):
    from hostile import good
    from hostile.others import packed, unpacked

    if rng.random() < 0.5:
        return bytes_changed(good.file(".safetensors"), rng)
    header, values = unpacked()
    return packed(_text_changed(json.dumps(header), rng), values)


def json_text(rng):
    return _text_changed(_drawn(_config_texts()[:2], rng), rng)


def yaml_text(rng):
    return bytes_changed(_drawn(_config_texts()[2:], rng).encode(), rng)


@functools.cache
def _config_texts():
    """The configs of the models: in words of today, of old, and as YAML."""
    from kbridge import saving

    ways = (lambda model: model.to_json(), saving.to_old_json, saving.to_yaml)
    return [[write(model) for model in _models()] for write in ways]


# -- what is kept in several files: a dict of their names and bytes


def backup(rng):
    """What BackupAndRestore goes on from: its text changed within a sound file, or the file.

    The checksum of the text is left as it was: with another, callbacks would be told what they never knew.
    """
    from hostile import good

    if rng.random() < 0.3:
        return {"latest.weights.h5": bytes_changed(good.backup(), rng)}
    buffer = io.BytesIO(good.backup())
    with h5py.File(buffer, "r+") as file:
        whole = file["_training"][:].tobytes()
        text = whole[:8] + _text_changed(whole[8:], rng)
        del file["_training"]
        file["_training"] = np.frombuffer(text, np.uint8)
    return {"latest.weights.h5": buffer.getvalue()}


def sharded(rng):
    files = dict(sharded_files())
    name = str(rng.choice(list(files)))
    files[name] = (_text_changed if name.endswith("json") else bytes_changed)(files[name], rng)
    return files


@functools.cache
def sharded_files():
    from hostile import good

    with tempfile.TemporaryDirectory() as folder:
        good.model().save_weights(f"{folder}/case.weights.json", max_shard_size=80 / 2**30)
        return _files(folder)


def _files(folder):
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def saved_model(rng):
    """A folder of TensorFlow."""
    older = rng.random() < 0.3
    return _of_tensorflow(rng, lambda change: saved_model_files(change, older))


def checkpoint(rng):
    return _of_tensorflow(rng, checkpoint_files)


def _of_tensorflow(rng, make):
    """Pieces are changed before they get their checksums, or a file behind."""
    kind = str(rng.choice(["header", "entry", "index", "graph", "model", "json", "metadata", "file"]))

    def change(part, data):
        if part != kind or not data or (part in ("entry", "json") and rng.random() > 0.3):
            return data
        return (_text_changed if part == "json" else bytes_changed)(data, rng)

    files = make(change)
    if kind == "file":
        name = str(rng.choice(sorted(files)))
        files[name] = bytes_changed(files[name], rng)
    return files


def checkpoint_files(change):
    import test_saved_model as tf

    with tempfile.TemporaryDirectory() as folder:
        tf.checkpoint(Path(folder) / "case", _tree(), change)
        return _files(folder)


def saved_model_files(change, older):
    """``older``: what Keras noted is in the file of the graphs, as up to TensorFlow 2.4."""
    import test_saved_model as tf

    from hostile import good

    told = {"name": "small", **good.old_config(), "keras_version": "2.13.1", "training_config": {"loss": "mse"}}
    told["training_config"]["optimizer_config"] = tf.layer("Custom>Adam", name="Adam", learning_rate=0.1)
    noted, graph = {"root": told, "root.layer_with_weights-0": {"name": "dense"}}, b""
    if older:
        text = change("json", json.dumps(told).encode())
        node = tf.field(4, tf.field(1, "_tf_keras_sequential") + tf.field(3, text))
        noted, graph = None, change("metadata", tf.field(2, tf.field(7, tf.field(1, node))))
    with tempfile.TemporaryDirectory() as folder:
        tf.folder(Path(folder) / "case", _tree(), noted, graph, change)
        return _files(folder)


@functools.cache
def _tree():
    """The weights of the model in ``good`` and the state of its optimizer, as a tree of objects."""
    draw = np.random.default_rng(0)
    first, second = ({"kernel": draw.random(s, "f4"), "bias": draw.random(s[1:], "f4")} for s in ((4, 3), (3, 2)))
    variables = [np.zeros_like(v) for one in (first, second) for v in one.values() for _ in "mv"]
    steps = np.array(1, "int64")
    optimizer = {"_iterations": steps, "_variables": {str(i): v for i, v in enumerate([steps, *variables])}}
    inner = {"layer_with_weights-0": first, "layer-0": first, "layer_with_weights-1": second}
    return {**inner, "optimizer": optimizer}


FORMATS = {  # format: what makes one, how it is read, its ending
    "keras": (keras, "model", ".keras"),
    "h5": (h5, "model", ".h5"),
    "weights": (weights_h5, "weights", ".weights.h5"),
    "npz": (npz, "weights", ".npz"),
    "safetensors": (safetensors, "weights", ".safetensors"),
    "json": (json_text, "json", ".json"),
    "yaml": (yaml_text, "yaml", ".yaml"),
    "backup": (backup, "backup", ""),
    "sharded": (sharded, "weights", ".weights.json"),
    "saved_model": (saved_model, "model", ""),
    "checkpoint": (checkpoint, "weights", ""),
}
MOST_SECONDS = 5.0  # of a machine that has other things to do
MOST_BYTES = 200 << 20


def put(path, data):
    """Write a file, or several in its folder, in place of those before."""
    shutil.rmtree(path, ignore_errors=True)
    for name, part in (data if isinstance(data, dict) else {path: data}).items():
        place = Path(path).parent / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(part)


def main(count, seed=0, *formats):
    """Prints a line of JSON for each format, and one for each file that was not read well."""
    from hostile import reader

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tempfile.tempdir = os.path.join(folder, "scratch")
        os.makedirs(tempfile.tempdir)
        started = False
        for name in formats or FORMATS:
            make, how, ending = FORMATS[name]
            path = os.path.join(folder, f"case{ending}")
            counts, slowest, largest = {}, 0.0, 0
            for i in range(count):
                rng = np.random.default_rng([seed, list(FORMATS).index(name), i])
                put(path, make(rng))
                if not started:
                    reader.read(how, path)  # what is imported late
                    reader.watch((folder,))
                    started = True
                print(json.dumps({"format": name, "at": i}), flush=True)
                with reader.measured(collect=i % 50 == 0) as seen:
                    outcome, why = reader.read(how, path)
                counts[outcome] = counts.get(outcome, 0) + 1
                slowest, largest = max(slowest, seen["seconds"]), max(largest, seen["bytes"])
                well = outcome in ("loaded", "unsafe", "corrupt") and not seen["effects"]
                if not well or seen["seconds"] > MOST_SECONDS or seen["bytes"] > MOST_BYTES:
                    print(json.dumps({"format": name, "bad": i, "outcome": outcome, "why": why, **seen}), flush=True)
            told = {"format": name, "counts": counts, "slowest": slowest, "largest": largest}
            print(json.dumps(told), flush=True)
        os.chdir("/")
    print(json.dumps({"done": time.process_time()}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from hostile import mutations  # the one that others know too

    mutations.main(*map(int, sys.argv[1:3]), *sys.argv[3:])
