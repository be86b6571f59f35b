'''Reviews by a convolution over words and the largest of what it finds.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation
from keras.layers import Embedding
from keras.layers import Convolution1D, GlobalMaxPooling1D

max_features, maxlen = 50, 20
y = np.random.randint(0, 2, 200)
X = []
for label in y:
    words = list(np.random.randint(5, max_features, np.random.randint(8, 25)))
    at = np.random.randint(len(words) - 2)
    words[at:at + 2] = [1, 2] if label else [2, 1]  # what counts is the order
    X.append(words[:maxlen])
    if at + 2 > maxlen:
        X[-1][-2:] = [1, 2] if label else [2, 1]
X = sequence.pad_sequences(X, maxlen=maxlen)

model = Sequential()
model.add(Embedding(max_features, 12, input_length=maxlen, dropout=0.05))
model.add(Convolution1D(nb_filter=16, filter_length=3, border_mode='valid', activation='relu', subsample_length=1))
model.add(GlobalMaxPooling1D())
model.add(Dense(16))
model.add(Dropout(0.1))
model.add(Activation('relu'))
model.add(Dense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
history = model.fit(X, y, batch_size=16, nb_epoch=15, validation_data=(X, y), verbose=0)
assert history.history['val_acc'][-1] > 0.9, history.history['val_acc']
assert model.layers[1].get_weights()[0].shape == (3, 1, 12, 16)
assert ((model.predict_proba(X, verbose=0) > 0.5).ravel() == y).mean() > 0.9
