"""Files of Keras 1, Keras 2 and tf.keras: read as they were meant, and written so that Keras reads them."""

import io
import json
import os

import numpy as np
import pytest
import saved_models

import kbridge
from kbridge import layers, saving
from kbridge.backend import registry
from kbridge.saving import CorruptFileError, UnsafeFileError, eras

h5py = pytest.importorskip("h5py")

import old_files  # noqa: E402
from old_files import correlation, hard_sigmoid, random, sequential, sigmoid, write  # noqa: E402


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def predict(model, *x):
    return np.asarray(model.predict(x[0] if len(x) == 1 else list(x), verbose=0))


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def dense_1(units, **more):
    """A Dense as Keras 1 wrote it."""
    regularizer = {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}
    return "Dense", {
        **{"output_dim": units, "init": "glorot_uniform", "activation": "linear", "W_regularizer": regularizer},
        **{"b_regularizer": None, "activity_regularizer": None, "W_constraint": {"name": "MaxNorm", "m": 3, "axis": 0}},
        **{"b_constraint": None, "bias": True, "input_dim": None, "trainable": True, **more},
    }


# -- Keras 1


def test_a_sequential_of_keras_1_with_all_it_says_of_training(engine, rng, tmp_path):
    w, b, beta, gamma, mean, variance = (random(rng, *shape) for shape in ((4, 3), (3,), (3,), (3,), (3,), (3,)))
    variance = np.abs(variance) + 0.5
    config = sequential(
        dense_1(3, batch_input_shape=[None, 4], input_dtype="float32", activation="hard_sigmoid"),
        (
            "BatchNormalization",
            {"epsilon": 1e-3, "mode": 0, "axis": -1, "momentum": 0.99, "gamma_regularizer": None, "beta_init": "zero"},
        ),
        ("Dropout", {"p": 0.25}),
        ("LeakyReLU", {"alpha": 0.2}),
    )
    slots = [random(rng, *a.shape) ** 2 for a in (w, b, gamma, beta) * 2]
    training = {
        "optimizer_config": {
            "class_name": "Adam",
            "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0},
        },
        "loss": "mse",
        "metrics": ["mae"],
        "sample_weight_mode": None,
        "loss_weights": None,
    }
    path = write(
        tmp_path / "model.anything",  # the content counts, not the name
        {
            "dense_1": [("dense_1_W:0", w), ("dense_1_b:0", b)],
            "batchnormalization_1": [
                (f"batchnormalization_1_{key}:0", value)
                for key, value in (("gamma", gamma), ("beta", beta), ("running_mean", mean), ("running_std", variance))
            ],
            "dropout_1": [],
            "leakyrelu_1": [],
        },
        {"class_name": "Sequential", "config": config},
        "1.2.2",
        training=training,
        optimizer=[("iterations", np.float32(7)), *((f"slot_{i}", slot) for i, slot in enumerate(slots))],
    )
    model = saving.load_model(path)
    x = random(rng, 5, 4)
    y = (hard_sigmoid(x @ w + b) - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    close(predict(model, x), np.where(y > 0, y, 0.2 * y))
    dense = model.layers[0]
    assert dense.kernel_regularizer.l2 == pytest.approx(0.01) and dense.kernel_constraint.max_value == 3
    assert model.layers[2].rate == 0.25 and [layer.name for layer in model.layers][1] == "batchnormalization_1"
    assert int(model.optimizer.iterations) == 7 and float(model.optimizer.learning_rate) == pytest.approx(0.01)
    state = model.optimizer.get_weights()[2:]
    for one, other in zip(state[0::2] + state[1::2], slots):
        close(one, other)
    assert set(model.fit(x, random(rng, 5, 3), verbose=0).history) == {"loss", "mae"}


@pytest.mark.parametrize("ordering, names", [("tf", ":0"), ("th", ":0"), ("th", ""), ("tf", "")])
def test_kernels_of_keras_1_lie_as_its_backend_and_ordering_say(rng, tmp_path, ordering, names):
    """Names without ":0" are Theano's, whose convolutions turn the kernel round."""
    kernel, bias = random(rng, 3, 2, 2, 4), random(rng, 4)  # rows, columns, channels, filters
    meant = kernel if names else kernel[::-1, ::-1]
    stored = kernel if ordering == "tf" else kernel.transpose(3, 2, 0, 1)
    shape = [None, 6, 5, 2] if ordering == "tf" else [None, 2, 6, 5]
    config = {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "border_mode": "valid", "subsample": [1, 1]}
    config.update(dim_ordering=ordering, init="glorot_uniform", bias=True, activation="relu", batch_input_shape=shape)
    pool = ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], "border_mode": "valid", "dim_ordering": ordering})
    path = write(
        tmp_path / "model.h5",
        {
            "convolution2d_1": [(f"convolution2d_1_W{names}", stored), (f"convolution2d_1_b{names}", bias)],
            "maxpooling2d_1": [],
        },
        {"class_name": "Sequential", "config": sequential(("Convolution2D", config), pool)},
        "1.1.0",
    )
    x = random(rng, 2, 6, 5, 2)
    expected = np.maximum(correlation(x, meant) + bias, 0)
    expected = expected.reshape(2, 2, 2, 2, 2, 4).max((2, 4))
    model = saving.load_model(path)
    assert type(model.layers[0]) is layers.Conv2D
    if ordering == "tf":
        close(predict(model, x), expected)
    else:
        with registry.use_backend("numpy"):
            close(predict(model, x.transpose(0, 3, 1, 2)), expected.transpose(0, 3, 1, 2))


