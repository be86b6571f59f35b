"""What only the NumPy engine does: the tape, boxes that behave like arrays, optimizers on joined storage."""

import threading

import numpy as np
import pytest
from kbridge_numpy import boxes, convolution, tape
from kbridge_numpy.tape import Tape, Traced

import kbridge.ops  # noqa: F401
from kbridge.backend import registry
from kbridge.backend.op import OPS
from kbridge.backend.variable import Variable

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def numpy_engine():
    with registry.use_backend("numpy") as engine:
        yield engine


def gradient(numpy_engine, function, *arrays):
    return numpy_engine.value_and_grad(function, list(arrays))[1]


def check(numpy_engine, function, *arrays, tolerance=1e-6):
    """First and second derivatives of a scalar function along a random direction, against differences."""

    def slope(*xs):
        return sum(np.sum(g * d) for g, d in zip(gradient(numpy_engine, function, *xs), directions, strict=True))

    directions = [RANDOM.standard_normal(a.shape) for a in arrays]
    step = 1e-5
    ahead, behind = ([a + s * d for a, d in zip(arrays, directions, strict=True)] for s in (step, -step))
    slope_between = (function(*ahead) - function(*behind)) / (2 * step)
    assert np.isclose(slope(*arrays), slope_between, rtol=tolerance, atol=tolerance)
    found = gradient(numpy_engine, slope, *arrays)
    second = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True) if g is not None)
    assert np.isclose(second, (slope(*ahead) - slope(*behind)) / (2 * step), rtol=1e-4, atol=1e-5)


# -- boxes

A, B = RANDOM.standard_normal((3, 4)), RANDOM.standard_normal((3, 4))
AS_USERS_WRITE = {
    "operators": lambda a, b: ((a + 1) * (2 - b) / (b**2 + 3) - -a).sum(),
    "reflected": lambda a, b: (np.ones(4) + a - np.ones((3, 1)) * b).sum() + (B / (a * a + 1) @ A.T).mean(),
    "in place on a box": lambda a, b: _in_place(a, b),
    "ufuncs": lambda a, b: np.sum(np.sin(a) * np.exp(-np.abs(b)) + np.tanh(a - b)),
    "methods": lambda a, b: a.reshape(4, 3).T.mean(0).std() + b.transpose(1, 0).max() + (a * b).clip(-1, 1).sum(),
    "indexing": lambda a, b: np.sum(a[1:, ::2] * b[:2, [3, 0]]) + a[-1, 2] * b[0].sum() + a[A > 0].prod(),
    "joining": lambda a, b: np.sum(np.concatenate([a, b], 1) ** 2 * np.stack([a, b], 1).reshape(3, 8)),
    "functions": lambda a, b: np.linalg.norm(a) * np.var(b) + np.dot(a[0], b[0]) + np.sum(np.where(a > b, a, b * b)),
    "rearranging": lambda a, b: np.sum(np.tile(a, (2, 1)) * np.repeat(b, 2, 0)) + np.sum(np.roll(a, 1, 0) * np.flip(b)),
    "einsum": lambda a, b: np.einsum("ij,kj->ik", a, b)[0].sum() * np.einsum("ij,ij->", a, b) + np.outer(a, b).sum(),
    "linear algebra": lambda a, b: np.sum(np.linalg.inv(a @ a.T + np.eye(3)) @ b) + np.linalg.det(b @ b.T + np.eye(3)),
    "ops": lambda a, b: OPS["sum"](OPS["softmax"](a) * OPS["gelu"](b)) + OPS["logsumexp"](a * b),
}


def _in_place(a, b):
    a = a + 0.0
    a *= b
    a += 1
    return (a * a).sum()


@pytest.mark.parametrize("name", AS_USERS_WRITE)
def test_users_numpy_is_differentiated_twice(numpy_engine, name):
    check(numpy_engine, AS_USERS_WRITE[name], A, B)


