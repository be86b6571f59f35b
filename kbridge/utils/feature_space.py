"""``FeatureSpace``: columns of a table to what a model takes, each by a recipe, in one object."""

import numpy as np

from kbridge import layers, objects, ops
from kbridge.backend import dtypes, names
from kbridge.backend.symbolic import KerasTensor, any_symbol
from kbridge.backend.tree import map_structure
from kbridge.layers.layer import Layer
from kbridge.layers.preprocessing.host import Mappable, as_text, batches_of, called_back, foreign_symbols

_OUTPUT_MODES = ("int", "one_hot", "float")
_FEW = 32  # rows of an unbatched data set that are looked at together


class TFDIdentity(Layer):
    """Gives back its input: what becomes of a plain float feature. Its name is that in Keras's configs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True

    def call(self, x):
        return ops.convert_to_tensor(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


class Feature:
    """One column: the dtype of its values, the layer that takes them, and how its output is encoded.

    Args:
        dtype: "float32", "int32", "string", ...
        preprocessor: a layer; one that has ``adapt`` learns from the data given to ``FeatureSpace.adapt``.
        output_mode: "int", "one_hot" or "float": what comes out.
    """

    def __init__(self, dtype, preprocessor, output_mode):
        if output_mode not in _OUTPUT_MODES:
            raise ValueError(f"Feature: output_mode must be one of {_OUTPUT_MODES}. Received: {output_mode!r}.")
        self.dtype = dtypes.standardize(dtype)
        if isinstance(preprocessor, dict):
            preprocessor = objects.deserialize_keras_object(preprocessor)
        self.preprocessor, self.output_mode = preprocessor, output_mode

    def get_config(self):
        return {
            "dtype": self.dtype,
            "preprocessor": objects.serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Cross:
    """A feature of its own for each combination of others.

    Args:
        feature_names: the features that are combined.
        crossing_dim: how many numbers the combinations are hashed to.
        output_mode: "int" or "one_hot".
    """

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        if output_mode not in ("int", "one_hot"):
            raise ValueError(f"Cross: output_mode must be 'int' or 'one_hot'. Received: {output_mode!r}.")
        self.feature_names, self.crossing_dim, self.output_mode = tuple(feature_names), crossing_dim, output_mode

    @property
    def name(self):
        return "_X_".join(self.feature_names)

    def get_config(self):
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class FeatureSpace(Mappable, Layer):
    """Encodes dicts of columns, after it was adapted to such.

    It is called on a dict of arrays, tensors or lists (a row, or a batch of rows), or of symbols.

    Args:
        features: a dict from names to recipes: "float", "float_rescaled", "float_normalized", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed", or what the methods of
            these names return.
        output_mode: "concat" for one tensor of all features by name, crosses last, or "dict".
        crosses: tuples of names of features, or what the method ``cross`` returns.
        crossing_dim: how many numbers combinations are hashed to, where a cross does not say.
        hashing_dim: the same for hashed features.
        num_discretization_bins: how many bins discretized features have, where they do not say.
    """

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError(f"FeatureSpace: features must be a dict with an entry or more. Received: {features!r}.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(f"FeatureSpace: output_mode must be 'concat' or 'dict'. Received: {output_mode!r}.")
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins, self.output_mode = num_discretization_bins, output_mode
        self.features = {name: self._feature(name, given) for name, given in features.items()}
        self.crosses = [self._cross(given) for given in crosses or ()]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.inputs = {
            name: layers.Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()
        }
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses
        }
        self.one_hot_encoders = {}
        self.encoded_features = None
        self._is_adapted = not any(map(_adaptable, self.preprocessors.values()))

    # -- recipes

    def _feature(self, name, given):
        if isinstance(given, dict):
            given = objects.deserialize_keras_object(given)
        if isinstance(given, Feature):
            return given
        recipes = {
            "float": FeatureSpace.float,
            "float_rescaled": FeatureSpace.float_rescaled,
            "float_normalized": FeatureSpace.float_normalized,
            "float_discretized": lambda name: FeatureSpace.float_discretized(self.num_discretization_bins, name=name),
            "integer_categorical": FeatureSpace.integer_categorical,
            "string_categorical": FeatureSpace.string_categorical,
            "integer_hashed": lambda name: FeatureSpace.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda name: FeatureSpace.string_hashed(self.hashing_dim, name=name),
        }
        if not isinstance(given, str) or given not in recipes:
            raise ValueError(
                f"FeatureSpace: a feature must be one of {', '.join(recipes)}, or made by a method of one of these "
                f"names. Received: {given!r} for {name!r}."
            )
        return recipes[given](name=name)

    def _cross(self, given):
        if isinstance(given, dict):
            given = objects.deserialize_keras_object(given)
        if not isinstance(given, Cross):
            given = Cross(given, self.crossing_dim)
        unknown = [name for name in given.feature_names if name not in self.features]
        if unknown:
            raise ValueError(
                f"FeatureSpace: crosses must name features, which are {list(self.features)}. Received: {unknown}."
            )
        return given

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """A feature for each combination of others."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A feature with a layer of your own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """Floats as they are."""
        return Feature("float32", TFDIdentity(name=_name(name, "float")), "float")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """Floats times ``scale`` plus ``offset``."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_name(name, "float_rescaled")), "float")

    @classmethod
    def float_normalized(cls, name=None):
        """Floats of mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(axis=-1, name=_name(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """The bin that a float falls into: ``num_bins`` that are learned, or those between ``bin_boundaries``."""
        name = _name(name, "float_discretized")
        if bin_boundaries is None:
            layer = layers.Discretization(num_bins=num_bins, name=name)
        else:
            layer = layers.Discretization(bin_boundaries=bin_boundaries, name=name)
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """The place of a whole number in a vocabulary that is learned."""
        name = _name(name, "integer_categorical")
        layer = layers.IntegerLookup(name=name, max_tokens=max_tokens, num_oov_indices=num_oov_indices)
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """The place of a text in a vocabulary that is learned."""
        name = _name(name, "string_categorical")
        layer = layers.StringLookup(name=name, max_tokens=max_tokens, num_oov_indices=num_oov_indices)
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """A hash of a whole number."""
        return Feature("int32", layers.Hashing(num_bins, name=_name(name, "integer_hashed")), output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """A hash of a text."""
        return Feature("string", layers.Hashing(num_bins, name=_name(name, "string_hashed")), output_mode)

    # -- adapting

    def adapt(self, dataset):
        """Let the layers learn from a dict of columns, or from batches of such: a data set, a loader, a generator."""
        learning = {name: layer for name, layer in self.preprocessors.items() if _adaptable(layer)}
        for layer in learning.values():
            layer.reset_state()
        for batch in _tables(dataset):
            self._require_dict(batch, learning)
            for name, layer in learning.items():
                layer.update_state(self._column(name, batch[name]))
        for layer in learning.values():
            layer.finalize_state()
        self._is_adapted = True
        self.encoded_features = None
        self.get_encoded_features()

    def _require_adapted(self):
        if not self._is_adapted:
            raise ValueError(
                f"FeatureSpace '{self.name}' has to learn from data before it is used. Write: space.adapt(dataset)."
            )

    def _require_dict(self, data, names):
        if not isinstance(data, dict):
            raise ValueError(
                f"FeatureSpace '{self.name}' takes dicts with its features' names. "
                f"Received: {str(data)[:100]} (of type {type(data).__name__})."
            )
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"FeatureSpace '{self.name}': the data lack {missing}. Received: {list(data)}.")

    def _column(self, name, values):
        """The values of a feature in the shape (rows, 1), as its dtype says."""
        if not hasattr(values, "shape"):
            values = np.asarray(values)
        if self.features[name].dtype == "string":
            values = as_text(np.asarray(values), self)
        elif isinstance(values, np.ndarray) and values.dtype == object:
            values = np.asarray(values.tolist())
        return values if len(values.shape) > 1 else values.reshape((-1, 1))

    encoding = "utf-8"

    # -- calling

    def __call__(self, data):
        self._require_adapted()
        self._require_dict(data, self.features)
        data = {name: data[name] for name in self.features}
        if foreign_symbols([data]):
            rows = any(len(x.shape) for x in data.values())
            told = self.get_encoded_features()
            if not rows:
                told = map_structure(lambda x: KerasTensor(x.shape[1:], x.dtype), told)
            return called_back(self, [data], told)
        if any_symbol(data):
            return self._encode({name: _with_axis(x) for name, x in data.items()})
        single = all(np.ndim(x) == 0 if not hasattr(x, "shape") else len(x.shape) == 0 for x in data.values())
        encoded = self._encode({name: self._column(name, values) for name, values in data.items()})
        if not single:
            return encoded
        return encoded[0] if self.output_mode == "concat" else {name: x[0] for name, x in encoded.items()}

    def get_inputs(self):
        """The symbols of its features, by name: the inputs of a model that takes them as they are."""
        self._require_adapted()
        return self.inputs

    def get_encoded_features(self):
        """The symbols of what it makes of ``get_inputs()``: the inputs of a model that takes them encoded."""
        self._require_adapted()
        if self.encoded_features is None:
            self.encoded_features = self._encode(self.inputs)
        return self.encoded_features

    def _encode(self, data):
        found = {name: layer(data[name]) for name, layer in self.preprocessors.items()}
        crossed = {
            cross.name: self.crossers[cross.name](tuple(found[name] for name in cross.feature_names))
            for cross in self.crosses
        }
        encoded = {}
        for values, recipes in ((found, self.features), (crossed, self.crosses_by_name)):
            for name in sorted(values):
                encoded[name] = self._one_hot(name, values[name], recipes[name])
        self.built = True
        if self.output_mode == "dict":
            return encoded
        for name, x in encoded.items():
            if not dtypes.is_float(ops.dtype(x)):
                raise ValueError(
                    f"FeatureSpace '{self.name}' cannot join feature {name!r}, which has the dtype {ops.dtype(x)}, to "
                    f"others. Let it have output_mode='one_hot', or write: FeatureSpace(..., output_mode='dict')."
                )
        return ops.concatenate(list(encoded.values()), axis=-1)

    def _one_hot(self, name, x, recipe):
        if recipe.output_mode != "one_hot":
            return x
        if not dtypes.is_int(ops.dtype(x)):
            raise ValueError(
                f"FeatureSpace '{self.name}': feature {name!r} has output_mode='one_hot', so its layer must give "
                f"whole numbers. It gives {ops.dtype(x)}."
            )
        if name not in self.one_hot_encoders:
            layer = self.crossers.get(name) or self.preprocessors[name]
            self.one_hot_encoders[name] = layers.CategoryEncoding(_cardinality(name, layer), output_mode="multi_hot")
        return self.one_hot_encoders[name](x)

    # -- configuration and files

    def get_config(self):
        return {
            "features": objects.serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": objects.serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_build_config(self):
        """The shapes that the features' layers were built for."""
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        for name, layer in self.preprocessors.items():
            if config.get(name) and not layer.built:
                layer.build_from_config(config[name])
        self._is_adapted = True

    def save_own_variables(self, store):
        """It has no variables of its own."""

    def load_own_variables(self, store):
        """It has no variables of its own; its layers have theirs."""

    def save(self, filepath):
        """Write it to a ``.keras`` file."""
        from kbridge.saving import save_model

        save_model(self, filepath)


