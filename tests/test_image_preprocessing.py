"""Layers that change images: against Keras with given transformations, on samples, and what is left to chance."""

import numpy as np
import pytest
from oracle import close, keras

import kbridge
from kbridge import layers
from kbridge.backend.symbolic import KerasTensor

RNG = np.random.default_rng(4)
IMAGES = RNG.uniform(0, 255, (4, 12, 10, 3)).astype("float32")
BOXES = np.array([[[1, 2, 5, 6], [0, 0, 0, 0]], [[0, 0, 10, 12], [3, 3, 4, 9]]] * 2, "float32")
LABELS = np.array([[1, -1], [2, 0]] * 2, "int32")
MASKS = RNG.integers(0, 3, (4, 12, 10, 1)).astype("uint8")

# Every layer; those that change no more than colours are marked by what they leave: boxes and masks.
KEEPING = [
    "RandomBrightness(0.3)",
    "RandomContrast(0.3)",
    "RandomHue(0.3)",
    "RandomSaturation(0.8)",
    "RandomSharpness(0.4)",
    "RandomGrayscale()",
    "RandomInvert()",
    "RandomPosterization(5)",
    "RandomColorJitter((0, 255), 0.2, 0.2, 0.2, 0.2)",
    "RandomColorDegeneration(0.5)",
    "RandomGaussianBlur()",
    "RandomErasing()",
    "Equalization()",
    "Solarization(0.3, 0.5)",
]
MOVING = [
    "RandomFlip()",
    "RandomRotation(0.2)",
    "RandomTranslation(0.2, 0.3)",
    "RandomZoom(0.3)",
    "RandomShear(0.2, 0.2)",
    "RandomPerspective()",
    "RandAugment()",
]
OTHERS = ["RandomElasticTransform()", "RandomCrop(6, 8)", "MixUp()", "CutMix()", "AugMix(num_chains=2, chain_depth=2)"]
SIZED = ["Resizing(6, 8)", "CenterCrop(6, 8)", "CenterCrop(20, 8)"]
ALWAYS = ["AutoContrast()", "ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 3))"]
RANDOM = [*KEEPING, *MOVING, *OTHERS]


def make(text, **more):
    more = "".join(f"{name}={value!r}, " for name, value in more.items())
    return eval(text[:-1] + ("" if text.endswith("(") or text[-2] == "(" else ", ") + more + ")", dict(vars(layers)))


def array(x):
    return kbridge.backend.registry.current().to_numpy(x)


def sample(boxes=True):
    found = {"images": IMAGES, "labels": np.eye(4, dtype="float32"), "segmentation_masks": MASKS, "other": "as it is"}
    return {**found, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}} if boxes else found


# -- against Keras, on NumPy: the same computation with the same drawn numbers

DELTA = np.array([-60.0, 30.0, 0.0, 200.0], "float32").reshape(4, 1, 1, 1)
FACTOR = np.array([0.0, 0.3, -0.2, 0.9], "float32")
CHOSEN = np.array([True, False, True, False])
SHAPE = {"input_shape": IMAGES.shape}
START = np.array([[[0, 0], [9, 0], [0, 11], [9, 11]]] * 4, "float32")
BLOCK = np.zeros((4, 12, 10, 1), bool)
BLOCK[:, 3:7, 2:9] = True

