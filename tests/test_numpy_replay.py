"""Replay on NumPy: what is recorded once and then replayed gives the same numbers as running it."""

from collections import namedtuple

import numpy as np
import pytest
from kbridge_numpy.recorded import unbox
from kbridge_numpy.replay import Compiled

import kbridge
from kbridge import callbacks, constraints, layers, losses, metrics, ops, optimizers, regularizers
from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.variable import Variable

Pair = namedtuple("Pair", "left right")
RNG = np.random.default_rng(0)
N = 58  # batches of 8, and one of 2
X = RNG.normal(size=(N, 6)).astype("float32")
Y = RNG.integers(0, 3, N).astype("int32")
T = RNG.normal(size=(N, 2)).astype("float32")
IMAGES = RNG.normal(size=(N, 8, 8, 2)).astype("float32")
SEQUENCES = RNG.normal(size=(N, 5, 4)).astype("float32")
TOKENS = RNG.integers(0, 9, (N, 5)).astype("int32")


@pytest.fixture(autouse=True)
def _on_numpy():
    with kbridge.use_backend("numpy"):
        yield


def replays(model, kind):
    """For each compiled function of a kind how many signatures are replayed."""
    found = [f for key, f in model._functions.items() if key[0] == kind]
    assert found and all(type(f) is Compiled for f in found)
    return sum(callable(known) for f in found for known in f.seen.values())


def reasons(model):
    return [f.why for f in model._functions.values() if type(f) is Compiled and f.why]


def trained(make, x, y, jit, epochs=4, batch_size=8, fit=None, **compiled):
    kbridge.random.set_random_seed(7)
    model = make()
    compiled = {name: value() if callable(value) else value for name, value in compiled.items()}
    model.compile(jit_compile=jit, **{"optimizer": "adam", "loss": "mse", **compiled})
    history = model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0, **(fit or {})).history
    found = [model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True) for _ in range(4)]
    predicted = [model.predict(x, batch_size=batch_size, verbose=0) for _ in range(4)]
    return model, (history, found, predicted, model.get_weights(), model.optimizer.get_weights())


def check(make, x, y, steps=2, exact=True, **arguments):
    """Trained with and without replay, a model is the same; ``steps`` signatures of its step are replayed."""
    _, expected = trained(make, x, y, False, **arguments)
    model, found = trained(make, x, y, "auto", **arguments)
    assert same(found, expected, exact)
    if steps:
        assert not reasons(model)
        assert replays(model, "train") == steps
        assert replays(model, "finish") == 1
        assert replays(model, "test") == steps and replays(model, "predict") == steps
    return model


def same(a, b, exact=True):
    if isinstance(a, dict):
        assert len(a) == len(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        return all([same(one, other, exact) for one, other in zip(a, b)])
    if exact:
        np.testing.assert_array_equal(a, b)
    else:
        np.testing.assert_allclose(np.asarray(a, "float64"), np.asarray(b, "float64"), rtol=1e-5, atol=1e-6)
    return True


def mlp(**options):
    return kbridge.Sequential(
        [
            kbridge.Input((6,)),
            layers.Dense(12, activation="relu", **options),
            layers.Dropout(0.3),
            layers.Dense(7, activation="tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )


CROSS = {"loss": "sparse_categorical_crossentropy", "metrics": lambda: ["accuracy"]}


def test_mlp_with_dropout():
    check(mlp, X, Y, **CROSS)


def test_one_sample_and_one_batch():
    check(mlp, X[:1], Y[:1], steps=1, **CROSS)


def conv():
    return kbridge.Sequential(
        [
            kbridge.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 2, activation="elu", dilation_rate=2),
            layers.AveragePooling2D(2, strides=1, padding="same"),
            layers.PReLU(),
            layers.Dropout(0.2, noise_shape=(None, 1, 1, 5)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )


def test_convolutions_with_batch_normalization():
    check(conv, IMAGES, Y, loss=lambda: losses.SparseCategoricalCrossentropy(from_logits=True))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True, "return_sequences": True}])
def test_recurrences(kind, options):
    def make():
        x = kbridge.Input((5, 4))
        y = layers.Bidirectional(getattr(layers, kind)(4, return_sequences=True))(layers.Masking()(x))
        y = getattr(layers, kind)(5, dropout=0.2, recurrent_dropout=0.1, **options)(y)
        return kbridge.Model(x, layers.Dense(2)(layers.Flatten()(y)))

    check(make, SEQUENCES, T)


def test_stateful_recurrence():
    def make():
        cells = layers.LSTM(4, stateful=True)
        return kbridge.Sequential([kbridge.Input((5, 4), batch_size=8), cells, layers.Dense(2)])

    check(make, SEQUENCES[:56], T[:56], steps=1)


def test_embedding_and_masks():
    def make():
        x = kbridge.Input((5,), dtype="int32")
        y = layers.LSTM(4, return_sequences=True)(layers.Embedding(9, 6, mask_zero=True)(x))
        return kbridge.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))

    check(make, TOKENS, T)


