"""Utilities: numbers and sequences as in Keras, settings, files from anywhere, drawings of models."""

import hashlib
import io
import os
import pickle
import sys
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
from oracle import keras

import kbridge
from kbridge import config, layers, utils
from kbridge.utils import files, legacy, plotting, summary


def refused(error, match, function, *args, **kwargs):
    with pytest.raises(error, match=match):
        function(*args, **kwargs)


# -- numbers and sequences


@pytest.mark.parametrize(
    ("x", "num_classes"),
    [
        ([0, 2, 1], None),
        ([[1], [3]], None),
        ([[0, 1], [2, 0]], 4),
        (3, 5),
        ([0, 1], 0),
        (np.zeros((2, 3, 1)).tolist(), 2),
    ],
)
def test_to_categorical(x, num_classes):
    ours, theirs = utils.to_categorical(x, num_classes), keras.utils.to_categorical(x, num_classes)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_to_categorical_of_tensors(engine):
    x = kbridge.ops.convert_to_tensor([[0], [2]], "int32")
    found = utils.to_categorical(x, 3)
    np.testing.assert_array_equal(engine.to_numpy(found), [[1, 0, 0], [0, 0, 1]])
    if isinstance(x, np.ndarray):  # an array gives an array, on every engine
        assert found.dtype == "float64" and utils.to_categorical(x).shape == (2, 3)
    else:
        assert engine.is_tensor(found) and engine.dtype(found) == "float32"
        refused(ValueError, "num_classes must be given for a tensor", utils.to_categorical, x)
    assert utils.to_categorical(kbridge.Input((1,), dtype="int32"), 3).shape == (None, 3)
    refused(ValueError, "must lie in 0 to 2. Received values from 0 to 3", utils.to_categorical, [0, 3], 3)
    refused(ValueError, "x is empty", utils.to_categorical, [])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_normalize(engine, order):
    x = np.array([[3.0, -4.0], [0.0, 0.0], [1.0, 2.0]])
    found = utils.normalize(x, order=order)
    np.testing.assert_allclose(found, keras.utils.normalize(x, order=order))
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(np.linalg.norm(utils.normalize(x[[0, 2]], axis=0), axis=0), 1)
    tensor = utils.normalize(kbridge.ops.convert_to_tensor(x, "float32"), order=order)
    np.testing.assert_allclose(engine.to_numpy(tensor), found, rtol=1e-5)


SEQUENCES = [[1, 2, 3], [4], [], [5, 6, 7, 8, 9]]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"maxlen": 3},
        {"maxlen": 3, "truncating": "post", "padding": "post", "value": -1},
        {"maxlen": 7, "dtype": "float32", "value": 0.5},
        {"maxlen": 2, "dtype": "int64", "padding": "post"},
    ],
)
def test_pad_sequences(arguments):
    ours, theirs = (library.utils.pad_sequences(SEQUENCES, **arguments) for library in (kbridge, keras))
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_pad_sequences_of_vectors_and_words():
    vectors = [np.ones((2, 3)), np.zeros((4, 3))]
    np.testing.assert_array_equal(utils.pad_sequences(vectors), keras.utils.pad_sequences(vectors))
    words = [["a", "bb"], ["ccc"]]
    found = utils.pad_sequences(words, dtype=object, value="")
    np.testing.assert_array_equal(found, keras.utils.pad_sequences(words, dtype=object, value=""))
    assert utils.pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)
    pad = kbridge.preprocessing.sequence.pad_sequences
    refused(ValueError, "padding must be 'pre' or 'post'. Received: padding='left'", pad, SEQUENCES, padding="left")
    refused(ValueError, "truncating must be", pad, SEQUENCES, truncating="no")
    refused(ValueError, "Received: 3 at index 1", pad, [[1], 3])
    refused(ValueError, "which dtype='int32' cannot hold. Write: dtype=object", pad, words, value="x")
    refused(ValueError, r"The first have \(3,\), those at index 1 have \(2,\)", pad, [np.ones((1, 3)), np.ones((1, 2))])


# -- settings, symbols, sessions


