"""Models of every layer, for files: each written once, for kbridge, Keras 3 and tf_keras alike.

``ZOO`` holds them by name. Most are made by one rule: for each class of layers a graph whose parts are the cases
in which that class is compared with Keras (``layer_cases``, ``preprocessing_cases``), each on inputs of its own.
The rest are the functions below. ``K`` is the library: a module with ``layers``, ``Input``, ``Model`` and so on.
"""

import inspect
from functools import cache

import numpy as np
from layer_cases import CASES
from layer_cases.case import leaves, refill
from layer_cases.image_preprocessing import IMAGES
from preprocessing_cases import CASES as PREPROCESSING_CASES

ZOO = {}
MEANT_FOR_NO_FILE = ("Layer", "Wrapper", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer")  # bases, bridges


class Part:
    """A layer as text, and what it is called on; ``masks`` and ``adapt`` as in the cases.

    ``of_data``: it is of those that prepare data.
    """

    def __init__(self, layer, *args, masks=None, adapt=None, of_data=False, **kwargs):
        self.layer, self.args, self.kwargs = layer, list(args), kwargs
        self.adapt, self.of_data = adapt, of_data
        self.kind = layer.partition("(")[0]
        self.arrays = leaves([self.args, kwargs])
        for place, mask in (masks or {}).items():  # steps that a Masking layer leaves out
            if self.arrays[place].ndim == 3 and mask.shape == self.arrays[place].shape[:2]:
                self.arrays[place] = self.arrays[place] * mask[..., None]
        self.masked = {place for place in masks or () if self.arrays[place].ndim == 3}

    def make(self, K, number=0):
        """The layer, adapted. It has a name that Keras gives to none of its ops: it may make some for masks."""
        text = self.layer[:-1] + ("" if self.layer.endswith("()") else ", ") + f"name='{self.kind}_{number}')"
        layer = eval(text, {**vars(K.layers), "np": np})
        if self.adapt is not None:
            layer.adapt(self.adapt)
        return layer

    def graph(self, K, layer):
        """(inputs, outputs) of ``layer`` in a graph."""
        symbols = [K.Input(x.shape[1:], dtype=_dtype(x)) for x in self.arrays]
        given = [K.layers.Masking()(x) if i in self.masked else x for i, x in enumerate(symbols)]
        values = iter(given)
        return symbols, leaves([layer(*refill(self.args, values), **refill(self.kwargs, values))])


def _dtype(array):
    return "string" if array.dtype == object else array.dtype.name


class Exhibit:
    """A model of the zoo: ``make(K)`` makes it, ``inputs()`` is what it is called on."""

    engine = "torch"  # that Keras computes it on: where it is quick, and knows all layouts of channels, but no texts
    tolerance = 1e-5  # of the largest value of an output
    asked = False  # whether Keras is asked if it can read its own files of it, though it reads ours

    def __init__(self, name, build, inputs, keras3_only=False):
        self.name, self._build, self._inputs = name, build, inputs
        self.keras3_only = keras3_only
        self.text = inspect.getsource(build)

    def build(self, K):
        """The model as it is first."""
        return self._build(K)

    def make(self, K):
        """The model, its weights at no special point."""
        return filled(self.build(K))

    def inputs(self):
        """The arrays that the model is called on, a list."""
        return self._inputs()

    custom_objects = staticmethod(lambda K: None)  # what a reader of its files is given


class OfLayers(Exhibit):
    """Cases of one class of layers in one graph. Libraries that do not know all may make some ``parts`` alone."""

    def __init__(self, name, parts):
        self.name, self.parts = name, parts
        self.asked = any(part.adapt is not None for part in parts)
        self.text = " ".join(part.layer for part in parts)
        if any(part.of_data for part in parts) or name in _RIGHT_ON_TENSORFLOW:
            self.engine = "tensorflow"

    @property
    def keras3_only(self):
        """Whether no older Keras has the class."""
        from kbridge.saving.eras import SINCE_KERAS_3  # where Keras runs alone there is no kbridge

        return self.parts[0].kind in SINCE_KERAS_3

    def known(self, K):
        """The numbers of the parts that ``K`` can make: it knows layer and arguments, and puts them in a graph."""
        found = []
        for number, part in enumerate(self.parts):
            try:
                part.graph(K, part.make(K))
            except Exception:  # each library has its own ways to say no
                continue
            found.append(number)
        return found

    def _chosen(self, parts):
        return self.parts if parts is None else [self.parts[number] for number in parts]

    def build(self, K, parts=None):
        if self.name in _NOT_IN_GRAPHS:
            model = classes(K)["Each"]([part.make(K, i) for i, part in enumerate(self._chosen(parts))])
            model(self.inputs(parts))
            return model
        inputs, outputs = [], []
        for number, part in enumerate(self._chosen(parts)):
            own, found = part.graph(K, part.make(K, number))
            inputs += own
            outputs += found
        return K.Model(inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0])

    def make(self, K, parts=None):
        model = self.build(K, parts)
        return model if any(part.adapt is not None for part in self._chosen(parts)) else filled(model)

    def inputs(self, parts=None):
        return [x for part in self._chosen(parts) for x in part.arrays]


