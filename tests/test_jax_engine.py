"""What only the JAX engine does: donation, discovery of variables, loops compiled as one, 64 bits in scope."""

import signal

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from kbridge.backend import registry  # noqa: E402
from kbridge.backend.frame import entered, get_frame  # noqa: E402
from kbridge.backend.op import OPS  # noqa: E402
from kbridge.backend.variable import Variable  # noqa: E402
from kbridge.ops import arrays, control, math, products, reductions  # noqa: E402, F401


@pytest.fixture(autouse=True)
def bridge():
    with registry.use_backend("jax") as bridge:
        yield bridge


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def add(a, b):
    return OPS["add"](a, b)


# -- compile


def test_compiled_function_assigns_and_does_not_touch_what_users_hold(bridge):
    v, constant = Variable(np.ones(3, "float32")), Variable(np.full(3, 2, "float32"))
    before = v.value
    held_constant = constant.value
    traces = []

    def step(x):
        traces.append(1)
        v.assign(v + x * constant)
        return OPS["sum"](v.value)

    step = bridge.compile(step, [v, constant])
    x = bridge.convert(np.ones(3, "float32"))
    assert float(step(x)) == 9
    held = v.value
    assert float(step(x)) == 15
    np.testing.assert_array_equal(before, [1, 1, 1])
    np.testing.assert_array_equal(held, [3, 3, 3])
    np.testing.assert_array_equal(held_constant, [2, 2, 2])
    np.testing.assert_array_equal(v.numpy(), [5, 5, 5])
    given = bridge.convert(np.zeros(3, "float32"))
    v.assign(given)
    step(x)
    np.testing.assert_array_equal(given, [0, 0, 0])
    np.testing.assert_array_equal(x, [1, 1, 1])
    assert len(traces) == 1


def test_arrays_are_donated(bridge):
    v = Variable(np.ones(1000, "float32"))
    step = bridge.compile(lambda: (v.assign_add(1.0), None)[1], [v])
    step()
    array = v.storage.array
    step()
    assert array.is_deleted()
    np.testing.assert_array_equal(v.numpy(), np.full(1000, 3))


def test_variables_are_discovered(bridge):
    a, b = Variable(np.float32(1)), Variable(np.float32(2))
    made = []

    def step(x):
        if not made:
            made.append(Variable(np.float32(10)))
        made[0].assign_add(a.value)
        b.assign(x)
        return made[0] + b

    step = bridge.compile(step)
    assert float(step(bridge.convert(5.0))) == 16
    a.assign(3.0)
    assert float(step(bridge.convert(6.0))) == 20
    assert float(made[0].value) == 14
    assert float(b) == 6


def test_other_traces_may_write_other_variables(bridge):
    a, b = Variable(np.float32(0)), Variable(np.float32(0))

    def step(x):
        (a if x.shape == (2,) else b).assign_add(1.0)

    step = bridge.compile(step, [a, b])
    for size in (2, 3, 3, 2, 3):
        step(bridge.convert(np.zeros(size, "float32")))
    assert (float(a), float(b)) == (2, 3)


def test_new_variables_at_each_run_are_refused(bridge):
    step = bridge.compile(lambda: (Variable(np.float32(0)).assign_add(1.0), None)[1])
    with pytest.raises(ValueError, match="creates new Variables whenever it runs"):
        step()


def test_an_error_leaves_variables_as_they_were(bridge):
    v = Variable(np.float32(1))

    def step(x):
        v.assign_add(1.0)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        bridge.compile(step, [v])(bridge.convert(1.0))
    assert float(v) == 1


