'''A recurrent convolutional network on sequences of words, with the data in the form of keras.datasets.imdb.'''
from __future__ import print_function
import numpy as np
from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation
from keras.layers import Embedding
from keras.layers import LSTM
from keras.layers import Conv1D, MaxPooling1D

max_features = 60
maxlen = 20
embedding_size = 12
kernel_size = 5
filters = 12
pool_size = 4
lstm_output_size = 10
batch_size = 16
epochs = 6

np.random.seed(4)
rng = np.random.RandomState(4)


def reviews(n):
    x, y = [], []
    for _ in range(n):
        label = rng.randint(2)
        words = rng.randint(4, max_features, rng.randint(8, 30)).tolist()
        for _ in range(4):
            words[rng.randint(len(words))] = 3 if label else 2
        x.append([1] + words)
        y.append(label)
    return np.array(x, dtype=object), np.array(y)


(x_train, y_train), (x_test, y_test) = reviews(192), reviews(64)
print(len(x_train), 'train sequences')
x_train = sequence.pad_sequences(x_train, maxlen=maxlen)
x_test = sequence.pad_sequences(x_test, maxlen=maxlen)
print('x_train shape:', x_train.shape)

model = Sequential()
model.add(Embedding(max_features, embedding_size, input_length=maxlen))
model.add(Dropout(0.1))
model.add(Conv1D(filters, kernel_size, padding='valid', activation='relu', strides=1))
model.add(MaxPooling1D(pool_size=pool_size))
model.add(LSTM(lstm_output_size))
model.add(Dense(1))
model.add(Activation('sigmoid'))

model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
history = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_data=(x_test, y_test))
score, acc = model.evaluate(x_test, y_test, batch_size=batch_size)
print('Test score:', score)
print('Test accuracy:', acc)

assert [layer.output_shape for layer in model.layers[2:5]] == [(None, 16, 12), (None, 4, 12), (None, 10)]
assert history.history['loss'][-1] < .9 * history.history['loss'][0]
assert acc > .6, acc
