"""What the core offers to code of one's own: stateless calls, state trees, steps, scopes, operations, settings."""

import http.server
import json
import threading

import numpy as np
import pytest

import kbridge
from kbridge import callbacks, layers, ops

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def small(**compiled):
    kbridge.utils.set_random_seed(3)
    model = kbridge.Sequential(
        [
            kbridge.Input((3,)),
            layers.Dense(8, activation="tanh", activity_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ],
        name="net",
    )
    model.compile("adam", "mse", **compiled)
    return model


def arrays(engine, values):
    return [v if isinstance(v, np.ndarray) else engine.to_numpy(v) for v in values]


# -- paths


def test_variables_have_the_paths_of_keras():
    class Inner(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(2, name="d")

        def call(self, x):
            return self.dense(x)

    class Outer(kbridge.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Inner(name="inner")
            self.count = kbridge.metrics.Mean(name="count")

        def call(self, x):
            return self.inner(x)

    model = Outer(name="outer")
    model(X)
    assert [v.path for v in model.variables] == ["outer/inner/d/kernel", "outer/inner/d/bias"]
    assert model.inner.dense.path == "outer/inner/d"
    assert [v.path for v in model.metrics_variables] == ["count/total", "count/count"]
    assert small().layers[0].kernel.path.startswith("net/dense")
    with kbridge.name_scope("a"), kbridge.name_scope("b"):
        layer = layers.Dense(2, name="c")
        layer.build((1, 2))
    assert layer.kernel.path == "a/b/c/kernel"
    i = kbridge.Input((3,))
    assert kbridge.Model(i, layers.Dense(2, name="only")(i)).variables[0].path == "only/kernel"
    with pytest.raises(ValueError, match="without '/'"):
        kbridge.name_scope("a/b")


def test_paths_of_nested_layers_are_those_of_keras():
    def paths(k):
        inner = k.Sequential([k.Input((5, 4)), k.layers.Dense(2, name="a")], name="inner")
        x = k.Input((5, 4))
        y = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True, name="l"), name="both")(x)
        y = k.layers.TimeDistributed(k.layers.Dense(2, name="d"), name="each")(y)
        y = k.layers.MultiHeadAttention(2, 3, name="heads")(y, y)
        y = k.Sequential([k.layers.Dense(4, name="b"), inner], name="outer")(y)
        y = k.layers.RNN([k.layers.GRUCell(2, name="c1"), k.layers.LSTMCell(3, name="c2")], name="rnn")(y)
        return [v.path for v in k.Model(x, y).weights]

    assert paths(kbridge) == paths(pytest.importorskip("oracle").keras)


# -- stateless


def test_stateless_call(engine):
    model = small()
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    before = [v.numpy() for v in model.variables]
    outputs, left, losses = model.stateless_call(trained, others, X, training=True, return_losses=True)
    for array, variable in zip(before, model.variables):
        np.testing.assert_array_equal(array, variable.numpy())
    left = arrays(engine, left)
    paths = [v.path for v in model.non_trainable_variables]
    changed = [p for p, a, v in zip(paths, left, model.non_trainable_variables) if not np.array_equal(a, v.numpy())]
    assert len(changed) == 3 and "moving_mean" in changed[0]  # both moving statistics, and the seed of the dropout
    assert len(losses) == 1
    # the same as a call that changes the variables
    expected = engine.to_numpy(model(X, training=True))
    np.testing.assert_allclose(engine.to_numpy(outputs), expected, rtol=1e-5, atol=1e-6)
    for array, variable in zip(left, model.non_trainable_variables):
        np.testing.assert_allclose(array, variable.numpy(), rtol=1e-5)
    zeros = [np.zeros(v.shape, "float32") for v in model.trainable_variables]
    outputs, _ = model.stateless_call(zeros, left, X)
    np.testing.assert_array_equal(engine.to_numpy(outputs), np.zeros((16, 1)))
    with pytest.raises(ValueError, match="has 6 trainable_variables.*Received 5 values"):
        model.stateless_call(trained[:-1], others, X)
    with pytest.raises(ValueError, match="must be built before stateless_call"):
        layers.Dense(2).stateless_call([], [], X)


def test_a_training_loop_of_pure_functions(engine):
    """The custom loop of Keras's guides: gradients of tensors, and the optimizer's state as values."""
    model = small()
    optimizer = kbridge.optimizers.SGD(0.05, momentum=0.5)
    optimizer.build(model.trainable_variables)
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    slots = [v.value for v in optimizer.variables]
    x, y, losses = ops.convert_to_tensor(X), ops.convert_to_tensor(Y), []
    for _ in range(8):

        def objective(*values, others=others):
            outputs, left = model.stateless_call(list(values), others, x, training=True)
            return ops.mean(ops.square(outputs - y)), left

        (loss, others), gradients = kbridge.value_and_grad(objective, trained, has_aux=True)
        trained, slots = optimizer.stateless_apply(slots, gradients, trained)
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def test_stateless_compute_loss(engine):
    model = small()
    model.train_on_batch(X, Y)
    state = [[v.value for v in kind] for kind in _kinds(model)]
    loss, left = model.stateless_compute_loss(*state, x=X, y=Y, y_pred=np.zeros_like(Y))
    np.testing.assert_allclose(float(loss), np.mean(Y**2), rtol=1e-5)
    assert [len(part) for part in left] == [len(part) for part in state]


def _kinds(model):
    return model.trainable_variables, model.non_trainable_variables, model.metrics_variables


def test_state_trees(engine):
    model = small()
    model.fit(X, Y, epochs=2, verbose=0)
    tree = model.get_state_tree("numpy_array")
    assert set(tree) == {"trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"}
    name = model.layers[0].name
    np.testing.assert_array_equal(tree["trainable_variables"]["net"][name]["kernel"], model.layers[0].kernel.numpy())
    after = model.predict(X, verbose=0)
    model.fit(X, Y, epochs=2, verbose=0)
    model.set_state_tree(tree)
    np.testing.assert_array_equal(model.predict(X, verbose=0), after)
    assert int(model.optimizer.iterations) == 2
    tensor = model.get_state_tree()["trainable_variables"]["net"][name]["bias"]
    assert engine.is_tensor(tensor)
    with pytest.raises(ValueError, match="has no variable 'net/nothing'"):
        model.set_state_tree({"trainable_variables": {"net": {"nothing": 1.0}}})
    with pytest.raises(ValueError, match="unknown part"):
        model.set_state_tree({"weights": {}})


def test_stateless_scope(engine):
    variable = kbridge.Variable(np.zeros(2, "float32"))
    with kbridge.StatelessScope([(variable, np.ones(2))], collect_losses=True) as scope:
        variable.assign(variable + 3)
        np.testing.assert_array_equal(variable.numpy(), [4, 4])
        layer = layers.Dense(2, activity_regularizer="l2")
        layer(X)
    np.testing.assert_array_equal(engine.to_numpy(scope.get_current_value(variable)), [4, 4])
    np.testing.assert_array_equal(variable.numpy(), [0, 0])
    assert len(scope.losses) == 1
    with kbridge.SymbolicScope():
        variable.assign([7.0, 7.0])
    np.testing.assert_array_equal(variable.numpy(), [0, 0])


# -- steps


def test_step_functions(engine):
    model = small(metrics=["mae"])
    logs = model.make_train_function()(iter([(X, Y)]))
    assert set(logs) == {"loss", "mae"} and int(model.optimizer.iterations) == 1
    assert model.train_function is model.make_train_function()
    assert model.train_function is not model.make_train_function(force=True)
    assert set(model.make_test_function()(iter([(X, Y)]))) == {"loss", "mae"}
    assert tuple(model.make_predict_function()(iter([(X,)])).shape) == (16, 1)


def test_a_make_train_function_of_ones_own():
    class Own(kbridge.Sequential):
        def make_train_function(self, force=False):
            def step(iterator):
                return {"mine": self.train_step(next(iterator))["loss"] * 0 + 7}

            self.train_function = step
            return step

    model = Own([layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model.fit(X, Y, epochs=2, verbose=0).history == {"mine": [7.0, 7.0]}


def test_run_eagerly_and_jit_compile_may_be_set():
    model = small()
    assert (model.run_eagerly, model.jit_compile) == (False, "auto")
    model.run_eagerly = True
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="jit_compile must be"):
        model.jit_compile = "maybe"


# -- rematerialisation


def test_remat_gives_the_same(engine):
    found = []
    for mode in (None, "full", "activations", "larger_than", "list_of_layers"):
        with kbridge.RematScope(mode, output_size_threshold=4, layer_names=["dense"]):
            model = small()
        history = model.fit(X, Y, epochs=3, batch_size=8, verbose=0).history["loss"]
        found.append([*history, *model.layers[1].moving_mean.numpy()])
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-5)


def test_remat_computes_again(engine):
    """Where the engine can: the function runs twice for one gradient, with the same random numbers."""
    calls = []

    class Noisy(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dropout = layers.Dropout(0.5)
            self.scale = self.add_weight((3,), "ones", name="scale")

        def call(self, x, training=False):
            calls.append(1)
            return ops.square(self.dropout(x * self.scale, training=training))

    kbridge.utils.set_random_seed(0)
    with kbridge.RematScope():
        layer = Noisy()
    x = ops.convert_to_tensor(X)
    value, (found,) = kbridge.value_and_grad(lambda: ops.sum(layer(x, training=True)), layer.trainable_variables)
    again = engine.name in ("torch", "tensorflow")  # JAX records the function once and runs the record twice
    assert len(calls) == (2 if again else 1)
    # each output is (x * scale * mask)^2, so the gradient at scale = 1 sums to twice the value
    np.testing.assert_allclose(float(ops.sum(found)), 2 * float(value), rtol=1e-5)


def test_remat_of_a_function(engine):
    variable = kbridge.Variable(np.array([1.0, 2.0], "float32"))
    count = kbridge.Variable(np.float32(0), trainable=False)

    @kbridge.remat
    def function(x):
        count.assign(count + 1)
        return ops.sum(ops.tanh(x * variable)) * count

    x = ops.convert_to_tensor(np.array([0.5, -0.5], "float32"))
    value, gradients = kbridge.value_and_grad(lambda x: function(x), [x])
    expected = np.array([1, 2]) * (1 - np.tanh([0.5, -1.0]) ** 2)
    np.testing.assert_allclose(engine.to_numpy(gradients[0]), expected, rtol=1e-5)
    _, gradients = kbridge.value_and_grad(lambda: function(x), [variable])
    expected = 2 * np.array([0.5, -0.5]) * (1 - np.tanh([0.5, -1.0]) ** 2)
    np.testing.assert_allclose(engine.to_numpy(gradients[0]), expected, rtol=1e-5)
    assert float(count.numpy()) == 2
    with pytest.raises(ValueError, match="mode must be one of"):
        kbridge.RematScope("some")


# -- operations


class Twice(kbridge.Operation):
    def call(self, x):
        return x * 2


def test_operations_and_functions(engine):
    operation = Twice(name="twice")
    x = kbridge.Input((3,))
    y = operation(x)
    assert y.shape == (None, 3) and operation.input is x and operation.output is y
    np.testing.assert_array_equal(engine.to_numpy(operation(ops.ones((1, 3)))), [[2, 2, 2]])
    function = kbridge.Function(x, {"sum": ops.sum(y, axis=-1), "y": y})
    found = function(np.ones((2, 3), "float32"))
    np.testing.assert_array_equal(engine.to_numpy(found["sum"]), [6, 6])
    assert function.compute_output_shape((4, 3)) == {"sum": (4,), "y": (4, 3)}
    assert operation in function.operations and function.inputs == [x]
    model = kbridge.Model(x, layers.Dense(1)(y))
    copy = kbridge.Model.from_config(model.get_config(), custom_objects={"Twice": Twice})
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))
    assert isinstance(layers.Dense(1), kbridge.Operation)


