'''Two optimizers that people wrote themselves: Adam with decoupled weight decay, and Lookahead around any other.'''
from __future__ import absolute_import
from __future__ import print_function

import numpy as np

from keras import backend as K
from keras.layers import Dense
from keras.legacy import interfaces
from keras.models import Sequential
from keras.optimizers import Adam, Optimizer

np.random.seed(11)


class AdamW(Optimizer):
    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, weight_decay=1e-2,
                 epsilon=1e-8, decay=0., **kwargs):
        super(AdamW, self).__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype='int64', name='iterations')
            self.lr = K.variable(lr, name='lr')
            self.beta_1 = K.variable(beta_1, name='beta_1')
            self.beta_2 = K.variable(beta_2, name='beta_2')
            self.decay = K.variable(decay, name='decay')
            self.wd = K.variable(weight_decay, name='weight_decay')
        self.epsilon = epsilon
        self.initial_decay = decay

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        wd = self.wd

        lr = self.lr
        if self.initial_decay > 0:
            lr *= (1. / (1. + self.decay * K.cast(self.iterations,
                                                  K.dtype(self.decay))))

        t = K.cast(self.iterations, K.floatx()) + 1
        lr_t = lr * (K.sqrt(1. - K.pow(self.beta_2, t)) /
                     (1. - K.pow(self.beta_1, t)))

        ms = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        vs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        self.weights = [self.iterations] + ms + vs

        for p, g, m, v in zip(params, grads, ms, vs):
            m_t = (self.beta_1 * m) + (1. - self.beta_1) * g
            v_t = (self.beta_2 * v) + (1. - self.beta_2) * K.square(g)
            p_t = p - lr_t * m_t / (K.sqrt(v_t) + self.epsilon) - lr * wd * p

            self.updates.append(K.update(m, m_t))
            self.updates.append(K.update(v, v_t))
            new_p = p_t

            # Apply constraints.
            if getattr(p, 'constraint', None) is not None:
                new_p = p.constraint(new_p)

            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        config = {'lr': float(K.get_value(self.lr)),
                  'beta_1': float(K.get_value(self.beta_1)),
                  'beta_2': float(K.get_value(self.beta_2)),
                  'decay': float(K.get_value(self.decay)),
                  'weight_decay': float(K.get_value(self.wd)),
                  'epsilon': self.epsilon}
        base_config = super(AdamW, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


class Lookahead(Optimizer):
    '''Every k steps the weights go back by half the way that another optimizer has gone.'''

    def __init__(self, optimizer, k=5, alpha=0.5, **kwargs):
        super(Lookahead, self).__init__(**kwargs)
        self.optimizer = optimizer
        self.k = k
        self.alpha = alpha
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype='int64', name='lookahead_iterations')

    @property
    def lr(self):
        return self.optimizer.lr

    def get_updates(self, loss, params):
        sync = K.equal((self.iterations + 1) % self.k, 0)
        slow = [K.variable(K.get_value(p)) for p in params]
        self.updates = [K.update_add(self.iterations, 1)]
        for update in self.optimizer.get_updates(loss, params):
            target, value = update
            place = [i for i, p in enumerate(params) if p is target]
            if place:
                slow_p = slow[place[0]]
                slow_t = slow_p + self.alpha * (value - slow_p)
                self.updates.append(K.update(slow_p, K.switch(sync, slow_t, slow_p)))
                value = K.switch(sync, slow_t, value)
            self.updates.append(K.update(target, value))
        return self.updates


x = np.random.randn(256, 8).astype('float32')
true = np.random.randn(8, 1)
y = np.dot(x, true) + 0.05 * np.random.randn(256, 1)


def network():
    model = Sequential()
    model.add(Dense(16, activation='tanh', input_dim=8))
    model.add(Dense(1))
    return model


for optimizer in [AdamW(lr=0.02, decay=1e-3, clipnorm=5.), Lookahead(Adam(lr=0.03))]:
    model = network()
    model.compile(optimizer, 'mse')
    history = model.fit(x, y, batch_size=32, epochs=15, verbose=0)
    loss = history.history['loss']
    print(type(optimizer).__name__, loss[0], loss[-1])
    assert loss[-1] < 0.1 * loss[0], loss
    assert K.get_value(model.optimizer.iterations) == 15 * 8

config = AdamW(lr=0.5, weight_decay=0.25).get_config()
again = AdamW.from_config(config)
assert np.isclose(again.get_config()['weight_decay'], 0.25)

# Decay alone: without gradients the weights shrink by lr * wd in each step.
model = network()
model.compile(AdamW(lr=0.5, weight_decay=0.2), loss=lambda t, p: 0. * K.sum(p, axis=-1))
before = model.get_weights()
model.fit(x, y, batch_size=256, epochs=2, verbose=0)
for a, b in zip(before, model.get_weights()):
    np.testing.assert_allclose(b, 0.81 * a, rtol=1e-4, atol=1e-7)
