"""Data sets from directories and arrays: what Keras reads, in every engine's training; images, sounds, splits."""

import io
import sys
import threading
import wave

import numpy as np
import pytest
from oracle import keras

import kbridge
from kbridge import config, layers, utils
from kbridge.utils import resampling
from kbridge.utils.dataset import Dataset
from kbridge.utils.directories import read_wav


def refused(error, match, function, *args, **kwargs):
    with pytest.raises(error, match=match):
        function(*args, **kwargs)


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def count(n, size=None):
    """A data set of n numbers, in batches or one by one."""
    numbers = Dataset(lambda: iter(range(n)), n)
    return numbers if size is None else numbers.batch(size)


# -- Dataset


def test_methods_of_a_dataset():
    values = lambda data: [x.tolist() if isinstance(x, np.ndarray) else x for x in data]  # noqa: E731
    assert values(count(5, 2)) == [[0, 1], [2, 3], [4]] and len(count(5, 2)) == 3
    assert values(count(5).batch(2, drop_remainder=True)) == [[0, 1], [2, 3]]
    assert len(count(5).batch(2, drop_remainder=True)) == 2
    assert values(count(5, 2).unbatch()) == [0, 1, 2, 3, 4]
    assert values(count(4).map(lambda x: x * 2)) == [0, 2, 4, 6]
    assert values(count(20).map(lambda x: x * 2, num_parallel_calls=-1)) == list(range(0, 40, 2))
    assert values(count(4).map(lambda x: (x, -x)).map(lambda x, y: x - y)) == [0, 2, 4, 6]
    assert values(count(5).filter(lambda x: x % 2)) == [1, 3]
    assert values(count(5).take(2)) == [0, 1] and len(count(5).take(9)) == 5 and values(count(5).take(0)) == []
    assert values(count(5).skip(3)) == [3, 4] and len(count(5).skip(3)) == 2
    assert values(count(2).repeat(2)) == [0, 1, 0, 1] and values(count(2).repeat().take(5)) == [0, 1, 0, 1, 0]
    assert values(count(0).repeat()) == []
    assert values(count(2).enumerate(5)) == [(5, 0), (6, 1)]
    assert values(count(50).prefetch(3)) == list(range(50))
    assert list(count(3).as_numpy_iterator()) == [0, 1, 2]
    assert repr(count(5, 2)) == "<Dataset of 3 elements, batch_size=2>"
    structure = next(iter(Dataset(lambda: iter([{"a": 1, "b": ("x", 2.0)}] * 3)).batch(2)))
    assert structure["a"].tolist() == [1, 1] and structure["b"][0].tolist() == ["x", "x"]
    refused(TypeError, "length of this data set is not known", len, count(5).filter(bool))
    refused(ValueError, "batch: batch_size must be a positive integer. Received: batch_size=0", count(5).batch, 0)
    refused(ValueError, "prefetch: buffer_size must be", count(5).prefetch, 0)
    refused(TypeError, "gives its elements in order only", lambda: count(5)[0])


def test_shuffled_elements():
    data = count(20).shuffle(20, seed=3)
    first, second = list(data), list(data)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second != list(range(20))
    assert list(count(20).shuffle(20, seed=3)) == first
    same = count(20).shuffle(20, reshuffle_each_iteration=False)
    assert list(same) == list(same) != list(range(20))
    near = list(count(100).shuffle(5, seed=1))
    assert max(value - place for place, value in enumerate(near)) < 5  # nothing comes before it was read
    kbridge.utils.set_random_seed(4)
    begun = list(count(20).shuffle(20))
    kbridge.utils.set_random_seed(4)
    assert list(count(20).shuffle(20)) == begun


def test_cache_reads_once():
    reads = []
    data = Dataset(lambda: (reads.append(i) or i for i in range(3)), 3).cache()
    next(iter(data))
    assert list(data) == list(data) == [0, 1, 2]
    assert reads == [0, 0, 1, 2]


def test_errors_and_threads_of_prefetch():
    def broken():
        yield 1
        raise RuntimeError("no more")

    data = Dataset(broken).prefetch(2)
    iterator = iter(data)
    assert next(iterator) == 1
    refused(RuntimeError, "no more", next, iterator)
    before = threading.active_count()
    endless = iter(count(3).repeat().prefetch(2))
    next(endless)
    endless.close()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        threading.Event().wait(0.02)
    assert threading.active_count() <= before


