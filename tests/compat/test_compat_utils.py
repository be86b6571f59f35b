"""``keras.utils``, ``keras.datasets`` and ``keras.applications`` of both generations."""

import gzip
import importlib
import io
import json
import pickle
import tarfile
import threading
import time
import types
import zipfile

import h5py
import numpy as np
import pytest

from kbridge import config
from kbridge.compat.keras1 import utils as utils1
from kbridge.compat.keras2 import utils as utils2

BOTH = pytest.mark.parametrize("utils", (utils1, utils2), ids=("keras1", "keras2"))
GENERATIONS = pytest.mark.parametrize("generation", ("keras1", "keras2"))


def module(generation, path):
    return importlib.import_module(f"kbridge.compat.{generation}.{path}")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    return tmp_path


# -- paths


@GENERATIONS
@pytest.mark.parametrize("part", ("np_utils", "generic_utils", "data_utils", "io_utils", "layer_utils"))
def test_modules_of_utils_hold_their_names(generation, part):
    name = {"np_utils": "to_categorical", "generic_utils": "Progbar", "data_utils": "get_file"}.get(part)
    name = name or {"io_utils": "HDF5Matrix", "layer_utils": "print_summary"}[part]
    package = module(generation, "utils")
    inside = module(generation, f"utils.{part}")
    assert getattr(inside, name) is getattr(package, name) is getattr(getattr(package, part), name)


def test_names_of_other_generations_are_found():
    assert utils1.multi_gpu_model is utils2.multi_gpu_model and utils1.Sequence is utils2.Sequence
    assert callable(utils1.set_random_seed) and callable(utils2.set_random_seed)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        utils2.nothing  # noqa: B018


# -- numbers


def test_one_hot_rows():
    rows = utils1.to_categorical([[0], [2]])
    assert rows.dtype == "float64" and rows.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert utils1.to_categorical([0, 1], nb_classes=3).shape == utils1.to_categorical([0, 1], 3).shape == (2, 3)
    rows = utils2.to_categorical(np.array([[0, 2], [1, 1]]), num_classes=4)
    assert rows.dtype == "float32" and rows.shape == (2, 2, 4)
    assert utils2.to_categorical([[0], [2]], dtype="int64").tolist() == [[1, 0, 0], [0, 0, 1]]
    assert utils1.to_categorical([[0, 2], [1, 1]]).shape == (4, 3)
    with pytest.raises(IndexError, match="0 to 1"):
        utils2.to_categorical([2], 2)


def test_classes_and_losses_of_probabilities():
    assert utils1.probas_to_classes(np.array([[0.2, 0.8], [0.9, 0.1]])).tolist() == [1, 0]
    assert utils1.probas_to_classes(np.array([[0.2], [0.9]])).tolist() == [0, 1]
    assert utils1.accuracy([1, 2, 3], [1, 2, 4]) == pytest.approx(2 / 3)
    assert utils1.binary_logloss(np.array([0.5, 0.5]), np.array([0, 1])) == pytest.approx(np.log(2))
    assert utils1.multiclass_logloss(np.array([[0.25, 0.75]]), [2]) == pytest.approx(-np.log(0.75))


@BOTH
def test_normalize(utils):
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x, 0, 1), [[1, 1], [0, 0]])


def test_lengths_of_convolutions():
    assert utils1.conv_output_length(10, 3, border_mode="valid", stride=2) == 4
    assert utils1.conv_input_length(4, 3, border_mode="same", stride=1) == 4
    lengths = [utils2.conv_output_length(10, 3, p, 2, dilation=2) for p in ("same", "valid", "full", "causal")]
    assert lengths == [5, 3, 7, 5] and utils2.conv_output_length(None, 3, "same", 1) is None
    assert utils2.deconv_length(4, 2, 3, "valid", None) == 9 and utils2.deconv_length(4, 2, 3, "same", 1) == 8
    assert utils2.normalize_tuple(2, 3, "size") == (2, 2, 2) and utils2.normalize_tuple([1, 2], 2, "s") == (1, 2)
    for wrong in ("ab", (1, 2, 3), None):
        with pytest.raises(ValueError, match="size"):
            utils2.normalize_tuple(wrong, 2, "size")
    assert utils2.normalize_padding("SAME") == "same"


