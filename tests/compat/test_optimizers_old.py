"""Optimizers of Keras 1 and 2: the updates of their time, as steps of training and as graphs, and users' own."""

import importlib

import numpy as np
import pytest

from kbridge.backend import registry

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")

START = [np.array([[0.7, -0.4], [0.3, 0.9]]), np.array([0.1, -0.2])]
X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, -1.5]], "float32")
Y = np.array([[1.0, 0.0], [0.5, -1.0], [-2.0, 1.0]], "float32")


@pytest.fixture(autouse=True)
def _on_numpy(request):
    """What asks for no engine needs none in particular."""
    if "engine" in request.fixturenames:
        yield
    else:
        with registry.use_backend("numpy"):
            yield


def keras(generation):
    names = "layers models optimizers backend constraints".split()
    return [importlib.import_module(f"kbridge.compat.keras{generation}.{name}") for name in names]


def gradients(w, b):
    error = 2.0 * (X @ w + b - Y) / Y.size
    return [X.T @ error, error.sum(0)]


def sgd(lr=0.1, momentum=0.0, nesterov=False, decay=0.0, clip=lambda gs: gs):
    def step(state, gs, t):
        rate = lr / (1.0 + decay * (t - 1))
        moves = []
        for i, g in enumerate(clip(gs)):
            v = state[i] = momentum * state.get(i, 0.0) - rate * g
            moves.append(momentum * v - rate * g if nesterov else v)
        return moves

    return step


def rmsprop(state, gs, t, lr=0.1, rho=0.8, eps=1e-3):
    moves = []
    for i, g in enumerate(gs):
        a = state[i] = rho * state.get(i, 0.0) + (1 - rho) * g * g
        moves.append(-lr * g / (np.sqrt(a) + eps))
    return moves


def adagrad(state, gs, t, lr=0.1, eps=1e-3):
    moves = []
    for i, g in enumerate(gs):
        a = state[i] = state.get(i, 0.0) + g * g
        moves.append(-lr * g / (np.sqrt(a) + eps))
    return moves


def adadelta(state, gs, t, lr=1.0, rho=0.8, eps=1e-3):
    moves = []
    for i, g in enumerate(gs):
        a, d = state.get(i, (0.0, 0.0))
        a = rho * a + (1 - rho) * g * g
        step = g * np.sqrt(d + eps) / np.sqrt(a + eps)
        state[i] = a, rho * d + (1 - rho) * step * step
        moves.append(-lr * step)
    return moves


def adam(state, gs, t, lr=0.1, b1=0.8, b2=0.9, eps=1e-3, amsgrad=False, decay=0.0):
    moves = []
    lr = lr / (1.0 + decay * (t - 1)) * np.sqrt(1 - b2**t) / (1 - b1**t)
    for i, g in enumerate(gs):
        m, v, top = state.get(i, (0.0, 0.0, 0.0))
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        top = np.maximum(top, v)
        state[i] = m, v, top
        moves.append(-lr * m / (np.sqrt(top if amsgrad else v) + eps))
    return moves


def adamax(state, gs, t, lr=0.1, b1=0.8, b2=0.9, eps=1e-3):
    moves = []
    for i, g in enumerate(gs):
        m, u = state.get(i, (0.0, 0.0))
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, abs(g))
        state[i] = m, u
        moves.append(-lr / (1 - b1**t) * m / (u + eps))
    return moves


def nadam(state, gs, t, lr=0.1, b1=0.8, b2=0.9, eps=1e-3, schedule=0.1):
    now, ahead = (b1 * (1 - 0.5 * 0.96 ** (k * schedule)) for k in (t, t + 1))
    product = state["product"] = state.get("product", 1.0) * now
    moves = []
    for i, g in enumerate(gs):
        m, v = state.get(i, (0.0, 0.0))
        m, v = state[i] = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        bar = (1 - now) * g / (1 - product) + ahead * m / (1 - product * ahead)
        moves.append(-lr * bar / (np.sqrt(v / (1 - b2**t)) + eps))
    return moves