GIVEN = [
    ("RandomFlip()", {"flips": CHOSEN.reshape(4, 1, 1, 1), **SHAPE}),
    ("RandomFlip('vertical')", {"flips": CHOSEN.reshape(4, 1, 1, 1), **SHAPE}),
    ("RandomTranslation(0.5, 0.5)", {"translations": np.stack([FACTOR * 5, FACTOR[::-1] * 5], 1), **SHAPE}),
    ("RandomZoom(0.5, 0.5)", {"width_zoom": FACTOR[:, None] + 1, "height_zoom": 1.3 - FACTOR[:, None], **SHAPE}),
    ("RandomShear(0.5, 0.5)", {"shear_factor": np.stack([FACTOR, 0 * FACTOR], 1), **SHAPE}),
    ("RandomShear(0.5, 0.5, fill_mode='wrap')", {"shear_factor": np.stack([FACTOR, FACTOR[::-1]], 1), **SHAPE}),
    (
        "RandomPerspective(fill_value=3.0)",
        {
            "apply_perspective": CHOSEN,
            "start_points": START,
            "end_points": START * RNG.uniform(0.7, 1.3, (4, 4, 2)).astype("float32"),
            **SHAPE,
        },
    ),
    ("RandomBrightness(0.3)", {"rgb_delta": DELTA}),
    ("RandomContrast(0.3)", {"contrast_factor": FACTOR.reshape(4, 1, 1, 1) + 1}),
    ("RandomHue(0.3)", {"factor": FACTOR * 0.5}),
    ("RandomSaturation(0.3, value_range=(0, 255))", {"factor": np.array([0.0, 0.3, 0.8, 1.0], "float32")}),
    ("RandomSharpness(0.3)", {"factor": FACTOR}),
    ("RandomGrayscale(0.3)", CHOSEN.reshape(4, 1, 1, 1)),
    ("RandomInvert(0.3)", {"apply_inversion": CHOSEN}),
    ("RandomPosterization(4)", {"shift_factor": np.array([0, 3, 5, 7], "uint8")}),
    ("RandomColorDegeneration(0.3)", {"factor": FACTOR.reshape(4, 1, 1, 1)}),
    (
        "RandomGaussianBlur(kernel_size=(3, 5))",
        {"should_apply_blur": CHOSEN, "blur_factor": np.array([0.8, 0.5], "float32")},
    ),
    ("RandomErasing()", {"apply_erasing": CHOSEN, "batch_masks": BLOCK, "fill_value": IMAGES[::-1]}),
    ("Solarization(0.3, 0.3)", {"additions": np.abs(DELTA), "thresholds": DELTA[::-1]}),
    ("MixUp()", {"permutation_order": np.array([2, 0, 3, 1]), "mix_weight": np.abs(FACTOR)}),
    (
        "CutMix()",
        {"permutation_order": np.array([2, 0, 3, 1]), "mix_weight": np.abs(FACTOR), "batch_masks": BLOCK},
    ),
]


@pytest.mark.parametrize(("text", "drawn"), GIVEN, ids=[text for text, _ in GIVEN])
def test_does_with_given_numbers_what_keras_does(text, drawn):
    with kbridge.use_backend("numpy"):
        for first in (False, True):
            x, given = IMAGES, drawn
            if first and "data_format" in str(getattr(layers, text.split("(")[0]).__init__.__code__.co_varnames):
                x = np.ascontiguousarray(np.moveaxis(IMAGES, -1, 1))
                given = _channels_first(drawn)
            options = {"data_format": "channels_first"} if x is not IMAGES else {}
            mine = make(text, **options)
            theirs = getattr(keras.layers, type(mine).__name__).from_config(mine.get_config())
            expected = theirs.transform_images(x.copy(), dict(given) if isinstance(given, dict) else given)
            close(mine.transform_images(x, given), expected, rtol=1e-4, atol=2e-3)
            if text.startswith(("MixUp", "CutMix")):
                labels = np.eye(4, dtype="float32")
                close(mine.transform_labels(labels, given), theirs.transform_labels(labels, dict(given)))


def _channels_first(drawn):
    if not isinstance(drawn, dict):
        return drawn
    moved = {k: np.moveaxis(v, -1, 1) if getattr(v, "shape", ())[1:3] == (12, 10) else v for k, v in drawn.items()}
    return {**moved, "input_shape": (4, 3, 12, 10)} if "input_shape" in drawn else moved


