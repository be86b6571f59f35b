"""Losses, metrics, regularizers, constraints, initializations and activations of Keras 1 and 2, by hand in NumPy."""

import importlib

import numpy as np
import pytest

from kbridge import ops
from kbridge.backend import registry

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")

rng = np.random.RandomState(0)
T, Z = (rng.randn(5, 3).astype("float32") for _ in range(2))
P = rng.uniform(0.05, 0.95, (5, 3)).astype("float32")
Q = P / P.sum(-1, keepdims=True)
B = (T > 0).astype("float32")
C = np.eye(3, dtype="float32")[[0, 2, 1, 1, 0]]


@pytest.fixture(autouse=True)
def _on_numpy(request):
    """What asks for no engine needs none in particular."""
    if "engine" in request.fixturenames:
        yield
    else:
        with registry.use_backend("numpy"):
            yield


def module(generation, name):
    return importlib.import_module(f"kbridge.compat.keras{generation}.{name}")


def numpy(x):
    return np.asarray(ops.convert_to_numpy(x))


def unit(x):
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


CASES = {
    "mse": (T, Z, lambda t, p: ((t - p) ** 2).mean(-1)),
    "MAE": (T, Z, lambda t, p: abs(t - p).mean(-1)),
    "mean_absolute_percentage_error": (T, Z, lambda t, p: 100 * (abs(t - p) / abs(t)).mean(-1)),
    "msle": (P, Q, lambda t, p: ((np.log(t + 1) - np.log(p + 1)) ** 2).mean(-1)),
    # labels are taken as they are, not made -1 and 1
    "hinge": (B, Z, lambda t, p: np.maximum(1 - t * p, 0).mean(-1)),
    "squared_hinge": (B, Z, lambda t, p: (np.maximum(1 - t * p, 0) ** 2).mean(-1)),
    "categorical_hinge": (C, Z, lambda t, p: np.maximum(0, ((1 - t) * p).max(-1) - (t * p).sum(-1) + 1)),
    "logcosh": (T, Z, lambda t, p: np.log(np.cosh(p - t)).mean(-1)),
    "kld": (Q, P, lambda t, p: (t * np.log(t / p)).sum(-1)),
    "poisson": (P, Q, lambda t, p: (p - t * np.log(p + 1e-7)).mean(-1)),
    "binary_crossentropy": (B, P, lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)),
    "categorical_crossentropy": (C, Q, lambda t, p: -np.log((t * p).sum(-1))),
    "sparse_categorical_crossentropy": (C.argmax(-1)[:, None], Q, lambda t, p: -np.log((C * p).sum(-1))),
    "cosine_proximity": (T, Z, lambda t, p: -(unit(t) * unit(p)).sum(-1)),
}


def test_losses_give_a_value_for_each_sample(engine):
    for generation in (1, 2) if engine.name == "numpy" else (2,):
        check_losses(generation, module(generation, "objectives" if generation == 1 else "losses"))


def check_losses(generation, losses):
    for name, (y_true, y_pred, formula) in CASES.items():
        want = formula(y_true.astype("float64"), y_pred.astype("float64"))
        if generation == 1 and name == "cosine_proximity":
            want = want / 3  # the mean over the axis, not the sum
        np.testing.assert_allclose(numpy(losses.get(name)(y_true, y_pred)), want, rtol=1e-3, atol=1e-6, err_msg=name)
        assert getattr(losses, name) is losses.get(name)


def test_loss_objects_of_keras_2():
    losses = module(2, "losses")
    assert losses.KLDivergence().name == "kullback_leibler_divergence" and losses.LogCosh().name == "logcosh"
    want = (np.maximum(1 - B * Z, 0)).mean(-1)
    np.testing.assert_allclose(numpy(losses.Hinge("none")(B, Z)), want, rtol=1e-5)
    np.testing.assert_allclose(
        numpy(losses.Hinge()(B, Z, sample_weight=[1, 0, 0, 0, 2.0])), (want * [1, 0, 0, 0, 2]).mean(), rtol=1e-5
    )
    by_position = losses.SparseCategoricalCrossentropy(True, "sum", "own")
    assert (by_position.from_logits, by_position.reduction, by_position.name) == (True, "sum", "own")
    huber = losses.deserialize(losses.serialize(losses.Huber(2.0)))
    assert huber.delta == 2.0 and huber.name == "huber_loss"

    class Cubed(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.absolute(y_true - y_pred) ** 3, axis=-1)

    np.testing.assert_allclose(
        numpy(Cubed(losses.Reduction.SUM, "cubed")(T, Z)), (abs(T - Z) ** 3).mean(-1).sum(), rtol=1e-5
    )
    assert losses.is_categorical_crossentropy("categorical_crossentropy")
    with pytest.raises(ValueError, match="catrgorical_hinge.*categorical_hinge"):
        losses.get("catrgorical_hinge")


