"""Normalization."""

from layer_cases.case import PADDED, case

case("BatchNormalization()", (4, 3))
case("BatchNormalization(momentum=0.9, epsilon=1e-2)", (4, 3), training=True, tolerance=5e-5)
case("BatchNormalization(axis=1, scale=False)", (4, 3, 2), training=True, tolerance=5e-5)
case("BatchNormalization(axis=1, center=False)", (2, 3, 4, 2))
case("BatchNormalization(momentum=0.8)", (3, 4, 2), training=True, masks={0: PADDED}, tolerance=5e-5)
case("BatchNormalization(renorm=True)", (4, 3), tolerance=5e-5)
case("BatchNormalization(renorm=True, momentum=0.8)", (4, 3), training=True, tolerance=5e-5)
case(
    "BatchNormalization(renorm=True, renorm_clipping=dict(rmin=0.9, rmax=1.1, dmax=0.2), center=False, scale=False)",
    (4, 2, 3),
    training=True,
    tolerance=5e-5,
)
case("BatchNormalization(trainable=False)", (4, 3), training=True)
case("LayerNormalization()", (2, 5), tolerance=5e-5)
case(
    "LayerNormalization(axis=1, epsilon=1e-2)",
    (2, 5, 3),
    like="Sequential([Permute((2, 1)), LayerNormalization(epsilon=1e-2), Permute((2, 1))])",
    tolerance=5e-5,
)
case("LayerNormalization(axis=[1, 2], scale=False)", (2, 3, 4), tolerance=5e-5)
case("LayerNormalization(axis=(-2, -1))", (2, 3, 4), tolerance=5e-5)
case("LayerNormalization(center=False)", (3, 4, 3), masks={0: PADDED}, tolerance=5e-5)
case("LayerNormalization(axis=[2, 1])", (2, 3, 4), tolerance=5e-5)
case("LayerNormalization(rms_scaling=True)", (2, 5), tolerance=5e-5)
case("GroupNormalization(groups=2)", (3, 4, 6), masks={0: PADDED}, tolerance=5e-5)
case("GroupNormalization(groups=3, axis=1, center=False)", (2, 6, 3, 2), tolerance=5e-5)
case("GroupNormalization(groups=-1, axis=-2, scale=False, epsilon=1e-2)", (2, 3, 4, 2), tolerance=5e-5)
case("GroupNormalization(groups=2)", (3, 4), tolerance=5e-5)
case("RMSNormalization()", (3, 4, 5), masks={0: PADDED}, tolerance=5e-5)
case("RMSNormalization(axis=[2, 1], epsilon=1e-3)", (2, 3, 4), tolerance=5e-5)
case("UnitNormalization()", (3, 4, 5), masks={0: PADDED})
case("UnitNormalization(axis=(1, 2))", (2, 3, 4))
case("SpectralNormalization(Dense(3))", (2, 4), tolerance=5e-5)
case("SpectralNormalization(Dense(3, use_bias=False), power_iterations=3)", (2, 4), training=True, tolerance=5e-5)
case("SpectralNormalization(Conv2D(3, 2))", (2, 4, 4, 2), training=True, tolerance=5e-5)
