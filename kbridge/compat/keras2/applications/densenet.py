"""DenseNet: each block sees the outputs of all before it."""

from kbridge.applications import densenet as _today
from kbridge.compat.applications import application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_ARGUMENTS = (
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs"
)

DenseNet121 = application(_today.DenseNet121, "keras2", _ARGUMENTS)
DenseNet169 = application(_today.DenseNet169, "keras2", _ARGUMENTS)
DenseNet201 = application(_today.DenseNet201, "keras2", _ARGUMENTS)
preprocess_input = preprocessing("torch", "keras2")