def test_metrics_of_keras_1_are_numbers_of_the_batch():
    metrics = module(1, "metrics")
    right, said, real = (B * (P > 0.5)).sum(), (P > 0.5).sum(), B.sum()
    precision, recall = right / said, right / real
    wrong, missed = said - right, real - right
    spared = B.size - right - wrong - missed
    want = {
        "precision": precision,
        "recall": recall,
        "fmeasure": 2 * precision * recall / (precision + recall),
        "fbeta_score": 2 * precision * recall / (precision + recall),
        "matthews_correlation": (right * spared - wrong * missed)
        / np.sqrt((right + wrong) * (right + missed) * (spared + wrong) * (spared + missed)),
        "binary_accuracy": ((P > 0.5) == B).mean(),
        "mse": ((P - B) ** 2).mean(),
        "binary_crossentropy": -(B * np.log(P) + (1 - B) * np.log(1 - P)).mean(),
    }
    for name, value in want.items():
        found = numpy(metrics.get(name)(B, P))
        assert found.shape == ()
        np.testing.assert_allclose(found, value, rtol=1e-4, err_msg=name)
    got = numpy(metrics.fbeta_score(B, P, beta=2))
    np.testing.assert_allclose(got, 5 * precision * recall / (4 * precision + recall), rtol=1e-4)
    assert float(metrics.fbeta_score(0 * B, P)) == 0.0
    best = Q.argmax(-1) == C.argmax(-1)
    np.testing.assert_allclose(numpy(metrics.categorical_accuracy(C, Q)), best.mean(), rtol=1e-5)
    np.testing.assert_allclose(numpy(metrics.sparse_categorical_accuracy(C.argmax(-1)[:, None], Q)), best.mean())
    np.testing.assert_allclose(numpy(metrics.top_k_categorical_accuracy(C, Q, k=3)), 1.0)