def test_kernels_turned_round():
    kernel = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(utils2.convert_kernel(kernel), kernel[::-1, ::-1])
    np.testing.assert_array_equal(utils1.convert_kernel(kernel, "th"), kernel[:, :, ::-1, ::-1])
    config.set_image_data_format("channels_first")
    np.testing.assert_array_equal(utils1.convert_kernel(kernel), kernel[:, :, ::-1, ::-1])


# -- helpers


def test_lists():
    assert utils2.to_list((1,)) == [(1,)] and utils2.to_list((1,), allow_tuple=True) == [1]
    assert utils2.unpack_singleton([1]) == 1 and utils2.unpack_singleton([1, 2]) == [1, 2]
    assert utils2.is_all_none([None, None]) and not utils2.is_all_none(0)
    x = np.arange(5)
    assert [a.tolist() for a in utils2.slice_arrays([x, x + 1], 1, 3)] == [[1, 2], [2, 3]]
    assert utils2.slice_arrays(x, np.array([4, 0])).tolist() == [4, 0] and utils2.slice_arrays(None) == [None]
    assert utils2.transpose_shape((1, 2, 3, 4), "channels_first", (1, 2)) == (1, 4, 2, 3)
    assert utils2.object_list_uid(x) == utils2.object_list_uid([x]) and utils1.make_tuple(1, 2) == (1, 2)
    with pytest.raises(ValueError, match="'b'"):
        utils2.check_for_unexpected_keys("loss", {"b": 1}, ["a"])


def test_functions():
    def f(a, b=1, *, c=2, **rest):
        pass

    assert utils2.has_arg(f, "a") and utils2.has_arg(f, "c")
    assert not utils2.has_arg(f, "d") and utils2.has_arg(f, "d", accept_all=True)
    assert utils2.getargspec(f)[:3] == (["a", "b"], None, "rest")
    scale = 3
    text, defaults, closure = dumped = utils2.func_dump(lambda x, y=2: K.sum(x) * y * scale)  # noqa: F821
    assert isinstance(text, str) and (defaults, closure) == ((2,), (3,))
    loaded = utils1.func_load(dumped, globs={"K": types.SimpleNamespace(sum=sum)})
    assert loaded([1, 1]) == 12 and loaded.__name__ == "<lambda>"
    with pytest.raises(ValueError, match="another version of Python"):
        utils1.func_load("code")


class Scaled:
    def __init__(self, factor=2):
        self.factor = factor

    def get_config(self):
        return {"factor": self.factor}


def test_names_and_configs():
    config_ = utils2.serialize_keras_object(Scaled(3))
    assert config_ == {"class_name": "Scaled", "config": {"factor": 3}}
    assert utils2.deserialize_keras_object(config_, {"Scaled": Scaled}).factor == 3
    with utils2.CustomObjectScope({"Scaled": Scaled}, {"other": len}):
        assert utils2.deserialize_keras_object(config_).factor == 3
        assert utils1.get_from_module("Scaled", {}, "scale", True, {"factor": 5}).factor == 5
        assert utils2.deserialize_keras_object("other") is len
    assert utils1.get_from_module({"name": "Scaled", "factor": 7}, {"Scaled": Scaled}, "scale").factor == 7
    utils1.get_custom_objects()["Scaled"] = Scaled
    try:
        assert utils2.deserialize_keras_object(config_).factor == 3
    finally:
        del utils2.get_custom_objects()["Scaled"]
    with pytest.raises(ValueError, match="Unknown scale: 'Scaled'"):
        utils1.get_from_module("Scaled", {}, "scale")


def test_progress_bar(capsys):
    bar = utils1.Progbar(4, width=10, verbose=2)
    bar.update(2, [("loss", 1.0)], force=True)
    bar.add(2, [("loss", 3.0)])
    assert "loss: 2.0000" in capsys.readouterr().out
    assert bar.sum_values == {"loss": [8.0, 4]} and bar.unique_values == ["loss"]
    bar = utils2.Progbar(None, stateful_metrics=["best"])
    bar.update(3, values=[("best", 1.0)])


# -- files


