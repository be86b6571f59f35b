'''Several classes of unlike size: class weights, batch losses, a schedule, checkpoints and early stopping.'''
from __future__ import print_function

import os
import tempfile

import numpy as np

from keras import backend as K
from keras.callbacks import Callback, EarlyStopping, LearningRateScheduler, ModelCheckpoint
from keras.layers.core import Activation, Dense, Dropout
from keras.models import Sequential, load_model
from keras.optimizers import SGD
from keras.utils.np_utils import to_categorical

np.random.seed(1337)
nb_classes = 3
count = 400
labels = np.random.choice(nb_classes, count, p=[.6, .3, .1])
X = np.random.randn(count, 10).astype('float32')
X[np.arange(count), labels] += 1.5
Y = to_categorical(labels, nb_classes)
X_train, Y_train, X_test, Y_test = X[:300], Y[:300], X[300:], Y[300:]


class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []
        self.rates = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))
        self.rates.append(float(K.get_value(self.model.optimizer.lr)))


def network():
    model = Sequential()
    model.add(Dense(32, input_dim=10, init='he_normal'))
    model.add(Activation('relu'))
    model.add(Dropout(0.2))
    model.add(Dense(nb_classes, init='glorot_normal'))
    model.add(Activation('softmax'))
    return model


folder = tempfile.mkdtemp()
best = os.path.join(folder, 'best.hdf5')
model = network()
model.compile(loss='categorical_crossentropy', optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True),
              metrics=['accuracy', 'fmeasure'])
history = LossHistory()
checkpointer = ModelCheckpoint(filepath=best, monitor='val_acc', verbose=1, save_best_only=True)
stopper = EarlyStopping(monitor='val_loss', patience=3, verbose=1)
schedule = LearningRateScheduler(lambda epoch: 0.1 * 0.9 ** epoch)
hist = model.fit(X_train, Y_train, batch_size=50, nb_epoch=40, verbose=0, validation_data=(X_test, Y_test),
                 class_weight={0: 1., 1: 2., 2: 6.}, callbacks=[history, checkpointer, stopper, schedule])
epochs = len(hist.epoch)
print(epochs, 'epochs, of at most 40')
assert epochs < 40
assert len(history.losses) == 6 * epochs
np.testing.assert_allclose(history.rates[6], 0.09, rtol=1e-5)
assert 'acc' in hist.history and 'val_fmeasure' in hist.history, sorted(hist.history)
after = hist.history['val_loss'][-4:]
assert min(hist.history['val_loss']) not in after[1:]

# the rarest class is found in most of its cases
found = model.predict_classes(X_test, verbose=0)
rare = labels[300:] == 2
assert (found[rare] == 2).mean() > 0.5

# the best of them
restored = load_model(best)
loss, acc = restored.evaluate(X_test, Y_test, verbose=0)[:2]
assert abs(acc - max(hist.history['val_acc'])) < 1e-6
assert isinstance(restored.optimizer, SGD) and restored.optimizer.nesterov
assert abs(K.get_value(restored.optimizer.momentum) - 0.9) < 1e-6
before = restored.get_weights()
restored.optimizer.lr.set_value(0.)
restored.optimizer.momentum.set_value(0.)
restored.fit(X_train, Y_train, nb_epoch=1, batch_size=300, verbose=0)
for a, b in zip(before, restored.get_weights()):
    np.testing.assert_array_equal(a, b)

# weights only, into the same network anew
weights = os.path.join(folder, 'weights.h5')
model.save_weights(weights, overwrite=True)
other = network()
other.load_weights(weights)
np.testing.assert_allclose(other.predict(X_test, verbose=0), model.predict(X_test, verbose=0), rtol=1e-5)
