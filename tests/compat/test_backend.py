"""K functions on values: each against NumPy, in the words of both generations."""

import numpy as np
import pytest

from kbridge import layers, ops
from kbridge.compat import computing
from kbridge.compat.keras1 import backend as K1
from kbridge.compat.keras2 import backend as K

_pending = []  # (inputs, symbol, values, expected, tolerance) of the test that runs


@pytest.fixture(autouse=True)
def _fresh(request):
    """At the end of a test, all that it checked is computed by one function: a compiling engine does so once."""
    if "engine" in request.fixturenames:
        request.getfixturevalue("engine")  # it is to be in charge until this has ended
    computing.enable()
    _pending.clear()
    yield
    computing.set_phase(None)
    if _pending:
        _check_pending()


def _check_pending():
    inputs, values = [x for p in _pending for x in p[0]], [v for p in _pending for v in p[2]]
    found = K.function(inputs, [p[1] for p in _pending])(values)
    for (_, symbol, _, expected, tolerance), array in zip(_pending, found, strict=True):
        np.testing.assert_allclose(array, expected, **tolerance)
        assert len(K.int_shape(symbol)) == array.ndim
        assert all(a in (None, b) for a, b in zip(K.int_shape(symbol), array.shape))


def _draw(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def _check(function, expected, *values, **tolerance):
    """A K function of values gives what is expected, and so it does on placeholders, with the shape known before."""
    tolerance = {"rtol": 1e-4, "atol": 1e-5, **tolerance}
    if K.backend() == "numpy":
        np.testing.assert_allclose(K.eval(function(*values)), expected, **tolerance)
    inputs = [K.placeholder((None, *v.shape[1:]) if v.ndim else (), dtype=str(v.dtype)) for v in values]
    _pending.append((inputs, function(*inputs), values, expected, tolerance))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_elements(engine):
    x, y = _draw(3, 4), _draw(3, 4) + 0.5
    unary = {
        K.abs: np.abs,
        K.square: np.square,
        K.exp: np.exp,
        K.sign: np.sign,
        K.sin: np.sin,
        K.round: np.round,
        K.tanh: np.tanh,
        K.sigmoid: _sigmoid,
        K.hard_sigmoid: lambda x: np.clip(0.2 * x + 0.5, 0, 1),
        K.softsign: lambda x: x / (1 + np.abs(x)),
        K.softplus: lambda x: np.log1p(np.exp(x)),
        K.sqrt: lambda x: np.sqrt(np.maximum(x, 0)),
        K.elu: lambda x: np.where(x > 0, x, np.expm1(x)),
        K.relu: lambda x: np.maximum(x, 0),
    }
    for function, reference in unary.items():
        _check(function, reference(x), x)
    for function, reference in {K.maximum: np.maximum, K.greater: np.greater, K.less_equal: np.less_equal}.items():
        _check(function, reference(x, y), x, y)
    _check(lambda v: K.clip(v, -0.5, 0.5), np.clip(x, -0.5, 0.5), x)
    _check(lambda v: K.pow(v, 2), x**2, x)


def test_relu_with_all_its_arguments():
    x = np.array([-10.0, -1.0, 0.0, 0.5, 2.0, 5.0, 8.0], "float32")
    for alpha in (0.0, 0.3):
        for top in (None, 6.0):
            for threshold in (0.0, 1.0, -2.0):
                expected = np.where(x > threshold, x, 0)
                expected = expected if top is None else np.clip(expected, 0, top)
                expected = expected + np.where(x <= threshold, alpha * (x - threshold), 0)
                found = K.eval(K.relu(x, alpha=alpha, max_value=top, threshold=threshold))
                np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=f"{alpha} {top} {threshold}")


