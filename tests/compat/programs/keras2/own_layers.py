'''Layers as people published them: derived from Layer, Wrapper, Conv2D, LSTM and the bases with an underscore.'''
import numpy as np
import keras
from keras import backend as K
from keras import activations, constraints, initializers, regularizers
from keras.engine.topology import Layer
from keras.engine import InputSpec
from keras.layers import Input, Dense, LSTM, GRU, Conv2D, Wrapper, Embedding, Lambda, Bidirectional, Masking
from keras.layers.merge import _Merge
from keras.layers.pooling import _GlobalPooling1D, _Pooling2D
from keras.layers.convolutional import _Conv
from keras.models import Model, Sequential
from keras.utils import conv_utils

np.random.seed(20)
rng = np.random.RandomState(20)


def dot_product(x, kernel):
    return K.squeeze(K.dot(x, K.expand_dims(kernel)), axis=-1)


class AttentionWithContext(Layer):
    '''A weighted mean of the steps of a sequence, by how well each goes with a learned vector.'''

    def __init__(self, W_regularizer=None, u_regularizer=None, b_regularizer=None, bias=True, **kwargs):
        self.supports_masking = True
        self.init = initializers.get('glorot_uniform')
        self.W_regularizer = regularizers.get(W_regularizer)
        self.u_regularizer = regularizers.get(u_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.bias = bias
        super(AttentionWithContext, self).__init__(**kwargs)

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.add_weight((input_shape[-1], input_shape[-1],), initializer=self.init,
                                 name='{}_W'.format(self.name), regularizer=self.W_regularizer)
        if self.bias:
            self.b = self.add_weight((input_shape[-1],), initializer='zero', name='{}_b'.format(self.name),
                                     regularizer=self.b_regularizer)
        self.u = self.add_weight(shape=(input_shape[-1],), initializer='uniform', name='{}_u'.format(self.name),
                                 regularizer=self.u_regularizer)
        super(AttentionWithContext, self).build(input_shape)

    def compute_mask(self, input, input_mask=None):
        return None

    def call(self, x, mask=None):
        uit = K.dot(x, self.W)
        if self.bias:
            uit += self.b
        uit = K.tanh(uit)
        ait = dot_product(uit, self.u)
        a = K.exp(ait)
        if mask is not None:
            a *= K.cast(mask, K.floatx())
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        a = K.expand_dims(a)
        weighted_input = x * a
        return K.sum(weighted_input, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]


words = rng.randint(1, 20, (24, 7))
words[:, 5:] = 0
model = Sequential([Embedding(20, 6, mask_zero=True, input_length=7),
                    Bidirectional(GRU(4, return_sequences=True)), AttentionWithContext(W_regularizer='l2'),
                    Dense(1, activation='sigmoid')])
assert model.layers[2].output_shape == (None, 8)
model.compile('adam', 'binary_crossentropy', metrics=['acc'])
history = model.fit(words, (words[:, 0] > 9).astype('int'), epochs=6, verbose=0)
assert history.history['loss'][-1] < history.history['loss'][0] and 'acc' in history.history
other = words.copy()
other[:, 5:] = 0
np.testing.assert_allclose(model.predict(words), model.predict(other), rtol=1e-5)


class ConcreteDropout(Wrapper):
    '''Dropout whose rate is learned.'''

    def __init__(self, layer, weight_regularizer=1e-6, dropout_regularizer=1e-5, init_min=0.1, init_max=0.1, **kwargs):
        assert 'kernel_regularizer' not in kwargs
        super(ConcreteDropout, self).__init__(layer, **kwargs)
        self.weight_regularizer = weight_regularizer
        self.dropout_regularizer = dropout_regularizer
        self.supports_masking = True
        self.p_logit = None
        self.p = None
        self.init_min = np.log(init_min) - np.log(1. - init_min)
        self.init_max = np.log(init_max) - np.log(1. - init_max)

    def build(self, input_shape=None):
        self.input_spec = InputSpec(shape=input_shape)
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        super(ConcreteDropout, self).build()
        self.p_logit = self.layer.add_weight(name='p_logit', shape=(1,),
                                             initializer=initializers.RandomUniform(self.init_min, self.init_max),
                                             trainable=True)
        self.p = K.sigmoid(self.p_logit[0])
        input_dim = np.prod(input_shape[-1])
        weight = self.layer.kernel
        kernel_regularizer = self.weight_regularizer * K.sum(K.square(weight)) / (1. - self.p)
        dropout_regularizer = self.p * K.log(self.p)
        dropout_regularizer += (1. - self.p) * K.log(1. - self.p)
        dropout_regularizer *= self.dropout_regularizer * input_dim
        regularizer = K.sum(kernel_regularizer + dropout_regularizer)
        self.layer.add_loss(regularizer)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def concrete_dropout(self, x):
        eps = K.cast_to_floatx(K.epsilon())
        temp = 0.1
        p = K.sigmoid(self.p_logit[0])
        unif_noise = K.random_uniform(shape=K.shape(x))
        drop_prob = K.log(p + eps) - K.log(1. - p + eps) + K.log(unif_noise + eps) - K.log(1. - unif_noise + eps)
        drop_prob = K.sigmoid(drop_prob / temp)
        random_tensor = 1. - drop_prob
        retain_prob = 1. - p
        x *= random_tensor
        x /= retain_prob
        return x

    def call(self, inputs, training=None):
        def relaxed_dropped_inputs():
            return self.layer.call(self.concrete_dropout(inputs))
        return K.in_train_phase(relaxed_dropped_inputs, self.layer.call(inputs), training=training)


x = rng.randn(64, 10).astype('float32')
model = Sequential([ConcreteDropout(Dense(8, activation='relu'), input_shape=(10,)), Dense(1)])
model.compile('rmsprop', 'mse')
assert len(model.losses) == 1 and model.count_params() == 88 + 1 + 9
before = model.get_weights()
history = model.fit(x, x.sum(axis=1), batch_size=16, epochs=16, verbose=0)
assert history.history['loss'][-1] < history.history['loss'][0]
assert all(not np.allclose(a, b) for a, b in zip(before[:3], model.get_weights()[:3]))
np.testing.assert_array_equal(model.predict(x), model.predict(x))


class ConvSN2D(Conv2D):
    '''A convolution divided by its kernel's largest singular value, which is followed as training goes.'''

    def build(self, input_shape):
        channel_axis = 1 if self.data_format == 'channels_first' else -1
        input_dim = input_shape[channel_axis]
        kernel_shape = self.kernel_size + (input_dim, self.filters)
        self.kernel = self.add_weight(shape=kernel_shape, initializer=self.kernel_initializer, name='kernel',
                                      regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer=self.bias_initializer, name='bias')
        else:
            self.bias = None
        self.u = self.add_weight(shape=(1, self.filters), initializer=initializers.RandomNormal(0, 1), name='sn',
                                 trainable=False)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={channel_axis: input_dim})
        self.built = True

    def call(self, inputs, training=None):
        def _l2normalize(v, eps=1e-12):
            return v / (K.sum(v ** 2) ** 0.5 + eps)

        W_reshaped = K.reshape(self.kernel, [-1, self.filters])
        v = _l2normalize(K.dot(self.u, K.transpose(W_reshaped)))
        u = _l2normalize(K.dot(v, W_reshaped))
        sigma = K.dot(K.dot(v, W_reshaped), K.transpose(u))
        W_bar = W_reshaped / sigma
        if training in {0, False}:
            W_bar = K.reshape(W_bar, K.int_shape(self.kernel))
        else:
            self.add_update(K.update(self.u, u), inputs)
            W_bar = K.reshape(W_bar, K.int_shape(self.kernel))
        outputs = K.conv2d(inputs, W_bar, strides=self.strides, padding=self.padding, data_format=self.data_format,
                           dilation_rate=self.dilation_rate)
        if self.use_bias:
            outputs = K.bias_add(outputs, self.bias, data_format=self.data_format)
        if self.activation is not None:
            return self.activation(outputs)
        return outputs