def test_training_on_a_dataset(engine):
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 3)).astype("float32")
    data = utils.split_dataset((x, x @ np.ones((3, 1), "float32")), 48)[0]
    data = data.shuffle(48, seed=1).batch(16).map(lambda x, y: (x * 2, y)).prefetch(2)
    model = kbridge.Sequential([layers.Dense(1)])
    model.compile(kbridge.optimizers.Adam(0.1), "mse")
    losses = model.fit(data, epochs=10, validation_data=data, verbose=0).history
    assert losses["loss"][-1] < 0.3 * losses["loss"][0] and len(losses["val_loss"]) == 10
    assert model.predict(data, verbose=0).shape == (48, 1)
    model.fit(data.repeat(), steps_per_epoch=2, epochs=2, validation_data=data, validation_steps=3, verbose=0)


# -- split_dataset


SIZES = [{"left_size": 0.6}, {"right_size": 3}, {"left_size": 2, "right_size": 0.5}, {"left_size": 4, "right_size": 4}]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_split_dataset(tf, sizes, shuffle):
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    for given in (x, (x, y), [x, y]):
        ours = utils.split_dataset(given, shuffle=shuffle, seed=5, **sizes)
        theirs = keras.utils.split_dataset(given, shuffle=shuffle, seed=5, preferred_backend="tensorflow", **sizes)
        for mine, other in zip(ours, theirs):
            mine, other = list(mine), list(other.as_numpy_iterator())
            assert len(mine) == len(other)
            for a, b in zip(mine, other):
                np.testing.assert_equal(tuple(a) if isinstance(a, (list, tuple)) else a, b)


def test_what_is_split(tf):
    batched = Dataset(lambda: iter([(np.arange(4), np.arange(4)), (np.arange(4, 7), np.arange(4, 7))]), 2, batch_size=4)
    left, right = utils.split_dataset(batched, 5)
    assert [len(x) for x, _ in left] == [4, 1] and [x.tolist() for x, _ in right] == [[5, 6]]
    left, _ = utils.split_dataset(tf.data.Dataset.range(7).batch(2), 3, preferred_backend="torch")
    assert [x.tolist() for x in left] == [[0, 1], [2]]

    class Samples:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.array(index), np.array(-index)

    assert [y.item() for _, y in utils.split_dataset(Samples(), right_size=1)[0]] == [0, -1]
    split = utils.split_dataset
    x = np.ones(4)
    refused(ValueError, "left_size or right_size must be given", split, x)
    refused(ValueError, "Received: left_size=4", split, x, 4)
    refused(ValueError, "Received: right_size=1.5", split, x, None, 1.5)
    refused(ValueError, "more than the whole", split, x, 0.6, 0.6)
    refused(ValueError, "make 5", split, x, 2, 3)
    refused(ValueError, "leave one of the two empty", split, x, 0.1)
    refused(TypeError, "left_size must be an int or a float", split, x, "half")
    refused(ValueError, "same number of samples", split, (x, np.ones(3)), 1)
    refused(ValueError, "is empty", split, np.ones((0, 2)), 1)
    refused(TypeError, "must be an array, a list or tuple of arrays, or a data set. Received: int", split, 3, 1)
    refused(ValueError, "must be the name of an engine", split, x, 1, preferred_backend="teano")


# -- time series


SERIES = [
    {},
    {"sequence_stride": 3, "sampling_rate": 2},
    {"start_index": 4, "end_index": 20, "batch_size": 3},
    {"batch_size": None},
    {"targets": None, "sequence_stride": 2},
]


@pytest.mark.parametrize("arguments", SERIES)
def test_timeseries(tf, arguments):
    data = np.arange(60).reshape(30, 2)
    arguments = {"sequence_length": 4, "batch_size": 8, "targets": np.arange(30) * 10, **arguments}
    ours = utils.timeseries_dataset_from_array(data, **arguments)
    theirs = list(keras.utils.timeseries_dataset_from_array(data, **arguments).as_numpy_iterator())
    assert len(ours) == len(theirs) and ours.batch_size == arguments["batch_size"]
    for mine, other in zip(ours, theirs):
        np.testing.assert_equal(mine, other)


