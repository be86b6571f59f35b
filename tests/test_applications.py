"""Applications: the architectures that Keras has, their arguments, and what surrounds them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from applications_by_keras import images, made, values

import kbridge
from kbridge import applications, layers

# One of each kind of building; the other sizes are the same parts, more of them.
KINDS = [
    "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "EfficientNetV2B3", "MobileNet", "MobileNetV2",
    "MobileNetV3Large", "MobileNetV3Small", "ResNet50", "ResNet50V2",
]  # fmt: skip


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("applications")
    path = folder / "reference.npz"
    environment = {**os.environ, "KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    program = [sys.executable, str(Path(__file__).parent / "applications_by_keras.py"), str(path), *KINDS]
    subprocess.run(program, env=environment, check=True, timeout=900)
    return np.load(path)


@pytest.mark.parametrize("name", KINDS)
def test_it_is_the_model_of_keras(references, name):
    kbridge.backend.clear_session()  # layers without a name are counted from the start, as in Keras's process
    with kbridge.use_backend("torch"):
        model = made(applications, name)
        assert [layer.name for layer in model.layers if layer.weights] == references[f"{name}/names"].tolist()
        assert [repr(tuple(w.shape)) for w in model.weights] == references[f"{name}/shapes"].tolist()
        model.set_weights(values(model.weights))
        np.testing.assert_allclose(model.predict(images(), verbose=0), references[f"{name}/outputs"], atol=1e-5)


PARAMETERS = {  # with 1000 classes, as published
    "InceptionV3": 23_851_784,
    "NASNetMobile": 5_326_716,
    "Xception": 22_910_480,
    "DenseNet169": 14_307_880,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_number_of_parameters(name):
    with kbridge.use_backend("numpy"):
        assert getattr(applications, name)(weights=None).count_params() == PARAMETERS[name]


def test_it_trains(engine):
    """A thin MobileNet learns to tell bright images from dark ones."""
    kbridge.utils.set_random_seed(1)
    model = applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=2, dropout=0.0)
    y = np.arange(16) % 2
    x = np.random.default_rng(0).normal(size=(16, 32, 32, 3)).astype("float32") * 0.1 + y[:, None, None, None]
    model.compile(kbridge.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, batch_size=8, epochs=4, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_features_without_the_classifier():
    with kbridge.use_backend("numpy"):
        base = applications.MobileNetV2(weights=None, include_top=False, alpha=0.35)
        assert base.output_shape == (None, None, None, 1280)
        for pooling, function in (("avg", np.mean), ("max", np.max)):
            pooled = applications.MobileNetV2(
                weights=None, include_top=False, pooling=pooling, alpha=0.35, input_shape=(32, 32, 3)
            )
            base.set_weights(pooled.get_weights())
            x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
            expected = function(base.predict(x, verbose=0), axis=(1, 2))
            np.testing.assert_allclose(pooled.predict(x, verbose=0), expected, atol=1e-5)


def test_it_goes_on_from_a_symbol():
    with kbridge.use_backend("numpy"):
        inputs = kbridge.Input((32, 32, 1))
        coloured = layers.Concatenate()([inputs] * 3)
        model = applications.MobileNet(weights=None, input_tensor=coloured, alpha=0.25, classes=3)
        assert model.predict(np.zeros((1, 32, 32, 1), "float32"), verbose=0).shape == (1, 3)


def test_weights_from_a_file(tmp_path):
    with kbridge.use_backend("numpy"):
        arguments = {"alpha": 0.25, "input_shape": (32, 32, 3), "classes": 3}
        model = applications.MobileNet(weights=None, **arguments)
        path = tmp_path / "mobile.weights.h5"
        model.save_weights(path)
        again = applications.MobileNet(weights=str(path), **arguments)
        for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_images_are_prepared_as_keras_does(engine, mode, data_format):
    from oracle import keras

    x = np.random.default_rng(0).uniform(0, 255, (2, 3, 4, 3)).astype("float32")
    x = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    before = x.copy()
    expected = keras.applications.imagenet_utils.preprocess_input(x.copy(), data_format, mode)
    ours = applications.imagenet_utils.preprocess_input(x, data_format, mode)
    assert isinstance(ours, np.ndarray)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4)
    tensor = applications.imagenet_utils.preprocess_input(engine.convert(x), data_format, mode)
    np.testing.assert_allclose(engine.to_numpy(tensor), expected, rtol=1e-5, atol=1e-4)


def test_each_family_prepares_images_in_its_way():
    x = np.full((1, 2, 2, 3), 255.0, "float32")
    assert applications.resnet50.preprocess_input(x)[0, 0, 0].tolist() == pytest.approx([151.061, 138.221, 131.32])
    assert applications.mobilenet_v2.preprocess_input(x).max() == 1.0
    assert applications.densenet.preprocess_input(x)[0, 0, 0, 0] == pytest.approx((1 - 0.485) / 0.229, rel=1e-5)
    assert applications.efficientnet.preprocess_input(x) is x


def test_predictions_as_names(tmp_path, monkeypatch):
    from kbridge.applications import files

    path = tmp_path / "classes.json"
    path.write_text(json.dumps({str(i): [f"n{i:08d}", f"thing_{i}"] for i in range(1000)}))
    monkeypatch.setattr(files, "class_index", lambda: path)
    scores = np.zeros((2, 1000), "float32")
    scores[0, [7, 3]], scores[1, 999] = (0.7, 0.2), 1.0
    first, second = applications.imagenet_utils.decode_predictions(scores, top=2)
    assert first == [("n00000007", "thing_7", np.float32(0.7)), ("n00000003", "thing_3", np.float32(0.2))]
    assert second[0][1] == "thing_999"
    with pytest.raises(ValueError, match=r"predictions of the shape \(samples, 1000\).*\(2, 5\)"):
        applications.imagenet_utils.decode_predictions(scores[:, :5])


WRONG = [
    ("VGG16(classes=10)", "tells 1000 classes apart"),
    ("VGG16(classifier_activation='relu')", "must be 'softmax' or None"),
    ("ResNet50(weights=None, input_shape=(20, 20, 3))", "ResNet50: images must be at least 32 by 32"),
    ("ResNet50(weights=None, input_shape=(32, 32))", "input_shape must have three axes"),
    ("ResNet50(weights=None, include_top=False, pooling='sum')", "pooling must be None, 'avg' or 'max'"),
    ("MobileNet(alpha=0.3)", "are for alpha in"),
    ("MobileNetV2(input_shape=(100, 100, 3))", "are for images with sides in"),
    ("MobileNetV3Small(alpha=0.75, minimalistic=True)", "MobileNetV3Small: weights='imagenet' are for alpha"),
]


@pytest.mark.parametrize(("call", "text"), WRONG, ids=[call for call, _ in WRONG])
def test_wrong_arguments_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        eval(call, dict(vars(applications)))
