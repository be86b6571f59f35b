'''Autoencoders: dense with an activity penalty, its two halves as models, and a convolutional one on noisy images.'''
import numpy as np
from keras.layers import Input, Dense, Convolution2D, MaxPooling2D, UpSampling2D
from keras.models import Model
from keras import regularizers

np.random.seed(11)
images = np.zeros((96, 8, 8, 1), 'float32')
for image in images:
    r, c = np.random.randint(0, 5, 2)
    image[r:r + 3, c:c + 3] = 1.
flat = images.reshape((len(images), np.prod(images.shape[1:])))

encoding_dim = 16
input_img = Input(shape=(64,))
encoded = Dense(encoding_dim, activation='relu', activity_regularizer=regularizers.activity_l1(10e-8))(input_img)
decoded = Dense(64, activation='sigmoid')(encoded)
autoencoder = Model(input=input_img, output=decoded)
encoder = Model(input=input_img, output=encoded)
encoded_input = Input(shape=(encoding_dim,))
decoder_layer = autoencoder.layers[-1]
decoder = Model(input=encoded_input, output=decoder_layer(encoded_input))
autoencoder.compile(optimizer='adadelta', loss='binary_crossentropy')
history = autoencoder.fit(flat, flat, nb_epoch=15, batch_size=16, shuffle=True, validation_data=(flat, flat), verbose=0)
assert history.history['val_loss'][-1] < history.history['val_loss'][0]
np.testing.assert_allclose(decoder.predict(encoder.predict(flat)), autoencoder.predict(flat), rtol=1e-3, atol=1e-4)

noisy = np.clip(images + 0.4 * np.random.normal(size=images.shape), 0., 1.)
input_img = Input(shape=(8, 8, 1))
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same')(input_img)
x = MaxPooling2D((2, 2), border_mode='same')(x)
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same')(x)
encoded = MaxPooling2D((2, 2), border_mode='same')(x)
assert encoded._keras_shape == (None, 2, 2, 8)
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same')(encoded)
x = UpSampling2D((2, 2))(x)
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same')(x)
x = UpSampling2D((2, 2))(x)
decoded = Convolution2D(1, 3, 3, activation='sigmoid', border_mode='same')(x)
autoencoder = Model(input_img, decoded)
autoencoder.compile(optimizer='adam', loss='binary_crossentropy')
history = autoencoder.fit(noisy, images, nb_epoch=10, batch_size=16, verbose=0)
assert history.history['loss'][-1] < 0.8 * history.history['loss'][0]
assert autoencoder.predict(noisy[:3]).shape == (3, 8, 8, 1)
