"""Bounding boxes: formats, moves, overlap, and offsets from anchors. ``kbridge.utils.bounding_boxes`` publishes them.

Boxes are a tensor (..., 4), or a dict with such "boxes" and their "labels". A box that an image does not have, there
to fill a row, has the label -1.
"""

import math

from kbridge import ops
from kbridge.config import epsilon

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

# What the four numbers are: two corners, a corner and lengths, or a centre and lengths. "yx" names come y first.
FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)


def check_format(name, bounding_box_format, argument="bounding_box_format"):
    """The format in lower case, if there is such a one."""
    found = str(bounding_box_format).lower()
    if found not in FORMATS:
        raise ValueError(f"{name}: `{argument}` must be one of {FORMATS}. Received: {bounding_box_format!r}.")
    return found


def _columns(boxes):
    return [boxes[..., i : i + 1] for i in range(4)]


def join(*columns):
    """Boxes from their four columns, each of the shape (..., 1)."""
    return ops.concatenate(columns, axis=-1)


def _y_first(order):
    return order in ("yxyx", "center_yxhw")


def _corners(boxes, order):
    a, b, c, d = _columns(boxes)
    if _y_first(order):
        a, b, c, d = b, a, d, c
    if order.startswith("center"):
        a, b = a - c / 2.0, b - d / 2.0
    if order not in ("xyxy", "yxyx"):
        c, d = a + c, b + d
    return a, b, c, d


def _from_corners(a, b, c, d, order):
    if order not in ("xyxy", "yxyx"):
        c, d = c - a, d - b
    if order.startswith("center"):
        a, b = a + c / 2.0, b + d / 2.0
    return join(b, a, d, c) if _y_first(order) else join(a, b, c, d)


def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """Boxes of the format ``source`` in the format ``target``, as floats.

    The formats that begin with "rel_" are in shares of the image's ``height`` and ``width``, which are then needed.
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    boxes = ops.convert_to_tensor(boxes)
    if boxes.shape[-1] != 4:
        raise ValueError(f"convert_format: boxes have 4 numbers each. Received the shape {tuple(boxes.shape)}.")
    source = check_format("convert_format", source, "source")
    target = check_format("convert_format", target, "target")
    shares = source.startswith("rel_"), target.startswith("rel_")
    if any(shares) and (height is None or width is None):
        raise ValueError(
            f"convert_format: from {source!r} to {target!r} it takes the size of the image. "
            f"Received: height={height}, width={width}. Write: convert_format(..., height=..., width=...)."
        )
    boxes = ops.cast(boxes, dtype)
    if source == target:
        return boxes
    a, b, c, d = _corners(boxes, source.removeprefix("rel_"))
    if shares[0] != shares[1]:
        height, width = ops.cast(height, dtype), ops.cast(width, dtype)
        if shares[0]:
            a, b, c, d = a * width, b * height, c * width, d * height
        else:
            a, b, c, d = a / width, b / height, c / width, d / height
    return _from_corners(a, b, c, d, target.removeprefix("rel_"))


def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """A dict of boxes and labels with the boxes cut off at the image's edges; what then has no area gets label -1."""
    form = check_format("clip_to_image_size", bounding_box_format)
    relative = form.startswith("rel_")
    if not relative and (height is None or width is None):
        raise ValueError(
            f"clip_to_image_size: the format {form!r} takes the size of the image. "
            f"Received: height={height}, width={width}."
        )
    boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
    dtype = ops.dtype(boxes)
    if relative:
        height = width = 1.0
    a, b, c, d = _corners(boxes, form.removeprefix("rel_"))
    a, c = (ops.clip(x, 0, ops.cast(width, dtype)) for x in (a, c))
    b, d = (ops.clip(y, 0, ops.cast(height, dtype)) for y in (b, d))
    result = {**bounding_boxes, "boxes": _from_corners(a, b, c, d, form.removeprefix("rel_"))}
    labels = bounding_boxes.get("labels")
    if labels is not None:
        labels = ops.convert_to_tensor(labels)
        seen = (c - a) * (d - b) > 0
        if labels.ndim < seen.ndim:
            seen = seen[..., 0]
        result["labels"] = ops.where(seen, labels, ops.full_like(labels, -1))
    return result


# -- moves


def _absolute(name, bounding_box_format):
    form = check_format(name, bounding_box_format)
    if form.startswith("rel_"):
        raise NotImplementedError(
            f"{name} takes boxes in pixels. Received: bounding_box_format={form!r}. "
            f"Write: convert_format(boxes, {form!r}, 'xyxy', height=..., width=...) before."
        )
    return form


