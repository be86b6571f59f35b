"""MobileNet, version 2: narrow blocks that widen inside (Sandler et al., 2018)."""

from kbridge.applications.common import ARGUMENTS, Wish, assemble, by_eight, channels, halving_pad, layers, normed
from kbridge.applications.common import classifier as classifier
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled
from kbridge.applications.mobilenet import trained_size

preprocess_input = scaled("tf")

# expansion, filters, stride
_BLOCKS = (
    (1, 16, 1), (6, 24, 2), (6, 24, 1), (6, 32, 2), (6, 32, 1), (6, 32, 1), (6, 64, 2), (6, 64, 1), (6, 64, 1),
    (6, 64, 1), (6, 96, 1), (6, 96, 1), (6, 96, 1), (6, 160, 2), (6, 160, 1), (6, 160, 1), (6, 320, 1),
)  # fmt: skip


def _norm(x, name):
    return normed(x, name, epsilon=1e-3, momentum=0.999)


def _conv(x, filters, name):
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)


def _block(x, number, expansion, filters, stride):
    name = f"block_{number}_" if number else "expanded_conv_"
    width = x.shape[channels()]
    y = x
    if number:
        y = _norm(_conv(y, expansion * width, f"{name}expand"), f"{name}expand_BN")
        y = layers.ReLU(6.0, name=f"{name}expand_relu")(y)
    if stride == 2:
        y = layers.ZeroPadding2D(_pad(y), name=f"{name}pad")(y)
    y = layers.DepthwiseConv2D(
        3, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False, name=f"{name}depthwise"
    )(y)
    y = layers.ReLU(6.0, name=f"{name}depthwise_relu")(_norm(y, f"{name}depthwise_BN"))
    y = _norm(_conv(y, filters, f"{name}project"), f"{name}project_BN")
    return layers.Add(name=f"{name}add")([x, y]) if width == filters and stride == 1 else y


def _pad(x):
    return tuple((before, after) for before, after in halving_pad(x, 3))


def _features(x, alpha):
    x = layers.Conv2D(by_eight(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
    x = layers.ReLU(6.0, name="Conv1_relu")(_norm(x, "bn_Conv1"))
    for number, (expansion, filters, stride) in enumerate(_BLOCKS):
        x = _block(x, number, expansion, by_eight(int(filters * alpha)), stride)
    last = by_eight(1280 * alpha) if alpha > 1.0 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    return layers.ReLU(6.0, name="out_relu")(_norm(x, "Conv_1_bn"))


def MobileNetV2(
    input_shape=None,
    alpha=1.0,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    side = trained_size("MobileNetV2", wish, alpha, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224))
    wish.name = name or f"mobilenetv2_{alpha:0.2f}_{side}"
    variant = f"{alpha}_{side}"
    return assemble(lambda x: _features(x, alpha), "MobileNetV2", wish, side, 32, variant=variant)


_OWN = "    alpha: how wide it is: the number of filters is multiplied by it.\n    "
MobileNetV2.__doc__ = f"MobileNet, version 2.{ARGUMENTS}{_OWN}"