def recurrent_1(units, **more):
    return {
        **{"output_dim": units, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh"},
        **{"inner_activation": "hard_sigmoid", "W_regularizer": None, "U_regularizer": None, "b_regularizer": None},
        **{"dropout_W": 0.0, "dropout_U": 0.0, "return_sequences": False, "go_backwards": False, "stateful": False},
        **{"unroll": False, "consume_less": "cpu", "input_dim": 3, "input_length": None, **more},
    }


def gates(rng, order, units=4, features=3):
    return {key: (random(rng, features, units), random(rng, units, units), random(rng, units)) for key in order}


def in_file(name, gates):
    return [(f"{name}_{part}_{key}:0", array) for key, own in gates.items() for part, array in zip("WUb", own)]


def test_the_gates_of_keras_1_are_joined(engine, rng, tmp_path):
    lstm, gru = gates(rng, "icfo"), gates(rng, "zrh")  # in the order of the file
    forward, backward = gates(rng, "icfo"), gates(rng, "icfo")
    x = random(rng, 5, 6, 3)
    both = {"merge_mode": "concat", "layer": {"class_name": "LSTM", "config": recurrent_1(4, name="inner")}}
    for kind, config, arrays, expected in (
        ("LSTM", recurrent_1(4, forget_bias_init="one"), in_file("l", lstm), old_files.lstm(x, lstm, hard_sigmoid)),
        ("GRU", recurrent_1(4), in_file("g", gru), old_files.gru(x, gru, hard_sigmoid)),
        (
            "Bidirectional",
            both,
            in_file("forward", forward) + in_file("backward", backward),
            np.concatenate(
                [old_files.lstm(x, forward, hard_sigmoid), old_files.lstm(x[:, ::-1], backward, hard_sigmoid)], -1
            ),
        ),
    ):
        found = {"batch_input_shape": [None, None, 3], **config}
        name = kind.lower() + "_1"
        config = {"class_name": "Sequential", "config": sequential((kind, found))}
        model = saving.load_model(write(tmp_path / "model.h5", {name: arrays}, config, "1.2.0"), compile=False)
        close(predict(model, x), expected)


def test_a_graph_of_keras_1_with_a_shared_model_and_merges(engine, rng, tmp_path):
    w, b, v, c = random(rng, 4, 3), random(rng, 3), random(rng, 6, 2), random(rng, 2)

    def entry(name, kind, config, *nodes):
        return {"name": name, "class_name": kind, "config": config, "inbound_nodes": list(nodes)}

    def place(name):
        return {"batch_input_shape": [None, 4], "input_dtype": "float32", "sparse": False, "name": name}

    merge = {"mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None, "arguments": {}}
    graph = {
        "name": "model_1",
        "layers": [
            entry("a", "InputLayer", place("a")),
            entry("b", "InputLayer", place("b")),
            entry(
                "sequential_1",
                "Sequential",
                sequential(dense_1(3, name="inner", batch_input_shape=[None, 4])),
                [["a", 0, 0]],
                [["b", 0, 0]],
            ),
            entry(
                "both",
                "Merge",
                {"name": "both", "mode": "concat", **merge},
                [["sequential_1", 1, 0], ["sequential_1", 2, 0]],  # its own making counts as its first call
            ),
            entry("out", "Dense", {**dense_1(2)[1], "name": "out"}, [["both", 0, 0]]),
            entry("sum", "Merge", {"name": "sum", "mode": "sum", **merge}, [["out", 0, 0], ["out", 0, 0]]),
        ],
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["sum", 0, 0]],
    }
    stored = {
        "a": [],
        "b": [],
        "sequential_1": [("inner_W:0", w), ("inner_b:0", b)],
        "both": [],
        "out": [("out_W:0", v), ("out_b:0", c)],
        "sum": [],
    }
    path = write(tmp_path / "model.h5", stored, {"class_name": "Model", "config": graph}, "1.2.2")
    x, y = random(rng, 5, 4), random(rng, 5, 4)
    expected = 2 * (np.concatenate([x @ w + b, y @ w + b], -1) @ v + c)
    with pytest.warns(UserWarning, match="not compiled"):
        model = saving.load_model(path)
    close(predict(model, x, y), expected)
    branch = sequential(dense_1(3, name="inner", batch_input_shape=[None, 4]))
    other = sequential(dense_1(3, name="other", batch_input_shape=[None, 4]))
    config = [
        {
            "class_name": "Merge",
            "config": {
                **{"name": "merge_1", "mode": "concat", **merge},
                "layers": [{"class_name": "Sequential", "config": one} for one in (branch, other)],
            },
        },
        *sequential(dense_1(2)),
    ]
    stored = {
        "inner": [("inner_W:0", w), ("inner_b:0", b)],
        "other": [("other_W:0", w), ("other_b:0", b)],
        "merge_1": [],
        "dense_1": [("dense_1_W:0", v), ("dense_1_b:0", c)],
    }
    path = write(tmp_path / "merged.h5", stored, {"class_name": "Sequential", "config": config}, "1.2.2")
    close(2 * predict(saving.load_model(path, compile=False), x, y), expected)


def test_one_dimension_of_keras_1_and_what_came_before_its_names(rng, tmp_path):
    kernel, bias = random(rng, 3, 2, 4), random(rng, 4)
    x = random(rng, 2, 7, 2)
    expected = correlation(x[:, :, None], kernel[:, None])[:, :, 0] + bias
    config = {"nb_filter": 4, "filter_length": 3, "border_mode": "valid", "subsample_length": 1, "init": "uniform"}
    config.update(batch_input_shape=[None, 7, 2], bias=True, activation="linear", input_dim=2, input_length=7)
    for stored in (kernel[:, None], kernel[:, None].transpose(3, 2, 0, 1)):  # of Keras 1.2, and before it
        path = write(
            tmp_path / "model.h5",
            {"convolution1d_1": [("convolution1d_1_W:0", stored), ("convolution1d_1_b:0", bias)]},
            {"class_name": "Sequential", "config": sequential(("Convolution1D", config))},
            "1.0.8",
        )
        close(predict(saving.load_model(path, compile=False), x), expected)
    path = tmp_path / "weights.h5"
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3), layers.Activation("tanh")])
    with h5py.File(path, "w") as file:  # of Keras 0
        file.attrs["nb_layers"] = 2
        group = file.create_group("layer_0")
        group.attrs["nb_params"] = 2
        group["param_0"], group["param_1"] = random(rng, 4, 3), random(rng, 3)
        file.create_group("layer_1").attrs["nb_params"] = 0
    with pytest.raises(CorruptFileError, match="no names"):
        model.load_weights(path, by_name=True)
    model.load_weights(path)
    with h5py.File(path) as file:
        close(model.get_weights()[0], file["layer_0/param_0"][()])