def test_a_box_gives_its_plain_value(numpy_engine):
    def function(x):
        assert type(x) is Traced and x.shape == (3,) and x.dtype == np.float64 and x.ndim == 1 and len(x) == 3
        assert type(np.asarray(x)) is np.ndarray and float(x[0]) == 1.0 and int(x[1]) == 2 and x.tolist() == [1, 2, 3]
        assert type(x > 1) is np.ndarray and bool((x > 0).all()) and np.argmax(x) == 2 and f"{x[0]:.1f}" == "1.0"
        assert [float(item) for item in x] == [1, 2, 3] and x[1].item() == 2.0 and "Traced" in repr(x)
        return (x * np.asarray(x)).sum()  # the array is a constant

    np.testing.assert_allclose(gradient(numpy_engine, function, np.array([1.0, 2.0, 3.0]))[0], [1, 2, 3])


def test_what_would_lose_a_gradient_is_refused(numpy_engine):
    def into_a_box(x):
        x[0] = 1.0

    def into_an_array(x):
        total = np.zeros(3)
        total += x

    for function, text in (
        (into_a_box, "ops.slice_update"),
        (into_an_array, r"a = a \+ x"),
        (lambda x: np.add.accumulate(x), "No gradient is known for np.add.accumulate"),
        (lambda x: np.interp(x, [0, 1], [0, 1]), "No gradient is known for numpy.interp"),
    ):
        with pytest.raises(TypeError, match=text):
            numpy_engine.value_and_grad(function, [np.ones(3)])
    assert tape.depth() == 0  # an error ends the recording


def test_a_box_that_outlives_its_tape_is_a_constant(numpy_engine):
    kept = []
    numpy_engine.value_and_grad(lambda x: kept.append(x * 2.0) or x.sum(), [np.ones(2)])
    assert type(kept[0] + 1.0) is np.ndarray and type(OPS["relu"](kept[0])) is np.ndarray
    [found] = gradient(numpy_engine, lambda y: (y * kept[0]).sum(), np.ones(2))
    np.testing.assert_array_equal(found, [2, 2])


def test_gradients_are_not_mixed_up_where_arrays_are_shared(numpy_engine):
    x = np.ones(3)
    a, b = gradient(numpy_engine, lambda a, b: (a + b).sum() + (a + b).sum() + a.sum() + b[0] + b[0], x, x)
    np.testing.assert_array_equal(a, [3, 3, 3])
    np.testing.assert_array_equal(b, [4, 2, 2])


def test_many_steps_of_indexing_share_one_buffer(numpy_engine):
    x = RANDOM.standard_normal((50, 4))
    [found] = gradient(numpy_engine, lambda x: sum((x[i] * i).sum() for i in range(50)), x)
    np.testing.assert_array_equal(found, np.broadcast_to(np.arange(50.0)[:, None], (50, 4)))


def test_arrays_that_no_rule_needs_are_freed(numpy_engine):
    with Tape() as record:
        x = record.watch(np.ones(4))
        y = x + np.ones(4)
        y = OPS["relu"](y)
        assert record.entries[1][2] == [(4,), (4,)] and record.entries[2][2] == ((4,),)


def test_threads_have_tapes_of_their_own(numpy_engine):
    found = {}

    def work(n):
        with registry.use_backend("numpy"):
            for _ in range(20):
                found[n] = gradient(numpy_engine, lambda x: (x**n).sum(), np.full(2, 2.0))[0]

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n][0] for n in (1, 2, 3)] == [1, 4, 12]


def test_complex_variables_go_downhill(numpy_engine):
    z = np.array([1 + 2j, -1j])
    [found] = gradient(numpy_engine, lambda z: (np.abs(z) ** 2).sum(), z)
    np.testing.assert_allclose(found, 2 * z)
    [found] = gradient(numpy_engine, lambda x: np.real(np.fft.fft(x * (1 + 1j)) * 1j).sum(), np.ones(4))
    assert found.dtype == np.float64


