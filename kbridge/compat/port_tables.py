"""What old names are called today, where no door says it: data for ``port``."""

# modules, by their old paths below keras
MODULES = {
    **{
        f"layers.{part}": "layers"
        for part in "advanced_activations convolutional convolutional_recurrent core cudnn_recurrent embeddings local "
        "merge noise normalization pooling recurrent wrappers".split()
    },
    **{f"engine.{part}": "layers" for part in "topology base_layer input_layer".split()},
    **{f"engine.{part}": "models" for part in "training network sequential".split()},
    **{
        f"utils.{part}": "utils"
        for part in "np_utils generic_utils data_utils vis_utils visualize_util layer_utils".split()
    },
    "engine": "layers",
    "objectives": "losses",
    "initializations": "initializers",
    "preprocessing.sequence": "utils",
    "preprocessing.image": "utils",
    "legacy.layers": "layers",
}

# Names that mean the same under another path today, whatever the module they were imported from.
NAMES = {
    "Input": "layers.Input",
    "Layer": "layers.Layer",
    "InputSpec": "layers.InputSpec",
    "InputLayer": "layers.InputLayer",
    "Model": "models.Model",
    "Sequential": "models.Sequential",
    "load_model": "models.load_model",
    "save_model": "models.save_model",
    "clone_model": "models.clone_model",
    "model_from_json": "models.model_from_json",
    "to_categorical": "utils.to_categorical",
    "normalize": "utils.normalize",
    "plot": "utils.plot_model",
    "plot_model": "utils.plot_model",
    "model_to_dot": "utils.model_to_dot",
    "get_file": "utils.get_file",
    "Progbar": "utils.Progbar",
    "Sequence": "utils.PyDataset",
    "CustomObjectScope": "utils.CustomObjectScope",
    "custom_object_scope": "utils.custom_object_scope",
    "get_custom_objects": "utils.get_custom_objects",
    "pad_sequences": "utils.pad_sequences",
    "load_img": "utils.load_img",
    "save_img": "utils.save_img",
    "img_to_array": "utils.img_to_array",
    "array_to_img": "utils.array_to_img",
    "l1": "regularizers.L1",
    "l2": "regularizers.L2",
    "l1_l2": "regularizers.L1L2",
    "l1l2": "regularizers.L1L2",
    "activity_l1": "regularizers.L1",
    "activity_l2": "regularizers.L2",
    "activity_l1l2": "regularizers.L1L2",
    "maxnorm": "constraints.MaxNorm",
    "max_norm": "constraints.MaxNorm",
    "nonneg": "constraints.NonNeg",
    "non_neg": "constraints.NonNeg",
    "unitnorm": "constraints.UnitNorm",
    "unit_norm": "constraints.UnitNorm",
    "huber_loss": "losses.huber",
    "logcosh": "losses.log_cosh",
    "layer_from_config": "layers.deserialize",
    "CuDNNLSTM": "layers.LSTM",
    "CuDNNGRU": "layers.GRU",
    **{
        name: f"losses.{name}"
        for name in "mean_squared_error mean_absolute_error mean_absolute_percentage_error "
        "mean_squared_logarithmic_error squared_hinge hinge categorical_hinge categorical_crossentropy "
        "sparse_categorical_crossentropy binary_crossentropy kullback_leibler_divergence poisson".split()
    },
    "mse": "losses.mean_squared_error",
    "mae": "losses.mean_absolute_error",
    **{name: f"layers.{name}" for name in "add subtract multiply average maximum minimum concatenate dot".split()},
}
NAMES["kullback_leibler_divergence"] = "losses.kl_divergence"

GETTERS = ("get", "serialize", "deserialize")

# Modules whose names mean the same today, where both have them.
ALIKE = ("layers", "models", "callbacks", "activations", "datasets", "applications", "initializers", "optimizers")

