"""Data sets: files of the real formats, made small, served from a directory and read as Keras reads them."""

import gzip
import hashlib
import importlib
import inspect
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from oracle import keras

import kbridge
from kbridge import config
from kbridge.datasets import sources


def write_npz(**arrays):
    return lambda path: np.savez(path, **arrays)


def write_idx(array):
    def write(path):
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        with gzip.open(path, "wb") as file:
            file.write(head + array.tobytes())

    return write


class Python2Pickler(pickle._Pickler):
    """Writes as Python 2 did: byte strings as strings, NumPy's modules by their old names."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes


def python2_pickle(**fields):
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump({key.encode(): value for key, value in fields.items()})
    return file.getvalue().replace(b"numpy._core", b"numpy.core")


def write_cifar(directory, batches):
    def write(path):
        with tarfile.open(path, "w:gz") as archive:
            for name, content in batches.items():
                file = path.parent / "batch"
                file.write_bytes(content)
                archive.add(file, f"{directory}/{name}")

    return write


random = np.random.default_rng(7)
images = random.integers(0, 256, (5, 28, 28), dtype="uint8")
labels = random.integers(0, 10, 5, dtype="uint8")
texts = np.empty(20, dtype=object)
for index in range(len(texts)):
    texts[index] = random.integers(1, 50, random.integers(2, 12)).tolist()
rows = [random.integers(0, 256, (3, 3072), dtype="uint8") for _ in range(7)]
table, prices = random.normal(size=(700, 8)), random.normal(size=700)

FILES = {
    "mnist.npz": write_npz(x_train=images, y_train=labels, x_test=images[:2], y_test=labels[:2]),
    "train-images-idx3-ubyte.gz": write_idx(images),
    "train-labels-idx1-ubyte.gz": write_idx(labels),
    "t10k-images-idx3-ubyte.gz": write_idx(images[:2]),
    "t10k-labels-idx1-ubyte.gz": write_idx(labels[:2]),
    "cifar-10-python.tar.gz": write_cifar(
        "cifar-10-batches-py",
        {
            name: python2_pickle(data=row, labels=[1, 2, 9])
            for name, row in zip(["test_batch", *(f"data_batch_{n}" for n in range(1, 6))], rows)
        },
    ),
    "cifar-100-python.tar.gz": write_cifar(
        "cifar-100-python",
        {
            name: python2_pickle(data=row, fine_labels=[10, 20, 99], coarse_labels=[1, 2, 19])
            for name, row in zip(("train", "test"), rows)
        },
    ),
    "imdb.npz": write_npz(
        x_train=texts, y_train=np.arange(20) % 2, x_test=texts[::-1], y_test=(np.arange(20) % 3 == 0).astype(int)
    ),
    "imdb_word_index.json": lambda path: path.write_text(json.dumps({"the": 1, "schön": 2}), encoding="utf-8"),
    "reuters.npz": write_npz(x=texts, y=np.arange(20) % 46),
    "reuters_word_index.json": lambda path: path.write_text('{"mdbl": 10996}'),
    "boston_housing.npz": write_npz(x=table, y=prices),
    "california_housing.npz": write_npz(x=table.astype("float32"), y=prices.astype("float32")),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A directory that has all the files, and their hashes."""
    directory = tmp_path_factory.mktemp("served")
    hashes = {}
    for name, write in FILES.items():
        write(directory / name)
        hashes[name] = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    return directory, hashes


@pytest.fixture
def origin(served, tmp_path, monkeypatch):
    """The files, in the place of the origins; the cache is empty."""
    directory, hashes = served
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sources, "ORIGIN", directory.as_uri() + "/")
    monkeypatch.setattr("kbridge.datasets.cifar.CIFAR_ORIGIN", directory.as_uri() + "/")
    monkeypatch.setattr(sources, "HASHES", hashes)
    return directory


