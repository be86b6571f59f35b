"""Losses against Keras 3, on each engine."""

import numpy as np
import pytest
from oracle import close, keras, same_config

from kbridge import losses, ops
from kbridge.backend import registry
from kbridge.backend.variable import Variable

# Keras divides by zero, and then replaces what came of it
pytestmark = [pytest.mark.filterwarnings(f"ignore:{m}:RuntimeWarning:keras.src") for m in ("invalid", "divide by zero")]

_rng = np.random.default_rng(7)


def _f(*shape, low=-1.0, high=1.0):
    return _rng.uniform(low, high, shape).astype("float32")


def _probabilities(*shape):
    x = np.exp(_f(*shape, low=-2, high=2))
    return (x / x.sum(-1, keepdims=True)).astype("float32")


def _one_hot(indices, classes):
    return np.eye(classes, dtype="float32")[indices]


_classes = np.array([2, 0, 1, 1])
_steps = _rng.integers(0, 3, (4, 2))
_unit = _f(4, 3)
_unit /= np.linalg.norm(_unit, axis=-1, keepdims=True)

# name: (y_true, y_pred)
DATA = {
    "real": (_f(4, 3), _f(4, 3)),
    "vector": (_f(4), _f(4, 1)),
    "large": (_f(4, 3, low=-9, high=9), _f(4, 3, low=-9, high=9)),
    "positive": (_f(4, 3, low=0, high=2), _f(4, 3, low=0.1, high=2)),
    "counts": (_rng.poisson(2.0, (4, 3)), _f(4, 3, low=0.1, high=4)),
    "signs": (np.sign(_f(4, 3)), _f(4, 3)),
    "binary": ((_f(4, 3) > 0).astype("int32"), _f(4, 3, low=0, high=1)),
    "logits": ((_f(4, 3) > 0).astype("float32"), _f(4, 3, low=-4, high=4)),
    "one_hot": (_one_hot(_classes, 3), _probabilities(4, 3)),
    "one_hot_logits": (_one_hot(_classes, 3), _f(4, 3, low=-4, high=4)),
    "one_hot_steps": (_one_hot(_steps, 3), _probabilities(4, 2, 3)),
    "first_axis": (_one_hot(_steps, 3).transpose(0, 2, 1), _probabilities(4, 2, 3).transpose(0, 2, 1)),
    "distributions": (_probabilities(4, 3), _probabilities(4, 3)),
    "sparse": (_classes, _probabilities(4, 3)),
    "sparse_column": (_classes[:, None].astype("float32"), _probabilities(4, 3)),
    "sparse_logits": (_classes, _f(4, 3, low=-4, high=4)),
    "sparse_steps": (_steps, _probabilities(4, 2, 3)),
    "embeddings": (np.array([0, 1, 0, 1]), _unit),
    "lonely": (np.array([0, 1, 0, 2]), _unit),
    "ctc": (np.array([[1, 2, 0], [3, 3, 1]]), _f(2, 8, 4)),
}

CASES = [
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "vector"),
    ("MeanSquaredError", {}, "one_hot_steps"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("CosineSimilarity", {}, "real"),
    ("CosineSimilarity", {"axis": 1}, "one_hot_steps"),
    ("Huber", {}, "large"),
    ("Huber", {"delta": 3.0}, "large"),
    ("LogCosh", {}, "large"),
    ("Hinge", {}, "signs"),
    ("Hinge", {}, "binary"),
    ("SquaredHinge", {}, "signs"),
    ("SquaredHinge", {}, "logits"),
    ("CategoricalHinge", {}, "one_hot_logits"),
    ("KLDivergence", {}, "distributions"),
    ("Poisson", {}, "counts"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True}, "logits"),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, "binary"),
    ("BinaryCrossentropy", {"axis": 0}, "binary"),
    ("BinaryFocalCrossentropy", {}, "binary"),
    ("BinaryFocalCrossentropy", {"gamma": 3.0, "alpha": 0.4, "apply_class_balancing": True}, "binary"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "logits"),
    ("CategoricalCrossentropy", {}, "one_hot"),
    ("CategoricalCrossentropy", {}, "one_hot_steps"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "one_hot_logits"),
    ("CategoricalCrossentropy", {"axis": 1}, "first_axis"),
    ("CategoricalFocalCrossentropy", {}, "one_hot"),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.5, 0.4], "gamma": 1.0}, "one_hot_steps"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "one_hot_logits"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {}, "sparse_column"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_logits"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "sparse_steps"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1, "from_logits": True}, "sparse_logits"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, "sparse"),
    ("Dice", {}, "binary"),
    ("Dice", {"axis": 1}, "binary"),
    ("Tversky", {}, "binary"),
    ("Tversky", {"alpha": 0.2, "beta": 0.9, "axis": 1}, "binary"),
    ("Circle", {}, "embeddings"),
    ("Circle", {"gamma": 2.0, "margin": 0.1, "remove_diagonal": False}, "embeddings"),
    ("Circle", {"gamma": 2.0}, "lonely"),
    ("CTC", {}, "ctc"),
]
REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none")


