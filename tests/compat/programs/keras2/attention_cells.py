'''Cells of one's own in RNN: one by itself, some stacked, and one that looks at a constant at every step.'''
import numpy as np
import keras
from keras import backend as K
from keras.models import Model, Sequential


class MinimalRNNCell(keras.layers.Layer):

    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = units
        super(MinimalRNNCell, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer='uniform', name='kernel')
        self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), initializer='uniform',
                                                name='recurrent_kernel')
        self.built = True

    def call(self, inputs, states):
        prev_output = states[0]
        h = K.dot(inputs, self.kernel)
        output = h + K.dot(prev_output, self.recurrent_kernel)
        return output, [output]

    def get_config(self):
        config = super(MinimalRNNCell, self).get_config()
        config.update({'units': self.units})
        return config


class GatedByConstant(keras.layers.Layer):

    def __init__(self, units, **kwargs):
        self.units = units
        self.state_size = (units, units)
        super(GatedByConstant, self).__init__(**kwargs)

    def build(self, input_shape):
        step_shape, constant_shape = input_shape
        self.kernel = self.add_weight('kernel', (step_shape[-1], self.units), initializer='glorot_uniform')
        self.gate = self.add_weight('gate', (constant_shape[-1], self.units), initializer='glorot_uniform')
        super(GatedByConstant, self).build(input_shape)

    def call(self, inputs, states, constants):
        [before, count] = states
        [constant] = constants
        output = before + K.sigmoid(K.dot(constant, self.gate)) * K.tanh(K.dot(inputs, self.kernel))
        return output, [output, count + 1]


np.random.seed(14)
rng = np.random.RandomState(14)
x = rng.randn(6, 5, 4).astype('float32')

cell = MinimalRNNCell(3)
inputs = keras.Input((None, 4))
layer = keras.layers.RNN(cell)
model = Model(inputs, layer(inputs))
kernel, recurrent = model.get_weights()
h = np.zeros((6, 3))
for t in range(5):
    h = x[:, t].dot(kernel) + h.dot(recurrent)
np.testing.assert_allclose(model.predict(x), h, rtol=1e-4, atol=1e-6)

cells = [MinimalRNNCell(5), MinimalRNNCell(2)]
stacked = Sequential([keras.layers.RNN(cells, return_sequences=True, input_shape=(5, 4))])
assert stacked.output_shape == (None, 5, 2) and len(stacked.get_weights()) == 4
with keras.utils.CustomObjectScope({'MinimalRNNCell': MinimalRNNCell}):
    again = keras.models.model_from_json(stacked.to_json())
again.set_weights(stacked.get_weights())
np.testing.assert_allclose(again.predict(x), stacked.predict(x), rtol=1e-5)

constant = keras.Input((7,))
layer = keras.layers.RNN(GatedByConstant(3), return_state=True)
output, last, count = layer(inputs, constants=constant)
model = Model([inputs, constant], [output, count])
k = rng.randn(6, 7).astype('float32')
kernel, gate = model.get_weights()
want = (1 / (1 + np.exp(-k.dot(gate))))[:, None] * np.tanh(x.dot(kernel))
found, steps = model.predict([x, k])
np.testing.assert_allclose(found, want.sum(axis=1), rtol=1e-4, atol=1e-5)
np.testing.assert_allclose(steps, np.full((6, 3), 5.))

trained = Model([inputs, constant], keras.layers.Dense(1)(output))
trained.compile('rmsprop', 'mse')
history = trained.fit([x, k], x.sum(axis=(1, 2))[:, None], epochs=15, verbose=0)
assert history.history['loss'][-1] < history.history['loss'][0]
