"""Metrics against Keras 3, on each engine: batch after batch, with weights, merged, compiled."""

import numpy as np
import pytest
from oracle import close, keras, same_config

from kbridge import losses, metrics, ops
from kbridge.backend import registry

# Keras divides by zero, and then replaces what came of it
pytestmark = [pytest.mark.filterwarnings(f"ignore:{m}:RuntimeWarning:keras.src") for m in ("invalid", "divide by zero")]

_rng = np.random.default_rng(11)
BATCHES = 3


def _f(*shape, low=-1.0, high=1.0):
    return _rng.uniform(low, high, (BATCHES, *shape)).astype("float32")


def _probabilities(*shape):
    x = np.exp(_f(*shape, low=-2, high=2))
    return (x / x.sum(-1, keepdims=True)).astype("float32")


def _labels(*shape, classes=3):
    return _rng.integers(0, classes, (BATCHES, *shape))


def _one_hot(*shape, classes=3):
    return np.eye(classes, dtype="float32")[_labels(*shape, classes=classes)]


def _tenths(*shape):
    """Predictions that often lie on a threshold."""
    return (_rng.integers(0, 11, (BATCHES, *shape)) / 10).astype("float32")


# name: batches of (y_true, y_pred)
DATA = {
    "real": (_f(4, 3), _f(4, 3)),
    "column": (_f(4), _f(4, 1)),
    "steps": (_f(4, 2, 3), _f(4, 2, 3)),
    "positive": (_f(4, 3, low=0, high=2), _f(4, 3, low=0.1, high=2)),
    "equal": (_labels(4), _labels(4)),
    "equal_columns": (_labels(4, 1), _labels(4)),
    "binary": (_labels(4, 3, classes=2), _f(4, 3, low=0, high=1)),
    "binary_column": (_labels(4, classes=2), _f(4, 1, low=0, high=1)),
    "scores": (_labels(6, classes=2), _f(6, low=0, high=1)),
    "tenths": (_labels(6, classes=2), _tenths(6)),
    "tenths_labels": (_labels(6, 3, classes=2), _tenths(6, 3)),
    "logits": (_labels(6, classes=2), _f(6, low=-3, high=3)),
    "one_hot": (_one_hot(4), _probabilities(4, 3)),
    "one_hot_logits": (_one_hot(4), _f(4, 3, low=-3, high=3)),
    "one_hot_steps": (_one_hot(4, 2), _probabilities(4, 2, 3)),
    "sparse": (_labels(4), _probabilities(4, 3)),
    "sparse_column": (_labels(4, 1).astype("float32"), _probabilities(4, 3)),
    "sparse_steps": (_labels(4, 2), _probabilities(4, 2, 3)),
    "ids": (_labels(4), np.argsort(-_probabilities(4, 3), axis=-1)),
    "images": (_labels(2, 3, 3), _labels(2, 3, 3)),
    "one_hot_images": (_one_hot(2, 3, 3), _probabilities(2, 3, 3, 3)),
}

