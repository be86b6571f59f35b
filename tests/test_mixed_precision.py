"""Mixed precision from the policy to the trained model, on every engine."""

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops
from kbridge.dtype_policies import DTypePolicy, DTypePolicyMap

X = np.random.default_rng(0).normal(size=(64, 12, 3)).astype("float32")
Y = (X.mean((1, 2)) > 0).astype("int32")


def sequence_model():
    kbridge.utils.set_random_seed(1)
    return kbridge.Sequential(
        [
            kbridge.Input((12, 3)),
            layers.Conv1D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.LayerNormalization(),
            layers.MaxPooling1D(2),
            layers.GRU(8),
            layers.Dropout(0.1),
            layers.Dense(2),
            layers.Activation("softmax", dtype="float32"),
        ]
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_training(engine, policy):
    kbridge.mixed_precision.set_global_policy(policy)
    model = sequence_model()
    epsilon = 1e-4 if policy == "float16" else 1e-7
    optimizer = kbridge.optimizers.Adam(1e-2, epsilon=epsilon)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    scaled = policy == "mixed_float16"
    assert isinstance(model.optimizer, kbridge.mixed_precision.LossScaleOptimizer) == scaled
    history = model.fit(X, Y, epochs=5, batch_size=16, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    compute, variable = DTypePolicy(policy).compute_dtype, DTypePolicy(policy).variable_dtype
    assert {v.dtype for v in model.weights} == {variable}
    assert engine.dtype(model.layers[0](X[:2])) == compute
    assert {layer.output.dtype for layer in model.layers[:-1]} == {compute}  # symbols know it too
    assert model.predict(X[:2], verbose=0).dtype == "float32"  # the last layer's own policy


def test_the_same_as_float32_but_for_rounding(engine):
    found = []
    for policy in ("float32", "mixed_bfloat16"):
        kbridge.config.set_dtype_policy(policy)
        model = sequence_model()
        model.compile("adam", "sparse_categorical_crossentropy")
        found.append(model.fit(X, Y, epochs=2, batch_size=16, verbose=0).history["loss"])
    np.testing.assert_allclose(found[1], found[0], rtol=2e-2)


def test_loss_scaling_saves_small_gradients(engine):
    """Gradients of 1e-9 are nothing in float16; scaled, they arrive. A scale too large is lowered."""

    def step(**compiled):
        kbridge.utils.set_random_seed(0)
        model = kbridge.Sequential([kbridge.Input((1,)), layers.Dense(1, use_bias=False, dtype="mixed_float16")])
        model.layers[0].kernel.assign([[0.0]])
        model.compile(kbridge.optimizers.SGD(1.0), lambda y, p: ops.mean(p) * 1e-3, **compiled)
        model.train_on_batch(np.full((1, 1), 1e-5, "float32"), np.zeros((1, 1)))
        return model

    model = step()  # any layer with such a policy counts
    assert isinstance(model.optimizer, kbridge.optimizers.LossScaleOptimizer)
    np.testing.assert_allclose(model.layers[0].kernel.numpy().item(), -1e-8, rtol=0.02)
    assert not isinstance(step(auto_scale_loss=False).optimizer, kbridge.optimizers.LossScaleOptimizer)

    model = kbridge.Sequential([kbridge.Input((1,)), layers.Dense(1, dtype="mixed_float16")])
    optimizer = kbridge.mixed_precision.LossScaleOptimizer(kbridge.optimizers.SGD(0.01), initial_scale=2.0**40)
    model.compile(optimizer, "mse")
    before = model.get_weights()[0]
    model.train_on_batch(np.full((1, 1), 100.0), np.ones((1, 1)))
    np.testing.assert_array_equal(model.get_weights()[0], before)  # the step was skipped
    assert float(optimizer.dynamic_scale.numpy()) == 2.0**39


def test_autocast(engine):
    x = ops.ones((2, 3), dtype="float32")

    class Look(layers.Layer):
        def build(self, input_shape):
            self.kept = self.add_weight((3,), "ones", name="kept", autocast=False)
            self.cast = self.add_weight((3,), "ones", name="cast")

        def call(self, inputs, other=None):
            self.seen = [ops.dtype(inputs), ops.dtype(self.kept.value), ops.dtype(self.cast.value)]
            self.seen.append(None if other is None else ops.dtype(other))
            return inputs * self.cast

    layer = Look(dtype="mixed_bfloat16")
    assert ops.dtype(layer(x, other=ops.ones((2,), dtype="int32"))) == "bfloat16"
    assert layer.seen == ["bfloat16", "float32", "bfloat16", "int32"]
    layer = Look(dtype="mixed_bfloat16", autocast=False)
    layer(x)
    assert layer.seen[:3] == ["float32", "float32", "float32"]

    class Outer(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Look(dtype="float32")

        def call(self, inputs):
            return self.inner(inputs)

    outer = Outer(dtype="mixed_bfloat16")
    assert ops.dtype(outer(x)) == "float32" and outer.inner.seen[:3] == ["float32"] * 3


def test_a_layers_policy_may_change():
    layer = layers.Dense(2, dtype="float32")
    layer.build((1, 3))
    layer.dtype_policy = "mixed_bfloat16"
    assert (layer.compute_dtype, layer.variable_dtype, layer.dtype) == ("bfloat16", "float32", "float32")
    with pytest.raises(ValueError, match="Unknown dtype policy 'mixed_float32'"):
        layer.dtype_policy = "mixed_float32"
    with pytest.raises(ValueError, match="Could not understand"):
        kbridge.dtype_policies.get(3.5)


# -- policies by path


class Classifier(kbridge.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = layers.Dense(4, name="body", activation="relu")
        self.head = layers.Dense(1, name="head")

    def call(self, x):
        return self.head(self.body(x))


def test_policy_map(engine):
    policies = DTypePolicyMap("mixed_float16", {"classifier/head": "float32"})
    kbridge.config.set_dtype_policy(policies)
    model = Classifier(name="classifier")
    x = X[:, 0]
    assert ops.dtype(model(x)) == "float32"
    assert (model.body.compute_dtype, model.head.compute_dtype) == ("float16", "float32")
    assert {v.dtype for v in model.weights} == {"float32"}
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, kbridge.optimizers.LossScaleOptimizer)
    losses = model.fit(x, x.sum(1), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_policy_map_as_a_mapping():
    policies = DTypePolicyMap("float32")
    policies["a/dense"] = "bfloat16"
    policies["b.*"] = DTypePolicy("mixed_float16")
    found = {key: policies[key].name for key in ("a/dense", "a/dense/x", "x/a/dense", "b1", "bb/c", "xb1")}
    assert found == {
        "a/dense": "bfloat16",
        "a/dense/x": "float32",
        "x/a/dense": "float32",
        "b1": "mixed_float16",
        "bb/c": "mixed_float16",
        "xb1": "float32",
    }
    assert len(policies) == 2 and list(policies) == ["a/dense", "b.*"] and "b.*" in policies
    assert (policies.name, policies.compute_dtype, policies.variable_dtype) == ("map_float32", "float32", "float32")
    with pytest.raises(ValueError, match="is there already"):
        policies["a/dense"] = "float16"
    policies["b1"] = "float32"  # an exact key comes first
    policies["b1.*"] = "float32"
    assert policies["b1"].name == "float32"
    with pytest.raises(ValueError, match="fits several keys"):
        policies["b12"]
    del policies["b1"], policies["b1.*"]
    written = kbridge.dtype_policies.serialize(policies)
    assert (written["module"], written["class_name"]) == ("keras.dtype_policies", "DTypePolicyMap")
    assert kbridge.dtype_policies.deserialize(written) == policies
    layer = layers.Dense.from_config(layers.Dense(1, name="b7", dtype=policies).get_config())
    layer.build((1, 1))
    assert layer.compute_dtype == "float16" and layer.dtype_policy == policies
    assert DTypePolicyMap().default_policy.name == "float32"
    with pytest.raises(TypeError, match="policy_map must be a dict"):
        DTypePolicyMap("float32", ["a"])
