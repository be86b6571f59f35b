'''Train on data that stay in an HDF5 file: HDF5Matrix, with batches in the order of the file (shuffle="batch").'''
from __future__ import print_function
import os
import tempfile

import h5py
import numpy as np

from keras.models import Sequential
from keras.layers.core import Dense
from keras.utils.io_utils import HDF5Matrix

np.random.seed(1)
path = os.path.join(tempfile.mkdtemp(), 'test.h5')


def create_dataset(h5_path):
    X = np.random.randn(200, 10).astype('float32')
    y = np.random.randint(0, 2, size=(200, 1))
    X[:, 0] += 3 * y[:, 0]
    f = h5py.File(h5_path, 'w')
    # Creating dataset to store features
    X_dset = f.create_dataset('my_data', (200, 10), dtype='f')
    X_dset[:] = X
    # Creating dataset to store labels
    y_dset = f.create_dataset('my_labels', (200, 1), dtype='i')
    y_dset[:] = y
    f.close()


create_dataset(path)

# Instantiating HDF5Matrix for the training set, which is a slice of the first 150 elements
X_train = HDF5Matrix(path, 'my_data', start=0, end=150)
y_train = HDF5Matrix(path, 'my_labels', start=0, end=150)

# Likewise for the test set
X_test = HDF5Matrix(path, 'my_data', start=150, end=200)
y_test = HDF5Matrix(path, 'my_labels', start=150, end=200)
assert X_train.shape == (150, 10) and len(y_test) == 50

# HDF5Matrix behave more or less like Numpy matrices with regard to indexing
assert y_train.shape == (150, 1), 'HDF5Matrix shape should match input array'
# But they do not support negative indices, so don't try print(X_train[-1])
assert X_train[2:5].shape == (3, 10)

model = Sequential()
model.add(Dense(32, input_shape=(10,), activation='relu'))
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])

# Note: you have to use shuffle='batch' or False with HDF5Matrix
history = model.fit(X_train, y_train, batch_size=10, nb_epoch=15, shuffle='batch', verbose=False)
score = model.evaluate(X_test, y_test, batch_size=32, verbose=0)
print('loss %.3f, accuracy %.3f' % tuple(score))
assert history.history['loss'][-1] < history.history['loss'][0]
assert score[1] > 0.8

# rows may be brought to a scale as they are read
half = HDF5Matrix(path, 'my_data', start=150, normalizer=lambda x: x / 2)
np.testing.assert_allclose(half[0:5] * 2, X_test[0:5])
assert model.predict(half, batch_size=32).shape == (50, 1)