def filled(model):
    """``model`` with random weights: variances positive, counts and tables as they are."""
    rng = np.random.default_rng(3)
    found = []
    for variable, value in zip(model.weights, model.get_weights()):
        drawn = rng.normal(size=value.shape).astype("float32") / 2
        if value.dtype.kind in "iub":
            found.append(value)
        else:
            found.append((np.abs(drawn) + 0.5 if "variance" in variable.name else drawn).astype(value.dtype))
    model.set_weights(found)
    return model


def call(model, inputs, convert=lambda x: x):
    """The outputs of ``model`` outside of training, a list; ``convert`` makes a tensor of an array."""
    inputs = [convert(x) for x in inputs]
    return leaves([model(inputs if len(inputs) > 1 else inputs[0], training=False)])


@cache
def classes(K):
    """Classes and functions of one's own, registered, by their names; and one function that is not."""
    L, ops = K.layers, getattr(K, "ops", K.backend)
    register = K.saving.register_keras_serializable("zoo")

    class Each(K.Model):
        """Calls each of its layers on an input, for layers that Keras puts into no graph."""

        def __init__(self, parts, **kwargs):
            super().__init__(**kwargs)
            self.parts = parts

        def call(self, inputs):
            return [part(x) for part, x in zip(self.parts, inputs)]

        def get_config(self):
            parts = [K.saving.serialize_keras_object(part) for part in self.parts]
            return {**super().get_config(), "parts": parts}

        @classmethod
        def from_config(cls, config):
            parts = [K.saving.deserialize_keras_object(part) for part in config.pop("parts")]
            return cls(parts, **config)

    class Scaled(L.Layer):
        """Holds weights of its own and layers in lists and dicts; given another layer and a function."""

        def __init__(self, inner, function, times=2, **kwargs):
            super().__init__(**kwargs)
            self.inner, self.function, self.times = inner, function, times
            self.stack = [L.Dense(4), {"norm": L.LayerNormalization(), "more": [L.Dense(4, use_bias=False)]}]

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(4,), initializer="ones", name="scale")
            self.steps = self.add_weight(shape=(2,), initializer="zeros", name="steps", trainable=False)
            if not self.inner.built:  # out of a file it is
                self.inner.build(input_shape)
            for layer in (self.stack[0], self.stack[1]["norm"], self.stack[1]["more"][0]):
                layer.build((*input_shape[:-1], 4))
            self.built = True

        def call(self, x):
            x = self.stack[1]["norm"](self.stack[0](self.inner(x)))
            return self.function(self.stack[1]["more"][0](x)) * self.scale * self.times

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 4)

        def get_config(self):
            inner = K.saving.serialize_keras_object(self.inner)
            function = K.saving.serialize_keras_object(self.function)
            return {**super().get_config(), "inner": inner, "function": function, "times": self.times}

        @classmethod
        def from_config(cls, config):
            told = {name: K.saving.deserialize_keras_object(config.pop(name)) for name in ("inner", "function")}
            return cls(**told, **config)

    class Tower(K.Model):
        """A model of models and layers, made when it is called."""

        def __init__(self, widths=(4, 3), **kwargs):
            super().__init__(**kwargs)
            self.widths = tuple(widths)
            self.floors = [
                K.Sequential([L.Dense(width, activation="tanh"), L.BatchNormalization()]) for width in widths
            ]
            self.tables = {"up": L.Embedding(5, 3), "down": (L.Dense(3), L.Dropout(0.3))}
            self._last = L.Dense(2)

        def call(self, inputs, training=None):
            x, ids = inputs
            for floor in self.floors:
                x = floor(x, training=training)
            dense, drop = self.tables["down"]
            return self._last(drop(dense(x), training=training) + self.tables["up"](ids))

        def get_config(self):
            return {**super().get_config(), "widths": list(self.widths)}

    class Cell(L.Layer):
        """A recurrent cell of one's own."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = self.output_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")
            self.built = True

        def call(self, x, states):
            found = ops.tanh(ops.matmul(x, self.kernel) + ops.matmul(states[0], self.recurrent))
            return found, [found]

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Half(K.initializers.Initializer):
        def __init__(self, value=0.5):
            self.value = value

        def __call__(self, shape, dtype=None):
            return ops.ones(shape, dtype) * self.value

        def get_config(self):
            return {"value": self.value}

    class Fourth(K.regularizers.Regularizer):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, x):
            return self.rate * ops.sum(ops.square(ops.square(x)))

        def get_config(self):
            return {"rate": self.rate}

    class Below(K.constraints.Constraint):
        def __init__(self, most):
            self.most = most

        def __call__(self, w):
            return ops.minimum(w, self.most)

        def get_config(self):
            return {"most": self.most}

    class Apart(K.losses.Loss):
        def __init__(self, power=2, name="apart", **kwargs):
            super().__init__(name=name, **kwargs)
            self.power = power

        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_true - y_pred) ** self.power, axis=-1)

        def get_config(self):
            return {**super().get_config(), "power": self.power}

    def bent(x):
        return ops.tanh(x) + 0.1 * x

    def furthest(y_true, y_pred):
        return ops.max(ops.abs(y_true - y_pred), axis=-1)

    def shifted(x, by=0.0):
        return x + by

    made = (Each, Scaled, Tower, Cell, Half, Fourth, Below, Apart, bent, furthest)
    return {"shifted": shifted, **{one.__name__: register(one) for one in made}}


def trained(K, model, steps=2):
    """``model`` after steps of its optimizer, along gradients that are no one's; Keras on NumPy has none."""
    convert = K.ops.convert_to_tensor if hasattr(K, "ops") else K.backend.constant
    for step in range(steps):
        gradients = [convert(np.full(v.shape, 0.1 * (step + 1), "float32")) for v in model.trainable_variables]
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return model


