'''Trains a simple deep NN on digits in an npz file with the layout of the MNIST data.'''
from __future__ import print_function

import os
import tempfile

import numpy as np

import keras
from keras.datasets import mnist
from keras.models import Sequential
from keras.layers import Dense, Dropout
from keras.optimizers import RMSprop

np.random.seed(7)
batch_size = 64
num_classes = 10
epochs = 8


def make_digits(count):
    labels = np.random.randint(0, num_classes, count)
    images = np.random.randint(0, 60, (count, 28, 28))
    for image, label in zip(images, labels):
        image[2 * label:2 * label + 8, label:] += 150
    return images.astype('uint8'), labels.astype('uint8')


path = os.path.join(tempfile.mkdtemp(), 'mnist.npz')
(x, y), (x_, y_) = make_digits(400), make_digits(100)
np.savez(path, x_train=x, y_train=y, x_test=x_, y_test=y_)

# the data, split between train and test sets
(x_train, y_train), (x_test, y_test) = mnist.load_data(path=path)

x_train = x_train.reshape(-1, 784)
x_test = x_test.reshape(-1, 784)
x_train = x_train.astype('float32')
x_test = x_test.astype('float32')
x_train /= 255
x_test /= 255
print(x_train.shape[0], 'train samples')
print(x_test.shape[0], 'test samples')

# convert class vectors to binary class matrices
labels = y_test
y_train = keras.utils.to_categorical(y_train, num_classes)
y_test = keras.utils.to_categorical(y_test, num_classes)

model = Sequential()
model.add(Dense(64, activation='relu', input_shape=(784,)))
model.add(Dropout(0.2))
model.add(Dense(64, activation='relu'))
model.add(Dropout(0.2))
model.add(Dense(num_classes, activation='softmax'))

model.summary()

model.compile(loss='categorical_crossentropy',
              optimizer=RMSprop(),
              metrics=['accuracy'])

history = model.fit(x_train, y_train,
                    batch_size=batch_size,
                    epochs=epochs,
                    verbose=1,
                    validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
print('Test loss:', score[0])
print('Test accuracy:', score[1])

assert history.epoch == list(range(epochs))
assert set(history.history) >= {'loss', 'val_loss'}
assert score[1] > 0.8, score
assert abs((model.predict_classes(x_test) == labels).mean() - score[1]) < 1e-5