LIKE_KERAS = [
    ("Resizing(4, 4, interpolation='bicubic', crop_to_aspect_ratio=True)", IMAGES),
    ("Resizing(5, 5, interpolation='lanczos3', antialias=True)", IMAGES),
    ("Resizing(4, 4, interpolation='lanczos5')", IMAGES / 255),
    ("ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 3))", IMAGES),
    ("ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(5, 3))", IMAGES[0]),
    ("ContrastLimitedAdaptiveHistogramEqualization()", IMAGES.astype("uint8")),
    ("ContrastLimitedAdaptiveHistogramEqualization(value_range=(0, 1), clip_limit=0)", IMAGES / 255),
    ("ContrastLimitedAdaptiveHistogramEqualization(data_format='channels_first')", np.moveaxis(IMAGES, -1, 1)),
    ("RandomGaussianBlur((1.0, 1.0), kernel_size=(3, 5), sigma=(0.7, 0.7))", IMAGES),
]


@pytest.mark.parametrize(("text", "x"), LIKE_KERAS, ids=[text for text, _ in LIKE_KERAS])
def test_computes_what_keras_does(engine, text, x):
    """What Keras on PyTorch, which the table of layers is compared with, cannot do or does otherwise than elsewhere."""
    mine = make(text)
    theirs = getattr(keras.layers, type(mine).__name__).from_config(mine.get_config())
    expected = np.asarray(theirs(x, training=True))
    found = array(mine(x, training=True))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3 if found.dtype.kind == "f" else 1)


# -- samples


@pytest.mark.parametrize("text", [*RANDOM, *SIZED, *ALWAYS, "MaxNumBoundingBoxes(3)"])
def test_a_sample(engine, text):
    """Its parts keep their dtypes and get their sizes; an image by itself does as one of a batch; inputs stay."""
    layer = (
        make(text, bounding_box_format="xyxy", seed=3)
        if text in RANDOM and "Equal" not in text
        else make(text, bounding_box_format="xyxy")
    )
    given = sample(boxes="CutMix" not in text)
    found = layer(given, training=True)
    assert found["other"] == "as it is" and set(found) == set(given)
    assert given["images"] is IMAGES and set(given) == set(sample(boxes="CutMix" not in text))
    size = (6, 8) if "(6, 8" in text else (20, 8) if "(20, 8" in text else (12, 10)
    images, masks = array(found["images"]), array(found["segmentation_masks"])
    assert images.shape == (4, *size, 3) and images.dtype == "float32" and np.isfinite(images).all()
    assert masks.shape == (4, *size, 1)
    if text in KEEPING + ALWAYS + ["MaxNumBoundingBoxes(3)"]:
        np.testing.assert_array_equal(masks, MASKS)
    elif text not in ("MixUp()", "AugMix(num_chains=2, chain_depth=2)"):
        assert masks.dtype == "uint8" and set(np.unique(masks)) <= {0, 1, 2}
    count = 3 if "MaxNum" in text else 4 if "MixUp" in text else 2
    if "bounding_boxes" in given:
        boxes, labels = array(found["bounding_boxes"]["boxes"]), array(found["bounding_boxes"]["labels"])
        assert boxes.shape == (4, count, 4) and labels.shape == (4, count) and labels.dtype == "int32"
        filling = labels == -1
        assert filling[0, 1] and (boxes[~filling][:, :2] <= boxes[~filling][:, 2:]).all()
        assert (boxes[~filling] >= 0).all() and (boxes[~filling] <= np.array([size[1], size[0]] * 2)).all()
        if text in KEEPING:
            np.testing.assert_array_equal(boxes, BOXES)
    if not text.startswith(("MixUp", "CutMix")):
        np.testing.assert_array_equal(array(found["labels"]), np.eye(4))
    one = {"images": IMAGES[0], "labels": np.float32([1, 0]), "segmentation_masks": MASKS[0]}
    if "bounding_boxes" in given:
        one["bounding_boxes"] = {"boxes": BOXES[0], "labels": LABELS[0]}
    found = layer(one, training=True)
    assert tuple(found["images"].shape) == (*size, 3) and tuple(found["labels"].shape) == (2,)
    assert tuple(found["segmentation_masks"].shape) == (*size, 1)
    assert "bounding_boxes" not in one or tuple(found["bounding_boxes"]["boxes"].shape) == (count, 4)