def test_timeseries_in_random_order(engine):
    data = np.sin(np.arange(200) / 5).astype("float32")[:, None]
    found = utils.timeseries_dataset_from_array(data, data[8:], 8, shuffle=True, seed=1, batch_size=32, format="grain")
    first, second = (np.concatenate([x[:, 0, 0] for x, _ in found]) for _ in range(2))
    assert not np.array_equal(first, second) and sorted(first) == sorted(second)
    for x, y in found:
        assert all(np.flatnonzero(data == target)[0] for target in y) and x.shape[1:] == (8, 1)
    model = kbridge.Sequential([layers.Flatten(), layers.Dense(1)])
    model.compile(kbridge.optimizers.Adam(0.05), "mse")
    losses = model.fit(found, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]


def test_what_timeseries_refuses():
    make, x = utils.timeseries_dataset_from_array, np.arange(10)
    refused(ValueError, "start_index must lie within the data, which has 10 steps", make, x, None, 2, start_index=10)
    refused(ValueError, "end_index must be higher than start_index", make, x, None, 2, start_index=5, end_index=5)
    refused(ValueError, "end_index must lie within", make, x, None, 2, end_index=11)
    refused(ValueError, "sampling_rate must be a positive integer and less than", make, x, None, 2, sampling_rate=0)
    refused(ValueError, "sequence_stride must be a positive", make, x, None, 2, sequence_stride=10)
    refused(ValueError, "hold no window of sequence_length=11", make, x, None, 11)
    refused(ValueError, "format must be 'tf' or 'grain'. Received: format='np'", make, x, None, 2, format="np")
    refused(ValueError, "targets must reach to the last window, at step 7", make, x, x[:5], 2, start_index=3)


# -- files in directories


def shown(dataset):
    """The elements of a data set, with the strings of Keras's as strings."""
    text = lambda a: a.astype(str) if getattr(getattr(a, "dtype", None), "kind", "") == "O" else a  # noqa: E731
    return [tuple(map(text, item)) if isinstance(item, tuple) else text(item) for item in dataset.as_numpy_iterator()]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    directory = tmp_path_factory.mktemp("texts")
    for label, name, number in (("pos", "b", 5), ("neg", "a", 4), ("pos", "deep/c", 2), (".hidden", "x", 1)):
        for index in range(number):
            path = directory / label / f"{name}{index}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{label} {name} {index}")
    (directory / "pos" / "notes.md").write_text("no text file")
    return directory


TEXTS = [
    {},
    {"label_mode": "categorical", "batch_size": 4},
    {"label_mode": "binary", "max_length": 5},
    {"label_mode": None},
    {"labels": None, "batch_size": None},
    {"labels": [2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0], "label_mode": "categorical"},
    {"class_names": ["pos", "neg"]},
    {"class_names": ["pos"]},
    {"validation_split": 0.3, "subset": "training"},
    {"validation_split": 0.3, "subset": "validation"},
]


