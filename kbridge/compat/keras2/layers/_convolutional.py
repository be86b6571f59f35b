"""Doors of Keras 2: convolutions and pooling."""

from kbridge import layers
from kbridge.compat.keras2.layers._doors import (
    KERNEL,
    layer,
    sequence_input,
    sides,
    sides_of_deconvolution,
    sides_of_separable,
)
from kbridge.compat.layers import local

_SIDES = {"kernel_sides": "kernel_size"}
_SEPARABLE = (
    "depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer='glorot_uniform', "
    "pointwise_initializer='glorot_uniform', bias_initializer='zeros', depthwise_regularizer=None, "
    "pointwise_regularizer=None, bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None, "
    "pointwise_constraint=None, bias_constraint=None"
)

Conv1D = layer(
    layers.Conv1D,
    "filters, kernel_size, strides=1, padding='valid', data_format='channels_last', dilation_rate=1, activation=None, "
    + KERNEL,
    prepare=sequence_input,
)
Conv2D = layer(
    layers.Conv2D,
    "filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1), activation=None, "
    + KERNEL,
    before=sides(2),
    renames=_SIDES,
)
Conv3D = layer(
    layers.Conv3D,
    "filters, kernel_size, strides=(1, 1, 1), padding='valid', data_format=None, dilation_rate=(1, 1, 1), "
    "activation=None, " + KERNEL,
    before=sides(3),
    renames=_SIDES,
)
Conv2DTranspose = layer(
    layers.Conv2DTranspose,
    "filters, kernel_size, strides=(1, 1), padding='valid', output_padding=None, data_format=None, "
    "dilation_rate=(1, 1), activation=None, " + KERNEL,
    before=sides_of_deconvolution,
    renames=_SIDES,
)
Conv3DTranspose = layer(
    layers.Conv3DTranspose,
    "filters, kernel_size, strides=(1, 1, 1), padding='valid', output_padding=None, data_format=None, "
    "activation=None, " + KERNEL,
    before=sides(3),
    renames=_SIDES,
)
SeparableConv1D = layer(
    layers.SeparableConv1D,
    "filters, kernel_size, strides=1, padding='valid', data_format='channels_last', dilation_rate=1, " + _SEPARABLE,
    prepare=sequence_input,
)
SeparableConv2D = layer(
    layers.SeparableConv2D,
    "filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1), " + _SEPARABLE,
    before=sides_of_separable,
    renames=_SIDES,
)
DepthwiseConv2D = layer(
    layers.DepthwiseConv2D,
    "kernel_size, strides=(1, 1), padding='valid', depth_multiplier=1, data_format=None, dilation_rate=(1, 1), "
    "activation=None, use_bias=True, depthwise_initializer='glorot_uniform', bias_initializer='zeros', "
    "depthwise_regularizer=None, bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None, "
    "bias_constraint=None",
)
LocallyConnected1D = layer(
    local.LocallyConnected1D,
    "filters, kernel_size, strides=1, padding='valid', data_format=None, activation=None, " + KERNEL,
    prepare=sequence_input,
)
LocallyConnected2D = layer(
    local.LocallyConnected2D,
    "filters, kernel_size, strides=(1, 1), padding='valid', data_format=None, activation=None, " + KERNEL,
    before=sides(2),
    renames=_SIDES,
)


def _dilated(conv, name):
    """The function that Keras 2 kept for Keras 1's layer with holes in its kernel."""

    def make(*args, atrous_rate=1, **kwargs):
        return conv(*args, dilation_rate=kwargs.pop("dilation_rate", atrous_rate), **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__module__ = "kbridge.compat.keras2.layers"
    make.__doc__ = f"``{conv.__name__}`` with ``dilation_rate=atrous_rate``."
    return make


AtrousConvolution1D = AtrousConv1D = _dilated(Conv1D, "AtrousConvolution1D")
AtrousConvolution2D = AtrousConv2D = _dilated(Conv2D, "AtrousConvolution2D")

Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
Convolution2DTranspose = Deconvolution2D = Deconv2D = Conv2DTranspose
Convolution3DTranspose = Deconvolution3D = Deconv3D = Conv3DTranspose

# -- pooling

_POOLING_1D = "pool_size=2, strides=None, padding='valid', data_format='channels_last'"
_POOLING_2D = "pool_size=(2, 2), strides=None, padding='valid', data_format=None"
_POOLING_3D = "pool_size=(2, 2, 2), strides=None, padding='valid', data_format=None"

MaxPooling1D = MaxPool1D = layer(layers.MaxPooling1D, _POOLING_1D)
MaxPooling2D = MaxPool2D = layer(layers.MaxPooling2D, _POOLING_2D)
MaxPooling3D = MaxPool3D = layer(layers.MaxPooling3D, _POOLING_3D)
AveragePooling1D = AvgPool1D = layer(layers.AveragePooling1D, _POOLING_1D)
AveragePooling2D = AvgPool2D = layer(layers.AveragePooling2D, _POOLING_2D)
AveragePooling3D = AvgPool3D = layer(layers.AveragePooling3D, _POOLING_3D)
GlobalMaxPooling1D = GlobalMaxPool1D = layer(layers.GlobalMaxPooling1D, "data_format='channels_last'")
GlobalMaxPooling2D = GlobalMaxPool2D = layer(layers.GlobalMaxPooling2D, "data_format=None")
GlobalMaxPooling3D = GlobalMaxPool3D = layer(layers.GlobalMaxPooling3D, "data_format=None")
GlobalAveragePooling1D = GlobalAvgPool1D = layer(layers.GlobalAveragePooling1D, "data_format='channels_last'")
GlobalAveragePooling2D = GlobalAvgPool2D = layer(layers.GlobalAveragePooling2D, "data_format=None")
GlobalAveragePooling3D = GlobalAvgPool3D = layer(layers.GlobalAveragePooling3D, "data_format=None")
