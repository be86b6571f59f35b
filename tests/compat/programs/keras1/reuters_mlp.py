'''Topics of newswires from the words in them, with a simple MLP; the data are pickled lists of word ranks.'''
from __future__ import print_function
import os
import pickle
import tempfile
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.datasets import reuters
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation
from keras.utils import np_utils
from keras.preprocessing.text import Tokenizer

max_words = 60
batch_size = 32
nb_epoch = 5

# the data in the form they were published: ranks of words from 1 on, and topics
home = os.environ['KERAS_HOME'] = tempfile.mkdtemp()
if not os.path.isdir(os.path.join(home, 'datasets')):
    os.makedirs(os.path.join(home, 'datasets'))
texts, topics = [], []
for i in range(400):
    topic = i % 5
    own = np.random.randint(10 * topic + 1, 10 * topic + 11, 12)
    common = np.random.randint(1, 70, 4)
    texts.append([int(n) for n in np.random.permutation(np.concatenate([own, common]))])
    topics.append(topic)
with open(os.path.join(home, 'datasets', 'reuters_made.pkl'), 'wb') as f:
    pickle.dump((texts, topics), f, 2)
with open(os.path.join(home, 'datasets', 'reuters_word_index.pkl'), 'wb') as f:
    pickle.dump(dict(('word%d' % n, n) for n in range(1, 70)), f, 2)

print('Loading data...')
(X_train, y_train), (X_test, y_test) = reuters.load_data('reuters_made.pkl', nb_words=max_words, test_split=0.2)
print(len(X_train), 'train sequences')
print(len(X_test), 'test sequences')
assert (len(X_train), len(X_test)) == (320, 80)

word_index = reuters.get_word_index()
names = dict((number + 3, word) for word, number in word_index.items())
assert len([names.get(n, '?') for n in X_train[0]]) == 17 and X_train[0][0] == 1

nb_classes = np.max(y_train) + 1
print(nb_classes, 'classes')

print('Vectorizing sequence data...')
tokenizer = Tokenizer(nb_words=max_words)
X_train = tokenizer.sequences_to_matrix(X_train, mode='binary')
X_test = tokenizer.sequences_to_matrix(X_test, mode='binary')
print('X_train shape:', X_train.shape)
print('X_test shape:', X_test.shape)

print('Convert class vector to binary class matrix (for use with categorical_crossentropy)')
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)
print('Y_train shape:', Y_train.shape)

print('Building model...')
model = Sequential()
model.add(Dense(64, input_shape=(max_words,)))
model.add(Activation('relu'))
model.add(Dropout(0.5))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))

model.compile(loss='categorical_crossentropy',
              optimizer='adam',
              metrics=['accuracy'])

history = model.fit(X_train, Y_train,
                    nb_epoch=nb_epoch, batch_size=batch_size,
                    verbose=1, validation_split=0.1)
score = model.evaluate(X_test, Y_test,
                       batch_size=batch_size, verbose=1)
print('Test score:', score[0])
print('Test accuracy:', score[1])
assert history.history['acc'][-1] > history.history['acc'][0]
assert score[1] > 0.8, score
