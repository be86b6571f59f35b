"""Layers of Keras 2 whose meaning has not changed since, called in the words of Keras 1 and 2, against Keras 3."""

import numpy as np
import pytest
from oracle import close, keras

from kbridge.compat.keras2 import layers

pytestmark = pytest.mark.filterwarnings("ignore::kbridge.compat.notes.OldCallWarning")

IMAGE, SEQUENCE = (2, 6, 5, 4), (2, 5, 4)
CASES = [
    lambda: (
        layers.Convolution2D(3, 3, 2, subsample=(2, 1), border_mode="same"),
        keras.layers.Conv2D(3, (3, 2), (2, 1), "same"),
    ),
    lambda: (
        layers.AtrousConvolution2D(3, 2, 2, atrous_rate=(2, 2)),
        keras.layers.Conv2D(3, 2, dilation_rate=2),
    ),
    lambda: (
        layers.Deconvolution2D(3, 3, 3, subsample=(2, 2)),
        keras.layers.Conv2DTranspose(3, 3, 2),
    ),
    lambda: (
        layers.Conv2DTranspose(3, 3, 2, "same", (1, 1)),
        keras.layers.Conv2DTranspose(3, 3, 2, "same", output_padding=(1, 1)),
    ),
    lambda: (
        layers.SeparableConvolution2D(3, 3, 3, depth_multiplier=2),
        keras.layers.SeparableConv2D(3, 3, depth_multiplier=2),
    ),
    lambda: (
        layers.DepthwiseConv2D(3, (1, 1), "same", 2),
        keras.layers.DepthwiseConv2D(3, 1, "same", 2),
    ),
    lambda: (
        layers.MaxPooling2D(border_mode="same"),
        keras.layers.MaxPooling2D(padding="same"),
    ),
    lambda: (
        layers.AveragePooling2D((3, 2), (1, 1), "same"),
        keras.layers.AveragePooling2D((3, 2), 1, "same"),
    ),
    lambda: (
        layers.GlobalAveragePooling2D(),
        keras.layers.GlobalAveragePooling2D(),
    ),
    lambda: (
        layers.Cropping2D(((1, 2), (0, 1))),
        keras.layers.Cropping2D(((1, 2), (0, 1))),
    ),
    lambda: (
        layers.ZeroPadding2D((1, 2, 0, 1)),
        keras.layers.ZeroPadding2D(((1, 2), (0, 1))),
    ),
    lambda: (
        layers.UpSampling2D((2, 3)),
        keras.layers.UpSampling2D((2, 3)),
    ),
    lambda: (
        layers.Flatten("channels_first"),
        keras.layers.Flatten("channels_first"),
    ),
    lambda: (
        layers.Permute((3, 1, 2)),
        keras.layers.Permute((3, 1, 2)),
    ),
    lambda: (
        layers.PReLU(init="he_normal", shared_axes=[1, 2]),
        keras.layers.PReLU(shared_axes=[1, 2]),
    ),
    lambda: (
        layers.BatchNormalization(axis=1, epsilon=0.1, mode=0),
        keras.layers.BatchNormalization(axis=1, epsilon=0.1),
    ),
    lambda: (
        layers.Convolution1D(3, 2, subsample_length=2),
        keras.layers.Conv1D(3, 2, 2),
    ),
    lambda: (
        layers.Conv1D(3, 3, padding="causal", dilation_rate=2),
        keras.layers.Conv1D(3, 3, padding="causal", dilation_rate=2),
    ),
    lambda: (
        layers.SeparableConv1D(3, 2),
        keras.layers.SeparableConv1D(3, 2),
    ),
    lambda: (
        layers.MaxPooling1D(pool_length=3, stride=1),
        keras.layers.MaxPooling1D(3, 1),
    ),
    lambda: (
        layers.UpSampling1D(length=3),
        keras.layers.UpSampling1D(3),
    ),
    lambda: (
        layers.SimpleRNN(output_dim=3, activation="relu"),
        keras.layers.SimpleRNN(3, activation="relu"),
    ),
    lambda: (
        layers.LSTM(3, return_sequences=True, go_backwards=True),
        keras.layers.LSTM(3, return_sequences=True, go_backwards=True),
    ),
    lambda: (
        layers.GRU(3, inner_activation="sigmoid"),
        keras.layers.GRU(3, reset_after=False),
    ),
    lambda: (
        layers.GRU(3, reset_after=True),
        keras.layers.GRU(3),
    ),
    lambda: (
        layers.Bidirectional(layers.LSTM(3), "mul"),
        keras.layers.Bidirectional(keras.layers.LSTM(3), "mul"),
    ),
    lambda: (
        layers.TimeDistributed(layers.Dense(3)),
        keras.layers.TimeDistributed(keras.layers.Dense(3)),
    ),
    lambda: (
        layers.RNN([layers.LSTMCell(3), layers.LSTMCell(2)]),
        keras.layers.RNN([keras.layers.LSTMCell(3), keras.layers.LSTMCell(2)]),
    ),
    lambda: (
        layers.Dense(output_dim=3, bias=False, activation="selu"),
        keras.layers.Dense(3, use_bias=False, activation="selu"),
    ),
]


@pytest.mark.parametrize("make", CASES, ids=range(len(CASES)))
def test_same_values(make):
    ours, reference = make()
    shape = SEQUENCE if _takes_sequences(ours) else IMAGE
    x = np.random.RandomState(0).randn(*shape).astype("float32")
    want = reference(x)
    weights = [np.random.RandomState(i).rand(*w.shape) for i, w in enumerate(reference.get_weights())]
    reference.set_weights(weights)
    assert tuple(ours.compute_output_shape(shape)) == tuple(np.shape(want))
    ours(x)
    ours.set_weights(weights)
    close(ours(x), reference(x), rtol=1e-4, atol=1e-5)


def _takes_sequences(layer):
    name = type(layer).__name__
    return "1D" in name or name in ("SimpleRNN", "LSTM", "GRU", "Bidirectional", "TimeDistributed", "RNN", "Dense")