def test_config_is_that_of_keras():
    ours, theirs = (library.utils.Config(a=1, b={"x": 2}) for library in (kbridge, keras))
    for one in (ours, theirs):
        one.c = 3
        one["d"] = 4
        one.update({"e": 5}, f=6)
        del one["a"]
        assert one.pop("b") == {"x": 2} and one.pop("zz", 7) == 7 and one.get("zz", 8) == 8
    assert repr(ours) == repr(theirs) and ours.to_json() == theirs.to_json() and ours.as_dict() == theirs.as_dict()
    assert list(ours) == list(theirs) and len(ours) == len(theirs) and "c" in ours and "a" not in ours
    assert [list(ours.keys()), list(ours.values())] == [list(theirs.keys()), list(theirs.values())]
    ours.freeze()
    for change in (
        lambda: setattr(ours, "c", 0),
        lambda: ours.update(c=0),
        lambda: ours.pop("c"),
        lambda: delattr(ours, "c"),
        lambda: ours.__setitem__("c", 0),
    ):
        refused(ValueError, "This Config is frozen", change)
    assert ours.frozen and ours.c == 3
    again = pickle.loads(pickle.dumps(ours))
    assert again == ours and again.frozen
    ours.unfreeze()
    ours.c = 9
    refused(AttributeError, "no entry 'colour'. Did you mean 'color'", lambda: utils.Config(color=1).colour)
    refused(AttributeError, "belongs to Config itself", lambda: setattr(ours, "update", 1))
    assert utils.Config(inner=utils.Config(a=1)).to_json() == '{"inner": {"a": 1}}'


def test_symbols_and_dtypes():
    a, b = kbridge.Input((3,)), kbridge.Input((4,))
    joined = layers.Add()([layers.Dense(2)(a), kbridge.ops.relu(layers.Dense(2)(b))])
    assert utils.get_source_inputs(joined) == [a, b]
    assert utils.get_source_inputs(a) == [a] and utils.get_source_inputs([joined, a]) == [a, b]
    assert utils.is_keras_tensor(a) and not utils.is_keras_tensor(np.ones(2))
    assert utils.standardize_dtype(np.float16) == "float16" and utils.standardize_dtype(None) == config.floatx()
    refused(ValueError, "takes symbols. Received: 3", utils.get_source_inputs, 3)


def test_clear_session_begins_anew():
    utils.clear_session()
    first = layers.Dense(1).name
    kbridge.dtype_policies.set_dtype_policy("mixed_bfloat16")
    layers.Dense(1)
    utils.clear_session(free_memory=False)
    assert layers.Dense(1).name == first == "dense"
    assert layers.Dense(1).compute_dtype == "float32"


def test_logging_can_be_switched_off(capsys, caplog):
    from kbridge.utils.messages import say

    try:
        with caplog.at_level("INFO", "kbridge"):
            utils.disable_interactive_logging()
            assert not utils.is_interactive_logging_enabled()
            say("to the log")
        utils.enable_interactive_logging()
        say("to the screen")
    finally:
        utils.enable_interactive_logging()
    assert capsys.readouterr().out == "to the screen\n" and caplog.messages == ["to the log"]


def test_counts_of_a_summary():
    from keras.src.utils import summary_utils

    model = kbridge.Sequential([kbridge.Input((3,)), layers.Dense(2)])
    assert summary.count_params(model.weights) == 8 and summary.weight_memory_size(model.weights) == 32
    for count in (3, 2048, 123456789):
        assert summary.readable_memory_size(count) == summary_utils.readable_memory_size(count)


def test_configs_of_the_older_format():
    def members(library):
        return {"Dense": library.layers.Dense, "MeanSquaredError": library.losses.MeanSquaredError}

    for library in (kbridge, keras):
        old = library.utils.legacy
        written = old.serialize_keras_object(library.losses.MeanSquaredError(name="mine"))
        assert written["class_name"] == "MeanSquaredError" and written["config"]["name"] == "mine"
        assert old.serialize_keras_object(library.activations.relu) == "relu"
        assert old.serialize_keras_object(None) is None
        assert old.deserialize_keras_object(written, members(library)).name == "mine"
        layer = old.deserialize_keras_object({"class_name": "Dense", "config": {"units": 2}}, members(library))
        assert layer.units == 2
    dense = layers.Dense(3, activation="relu", kernel_regularizer="l2")
    again = legacy.deserialize_keras_object(legacy.serialize_keras_object(dense), members(kbridge))
    assert again.get_config() == dense.get_config()
    assert isinstance(legacy.deserialize_keras_object("Dense", custom_objects={"Dense": dict}), dict)
    read = legacy.deserialize_keras_object
    refused(ValueError, "Unknown layer: 'Dens'", read, {"class_name": "Dens", "config": {}}, {}, None, "layer")
    refused(ValueError, "a name or a dict with 'class_name'", read, {"a": 1})
    refused(ValueError, "has no get_config", legacy.serialize_keras_object, object())


# -- files


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A directory to serve files from; the cache is beside it, and empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def put(path, content=b"content"):
    path.write_bytes(content)
    return path.as_uri()


