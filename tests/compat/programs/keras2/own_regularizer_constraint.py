'''A regularizer, a constraint, an initializer and an activation written with K, and a model saved with them.'''
from __future__ import print_function

import os
import tempfile

import numpy as np

from keras import backend as K
from keras import initializers, regularizers
from keras.constraints import Constraint
from keras.layers import Dense
from keras.models import Sequential, load_model
from keras.utils.generic_utils import get_custom_objects

np.random.seed(3)


class Orthogonality(regularizers.Regularizer):
    '''The columns of a matrix shall be orthogonal.'''

    def __init__(self, strength=0.1):
        self.strength = strength

    def __call__(self, w):
        gram = K.dot(K.transpose(w), w)
        off = gram * (1. - K.eye(K.int_shape(w)[1]))
        return self.strength * K.sum(K.square(off))

    def get_config(self):
        return {'strength': float(self.strength)}


class WeightClip(Constraint):
    '''Weights stay within [-c, c], as in a Wasserstein GAN.'''

    def __init__(self, c=0.01):
        self.c = c

    def __call__(self, p):
        return K.clip(p, -self.c, self.c)

    def get_config(self):
        return {'name': self.__class__.__name__, 'c': self.c}

    @classmethod
    def from_config(cls, config):
        return cls(config['c'])


class Scaled(initializers.Initializer):
    def __init__(self, scale=1.):
        self.scale = scale

    def __call__(self, shape, dtype=None):
        return self.scale * K.random_uniform(shape, -1., 1., dtype=dtype)

    def get_config(self):
        return {'scale': self.scale}


def swish1(x):
    return x * K.sigmoid(x)


get_custom_objects().update({'swish1': swish1})

x = np.random.randn(200, 6).astype('float32')
y = np.dot(x, np.random.randn(6, 3)) * 2


def train(strength):
    model = Sequential()
    model.add(Dense(3, input_shape=(6,), kernel_initializer=Scaled(0.5),
                    kernel_regularizer=Orthogonality(strength)))
    model.compile('sgd', 'mse')
    assert len(model.losses) == 1
    model.fit(x, y, epochs=15, verbose=0)
    w = model.get_weights()[0]
    gram = np.dot(w.T, w)
    return np.abs(gram - np.diag(np.diag(gram))).sum()


free, bound = train(0.), train(1.)
print('not orthogonal by', free, 'without, and by', bound, 'with the penalty')
assert bound < 0.5 * free

model = Sequential()
model.add(Dense(8, input_shape=(6,), activation='swish1', kernel_initializer=Scaled(0.05),
                kernel_constraint=WeightClip(0.05), kernel_regularizer=Orthogonality(1e-3)))
model.add(Dense(3, kernel_regularizer=lambda w: 1e-4 * K.sum(K.abs(w))))
model.compile('sgd', 'mse')
w = model.layers[0].get_weights()[0]
assert np.abs(w).max() <= 0.05 and np.abs(w).max() > 0.03
model.fit(x, y, epochs=3, verbose=0)
assert np.isclose(np.abs(model.layers[0].get_weights()[0]).max(), 0.05)

model.layers.pop()
small = Sequential([model.layers[0]])
small.compile('sgd', 'mse')
path = os.path.join(tempfile.mkdtemp(), 'own.h5')
small.save(path)
again = load_model(path, custom_objects={'Orthogonality': Orthogonality, 'WeightClip': WeightClip,
                                         'Scaled': Scaled})
np.testing.assert_allclose(again.predict(x), small.predict(x), rtol=1e-5)
assert again.layers[0].kernel_constraint.c == 0.05
assert again.layers[0].kernel_regularizer.strength == 1e-3
