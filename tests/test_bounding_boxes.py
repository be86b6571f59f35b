"""``kbridge.utils.bounding_boxes`` against Keras, on each engine."""

import itertools

import numpy as np
import pytest
from oracle import close, keras

from kbridge.layers.image_preprocessing.bounding_boxes import FORMATS
from kbridge.utils import bounding_boxes as ours

theirs = keras.utils.bounding_boxes

BOXES = np.array(
    [[[2.0, 3.0, 7.0, 9.0], [0.0, 0.0, 4.0, 4.0]], [[1.0, 5.0, 8.5, 6.0], [-2.0, 3.0, 30.0, 9.0]]], "float32"
)
OTHERS = np.array([[[2.0, 3.0, 7.0, 8.0], [1.0, 1.0, 4.0, 4.0], [-1.0] * 4]] * 2, "float32")
SIZE = {"height": 10, "width": 20}


@pytest.mark.parametrize(("source", "target"), [*itertools.product(FORMATS, FORMATS)])
def test_formats(source, target):
    given = BOXES / 30 if source.startswith("rel_") else BOXES
    for size in (SIZE, {}):
        if size or not (source + target).count("rel_"):
            found = ours.convert_format(given, source, target, **size)
            close(found, theirs.convert_format(given, source, target, **size))
    assert ours.convert_format({"boxes": given, "labels": 1}, source, target, **SIZE)["labels"] == 1


def test_on_each_engine(engine):
    """One function of each kind: what they are made of is tested elsewhere."""
    close(
        ours.convert_format(BOXES, "center_yxhw", "rel_xywh", **SIZE),
        theirs.convert_format(BOXES, "center_yxhw", "rel_xywh", **SIZE),
    )
    turned = [
        np.array([30.0, 200.0], "float32"),
        *np.array([[0.1, 0.2], [0.3, -0.1], [1.0, 2.0], [5.0, -9.0], [7.0, 2.0]]),
    ]
    turned = [x.astype("float32") for x in turned]
    for centre in ({}, {"center_x": 0.2, "center_y": 0.7}):
        found = ours.affine_transform(BOXES, *turned, 10, 20, **centre)
        close(found, theirs.affine_transform(BOXES, *turned, 10, 20, **centre), rtol=1e-4, atol=1e-4)
    labels = np.array([[1, 2], [3, 4]], "int32")
    sample = {"boxes": BOXES - 4.0, "labels": labels, "other": 1}
    found = ours.clip_to_image_size(sample, **SIZE)
    expected = theirs.clip_to_image_size(dict(sample), **SIZE)
    close(found["boxes"], expected["boxes"])
    close(found["labels"], expected["labels"])
    assert found["other"] == 1 and (sample["boxes"] == BOXES - 4.0).all()
    close(ours.compute_iou(BOXES, OTHERS, "xyxy"), theirs.compute_iou(BOXES, OTHERS, "xyxy"))
    close(
        ours.compute_iou(BOXES[0], OTHERS[0], "xywh", use_masking=True, mask_val=-3),
        theirs.compute_iou(BOXES[0], OTHERS[0], "xywh", use_masking=True, mask_val=-3),
    )
    close(ours.compute_ciou(BOXES, OTHERS[:, :2], "xyxy"), theirs.compute_ciou(BOXES, OTHERS[:, :2], "xyxy"), rtol=1e-4)
    for options in ({}, {"variance": [0.1, 0.1, 0.2, 0.2]}):
        deltas = ours.encode_box_to_deltas(BOXES[0], OTHERS[0, :2], "xyxy", "xyxy", **options)
        close(deltas, theirs.encode_box_to_deltas(BOXES[0], OTHERS[0, :2], "xyxy", "xyxy", **options), rtol=1e-4)
        back = ours.decode_deltas_to_boxes(BOXES[0], deltas, "xyxy", "xyxy", **options)
        close(back, OTHERS[0, :2], rtol=1e-4, atol=1e-4)