def test_attention():
    def make():
        x = kbridge.Input((5, 4))
        y = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 3, dropout=0.1)(x, x)]))
        y = layers.Dense(2, activation="gelu")(layers.GlobalMaxPooling1D()(y))
        return kbridge.Model(x, y)

    check(make, SEQUENCES, T)


def two_headed():
    a, b = kbridge.Input((6,), name="a"), kbridge.Input((5, 4), name="b")
    h = layers.Concatenate()([layers.Dense(5, activation="selu")(a), layers.Flatten()(b)])
    return kbridge.Model([a, b], {"p": layers.Dense(3, name="p")(h), "q": layers.Dense(2, name="q")(h)})


def test_several_outputs_with_weights():
    check(
        two_headed,
        {"a": X, "b": SEQUENCES},
        {"p": Y, "q": T},
        loss=lambda: {"p": losses.SparseCategoricalCrossentropy(from_logits=True), "q": "huber"},
        loss_weights={"p": 0.3, "q": 2.0},
        metrics=lambda: {"q": ["mae"]},
        weighted_metrics=lambda: {"q": ["mse"]},
        fit={
            "sample_weight": {"p": np.linspace(0, 1, N, dtype="float32"), "q": np.linspace(1, 2, N).astype("float32")}
        },
    )


def test_class_weights_and_sample_weights():
    check(mlp, X, Y, fit={"class_weight": {0: 1.0, 1: 0.5, 2: 3.0}}, **CROSS)
    check(mlp, X, Y, fit={"sample_weight": np.linspace(0, 2, N).astype("float32")}, **CROSS)


def test_nested_models_and_shared_layers():
    def make():
        inner = kbridge.Sequential(
            [kbridge.Input((6,)), layers.Dense(6, activation="swish"), layers.BatchNormalization()]
        )
        x = kbridge.Input((6,))
        return kbridge.Model(x, layers.Dense(2)(layers.Average()([inner(x), inner(inner(x) * 2.0)])))

    check(make, X, T)


class Halving(optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 / (1 + int(step.value if hasattr(step, "value") else step) // 4)


class TensorSchedule(optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.01 / (1.0 + ops.cast(step, "float32"))


SCHEDULE = optimizers.schedules
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "plain": lambda: optimizers.SGD(0.1),
    "adam": lambda: optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.01),
    "clipnorm": lambda: optimizers.Adam(0.01, clipnorm=0.1),
    "clipvalue": lambda: optimizers.RMSprop(0.01, clipvalue=0.01, momentum=0.5, centered=True),
    "global": lambda: optimizers.Adam(0.01, global_clipnorm=0.2),
    "ema": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8),
    "exponential": lambda: optimizers.SGD(SCHEDULE.ExponentialDecay(0.1, 3, 0.5, staircase=True)),
    "cosine": lambda: optimizers.Adam(SCHEDULE.CosineDecay(0.1, 20, warmup_target=0.2, warmup_steps=5)),
    "piecewise": lambda: optimizers.SGD(SCHEDULE.PiecewiseConstantDecay([3, 9], [0.1, 0.05, 0.01])),
    "of the user's": lambda: optimizers.SGD(Halving()),
    "tensors": lambda: optimizers.Adam(TensorSchedule()),
    "loss scale": lambda: optimizers.SGD(0.1, loss_scale_factor=8.0),
    "schedule free": lambda: optimizers.ScheduleFreeAdamW(0.01),
    **{
        name: lambda name=name: getattr(optimizers, name)(0.01)
        for name in "Adadelta Adafactor Adagrad Adamax Ftrl Lamb Lion Nadam RMSprop Muon".split()
    },
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    def make():
        return kbridge.Sequential([kbridge.Input((6,)), layers.Dense(5, activation="tanh"), layers.Dense(2)])

    check(make, X, T, optimizer=OPTIMIZERS[name])


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
        lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
        lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1)),
    ],
)
def test_steps_that_branch_run_as_they_are(make):
    model = check(mlp, X, Y, steps=0, optimizer=make, **CROSS)
    assert reasons(model) and not replays(model, "train")


