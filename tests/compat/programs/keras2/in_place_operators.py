"""`x *= ...` in losses, metrics, penalties, constraints and Lambdas: what others hold stays as it was; lists grow."""
import numpy as np
from keras import backend as K
from keras.constraints import Constraint
from keras.initializers import RandomUniform
from keras.layers import Dense, Input, Lambda, Layer, add
from keras.models import Model
from keras.regularizers import Regularizer

np.random.seed(3)


class UnitSum(Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w *= K.cast(K.greater_equal(w, 0.), K.floatx())
        w /= (K.epsilon() + K.sum(w, axis=self.axis, keepdims=True))
        return w

    def get_config(self):
        return {'axis': self.axis}


class Spread(Regularizer):
    def __call__(self, x):
        loss = 0.
        x -= K.mean(x)
        loss += .1 * K.sum(K.square(x))
        return loss


def halve(w):
    w *= .5
    return w


def penalty(weight_matrix):
    weight_matrix *= 2.
    return 0.01 * K.sum(K.abs(weight_matrix))


def shifted_relu(x):
    x += 1.
    return K.relu(x)


def standardize(x):
    x -= K.mean(x, axis=-1, keepdims=True)
    x /= K.std(x, axis=-1, keepdims=True) + 1e-3
    return x


def extend(names):
    names += ('b',)
    names += ['c']


class Collect(Layer):
    def call(self, x):
        shape = [1]
        shape += (2, 3)
        shape += K.int_shape(x)[1:]
        names = ['a']
        extend(names)
        assert shape == [1, 2, 3, 4] and names == ['a', 'b', 'c']
        x *= len(shape)
        return x


def loss(y_true, y_pred):
    y_pred /= K.sum(y_pred, axis=-1, keepdims=True)
    y_true *= 2.
    y_true -= y_pred
    return K.mean(K.square(y_true), axis=-1)


def hundredfold(y_true, y_pred):
    y_pred *= 100.
    y_true *= 100.
    return K.mean(y_pred)


def plain(y_true, y_pred):
    return K.mean(y_pred)


inputs = Input((4,))
a = Dense(4, activation=shifted_relu, kernel_initializer=RandomUniform(0., 1.), kernel_constraint=UnitSum(), bias_constraint=halve,
          kernel_regularizer=Spread(), bias_regularizer=penalty, activity_regularizer=penalty)(inputs)
joined = add([a, Lambda(standardize)(a), Collect()(a)])
model = Model(inputs, [Dense(3, activation='softmax', name='classes')(joined), a])
model.compile('sgd', loss=[loss, 'mse'], metrics={'classes': [hundredfold, plain]})

x = np.random.rand(12, 4)
y = [np.eye(3)[np.arange(12) % 3].astype('float32'), np.random.rand(12, 4)]
x_before, y_before = x.copy(), [v.copy() for v in y]
model.fit(x, y, epochs=2, batch_size=4, verbose=0)

scores = dict(zip(model.metrics_names, model.evaluate(x, y, verbose=0)))
assert abs(scores['classes_hundredfold'] - 100 / 3.) < 1e-3 and abs(scores['classes_plain'] - 1 / 3.) < 1e-5
assert (x == x_before).all() and all((p == q).all() for p, q in zip(y, y_before))
assert np.allclose(model.predict(x)[0].sum(axis=-1), 1, atol=1e-5)
assert np.allclose(model.layers[1].get_weights()[0].sum(axis=0), 1, atol=1e-4)