# -- Keras 2


def test_what_cudnn_layers_of_keras_2_kept(engine, rng, tmp_path):
    """Their kernels are transposed gate by gate, and there are biases of both products."""
    units, features = 4, 3
    x = random(rng, 5, 6, features)
    own = gates(rng, "ifco")
    second = {key: random(rng, units) for key in own}

    kernels = [own[key][0] for key in own]
    cudnn = [np.hstack([_to_cudnn(k) for k in kernels]), np.hstack([own[key][1].T for key in own])]
    cudnn.append(np.concatenate([own[key][2] for key in own] + [second[key] for key in own]))
    config = {"units": units, "return_sequences": False, "unit_forget_bias": True, "batch_input_shape": [None, 6, 3]}
    path = write(
        tmp_path / "model.h5",
        {"cudnnlstm_1": list(zip(("k:0", "r:0", "b:0"), cudnn))},
        {"class_name": "Sequential", "config": {"name": "s", "layers": sequential(("CuDNNLSTM", config))}},
        "2.1.6",
        "tensorflow",
    )
    model = saving.load_model(path, compile=False)
    assert type(model.layers[0]) is layers.LSTM
    summed = {key: (w, u, b + second[key]) for key, (w, u, b) in own.items()}
    close(predict(model, x), old_files.lstm(x, summed, sigmoid))


