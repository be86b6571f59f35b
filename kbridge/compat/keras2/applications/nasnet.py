"""NASNet."""

from kbridge.applications import nasnet as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "input_shape=None, include_top=True, weights='imagenet', input_tensor=None, pooling=None, classes=1000, **kwargs"
)

NASNetLarge = application(_today.NASNetLarge, "keras2", _ARGUMENTS)
NASNetMobile = application(_today.NASNetMobile, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("tf", "keras2")
