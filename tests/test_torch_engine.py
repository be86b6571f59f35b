"""What only the PyTorch engine does: stand-ins, joined updates, journals, masks on fast kernels, torch's own habits."""

import threading
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kbridge import ops  # noqa: E402
from kbridge.backend import registry  # noqa: E402
from kbridge.backend.op import OPS, implement  # noqa: E402
from kbridge.backend.variable import Variable  # noqa: E402
from kbridge.optimizers import SGD, Adam, RMSprop  # noqa: E402


@pytest.fixture(autouse=True)
def torch_engine():
    with registry.use_backend("torch") as torch_engine:
        yield torch_engine


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def close(got, want, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), tolerance, tolerance)


def portable(torch_engine, name):
    """The op by its portable body."""
    plain = type(torch_engine)()
    native = plain.native
    plain.native = lambda asked: None if asked == name else native(asked)
    return implement(OPS[name].spec, plain)


# -- torch beside kbridge


def test_results_need_no_detach():
    v = Variable(floats(3))
    assert not (v * 2.0).requires_grad
    np.asarray(v * 2.0)


def test_a_torch_tensor_meets_a_variable():
    t, v = torch.arange(3.0), Variable([1.0, 2.0, 3.0])
    close(t + v, [1, 3, 5])
    close(t - v, [-1, -1, -1])
    close(torch.add(t, v), [1, 3, 5])
    close(torch.stack([t, v])[1], [1, 2, 3])
    assert (t == v).tolist() == [False, False, False]


def test_users_gradients_flow_through(torch_engine):
    x = torch.ones(3, requires_grad=True)
    ops.sum(ops.square(x) * Variable([1.0, 2.0, 3.0])).backward()
    close(x.grad, [2, 4, 6])


def test_what_is_born_in_inference_mode_can_be_trained(torch_engine):
    with torch.inference_mode():
        v = Variable([1.0, 2.0])
        ops.maximum(v.value, 0.25)
        v.assign(v.value * 2.0)
    _, (gradient,) = torch_engine.value_and_grad(lambda: ops.sum(ops.maximum(v * v, 0.25)), [v])
    close(gradient, [4, 8])
    with torch.inference_mode():
        _, (gradient,) = torch_engine.value_and_grad(lambda: ops.sum(v * v), [v])
    close(gradient, [4, 8])


def test_random_ops_leave_torchs_own_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first = OPS["random_uniform"]((4,), "float32", np.array([1, 2], "uint32"))
    again = OPS["random_uniform"]((4,), "float32", np.array([1, 2], "uint32"))
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(first, again)


def test_random_streams_differ():
    seen = {
        OPS["random_uniform"]((), "float64", np.array([key, counter], "uint32")).item()
        for key in range(10)
        for counter in range(300)
    }
    assert len(seen) == 3000


def test_random_ops_in_threads_do_not_mix():
    expected = OPS["random_normal"]((20000,), "float32", np.array([3, 4], "uint32"))
    found = []

    def draw():
        with registry.use_backend("torch"):
            for _ in range(20):
                drawn = OPS["random_normal"]((20000,), "float32", np.array([3, 4], "uint32"))
                found.append(torch.equal(drawn, expected))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 80 and all(found)


# -- conversion


