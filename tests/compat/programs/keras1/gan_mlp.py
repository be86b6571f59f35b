"""A generative adversarial network of dense layers."""
import numpy as np

from keras.models import Sequential
from keras.layers.core import Dense, Activation
from keras.layers.normalization import BatchNormalization
from keras.optimizers import SGD

np.random.seed(0)


def generator_model():
    model = Sequential()
    model.add(Dense(input_dim=4, output_dim=16))
    model.add(Activation('tanh'))
    model.add(BatchNormalization())
    model.add(Dense(2))
    return model


def discriminator_model():
    model = Sequential()
    model.add(Dense(16, input_dim=2))
    model.add(Activation('tanh'))
    model.add(Dense(1))
    model.add(Activation('sigmoid'))
    return model


def generator_containing_discriminator(generator, discriminator):
    model = Sequential()
    model.add(generator)
    discriminator.trainable = False
    model.add(discriminator)
    return model


discriminator = discriminator_model()
generator = generator_model()
discriminator_on_generator = generator_containing_discriminator(generator, discriminator)
d_optim = SGD(lr=0.05, momentum=0.5, nesterov=True)
g_optim = SGD(lr=0.05, momentum=0.5, nesterov=True)
generator.compile(loss='mse', optimizer='SGD')
discriminator_on_generator.compile(loss='binary_crossentropy', optimizer=g_optim)
discriminator.trainable = True
discriminator.compile(loss='binary_crossentropy', optimizer=d_optim)

BATCH_SIZE = 32
real = np.random.randn(320, 2) * .1 + [2., -1.]
before = np.abs(generator.predict(np.random.uniform(-1, 1, (100, 4))).mean(0) - [2., -1.]).sum()
for epoch in range(8):
    for index in range(10):
        noise = np.random.uniform(-1, 1, (BATCH_SIZE, 4))
        batch = real[index * BATCH_SIZE:(index + 1) * BATCH_SIZE]
        generated = generator.predict(noise, verbose=0)
        X = np.concatenate((batch, generated))
        y = [1] * BATCH_SIZE + [0] * BATCH_SIZE
        d_loss = discriminator.train_on_batch(X, y)
        noise = np.random.uniform(-1, 1, (BATCH_SIZE, 4))
        discriminator.trainable = False
        g_loss = discriminator_on_generator.train_on_batch(noise, [1] * BATCH_SIZE)
        discriminator.trainable = True
        assert np.isfinite([d_loss, g_loss]).all()
after = np.abs(generator.predict(np.random.uniform(-1, 1, (100, 4))).mean(0) - [2., -1.]).sum()
assert after < before, (before, after)
