"""MobileNet, version 2."""

from kbridge.applications import mobilenet_v2 as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "input_shape=None, alpha=1.0, include_top=True, weights='imagenet', "
    "input_tensor=None, pooling=None, classes=1000, **kwargs"
)

MobileNetV2 = application(_today.MobileNetV2, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("tf", "keras2")