def _to_cudnn(kernel):
    """cuDNN reads the memory of a kernel's transpose in the other order."""
    return kernel.T.reshape(kernel.shape)


def keras_2(*configs):
    return {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": sequential(*configs)}}


def test_arguments_that_mean_nothing_are_dropped_and_others_refused(rng, tmp_path):
    config = {"units": 3, "implementation": 1, "time_major": False, "batch_input_shape": [None, 5, 2]}
    conv = {"filters": 2, "kernel_size": [2], "groups": 1, "data_format": "channels_last"}
    model_config = keras_2(("GRU", {**config, "return_sequences": True}), ("Conv1D", conv))
    arrays = {
        "gru_1": [("k:0", random(rng, 2, 9)), ("r:0", random(rng, 3, 9)), ("b:0", random(rng, 9))],
        "conv1d_1": [("k:0", random(rng, 2, 3, 2)), ("b:0", random(rng, 2))],
    }
    model = saving.load_model(write(tmp_path / "model.h5", arrays, model_config, "2.1.2"), compile=False)
    assert model.layers[0].reset_after is False  # as a GRU was before it could be told
    model_config["config"]["layers"][0]["config"]["time_major"] = True
    path = write(tmp_path / "model.h5", arrays, model_config, "2.1.2")
    with pytest.raises(CorruptFileError, match="time_major=True"):
        saving.load_model(path)


def test_weights_by_order_by_name_and_what_does_not_fit(rng, tmp_path):
    arrays = [random(rng, 4, 3), random(rng, 3), random(rng, 3, 2), random(rng, 2)]
    path = write(
        tmp_path / "weights.h5",
        {"one": [("k:0", arrays[0]), ("b:0", arrays[1])], "two": [("k:0", arrays[2]), ("b:0", arrays[3])]},
        version="2.3.1",
        backend="tensorflow",
    )

    def model(first="one", second="two", units=2):
        inner = [layers.Dense(3, name=first), layers.Dense(units, name=second)]
        return kbridge.Sequential([kbridge.Input((4,)), *inner])

    for names in (("one", "two"), ("a", "b")):
        found = model(*names)
        found.load_weights(path)
        for one, other in zip(found.get_weights(), arrays):
            np.testing.assert_array_equal(one, other)
    found = model("a", "two")
    before = found.get_weights()
    found.load_weights(path, by_name=True)
    assert (found.get_weights()[0] == before[0]).all() and (found.get_weights()[2] == arrays[2]).all()
    found = model(units=5)
    before = found.get_weights()
    with pytest.raises(CorruptFileError, match=r"two: it does not fit: Dense 'two'.*\(3, 5\).*\(3, 2\)"):
        found.load_weights(path)
    assert (found.get_weights()[0] == before[0]).all()
    with pytest.warns(UserWarning, match="left as it is"):
        found.load_weights(path, skip_mismatch=True)
    assert (found.get_weights()[0] == arrays[0]).all() and (found.get_weights()[2] == before[2]).all()
    with pytest.raises(CorruptFileError, match="2 layers.*the model has 1"):
        kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3)]).load_weights(path)
    with pytest.raises(CorruptFileError, match="no model.*load_weights"):
        saving.load_model(path)