def all_clipped(gs, limit):
    norm = np.sqrt(sum((g * g).sum() for g in gs))
    return [g * limit / norm if norm >= limit else g for g in gs]


NUMBERS = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}
CASES = {
    "sgd": ("SGD", {}, sgd()),
    "momentum": ("SGD", {"momentum": 0.9, "decay": 0.2}, sgd(momentum=0.9, decay=0.2)),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}, sgd(momentum=0.9, nesterov=True)),
    "clipnorm": ("SGD", {"clipnorm": 0.5}, sgd(clip=lambda gs: all_clipped(gs, 0.5))),
    "both clips": (
        "SGD",
        {"clipnorm": 0.5, "clipvalue": 0.1},
        sgd(clip=lambda gs: [np.clip(g, -0.1, 0.1) for g in all_clipped(gs, 0.5)]),
    ),
    "rmsprop": ("RMSprop", {"rho": 0.8, "epsilon": 1e-3}, rmsprop),
    "adagrad": ("Adagrad", {"epsilon": 1e-3}, adagrad),
    "adadelta": ("Adadelta", {"lr": 1.0, "rho": 0.8, "epsilon": 1e-3}, adadelta),
    "adam": ("Adam", {**NUMBERS, "decay": 0.2}, lambda *a: adam(*a, decay=0.2)),
    "amsgrad": ("Adam", {**NUMBERS, "amsgrad": True}, lambda *a: adam(*a, amsgrad=True)),
    "adamax": ("Adamax", NUMBERS, adamax),
    "nadam": ("Nadam", {**NUMBERS, "schedule_decay": 0.1}, nadam),
}


def expected(step, steps=4):
    values, state = [v.copy() for v in START], {}
    for t in range(1, steps + 1):
        values = [v + move for v, move in zip(values, step(state, gradients(*values), t))]
    return values


def model_of(generation):
    layers, models, *_ = keras(generation)
    model = models.Sequential()
    model.add(layers.Dense(2, input_dim=2))
    model.set_weights(START)
    return model


def close(got, want, **tolerance):
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, **{"rtol": 2e-4, "atol": 2e-5, **tolerance})


@pytest.mark.parametrize("case", CASES)
def test_steps_of_training_are_those_of_the_time(engine, case):
    name, arguments, step = CASES[case]
    for generation in (1, 2) if engine.name == "numpy" else (2,):
        optimizers = keras(generation)[2]
        model = model_of(generation)
        model.compile(loss="mse", optimizer=getattr(optimizers, name)(**{"lr": 0.1, **arguments}))
        model.fit(X, Y, batch_size=3, **{"nb_epoch" if generation == 1 else "epochs": 4}, verbose=0)
        close(model.get_weights(), expected(step))


@pytest.mark.parametrize("case", CASES)
def test_updates_as_a_graph_are_the_same(case):
    name, arguments, step = CASES[case]
    _, _, optimizers, K, _ = keras(2)
    model = model_of(2)
    optimizer = getattr(optimizers, name)(**{"lr": 0.1, **arguments})
    target = K.placeholder(shape=(None, 2))
    loss = K.mean(K.square(model.output - target))
    train = K.function([model.input, target], [loss], updates=optimizer.get_updates(loss, model.trainable_weights))
    losses = [train([X, Y])[0] for _ in range(4)]
    assert losses[-1] < losses[0]
    close(model.get_weights(), expected(step))
    assert int(K.get_value(optimizer.iterations)) == 4


def test_numbers_can_be_read_and_set(engine):
    _, _, optimizers, K, _ = keras(2)
    model = model_of(2)
    model.compile(loss="mse", optimizer=optimizers.SGD(lr=0.5, momentum=0.5))
    rate = model.optimizer.lr
    assert float(rate) == float(K.get_value(rate)) == 0.5
    K.set_value(model.optimizer.lr, 0.5 * K.get_value(model.optimizer.lr))
    assert float(K.get_value(model.optimizer.learning_rate)) == 0.25
    model.optimizer.lr = 0.1
    K.set_value(model.optimizer.momentum, 0.0)
    model.train_on_batch(X, Y)
    K.set_value(model.optimizer.momentum, 0.9)  # it counts from the next step on
    model.train_on_batch(X, Y)
    values, v = [v.copy() for v in START], [0.0, 0.0]
    for momentum in (0.0, 0.9):
        v = [momentum * old - 0.1 * g for old, g in zip(v, gradients(*values))]
        values = [w + move for w, move in zip(values, v)]
    close(model.get_weights(), values)


