"""EfficientNet: width, depth and resolution grown together (Tan and Le, 2019)."""

import math

from kbridge import initializers, layers
from kbridge.applications.common import (
    ARGUMENTS,
    Wish,
    active,
    assemble,
    by_eight,
    channels,
    classifier,
    halving_pad,
    normed,
)
from kbridge.applications.imagenet_utils import as_is as preprocess_input
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions

__all__ = [*(f"EfficientNetB{i}" for i in range(8)), "decode_predictions", "preprocess_input"]

# kernel, repeats, filters, expansion, stride
_STAGES = (
    (3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2), (5, 3, 112, 6, 1), (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)  # fmt: skip
_DROP_CONNECT = 0.2
KERNELS = initializers.VarianceScaling(scale=2.0, mode="fan_out", distribution="truncated_normal")
CLASSIFIER = initializers.VarianceScaling(scale=1 / 3, mode="fan_out", distribution="uniform")


def conv(x, filters, kernel, name, padding="same", **kwargs):
    """A convolution with the initial weights of EfficientNets."""
    return layers.Conv2D(filters, kernel, padding=padding, kernel_initializer=KERNELS, name=name, **kwargs)(x)


def excited(x, filters, squeezed, name):
    """Squeeze and excitation: a weight for each channel, from the mean of all."""
    shape = (1, 1, filters) if channels() == 3 else (filters, 1, 1)
    y = layers.Reshape(shape, name=f"{name}se_reshape")(layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x))
    y = conv(y, squeezed, 1, f"{name}se_reduce", activation="swish")
    y = conv(y, filters, 1, f"{name}se_expand", activation="sigmoid")
    return layers.Multiply(name=f"{name}se_excite")([x, y])


def added(x, y, drop, name):
    """A shortcut, behind which whole samples are dropped in training."""
    if drop > 0:
        y = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(y)
    return layers.Add(name=f"{name}add")([y, x])


def _block(x, kernel, filters, expansion, stride, drop, name):
    width = x.shape[channels()]
    wide, y = width * expansion, x
    if expansion != 1:
        y = conv(y, wide, 1, f"{name}expand_conv", use_bias=False)
        y = active(normed(y, f"{name}expand_bn"), f"{name}expand_activation", "swish")
    if stride == 2:
        y = layers.ZeroPadding2D(halving_pad(y, kernel), name=f"{name}dwconv_pad")(y)
    y = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False,
        depthwise_initializer=KERNELS, name=f"{name}dwconv",
    )(y)  # fmt: skip
    y = active(normed(y, f"{name}bn"), f"{name}activation", "swish")
    y = excited(y, wide, max(1, int(width * 0.25)), name)
    y = normed(conv(y, filters, 1, f"{name}project_conv", use_bias=False), f"{name}project_bn")
    return added(x, y, drop, name) if stride == 1 and width == filters else y


def _features(x, width, depth, pretrained):
    x = layers.Rescaling(1.0 / 255.0)(x)
    x = layers.Normalization(axis=channels())(x)
    if pretrained:  # as the images were that the weights were trained on
        x = layers.Rescaling([1.0 / math.sqrt(deviation) for deviation in (0.229, 0.224, 0.225)])(x)
    x = layers.ZeroPadding2D(halving_pad(x, 3), name="stem_conv_pad")(x)
    x = conv(x, by_eight(32 * width), 3, "stem_conv", strides=2, padding="valid", use_bias=False)
    x = active(normed(x, "stem_bn"), "stem_activation", "swish")
    total, done = sum(math.ceil(stage[1] * depth) for stage in _STAGES), 0
    for number, (kernel, repeats, filters, expansion, stride) in enumerate(_STAGES, 1):
        for i in range(math.ceil(repeats * depth)):
            name = f"block{number}{chr(97 + i)}_"
            drop = _DROP_CONNECT * done / total
            x = _block(x, kernel, by_eight(filters * width), expansion, stride if i == 0 else 1, drop, name)
            done += 1
    x = conv(x, by_eight(1280 * width), 1, "top_conv", use_bias=False)
    return active(normed(x, "top_bn"), "top_activation", "swish")


def _make(model, size, width, depth, dropout):
    default = model.lower()

    def make(
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=default,
    ):
        wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)

        def features(x):
            return _features(x, width, depth, weights == "imagenet")

        return assemble(features, model, wish, size, 32, lambda x, wish: classifier(x, wish, dropout, CLASSIFIER))

    make.__name__ = make.__qualname__ = model
    make.__doc__ = f"{model}, for images of {size} by {size}, with values from 0 to 255.{ARGUMENTS}"
    return make


EfficientNetB0 = _make("EfficientNetB0", 224, 1.0, 1.0, 0.2)
EfficientNetB1 = _make("EfficientNetB1", 240, 1.0, 1.1, 0.2)
EfficientNetB2 = _make("EfficientNetB2", 260, 1.1, 1.2, 0.3)
EfficientNetB3 = _make("EfficientNetB3", 300, 1.2, 1.4, 0.3)
EfficientNetB4 = _make("EfficientNetB4", 380, 1.4, 1.8, 0.4)
EfficientNetB5 = _make("EfficientNetB5", 456, 1.6, 2.2, 0.4)
EfficientNetB6 = _make("EfficientNetB6", 528, 1.8, 2.6, 0.5)
EfficientNetB7 = _make("EfficientNetB7", 600, 2.0, 3.1, 0.5)