def test_metrics():
    found = [
        lambda: metrics.AUC(num_thresholds=20),
        lambda: metrics.Precision(),
        lambda: metrics.Recall(),
        lambda: metrics.BinaryAccuracy(),
        lambda: metrics.F1Score(threshold=0.5),
        lambda: metrics.MeanAbsoluteError(),
        lambda: metrics.R2Score(),
        lambda: metrics.RootMeanSquaredError(),
        lambda: metrics.BinaryIoU(),
        lambda: metrics.CosineSimilarity(),
        lambda: metrics.KLDivergence(),
    ]

    def make():
        return kbridge.Sequential([kbridge.Input((6,)), layers.Dense(1, activation="sigmoid")])

    y = (Y > 0).astype("float32")[:, None]
    for one in found:
        check(make, X, y, loss="binary_crossentropy", metrics=lambda one=one: [one()])
    y = np.eye(3, dtype="float32")[Y]
    several = lambda: ["accuracy", metrics.TopKCategoricalAccuracy(2), metrics.F1Score(), metrics.AUC()]  # noqa: E731
    check(mlp, X, y, loss="categorical_crossentropy", metrics=several)


@pytest.mark.parametrize(
    "loss",
    "mae huber log_cosh poisson kl_divergence cosine_similarity hinge squared_hinge binary_focal_crossentropy".split(),
)
def test_losses(loss):
    def make():
        return kbridge.Sequential([kbridge.Input((6,)), layers.Dense(2, activation="sigmoid")])

    check(make, X, (T > 0).astype("float32"), loss=loss)


def test_regularizers_and_constraints():
    def make():
        return mlp(
            kernel_regularizer=regularizers.L1L2(0.01, 0.02),
            kernel_constraint=constraints.MaxNorm(0.5),
            bias_regularizer="l2",
            activity_regularizer="l1",
        )

    check(make, X, Y, **CROSS)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "mixed_bfloat16"])
def test_dtypes(dtype):
    if dtype.startswith("mixed"):
        kbridge.dtype_policies.set_dtype_policy(dtype)
    else:
        kbridge.config.set_floatx(dtype)
    check(mlp, X.astype("float64" if dtype == "float64" else "float32"), Y, steps=0, **CROSS)


# -- what must not be frozen


def small(jit="auto", optimizer="sgd", **compiled):
    kbridge.random.set_random_seed(5)
    model = kbridge.Sequential([kbridge.Input((6,)), layers.Dense(4, activation="tanh"), layers.Dense(2)])
    model.compile(optimizer, "mse", jit_compile=jit, **compiled)
    return model


def both(run):
    """What ``run(jit)`` gives with and without replay is the same."""
    assert same(run("auto"), run(False))


def fitted(model, epochs=3, **arguments):
    return model.fit(X[:48], T[:48], batch_size=8, epochs=epochs, verbose=0, shuffle=False, **arguments).history


def test_a_learning_rate_set_meanwhile():
    def run(jit):
        model = small(jit, "adam")
        watch = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        fitted(model, 4, callbacks=[watch])
        model.optimizer.learning_rate = 0.3
        return fitted(model), model.get_weights()

    both(run)


def test_weights_and_state_set_meanwhile():
    def run(jit):
        model = small(jit, "adam")
        found = [fitted(model)]
        model.set_weights([w * 0.5 for w in model.get_weights()])
        model.optimizer.set_weights([np.zeros_like(w) for w in model.optimizer.get_weights()])
        found += [fitted(model), model.predict(X, verbose=0)]
        model.layers[0].kernel.assign(model.layers[0].kernel.numpy() * 0)
        return found, model.predict(X, verbose=0), fitted(model), model.get_weights()

    both(run)


def test_another_engine_meanwhile():
    pytest.importorskip("torch")

    def run(jit):
        model = small(jit, "adam")
        found = [fitted(model)]
        with kbridge.use_backend("torch"):
            found.append(fitted(model, 1))
        return found, fitted(model), model.get_weights(), model.optimizer.get_weights()

    both(run)


