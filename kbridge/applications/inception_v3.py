"""InceptionV3, with what prepares images for it."""

from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled
from kbridge.applications.inception import InceptionV3 as InceptionV3

preprocess_input = scaled("tf")