CASES = [
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "column"),
    ("MeanSquaredError", {}, "steps"),
    ("RootMeanSquaredError", {}, "real"),
    ("RootMeanSquaredError", {}, "column"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "positive"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("CosineSimilarity", {}, "real"),
    ("CosineSimilarity", {"axis": 1}, "steps"),
    ("LogCoshError", {}, "real"),
    ("R2Score", {}, "real"),
    ("R2Score", {"class_aggregation": None}, "real"),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, "real"),
    ("KLDivergence", {}, "one_hot"),
    ("Poisson", {}, "positive"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "binary"),
    ("CategoricalCrossentropy", {}, "one_hot"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1, "from_logits": True}, "one_hot_logits"),
    ("CategoricalCrossentropy", {}, "one_hot_steps"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_steps"),
    ("Hinge", {}, "binary"),
    ("SquaredHinge", {}, "binary"),
    ("CategoricalHinge", {}, "one_hot"),
    ("Accuracy", {}, "equal"),
    ("Accuracy", {}, "equal_columns"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.8}, "binary_column"),
    ("CategoricalAccuracy", {}, "one_hot"),
    ("CategoricalAccuracy", {}, "one_hot_steps"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "sparse_column"),
    ("SparseCategoricalAccuracy", {}, "sparse_steps"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot"),
    ("TopKCategoricalAccuracy", {"k": 1}, "one_hot_steps"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse_steps"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "ids"),
    ("PearsonCorrelation", {}, "real"),
    ("PearsonCorrelation", {"axis": 1}, "steps"),
    ("ConcordanceCorrelation", {}, "real"),
    ("ConcordanceCorrelation", {"axis": 1}, "steps"),
    ("TruePositives", {}, "scores"),
    ("FalsePositives", {"thresholds": [0.2, 0.7]}, "scores"),
    ("TrueNegatives", {"thresholds": [0.8, 0.1, 0.5]}, "scores"),
    ("FalseNegatives", {"thresholds": 0.3}, "binary"),
    ("FalseNegatives", {"thresholds": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]}, "scores"),
    ("Precision", {}, "scores"),
    ("Precision", {"thresholds": [0.9, 0.1, 0.3, 0.5, 0.7, 0.2]}, "tenths"),
    ("Precision", {"top_k": 2}, "binary"),
    ("Precision", {"top_k": 2, "class_id": 1}, "binary"),
    ("Recall", {}, "binary"),
    ("Recall", {"class_id": 2, "thresholds": 0.4}, "binary"),
    ("Recall", {"top_k": 1, "thresholds": [0.2, 0.6]}, "binary"),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 20}, "scores"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4, "num_thresholds": 1}, "scores"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4}, "binary"),
    ("PrecisionAtRecall", {"recall": 0.5}, "scores"),
    ("RecallAtPrecision", {"precision": 0.6, "class_id": 1}, "binary"),
    ("AUC", {}, "scores"),
    ("AUC", {"curve": "PR", "num_thresholds": 30}, "scores"),
    ("AUC", {"curve": "pr", "summation_method": "minoring"}, "scores"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 20}, "scores"),
    ("AUC", {"summation_method": "majoring", "thresholds": [0.3, 0.1, 0.8]}, "scores"),
    ("AUC", {"from_logits": True}, "logits"),
    ("AUC", {"thresholds": [0.1, 0.3, 0.55, 0.8]}, "tenths"),
    ("AUC", {"multi_label": True, "num_labels": 3}, "tenths_labels"),
    ("AUC", {"multi_label": True, "curve": "PR", "label_weights": [1.0, 2.0, 0.5]}, "binary"),
    ("AUC", {"label_weights": [1.0, 2.0, 0.5], "num_thresholds": 10}, "binary"),
    ("F1Score", {}, "one_hot"),
    ("F1Score", {"average": "macro", "threshold": 0.3}, "binary"),
    ("FBetaScore", {"average": "micro", "beta": 2.0}, "one_hot"),
    ("FBetaScore", {"average": "weighted", "beta": 0.5, "threshold": 0.5}, "binary"),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, "equal"),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0}, "images"),
    ("IoU", {"num_classes": 2, "target_class_ids": [1], "dtype": "float32"}, "images"),
    ("BinaryIoU", {"threshold": 0.6}, "scores"),
    ("BinaryIoU", {"target_class_ids": [1]}, "binary"),
    ("MeanIoU", {"num_classes": 3}, "images"),
    ("MeanIoU", {"num_classes": 3, "sparse_y_pred": False}, "sparse_steps"),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [0, 1]}, "one_hot_images"),
    ("OneHotMeanIoU", {"num_classes": 3, "ignore_class": 1}, "one_hot_images"),
]


def _id(case):
    name, kwargs, data = case
    return "-".join([name, data, *(f"{k}={v}" for k, v in kwargs.items())]).replace(" ", "")


def _weights(name, y_true, y_pred):
    """Weights for a batch: one a sample, or one an item where the metric wants that."""
    if name.endswith("IoU"):
        classes = y_true.ndim - (name.startswith("OneHot"))
        return np.arange(np.prod(y_true.shape[:classes])).astype("int32") % 3
    return np.linspace(0.0, 2.0, len(y_true)).astype("float32")


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_streaming(engine, case):
    """The result after each of several batches; weights; a reset; two halves merged."""
    name, kwargs, data = case
    ours, reference = getattr(metrics, name)(**kwargs), getattr(keras.metrics, name)(**kwargs)
    plain = _stream(ours, reference, name, data, weighted=False)
    close(ours.result(), plain)
    ours.reset_state()
    reference.reset_state()
    weighted = _stream(ours, reference, name, data, weighted=True)

    halves = getattr(metrics, name)(**kwargs), getattr(metrics, name)(**kwargs)
    for i, (y_true, y_pred) in enumerate(zip(*DATA[data])):
        halves[i % 2].update_state(y_true, y_pred, _weights(name, y_true, y_pred))
    merged = getattr(metrics, name)(**kwargs)
    merged.merge_state(halves)
    close(merged.result(), weighted, rtol=1e-4)