def test_reductions(engine):
    x = _draw(3, 4, 5)
    _check(lambda v: K.sum(v, axis=[1, 2]), x.sum((1, 2)), x)
    _check(lambda v: K.sum(v, axis=np.arange(1, 3)), x.sum((1, 2)), x)
    _check(lambda v: K.mean(v, axis=-1, keepdims=True), x.mean(-1, keepdims=True), x)
    _check(lambda v: K.std(v, axis=1), x.std(1), x)
    _check(lambda v: K.var(v), x.var(), x)
    _check(lambda v: K.logsumexp(v, axis=1), np.log(np.exp(x).sum(1)), x)
    _check(lambda v: K.cumsum(v, axis=1), x.cumsum(1), x)
    assert K.eval(K.mean(np.array([True, False]))) == 0.5 and K.eval(K.var(np.array([1, 2, 3, 4]))) == 1.25
    assert K.dtype(K.mean(np.array([1, 2]))) == "float32"
    assert K.eval(K.any(np.array([[True, False], [False, False]]), axis=1)).tolist() == [True, False]
    assert K.dtype(K1.all(np.array([True]))) == "uint8"
    assert K.eval(K.argmax(x, axis=1)).tolist() == x.argmax(1).tolist()


def test_products(engine):
    x, w = _draw(2, 3, 4), _draw(4, 5)
    _check(lambda a: K.dot(a, K.variable(w)), x @ w, x)
    a, b = _draw(2, 3, 4), _draw(2, 6, 4, 5)
    expected = np.einsum("abc,xycz->abxyz", a, b)
    np.testing.assert_allclose(K.eval(K.dot(a, b)), expected, rtol=1e-4, atol=1e-5)


def test_batch_dot(engine):
    for shapes, axes, subscripts in (
        (((6, 4), (6, 4)), 1, "bi,bi->b"),
        (((6, 4), (6, 4, 5)), None, "bi,bij->bj"),
        (((6, 4), (6, 5, 4)), (1, 2), "bi,bji->bj"),
        (((6, 3, 4), (6, 4)), (2, 1), "bij,bj->bi"),
        (((6, 3, 4), (6, 4, 5)), None, "bij,bjk->bik"),
        (((6, 4, 3), (6, 4, 5)), 1, "bji,bjk->bik"),
        (((6, 3, 4), (6, 5, 4)), (2, 2), "bij,bkj->bik"),
        (((6, 3, 4, 2), (6, 5, 4)), (2, -1), "bijl,bkj->bilk"),
        (((6, 3, 4, 2), (6, 5, 2, 7)), None, "bijl,bklm->bijkm"),
    ):
        x, y = _draw(*shapes[0]), _draw(*shapes[1]) + 1
        expected = np.einsum(subscripts, x, y)
        expected = expected[:, None] if expected.ndim == 1 else expected
        _check(lambda a, b, axes=axes: K.batch_dot(a, b, axes=axes), expected, x, y)


def test_batch_dot_refuses():
    with pytest.raises(ValueError, match=r"one length.*\(6, 4\)"):
        K.batch_dot(_draw(6, 4), _draw(6, 5), axes=1)
    with pytest.raises(ValueError, match="axis 0"):
        K.batch_dot(_draw(6, 4), _draw(6, 4), axes=0)


def test_axes(engine):
    x = _draw(2, 3, 4)
    _check(lambda v: K.permute_dimensions(v, (0, 2, 1)), x.transpose(0, 2, 1), x)
    _check(K.batch_flatten, x.reshape(2, 12), x)
    _check(lambda v: K.repeat_elements(v, 3, axis=1), np.repeat(x, 3, 1), x)
    _check(lambda v: K.expand_dims(v, 1), x[:, None], x)
    _check(lambda v: K.reverse(v, 1), x[:, ::-1], x)
    _check(lambda v: K.slice(v, [0, 1, 0], [-1, 2, 3]), x[:, 1:3, :3], x)
    _check(lambda v: K.temporal_padding(v, (1, 2)), np.pad(x, ((0, 0), (1, 2), (0, 0))), x)
    _check(lambda v: K.tile(v, [1, 2, 1]), np.tile(x, (1, 2, 1)), x)
    _check(lambda v: K.stack([v, v], axis=1), np.stack([x, x], 1), x)
    _check(lambda v: K.concatenate([v, v]), np.concatenate([x, x], -1), x)
    _check(lambda v: K.repeat(v, 3), np.repeat(x[:, 0][:, None], 3, 1), x[:, 0])
    ids = np.array([[0, 2], [1, 1]], "int32")
    _check(lambda i: K.gather(K.variable(x), K.cast(i, "int32") % 2), x[ids % 2], ids)
    _check(lambda i: K.one_hot(i, 3), np.eye(3)[ids], ids)
    assert K.eval(K.arange(2, 8, 2)).tolist() == [2, 4, 6] and K.dtype(K.arange(3)) == "int32"
    image = _draw(2, 3, 4, 2)
    padded = np.pad(image, ((0, 0), (1, 2), (3, 0), (0, 0)))
    _check(lambda v: K.spatial_2d_padding(v, ((1, 2), (3, 0))), padded, image)
    first = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))
    _check(lambda v: K1.spatial_2d_padding(v, (1, 1), "th"), first, image)
    _check(lambda v: K1.asymmetric_spatial_2d_padding(v, 1, 2, 3, 0, "tf"), padded, image)