@pytest.mark.parametrize("text", MOVING[:-1] + ["RandomCrop(6, 8)", "CenterCrop(4, 7)", "CenterCrop(20, 8)"])
@pytest.mark.parametrize("form", ["xyxy", "rel_center_xywh"])
def test_boxes_go_where_images_go(text, form):
    """The box around a white rectangle is, after the layer, around what is white then."""
    images = np.zeros((6, 40, 32, 1), "float32")
    images[:, 10:20, 8:14] = 255.0
    boxes = np.array([[[8.0, 10.0, 14.0, 20.0]]] * 6, "float32")
    size = {"height": 40, "width": 32}
    options = (
        {"fill_mode": "constant"} if "Rotation" in text or "Tran" in text or "Zoom" in text or "Shear" in text else {}
    )
    text = text.replace("RandomCrop(6, 8)", "RandomCrop(30, 24)").replace("CenterCrop(4, 7)", "CenterCrop(30, 30)")
    with kbridge.use_backend("numpy"):
        convert = kbridge.utils.bounding_boxes.convert_format
        layer = make(text, bounding_box_format=form, **options, **({"seed": 5} if "Random" in text else {}))
        given = {"boxes": convert(boxes, "xyxy", form, **size), "labels": np.ones((6, 1), "int32")}
        found = layer({"images": images, "bounding_boxes": given}, training=True)
        height, width = found["images"].shape[1:3]
        moved = convert(found["bounding_boxes"]["boxes"], form, "xyxy", height=height, width=width)
        for image, box in zip(found["images"], moved[:, 0]):
            ys, xs = np.nonzero(image[..., 0] > 127)
            around = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] if len(xs) else [0, 0, 0, 0]
            np.testing.assert_allclose(box, around, atol=2.1, err_msg=f"{text}: {box} {around}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Resizing(6, 5)", [[0.5, 1, 2.5, 3]]),
        ("Resizing(6, 6, crop_to_aspect_ratio=True)", [[0.6, 0.6, 3, 3]]),
        ("Resizing(6, 6, pad_to_aspect_ratio=True)", [[1, 1, 3, 3]]),
        ("CenterCrop(6, 6)", [[0, 0, 3, 3]]),
    ],
)
def test_boxes_in_resized_images(text, expected):
    with kbridge.use_backend("numpy"):
        found = make(text, bounding_box_format="xyxy")(sample())["bounding_boxes"]
    np.testing.assert_allclose(found["boxes"][0, :1], expected, rtol=1e-5)
    np.testing.assert_array_equal(found["boxes"][0, 1], [0] * 4)
    np.testing.assert_array_equal(found["labels"][0], [1, -1])


def test_boxes_in_lists():
    """As many for each image as it has: rows are filled up."""
    with kbridge.use_backend("numpy"):
        layer = layers.RandomFlip("horizontal", bounding_box_format="xywh", seed=1)
        given = {"boxes": [[[1, 2, 3, 4], [2, 3, 1, 1]], [[0, 0, 5, 5]]], "labels": [[1, 2], [3]]}
        found = layer({"images": IMAGES[:2], "bounding_boxes": given}, training=True)["bounding_boxes"]
        assert found["boxes"].shape == (2, 2, 4) and found["labels"].tolist() == [[1, 2], [3, -1]]
        fitted = layers.MaxNumBoundingBoxes(1, bounding_box_format="xywh")
        found = fitted({"images": IMAGES[:2], "bounding_boxes": given})["bounding_boxes"]
        assert found["labels"].tolist() == [[1], [3]] and found["boxes"].shape == (2, 1, 4)
        fitted = layers.MaxNumBoundingBoxes(3, fill_value=-2, bounding_box_format="xywh")
        found = fitted({"images": IMAGES[:2], "bounding_boxes": given})["bounding_boxes"]
        assert found["labels"].tolist() == [[1, 2, -2], [3, -1, -2]] and (found["boxes"][:, 2] == -2).all()


