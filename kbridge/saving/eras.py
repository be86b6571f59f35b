"""What configs of older generations of Keras call things, and what those are called today: data.

``old_configs`` applies it. Renames of arguments hold where the class of today takes the new name and not the old
one, so ``output_dim`` means ``units`` for Dense and itself for Embedding.
"""

from kbridge import ops
from kbridge.objects import register_keras_serializable

ANY = object()  # any value


@register_keras_serializable("kbridge", "hard_sigmoid_of_keras_2")
def hard_sigmoid(x):
    """``0.2 * x + 0.5`` between 0 and 1: what this name meant before Keras 3, where the slope is 1/6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


HARD_SIGMOID = "kbridge>hard_sigmoid_of_keras_2"

CLASSES = {
    "Model": "Functional",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "ThresholdedReLU": "ReLU",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "WeightRegularizer": "L1L2",
    "ActivityRegularizer": "L1L2",
    "L1L2Regularizer": "L1L2",
}

# old argument -> what it may be called today: the first that the class takes
ARGUMENTS = {
    "output_dim": ("units",),
    "nb_filter": ("filters",),
    "filter_length": ("kernel_size",),
    "pool_length": ("pool_size",),
    "length": ("size",),
    "stride": ("strides",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "atrous_rate": ("dilation_rate",),
    "border_mode": ("padding",),
    "dim_ordering": ("data_format",),
    "bias": ("use_bias",),
    "init": ("kernel_initializer", "embeddings_initializer", "alpha_initializer", "depthwise_initializer"),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "b_regularizer": ("bias_regularizer",),
    "b_constraint": ("bias_constraint",),
    "U_regularizer": ("recurrent_regularizer",),
    "U_constraint": ("recurrent_constraint",),
    "inner_init": ("recurrent_initializer",),
    "inner_activation": ("recurrent_activation",),
    "dropout_W": ("dropout",),
    "dropout_U": ("recurrent_dropout",),
    "p": ("rate",),
    "sigma": ("stddev",),
    "beta_init": ("beta_initializer",),
    "gamma_init": ("gamma_initializer",),
    "alpha": ("negative_slope",),
    "theta": ("threshold",),
    "lr": ("learning_rate",),
    "m": ("max_value",),
}

# arguments that a class of today need not take where they have one of these values: nothing depends on them
MEANINGLESS = {
    **dict.fromkeys(
        ("consume_less", "implementation", "fused", "unroll", "experimental_autocast", "input_length"), ANY
    ),
    **dict.fromkeys(("query_shape", "key_shape", "value_shape", "is_legacy_optimizer", "jit_compile", "seed"), ANY),
    **dict.fromkeys(("output_shape", "output_shape_type", "output_shape_module", "module", "mode_type"), ANY),
    **dict.fromkeys(("input_spec", "supports_masking", "expects_training_arg", "schedule_decay"), ANY),
    **dict.fromkeys(("ragged", "sparse", "time_major", "dynamic", "causal", "keepdims", "stateful"), (False, None)),
    **dict.fromkeys(
        ("virtual_batch_size", "adjustment", "num_constants", "weights", "decay", "dropout"), (None, 0, [])
    ),
    **dict.fromkeys(("partition_info", "batch_input_shape", "input_dim", "rng_type"), ANY),
    **dict.fromkeys(("softmax_robust_masking", "robust_masking", "has_input_vocabulary"), ANY),
    "groups": (1, None),
    "mode": (0,),
    "data_format": ("channels_last", None),
    **dict.fromkeys(("dtype", "trainable", "registered_name"), ANY),
}

# layers that Keras 2 never had
SINCE_KERAS_3 = frozenset(
    (
        *("AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization"),
        *("GroupQueryAttention", "MaxNumBoundingBoxes", "MelSpectrogram", "MixUp", "Pipeline", "RMSNormalization"),
        *("RandAugment", "RandomColorDegeneration", "RandomColorJitter", "RandomElasticTransform", "RandomErasing"),
        *("RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective"),
        *("RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear", "ReversibleEmbedding"),
        *("STFTSpectrogram", "Solarization"),
        *(f"Adaptive{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)),
    )
)

# what an argument was where an old config does not name it
DEFAULTS = {
    "GRU": {"reset_after": False},
    "GRUCell": {"reset_after": False},
}

ORDERINGS = {"th": "channels_first", "tf": "channels_last", "default": None}

MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "min": "Minimum",
    "concat": "Concatenate",
}
