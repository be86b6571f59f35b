'''Trains an LSTM model on a sentiment classification task, with reviews in an npz file of IMDB's layout.'''
from __future__ import print_function

import json
import os
import tempfile

import numpy as np

from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Embedding
from keras.layers import LSTM
from keras.datasets import imdb

np.random.seed(9)
folder = tempfile.mkdtemp()
max_features = 40
# cut texts after this number of words (among top max_features most common words)
maxlen = 12
batch_size = 16


def make_reviews(count):
    reviews = np.empty(count, dtype=object)
    for i in range(count):
        words = np.random.randint(21, 60, np.random.randint(6, 16))
        words[np.random.permutation(len(words))[:4]] = np.random.randint(1, 11, 4) + (0 if i % 2 else 10)
        reviews[i] = [int(n) for n in words]
    return reviews, np.arange(count) % 2


(x, y), (x_, y_) = make_reviews(200), make_reviews(60)
np.savez(os.path.join(folder, 'imdb.npz'), x_train=x, y_train=y, x_test=x_, y_test=y_)
with open(os.path.join(folder, 'index.json'), 'w') as f:
    json.dump({'word%d' % n: n for n in range(1, 60)}, f)

print('Loading data...')
(x_train, y_train), (x_test, y_test) = imdb.load_data(os.path.join(folder, 'imdb.npz'), num_words=max_features)
print(len(x_train), 'train sequences')
print(len(x_test), 'test sequences')

word_index = imdb.get_word_index(os.path.join(folder, 'index.json'))
reverse_word_index = dict([(value, key) for (key, value) in word_index.items()])
decoded = ' '.join([reverse_word_index.get(i - 3, '?') for i in x_train[0]])
print(decoded)
assert decoded.startswith('? ') and 'word' in decoded

print('Pad sequences (samples x time)')
x_train = sequence.pad_sequences(x_train, maxlen=maxlen)
x_test = sequence.pad_sequences(x_test, maxlen=maxlen)
print('x_train shape:', x_train.shape)
print('x_test shape:', x_test.shape)

print('Build model...')
model = Sequential()
model.add(Embedding(max_features, 16))
model.add(LSTM(16, dropout=0.1, recurrent_dropout=0.1))
model.add(Dense(1, activation='sigmoid'))

# try using different optimizers and different optimizer configs
model.compile(loss='binary_crossentropy',
              optimizer='adam',
              metrics=['accuracy'])

print('Train...')
history = model.fit(x_train, y_train,
                    batch_size=batch_size,
                    epochs=8,
                    validation_data=(x_test, y_test))
score, acc = model.evaluate(x_test, y_test,
                            batch_size=batch_size)
print('Test score:', score)
print('Test accuracy:', acc)
assert acc > 0.75, history.history
