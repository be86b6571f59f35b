"""NASNet: two kinds of cells found by a search, stacked (Zoph et al., 2017)."""

from kbridge.applications.common import ARGUMENTS, Wish, active, assemble, channels, halving_pad, layers, normed
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.applications.imagenet_utils import scaled

preprocess_input = scaled("tf")


def _norm(x, name):
    return normed(x, name, momentum=0.9997, epsilon=1e-3)


def _conv(x, filters, name):
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)


def _add(parts, name=None):
    return layers.Add(name=name)(parts)


def _separable(x, filters, kernel, name, stride=1):
    x = active(x)
    if stride == 2:
        x = layers.ZeroPadding2D(halving_pad(x, kernel), name=f"separable_conv_1_pad_{name}")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.SeparableConv2D(
        filters, kernel, strides=stride, padding=padding, use_bias=False, name=f"separable_conv_1_{name}"
    )(x)
    x = active(_norm(x, f"separable_conv_1_bn_{name}"))
    x = layers.SeparableConv2D(filters, kernel, padding="same", use_bias=False, name=f"separable_conv_2_{name}")(x)
    return _norm(x, f"separable_conv_2_bn_{name}")


def _adjusted(before, x, filters, name):
    """The output of the cell before the last one, in the size and width of this one."""
    if before is None:
        return x
    side = 1 if channels() == 3 else 2
    if before.shape[side] != x.shape[side]:
        before = active(before, f"adjust_relu_1_{name}")
        one = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{name}")(before)
        shifted = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(before))
        two = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{name}")(shifted)
        parts = [_conv(one, filters // 2, f"adjust_conv_1_{name}"), _conv(two, filters // 2, f"adjust_conv_2_{name}")]
        return _norm(layers.Concatenate(axis=channels())(parts), f"adjust_bn_{name}")
    if before.shape[channels()] != filters:
        return _norm(_conv(active(before), filters, f"adjust_conv_projection_{name}"), f"adjust_bn_{name}")
    return before


def _normal(x, before, filters, name):
    p = _adjusted(before, x, filters, name)
    h = _norm(_conv(active(x), filters, f"normal_conv_1_{name}"), f"normal_bn_1_{name}")

    def part(source, kernel, place):
        return _separable(source, filters, kernel, f"normal_{place}_{name}")

    def mean(source, place):
        return layers.AveragePooling2D(3, strides=1, padding="same", name=f"normal_{place}_{name}")(source)

    parts = [
        [part(h, 5, "left1"), part(p, 3, "right1")],
        [part(p, 5, "left2"), part(p, 3, "right2")],
        [mean(h, "left3"), p],
        [mean(p, "left4"), mean(p, "right4")],
        [part(h, 3, "left5"), h],
    ]
    sums = [_add(pair, f"normal_add_{i}_{name}") for i, pair in enumerate(parts, 1)]
    return layers.Concatenate(axis=channels(), name=f"normal_concat_{name}")([p, *sums]), x


def _reduction(x, before, filters, name):
    p = _adjusted(before, x, filters, name)
    h = _norm(_conv(active(x), filters, f"reduction_conv_1_{name}"), f"reduction_bn_1_{name}")
    padded = layers.ZeroPadding2D(halving_pad(h, 3), name=f"reduction_pad_1_{name}")(h)

    def part(source, kernel, place, stride=2):
        return _separable(source, filters, kernel, f"reduction_{place}_{name}", stride)

    def largest(place):
        return layers.MaxPooling2D(3, strides=2, name=f"reduction_{place}_{name}")(padded)

    one = _add([part(h, 5, "left1"), part(p, 7, "right1")], f"reduction_add_1_{name}")
    two = _add([largest("left2"), part(p, 7, "right2")], f"reduction_add_2_{name}")
    mean = layers.AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded)
    three = _add([mean, part(p, 5, "right3")], f"reduction_add3_{name}")
    mean = layers.AveragePooling2D(3, strides=1, padding="same", name=f"reduction_left4_{name}")(one)
    four = _add([two, mean])
    five = _add([part(one, 3, "left4", stride=1), largest("right5")], f"reduction_add4_{name}")
    return layers.Concatenate(axis=channels(), name=f"reduction_concat_{name}")([two, three, four, five]), x


def _stack(x, stem, filters, repeats, skips):
    """``skips``: whether the cell after a reduction sees what was before it."""
    x = layers.Conv2D(stem, 3, strides=2, use_bias=False, name="stem_conv1")(x)
    x, before = _norm(x, "stem_bn1"), None
    x, before = _reduction(x, before, filters // 4, "stem_1")
    x, before = _reduction(x, before, filters // 2, "stem_2")
    for stage in range(3):
        first = stage * repeats
        if stage:
            x, narrowed = _reduction(x, before, filters * 2**stage, f"reduce_{first}")
            before, first = before if skips else narrowed, first + 1
        for number in range(first, first + repeats):
            x, before = _normal(x, before, filters * 2**stage, f"{number}")
    return active(x)


def _make(model, name, size, *settings):
    default = name

    def make(
        input_shape=None,
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=default,
    ):
        wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return assemble(lambda x: _stack(x, *settings), model, wish, size, 32, fixed=True)

    make.__name__ = make.__qualname__ = model
    make.__doc__ = f"{model}, for images of {size} by {size}.{ARGUMENTS}"
    return make


NASNetMobile = _make("NASNetMobile", "nasnet_mobile", 224, 32, 1056 // 24, 4, False)
NASNetLarge = _make("NASNetLarge", "nasnet_large", 331, 96, 4032 // 24, 6, True)
