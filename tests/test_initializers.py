"""Initializers: their distributions, their seeds, and Keras 3's values where chance plays no part."""

import json
import math

import numpy as np
import pytest
from oracle import close, keras, same_config

from kbridge import initializers, ops
from kbridge.backend import registry, seeds
from kbridge.backend.abstract import engine as abstract
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.variable import Variable

SHAPE = (300, 200)
FAN = 250.0

# name, arguments, and of the draw: mean, standard deviation, least, greatest
TRUNCATED = 0.8796256610342398
DISTRIBUTIONS = [
    ("RandomNormal", {}, 0.0, 0.05, -math.inf, math.inf),
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0}, 1.0, 2.0, -math.inf, math.inf),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.5}, 1.0, 0.5 * TRUNCATED, 0.0, 2.0),
    ("RandomUniform", {}, 0.0, 0.1 / math.sqrt(12), -0.05, 0.05),
    ("RandomUniform", {"minval": 1.0, "maxval": 4.0}, 2.5, 3 / math.sqrt(12), 1.0, 4.0),
    ("GlorotUniform", {}, 0.0, math.sqrt(1 / FAN), -math.sqrt(3 / FAN), math.sqrt(3 / FAN)),
    ("GlorotNormal", {}, 0.0, math.sqrt(1 / FAN), -2 / TRUNCATED / math.sqrt(FAN), 2 / TRUNCATED / math.sqrt(FAN)),
    ("LecunUniform", {}, 0.0, math.sqrt(1 / 300), -0.1, 0.1),
    ("LecunNormal", {}, 0.0, math.sqrt(1 / 300), -0.132, 0.132),
    ("HeUniform", {}, 0.0, math.sqrt(2 / 300), -math.sqrt(6 / 300), math.sqrt(6 / 300)),
    ("HeNormal", {}, 0.0, math.sqrt(2 / 300), -0.186, 0.186),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out"}, 0.0, math.sqrt(3 / 200), -0.2785, 0.2785),
    (
        "VarianceScaling",
        {"mode": "fan_avg", "distribution": "untruncated_normal"},
        0.0,
        math.sqrt(1 / FAN),
        -math.inf,
        math.inf,
    ),
]


@pytest.mark.parametrize("name, kwargs, mean, stddev, low, high", DISTRIBUTIONS)
def test_distribution(name, kwargs, mean, stddev, low, high):
    for values in (
        getattr(initializers, name)(seed=3, **kwargs).draw(SHAPE, "float32"),
        np.asarray(getattr(keras.initializers, name)(seed=3, **kwargs)(SHAPE)),
    ):
        n = values.size
        assert values.dtype == "float32" and values.shape == SHAPE
        assert abs(values.mean() - mean) < 5 * stddev / math.sqrt(n)
        assert abs(values.std() / stddev - 1) < 5 / math.sqrt(n)
        assert low - 1e-3 * stddev <= values.min() and values.max() <= high + 1e-3 * stddev
        if math.isfinite(high):  # it reaches nearly as far as it may
            assert values.max() > high - 0.2 * stddev and values.min() < low + 0.2 * stddev


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (3, 4, 12), (2, 2, 20)])
def test_orthogonal(shape):
    for make in (initializers.Orthogonal(gain=2.0, seed=1).draw, keras.initializers.Orthogonal(gain=2.0, seed=1)):
        matrix = np.asarray(make(shape, "float32")).reshape(-1, shape[-1])
        product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(product, 4.0 * np.eye(len(product)), atol=1e-5)


FIXED = [
    ("Zeros", {}, (2, 3)),
    ("Ones", {}, (2, 3)),
    ("Constant", {"value": 2.5}, (2, 3)),
    ("Constant", {"value": [1.0, 2.0, 3.0]}, (2, 3)),
    ("Identity", {"gain": 2.0}, (2, 3)),
    ("STFT", {}, (8, 1, 5)),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}, (8, 1, 5)),
    ("STFT", {"window": "blackman", "scaling": None}, (6, 1, 5)),
    ("STFT", {"window": None}, (6, 1, 5)),
]


