"""Models of the engines' own libraries as layers, and a model as a module of torch."""

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops
from kbridge.backend.registry import use_backend

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def on(name):
    """A fixture: the engine ``name`` is in charge while the test runs, and loaded no sooner."""

    @pytest.fixture(name=f"on_{name}")
    def in_charge():
        with use_backend(name):
            yield

    return in_charge


on_torch, on_jax, on_tensorflow = on("torch"), on("jax"), on("tensorflow")


def train(layer, epochs=8, **compiled):
    """The losses of a model with ``layer`` between two others."""
    model = kbridge.Sequential([kbridge.Input((3,)), layers.Dense(3), layer, layers.Dense(1)])
    model.compile(kbridge.optimizers.Adam(0.01), "mse", **compiled)
    return model, model.fit(X, Y, epochs=epochs, batch_size=16, verbose=0).history["loss"]


@pytest.mark.parametrize(
    ("make", "own"),
    [
        (lambda: layers.TorchModuleWrapper(None), "torch"),
        (lambda: layers.JaxLayer(lambda params, inputs: inputs, params=[]), "jax"),
        (lambda: layers.FlaxLayer(None), "jax"),
        (lambda: layers.TFSMLayer("nowhere"), "tensorflow"),
    ],
    ids=["torch", "jax", "flax", "tensorflow"],
)
def test_other_engines_say_so(engine, make, own):
    if engine.name == own:
        pytest.skip("its own engine")
    with pytest.raises(NotImplementedError, match=f'backend in charge, "{engine.name}", cannot run it'):
        make()


# -- torch


def net():
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 4)
    )


def equal(layer, module):
    held = dict(module.named_parameters()) | dict(module.named_buffers())
    assert [v.name for v in layer.weights] == list(held)
    for variable in layer.weights:
        tensor = held[variable.name].detach()
        np.testing.assert_array_equal(tensor.numpy(), variable.numpy(), err_msg=variable.name)
        assert tensor.data_ptr() == variable.storage.data_ptr(), variable.name


@pytest.mark.usefixtures("on_torch")
def test_a_torch_module_is_trained():
    module = net()
    layer = layers.TorchModuleWrapper(module)
    model, losses = train(layer)
    assert layer.output.shape == (None, 4)
    assert losses[-1] < 0.5 * losses[0]
    assert [v.trainable for v in layer.weights] == [True] * 6 + [False] * 3
    equal(layer, module)
    assert int(module[1].num_batches_tracked) == 8 * 4 and float(module[1].running_mean.abs().max()) > 0
    model.train_on_batch(X, Y)
    equal(layer, module)
    before = module[1].running_mean.clone()
    assert not np.allclose(model.predict(X, verbose=0), 0)
    assert not module.training and bool((module[1].running_mean == before).all())
    weights = model.get_weights()
    model.set_weights([w * 0 for w in weights])
    equal(layer, module)
    import torch

    with torch.no_grad():
        module[0].bias.add_(1.0)  # and the other way round
    np.testing.assert_array_equal(layer.weights[1].numpy(), np.ones(8))


@pytest.mark.usefixtures("on_torch")
def test_a_torch_module_has_the_gradients_torch_finds():
    import torch

    module = torch.nn.Linear(3, 2)
    layer = layers.TorchModuleWrapper(module)
    x = ops.convert_to_tensor(X)
    _, found = kbridge.value_and_grad(lambda: ops.sum(layer(x) ** 2), layer.trainable_variables)
    (module(x) ** 2).sum().backward()
    for gradient, parameter in zip(found, layer.parameters()):
        np.testing.assert_allclose(gradient.numpy(), parameter.grad.numpy(), rtol=1e-5)
    layer.trainable = False
    assert layer.trainable_variables == []


@pytest.mark.usefixtures("on_torch")
def test_a_torch_module_elsewhere():
    layer = layers.TorchModuleWrapper(net())
    model, _ = train(layer, epochs=1)
    with pytest.raises(NotImplementedError, match='runs on the backend "torch" only.*use_backend\\("torch"\\)'):
        with use_backend("numpy"):
            model.predict(X, verbose=0)
    with use_backend("numpy"):
        ops.sum(layer.weights[0])  # its variables can be read there
    model.fit(X, Y, verbose=0)
    equal(layer, layer.module)
    with pytest.raises(NotImplementedError, match="nothing in a config is ever run"):
        layer.get_config()
    with pytest.raises(TypeError, match="wraps a torch.nn.Module"):
        layers.TorchModuleWrapper(3)
    store = {}
    layer.save_own_variables(store)
    fresh = layers.TorchModuleWrapper(net())
    fresh.load_own_variables(store)
    equal(fresh, fresh.module)
    np.testing.assert_array_equal(fresh.weights[0].numpy(), layer.weights[0].numpy())
    given = layers.TorchModuleWrapper(net(), output_shape=(None, 4))
    assert given(kbridge.Input((3,))).shape == (None, 4)