def test_arguments_by_position_in_each_release():
    second, first = keras(2)[2], keras(1)[2]
    assert second.SGD(0.1, 0.9, True).nesterov is True
    older = second.SGD(0.1, 0.9, 0.5, True)
    assert older.nesterov is True and older.initial_decay == 0.5
    assert first.SGD(0.1, 0.9, 0.5, True).initial_decay == 0.5
    assert second.Adam(0.1, 0.8, 0.9, True).amsgrad is True
    assert second.Adam(0.1, 0.8, 0.9, 1e-4, 0.5).epsilon == 1e-4
    assert first.Adam().epsilon == 1e-8 and second.Adam().epsilon == 1e-7
    assert second.Adam(epsilon=None).epsilon == 1e-7
    with pytest.raises(TypeError, match="momentun.*momentum"):
        second.SGD(momentun=0.9)
    with pytest.raises(NotImplementedError, match=r"keras.optimizers.Adam\(lr="):
        second.TFOptimizer(type("AdamOptimizer", (), {})())


def test_configs_have_the_names_of_the_time():
    for generation, rate in ((1, "lr"), (2, "learning_rate")):
        optimizers = keras(generation)[2]
        for name in "SGD RMSprop Adagrad Adadelta Adam Adamax Nadam".split():
            made = optimizers.get(name.lower())
            config = made.get_config()
            assert rate in config and type(made).__name__ == name
            assert type(made).from_config(config).get_config() == config
            again = optimizers.deserialize(optimizers.serialize(made))
            assert type(again) is type(made) and again.get_config() == config
    assert optimizers.SGD(clipnorm=1.0).get_config()["clipnorm"] == 1.0


def own_of_keras_2(K, optimizers):
    class Own(optimizers.Optimizer):
        """SGD with momentum and decoupled weight decay, written as in the guides of the time."""

        def __init__(self, lr=0.1, momentum=0.9, wd=0.01, **kwargs):
            super().__init__(**kwargs)
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.momentum = K.variable(momentum, name="momentum")
            self.wd = wd

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.updates = [K.update_add(self.iterations, 1)]
            moments = [K.zeros(K.int_shape(p), name="moment_" + str(i)) for i, p in enumerate(params)]
            self.weights = [self.iterations] + moments
            rate = self.lr * (1.0 / (1.0 + 0.5 * K.cast(self.iterations, K.dtype(self.lr))))
            for p, g, m in zip(params, grads, moments):
                v = self.momentum * m - rate * g
                self.updates.append(K.update(m, v))
                new_p = p + v - self.wd * p
                if getattr(p, "constraint", None) is not None:
                    new_p = p.constraint(new_p)
                self.updates.append(K.update(p, new_p))
            return self.updates

        def get_config(self):
            config = {"lr": float(K.get_value(self.lr)), "momentum": float(K.get_value(self.momentum)), "wd": self.wd}
            return dict(list(super().get_config().items()) + list(config.items()))

    return Own


