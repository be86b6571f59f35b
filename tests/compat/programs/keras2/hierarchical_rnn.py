'''Rows of an image by one LSTM, and the rows' codes by another.'''
from __future__ import print_function
import numpy as np
import keras
from keras.models import Model
from keras.layers import Input, Dense, TimeDistributed
from keras.layers import LSTM

np.random.seed(8)
batch_size, num_classes, epochs = 16, 2, 8
row_hidden, col_hidden = 12, 10

x_train = np.random.rand(128, 6, 6, 1).astype('float32') * .5
labels = np.random.randint(0, 2, 128)
for image, label in zip(x_train, labels):
    for i in range(6):
        image[i, i if label else 5 - i] = 1
y_train = keras.utils.to_categorical(labels, num_classes)

row, col, pixel = x_train.shape[1:]
x = Input(shape=(row, col, pixel))
encoded_rows = TimeDistributed(LSTM(row_hidden))(x)
encoded_columns = LSTM(col_hidden)(encoded_rows)
prediction = Dense(num_classes, activation='softmax')(encoded_columns)
model = Model(x, prediction)
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
model.optimizer.lr = .01

history = model.fit(x_train[:96], y_train[:96], batch_size=batch_size, epochs=epochs, verbose=1,
                    validation_data=(x_train[96:], y_train[96:]))
scores = model.evaluate(x_train[96:], y_train[96:], verbose=0)
print('Test loss:', scores[0])
print('Test accuracy:', scores[1])

assert model.layers[1].output_shape == (None, 6, 12) and model.layers[1].layer.units == 12
assert model.layers[1].count_params() == 4 * 12 * (1 + 12 + 1)
assert scores[1] > .8, scores