def test_arguments_and_results_of_any_kind(bridge):
    seen = []

    def step(x, options, flag, scale):
        seen.append((options["name"], options["nothing"], flag))
        return {"y": x[0] * scale, "name": options["name"], "flag": flag, "none": None, "list": [x[1], 3]}

    step = bridge.compile(step)
    x = floats(2, 3)
    result = step((x, 2 * x), {"name": "a", "nothing": None}, True, 2.0)
    np.testing.assert_allclose(result["y"], 2 * x, rtol=1e-6)
    assert (result["name"], result["flag"], result["none"], result["list"][1]) == ("a", True, None, 3)
    step((x, 2 * x), {"name": "a", "nothing": None}, True, 3.0)
    assert seen == [("a", None, True)]
    step((x, 2 * x), {"name": "b", "nothing": None}, False, 3.0)
    assert seen[1:] == [("b", None, False)]


def test_numpy_arguments_are_read_before_the_call_returns(bridge):
    step = bridge.compile(lambda x, b: OPS["sum"](x) + 0 * OPS["sum"](b @ b @ b))
    x, b = np.zeros(1000, "float32"), np.zeros((500, 500), "float32")
    step(x, b)
    result = step(x, b)
    x[...] = 1
    assert float(result) == 0


def test_compiled_inside_compiled(bridge):
    v = Variable(np.float32(0))
    inner = bridge.compile(lambda: v.assign_add(1.0).value, [v])
    outer = bridge.compile(lambda: inner() + inner())
    assert float(outer()) == 3
    assert float(v) == 2
    assert float(outer()) == 7


def test_a_variable_moves_in_and_out(bridge):
    v = Variable(np.float32(1))
    step = bridge.compile(lambda: (v.assign_add(1.0), None)[1])
    step()
    v._cell = (None, np.array(v.numpy() * 10, "float32"))
    step()
    assert float(v) == 21


# -- gradients


def test_gradients_of_variables_and_tensors(bridge):
    w, unused, whole = Variable(floats(3)), Variable(floats(3)), Variable(np.int32(2))
    x = bridge.convert(floats(3, seed=1))

    def function(x):
        return OPS["sum"](w * w * x) + 0 * OPS["sum"](OPS["stop_gradient"](unused.value)), {"twice": x * 2, "s": "text"}

    (value, aux), grads = bridge.value_and_grad(function, [w, x, unused, whole], has_aux=True)
    np.testing.assert_allclose(grads[0], 2 * w.numpy() * x, rtol=1e-6)
    np.testing.assert_allclose(grads[1], w.numpy() ** 2, rtol=1e-6)
    assert grads[2] is None and grads[3] is None
    assert aux["s"] == "text"
    np.testing.assert_allclose(aux["twice"], 2 * x)
    assert not isinstance(value, jax.core.Tracer)


def test_what_is_assigned_meanwhile_stays_assigned(bridge):
    w, count, last = Variable(np.float32(3)), Variable(np.int32(0)), Variable(np.float32(0))

    def loss():
        count.assign_add(1)
        last.assign(w * 2)
        return w * last

    def both():
        return bridge.value_and_grad(loss, [w])

    value, (grad,) = both()
    assert (float(value), float(grad), int(count), float(last)) == (18, 12, 1, 6)
    value, (grad,) = bridge.compile(both)()
    assert (float(value), float(grad), int(count), float(last)) == (18, 12, 2, 6)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_nest(bridge, compiled):
    w = Variable(np.float32(2))

    def cube():
        return w * w * w

    def first():
        return bridge.value_and_grad(cube, [w])[1][0]

    def second():
        return bridge.value_and_grad(first, [w])[1][0]

    def third():
        return bridge.value_and_grad(second, [w])[1][0]

    run = bridge.compile if compiled else lambda f: f
    assert [float(run(f)()) for f in (cube, first, second, third)] == [8, 12, 12, 6]


def test_the_loss_must_be_a_scalar(bridge):
    w = Variable(floats(3))
    with pytest.raises(ValueError, match="ops.sum"):
        bridge.value_and_grad(lambda: w * w, [w])


# -- control flow whose bodies assign


