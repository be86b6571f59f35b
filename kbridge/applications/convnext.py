"""ConvNeXt: a convolutional network after the manner of transformers (Liu et al., 2022)."""

from kbridge import layers, ops
from kbridge.applications.common import ARGUMENTS, Wish, assemble, channels, pooled
from kbridge.applications.imagenet_utils import as_is as preprocess_input
from kbridge.applications.imagenet_utils import decode_predictions as decode_predictions
from kbridge.models import Sequential
from kbridge.objects import publish

__all__ = [*(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge"))]
__all__ += ["decode_predictions", "preprocess_input"]


class LayerScale(layers.Layer):
    """Each channel times a weight that begins small."""

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape):
        initializer = {"class_name": "Constant", "config": {"value": self.init_values}}
        self.gamma = self.add_weight((self.projection_dim,), initializer=initializer, name="gamma")

    def call(self, inputs):
        return ops.multiply(inputs, self.gamma)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "init_values": self.init_values, "projection_dim": self.projection_dim}


publish("keras.applications.convnext", LayerScale)


def _norm(name=None):
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x, width, name):
    y = layers.Conv2D(width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv")(x)
    y = _norm(f"{name}_layernorm")(y)
    y = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(y)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(width, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(1e-6, width, name=f"{name}_layer_scale")(y)
    return x + layers.Activation("linear", name=f"{name}_identity")(y)


def _features(x, depths, widths, prepares, name):
    if channels() != 3:
        raise ValueError(
            "ConvNeXt takes images with channels last. Write: config.set_image_data_format('channels_last')."
        )
    if prepares:
        x = layers.Normalization(
            mean=[0.485 * 255, 0.456 * 255, 0.406 * 255],
            variance=[(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
            name=f"{name}_prestem_normalization",
        )(x)
    stem = [layers.Conv2D(widths[0], 4, strides=4, name=f"{name}_stem_conv"), _norm(f"{name}_stem_layernorm")]
    x = Sequential(stem, name=f"{name}_stem")(x)
    for stage, (depth, width) in enumerate(zip(depths, widths)):
        if stage:
            part = f"{name}_downsampling"
            narrow = layers.Conv2D(width, 2, strides=2, name=f"{part}_conv_{stage - 1}")
            x = Sequential([_norm(f"{part}_layernorm_{stage - 1}"), narrow], name=f"{part}_block_{stage - 1}")(x)
        for i in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
    return x


def _make(size, depths, widths):
    model, default = f"ConvNeXt{size}", f"convnext_{size.lower()}"

    def make(
        include_top=True,
        include_preprocessing=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=default,
    ):
        wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)

        def head(x, wish):
            if not wish.include_top:
                return _norm()(pooled(x, wish))
            x = _norm(f"{name}_head_layernorm")(layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x))
            return layers.Dense(wish.classes, wish.classifier_activation, name=f"{name}_head_dense")(x)

        return assemble(lambda x: _features(x, depths, widths, include_preprocessing, name), model, wish, 224, 32, head)

    make.__name__ = make.__qualname__ = model
    make.__doc__ = f"{model}.{ARGUMENTS}    include_preprocessing: whether it scales images from 0 to 255 itself.\n    "
    return make


ConvNeXtTiny = _make("Tiny", (3, 3, 9, 3), (96, 192, 384, 768))
ConvNeXtSmall = _make("Small", (3, 3, 27, 3), (96, 192, 384, 768))
ConvNeXtBase = _make("Base", (3, 3, 27, 3), (128, 256, 512, 1024))
ConvNeXtLarge = _make("Large", (3, 3, 27, 3), (192, 384, 768, 1536))
ConvNeXtXLarge = _make("XLarge", (3, 3, 27, 3), (256, 512, 1024, 2048))
