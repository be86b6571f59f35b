'''A bidirectional LSTM over words, with dropout of the inputs and of the states, and masks.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Dropout, Embedding, LSTM, Input, Bidirectional

max_features, maxlen = 20, 10
y = np.random.randint(0, 2, 160)
X = [[int(1 + label)] + list(np.random.randint(3, max_features, np.random.randint(2, 9))) for label in y]
X = [words if np.random.rand() < 0.5 else words[::-1] for words in X]
X = sequence.pad_sequences(X, maxlen=maxlen)

model = Sequential()
model.add(Embedding(max_features, 8, input_length=maxlen, mask_zero=True))
model.add(Bidirectional(LSTM(8, dropout_W=0.1, dropout_U=0.1, consume_less='gpu')))
model.add(Dropout(0.2))
model.add(Dense(1, activation='sigmoid'))
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
history = model.fit(X, y, batch_size=16, nb_epoch=10, validation_data=[X, y], verbose=0)
assert history.history['val_loss'][-1] < history.history['val_loss'][0]
assert history.history['val_acc'][-1] > 0.8, history.history['val_acc']
both = model.layers[1]
assert both.output_shape == (None, 16) and len(both.get_weights()) == 6
# what is masked does not count: the same words with more zeros before them
longer = Sequential()
longer.add(Embedding(max_features, 8, mask_zero=True))
longer.add(Bidirectional(LSTM(8, consume_less='gpu')))
longer.add(Dense(1, activation='sigmoid'))
longer.set_weights(model.get_weights())
np.testing.assert_allclose(longer.predict(np.hstack([np.zeros((160, 3), int), X])), model.predict(X), rtol=1e-3, atol=1e-4)
