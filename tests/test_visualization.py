"""Pictures: boxes, masks, galleries."""

import sys

import numpy as np
import pytest
from oracle import keras

import kbridge
from kbridge import visualization

random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (3, 20, 30, 3), dtype="uint8")
MASKS = random.integers(-1, 4, (3, 20, 30, 1), dtype="int32")
BOXES = {"boxes": np.array([[[4, 5, 20, 12], [0, 0, 29, 19]]] * 3, "float32"), "labels": np.array([[1, -1]] * 3)}


def refused(error, match, function, *args, **kwargs):
    with pytest.raises(error, match=match):
        function(*args, **kwargs)


COLORS = {0: (1, 2, 3), 1: (4, 5, 6), 2: (7, 8, 9), 3: (255, 0, 0)}


@pytest.mark.parametrize(
    "arguments", [{}, {"alpha": 0.3}, {"blend": False}, {"ignore_index": 2}, {"color_mapping": COLORS}]
)
def test_masks_are_drawn_as_by_keras(engine, arguments):
    ours = visualization.draw_segmentation_masks(engine.convert(IMAGES), engine.convert(MASKS), 4, **arguments)
    theirs = keras.visualization.draw_segmentation_masks(IMAGES, MASKS, 4, **arguments)
    assert ours.dtype == "uint8"
    np.testing.assert_array_equal(ours, np.asarray(theirs))
    first = visualization.draw_segmentation_masks(
        IMAGES.transpose(0, 3, 1, 2), MASKS.transpose(0, 3, 1, 2), 4, data_format="channels_first", **arguments
    )
    np.testing.assert_array_equal(first, ours)


def test_every_class_is_drawn_where_their_number_is_not_told():
    mask = np.full((1, 2, 2, 1), 1)
    drawn = visualization.draw_segmentation_masks(np.zeros((1, 2, 2, 3)), mask, color_mapping=COLORS, alpha=1.0)
    assert (drawn == [4, 5, 6]).all()


def test_boxes(engine):
    blank = np.zeros((1, 12, 16, 3), "float32")
    boxes = {"boxes": engine.convert([[[3.0, 2.0, 10.0, 8.0]]]), "labels": engine.convert([[1]])}
    drawn = visualization.draw_bounding_boxes(blank, boxes, "xyxy", color=(10, 20, 30), line_thickness=1)
    expected = np.zeros((12, 16), bool)
    expected[2:9, 3:11] = True
    expected[3:8, 4:10] = False
    assert drawn.dtype == "uint8" and drawn.shape == blank.shape
    np.testing.assert_array_equal(drawn[0], np.where(expected[..., None], [10, 20, 30], 0))
    for form, numbers in (("xywh", [3, 2, 7, 6]), ("rel_yxyx", [2 / 12, 3 / 16, 8 / 12, 10 / 16])):
        same = {"boxes": np.array([[numbers]], "float32"), "labels": [[1]]}
        again = visualization.draw_bounding_boxes(blank, same, form, color=(10, 20, 30), line_thickness=1)
        np.testing.assert_array_equal(again, drawn)
    filled = visualization.draw_bounding_boxes(blank, boxes, "xyxy", line_thickness=-1)
    assert (filled[0, 2:9, 3:11] == 128).all() and filled.astype(bool).sum() == 7 * 8 * 3
    thick = visualization.draw_bounding_boxes(blank, boxes, "xyxy", line_thickness=3)
    assert thick[0, 1:4, 2:12].all() and thick[0, 7:10, 2:12].all() and not thick[0, 4:7, 5:9].any()


def test_boxes_at_the_edge_and_none():
    far = {
        "boxes": np.array([[[-5, -5, 40, 25], [50, 50, 60, 60], [-9, -9, -3, -3]]], "float32"),
        "labels": [[1, 2, 3]],
    }
    drawn = visualization.draw_bounding_boxes(IMAGES[:1], far, "xyxy")
    np.testing.assert_array_equal(drawn, IMAGES[:1])
    none = {"boxes": BOXES["boxes"], "labels": np.full((3, 2), -1)}
    np.testing.assert_array_equal(visualization.draw_bounding_boxes(IMAGES, none, "xyxy"), IMAGES)
    bright = visualization.draw_bounding_boxes(IMAGES / 255, none, "xyxy")  # floats from 0 to 1
    np.testing.assert_allclose(bright, IMAGES, atol=1)