def test_metrics_of_keras_2(engine):
    metrics, K = module(2, "metrics"), module(2, "backend")
    np.testing.assert_allclose(numpy(metrics.binary_accuracy(B, P, 0.3)), ((P > 0.3) == B).mean(-1), rtol=1e-6)
    np.testing.assert_allclose(numpy(metrics.get("categorical_accuracy")(C, Q)), Q.argmax(-1) == C.argmax(-1))
    assert metrics.KLDivergence().name == "kullback_leibler_divergence"
    assert metrics.AUC(50, "PR").num_thresholds == 50

    class Positives(metrics.Metric):
        """As the documentation of 2.3 wrote one."""

        def __init__(self, name="positives", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.resets = 0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(K.sum(K.cast(K.greater(y_pred, 0.5), "float32")))

        def result(self):
            return self.total * 1.0

        def reset_states(self):
            self.resets += 1
            self.total.assign(0)

    metric = Positives()
    metric.update_state(B, P)
    metric.update_state(B, P)
    assert float(metric.result()) == 2 * (P > 0.5).sum()
    metric.reset_state()  # what training calls today
    assert metric.resets == 1 and float(metric.result()) == 0.0
    mean = metrics.Reduce("weighted_mean", "mean")
    mean.update_state([1.0, 3.0], sample_weight=[1.0, 3.0])
    assert float(mean.result()) == 2.5
    again = metrics.clone_metric(metrics.Precision(0.7))
    assert again.init_thresholds == 0.7


def test_penalties(engine):
    w = np.array([[3.0, 0.5, 0.0], [0.5, -1.0, 0.25], [0.0, 2.0, 0.5]], "float32")
    for generation in (1, 2) if engine.name == "numpy" else (2,):
        regularizers, K = module(generation, "regularizers"), module(generation, "backend")
        for penalty, want in (
            (regularizers.l1(0.5), 0.5 * abs(w).sum()),
            (regularizers.l2(l=0.5), 0.5 * (w**2).sum()),
            (regularizers.get("l2"), 0.01 * (w**2).sum()),
            (regularizers.L1L2(l1=0.5, l2=0.25), 0.5 * abs(w).sum() + 0.25 * (w**2).sum()),
            (regularizers.EigenvalueRegularizer(2.0), 2 * np.linalg.svd(w)[1][0]),
        ):
            np.testing.assert_allclose(float(penalty(ops.convert_to_tensor(w))), want, rtol=2e-3)

        class OfRows(regularizers.Regularizer):
            def __call__(self, x, K=K):
                return K.sum(K.square(x[0]))

        np.testing.assert_allclose(float(OfRows()(ops.convert_to_tensor(w))), (w[0] ** 2).sum(), rtol=1e-5)
    first = module(1, "regularizers")
    assert first.get({"name": "WeightRegularizer", "l1": 0.5, "l2": 0.0}).l1 == 0.5
    assert first.activity_l1l2(0.1, 0.2).l2 == first.l1l2(0.1, 0.2).l2 == 0.2

    class OfTheFirstReleases(first.Regularizer):
        def set_param(self, p):
            self.p = p

        def __call__(self, loss):
            return loss + 3.0 * K.sum(K.abs(self.p))

    np.testing.assert_allclose(float(OfTheFirstReleases()(ops.convert_to_tensor(w))), 3 * abs(w).sum(), rtol=1e-5)


def test_constraints():
    w = (rng.randn(4, 3) * 3).astype("float32")
    norms = np.sqrt((w**2).sum(0, keepdims=True))
    first, second = module(1, "constraints"), module(2, "constraints")
    for found, want in (
        (first.maxnorm(2), w * np.minimum(norms, 2) / norms),
        (second.max_norm(max_value=2), w * np.minimum(norms, 2) / norms),
        (first.get("nonneg"), np.maximum(w, 0)),
        (second.unitnorm(), w / norms),
        (first.MinMaxNorm(low=0.5, high=1.0, rate=0.5), w * (0.5 * np.clip(norms, 0.5, 1) + 0.5 * norms) / norms),
        (second.get("min_max_norm"), w * np.clip(norms, 0, 1) / norms),
    ):
        np.testing.assert_allclose(numpy(found(ops.convert_to_tensor(w))), want, rtol=1e-4, atol=1e-6)
    assert first.maxnorm(m=3).m == 3 and second.MaxNorm(m=3).max_value == 3
    assert isinstance(second.MaxNorm(3), first.MaxNorm)


def test_activations():
    x = np.array([[-4.0, -1.0, 0.5], [2.6, 1.0, 7.0]], "float32")
    for generation in (1, 2):
        activations = module(generation, "activations")
        for name, want in (
            ("hard_sigmoid", np.clip(0.2 * x + 0.5, 0, 1)),
            ("softsign", x / (1 + abs(x))),
            ("elu", np.where(x > 0, x, np.expm1(x))),
            ("linear", x),
        ):
            np.testing.assert_allclose(numpy(activations.get(name)(ops.convert_to_tensor(x))), want, rtol=1e-5)
        got = activations.relu(ops.convert_to_tensor(x), 0.1, 6.0)
        np.testing.assert_allclose(numpy(got), np.where(x > 0, np.minimum(x, 6), 0.1 * x), rtol=1e-5)
        assert activations.get(None) is activations.linear and activations.serialize(activations.relu) == "relu"
        cube = numpy(activations.softmax(ops.convert_to_tensor(rng.randn(2, 3, 4).astype("float32"))))
        np.testing.assert_allclose(cube.sum(-1), 1.0, rtol=1e-5)


def test_initializations():
    first, K = module(1, "initializations"), module(1, "backend")
    assert first.get_fans((8, 3, 5, 5)) == (75, 200) and first.get_fans((5, 5, 3, 8), "tf") == (75, 200)
    shape = (200, 300)
    for name, limit in (("uniform", 0.05), ("lecun_uniform", np.sqrt(3 / 200)), ("glorot_uniform", np.sqrt(6 / 500))):
        got = K.get_value(first.get(name)(shape, name="w"))
        assert got.shape == shape and 0.99 * limit < abs(got).max() <= limit * 1.0001
    for name, stddev in (("normal", 0.05), ("he_normal", 0.1), ("glorot_normal", np.sqrt(2 / 500))):
        got = K.get_value(first.get(name)(shape))
        np.testing.assert_allclose(got.std(), stddev, rtol=0.03)
        assert abs(got).max() > 3 * stddev  # nothing is cut off
    assert abs(K.get_value(first.uniform(shape, scale=0.5))).max() > 0.45
    rows = K.get_value(first.orthogonal((3, 7)))
    np.testing.assert_allclose(rows @ rows.T, 1.21 * np.eye(3), atol=1e-4)
    np.testing.assert_array_equal(K.get_value(first.identity((2, 2), scale=3)), 3 * np.eye(2))
    assert K.get_value(first.one((2,))).tolist() == [1, 1] and K.get_value(first.zero((1,))).tolist() == [0]

    layers, models = module(1, "layers"), module(1, "models")

    def mine(shape, name=None):
        return first.normal(shape, scale=0.5, name=name)

    for init, stddev in (
        (mine, 0.5),
        (lambda shape, name=None: K.random_normal(shape, std=0.25), 0.25),
        (first.get("normal", scale=2.0), 2.0),
    ):
        model = models.Sequential([layers.Dense(300, input_dim=200, init=init)])
        np.testing.assert_allclose(model.get_weights()[0].std(), stddev, rtol=0.03)


def test_initializers_of_keras_2():
    second, K = module(2, "initializers"), module(2, "backend")
    layers, models = module(2, "layers"), module(2, "models")

    class Stairs(second.Initializer):
        def __init__(self, step=1.0):
            self.step = step

        def __call__(self, shape, dtype=None):
            return self.step * K.reshape(K.arange(0, shape[0] * shape[1], dtype="float32"), shape)

        def get_config(self):
            return {"step": self.step}

    def halves(shape, dtype=None):
        return K.ones(shape, dtype=dtype) / 2

    for init, want in (
        (Stairs(2.0), [[0, 2, 4], [6, 8, 10]]),
        (halves, np.full((2, 3), 0.5)),
        ("ones", np.ones((2, 3))),
    ):
        model = models.Sequential([layers.Dense(3, input_shape=(2,), kernel_initializer=init)])
        np.testing.assert_allclose(model.get_weights()[0], want)
    one, two = (second.glorot_normal(seed=3) for _ in range(2))
    np.testing.assert_array_equal(numpy(one((4, 5))), numpy(two((4, 5))))
    made = second.get({"class_name": "RandomUniform", "config": {"minval": -2.0, "maxval": 2.0}})
    assert made.maxval == 2.0 and isinstance(second.he_normal(), second.VarianceScaling)
    assert second.get("zero") is not None and second.RandomNormal(0.0, 0.5, 1).stddev == 0.5


def test_in_graphs_of_k():
    K, layers, models = (module(2, name) for name in ("backend", "layers", "models"))
    losses, regularizers, metrics = (module(2, name) for name in ("losses", "regularizers", "metrics"))
    model = models.Sequential([layers.Dense(3, input_shape=(3,))])
    target, kernel = K.placeholder((None, 3)), model.layers[0].kernel
    loss = K.mean(losses.mse(target, model.output)) + regularizers.l2(0.5)(kernel)
    hits = metrics.categorical_accuracy(target, model.output)
    run = K.function([model.input, target], [loss, K.gradients(loss, [kernel])[0], hits])
    value, gradient, right = run([T, C])
    w, b = model.get_weights()
    out = T @ w + b
    np.testing.assert_allclose(value, ((out - C) ** 2).mean() + 0.5 * (w**2).sum(), rtol=1e-4)
    np.testing.assert_allclose(gradient, T.T @ (2 * (out - C)) / C.size + w, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(right, out.argmax(-1) == C.argmax(-1))
