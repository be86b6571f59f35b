'''A variational autoencoder: a Lambda draws, the loss closes over the tensors of the graph.'''
import numpy as np
np.random.seed(1337)
from keras.layers import Input, Dense, Lambda
from keras.models import Model
from keras import backend as K
from keras import objectives

batch_size = 16
original_dim = 20
latent_dim = 2
intermediate_dim = 16
nb_epoch = 12
epsilon_std = 1.0

x = Input(batch_shape=(batch_size, original_dim))
h = Dense(intermediate_dim, activation='relu')(x)
z_mean = Dense(latent_dim)(h)
z_log_var = Dense(latent_dim)(h)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(batch_size, latent_dim), mean=0., std=epsilon_std)
    return z_mean + K.exp(z_log_var / 2) * epsilon


z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])
decoder_h = Dense(intermediate_dim, activation='relu')
decoder_mean = Dense(original_dim, activation='sigmoid')
h_decoded = decoder_h(z)
x_decoded_mean = decoder_mean(h_decoded)


def vae_loss(x, x_decoded_mean):
    xent_loss = original_dim * objectives.binary_crossentropy(x, x_decoded_mean)
    kl_loss = - 0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
    return xent_loss + kl_loss


vae = Model(x, x_decoded_mean)
vae.compile(optimizer='rmsprop', loss=vae_loss)

data = np.zeros((96, original_dim), 'float32')
for row in data:
    at = np.random.randint(0, 15)
    row[at:at + 5] = 1.
history = vae.fit(data, data, shuffle=True, nb_epoch=nb_epoch, batch_size=batch_size, validation_data=(data, data), verbose=0)
assert history.history['val_loss'][-1] < 0.95 * history.history['val_loss'][0], history.history['val_loss']

encoder = Model(x, z_mean)
assert encoder.predict(data, batch_size=batch_size).shape == (96, latent_dim)
decoder_input = Input(shape=(latent_dim,))
_h_decoded = decoder_h(decoder_input)
_x_decoded_mean = decoder_mean(_h_decoded)
generator = Model(decoder_input, _x_decoded_mean)
drawn = generator.predict(np.random.randn(5, 2))
assert drawn.shape == (5, original_dim) and 0 <= drawn.min() and drawn.max() <= 1
