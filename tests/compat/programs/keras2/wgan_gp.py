'''A Wasserstein GAN whose critic is held to gradients of length 1: a loss that takes K.gradients of the model itself.'''
from __future__ import print_function
from functools import partial
import numpy as np
from keras import backend as K
from keras.layers import Dense, Input
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.merge import _Merge
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(2)
BATCH_SIZE = 16
GRADIENT_PENALTY_WEIGHT = 10


def wasserstein_loss(y_true, y_pred):
    return K.mean(y_true * y_pred)


def gradient_penalty_loss(y_true, y_pred, averaged_samples, gradient_penalty_weight):
    gradients = K.gradients(y_pred, averaged_samples)[0]
    gradients_sqr = K.square(gradients)
    gradients_sqr_sum = K.sum(gradients_sqr, axis=np.arange(1, len(gradients_sqr.shape)))
    gradient_l2_norm = K.sqrt(gradients_sqr_sum)
    gradient_penalty = gradient_penalty_weight * K.square(1 - gradient_l2_norm)
    return K.mean(gradient_penalty)


class RandomWeightedAverage(_Merge):
    '''A random point on the line between a real sample and one that was made.'''

    def _merge_function(self, inputs):
        weights = K.random_uniform((BATCH_SIZE, 1))
        return (weights * inputs[0]) + ((1 - weights) * inputs[1])


def make_generator():
    model = Sequential()
    model.add(Dense(12, input_dim=4))
    model.add(LeakyReLU())
    model.add(Dense(2))
    return model


def make_discriminator():
    model = Sequential()
    model.add(Dense(16, input_shape=(2,), kernel_initializer='he_normal'))
    model.add(LeakyReLU())
    model.add(Dense(16, kernel_initializer='he_normal', activation='tanh'))
    model.add(Dense(1, kernel_initializer='he_normal'))
    return model


generator = make_generator()
discriminator = make_discriminator()
# steep at first, so that there is something to be made less
discriminator.set_weights([np.random.normal(0, .7, w.shape) for w in discriminator.get_weights()])

for layer in discriminator.layers:
    layer.trainable = False
discriminator.trainable = False
generator_input = Input(shape=(4,))
generator_model = Model(inputs=[generator_input], outputs=[discriminator(generator(generator_input))])
generator_model.compile(optimizer=Adam(0.01, beta_1=0.5, beta_2=0.9), loss=wasserstein_loss)

for layer in discriminator.layers:
    layer.trainable = True
for layer in generator.layers:
    layer.trainable = False
discriminator.trainable = True
generator.trainable = False

real_samples = Input(shape=(2,))
noise = Input(shape=(4,))
made_samples = generator(noise)
averaged_samples = RandomWeightedAverage()([real_samples, made_samples])
partial_gp_loss = partial(gradient_penalty_loss,
                          averaged_samples=averaged_samples,
                          gradient_penalty_weight=GRADIENT_PENALTY_WEIGHT)
partial_gp_loss.__name__ = 'gradient_penalty'
discriminator_model = Model(inputs=[real_samples, noise],
                            outputs=[discriminator(real_samples),
                                     discriminator(made_samples),
                                     discriminator(averaged_samples)])
discriminator_model.compile(optimizer=Adam(0.01, beta_1=0.5, beta_2=0.9),
                            loss=[wasserstein_loss, wasserstein_loss, partial_gp_loss])

positive_y = np.ones((BATCH_SIZE, 1), dtype=np.float32)
negative_y = -positive_y
dummy_y = np.zeros((BATCH_SIZE, 1), dtype=np.float32)
penalties = []
for epoch in range(30):
    made = generator.get_weights()
    for i in range(2):
        real = np.random.normal((2., -1.), .3, (BATCH_SIZE, 2))
        losses = discriminator_model.train_on_batch([real, np.random.rand(BATCH_SIZE, 4)],
                                                    [negative_y, positive_y, dummy_y])
        penalties.append(losses[3])
    assert all(np.array_equal(a, b) for a, b in zip(made, generator.get_weights()))
    generator_model.train_on_batch(np.random.rand(BATCH_SIZE, 4), negative_y)
print(penalties[::10])
assert len(losses) == 4
assert np.mean(penalties[-10:]) < 0.7 * np.mean(penalties[:4])

# the length of the critic's gradient, now asked for directly
point = discriminator.input
length = K.sqrt(K.sum(K.square(K.gradients(discriminator.output, point)[0]), axis=-1))
lengths = K.function([point], [length])([np.random.normal((1., -.5), .5, (64, 2))])[0]
print('Lengths of gradients:', lengths.mean())
assert 0.3 < lengths.mean() < 2.