def own_of_keras_1(K, optimizers):
    class Own(optimizers.Optimizer):
        def __init__(self, lr=0.1, momentum=0.9, wd=0.01, **kwargs):
            super().__init__(**kwargs)
            self.__dict__.update(locals())
            self.iterations = K.variable(0.0)
            self.lr = K.variable(lr)
            self.momentum = K.variable(momentum)

        def get_updates(self, params, constraints, loss):
            grads = self.get_gradients(loss, params)
            rate = self.lr / (1.0 + 0.5 * self.iterations)
            self.updates = [K.update_add(self.iterations, 1)]
            shapes = [K.get_variable_shape(p) for p in params]
            moments = [K.zeros(shape) for shape in shapes]
            self.weights = [self.iterations] + moments
            for p, g, m in zip(params, grads, moments):
                v = self.momentum * m - rate * g
                self.updates.append(K.update(m, v))
                new_p = p + v - self.wd * p
                if p in constraints:
                    new_p = constraints[p](new_p)
                self.updates.append((p, new_p))
            return self.updates

    return Own


def by_hand(steps, lr=0.1, momentum=0.9, wd=0.01, non_negative=False, clip=None):
    values, v = [w.copy() for w in START], [0.0, 0.0]
    for t in range(steps):
        gs = gradients(*values)
        gs = gs if clip is None else all_clipped(gs, clip)
        v = [momentum * old - lr / (1 + 0.5 * t) * g for old, g in zip(v, gs)]
        values = [w + move - wd * w for w, move in zip(values, v)]
        if non_negative:
            values[0] = np.maximum(values[0], 0.0)
    return values, v


@pytest.mark.parametrize("generation", [1, 2])
def test_an_optimizer_of_ones_own_trains(engine, generation):
    layers, models, optimizers, K, constraints = keras(generation)
    own = (own_of_keras_1 if generation == 1 else own_of_keras_2)(K, optimizers)
    epochs = {"nb_epoch" if generation == 1 else "epochs": 5}
    model = model_of(generation)
    model.compile(loss="mse", optimizer=own(clipnorm=2.0))
    model.fit(X, Y, batch_size=3, verbose=0, **epochs)
    values, moments = by_hand(5, clip=2.0)
    close(model.get_weights(), values)
    assert int(K.get_value(model.optimizer.iterations)) == 5
    close(model.optimizer.get_weights()[1:], moments)
    K.set_value(model.optimizer.lr, 0.0)
    K.set_value(model.optimizer.momentum, 0.0)
    before = model.get_weights()
    model.train_on_batch(X, Y)
    close(model.get_weights(), [0.99 * w for w in before])

    bounded = models.Sequential()
    name = "W_constraint" if generation == 1 else "kernel_constraint"
    bounded.add(layers.Dense(2, input_dim=2, **{name: constraints.nonneg()}))
    bounded.set_weights(START)
    bounded.compile(loss="mse", optimizer=own())
    bounded.fit(X, Y, batch_size=3, verbose=0, **epochs)
    close(bounded.get_weights(), by_hand(5, non_negative=True)[0])


def test_one_that_changes_what_another_does():
    """A subclass of Adam, and one that wraps another optimizer and lets it act on sums of gradients."""
    _, _, optimizers, K, _ = keras(2)

    class Halved(optimizers.Adam):
        def get_gradients(self, loss, params):
            return [0.5 * g for g in super().get_gradients(loss, params)]

        def get_updates(self, loss, params):
            self.updates = super().get_updates(loss, params)
            return self.updates

    model = model_of(2)
    model.compile(loss="mse", optimizer=Halved(lr=0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3))
    model.fit(X, Y, batch_size=3, epochs=4, verbose=0)
    close(model.get_weights(), expected(lambda state, gs, t: adam(state, [0.5 * g for g in gs], t)))

    class Accumulated(optimizers.Optimizer):
        def __init__(self, optimizer, steps, **kwargs):
            super().__init__(**kwargs)
            self.optimizer, self.steps = optimizer, steps
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.cond = K.equal(self.iterations % self.steps, 0)
            self.lr = self.optimizer.lr
            self.optimizer.lr = K.switch(self.cond, self.optimizer.lr, 0.0)
            self.optimizer.get_gradients = lambda loss, params: [total / self.steps for total in self.totals]

        def get_updates(self, loss, params):
            self.updates = [K.update_add(self.iterations, 1)]
            self.totals = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
            for g, total in zip(self.get_gradients(loss, params), self.totals):
                self.updates.append(K.update(total, K.switch(self.cond, total * 0, total) + g))
            self.updates.extend(self.optimizer.get_updates(loss, params)[1:])
            self.weights.extend(self.optimizer.weights)
            return self.updates

    model = model_of(2)
    model.compile(loss="mse", optimizer=Accumulated(optimizers.SGD(lr=0.1), 2))
    model.fit(X, Y, batch_size=3, epochs=2, verbose=0)
    close(model.get_weights(), START)  # nothing yet: the sums are taken when the third step begins
    model.train_on_batch(X, Y)
    close(model.get_weights(), [w - 0.1 * g for w, g in zip(START, gradients(*START))])


