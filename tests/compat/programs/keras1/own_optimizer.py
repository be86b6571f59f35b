'''An optimizer, an objective, a metric and an initialization of one's own, as they were written for Keras 1.'''
from __future__ import print_function

import numpy as np

from keras import backend as K
from keras import initializations
from keras.layers.core import Activation, Dense
from keras.models import Sequential
from keras.optimizers import Optimizer, SGD
from keras.regularizers import EigenvalueRegularizer, Regularizer
from keras.constraints import Constraint, maxnorm

np.random.seed(1337)


class SGDWithNoise(Optimizer):
    '''SGD whose momentum grows with the updates.'''

    def __init__(self, lr=0.01, momentum=0.9, **kwargs):
        super(SGDWithNoise, self).__init__(**kwargs)
        self.__dict__.update(locals())
        self.iterations = K.variable(0.)
        self.lr = K.variable(lr)
        self.momentum = K.variable(momentum)

    def get_updates(self, params, constraints, loss):
        grads = self.get_gradients(loss, params)
        momentum = self.momentum * (1. - 1. / (2. + self.iterations))
        self.updates = [K.update_add(self.iterations, 1)]

        shapes = [K.get_variable_shape(p) for p in params]
        moments = [K.zeros(shape) for shape in shapes]
        self.weights = [self.iterations] + moments
        for p, g, m in zip(params, grads, moments):
            v = momentum * m - self.lr * g
            self.updates.append(K.update(m, v))
            new_p = p + v
            if p in constraints:
                c = constraints[p]
                new_p = c(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        config = {'lr': float(K.get_value(self.lr)),
                  'momentum': float(K.get_value(self.momentum))}
        base_config = super(SGDWithNoise, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


class Smooth(Regularizer):
    '''Neighbouring rows of a matrix shall be alike.'''

    def __init__(self, l=0.01):
        self.l = K.cast_to_floatx(l)

    def __call__(self, x):
        return self.l * K.sum(K.square(x[1:] - x[:-1]))

    def get_config(self):
        return {'name': self.__class__.__name__, 'l': float(self.l)}


class Bounded(Constraint):
    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, p):
        return K.clip(p, self.low, self.high)


def my_init(shape, name=None):
    return initializations.normal(shape, scale=0.2, name=name)


def huber(y_true, y_pred):
    error = K.abs(y_true - y_pred)
    return K.mean(K.switch(K.lesser(error, 1.), 0.5 * K.square(error), error - 0.5), axis=-1)


def largest_error(y_true, y_pred):
    return K.max(K.abs(y_true - y_pred))


X = np.random.randn(300, 8).astype('float32')
y = np.dot(np.tanh(X), np.linspace(-1, 1, 8)) + 0.01 * np.random.randn(300)

model = Sequential()
model.add(Dense(16, input_dim=8, init=my_init, W_regularizer=Smooth(1e-4), b_constraint=Bounded(-.05, .05)))
model.add(Activation('tanh'))
model.add(Dense(1, W_constraint=maxnorm(1.5), W_regularizer=EigenvalueRegularizer(1e-4)))
assert abs(model.get_weights()[0].std() - 0.2) < 0.05
model.compile(loss=huber, optimizer=SGDWithNoise(lr=0.1), metrics=[largest_error, 'mae'])
history = model.fit(X, y, nb_epoch=25, batch_size=30, validation_split=0.1, verbose=0)
print(history.history['loss'][0], history.history['loss'][-1])
assert history.history['loss'][-1] < 0.3 * history.history['loss'][0]
assert set(history.history) == {'loss', 'largest_error', 'mean_absolute_error',
                                'val_loss', 'val_largest_error', 'val_mean_absolute_error'}
assert np.abs(model.layers[0].get_weights()[1]).max() <= 0.05 + 1e-6
assert np.sqrt((model.layers[2].get_weights()[0] ** 2).sum(axis=0)).max() <= 1.5 + 1e-4
assert K.get_value(model.optimizer.iterations) == 25 * 9

# one step by hand: the first update has no momentum yet
single = Sequential([Dense(1, input_dim=8, bias=False)])
single.compile(loss='mse', optimizer=SGDWithNoise(lr=0.1))
w = single.get_weights()[0]
single.train_on_batch(X[:50], y[:50])
gradient = np.dot(X[:50].T, 2 * (np.dot(X[:50], w) - y[:50, None])) / 50
np.testing.assert_allclose(single.get_weights()[0], w - 0.1 * gradient, rtol=1e-4, atol=1e-5)

# its updates are a graph, for a function of one's own
sgd = SGD(lr=0.05, momentum=0.5, nesterov=True)
params = single.trainable_weights
target = K.placeholder(shape=(None, 1))
loss = K.mean(K.square(single.output - target))
train = K.function([single.input, target], [loss], updates=sgd.get_updates(params, {}, loss))
losses = [train([X, y[:, None]])[0] for i in range(30)]
assert losses[-1] < losses[0]
