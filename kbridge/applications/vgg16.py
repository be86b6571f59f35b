"""VGG16, with what prepares images for it."""

from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled
from kbridge.applications.vgg import VGG16 as VGG16

preprocess_input = scaled("caffe")