def test_frozen_layers_in_a_model_within_a_model_come_last(rng, tmp_path):
    """In Keras 2 the list of an inner model begins with what can be trained."""
    inner = kbridge.Sequential(
        [
            kbridge.Input((3,)),
            layers.Dense(3, name="d"),
            layers.BatchNormalization(name="n"),
            layers.Dense(2, name="e"),
        ],
        name="inner",
    )
    inner.layers[0].trainable = False
    x = kbridge.Input((3,))
    model = kbridge.Model(x, inner(x))
    shapes = {"n/gamma": (3,), "n/beta": (3,), "e/kernel": (3, 2), "e/bias": (2,), "d/kernel": (3, 3), "d/bias": (3,)}
    shapes.update({"n/moving_mean": (3,), "n/moving_variance": (3,)})
    arrays = {name: random(rng, *shape) for name, shape in shapes.items()}
    stored = {"input_1": [], "inner": [(f"{name}:0", array) for name, array in arrays.items()]}
    model.load_weights(write(tmp_path / "weights.h5", stored, version="2.2.4", backend="tensorflow"))
    for layer in inner.layers:
        for variable in layer.weights:
            np.testing.assert_array_equal(variable.numpy(), arrays[f"{layer.name}/{variable.name}"])


def test_names_in_many_attributes_and_chunked_arrays(rng, tmp_path):
    count = 40
    arrays = {f"{'long' * 500}_{i}": random(rng, 3, 3) for i in range(count)}
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for number, part in enumerate(np.array_split([name.encode() for name in arrays], 3)):
            file.attrs[f"layer_names{number}"] = part
        file.attrs["keras_version"] = "2.3.1"
        for name, array in arrays.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [b"kernel:0"]
            group.create_dataset("kernel:0", data=array, chunks=(2, 2), compression="gzip", shuffle=True)
    stack = [layers.Dense(3, use_bias=False, name=name) for name in arrays]
    model = kbridge.Sequential([kbridge.Input((3,)), *stack])
    model.load_weights(tmp_path / "weights.h5")
    model.save_weights(tmp_path / "again.h5")
    fresh = kbridge.models.clone_model(model)
    fresh.load_weights(tmp_path / "again.h5")
    for found in (model, fresh):
        for one, other in zip(found.get_weights(), arrays.values()):
            np.testing.assert_array_equal(one, other)


# -- back and forth


def small():
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("name", saved_models.IN_HDF5)
def test_models_come_back_from_hdf5(engine, name, tmp_path):
    model = saved_models.make(name, kbridge)
    x = saved_models.inputs(name)
    expected = saved_models.leaves(model.predict(x, verbose=0))
    model.save(tmp_path / "model.h5")
    found = saving.load_model(tmp_path / "model.h5", compile=model.optimizer is not None)
    assert type(found) is type(model) and [w.name for w in found.weights] == [w.name for w in model.weights]
    for one, other in zip(saved_models.leaves(found.predict(x, verbose=0)), expected):
        close(one, other)


def test_a_graph_with_ops_shared_layers_and_an_inner_model_comes_back(tmp_path):
    model = saved_models.make("graph", kbridge)
    model.save(tmp_path / "model.h5")
    found = saving.load_model(tmp_path / "model.h5", compile=False)
    x = saved_models.inputs("graph")
    for one, other in zip(*(saved_models.leaves(m.predict(x, verbose=0)) for m in (model, found))):
        close(one, other)


