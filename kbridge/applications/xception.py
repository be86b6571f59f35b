"""Xception: depthwise separable convolutions with shortcuts (Chollet, 2016)."""

from kbridge.applications.common import active, application, layers, normed
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled

preprocess_input = scaled("tf")


def _separable(x, filters, name):
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return normed(x, f"{name}_bn")


def _narrowing(x, block, first, second, begins_active=True):
    shortcut = normed(layers.Conv2D(second, 1, strides=2, padding="same", use_bias=False)(x))
    if begins_active:
        x = active(x, f"block{block}_sepconv1_act")
    x = _separable(x, first, f"block{block}_sepconv1")
    x = _separable(active(x, f"block{block}_sepconv2_act"), second, f"block{block}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add()([x, shortcut])


@application(299, 71)
def Xception(x):
    """Xception, for images of 299 by 299."""
    for name, filters, strides in (("block1_conv1", 32, 2), ("block1_conv2", 64, 1)):
        x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x)
        x = active(normed(x, f"{name}_bn"), f"{name}_act")
    x = _narrowing(x, 2, 128, 128, begins_active=False)
    x = _narrowing(x, 3, 256, 256)
    x = _narrowing(x, 4, 728, 728)
    for block in range(5, 13):
        y = x
        for i in (1, 2, 3):
            name = f"block{block}_sepconv{i}"
            y = _separable(active(y, f"{name}_act"), 728, name)
        x = layers.Add()([y, x])
    x = _narrowing(x, 13, 728, 1024)
    for i, filters in ((1, 1536), (2, 2048)):
        name = f"block14_sepconv{i}"
        x = active(_separable(x, filters, name), f"{name}_act")
    return x
