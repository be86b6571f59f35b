"""ResNet50, with what prepares images for it."""

from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled
from kbridge.applications.residual import ResNet50 as ResNet50

preprocess_input = scaled("caffe")
