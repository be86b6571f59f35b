'''A layer of one's own: both halves of what ReLU cuts off, centred and normalized.'''
from __future__ import print_function
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Dropout, Layer, Activation
from keras import backend as K
from keras.utils import np_utils


class Antirectifier(Layer):
    def get_output_shape_for(self, input_shape):
        shape = list(input_shape)
        assert len(shape) == 2  # only valid for 2D tensors
        shape[-1] *= 2
        return tuple(shape)

    def call(self, x, mask=None):
        x -= K.mean(x, axis=1, keepdims=True)
        x = K.l2_normalize(x, axis=1)
        pos = K.relu(x)
        neg = K.relu(-x)
        return K.concatenate([pos, neg], axis=1)


np.random.seed(3)
nb_classes = 4
y = np.random.randint(0, nb_classes, 200)
X = (np.random.randn(nb_classes, 30)[y] + np.random.randn(200, 30)).astype('float32')
Y = np_utils.to_categorical(y, nb_classes)
kept = X.copy()

model = Sequential()
model.add(Dense(24, input_shape=(30,)))
model.add(Antirectifier())
model.add(Dropout(0.1))
model.add(Dense(24))
model.add(Antirectifier())
model.add(Dropout(0.1))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))
assert [l.output_shape[-1] for l in model.layers] == [24, 48, 48, 24, 48, 48, 4, 4]
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
model.fit(X, Y, batch_size=32, nb_epoch=20, verbose=0)
assert model.evaluate(X, Y, verbose=0)[1] > 0.9
np.testing.assert_array_equal(X, kept)

first = Sequential([model.layers[0], model.layers[1]])
W, b = model.layers[0].get_weights()
h = X.dot(W) + b
h -= h.mean(axis=1, keepdims=True)
h /= np.sqrt((h ** 2).sum(axis=1, keepdims=True))
np.testing.assert_allclose(first.predict(X), np.hstack([np.maximum(h, 0), np.maximum(-h, 0)]), rtol=1e-3, atol=1e-4)
