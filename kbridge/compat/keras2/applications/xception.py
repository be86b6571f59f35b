"""Xception."""

from kbridge.applications import xception as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

Xception = application(_today.Xception, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("tf", "keras2")