def test_half_precision_is_differentiated_in_its_own_dtype(numpy_engine):
    for dtype in ("float16", "bfloat16"):
        x, w, b = (numpy_engine.cast(RANDOM.standard_normal(s), dtype) for s in ((4, 3), (3, 2), (2,)))
        grads = gradient(numpy_engine, lambda x, w, b: OPS["mean"](OPS["relu"](OPS["dense"](x, w, b)) * 0.5), x, w, b)
        assert [numpy_engine.dtype(g) for g in grads] == [dtype] * 3


def test_every_rule_stands_for_arguments_that_exist():
    for function, plans in tape.RULES.items():
        count = getattr(function, "nin", None)
        assert count is None or len(plans.rules) in (0, count), function
    assert not boxes.PLAIN & set(tape.RULES)


# -- optimizers


def momentum(g, w, slots, scalars):
    (m,) = slots
    m = m * 0.5 + g
    return w - scalars["rate"] * m, (m,)


momentum.elementwise = True


def by_hand(gradients, values, steps):
    values = [v.astype("float64") for v in values]
    slots = [np.zeros_like(v) for v in values]
    for _ in range(steps):
        slots = [m * 0.5 + g for m, g in zip(slots, gradients, strict=True)]
        values = [v - 0.1 * m for v, m in zip(values, slots, strict=True)]
    return values


SHAPES = [(3, 4), (4,), (), (200, 300), (5,)]


def test_updates_on_joined_storage_equal_those_of_single_tensors(numpy_engine):
    start = [np.asarray(RANDOM.standard_normal(shape), "float32") for shape in SHAPES]
    gradients = [np.asarray(RANDOM.standard_normal(shape), "float32") for shape in SHAPES]
    values, slots = [Variable(v) for v in start], [(Variable(np.zeros_like(v)),) for v in start]
    for _ in range(3):
        numpy_engine.update(momentum, gradients, values, slots, {"rate": 0.1})
    for variable, want in zip(values, by_hand(gradients, start, 3), strict=True):
        np.testing.assert_allclose(variable.numpy(), want, rtol=1e-5, atol=1e-6)


def test_updates_stay_right_when_a_variable_is_assigned_or_moves(numpy_engine):
    values = [Variable(np.ones(3, "float32")) for _ in range(2)]
    slots = [(Variable(np.zeros(3, "float32")),) for _ in range(2)]
    ones = [np.ones(3, "float32")] * 2
    numpy_engine.update(momentum, ones, values, slots, {"rate": 1.0})
    given = np.full(3, 7, "float32")
    values[1].assign(given)
    if registry.is_installed("torch"):
        with registry.use_backend("torch"):
            values[0].assign(values[0] * 2.0)
    else:
        values[0].assign(values[0] * 2.0)
    numpy_engine.update(momentum, ones, values, slots, {"rate": 1.0})
    np.testing.assert_allclose(values[0].numpy(), -1.5)
    np.testing.assert_allclose(values[1].numpy(), 5.5)
    np.testing.assert_array_equal(given, 7)  # what the user holds is left alone


def test_an_update_inside_a_differentiation_can_be_differentiated(numpy_engine):
    w = Variable(np.array([2.0], "float64"), dtype="float64")

    def after_a_step(rate):
        _, [g] = numpy_engine.value_and_grad(lambda: (w * w).sum(), [w])
        return ((w.value - rate * g) ** 2).sum()

    [found] = gradient(numpy_engine, after_a_step, np.array(0.1))
    assert np.isclose(found, 2 * (2 - 0.1 * 4) * -4)
    saved = w.value

    def with_update():
        y = (w * w).sum()
        numpy_engine.update(momentum, [np.ones(1)], [w], [(Variable(np.zeros(1), dtype="float64"),)], {"rate": 1.0})
        return y

    _, [found] = numpy_engine.value_and_grad(with_update, [w])
    np.testing.assert_array_equal(found, 2 * saved)


