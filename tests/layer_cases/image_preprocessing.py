"""Layers that change images: those without chance, and others whose range leaves none."""

import numpy as np

from layer_cases.case import case

IMAGES = np.random.default_rng(9).uniform(5.0, 250.0, (2, 6, 8, 3)).astype("float32")
SHARES = IMAGES / 255
BYTES = IMAGES.astype("uint8")
FIRST = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2))

case("Resizing(3, 5)", IMAGES)
case("Resizing(9, 10, interpolation='nearest')", IMAGES[0])
case("Resizing(8, 8, pad_to_aspect_ratio=True, fill_value=7.0)", IMAGES)
case("Resizing(4, 4, interpolation='bicubic', crop_to_aspect_ratio=True, antialias=True)", IMAGES)
case("Resizing(3, 4, data_format='channels_first', antialias=True)", FIRST)
case("Resizing(4, 5)", BYTES)

case("CenterCrop(3, 5)", IMAGES)
case("CenterCrop(4, 3, data_format='channels_first')", FIRST)
case("CenterCrop(9, 5)", IMAGES)
case("CenterCrop(2, 3)", BYTES[0])
case("RandomCrop(6, 8, seed=1)", IMAGES, training=True)

case("AutoContrast()", IMAGES)
case("AutoContrast(value_range=(0, 1))", SHARES)
case("AutoContrast()", BYTES)
case("Equalization()", BYTES, gradients=False)
case("Equalization(bins=16)", IMAGES, gradients=False)
case("Equalization(value_range=(0, 1), data_format='channels_first')", FIRST / 255, gradients=False)
case("Equalization()", IMAGES, gradients=False, training=False)

case("RandomRotation((0.1, 0.1), seed=1)", IMAGES, training=True)
case(
    "RandomRotation((0.2, 0.2), fill_mode='constant', fill_value=3.0, data_format='channels_first')",
    FIRST,
    training=True,
)
case("RandomTranslation((0.2, 0.2), (-0.3, -0.3))", IMAGES, training=True)
case("RandomTranslation(0.2, 0.2)", IMAGES, training=False)
case("RandomZoom((0.2, 0.2), fill_mode='wrap')", IMAGES, training=True)
case("RandomZoom((-0.3, -0.3), (0.21, 0.21), interpolation='nearest', fill_mode='nearest')", IMAGES, training=True)
case("RandomBrightness((0.3, 0.3))", IMAGES, training=True)
case("RandomBrightness((-0.2, -0.2), value_range=(0, 1))", SHARES, training=True)
case("RandomSharpness((0.8, 0.8))", IMAGES, training=True)
case("RandomSharpness((0.1, 0.1), data_format='channels_first')", FIRST, training=True)
case("RandomSaturation((0.3, 0.3), value_range=(0, 1))", SHARES, training=True, tolerance=1e-4)
case("RandomColorDegeneration((0.4, 0.4))", IMAGES, training=True)
case("RandomGrayscale(1.0)", IMAGES, training=True)
case("RandomInvert((1.0, 1.0))", IMAGES, training=True)
case("RandomPosterization((3, 3))", IMAGES, training=True, gradients=False)
case("RandomGaussianBlur((1.0, 1.0), kernel_size=5, sigma=(0.7, 0.7))", IMAGES, training=True)