def test_names_beside_boxes(monkeypatch):
    large = np.zeros((1, 60, 120, 1), "uint8")
    boxes = {"boxes": np.array([[[10, 40, 60, 55]]], "float32"), "labels": [[7]], "confidences": np.array([[0.25]])}
    draw = lambda **kwargs: visualization.draw_bounding_boxes(large, boxes, "xyxy", color=(200,), **kwargs)  # noqa: E731
    np.testing.assert_array_equal(draw(class_mapping={1: "other"}), draw())
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "PIL", None)
        refused(ImportError, "needs Pillow, which is not installed", draw, class_mapping={7: "cat"})
    pytest.importorskip("PIL")
    plain, named = draw(), draw(class_mapping={7: "cat"})
    above = named[0, :38, :, 0] != 0
    assert above.any() and not (plain[0, :38] != 0).any()
    assert (draw(class_mapping={7: "cat"}, font_scale=0.5)[0, :38] != 0).sum() < above.sum()
    assert (draw(class_mapping={7: "cat"}, text_thickness=2)[0, :38] != 0).sum() > above.sum()


def test_what_drawing_refuses():
    boxes, masks = visualization.draw_bounding_boxes, visualization.draw_segmentation_masks
    refused(
        ValueError,
        r"images must be a batch, with four axes. Received the shape \(20, 30, 3\)",
        boxes,
        IMAGES[0],
        BOXES,
        "xyxy",
    )
    refused(TypeError, "bounding_boxes must be a dict. Received: list", boxes, IMAGES, [], "xyxy")
    refused(ValueError, "must have 'boxes' and 'labels'", boxes, IMAGES, {"boxes": 1}, "xyxy")
    refused(ValueError, "a number for each of the 3 channels", boxes, IMAGES, BOXES, "xyxy", color=(1,))
    refused(TypeError, "must hold ints. Received the dtype float32", masks, IMAGES, MASKS.astype("float32"))
    refused(ValueError, r"must have the shape \(3, 20, 30, 1\)", masks, IMAGES, MASKS[:, :5])


def test_matplotlib_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    refused(
        ImportError, r"plot_image_gallery needs matplotlib. Run: pip install", visualization.plot_image_gallery, IMAGES
    )


@pytest.fixture
def pyplot(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    return pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def shown(pyplot, monkeypatch):
    """The axes of the pictures that were shown on the screen."""
    found = []
    monkeypatch.setattr(pyplot, "show", lambda: found.append(pyplot.gcf()))
    return found


def pictures(figure):
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]


def test_image_gallery(engine, shown, pyplot):
    images = random.integers(0, 256, (5, 8, 8, 3), dtype="uint8")
    visualization.plot_image_gallery(
        engine.convert(images), y_true=np.arange(5), y_pred=[4] * 5, label_map=dict(enumerate("abcd"))
    )
    (figure,) = shown
    assert len(figure.axes) == 6  # three rows of two
    for drawn, image in zip(pictures(figure), images, strict=True):
        np.testing.assert_array_equal(drawn, image)
    assert figure.axes[1].get_title() == "Label: b  Pred: Unknown"
    assert not pyplot.get_fignums()


def test_values_channels_and_files(shown, tmp_path):
    images = np.linspace(-1, 1, 2 * 4 * 4).reshape(2, 1, 4, 4)
    gallery = visualization.plot_image_gallery
    gallery(images, value_range=(-1, 1), data_format="channels_first", rows=1)
    drawn = pictures(shown[0])
    assert len(shown[0].axes) == 2 and drawn[0][0, 0] == 0 and drawn[1][3, 3] == 255
    gallery(images, value_range=(-1, 1), data_format="channels_first", cols=1, path=tmp_path / "x.png", dpi=30)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG") and len(shown) == 1
    gallery(images, data_format="channels_first", show=False)
    assert len(shown) == 1
    refused(ValueError, "path and show=True exclude each other", gallery, IMAGES, path="x.png", show=True)
    refused(ValueError, "label_map is needed", gallery, IMAGES, y_true=[1, 2, 3])
    refused(ValueError, "value_range must be", gallery, IMAGES, value_range=(1, 1))


def test_galleries_of_boxes_and_masks(shown):
    boxes = visualization.plot_bounding_box_gallery
    boxes(IMAGES, "xyxy", BOXES, legend=True, true_color=(255, 0, 0))
    expected = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=(255, 0, 0))
    np.testing.assert_array_equal(pictures(shown[0]), expected)
    assert [text.get_text() for text in shown[0].legends[0].get_texts()] == ["Ground Truth", "Prediction"]
    refused(ValueError, "legend and legend_handles exclude", boxes, IMAGES, "xyxy", legend=True, legend_handles=[1])
    visualization.plot_segmentation_mask_gallery(IMAGES, 4, y_true=MASKS, y_pred=MASKS, alpha=0.5)
    drawn = pictures(shown[1])
    masks = visualization.draw_segmentation_masks(IMAGES, MASKS, 4, alpha=0.5)
    for index in range(3):
        np.testing.assert_array_equal(drawn[3 * index], IMAGES[index])
        np.testing.assert_array_equal(drawn[3 * index + 1], masks[index])
        np.testing.assert_array_equal(drawn[3 * index + 2], masks[index])


def test_the_names_are_there():
    assert kbridge.visualization is visualization
