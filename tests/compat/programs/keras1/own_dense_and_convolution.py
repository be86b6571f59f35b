'''Layers derived from Dense and Convolution2D, and functions that read tensors of another branch.'''
import numpy as np
from keras import backend as K
from keras.engine import InputSpec
from keras.layers import Convolution2D, Dense, Input, Lambda
from keras.models import Model, Sequential, model_from_json

np.random.seed(0)
K.set_image_dim_ordering('tf')


class NormalizedDense(Dense):
    def build(self, input_shape):
        input_dim = input_shape[1]
        self.input_spec = [InputSpec(dtype=K.floatx(), shape=(None, input_dim))]
        self.W = self.add_weight((input_dim, self.output_dim), initializer=self.init, name='{}_W'.format(self.name),
                                 regularizer=self.W_regularizer, constraint=self.W_constraint)
        self.g = self.add_weight((self.output_dim,), initializer='one', name='{}_g'.format(self.name))
        if self.bias:
            self.b = self.add_weight((self.output_dim,), initializer='zero', name='{}_b'.format(self.name))
        self.built = True

    def call(self, x, mask=None):
        output = K.dot(x, self.W * self.g / K.sqrt(K.sum(K.square(self.W), axis=0)))
        if self.bias:
            output += self.b
        return self.activation(output)


class MaskedConvolution(Convolution2D):
    def __init__(self, nb_filter, nb_row, nb_col, mask_type='a', **kwargs):
        self.mask_type = mask_type
        super(MaskedConvolution, self).__init__(nb_filter, nb_row, nb_col, **kwargs)

    def build(self, input_shape):
        super(MaskedConvolution, self).build(input_shape)
        mask = np.ones(K.int_shape(self.W))
        mask[self.nb_row // 2, self.nb_col // 2 + (self.mask_type == 'b'):] = 0
        mask[self.nb_row // 2 + 1:] = 0
        self.mask = K.variable(mask)

    def call(self, x, mask=None):
        output = K.conv2d(x, self.W * self.mask, strides=self.subsample, border_mode=self.border_mode,
                          dim_ordering=self.dim_ordering)
        if self.bias:
            output += K.reshape(self.b, (1, 1, 1, self.nb_filter))
        return self.activation(output)

    def get_config(self):
        config = super(MaskedConvolution, self).get_config()
        config['mask_type'] = self.mask_type
        return config


class OneMore(Dense):
    def call(self, x, mask=None):
        return super(OneMore, self).call(x, mask) + 1.


X, Y = np.random.rand(8, 4), np.random.rand(8, 3)
model = Sequential()
model.add(NormalizedDense(6, input_dim=4, W_regularizer='l2', activation='relu', init='he_normal'))
model.add(NormalizedDense(3, bias=False))
model.compile('adam', 'mse')
model.fit(X, Y, nb_epoch=1, verbose=0)
W, g, b = model.layers[0].get_weights()
assert len(model.layers[1].get_weights()) == 2
np.testing.assert_allclose(K.function([model.layers[0].input], [model.layers[0].output])([X])[0],
                           np.maximum(X.dot(W * g / np.sqrt((W ** 2).sum(0))) + b, 0), rtol=1e-4, atol=1e-5)

image = Input((5, 5, 2))
out = MaskedConvolution(3, 3, 3, mask_type='a', border_mode='same', activation='relu')(image)
out = MaskedConvolution(2, 3, 3, mask_type='b', border_mode='same')(out)
pixels = Model(image, out)
x = np.random.rand(1, 5, 5, 2)
other = x.copy()
other[0, 4, 4] += 1
np.testing.assert_allclose(pixels.predict(other)[0, :4], pixels.predict(x)[0, :4], rtol=1e-4, atol=1e-6)
copy = model_from_json(pixels.to_json(), custom_objects={'MaskedConvolution': MaskedConvolution})
assert copy.layers[2].mask_type == 'b' and copy.layers[2].nb_filter == 2

more, plain = Sequential([OneMore(3, input_dim=4)]), Sequential([Dense(3, input_dim=4)])
more.set_weights(plain.get_weights())
np.testing.assert_allclose(more.predict(X), plain.predict(X) + 1, rtol=1e-5)

# the function reads what it was not given: the gate, which has weights of its own
a, b = Input((4,)), Input((4,))
gate = Dense(4, activation='sigmoid')(b)
gated = Model([a, b], Lambda(lambda t: t * gate, output_shape=(4,))(a))
weights = gated.get_weights()
assert len(weights) == 2
np.testing.assert_allclose(gated.predict([X, X]), X / (1 + np.exp(-X.dot(weights[0]) - weights[1])), rtol=1e-4)
gated.compile('sgd', 'mse')
gated.train_on_batch([X, X], X)
assert (weights[0] != gated.get_weights()[0]).any()