def test_gradients_taken_by_k_in_an_own_optimizer(engine):
    _, _, optimizers, K, _ = keras(2)

    class Plain(optimizers.Optimizer):
        def __init__(self, lr=0.1, **kwargs):
            super().__init__(**kwargs)
            self.lr = K.variable(lr)

        def get_updates(self, loss, params):
            return [K.update_sub(p, self.lr * g) for p, g in zip(params, K.gradients(loss, params))]

    class WithLoss(Plain):
        def get_updates(self, loss, params):
            return [K.update_sub(p, self.lr * loss * g) for p, g in zip(params, K.gradients(loss, params))]

    model = model_of(2)
    model.compile(loss="mse", optimizer=Plain())
    model.fit(X, Y, batch_size=3, epochs=4, verbose=0)
    close(model.get_weights(), expected(sgd()))
    model.compile(loss="mse", optimizer=WithLoss())
    with pytest.raises(NotImplementedError, match="value of the loss"):
        model.train_on_batch(X, Y)


def test_state_goes_to_another_optimizer():
    _, _, optimizers, K, _ = keras(2)
    weights = None
    results = []
    for _ in range(2):
        model = model_of(2)
        model.compile(loss="mse", optimizer=optimizers.Adam(lr=0.1))
        if weights is None:
            model.fit(X, Y, batch_size=3, epochs=3, verbose=0)
            weights = model.get_weights(), model.optimizer.get_weights()
            assert [w.shape for w in weights[1]] == [(), (2, 2), (2,), (2, 2), (2,)]
        else:
            model.optimizer.build(model.trainable_weights)
            model.set_weights(weights[0])
            model.optimizer.set_weights([*weights[1], np.zeros(1), np.zeros(1)])  # as Keras 2 had them
        model.fit(X, Y, batch_size=3, epochs=2, verbose=0)
        results.append(model.get_weights())
    close(*results)


def test_files_hold_what_optimizers_of_today_take(tmp_path):
    import kbridge

    _, models, optimizers, K, _ = keras(1)
    model = model_of(1)
    model.compile(loss="mse", optimizer=optimizers.Adam(lr=0.25, decay=0.5))
    model.fit(X, Y, nb_epoch=2, verbose=0)
    for ending in ("h5", "keras"):
        path = str(tmp_path / f"model.{ending}")
        model.save(path)
        then, now = models.load_model(path), kbridge.models.load_model(path)
        assert type(then.optimizer) is optimizers.Adam and then.optimizer.initial_decay == 0.5
        close(then.optimizer.get_weights(), model.optimizer.get_weights())
        assert type(now.optimizer) is kbridge.optimizers.Adam
        assert now.optimizer._schedule.decay_rate == 0.5 and now.optimizer._schedule.initial_learning_rate == 0.25


def test_what_compile_takes_for_an_optimizer():
    optimizers = keras(2)[2]
    model = model_of(2)
    model.compile({"class_name": "SGD", "config": {"lr": 0.5, "nesterov": True}}, "mse")
    assert type(model.optimizer) is optimizers.SGD and model.optimizer.nesterov
    own = type("MomentumOptimizer", (), {"compute_gradients": None})()
    with pytest.raises(NotImplementedError, match=r"keras.optimizers.SGD\(lr="):
        model.compile(own, "mse")
    with pytest.raises(ValueError, match="sgdd"):
        model.compile("sgdd", "mse")