@pytest.mark.parametrize("compiled", [False, True])
def test_bodies_may_assign(bridge, compiled):
    count, other = Variable(np.int32(0)), Variable(np.float32(0))

    def bump(x):
        count.assign_add(1)
        return x

    def run(n, pred):
        total, ys = control.scan(lambda c, x: (c + bump(x), x * 2), n * 0.0, np.arange(4.0, dtype="float32"))
        i = control.while_loop(lambda i: i < 3, lambda i: (bump(i) + 1,), (0,))[0]
        z = control.cond(pred, lambda: bump(n), lambda: (other.assign(n), n * 2)[1])
        s = control.switch(OPS["cast"](n, "int32"), [lambda x: x, lambda x: bump(x) + 1, lambda x: x + 2], n)
        f = control.fori_loop(0, 2, lambda i, x: bump(x) + 1.0, n)
        m = control.vectorized_map(lambda x: bump(x) * 2, np.arange(3.0, dtype="float32"))
        return total, ys, i, z, s, f, m

    run = bridge.compile(run) if compiled else run
    total, ys, i, z, s, f, m = run(bridge.convert(1.0), bridge.convert(True))
    assert (float(total), int(i), float(z), float(s), float(f)) == (6, 3, 1, 2, 3)
    np.testing.assert_array_equal(ys, [0, 2, 4, 6])
    np.testing.assert_array_equal(m, [0, 2, 4])
    assert int(count) == 4 + 3 + 1 + 1 + 2 + 1
    assert float(run(bridge.convert(1.0), bridge.convert(False))[3]) == 2
    assert float(other) == 1


def test_gradient_through_scan_that_assigns(bridge):
    w, count = Variable(np.float32(2)), Variable(np.int32(0))

    def loss():
        def body(c, x):
            count.assign_add(1)
            return c * w, c

        return control.scan(body, np.float32(1), length=3)[0]

    for run in (lambda: bridge.value_and_grad(loss, [w]), bridge.compile(lambda: bridge.value_and_grad(loss, [w]))):
        value, (grad,) = run()
        assert (float(value), float(grad)) == (8, 12)
    assert int(count) == 6


@pytest.mark.parametrize("compiled", [False, True])
def test_custom_gradient_and_jvp(bridge, compiled):
    @control.custom_gradient
    def double_slope(x):
        e = OPS["exp"](x)
        return e, lambda upstream: 2 * upstream * e

    run = bridge.compile if compiled else lambda f: f
    w = Variable(np.float32(1))
    _, (grad,) = run(lambda: bridge.value_and_grad(lambda: double_slope(w), [w]))()
    assert float(grad) == pytest.approx(2 * np.e, rel=1e-6)
    y, dy = run(lambda x: control.jvp(lambda x: x * x, (x,), (1.0,)))(bridge.convert(3.0))
    assert (float(y), float(dy)) == (9, 6)


# -- loops of steps


def training(bridge):
    w, total, seen = Variable(floats(3)), Variable(np.float32(0)), Variable(np.int32(0))
    traces = []

    def step(batch):
        traces.append(1)
        x, y = batch["x"], batch["y"]

        def loss():
            return OPS["sum"](((x @ w) - y) ** 2)

        value, (grad,) = bridge.value_and_grad(loss, [w])
        w.assign(w - 0.01 * grad)
        total.assign_add(value)
        seen.assign_add(x.shape[0])
        return value

    def finish():
        result = {"loss": total / OPS["cast"](seen.value, "float32"), "seen": seen.value}
        total.assign(0.0)
        seen.assign(0)
        return result

    return step, finish, w, traces


@pytest.mark.parametrize("with_tail", [False, True])
def test_loop_equals_single_steps(bridge, with_tail):
    data = {"x": bridge.convert(floats(10, 3, seed=1)), "y": bridge.convert(floats(10, seed=2))}
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(10) for _ in range(5)]).astype("int32")
    rows, tail = order[:, :8].reshape(5, 2, 4), order[:, 8:] if with_tail else None
    step, finish, w, traces = training(bridge)
    loop = bridge.compile_loop(step, finish)
    found = loop(data, rows, tail)
    step2, finish2, w2, _ = training(bridge)
    expected = super(type(bridge), bridge).compile_loop(step2, finish2)(data, rows, tail)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_array_equal(found["seen"], expected["seen"])
    np.testing.assert_allclose(w.numpy(), w2.numpy(), rtol=1e-5)
    count = len(traces)
    held = w.value
    copy = np.array(held)
    compiled = loop._program.jitted._cache_size()
    for epochs in (1, 6, 70, 5000):
        again = loop(data, np.resize(rows, (epochs, 2, 4)), None if tail is None else np.resize(tail, (epochs, 2)))
        assert again["loss"].shape == (epochs,)
    assert len(traces) == count and loop._program.jitted._cache_size() == compiled
    np.testing.assert_array_equal(held, copy)