def test_resizing(engine):
    x = _draw(2, 2, 3, 1)
    _check(lambda v: K.resize_images(v, 2, 3, "channels_last"), x.repeat(2, 1).repeat(3, 2), x)
    _check(lambda v: K1.resize_images(v, 2, 3, dim_ordering="th"), x.repeat(2, 2).repeat(3, 3), x)
    line = np.array([0.0, 2.0, 4.0], "float32").reshape(1, 1, 3, 1)
    expected = np.array([0.0, 1, 2, 3, 4, 4]).reshape(1, 1, 6, 1)
    _check(lambda v: K.resize_images(v, 1, 2, "channels_last", interpolation="bilinear"), expected, line)
    volume = _draw(1, 2, 2, 2, 1)
    _check(lambda v: K.resize_volumes(v, 2, 1, 1, "channels_last"), volume.repeat(2, 1), volume)


def test_normalization(engine):
    x = _draw(4, 3, 3, 2)
    gamma, beta = np.array([1.0, 2.0], "float32"), np.array([0.5, -0.5], "float32")
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = (x - mean) / np.sqrt(var + 1e-3) * gamma + beta
    for i, part in enumerate((expected, mean, var)):
        _check(lambda v, i=i: K.normalize_batch_in_training(v, gamma, beta, [0, 1, 2])[i], part, x, atol=1e-4)
    _check(lambda v: K.batch_normalization(v, mean, var, beta, gamma), expected, x, atol=1e-4)
    first, moved = x.transpose(0, 3, 1, 2), expected.transpose(0, 3, 1, 2)
    _check(lambda v: K.batch_normalization(v, mean, var, beta, gamma, axis=1, epsilon=1e-3), moved, first, atol=1e-4)
    _check(lambda v: K1.batch_normalization(v, mean, var, beta, gamma, 1e-3), expected, x, atol=1e-4)
    rows = _draw(3, 4)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    _check(lambda v: K.l2_normalize(v, axis=1), expected, rows)


def test_bias_add(engine):
    x, bias = _draw(2, 3, 4, 5), np.arange(5, dtype="float32")
    _check(lambda v: K.bias_add(v, K.variable(bias)), x + bias, x)
    first = np.arange(3, dtype="float32")
    _check(lambda v: K.bias_add(v, first, "channels_first"), x + first[:, None, None], x)
    whole = _draw(3, 4, 5)
    _check(lambda v: K.bias_add(v, whole), x + whole, x)
    with pytest.raises(ValueError, match="bias must have 1 axis, or 3"):
        K.bias_add(x, _draw(3, 4))


def test_crossentropies_take_their_arguments_in_the_order_of_the_time():
    target = np.eye(3, dtype="float32")[[0, 2, 1, 1]]
    logits = _draw(4, 3)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(p[np.arange(4), [0, 2, 1, 1]])
    labels = np.array([[0], [2], [1], [1]])
    for found in (
        K.categorical_crossentropy(target, p),
        K.categorical_crossentropy(target, logits, from_logits=True),
        K.categorical_crossentropy(target.T, p.T, axis=0),
        K1.categorical_crossentropy(p, target),
        K1.categorical_crossentropy(target=target, output=logits, from_logits=True),
        K.sparse_categorical_crossentropy(labels, p),
        K1.sparse_categorical_crossentropy(p, labels),
    ):
        np.testing.assert_allclose(K.eval(found), expected, rtol=1e-4)
    y, q = (target > 0).astype("float32"), _sigmoid(logits)
    expected = -(y * np.log(q) + (1 - y) * np.log(1 - q))
    np.testing.assert_allclose(K.eval(K.binary_crossentropy(y, q)), expected, rtol=1e-3)
    np.testing.assert_allclose(K.eval(K1.binary_crossentropy(logits, y, True)), expected, rtol=1e-3)
    assert K.eval(K.in_top_k(p, np.array([0, 2, 1, 1]), 3)).all()