def test_joined_storage_is_let_go_with_its_variables(numpy_engine):
    before = len(numpy_engine._joined)
    values = [Variable(np.ones(3, "float32"))]
    numpy_engine.update(momentum, [np.ones(3, "float32")], values, [(Variable(np.zeros(3, "float32")),)], {"rate": 1.0})
    assert len(numpy_engine._joined) == before + 1
    del values
    assert len(numpy_engine._joined) == before


def test_an_error_undoes_assignments_up_to_the_last_update(numpy_engine):
    w, state, slot = (Variable(np.ones(2, "float32")) for _ in range(3))

    def step(update):
        state.assign(state * 2.0)
        state.assign(state * 2.0)
        if update:
            numpy_engine.update(momentum, [np.ones(2, "float32")], [w], [(slot,)], {"rate": 1.0})
        state.assign(state * 2.0)
        raise RuntimeError("planted")

    for update, kept, weight in ((False, 1, 1), (True, 4, -0.5)):
        with pytest.raises(RuntimeError, match="planted"):
            numpy_engine.compile(step)(update)
        np.testing.assert_array_equal(state.numpy(), kept)
        np.testing.assert_array_equal(w.numpy(), weight)


# -- kernels


@pytest.mark.parametrize("piece", [10, 300])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_in_small_pieces_equal_those_at_once(numpy_engine, monkeypatch, piece, stride):
    x, w = RANDOM.standard_normal((5, 9, 8, 3)), RANDOM.standard_normal((3, 2, 3, 4))

    def run():
        return numpy_engine.value_and_grad(lambda x, w: (OPS["conv"](x, w, stride, "same") ** 2).sum(), [x, w])

    value, grads = run()
    monkeypatch.setattr(convolution, "_PIECE", piece)
    again, others = run()
    assert np.isclose(value, again)
    for g, other in zip(grads, others, strict=True):
        np.testing.assert_allclose(g, other, atol=1e-9)


@pytest.mark.parametrize("name, gates", [("simple_rnn", 1), ("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize("masked", [False, True])
def test_recurrences_equal_their_portable_bodies(numpy_engine, name, gates, masked):
    x, h, c = RANDOM.standard_normal((3, 5, 4)), *RANDOM.standard_normal((2, 3, 6))
    k, r, b = (RANDOM.standard_normal((*rows, gates * 6)) for rows in ((4,), (6,), ()))
    states = {"simple_rnn": [h], "gru": [b[::-1].copy(), h], "lstm": [h, c]}[name]
    mask = np.array([[0, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool) if masked else None
    arrays = [x, k, r, b, *states]

    def run(op):
        def total(*arrays):
            results = op(*arrays, mask=mask, go_backwards=masked)
            return sum((part * (i + 1.5) ** 2).sum() for i, part in enumerate(results))

        return numpy_engine.value_and_grad(total, arrays)

    (value, grads), (again, others) = run(OPS[name]), run(OPS[name].spec.body)
    assert np.isclose(value, again)
    for g, other in zip(grads, others, strict=True):
        np.testing.assert_allclose(g, other, atol=1e-9)


def test_erf_and_its_inverse_to_the_last_digits(numpy_engine):
    import math

    x = np.concatenate([np.linspace(-7, 7, 1001), [1e-300, -1e-8, np.inf, -np.inf]])
    got = OPS["erf"](x)
    want = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(got, want, rtol=4e-16, atol=0)
    inside = np.linspace(-5, 5, 501)
    np.testing.assert_allclose(OPS["erfinv"](OPS["erf"](inside)), inside, rtol=0, atol=2e-4)  # as far as erf tells
    y = np.array([0.0, 0.5, -0.9, 1 - 1e-12, 1e-20, -1.0, 1.0])
    np.testing.assert_allclose(OPS["erf"](OPS["erfinv"](y)), y, rtol=4e-16)
    assert OPS["erfinv"](np.array(1.0)) == np.inf and np.isnan(OPS["erfinv"](np.array(1.5)))