def affine_transform(
    boxes,
    angle,
    translate_x,
    translate_y,
    scale,
    shear_x,
    shear_y,
    height,
    width,
    center_x=None,
    center_y=None,
    bounding_box_format="xyxy",
):
    """The boxes around what boxes (batch, number, 4) become when their images are turned, moved, scaled and sheared.

    One number for each image: ``angle``, ``shear_x`` and ``shear_y`` in degrees, translations in shares of the image.
    The centre, by default the middle, is in shares too.
    """
    form = check_format("affine_transform", bounding_box_format)
    boxes = convert_format(boxes, form, "xyxy", height, width)
    dtype = ops.dtype(boxes)

    def each(value):
        return ops.reshape(ops.cast(value, dtype), (-1, 1, 1))

    angle, shear_x, shear_y = (each(value) * (-math.pi / 180.0) for value in (angle, shear_x, shear_y))
    far_x, far_y = ops.cast(width, dtype) - 1.0, ops.cast(height, dtype) - 1.0
    x, y = (0.5 if center is None else center for center in (center_x, center_y))
    x, y = x * far_x, y * far_y
    # the inverse of what is done to images, whose pixels say where they come from
    a = ops.cos(angle - shear_y) / ops.cos(shear_y)
    c = -ops.sin(angle - shear_y) / ops.cos(shear_y)
    b = a * ops.tan(shear_x) + ops.sin(angle)
    d = ops.cos(angle) - c * ops.tan(shear_x)
    scale, move_x, move_y = each(scale), each(translate_x) * far_x, each(translate_y) * far_y

    def at(px, py):
        px, py = px - x + move_x, py - y + move_y
        return scale * (d * px - b * py) + x, scale * (a * py - c * px) + y

    return convert_format(around_corners(boxes, at), "xyxy", form, height, width)


def around_corners(boxes, at):
    """The boxes "xyxy" around where the corners of boxes go: (x, y) to ``at(x, y)``."""
    x1, y1, x2, y2 = _columns(boxes)
    xs, ys = zip(*(at(x, y) for x in (x1, x2) for y in (y1, y2)))
    xs, ys = ops.concatenate(xs, axis=-1), ops.concatenate(ys, axis=-1)
    return ops.stack([ops.min(xs, -1), ops.min(ys, -1), ops.max(xs, -1), ops.max(ys, -1)], axis=-1)


def crop(boxes, top, left, height, width, bounding_box_format="xyxy"):
    """Boxes in the part of the image that begins at ``top``, ``left`` and is ``height`` by ``width`` pixels large."""
    form = _absolute("crop", bounding_box_format)
    a, b, c, d = _corners(ops.convert_to_tensor(boxes), form)
    a, c = (ops.clip(x - left, 0, width) for x in (a, c))
    b, d = (ops.clip(y - top, 0, height) for y in (b, d))
    return _from_corners(a, b, c, d, form)