@pytest.mark.parametrize("name, kwargs, shape", FIXED)
def test_fixed_values(engine, name, kwargs, shape):
    for dtype in ("float32", "float64"):
        ours = getattr(initializers, name)(**kwargs)(shape, dtype)
        assert engine.is_tensor(ours) and engine.dtype(ours) == dtype
        close(ours, getattr(keras.initializers, name)(**kwargs)(shape, dtype), atol=1e-6)


@pytest.mark.parametrize("name", ["GlorotUniform", "HeNormal", "RandomNormal", "Orthogonal"])
def test_a_seed_gives_the_same_on_every_engine(engine, name):
    make = getattr(initializers, name)
    values = make(seed=5).draw((4, 3), "float32")
    initializer = make(seed=5)
    close(initializer((4, 3)), values, rtol=0, atol=0)
    close(initializer((4, 3)), values, rtol=0, atol=0)  # an int gives the same at every call
    close(Variable(initializer, shape=(4, 3)).value, values, rtol=0, atol=0)
    assert not np.array_equal(make(seed=6).draw((4, 3)), values)


def test_no_seed_takes_the_next_of_the_stream():
    seeds.set_seed(1)
    one, two = initializers.GlorotUniform(), initializers.GlorotUniform()
    first, second = one.draw((3, 3)), two.draw((3, 3))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, one.draw((3, 3)))
    assert one.get_config()["seed"] is None
    seeds.set_seed(1)
    assert np.array_equal(initializers.GlorotUniform().draw((3, 3)), first)
    assert not np.array_equal(one.clone().draw((3, 3)), first)


def test_a_seed_generator_gives_other_values_at_each_call(engine):
    from kbridge.random import SeedGenerator

    drawn = []
    for _ in range(2):
        initializer = initializers.RandomUniform(seed=SeedGenerator(3))
        drawn.append([initializer.draw((5,)) for _ in range(2)])
    assert not np.array_equal(drawn[0][0], drawn[0][1])
    np.testing.assert_array_equal(drawn[0], drawn[1])
    config = initializers.serialize(initializers.HeNormal(seed=SeedGenerator(3, name="mine")))
    same_config(
        config, keras.initializers.serialize(keras.initializers.HeNormal(keras.random.SeedGenerator(3, "mine")))
    )
    assert isinstance(initializers.deserialize(config).seed, SeedGenerator)


@pytest.mark.parametrize(
    "kernel, fans", [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((2, 3, 4, 5), (24, 30)), ((2, 3, 4), (6, 8))]
)
def test_fans(kernel, fans):
    assert initializers.compute_fans(kernel) == fans


def test_axes_may_be_named():
    values = initializers.HeNormal(seed=1, input_axes=[0], output_axes=[1, 2]).draw((50, 40, 30))
    assert abs(values.std() / math.sqrt(2 / 50) - 1) < 0.02


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
def test_dtypes(engine, dtype):
    tensor = initializers.RandomUniform(0, 9, seed=2)((6,), dtype)
    assert engine.dtype(tensor) == dtype
    assert Variable(initializers.Ones(), shape=(2,), dtype=dtype).dtype == dtype


def test_shapes_may_be_empty():
    for name in ("glorot_uniform", "truncated_normal", "ones", "random_uniform"):
        assert initializers.get(name).draw((0, 3)).shape == (0, 3)
        assert initializers.get(name).draw(()).shape == ()