def test_layers_frozen_and_compiled_again():
    def run(jit):
        model = small(jit)
        fitted(model)
        model.layers[0].trainable = False
        model.compile("sgd", "mse", jit_compile=jit)
        kept = model.layers[0].kernel.numpy()
        found = fitted(model)
        np.testing.assert_array_equal(model.layers[0].kernel.numpy(), kept)
        return found, model.get_weights()

    both(run)


def test_randomness_goes_on():
    """A mask that was drawn once is not used again."""

    def run(jit):
        kbridge.random.set_random_seed(1)
        model = kbridge.Sequential([kbridge.Input((6,)), layers.Dropout(0.5)])
        model.compile("sgd", "mse", jit_compile=jit)
        return [step.tolist() for step in (model(X, training=True) for _ in range(3))], model.evaluate(X, X, verbose=0)

    both(run)
    layer = layers.Dropout(0.5, seed=3)
    step = compiled(lambda x: layer(x, training=True), jit=True)
    found = [step(X) for _ in range(5)]
    assert len({array.tobytes() for array in found}) == 5
    layer = layers.Dropout(0.5, seed=3)
    assert same(found, [layer(X, training=True) for _ in range(5)])


# -- functions of one's own


def compiled(function, **options):
    return registry.current().compile(function, **options)


def test_code_of_the_users_own_runs_each_time():
    calls = []

    class Noisy(layers.Layer):
        def call(self, x):
            calls.append(1)
            return x + np.random.normal(size=3).astype("float32")

    model = kbridge.Sequential([kbridge.Input((6,)), layers.Dense(3), Noisy()])
    model.compile("sgd", "mse")
    calls.clear()
    model.fit(X, np.zeros((N, 3), "float32"), batch_size=8, epochs=3, verbose=0)
    assert len(calls) == 3 * 8
    assert any("call ran" in why for why in reasons(model))
    assert len({model.predict(X[:4], verbose=0).tobytes() for _ in range(6)}) == 6


def test_user_losses_and_metrics_run_each_time():
    calls = []

    def loss(y, p):
        calls.append("loss")
        return ops.mean(ops.square(y - p), axis=-1)

    def metric(y, p):
        calls.append("metric")
        return ops.mean(ops.absolute(y - p), axis=-1)

    results = []
    for jit in (False, "auto"):
        model = small()
        model.compile("adam", loss, metrics=[metric], jit_compile=jit)
        model.fit(X, T, batch_size=8, epochs=1, verbose=0)
        calls.clear()
        results.append((fitted(model, 5), model.get_weights(), model.optimizer.get_weights()))
        assert calls.count("loss") == calls.count("metric") == 30
    assert same(*results)


def test_a_metric_of_ones_own_comes_after_the_update():
    """The recording gives up when the weights have changed: the step is not done twice."""
    calls = []

    class Own(metrics.Metric):
        def __init__(self):
            super().__init__(name="own")
            self.total = self.add_weight(name="total")

        def update_state(self, y, p, sample_weight=None):
            calls.append(1)
            self.total.assign_add(ops.sum(p))

        def result(self):
            return self.total.value

    def run(jit):
        model = small(jit, "adam", metrics=[Own()])
        calls.clear()
        found = fitted(model, 4), model.get_weights(), model.optimizer.get_weights()
        assert len(calls) == 24
        return found

    both(run)


def test_jit_insists():
    calls = []

    def step(x):
        calls.append(1)
        return x * 2.0 + ops.sum(x)

    run = compiled(step, jit=True)
    for i in range(4):
        np.testing.assert_allclose(run(np.float32([i, 1])), [i * 2 + i + 1, 2 + i + 1])
    assert len(calls) == 1

    def branching(x):
        return x if ops.sum(x) > 0 else -x

    with pytest.raises(ValueError, match="jit_compile=True cannot be honoured.*asked for a value"):
        compiled(branching, jit=True)(np.ones(2, "float32"))
    with pytest.raises(ValueError, match="cannot replay"):
        compiled(lambda x: ops.nonzero(x), jit=True)(np.ones(2, "float32"))
    with pytest.raises(ValueError, match="planted"):

        def broken(x):
            raise ValueError("planted")

        compiled(broken, jit=True)(np.ones(2, "float32"))
    run = compiled(step, jit=False)
    calls.clear()
    for _ in range(5):
        run(X)
    assert len(calls) == 5


