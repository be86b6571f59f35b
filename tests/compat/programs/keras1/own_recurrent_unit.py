'''A recurrent unit written from the base class, with inputs that are prepared for all steps at once.'''
from keras.layers.recurrent import Recurrent, time_distributed_dense
from keras.engine import InputSpec
from keras import backend as K
from keras import activations, initializations, regularizers
from keras.layers import Bidirectional, Dense
from keras.optimizers import Adam
from keras.models import Sequential, model_from_json
import numpy as np

np.random.seed(1)


class GatedUnit(Recurrent):
    def __init__(self, output_dim, init='glorot_uniform', inner_init='orthogonal', activation='tanh',
                 W_regularizer=None, dropout_W=0., dropout_U=0., **kwargs):
        self.output_dim = output_dim
        self.init = initializations.get(init)
        self.inner_init = initializations.get(inner_init)
        self.activation = activations.get(activation)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.dropout_W, self.dropout_U = dropout_W, dropout_U
        if self.dropout_W or self.dropout_U:
            self.uses_learning_phase = True
        super(GatedUnit, self).__init__(**kwargs)

    def build(self, input_shape):
        self.input_spec = [InputSpec(shape=input_shape)]
        self.input_dim = input_shape[2]
        if self.stateful:
            self.reset_states()
        else:
            self.states = [None]
        for gate in 'zh':
            setattr(self, 'W_' + gate, self.add_weight((self.input_dim, self.output_dim), initializer=self.init,
                                                       name='{}_W_{}'.format(self.name, gate),
                                                       regularizer=self.W_regularizer))
            setattr(self, 'b_' + gate, self.add_weight((self.output_dim,), initializer='zero',
                                                       name='{}_b_{}'.format(self.name, gate)))
        self.U = self.add_weight((self.output_dim, self.output_dim), initializer=self.inner_init,
                                 name='{}_U'.format(self.name))
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            del self.initial_weights
        self.built = True

    def reset_states(self):
        assert self.stateful, 'Layer must be stateful.'
        batch_size = self.input_spec[0].shape[0]
        if hasattr(self, 'states'):
            K.set_value(self.states[0], np.zeros((batch_size, self.output_dim)))
        else:
            self.states = [K.zeros((batch_size, self.output_dim))]

    def preprocess_input(self, x):
        if self.consume_less != 'cpu':
            return x
        sizes = (K.int_shape(x)[2], self.output_dim, K.int_shape(x)[1])
        x_z = time_distributed_dense(x, self.W_z, self.b_z, self.dropout_W, *sizes)
        x_h = time_distributed_dense(x, self.W_h, self.b_h, self.dropout_W, *sizes)
        return K.concatenate([x_z, x_h], axis=2)

    def step(self, x, states):
        before, dropped = states
        if self.consume_less == 'cpu':
            x_z, x_h = x[:, :self.output_dim], x[:, self.output_dim:]
        else:
            x_z, x_h = K.dot(x, self.W_z) + self.b_z, K.dot(x, self.W_h) + self.b_h
        z = K.sigmoid(x_z)
        h = z * before + (1 - z) * self.activation(x_h + K.dot(before * dropped[0], self.U))
        return h, [h]

    def get_constants(self, x):
        if not 0 < self.dropout_U < 1:
            return [[K.cast_to_floatx(1.)]]
        ones = K.ones_like(K.reshape(x[:, 0, 0], (-1, 1)))
        ones = K.tile(ones, (1, self.output_dim))
        return [[K.in_train_phase(K.dropout(ones, self.dropout_U), ones)]]

    def get_config(self):
        config = {'output_dim': self.output_dim, 'init': self.init.__name__, 'inner_init': self.inner_init.__name__,
                  'activation': self.activation.__name__, 'dropout_W': self.dropout_W, 'dropout_U': self.dropout_U,
                  'W_regularizer': self.W_regularizer.get_config() if self.W_regularizer else None}
        base_config = super(GatedUnit, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


X = np.random.rand(8, 5, 3)
model = Sequential()
model.add(Bidirectional(GatedUnit(4, return_sequences=True, dropout_W=.1, dropout_U=.1), input_shape=(5, 3)))
model.add(GatedUnit(4, consume_less='mem', W_regularizer=regularizers.l2(1e-4)))
model.add(Dense(1))
model.compile(Adam(lr=.02), 'mse')
losses = model.fit(X, np.ones((8, 1)), nb_epoch=6, verbose=0, batch_size=4).history['loss']
assert losses[-1] < losses[0], losses
copy = model_from_json(model.to_json(), custom_objects={'GatedUnit': GatedUnit})
copy.set_weights(model.get_weights())
np.testing.assert_allclose(copy.predict(X), model.predict(X), rtol=1e-4, atol=1e-5)
assert copy.layers[1].consume_less == 'mem' and copy.layers[1].W_regularizer is not None

stateful = Sequential([GatedUnit(3, stateful=True, batch_input_shape=(8, 5, 3))])
first, second = stateful.predict(X, batch_size=8), stateful.predict(X, batch_size=8)
assert abs(first - second).max() > 1e-6
stateful.reset_states()
np.testing.assert_allclose(stateful.predict(X, batch_size=8), first, rtol=1e-4, atol=1e-6)
