"""What the words of a program say of the generation it is written for: data for ``detect``.

Each row has a set of generations, a weight and words: "1" is Keras 1 alone, "12" both old
ones, "2" Keras 2 alone, "23" Keras 2 and today's, "3" today's alone.
"""

# fmt: off
# arguments by name, in any call
ARGUMENTS = (
    ("1", 3, """
        nb_epoch samples_per_epoch nb_val_samples val_samples nb_filter nb_row nb_col nb_worker W_regularizer
        b_regularizer U_regularizer W_constraint b_constraint U_constraint W_learning_rate_multiplier show_accuracy
        class_mode theano_mode inner_init inner_activation forget_bias_init dropout_W dropout_U filter_length
        subsample_length pool_length nb_feature atrous_rate beta_init gamma_init consume_less dim_ordering max_q_size
        pickle_safe truncate_gradient concat_axis dot_axes kernel_dim1 kernel_dim2
    """),
    ("1", 2, "border_mode subsample init"),
    ("12", 2, "lr decay clip_norm"),
    ("2", 2, "implementation steps_name target_tensors"),
    ("23", 1, """
        epochs steps_per_epoch validation_steps units filters kernel_size kernel_initializer bias_initializer
        recurrent_initializer kernel_regularizer bias_regularizer recurrent_regularizer kernel_constraint
        bias_constraint recurrent_constraint recurrent_activation recurrent_dropout use_bias data_format dilation_rate
        depth_multiplier weighted_metrics workers use_multiprocessing validation_freq
    """),
    ("3", 2, "jit_compile auto_scale_loss loss_scale_factor"),
)

# arguments that count in calls of certain names
ARGUMENTS_OF = (
    ("1", 3, "Dense LSTM GRU SimpleRNN Convolution1D MaxoutDense TimeDistributedDense", "output_dim"),
    ("1", 3, "Model", "input output"),
    ("1", 2, "Dropout GaussianDropout SpatialDropout2D", "p"),
    ("1", 2, "GaussianNoise", "sigma"),
    ("1", 2, "BatchNormalization", "mode"),
    ("1", 3, "Merge merge", "mode"),
    ("1", 2, "maxnorm", "m"),
    ("1", 2, "Dense Convolution2D Convolution1D", "bias"),
    ("23", 1, "Model", "inputs outputs"),
    ("23", 1, "Dropout SpatialDropout1D SpatialDropout2D", "rate"),
    ("23", 1, "Conv1D Conv2D Conv3D MaxPooling2D SeparableConv2D Conv2DTranspose", "padding strides"),
)

# names imported from keras, or reached through it
NAMES = (
    ("1", 3, """
        Merge merge MaxoutDense Highway TimeDistributedDense AtrousConvolution1D AtrousConvolution2D Deconvolution2D
        activity_l1 activity_l2 activity_l1l2 WeightRegularizer ActivityRegularizer EigenvalueRegularizer Convolution1D
        Convolution2D Convolution3D SeparableConvolution2D layer_from_config initializations Graph
    """),
    ("1", 1, "l1l2 unitnorm nonneg maxnorm objectives"),
    ("2", 3, "CuDNNLSTM CuDNNGRU multi_gpu_model StackedRNNCells ConvRecurrent2D normalize_data_format"),
    ("12", 2, "Recurrent np_utils generic_utils AveragePooling KerasClassifier KerasRegressor"),
    ("23", 1, """
        Conv1D Conv2D Conv3D Conv2DTranspose SeparableConv2D DepthwiseConv2D Add Multiply Average Maximum Concatenate
        Dot Subtract add multiply concatenate subtract dot average maximum
    """),
    ("3", 3, """
        Variable StatelessScope KerasTensor device GroupNormalization
        LayerNormalization MultiHeadAttention EinsumDense UnitNormalization GroupQueryAttention RandomFlip
        RandomRotation RandomZoom Rescaling Resizing CenterCrop TextVectorization StringLookup IntegerLookup
        Normalization Discretization CategoryEncoding Hashing TorchModuleWrapper TFSMLayer JaxLayer
        image_dataset_from_directory audio_dataset_from_directory text_dataset_from_directory PyDataset AdamW Lion
        Adafactor LossScaleOptimizer Muon SpectralNormalization
    """),
)

# modules, by their paths below keras
MODULES = (
    ("1", 3, "initializations layers.containers utils.visualize_util legacy.models"),
    ("1", 1, "objectives"),
    ("2", 3, "layers.cudnn_recurrent utils.multi_gpu_utils engine.network engine.sequential engine.base_layer"),
    ("2", 2, "utils.vis_utils engine.input_layer"),
    ("12", 2, """
        layers.core layers.convolutional layers.recurrent layers.embeddings layers.normalization layers.wrappers
        layers.advanced_activations layers.noise layers.local layers.pooling layers.merge utils.np_utils engine
        engine.topology engine.training utils.generic_utils utils.data_utils utils.io_utils utils.layer_utils
        utils.conv_utils preprocessing preprocessing.image preprocessing.sequence preprocessing.text
        wrappers.scikit_learn legacy legacy.layers backend.tensorflow_backend backend.theano_backend
        applications.imagenet_utils.preprocess backend
    """),
    ("3", 3, """
        ops random saving tree export distribution dtype_policies quantizers visualization distillation config
    """),
)

# methods and functions of models, layers and the backend
METHODS = (
    ("1", 3, "get_output_shape_for add_input add_output add_node"),
    ("1", 1, "image_dim_ordering set_image_dim_ordering"),
    ("12", 2, """
        predict_classes predict_proba fit_generator evaluate_generator predict_generator get_session learning_phase
        set_learning_phase set_session placeholder in_train_phase get_updates
    """),
    ("2", 1, "int_shape normalize_data_format"),
    ("23", 1, "compute_output_shape"),
    ("3", 3, "stateless_call stateless_apply"),
)