def tar(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in entries:
            if isinstance(name, tarfile.TarInfo):
                archive.addfile(name)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.as_uri()


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path.as_uri()


def cached():
    return sorted(p.name for p in (config.path().parent / "datasets").iterdir())


def test_a_file_is_fetched_once(shelf, capsys):
    origin = put(shelf / "data.bin")
    path = utils.get_file(origin=origin)
    assert path == str(config.path().parent / "datasets" / "data.bin")
    assert f"Downloading data from {origin}" in capsys.readouterr().out
    put(shelf / "data.bin", b"newer")
    assert open(utils.get_file(origin=origin), "rb").read() == b"content" and capsys.readouterr().out == ""
    assert open(utils.get_file(origin=origin, force_download=True), "rb").read() == b"newer"
    assert cached() == ["data.bin"]


def test_where_it_is_kept(shelf, tmp_path):
    origin = put(shelf / "a%20b.txt")
    assert utils.get_file("x.txt", origin, cache_dir=tmp_path / "own", cache_subdir="deep/er") == str(
        tmp_path / "own" / "deep" / "er" / "x.txt"
    )
    refused(ValueError, "must be a name, not a path. Received: 'a/b'", utils.get_file, "a/b", origin)
    for name in ("..", "a\\b", "a\0b"):
        refused(ValueError, "must be a name, not a path", utils.get_file, name, origin)
    refused(ValueError, "ends in no name", utils.get_file, None, "https://example.com/")
    refused(ValueError, "origin is missing", utils.get_file, "x")
    for origin in ("data:text/plain,x", "x.txt", "gopher://x/y"):
        refused(ValueError, "must be a URL that begins with one of", utils.get_file, "x", origin)
    # A name in a URL is no way out of the cache either.
    refused(ValueError, "must be a name, not a path", utils.get_file, None, "https://example.com/..")
    refused(ValueError, "must be a name, not a path", utils.get_file, None, "https://example.com/a%5C..%5Cb")


def test_where_nothing_can_be_written(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "blocked").write_text("a file, not a directory")
    found = utils.get_file("x", put(shelf / "x"), cache_dir=tmp_path / "blocked")
    assert found.startswith(str(tmp_path / "keras-")) and open(found).read() == "content"
    assert os.stat(os.path.dirname(os.path.dirname(found))).st_mode & 0o077 == 0


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "auto"])
def test_hashes(shelf, algorithm):
    origin = put(shelf / "x.bin")
    right = hashlib.new("sha256" if algorithm == "sha256" else "md5", b"content").hexdigest()
    path = utils.get_file(origin=origin, file_hash=right, hash_algorithm=algorithm)
    open(path, "wb").write(b"damaged")
    path = utils.get_file(origin=origin, file_hash=right.upper(), hash_algorithm=algorithm)
    assert open(path, "rb").read() == b"content"
    refused(ValueError, "has the hash .* not 123", utils.get_file, "y", origin, file_hash="123")
    refused(ValueError, "not abc", utils.get_file, "y", origin, md5_hash="abc")
    refused(ValueError, "must be 'md5', 'sha256' or 'auto'", utils.get_file, "y", origin, False, None, "a", "d", "crc")
    assert cached() == ["x.bin"]


def test_nothing_is_left_of_what_fails(shelf, monkeypatch):
    refused(OSError, "cannot be fetched", utils.get_file, None, (shelf / "none.bin").as_uri())
    assert cached() == []
    origin = put(shelf / "x.bin", b"x" * 100)
    utils.get_file(origin=origin)

    class Broken(io.BytesIO):
        headers = {"Content-Length": "1000"}

    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: Broken(b"half"))
    refused(OSError, "ended after 4 of 1000 bytes", utils.get_file, None, origin, force_download=True)
    assert cached() == ["x.bin"] and len(open(utils.get_file(origin=origin)).read()) == 100


ENTRIES = [("top/a.txt", b"a"), ("top/deep/b.txt", b"bb"), ("./c.txt", b"ccc")]


def tree_of(path):
    return {
        os.path.relpath(os.path.join(root, name), path): open(os.path.join(root, name), "rb").read()
        for root, _, names in os.walk(path)
        for name in names
    }


EXPECTED = {os.path.join("top", "a.txt"): b"a", os.path.join("top", "deep", "b.txt"): b"bb", "c.txt": b"ccc"}