def pad(boxes, top, left, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes in an image with ``top`` more rows above and ``left`` more columns before.

    How large the image is then, ``height`` and ``width``, makes no difference to boxes in pixels.
    """
    form = _absolute("pad", bounding_box_format)
    a, b, c, d = _corners(ops.convert_to_tensor(boxes), form)
    return _from_corners(a + left, b + top, c + left, d + top, form)


# -- overlap


def _image_size(name, image_shape, *formats):
    if image_shape is not None:
        return image_shape[0], image_shape[1]
    relative = [form for form in formats if str(form).startswith("rel")]
    if relative:
        raise ValueError(
            f"{name}: the format {relative[0]!r} takes the size of the image. "
            f"Write: {name}(..., image_shape=(height, width, channels))."
        )
    return None, None


def _area(a, b, c, d):
    return (c - a) * (d - b)


def _overlap(boxes1, boxes2):
    left, top = ops.maximum(boxes1[0], boxes2[0]), ops.maximum(boxes1[1], boxes2[1])
    right, bottom = ops.minimum(boxes1[2], boxes2[2]), ops.minimum(boxes1[3], boxes2[3])
    return ops.maximum(right - left, 0.0) * ops.maximum(bottom - top, 0.0)


def compute_iou(boxes1, boxes2, bounding_box_format, use_masking=False, mask_val=-1, image_shape=None):
    """Intersection over union of each of ``boxes1`` (..., n, 4) with each of ``boxes2`` (..., m, 4): (..., n, m).

    With ``use_masking`` pairs with a box of negative numbers get ``mask_val``.
    """
    height, width = _image_size("compute_iou", image_shape, bounding_box_format)
    both = []
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        boxes = ops.convert_to_tensor(boxes)
        if boxes.ndim not in (2, 3):
            raise ValueError(
                f"compute_iou: `{name}` must have the shape (boxes, 4) or (batch, boxes, 4). "
                f"Received the shape {tuple(boxes.shape)}."
            )
        both.append(convert_format(boxes, bounding_box_format, "xyxy", height, width))
    corners1 = [ops.expand_dims(both[0][..., i], -1) for i in range(4)]
    corners2 = [ops.expand_dims(both[1][..., i], -2) for i in range(4)]
    overlap = _overlap(corners1, corners2)
    iou = overlap / (_area(*corners1) + _area(*corners2) - overlap + epsilon())
    if not use_masking:
        return iou
    filling = [ops.max(boxes, axis=-1) < 0.0 for boxes in both]
    filling = ops.logical_or(ops.expand_dims(filling[0], -1), ops.expand_dims(filling[1], -2))
    return ops.where(filling, ops.full_like(iou, mask_val), iou)


def compute_ciou(boxes1, boxes2, bounding_box_format, image_shape=None):
    """Complete intersection over union of boxes with their like in ``boxes2``: less for centres and shapes apart."""
    height, width = _image_size("compute_ciou", image_shape, bounding_box_format)
    tiny = epsilon()
    corners1, corners2 = (
        [boxes[..., i] for i in range(4)]
        for boxes in (convert_format(b, bounding_box_format, "xyxy", height, width) for b in (boxes1, boxes2))
    )
    (left1, top1, right1, bottom1), (left2, top2, right2, bottom2) = corners1, corners2
    width1, height1 = right1 - left1, bottom1 - top1 + tiny
    width2, height2 = right2 - left2, bottom2 - top2 + tiny
    overlap = _overlap(corners1, corners2)
    iou = overlap / (width1 * height1 + width2 * height2 - overlap + 2.0 * tiny)
    around = [
        ops.square(ops.maximum(high1, high2) - ops.minimum(low1, low2))
        for low1, high1, low2, high2 in ((left1, right1, left2, right2), (top1, bottom1, top2, bottom2))
    ]
    apart = ops.square(left1 + right1 - left2 - right2) / 4.0 + ops.square(top1 + bottom1 - top2 - bottom2) / 4.0
    unlike = (4.0 / math.pi**2) * ops.square(ops.arctan(width2 / height2) - ops.arctan(width1 / height1))
    weight = unlike / (unlike - iou + 1.0 + tiny)
    return iou - (apart / (around[0] + around[1] + tiny) + unlike * weight)


# -- anchors


def _encoding(name, argument, encoding, variance):
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f'{name}: `{argument}` must be "center_xywh" or "center_yxhw". Received: {encoding!r}.')
    if variance is None:
        return None
    variance = ops.convert_to_tensor(variance, "float32")
    if variance.shape[-1:] != (4,):
        raise ValueError(f"{name}: `variance` must have 4 numbers. Received the shape {tuple(variance.shape)}.")
    return variance


def encode_box_to_deltas(
    anchors, boxes, anchor_format, box_format, encoding_format="center_yxhw", variance=None, image_shape=None
):
    """How boxes differ from their anchors: centres in the anchors' lengths, and logarithms of the lengths' ratios."""
    variance = _encoding("encode_box_to_deltas", "encoding_format", encoding_format, variance)
    height, width = _image_size("encode_box_to_deltas", image_shape, anchor_format, box_format)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    lengths = ops.maximum(anchors[..., 2:], epsilon())
    ratios = ops.maximum(boxes[..., 2:], epsilon()) / lengths
    deltas = ops.concatenate([(boxes[..., :2] - anchors[..., :2]) / lengths, ops.log(ratios)], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors, boxes_delta, anchor_format, box_format, encoded_format="center_yxhw", variance=None, image_shape=None
):
    """The boxes that differ so from their anchors: what ``encode_box_to_deltas`` has encoded.

    Anchors and deltas may be dicts with a tensor for each level.
    """
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(anchors[level], boxes_delta[level], *rest) for level in anchors}
    variance = _encoding("decode_deltas_to_boxes", "encoded_format", encoded_format, variance)
    height, width = _image_size("decode_deltas_to_boxes", image_shape, anchor_format, box_format)
    anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = ops.convert_to_tensor(boxes_delta)
    deltas = deltas if variance is None else deltas * variance
    lengths = anchors[..., 2:]
    boxes = [deltas[..., :2] * lengths + anchors[..., :2], ops.exp(deltas[..., 2:]) * lengths]
    return convert_format(ops.concatenate(boxes, axis=-1), encoded_format, box_format, height, width)


# -- samples


def densify(bounding_boxes, name):
    """The boxes (float32) and labels of a sample as tensors; of nested lists rows are filled up with zeros and -1."""
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(
            f'{name}: bounding boxes are a dict with "boxes" and "labels". Received: {type(bounding_boxes).__name__}'
            + (f" with the keys {sorted(bounding_boxes)}." if isinstance(bounding_boxes, dict) else ".")
        )
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, (list, tuple)) and isinstance(labels, (list, tuple)):
        if len(boxes) != len(labels) or _nested(labels) and [len(b) for b in boxes] != [len(n) for n in labels]:
            raise ValueError(f"{name}: there must be a label for each bounding box. Received: {bounding_boxes}")
        if _nested(labels):
            most = max(len(row) for row in labels)
            boxes = [[*row, *[[0.0] * 4] * (most - len(row))] for row in boxes]
            labels = [[*row, *[-1] * (most - len(row))] for row in labels]
    boxes = ops.cast(ops.convert_to_tensor(boxes), "float32")
    labels = ops.convert_to_tensor(labels)
    if boxes.ndim not in (2, 3) or labels.ndim - boxes.ndim not in (-1, 0):
        raise ValueError(
            f"{name}: boxes have the shape (number, 4) or (batch, number, 4), and labels the same without the last "
            f"axis, or with one of classes. Received the shapes {tuple(boxes.shape)} and {tuple(labels.shape)}."
        )
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


def _nested(labels):
    return len(labels) > 0 and isinstance(labels[0], (list, tuple))
