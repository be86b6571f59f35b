"""Run every case with Keras on TensorFlow, and write what it makes of them into a folder."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from preprocessing_cases import CASES, SENTENCES, X, described
from preprocessing_cases.space import encoded, rows, spaces


def dataset(batches):
    def begin():
        yield from batches

    kind = tf.string if batches[0].dtype == object else batches[0].dtype
    shape = (None, *batches[0].shape[1:])
    return tf.data.Dataset.from_generator(begin, output_signature=tf.TensorSpec(shape, kind))


def found(case):
    try:
        return case.run(keras.layers, dataset)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def space(made, batch):
    data = tf.data.Dataset.from_tensor_slices(rows(made.features))
    made.adapt(data.batch(batch) if batch else data)
    return [{name: described(x) for name, x in part.items()} for part in encoded(made, np.asarray)]


def save(folder):
    """Models whose files hold what layers were adapted to, and what they predict."""
    tokens = keras.layers.TextVectorization(output_mode="tf_idf", max_tokens=9)
    tokens.adapt(SENTENCES)
    text = keras.Input((), dtype="string")
    words = keras.Model(text, keras.layers.Dense(2)(tokens(text)))
    words.save(folder / "words.keras")
    norm, bins = keras.layers.Normalization(), keras.layers.Discretization(num_bins=3, output_mode="one_hot")
    norm.adapt(X)
    bins.adapt(X)
    inputs = keras.Input((3,))
    numbers = keras.Model(inputs, [norm(inputs), bins(inputs)])
    numbers.save(folder / "numbers.keras")
    return {
        "words": described(np.asarray(words(tf.constant(SENTENCES.tolist())))),
        "numbers": [described(np.asarray(x)) for x in numbers(X)],
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    made = spaces(keras.utils.FeatureSpace)
    result = {
        "cases": [found(case) for case in CASES],
        "spaces": {"concat": space(made["concat"], 5), "dict": space(made["dict"], None)},
        "saved": save(folder),
    }
    (folder / "reference.json").write_text(json.dumps(result))