# -- by the rule

_RIGHT_ON_TENSORFLOW = ("ContrastLimitedAdaptiveHistogramEqualization",)  # on torch Keras rounds before it
_NOT_IN_GRAPHS = ("Equalization",)  # Keras loses the way from their outputs to their inputs

# The cases leave them out, since they do nothing outside of training, or hold other layers
MORE = [
    *("AugMix(num_chains=2)", "RandAugment((0, 1), 3, 0.2)", "RandomColorJitter((0, 255), 0.2, 0.2, 0.2, 0.2)"),
    *("RandomContrast(0.3)", "RandomElasticTransform(0.5)", "RandomErasing(0.5, scale=(0.1, 0.2))", "RandomHue(0.3)"),
    *("RandomFlip('vertical', seed=4)", "RandomPerspective(0.4)", "RandomShear(0.2, (0.1, 0.3))"),
    *("Solarization(0.3, 0.5)", "CutMix(0.5)", "MixUp(0.4)"),
    "ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 3))",
    "Pipeline([Rescaling(0.5), RandomFlip('horizontal'), CenterCrop(3, 5)])",
]
MORE = [Part(text, IMAGES) for text in [*MORE, "MaxNumBoundingBoxes(4)"]]
_CELLS = "StackedRNNCells([LSTMCell(3), GRUCell(2), SimpleRNNCell(4)])"
MORE.append(Part(f"RNN({_CELLS}, return_sequences=True, return_state=True)", IMAGES[:, 0]))


def _parts():
    for case in CASES:
        if (
            case.like == case.layer and "lambda" not in case.layer
        ):  # else Keras cannot compute it on the engine used here
            args, kwargs = case.arguments()
            kwargs.pop("training", None)  # the call of the whole model says that
            yield Part(case.layer, *args, masks=case.masks, **kwargs)
    for case in PREPROCESSING_CASES:
        data = [x for x in case.inputs if _is_data(x)]
        if data and not case.error and case.batches is None:
            yield Part(case.layer, data[0], adapt=case.adapt, of_data=True, **case.kwargs)
    yield from MORE


def _is_data(x):
    """Whether ``x`` can be the input of a graph: an array, or a pair for Keras to cross."""
    if isinstance(x, tuple):
        return len(x) == 2 and _is_data(x[0]) and _is_data(x[1])
    return isinstance(x, np.ndarray) and x.ndim > 0


