"""A variational autoencoder whose loss is a tensor handed to add_loss."""
from keras.layers import Lambda, Input, Dense
from keras.models import Model
from keras.losses import binary_crossentropy
from keras import backend as K

import numpy as np

np.random.seed(0)


def sampling(args):
    z_mean, z_log_var = args
    batch = K.shape(z_mean)[0]
    dim = K.int_shape(z_mean)[1]
    epsilon = K.random_normal(shape=(batch, dim))
    return z_mean + K.exp(0.5 * z_log_var) * epsilon


original_dim, latent_dim = 16, 2
kinds = np.random.randint(0, 4, 300)
x_train = np.zeros((300, original_dim), 'float32')
for row, kind in zip(x_train, kinds):
    row[kind * 4:kind * 4 + 4] = 1.
x_test = x_train[:60]

inputs = Input(shape=(original_dim,), name='encoder_input')
x = Dense(32, activation='relu')(inputs)
z_mean = Dense(latent_dim, name='z_mean')(x)
z_log_var = Dense(latent_dim, name='z_log_var')(x)
z = Lambda(sampling, output_shape=(latent_dim,), name='z')([z_mean, z_log_var])
encoder = Model(inputs, [z_mean, z_log_var, z], name='encoder')

latent_inputs = Input(shape=(latent_dim,), name='z_sampling')
x = Dense(32, activation='relu')(latent_inputs)
outputs = Dense(original_dim, activation='sigmoid')(x)
decoder = Model(latent_inputs, outputs, name='decoder')

outputs = decoder(encoder(inputs)[2])
vae = Model(inputs, outputs, name='vae_mlp')

reconstruction_loss = binary_crossentropy(inputs, outputs)
reconstruction_loss *= original_dim
kl_loss = 1 + z_log_var - K.square(z_mean) - K.exp(z_log_var)
kl_loss = K.sum(kl_loss, axis=-1)
kl_loss *= -0.5
vae_loss = K.mean(reconstruction_loss + kl_loss)
vae.add_loss(vae_loss)
vae.compile(optimizer='adam')
history = vae.fit(x_train, epochs=25, batch_size=20, validation_data=(x_test, None), verbose=0).history

assert sorted(history) == ['loss', 'val_loss']
assert history['val_loss'][-1] < 0.75 * history['val_loss'][0], history['val_loss']
means, _, _ = encoder.predict(x_test, batch_size=20)
assert means.shape == (60, latent_dim)
assert decoder.predict(np.array([[0., 0.]])).shape == (1, original_dim)
