"""Bounding boxes: formats, moves, overlap, and offsets from anchors."""

from kbridge.layers.image_preprocessing.bounding_boxes import affine_transform as affine_transform
from kbridge.layers.image_preprocessing.bounding_boxes import clip_to_image_size as clip_to_image_size
from kbridge.layers.image_preprocessing.bounding_boxes import compute_ciou as compute_ciou
from kbridge.layers.image_preprocessing.bounding_boxes import compute_iou as compute_iou
from kbridge.layers.image_preprocessing.bounding_boxes import convert_format as convert_format
from kbridge.layers.image_preprocessing.bounding_boxes import crop as crop
from kbridge.layers.image_preprocessing.bounding_boxes import decode_deltas_to_boxes as decode_deltas_to_boxes
from kbridge.layers.image_preprocessing.bounding_boxes import encode_box_to_deltas as encode_box_to_deltas
from kbridge.layers.image_preprocessing.bounding_boxes import pad as pad