def test_training_goes_on_from_hdf5_as_it_would_have(engine, rng, tmp_path):
    model = small()
    x, y = random(rng, 8, 4), random(rng, 8, 2)
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.h5")
    found = saving.load_model(tmp_path / "model.h5")
    for one, other in zip(found.optimizer.get_weights(), model.optimizer.get_weights()):
        np.testing.assert_array_equal(one, other)
    for m in (model, found):
        m.train_on_batch(x, y)
    for one, other in zip(found.get_weights(), model.get_weights()):
        close(one, other)
    model.save(tmp_path / "model.h5", include_optimizer=False)
    with pytest.warns(UserWarning, match="not compiled"):
        assert saving.load_model(tmp_path / "model.h5").optimizer is None


def test_hard_sigmoid_means_what_it_meant(rng, tmp_path):
    x = np.linspace(-3, 3, 12, dtype="float32").reshape(3, 4)
    for name, slope in (("hard_sigmoid", 1 / 6), (eras.HARD_SIGMOID, 0.2)):
        model = kbridge.Sequential([kbridge.Input((4,)), layers.Activation(name)])
        model.save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5") as file:
            assert '"hard_sigmoid"' in file.attrs["model_config"]
        close(predict(saving.load_model(tmp_path / "model.h5", compile=False), x), np.clip(slope * x + 0.5, 0, 1))


def test_lambdas_are_told_when_saved_and_given_when_loaded(tmp_path):
    model = kbridge.Sequential([kbridge.Input((4,)), layers.Lambda(lambda x: 3.0 * x, name="triple")])
    with pytest.warns(UserWarning, match="custom_objects"):
        model.save(tmp_path / "model.h5")
    for safe_mode in (True, False):
        with pytest.raises(UnsafeFileError, match=r"does not say what it does.*custom_objects=\{'triple': function\}"):
            saving.load_model(tmp_path / "model.h5", safe_mode=safe_mode)
    with saving.custom_object_scope({"triple": lambda x: 3.0 * x}):
        found = saving.load_model(tmp_path / "model.h5", compile=False)
    close(predict(found, np.ones((2, 4), "float32")), 3)


def test_models_without_a_graph_have_no_words_in_hdf5(tmp_path):
    class Own(kbridge.Model):
        def call(self, x):
            return x

    for model in (Own(), kbridge.Sequential([layers.Dense(2)])):
        with pytest.raises(NotImplementedError, match=r"\.keras"):
            model.save(tmp_path / "model.h5")
    assert os.listdir(tmp_path) == []


# -- texts


def test_texts_of_each_generation_make_models(rng):
    config = sequential(dense_1(3, batch_input_shape=[None, 4]), ("Dropout", {"p": 0.5}))
    first = json.dumps({"class_name": "Sequential", "config": config, "keras_version": "1.1.0"})
    second = saving.to_old_json(small())
    for text, units in ((first, 3), (second, 2), (small().to_json(), 2)):
        assert kbridge.models.model_from_json(text).output_shape == (None, units)
    text = """
class_name: Sequential
config:
- class_name: Dense
  config:
    W_constraint: null
    activation: &a linear
    batch_input_shape: !!python/tuple [null, 4]
    bias: true
    init: 'glorot_uniform'
    name: a long name that
      goes on
    output_dim: 3
    trainable: true
- class_name: Activation
  config: {activation: *a, name: "l\\x61st",
    trainable: true}
keras_version: 1.2.2
"""
    model = kbridge.models.model_from_yaml(text)
    assert [layer.name for layer in model.layers] == ["a long name that goes on", "last"]
    again = saving.model_from_yaml(saving.to_yaml(small()))
    assert again.output_shape == (None, 2) and again.layers[0].activation is kbridge.activations.tanh


