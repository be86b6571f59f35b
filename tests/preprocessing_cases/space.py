"""A FeatureSpace of every kind of feature, and rows for it, for both sides."""

import numpy as np

ROWS = 12


def rows(names):
    """Random columns, by what their names begin with."""
    rng = np.random.default_rng(0)
    columns = {}
    for name in names:
        if name.startswith("float"):
            columns[name] = rng.normal(2, 3, ROWS).astype("float32")
        elif name.startswith("integer"):
            columns[name] = rng.integers(1, 6, ROWS)
        else:
            columns[name] = rng.choice(["a", "b", "c"], ROWS).astype(object)
    return columns


def spaces(FeatureSpace):  # noqa: N803 (a class)
    """A space that gives a dict and one that joins all."""
    features = {
        "float": "float",
        "float_normalized": "float_normalized",
        "float_discretized": "float_discretized",
        "float_rescaled": FeatureSpace.float_rescaled(scale=0.5, offset=1.0),
        "integer_categorical": "integer_categorical",
        "integer_hashed": FeatureSpace.integer_hashed(num_bins=5),
        "string_categorical": "string_categorical",
        "string_hashed": FeatureSpace.string_hashed(num_bins=4),
    }
    numbered = {
        "integer_few": FeatureSpace.integer_categorical(output_mode="int", max_tokens=4),
        "string_number": FeatureSpace.string_categorical(output_mode="int", num_oov_indices=2),
        "float_bin": FeatureSpace.float_discretized(num_bins=3, output_mode="int"),
    }
    cross = ("string_categorical", "integer_categorical")
    second = FeatureSpace.cross(("string_number", "integer_hashed"), crossing_dim=6, output_mode="int")
    return {
        "concat": FeatureSpace(features, crosses=[cross], crossing_dim=8),
        "dict": FeatureSpace(
            {**features, **numbered},
            crosses=[cross, second],
            crossing_dim=8,
            output_mode="dict",
            num_discretization_bins=4,
        ),
    }


def encoded(space, to_numpy):
    """What a space makes of a batch, and of a row."""
    columns = rows(space.features)
    found = []
    for part in ({k: v[:4] for k, v in columns.items()}, {k: v[0] for k, v in columns.items()}):
        output = space(part)
        if not isinstance(output, dict):
            output = {"all": output}
        found.append({name: to_numpy(x) for name, x in output.items()})
    return found
