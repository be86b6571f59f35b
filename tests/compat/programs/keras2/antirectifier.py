'''A layer of one's own, written with K: the positive and the negative part, both normalized.'''
from __future__ import print_function
import numpy as np
import keras
from keras.models import Sequential
from keras import layers
from keras import backend as K


class Antirectifier(layers.Layer):
    '''Concatenates relu(x) and relu(-x) of samples that were centered and normalized; twice as wide as its input.'''

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        assert len(shape) == 2  # only valid for 2D tensors
        shape[-1] *= 2
        return tuple(shape)

    def call(self, inputs):
        inputs -= K.mean(inputs, axis=1, keepdims=True)
        inputs = K.l2_normalize(inputs, axis=1)
        pos = K.relu(inputs)
        neg = K.relu(-inputs)
        return K.concatenate([pos, neg], axis=1)


np.random.seed(12)
num_classes = 3
y = np.random.randint(0, num_classes, 240)
x = (np.random.randn(num_classes, 20)[y] + np.random.randn(240, 20)).astype('float32')
y_train = keras.utils.to_categorical(y, num_classes)
before = x.copy()

model = Sequential()
model.add(layers.Dense(16, input_shape=(20,)))
model.add(Antirectifier())
model.add(layers.Dropout(0.1))
model.add(layers.Dense(16))
model.add(Antirectifier())
model.add(layers.Dropout(0.1))
model.add(layers.Dense(num_classes))
model.add(layers.Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['accuracy'])
history = model.fit(x[:200], y_train[:200], batch_size=20, epochs=12, verbose=0,
                    validation_data=(x[200:], y_train[200:]))

assert model.layers[1].output_shape == (None, 32) and model.layers[1].name == 'antirectifier_1'
assert history.history['val_accuracy'][-1] > .7, history.history['val_accuracy']
np.testing.assert_array_equal(x, before)

alone = Sequential([Antirectifier(input_shape=(20,))])
centered = x - x.mean(axis=1, keepdims=True)
centered /= np.sqrt((centered ** 2).sum(axis=1, keepdims=True))
np.testing.assert_allclose(alone.predict(x), np.concatenate([np.maximum(centered, 0), np.maximum(-centered, 0)], 1),
                           rtol=1e-4, atol=1e-5)