def _stream(ours, reference, name, data, weighted):
    for y_true, y_pred in zip(*DATA[data]):
        weights = _weights(name, y_true, y_pred) if weighted else None
        ours.update_state(y_true, y_pred, weights)
        reference.update_state(y_true, y_pred, weights)
        expected = np.asarray(reference.result())
        close(ours.result(), expected, rtol=5e-5, atol=5e-6)
    return expected


@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] in ("AUC", "R2Score", "MeanIoU", "F1Score", "Precision")][::2], ids=_id
)
def test_compiled_and_stateless(engine, case):
    """Inside a compiled step, and as functions of the state."""
    name, kwargs, data = case
    batches = list(zip(*DATA[data]))
    eager, compiled, pure = (getattr(metrics, name)(**kwargs) for _ in range(3))
    for metric in (eager, compiled, pure):
        metric.update_state(*batches[0])  # makes the state of those that wait for data
        metric.reset_state()
    step = engine.compile(compiled.update_state, compiled.variables)
    state = pure.stateless_reset_state()
    for y_true, y_pred in batches:
        eager.update_state(y_true, y_pred)
        step(engine.convert(y_true), engine.convert(y_pred))
        state = pure.stateless_update_state(state, y_true, y_pred)
    expected = engine.to_numpy(eager.result())
    close(compiled.result(), expected)
    close(pure.stateless_result(state), expected)
    assert all(not np.any(v.numpy()) for v in pure.variables)  # it has not been touched


def test_state_may_be_made_in_a_compiled_step(engine):
    """F-scores learn the number of classes from the first batch, wherever that comes."""
    metric = metrics.F1Score()
    y_true, y_pred = DATA["one_hot"][0][0], DATA["one_hot"][1][0]
    step = engine.compile(lambda t, p: metric.update_state(t, p))
    for _ in range(2):
        step(engine.convert(y_true), engine.convert(y_pred))
    reference = keras.metrics.F1Score()
    reference.update_state(y_true, y_pred)
    close(metric.result(), reference.result())


MEANS = [
    ([2.0], [None]),
    ([np.array([1.0, 2.0, 4.0]), np.array([5.0])], [None, None]),
    ([np.array([1.0, 2.0, 4.0])], [np.array([1.0, 0.0, 0.5])]),
    ([np.arange(6.0).reshape(3, 2)], [np.array([1.0, 0.0, 0.5])]),
    ([np.arange(6.0).reshape(3, 2)], [np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]])]),
    ([np.arange(12.0).reshape(3, 2, 2)], [np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]])]),
    ([np.arange(3.0).reshape(3, 1)], [np.array([1.0, 0.0, 0.5])]),
    ([np.arange(3.0)], [np.array([[1.0], [0.0], [0.5]])]),
    ([np.arange(3.0)], [2.0]),
    ([3, np.array([1, 2])], [None, None]),
]


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize("values, weights", MEANS)
def test_means_and_sums(engine, name, values, weights):
    ours, reference = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for value, weight in zip(values, weights):
        close(ours(value, weight), reference(value, weight))
    for variable, expected in zip(ours.variables, reference.variables):
        close(variable.value, np.asarray(expected))


def test_masks(engine):
    """What a mask leaves out does not count; beside weights both hold."""
    y_true, y_pred = DATA["one_hot_steps"][0][0], DATA["one_hot_steps"][1][0]
    mask = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], bool)
    weights = np.array([1.0, 2.0, 3.0, 0.5], "float32")
    metric = metrics.CategoricalCrossentropy()
    metric.update_state(y_true, y_pred, mask=mask)
    values = np.asarray(keras.losses.categorical_crossentropy(y_true, y_pred))
    close(metric.result(), np.float32((values * mask).sum() / mask.sum()))
    metric.reset_states()
    metric.update_state(y_true, y_pred, weights, mask)
    both = mask * weights[:, None]
    close(metric.result(), np.float32((values * both).sum() / both.sum()))


FUNCTIONS = [
    ("binary_accuracy", "binary", {"threshold": 0.3}),
    ("categorical_accuracy", "one_hot_steps", {}),
    ("sparse_categorical_accuracy", "sparse_steps", {}),
    ("sparse_categorical_accuracy", "sparse_column", {}),
    ("top_k_categorical_accuracy", "one_hot_steps", {"k": 2}),
    ("sparse_top_k_categorical_accuracy", "sparse_steps", {"k": 2}),
    ("pearson_correlation", "real", {}),
    ("concordance_correlation", "steps", {"axis": 1}),
    ("huber", "real", {}),
]