def test_what_is_left_for_later_says_so():
    layer, model = layers.Dense(1), small()
    for refused in (
        lambda: layer.quantize("int8"),
        lambda: model.quantize("int8"),
        lambda: layer.quantized_call(X),
        lambda: layer.quantized_build((1, 2), "int8"),
        lambda: model.get_quantization_layer_structure("gptq"),
        lambda: model.export("somewhere"),
        lambda: kbridge.Quantizer(),
        lambda: kbridge.export.ExportArchive(),
        lambda: kbridge.dtype_policies.QuantizedDTypePolicy("int8"),
        lambda: layers.Dense(1, dtype="int8_from_float32"),
        lambda: kbridge.distribution.ModelParallel(),
        lambda: kbridge.distribution.initialize(num_processes=2),
    ):
        with pytest.raises(NotImplementedError, match="left for later"):
            refused()
    with pytest.raises(NotImplementedError, match=r"compile\(metrics=\[...\]\)"):
        layer.add_metric(1.0)
    assert layer.quantization_mode is None


# -- settings


def test_limits_are_kept_to(monkeypatch):
    try:
        kbridge.config.set_max_epochs(2)
        kbridge.config.set_max_steps_per_epoch(3)
        model = small()
        history = model.fit(X, Y, epochs=5, batch_size=4, verbose=0)
        assert history.epoch == [0, 1] and int(model.optimizer.iterations) == 6
        assert len(model.predict(X, batch_size=4, verbose=0)) == 12
    finally:
        kbridge.config._limits.clear()
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    assert len(small().fit(X, Y, epochs=3, verbose=0).epoch) == 1
    with pytest.raises(ValueError, match="positive integer"):
        kbridge.config.set_max_epochs(0)