@pytest.mark.parametrize("arguments", TEXTS)
def test_texts(tf, texts, capsys, arguments):
    if arguments.get("labels") is not None:  # these have an entry for each file, of hidden directories too
        arguments = {**arguments, "labels": [*arguments["labels"], 0]}
    ours, theirs = (
        library.utils.text_dataset_from_directory(texts, shuffle=False, **arguments) for library in (kbridge, keras)
    )
    said = capsys.readouterr().out.splitlines()
    assert said[: len(said) // 2] == said[len(said) // 2 :]
    assert getattr(ours, "class_names", None) == theirs.class_names
    for mine, other in zip(shown(ours), shown(theirs), strict=True):
        if arguments.get("batch_size", 32) is None:
            mine, other = str(mine), other.decode()
        np.testing.assert_equal(mine, other)


def test_the_same_files_are_kept_for_validation_as_by_keras(tf, texts):
    made = {"validation_split": 0.4, "seed": 11, "subset": "both", "verbose": False}
    ours, theirs = (library.utils.text_dataset_from_directory(texts, **made) for library in (kbridge, keras))
    sets = [[set(np.concatenate([x for x, _ in shown(part)])) for part in both] for both in (ours, theirs)]
    assert sets[0] == sets[1]
    one_by_one = [
        utils.text_dataset_from_directory(texts, **{**made, "subset": subset}) for subset in ("training", "validation")
    ]
    assert [set(part.file_paths) for part in one_by_one] == [set(part.file_paths) for part in ours]
    validation = [shown(ours[1]) for _ in range(2)]
    np.testing.assert_equal(*validation)  # in the same order each time; the training part is not
    first, second = (np.concatenate([x for x, _ in shown(ours[0])]).tolist() for _ in range(2))
    assert first != second and sorted(first) == sorted(second)


def test_what_directories_refuse(texts, tmp_path):
    make = utils.text_dataset_from_directory
    refused(FileNotFoundError, "there is no directory", make, tmp_path / "none")
    refused(ValueError, "labels must be 'inferred'.*Received: labels='guess'", make, texts, "guess")
    refused(ValueError, "label_mode must be 'int', 'categorical', 'binary' or None", make, texts, label_mode="x")
    refused(ValueError, r"class_names has \['good'\], but the directories", make, texts, class_names=["good"])
    refused(ValueError, "class_names can only be given with", make, texts, None, class_names=["pos"])
    refused(ValueError, "Received 2 labels, while 12 files lie in", make, texts, [1, 2])
    refused(ValueError, "needs exactly 2 classes", make, texts, class_names=["pos"], label_mode="binary")
    refused(ValueError, "validation_split must be between 0 and 1", make, texts, validation_split=2, subset="both")
    refused(ValueError, "subset must be 'training'", make, texts, validation_split=0.5, subset="test")
    refused(ValueError, "belong together", make, texts, subset="training")
    refused(ValueError, "a seed is needed", make, texts, validation_split=0.5, subset="training")
    refused(ValueError, "batch_size must be a positive integer", make, texts, batch_size=0)
    refused(ValueError, "max_length must be a positive integer", make, texts, max_length=0)
    (tmp_path / "empty").mkdir()
    refused(ValueError, "no files were found in .*end in .txt", make, tmp_path / "empty")


# -- sounds


def write_wav(path, samples, rate=8000, width=2):
    """``samples`` (n, channels) from -1 to 1."""
    scaled = np.clip(np.round(np.asarray(samples, "float64") * 2 ** (8 * width - 1)), None, 2 ** (8 * width - 1) - 1)
    if width == 1:
        data = (scaled + 128).astype("uint8").tobytes()
    elif width == 3:
        data = scaled.astype("<i4").view("uint8").reshape(-1, 4)[:, :3].tobytes()
    else:
        data = scaled.astype(f"<i{width}").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)


def tone(frequency, samples=400, rate=8000, channels=1):
    return np.tile(0.5 * np.sin(2 * np.pi * frequency * np.arange(samples) / rate)[:, None], channels)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sounds")
    for index in range(6):
        write_wav(directory / "low" / f"{index}.wav", tone(200 + 10 * index, 300 + 20 * index))
        write_wav(directory / "high" / f"{index}.wav", tone(1500 + 50 * index, 420 - 20 * index))
    return directory


@pytest.mark.parametrize(
    "arguments", [{}, {"output_sequence_length": 350}, {"labels": None}, {"label_mode": "binary", "batch_size": 5}]
)
def test_sounds(tf, sounds, arguments):
    ours, theirs = (
        library.utils.audio_dataset_from_directory(sounds, shuffle=False, verbose=False, **arguments)
        for library in (kbridge, keras)
    )
    assert ours.class_names == theirs.class_names if "labels" not in arguments else theirs.class_names is None
    for mine, other in zip(ours, theirs.as_numpy_iterator(), strict=True):
        np.testing.assert_equal(mine, other)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_widths_of_samples(tmp_path, width):
    sound = tone(300, channels=2) * [1, 0.5]
    write_wav(tmp_path / "x.wav", sound, 11025, width)
    found, rate = read_wav(tmp_path / "x.wav")
    assert rate == 11025 and found.dtype == "float32" and found.shape == (400, 2)
    np.testing.assert_allclose(found, sound, atol=2.0 ** (1 - 8 * width) + 1e-7)


