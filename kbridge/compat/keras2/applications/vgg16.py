"""VGG with 16 layers that have weights."""

from kbridge.applications import vgg16 as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

VGG16 = application(_today.VGG16, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("caffe", "keras2")
