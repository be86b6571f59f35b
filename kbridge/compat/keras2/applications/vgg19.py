"""VGG with 19 layers that have weights."""

from kbridge.applications import vgg19 as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

VGG19 = application(_today.VGG19, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("caffe", "keras2")