@pytest.mark.parametrize(
    "text, kind, match",
    [
        ("a: !!python/object/apply:os.system ['x']", UnsafeFileError, "none is made"),
        ("a: &x [*x]", CorruptFileError, "&x"),
        ("a: [1, 2", CorruptFileError, "not closed"),
        ("a: 1\na: 2", UnsafeFileError, "twice"),
        ("- " * 500 + "1", UnsafeFileError, "deep"),
        ("a: " + "[" * 500, CorruptFileError, "not closed"),
        ("a: " + "9" * 5000, UnsafeFileError, "digits"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"k{i}: &a [{','.join(['*a'] * 9)}]\n" for i in range(9)),
            None,
            "hold",
        ),
        ("? a\n: b", CorruptFileError, "not understood"),
        ("just text", CorruptFileError, "does not describe"),
        ("class_name: Dense\nconfig: {units: 1099511627776}", CorruptFileError, "not a model"),
    ],
)
def test_yaml_is_bounded_data(text, kind, match):
    with pytest.raises(kind, match=match):
        saving.model_from_yaml(text)


# -- other files, and what is said of them


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_weights_in_other_files(engine, ending, rng, tmp_path):
    path = tmp_path / f"weights.{ending}"
    model = small()
    model.train_on_batch(random(rng, 8, 4), random(rng, 8, 2))
    model.save_weights(path)
    fresh = small()
    fresh.load_weights(path, mmap=True)
    for one, other in zip(fresh.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert int(fresh.optimizer.iterations) == 1
    fresh.train_on_batch(random(rng, 8, 4), random(rng, 8, 2))  # does not reach the file
    again = small()
    again.load_weights(path)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    if ending == "npz":
        np.savez(path, *model.get_weights())
        again.load_weights(path)
        np.savez(path, np.array([object()]), *model.get_weights())
        with pytest.raises(UnsafeFileError, match="object"):
            again.load_weights(path)


def test_damaged_safetensors_are_told(tmp_path):
    path = tmp_path / "weights.safetensors"
    small().save_weights(path)
    good = path.read_bytes()
    length = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + length])
    first = next(iter(set(header) - {"__metadata__"}))

    def changed(**values):
        text = json.dumps({**header, first: {**header[first], **values}}).encode()
        return len(text).to_bytes(8, "little") + text + good[8 + length :]

    for data, kind in (
        (good[:-1], CorruptFileError),
        (good[:50], CorruptFileError),
        (b"\xff" * 3 + b"\0" * 5 + b"{" + good, CorruptFileError),
        (changed(shape=[1 << 40]), CorruptFileError),
        (changed(shape=[-1]), CorruptFileError),
        (changed(data_offsets=[0, 1 << 60]), CorruptFileError),
        (changed(dtype="OBJ"), CorruptFileError),
        (good[:8] + b"[" * length + good[8 + length :], CorruptFileError),
        ((1 << 30).to_bytes(8, "little") + good[8:], CorruptFileError),
    ):
        path.write_bytes(data)
        with pytest.raises(kind, match="weights.safetensors"):
            small().load_weights(path)


def test_what_is_in_a_file_is_told(rng, tmp_path, capsys):
    from kbridge import cli

    config = {"class_name": "Sequential", "config": sequential(dense_1(3, batch_input_shape=[None, 4]))}
    arrays = {"dense_1": [("dense_1_W", random(rng, 4, 3)), ("dense_1_b", random(rng, 3))]}
    path = str(write(tmp_path / "model.h5", arrays, config, "1.1.0"))
    model, report = saving.load_model(path, compile=False, report=True)
    assert (report.era, report.backend, report.parameters) == ("Keras 1", "theano", 15)
    assert report.layers == [("dense_1", "Dense", 15)] and not report.refused
    assert any("output_dim is called units" in text for text in report.converted)
    for ending in ("keras", "h5", "weights.h5", "safetensors", "npz", "json", "yaml"):
        target = str(tmp_path / f"new.{ending}")
        assert cli.main(["convert", path, target, "--no-compile"]) == 0
        if ending != "yaml":
            assert cli.main(["inspect", target]) == 0
    assert "Sequential" in capsys.readouterr().out
    close(saving.load_model(tmp_path / "new.keras").get_weights()[0], model.get_weights()[0])
    config["config"][0]["class_name"] = "NoSuchLayer"
    config["config"].append({"class_name": "Lambda", "config": {"function": ["4wEA", None, None], "name": "l"}})
    write(path, arrays, config, "1.1.0")
    assert cli.main(["inspect", path]) == 1
    assert "cannot be read: model_config: config.layers[1]" in capsys.readouterr().out
    assert cli.main(["convert", path, str(tmp_path / "new.txt")]) == 1