def test_interactive_logging(capsys):
    kbridge.config.disable_interactive_logging()
    try:
        small().fit(X, Y, epochs=2)
        told = capsys.readouterr().out
        assert "\r" not in told and told.count("Epoch") == 2
    finally:
        kbridge.config.enable_interactive_logging()
    assert kbridge.config.is_interactive_logging_enabled()


def test_other_settings():
    config = kbridge.config
    assert config.backend() == kbridge.backend.backend()
    config.set_dtype_policy("mixed_bfloat16")
    assert config.dtype_policy().name == kbridge.mixed_precision.global_policy().name == "mixed_bfloat16"
    config.disable_flash_attention()
    try:
        assert config.is_flash_attention_enabled() is False
    finally:
        config._flash_attention = None
    with pytest.warns(UserWarning, match="for a whole program"):
        config.enable_unsafe_deserialization()
    with pytest.warns(UserWarning, match="shows tracebacks whole"):
        config.enable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled() and not config.is_nnx_enabled()


def test_keras_backend():
    backend = kbridge.backend
    assert backend.result_type("int32", "float16") == "float16"
    assert backend.is_float_dtype("bfloat16") and not backend.is_float_dtype("int8")
    assert backend.is_int_dtype("uint8") and backend.standardize_dtype(None) == "float32"
    assert backend.is_keras_tensor(kbridge.Input((2,))) and not backend.is_keras_tensor(X)
    first = backend.get_uid("thing")
    assert backend.get_uid("thing") == first + 1
    backend.clear_session()
    assert backend.get_uid("thing") == 1 and layers.Dense(1).name == "dense"


