'''A stateful LSTM on a cosine, batch by batch, with its states reset between the epochs.'''
from __future__ import print_function
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, LSTM

np.random.seed(11)
tsteps = 1
batch_size = 20
epochs = 12
lahead = 1


def gen_cosine_amp(amp=1, period=30, x0=0, xn=200, step=1, k=0.005):
    cos = np.zeros(((xn - x0) * step, 1, 1))
    for i in range(len(cos)):
        idx = x0 + i * step
        cos[i, 0, 0] = amp * np.cos(2 * np.pi * idx / period)
        cos[i, 0, 0] = cos[i, 0, 0] * np.exp(-k * idx)
    return cos


cos = gen_cosine_amp()
expected_output = np.zeros((len(cos), 1))
for i in range(len(cos) - lahead):
    expected_output[i, 0] = np.mean(cos[i + 1:i + lahead + 1])

model = Sequential()
model.add(LSTM(8, input_shape=(tsteps, 1), batch_size=batch_size, return_sequences=True, stateful=True))
model.add(LSTM(8, return_sequences=False, stateful=True))
model.add(Dense(1))
model.compile(loss='mse', optimizer='rmsprop')

losses = []
for i in range(epochs):
    history = model.fit(cos, expected_output, batch_size=batch_size, epochs=1, verbose=0, shuffle=False)
    losses.append(history.history['loss'][0])
    model.reset_states()

first = model.predict(cos, batch_size=batch_size)
second = model.predict(cos, batch_size=batch_size)
model.reset_states()
third = model.predict(cos, batch_size=batch_size)
assert losses[-1] < losses[0], losses
assert first.shape == (200, 1)
assert not np.allclose(first[:20], second[:20], atol=1e-6)     # it went on from where it was
np.testing.assert_allclose(first, third, rtol=1e-4, atol=1e-6)

# its weights in a model of another batch size, one sample after the other
single = Sequential()
single.add(LSTM(8, batch_input_shape=(1, tsteps, 1), return_sequences=True, stateful=True))
single.add(LSTM(8, stateful=True))
single.add(Dense(1))
single.set_weights(model.get_weights())
steps = np.concatenate([single.predict(cos[i * 20][None], batch_size=1) for i in range(10)])
np.testing.assert_allclose(steps[:, 0], third[::20, 0], rtol=1e-3, atol=1e-5)

# states set by hand
layer = single.layers[0]
single.reset_states()
layer.reset_states(states=[np.ones((1, 8)), np.ones((1, 8))])
assert not np.allclose(single.predict(cos[:1], batch_size=1), steps[:1], atol=1e-5)
