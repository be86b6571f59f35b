"""What the arguments of older generations are called today, and how their values are read: data for the doors.

A rename holds where the class of today knows the new name and not the old one, so
``output_dim`` means ``units`` for Dense and itself for Embedding.
"""

from kbridge.compat.inplace import out_of_place

ARGUMENTS = {
    # sizes
    "output_dim": "units",
    "nb_filter": "filters",
    "nb_feature": "nb_feature",
    "filter_length": "kernel_size",
    "pool_length": "pool_size",
    "length": "size",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    # what variables begin with, and what keeps them in bounds
    "bias": "use_bias",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "U_constraint": "recurrent_constraint",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "depthwise_regularizer": "depthwise_regularizer",
    # chance
    "p": "rate",
    "sigma": "stddev",
    # normalization
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    # activations
    "alpha": "negative_slope",
    # models and training
    "input": "inputs",
    "output": "outputs",
    "nb_epoch": "epochs",
    "lr": "learning_rate",
    "beta_1": "beta_1",
}

_ORDERINGS = {"th": "channels_first", "tf": "channels_last", "default": None}

# names of constraints and penalties, as strings
_CONSTRAINTS = {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"}
_REGULARIZERS = {"l1l2": "l1_l2", "activity_l1": "l1", "activity_l2": "l2", "activity_l1l2": "l1_l2"}


def data_format_of(value):
    """A data format of today, for one of any generation."""
    return _ORDERINGS.get(value, value) if isinstance(value, str) else value


def constraint_of(value):
    """A constraint, or its name of today."""
    return _CONSTRAINTS.get(value, value) if isinstance(value, str) else out_of_place(value)


def regularizer_of(value):
    """A regularizer, or its name of today."""
    return _REGULARIZERS.get(value, value) if isinstance(value, str) else out_of_place(value)


_WEIGHTS = "kernel bias recurrent embeddings beta gamma alpha activity depthwise pointwise".split()

# by the argument's name of today: what an old value means
VALUES = {
    "data_format": data_format_of,
    **{f"{weight}_constraint": constraint_of for weight in _WEIGHTS},
    **{f"{weight}_regularizer": regularizer_of for weight in _WEIGHTS},
}
