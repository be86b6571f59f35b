"""Doors of Keras 1: the base class, inputs, and the layers that are no convolutions and no recurrent ones."""

from kbridge import layers, objects, ops
from kbridge.compat import inplace
from kbridge.compat.door import door
from kbridge.compat.keras1.layers._doors import KERNEL, SIZES, START, W_AND_B, layer
from kbridge.compat.layers import activations2, retired
from kbridge.compat.layers.arguments1 import last, length_told
from kbridge.compat.layers.inputs import FirstLayer, input_of
from kbridge.compat.layers.weights1 import EqualShapes, Modes, Ordered, WholeWords

Layer = layer(layers.Layer)


def _ranks(filled, today):
    ndim = filled.get("ndim")
    if isinstance(ndim, str):
        if not ndim.endswith("+") or not ndim[:-1].isdigit():
            raise ValueError(f"InputSpec: ndim must be an integer, or text as '2+'. Received: ndim={ndim!r}.")
        filled.pop("ndim")
        today["min_ndim"] = int(ndim[:-1])


InputSpec = door(layers.InputSpec, "dtype=None, shape=None, ndim=None", prepare=_ranks)
InputSpec.__module__ = "kbridge.compat.keras1.layers"


InputLayer = layer(
    layers.InputLayer,
    "input_shape=None, batch_input_shape=None, input_dtype=None, input_tensor=None, sparse=False, name=None",
    mixins=[FirstLayer],
    renames={"input_dtype": "dtype"},
)
Input = input_of(InputLayer)

# -- dense layers

_DENSE = f"{START}, {KERNEL}"
Dense = layer(layers.Dense, f"output_dim, {_DENSE}, input_dim=None", attributes={"output_dim": "units", **W_AND_B})
TimeDistributedDense = layer(
    layers.Dense,
    f"output_dim, {_DENSE}, {SIZES}",
    "TimeDistributedDense",
    [EqualShapes],
    attributes={"output_dim": "units", **W_AND_B},
)
Highway = layer(
    retired.Highway,
    f"{_DENSE}, input_dim=None",
    attributes={**W_AND_B, "W_carry": "carry_kernel", "b_carry": "carry_bias"},
)
MaxoutDense = layer(
    retired.MaxoutDense,
    f"output_dim, nb_feature=4, init='glorot_uniform', weights=None, {KERNEL}, input_dim=None",
    attributes={"output_dim": "units", **W_AND_B},
)

# -- activations

Activation = layer(layers.Activation, "activation")
LeakyReLU = layer(layers.LeakyReLU, "alpha=0.3", attributes={"alpha": "negative_slope"})
PReLU = layer(
    layers.PReLU,
    "init='zero', weights=None, shared_axes=None",
    renames={"init": "alpha_initializer"},
    attributes={"alphas": "alpha"},
)
ELU = layer(layers.ELU, "alpha=1.0")
ThresholdedReLU = layer(activations2.ThresholdedReLU, "theta=1.0")
ParametricSoftplus = layer(retired.ParametricSoftplus, "alpha_init=0.2, beta_init=5.0, weights=None, shared_axes=None")
SReLU = layer(
    retired.SReLU,
    "t_left_init='zero', a_left_init='glorot_uniform', t_right_init='glorot_uniform', a_right_init='one', "
    "shared_axes=None",
)

# -- embeddings and normalization: a layer with more than today's class can do is a class of its own


class _Variant:
    """For a door: with the argument ``_tells`` the layer is one of the class ``_more``."""

    _more = None

    def __new__(cls, *args, **kwargs):
        name, place = cls._tells
        if cls._more is not None and (kwargs.get(name) or (len(args) > place and args[place])):
            cls = cls._more
        return super().__new__(cls, *args, **kwargs)


class _Words(_Variant):
    _tells = ("dropout", 9)


Embedding = layer(
    layers.Embedding,
    "input_dim, output_dim, init='uniform', input_length=None, W_regularizer=None, activity_regularizer=None, "
    "W_constraint=None, mask_zero=False, weights=None, dropout=0.0",
    mixins=[_Words, WholeWords],
    renames={
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    own=("dropout",),
    prepare=length_told,
    attributes={"W": "embeddings"},
)


class EmbeddingWithDropout(Embedding):
    """An Embedding that leaves out whole words while training."""

    _more = None

    @staticmethod
    def _prefix_of(name):
        return "embedding"


Embedding._more = EmbeddingWithDropout


class _Normalized(_Variant):
    _tells = ("mode", 1)


BatchNormalization = layer(
    layers.BatchNormalization,
    "epsilon=0.001, mode=0, axis=-1, momentum=0.99, weights=None, beta_init='zero', gamma_init='one', "
    "gamma_regularizer=None, beta_regularizer=None",
    mixins=[_Normalized, Modes],
    own=("mode",),
    attributes={"running_mean": "moving_mean", "running_std": "moving_variance"},
)


class NormalizationOfMode(BatchNormalization):
    """BatchNormalization with ``mode`` 1 or 2."""

    _more = None

    @staticmethod
    def _prefix_of(name):
        return "batchnormalization"


BatchNormalization._more = NormalizationOfMode
objects.publish("keras.legacy.layers", EmbeddingWithDropout, NormalizationOfMode)

# -- noise and penalties

_P = {"p": "rate"}
Dropout = layer(layers.Dropout, "p, noise_shape=None, seed=None", attributes=_P)
SpatialDropout1D = layer(layers.SpatialDropout1D, "p", attributes=_P)
SpatialDropout2D = layer(layers.SpatialDropout2D, "p, dim_ordering='default'", attributes=_P, mixins=[Ordered])
SpatialDropout3D = layer(layers.SpatialDropout3D, "p, dim_ordering='default'", attributes=_P, mixins=[Ordered])
GaussianNoise = layer(layers.GaussianNoise, "sigma", attributes={"sigma": "stddev"})
GaussianDropout = layer(layers.GaussianDropout, "p", attributes=_P)
ActivityRegularization = layer(layers.ActivityRegularization, "l1=0.0, l2=0.0")

# -- shapes

Flatten = layer(layers.Flatten, prepare=last)  # in the order that the axes have
Reshape = layer(layers.Reshape, "target_shape")
Permute = layer(layers.Permute, "dims")
RepeatVector = layer(layers.RepeatVector, "n")
Masking = layer(layers.Masking, "mask_value=0.0")
Lambda = layer(layers.Lambda, "function, output_shape=None, arguments=None", values={"function": inplace.out_of_place})


def time_distributed_dense(x, w, b=None, dropout=None, input_dim=None, output_dim=None, timesteps=None):
    """``x w + b`` at every step of (batch, time, features); ``dropout`` leaves out the same features at all steps.

    The sizes are known by themselves.
    """
    from kbridge import random
    from kbridge.compat import computing

    if dropout and 0.0 < dropout < 1.0 and computing.phase_here():
        x = random.dropout(x, dropout, (None, 1, None))
    outputs = ops.matmul(x, w)
    return outputs if b is None else outputs + b