@pytest.mark.parametrize("name, data, kwargs", FUNCTIONS)
def test_function(engine, name, data, kwargs):
    y_true, y_pred = DATA[data][0][0], DATA[data][1][0]
    close(getattr(metrics, name)(y_true, y_pred, **kwargs), getattr(keras.metrics, name)(y_true, y_pred, **kwargs))


def test_functions_of_losses_are_the_same():
    assert metrics.mean_squared_error is losses.mean_squared_error


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_config(case):
    name, kwargs, _ = case
    ours = metrics.serialize(getattr(metrics, name)(name="mine", **kwargs))
    reference = getattr(keras.metrics, name)(name="mine", **kwargs)
    if kwargs.get("label_weights"):  # Keras puts an array there, which JSON cannot hold
        reference.label_weights = kwargs["label_weights"]
    if "thresholds" in kwargs and name == "AUC":
        reference._thresholds = reference._thresholds.tolist()
        reference = keras.metrics.serialize(reference)
        reference["config"]["thresholds"] = sorted(kwargs["thresholds"])
    else:
        reference = keras.metrics.serialize(reference)
    same_config(ours, reference)
    again = metrics.deserialize(ours)
    assert metrics.serialize(again) == ours
    assert [v.shape for v in again.variables] == [v.shape for v in getattr(metrics, name)(**kwargs).variables]


def test_a_wrapped_function(engine):
    def distance(y_true, y_pred, power=1.0):
        return ops.mean(ops.power(ops.absolute(y_true - y_pred), power), axis=-1)

    metric = metrics.MeanMetricWrapper(distance, name="distance", power=2.0)
    y_true, y_pred = DATA["real"][0][0], DATA["real"][1][0]
    close(metric(engine.convert(y_true), engine.convert(y_pred)), np.mean((y_true - y_pred) ** 2))
    again = metrics.deserialize(metrics.serialize(metric), {"distance": distance})
    assert again._fn is distance and again.power == 2.0 and again.name == "distance"
    close(metrics.MeanMetricWrapper(losses.Huber())(y_true, y_pred), losses.Huber()(y_true, y_pred))


def test_one_of_the_user(engine):
    class Share(metrics.Metric):
        def __init__(self, name="share", **kwargs):
            super().__init__(name=name, **kwargs)
            self.hits = self.add_weight(name="hits", initializer="zeros")
            self.inner = metrics.Mean()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.hits.assign_add(ops.sum(ops.cast(ops.equal(y_true, y_pred), self.dtype)))
            self.inner.update_state(y_pred)

        def result(self):
            return self.hits / self.inner.result()

    metric = Share()
    assert len(metric.variables) == 3 == len(metric.weights)
    assert not any(v.trainable for v in metric.variables)
    assert metric.variables[0].path == "share/hits"
    close(metric(np.array([1.0, 2.0]), np.array([1.0, 3.0])), np.float32(0.5))
    metric.reset_state()
    assert [v.numpy() for v in metric.variables] == [0.0, 0.0, 0.0]


def test_engines_share_the_state():
    """A metric fed on one engine goes on on another."""
    metric, reference = metrics.AUC(num_thresholds=10), keras.metrics.AUC(num_thresholds=10)
    for name, y_true, y_pred in zip(["numpy", "torch", "numpy"], *DATA["scores"]):
        reference.update_state(y_true, y_pred)
        with registry.use_backend(name):
            metric.update_state(y_true, y_pred)
            close(metric.result(), reference.result())


def test_integer_weights_are_asked_for():
    with registry.use_backend("numpy"), pytest.warns(UserWarning, match="counts in int32, so its weights lose"):
        metrics.MeanIoU(2).update_state([0, 1], [0, 1], np.array([0.5, 0.5]))


def test_too_few_samples_for_an_adjusted_score():
    with registry.use_backend("numpy"), pytest.warns(UserWarning, match="9 independent variables need more samples"):
        metric = metrics.R2Score(num_regressors=9)
        metric.update_state([[1.0], [2.0]], [[1.5], [2.0]])
        close(metric.result(), np.float32(0.5))