# -- hostile files


@pytest.fixture
def good(tmp_path):
    model = small()
    model.train_on_batch(np.ones((2, 4), "float32"), np.ones((2, 2), "float32"))
    model.save(tmp_path / "good.h5")
    return (tmp_path / "good.h5").read_bytes()


def edited(good, change):
    buffer = io.BytesIO(good)
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def with_config(change):
    def edit(file):
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)

    return edit


def _code(config):
    code = {"function": ["4wEAAAAAAAAA", None, None], "function_type": "lambda", "name": "code"}
    config["config"]["layers"].append({"class_name": "Lambda", "config": code})


def _import(config):
    config["config"]["layers"].append({"class_name": "system", "module": "os", "config": {"name": "touch /tmp/x"}})


def _huge(config):
    config["config"]["layers"][1]["config"]["units"] = 1 << 40


def _graph(config):
    config.update(class_name="Functional", config={"layers": [{"name": 3}], "input_layers": 1, "output_layers": []})


def _pairs(config):
    config["config"]["layers"][1] = ["Dense"]


@pytest.mark.parametrize(
    "change, kind, match",
    [
        (with_config(_code), UnsafeFileError, "is not run"),
        (with_config(_import), CorruptFileError, "Unknown .*system"),
        (with_config(_huge), UnsafeFileError, "more memory than the file"),
        (with_config(_graph), CorruptFileError, "no name"),
        (with_config(_pairs), CorruptFileError, "no model can be built"),
        (lambda f: f.attrs.update(model_config="[" * 10_000), UnsafeFileError, "deep"),
        (lambda f: f.attrs.update(model_config=3), CorruptFileError, "no text"),
        (lambda f: f["model_weights"].attrs.update(layer_names=[b"other"]), CorruptFileError, "named, but not there"),
        (lambda f: f["model_weights"].attrs.update(layer_names=[b"../x"]), CorruptFileError, "named, but not there"),
        (lambda f: f["model_weights"].attrs.update(layer_names=7), CorruptFileError, "no list"),
        (lambda f: f["model_weights"].attrs.__delitem__("layer_names"), CorruptFileError, "missing"),
        (lambda f: f.attrs.update(training_config="{}"), CorruptFileError, "cannot be compiled"),
        (lambda f: f.attrs.update(training_config='{"loss": "system"}'), CorruptFileError, "training_config"),
        (lambda f: f["optimizer_weights"].attrs.update(weight_names=[b"x"]), CorruptFileError, "not there"),
        (lambda f: f.__setitem__("soft", h5py.SoftLink("/model_weights")), UnsafeFileError, "link"),
        (lambda f: f.__setitem__("far", h5py.ExternalLink("/etc/passwd", "/")), UnsafeFileError, "link"),
    ],
)
def test_hostile_old_files_are_refused(good, change, kind, match):
    with pytest.raises(kind, match=match):
        saving.load_model(io.BytesIO(edited(good, change)))


def test_mutated_old_files_load_or_are_refused(good, tmp_path):
    rng = np.random.default_rng(0)
    small().save_weights(tmp_path / "w.safetensors")
    small().save_weights(tmp_path / "w.npz")
    files = [good, (tmp_path / "w.safetensors").read_bytes(), (tmp_path / "w.npz").read_bytes()]
    model = small()
    for i in range(150):
        data = bytearray(files[i % 3])
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        try:
            if i % 3:
                model.load_weights(io.BytesIO(bytes(data)), skip_mismatch=True)
            else:
                saving.load_model(io.BytesIO(bytes(data)))
        except (UnsafeFileError, CorruptFileError):
            continue