def _conv2d(x, kernel, strides=(1, 1), dilation=(1, 1)):
    """Valid convolution of channels-last images, by loops."""
    height, width = ((k - 1) * d + 1 for k, d in zip(kernel.shape, dilation))
    rows = (x.shape[1] - height) // strides[0] + 1
    columns = (x.shape[2] - width) // strides[1] + 1
    found = np.zeros((len(x), rows, columns, kernel.shape[3]), "float32")
    for i in range(rows):
        for j in range(columns):
            a, b = i * strides[0], j * strides[1]
            window = x[:, a : a + height : dilation[0], b : b + width : dilation[1]]
            found[:, i, j] = np.einsum("nhwc,hwco->no", window, kernel)
    return found


def test_convolutions(engine):
    x, kernel = _draw(2, 6, 5, 3), _draw(3, 2, 3, 4)
    expected = _conv2d(x, kernel)
    _check(lambda v: K.conv2d(v, K.variable(kernel)), expected, x)
    strided = _conv2d(x, kernel, (2, 1))
    _check(lambda v: K.conv2d(v, kernel, strides=(2, 1)), strided, x)
    first, of_theano = x.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1)
    moved = expected.transpose(0, 3, 1, 2)
    _check(lambda v: K.conv2d(v, kernel, data_format="channels_first"), moved, first)
    _check(lambda v: K1.conv2d(v, of_theano, (1, 1), "valid", "th"), moved, first)
    _check(lambda v: K1.conv2d(v, kernel, border_mode="valid", dim_ordering="tf"), expected, x)
    _check(lambda v: K1.atrous_conv2d(v, kernel, 2, dim_ordering="tf"), _conv2d(x, kernel, dilation=(2, 2)), x)
    steps, causal = _draw(2, 5, 3), _draw(2, 3, 4)
    padded = np.pad(steps, ((0, 0), (1, 0), (0, 0)))
    expected = _conv2d(padded[:, :, None], causal[:, None])[:, :, 0]
    _check(lambda v: K.conv1d(v, causal, padding="causal"), expected, steps)
    assert K.int_shape(K.conv3d(_draw(1, 4, 4, 4, 2), _draw(2, 2, 2, 2, 3), padding="same")) == (1, 4, 4, 4, 3)
    depth = _draw(3, 2, 3, 1)
    point = _draw(1, 1, 3, 2)
    apart = np.concatenate([_conv2d(x[..., i : i + 1], depth[:, :, i : i + 1]) for i in range(3)], -1)
    _check(lambda v: K.depthwise_conv2d(v, depth), apart, x)
    _check(lambda v: K.separable_conv2d(v, depth, point), apart @ point[0, 0], x)


def test_transposed_convolutions():
    """The adjoint: <conv(a), b> = <a, conv_transpose(b)>, for each shape that a convolution may have come from."""
    kernel = _draw(3, 3, 2, 4)  # channels out, channels in of the transposed one
    for size, padding in ((7, "valid"), (8, "valid"), (7, "same"), (8, "same")):
        a = _draw(2, size, size, 2)
        forward = K.eval(K.conv2d(a, kernel, strides=(2, 2), padding=padding))
        b = _draw(*forward.shape) + 1
        back = K.eval(K.conv2d_transpose(b, kernel, (2, size, size, 2), strides=(2, 2), padding=padding))
        assert back.shape == a.shape
        np.testing.assert_allclose((forward * b).sum(), (a * back).sum(), rtol=1e-3, atol=1e-2)
    x = K.placeholder((None, 4, 4, 4))
    assert K.int_shape(K.conv2d_transpose(x, kernel, (K.shape(x)[0], 9, 9, 2), strides=(2, 2))) == (None, 9, 9, 2)
    old = K1.deconv2d(_draw(2, 4, 3, 3), _draw(5, 4, 3, 3), (2, 5, 6, 6), (2, 2), "same", "th")
    assert K.int_shape(old) == (2, 5, 6, 6)