@pytest.mark.parametrize("rate", [16000, 4000, 11025, 7999])
def test_sounds_at_another_rate(rate):
    found = resampling.resample(tone(440, 4000).astype("float32"), 8000, rate)
    assert len(found) == -(-4000 * rate // 8000)
    np.testing.assert_allclose(found[300:-300], tone(440, len(found), rate)[300:-300], atol=1e-4)
    too_high = resampling.resample(tone(3000, 4000).astype("float32"), 8000, 4000)
    assert abs(too_high[100:-100]).max() < 1e-3  # it would be heard as another tone


def test_training_on_sounds(engine, sounds):
    data = utils.audio_dataset_from_directory(
        sounds, label_mode="binary", sampling_rate=4000, output_sequence_length=128, batch_size=4, seed=1, verbose=False
    )
    (x, y) = next(iter(data))
    assert x.shape == (4, 128, 1) and y.shape == (4, 1)
    model = kbridge.Sequential([layers.Conv1D(4, 5, activation="relu"), layers.Flatten(), layers.Dense(1)])
    model.compile(kbridge.optimizers.Adam(0.01), kbridge.losses.BinaryCrossentropy(from_logits=True))
    losses = model.fit(data, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_what_sounds_refuse(sounds, tmp_path):
    make = utils.audio_dataset_from_directory
    refused(NotImplementedError, "ragged=True is not supported.*output_sequence_length", make, sounds, ragged=True)
    refused(ValueError, "exclude each other", make, sounds, ragged=True, output_sequence_length=3)
    refused(
        ValueError,
        "sampling_rate must be a positive integer. Received: sampling_rate=0.5",
        make,
        sounds,
        sampling_rate=0.5,
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.wav").write_bytes(b"RIFF of another kind")
    refused(ValueError, "x.wav is no wav file of whole numbers", list, make(tmp_path, verbose=False))


# -- images


@pytest.mark.parametrize("method", resampling.IMAGE_INTERPOLATIONS)
@pytest.mark.parametrize("size", [(10, 6), (3, 17), (7, 9)])
def test_images_in_another_size(tf, method, size):
    image = np.random.default_rng(0).uniform(0, 255, (7, 9, 3)).astype("float32")
    # TensorFlow's bicubic kernel comes from a table
    tolerance = 0.2 if method == "bicubic" else 1e-3
    found = resampling.resize(image, size, method)
    np.testing.assert_allclose(found, tf.image.resize(image, size, method), atol=tolerance)
    padded = resampling.fit_inside(image, size, method)
    np.testing.assert_allclose(padded, tf.image.resize_with_pad(image, *size, method=method), atol=tolerance)
    if method in ("bilinear", "bicubic", "lanczos3", "lanczos5"):
        ours = kbridge.ops.image.resize(image, size, interpolation=method)
        np.testing.assert_allclose(found, kbridge.ops.convert_to_numpy(ours), atol=1e-3)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    Image = pytest.importorskip("PIL.Image")
    directory = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for label, shape in (("cats", (12, 9, 3)), ("dogs", (8, 14, 3))):
        (directory / label).mkdir()
        for index in range(5):
            pixels = random.integers(0, 256, shape, dtype="uint8")
            Image.fromarray(pixels // (1 + (label == "dogs"))).save(directory / label / f"{index}.png")
    Image.fromarray(random.integers(0, 256, (10, 10), dtype="uint8")).save(directory / "cats" / "grey.png")
    return directory


PICTURES = [
    {},
    {"color_mode": "grayscale", "label_mode": "categorical"},
    {"color_mode": "rgba", "batch_size": 3},
    {"crop_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True, "data_format": "channels_first"},
    {"crop_to_aspect_ratio": True, "data_format": "channels_first", "label_mode": None},
    {"interpolation": "area", "image_size": 5, "batch_size": None},
    {"interpolation": "nearest", "labels": None},
]


@pytest.mark.parametrize("arguments", PICTURES)
def test_pictures(tf, pictures, arguments):
    arguments = {"image_size": (6, 7), "shuffle": False, "verbose": False, **arguments}
    ours, theirs = (library.utils.image_dataset_from_directory(pictures, **arguments) for library in (kbridge, keras))
    assert getattr(ours, "class_names", None) == theirs.class_names and ours.file_paths == theirs.file_paths
    for mine, other in zip(ours, theirs.as_numpy_iterator(), strict=True):
        labelled = isinstance(other, tuple)
        x, expected = (mine[0], other[0]) if labelled else (mine, other)
        assert x.dtype == "float32" and x.shape == expected.shape
        grey = arguments.get("color_mode") == "grayscale"
        np.testing.assert_allclose(x, expected, atol=1.5 if grey else 1e-3)  # the weights of colours are rounded
        if labelled:
            np.testing.assert_array_equal(mine[1], other[1])


def test_training_on_pictures(engine, pictures):
    data = utils.image_dataset_from_directory(pictures, image_size=8, batch_size=4, seed=3, verbose=False)
    model = kbridge.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)])
    loss = kbridge.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kbridge.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    losses = model.fit(data, epochs=8, validation_data=data, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_what_pictures_refuse(pictures, tmp_path):
    make = utils.image_dataset_from_directory
    refused(ValueError, "color_mode must be one of", make, pictures, color_mode="cmyk")
    refused(
        ValueError,
        r"image_size must be \(height, width\). Received: image_size=\(3,\)",
        make,
        pictures,
        image_size=(3,),
    )
    refused(ValueError, "interpolation must be one of", make, pictures, interpolation="best")
    refused(ValueError, "exclude each other", make, pictures, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"no picture")
    refused(ValueError, "x.png cannot be read as an image", list, make(tmp_path, verbose=False))


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for function, arguments in (
        (utils.image_dataset_from_directory, (tmp_path,)),
        (utils.load_img, ("x.png",)),
        (utils.array_to_img, (np.ones((2, 2, 3)),)),
    ):
        refused(ImportError, "needs Pillow, which is not installed. Run: pip install pillow", function, *arguments)


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5, 1), (4, 5, 4)])
@pytest.mark.parametrize("scale", [True, False])
def test_arrays_and_images(shape, scale):
    pytest.importorskip("PIL")
    x = np.random.default_rng(1).uniform(0, 200, shape).astype("float32")
    ours, theirs = (library.utils.array_to_img(x, scale=scale) for library in (kbridge, keras))
    assert ours.mode == theirs.mode
    np.testing.assert_array_equal(ours, theirs)
    for order in ("channels_last", "channels_first"):
        back = kbridge.preprocessing.image.img_to_array(ours, order)
        np.testing.assert_array_equal(back, keras.utils.img_to_array(theirs, order))
        again = utils.array_to_img(back, order, scale=False)
        np.testing.assert_array_equal(again, ours)
    assert back.dtype == config.floatx()
    refused(
        ValueError, r"must be one image, with three axes. Received the shape \(3,\)", utils.array_to_img, np.ones(3)
    )
    refused(ValueError, "1, 3 or 4 channels. Received 2", utils.array_to_img, np.ones((2, 2, 2)))
    refused(ValueError, "two or three axes", utils.img_to_array, np.ones(3))


