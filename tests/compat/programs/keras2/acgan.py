"""An auxiliary classifier GAN: two models that share layers, trained batch by batch."""
from collections import defaultdict

from keras.layers import Input, Dense, Reshape, Flatten, Embedding, Dropout, multiply
from keras.layers.advanced_activations import LeakyReLU
from keras.layers.convolutional import Conv2D, UpSampling2D
from keras.models import Sequential, Model
from keras.optimizers import Adam
import numpy as np

np.random.seed(1337)
num_classes, latent_size, size = 3, 6, 8


def build_generator():
    cnn = Sequential()
    cnn.add(Dense(4 * 4 * 4, input_dim=latent_size, activation='relu'))
    cnn.add(Reshape((4, 4, 4)))
    cnn.add(UpSampling2D())
    cnn.add(Conv2D(4, 3, padding='same', activation='relu', kernel_initializer='glorot_normal'))
    cnn.add(Conv2D(1, 3, padding='same', activation='tanh', kernel_initializer='glorot_normal'))
    latent = Input(shape=(latent_size,))
    image_class = Input(shape=(1,), dtype='int32')
    cls = Flatten()(Embedding(num_classes, latent_size, embeddings_initializer='glorot_normal')(image_class))
    h = multiply([latent, cls])
    return Model([latent, image_class], cnn(h))


def build_discriminator():
    cnn = Sequential()
    cnn.add(Conv2D(4, 3, padding='same', strides=2, input_shape=(size, size, 1)))
    cnn.add(LeakyReLU(0.2))
    cnn.add(Dropout(0.3))
    cnn.add(Flatten())
    image = Input(shape=(size, size, 1))
    features = cnn(image)
    fake = Dense(1, activation='sigmoid', name='generation')(features)
    aux = Dense(num_classes, activation='softmax', name='auxiliary')(features)
    return Model(image, [fake, aux])


discriminator = build_discriminator()
discriminator.compile(optimizer=Adam(lr=0.01, beta_1=0.5),
                      loss=['binary_crossentropy', 'sparse_categorical_crossentropy'])
generator = build_generator()

latent = Input(shape=(latent_size,))
image_class = Input(shape=(1,), dtype='int32')
fake = generator([latent, image_class])
discriminator.trainable = False
fake, aux = discriminator(fake)
combined = Model([latent, image_class], [fake, aux])
combined.compile(optimizer=Adam(lr=0.01, beta_1=0.5),
                 loss=['binary_crossentropy', 'sparse_categorical_crossentropy'])

y_train = np.random.randint(0, num_classes, 64)
x_train = np.full((64, size, size, 1), -1., 'float32')
for image, label in zip(x_train, y_train):
    image[2 * label:2 * label + 2] = 1.

history = defaultdict(list)
batch_size = 16
for epoch in range(4):
    losses = []
    for i in range(0, 64, batch_size):
        image_batch, label_batch = x_train[i:i + batch_size], y_train[i:i + batch_size]
        noise = np.random.uniform(-1, 1, (batch_size, latent_size))
        sampled_labels = np.random.randint(0, num_classes, batch_size)
        generated = generator.predict([noise, sampled_labels.reshape((-1, 1))], verbose=0)

        x = np.concatenate((image_batch, generated))
        y = np.array([0.95] * batch_size + [0] * batch_size)
        aux_y = np.concatenate((label_batch, sampled_labels), axis=0)
        disc_sample_weight = [np.ones(2 * batch_size),
                              np.concatenate((np.ones(batch_size) * 2, np.zeros(batch_size)))]
        frozen = generator.get_weights()
        losses.append(discriminator.train_on_batch(x, [y, aux_y], sample_weight=disc_sample_weight))
        assert all((a == b).all() for a, b in zip(frozen, generator.get_weights()))

        frozen = discriminator.get_weights()
        noise = np.random.uniform(-1, 1, (2 * batch_size, latent_size))
        sampled_labels = np.random.randint(0, num_classes, 2 * batch_size)
        combined_loss = combined.train_on_batch([noise, sampled_labels.reshape((-1, 1))],
                                                [np.ones(2 * batch_size), sampled_labels])
        assert len(combined_loss) == 3
        assert all((a == b).all() for a, b in zip(frozen, discriminator.get_weights()))
    history['discriminator'].append(np.mean(np.array(losses), axis=0))

assert discriminator.metrics_names == ['loss', 'generation_loss', 'auxiliary_loss']
assert history['discriminator'][-1][2] < history['discriminator'][0][2]