def _name(part):
    """Parts that a format cannot hold are kept from the others: calls on further tensors, tokens of whole lines."""
    if leaves([part.kwargs]):
        return f"{part.kind}_on_more"
    return f"{part.kind}_of_lines" if "split=None" in part.layer or "'character'" in part.layer else part.kind


def _telling(parts):
    """Of many cases of a class the first, the one that says most, and those that learn: files hold what they say."""
    said = {part.layer: part for part in reversed(parts)}
    chosen = {parts[0].layer, max(said, key=len)}
    return [part for part in said.values() if part.layer in chosen or part.adapt is not None][::-1]


def _by_class():
    found = {}
    for part in _parts():
        found.setdefault(_name(part), []).append(part)
    for name, parts in sorted(found.items()):
        ZOO[name] = OfLayers(name, _telling(parts))
    ZOO["MelSpectrogram"].tolerance = 2e-5  # Keras makes its bands in float32, and takes logarithms of weak ones


_by_class()


# -- others


def exhibit(*shapes, ints=(), **attributes):
    """Puts a function into the zoo: it makes a model for inputs of these shapes, whole numbers at ``ints``."""

    def draw():
        rng = np.random.default_rng(5)
        drawn = [rng.normal(size=(3, *shape)).astype("float32") for shape in shapes]
        return [rng.integers(1, 5, (3, *shapes[i])).astype("int32") if i in ints else x for i, x in enumerate(drawn)]

    def add(build):
        found = ZOO[build.__name__] = Exhibit(build.__name__, build, draw, attributes.pop("keras3_only", False))
        vars(found).update(attributes)
        return build

    return add


@exhibit((4,), (4,))
def models_of_models(K):
    """Models within models, called twice, a shared layer, several inputs and outputs."""
    L = K.layers
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    shared = L.Dense(4, name="shared")
    inner = K.Sequential([K.Input((4,)), L.Dense(5), L.BatchNormalization(), L.Dense(4)], name="inner")
    x, y = K.Input((4,)), K.Input((4,))
    parts = K.Model([x, y], [L.add([inner(x), L.Dense(4, name="shared")(y)]), L.Dense(2)(y)], name="parts")
    one, two = parts([shared(a), b])
    three, four = parts([one, shared(b)])
    last = K.Sequential([L.InputLayer((4,)), K.Sequential([K.Input((4,)), L.Dense(3)]), L.Dense(1)], name="last")
    return K.Model([a, b], [last(L.add([one, three])), L.concatenate([two, four])], name="models_of_models")


@exhibit((4,))
def shared_by_models(K):
    """A layer and a model that are parts of two models."""
    L = K.layers
    inputs, x = K.Input((4,)), K.Input((4,))
    dense, inner = L.Dense(4), K.Sequential([K.Input((4,)), L.Dense(4, "tanh")])
    one = K.Model(x, dense(inner(x)))
    return K.Model(inputs, L.add([one(inner(inputs)), dense(inputs)]))


@exhibit((5,), (5, 3), ints=(0,))
def masked(K):
    """Masks that come from tokens and from values, through layers that carry, use, join and end them."""
    L = K.layers
    tokens, values = K.Input((5,), dtype="int32"), K.Input((5, 3))
    x = L.Embedding(7, 3, mask_zero=True)(tokens)
    x = L.Bidirectional(L.LSTM(2, return_sequences=True))(L.SpatialDropout1D(0.2)(x))
    y = L.TimeDistributed(L.Dense(4))(L.Masking(0.0)(values))
    z = L.Concatenate(name="both")([x, y])
    return K.Model([tokens, values], [L.GRU(3)(z), L.GlobalAveragePooling1D()(z), L.SimpleRNN(2)(L.add([x, y]))])


@exhibit((4,))
def of_ones_own(K):
    """Classes and functions of one's own, in every place that takes them."""
    L, own = K.layers, classes(K)
    inputs = x = K.Input((4,))
    x = L.Dense(4, "tanh", kernel_initializer=own["Half"](0.3), kernel_regularizer=own["Fourth"](0.1))(x)
    x = L.Dense(4, own["bent"], bias_constraint=own["Below"](1.5))(x)
    x = own["Scaled"](L.Dense(4, activation="tanh"), own["bent"], times=3)(x)
    x = L.RNN(own["Cell"](3), return_sequences=True)(L.Reshape((2, 2))(x))
    x = L.TimeDistributed(own["Scaled"](L.Dense(4), own["bent"]))(x)
    model = K.Model(inputs, L.Activation(own["bent"])(x))
    model.compile("sgd", own["Apart"](3), metrics=[own["furthest"], "mae"])
    return model


