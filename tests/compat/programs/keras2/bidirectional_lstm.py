'''A bidirectional LSTM over sequences of words of different lengths.'''
from __future__ import print_function
import numpy as np
from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Dropout, Embedding, LSTM, Bidirectional

max_features = 20
maxlen = 12
batch_size = 16

np.random.seed(6)
rng = np.random.RandomState(6)
x = np.array([rng.randint(1, max_features, rng.randint(5, maxlen)).tolist() for _ in range(160)], dtype=object)
y = np.array([int(words[0] > 9) for words in x])
x = sequence.pad_sequences(x, maxlen=maxlen)

model = Sequential()
model.add(Embedding(max_features, 12, input_length=maxlen, mask_zero=True))
model.add(Bidirectional(LSTM(8)))
model.add(Dropout(0.1))
model.add(Dense(1, activation='sigmoid'))

# try using different optimizers and different optimizer configs
from keras.optimizers import Adam
model.compile(Adam(lr=0.01), 'binary_crossentropy', metrics=['accuracy'])
print('Train...')
history = model.fit(x, y, batch_size=batch_size, epochs=8, validation_data=[x, y])

layer = model.layers[1]
assert layer.output_shape == (None, 16)
assert [w.shape for w in layer.get_weights()] == [(12, 32), (8, 32), (32,)] * 2
assert history.history['val_accuracy'][-1] > .8, history.history['val_accuracy']

# A sequence says the same wherever its padding is: the layers are told by the mask.
shifted = sequence.pad_sequences([[7, 3, 9]], maxlen=maxlen, padding='post')
np.testing.assert_allclose(model.predict(shifted), model.predict(sequence.pad_sequences([[7, 3, 9]], maxlen=maxlen)),
                           rtol=1e-3, atol=1e-5)