# -- chance


@pytest.mark.parametrize("text", RANDOM)
def test_seeds_and_inference(engine, text):
    if text == "Equalization()":
        assert (array(make(text)(IMAGES, training=False)) == IMAGES).all()
        return
    x = engine.convert(IMAGES)
    layer, same = make(text, seed=7), make(text, seed=7)
    first = array(layer(x))
    np.testing.assert_array_equal(array(same(x)), first)
    if "Elastic" not in text and "Flip" not in text and "Gray" not in text:
        assert any((array(layer(x)) != first).any() for _ in range(3)), "each call draws anew"
    np.testing.assert_array_equal(array(layer(x, training=False)), IMAGES)
    low, high = first.min(), first.max()
    assert low >= -1e-3 and high <= 255 + 1e-3


def test_each_image_draws_for_itself(engine):
    x = np.repeat(IMAGES[:1], 40, 0)
    for text, share in (("RandomFlip()", 0.5), ("RandomInvert((0.3, 0.3))", 0.3), ("RandomGrayscale(0.7)", 0.7)):
        changed = (array(make(text, seed=2)(x)) != x).any((1, 2, 3))
        assert abs(changed.mean() - share) < 0.25, text
    y = array(layers.RandomBrightness(0.2, value_range=(-1000, 1000), seed=1)(x))
    moved = (y - x)[:, 0, 0, 0]
    assert (
        np.abs(moved).max() <= 400 and moved.std() > 150 and np.allclose(y - x, moved[:, None, None, None], atol=1e-3)
    )
    y = array(layers.RandomContrast((0.5, 1.0), value_range=(-1e4, 1e4), seed=1)(x))
    strength = (y - y.mean((1, 2), keepdims=True)).std((1, 2, 3)) / (x - x.mean((1, 2), keepdims=True)).std((1, 2, 3))
    assert strength.min() > 0.49 and strength.max() < 2.01 and strength.std() > 0.3