@pytest.mark.parametrize(
    ("make", "ending", "arguments"),
    [
        (tar, "tar.gz", {"extract": True}),
        (tar, "tgz", {"untar": True}),
        (tar, "tar.gz", {"extract": True, "archive_format": ["zip", "tar"]}),
        (zipped, "zip", {"extract": True}),
        (zipped, "zip", {"extract": True, "archive_format": "zip"}),
    ],
)
def test_archives(shelf, make, ending, arguments):
    origin = make(shelf / f"data.{ending}", ENTRIES)
    for fname, directory, archive in (
        (None, f"data.{ending}", f"data.{ending}_archive"),
        ("mine", "mine", "mine_archive"),
        (f"other.{ending}", "other_extracted", f"other.{ending}"),
    ):
        path = utils.get_file(fname, origin, **arguments)
        assert os.path.basename(path) == directory and tree_of(path) == EXPECTED
        assert {directory, archive} <= set(cached())
        begun = os.stat(path).st_ino
        assert utils.get_file(fname, origin, **arguments) == path and os.stat(path).st_ino == begun
    (shelf / "plain").write_bytes(b"no archive")
    with pytest.warns(UserWarning, match="is no archive of the format"):
        utils.get_file("plain", (shelf / "plain").as_uri(), **arguments)
    kept = utils.get_file("kept.bin", origin, extract=True, archive_format=None)
    assert os.path.isfile(kept)
    refused(ValueError, "archive_format must be", utils.get_file, "q", origin, extract=True, archive_format="rar")


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, None


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "..\\out.txt", "\\out.txt"])
@pytest.mark.parametrize("make", [tar, zipped])
def test_no_archive_writes_outside(shelf, make, name):
    origin = make(shelf / "bad", [("good.txt", b"x"), (name, b"evil")])
    refused(ValueError, "lies outside of where it is unpacked", utils.get_file, "bad.x", origin, extract=True)
    assert cached() == ["bad.x"]
    assert "out.txt" not in os.listdir(shelf.parent) + os.listdir(config.path().parent)


def test_links_and_devices_are_left_out(shelf):
    entries = [
        link("etc", "/etc"),
        link("inside", "a.txt"),
        link("hard", "/etc/passwd", tarfile.LNKTYPE),
        link("pipe", "", tarfile.FIFOTYPE),
        ("etc/new", b"goes into a directory of its own"),
        ("a.txt", b"a"),
    ]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        path = utils.get_file("links", tar(shelf / "links", entries), extract=True)
    assert [str(w.message).split("'")[1] for w in found] == ["etc", "inside", "hard", "pipe"]
    assert set(tree_of(path)) == {"a.txt", os.path.join("etc", "new")}
    assert not os.path.islink(os.path.join(path, "etc"))
    archive = shelf / "link.zip"
    with zipfile.ZipFile(archive, "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc")
    with pytest.warns(UserWarning, match="'link' is a link or a device"):
        assert tree_of(utils.get_file("zlink", archive.as_uri(), extract=True)) == {}


@pytest.mark.parametrize("make", [tar, zipped])
def test_quotas(shelf, make, monkeypatch):
    monkeypatch.setattr(files, "ALWAYS_ALLOWED", 1000)
    monkeypatch.setattr(files, "MAX_RATIO", 2)
    origin = make(shelf / "bomb", [("zeros", bytes(10**6))])
    refused(ValueError, "unpacks to more than", utils.get_file, "bomb", origin, extract=True)
    monkeypatch.setattr(files, "MAX_MEMBERS", 2)
    origin = make(shelf / "many", ENTRIES)
    refused(ValueError, "holds more than 2 files", utils.get_file, "many", origin, extract=True)
    assert cached() == ["bomb_archive", "many_archive"]


def test_what_was_unpacked_is_replaced_as_a_whole(shelf):
    path = utils.get_file("x", tar(shelf / "x", ENTRIES), extract=True)
    origin = tar(shelf / "x", [("only.txt", b"1")])
    assert utils.get_file("x", origin, extract=True, force_download=True) == path
    assert tree_of(path) == {"only.txt": b"1"}
    assert cached() == ["x", "x_archive"]


# -- drawings


def network():
    inputs = kbridge.Input((4,), name="inputs")
    left, right = layers.Dense(3, activation="relu", name="left")(inputs), layers.Dense(3, name="right")(inputs)
    joined = kbridge.ops.multiply(layers.Add(name="join")([left, right]), 2.0)
    inner = kbridge.Model(inputs, joined, name="inner")
    outer = kbridge.Input((4,), name="outer")
    ends = [layers.Dense(4, name="one"), layers.Dense(4, name="two")]
    chain = kbridge.Sequential([kbridge.Input((4,)), *ends], name="chain")
    head = layers.Dense(1, name="head")
    head.trainable = False
    return kbridge.Model(outer, head(inner(chain(outer))), name="whole")