def test_a_scalar_mean_is_two_assignments(monkeypatch):
    from kbridge.backend.op import OPS
    from kbridge.backend.variable import Variable

    engine = registry.load("numpy")
    with registry.use_backend("numpy"):
        metric, value = metrics.Mean(), engine.convert(np.float32(2.0))
        metric.update_state(value)
        calls = []
        assign = Variable.assign
        monkeypatch.setattr(Variable, "assign", lambda *args: calls.append("assign") or assign(*args))
        for name, op in OPS.items():
            run = op.implementations.get(engine)
            if run is not None:

                def counted(*args, _run=run, _name=name, **kwargs):
                    calls.append(_name)
                    return _run(*args, **kwargs)

                monkeypatch.setitem(op.implementations, engine, counted)
        metric.update_state(value)
    assert calls.count("assign") == 2 and set(calls) <= {"assign", "add"} and len(calls) <= 4


# -- names


def test_names():
    from keras.src.metrics import ALL_OBJECTS_DICT

    ours = metrics._family.members
    assert {name: ours[name].__name__ for name in ALL_OBJECTS_DICT} == {
        name: member.__name__ for name, member in ALL_OBJECTS_DICT.items()
    }


def test_get():
    assert metrics.get(None) is None
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)
    assert metrics.get({"class_name": "AUC", "config": {"curve": "PR"}}).curve == "PR"
    assert metrics.get(losses.mean_squared_error) is losses.mean_squared_error
    assert metrics.Mean().name == "mean" and metrics.AUC().name.startswith("auc")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: metrics.get("acuracy"), "Unknown metric 'acuracy'. Did you mean 'accuracy'"),
        (lambda: metrics.get(3), "Could not understand 3 as a metric"),
        (lambda: metrics.AUC(curve="R"), "curve must be one of ROC, PR, PRGAIN. Received: curve='R'"),
        (lambda: metrics.AUC(summation_method="x"), "summation_method must be one of .*Received: summation_method='x'"),
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds must be above 1. Received: num_thresholds=1"),
        (lambda: metrics.AUC(num_labels=2), "num_labels is for multi_label=True only"),
        (lambda: metrics.AUC(multi_label=True).update_state([1.0], [1.0]), r"\(batch, labels\). Received: \(1,\)"),
        (
            lambda: metrics.Precision(thresholds=[0.5, 2]),
            r"Precision: thresholds must lie in \[0, 1\]. Received: \[2\]",
        ),
        (lambda: metrics.Recall(class_id=1).update_state([1], [0.5]), r"with class_id, y_pred must have the shape"),
        (lambda: metrics.PrecisionAtRecall(1.5), r"recall must lie in \[0, 1\]. Received: recall=1.5"),
        (lambda: metrics.PrecisionAtRecall(0.5, 0), "num_thresholds must be above 0. Received: num_thresholds=0"),
        (lambda: metrics.F1Score(average="mean"), "F1Score: average must be .*Received: 'mean'"),
        (lambda: metrics.F1Score(threshold=2.0), "threshold must be None, or a float .*Received: threshold=2.0"),
        (lambda: metrics.FBetaScore(beta=1), "beta must be a float above 0. Received: beta=1"),
        (
            lambda: metrics.F1Score().update_state([1.0], [1.0]),
            r"shape \(batch, outputs\). Received shapes \(1,\) and \(1,\)",
        ),
        (lambda: metrics.F1Score().result(), "'f1_score' has no result before update_state"),
        (lambda: metrics.IoU(2, [2]), "IoU: the target class 2 is out of range for 2 classes. Expected 0 to 1"),
        (lambda: metrics.R2Score("mean"), "class_aggregation must be .*Received: class_aggregation='mean'"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors must be 0 or more. Received: num_regressors=-1"),
        (lambda: metrics.Mean().stateless_result([1.0]), "Metric 'mean' has 2 variables.*Received: 1 values"),
        (
            lambda: metrics.Precision().merge_state([metrics.Precision([0.1, 0.2])]),
            r"cannot take over the state of 'precision_?\d*': its variables have the shapes",
        ),
    ],
)
def test_errors(make, message):
    with registry.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_a_metric_that_forgets_super_says_so():
    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match=r"Forgetful: the constructor did not call super\(\).__init__\(\)"):
        Forgetful()


def test_a_metric_without_methods_says_so():
    with pytest.raises(NotImplementedError, match="Metric needs a method update_state"):
        metrics.Metric().update_state()
    with pytest.raises(NotImplementedError, match="Metric needs a method result"):
        metrics.Metric().result()
