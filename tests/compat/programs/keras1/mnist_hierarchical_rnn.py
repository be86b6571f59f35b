'''Rows of pixels by one LSTM, the rows' codes by another.'''
from __future__ import print_function
import numpy as np
np.random.seed(0)
from keras.models import Model
from keras.layers import Input, Dense, TimeDistributed
from keras.layers import LSTM
from keras.utils import np_utils

X = np.random.rand(120, 6, 6, 1).astype('float32') * 0.5
y = np.random.randint(0, 2, 120)
for image, label in zip(X, y):
    image[np.random.randint(0, 3) + 3 * label] = 1.
Y = np_utils.to_categorical(y, 2)

row, col, pixel = X.shape[1:]
x = Input(shape=(row, col, pixel))
encoded_rows = TimeDistributed(LSTM(output_dim=8))(x)
assert encoded_rows._keras_shape == (None, 6, 8)
encoded_columns = LSTM(8)(encoded_rows)
prediction = Dense(2, activation='softmax')(encoded_columns)
model = Model(input=x, output=prediction)
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
model.optimizer.lr.assign(0.01) if hasattr(model.optimizer.lr, 'assign') else None
model.fit(X, Y, batch_size=20, nb_epoch=10, verbose=0, validation_data=(X, Y))
scores = model.evaluate(X, Y, verbose=0)
assert scores[1] > 0.75, scores
