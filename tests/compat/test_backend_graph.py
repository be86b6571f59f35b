"""Graphs of K functions: functions, gradients, updates, phases, and what is drawn at random."""

import numpy as np
import pytest

import kbridge
from kbridge import Model, Sequential, layers, ops
from kbridge.compat import computing
from kbridge.compat.backend import graph
from kbridge.compat.keras2 import backend as K


@pytest.fixture(autouse=True)
def _fresh():
    computing.enable()
    yield
    computing.set_phase(None)


def _draw(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _image_model():
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="tanh", name="conv")(image)
    pooled = layers.GlobalAveragePooling2D()(x)
    return Model(image, layers.Dense(3, activation="softmax")(pooled))


def test_intermediate_layers_with_the_learning_phase(engine):
    model = Sequential([layers.Input((20,)), layers.Dense(50), layers.Dropout(0.5, name="dropped"), layers.Dense(2)])
    function = K.function([model.layers[0].input, K.learning_phase()], [model.get_layer("dropped").output])
    x = _draw(4, 20)
    (still,) = function([x, 0])
    (noisy,) = function([x, 1])
    (again,) = function([x, 1])
    dense = K.function([model.input], [model.layers[0].output])([x])[0]
    np.testing.assert_allclose(still, dense, rtol=1e-5)
    assert (noisy == 0).mean() > 0.2 and not np.array_equal(noisy, again)


def test_batch_normalization_follows_the_phase_and_keeps_its_averages(engine):
    model = Sequential([layers.Input((3,)), layers.BatchNormalization()])
    function = K.function([model.input, K.learning_phase()], [model.output])
    x = _draw(64, 3) * 5 + 2
    trained = function([x, 1.0])[0]
    assert abs(trained.mean()) < 1e-4 and abs(trained.std() - 1) < 0.01
    np.testing.assert_allclose(function([x, 0.0])[0], x / np.sqrt(1.001), rtol=1e-4)


def test_set_learning_phase_holds_for_functions(engine):
    K.set_learning_phase(1)
    assert K.learning_phase() == 1 and computing.training() is True
    x = layers.Input((50,))
    function = K.function([x], [layers.Dropout(0.5)(x)])
    assert (function([np.ones((2, 50))])[0] == 0).any()
    K.set_learning_phase(0)
    assert not (function([np.ones((2, 50))])[0] == 0).any() and computing.training(True) is False


def test_phases_of_symbols(engine):
    x = K.placeholder((None, 2))
    y = K.in_train_phase(x * 2, lambda: x + 1)
    z = K.in_test_phase(x * 2, x + 1) + K.cast(K.learning_phase(), "float32")
    function = K.function([x, K.learning_phase()], [y, z])
    for phase in (0, 1):
        first, second = function([np.ones((1, 2)) * 5, phase])
        assert first[0, 0] == (10 if phase else 6) and second[0, 0] == (7 if phase else 10)
    assert K.in_train_phase(3, 4, training=True) == 3 and y._uses_learning_phase and not x._uses_learning_phase


def test_saliency_and_grad_cam(engine):
    model = _image_model()
    x = _draw(2, 8, 8, 3)
    saliency = K.gradients(K.max(model.output), model.input)[0]
    found = K.function([model.input], [saliency])([x])[0]
    with kbridge.use_backend("numpy"):
        _, expected = kbridge.value_and_grad(lambda given: ops.max(model(given)), [ops.convert_to_tensor(x)])
    np.testing.assert_allclose(found, expected[0], atol=1e-6)
    assert np.abs(found).sum() > 0

    conv = model.get_layer("conv")
    grads = K.gradients(model.output[:, 0], conv.output)[0]
    pooled = K.mean(grads, axis=(0, 1, 2))
    iterate = K.function([model.input], [pooled, conv.output[0]])
    weights, features = iterate([x])
    assert weights.shape == (4,) and features.shape == (6, 6, 4)
    features *= 0  # it is the caller's own
    assert np.abs(iterate([x])[1]).sum() > 0
    kernel = model.layers[-1]

    def of_features(features):
        return ops.sum(kernel(ops.mean(features, axis=(1, 2)))[:, 0])

    maps = K.function([model.input], [conv.output])([x])[0]
    with kbridge.use_backend("numpy"):
        _, by_hand = kbridge.value_and_grad(of_features, [maps])
    np.testing.assert_allclose(weights, by_hand[0].mean(axis=(0, 1, 2)), atol=1e-6)


