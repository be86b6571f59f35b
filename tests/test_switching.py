"""The promise: one live model, one seed, every engine."""

import threading

import numpy as np
import pytest

import kbridge
from kbridge import layers
from kbridge.backend import registry

ENGINES = list(registry.BUILT_IN)


def digits(samples=256):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 12)).astype("float32")
    return x, (x[:, :3].argmax(-1)).astype("int32")


def classifier(optimizer="adam"):
    model = kbridge.Sequential(
        [
            kbridge.Input((12,)),
            layers.Dense(16, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_one_live_model_is_trained_by_each_engine_in_turn():
    x, y = digits()
    kbridge.utils.set_random_seed(7)
    model = classifier()
    losses = []
    for name in ENGINES:
        with kbridge.use_backend(name):
            losses += model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert len(losses) == 8 and losses == sorted(losses, reverse=True)
    assert int(model.optimizer.iterations) == 8 * 8  # the optimizer's state went along
    predictions = {}
    for name in ENGINES:
        with kbridge.use_backend(name):
            predictions[name] = model.predict(x, verbose=0)
    for name in ENGINES[1:]:
        np.testing.assert_allclose(predictions[name], predictions[ENGINES[0]], atol=1e-5)


def test_switching_equals_staying():
    """Two epochs here and two there are the four epochs of one engine: momentum, averages and all."""
    x, y = digits()
    curves = []
    for plan in [("numpy",) * 4, ("numpy", "torch", "jax", "tensorflow")]:
        kbridge.utils.set_random_seed(3)
        model = classifier(kbridge.optimizers.Adam(0.01))
        curve = []
        for name in plan:
            with kbridge.use_backend(name):
                curve += model.fit(x, y, epochs=1, verbose=0).history["loss"]
        curves.append(curve)
    np.testing.assert_allclose(curves[0], curves[1], atol=1e-4)


def test_the_same_seed_gives_the_same_curve_on_every_engine():
    x, y = digits()
    curves = {}
    for name in ENGINES:
        with kbridge.use_backend(name):
            kbridge.utils.set_random_seed(11)
            curves[name] = classifier().fit(x, y, epochs=5, verbose=0).history["loss"]
    for name in ENGINES[1:]:
        np.testing.assert_allclose(curves[name], curves["numpy"], atol=1e-4)


def test_portable_randomness_makes_dropout_equal_too():
    x, y = digits(64)
    curves = {}
    kbridge.random.set_portable(True)
    try:
        for name in ENGINES:
            with kbridge.use_backend(name):
                kbridge.utils.set_random_seed(5)
                model = kbridge.Sequential(
                    [kbridge.Input((12,)), layers.Dropout(0.4), layers.Dense(3, activation="softmax")]
                )
                model.compile("sgd", "sparse_categorical_crossentropy")
                curves[name] = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    finally:
        kbridge.random.set_portable(False)
    for name in ENGINES[1:]:
        np.testing.assert_allclose(curves[name], curves["numpy"], atol=1e-4)


def test_threads_use_engines_of_their_own():
    x, _ = digits(32)
    kbridge.utils.set_random_seed(2)
    model = classifier()
    expected = model.predict(x, verbose=0)
    seen, errors = {}, []

    def work(name):
        try:
            with kbridge.use_backend(name):
                for _ in range(5):
                    found = model.predict(x, verbose=0)
                    np.testing.assert_allclose(found, expected, atol=1e-5)
                    seen.setdefault(name, set()).add(kbridge.backend.backend())
        except Exception as error:
            errors.append(f"{name}: {error!r}")

    threads = [threading.Thread(target=work, args=(name,)) for name in ("numpy", "torch")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert seen == {"numpy": {"numpy"}, "torch": {"torch"}}


GAN_STEPS = 3


class GradientPenaltyGAN(kbridge.Model):
    """A train step of one's own, with two optimizers, a gradient of a gradient and random numbers."""

    def __init__(self):
        super().__init__()
        self.generator = kbridge.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(2)])
        self.critic = kbridge.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(1)])
        self.critic_optimizer = kbridge.optimizers.Adam(0.01, beta_1=0.5)
        self.seeds = kbridge.random.SeedGenerator(4)
        self.generator.build((None, 3))
        self.critic.build((None, 2))

    def call(self, z):
        return self.generator(z)

    def train_step(self, data):
        real = data[0] if isinstance(data, tuple) else data
        ops = kbridge.ops
        z = kbridge.random.normal((real.shape[0], 3), seed=self.seeds)

        def critic_loss():
            fake = ops.stop_gradient(self.generator(z))
            between = 0.3 * real + 0.7 * fake
            _, slope = kbridge.value_and_grad(lambda x: ops.sum(self.critic(x)), between)
            penalty = ops.mean(ops.square(ops.sqrt(ops.sum(ops.square(slope), axis=1) + 1e-12) - 1.0))
            return ops.mean(self.critic(fake)) - ops.mean(self.critic(real)) + 10.0 * penalty

        variables = self.critic.trainable_variables
        c_loss, grads = kbridge.value_and_grad(critic_loss, variables)
        self.critic_optimizer.apply(grads, variables)

        variables = self.generator.trainable_variables
        g_loss, grads = kbridge.value_and_grad(lambda: -ops.mean(self.critic(self.generator(z))), variables)
        self.optimizer.apply(grads, variables)
        return {"critic": c_loss, "generator": g_loss}


