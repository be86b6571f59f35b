"""The side of Keras 3 of the files of the zoo.

python zoo_in_keras.py FOLDER NAME ...

reads the files of these models from FOLDER/ours, and says in FOLDER/ENGINE.json of each whether it predicts alike;
then writes its own to FOLDER/theirs.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import h5py
import numpy as np
from zoo import ZOO, call, classes

SHARD = 8000 / 2**30  # gigabytes
STATEFUL = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
FORMATS = ("keras", "h5", "weights.h5", "weights.json", "json")


def write(model, stem, refused=None):
    """Write ``model`` in each format as STEM.FORMAT; what a format cannot hold goes into ``refused``."""

    def attempt(kind, save):
        try:
            save(f"{stem}.{kind}")
        except Exception as error:
            if refused is None:
                raise
            refused[kind] = f"{type(error).__name__}: {error}"

    attempt("keras", model.save)
    attempt("h5", model.save)
    attempt("weights.h5", model.save_weights)
    attempt("weights.json", lambda path: model.save_weights(path, max_shard_size=SHARD))
    attempt("json", lambda path: Path(path).write_text(model.to_json()))


def state(model):
    """What else has to come back: how many weights are trained, penalties, the optimizer's state; as arrays."""
    optimizer = getattr(model, "optimizer", None)
    found = [len(model.trainable_variables), sum(float(x) for x in model.losses)]
    if optimizer is not None:
        found += [float(optimizer.learning_rate), *[v.numpy() for v in optimizer.variables]]
    return [np.asarray(x, "float32") for x in found]


def unlike(found, expected, rtol=1e-5):
    """How two lists of arrays differ, or None."""
    if len(found) != len(expected):
        return f"{len(found)} arrays, not {len(expected)}"
    for number, (one, other) in enumerate(zip(found, expected)):
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            return f"array {number} has the shape {one.shape}, not {other.shape}"
        if one.dtype.kind in "OSU" or other.dtype.kind in "OSU":
            if [_text(x) for x in one.ravel()] != [_text(x) for x in other.ravel()]:
                return f"array {number} is {one}, not {other}"
            continue
        one, other = one.astype("float64"), other.astype("float64")
        largest = np.abs(other[np.isfinite(other)]).max(initial=1.0)
        if not np.allclose(one, other, rtol=0, atol=rtol * largest, equal_nan=True):
            return f"array {number} differs by {np.nanmax(np.abs(one - other))}, its largest value being {largest}"
    return None


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def keep(stem, outputs, state):
    """Write what a model gives to STEM.npz, texts without pickling."""
    arrays = [np.array([_text(v) for v in x.ravel()]).reshape(x.shape) if x.dtype.kind in "OS" else x for x in outputs]
    np.savez(f"{stem}.npz", *arrays, *state, state=len(state))


def main(folder, chosen):
    import keras

    engine = keras.config.backend()
    classes(keras)
    facts = {}
    for name in chosen:
        exhibit, found = ZOO[name], {}
        facts[name] = found
        try:
            _read(keras, exhibit, folder, found)
            found["refused"] = _write(keras, exhibit, folder)
        except Exception:
            found["error"] = traceback.format_exc()
    Path(folder, f"{engine}.json").write_text(json.dumps(facts))


def outputs(keras, model, inputs):
    if keras.config.backend() == "torch":
        import torch

        with torch.no_grad():
            return [x.numpy() for x in call(model, inputs, torch.tensor)]
    import tensorflow as tf

    def tensor(x):
        return tf.constant(x.tolist() if x.dtype == object else x)

    return [x.numpy() for x in call(model, inputs, tensor)]


def _read(keras, exhibit, folder, found):
    """Whether the files written by the other side are understood: per format None, or what is wrong."""
    stem = Path(folder, "ours", exhibit.name)
    stored = np.load(f"{stem}.npz")
    expected = [stored[key] for key in stored if key != "state"]
    model, tolerance, count = None, exhibit.tolerance, len(expected) - int(stored["state"])
    for kind in FORMATS[:-1]:
        if not Path(f"{stem}.{kind}").exists() or (kind == "h5" and is_for_keras_2_alone(f"{stem}.h5")):
            continue
        try:
            if kind == "h5":
                other = keras.models.load_model(f"{stem}.h5", custom_objects=exhibit.custom_objects(keras))
                found[kind] = unlike(outputs(keras, other, exhibit.inputs()), expected[:count], tolerance)
                continue
            if kind == "keras":
                model = keras.models.load_model(f"{stem}.keras", custom_objects=exhibit.custom_objects(keras))
            elif model is not None:
                for variable in model.weights:
                    variable.assign(np.zeros(variable.shape, str(variable.dtype)))
                model.load_weights(f"{stem}.{kind}")
            if model is not None:
                found[kind] = unlike(outputs(keras, model, exhibit.inputs()) + state(model), expected, tolerance)
        except Exception:
            found[kind] = traceback.format_exc()[-3000:]
    for kind in ("keras", "h5"):
        if found.get(kind) or exhibit.asked:
            found[f"its own {kind}"] = _own(keras, exhibit, f"{stem}.own.{kind}")


def is_for_keras_2_alone(path):
    """Whether an .h5 file has what tf.keras reads and Keras 3 does not: it has other words for the same, or none."""
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])["config"]
    for layer in config["layers"]:
        nodes = layer.get("inbound_nodes", [])
        if nodes and ("layers" in layer["config"] or layer["class_name"] in ("Lambda", "TFOpLambda")):
            return True
        for node in [node for node in nodes if isinstance(node, list)]:
            if any(isinstance(value, list) for _, _, _, kwargs in node for value in kwargs.values()):
                return True  # a tensor beside the first
            if len(node) > 1 and layer["class_name"] in STATEFUL:
                return True  # states
    return False


def _own(keras, exhibit, path):
    """What is wrong where Keras reads the file that it writes of this model itself, or None."""
    try:
        model = exhibit.make(keras)
        model.save(path)
        again = keras.models.load_model(path, custom_objects=exhibit.custom_objects(keras))
        found, expected = (outputs(keras, one, exhibit.inputs()) for one in (again, model))
        return unlike(found, expected, exhibit.tolerance)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _write(keras, exhibit, folder):
    stem, refused = Path(folder, "theirs", exhibit.name), {}
    model = exhibit.make(keras)
    write(model, stem, refused)
    keep(stem, outputs(keras, model, exhibit.inputs()), state(model))
    return refused


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "torch")
    main(Path(sys.argv[1]), sys.argv[2:])
