'''A recurrent network of rectified units that begins as the identity, reading images pixel by pixel.'''
from __future__ import print_function
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Activation
from keras.layers import SimpleRNN
from keras.initializations import normal, identity
from keras.optimizers import RMSprop
from keras.utils import np_utils

np.random.seed(7)
batch_size = 32
nb_classes = 2
nb_epochs = 15
hidden_units = 20
learning_rate = 2e-3
clip_norm = 1.0

# a dark pixel early or late in 25
X = np.zeros((128, 5, 5), 'float32')
y = np.random.randint(0, 2, 128)
for image, late in zip(X, y):
    image[np.random.randint(0, 2) + 3 * late, np.random.randint(0, 5)] = 1.
X = X.reshape(X.shape[0], -1, 1)
Y = np_utils.to_categorical(y, nb_classes)

model = Sequential()
model.add(SimpleRNN(output_dim=hidden_units,
                    init=lambda shape, name: normal(shape, scale=0.1, name=name),
                    inner_init=lambda shape, name: identity(shape, scale=0.9, name=name),
                    activation='relu',
                    input_shape=X.shape[1:]))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))
W, U, b = model.layers[0].get_weights()
assert np.allclose(U, 0.9 * np.eye(hidden_units)) and 0.05 < W.std() < 0.2 and not b.any()

rmsprop = RMSprop(lr=learning_rate, clipnorm=clip_norm)
model.compile(loss='categorical_crossentropy', optimizer=rmsprop, metrics=['accuracy'])
history = model.fit(X, Y, batch_size=batch_size, nb_epoch=nb_epochs, verbose=0)
scores = model.evaluate(X, Y, verbose=0)
print('IRNN score:', scores[0], 'accuracy:', scores[1])
assert scores[0] < history.history['loss'][0]
assert scores[1] > 0.75, scores