def _id(case):
    name, kwargs, data = case
    return "-".join([name, data, *(f"{k}={v}" for k, v in kwargs.items())]).replace(" ", "")


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_loss(engine, case):
    name, kwargs, data = case
    y_true, y_pred = DATA[data]
    for reduction in REDUCTIONS:
        ours = getattr(losses, name)(reduction=reduction, **kwargs)
        reference = getattr(keras.losses, name)(reduction=reduction, **kwargs)
        values = reference(y_true, y_pred)
        close(ours(y_true, y_pred), values)
    values = np.asarray(values)
    if not values.shape:
        return
    weights = np.arange(1, 1 + len(values), dtype="float32") / 2
    mask = (np.arange(values.size) % 3 > 0).reshape(values.shape)
    shaped = np.array(np.broadcast_to(weights.reshape(-1, *[1] * (values.ndim - 1)), values.shape))
    for reduction in REDUCTIONS:
        ours = getattr(losses, name)(reduction=reduction, **kwargs)
        reference = getattr(keras.losses, name)(reduction=reduction, **kwargs)
        close(ours(y_true, y_pred, weights), reference(y_true, y_pred, shaped))
        close(ours(y_true, y_pred, weights, mask), _masked(reference, y_true, y_pred, shaped, mask))
        close(ours(y_true, y_pred, mask=mask), _masked(reference, y_true, y_pred, None, mask))


def _masked(reference, y_true, y_pred, weights, mask):
    """Keras takes a mask from the predictions; here it is handed to what that leads to."""
    from keras.src import backend
    from keras.src.losses.loss import reduce_weighted_values

    float32 = np.asarray(y_pred, "float32"), np.asarray(y_true, "float32")
    values = reference.call(float32[1], float32[0])
    own = backend.get_keras_mask(values)
    mask = mask if own is None else mask & own
    return reduce_weighted_values(values, weights, mask, reference.reduction, "float32")


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_config(case):
    name, kwargs, _ = case
    ours = getattr(losses, name)(name="mine", reduction="sum", **kwargs)
    reference = getattr(keras.losses, name)(name="mine", reduction="sum", **kwargs)
    same_config(losses.serialize(ours), keras.losses.serialize(reference))
    again = losses.deserialize(losses.serialize(ours))
    assert type(again) is type(ours) and again.get_config() == ours.get_config()


FUNCTIONS = [
    ("mean_squared_error", "real", {}),
    ("mean_squared_error", "vector", {}),
    ("mean_absolute_error", "one_hot_steps", {}),
    ("mean_absolute_percentage_error", "real", {}),
    ("mean_squared_logarithmic_error", "positive", {}),
    ("cosine_similarity", "one_hot_steps", {"axis": 1}),
    ("huber", "large", {"delta": 2.0}),
    ("log_cosh", "large", {}),
    ("hinge", "binary", {}),
    ("squared_hinge", "signs", {}),
    ("categorical_hinge", "one_hot", {}),
    ("kl_divergence", "distributions", {}),
    ("poisson", "counts", {}),
    ("binary_crossentropy", "binary", {"label_smoothing": 0.1, "axis": 0}),
    ("binary_focal_crossentropy", "logits", {"from_logits": True, "apply_class_balancing": True}),
    ("categorical_crossentropy", "one_hot_steps", {"label_smoothing": 0.1}),
    ("categorical_focal_crossentropy", "one_hot_logits", {"from_logits": True}),
    ("sparse_categorical_crossentropy", "sparse_steps", {"ignore_class": 2}),
    ("categorical_generalized_cross_entropy", "sparse", {"q": 0.7}),
    ("dice", "binary", {"axis": 0}),
    ("tversky", "binary", {"alpha": 0.9}),
    ("circle", "embeddings", {"ref_labels": np.array([1, 0]), "ref_embeddings": _unit[:2], "gamma": 2}),
    ("ctc", "ctc", {}),
]