def test_deep_dream(engine):
    model = _image_model()
    loss = K.variable(0.0)
    features = model.get_layer("conv").output
    scaling = K.prod(K.cast(K.shape(features), "float32"))
    loss += 0.5 * K.sum(K.square(features[:, 2:-2, 2:-2, :])) / scaling
    dream = model.input
    grads = K.gradients(loss, dream)[0]
    grads /= K.maximum(K.mean(K.abs(grads)), 1e-7)
    fetch = K.function([dream], [loss, grads])
    x = _draw(1, 8, 8, 3)
    losses = []
    for _ in range(3):
        value, step = fetch([x])
        losses.append(float(value))
        x = x + 0.05 * step
    maps = K.function([dream], [features])([_draw(1, 8, 8, 3)])[0]
    assert losses[0] == pytest.approx(0.5 * (maps[:, 2:-2, 2:-2] ** 2).sum() / maps.size, rel=1e-4)
    assert losses[2] > losses[1] > losses[0]


def test_style_transfer(engine):
    content, style = K.variable(_draw(1, 6, 6, 3)), K.variable(_draw(1, 6, 6, 3) + 1)
    combination = K.placeholder((1, 6, 6, 3))
    together = K.concatenate([content, style, combination], axis=0)
    image = layers.Input(tensor=together)
    model = Model(image, layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(image))

    def gram(x):
        features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
        return K.dot(features, K.transpose(features))

    features = model.get_layer("conv").output
    loss = K.variable(0.0)
    loss += 0.1 * K.sum(K.square(features[2, :, :, :] - features[0, :, :, :]))
    loss += K.sum(K.square(gram(features[1]) - gram(features[2]))) / (4.0 * 9 * 36**2)
    a = K.square(combination[:, :5, :5, :] - combination[:, 1:, :5, :])
    loss += 0.01 * K.sum(K.pow(a, 1.25))
    grads = K.gradients(loss, combination)
    outputs = [loss]
    outputs += grads if isinstance(grads, (list, tuple)) else [grads]
    fetch = K.function([combination], outputs)
    x = _draw(1, 6, 6, 3) * 0.3
    value, grad = fetch([x])
    step = 1e-3 * grad / np.abs(grad).max()
    moved = fetch([x + step])[0]
    assert moved - value == pytest.approx(float((grad * step).sum()), rel=0.05)


def test_gradients_of_weights_are_those_of_value_and_grad(engine):
    model = Sequential([layers.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(1)])
    target = K.placeholder((None, 1))
    loss = K.mean(K.square(model.output - target))
    found = K.function([model.input, target], K.gradients(loss, model.trainable_weights))
    x, y = _draw(6, 4), _draw(6, 1)
    want = ops.convert_to_tensor(y)
    _, expected = kbridge.value_and_grad(lambda: ops.mean(ops.square(model(x) - want)), model.trainable_variables)
    for a, b in zip(found([x, y]), expected, strict=True):
        np.testing.assert_allclose(a, ops.convert_to_numpy(b), rtol=1e-4, atol=1e-6)


def test_gradients_of_every_kind(engine):
    x, v = K.placeholder((None,)), K.variable([1.0, 2.0])
    inner = x * v
    loss = K.sum(inner * inner)
    grads = K.gradients(loss, [x, v, inner, K.variable(1.0), K.stop_gradient(x)])
    assert grads[3] is None and grads[4] is None
    of_x, of_v, of_inner = K.function([x], grads[:3])([np.array([3.0, 4.0])])
    np.testing.assert_allclose(of_x, [6, 32])
    np.testing.assert_allclose(of_v, [18, 64])
    np.testing.assert_allclose(of_inner, [6, 16])
    assert K.function([x], K.gradients(x, x))([np.ones(3)])[0].tolist() == [1, 1, 1]
    inside = layers.Lambda(lambda t: t * v * K.variable(2.0))(x)  # what is made in there is new in each run
    np.testing.assert_allclose(K.function([x], K.gradients(inside, v))([np.array([3.0, 4.0])])[0], [6, 8])
    only = K.gradients(K.sum(K.square(v)), v)
    np.testing.assert_allclose(K.eval(only[0]), [2, 4])
    assert K.gradients(K.sum(K.stop_gradient(x) * 2), x) == [None]


def test_second_order_gradients(engine):
    x = K.placeholder((3,))
    (first,) = K.gradients(K.sum(x**3), x)
    (second,) = K.gradients(K.sum(first), x)
    penalty = K.gradients(K.sum(K.square(first)), [x])
    a, b = K.function([x], [second, *penalty])([np.array([1.0, 2.0, 3.0])])
    np.testing.assert_allclose(a, [6, 12, 18], rtol=1e-5)
    np.testing.assert_allclose(b, [36, 288, 972], rtol=1e-5)


