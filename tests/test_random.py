"""``kbridge.random``: seeds, distributions, and the portable generator."""

import numpy as np
import pytest

from kbridge import ops, random
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor
from kbridge.ops.random import _threefry

N = 20_000


def host(x):
    return np.asarray(registry.current().to_numpy(x)).astype("float64")


@pytest.fixture(params=[False, True], ids=["own", "portable"])
def generator(request):
    """The engine's own generator, then the portable one."""
    random.set_portable(request.param)
    yield request.param
    random.set_portable(False)


@pytest.fixture
def portable():
    random.set_portable(True)
    yield
    random.set_portable(False)


# name: (draw, mean, variance)
DISTRIBUTIONS = {
    "uniform": (lambda s: random.uniform((N,), -2.0, 4.0, seed=s), 1.0, 3.0),
    "normal": (lambda s: random.normal((N,), 3.0, 2.0, seed=s), 3.0, 4.0),
    "truncated": (lambda s: random.truncated_normal((N,), seed=s), 0.0, 0.774),
    "randint": (lambda s: random.randint((N,), -3, 7, seed=s), 1.5, 8.25),
    "gamma": (lambda s: random.gamma((N,), 4.5, seed=s), 4.5, 4.5),
    "small gamma": (lambda s: random.gamma((N,), 0.3, seed=s), 0.3, 0.3),
    "beta": (lambda s: random.beta((N,), 2.0, 3.0, seed=s), 0.4, 0.04),
    "binomial": (lambda s: random.binomial((N,), 1000, 0.9, seed=s), 900.0, 90.0),
    "categorical": (lambda s: random.categorical(np.log([[0.5, 0.2, 0.3]]), N, seed=s), 0.8, 0.76),
    "dropout": (lambda s: random.dropout(np.ones(N, "float32"), 0.2, seed=s), 1.0, 0.25),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_mean_and_variance(engine, generator, name):
    draw, mean, variance = DISTRIBUTIONS[name]
    x = host(draw(17))
    assert abs(x.mean() - mean) < 6 * (variance / N) ** 0.5 + 1e-6
    assert abs(x.var() - variance) < 0.2 * variance + 1e-6


def test_ranges_and_dtypes(engine, generator):
    for dtype in ("bfloat16", "float16", "float32", "float64"):
        x = random.uniform((N,), dtype=dtype, seed=1)
        assert registry.current().dtype(x) == dtype
        assert 0.0 <= host(x).min() and host(x).max() < 1.0
    assert np.abs(host(random.truncated_normal((N,), seed=1))).max() <= 2.0
    assert set(host(random.randint((500,), 2, 5, dtype="uint8", seed=1))) == {2, 3, 4}
    assert set(host(random.binomial((50,), 7, 1.0, seed=1))) == {7}
    order = host(random.shuffle(np.arange(50), seed=1))
    assert sorted(order) == list(range(50)) and list(order) != list(range(50))
    rows = host(random.dropout(np.ones((40, 6), "float32"), 0.5, noise_shape=(None, 1), seed=1))
    assert (rows == rows[:, :1]).all() and 0 < (rows == 0).mean() < 1


def test_seeds(engine, generator):
    def draw(seed=None):
        return host(random.normal((5,), seed=seed))

    assert (draw(3) == draw(3)).all() and (draw(3) != draw(4)).any()
    stream, again = random.SeedGenerator(3), random.SeedGenerator(3)
    first, second = draw(stream), draw(stream)
    assert (first != second).any() and (first == draw(again)).all()
    assert stream.state.numpy().tolist() == [3, 2]
    random.set_random_seed(5)
    first, second = draw(), draw()
    random.set_random_seed(5)
    assert (first == draw()).all() and (first != second).any()


def test_a_compiled_function_draws_anew(engine, generator):
    stream = random.SeedGenerator(7)
    drop = registry.current().compile(lambda x: random.dropout(x, 0.5, seed=stream), [stream.state])
    x = ops.ones((40,))
    first, second = host(drop(x)), host(drop(x))
    assert (first != second).any()
    assert stream.state.numpy().tolist() == [7, 2]
    assert (first == host(random.dropout(x, 0.5, seed=random.SeedGenerator(7)))).all()


def test_the_gradient_of_dropout(engine):
    x = ops.ones((40,))
    _, (gradient,) = registry.current().value_and_grad(lambda x: ops.sum(random.dropout(x, 0.5, seed=3)), [x])
    np.testing.assert_allclose(host(gradient), host(random.dropout(x, 0.5, seed=3)))


def test_symbols_become_nodes_and_draw_nothing():
    stream = random.SeedGenerator(7)
    y = random.dropout(KerasTensor((None, 4)), 0.5, seed=stream)
    assert y.shape == (None, 4) and y.node.name == "dropout"
    assert random.categorical(KerasTensor((None, 4)), 3, seed=stream).shape == (None, 3)
    assert stream.state.numpy().tolist() == [7, 0]


def test_threefry(engine):
    """The known answers published with the Random123 library."""
    rows = [
        ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
        ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
        ("13198a2e 03707344", "243f6a88 85a308d3", "c4923a9c 483df7a0"),
    ]
    for texts in rows:
        key, counter, want = (
            np.array([int(word, 16) for word in text.split()], "uint32").view("int32") for text in texts
        )
        got = _threefry(*(ops.convert_to_tensor(x) for x in (key, counter[:1], counter[1:])))
        assert [int(registry.current().to_numpy(x)[0]) for x in got] == want.tolist()


def test_portable_numbers_are_the_same_everywhere(portable):
    def draws():
        return [
            random.uniform((33,), seed=1),
            random.uniform((33,), dtype="float64", seed=1),
            random.normal((33,), seed=2),
            random.truncated_normal((33,), seed=3),
            random.randint((33,), 0, 100, seed=4),
            random.binomial((33,), 50, 0.4, seed=5),
            random.categorical(np.zeros((2, 9), "float32"), 11, seed=6),
            random.dropout(np.ones((5, 7), "float32"), 0.3, seed=7),
            random.shuffle(np.arange(20), seed=8),
            random.gamma((33,), 2.5, seed=9),
        ]

    found = {}
    for name in registry.BUILT_IN:
        with registry.use_backend(name) as engine:
            found[name] = [engine.to_numpy(x) for x in draws()]
    for name, arrays in found.items():
        for got, want in zip(arrays[:-1], found["numpy"]):
            np.testing.assert_array_equal(got, want, err_msg=name)
        np.testing.assert_allclose(arrays[-1], found["numpy"][-1], rtol=1e-5)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: random.uniform((2,), dtype="int32"), "random.uniform: `dtype` must be a float dtype"),
        (lambda: random.randint((2,), 0, 3, dtype="float32"), "random.randint: `dtype` must be an integer dtype"),
        (lambda: random.dropout(np.ones(3), 1.5), "random.dropout: `rate` must be between 0 and 1. Received: rate=1.5"),
        (lambda: random.categorical(np.ones(3), 2), r"must have the shape \(batch, classes\). Received: \(3,\)"),
        (lambda: random.normal((2,), seed="x"), "`seed` must be an int, a SeedGenerator or None. Received: seed='x'"),
        (lambda: random.SeedGenerator(1.5), "SeedGenerator: `seed` must be an int or None. Received: seed=1.5"),
        (lambda: random.set_random_seed("x"), "set_random_seed takes an int. Received: seed='x'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
