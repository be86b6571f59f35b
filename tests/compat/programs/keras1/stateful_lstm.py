'''A long wave, cut into batches: a stateful LSTM goes on where the batch before ended.'''
from __future__ import print_function
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, LSTM

np.random.seed(0)
tsteps = 1
batch_size = 10
epochs = 6
lahead = 1


def gen_cosine_amp(amp=1., period=10, x0=0, xn=200, step=1, k=0.0001):
    cos = np.zeros(((xn - x0) * step, 1, 1))
    for i in range(len(cos)):
        idx = x0 + i * step
        cos[i, 0, 0] = amp * np.cos(2 * np.pi * idx / period) * np.exp(-k * idx)
    return cos


cos = gen_cosine_amp()
expected_output = np.roll(cos[:, 0], -batch_size, axis=0)

model = Sequential()
model.add(LSTM(12, batch_input_shape=(batch_size, tsteps, 1), return_sequences=True, stateful=True))
model.add(LSTM(12, return_sequences=False, stateful=True))
model.add(Dense(1))
model.compile(loss='mse', optimizer='rmsprop')
losses = []
for i in range(epochs):
    losses.append(model.fit(cos, expected_output, batch_size=batch_size, verbose=0, nb_epoch=1, shuffle=False).history['loss'][0])
    model.reset_states()
assert losses[-1] < losses[0], losses
first = model.predict(cos[:batch_size], batch_size=batch_size)
second = model.predict(cos[:batch_size], batch_size=batch_size)
assert not np.allclose(first, second)
model.reset_states()
np.testing.assert_allclose(model.predict(cos[:batch_size], batch_size=batch_size), first, rtol=1e-4, atol=1e-5)
assert len(model.layers[0].get_weights()) == 12 and model.layers[0].stateful and model.stateful