def test_arrays_in_hdf5(tmp_path):
    path = str(tmp_path / "data.h5")
    data = np.arange(60.0).reshape(20, 3)
    with h5py.File(path, "w") as file:
        file["x"] = data
    x = utils2.HDF5Matrix(path, "x", start=5, end=15, normalizer=lambda rows: rows * 2)
    assert x.shape == (10, 3) and x.dtype == "float64" and x.ndim == 2 and x.size == 30 and len(x) == 10
    for key in (slice(2, 5), slice(None), 3, -1, [4, 1, 4], np.array([9, 0]), slice(0, 10, 3)):
        np.testing.assert_array_equal(x[key], data[5:15][key] * 2)
    np.testing.assert_array_equal(np.asarray(x), data[5:15] * 2)
    for key in (10, slice(0, 11), [3, 12]):
        with pytest.raises(IndexError, match="10 rows"):
            x[key]
    assert utils1.HDF5Matrix is utils2.HDF5Matrix and path in x.refs
    with pytest.raises(KeyError, match="'y'"):
        utils2.HDF5Matrix(path, "y")
    x.refs.pop(path).close()
    utils1.save_array(data, path)
    np.testing.assert_array_equal(utils1.load_array(path), data)


def test_hdf5_as_a_dict(tmp_path):
    def fill(group):
        group["array"] = np.arange(3)
        group["number"] = 7
        group["names"] = ["a", "bc"]
        group["inner"]["x"] = np.ones(2)

    path = str(tmp_path / "dict.h5")
    with utils2.H5Dict(path, "w") as file:
        fill(file)
        file["many"] = ["x" * 1000] * 200  # more than one attribute can hold
    with utils2.h5dict(path, "r") as file:
        assert file["array"].tolist() == [0, 1, 2] and file["number"] == 7 and file["names"] == [b"a", b"bc"]
        assert file["inner"]["x"].tolist() == [1, 1] and file["many"] == ["x" * 1000] * 200
        assert "array" in file and "none" not in file and file.get("none", 1) == 1
        with pytest.raises(ValueError, match="mode='r'"):
            file["new"] = 1
    memory = utils2.H5Dict({}, "w")
    fill(memory)
    assert memory["array"].tolist() == [0, 1, 2] and memory["inner"]["x"].tolist() == [1, 1]
    stream = io.BytesIO()
    utils2.save_to_binary_h5py(lambda file: file.create_dataset("x", data=[1, 2]), stream)
    stream.seek(0)
    assert utils2.load_from_binary_h5py(lambda file: file["x"][...].tolist(), stream) == [1, 2]


def test_overwriting_is_asked_for(monkeypatch):
    answers = iter(["what?", "n", "y"])
    monkeypatch.setattr("builtins.input", lambda text: next(answers))
    assert utils2.ask_to_proceed_with_overwrite("a") is False
    assert utils2.ask_to_proceed_with_overwrite("a") is True


@BOTH
def test_archives_are_unpacked_beside_themselves(utils, home, tmp_path):
    source = tmp_path / "source"
    (source / "flowers").mkdir(parents=True)
    (source / "flowers" / "a.txt").write_text("rose")
    with tarfile.open(source / "flowers.tgz", "w:gz") as archive:
        archive.add(source / "flowers", "flowers")
    with zipfile.ZipFile(source / "flowers.zip", "w") as archive:
        archive.write(source / "flowers" / "a.txt", "flowers/a.txt")
    origin = f"file://{source}/flowers"
    folder = utils.get_file("flowers", origin + ".tgz", untar=True)
    assert folder == str(home / "datasets" / "flowers") and (home / "datasets" / "flowers.tar.gz").exists()
    assert open(f"{folder}/a.txt").read() == "rose"
    path = utils.get_file("f.zip", origin=origin + ".zip", extract=True, cache_subdir="other")
    assert path == str(home / "other" / "f.zip") and (home / "other" / "flowers" / "a.txt").exists()
    own = utils.get_file(str(source / "flowers.zip"), "http://nowhere.invalid/")
    assert own == str(source / "flowers.zip")
    assert not utils.validate_file(path, "0" * 32)


# -- workers


class Numbers(utils2.Sequence):
    def __init__(self, count=7, fails_at=None):
        self.count, self.fails_at, self.epochs = count, fails_at, 0

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == self.fails_at:
            raise KeyError("planted")
        return index + 100 * self.epochs

    def on_epoch_end(self):
        self.epochs += 1