def test_pooling(engine):
    x = _draw(2, 4, 6, 3)
    blocks = x.reshape(2, 2, 2, 3, 2, 3)
    _check(lambda v: K.pool2d(v, (2, 2), strides=(2, 2)), blocks.max((2, 4)), x)
    _check(lambda v: K1.pool2d(v, (2, 2), (2, 2), dim_ordering="tf", pool_mode="avg"), blocks.mean((2, 4)), x)
    assert K.int_shape(K.pool3d(_draw(1, 2, 4, 4, 4), (2, 2, 2), data_format="channels_first")) == (1, 2, 3, 3, 3)


def test_local_convolutions(engine):
    x, kernel = _draw(2, 5, 3), _draw(3, 2 * 3, 4)
    expected = np.stack([x[:, i : i + 2].reshape(2, 6) @ kernel[i] for i in range(0, 3)], 1)
    _check(lambda v: K.local_conv1d(v, kernel, (2,), (1,)), expected, x)
    image, kernel = _draw(2, 4, 5, 3), _draw(6, 2 * 2 * 3, 4)
    places = [(i, j) for i in (0, 1) for j in (0, 1, 2)]
    flat = [image[:, 2 * i : 2 * i + 2, j : j + 2].reshape(2, -1) @ kernel[n] for n, (i, j) in enumerate(places)]
    _check(lambda v: K.local_conv2d(v, kernel, (2, 2), (2, 1), (2, 3)), np.stack(flat, 1).reshape(2, 2, 3, 4), image)
    first = image.transpose(0, 3, 1, 2)
    flat = [first[:, :, 2 * i : 2 * i + 2, j : j + 2].reshape(2, -1) @ kernel[n] for n, (i, j) in enumerate(places)]
    expected = np.stack(flat, 2).reshape(2, 4, 2, 3)
    _check(lambda v: K.local_conv2d(v, kernel, (2, 2), (2, 1), (2, 3), "channels_first"), expected, first)


def test_ctc(engine):
    p = np.exp(_draw(2, 4, 3))
    p /= p.sum(-1, keepdims=True)
    labels, ends, steps = np.array([[0, 1], [1, -1]]), np.array([[2], [1]]), np.array([[4], [3]])

    def probability(rows, target):
        """The sum over all ways to write ``target``: repeats are joined, then blanks (2) left out."""
        total = 0.0
        for way in np.ndindex(*[3] * len(rows)):
            joined = [c for i, c in enumerate(way) if i == 0 or c != way[i - 1]]
            if [c for c in joined if c != 2] == target:
                total += np.prod([row[c] for row, c in zip(rows, way)])
        return total

    expected = -np.log([[probability(p[0], [0, 1])], [probability(p[1][:3], [1])]])
    _check(lambda a, b, c, d: K.ctc_batch_cost(a, b, c, d), expected, labels, p, steps, ends)
    found = K1.ctc_cost(p[0], np.array([0, 1]))
    assert float(found) + np.log(4) == pytest.approx(float(expected[0, 0]), rel=1e-2)  # counted at each of 4 steps
    sure = np.eye(3, dtype="float32")[[[0, 0, 2, 1], [1, 2, 1, 1]]] * 0.9 + 0.03
    for greedy in (True, False) if K.backend() == "numpy" else ():
        decoded, scores = K.ctc_decode(sure, np.array([4, 4]), greedy=greedy, beam_width=4)
        assert K.get_value(decoded[0]).tolist() == [[0, 1], [1, 1]] and K.eval(scores).shape == (2, 1)
    x = K.placeholder((None, 4, 3))
    found = K.function([x], [K.ctc_decode(x, [4, 4])[0][0]])([sure])[0]
    assert found.tolist() == [[0, 1, -1, -1], [1, 1, -1, -1]]
    sparse = K.ctc_label_dense_to_sparse(labels, ends)
    assert sparse.values.tolist() == [0, 1, 1] and sparse.indices.tolist() == [[0, 0], [0, 1], [1, 0]]


