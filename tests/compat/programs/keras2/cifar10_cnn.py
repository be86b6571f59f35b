'''Train a small convnet on pictures in the files of CIFAR-10: channels first, statistics of the data, a Sequence.'''
from __future__ import print_function

import os
import pickle
import tempfile

import numpy as np

import keras
from keras import backend as K
from keras.datasets import cifar10
from keras.layers import Activation, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D, MaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator

np.random.seed(6)
num_classes = 10
home = os.environ['KERAS_HOME'] = tempfile.mkdtemp()
folder = os.path.join(home, 'datasets', 'cifar-10-batches-py')
if not os.path.exists(folder):
    os.makedirs(folder)
for name in ['data_batch_%d' % i for i in range(1, 6)] + ['test_batch']:
    labels = np.arange(20) % num_classes
    pictures = np.random.randint(0, 60, (20, 3, 32, 32))
    for picture, label in zip(pictures, labels):
        picture[0] += 19 * label
        picture[1] += 19 * (label * 3 % 10)
    with open(os.path.join(folder, name), 'wb') as f:
        pickle.dump({b'data': pictures.astype('uint8').reshape(20, -1), b'labels': labels.tolist()}, f, 2)

K.set_image_data_format('channels_first')
try:
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (100, 3, 32, 32) and y_test.shape == (20, 1)
    y_train = keras.utils.to_categorical(y_train, num_classes)
    y_test = keras.utils.to_categorical(y_test, num_classes)

    model = Sequential()
    model.add(Conv2D(8, (3, 3), strides=(2, 2), padding='same', input_shape=x_train.shape[1:]))
    model.add(BatchNormalization(axis=1))
    model.add(Activation('relu'))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(GlobalAveragePooling2D())
    model.add(Dense(24, activation='relu'))
    model.add(Dense(num_classes, activation='softmax'))
    assert model.layers[0].output_shape == (None, 8, 16, 16)
    model.compile(loss='categorical_crossentropy', optimizer=keras.optimizers.RMSprop(lr=0.01, decay=1e-6),
                  metrics=['accuracy'])

    datagen = ImageDataGenerator(featurewise_center=True,
                                 featurewise_std_normalization=True,
                                 width_shift_range=0.1,
                                 height_shift_range=0.1,
                                 fill_mode='wrap',
                                 horizontal_flip=True,
                                 data_format='channels_first')
    datagen.fit(x_train)
    assert datagen.mean.shape == datagen.std.shape == (3, 1, 1)

    flow = datagen.flow(x_train, y_train, batch_size=20)
    history = model.fit_generator(flow, epochs=10, workers=2, verbose=0)
    assert len(flow) == 5 and len(history.history['accuracy']) == 10
    x_test = np.array([datagen.standardize(x.astype('float32')) for x in x_test])
    model.fit(datagen.standardize(x_train.astype('float32')), y_train, epochs=5, batch_size=20, verbose=0)
    scores = model.evaluate(x_test, y_test, verbose=0)
    print('Test loss:', scores[0])
    print('Test accuracy:', scores[1])
    assert scores[1] > 0.4, scores
finally:
    K.set_image_data_format('channels_last')