@pytest.mark.parametrize(
    "value, dtype",
    [
        (2**40, "int64"),
        ([torch.ones(2), [1, 2]], "float32"),
        ([torch.ones(2, dtype=torch.float64), np.ones(2, "float32")], "float64"),
        (np.arange(6)[::-1], "int64"),
        (np.array([1, 2], ">f4"), "float32"),
        (np.array([1, 2], np.longdouble), "float64"),
        (np.broadcast_to(np.float32(1), (3,)), "float32"),
        (np.array([7], "uint64"), "uint64"),
        ([], "float32"),
    ],
)
def test_convert(torch_engine, value, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch_engine.dtype(torch_engine.convert(value)) == dtype


def test_text_is_refused(torch_engine):
    with pytest.raises(TypeError, match="no tensors of <U1"):
        torch_engine.convert(np.array(["a"]))


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64", "float16", "bfloat16", "bool"])
def test_kernels_that_torch_lacks(torch_engine, dtype):
    x = torch_engine.cast(torch.tensor([[2.0, 1.0], [1.0, 3.0]]), dtype)
    found = ops.matmul(x, x)
    assert torch_engine.dtype(found) == dtype
    close(torch_engine.cast(found, "float32"), [[5, 5], [5, 10]] if dtype != "bool" else [[1, 1], [1, 1]])
    assert torch_engine.dtype(ops.maximum(x, x)) == dtype


# -- gradients


def test_an_inner_derivative_takes_the_rest_as_constant(torch_engine):
    v = Variable([1.0, 2.0])

    def outer():
        y = v * 2.0
        _, (inner,) = torch_engine.value_and_grad(lambda: ops.sum(y * v), [v])
        return ops.sum(inner * v)

    _, (gradient,) = torch_engine.value_and_grad(outer, [v])
    close(gradient, [4, 8])


def test_assigning_what_the_backward_pass_needs(torch_engine):
    v, mean = Variable([1.0, 2.0]), Variable([3.0, 4.0], trainable=False)

    def objective():
        y = v * mean
        mean.assign(mean * 0.5)
        return ops.sum(y)

    _, (gradient,) = torch_engine.value_and_grad(objective, [v])
    close(gradient, [3, 4])
    close(mean.numpy(), [1.5, 2])


def test_recurrences_have_second_derivatives(torch_engine):
    k, r, x, h = Variable(floats(2, 12)), Variable(floats(3, 12)), floats(2, 4, 2), np.zeros((2, 3), "float32")

    def norm():
        _, (g,) = torch_engine.value_and_grad(lambda: ops.sum(OPS["lstm"](x, k, r, None, h, h)[0]), [k])
        return ops.sum(g * g)

    _, (second,) = torch_engine.value_and_grad(norm, [k])
    assert second.isfinite().all() and second.abs().max() > 0


# -- updates


def train(torch_engine, make, disturb, joined=True):
    shapes = [(5, 3), (3,), (200, 200), (), (3, 2)]
    variables = [Variable(floats(*shape, seed=i)) for i, shape in enumerate(shapes)]
    optimizer = make()
    for step in range(6):
        gradients = [torch_engine.convert(floats(*shape, seed=10 * step + i)) for i, shape in enumerate(shapes)]
        if not joined:
            torch_engine._joined.update = lambda *args: False
        optimizer.apply(gradients, variables)
        if disturb:
            disturb(step, variables, optimizer)
    torch_engine._joined.__dict__.pop("update", None)
    return [v.numpy() for v in [*variables, *optimizer.variables]]


def disturb(step, variables, optimizer):
    if step == 1:
        variables[0].assign(variables[0] * 0.5)
    if step == 2:
        with registry.use_backend("numpy"):
            variables[1].assign(variables[1] + 1.0)
    if step == 3:
        optimizer.variables[2].assign(ops.zeros_like(optimizer.variables[2].value))


@pytest.mark.parametrize("disturb", [None, disturb])
@pytest.mark.parametrize(
    "make",
    [
        lambda: Adam(0.01),
        lambda: Adam(0.01, amsgrad=True, weight_decay=0.1),
        lambda: SGD(0.1, momentum=0.9),
        lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda: RMSprop(0.01),
    ],
)
def test_joined_updates_are_the_plain_ones(torch_engine, make, disturb):
    plain, joined = train(torch_engine, make, disturb, joined=False), train(torch_engine, make, disturb)
    for got, want in zip(joined, plain):
        close(got, want)


def test_small_variables_share_a_buffer_and_keep_it(torch_engine):
    variables = [Variable(floats(3)), Variable(floats(2, 2))]
    optimizer = Adam()
    gradients = [torch.ones(3), torch.ones(2, 2)]
    optimizer.apply(gradients, variables)
    held = variables[0].storage
    assert held.untyped_storage().data_ptr() == variables[1].storage.untyped_storage().data_ptr()
    variables[0].assign(floats(3, seed=1))
    optimizer.apply(gradients, variables)
    assert variables[0].storage is held


def test_a_rule_of_a_known_name_but_other_mathematics(torch_engine):
    class Other(Adam):
        def rule(self, g, w, slots, s):
            return w - g * 2.0, slots

    Other.__name__ = "Adam"
    v = Variable([1.0, 1.0])
    Other(0.5).apply([torch.tensor([1.0, 2.0])], [v])
    close(v.numpy(), [-1, -3])


def test_buffers_go_with_the_model(torch_engine):
    import gc

    gc.collect()
    before = len(torch_engine._joined._groups)
    variables = [Variable(floats(3))]
    Adam().apply([torch.ones(3)], variables)
    assert len(torch_engine._joined._groups) == before + 1
    del variables
    gc.collect()
    assert len(torch_engine._joined._groups) == before


def test_a_gradient_of_another_shape(torch_engine):
    with pytest.raises(ValueError, match=r"gradient has the shape \(1,\), its variable \(3,\)"):
        SGD().apply([torch.ones(1), torch.ones(2)], [Variable(floats(3)), Variable(floats(2))])


def test_a_failed_step_undoes_the_optimizer_too(torch_engine):
    v, count = Variable([1.0, 2.0]), Variable([0.0])
    optimizer = Adam()

    def step():
        count.assign_add([1.0])
        optimizer.apply([torch.ones(2)], [v])
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        torch_engine.compile(step)()
    close(v.numpy(), [1, 2])
    close(count.numpy(), [0])


# -- kernels against portable bodies


@pytest.mark.parametrize("name, gates", [("simple_rnn", 1), ("lstm", 4), ("gru", 3)])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_masked_recurrences(torch_engine, name, gates, go_backwards, dtype):
    batch, time, features, units = 5, 7, 3, 4
    width = gates * units
    shapes = [(batch, time, features), (features, width), (units, width), (width,)]
    x, k, r, b = (torch_engine.convert(floats(*shape, seed=i), dtype) for i, shape in enumerate(shapes))
    states = [torch_engine.convert(floats(batch, units, seed=9), dtype)] * (2 if name == "lstm" else 1)
    biases = [b, b] if name == "gru" else [b]
    mask = np.random.default_rng(0).random((batch, time)) < 0.5
    mask[0], mask[1] = False, True
    mask = torch_engine.convert(mask)

    def run(function):
        def objective(x, k, r, b, h):
            found = function(x, k, r, *biases[1:], b, h, *states[1:], mask, go_backwards)
            return sum((leaf * leaf).sum() for leaf in found), found

        (_, found), gradients = torch_engine.value_and_grad(objective, [x, k, r, b, states[0]], has_aux=True)
        return [*found, *gradients]

    for got, want in zip(run(OPS[name]), run(portable(torch_engine, name))):
        close(got, want, 1e-10 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2])
