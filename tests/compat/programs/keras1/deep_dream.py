'''Deep dream as it was written for Keras 1: an image with channels first or last, by L-BFGS on its pixels.'''
from __future__ import print_function
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
from keras import backend as K
from keras.layers import Input, Convolution2D, MaxPooling2D
from keras.models import Model

np.random.seed(3)
img_height, img_width = 12, 14
settings = {'features': {'block1_conv1': 0.02, 'block2_conv1': 0.05},
            'continuity': 0.01, 'dream_l2': 0.02}

if K.image_dim_ordering() == 'th':
    img_size = (3, img_height, img_width)
else:
    img_size = (img_height, img_width, 3)
dream = Input(batch_shape=(1,) + img_size)

x = Convolution2D(6, 3, 3, activation='relu', border_mode='same', name='block1_conv1')(dream)
x = MaxPooling2D((2, 2), strides=(2, 2), name='block1_pool')(x)
x = Convolution2D(8, 3, 3, activation='relu', border_mode='same', name='block2_conv1')(x)
model = Model(input=dream, output=x)
model.set_weights([np.random.normal(.03, .2, w.shape) for w in model.get_weights()])
layer_dict = dict([(layer.name, layer) for layer in model.layers])


def continuity_loss(x):
    assert K.ndim(x) == 4
    if K.image_dim_ordering() == 'th':
        a = K.square(x[:, :, :img_height - 1, :img_width - 1] - x[:, :, 1:, :img_width - 1])
        b = K.square(x[:, :, :img_height - 1, :img_width - 1] - x[:, :, :img_height - 1, 1:])
    else:
        a = K.square(x[:, :img_height - 1, :img_width - 1, :] - x[:, 1:, :img_width - 1, :])
        b = K.square(x[:, :img_height - 1, :img_width - 1, :] - x[:, :img_height - 1, 1:, :])
    return K.sum(K.pow(a + b + 1e-8, 1.25))


loss = K.variable(0.)
for layer_name in settings['features']:
    coeff = settings['features'][layer_name]
    x = layer_dict[layer_name].output
    shape = layer_dict[layer_name].output_shape
    if K.image_dim_ordering() == 'th':
        loss -= coeff * K.sum(K.square(x[:, :, 2: shape[2] - 2, 2: shape[3] - 2])) / np.prod(shape[1:])
    else:
        loss -= coeff * K.sum(K.square(x[:, 2: shape[1] - 2, 2: shape[2] - 2, :])) / np.prod(shape[1:])
loss += settings['continuity'] * continuity_loss(dream) / np.prod(img_size)
loss += settings['dream_l2'] * K.sum(K.square(dream)) / np.prod(img_size)

grads = K.gradients(loss, dream)
outputs = [loss]
if type(grads) in {list, tuple}:
    outputs += grads
else:
    outputs.append(grads)
f_outputs = K.function([dream], outputs)


def eval_loss_and_grads(x):
    x = x.reshape((1,) + img_size)
    outs = f_outputs([x])
    loss_value = outs[0]
    if len(outs[1:]) == 1:
        grad_values = outs[1].flatten().astype('float64')
    else:
        grad_values = np.array(outs[1:]).flatten().astype('float64')
    return loss_value, grad_values


class Evaluator(object):
    def __init__(self):
        self.loss_value = None
        self.grad_values = None

    def loss(self, x):
        assert self.loss_value is None
        self.loss_value, self.grad_values = eval_loss_and_grads(x)
        return self.loss_value

    def grads(self, x):
        assert self.loss_value is not None
        grad_values = np.copy(self.grad_values)
        self.loss_value = None
        self.grad_values = None
        return grad_values


evaluator = Evaluator()
x = np.random.uniform(-1, 1, (1,) + img_size)
before = float(eval_loss_and_grads(x)[0])
values = [before]
for i in range(2):
    x, min_val, info = fmin_l_bfgs_b(evaluator.loss, x.flatten(), fprime=evaluator.grads, maxfun=7)
    print('Current loss value:', min_val)
    values.append(float(min_val))
assert values[2] <= values[1] < values[0], values
