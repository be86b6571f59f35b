'''Metrics and callbacks that people wrote themselves, with class weights and early stopping, in Keras 2.3.'''
from __future__ import print_function

import numpy as np

import keras
from keras import backend as K
from keras.callbacks import Callback, EarlyStopping
from keras.layers import Dense, Dropout, Input
from keras.models import Model

np.random.seed(13)


def f1(y_true, y_pred):
    def recall(y_true, y_pred):
        true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        possible_positives = K.sum(K.round(K.clip(y_true, 0, 1)))
        return true_positives / (possible_positives + K.epsilon())

    def precision(y_true, y_pred):
        true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        predicted_positives = K.sum(K.round(K.clip(y_pred, 0, 1)))
        return true_positives / (predicted_positives + K.epsilon())

    precision = precision(y_true, y_pred)
    recall = recall(y_true, y_pred)
    return 2 * ((precision * recall) / (precision + recall + K.epsilon()))


def top_2(y_true, y_pred):
    return keras.metrics.top_k_categorical_accuracy(y_true, y_pred, k=2)


def focal_loss(gamma=2., alpha=.25):
    def focal_loss_fixed(y_true, y_pred):
        y_pred = K.clip(y_pred, K.epsilon(), 1. - K.epsilon())
        return K.sum(-alpha * y_true * K.pow(1. - y_pred, gamma) * K.log(y_pred), axis=-1)
    return focal_loss_fixed


class CategoricalTruePositives(keras.metrics.Metric):
    def __init__(self, name='true_positives', **kwargs):
        super(CategoricalTruePositives, self).__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name='tp', initializer='zeros')

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = K.cast(K.equal(K.argmax(y_true, axis=-1), K.argmax(y_pred, axis=-1)), 'float32')
        self.true_positives.assign_add(K.sum(hits))

    def result(self):
        return K.identity(self.true_positives)

    def reset_states(self):
        self.true_positives.assign(0.)


class Confusion(Callback):
    '''The confusion matrix of the validation data after each epoch.'''

    def on_train_begin(self, logs={}):
        self.matrices = []

    def on_epoch_end(self, epoch, logs={}):
        x_val, y_val = self.validation_data[0], self.validation_data[1]
        predicted = np.asarray(self.model.predict(x_val)).argmax(axis=1)
        matrix = np.zeros((3, 3), int)
        np.add.at(matrix, (y_val.argmax(axis=1), predicted), 1)
        self.matrices.append(matrix)
        return


class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))


# three classes, one of them rare
count = 360
labels = np.random.choice(3, count, p=[.48, .46, .06])
x = np.random.randn(count, 12).astype('float32')
x[np.arange(count), labels] += 1.6
y = keras.utils.to_categorical(labels, 3)


def train(class_weight, loss, epochs=10):
    inputs = Input(shape=(12,))
    hidden = Dropout(0.1)(Dense(24, activation='relu')(inputs))
    model = Model(inputs=inputs, outputs=Dense(3, activation='softmax')(hidden))
    model.compile(loss=loss, optimizer='adam', metrics=['accuracy', f1, top_2, CategoricalTruePositives()])
    stopping = EarlyStopping(monitor='val_accuracy', patience=8, restore_best_weights=True)
    confusion, losses = Confusion(), LossHistory()
    history = model.fit(x[:280], y[:280], batch_size=20, epochs=epochs, verbose=0, class_weight=class_weight,
                        validation_data=(x[280:], y[280:]), callbacks=[stopping, confusion, losses])
    done = len(history.epoch)
    assert len(confusion.matrices) == done and confusion.matrices[0].sum() == 80
    assert len(losses.losses) == done * 14 and np.isfinite(losses.losses).all()
    last = confusion.matrices[-1]
    if done == epochs:
        assert abs(history.history['val_accuracy'][-1] - np.trace(last) / 80.) < 1e-5
    assert history.history['val_true_positives'][-1] == np.trace(last)
    for name in ['accuracy', 'f1', 'top_2', 'val_f1', 'val_top_2', 'true_positives']:
        assert len(history.history[name]) == done, (name, sorted(history.history))
    assert history.history['loss'][-1] < history.history['loss'][0]
    return (model.predict(x).argmax(axis=1)[labels == 2] == 2).mean()


plain = train(None, 'categorical_crossentropy')
weighted = train({0: 1., 1: 1., 2: 12.}, 'categorical_crossentropy')
print('of the rare class', plain, 'are found, with weights', weighted)
assert weighted > plain
train(None, focal_loss(gamma=1.5), epochs=3)