def test_a_variational_sample_is_drawn_anew_in_each_run(engine):
    z_mean, z_log = layers.Input((2,)), layers.Input((2,))
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], 2), mean=0.0, stddev=1.0)
    z = z_mean + K.exp(z_log / 2) * epsilon
    assert K.int_shape(epsilon) == (None, 2) and K.int_shape(z) == (None, 2)
    function = K.function([z_mean, z_log], [z, K.gradients(K.sum(z), z_mean)[0]])
    mean = np.full((500, 2), 3.0)
    first, grad = function([mean, np.zeros((500, 2))])
    second, _ = function([mean, np.zeros((500, 2))])
    assert abs(first.mean() - 3) < 0.2 and abs(first.std() - 1) < 0.2
    assert not np.array_equal(first, second) and (grad == 1).all()
    assert function([mean[:7], np.zeros((7, 2))])[0].shape == (7, 2)


def test_sampling_in_a_lambda(engine):
    def sampling(args):
        z_mean, z_log = args
        batch, dim = K.shape(z_mean)[0], K.int_shape(z_mean)[1]
        return z_mean + K.exp(0.5 * z_log) * K.random_normal(shape=(batch, dim))

    a, b = layers.Input((3,)), layers.Input((3,))
    model = Model([a, b], layers.Lambda(sampling, output_shape=(3,))([a, b]))
    x = np.zeros((5, 3), "float32")
    first, second = model.predict([x, x], verbose=0), model.predict([x, x], verbose=0)
    assert first.shape == (5, 3) and not np.array_equal(first, second)