# -- 64 bits, devices, conversions


def test_wide_dtypes_are_real_and_stay_inside(bridge):
    x = bridge.convert(np.array([1e-12, 1.0]), "float64")
    assert bridge.dtype(x) == "float64" and float((x + 1.0)[0] - 1.0) != 0
    i = bridge.convert([2**40, 1], "int64")
    assert OPS["add"](i, 1).tolist() == [2**40 + 1, 2]
    assert bridge.dtype(OPS["exp"](x)) == "float64"
    assert OPS["max"](i).item() == 2**40
    assert jax.numpy.ones(2).dtype == "float32"
    w = Variable(floats(3).astype("float64"))
    _, (grad,) = bridge.value_and_grad(lambda: OPS["max"](w * w), [w])
    assert grad.dtype == "float64"
    _, (grad,) = bridge.compile(lambda: bridge.value_and_grad(lambda: OPS["reduce_prod"](w * w), [w]))()
    assert grad.dtype == "float64"
    narrow = Variable(floats(3))

    def mixed():
        return OPS["cast"](OPS["reduce_prod"](OPS["cast"](narrow, "float64")), "float32")

    for run in (lambda f: f(), lambda f: bridge.compile(f)()):
        _, (grad,) = run(lambda: bridge.value_and_grad(mixed, [narrow]))
        assert grad.dtype == "float32"


def test_conversions_copy(bridge):
    a = np.zeros(1000, "float32")
    x = bridge.convert(a)
    a[...] = 1
    assert float(OPS["sum"](x)) == 0
    y = bridge.convert([x, np.ones(1000), [1] * 1000])
    assert y.shape == (3, 1000) and bridge.dtype(y) == "float64"
    torch = pytest.importorskip("torch")
    t = torch.zeros(8, requires_grad=True)
    x = bridge.convert(t)
    with torch.no_grad():
        t += 1
    assert float(OPS["sum"](x)) == 0
    assert bridge.dtype(bridge.convert(torch.ones(2, dtype=torch.bfloat16))) == "bfloat16"


def test_devices(bridge):
    assert "cpu:0" in bridge.devices()
    with entered(get_frame().child(device="cpu:0")):
        assert bridge.device_of(bridge.convert([1.0])) == "cpu:0"
        assert bridge.device_of(OPS["filled"]((2,), 1.0, "float32")) == "cpu:0"
    with entered(get_frame().child(device="tpu:7")), pytest.raises(ValueError, match="sees no device"):
        bridge.convert([1.0])
    bridge.synchronize()


def test_values_of_tracers_are_refused(bridge):
    with pytest.raises(TypeError, match="not known yet"):
        bridge.compile(lambda x: bridge.to_numpy(x))(bridge.convert(1.0))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_loses_nothing(bridge):
    """Ctrl-C may come at any time: the variables then hold what they held before the step, or after it."""
    v = Variable(np.zeros((64, 64), "float32"))
    step = bridge.compile(lambda: (v.assign(OPS["tanh"](v @ v) + 1.0), None)[1], [v])
    step()

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for i in range(100):
            signal.setitimer(signal.ITIMER_REAL, 1e-4 + i * 6e-6)
            try:
                for _ in range(2000):  # Python may swallow one, in a destructor
                    step()
            except KeyboardInterrupt:
                pass
            assert np.isfinite(v.numpy()).all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
