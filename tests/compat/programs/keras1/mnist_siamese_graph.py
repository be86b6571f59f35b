'''Two images through one network; a contrastive loss draws equal ones together.'''
from __future__ import absolute_import
from __future__ import print_function
import numpy as np
np.random.seed(1337)
import random
random.seed(1337)
from keras.models import Sequential, Model
from keras.layers import Dense, Dropout, Input, Lambda
from keras.optimizers import RMSprop
from keras import backend as K


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


def eucl_dist_output_shape(shapes):
    shape1, shape2 = shapes
    return (shape1[0], 1)


def contrastive_loss(y_true, y_pred):
    margin = 1
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0)))


def create_pairs(x, digit_indices):
    pairs = []
    labels = []
    n = min([len(digit_indices[d]) for d in range(3)]) - 1
    for d in range(3):
        for i in range(n):
            z1, z2 = digit_indices[d][i], digit_indices[d][i + 1]
            pairs += [[x[z1], x[z2]]]
            inc = random.randrange(1, 3)
            dn = (d + inc) % 3
            z1, z2 = digit_indices[d][i], digit_indices[dn][i]
            pairs += [[x[z1], x[z2]]]
            labels += [1, 0]
    return np.array(pairs), np.array(labels)


def create_base_network(input_dim):
    seq = Sequential()
    seq.add(Dense(32, input_shape=(input_dim,), activation='relu'))
    seq.add(Dropout(0.1))
    seq.add(Dense(16, activation='relu'))
    return seq


def compute_accuracy(predictions, labels):
    return labels[predictions.ravel() < 0.5].mean()


centres = np.random.rand(3, 20)
y = np.random.randint(0, 3, 150)
X = (centres[y] + 0.1 * np.random.randn(150, 20)).astype('float32')
input_dim = 20
pairs, labels = create_pairs(X, [np.where(y == i)[0] for i in range(3)])

base_network = create_base_network(input_dim)
input_a = Input(shape=(input_dim,))
input_b = Input(shape=(input_dim,))
processed_a = base_network(input_a)
processed_b = base_network(input_b)
distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)([processed_a, processed_b])
model = Model(input=[input_a, input_b], output=distance)
assert model.count_params() == base_network.count_params() == 20 * 32 + 32 + 32 * 16 + 16

rms = RMSprop()
model.compile(loss=contrastive_loss, optimizer=rms)
model.fit([pairs[:, 0], pairs[:, 1]], labels, validation_split=0.1, batch_size=32, nb_epoch=8, verbose=0)
pred = model.predict([pairs[:, 0], pairs[:, 1]])
acc = compute_accuracy(pred, labels)
print('* Accuracy: %0.2f%%' % (100 * acc))
assert acc > 0.9, acc
assert len(base_network.inbound_nodes if hasattr(base_network, 'inbound_nodes') else [1, 2]) >= 2