@pytest.mark.usefixtures("on_torch")
def test_as_module():
    import torch
    from kbridge_torch import as_module

    kbridge.utils.set_random_seed(0)
    model = kbridge.Sequential(
        [
            kbridge.Input((3,)),
            layers.Dense(8, activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.1),
            layers.Dense(1, name="last"),
        ],
        name="net",
    )
    module = as_module(model)
    assert list(module.state_dict()) == [
        "first.kernel", "first.bias", "norm.gamma", "norm.beta", "norm.moving_mean", "norm.moving_variance",
        "last.kernel", "last.bias",
    ]  # fmt: skip
    assert [name for name, _ in module.named_buffers()] == ["norm.moving_mean", "norm.moving_variance"]
    optimizer = torch.optim.Adam(torch.nn.Sequential(module).parameters(), 0.01)
    x, y, losses = torch.tensor(X), torch.tensor(Y), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = ((module(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert np.abs(model.get_layer("norm").moving_mean.numpy()).max() > 0

    def same():
        np.testing.assert_allclose(module(x).detach().numpy(), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)

    module.eval()
    same()
    kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    same()
    assert not torch.equal(module.state_dict()["first.kernel"], kept["first.kernel"])
    module.load_state_dict(kept)
    same()
    np.testing.assert_array_equal(model.get_layer("first").kernel.numpy(), kept["first.kernel"].numpy())
    with use_backend("numpy"):
        expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(TypeError, match="stays so"):
        module.half()
    with pytest.raises(ValueError, match="must be built first"):
        as_module(kbridge.Sequential([layers.Dense(1)]))


@pytest.mark.usefixtures("on_torch")
def test_a_torch_module_in_mixed_precision():
    import torch

    module = net()
    layer = layers.TorchModuleWrapper(module, dtype="mixed_bfloat16")
    assert layer(X).dtype == torch.bfloat16
    model, losses = train(layer)
    assert losses[-1] < 0.5 * losses[0] and layer.output.dtype == "bfloat16"
    assert {v.dtype for v in layer.weights} == {"float32", "int64"}
    equal(layer, module)


@pytest.mark.usefixtures("on_torch")
def test_a_torch_module_of_several_inputs_and_outputs():
    import torch

    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 2)

        def forward(self, a, b=None):
            return {"sum": self.inner(a) + self.inner(b), "first": self.inner(a)}

    layer = layers.TorchModuleWrapper(Pair())
    a, b = kbridge.Input((3,)), kbridge.Input((3,))
    outputs = layer(a, b=b)
    assert {name: symbol.shape for name, symbol in outputs.items()} == {"sum": (None, 2), "first": (None, 2)}
    found = kbridge.Model([a, b], outputs).predict([X, X], verbose=0)
    weights = [w.numpy() for w in layer.weights]
    np.testing.assert_allclose(found["first"], X @ weights[0].T + weights[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["sum"], 2 * found["first"], rtol=1e-4, atol=1e-5)


# -- jax


def jax_functions():
    import jax
    import jax.numpy as jnp

    def init_fn(rng, inputs):
        params = {"dense": {"w": jax.random.normal(rng, (inputs.shape[-1], 8)) * 0.3, "b": jnp.zeros(8)}}
        return params, {"mean": jnp.zeros(()), "calls": jnp.zeros((), "int32")}

    def call_fn(params, state, rng, inputs, training):
        y = jnp.tanh(inputs @ params["dense"]["w"] + params["dense"]["b"])
        if training:
            y = y * jax.random.bernoulli(rng, 0.9, y.shape)
            state = {"mean": 0.9 * state["mean"] + 0.1 * y.mean(), "calls": state["calls"] + 1}
        return y, state

    return call_fn, init_fn


@pytest.mark.usefixtures("on_jax")
def test_jax_layer():
    layer = layers.JaxLayer(*jax_functions(), seed=1)
    model, losses = train(layer)
    assert losses[-1] < 0.6 * losses[0]
    assert [(v.name, v.trainable) for v in layer.weights] == [
        ("dense.b", True),
        ("dense.w", True),
        ("calls", False),
        ("mean", False),
    ]
    assert layer.output.shape == (None, 8) and int(layer.weights[2].numpy()) == 8 * 4
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
    assert int(layer.weights[2].numpy()) == 8 * 4
    with pytest.raises(NotImplementedError, match='runs on the backend "jax" only'):
        with use_backend("numpy"):
            model.predict(X, verbose=0)


@pytest.mark.usefixtures("on_jax")
def test_jax_layer_of_given_parameters():
    layer = layers.JaxLayer(lambda params, inputs: inputs @ params[0], params=[np.ones((3, 2), "float32")])
    np.testing.assert_allclose(np.asarray(layer(X)), X @ np.ones((3, 2)), rtol=1e-5)
    assert layer.weights[0].path == f"{layer.name}/0"
    with pytest.raises(ValueError, match="call_fn must take arguments named params.*Received a function of: p, x"):
        layers.JaxLayer(lambda p, x: x, params=[])
    with pytest.raises(ValueError, match="needs init_fn, or params"):
        layers.JaxLayer(lambda params, inputs: inputs)
    with pytest.raises(ValueError, match="was given a state"):
        layers.JaxLayer(lambda params, inputs: inputs, params=[], state=[1])
    with pytest.raises(NotImplementedError, match="exporting"):
        layers.JaxLayer(lambda params, inputs: inputs, params=[], native_serialization_platforms=("cpu",))


@pytest.mark.usefixtures("on_jax")
def test_flax_layer():
    try:
        import flax.linen as nn
    except ImportError:
        with pytest.raises(ImportError, match="pip install flax"):
            layers.FlaxLayer(None)
        return

    class Net(nn.Module):
        @nn.compact
        def __call__(self, inputs, training=False):
            h = nn.BatchNorm(use_running_average=not training)(nn.Dense(8)(inputs))
            return nn.Dropout(0.1, deterministic=not training)(nn.relu(h))

    layer = layers.FlaxLayer(Net())
    model, losses = train(layer)
    assert losses[-1] < 0.6 * losses[0]
    assert [v.name for v in layer.weights if not v.trainable] == [
        "batch_stats.BatchNorm_0.mean",
        "batch_stats.BatchNorm_0.var",
    ]
    assert np.abs(layer.weights[-2].numpy()).max() > 0
    variables = Net().init({"params": __import__("jax").random.PRNGKey(0)}, X)
    assert layers.FlaxLayer(Net(), variables=variables)(X).shape == (64, 8)


# -- tensorflow


def tf_module():
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(tf.random.stateless_normal((3, 8), (0, 1)) * 0.3, name="w")
            self.b = tf.Variable(tf.zeros(8), name="b")
            self.calls = tf.Variable(0, trainable=False, name="calls")

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
        def serve(self, x):
            return tf.tanh(x @ self.w + self.b)

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
        def train(self, x):
            self.calls.assign_add(1)
            return tf.tanh(x @ self.w + self.b) * 0.9

    return Net()


@pytest.mark.parametrize("saved", [False, True], ids=["module", "saved"])
@pytest.mark.parametrize("run_eagerly", [False, True], ids=["compiled", "eager"])
@pytest.mark.usefixtures("on_tensorflow")
def test_tfsm_layer(saved, run_eagerly, tmp_path):
    import tensorflow as tf

    module = tf_module()
    if saved:
        tf.saved_model.save(module, str(tmp_path))
    layer = layers.TFSMLayer(str(tmp_path) if saved else module, call_training_endpoint="train")
    by_name = {v.name: v for v in layer.weights}
    assert {name: v.trainable for name, v in by_name.items()} == {"w": True, "b": True, "calls": False}
    before = layer.get_weights()
    model, losses = train(layer, run_eagerly=run_eagerly)
    assert losses[-1] < 0.6 * losses[0] and int(by_name["calls"].numpy()) == 8 * 4
    assert all(not np.allclose(a, b) for a, b in zip(before, layer.get_weights()))
    if not saved:
        np.testing.assert_array_equal(module.w.numpy(), by_name["w"].numpy())
    with use_backend("numpy"):
        ops.sum(by_name["w"])  # moves there, and back again
    with pytest.raises(NotImplementedError, match='runs on the backend "tensorflow" only'):
        with use_backend("numpy"):
            model.predict(X, verbose=0)
    model.fit(X, Y, verbose=0)
    if not saved:
        np.testing.assert_array_equal(module.w.numpy(), by_name["w"].numpy())
    with pytest.raises(NotImplementedError, match="other values in their places"):
        layer.stateless_call(layer.trainable_variables, layer.non_trainable_variables, X)


@pytest.mark.usefixtures("on_tensorflow")
def test_tfsm_layer_has_the_gradients_tensorflow_finds(tmp_path):
    import tensorflow as tf

    module = tf_module()
    layer = layers.TFSMLayer(module)
    x = ops.convert_to_tensor(X)
    _, found = kbridge.value_and_grad(lambda: ops.sum(layer(x) ** 2), layer.trainable_variables)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(module.serve(x) ** 2)
    for gradient, expected in zip(found, tape.gradient(value, module.trainable_variables)):
        np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match="no endpoint 'nothing'"):
        layers.TFSMLayer(module, call_endpoint="nothing")
    with pytest.raises(ValueError, match="must be the folder of a SavedModel"):
        layers.TFSMLayer(str(tmp_path / "nowhere"))
