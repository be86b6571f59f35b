"""Xception."""

from kbridge.applications import xception as _today
from kbridge.compat.applications import application, preprocessing, weights_path
from kbridge.compat.applications import decode_predictions as decode_predictions

TF_WEIGHTS_PATH = weights_path("v0.4", "xception")
TF_WEIGHTS_PATH_NO_TOP = weights_path("v0.4", "xception", top="_notop")

Xception = application(
    _today.Xception,
    "keras1",
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, classes=1000, **kwargs",
)
preprocess_input = preprocessing("tf", "keras1")
