"""ResNet50 and its kin, with what prepares images for them."""

from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled
from kbridge.applications.residual import ResNet50 as ResNet50
from kbridge.applications.residual import ResNet101 as ResNet101
from kbridge.applications.residual import ResNet152 as ResNet152

preprocess_input = scaled("caffe")
