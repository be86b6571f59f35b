"""Galleries: images side by side, drawn by matplotlib."""

import math

import numpy as np

from kbridge import ops
from kbridge.visualization.drawing import as_images, draw_bounding_boxes, draw_segmentation_masks


def _pyplot(name):
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError(f"{name} needs matplotlib. Run: pip install kbridge[plot]") from error
    return pyplot


def plot_image_gallery(
    images,
    y_true=None,
    y_pred=None,
    label_map=None,
    rows=None,
    cols=None,
    value_range=(0, 255),
    scale=2,
    path=None,
    show=None,
    transparent=True,
    dpi=60,
    legend_handles=None,
    data_format=None,
):
    """Show images in rows and columns, or write the picture into a file.

    Args:
        images: a batch.
        y_true: their labels, written above them.
        y_pred: the labels that a model gave.
        label_map: a dict of the labels' names; needed with labels.
        rows: how many rows; about as many as columns, unless told.
        cols: how many columns.
        value_range: the values that stand for black and white.
        scale: inches that an image takes.
        path: the file to write; the picture is shown on the screen, unless told.
        show: whether it is shown on the screen.
        transparent: whether the file has no background.
        dpi: dots per inch, in the file.
        legend_handles: matplotlib's, for a legend below.
        data_format: of ``images``.
    """
    name = "plot_image_gallery"
    if path is not None and show:
        raise ValueError(f"{name}: path and show=True exclude each other. Pass only one.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(f"{name}: with y_true or y_pred, label_map is needed: a dict of the labels' names.")
    pyplot = _pyplot(name)
    images = _between_0_and_255(as_images(name, images, data_format), value_range)
    rows = rows or (math.ceil(len(images) / cols) if cols else math.ceil(math.sqrt(len(images))))
    cols = cols or math.ceil(len(images) / rows)
    figure, axes = pyplot.subplots(
        nrows=rows, ncols=cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False
    )
    labels = [(word, ops.convert_to_numpy(y)) for word, y in (("Label", y_true), ("Pred", y_pred)) if y is not None]
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index >= len(images):
            continue
        image = images[index]
        axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axis.margins(x=0, y=0)
        told = [f"{word}: {label_map.get(y[index].item(), 'Unknown')}" for word, y in labels if index < len(y)]
        if told:
            axis.set_title("  ".join(told), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
        pyplot.close(figure)
    elif show is None or show:
        pyplot.show()
        pyplot.close(figure)


def _between_0_and_255(images, value_range):
    low, high = value_range
    if not low < high:
        raise ValueError(f"value_range must be (lowest, highest). Received: value_range={value_range!r}.")
    return np.clip((images.astype("float32") - low) * (255 / (high - low)), 0, 255).astype("uint8")


def plot_bounding_box_gallery(
    images,
    bounding_box_format,
    y_true=None,
    y_pred=None,
    value_range=(0, 255),
    true_color=(0, 188, 212),
    pred_color=(255, 235, 59),
    line_thickness=2,
    font_scale=1.0,
    text_thickness=None,
    class_mapping=None,
    ground_truth_mapping=None,
    prediction_mapping=None,
    legend=False,
    legend_handles=None,
    rows=None,
    cols=None,
    data_format=None,
    **kwargs,
):
    """Show images with the boxes that are there, and those that a model found.

    Args:
        images: a batch.
        bounding_box_format: of all boxes; see ``draw_bounding_boxes``.
        y_true: the boxes that are there: a dict of "boxes" and "labels".
        y_pred: the boxes that were found.
        value_range: the values that stand for black and white.
        true_color: of the boxes that are there.
        pred_color: of those that were found.
        line_thickness, font_scale, text_thickness: see ``draw_bounding_boxes``.
        class_mapping: the names of labels, of both kinds of boxes.
        ground_truth_mapping: those of the first, if they are others.
        prediction_mapping: those of the second.
        legend: whether the colours are explained below.
        legend_handles: matplotlib's, for a legend of one's own.
        rows, cols, kwargs: see ``plot_image_gallery``.
        data_format: of ``images``.
    """
    name = "plot_bounding_box_gallery"
    if legend and legend_handles:
        raise ValueError(f"{name}: legend and legend_handles exclude each other. Pass only one.")
    pyplot = _pyplot(name)
    drawn = _between_0_and_255(as_images(name, images, data_format), value_range)
    for boxes, color, mapping in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            drawn = draw_bounding_boxes(
                drawn,
                boxes,
                bounding_box_format,
                mapping,
                color,
                line_thickness,
                text_thickness,
                font_scale,
                "channels_last",
            )
    if legend:
        legend_handles = [
            pyplot.Rectangle((0, 0), 1, 1, color=np.array(color) / 255, label=word)
            for color, word in ((true_color, "Ground Truth"), (pred_color, "Prediction"))
        ]
    plot_image_gallery(
        drawn, rows=rows, cols=cols, legend_handles=legend_handles, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images,
    num_classes,
    value_range=(0, 255),
    y_true=None,
    y_pred=None,
    color_mapping=None,
    blend=True,
    alpha=0.8,
    ignore_index=-1,
    data_format=None,
    **kwargs,
):
    """Show, a row for each image: the image, its masks, and those that a model gave.

    Args:
        images: a batch.
        num_classes: the number of classes in the masks.
        value_range: the values that stand for black and white.
        y_true: the masks, ints of the shape (batch, height, width, 1).
        y_pred: the masks that a model gave.
        color_mapping, blend, alpha, ignore_index: see ``draw_segmentation_masks``.
        data_format: of ``images`` and the masks.
        kwargs: see ``plot_image_gallery``.
    """
    name = "plot_segmentation_mask_gallery"
    images = _between_0_and_255(as_images(name, images, data_format), value_range)
    columns = [images]
    for masks in (y_true, y_pred):
        if masks is not None:
            masks = as_images(name, masks, data_format).astype("int32")
            columns.append(
                draw_segmentation_masks(
                    images, masks, num_classes, color_mapping, alpha, blend, ignore_index, "channels_last"
                )
            )
    gallery = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    plot_image_gallery(gallery, rows=len(images), cols=len(columns), data_format="channels_last", **kwargs)
