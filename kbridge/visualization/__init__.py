"""Pictures of images, boxes and masks."""

from kbridge.visualization.drawing import draw_bounding_boxes as draw_bounding_boxes
from kbridge.visualization.drawing import draw_segmentation_masks as draw_segmentation_masks
from kbridge.visualization.galleries import plot_bounding_box_gallery as plot_bounding_box_gallery
from kbridge.visualization.galleries import plot_image_gallery as plot_image_gallery
from kbridge.visualization.galleries import plot_segmentation_mask_gallery as plot_segmentation_mask_gallery