@pytest.mark.parametrize("name, data, kwargs", FUNCTIONS, ids=lambda x: x if isinstance(x, str) else "")
def test_function(engine, name, data, kwargs):
    close(getattr(losses, name)(*DATA[data], **kwargs), getattr(keras.losses, name)(*DATA[data], **kwargs))


def test_nested_lists_and_integers_are_taken(engine):
    close(losses.mean_squared_error([[0.0, 1.0]], [[1.0, 1.0]]), np.array([0.5], "float32"))
    close(losses.MeanSquaredError()([[0, 1], [1, 1]], [[1, 1], [1, 1]]), np.float32(0.25))


@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy", "CategoricalCrossentropy"])
def test_weights_per_sample_count_for_every_step(engine, name):
    y_true, y_pred = DATA["one_hot_steps"]
    weights = np.array([1.0, 0.0, 2.0, 3.0], "float32")
    loss = getattr(losses, name)()
    close(loss(y_true, y_pred, weights), getattr(keras.losses, name)()(y_true, y_pred, weights[:, None]))


def test_structures_reach_call(engine):
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.square(y_true["a"] - y_pred["a"]), axis=-1) + ops.mean(y_pred["b"], axis=-1)

    y_true, y_pred = DATA["real"]
    result = Both()({"a": y_true, "b": y_true}, {"a": y_pred, "b": y_pred})
    close(result, np.mean((y_true - y_pred) ** 2) + np.mean(y_pred), rtol=1e-4)


def test_dtype(engine):
    y_true, y_pred = (y.astype("float64") for y in DATA["real"])
    assert engine.dtype(losses.MeanSquaredError(dtype="float16")(y_true, y_pred)) == "float16"
    assert engine.dtype(losses.MeanSquaredError()(y_true, y_pred)) == "float32"
    assert losses.MeanSquaredError(dtype="mixed_bfloat16").dtype == "bfloat16"
    again = losses.deserialize(losses.serialize(losses.Huber(dtype="float64")))
    assert again.dtype == "float64"


