'''Learning rates that change in several ways, checkpoints, and training that goes on from one of them.'''
from __future__ import print_function

import glob
import math
import os
import tempfile

import numpy as np

import keras
from keras import backend as K
from keras.callbacks import (Callback, CSVLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint,
                             ReduceLROnPlateau)
from keras.layers import Dense, Dropout
from keras.models import Sequential, load_model
from keras.optimizers import SGD, Adam

np.random.seed(5)
folder = tempfile.mkdtemp()
x = np.random.randn(320, 10).astype('float32')
y = (np.sin(x[:, :1]) + x[:, 1:2] > 0).astype('int32')


def network():
    return Sequential([
        Dense(32, activation='relu', input_shape=(10,)),
        Dropout(0.1),
        Dense(1, activation='sigmoid'),
    ])


def step_decay(epoch):
    initial_lrate = 0.5
    drop = 0.5
    epochs_drop = 3.0
    lrate = initial_lrate * math.pow(drop, math.floor((1 + epoch) / epochs_drop))
    return lrate


class CyclicLR(Callback):
    '''A rate that goes up and down, batch by batch.'''

    def __init__(self, base_lr=0.01, max_lr=0.3, step_size=10.):
        super(CyclicLR, self).__init__()
        self.base_lr, self.max_lr, self.step_size = base_lr, max_lr, step_size
        self.clr_iterations = 0.
        self.history = {}

    def clr(self):
        cycle = np.floor(1 + self.clr_iterations / (2 * self.step_size))
        way = np.abs(self.clr_iterations / self.step_size - 2 * cycle + 1)
        return self.base_lr + (self.max_lr - self.base_lr) * np.maximum(0, (1 - way))

    def on_train_begin(self, logs=None):
        K.set_value(self.model.optimizer.lr, self.base_lr)

    def on_batch_end(self, batch, logs=None):
        logs = logs or {}
        self.clr_iterations += 1
        self.history.setdefault('lr', []).append(K.get_value(self.model.optimizer.lr))
        for k, v in logs.items():
            self.history.setdefault(k, []).append(v)
        K.set_value(self.model.optimizer.lr, self.clr())


# 1. by the epoch
model = network()
model.compile(loss='binary_crossentropy', optimizer=SGD(lr=0.0, momentum=0.9, nesterov=True), metrics=['acc'])
lrate = LearningRateScheduler(step_decay, verbose=0)
history = model.fit(x, y, epochs=7, batch_size=32, callbacks=[lrate], verbose=0)
np.testing.assert_allclose(history.history['lr'], [step_decay(e) for e in range(7)], rtol=1e-6)
assert history.history['loss'][-1] < history.history['loss'][0]

# 2. by the batch
model = network()
model.compile(SGD(lr=0.1), 'binary_crossentropy', metrics=['accuracy'])
clr = CyclicLR()
model.fit(x, y, epochs=4, batch_size=32, callbacks=[clr], verbose=0)
assert len(clr.history['lr']) == len(clr.history['loss']) == 40
assert np.isclose(max(clr.history['lr']), 0.3) and np.isclose(clr.history['lr'][20], 0.01)

# 3. when it gets no better
model = network()
model.compile(Adam(lr=0.01), 'binary_crossentropy', metrics=['accuracy'])
log = os.path.join(folder, 'training.log')
plateau = ReduceLROnPlateau(monitor='val_loss', factor=0.2, patience=1, min_lr=0.001, epsilon=10.)
history = model.fit(x, y, validation_split=0.25, epochs=4, callbacks=[plateau, CSVLogger(log)], verbose=0)
np.testing.assert_allclose(history.history['lr'], [0.01, 0.01, 0.002, 0.001], rtol=1e-4)
with open(log) as lines:
    assert len(lines.readlines()) == 5

# 4. checkpoints, and going on from the last of them
pattern = os.path.join(folder, 'weights-improvement-{epoch:02d}-{val_acc:.2f}.hdf5')
whole = os.path.join(folder, 'last.h5')
model = network()
model.compile(Adam(lr=0.01, decay=1e-3), 'binary_crossentropy', metrics=['acc'])
checkpoints = [ModelCheckpoint(pattern, monitor='val_acc', verbose=1, save_best_only=True, mode='max'),
               ModelCheckpoint(whole), EarlyStopping(monitor='val_loss', patience=10)]
first = model.fit(x, y, validation_split=0.25, epochs=4, callbacks=checkpoints, verbose=0)
files = sorted(glob.glob(os.path.join(folder, 'weights-improvement-*.hdf5')))
assert files and 'weights-improvement-01-%.2f.hdf5' % first.history['val_acc'][0] in files[0]

restored = load_model(whole)
np.testing.assert_allclose(restored.predict(x), model.predict(x), rtol=1e-5)
assert isinstance(restored.optimizer, Adam)
assert np.isclose(K.get_value(restored.optimizer.lr), 0.01)
assert np.isclose(K.get_value(restored.optimizer.decay), 1e-3)
assert K.get_value(restored.optimizer.iterations) == K.get_value(model.optimizer.iterations) == 4 * 8
for a, b in zip(restored.optimizer.get_weights(), model.optimizer.get_weights()):
    np.testing.assert_allclose(a, b, rtol=1e-6)
K.set_value(restored.optimizer.lr, 0.5 * K.get_value(restored.optimizer.lr))
more = restored.fit(x, y, validation_split=0.25, epochs=8, initial_epoch=4, verbose=0)
assert more.epoch == [4, 5, 6, 7]
assert more.history['loss'][-1] < first.history['loss'][0]
best = network()
best.load_weights(files[-1])
best.compile('sgd', 'binary_crossentropy', metrics=['acc'])
value = best.evaluate(x[240:], y[240:], verbose=0)[1]
assert abs(value - max(first.history['val_acc'])) < 1e-6
print('best', value)
