"""A series in a CSV file, foretold by a GRU that reads windows of it: TimeseriesGenerator."""
import csv
import os
import tempfile

import numpy as np

from keras.layers import Dense, GRU
from keras.models import Sequential
from keras.optimizers import RMSprop
from keras.preprocessing.sequence import TimeseriesGenerator

np.random.seed(2)
path = os.path.join(tempfile.mkdtemp(), 'weather.csv')
with open(path, 'w', newline='') as f:
    rows = csv.writer(f)
    rows.writerow(['hour', 'temperature', 'pressure'])
    for hour in range(400):
        wave = np.sin(hour * 2 * np.pi / 24)
        rows.writerow([hour, '%.3f' % (10 + 5 * wave + 0.1 * np.random.randn()), '%.3f' % (990 + 3 * np.random.randn())])

with open(path) as f:
    lines = f.read().strip().split('\n')
header, lines = lines[0].split(','), lines[1:]
float_data = np.array([[float(x) for x in line.split(',')[1:]] for line in lines])
assert header[1] == 'temperature' and float_data.shape == (400, 2)
mean, std = float_data[:300].mean(axis=0), float_data[:300].std(axis=0)
float_data -= mean
float_data /= std

lookback, step = 12, 2
train_gen = TimeseriesGenerator(float_data, float_data[:, 0], length=lookback, sampling_rate=step,
                                end_index=299, shuffle=True, batch_size=32)
val_gen = TimeseriesGenerator(float_data, float_data[:, 0], length=lookback, sampling_rate=step,
                              start_index=300, batch_size=32)
samples, targets = val_gen[0]
assert samples.shape == (32, 6, 2) and targets.shape == (32,) and (len(train_gen), len(val_gen)) == (9, 3)
np.testing.assert_array_equal(samples[0], float_data[300:312:2])


def evaluate_naive_method():
    return np.mean([np.mean(np.abs(s[:, -1, 0] - t)) for s, t in val_gen])


model = Sequential()
model.add(GRU(12, dropout=0.05, recurrent_dropout=0.05, input_shape=(None, float_data.shape[-1])))
model.add(Dense(1))
model.compile(optimizer=RMSprop(lr=0.01), loss='mae')
history = model.fit_generator(train_gen, steps_per_epoch=len(train_gen), epochs=15, verbose=0,
                              validation_data=val_gen, validation_steps=len(val_gen))
naive, learned = evaluate_naive_method(), history.history['val_loss'][-1]
print('naive %.3f, learned %.3f' % (naive, learned))
assert learned < 0.9 * naive
assert model.predict_generator(val_gen, steps=len(val_gen)).shape == (88, 1)
