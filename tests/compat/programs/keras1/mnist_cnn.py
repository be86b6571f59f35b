'''A small convolutional network on images of bars, with the channels where keras.json has them.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.datasets import mnist  # noqa: F401 (the images are made here instead)
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D
from keras.utils import np_utils
from keras import backend as K

batch_size = 32
nb_classes = 3
nb_epoch = 12
img_rows, img_cols = 12, 12
nb_filters = 8
pool_size = (2, 2)
kernel_size = (3, 3)


def bars(n):
    X = np.random.rand(n, img_rows, img_cols).astype('float32') * 0.3
    y = np.random.randint(0, nb_classes, n)
    for image, label in zip(X, y):
        at = np.random.randint(1, 11)
        if label == 0:
            image[at] += 0.7
        elif label == 1:
            image[:, at] += 0.7
        else:
            image[np.arange(12), np.arange(12)] += 0.7
    return X, y


(X_train, y_train), (X_test, y_test) = bars(240), bars(60)

if K.image_dim_ordering() == 'th':
    X_train = X_train.reshape(X_train.shape[0], 1, img_rows, img_cols)
    X_test = X_test.reshape(X_test.shape[0], 1, img_rows, img_cols)
    input_shape = (1, img_rows, img_cols)
else:
    X_train = X_train.reshape(X_train.shape[0], img_rows, img_cols, 1)
    X_test = X_test.reshape(X_test.shape[0], img_rows, img_cols, 1)
    input_shape = (img_rows, img_cols, 1)
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1], border_mode='valid', input_shape=input_shape))
model.add(Activation('relu'))
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1]))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=pool_size))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(32))
model.add(Activation('relu'))
model.add(Dropout(0.5))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])

history = model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch, verbose=1,
                    validation_data=(X_test, Y_test))
score = model.evaluate(X_test, Y_test, verbose=0)
print('Test score:', score[0])
print('Test accuracy:', score[1])
assert len(history.history['val_acc']) == nb_epoch
assert score[1] > 0.8, score
assert abs(history.history['val_acc'][-1] - score[1]) < 1e-4
assert model.layers[0].get_weights()[0].shape == (3, 3, 1, nb_filters)