def test_an_error_within_a_step_leaves_variables():
    """In the recording, and in a replay."""
    v, table = Variable([1.0, 2.0]), np.arange(4, dtype="float32")

    def step(i):
        v.assign(v + 1.0)
        return ops.take(table, i)

    for warm in (0, 4):
        run = compiled(step, jit=True)
        for _ in range(warm):
            run(np.int32([1]))
        before = v.numpy()
        with pytest.raises(IndexError):
            run(np.int32([7]))
        np.testing.assert_array_equal(v.numpy(), before)
        run(np.int32([2]))
        np.testing.assert_array_equal(v.numpy(), before + 1)


def test_variables_that_nobody_named_and_host_variables():
    count, rate = Variable(0, host=True), Variable(0.5, host=True)
    total = Variable([0.0, 0.0])

    def step(x):
        count.assign(count.value + 1)
        total.assign_add(x * rate.value)
        return total.value * 1.0, count.value

    run = compiled(step, jit=True)
    for i in range(1, 5):
        got, n = run(np.float32([1, 2]))
        np.testing.assert_allclose(got, total.numpy())
        assert count.numpy() == i == n
    rate.assign(0.0)
    before = total.numpy()
    run(np.float32([1, 2]))
    np.testing.assert_array_equal(total.numpy(), before)


def test_gradients_of_gradients_and_custom_gradients():
    w = Variable([[0.5, -1.0], [2.0, 1.5]])

    @ops.custom_gradient
    def twice(x):
        return x * 2.0, lambda g: g * 3.0

    def step(x):
        def penalty():
            _, [g] = kbridge.value_and_grad(lambda a: ops.sum(ops.tanh(a @ w) * a), [x])
            return ops.sum(g * g) + ops.sum(twice(w * w))

        value, [g] = kbridge.value_and_grad(penalty, [w])
        w.assign_sub(g * 0.1)
        return value

    start = w.numpy()
    expected = [step(X[i : i + 4, :2]) for i in range(4)]
    last = w.numpy()
    w.assign(start)
    run = compiled(step, jit=True)
    assert same([run(X[i : i + 4, :2]) for i in range(4)], expected)
    assert same(w.numpy(), last)


def test_settings_are_part_of_the_signature():
    run = compiled(lambda x: ops.one_hot(x, 3), jit=True)
    x = np.int32([0, 2])
    assert run(x).dtype == run(x).dtype == "float32"
    kbridge.config.set_floatx("float64")
    assert run(x).dtype == "float64"
    kbridge.config.set_floatx("float32")
    assert run(x).dtype == "float32"


def test_arguments_of_all_kinds():
    calls = []

    def step(pair, options, scale, flag):
        calls.append(1)
        return type(pair)(pair.right * scale, pair.left), options["x"][0] + (1.0 if flag else 2.0)

    run = compiled(step, jit=True)
    x = np.float32([1, 2])
    for _ in range(2):
        for scale, flag in ((2.0, True), (3.0, True), (3.0, False)):
            pair, other = run(Pair(x, x + 1), {"x": [x]}, scale, flag)
            assert type(pair) is Pair
            assert same([pair, other], [[(x + 1) * scale, x], x + (1 if flag else 2)])
    assert len(calls) == 3
    with pytest.raises(ValueError, match="an argument is a set"):
        compiled(lambda x: x, jit=True)({1})
    with pytest.raises(ValueError, match="given by name"):
        compiled(lambda x: x, jit=True)(x=x)

    class Model:
        @registry.load("numpy").compile
        def step(self, x):
            return x + 1

    assert same([Model().step(x) for _ in range(4)], [x + 1] * 4)


def test_warnings_of_numpy_do_not_stop_a_recording():
    def make():
        return kbridge.Sequential([kbridge.Input((6,)), layers.Dense(2, activation="exponential")])

    with pytest.warns(RuntimeWarning, match="overflow"):
        model, _ = trained(make, X * 1e3, T, "auto")
    assert replays(model, "train") == 2


def test_results_belong_to_the_caller():
    run = compiled(lambda x: (x + 1.0, ops.zeros(2)), jit=True)
    for _ in range(3):
        one, zero = run(np.ones(2, "float32"))
        np.testing.assert_array_equal(zero, 0)
        zero += 1
        one += 1


