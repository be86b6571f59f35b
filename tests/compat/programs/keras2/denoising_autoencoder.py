"""A denoising autoencoder of convolutions, as an encoder and a decoder that are models themselves."""
from keras.layers import Activation, Dense, Input
from keras.layers import Conv2D, Flatten
from keras.layers import Reshape, Conv2DTranspose
from keras.models import Model
from keras import backend as K
import numpy as np

np.random.seed(1337)
image_size = 8
clean = np.zeros((96, image_size, image_size), 'float32')
for i, image in enumerate(clean):
    image[i % 8] = 1.
x_train = np.reshape(clean, [-1, image_size, image_size, 1])
noise = np.random.normal(loc=0.5, scale=0.5, size=x_train.shape)
x_train_noisy = np.clip(x_train + noise, 0., 1.)

input_shape = (image_size, image_size, 1)
kernel_size, latent_dim = 3, 8
layer_filters = [4, 8]

inputs = Input(shape=input_shape, name='encoder_input')
x = inputs
for filters in layer_filters:
    x = Conv2D(filters=filters, kernel_size=kernel_size, strides=2, activation='relu', padding='same')(x)
shape = K.int_shape(x)
x = Flatten()(x)
latent = Dense(latent_dim, name='latent_vector')(x)
encoder = Model(inputs, latent, name='encoder')

latent_inputs = Input(shape=(latent_dim,), name='decoder_input')
x = Dense(shape[1] * shape[2] * shape[3])(latent_inputs)
x = Reshape((shape[1], shape[2], shape[3]))(x)
for filters in layer_filters[::-1]:
    x = Conv2DTranspose(filters=filters, kernel_size=kernel_size, strides=2, activation='relu', padding='same')(x)
x = Conv2DTranspose(filters=1, kernel_size=kernel_size, padding='same')(x)
outputs = Activation('sigmoid', name='decoder_output')(x)
decoder = Model(latent_inputs, outputs, name='decoder')
decoder.summary(print_fn=lambda line: None)

autoencoder = Model(inputs, decoder(encoder(inputs)), name='autoencoder')
autoencoder.compile(loss='mse', optimizer='adam')
history = autoencoder.fit(x_train_noisy, x_train, validation_data=(x_train_noisy, x_train), epochs=6, batch_size=16,
                          verbose=0).history
assert history['val_loss'][-1] < history['val_loss'][0]
x_decoded = autoencoder.predict(x_train_noisy)
np.testing.assert_allclose(x_decoded, decoder.predict(encoder.predict(x_train_noisy)), rtol=1e-3, atol=1e-5)