def test_images_in_files(tmp_path):
    pytest.importorskip("PIL")
    x = np.random.default_rng(1).integers(0, 256, (9, 12, 3)).astype("float32")
    utils.save_img(tmp_path / "x.png", x, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "x.png")), x)
    for arguments in (
        {"color_mode": "grayscale"},
        {"color_mode": "rgba", "target_size": (4, 4)},
        {"target_size": (5, 4), "interpolation": "bilinear"},
        {"target_size": (5, 4), "interpolation": "lanczos", "keep_aspect_ratio": True},
        {"target_size": (4, 9), "interpolation": "box", "keep_aspect_ratio": True},
    ):
        path = str(tmp_path / "x.png")
        np.testing.assert_array_equal(utils.load_img(path, **arguments), keras.utils.load_img(path, **arguments))
    buffer = io.BytesIO()
    utils.save_img(buffer, x, file_format="JPG", quality=95)
    assert utils.load_img(io.BytesIO(buffer.getvalue())).size == (12, 9)
    with pytest.warns(UserWarning, match="JPEG has no transparency"):
        utils.save_img(tmp_path / "x.jpg", np.ones((2, 2, 4)))
    refused(ValueError, "color_mode must be one of", utils.load_img, path, "hsv")
    refused(ValueError, "interpolation must be one of", utils.load_img, path, target_size=(2, 2), interpolation="area")
    refused(TypeError, "must be a path or a BytesIO. Received: int", utils.load_img, 3)


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [(4, 4), (8, 3), (2, 9)])
def test_smart_resize(engine, order, size):
    shape = (2, 7, 10, 3) if order == "channels_last" else (2, 3, 7, 10)
    x = np.random.default_rng(2).uniform(0, 1, shape).astype("float32")
    resize = kbridge.preprocessing.image.smart_resize
    found = resize(x, size, data_format=order)
    expected = keras.preprocessing.image.smart_resize(x, size, data_format=order)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(resize(x[0], size, data_format=order), expected[0], atol=1e-5)
    assert engine.is_tensor(resize(engine.convert(x), size, "nearest", order))
    refused(ValueError, r"size must be \(height, width\)", resize, x, (3,))
    refused(ValueError, "three axes", resize, x[0, 0], (3, 3))
    refused(TypeError, r"does not know the argument\(s\) \['mode'\]", resize, x, (3, 3), mode=1)
