"""Inception, version 3."""

from kbridge.applications import inception_v3 as _today
from kbridge.compat.applications import application, channels_axis, parts, preprocessing, weights_path
from kbridge.compat.applications import decode_predictions as decode_predictions

TH_WEIGHTS_PATH = weights_path("v0.2", "inception_v3", "th_dim_ordering_th_kernels")
TF_WEIGHTS_PATH = weights_path("v0.2", "inception_v3")
TH_WEIGHTS_PATH_NO_TOP = weights_path("v0.2", "inception_v3", "th_dim_ordering_th_kernels", "_notop")
TF_WEIGHTS_PATH_NO_TOP = weights_path("v0.2", "inception_v3", top="_notop")

InceptionV3 = application(
    _today.InceptionV3,
    "keras1",
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, classes=1000, **kwargs",
)
preprocess_input = preprocessing("tf", "keras1")


def conv2d_bn(x, nb_filter, nb_row, nb_col, border_mode="same", subsample=(1, 1), name=None):
    """A convolution that is rectified, and then normalized."""
    layers, _ = parts("keras1")
    names = (None, None) if name is None else (f"{name}_conv", f"{name}_bn")
    x = layers.Conv2D(
        filters=nb_filter,
        kernel_size=(nb_row, nb_col),
        strides=subsample,
        activation="relu",
        padding=border_mode,
        name=names[0],
    )(x)
    return layers.BatchNormalization(axis=channels_axis(), name=names[1])(x)
