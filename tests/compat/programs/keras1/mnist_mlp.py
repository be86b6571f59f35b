'''Train a simple deep NN on digits that lie in a pickle, as the MNIST data did in 2016.'''
from __future__ import print_function
import gzip
import os
import pickle
import tempfile
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.datasets import mnist
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import RMSprop
from keras.utils import np_utils


def make_digits(count):
    '''Images of 14x14: each digit is a bar of its own, with noise.'''
    labels = np.random.randint(0, 10, count)
    images = np.random.randint(0, 60, (count, 14, 14))
    for image, label in zip(images, labels):
        image[label:label + 4, label // 2:] += 150
    return images.astype('uint8'), labels.astype('uint8')


path = os.path.join(tempfile.mkdtemp(), 'mnist.pkl.gz')
with gzip.open(path, 'wb') as f:
    pickle.dump((make_digits(400), make_digits(100)), f, protocol=2)

batch_size = 64
nb_classes = 10
nb_epoch = 8

# the data, shuffled and split between train and test sets
(X_train, y_train), (X_test, y_test) = mnist.load_data(path)

X_train = X_train.reshape(400, 196)
X_test = X_test.reshape(100, 196)
X_train = X_train.astype('float32')
X_test = X_test.astype('float32')
X_train /= 255
X_test /= 255
print(X_train.shape[0], 'train samples')
print(X_test.shape[0], 'test samples')

# convert class vectors to binary class matrices
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(Dense(64, input_shape=(196,)))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(64))
model.add(Activation('relu'))
model.add(Dropout(0.2))
model.add(Dense(10))
model.add(Activation('softmax'))

model.summary()

model.compile(loss='categorical_crossentropy',
              optimizer=RMSprop(lr=0.003),
              metrics=['accuracy'])

history = model.fit(X_train, Y_train,
                    batch_size=batch_size, nb_epoch=nb_epoch,
                    verbose=1, validation_data=(X_test, Y_test))
score = model.evaluate(X_test, Y_test, verbose=0)
print('Test score:', score[0])
print('Test accuracy:', score[1])

assert len(history.history['val_acc']) == nb_epoch
assert score[1] > 0.8, score
assert (model.predict_classes(X_test, verbose=0) == y_test).mean() == np.float32(score[1]) or abs(
    (model.predict_classes(X_test, verbose=0) == y_test).mean() - score[1]) < 1e-5
