"""MobileNet: depthwise separable convolutions, as thin as is wanted (Howard et al., 2017)."""

from kbridge.applications.common import ARGUMENTS, Wish, active, assemble, layers, normed, pooled
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled

preprocess_input = scaled("tf")

_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def _ends(x, name):
    return layers.ReLU(6.0, name=f"{name}_relu")(normed(x, f"{name}_bn"))


def _features(x, alpha, depth_multiplier):
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
    x = _ends(x, "conv1")
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding="same" if stride == 1 else "valid", depth_multiplier=depth_multiplier,
            use_bias=False, name=f"conv_dw_{i}",
        )(x)  # fmt: skip
        x = _ends(x, f"conv_dw_{i}")
        x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{i}")(x)
        x = _ends(x, f"conv_pw_{i}")
    return x


def MobileNet(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=0.001,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    side = trained_size("MobileNet", wish, alpha, (0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224))
    if weights == "imagenet" and depth_multiplier != 1:
        raise ValueError(f"MobileNet: weights='imagenet' are for depth_multiplier=1. Received: {depth_multiplier}.")
    wish.name = name or f"mobilenet_{alpha:0.2f}_{side}"

    def head(x, wish):
        if not wish.include_top:
            return pooled(x, wish)
        x = layers.Dropout(dropout, name="dropout")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        x = layers.Conv2D(wish.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((wish.classes,), name="reshape_2")(x)
        return active(x, "predictions", wish.classifier_activation)

    variant = f"{_in_words(alpha)}_{side}"
    return assemble(lambda x: _features(x, alpha, depth_multiplier), "MobileNet", wish, side, 32, head, variant)


MobileNet.__doc__ = f"""MobileNet.{ARGUMENTS}    alpha: how wide it is: the number of filters is multiplied by it.
        depth_multiplier: how many outputs the depthwise convolutions have for each channel.
        dropout: the share that is dropped before the classifier.
    """


def trained_size(model, wish, alpha, alphas, sizes):
    """The side of the images; where trained weights are wanted, that of images that they were trained on."""
    shape = wish.input_shape
    sides = (224, 224) if shape is None else tuple(shape[1:] if shape[0] in (1, 3) else shape[:2])
    if wish.weights != "imagenet":
        return sides[0]
    if alpha not in alphas:
        raise ValueError(f"{model}: weights='imagenet' are for alpha in {alphas}. Received: alpha={alpha}.")
    if sides[0] == sides[1] and sides[0] in sizes:
        return sides[0]
    if wish.include_top:
        raise ValueError(
            f"{model}: weights='imagenet' with the classifier are for images with sides in {sizes}. "
            f"Received: input_shape={shape}."
        )
    return 224


def _in_words(alpha):
    return {1.0: "1_0", 0.75: "7_5", 0.5: "5_0"}.get(alpha, "2_5")
