"""ResNet50, with layers named as they were."""

from kbridge.compat.applications import ResNet, application, preprocessing, weights_path
from kbridge.compat.applications import decode_predictions as decode_predictions

TH_WEIGHTS_PATH = weights_path("v0.2", "resnet50", "th_dim_ordering_th_kernels")
TF_WEIGHTS_PATH = weights_path("v0.2", "resnet50")
TH_WEIGHTS_PATH_NO_TOP = weights_path("v0.2", "resnet50", "th_dim_ordering_th_kernels", "_notop")
TF_WEIGHTS_PATH_NO_TOP = weights_path("v0.2", "resnet50", top="_notop")

_parts = ResNet("keras1", "glorot_uniform")


def identity_block(input_tensor, kernel_size, filters, stage, block):
    """A block whose way around is the input itself."""
    return _parts.block(input_tensor, kernel_size, filters, stage, block)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2)):
    """A block with a convolution on the way around."""
    return _parts.block(input_tensor, kernel_size, filters, stage, block, strides)


def _resnet50(include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """ResNet with 50 layers. Without the classifier it ends in means over 7 by 7 places, unless ``pooling`` is told."""

    def head(x):
        layers = _parts.layers
        if pooling is not None and not include_top:
            return _parts.pool(x, pooling)
        x = layers.AveragePooling2D((7, 7), name="avg_pool")(x)
        if not include_top:
            return x
        return layers.Dense(classes, activation="softmax", name="fc1000")(layers.Flatten()(x))

    least = 32 if pooling else 197
    how = {"padded_pool": False, "least": least}
    return _parts.assemble(include_top, weights, input_tensor, input_shape, classes, head, **how)


ResNet50 = application(
    _resnet50,
    "keras1",
    "include_top=True, weights='imagenet', input_tensor=None, input_shape=None, classes=1000, **kwargs",
)
preprocess_input = preprocessing("caffe", "keras1")