def test_anchors_in_levels_and_shares():
    shares = BOXES[0] / 30
    options = {"image_shape": (10, 20, 3), "variance": [0.1, 0.1, 0.2, 0.2]}
    arguments = ("rel_xyxy", "center_xywh", "center_xywh")
    deltas = {"low": shares, "high": shares * 2}
    found = ours.decode_deltas_to_boxes({"low": shares, "high": shares}, deltas, *arguments, **options)
    expected = theirs.decode_deltas_to_boxes({"low": shares, "high": shares}, deltas, *arguments, **options)
    for level in deltas:
        close(found[level], expected[level])
    encoded = ours.encode_box_to_deltas(shares, shares, "rel_xyxy", "rel_yxyx", "center_xywh", image_shape=(10, 20, 3))
    close(
        encoded,
        theirs.encode_box_to_deltas(shares, shares, "rel_xyxy", "rel_yxyx", "center_xywh", image_shape=(10, 20, 3)),
    )


def test_iou_of_batches_with_one_set():
    expected = np.stack([np.asarray(theirs.compute_iou(boxes, OTHERS[0], "xyxy")) for boxes in BOXES])
    close(ours.compute_iou(BOXES, OTHERS[0], "xyxy"), expected)
    shares = ours.compute_iou(BOXES / 20, OTHERS / 20, "rel_xyxy", image_shape=(20, 20, 3))
    close(shares, theirs.compute_iou(BOXES, OTHERS, "xyxy"), rtol=1e-4)
    complete = ours.compute_ciou(BOXES[:, :1] / 20, OTHERS[:, :1] / 20, "rel_xyxy", image_shape=(20, 20, 3))
    close(complete, theirs.compute_ciou(BOXES[:, :1], OTHERS[:, :1], "xyxy"), rtol=1e-4)


def test_crop_and_pad():
    close(ours.crop(BOXES, 2, 1, 5, 6), theirs.crop(BOXES, 2, 1, 5, 6))
    close(ours.pad(BOXES, 2, 1), theirs.pad(BOXES, 2, 1))
    flipped = ours.convert_format(BOXES, "xyxy", "yxyx")
    cut = ours.convert_format(theirs.crop(BOXES, 2, 1, 5, 6), "xyxy", "yxyx")
    close(ours.crop(flipped, 2, 1, 5, 6, bounding_box_format="yxyx"), cut)


def test_clipping_in_shares():
    sample = {"boxes": BOXES / 10 - 0.1, "labels": np.array([[1, 2], [3, 4]])}
    found = ours.clip_to_image_size(sample, bounding_box_format="rel_xyxy")
    expected = theirs.clip_to_image_size(dict(sample), bounding_box_format="rel_xyxy")
    close(found["boxes"], expected["boxes"])
    close(found["labels"], expected["labels"])
    other = ours.convert_format(sample, "rel_xyxy", "rel_center_xywh", 1, 1)
    other = ours.clip_to_image_size(other, bounding_box_format="rel_center_xywh")
    close(ours.convert_format(other, "rel_center_xywh", "rel_xyxy", 1, 1)["boxes"], expected["boxes"])


WRONG = [
    (lambda: ours.convert_format(BOXES, "xxyy", "xyxy"), ValueError, "`source` must be one of .*Received: 'xxyy'"),
    (lambda: ours.convert_format(BOXES, "xyxy", "rel_xyxy"), ValueError, "height=None, width=None. Write:"),
    (lambda: ours.convert_format(BOXES[..., :3], "xyxy", "xywh"), ValueError, r"4 numbers each. .*\(2, 2, 3\)"),
    (lambda: ours.clip_to_image_size({"boxes": BOXES}), ValueError, "takes the size of the image"),
    (lambda: ours.compute_iou(BOXES, OTHERS, "rel_xyxy"), ValueError, "image_shape=.height, width, channels."),
    (lambda: ours.compute_iou(BOXES[0, 0], OTHERS, "xyxy"), ValueError, "`boxes1` must have the shape"),
    (lambda: ours.crop(BOXES, 1, 1, 2, 2, "rel_xyxy"), NotImplementedError, "crop takes boxes in pixels"),
    (
        lambda: ours.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", "xyxy"),
        ValueError,
        '`encoding_format` must be "center_xywh" or "center_yxhw"',
    ),
    (
        lambda: ours.decode_deltas_to_boxes(BOXES, BOXES, "xyxy", "xyxy", variance=[1.0]),
        ValueError,
        "`variance` must have 4 numbers",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), WRONG)
def test_what_does_not_fit_is_named(call, kind, text):
    with pytest.raises(kind, match=text):
        call()
