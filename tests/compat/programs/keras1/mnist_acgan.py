'''A generator and a discriminator that also tells the class (auxiliary classifier GAN).'''
from __future__ import print_function
import numpy as np
np.random.seed(1331)
import keras.backend as K
from keras.layers import Input, Dense, Reshape, Flatten, Embedding, merge, Dropout
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import UpSampling2D, Convolution2D
from keras.models import Sequential, Model
from keras.optimizers import Adam
from keras.utils.generic_utils import Progbar


def build_generator(latent_size):
    cnn = Sequential()
    cnn.add(Dense(16, input_dim=latent_size, activation='relu'))
    cnn.add(Dense(4 * 4 * 4, activation='relu'))
    cnn.add(Reshape((4, 4, 4)))
    cnn.add(UpSampling2D(size=(2, 2)))
    cnn.add(Convolution2D(6, 3, 3, border_mode='same', activation='relu', init='glorot_normal'))
    cnn.add(Convolution2D(1, 2, 2, border_mode='same', activation='tanh', init='glorot_normal'))
    latent = Input(shape=(latent_size,))
    image_class = Input(shape=(1,), dtype='int32')
    cls = Flatten()(Embedding(2, latent_size, init='glorot_normal')(image_class))
    h = merge([latent, cls], mode='mul')
    return Model(input=[latent, image_class], output=cnn(h))


def build_discriminator():
    cnn = Sequential()
    cnn.add(Convolution2D(4, 3, 3, border_mode='same', subsample=(2, 2), input_shape=(8, 8, 1)))
    cnn.add(LeakyReLU())
    cnn.add(Dropout(0.3))
    cnn.add(Convolution2D(8, 3, 3, border_mode='same', subsample=(1, 1)))
    cnn.add(LeakyReLU())
    cnn.add(Flatten())
    image = Input(shape=(8, 8, 1))
    features = cnn(image)
    fake = Dense(1, activation='sigmoid', name='generation')(features)
    aux = Dense(2, activation='softmax', name='auxiliary')(features)
    return Model(input=image, output=[fake, aux])


nb_epochs, batch_size, latent_size = 3, 16, 6
discriminator = build_discriminator()
discriminator.compile(optimizer=Adam(lr=0.002, beta_1=0.5), loss=['binary_crossentropy', 'sparse_categorical_crossentropy'])
generator = build_generator(latent_size)
generator.compile(optimizer=Adam(lr=0.002, beta_1=0.5), loss='binary_crossentropy')
latent = Input(shape=(latent_size,))
image_class = Input(shape=(1,), dtype='int32')
fake = generator([latent, image_class])
discriminator.trainable = False
fake, aux = discriminator(fake)
combined = Model(input=[latent, image_class], output=[fake, aux])
combined.compile(optimizer=Adam(lr=0.002, beta_1=0.5), loss=['binary_crossentropy', 'sparse_categorical_crossentropy'])

y_train = np.random.randint(0, 2, 64)
X_train = -np.ones((64, 8, 8, 1), 'float32')
X_train[y_train == 0, 2:4] = 1.
X_train[y_train == 1, :, 5:7] = 1.
d_losses = []
for epoch in range(nb_epochs):
    nb_batches = int(X_train.shape[0] / batch_size)
    progress_bar = Progbar(target=nb_batches)
    for index in range(nb_batches):
        progress_bar.update(index)
        noise = np.random.uniform(-1, 1, (batch_size, latent_size))
        image_batch = X_train[index * batch_size:(index + 1) * batch_size]
        label_batch = y_train[index * batch_size:(index + 1) * batch_size]
        sampled_labels = np.random.randint(0, 2, batch_size)
        generated_images = generator.predict([noise, sampled_labels.reshape((-1, 1))], verbose=0)
        X = np.concatenate((image_batch, generated_images))
        y = np.array([1] * batch_size + [0] * batch_size)
        aux_y = np.concatenate((label_batch, sampled_labels), axis=0)
        d_losses.append(discriminator.train_on_batch(X, [y, aux_y]))
        before = [w.copy() for w in discriminator.get_weights()]
        made = [w.copy() for w in generator.get_weights()]
        noise = np.random.uniform(-1, 1, (2 * batch_size, latent_size))
        sampled_labels = np.random.randint(0, 2, 2 * batch_size)
        trick = np.ones(2 * batch_size)
        combined.train_on_batch([noise, sampled_labels.reshape((-1, 1))], [trick, sampled_labels])
        for a, b in zip(before, discriminator.get_weights()):
            np.testing.assert_array_equal(a, b)  # the generator learned alone
        assert any((a != b).any() for a, b in zip(made, generator.get_weights()))
assert discriminator.metrics_names == ['loss', 'generation_loss', 'auxiliary_loss'], discriminator.metrics_names
assert np.array(d_losses).shape == (12, 3)
assert d_losses[-1][2] < d_losses[0][2], d_losses