images = rng.rand(16, 6, 6, 2).astype('float32')
model = Sequential([ConvSN2D(4, 3, activation='relu', padding='same', input_shape=(6, 6, 2)),
                    keras.layers.Flatten(), Dense(1)])
model.compile('rmsprop', 'mse')
start = model.get_weights()
model.fit(images, images.mean(axis=(1, 2, 3)), epochs=10, verbose=0)
kernel, bias, u = model.layers[0].get_weights()
assert u.shape == (1, 4) and not np.allclose(u, [w for w in start if w.shape == (1, 4)][0])
np.testing.assert_allclose((u ** 2).sum(), 1., rtol=1e-4)


class PConv2D(Conv2D):
    '''A convolution of what a mask lets through, and the mask of what it saw.'''

    def __init__(self, *args, **kwargs):
        super(PConv2D, self).__init__(*args, **kwargs)
        self.input_spec = [InputSpec(ndim=4), InputSpec(ndim=4)]

    def build(self, input_shape):
        self.input_dim = input_shape[0][-1]
        kernel_shape = self.kernel_size + (self.input_dim, self.filters)
        self.kernel = self.add_weight(shape=kernel_shape, initializer=self.kernel_initializer, name='img_kernel')
        self.kernel_mask = K.ones(shape=self.kernel_size + (self.input_dim, self.filters))
        self.window_size = self.kernel_size[0] * self.kernel_size[1]
        self.bias = self.add_weight(shape=(self.filters,), initializer=self.bias_initializer, name='bias')
        self.built = True

    def call(self, inputs, mask=None):
        assert type(inputs) is list and len(inputs) == 2
        mask_output = K.conv2d(inputs[1], self.kernel_mask, strides=self.strides, padding=self.padding)
        img_output = K.conv2d(inputs[0] * inputs[1], self.kernel, strides=self.strides, padding=self.padding)
        mask_ratio = self.window_size / (mask_output + 1e-8)
        mask_output = K.clip(mask_output, 0, 1)
        mask_ratio = mask_ratio * mask_output
        img_output = K.bias_add(img_output * mask_ratio, self.bias)
        return [img_output, mask_output]

    def compute_output_shape(self, input_shape):
        space = input_shape[0][1:-1]
        new_space = []
        for i in range(len(space)):
            new_space.append(conv_utils.conv_output_length(space[i], self.kernel_size[i], padding='same',
                                                           stride=self.strides[i], dilation=self.dilation_rate[i]))
        new_shape = (input_shape[0][0],) + tuple(new_space) + (self.filters,)
        return [new_shape, new_shape]


