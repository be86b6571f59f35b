"""Models with lambdas, cloned by their config as keras-rl did, and loaded by the program that saved them."""
import numpy as np
from keras import backend as K
from keras.callbacks import ModelCheckpoint
from keras.layers import Dense, Flatten, Input, Lambda
from keras.models import Model, Sequential, clone_model, load_model, model_from_config


def mean_q(y_true, y_pred):
    return K.mean(K.max(y_pred, axis=-1))


def copy_of(model, custom_objects={}):
    config = {'class_name': model.__class__.__name__, 'config': model.get_config()}
    clone = model_from_config(config, custom_objects=custom_objects)
    clone.set_weights(model.get_weights())
    return clone


base = Sequential([Lambda(lambda x: x / 255., input_shape=(1, 4)), Flatten(), Dense(3)])
dueling = Lambda(lambda a: K.expand_dims(a[:, 0], -1) + a[:, 1:] - K.mean(a[:, 1:], axis=1, keepdims=True),
                 output_shape=(2,))(base.layers[-1].output)
model = Model(inputs=base.input, outputs=dueling)
x, y = np.random.rand(8, 1, 4) * 255, np.random.rand(8, 2)
for one in (base, model):
    assert np.allclose(copy_of(one).predict(x), one.predict(x), atol=1e-5)
    assert clone_model(one).output_shape == one.output_shape

model.compile('sgd', 'mse', metrics=[mean_q])
model.fit(x, y, epochs=2, verbose=0, callbacks=[ModelCheckpoint('best.h5', monitor='mean_q', mode='max')])
again = load_model('best.h5', custom_objects={'mean_q': mean_q})
assert np.allclose(again.predict(x), model.predict(x), atol=1e-5)
assert np.allclose(again.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), atol=1e-4)

try:
    Lambda(lambda x: x.no_such_thing)(Input((4,)))
except AttributeError as error:
    assert 'no_such_thing' in str(error)
else:
    raise AssertionError('an error in a Lambda is to be seen')
