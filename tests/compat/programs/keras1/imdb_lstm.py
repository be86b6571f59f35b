'''Sentiment of reviews with an LSTM: lists of word ranks in a pickle, embedded and read one by one.'''
from __future__ import print_function
import os
import pickle
import tempfile
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Activation, Embedding
from keras.layers import LSTM
from keras.datasets import imdb

max_features = 40
maxlen = 12  # cut texts after this number of words (among top max_features most common words)
batch_size = 16


def make_reviews(count):
    '''Ranks 1 to 10 are praise, 11 to 20 are not, the others are neither.'''
    reviews, labels = [], []
    for i in range(count):
        words = np.random.randint(21, 60, np.random.randint(6, 16))
        words[np.random.permutation(len(words))[:4]] = np.random.randint(1, 11, 4) + (0 if i % 2 else 10)
        reviews.append([int(n) for n in words])
        labels.append(i % 2)
    return reviews, labels


path = os.path.join(tempfile.mkdtemp(), 'imdb_full.pkl')
with open(path, 'wb') as f:
    pickle.dump((make_reviews(200), make_reviews(60)), f, 2)

print('Loading data...')
(X_train, y_train), (X_test, y_test) = imdb.load_data(path, nb_words=max_features)
print(len(X_train), 'train sequences')
print(len(X_test), 'test sequences')
assert max(max(x) for x in X_train) < max_features and all(x[0] == 1 for x in X_train)

print('Pad sequences (samples x time)')
X_train = sequence.pad_sequences(X_train, maxlen=maxlen)
X_test = sequence.pad_sequences(X_test, maxlen=maxlen)
print('X_train shape:', X_train.shape)
print('X_test shape:', X_test.shape)

print('Build model...')
model = Sequential()
model.add(Embedding(max_features, 16, dropout=0.1))
model.add(LSTM(16, dropout_W=0.1, dropout_U=0.1))  # try using a GRU instead, for fun
model.add(Dense(1))
model.add(Activation('sigmoid'))

# try using different optimizers and different optimizer configs
model.compile(loss='binary_crossentropy',
              optimizer='adam',
              metrics=['accuracy'])

print('Train...')
history = model.fit(X_train, y_train, batch_size=batch_size, nb_epoch=8,
                    validation_data=(X_test, y_test))
score, acc = model.evaluate(X_test, y_test,
                            batch_size=batch_size)
print('Test score:', score)
print('Test accuracy:', acc)
assert abs(history.history['val_acc'][-1] - acc) < 1e-5
assert acc > 0.75, history.history
