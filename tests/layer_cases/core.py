"""Dense, EinsumDense, embeddings, wrappers, dropout, changes of shape, spectrograms."""

import numpy as np

from layer_cases.case import PADDED, case, ints

case("Dense(3)", (2, 4))
case("Dense(3, activation='tanh', use_bias=False)", (2, 4))
case("Dense(3, activation='relu')", (2, 5, 4), masks={0: np.ones((2, 5), bool)})
case("Dense(2, activation='softmax', kernel_regularizer='l2', bias_constraint='non_neg')", (2, 3, 2, 4))

case("Dense(3, lora_rank=2)", (2, 5, 4))
case("EinsumDense('ab,bc->ac', 3, bias_axes='c', activation='relu')", (2, 4))
case("EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de')", (2, 3, 4))
case("EinsumDense('abc,bcd->ad', 3)", (2, 3, 4))
case("EinsumDense('...x,xy->...y', 3, bias_axes='y', lora_rank=2)", (2, 3, 4))
case("EinsumDense('...bc,cbd->...bd', (3, 2), bias_axes='b')", (2, 2, 3, 4))
case("EinsumDense('ab...,bc->ac...', 3, bias_axes='c')", (2, 4, 3))

case("Dropout(0.5)", (2, 4))
case("Dropout(0.0)", (2, 4), training=True)
case("Flatten()", (2, 3, 4))
case("Flatten()", (3,))
case("Flatten(data_format='channels_first')", (2, 3, 4, 2))
case("Flatten(data_format='channels_first')", (2, 3, 4))
case("Reshape((2, 6))", (2, 3, 4))
case("Reshape((-1, 2))", (2, 3, 4))
case("Reshape((-1,))", (2, 3, 4))
case("Permute((2, 1))", (2, 3, 4))
case("Permute((3, 1, 2))", (2, 3, 4, 2))
case("RepeatVector(3)", (2, 4))

case("Embedding(7, 3)", ints(7, 2, 4))
case("Embedding(7, 3, mask_zero=True)", ints(7, 3, 4))
case("Embedding(7, 3, lora_rank=2)", ints(7, 2, 4))
case("ReversibleEmbedding(7, 3)", ints(7, 2, 4))
case("ReversibleEmbedding(7, 3, tie_weights=False, mask_zero=True)", ints(7, 2, 4))
case("ReversibleEmbedding(7, 3)", (2, 4, 3), reverse=True)
case("ReversibleEmbedding(7, 3, tie_weights=False, logit_soft_cap=2.0)", (2, 4, 3), reverse=True)
case("Masking()", (2, 4, 3))
case("Masking(mask_value=0.5)", np.array([[[0.5, 0.5], [1.0, 0.5]], [[0.0, 0.0], [0.5, 0.5]]], "float32"))
case("Identity()", (3, 4), masks={0: np.array([True, False, True])})
case("Lambda(lambda x: x * 2.0 + 1.0)", (2, 4))

case("TimeDistributed(Dense(3))", (2, 4, 5))
case("TimeDistributed(Dense(3))", (3, 4, 5), masks={0: PADDED})
case("TimeDistributed(Conv2D(2, 2))", (2, 3, 4, 4, 1))
case("TimeDistributed(LSTM(2))", (2, 3, 4, 3))
case("TimeDistributed(TimeDistributed(Dense(2)))", (2, 3, 2, 3))
case("TimeDistributed(BatchNormalization())", (4, 3, 2), training=True)
case("TimeDistributed(Flatten())", (2, 3, 2, 2))

case("STFTSpectrogram('log', 8)", (2, 20, 1))
case("STFTSpectrogram('stft', 6, 3, 8, window='hamming', padding='same')", (2, 20, 2))
case("STFTSpectrogram('psd', 8, 4, expand_dims=True, scaling='spectrum')", (2, 20, 2))
case("STFTSpectrogram('magnitude', 8, data_format='channels_first', periodic=True)", (2, 2, 20))
case("STFTSpectrogram('angle', 8, data_format='channels_first', expand_dims=True)", (2, 2, 20))
case("STFTSpectrogram('real', 8, window=None, scaling=None)", (2, 20, 1))
case("STFTSpectrogram('imag', 8, 8)", (2, 20, 1))
# Decibels of weak bands show that Keras computes the bands themselves in float32.
case("MelSpectrogram(16, 8, sampling_rate=200, num_mel_bins=4)", (2, 40), gradients=False, tolerance=2e-5)
case("MelSpectrogram(16, 4, 8, 'hamming', 200, 3, power_to_db=False, mag_exp=1.0)", (50,), gradients=False)
