"""Doors of Keras 1: convolutions, pooling, and what changes the size of images."""

from kbridge import layers
from kbridge.compat.keras1.layers._doors import KERNEL, SIZES, START, W_AND_B, layer
from kbridge.compat.layers import local, retired
from kbridge.compat.layers.arguments1 import all_of, both_kernels, last, padded, sides
from kbridge.compat.layers.weights1 import ImageWindows, Ordered, Sequences1D, VolumeWindows, as_number

_IMAGE = sides("nb_row", "nb_col")
_VOLUME = sides("kernel_dim1", "kernel_dim2", "kernel_dim3")
_CONV = {"nb_filter": "filters", "border_mode": "padding", **W_AND_B}
_STRIDED = {**_CONV, "subsample": "strides"}
_DILATED = {"atrous_rate": "dilation_rate"}

Convolution1D = layer(
    layers.Conv1D,
    f"nb_filter, filter_length, {START}, border_mode='valid', subsample_length=1, {KERNEL}, {SIZES}",
    "Convolution1D",
    [Sequences1D],
    prepare=last,
    attributes=_CONV,
)
AtrousConvolution1D = layer(
    layers.Conv1D,
    f"nb_filter, filter_length, {START}, border_mode='valid', subsample_length=1, atrous_rate=1, {KERNEL}",
    "AtrousConvolution1D",
    [Sequences1D],
    prepare=last,
    attributes=_CONV,
)
Convolution2D = layer(
    layers.Conv2D,
    f"nb_filter, nb_row, nb_col, {START}, border_mode='valid', subsample=(1, 1), dim_ordering='default', {KERNEL}",
    "Convolution2D",
    [ImageWindows],
    attributes=_STRIDED,
    **_IMAGE,
)
AtrousConvolution2D = layer(
    layers.Conv2D,
    f"nb_filter, nb_row, nb_col, {START}, border_mode='valid', subsample=(1, 1), atrous_rate=(1, 1), "
    f"dim_ordering='default', {KERNEL}",
    "AtrousConvolution2D",
    [ImageWindows],
    attributes={**_STRIDED, **_DILATED},
    **_IMAGE,
)
Deconvolution2D = layer(
    retired.Deconvolution2D,
    f"nb_filter, nb_row, nb_col, output_shape, {START}, border_mode='valid', subsample=(1, 1), "
    f"dim_ordering='default', {KERNEL}",
    "Deconvolution2D",
    [ImageWindows],
    attributes=_STRIDED,
    **_IMAGE,
)
Convolution3D = layer(
    layers.Conv3D,
    f"nb_filter, kernel_dim1, kernel_dim2, kernel_dim3, {START}, border_mode='valid', subsample=(1, 1, 1), "
    f"dim_ordering='default', {KERNEL}",
    "Convolution3D",
    [VolumeWindows],
    attributes=_STRIDED,
    **_VOLUME,
)
SeparableConvolution2D = layer(
    layers.SeparableConv2D,
    f"nb_filter, nb_row, nb_col, {START}, border_mode='valid', subsample=(1, 1), depth_multiplier=1, "
    "dim_ordering='default', depthwise_regularizer=None, pointwise_regularizer=None, b_regularizer=None, "
    "activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, b_constraint=None, bias=True",
    "SeparableConvolution2D",
    [ImageWindows],
    before=_IMAGE["before"],
    prepare=all_of(_IMAGE["prepare"], both_kernels),
    attributes={"nb_filter": "filters", "border_mode": "padding", "subsample": "strides", "b": "bias"},
)
LocallyConnected1D = layer(
    local.LocallyConnected1D,
    f"nb_filter, filter_length, {START}, border_mode='valid', subsample_length=1, {KERNEL}, {SIZES}",
    mixins=[type("Sequences", (), {k: Sequences1D.__dict__[k] for k in ("takes_sequences", "filter_length")})],
    prepare=last,
    attributes=_CONV,
)
LocallyConnected2D = layer(
    local.LocallyConnected2D,
    f"nb_filter, nb_row, nb_col, {START}, border_mode='valid', subsample=(1, 1), dim_ordering='default', {KERNEL}",
    mixins=[ImageWindows],
    attributes=_STRIDED,
    **_IMAGE,
)

Conv1D, Conv2D, Conv3D = Convolution1D, Convolution2D, Convolution3D
AtrousConv1D, AtrousConv2D = AtrousConvolution1D, AtrousConvolution2D
Deconv2D, SeparableConv2D = Deconvolution2D, SeparableConvolution2D

# -- pooling

_PAD = {"border_mode": "padding"}
_WINDOWS = [type("Windows", (), {"pool_length": as_number("pool_size"), "stride": as_number("strides")})]


def _pooling(core, rank):
    if rank == 1:
        return layer(
            core,
            "pool_length=2, stride=None, border_mode='valid'",
            mixins=_WINDOWS,
            prepare=last,
            attributes=_PAD,
        )
    size = (2,) * rank
    signature = f"pool_size={size}, strides=None, border_mode='valid', dim_ordering='default'"
    return layer(core, signature, mixins=[Ordered], attributes=_PAD)


def _global(core, rank):
    if rank == 1:
        return layer(core, prepare=last)
    return layer(core, "dim_ordering='default'", mixins=[Ordered])


MaxPooling1D, MaxPooling2D, MaxPooling3D = (_pooling(getattr(layers, f"MaxPooling{n}D"), n) for n in (1, 2, 3))
AveragePooling1D, AveragePooling2D, AveragePooling3D = (
    _pooling(getattr(layers, f"AveragePooling{n}D"), n) for n in (1, 2, 3)
)
GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D = (
    _global(getattr(layers, f"GlobalMaxPooling{n}D"), n) for n in (1, 2, 3)
)
GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D = (
    _global(getattr(layers, f"GlobalAveragePooling{n}D"), n) for n in (1, 2, 3)
)

# -- sizes of images

UpSampling1D = layer(layers.UpSampling1D, "length=2", attributes={"length": "size"})
UpSampling2D = layer(layers.UpSampling2D, "size=(2, 2), dim_ordering='default'", mixins=[Ordered])
UpSampling3D = layer(layers.UpSampling3D, "size=(2, 2, 2), dim_ordering='default'", mixins=[Ordered])
ZeroPadding1D = layer(layers.ZeroPadding1D, "padding=1", prepare=padded(("left_pad", "right_pad")))
ZeroPadding2D = layer(
    layers.ZeroPadding2D,
    "padding=(1, 1), dim_ordering='default'",
    mixins=[Ordered],
    prepare=padded(("top_pad", "bottom_pad", "left_pad", "right_pad")),
)
ZeroPadding3D = layer(layers.ZeroPadding3D, "padding=(1, 1, 1), dim_ordering='default'", mixins=[Ordered])
Cropping1D = layer(layers.Cropping1D, "cropping=(1, 1)")
Cropping2D = layer(layers.Cropping2D, "cropping=((0, 0), (0, 0)), dim_ordering='default'", mixins=[Ordered])
Cropping3D = layer(layers.Cropping3D, "cropping=((1, 1), (1, 1), (1, 1)), dim_ordering='default'", mixins=[Ordered])
