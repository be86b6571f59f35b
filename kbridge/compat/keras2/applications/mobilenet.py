"""MobileNet."""

from kbridge.applications import mobilenet as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "input_shape=None, alpha=1.0, depth_multiplier=1, dropout=0.001, include_top=True, "
    "weights='imagenet', input_tensor=None, pooling=None, classes=1000, **kwargs"
)

MobileNet = application(_today.MobileNet, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("tf", "keras2")