# Functions of keras.backend: today's path, with arguments that are called otherwise.
BACKEND = {
    **{
        name: (f"ops.{name}", {})
        for name in "abs all any argmax argmin cast concatenate cos equal exp expand_dims greater greater_equal less "
        "less_equal log max maximum mean min minimum not_equal ones_like prod reshape round shape sign sin sqrt square "
        "squeeze stack std sum tanh transpose var zeros_like".split()
    },
    "dot": ("ops.dot", {"x": "x1", "y": "x2"}),
    "maximum": ("ops.maximum", {"x": "x1", "y": "x2"}),
    "minimum": ("ops.minimum", {"x": "x1", "y": "x2"}),
    **{
        name: (f"ops.{name}", {"x": "x1", "y": "x2"})
        for name in "equal not_equal greater greater_equal less less_equal".split()
    },
    "clip": ("ops.clip", {"min_value": "x_min", "max_value": "x_max"}),
    "pow": ("ops.power", {"x": "x1", "a": "x2"}),
    "concatenate": ("ops.concatenate", {"tensors": "xs"}),
    "permute_dimensions": ("ops.transpose", {"pattern": "axes"}),
    "reshape": ("ops.reshape", {"shape": "newshape"}),
    "repeat_elements": ("ops.repeat", {"rep": "repeats"}),
    "sigmoid": ("ops.sigmoid", {}),
    "softplus": ("ops.softplus", {}),
    "softsign": ("ops.softsign", {}),
    "random_normal": ("random.normal", {"std": "stddev"}),
    "random_uniform": ("random.uniform", {"low": "minval", "high": "maxval"}),
    "relu": ("ops.relu", {}),
    "ndim": ("ops.ndim", {}),
    "int_shape": ("ops.shape", {}),
    "one_hot": ("ops.one_hot", {"indices": "x", "nb_classes": "num_classes"}),
    "elu": ("ops.elu", {}),
    "softmax": ("ops.softmax", {}),
    "constant": ("ops.convert_to_tensor", {"value": "x"}),
    "get_value": ("ops.convert_to_numpy", {}),
    "variable": ("Variable", {"value": "initializer"}),
    "stop_gradient": ("ops.stop_gradient", {"variables": "variable"}),
    "categorical_crossentropy": ("ops.categorical_crossentropy", {}),
    "binary_crossentropy": ("ops.binary_crossentropy", {}),
}
BACKEND_AS_IT_WAS = frozenset(
    "epsilon set_epsilon floatx set_floatx image_data_format set_image_data_format backend clear_session "
    "is_keras_tensor".split()
)
# Functions of keras.backend without a counterpart: what to write instead.
BACKEND_GONE = {
    "function": "a keras.Model(inputs, outputs), which is called or asked to predict",
    "gradients": "a step of your own, with the engine's gradients or kbridge.value_and_grad",
    "placeholder": "keras.Input(shape), or the value itself",
    "learning_phase": "the argument training of call",
    "in_train_phase": "the argument training of call",
    "get_session": "nothing: there are no sessions",
    "set_session": "nothing: there are no sessions",
    "eval": "keras.ops.convert_to_numpy(x)",
    "set_value": "variable.assign(value)",
    "rnn": "keras.layers.RNN with a cell of your own",
}

# Methods of models: what they are called today, arguments that have another name, and what says nothing any more.
_QUEUE = "max_q_size max_queue_size nb_worker workers pickle_safe use_multiprocessing".split()
METHODS = {
    "compile": ("compile", {}, ["sample_weight_mode"]),  # weights of steps are told by their shape
    "fit": ("fit", {"nb_epoch": "epochs"}, []),
    "evaluate": ("evaluate", {}, []),
    "predict": ("predict", {}, []),
    "fit_generator": ("fit", {"generator": "x", "nb_epoch": "epochs"}, _QUEUE),
    "evaluate_generator": ("evaluate", {"generator": "x"}, _QUEUE),
    "predict_generator": ("predict", {"generator": "x"}, _QUEUE),
    "predict_proba": ("predict", {}, []),
    "train_on_batch": ("train_on_batch", {}, []),
    "test_on_batch": ("test_on_batch", {}, []),
}
METHODS_GONE = {
    "reset_states": "layer.reset_state() for each of its recurrent layers",
    "predict_classes": "predict(x).argmax(axis=-1), or (predict(x) > 0.5).astype('int32') for one output",
}
# Defaults that differ in words alone, or in what is shown.
NO_MATTER = {"verbose", "batch_size", "shuffle", "name", "steps", "callbacks", "sparse", "path"}
SAME = {("zero", "zeros"), ("one", "ones"), ("normal", "random_normal"), ("uniform", "random_uniform")}
# Arguments of functions and classes that no door tells of.
ARGUMENTS = {"nb_classes": "num_classes", "y": "x", "m": "max_value", "nb_words": "num_words"}
HARMLESS = {"consume_less", "implementation"}  # arguments of layers that changed no result

# The mode of merge([...], mode=): the function of today.
MERGE_MODES = {
    "sum": "add",
    "mul": "multiply",
    "ave": "average",
    "max": "maximum",
    "concat": "concatenate",
    "dot": "dot",
}
METHOD_NAMES = {"get_output_shape_for": "compute_output_shape"}  # methods that layers define
HISTORY = {"acc": "accuracy", "val_acc": "val_accuracy"}  # keys of what fit returns

# Layers that take sequences: what they are given has a length and features.
OF_SEQUENCES = frozenset(
    "LSTM GRU SimpleRNN RNN Conv1D SeparableConv1D MaxPooling1D AveragePooling1D GlobalMaxPooling1D "
    "GlobalAveragePooling1D UpSampling1D ZeroPadding1D Cropping1D".split()
)