@pytest.mark.parametrize("workers", (1, 3))
def test_ordered_enqueuer(workers):
    queue = utils2.OrderedEnqueuer(Numbers())
    queue.start(workers, max_queue_size=2)
    batches = queue.get()
    assert [next(batches) for _ in range(14)] == [*range(7), *range(100, 107)]
    assert queue.is_running()
    queue.stop(5)
    assert not queue.is_running() and not queue.run_thread.is_alive()


def test_enqueuer_with_processes():
    from kbridge.compat.keras2.preprocessing.image import ImageDataGenerator

    flow = ImageDataGenerator().flow(np.zeros((6, 2, 2, 1)), np.arange(6), batch_size=2, shuffle=False)
    queue = utils2.OrderedEnqueuer(flow, use_multiprocessing=True)
    queue.start(1)
    batches = queue.get()
    assert [next(batches)[1].tolist() for _ in range(3)] == [[0, 1], [2, 3], [4, 5]]
    queue.stop(10)


def test_errors_of_workers_come_out():
    queue = utils2.OrderedEnqueuer(Numbers(fails_at=2))
    queue.start(2)
    with pytest.raises(KeyError, match="planted"):
        list(queue.get())
    assert not queue.is_running()

    def failing():
        yield 1
        raise ValueError("planted")

    queue = utils2.GeneratorEnqueuer(failing())
    queue.start(2)
    with pytest.raises(ValueError, match="planted"):
        list(queue.get())


@pytest.mark.parametrize("workers", (1, 4))
def test_generator_enqueuer(workers):
    running = threading.Semaphore(1)

    def batches():
        for number in range(20):
            assert running.acquire(blocking=False)  # never two at a time
            time.sleep(0.001)
            running.release()
            yield number

    queue = utils2.GeneratorEnqueuer(batches())
    queue.start(workers, 3)
    assert list(queue.get()) == list(range(20))
    queue.stop()


# -- layers and models


@GENERATIONS
def test_kernels_and_counts_of_models(generation, capsys):
    layers, models = module(generation, "layers"), module(generation, "models")
    utils = module(generation, "utils")
    model = models.Sequential()
    model.add(layers.Conv2D(2, kernel_size=(3, 3), input_shape=(6, 6, 1)))
    model.add(layers.Flatten())
    model.add(layers.Dense(3))
    kernel = model.layers[0].get_weights()[0]
    utils.convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], kernel[::-1, ::-1])
    assert utils2.count_params(model.weights) == model.count_params() == 20 + 99
    assert utils1.count_total_params(model.layers) == (119, 0)
    utils.print_summary(model.layers if generation == "keras1" else model)
    assert "119" in capsys.readouterr().out
    dense = model.layers[2]
    before = dense.get_weights()[0]
    x = np.random.rand(4, 4, 2)
    utils2.convert_dense_weights_data_format(dense, (2, 4, 4))
    after = dense.get_weights()[0]
    np.testing.assert_allclose(x.ravel() @ before, x.transpose(2, 0, 1).ravel() @ after, rtol=1e-5)
    utils2.convert_dense_weights_data_format(dense, (4, 4, 2), "channels_last")
    np.testing.assert_array_equal(dense.get_weights()[0], before)
    assert utils2.get_source_inputs(model.output) == model.inputs


def test_layer_from_config():
    layers = module("keras1", "layers")
    layer = layers.Dense(3, activation="relu", input_dim=2, name="one")
    again = utils1.layer_from_config({"class_name": "Dense", "config": layer.get_config()})
    assert isinstance(again, layers.Dense) and again.name == "one" and again.output_dim == 3


def test_drawings(tmp_path):
    layers, models = module("keras2", "layers"), module("keras2", "models")
    model = models.Sequential([layers.Dense(3, input_shape=(2,), name="first_layer")])
    path = tmp_path / "model.dot"
    utils2.plot_model(model, str(path), show_shapes=True)
    assert "first_layer" in path.read_text() and "digraph" in path.read_text()
    utils1.plot(model, to_file=str(path), show_layer_names=False)
    assert "first_layer" not in path.read_text() and "Dense" in path.read_text()
    assert utils2.is_model(model) and not utils2.is_model(model.layers[0])
    assert utils2.is_wrapped_model(layers.TimeDistributed(model))


def test_several_devices():
    with pytest.raises(ValueError, match="DataParallel"):
        utils2.multi_gpu_model(None, gpus=4)


# -- data sets


