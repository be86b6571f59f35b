"""Optimizers of users that accumulate gradients, or hold another optimizer and give layers rates of their own."""

import numpy as np
from keras.optimizers import Optimizer, SGD
from keras.legacy import interfaces
from keras import backend as K
from keras.models import Sequential
from keras.layers import Dense


class AdamAccumulate(Optimizer):
    def __init__(
        self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, amsgrad=False, accum_iters=1, **kwargs
    ):
        if accum_iters < 1:
            raise ValueError("accum_iters must be >= 1")
        super(AdamAccumulate, self).__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.beta_1 = K.variable(beta_1, name="beta_1")
            self.beta_2 = K.variable(beta_2, name="beta_2")
            self.decay = K.variable(decay, name="decay")
        if epsilon is None:
            epsilon = K.epsilon()
        self.epsilon = epsilon
        self.initial_decay = decay
        self.amsgrad = amsgrad
        self.accum_iters = K.variable(accum_iters, K.dtype(self.iterations))
        self.accum_iters_float = K.cast(self.accum_iters, K.floatx())

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        lr = self.lr
        completed_updates = K.cast(self.iterations // self.accum_iters, K.floatx())
        if self.initial_decay > 0:
            lr = lr * (1.0 / (1.0 + self.decay * completed_updates))
        t = completed_updates + 1
        lr_t = lr * (K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t)))
        update_switch = K.equal((self.iterations + 1) % self.accum_iters, 0)
        update_switch = K.cast(update_switch, K.floatx())
        ms = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        vs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        gs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        if self.amsgrad:
            vhats = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        else:
            vhats = [K.zeros(1) for _ in params]
        self.weights = [self.iterations] + ms + vs + vhats
        for p, g, m, v, vhat, tg in zip(params, grads, ms, vs, vhats, gs):
            sum_grad = tg + g
            avg_grad = sum_grad / self.accum_iters_float
            m_t = (self.beta_1 * m) + (1.0 - self.beta_1) * avg_grad
            v_t = (self.beta_2 * v) + (1.0 - self.beta_2) * K.square(avg_grad)
            p_t = p - lr_t * m_t / (K.sqrt(v_t) + self.epsilon)
            self.updates.append(K.update(m, (1 - update_switch) * m + update_switch * m_t))
            self.updates.append(K.update(v, (1 - update_switch) * v + update_switch * v_t))
            self.updates.append(K.update(tg, (1 - update_switch) * sum_grad))
            new_p = p_t
            if getattr(p, "constraint", None) is not None:
                new_p = p.constraint(new_p)
            self.updates.append(K.update(p, (1 - update_switch) * p + update_switch * new_p))
        return self.updates

    def get_config(self):
        config = {
            "lr": float(K.get_value(self.lr)),
            "beta_1": float(K.get_value(self.beta_1)),
            "beta_2": float(K.get_value(self.beta_2)),
            "decay": float(K.get_value(self.decay)),
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
        base_config = super(AdamAccumulate, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


x = np.random.rand(64, 5)
y = x.sum(1)
m = Sequential([Dense(4, input_dim=5, activation="tanh"), Dense(1)])
m.compile(AdamAccumulate(lr=0.02, accum_iters=4), "mse")
w0 = m.get_weights()
m.train_on_batch(x[:8], y[:8])
m.train_on_batch(x[:8], y[:8])
assert np.allclose(w0[0], m.get_weights()[0])
m.train_on_batch(x[:8], y[:8])
m.train_on_batch(x[:8], y[:8])
assert not np.allclose(w0[0], m.get_weights()[0])
h = m.fit(x, y, epochs=20, batch_size=8, verbose=0)
assert h.history["loss"][-1] < h.history["loss"][0]


class LearningRateMultiplier(Optimizer):
    def __init__(self, optimizer, lr_multipliers=None, **kwargs):
        self._class = optimizer
        self._optimizer = optimizer(**kwargs)
        self._lr_multipliers = lr_multipliers or {}

    def _get_multiplier(self, param):
        for k in self._lr_multipliers.keys():
            if k in getattr(param, "path", param.name):
                return self._lr_multipliers[k]

    def get_updates(self, loss, params):
        mult_lr_params = {p: self._get_multiplier(p) for p in params if self._get_multiplier(p)}
        base_lr_params = [p for p in params if self._get_multiplier(p) is None]
        updates = []
        base_lr = self._optimizer.lr
        for param, multiplier in mult_lr_params.items():
            self._optimizer.lr = base_lr * multiplier
            updates.extend(self._optimizer.get_updates(loss, [param]))
        self._optimizer.lr = base_lr
        updates.extend(self._optimizer.get_updates(loss, base_lr_params))
        return updates

    def get_config(self):
        return {"optimizer": self._class, "lr_multipliers": self._lr_multipliers}

    @property
    def lr(self):
        return self._optimizer.lr

    @lr.setter
    def lr(self, lr):
        self._optimizer.lr = lr


m = Sequential([Dense(4, input_dim=5, activation="tanh", name="frozenish"), Dense(1, name="head")])
m.compile(LearningRateMultiplier(SGD, {"frozenish": 1e-6}, lr=0.1), "mse")
w0 = m.get_weights()
m.fit(x, y, verbose=0)
w1 = m.get_weights()
assert np.abs(w0[0] - w1[0]).max() < 1e-5 < np.abs(w0[2] - w1[2]).max()
