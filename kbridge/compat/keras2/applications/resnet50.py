"""ResNet50, with layers named as they were."""

from kbridge.compat.applications import ResNet, application, preprocessing
from kbridge.compat.applications import decode_predictions as decode_predictions

_parts = ResNet("keras2", "he_normal")


def identity_block(input_tensor, kernel_size, filters, stage, block):
    """A block whose way around is the input itself."""
    return _parts.block(input_tensor, kernel_size, filters, stage, block)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2)):
    """A block with a convolution on the way around."""
    return _parts.block(input_tensor, kernel_size, filters, stage, block, strides)


def _resnet50(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
):
    """ResNet with 50 layers."""

    def head(x):
        if not include_top:
            return _parts.pool(x, pooling)
        x = _parts.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return _parts.layers.Dense(classes, activation="softmax", name="fc1000")(x)

    return _parts.assemble(include_top, weights, input_tensor, input_shape, classes, head, padded_pool=True)


ResNet50 = application(
    _resnet50,
    "keras2",
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs",
)
preprocess_input = preprocessing("caffe", "keras2")
