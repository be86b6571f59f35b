"""ResNet, version 2."""

from kbridge.applications import resnet_v2 as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

ResNet50V2 = application(_today.ResNet50V2, "keras2", _ARGUMENTS)
ResNet101V2 = application(_today.ResNet101V2, "keras2", _ARGUMENTS)
ResNet152V2 = application(_today.ResNet152V2, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("tf", "keras2")