@exhibit((4,), (), ints=(1,), asked=True)
def subclassed(K):
    """A model that is no graph."""
    model = classes(K)["Tower"]((4, 3))
    model([np.zeros((1, 4), "float32"), np.zeros((1,), "int32")])
    return model


@exhibit((4,), custom_objects=lambda K: {"shifted": classes(K)["shifted"]})
def of_functions(K):
    """Lambdas of functions with a name, one of which the reader brings."""
    L, own = K.layers, classes(K)
    inputs = x = K.Input((4,))
    x = L.Lambda(own["shifted"], output_shape=(4,), arguments={"by": 2.5})(x)
    return K.Model(inputs, L.Lambda(own["bent"], output_shape=(4,))(L.Dense(4)(x)))


@exhibit((4,), (2, 3), tolerance=2**-7, asked=True)
def narrow(K):
    """Layers that compute, or keep their weights, in other types."""
    L = K.layers
    a, b = K.Input((4,)), K.Input((2, 3))
    x = L.LayerNormalization(dtype="mixed_float16")(L.Dense(4, dtype="mixed_bfloat16")(a))
    y = L.LSTM(3, dtype="float64")(L.Dense(3, dtype="bfloat16")(b))
    return K.Model([a, b], [L.Dense(2, dtype="float32")(x), y])


@exhibit((4,))
def frozen(K):
    """Layers that are not trained, within models too."""
    L = K.layers
    inner = K.Sequential([K.Input((4,)), L.Dense(4), L.BatchNormalization(), L.Dense(4)], name="inner")
    inner.layers[0].trainable = False
    outer = K.Sequential([K.Input((4,)), inner, L.Dense(3, trainable=False), L.Dense(4)], name="outer")
    base = K.Sequential([K.Input((4,)), L.Dense(4), L.BatchNormalization()], name="base")
    base.trainable = False
    inputs = K.Input((4,))
    model = K.Model(inputs, base(outer(inputs)))
    model.compile("adam", K.losses.MeanSquaredError())
    return trained(K, model)


@exhibit((4,))
def deferred(K):
    """A Sequential without a first shape, built by being called, and names that are no plain words."""
    L = K.layers
    layers = [L.Dense(4, name="Größe 1"), L.Dropout(0.1, name="a-b.c"), L.Dense(3, name="vars"), L.Dense(2, name="0")]
    model = K.Sequential(layers, name="layers")
    model(np.zeros((2, 4), "float32"))
    return model


@exhibit((6,))
def drawn(K):
    """Every initializer, each with its seed."""
    L, inputs, outputs = K.layers, K.Input((6,)), []
    kinds = "RandomNormal RandomUniform TruncatedNormal Orthogonal GlorotNormal GlorotUniform HeNormal HeUniform"
    for kind in f"{kinds} LecunNormal LecunUniform VarianceScaling".split():
        outputs.append(L.Dense(6, kernel_initializer=getattr(K.initializers, kind)(seed=7))(inputs))
    for kind in ("Zeros", "Ones", "Identity"):
        outputs.append(L.Dense(6, kernel_initializer=getattr(K.initializers, kind)())(inputs))
    outputs.append(L.Dense(6, kernel_initializer=K.initializers.Constant(0.3))(inputs))
    return K.Model(inputs, outputs)


@exhibit((4,))
def penalized(K):
    """Every regularizer and constraint."""
    L, R, C = K.layers, K.regularizers, K.constraints
    inputs = x = K.Input((4,))
    kept = [C.MaxNorm(1.5, axis=1), C.NonNeg(), C.UnitNorm(), C.MinMaxNorm(0.2, 0.9, rate=0.5)]
    for one, other in zip([R.L1(0.1), R.L2(0.2), R.L1L2(0.1, 0.3), R.OrthogonalRegularizer(0.2)], kept):
        x = L.Dense(4, kernel_regularizer=one, kernel_constraint=other, activity_regularizer="l2")(x)
    return K.Model(inputs, L.ActivityRegularization(0.1, 0.2)(x))