def test_layouts_agree(torch_engine, rank, padding, strides):
    x, k = floats(2, *(7, 6, 5)[:rank], 3), floats(*(3, 2, 3)[:rank], 3, 4)
    first = np.moveaxis(x, -1, 1)
    for function, args in (
        (ops.conv, (k, strides, padding)),
        (ops.max_pool, (2, strides, padding)),
        (ops.average_pool, (3, strides, padding)),
        (ops.conv_transpose, (floats(*(3, 2, 3)[:rank], 4, 3), strides, padding)),
    ):
        last = function(x, *args, data_format="channels_last")
        assert last.is_contiguous() or rank == 3
        close(last, np.moveaxis(np.asarray(function(first, *args, data_format="channels_first")), 1, -1))


def test_attention_where_all_is_masked():
    q, k, v = (floats(1, 3, 2, 4, seed=i) for i in range(3))
    mask = np.zeros((1, 1, 3, 3), bool)
    found = ops.dot_product_attention(q, k, v, mask=mask)
    close(found, np.broadcast_to(v.mean(1, keepdims=True), v.shape))


@pytest.mark.parametrize("length", [7, 3000])
def test_top_k_takes_the_first_of_equals(length):
    x = np.random.default_rng(0).integers(0, 4, (3, length)).astype("float32")
    values, indices = ops.top_k(x, 5)
    order = np.argsort(-x, -1, kind="stable")[:, :5]
    np.testing.assert_array_equal(indices, order)
    close(values, np.take_along_axis(x, order, -1))
