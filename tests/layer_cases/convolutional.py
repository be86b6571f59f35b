"""Convolutions."""

from layer_cases.case import case

case("Conv1D(3, 2)", (2, 6, 4))
case("Conv1D(3, 3, strides=2, padding='same', activation='relu')", (2, 7, 4))
case("Conv1D(3, 3, padding='causal', dilation_rate=2)", (2, 7, 4))
case("Conv1D(3, 3, padding='causal', strides=2)", (2, 8, 4))
case("Conv1D(4, 3, groups=2, use_bias=False)", (2, 6, 4))
case("Conv1D(3, 2, data_format='channels_first', padding='same')", (2, 4, 6))
case("Conv2D(3, 2)", (2, 5, 4, 2))
case("Conv2D(3, (3, 2), strides=(2, 1), padding='same')", (2, 6, 5, 2))
case("Conv2D(3, 3, strides=2, padding='same', use_bias=False)", (2, 5, 6, 2))
case("Conv2D(3, 2, dilation_rate=(2, 1), activation='tanh')", (2, 5, 5, 2))
case("Conv2D(4, 2, groups=2, padding='same')", (2, 4, 5, 4))
case("Conv2D(3, 2, data_format='channels_first')", (2, 2, 5, 4))
case("Conv2D(3, 3, strides=2, padding='same', data_format='channels_first')", (2, 2, 5, 4))