def test_legacy_configs():
    legacy = kbridge.legacy.saving
    written = legacy.serialize_keras_object(kbridge.losses.Huber(delta=2.0))
    assert written["class_name"] == "Huber" and "module" not in written
    read = legacy.deserialize_keras_object(written, module_objects=vars(kbridge.losses))
    assert isinstance(read, kbridge.losses.Huber) and read.get_config()["delta"] == 2.0
    with pytest.raises(ValueError, match="Unknown loss 'nothing'"):
        legacy.deserialize_keras_object("nothing", printable_module_name="loss")


def test_distribution(engine):
    distribution = kbridge.distribution
    devices = distribution.list_devices()
    assert devices and distribution.get_device_count() == len(devices)
    assert distribution.distribution() is None
    parallel = distribution.DataParallel(devices=devices[:1])
    assert parallel.num_model_replicas == 1
    assert parallel.get_data_layout((8, 3)).axes == ("batch", None)
    assert parallel.get_variable_layout(kbridge.Variable(np.zeros((2, 3)))).axes == (None, None)
    distribution.set_distribution(parallel)
    try:
        assert distribution.distribution() is parallel
        small().fit(X, Y, verbose=0)
    finally:
        distribution.set_distribution(None)
    with parallel.scope():
        assert distribution.distribution() is parallel
    distribution.initialize()
    with pytest.raises(NotImplementedError, match="several devices is left for later"):
        distribution.DataParallel(devices=["cpu:0", "cpu:1"])
    layouts = distribution.LayoutMap(parallel.device_mesh)
    layouts["dense.*kernel"] = (None, "batch")
    assert layouts["net/dense_1/kernel"].axes == (None, "batch") and layouts["other"] is None


# -- callbacks


def test_swap_ema_weights(engine):
    def run(*added):
        kbridge.utils.set_random_seed(0)
        model = kbridge.Sequential([kbridge.Input((3,)), layers.Dense(1)])
        model.compile(kbridge.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse")
        history = model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=list(added))
        return model, history.history

    seen, averages, weights = {}, {}, {}

    class Look(kbridge.callbacks.Callback):
        def on_test_begin(self, logs=None):
            seen["test"] = self.model.get_weights()[0]

        def on_epoch_end(self, epoch, logs=None):
            averages[epoch] = self.model.optimizer._averages[0].numpy()
            weights[epoch] = self.model.get_weights()[0]

    model, history = run(callbacks.SwapEMAWeights(), Look())
    np.testing.assert_allclose(seen["test"], averages[2], rtol=1e-6)
    assert not np.allclose(weights[2], averages[2])
    plain, without = run()
    np.testing.assert_allclose(history["loss"], without["loss"], rtol=1e-6)  # training goes on as it would
    assert not np.allclose(history["val_loss"], without["val_loss"])
    model, _ = run(callbacks.SwapEMAWeights(swap_on_epoch=True), Look())
    np.testing.assert_allclose(weights[2], averages[2], rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"SGD\(..., use_ema=True\)"):
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


