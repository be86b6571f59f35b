"""Inception, version 3 (Szegedy et al., 2015), and Inception-ResNet, version 2 (2016)."""

from kbridge.applications.common import active, application, channels, layers, normed
from kbridge.layers import Layer
from kbridge.objects import publish


def _conv(x, filters, size, strides=1, padding="same", name=None):
    x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)(x)
    return active(normed(x, name and f"{name}_bn", scale=False), name and f"{name}_ac")


def _chain(x, *convs):
    """Convolutions one after the other, each (filters, size)."""
    for filters, size in convs:
        x = _conv(x, filters, size)
    return x


def _join(parts, name=None):
    return layers.Concatenate(axis=channels(), name=name)(parts)


def _averaged(x, filters):
    return _conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), filters, 1)


def _stem(x):
    x = _conv(x, 32, 3, strides=2, padding="valid")
    x = _conv(x, 32, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(_conv(x, 64, 3))
    x = _conv(_conv(x, 80, 1, padding="valid"), 192, 3, padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def _narrowed(x, *parts, name):
    """Halve the sides, by convolutions with stride 2 at the end of each part, and by pooling."""
    found = []
    for *convs, (filters, size) in parts:
        found.append(_conv(_chain(x, *convs), filters, size, strides=2, padding="valid"))
    return _join([*found, layers.MaxPooling2D(3, strides=2)(x)], name)


@application(299, 75, name="inception_v3")
def InceptionV3(x):
    """Inception, version 3, for images of 299 by 299."""
    x = _stem(x)
    for i, pooled in enumerate((32, 64, 64)):
        parts = [_conv(x, 64, 1), _chain(x, (48, 1), (64, 5)), _chain(x, (64, 1), (96, 3), (96, 3))]
        x = _join([*parts, _averaged(x, pooled)], f"mixed{i}")
    x = _narrowed(x, [(384, 3)], [(64, 1), (96, 3), (96, 3)], name="mixed3")
    for i, width in enumerate((128, 160, 160, 192), 4):
        one = _conv(x, 192, 1)
        two = _chain(x, (width, 1), (width, (1, 7)), (192, (7, 1)))
        three = _chain(x, (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7)))
        x = _join([one, two, three, _averaged(x, 192)], f"mixed{i}")
    x = _narrowed(x, [(192, 1), (320, 3)], [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)], name="mixed8")
    for i in range(2):
        one = _conv(x, 320, 1)
        two = _conv(x, 384, 1)
        two = _join([_conv(two, 384, (1, 3)), _conv(two, 384, (3, 1))], f"mixed9_{i}")
        three = _chain(x, (448, 1), (384, 3))
        three = _join([_conv(three, 384, (1, 3)), _conv(three, 384, (3, 1))])
        x = _join([one, two, three, _averaged(x, 192)], f"mixed{9 + i}")
    return x


class CustomScaleLayer(Layer):
    """The first of two inputs, and a share of the second."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


publish("keras.applications.inception_resnet_v2", CustomScaleLayer)


def _residual(x, name, scale, *parts, activation="relu"):
    mixed = _join([_chain(x, *convs) for convs in parts], f"{name}_mixed")
    width = x.shape[channels()]
    added = layers.Conv2D(width, 1, padding="same", name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(scale)([x, added])
    return active(x, f"{name}_ac", activation) if activation else x


@application(299, 75, name="inception_resnet_v2")
def InceptionResNetV2(x):
    """Inception-ResNet, version 2, for images of 299 by 299."""
    x = _stem(x)
    parts = [_conv(x, 96, 1), _chain(x, (48, 1), (64, 5)), _chain(x, (64, 1), (96, 3), (96, 3))]
    x = _join([*parts, _averaged(x, 64)], "mixed_5b")
    for i in range(1, 11):
        parts = [(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]
        x = _residual(x, f"block35_{i}", 0.17, *parts)
    x = _narrowed(x, [(384, 3)], [(256, 1), (256, 3), (384, 3)], name="mixed_6a")
    for i in range(1, 21):
        x = _residual(x, f"block17_{i}", 0.1, [(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))])
    parts = [(256, 1), (384, 3)], [(256, 1), (288, 3)], [(256, 1), (288, 3), (320, 3)]
    x = _narrowed(x, *parts, name="mixed_7a")
    for i in range(1, 11):
        last = i == 10
        parts = [(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]
        x = _residual(x, f"block8_{i}", 1.0 if last else 0.2, *parts, activation=None if last else "relu")
    return _conv(x, 1536, 1, name="conv_7b")
