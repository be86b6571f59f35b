"""A convolutional and recurrent model that tags music (Choi et al., 2016)."""

from kbridge.backend.symbolic import is_symbol
from kbridge.compat.applications import channels_axis, parts
from kbridge.compat.fetching import get_file
from kbridge.compat.keras1.applications.audio_conv_utils import decode_predictions as decode_predictions
from kbridge.compat.keras1.applications.audio_conv_utils import preprocess_input as preprocess_input
from kbridge.utils.session import get_source_inputs

_RELEASE = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.3/music_tagger_crnn_weights_tf_kernels"
)
TH_WEIGHTS_PATH = f"{_RELEASE}_th_dim_ordering.h5"
TF_WEIGHTS_PATH = f"{_RELEASE}_tf_dim_ordering.h5"


def MusicTaggerCRNN(weights="msd", input_tensor=None, include_top=True, classes=50):
    """The model.

    Args:
        weights: None for random ones, "msd" for those that were trained on a million songs.
        input_tensor: a symbol to begin with.
        include_top: whether it ends in tags; else in 32 features.
        classes: how many tags there are; 50 with the trained weights.
    """
    if weights not in ("msd", None):
        raise ValueError(f"MusicTaggerCRNN: weights must be 'msd' or None. Received: weights={weights!r}.")
    if weights == "msd" and include_top and classes != 50:
        raise ValueError(f"MusicTaggerCRNN: the trained weights are for 50 tags. Received: classes={classes}.")
    layers, model = parts("keras1")
    channels = channels_axis()
    shape = (96, 1366, 1) if channels == 3 else (1, 96, 1366)
    if input_tensor is None:
        x = sources = layers.Input(shape=shape)
    else:
        x = input_tensor if is_symbol(input_tensor) else layers.Input(tensor=input_tensor, shape=shape)
        sources = get_source_inputs(x)
    x = layers.ZeroPadding2D(padding=(0, 37))(x)
    x = layers.BatchNormalization(axis=2 if channels == 3 else 3, name="bn_0_freq")(x)
    for number, (filters, pool) in enumerate(((64, 2), (128, 3), (128, 4), (128, 4)), 1):
        x = layers.Conv2D(filters=filters, kernel_size=3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(axis=channels, name=f"bn{number}")(x)
        x = layers.ELU()(x)
        x = layers.MaxPooling2D(pool_size=(pool, pool), strides=(pool, pool), name=f"pool{number}")(x)
    if channels == 1:
        x = layers.Permute((3, 1, 2))(x)
    x = layers.Reshape((15, 128))(x)
    x = layers.GRU(32, return_sequences=True, name="gru1")(x)
    x = layers.GRU(32, return_sequences=False, name="gru2")(x)
    if include_top:
        x = layers.Dense(classes, activation="sigmoid", name="output")(x)
    made = model(sources, x, name="music_tagger_crnn")
    if weights is not None:
        origin = TF_WEIGHTS_PATH if channels == 3 else TH_WEIGHTS_PATH
        made.load_weights(get_file(origin.rpartition("/")[2], origin, cache_subdir="models"), by_name=True)
    return made
