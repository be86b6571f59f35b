"""Inception, version 3."""

from kbridge.applications import inception_v3 as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

InceptionV3 = application(_today.InceptionV3, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("tf", "keras2")
