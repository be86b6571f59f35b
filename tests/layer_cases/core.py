"""Dense, Embedding, wrappers, dropout and changes of shape."""

import numpy as np

from layer_cases.case import PADDED, case, ints

case("Dense(3)", (2, 4))
case("Dense(3, activation='tanh', use_bias=False)", (2, 4))
case("Dense(3, activation='relu')", (2, 5, 4), masks={0: np.ones((2, 5), bool)})
case("Dense(2, activation='softmax', kernel_regularizer='l2', bias_constraint='non_neg')", (2, 3, 2, 4))

case("Dropout(0.5)", (2, 4))
case("Dropout(0.0)", (2, 4), training=True)
case("Flatten()", (2, 3, 4))
case("Flatten()", (3,))
case("Flatten(data_format='channels_first')", (2, 3, 4, 2))
case("Reshape((2, 6))", (2, 3, 4))
case("Reshape((-1, 2))", (2, 3, 4))
case("Reshape((-1,))", (2, 3, 4))
case("Permute((2, 1))", (2, 3, 4))
case("Permute((3, 1, 2))", (2, 3, 4, 2))
case("RepeatVector(3)", (2, 4))

case("Embedding(7, 3)", ints(7, 2, 4))
case("Embedding(7, 3, mask_zero=True)", ints(7, 3, 4))
case("Masking()", (2, 4, 3))
case("Masking(mask_value=0.5)", np.array([[[0.5, 0.5], [1.0, 0.5]], [[0.0, 0.0], [0.5, 0.5]]], "float32"))
case("Identity()", (3, 4), masks={0: np.array([True, False, True])})
case("Lambda(lambda x: x * 2.0 + 1.0)", (2, 4))

case("TimeDistributed(Dense(3))", (2, 4, 5))
case("TimeDistributed(Dense(3))", (3, 4, 5), masks={0: PADDED})
case("TimeDistributed(Conv2D(2, 2))", (2, 3, 4, 4, 1))