def test_a_profiler_keeps_from_recording():
    import sys

    model = small()
    seen = []
    sys.setprofile(lambda *event: seen.append(1))
    try:
        fitted(model)
        assert sys.getprofile() is not None
    finally:
        sys.setprofile(None)
    assert not replays(model, "train") and not reasons(model)
    fitted(model)
    assert replays(model, "train") == 1
    assert sys.getprofile() is None


def test_a_value_that_is_frozen_is_found(monkeypatch):
    """The comparisons above would show it: here the counter of steps and the learning rate become constants."""
    engine = registry.current()

    def frozen(self, function, *args):
        with entered(get_frame().child(engine=engine, bindings=None, captures=False)):
            return function(*map(unbox, args))

    monkeypatch.setattr(type(engine.recording), "on_host", frozen)
    with pytest.raises(AssertionError):
        check(mlp, X, Y, **CROSS)


def _expression(seed):
    """A function of random operators, views and assignments, and fresh variables for it."""
    v, w = Variable(np.arange(12.0).reshape(3, 4) / 7, dtype="float32"), Variable(0.5)

    def step(x):
        rng = np.random.default_rng(seed)
        known = [x, x * 0.5, v.value, x - v, w.value]
        for _ in range(25):
            a, b = (known[i] for i in rng.integers(0, len(known), 2))
            kind = rng.integers(0, 12)
            if kind < 6:
                known.append(eval(["a + b", "a - b", "a * b", "1.5 - a", "b * 0.3", "a * a"][kind], {"a": a, "b": b}))
            elif kind == 6:
                known.append(ops.reshape(ops.reshape(a, (-1,)), a.shape))
            elif kind == 7 and len(a.shape) == 2:
                known.append(ops.transpose(ops.transpose(a) * 0.9))
            elif kind == 8 and len(a.shape) == 2:
                known.append(a[1:2] + a)
            elif kind == 9:
                known.append(ops.tanh(a))
            elif kind == 10 and a.shape == v.shape:
                v.assign(ops.tanh(a))
                known.append(v.value)
            elif kind == 11:
                w.assign(ops.mean(ops.tanh(a)))
                known.append(w * 1.0)
        return [known[i] for i in rng.integers(0, len(known), 4)], known[-1]

    return step, [v, w]


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_expressions_of_all_kinds(start):
    for seed in range(start, start + 20):
        results = []
        for jit in (True, False):
            step, state = _expression(seed)
            run = compiled(step, jit=jit)
            inputs = [np.random.default_rng(i).normal(size=(3, 4)).astype("float32") for i in range(4)]
            results.append([[np.array(r) for r in (*found, last)] for found, last in map(run, inputs)])
            results[-1].append([x.tolist() for x in inputs])
            results[-1].append([variable.numpy() for variable in state])
        assert same(*results)


def test_large_variables_are_updated_in_pieces():
    x = RNG.normal(size=(24, 300)).astype("float32")

    def make():
        return kbridge.Sequential([kbridge.Input((300,)), layers.Dense(200), layers.Dense(2)])

    check(make, x, T[:24], steps=1)
    # here they are read after their update
    check(make, x, T[:24], steps=1, optimizer=lambda: optimizers.Adam(0.01, use_ema=True))


def test_memory_is_freed_as_it_goes():
    import tracemalloc

    v = Variable(np.ones(1 << 18, "float32"))

    def step(x):
        y = x + v.value
        for _ in range(20):
            y = ops.tanh(ops.reshape(y, (-1,)))
        return ops.sum(y)

    run = compiled(step, jit=True)
    x = np.ones(1 << 18, "float32")
    run(x)
    tracemalloc.start()
    run(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4.5 * x.nbytes


def test_a_recording_that_was_given_up_leaves_nothing_behind():
    """Here it stops in the middle of a model: penalties, draws and statistics of before do not count twice."""

    class Own(layers.Layer):
        def call(self, x):
            return x * 1.0

    def make():
        found = [kbridge.Input((6,)), layers.Dense(4, activity_regularizer="l2", kernel_regularizer="l1")]
        return kbridge.Sequential([*found, layers.BatchNormalization(), layers.Dropout(0.5), Own(), layers.Dense(2)])

    model = check(make, X, T, steps=0)
    assert reasons(model)
