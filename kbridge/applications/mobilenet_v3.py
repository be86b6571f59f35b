"""MobileNet, version 3: blocks found by a search, with squeeze and excitation (Howard et al., 2019)."""

from kbridge import layers
from kbridge.applications.common import (
    ARGUMENTS,
    Wish,
    active,
    assemble,
    by_eight,
    channels,
    halving_pad,
    normed,
    pooled,
)
from kbridge.applications.imagenet_utils import as_is as preprocess_input
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

# expansion, filters, kernel, stride, whether it squeezes and excites, whether hard swish is its activation
_SMALL = (
    (1, 16, 3, 2, 1, 0), (72 / 16, 24, 3, 2, 0, 0), (88 / 24, 24, 3, 1, 0, 0), (4, 40, 5, 2, 1, 1), (6, 40, 5, 1, 1, 1),
    (6, 40, 5, 1, 1, 1), (3, 48, 5, 1, 1, 1), (3, 48, 5, 1, 1, 1), (6, 96, 5, 2, 1, 1), (6, 96, 5, 1, 1, 1),
    (6, 96, 5, 1, 1, 1),
)  # fmt: skip
_LARGE = (
    (1, 16, 3, 1, 0, 0), (4, 24, 3, 2, 0, 0), (3, 24, 3, 1, 0, 0), (3, 40, 5, 2, 1, 0), (3, 40, 5, 1, 1, 0),
    (3, 40, 5, 1, 1, 0), (6, 80, 3, 2, 0, 1), (2.5, 80, 3, 1, 0, 1), (2.3, 80, 3, 1, 0, 1), (2.3, 80, 3, 1, 0, 1),
    (6, 112, 3, 1, 1, 1), (6, 112, 3, 1, 1, 1), (6, 160, 5, 2, 1, 1), (6, 160, 5, 1, 1, 1), (6, 160, 5, 1, 1, 1),
)  # fmt: skip


def _swish(x, name=None):
    return active(x, name, "hard_silu")


def _relu(x, name=None):
    return layers.ReLU(name=name)(x)


def _gate(x):
    """A sigmoid made of straight lines."""
    return layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def _norm(x, name):
    return normed(x, name, epsilon=1e-3, momentum=0.999)


def _excited(x, filters, name):
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = layers.Conv2D(by_eight(filters / 4), 1, padding="same", name=f"{name}_conv")(y)
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = layers.Conv2D(filters, 1, padding="same", name=f"{name}_conv_1")(y)
    return layers.Multiply(name=f"{name}_mul")([x, _gate(y)])


def _block(x, number, expansion, filters, kernel, stride, excites, activation):
    name = f"expanded_conv_{number}_" if number else "expanded_conv_"
    width = x.shape[channels()]
    y, wide = x, width
    if number:
        wide = by_eight(width * expansion)
        y = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}expand")(y)
        y = activation(_norm(y, f"{name}expand_bn"))
    if stride == 2:
        y = layers.ZeroPadding2D(halving_pad(y, kernel), name=f"{name}depthwise_pad")(y)
    y = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False, name=f"{name}depthwise"
    )(y)
    y = activation(_norm(y, f"{name}depthwise_bn"))
    if excites:
        y = _excited(y, wide, f"{name}squeeze_excite")
    y = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(y)
    y = _norm(y, f"{name}project_bn")
    return layers.Add(name=f"{name}add")([x, y]) if stride == 1 and width == filters else y


def _assemble(model, blocks, last, wish, alpha, minimalistic, dropout_rate, include_preprocessing):
    if wish.weights == "imagenet" and alpha not in ((1.0,) if minimalistic else (0.75, 1.0)):
        raise ValueError(
            f"{model}: weights='imagenet' are for alpha=1.0, and for 0.75 unless minimalistic. Received: alpha={alpha}."
        )
    swish = _relu if minimalistic else _swish

    def features(x):
        if include_preprocessing:
            x = layers.Rescaling(1.0 / 127.5, offset=-1.0)(x)
        x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
        x = swish(_norm(x, "conv_bn"))
        for number, (expansion, filters, kernel, stride, excites, swishes) in enumerate(blocks):
            x = _block(
                x, number, expansion, by_eight(filters * alpha), 3 if minimalistic else kernel, stride,
                excites and not minimalistic, swish if swishes else _relu,
            )  # fmt: skip
        wide = by_eight(x.shape[channels()] * 6)
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name="conv_1")(x)
        return swish(_norm(x, "conv_1_bn"))

    def head(x, wish):
        if not wish.include_top:
            return pooled(x, wish)
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = swish(layers.Conv2D(by_eight(last * alpha) if alpha > 1.0 else last, 1, padding="same", name="conv_2")(x))
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate)(x)
        x = layers.Conv2D(wish.classes, 1, padding="same", name="logits")(x)
        return active(layers.Flatten()(x), "predictions", wish.classifier_activation)

    variant = f"{'minimalistic_' if minimalistic else ''}{alpha}"
    return assemble(features, model, wish, None, 32, head, variant)


def MobileNetV3Small(
    input_shape=None,
    alpha=1.0,
    minimalistic=False,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    classes=1000,
    pooling=None,
    dropout_rate=0.2,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="MobileNetV3Small",
):
    wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return _assemble(
        "MobileNetV3Small", _SMALL, 1024, wish, alpha, minimalistic, dropout_rate, include_preprocessing
    )  # fmt: skip


def MobileNetV3Large(
    input_shape=None,
    alpha=1.0,
    minimalistic=False,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    classes=1000,
    pooling=None,
    dropout_rate=0.2,
    classifier_activation="softmax",
    include_preprocessing=True,
    name="MobileNetV3Large",
):
    wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return _assemble(
        "MobileNetV3Large", _LARGE, 1280, wish, alpha, minimalistic, dropout_rate, include_preprocessing
    )  # fmt: skip


_OWN = """    alpha: how wide it is: the number of filters is multiplied by it.
        minimalistic: without squeezing, hard swish and large kernels, which some hardware is slow at.
        dropout_rate: the share that is dropped before the classifier.
        include_preprocessing: whether it scales images from 0 to 255 itself.
    """
MobileNetV3Small.__doc__ = f"""MobileNet, version 3, small.{ARGUMENTS}{_OWN}"""
MobileNetV3Large.__doc__ = f"""MobileNet, version 3, large.{ARGUMENTS}{_OWN}"""