image, hole = Input((6, 6, 2)), Input((6, 6, 2))
conv, conv_mask = PConv2D(3, 3, strides=2, padding='same')([image, hole])
model = Model([image, hole], [conv, conv_mask])
assert K.int_shape(conv) == K.int_shape(conv_mask) == (None, 3, 3, 3)
whole, seen = model.predict([images, np.zeros_like(images)])
assert not whole.any() and not seen.any()


class MaskedMean(_GlobalPooling1D):
    def __init__(self, **kwargs):
        super(MaskedMean, self).__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        m = K.expand_dims(K.cast(mask, 'float32'))
        return K.sum(inputs * m, axis=1) / K.sum(m, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None


class StochasticPooling(_Pooling2D):
    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return K.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode='avg') * 2


class RandomWeightedAverage(_Merge):
    def _merge_function(self, inputs):
        alpha = K.random_uniform((K.shape(inputs[0])[0], 1))
        return (alpha * inputs[0]) + ((1 - alpha) * inputs[1])


steps = rng.randn(3, 4, 2).astype('float32')
steps[:, 3] = 0
mean = Sequential([Masking(input_shape=(4, 2)), MaskedMean()]).predict(steps)
np.testing.assert_allclose(mean, steps[:, :3].mean(axis=1), rtol=1e-4, atol=1e-6)
pooled = Sequential([StochasticPooling((2, 2), input_shape=(6, 6, 2))]).predict(images)
np.testing.assert_allclose(pooled, 2 * images.reshape(16, 3, 2, 3, 2, 2).mean(axis=(2, 4)), rtol=1e-4)
a, b = Input((5,)), Input((5,))
between = Model([a, b], RandomWeightedAverage()([a, b])).predict([np.zeros((4, 5)), np.ones((4, 5))])
assert (between >= 0).all() and (between <= 1).all() and (between.std(axis=1) < 1e-6).all()
assert isinstance(Conv2D(3, 3), _Conv) and isinstance(keras.layers.MaxPooling2D(), _Pooling2D)


class Doubled(LSTM):
    '''An LSTM whose outputs are doubled, and that keeps an argument of its own in its config.'''

    def __init__(self, units, factor=2., **kwargs):
        self.factor = factor
        super(Doubled, self).__init__(units, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None):
        return self.factor * super(Doubled, self).call(inputs, mask=mask, training=training,
                                                       initial_state=initial_state)

    def get_config(self):
        config = {'factor': self.factor}
        base_config = super(Doubled, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


plain = Sequential([LSTM(3, input_shape=(4, 2))])
doubled = Sequential([Doubled(3, factor=3., input_shape=(4, 2), weights=plain.get_weights())])
np.testing.assert_allclose(doubled.predict(steps), 3 * plain.predict(steps), rtol=1e-5)
with keras.utils.CustomObjectScope({'Doubled': Doubled}):
    again = keras.models.clone_model(doubled)
assert again.layers[-1].factor == 3. and isinstance(again.layers[-1], LSTM)