def test_one_of_the_user(engine):
    class Ramp(initializers.Initializer):
        def __init__(self, slope=1.0):
            self.slope = slope

        def __call__(self, shape, dtype=None):
            return self.slope * ops.arange(shape[0], dtype=dtype)

        def get_config(self):
            return {"slope": self.slope}

    class Doubled(initializers.GlorotUniform):
        def __call__(self, shape, dtype=None):
            return 2.0 * super().__call__(shape, dtype)

    close(Variable(Ramp(2.0), shape=(3,)).value, np.array([0.0, 2.0, 4.0], "float32"))
    with entered(get_frame().child(engine=abstract)):  # where shapes are worked out, a layer may be built
        variables = Variable(Ramp(2.0), shape=(3,)), Variable(initializers.Ones(), shape=(3,))
    close(variables[0].value + variables[1].value, np.array([1.0, 3.0, 5.0], "float32"))
    np.testing.assert_array_equal(Doubled(1).draw((2, 2)), 2 * initializers.GlorotUniform(1).draw((2, 2)))
    config = initializers.serialize(Ramp(3.0))
    assert initializers.deserialize(config, {"Ramp": Ramp}).slope == 3.0


CONFIGS = [
    *((name, kwargs) for name, kwargs, *_ in DISTRIBUTIONS),
    *((name, kwargs) for name, kwargs, _ in FIXED),
    ("Orthogonal", {"gain": 3.0}),
    ("GlorotNormal", {"seed": 4, "input_axes": [0], "output_axes": [1]}),
]


@pytest.mark.parametrize("name, kwargs", CONFIGS)
def test_config(name, kwargs):
    ours = initializers.serialize(getattr(initializers, name)(**kwargs))
    same_config(ours, keras.initializers.serialize(getattr(keras.initializers, name)(**kwargs)))
    again = initializers.deserialize(json.loads(json.dumps(ours)))
    assert initializers.serialize(again) == ours


@pytest.mark.parametrize(
    "name",
    "zeros ones zero one identity orthogonal normal uniform random_normal random_uniform truncated_normal "
    "variance_scaling glorot_uniform glorot_normal he_uniform he_normal lecun_uniform lecun_normal stft "
    "IdentityInitializer OrthogonalInitializer STFTInitializer GlorotUniform".split(),
)
def test_names(name):
    assert type(initializers.get(name)).__name__ == type(keras.initializers.get(name)).__name__


def test_files_of_older_releases():
    config = {"module": "keras.initializers", "class_name": "OrthogonalInitializer", "config": {"gain": 2.0}}
    assert initializers.deserialize({**config, "registered_name": None}).gain == 2.0


def test_an_array_stands_for_itself():
    given = initializers.get(np.arange(3.0))
    np.testing.assert_array_equal(Variable(given, shape=(3,)).numpy(), [0, 1, 2])
    with pytest.raises(ValueError, match=r"has the shape \(3,\). Expected the shape \(2, 3\)"):
        given.draw((2, 3))


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: initializers.get("glorot_unifrom"),
            "Unknown initializer 'glorot_unifrom'. Did you mean 'glorot_uniform'",
        ),
        (lambda: initializers.get(3), "Could not understand 3 as an initializer"),
        (
            lambda: initializers.GlorotUniform(seed="a"),
            "seed must be an int, None or a SeedGenerator. Received: seed='a'",
        ),
        (lambda: initializers.VarianceScaling(scale=0), "scale must be positive. Received: scale=0"),
        (
            lambda: initializers.VarianceScaling(mode="fan"),
            "mode must be one of fan_in, fan_out, fan_avg. Received: mode='fan'",
        ),
        (
            lambda: initializers.VarianceScaling(distribution="x"),
            "distribution must be one of .*Received: distribution='x'",
        ),
        (lambda: initializers.Orthogonal()((3,)), r"rank 2 or more. Received: shape=\(3,\)"),
        (lambda: initializers.Identity()((3,)), r"matrices only. Received: shape=\(3,\)"),
        (lambda: initializers.STFT(side="both"), "side must be 'real' or 'imag'. Received: side='both'"),
    ],
)
def test_errors(make, message):
    with registry.use_backend("numpy"), pytest.raises(ValueError, match=message):
        make()


def test_an_initializer_without_values_says_so():
    with pytest.raises(NotImplementedError, match="Mine needs a method __call__"):
        type("Mine", (initializers.Initializer,), {})().draw((2,))
