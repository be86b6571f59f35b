"""Images as the models of ImageNet take them, and their predictions as names."""

from kbridge.compat.applications import decode_predictions as decode_predictions
from kbridge.compat.applications import keras_modules_injection as keras_modules_injection
from kbridge.compat.applications import obtain_input_shape as _obtain_input_shape
from kbridge.compat.applications import preprocessing

preprocess_input = preprocessing("caffe", "keras2")

__all__ = ["decode_predictions", "keras_modules_injection", "preprocess_input", "_obtain_input_shape"]
