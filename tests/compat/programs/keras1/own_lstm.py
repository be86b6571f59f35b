'''LSTMs that change what is done at each step: one gated by a vector of another branch, one with states of its own.'''
from keras import backend as K
from keras import activations
from keras.layers import LSTM, GRU, Input, Dense, Embedding
from keras.layers.recurrent import Recurrent
from keras.models import Model, Sequential
import numpy as np

np.random.seed(0)


class AttentionLSTM(LSTM):
    def __init__(self, output_dim, attention_vec, attn_activation='tanh', **kwargs):
        self.attention_vec = attention_vec
        self.attn_activation = activations.get(attn_activation)
        super(AttentionLSTM, self).__init__(output_dim, **kwargs)

    def build(self, input_shape):
        super(AttentionLSTM, self).build(input_shape)
        attention_dim = self.attention_vec._keras_shape[1]
        self.U_a = self.inner_init((self.output_dim, self.output_dim), name='{}_U_a'.format(self.name))
        self.U_m = self.inner_init((attention_dim, self.output_dim), name='{}_U_m'.format(self.name))
        self.b_m = K.zeros((self.output_dim,), name='{}_b_m'.format(self.name))
        self.trainable_weights += [self.U_a, self.U_m, self.b_m]
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            del self.initial_weights

    def step(self, x, states):
        h, [h, c] = super(AttentionLSTM, self).step(x, states)
        m = self.attn_activation(K.dot(h, self.U_a) * states[4])
        h = h * K.sigmoid(m)
        return h, [h, c]

    def get_constants(self, x):
        constants = super(AttentionLSTM, self).get_constants(x)
        constants.append(K.dot(self.attention_vec, self.U_m) + self.b_m)
        return constants


question = Input(shape=(3,))
words = Input(shape=(4,), dtype='int32')
vector = Dense(5)(question)
out = AttentionLSTM(4, vector, consume_less='mem')(Embedding(20, 3, mask_zero=True)(words))
model = Model(input=[question, words], output=out)
model.compile('adam', 'mse')
Q, W = np.random.rand(6, 3), np.array([[1, 2, 3, 0]] * 6)
before = model.get_weights()
losses = [float(model.train_on_batch([Q, W], np.ones((6, 4)))) for _ in range(3)]
assert losses[2] < losses[0], losses
assert all((a != b).any() for a, b in list(zip(before, model.get_weights()))[-3:])


class Biased(LSTM):
    def get_initial_states(self, x):
        return [state + 1. for state in super(Biased, self).get_initial_states(x)]


class Copied(LSTM):
    def call(self, x, mask=None):
        last, outputs, states = K.rnn(self.step, self.preprocess_input(x), self.get_initial_states(x),
                                      go_backwards=self.go_backwards, mask=mask, constants=self.get_constants(x),
                                      unroll=self.unroll, input_length=self.input_spec[0].shape[1])
        return outputs if self.return_sequences else last


class Plain(GRU):
    def step(self, x, states):
        return GRU.step(self, x, states)


X = np.random.rand(2, 4, 3)
for own, theirs in ((Copied, LSTM), (Plain, GRU)):
    for consume_less in ('cpu', 'gpu'):
        a = Sequential([own(5, consume_less=consume_less, input_shape=(4, 3))])
        b = Sequential([theirs(5, consume_less=consume_less, input_shape=(4, 3))])
        a.set_weights(b.get_weights())
        np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-4, atol=1e-5)
        assert isinstance(a.layers[0], theirs) and isinstance(a.layers[0], Recurrent)
assert a.layers[0].W.get_value().shape == (3, 15)

s = Sequential([Biased(3, stateful=True, batch_input_shape=(2, 4, 3))])
first, second = s.predict(X, batch_size=2), s.predict(X, batch_size=2)
assert abs(first - second).max() > 1e-6
s.reset_states()
np.testing.assert_allclose(s.predict(X, batch_size=2), first, rtol=1e-4, atol=1e-6)
