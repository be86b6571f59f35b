"""Pooling."""

from layer_cases.case import FULL, case

case("MaxPooling1D()", (2, 6, 3))
case("MaxPooling1D(3, strides=2, padding='same')", (2, 6, 3))
case("MaxPooling1D(2, data_format='channels_first')", (2, 3, 6))
case("MaxPooling2D()", (2, 4, 5, 2))
case("MaxPooling2D((3, 2), strides=1, padding='same')", (2, 4, 5, 2))
case("MaxPooling2D(2, data_format='channels_first', padding='same')", (2, 2, 5, 4))
case("AveragePooling1D(2)", (2, 6, 3))
case("AveragePooling1D(3, strides=2, padding='same')", (2, 6, 3), like="average_where_same(1, (3,), (2,))")
case("AveragePooling2D((2, 2))", (2, 4, 5, 2))
case("AveragePooling2D((3, 2), strides=1, padding='same')", (2, 4, 5, 2), like="average_where_same(2, (3, 2), (1, 1))")
case("AveragePooling2D(2, data_format='channels_first', padding='same')", (2, 2, 5, 4))
case("GlobalMaxPooling1D()", (2, 4, 3))
case("GlobalMaxPooling1D(data_format='channels_first', keepdims=True)", (2, 4, 3))
case("GlobalMaxPooling2D(keepdims=True)", (2, 4, 3, 2))
case("GlobalMaxPooling2D(data_format='channels_first')", (2, 4, 3, 2))
case("GlobalAveragePooling1D()", (2, 4, 3))
case("GlobalAveragePooling1D(keepdims=True)", (3, 4, 2), masks={0: FULL})
case("GlobalAveragePooling1D(data_format='channels_first')", (3, 2, 4), mask=FULL)
case("GlobalAveragePooling2D()", (2, 4, 3, 2))
case("GlobalAveragePooling2D(data_format='channels_first', keepdims=True)", (2, 4, 3, 2))

case("MaxPooling3D()", (2, 4, 5, 2, 2))
case("MaxPooling3D((3, 2, 1), strides=2, padding='same')", (2, 4, 5, 2, 2))
case("MaxPooling3D(2, data_format='channels_first')", (2, 2, 4, 5, 2))
case("AveragePooling3D(2)", (2, 4, 5, 2, 2))
case(
    "AveragePooling3D((3, 2, 1), strides=1, padding='same')",
    (2, 3, 4, 2, 2),
    like="average_where_same(3, (3, 2, 1), (1, 1, 1))",
)
case("AveragePooling3D(2, data_format='channels_first')", (2, 2, 4, 5, 2))
case("GlobalMaxPooling3D()", (2, 3, 2, 2, 2))
case("GlobalMaxPooling3D(data_format='channels_first', keepdims=True)", (2, 3, 2, 2, 2))
case("GlobalAveragePooling3D(keepdims=True)", (2, 3, 2, 2, 2))
case("GlobalAveragePooling3D(data_format='channels_first')", (2, 3, 2, 2, 2))
case("AdaptiveAveragePooling1D(2)", (2, 6, 3))
case("AdaptiveAveragePooling1D(3, data_format='channels_first')", (2, 3, 7))
case("AdaptiveAveragePooling2D((2, 3))", (2, 5, 6, 2))
case("AdaptiveAveragePooling2D(2, data_format='channels_first')", (2, 2, 5, 4))
case("AdaptiveAveragePooling3D((2, 1, 2))", (2, 3, 4, 2, 2))
case("AdaptiveMaxPooling1D(3)", (2, 7, 3))
case("AdaptiveMaxPooling2D((2, 3))", (2, 5, 6, 2))
case("AdaptiveMaxPooling2D(2, data_format='channels_first')", (2, 2, 5, 4))
case("AdaptiveMaxPooling3D(2)", (2, 3, 4, 2, 2))
