"""The files of ``TensorBoard``, read back by TensorFlow's own reader."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import kbridge
from kbridge import layers
from kbridge.callbacks import TensorBoard, events
from kbridge.callbacks.tensorboard import as_images

RNG = np.random.default_rng(0)


def model_and_data():
    kbridge.utils.set_random_seed(0)
    model = kbridge.Sequential(
        [kbridge.Input((8,)), layers.Embedding(10, 4, name="words"), layers.Flatten(name="flat"), layers.Dense(1)],
        name="net",
    )
    model.compile(kbridge.optimizers.Adam(0.01), "mse", metrics=["mae"])
    x = RNG.integers(0, 10, (32, 8))
    return model, x, x.sum(1).astype("float32")


def read(folder):
    """(step, tag, plugin, value) of each summary in a folder's files, and the graph if there is one."""
    tf = pytest.importorskip("tensorflow")
    found, graph = [], None
    for file in sorted(folder.iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            if event.HasField("graph_def"):
                graph = tf.compat.v1.GraphDef.FromString(event.graph_def)
            found += [
                (event.step, v.tag, v.metadata.plugin_data.plugin_name, tf.make_ndarray(v.tensor))
                for v in event.summary.value
            ]
    return found, graph


def scalars(found, tag):
    return [(step, float(value)) for step, name, plugin, value in found if name == tag and plugin == "scalars"]


def test_epochs(engine, tmp_path):
    model, x, y = model_and_data()
    history = model.fit(
        x, y, epochs=3, batch_size=8, validation_split=0.25, verbose=0, callbacks=[TensorBoard(tmp_path)]
    )
    history = history.history
    train, graph = read(tmp_path / "train")
    validation, _ = read(tmp_path / "validation")
    for tag, values in (("epoch_loss", history["loss"]), ("epoch_mae", history["mae"])):
        assert [step for step, _ in scalars(train, tag)] == [0, 1, 2]
        np.testing.assert_allclose([v for _, v in scalars(train, tag)], values, rtol=1e-6)
    np.testing.assert_allclose([v for _, v in scalars(validation, "epoch_loss")], history["val_loss"], rtol=1e-6)
    np.testing.assert_allclose([v for _, v in scalars(train, "epoch_learning_rate")], [0.01] * 3, rtol=1e-6)
    found = scalars(validation, "evaluation_loss_vs_iterations")
    assert [step for step, _ in found] == [3, 6, 9]
    assert all(value.shape == () for _, _, _, value in train)
    nodes = [(node.name, node.op, list(node.input)) for node in graph.node]
    assert nodes[1:] == [
        ("words", "Embedding", [nodes[0][0]]),
        ("flat", "Flatten", ["words"]),
        (nodes[3][0], "Dense", ["flat"]),
    ]


def test_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("kbridge.callbacks.events._serial", itertools.count(9))  # two files in a second: 9 before 10
    model, x, y = model_and_data()
    board = TensorBoard(tmp_path, update_freq=2, write_steps_per_second=True, write_graph=False)
    model.fit(x, y, epochs=2, batch_size=8, verbose=0, callbacks=[board])
    train, graph = read(tmp_path / "train")
    assert graph is None
    assert [step for step, _ in scalars(train, "batch_loss")] == [2, 4, 6, 8]
    assert [step for step, _ in scalars(train, "batch_steps_per_second")] == list(range(1, 9))
    assert all(value > 0 for _, value in scalars(train, "epoch_steps_per_second"))
    model.fit(x, y, epochs=1, batch_size=8, verbose=0, callbacks=[board])  # goes on counting, in a file of its own
    train, _ = read(tmp_path / "train")
    assert [step for step, _ in scalars(train, "batch_loss")] == [2, 4, 6, 8, 10, 12]


def test_several_steps_at_once(tmp_path):
    model, x, y = model_and_data()
    model.compile("adam", "mse", steps_per_execution=3)
    model.fit(x, y, epochs=2, batch_size=8, verbose=0, callbacks=[TensorBoard(tmp_path, update_freq=2)])
    train, _ = read(tmp_path / "train")
    assert [step for step, _ in scalars(train, "batch_loss")] == [3, 4, 7, 8]


def test_a_board_of_epochs_leaves_epochs_whole():
    """What is not told of batches does not keep the engine from running many at once."""
    assert not kbridge.callbacks.CallbackList([TensorBoard("logs")]).act_on_batches
    assert kbridge.callbacks.CallbackList([TensorBoard("logs", update_freq="batch")]).act_on_batches


def test_weights(tmp_path):
    tf = pytest.importorskip("tensorflow")
    model, x, y = model_and_data()
    model.fit(x, y, epochs=3, verbose=0, callbacks=[TensorBoard(tmp_path, histogram_freq=2, write_images=True)])
    train, _ = read(tmp_path / "train")
    found = [(step, value) for step, tag, plugin, value in train if tag == "net/words/embeddings/histogram"]
    assert [step for step, _ in found] == [0, 2]
    rows, weight = found[-1][1], model.layers[0].get_weights()[0]
    assert rows.shape == (30, 3) and rows.dtype == np.float64
    assert rows[:, 2].sum() == weight.size
    np.testing.assert_allclose([rows[0, 0], rows[-1, 1]], [weight.min(), weight.max()])
    ((_, image),) = [(s, v) for s, tag, plugin, v in train if tag == "net/words/embeddings/image" and s == 2]
    assert image[:2].tolist() == [b"10", b"4"]
    pixels = tf.io.decode_png(image[2]).numpy()
    np.testing.assert_array_equal(pixels, as_images(weight)[0])
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_histograms_and_images_of_odd_weights():
    assert as_images(np.zeros((2, 2, 2, 2, 2))) is None
    assert as_images(np.zeros((3, 3, 2, 4))).shape == (8, 3, 3, 1)
    assert as_images(np.ones(5)).shape == (1, 1, 5, 1) and as_images(np.array(2.0)).shape == (1, 1, 1, 1)
    for values in ([], [1.0, 1.0], [np.nan, 1.0, 2.0]):
        assert isinstance(events.histogram("h", values), bytes)


def test_embeddings(tmp_path):
    model, x, y = model_and_data()
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "names.tsv"})
    model.fit(x, y, verbose=0, callbacks=[board])
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "words.tsv"' in text and 'metadata_path: "names.tsv"' in text
    table = np.loadtxt(tmp_path / "words.tsv", delimiter="\t")
    np.testing.assert_allclose(table, model.layers[0].get_weights()[0], rtol=1e-5)
    with pytest.raises(ValueError, match="names the layers \\['other'\\]"):
        board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"other": "names.tsv"})
        model.fit(x, y, verbose=0, callbacks=[board])


def test_records():
    """Framing and checksum as RFC 3720 and TensorFlow have them."""
    assert events.masked_crc32c(b"") == 0xA282EAD8

    def plain(data):
        turned = (events.masked_crc32c(data) - 0xA282EAD8) & 0xFFFFFFFF
        return (turned << 15 | turned >> 17) & 0xFFFFFFFF

    assert plain(b"123456789") == 0xE3069283
    assert plain(bytes(32)) == 0x8A9136AA
    assert len(events.record(b"abc")) == 3 + 16


def test_no_other_library_is_loaded(tmp_path):
    code = f"""
import sys, numpy as np, kbridge
model = kbridge.Sequential([kbridge.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[kbridge.callbacks.TensorBoard({str(tmp_path)!r})])
print([m for m in ("tensorflow", "tensorboard", "torch", "jax") if m in sys.modules])
"""
    env = {**os.environ, "KBRIDGE_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_wrong_arguments():
    with pytest.raises(NotImplementedError, match="profile_batch=5 is not available"):
        TensorBoard(profile_batch=5)
    with pytest.raises(ValueError, match="update_freq must be 'epoch', 'batch' or a positive integer"):
        TensorBoard(update_freq="step")
