"""Doors of Keras 2: the base class, inputs, and the layers that are no convolutions, recurrences or merges."""

import warnings

from kbridge import layers
from kbridge.backend.symbolic import is_symbol
from kbridge.compat.inplace import out_of_place
from kbridge.compat.keras2.layers._doors import KERNEL, layer, pads_by_name
from kbridge.compat.layers import activations2, normalization2, retired
from kbridge.compat.layers.inputs import FirstLayer, input_of

Layer = layer(layers.Layer)
InputSpec = layers.InputSpec


InputLayer = layer(
    layers.InputLayer,
    "input_shape=None, batch_size=None, batch_input_shape=None, dtype=None, input_tensor=None, sparse=False, name=None",
    mixins=[FirstLayer],
    renames={"input_dtype": "dtype"},
)
Input = input_of(InputLayer)

# -- dense layers and activations

Dense = layer(layers.Dense, f"units, activation=None, {KERNEL}")
_OLD_KERNEL = (
    "weights=None, W_regularizer=None, b_regularizer=None, activity_regularizer=None, W_constraint=None, "
    "b_constraint=None, bias=True, input_dim=None"
)
Highway = layer(retired.Highway, f"init='glorot_uniform', activation=None, {_OLD_KERNEL}")
MaxoutDense = layer(retired.MaxoutDense, f"output_dim, nb_feature=4, init='glorot_uniform', {_OLD_KERNEL}")
Activation = layer(layers.Activation, "activation")
LeakyReLU = layer(layers.LeakyReLU, "alpha=0.3", attributes={"alpha": "negative_slope"})
ELU = layer(layers.ELU, "alpha=1.0")
PReLU = layer(
    layers.PReLU,
    "alpha_initializer='zeros', alpha_regularizer=None, alpha_constraint=None, shared_axes=None",
    renames={"init": "alpha_initializer"},
)
ThresholdedReLU = layer(activations2.ThresholdedReLU, "theta=1.0")
ReLU = layer(layers.ReLU, "max_value=None, negative_slope=0.0, threshold=0.0")
Softmax = layer(layers.Softmax, "axis=-1", mixins=[activations2.UnmaskedSoftmax])

# -- embeddings and normalization


class _Indices:
    """For the door of Embedding: the length it was told."""

    @property
    def input_length(self):
        shape = self._input_arguments.get("input_shape", ())
        length = shape[0] if len(shape) == 1 else tuple(shape) or None
        return length


def _indices(filled, today):
    length = filled.pop("input_length", None)
    if "input_shape" not in today and "batch_input_shape" not in today:
        today["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
    if today.pop("dropout", None):
        warnings.warn(
            "Embedding has had no dropout since Keras 2. Write: SpatialDropout1D(rate) behind it.", stacklevel=4
        )


Embedding = layer(
    layers.Embedding,
    "input_dim, output_dim, embeddings_initializer='uniform', embeddings_regularizer=None, activity_regularizer=None, "
    "embeddings_constraint=None, mask_zero=False, input_length=None",
    mixins=[_Indices],
    renames={
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "dropout": "dropout",
    },
    prepare=_indices,
)
BatchNormalization = layer(
    layers.BatchNormalization,
    "axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True, beta_initializer='zeros', "
    "gamma_initializer='ones', moving_mean_initializer='zeros', moving_variance_initializer='ones', "
    "beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None",
    mixins=[normalization2.OldStatistics],
    before=normalization2.no_mode,
)

# -- noise and penalties

Dropout = layer(layers.Dropout, "rate, noise_shape=None, seed=None")
SpatialDropout1D = layer(layers.SpatialDropout1D, "rate")
SpatialDropout2D = layer(layers.SpatialDropout2D, "rate, data_format=None")
SpatialDropout3D = layer(layers.SpatialDropout3D, "rate, data_format=None")
GaussianNoise = layer(layers.GaussianNoise, "stddev")
GaussianDropout = layer(layers.GaussianDropout, "rate")
AlphaDropout = layer(layers.AlphaDropout, "rate, noise_shape=None, seed=None")
ActivityRegularization = layer(layers.ActivityRegularization, "l1=0.0, l2=0.0")

# -- shapes

Flatten = layer(layers.Flatten, "data_format=None")
Reshape = layer(layers.Reshape, "target_shape")
Permute = layer(layers.Permute, "dims")
RepeatVector = layer(layers.RepeatVector, "n")
Masking = layer(layers.Masking, "mask_value=0.0")
Cropping1D = layer(layers.Cropping1D, "cropping=(1, 1)")
Cropping2D = layer(layers.Cropping2D, "cropping=((0, 0), (0, 0)), data_format=None")
Cropping3D = layer(layers.Cropping3D, "cropping=((1, 1), (1, 1), (1, 1)), data_format=None")
UpSampling1D = layer(layers.UpSampling1D, "size=2")


class _FromTheFirst:
    """For the door of UpSampling2D: with "bilinear" the first pixel stays where it is, as for K.resize_images."""

    def call(self, inputs):
        if self.interpolation != "bilinear":
            return super().call(inputs)
        from kbridge.compat.backend.arrays import resize_images

        return resize_images(inputs, *self.size, self.data_format, "bilinear")


UpSampling2D = layer(
    layers.UpSampling2D, "size=(2, 2), data_format=None, interpolation='nearest'", mixins=[_FromTheFirst]
)
UpSampling3D = layer(layers.UpSampling3D, "size=(2, 2, 2), data_format=None")
ZeroPadding1D = layer(layers.ZeroPadding1D, "padding=1")
ZeroPadding2D = layer(layers.ZeroPadding2D, "padding=(1, 1), data_format=None", before=pads_by_name)
ZeroPadding3D = layer(layers.ZeroPadding3D, "padding=(1, 1, 1), data_format=None")


class _ToldShape:
    """For the door of Lambda: the shape that it was told holds where running it leaves dimensions open."""

    def _output_symbols(self, args, kwargs):
        outputs = super()._output_symbols(args, kwargs)
        if self._output_shape is not None and is_symbol(outputs) and args:
            given = args[0]
            several = isinstance(given, (list, tuple))
            said = self.compute_output_shape([tuple(x.shape) for x in given] if several else tuple(given.shape))
            if isinstance(said, (list, tuple)) and len(said) == len(outputs.shape):
                outputs.shape = tuple(a if a is not None else b for a, b in zip(outputs.shape, said))
        return outputs


Lambda = layer(
    layers.Lambda,
    "function, output_shape=None, mask=None, arguments=None",
    mixins=[_ToldShape],
    values={"function": out_of_place},
)
