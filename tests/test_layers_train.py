"""Layers that no other test trains, in small models whose loss falls on each engine."""

import numpy as np
import pytest

import kbridge
from kbridge import layers

IMAGES = (
    "AutoContrast(), Equalization(), ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2)),"
    "Solarization(0.0, 0.05), RandomColorDegeneration(0.1), RandomColorJitter((0, 255), 0.1, 0.1, 0.1, 0.1),"
    "RandomElasticTransform(0.1, 1.0), RandomErasing(0.1), RandomGaussianBlur(0.1), RandomGrayscale(0.1),"
    "RandomHue(0.1, (0, 255)), RandomInvert(0.0), RandomPerspective(0.1, 0.1), RandomPosterization(7, (0, 255)),"
    "RandomSaturation(0.5, (0, 255)), RandomSharpness(0.1, (0, 255)), RandomShear(0.1, 0.1), RandomZoom(0.1),"
    "RandAugment((0, 255), 1, 0.1), AugMix((0, 255)), CenterCrop(10, 10), Rescaling(1 / 255), Conv2D(4, 3), Flatten(),"
    "Dense(3, activation='softmax')"
)

MODELS = {
    "volumes": (
        (2, 5, 5, 5, 1),
        "ConvLSTM3D(2, 2), SpatialDropout3D(0.1), AdaptiveMaxPooling3D(2), Flatten(), Dense(3, activation='softmax')",
    ),
    "volume": ((4, 4, 4, 2), "Conv3D(4, 2), GlobalAveragePooling3D(), Dense(3, activation='softmax')"),
    "rows": (
        (2, 6, 3),
        "ConvLSTM1D(3, 2), SpatialDropout1D(0.1), RNN(StackedRNNCells([SimpleRNNCell(4), SimpleRNNCell(4)])),"
        "Dense(3, activation='softmax')",
    ),
    "sound": (
        (256,),
        "MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8), Flatten(), LayerNormalization(),"
        "Dense(3, activation='softmax')",
    ),
    "images": ((12, 12, 3), IMAGES),
}


@pytest.mark.parametrize("kind", MODELS)
def test_trains(engine, kind):
    shape, names = MODELS[kind]
    kbridge.utils.set_random_seed(3)
    stack = eval(f"[{names}]", dict(vars(layers)))
    model = kbridge.Sequential([kbridge.Input(shape), *stack])
    y = np.arange(24) % 3
    x = np.random.default_rng(5).normal(size=(24, *shape)) + y.reshape(-1, *[1] * len(shape))
    if kind == "images":
        x = np.clip(x * 40 + 60, 0, 255)
    model.compile(kbridge.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    losses = model.fit(x.astype("float32"), y, batch_size=12, epochs=8, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