def test_dimensions_of_symbols(engine):
    x = K.placeholder((None, 4, None))
    n = K.shape(x)[0]
    assert K.shape(x)[1] == 4
    found = K.function(
        [x],
        [
            K.shape(x),
            K.reshape(x, (n, 4 * K.shape(x)[2])),
            K.reshape(x, K.stack([-1, K.prod(K.shape(x)[1:])])),
            K.zeros((n, 2)) + 1,
            K.ones((n * 2,)),
            K.tile(K.constant([[1.0, 2.0]]), [n, 1]),
            K.sum(x) / K.cast(n, "float32"),
            x[: n - 1],
            K.arange(n),
            K.ones_like(x),
            K.eye(3) + K.cast(n // 2, "float32"),
        ],
    )([np.arange(24.0).reshape(2, 4, 3)])
    assert list(found[0]) == [2, 4, 3]
    assert [f.shape for f in found[1:6]] == [(2, 12), (2, 12), (2, 2), (4,), (2, 2)]
    assert found[6] == 138 and found[7].shape == (1, 4, 3) and list(found[8]) == [0, 1]
    assert found[9].shape == (2, 4, 3) and found[10][0, 1] == 1


def test_updates(engine):
    count, total = K.variable(0), K.variable(np.zeros(2))
    x = K.placeholder((2,))
    step = K.function([x], [x * 2 + total], updates=[(total, total + x), K.update_add(count, 1.0)])
    assert list(step([[1.0, 2.0]])[0]) == [2, 4] and list(step([[1.0, 2.0]])[0]) == [3, 6]
    assert K.get_value(count) == 2 and list(K.get_value(total)) == [2, 4]
    average = K.moving_average_update(total, K.constant([0.0, 0.0]), 0.9)
    assert list(K.get_value(total)) == [2, 4]  # not yet: it is pending
    K.function([], [], updates=[average])([])
    np.testing.assert_allclose(K.get_value(total), [1.8, 3.6], rtol=1e-6)
    assert K.eval(K.update_sub(count, 0.5)) == 1.5 and K.get_value(count) == 1.5
    with computing.running():
        K.update(count, 9)
    assert K.get_value(count) == 9


def test_an_optimizer_of_ones_own_by_updates(engine):
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    target = K.placeholder((None, 1))
    loss = K.mean(K.square(model.output - target))
    params = model.trainable_weights
    updates = [K.update_sub(p, 0.1 * g) for p, g in zip(params, K.gradients(loss, params))]
    train = K.function([model.input, target], [loss], updates=updates)
    x = _draw(32, 3)
    y = x.sum(axis=1, keepdims=True)
    losses = [float(train([x, y])[0]) for _ in range(30)]
    assert losses[-1] < 0.05 * losses[0]


def test_draws(engine):
    drawn = [
        K.random_uniform((1000,), -1, 3),
        K.random_binomial((200,), p=0.3),
        K.truncated_normal((500,), stddev=2.0),
        K.dropout(K.variable(np.ones(1000)), 0.25),
        K.random_normal((4,), seed=3),
        K.random_normal((4,), seed=3),
    ]
    function = K.function([], drawn)
    uniform, binomial, truncated, dropped, one, other = function([])
    assert uniform.min() >= -1 and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.2
    assert set(binomial) == {0.0, 1.0} and np.abs(truncated).max() <= 4
    assert 0.15 < (dropped == 0).mean() < 0.35 and dropped.max() == pytest.approx(4 / 3)
    again = function([])
    assert not np.array_equal(uniform, again[0]) and not np.array_equal(one, again[4])
    np.testing.assert_array_equal(one, other)
    assert K.get_value(K.random_normal_variable((2, 3), 0, 1)).shape == (2, 3)


def test_loops(engine):
    x = K.placeholder((None, 3, 2))
    w = K.variable(np.eye(2) * 0.5)

    def step(inputs, states):
        output = K.dot(inputs, w) + states[0] + states[1]
        return output, [output]

    mask = K.placeholder((None, 3), dtype="bool")
    last, outputs, states = K.rnn(step, x, [K.zeros((2, 2))], mask=mask, constants=[K.constant([1.0, 1.0])])
    grads = K.gradients(K.sum(last), w)[0]
    data = np.arange(12.0).reshape(2, 3, 2)
    keep = np.array([[True, True, False], [False, True, True]])
    a, b, c, g = K.function([x, mask], [last, outputs, states[0], grads])([data, keep])
    np.testing.assert_allclose(b[0], [[1, 1.5], [3, 4], [3, 4]])
    np.testing.assert_allclose(b[1], [[0, 0], [5, 5.5], [11, 12]])
    np.testing.assert_allclose(a, b[:, -1])
    np.testing.assert_allclose(c, a)
    np.testing.assert_allclose(g, [[20, 20], [24, 24]])
    backwards = K.rnn(step, x, [K.zeros((2, 2))], go_backwards=True, constants=[K.zeros((2,))], unroll=True)
    assert K.function([x], [backwards[1]])([data])[0][0, 0].tolist() == [2, 2.5]

    e = K.placeholder((4,))
    found = K.function(
        [e],
        [
            K.map_fn(lambda i: i * 2, e),
            K.foldl(lambda acc, i: acc * 2 + i, e),
            K.foldr(lambda acc, i: acc * 2 + i, e, K.constant(0.0)),
            K.switch(K.sum(e) > 3, e, -e),
            K.switch(e > 2, lambda: e, lambda: e * 0),
        ],
    )([np.array([1.0, 2.0, 3.0, 4.0])])
    assert found[0].tolist() == [2, 4, 6, 8] and found[1] == 26 and found[2] == 49
    assert found[3].tolist() == [1, 2, 3, 4] and found[4].tolist() == [0, 0, 3, 4]


def test_leaves_and_evaluate(engine):
    x, v = K.placeholder((2,), name="x"), K.variable([1.0, 2.0])
    y = x * v
    sources, variables = graph.leaves([y])
    assert sources == [x] and variables == [v]
    assert ops.convert_to_numpy(graph.evaluate([y, v], {x: [3.0, 4.0]})[0]).tolist() == [3, 8]
    assert y.eval({x: np.array([1.0, 1.0])}).tolist() == [1, 2]


def test_errors_say_what_to_write():
    x = K.placeholder((2,), name="left_out")
    with pytest.raises(ValueError, match=r"placeholder 'left_out'.*K\.function\("):
        K.eval(x * 2)
    with pytest.raises(ValueError, match="takes 1 input"):
        K.function([x], [x])([1, 2])
    with pytest.raises(TypeError, match="kbridge.value_and_grad"):
        K.gradients(np.ones(3), x)
    with pytest.raises(RuntimeError, match="K.function"):
        K.get_session()
    with pytest.raises(TypeError, match="updates must be pairs"):
        K.function([x], [x], updates=[3])
    with pytest.raises(TypeError, match="must be a Variable"):
        K.update(x, 1)


def test_symbols_answer_as_they_did():
    x = layers.Input((4, 5))
    y = K.square(x)
    assert x._keras_shape == (None, 4, 5) and y.get_shape().as_list() == [None, 4, 5]
    assert int(y.get_shape()[1]) == 4 and y.get_shape()[0].value is None
    assert K.is_keras_tensor(x) and not K.is_keras_tensor(y) and not hasattr(y, "_keras_history")
    open_ended = K.placeholder((None, None))
    open_ended._keras_shape = (None, 7)
    assert K.int_shape(open_ended) == (None, 7)
    with pytest.raises(ValueError, match="has the shape"):
        open_ended.set_shape((None, 8))
    dense = layers.Dense(2)
    z = dense(x)
    assert z._keras_history.layer is dense and K.is_keras_tensor(z)
    assert K.is_placeholder(x) and not K.is_placeholder(z) and K.is_variable(K.variable(1)) and K.is_tensor(z)
    with pytest.raises(ValueError, match="symbolic tensor"):
        K.is_keras_tensor(np.ones(2))
