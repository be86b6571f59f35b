"""EfficientNet, version 2: faster to train, with plain convolutions in its first stages (Tan and Le, 2021)."""

import math

from kbridge import layers
from kbridge.applications.common import ARGUMENTS, Wish, active, assemble, channels, classifier, normed
from kbridge.applications.efficientnet import CLASSIFIER, KERNELS, added, conv, excited
from kbridge.applications.imagenet_utils import as_is as preprocess_input
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions

_NAMES = ("B0", "B1", "B2", "B3", "S", "M", "L")
__all__ = [*(f"EfficientNetV2{name}" for name in _NAMES), "decode_predictions", "preprocess_input"]

# repeats, filters, expansion, stride, whether it is fused (a plain convolution in the place of a depthwise one)
_BASE = ((1, 16, 1, 1, 1), (2, 32, 4, 2, 1), (2, 48, 4, 2, 1), (3, 96, 4, 2, 0), (5, 112, 6, 1, 0), (8, 192, 6, 2, 0))
_SMALL = (
    (2, 24, 1, 1, 1),
    (4, 48, 4, 2, 1),
    (4, 64, 4, 2, 1),
    (6, 128, 4, 2, 0),
    (9, 160, 6, 1, 0),
    (15, 256, 6, 2, 0),
)
_MEDIUM = (
    (3, 24, 1, 1, 1), (5, 48, 4, 2, 1), (5, 80, 4, 2, 1), (7, 160, 4, 2, 0), (14, 176, 6, 1, 0), (18, 304, 6, 2, 0),
    (5, 512, 6, 1, 0),
)  # fmt: skip
_LARGE = (
    (4, 32, 1, 1, 1), (7, 64, 4, 2, 1), (7, 96, 4, 2, 1), (10, 192, 4, 2, 0), (19, 224, 6, 1, 0), (25, 384, 6, 2, 0),
    (7, 640, 6, 1, 0),
)  # fmt: skip


def by_eight(filters):
    """The multiple of 8 that is nearest."""
    return max(8, int(filters + 4) // 8 * 8)


def _ends(x, name, activation=None):
    x = normed(x, f"{name}bn", momentum=0.9)
    return active(x, activation or f"{name}activation", "swish")


def _fused(x, filters, expansion, stride, drop, name):
    width, y = x.shape[channels()], x
    if expansion != 1:
        y = conv(y, width * expansion, 3, f"{name}expand_conv", strides=stride, use_bias=False)
        y = _ends(y, f"{name}expand_")
        y = conv(y, filters, 1, f"{name}project_conv", use_bias=False)
        y = normed(y, f"{name}project_bn", momentum=0.9)
    else:
        y = _ends(conv(y, filters, 3, f"{name}project_conv", strides=stride, use_bias=False), f"{name}project_")
    return added(x, y, drop, name) if stride == 1 and width == filters else y


def _block(x, filters, expansion, stride, drop, name):
    width = x.shape[channels()]
    y = _ends(conv(x, width * expansion, 1, f"{name}expand_conv", use_bias=False), f"{name}expand_")
    y = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", use_bias=False, depthwise_initializer=KERNELS, name=f"{name}dwconv2"
    )(y)
    y = excited(_ends(y, name), width * expansion, max(1, int(width * 0.25)), name)
    y = normed(conv(y, filters, 1, f"{name}project_conv", use_bias=False), f"{name}project_bn", momentum=0.9)
    return added(x, y, drop, name) if stride == 1 and width == filters else y


def _prepared(x, kind):
    """Images with values from 0 to 255 as the family takes them."""
    if kind not in ("B0", "B1", "B2", "B3"):
        return layers.Rescaling(1.0 / 128.0, offset=-1.0)(x)
    x = layers.Rescaling(1.0 / 255.0)(x)
    variance = [0.229**2, 0.224**2, 0.225**2]
    return layers.Normalization(axis=channels(), mean=[0.485, 0.456, 0.406], variance=variance)(x)


def _features(x, stages, stem, width, depth):
    x = conv(x, by_eight(stem * width), 3, "stem_conv", strides=2, use_bias=False)
    x = _ends(x, "stem_")
    total, done = sum(math.ceil(stage[0] * depth) for stage in stages), 0
    for number, (repeats, filters, expansion, stride, fused) in enumerate(stages, 1):
        for i in range(math.ceil(repeats * depth)):
            block = _fused if fused else _block
            name, drop = f"block{number}{chr(97 + i)}_", 0.2 * done / total
            x = block(x, by_eight(filters * width), expansion, stride if i == 0 else 1, drop, name)
            done += 1
    return _ends(conv(x, by_eight(1280 * width), 1, "top_conv", use_bias=False), "top_")


def _make(kind, size, stages, stem=32, width=1.0, depth=1.0):
    model, default = f"EfficientNetV2{kind}", f"efficientnetv2-{kind.lower()}"

    def make(
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        include_preprocessing=True,
        name=default,
    ):
        wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)

        def features(x):
            x = _prepared(x, kind) if include_preprocessing else x
            return _features(x, stages, stem, width, depth)

        return assemble(features, model, wish, size, 32, lambda x, wish: classifier(x, wish, 0.2, CLASSIFIER))

    make.__name__ = make.__qualname__ = model
    make.__doc__ = (
        f"{model}, for images of {size} by {size}.{ARGUMENTS}"
        "    include_preprocessing: whether it scales images from 0 to 255 itself.\n    "
    )
    return make


EfficientNetV2B0 = _make("B0", 224, _BASE)
EfficientNetV2B1 = _make("B1", 240, _BASE, depth=1.1)
EfficientNetV2B2 = _make("B2", 260, _BASE, width=1.1, depth=1.2)
EfficientNetV2B3 = _make("B3", 300, _BASE, width=1.2, depth=1.4)
EfficientNetV2S = _make("S", 384, _SMALL, stem=24)
EfficientNetV2M = _make("M", 480, _MEDIUM, stem=24)
EfficientNetV2L = _make("L", 480, _LARGE)
