"""VGG with 16 layers that have weights."""

from kbridge.applications import vgg16 as _today
from kbridge.compat.applications import application, preprocessing, weights_path
from kbridge.compat.applications import decode_predictions as decode_predictions

TH_WEIGHTS_PATH = weights_path("v0.1", "vgg16", "th_dim_ordering_th_kernels")
TH_WEIGHTS_PATH_NO_TOP = weights_path("v0.1", "vgg16", "th_dim_ordering_th_kernels", "_notop")
TF_WEIGHTS_PATH = weights_path("v0.1", "vgg16")
TF_WEIGHTS_PATH_NO_TOP = weights_path("v0.1", "vgg16", top="_notop")

VGG16 = application(
    _today.VGG16,
    "keras1",
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, classes=1000, **kwargs",
)
preprocess_input = preprocessing("caffe", "keras1")
