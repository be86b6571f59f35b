"""Noise, which is silent outside of training, and penalties."""

from layer_cases.case import PADDED, case

case("GaussianNoise(0.5, seed=3)", (3, 4, 2), masks={0: PADDED})
case("GaussianNoise(0.0)", (2, 4), training=True)
case("GaussianDropout(0.5)", (3, 4, 2), masks={0: PADDED})
case("GaussianDropout(0.0)", (2, 4), training=True)
case("AlphaDropout(0.5, noise_shape=(None, 1, None))", (3, 4, 2), masks={0: PADDED})
case("AlphaDropout(0.0)", (2, 4), training=True)
case("SpatialDropout1D(0.5)", (3, 4, 2), masks={0: PADDED})
case("SpatialDropout1D(0.0, seed=1)", (3, 4, 2), training=True)
case("SpatialDropout2D(0.5, data_format='channels_first')", (2, 3, 4, 2))
case("SpatialDropout3D(0.5)", (2, 3, 2, 4, 2))
case("ActivityRegularization(0.1, l2=0.2)", (3, 4, 2), masks={0: PADDED})