@exhibit((4,))
def judged(K):
    """Losses and metrics of several outputs."""
    L, inputs = K.layers, K.Input((4,))
    model = K.Model(inputs, [L.Dense(1, name="one")(inputs), L.Dense(3, "softmax", name="two")(inputs)])
    losses = {"one": K.losses.Huber(0.7), "two": K.losses.CategoricalCrossentropy(label_smoothing=0.1)}
    metrics = {"one": ["mae", K.metrics.RootMeanSquaredError(name="root")], "two": [K.metrics.AUC(num_thresholds=9)]}
    model.compile(K.optimizers.SGD(0.1), losses, metrics=metrics, loss_weights={"one": 0.3, "two": 2.0})
    return model


@exhibit((4,), keras3_only=True)
def of_ops(K):
    """Ops in the graph, also such that need more than tensors."""
    ops, inputs = K.ops, K.Input((4,))
    x = K.layers.Dense(6)(inputs)
    y = ops.reshape(x, (-1, 2, 3))
    a, b = ops.split(x, 2, axis=-1)
    top, places = ops.top_k(x, 2)
    found = [ops.logical_and(x > 0.1, ops.logical_not(x >= 1)), ops.einsum("bij,bkj->bik", y, y), y[:, ::2, 1:], top]
    found += [ops.where(places > 2, 1.0, 0.0), a**2 / (1 + abs(b)), -a % 2.0, 3 // (b + 9.0), ops.stack([a, b], 1)]
    found += [ops.pad(y, [[0, 0], [1, 0], [0, 2]], constant_values=2.0), ops.tile(y, (1, 2, 1)), ops.cumsum(x, axis=1)]
    found += [ops.one_hot(places, 6), ops.take_along_axis(x, places, axis=1), ops.argsort(x), ops.flip(y, axis=2)]
    found += [ops.var(y, axis=(1, 2)), ops.logsumexp(x, -1, keepdims=True), ops.norm(y, axis=2), ops.diff(x)]
    found += [
        ops.silu(x),
        ops.elu(x, 0.3),
        ops.gelu(x, approximate=False),
        ops.softmax(y, axis=1),
        ops.swapaxes(y, 1, 2),
    ]
    found += [ops.average_pool(y, 2, 1, "valid"), ops.dot(x, ops.ones((6, 2))), ops.tensordot(y, y, axes=[[0], [0]])]
    found += [ops.expand_dims(x, (1, 3)), ops.squeeze(ops.max(y, 1, keepdims=True), 1), ops.repeat(x, 2, axis=1)]
    found += [
        ops.cast(x, "int32"),
        ops.clip(x, -0.2, 0.4),
        ops.broadcast_to(ops.mean(y), (2, 2)),
        ops.sort(x),
        ops.erf(x),
    ]
    found += [
        ops.isfinite(x),
        ops.log1p(ops.abs(x)),
        ops.round(x, 1),
        ops.arctan2(a, b),
        ops.outer(a, b),
        ops.roll(x, 1),
    ]
    return K.Model(inputs, found)


def _optimizers():
    more = "Adagrad Adadelta Adamax Nadam Ftrl"
    told = dict.fromkeys(more.split(), "") | {
        "SGD": "momentum=0.9, nesterov=True, clipvalue=0.5",
        "Adam": "K.optimizers.schedules.CosineDecay(0.1, 9, warmup_steps=2, warmup_target=0.2), amsgrad=True",
        "AdamW": "0.01, weight_decay=0.1, use_ema=True, ema_momentum=0.5, clipnorm=1.0",
        "RMSprop": "centered=True, momentum=0.4",
        "Lion": "0.01, global_clipnorm=2.0",
        "Adafactor": "0.01",
        "Lamb": "0.01",
        "Muon": "0.01",
        "LossScaleOptimizer": "K.optimizers.Adam(0.01), initial_scale=4.0, dynamic_growth_steps=2",
    }

    def add(kind, arguments):
        def build(K):
            L = K.layers
            model = K.Sequential([K.Input((4,)), L.Dense(3, "tanh"), L.Dense(2)])
            model.compile(eval(f"K.optimizers.{kind}({arguments})", {"K": K}), K.losses.MeanSquaredError())
            return trained(K, model)

        build.__name__ = f"trained_by_{kind}"
        exhibit((4,), keras3_only=kind in ("Lamb", "Muon", "LossScaleOptimizer"))(build)

    for kind, arguments in told.items():
        add(kind, arguments)


_optimizers()