def test_variables():
    v = K.variable([[1, 2], [3, 4]], name="v")
    assert K.dtype(v) == "float32" and K.int_shape(v) == (2, 2) and K.count_params(v) == 4 and K.ndim(v) == 2
    twice = v * 2 + 1  # a symbol: it has the value of its time
    K.set_value(v, np.ones((2, 2)))
    assert K.eval(twice).tolist() == [[3, 3], [3, 3]] and K.get_value(v[0]).tolist() == [1, 1]
    K.batch_set_value([(v, np.zeros((2, 2)))])
    assert K.batch_get_value([v])[0].sum() == 0 and K.eval(K.sum(v - 1)) == -4
    assert K.is_variable(K.zeros((2, 3))) and K.eval(K.eye(2)).tolist() == [[1, 0], [0, 1]]
    assert K.eval(K.constant(3, shape=(2, 2))).tolist() == [[3, 3], [3, 3]]
    assert K.eval(K.zeros_like(v, dtype="int32")).dtype == np.int32
    assert K.eval(K.shape(v)).tolist() == [2, 2] and K.eval(K.size(v)) == 4
    with pytest.raises(TypeError, match="K.variable"):
        K.set_value(np.ones(2), 3)


def test_layers_written_with_k(engine):
    class Standardized(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
            self.offset = K.variable(np.full(shape[-1], 0.5))
            super().build(shape)

        def call(self, x, mask=None):
            size = K.shape(x)[0]
            spread = K.std(x, axis=0, keepdims=True) + K.epsilon()
            x = (x - K.mean(x, axis=0, keepdims=True)) / spread * self.scale + self.offset
            return K.in_train_phase(x, K.reshape(x, (size, -1)) * 2)

    layer = Standardized()
    out = layer(layers.Input((3,)))
    assert K.int_shape(out) == (None, 3)
    x = _draw(5, 3)
    expected = (x - x.mean(0)) / x.std(0) + 0.5
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected * 2, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x, training=True)), expected, rtol=1e-3, atol=1e-4)


def test_settings():
    K1.set_image_dim_ordering("th")
    assert K.image_data_format() == "channels_first" and K1.image_dim_ordering() == "th"
    assert K1.image_data_format() == "channels_first" and K.normalize_data_format("tf") == "channels_last"
    K.set_image_data_format("channels_last")
    assert K1.image_dim_ordering() == "tf"
    assert K.backend() == "numpy" and K._BACKEND == "numpy" and K._config["floatx"] == "float32"
    assert K.cast_to_floatx(np.arange(3)).dtype == np.float32
    assert K.get_uid("x_of_this_test") == 1 and K.get_uid("x_of_this_test") == 2
    with pytest.raises(ValueError, match='"tf" or "th"'):
        K1.set_image_dim_ordering("channels_last")
    from kbridge.compat.keras2.backend import tensorflow_backend

    assert tensorflow_backend.square is K.square and tensorflow_backend._EPSILON == K.epsilon()
    with K.name_scope("a/b"):
        assert K.eval(K.ones((1,))) == 1


def test_names_of_other_generations_are_taken():
    x = _draw(2, 3)
    assert K.int_shape(K.expand_dims(x, dim=0)) == (1, 2, 3) and K.int_shape(K1.expand_dims(x, axis=0)) == (1, 2, 3)
    assert K.eval(K.random_normal((4,), std=0.0)).tolist() == [0] * 4
    assert K.eval(K1.random_uniform((4,), low=2, high=2)).tolist() == [2] * 4
    image = _draw(1, 4, 4, 1)
    found = K.conv2d(image, _draw(2, 2, 1, 1), border_mode="same", dim_ordering="tf", image_shape=None)
    assert K.int_shape(found) == (1, 4, 4, 1)
    with pytest.raises(TypeError, match="nonsense"):
        K.conv2d(image, _draw(2, 2, 1, 1), nonsense=3)
