"""Big data stay in an HDF5 file: HDF5Matrix for fit, H5Dict for results, a Sequence that reads batches by index."""
import os
import tempfile

import h5py
import numpy as np

from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import H5Dict, HDF5Matrix, OrderedEnqueuer
from keras.utils import Sequence as BatchSequence
from keras.utils.np_utils import normalize

np.random.seed(1)
path = os.path.join(tempfile.mkdtemp(), 'test.h5')
x = np.random.randn(240, 6).astype('float32')
y = (x[:, :1] - x[:, 1:2] > 0).astype('int8')
with h5py.File(path, 'w') as f:
    f.create_dataset('features/x', data=x, chunks=(20, 6))
    f.create_dataset('features/y', data=y)

x_train = HDF5Matrix(path, 'features/x', 0, 200, normalizer=lambda rows: normalize(rows))
y_train = HDF5Matrix(path, 'features/y', 0, 200)
x_test, y_test = HDF5Matrix(path, 'features/x', 200), HDF5Matrix(path, 'features/y', 200)
assert x_train.shape == (200, 6) and x_train.dtype == 'float32' and x_test.shape == (40, 6)
assert x_train.size == 1200 and y_train.ndim == 2

model = Sequential([Dense(16, activation='relu', input_shape=(6,)), Dense(1, activation='sigmoid')])
model.compile(Adam(lr=0.02), 'binary_crossentropy', metrics=['accuracy'])
history = model.fit(x_train, y_train, batch_size=20, epochs=15, shuffle='batch', verbose=0,
                    validation_data=(x_test, y_test))
assert history.history['val_accuracy'][-1] > 0.8, history.history


class FromFile(BatchSequence):
    def __init__(self, data, target, batch_size):
        self.data, self.target, self.batch_size = data, target, batch_size

    def __len__(self):
        return int(np.ceil(len(self.data) / float(self.batch_size)))

    def __getitem__(self, idx):
        rows = slice(idx * self.batch_size, min((idx + 1) * self.batch_size, len(self.data)))
        return self.data[rows], self.target[rows]


batches = FromFile(x_train, y_train, 32)
before = model.evaluate_generator(batches)
model.fit_generator(batches, epochs=5, verbose=0, workers=2, shuffle=False)
assert model.evaluate_generator(batches)[0] < before[0]

enqueuer = OrderedEnqueuer(batches)
enqueuer.start(workers=2, max_queue_size=5)
first = next(enqueuer.get())
enqueuer.stop()
np.testing.assert_array_equal(first[0], x_train[:32])

with H5Dict(path + '.results', 'w') as results:
    results['history'] = ['%.4f' % loss for loss in history.history['loss']]
    results['weights']['kernel'] = model.get_weights()[0]
with H5Dict(path + '.results', mode='r') as results:
    assert len(results['history']) == 15
    np.testing.assert_array_equal(results['weights']['kernel'], model.get_weights()[0])
print('ok')
