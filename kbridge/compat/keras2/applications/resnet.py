"""ResNet, with layers named as they are today."""

from kbridge.applications import resnet as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

ResNet50 = application(_today.ResNet50, "keras2", _ARGUMENTS)
ResNet101 = application(_today.ResNet101, "keras2", _ARGUMENTS)
ResNet152 = application(_today.ResNet152, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("caffe", "keras2", with_format=False)