def test_an_overridden_call_is_the_one_that_runs(engine):
    class Double(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2.0 * super().call(y_true, y_pred)

    close(Double()(*DATA["real"]), 2 * keras.losses.MeanSquaredError()(*DATA["real"]))


@pytest.mark.parametrize(
    "name, data, kwargs",
    [
        ("MeanSquaredError", "real", {}),
        ("Huber", "large", {}),
        ("LogCosh", "large", {}),
        ("SquaredHinge", "signs", {}),
        ("CosineSimilarity", "real", {}),
        ("BinaryFocalCrossentropy", "binary", {}),
        ("CategoricalFocalCrossentropy", "one_hot", {}),
        ("SparseCategoricalCrossentropy", "sparse", {"ignore_class": 1}),
        ("Circle", "lonely", {"gamma": 2.0}),
        ("Tversky", "binary", {}),
    ],
)
def test_gradient(engine, name, data, kwargs):
    """By central differences in float64, weights included."""
    y_true, y_pred = DATA[data]
    weights = np.array([1.0, 0.5, 2.0, 0.0], "float32") if name not in ("Tversky",) else None
    variable = Variable(y_pred)
    loss = getattr(losses, name)(**kwargs)
    _, (gradient,) = engine.value_and_grad(lambda: loss(y_true, variable.value, weights), [variable])
    reference = getattr(losses, name)(dtype="float64", **kwargs)
    expected = np.zeros(y_pred.shape)
    for index in np.ndindex(*y_pred.shape):
        step = np.zeros(y_pred.shape)
        step[index] = 1e-5
        with registry.use_backend("numpy"):
            high, low = (float(reference(y_true, y_pred.astype("float64") + s, weights)) for s in (step, -step))
        expected[index] = (high - low) / 2e-5
    np.testing.assert_allclose(engine.to_numpy(gradient), expected, rtol=2e-3, atol=2e-5)


def test_compiled_is_the_same(engine):
    loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    y_true, y_pred = (engine.convert(y) for y in DATA["one_hot_steps"])
    mask = engine.convert(np.array([[True, False]] * 4))
    step = engine.compile(lambda t, p, m: loss(t, p, mask=m))
    close(step(y_true, y_pred, mask), engine.to_numpy(loss(y_true, y_pred, mask=mask)))


def test_shapes_are_inferred():
    from kbridge.backend.symbolic import KerasTensor

    symbols = KerasTensor((None, 5)), KerasTensor((None, 5))
    assert losses.MeanSquaredError()(*symbols).shape == ()
    assert losses.MeanSquaredError(reduction=None)(*symbols).shape == (None,)
    assert losses.CategoricalCrossentropy(reduction=None)(*symbols).shape == (None,)


def test_few_ops_on_the_common_path(monkeypatch):
    """The mean of squares is one subtraction, one square, one mean."""
    from kbridge.backend.op import OPS

    engine = registry.load("numpy")
    with registry.use_backend("numpy"):
        y_true, y_pred = (engine.convert(y) for y in DATA["real"])
        loss = losses.MeanSquaredError()
        loss(y_true, y_pred)
        calls = []
        for name, op in OPS.items():
            run = op.implementations.get(engine)
            if run is not None:

                def counted(*args, _run=run, _name=name, **kwargs):
                    calls.append(_name)
                    return _run(*args, **kwargs)

                monkeypatch.setitem(op.implementations, engine, counted)
        loss(y_true, y_pred)
    assert calls in (["square", "mean"], ["subtract", "square", "mean"])


# -- names


@pytest.mark.parametrize(
    "name", ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD"]
)
def test_short_names(name):
    assert losses.get(name).__name__ == keras.losses.get(name).__name__


def test_get():
    assert losses.get(None) is None
    assert losses.get("hinge") is losses.hinge
    assert isinstance(losses.get("Hinge"), losses.Hinge)
    assert isinstance(losses.get(losses.Hinge), losses.Hinge)
    assert losses.get(losses.hinge) is losses.hinge
    assert losses.get({"class_name": "Huber", "config": {"delta": 3.0}}).delta == 3.0
    assert losses.deserialize("mse") is losses.mean_squared_error
    assert losses.deserialize(keras.losses.serialize(keras.losses.mean_squared_error)) is losses.mean_squared_error


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: losses.get("mean_squard_error"),
            "Unknown loss 'mean_squard_error'. Did you mean 'mean_squared_error'",
        ),
        (lambda: losses.get(3), "Could not understand 3 as a loss.*type int"),
        (lambda: losses.get({"class_name": "Hubert", "config": {}}), "Unknown class 'Hubert'. Did you mean 'Huber'"),
        (lambda: losses.Huber(reduction="average"), "reduction must be one of .*Received: reduction='average'"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.5), "q must lie between 0 and 1. Received: q=1.5"),
        (lambda: losses.ctc(np.zeros(3), np.zeros((2, 3))), r"Received shapes \(3,\) and \(2, 3\)"),
        (
            lambda: losses.categorical_crossentropy(*DATA["one_hot"], axis=True),
            "axis must be an int. Received: axis=True",
        ),
        (
            lambda: losses.MeanSquaredError()(*DATA["real"], np.ones((4, 2, 2))),
            r"weights \(or mask\) have the shape \(4, 2, 2\), but the values they weigh only \(4,\)",
        ),
    ],
)
def test_errors(make, message):
    with registry.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_one_class_is_warned_of():
    with registry.use_backend("numpy"), pytest.warns(SyntaxWarning, match="one class only"):
        losses.categorical_crossentropy(np.ones((2, 1)), np.ones((2, 1)))


def test_a_loss_without_call_says_so():
    with registry.use_backend("numpy"), pytest.raises(NotImplementedError, match="Mine needs a method call"):
        type("Mine", (losses.Loss,), {})()(*DATA["real"])