def test_places_are_drawn(engine):
    x = np.arange(100, dtype="float32").reshape(10, 10, 1)
    crop = layers.RandomCrop(4, 7, seed=1)
    corners = {float(array(crop(x, training=True))[0, 0, 0]) for _ in range(60)}
    assert {int(c) // 10 for c in corners} <= set(range(7)) and {int(c) % 10 for c in corners} == {0, 1, 2, 3}
    part = array(crop(x, training=True))[..., 0]
    np.testing.assert_array_equal(part, part[0, 0] + np.arange(4)[:, None] * 10 + np.arange(7))
    erased = array(layers.RandomErasing(1.0, scale=(0.25, 0.25), fill_value=200, seed=1)(np.zeros((50, 20, 20, 3))))
    share = (erased == 200).mean((1, 2, 3))
    assert abs(share[share > 0].mean() - 0.25) < 0.03 and set(np.unique(erased)) == {0, 200}


def test_mixing_keeps_proportions(engine):
    x = np.ones((60, 8, 8, 1), "float32") * np.arange(60, dtype="float32").reshape(-1, 1, 1, 1)
    labels = np.eye(60, dtype="float32")
    for layer in (layers.MixUp(1.0, seed=1), layers.CutMix((1.0, 1.0), seed=1)):
        found = layer({"images": x, "labels": labels}, training=True)
        images, mixed = array(found["images"]), array(found["labels"])
        np.testing.assert_allclose(mixed.sum(1), 1.0, rtol=1e-5)
        expected = mixed @ np.arange(60)
        atol = 1e-3 if isinstance(layer, layers.MixUp) else 15.0  # rectangles end between pixels
        np.testing.assert_allclose(images.mean((1, 2, 3)), expected, atol=atol)
        assert (mixed.max(1) < 0.99).mean() > 0.7


def test_brightness_of_bytes_does_not_wrap(engine):
    x = IMAGES.astype("uint8")
    found = array(layers.RandomBrightness((-0.5, -0.5))(x))
    assert found.dtype == "uint8" and (found == np.clip(x.astype(int) - 127, 0, 255)).all()


# -- in models


def test_trains_with_augmentation(engine):
    """In a compiled step, with a loss that falls; prediction is without chance, and states survive the engine."""
    kbridge.utils.set_random_seed(1)
    y = np.arange(16) % 2
    x = np.random.default_rng(0).uniform(0, 60, (16, 12, 10, 3)).astype("float32") + 120 * y.reshape(-1, 1, 1, 1)
    names = ["Resizing(10, 10)", "RandomCrop(8, 8)", "RandomFlip()", "RandomRotation(0.1)", "RandomContrast(0.1)"]
    names += ["RandomTranslation(0.1, 0.1)", "RandomBrightness(0.05)"]
    stack = [make(name) for name in names]
    head = [layers.Lambda(lambda x: x / 255.0), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    model = kbridge.Sequential([kbridge.Input((12, 10, 3)), *stack, *head])
    loss = kbridge.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kbridge.optimizers.Adam(0.05), loss)
    losses = model.fit(x, y, batch_size=8, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0], losses
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
    with kbridge.use_backend("numpy"):
        np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_in_a_data_pipeline(backend):
    """In the graph of tf.data, whichever engine is in charge; each element draws anew."""
    tf = pytest.importorskip("tensorflow")
    with kbridge.use_backend(backend):
        for text, batch in (("Resizing(6, 6)", 2), ("RandomFlip(seed=1)", 2), ("RandomCrop(5, 5)", None)):
            layer = make(text)
            data = tf.data.Dataset.from_tensor_slices(np.concatenate([IMAGES] * 3))
            data = (data if batch is None else data.batch(batch)).map(lambda x, layer=layer: layer(x))
            runs = [[x.numpy() for x in data] for _ in range(2)]
            assert runs[0][0].shape == tuple(layer.compute_output_shape(IMAGES[slice(batch) if batch else 0].shape))
            assert any((a != b).any() for a, b in zip(*runs)) == text.startswith("Random"), text


@pytest.mark.parametrize("policy", ["RandAugment(num_ops=1)", "AugMix(num_chains=1, chain_depth=1)"])
def test_policies_are_drawn_in_each_compiled_step(engine, policy):
    layer = make(policy, seed=1)
    step = engine.compile(lambda x: layer(x, training=True), layer.variables)
    x = engine.convert(IMAGES)
    results = [array(step(x)) for _ in range(8)]
    different = {tuple(np.round(r[0, 0, 0], 2)) for r in results}
    assert len(different) > 4 and all(np.isfinite(r).all() for r in results)


def test_on_symbols():
    for text in [*RANDOM, *SIZED, *ALWAYS]:
        layer = make(text)
        found = layer(KerasTensor((None, 12, 10, 3)))
        assert found.shape == layer.compute_output_shape((None, 12, 10, 3)), text
        assert found.dtype == "float32" and layer.compute_output_shape((12, 10, 3)) == found.shape[1:]
    found = layers.RandomFlip(bounding_box_format="xyxy")(
        {
            "images": KerasTensor((None, 12, 10, 3)),
            "bounding_boxes": {"boxes": KerasTensor((None, 5, 4)), "labels": KerasTensor((None, 5), "int32")},
        }
    )
    assert found["bounding_boxes"]["boxes"].shape == (None, 5, 4) and found["images"].shape == (None, 12, 10, 3)


def test_mixed_precision(engine):
    for text in [*KEEPING, *MOVING[:-1], "RandomElasticTransform()", "RandomCrop(6, 8)", "MixUp()", "CutMix()"]:
        found = make(text, dtype="mixed_float16")(IMAGES / 255, training=True)
        assert engine.dtype(found) == "float16" and np.isfinite(array(found)).all(), text


# -- configs


@pytest.mark.parametrize("text", [*RANDOM, *SIZED, *ALWAYS, "MaxNumBoundingBoxes(3)", "RandomRotation((0.1, 0.3))"])
def test_configs_go_both_ways(text):
    mine = make(text, bounding_box_format="xywh", data_format="channels_first")
    theirs = getattr(keras.layers, type(mine).__name__)
    assert type(mine).from_config(mine.get_config()).get_config() == mine.get_config()
    read = theirs.from_config(mine.get_config()).get_config()
    again = type(mine).from_config(read).get_config()
    unlike = {"dtype", "seed"} | ({"x_factor", "y_factor"} if "Shear" in text else set())
    assert {k: _plain(v) for k, v in again.items() if k not in unlike} == {
        k: _plain(v) for k, v in mine.get_config().items() if k not in unlike
    }


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


# -- errors

WRONG = [
    ("Resizing(0, 3)", "Resizing: `height` must be a positive integer. Received: height=0"),
    ("Resizing(3, 3, interpolation='cubic')", "`interpolation` must be one of .*'bilinear'"),
    ("Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)", "only one of"),
    ("RandomFlip('diagonal')", "`mode` must be one of .*Received: mode='diagonal'"),
    ("RandomRotation(2)", "RandomRotation: `factor` must be from -1 to 1. Received: factor=2"),
    ("RandomRotation('a')", "`factor` must be a number, or two, from -1 to 1"),
    ("RandomTranslation(0.1, (0.1, 2))", "RandomTranslation: `width_factor` must be from -1.0 to 1.0"),
    ("RandomZoom((-1.0, 0.0))", "factors must be above -1"),
    ("RandomContrast(-0.5)", "RandomContrast: `factor` must be from 0 to 1"),
    ("RandomContrast(0.5, value_range=3)", "`value_range` must be two numbers"),
    ("RandomPosterization(9)", "from 1 to 8"),
    ("RandomGaussianBlur(kernel_size=4)", "`kernel_size` must be an odd number, or two. Received: kernel_size=4"),
    ("RandomErasing(fill_value=(1, 2))", "`fill_value` must be a number, or three, or None"),
    ("RandomPerspective(scale=3)", "`scale` must be a number from 0 to 1"),
    ("RandAugment(num_ops=0)", "`num_ops` must be a positive integer"),
    ("RandomFlip(bounding_box_format='xx')", "RandomFlip: `bounding_box_format` must be one of"),
    ("ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=3)", "`tile_grid_size` must be two integers"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_argument_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        make(text)


def test_inputs_that_do_not_fit_are_named():
    with kbridge.use_backend("numpy"):
        layer = layers.RandomFlip()
        with pytest.raises(ValueError, match=r"RandomFlip takes an image .* Received the shape \(12, 10\)"):
            layer(IMAGES[0, ..., 0])
        with pytest.raises(ValueError, match=r'Write: RandomFlip\(..., bounding_box_format="xyxy"\)'):
            layer(sample())
        with pytest.raises(ValueError, match='a sample is a dict with "images"'):
            layer({"labels": LABELS})
        layer = layers.RandomFlip(bounding_box_format="xyxy")
        with pytest.raises(ValueError, match='bounding boxes are a dict with "boxes" and "labels"'):
            layer({"images": IMAGES, "bounding_boxes": {"boxes": BOXES}})
        with pytest.raises(ValueError, match="labels the same without the last"):
            layer({"images": IMAGES, "bounding_boxes": {"boxes": BOXES, "labels": LABELS[0, 0]}})
        with pytest.raises(NotImplementedError, match="CutMix cannot say"):
            layers.CutMix(bounding_box_format="xyxy")(sample())
