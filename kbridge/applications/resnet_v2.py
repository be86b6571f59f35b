"""ResNet50V2 and its kin, with what prepares images for them."""

from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled
from kbridge.applications.residual import ResNet50V2 as ResNet50V2
from kbridge.applications.residual import ResNet101V2 as ResNet101V2
from kbridge.applications.residual import ResNet152V2 as ResNet152V2

preprocess_input = scaled("tf")