def test_a_gradient_penalty_gan_is_written_once():
    real = np.random.default_rng(1).normal(size=(48, 2)).astype("float32") + 2.0
    results = {}
    kbridge.random.set_portable(True)
    try:
        for name in ENGINES:
            with kbridge.use_backend(name):
                kbridge.utils.set_random_seed(9)
                gan = GradientPenaltyGAN()
                gan.compile(optimizer=kbridge.optimizers.Adam(0.01, beta_1=0.5))
                history = gan.fit(real, batch_size=16, epochs=GAN_STEPS, shuffle=False, verbose=0).history
                results[name] = (history, gan.get_weights())
    finally:
        kbridge.random.set_portable(False)
    history, weights = results["numpy"]
    assert set(history) == {"critic", "generator"} and len(history["critic"]) == GAN_STEPS
    for name in ENGINES[1:]:
        for key in history:
            np.testing.assert_allclose(results[name][0][key], history[key], rtol=1e-3, atol=1e-4)
        for found, expected in zip(results[name][1], weights, strict=True):
            np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_loop_of_ones_own(engine):
    kbridge.utils.set_random_seed(1)
    x, y = digits(64)
    model, optimizer = classifier(), kbridge.optimizers.SGD(0.1)
    loss_of = kbridge.losses.SparseCategoricalCrossentropy()
    losses = []
    for _ in range(5):

        def objective():
            y_pred = model(x, training=True)
            return loss_of(y, y_pred), y_pred

        (loss, y_pred), grads = kbridge.value_and_grad(objective, model.trainable_variables, has_aux=True)
        optimizer.apply(grads, model.trainable_variables)
        losses.append(float(kbridge.ops.convert_to_numpy(loss)))
        assert y_pred.shape == (64, 3)
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_the_engine_can_be_changed_for_good_and_back():
    before = registry.current().name
    try:
        kbridge.set_backend("torch")
        assert kbridge.backend.backend() == "torch"
        with kbridge.use_backend("numpy"):
            assert kbridge.backend.backend() == "numpy"
        assert kbridge.backend.backend() == "torch"
    finally:
        kbridge.set_backend(before)


def test_an_unknown_engine_is_refused_with_a_hint():
    with pytest.raises(ValueError, match='Unknown backend "pytorhc".*Did you mean|Unknown backend "pytorhc"'):
        kbridge.use_backend("pytorhc")
    with pytest.raises(ValueError, match='Did you mean "tensorflow"'):
        kbridge.set_backend("tensorflwo")