def edges(text):
    """The edges of a dot text, by the names of layers."""
    import re

    names = dict(re.findall(r'"(\d+)" \[label=.*?<b>(.*?)</b>', text))
    return {(names[a], names[b]) for a, b in re.findall(r'"(\d+)" -> "(\d+)"', text)}


def test_the_text_of_a_graph():
    text = plotting.dot_text(network())
    assert edges(text) == {("outer", "chain"), ("chain", "inner"), ("inner", "head")}
    assert text.startswith("digraph {") and "rankdir=TB;" in text and "dpi=200;" in text and "splines=ortho;" in text
    opened = plotting.dot_text(network(), expand_nested=True, rankdir="LR", dpi=96, splines="curved")
    assert edges(opened) == {
        ("outer", "one"),
        ("one", "two"),
        ("two", "inputs"),
        ("inputs", "left"),
        ("inputs", "right"),
        ("left", "join"),
        ("right", "join"),
        ("join", "multiply"),
        ("multiply", "head"),
    }
    assert "rankdir=LR;" in opened and "dpi=96;" in opened and "splines=curved;" in opened
    assert 'subgraph "cluster_chain"' in opened and 'subgraph "cluster_inner"' in opened
    assert opened.count("{") == opened.count("}")


def test_what_boxes_say():
    plain = plotting.dot_text(network(), show_layer_names=False)
    assert "head" not in plain and "<b>Dense</b>" in plain
    text = plotting.dot_text(
        network(),
        show_shapes=True,
        show_dtype=True,
        show_layer_activations=True,
        show_trainable=True,
        expand_nested=True,
    )
    box = {name: next(line for line in text.splitlines() if f"<b>{name}</b>" in line) for name in ("left", "head")}
    assert "<b>left</b> (Dense)" in box["left"] and "Activation: <b>relu</b>" in box["left"]
    assert "Input shape: <b>(None, 4)</b>" in box["left"] and "Output shape: <b>(None, 3)</b>" in box["left"]
    assert "Output dtype: <b>float32</b>" in box["left"] and "<b>Trainable</b>" in box["left"]
    assert "<b>Non-trainable</b>" in box["head"] and 'colspan="4"' in box["head"]
    assert "Input shape: <b>[(None, 3), (None, 3)]</b>" in text


def test_shared_layers_and_models_without_a_graph():
    shared = layers.Dense(4, name="shared")
    inputs = kbridge.Input((4,), name="in")
    text = plotting.dot_text(kbridge.Model(inputs, shared(shared(inputs))), show_shapes=True)
    assert edges(text) == {("in", "shared"), ("shared", "shared")}

    class Own(kbridge.Model):
        def call(self, x):
            return x

    own = Own(name="a<b")
    refused(ValueError, "is not built, so there is nothing to draw", plotting.dot_text, own)
    own(np.ones((1, 2)))
    assert "<b>a&lt;b</b> (Own)" in plotting.dot_text(own)


def test_plot_model(tmp_path, monkeypatch):
    assert utils.plot_model(network(), tmp_path / "model.dot", show_shapes=True) is None
    assert (tmp_path / "model.dot").read_text() == plotting.dot_text(network(), True, show_layer_names=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(ImportError, "needs the program `dot` of Graphviz", utils.plot_model, network(), tmp_path / "model.png")
    refused(ValueError, r"does not know the argument\(s\) \['colour'\]", utils.plot_model, network(), colour=1)
    refused(ValueError, "layer_range is not supported", utils.model_to_dot, network(), layer_range=["a", "b"])
    dot = tmp_path / "dot"  # stands for Graphviz
    dot.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[3], 'w').write(sys.argv[1] + sys.stdin.read())\n")
    dot.chmod(0o755)
    utils.plot_model(network(), tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text().startswith("-Tsvgdigraph {")
    dot.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no such thing')\n")
    refused(RuntimeError, "could not draw .*no such thing", utils.plot_model, network(), tmp_path / "model.svg")


def test_model_to_dot_needs_pydot(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    refused(ImportError, "needs pydot, which is not installed. Run: pip install pydot", utils.model_to_dot, network())


def test_model_to_dot():
    pydot = pytest.importorskip("pydot")
    dot = utils.model_to_dot(network(), show_shapes=True, expand_nested=True)
    assert isinstance(dot, pydot.Dot)
    assert [part.get_label() for part in dot.get_subgraphs()] == ['"chain"', '"inner"']
    assert len(dot.get_edges()) == 9
    part = utils.model_to_dot(network(), subgraph=True)
    assert isinstance(part, pydot.Cluster) and len(part.get_nodes()) == 4