def images(count, *shape):
    return np.random.RandomState(0).randint(0, 255, (count, *shape)).astype("uint8"), np.arange(count) % 10


def same(found, wanted):
    for a, b in zip([*found[0], *found[1]], [*wanted[0], *wanted[1]]):
        np.testing.assert_array_equal(a, b)


@GENERATIONS
def test_mnist(generation, tmp_path, home):
    train, test = images(6, 28, 28), images(3, 28, 28)
    mnist = module(generation, "datasets.mnist")
    np.savez(tmp_path / "own.npz", x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    same(mnist.load_data(str(tmp_path / "own.npz")), (train, test))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mnist.load_data(str(tmp_path / "nowhere" / "mnist.npz"))
    if generation == "keras1":
        for protocol in (2, 4, 5):
            with gzip.open(home / "datasets" / "mnist.pkl.gz", "wb") as file:
                pickle.dump((train, test), file, protocol)
            same(mnist.load_data(), (train, test))


def test_pickles_that_run_something_are_refused(home):
    class Bad:
        def __reduce__(self):
            return print, ("run",)

    with gzip.open(home / "datasets" / "mnist.pkl.gz", "wb") as file:
        pickle.dump(Bad(), file)
    with pytest.raises(pickle.UnpicklingError, match="print"):
        module("keras1", "datasets.mnist").load_data()


@GENERATIONS
def test_cifar(generation, home):
    folder = home / "datasets" / "cifar-10-batches-py"
    folder.mkdir()
    x, _ = images(4, 3, 32, 32)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        with open(folder / name, "wb") as file:
            pickle.dump({b"data": x.reshape(4, -1), b"labels": [0, 1, 2, 3]}, file)
    (x_train, y_train), (x_test, y_test) = module(generation, "datasets.cifar10").load_data()
    assert x_train.shape == (20, 32, 32, 3) and y_train.shape == (20, 1) and y_train.dtype == "uint8"
    np.testing.assert_array_equal(x_test, x.transpose(0, 2, 3, 1))
    config.set_image_data_format("channels_first")
    assert module(generation, "datasets.cifar10").load_data()[0][0].shape == (20, 3, 32, 32)
    data, labels = module(generation, "datasets.cifar").load_batch(str(folder / "test_batch"))
    assert data.shape == (4, 3, 32, 32) and labels == [0, 1, 2, 3]


def test_fashion_mnist(home):
    folder = home / "datasets" / "fashion-mnist"
    folder.mkdir()
    wanted = []
    for part, count in (("train", 5), ("t10k", 2)):
        x, y = images(count, 28, 28)
        wanted.append((x, y.astype("uint8")))
        for kind, array in (("images-idx3", x), ("labels-idx1", y.astype("uint8"))):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            with gzip.open(folder / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(head + array.tobytes())
    same(module("keras2", "datasets.fashion_mnist").load_data(), wanted)


def test_texts_as_numbers(tmp_path, home):
    random = np.random.RandomState(0)
    texts = [random.randint(1, 50, random.randint(3, 12)).tolist() for _ in range(30)]
    labels = [i % 2 for i in range(30)]
    rows = np.array(texts, dtype=object)
    np.savez(tmp_path / "imdb.npz", x_train=rows[:20], y_train=labels[:20], x_test=rows[20:], y_test=labels[20:])
    imdb = module("keras2", "datasets.imdb")
    (x, y), (x_test, _) = imdb.load_data(path=str(tmp_path / "imdb.npz"), num_words=30, skip_top=5)
    assert len(x) == 20 and len(x_test) == 10 and all(text[0] == 2 for text in x)  # 1 is below skip_top
    order = np.random.RandomState(113).permutation(20)
    first = [1, *(n + 3 for n in texts[order[0]])]
    assert x[0] == [n if 5 <= n < 30 else 2 for n in first] and y[0] == labels[order[0]]
    (x, _), _ = imdb.load_data(str(tmp_path / "imdb.npz"), nb_words=30, oov_char=None, start_char=None, index_from=0)
    assert x[0] == [n for n in texts[order[0]] if n < 30]

    with open(home / "datasets" / "imdb_full.pkl", "wb") as file:
        pickle.dump(((texts[:20], labels[:20]), (texts[20:], labels[20:])), file, 2)
    (x, y), (x_test, y_test) = module("keras1", "datasets.imdb").load_data(nb_words=30, maxlen=9)
    assert all(len(text) < 9 for text in [*x, *x_test]) and len(x) == len(y) and max(map(max, x)) < 30
    with open(home / "datasets" / "reuters.pkl", "wb") as file:
        pickle.dump((texts, labels), file, 2)
    (x, y), (x_test, y_test) = module("keras1", "datasets.reuters").load_data(test_split=0.5)
    assert type(x) is list and len(x) == len(x_test) == 15
    with open(home / "datasets" / "imdb_word_index.pkl", "wb") as file:
        pickle.dump({"the": 1}, file, 2)
    assert module("keras1", "datasets.imdb").get_word_index() == {"the": 1}
    (home / "datasets" / "reuters_word_index.json").write_text(json.dumps({"oil": 4}))
    assert module("keras2", "datasets.reuters").get_word_index() == {"oil": 4}
    np.savez(tmp_path / "houses.npz", x=np.arange(20).reshape(10, 2), y=np.arange(10))
    (x, y), (x_test, y_test) = module("keras2", "datasets.boston_housing").load_data(str(tmp_path / "houses.npz"))
    assert x.shape == (8, 2) and sorted([*y, *y_test]) == list(range(10)) and (x[:, 0] == 2 * y).all()


# -- applications


@GENERATIONS
def test_applications_are_made_of_old_layers(generation):
    applications, layers = module(generation, "applications"), module(generation, "layers")
    model = applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert type(model) is module(generation, "models").Model or isinstance(model, module(generation, "models").Model)
    assert [layer.name for layer in model.layers[1:4]] == ["block1_conv1", "block1_conv2", "block1_pool"]
    assert type(model.layers[1]) is layers.Conv2D or isinstance(model.layers[1], layers.Conv2D)
    assert model.layers[1].get_output_at(0).shape == (None, 32, 32, 64)
    inputs = layers.Input(shape=(200, 200, 3))
    model = applications.ResNet50(weights=None, include_top=False, input_tensor=inputs, input_shape=(200, 200, 3))
    names = [layer.name for layer in model.layers]
    assert {"conv1", "bn_conv1", "res2a_branch2a", "bn5c_branch2c", "activation_49"} <= set(names)
    with pytest.raises(ValueError, match="1000"):
        applications.ResNet50(classes=10)
    with pytest.raises(TypeError, match="class_number"):
        applications.VGG16(class_number=10)


def test_functions_beside_applications():
    vgg1, vgg2 = module("keras1", "applications.vgg16"), module("keras2", "applications.vgg16")
    x = np.full((1, 2, 2, 3), 128.0, "float32")
    np.testing.assert_allclose(vgg1.preprocess_input(x)[0, 0, 0], 128 - np.array([103.939, 116.779, 123.68]), rtol=1e-5)
    np.testing.assert_array_equal(vgg1.preprocess_input(x), vgg2.preprocess_input(x))
    first = vgg1.preprocess_input(x.transpose(0, 3, 1, 2), dim_ordering="th")
    np.testing.assert_array_equal(first, vgg2.preprocess_input(x.transpose(0, 3, 1, 2), "channels_first"))
    xception = module("keras1", "applications.xception")
    np.testing.assert_allclose(xception.preprocess_input(x)[0, 0, 0], 128 / 127.5 - 1, rtol=1e-4)
    assert vgg1.TF_WEIGHTS_PATH_NO_TOP.endswith("v0.1/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5")
    shape = module("keras1", "applications.imagenet_utils")._obtain_input_shape
    assert shape(None, 224, 48, "th", True) == (3, 224, 224) and shape((64, 64, 3), 224, 48, "tf", False) == (64, 64, 3)
    with pytest.raises(ValueError, match="at least 48"):
        shape((20, 64, 3), 224, 48, "tf", False)
    utils = module("keras2", "applications.imagenet_utils")
    with pytest.raises(TypeError, match="modus"):
        utils.preprocess_input(x, modus="tf")
    assert utils.preprocess_input(x, mode="tf", backend=None).max() < 1
    tagger = module("keras1", "applications.music_tagger_crnn")
    tags = tagger.decode_predictions(np.eye(50)[[9]], top_n=2)
    assert tags[0][0] == ("jazz", 1.0) and len(tags[0]) == 2
    assert tagger.MusicTaggerCRNN(weights=None).output_shape == (None, 50)
