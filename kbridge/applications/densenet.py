"""DenseNet121 and its kin, with what prepares images for them."""

from kbridge.applications.densely import DenseNet121 as DenseNet121
from kbridge.applications.densely import DenseNet169 as DenseNet169
from kbridge.applications.densely import DenseNet201 as DenseNet201
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled

preprocess_input = scaled("torch")
