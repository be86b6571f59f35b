"""Boxes and masks drawn into images: arrays of uint8, (batch, height, width, channels)."""

import numpy as np

from kbridge import config, ops


def as_images(name, images, data_format):
    """A batch of images as an array with the channels last."""
    data_format = config.standardize_data_format(data_format)
    images = ops.convert_to_numpy(images)
    if images.ndim != 4:
        raise ValueError(f"{name}: images must be a batch, with four axes. Received the shape {images.shape}.")
    return images.transpose(0, 2, 3, 1) if data_format == "channels_first" else images


def draw_bounding_boxes(
    images,
    bounding_boxes,
    bounding_box_format,
    class_mapping=None,
    color=(128, 128, 128),
    line_thickness=2,
    text_thickness=1,
    font_scale=1.0,
    data_format=None,
):
    """The images with boxes drawn into them, as uint8 with the channels last.

    Args:
        images: a batch, with values from 0 to 255; or floats from 0 to 1.
        bounding_boxes: a dict of "boxes" (batch, boxes, 4), "labels" (batch, boxes; -1 for no box), and perhaps
            "confidences".
        bounding_box_format: what the four numbers are: "xyxy", "xywh", "center_xywh", "rel_xyxy" and so on.
        class_mapping: the names of labels, which are then written beside the boxes; that needs Pillow.
        color: a number for each channel.
        line_thickness: in pixels; below 0, boxes are filled.
        text_thickness: of the strokes, in pixels; that of lines, where it is 0 or None.
        font_scale: the size of letters; 1 is 18 pixels.
        data_format: of ``images``.
    """
    from kbridge.utils.bounding_boxes import convert_format

    name = "draw_bounding_boxes"
    images = as_images(name, images, data_format)
    if not isinstance(bounding_boxes, dict):
        raise TypeError(f"{name}: bounding_boxes must be a dict. Received: {type(bounding_boxes).__name__}.")
    if not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(f"{name}: bounding_boxes must have 'boxes' and 'labels'. Received: {sorted(bounding_boxes)}.")
    if len(color) < images.shape[-1]:
        raise ValueError(f"{name}: color must have a number for each of the {images.shape[-1]} channels: {color!r}.")
    boxes = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *images.shape[1:3])
    boxes = ops.convert_to_numpy(boxes).astype("int32")
    labels = ops.convert_to_numpy(bounding_boxes["labels"]).astype("int32")
    confidences = bounding_boxes.get("confidences")
    confidences = None if confidences is None else ops.convert_to_numpy(confidences)
    if images.dtype.kind == "f":
        images = np.clip(images * 255 if images.size and images.max() <= 1 else images, 0, 255)
    result = images.astype("uint8")
    color = color[: result.shape[-1]]
    for index, image in enumerate(result):
        for number, (box, label) in enumerate(zip(boxes[index], labels[index])):
            if label == -1:
                continue
            _draw_box(image, box, color, line_thickness)
            text = (class_mapping or {}).get(int(label))
            if text is not None:
                if confidences is not None:
                    text = f"{text} | {confidences[index][number]:.2f}"
                _write(image, text, box[:2], color, font_scale, text_thickness or abs(line_thickness))
    return result


def _draw_box(image, box, color, thickness):
    """Draw a frame whose middle runs along the edges of the box; fill it where the thickness is below 0."""
    left, top, right, bottom = map(int, box)
    outside = max(0, thickness) // 2
    mask = np.zeros(image.shape[:2], bool)

    def area(grow):
        return slice(max(0, top - grow), max(0, bottom + grow + 1)), slice(
            max(0, left - grow), max(0, right + grow + 1)
        )

    mask[area(outside)] = True
    if thickness >= 0:
        mask[area(outside - thickness)] = False
    image[mask] = color


def _write(image, text, at, color, scale, thickness):
    from kbridge.utils.images import pillow

    Image = pillow("Writing the names of classes beside boxes")
    from PIL import ImageDraw, ImageFont

    size = max(1, round(18 * scale))
    left, top = int(at[0]), int(at[1])
    above = top - size - 4
    mask = Image.new("L", (image.shape[1], image.shape[0]))
    ImageDraw.Draw(mask).text(
        (left, above) if above >= 0 else (left + 3, top + 3),
        str(text),
        fill=255,
        font=ImageFont.load_default(size),
        stroke_width=max(0, thickness - 1),
    )
    image[np.asarray(mask) > 127] = color


def draw_segmentation_masks(
    images,
    segmentation_masks,
    num_classes=None,
    color_mapping=None,
    alpha=0.8,
    blend=True,
    ignore_index=-1,
    data_format=None,
):
    """The images with each class of the masks in a colour of its own, as uint8 with the channels last.

    Args:
        images: a batch, with three channels and values from 0 to 255.
        segmentation_masks: the classes of the pixels, ints of the shape (batch, height, width, 1).
        num_classes: classes from 0 to below this are drawn; all that occur, unless told.
        color_mapping: the colours of classes, (red, green, blue) from 0 to 255; made up, unless told.
        alpha: how much of the colour there is, from 0 to 1.
        blend: whether the image is seen through the colour.
        ignore_index: pixels of this class stay as they are.
        data_format: of ``images`` and the masks.
    """
    name = "draw_segmentation_masks"
    images = as_images(name, images, data_format).astype("float32")
    masks = as_images(name, segmentation_masks, data_format)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"{name}: segmentation_masks must hold ints. Received the dtype {masks.dtype}.")
    if masks.shape != (*images.shape[:3], 1):
        raise ValueError(
            f"{name}: segmentation_masks must have the shape {(*images.shape[:3], 1)}, as the images. "
            f"Received: {masks.shape}."
        )
    masks = masks[..., 0]
    if num_classes is None:
        num_classes = int(masks.max()) + 1
    colors = [_color(number) if color_mapping is None else color_mapping[number] for number in range(num_classes)]
    drawn = (masks >= 0) & (masks < num_classes) & (masks != ignore_index)
    result = images.copy()
    result[drawn] = np.array(colors, "float32")[masks[drawn]]
    if blend:
        seen = masks != ignore_index
        result[seen] = images[seen] * np.float32(1 - alpha) + result[seen] * np.float32(alpha)
    return result.astype("uint8")


def _color(number):
    """A colour for a class; those of neighbouring numbers are far apart, and 0 is black."""
    return [number * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1)]