def same(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            assert a.dtype == b.dtype and len(a) == len(b)
            assert [list(row) if a.dtype == object else row.tolist() for row in a] == [
                list(row) if a.dtype == object else row.tolist() for row in b
            ]


WORDS = [
    {},
    {"num_words": 20, "skip_top": 5},
    {"oov_char": None, "num_words": 30},
    {"maxlen": 8, "seed": 5},
    {"start_char": None, "index_from": 0},
    {"start_char": None},
]
CASES = [
    ("mnist", {}),
    ("fashion_mnist", {}),
    ("cifar100", {}),
    ("cifar100", {"label_mode": "coarse"}),
    *[("imdb", arguments) for arguments in WORDS],
    *[("reuters", arguments) for arguments in WORDS],
    ("reuters", {"test_split": 0.5}),
    ("boston_housing", {}),
    ("boston_housing", {"test_split": 0.3, "seed": 9}),
    ("california_housing", {}),
    ("california_housing", {"version": "small"}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_what_keras_reads(origin, monkeypatch, name, arguments):
    ours = getattr(kbridge.datasets, name).load_data(**arguments)
    theirs = importlib.import_module(f"keras.src.datasets.{name}")

    def get_file(fname=None, origin=None, extract=False, cache_subdir="datasets", **kwargs):
        folder = config.path().parent / cache_subdir  # kbridge has put it there
        return str(folder / (fname or origin.rpartition("/")[2]))

    monkeypatch.setattr(theirs, "get_file", get_file)
    same(ours, theirs.load_data(**arguments))


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_cifar10(origin, order):
    config.set_image_data_format(order)
    (x, y), (x_test, y_test) = kbridge.datasets.cifar10.load_data()
    expected = np.concatenate(rows[1:6]).reshape(-1, 3, 32, 32)
    np.testing.assert_array_equal(x, expected.transpose(0, 2, 3, 1) if order == "channels_last" else expected)
    assert y.ravel().tolist() == [1, 2, 9] * 5 and y.shape == (15, 1) and y.dtype == x.dtype == "uint8"
    assert len(x_test) == len(y_test) == 3


def test_indices_and_names(origin):
    assert kbridge.datasets.imdb.get_word_index() == {"the": 1, "schön": 2}
    assert kbridge.datasets.reuters.get_word_index("another.json") == {"mdbl": 10996}
    assert (config.path().parent / "datasets" / "another.json").exists()
    assert kbridge.datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


def test_the_cache_is_used_and_checked(origin, capsys):
    load = kbridge.datasets.mnist.load_data
    load("digits.npz")
    assert "Downloading data from file://" in capsys.readouterr().out
    load("digits.npz")
    assert capsys.readouterr().out == ""
    kept = config.path().parent / "datasets" / "digits.npz"
    kept.write_bytes(kept.read_bytes()[:-10])
    assert len(load("digits.npz")[0][0]) == 5
    assert "has not the hash" in capsys.readouterr().out


def test_a_file_with_the_wrong_hash_is_not_kept(origin, monkeypatch):
    monkeypatch.setitem(sources.HASHES, "mnist.npz", "0" * 64)
    with pytest.raises(ValueError, match="incomplete or not the file that was meant"):
        kbridge.datasets.mnist.load_data()
    assert list((config.path().parent / "datasets").iterdir()) == []


class Malicious:
    def __reduce__(self):
        return print, ("code of the file was run",)


def test_pickles_are_read_without_running_anything(origin, tmp_path, capsys):
    from kbridge.datasets.reading import read_npz, read_pickle

    (tmp_path / "batch").write_bytes(pickle.dumps({b"data": Malicious()}))
    with pytest.raises(pickle.UnpicklingError, match="asks for builtins.print, which no data set needs"):
        read_pickle(tmp_path / "batch")
    array = np.empty(1, dtype=object)
    array[0] = Malicious()
    np.savez(tmp_path / "x.npz", x=array)
    with pytest.raises(pickle.UnpicklingError, match="asks for builtins.print"):
        read_npz(tmp_path / "x.npz", "x")
    assert "code of the file" not in capsys.readouterr().out


def test_damaged_files_are_named(tmp_path):
    from kbridge.datasets.reading import read_idx, read_npz

    np.savez(tmp_path / "x.npz", x=np.ones(3))
    with pytest.raises(ValueError, match=r"x.npz holds \['x'\], but not \['y'\]"):
        read_npz(tmp_path / "x.npz", "x", "y")
    for data, told in (
        (b"\0\0\x08\x01\0\0\0\x05abc", "has 3 bytes of it"),
        (b"\0\0\x0d\x01\0\0", "no file of the IDX"),
    ):
        (tmp_path / "x.gz").write_bytes(gzip.compress(data))
        with pytest.raises(ValueError, match=told):
            read_idx(tmp_path / "x.gz")


def test_what_is_refused(origin):
    for name in ("boston_housing", "california_housing", "reuters"):
        with pytest.raises(ValueError, match="test_split must be at least 0 and below 1. Received: test_split=1"):
            getattr(kbridge.datasets, name).load_data(test_split=1)
    with pytest.raises(ValueError, match="version must be 'large' or 'small'. Received: version='tiny'"):
        kbridge.datasets.california_housing.load_data("tiny")
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse'"):
        kbridge.datasets.cifar100.load_data("medium")
    with pytest.raises(ValueError, match="no text is shorter than maxlen=1"):
        kbridge.datasets.imdb.load_data(maxlen=1)
    with pytest.raises(TypeError, match=r"does not know the argument\(s\) \['words'\]"):
        kbridge.datasets.imdb.load_data(words=3)
    with pytest.warns(UserWarning, match="nb_words is now called num_words"):
        kbridge.datasets.imdb.load_data(nb_words=10)


def test_origins_and_hashes_are_those_that_keras_knows():
    facts = "".join(
        inspect.getsource(importlib.import_module(f"keras.src.datasets.{path.stem}"))
        for path in Path(keras.src.datasets.__file__).parent.glob("*.py")
    )
    assert sources.ORIGIN in facts and sources.CIFAR_ORIGIN in facts
    for name, value in sources.HASHES.items():
        assert name in facts
        assert value in facts or name.endswith("ubyte.gz")  # for those Keras knows none


def test_the_digits_that_come_along(engine):
    (x, y), (x_test, y_test) = kbridge.datasets.digits.load_data()
    assert x.shape == (1437, 8, 8) and x_test.shape == (360, 8, 8) and x.dtype == "uint8" and x.max() == 16
    model = kbridge.Sequential([kbridge.layers.Rescaling(1 / 16), kbridge.layers.Flatten(), kbridge.layers.Dense(10)])
    loss = kbridge.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kbridge.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    model.fit(x, y, epochs=4, verbose=0)
    assert model.evaluate(x_test, y_test, verbose=0)[1] > 0.8