def test_remote_monitor():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], self.headers.get("X-Key"), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            """Silent."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    small().fit(
        X,
        Y,
        epochs=2,
        verbose=0,
        callbacks=[
            callbacks.RemoteMonitor(root, "/json", headers={"X-Key": "k"}, send_as_json=True),
            callbacks.RemoteMonitor(root, "/form"),
        ],
    )
    server.shutdown()
    server.server_close()
    assert [path for path, *_ in received] == ["/json", "/form"] * 2
    told = json.loads(received[2][3])
    assert told["epoch"] == 1 and set(told) == {"epoch", "loss"} and received[2][1:3] == ("application/json", "k")
    assert received[1][3].startswith("data=%7B%22epoch%22")
    with pytest.warns(UserWarning, match="could not reach"):
        small().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor(root)])
    with pytest.raises(ValueError, match="http or https"):
        callbacks.RemoteMonitor("file:///etc")


def test_orbax_checkpoint(tmp_path):
    try:
        import orbax.checkpoint as orbax
    except ImportError:
        with pytest.raises(ImportError, match="pip install orbax-checkpoint"):
            callbacks.OrbaxCheckpoint(tmp_path)
        return
    model = small()
    keeper = callbacks.OrbaxCheckpoint(tmp_path / "all", max_to_keep=2)
    weights = callbacks.OrbaxCheckpoint(tmp_path / "weights", save_freq=3, save_weights_only=True, max_to_keep=None)
    best = callbacks.OrbaxCheckpoint(tmp_path / "best", monitor="loss", save_best_only=True, initial_value_threshold=-1)
    model.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[keeper, weights, best])
    assert sorted(keeper.manager.all_steps()) == [2, 3] and sorted(weights.manager.all_steps()) == [3, 6]
    assert list(best.manager.all_steps()) == []
    expected = model.predict(X, verbose=0)
    shape = model.get_state_tree("numpy_array")
    model.fit(X, Y, epochs=1, verbose=0)
    model.set_state_tree(keeper.manager.restore(3, args=orbax.args.StandardRestore(shape)))
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected)
    assert int(model.optimizer.iterations) == 8


def test_a_training_loop_written_for_jax():
    """The loop of Keras's guide for JAX, as it stands there: jit and value_and_grad are JAX's own."""
    with kbridge.use_backend("jax"):
        import jax

        model, optimizer = small(), kbridge.optimizers.Adam(0.01)
        optimizer.build(model.trainable_variables)
        loss_fn, metric = kbridge.losses.MeanSquaredError(), kbridge.metrics.MeanAbsoluteError()
        metric.stateless_reset_state()

        def compute(trainable, non_trainable, x, y):
            y_pred, non_trainable = model.stateless_call(trainable, non_trainable, x, training=True)
            return loss_fn(y, y_pred), (y_pred, non_trainable)

        gradient = jax.value_and_grad(compute, has_aux=True)

        @jax.jit
        def step(state, x, y):
            trainable, non_trainable, slots, measured = state
            (loss, (y_pred, non_trainable)), grads = gradient(trainable, non_trainable, x, y)
            trainable, slots = optimizer.stateless_apply(slots, grads, trainable)
            measured = metric.stateless_update_state(measured, y, y_pred)
            return loss, (trainable, non_trainable, slots, measured)

        metric.update_state(Y, Y)
        metric.reset_state()
        parts = (model.trainable_variables, model.non_trainable_variables, optimizer.variables, metric.variables)
        state, losses = tuple([v.value for v in part] for part in parts), []
        for _ in range(20):
            loss, state = step(state, X, Y)
            losses.append(float(loss))
        assert losses[-1] < losses[0]
        assert float(metric.stateless_result(state[3])) > 0
        for variable, value in zip(model.trainable_variables, state[0]):
            variable.assign(value)
        for variable, value in zip(model.non_trainable_variables, state[1]):
            variable.assign(value)
        assert np.mean((model.predict(X, verbose=0) - Y) ** 2) < losses[0]