def _name(name, kind):
    return f"{name or names.unique(kind)}_preprocessor"


def _adaptable(layer):
    """Whether a layer has something to learn that it was not given."""
    if isinstance(layer, layers.Normalization):
        return layer.input_mean is None
    if isinstance(layer, layers.Discretization):
        return layer.num_bins is not None
    if isinstance(layer, (layers.StringLookup, layers.IntegerLookup)):
        return layer.get_config()["vocabulary"] is None
    return hasattr(layer, "adapt")


def _cardinality(name, layer):
    """How many numbers a layer gives."""
    if isinstance(layer, layers.Discretization) and layer.num_bins is None:
        return len(layer.bin_boundaries) + 1
    for attribute in ("vocabulary_size", "num_bins", "num_tokens"):
        found = getattr(layer, attribute, None)
        if found is not None:
            return found() if callable(found) else found
    raise ValueError(
        f"FeatureSpace: feature {name!r} has output_mode='one_hot', but {type(layer).__name__} does not say how many "
        f"numbers it gives: it has neither vocabulary_size(), num_bins nor num_tokens. Write: output_mode='int'."
    )


def _with_axis(x):
    return ops.expand_dims(x, -1) if len(x.shape) == 1 else x


def _tables(dataset):
    """Batches of rows: dicts of columns; the rows of a data set without batches are gathered."""
    rows = []
    for batch in batches_of(dataset):
        if not isinstance(batch, dict) or any(np.ndim(values) for values in batch.values()):
            yield batch
            continue
        rows.append(batch)
        if len(rows) == _FEW:
            yield _gathered(rows)
            rows = []
    if rows:
        yield _gathered(rows)


def _gathered(rows):
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


objects.publish("keras.utils", FeatureSpace)
objects.publish("keras.src.layers.preprocessing.feature_space", Feature, Cross, TFDIdentity)
