"""The side of tf_keras: a program that obeys, line by line, what ``TfKeras`` asks for; one process for all of it."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from models_of_tf_keras import AS_FOLDERS, MODELS, arrays, batches, scattered, trained

# what it writes -> under which name
FORMATS = {
    "h5": "whole.h5",
    "weights in h5": "some.h5",
    "weights.h5": "some.weights.h5",
    "keras": "whole.keras",
    "checkpoint": "some",
    "folder": "folder",
    "json": "whole.json",
}
WHOLE = ("h5", "keras", "folder", "json")  # the others hold weights alone


class TfKeras:
    """tf_keras in a process of its own: ``ask`` it for something, and it answers with data."""

    def __init__(self):
        env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([sys.executable, __file__], env=env, text=True, **pipes)

    def ask(self, *words):
        self.process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "tf_keras has ended"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(60)


def unlike(found, expected, most=1e-5):
    """How two lists of arrays differ, or None: by more than ``most``, relative to the largest value in each."""
    if len(found) != len(expected):
        return f"{len(found)} arrays, not {len(expected)}"
    for number, (one, other) in enumerate(zip(found, expected)):
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            return f"array {number} has the shape {one.shape}, not {other.shape}"
        one, other = one.astype("float64"), other.astype("float64")
        largest = max(np.abs(other[np.isfinite(other)]).max(initial=1.0), 1.0)
        if not np.allclose(one, other, rtol=0, atol=most * largest, equal_nan=True):
            return f"array {number} is off by {np.nanmax(np.abs(one - other)):.2g} of {largest:.2g}"
    return None


def leaves(value):
    """The arrays of an output, in order."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, (list, tuple)) else [value]


def given(names, inputs):
    """What a model is called on: ``names`` of its inputs where they are a dict."""
    return dict(zip(names, inputs)) if names else inputs if len(inputs) > 1 else inputs[0]


def load_arrays(path):
    """(inputs, outputs) of a model, as they were kept."""
    found = np.load(path)
    texts = lambda x: np.char.decode(x, "utf-8") if x.dtype.kind == "S" else x  # noqa: E731
    return [[texts(found[key]) for key in found if key[0] == letter] for letter in "xy"]


class _Program:
    def __init__(self):
        import tensorflow as tf
        import tf_keras as K

        tf.get_logger().setLevel("ERROR")
        self.K, self.tf = K, tf

    def _outputs(self, model, names, inputs):
        x = given(names, [self.tf.constant(x) for x in inputs])
        return [self.tf.cast(y, "float32").numpy() for y in leaves(model(x, training=False))]

    def write(self, folder, *names):
        """Write each model in each format; what a format cannot hold is told."""
        told = {}
        for name in names:
            at = Path(folder) / name
            at.mkdir()
            self.K.backend.clear_session()
            self.K.utils.set_random_seed(1)
            model = MODELS[name](self.K, self.tf)
            self._scatter(model)
            named = model.input if isinstance(model.input, dict) else None
            symbols = list(named.values()) if named else model.inputs
            inputs = arrays([(tuple(x.shape), x.dtype.name) for x in symbols])
            outputs = self._outputs(model, named, inputs)
            texts = [np.char.encode(x, "utf-8") if x.dtype.kind == "U" else x for x in inputs]
            np.savez(
                at / "io.npz",
                **{f"x{i}": x for i, x in enumerate(texts)},
                **{f"y{i}": y for i, y in enumerate(outputs)},
            )
            told[name] = {"names": list(named) if named else None, "refused": {}}
            for kind in FORMATS:
                if kind == "folder" and name not in AS_FOLDERS:
                    continue
                try:
                    self._save(model, at, kind)
                except Exception as error:
                    told[name]["refused"][kind] = f"{type(error).__name__}: {error}"[:500]
        return told

    def _scatter(self, model):
        variables = [v for v in model.weights if hasattr(v, "dtype") and None not in tuple(v.shape)]
        values = scattered([(v.name, v.numpy()) for v in variables])
        for variable, value in zip(variables, values):
            variable.assign(value)

    def _save(self, model, folder, kind):
        path = str(folder / FORMATS[kind])
        if kind == "json":
            Path(path).write_text(model.to_json())
        elif kind in WHOLE:
            model.save(path, save_format="tf") if kind == "folder" else model.save(path)
        else:
            model.save_weights(path, save_format="tf") if kind == "checkpoint" else model.save_weights(path)

    def read(self, folder, kind, theirs):
        """Why tf_keras does not read a file as it is meant, or None."""
        try:
            self.K.backend.clear_session()
            inputs, outputs = load_arrays(Path(theirs) / "io.npz")
            path = str(Path(folder) / FORMATS[kind])
            if kind in ("h5", "keras", "folder"):
                model = self.K.models.load_model(path, compile=False)
            else:
                name = Path(theirs).name
                model = MODELS[name](self.K, self.tf)
                if kind == "json":
                    self.K.models.model_from_json(Path(path).read_text())
                    return None
                model.load_weights(path)
            names = model.input if isinstance(model.input, dict) else None
            return unlike(self._outputs(model, names, inputs), outputs, 1e-3 if "mixed" in Path(theirs).name else 1e-5)
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:1000]

    def train(self, folder, *names):
        """Write models with optimizers after two steps, and what the weights are after another."""
        told = {}
        for name in names:
            at = Path(folder) / name
            at.mkdir()
            self.K.backend.clear_session()
            self.tf.config.run_functions_eagerly(True)  # a few steps are not worth a graph
            model = trained(self.K, name)
            told[name] = {"refused": {}, "slots": [np.asarray(v).tolist() for v in self._variables(model.optimizer)]}
            self.tf.config.run_functions_eagerly(False)
            for kind in ("h5", "keras", "folder") if name in ("Adam", "legacy.Adam") else ("h5", "keras"):
                try:
                    self._save(model, at, kind)
                except Exception as error:
                    told[name]["refused"][kind] = f"{type(error).__name__}: {error}"[:500]
            self.tf.config.run_functions_eagerly(True)
            model.train_on_batch(*batches()[0])
            self.tf.config.run_functions_eagerly(False)
            told[name]["after"] = [w.tolist() for w in model.get_weights()]
        return told

    def _variables(self, optimizer):
        found = optimizer.variables
        return [v.numpy() for v in (found() if callable(found) else found)]

    def go_on(self, folder, kind):
        """What the weights of a model in a file are after another step, or why there is none."""
        try:
            self.K.backend.clear_session()
            model = self.K.models.load_model(str(Path(folder) / FORMATS[kind]))
            self.tf.config.run_functions_eagerly(True)
            model.train_on_batch(*batches()[0])
            return [w.tolist() for w in model.get_weights()]
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:1000]
        finally:
            self.tf.config.run_functions_eagerly(False)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr
    program = _Program()
    for line in sys.stdin:
        command, *words = json.loads(line)
        answers.write(json.dumps(getattr(program, command)(*words)) + "\n")
        answers.flush()
    os._exit(0)  # TensorFlow takes seconds to put everything away
