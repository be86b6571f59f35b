'''Deep dream: an image is changed so that it excites chosen layers of a network, octave by octave.'''
from __future__ import print_function
import numpy as np
import scipy.ndimage
from keras import backend as K
from keras.layers import Input, Conv2D, MaxPooling2D
from keras.models import Model

np.random.seed(4)
K.set_learning_phase(0)

settings = {'features': {'mixed1': 0.5, 'mixed2': 1.5}}
step = 0.05
num_octave = 2
octave_scale = 1.4
iterations = 3
max_loss = 50.

inputs = Input((None, None, 3))
x = Conv2D(6, (3, 3), activation='relu', padding='same', name='mixed1')(inputs)
x = MaxPooling2D((2, 2))(x)
x = Conv2D(8, (3, 3), activation='relu', padding='same', name='mixed2')(x)
model = Model(inputs, x)
model.set_weights([np.random.normal(.03, .2, w.shape) for w in model.get_weights()])
dream = model.input

layer_dict = dict([(layer.name, layer) for layer in model.layers])

loss = K.variable(0.)
for layer_name in settings['features']:
    coeff = settings['features'][layer_name]
    x = layer_dict[layer_name].output
    scaling = K.prod(K.cast(K.shape(x), 'float32'))
    if K.image_data_format() == 'channels_first':
        loss = loss + coeff * K.sum(K.square(x[:, :, 2: -2, 2: -2])) / scaling
    else:
        loss = loss + coeff * K.sum(K.square(x[:, 2: -2, 2: -2, :])) / scaling

grads = K.gradients(loss, dream)[0]
grads /= K.maximum(K.mean(K.abs(grads)), K.epsilon())
outputs = [loss, grads]
fetch_loss_and_grads = K.function([dream], outputs)


def eval_loss_and_grads(x):
    outs = fetch_loss_and_grads([x])
    return outs[0], outs[1]


def resize_img(img, size):
    img = np.copy(img)
    factors = (1, float(size[0]) / img.shape[1], float(size[1]) / img.shape[2], 1)
    return scipy.ndimage.zoom(img, factors, order=1)


def gradient_ascent(x, iterations, step, max_loss=None):
    for i in range(iterations):
        loss_value, grad_values = eval_loss_and_grads(x)
        if max_loss is not None and loss_value > max_loss:
            break
        print('..Loss value at', i, ':', loss_value)
        x += step * grad_values
    return x


img = np.random.uniform(-1, 1, (1, 20, 24, 3))
original_shape = img.shape[1:3]
successive_shapes = [original_shape]
for i in range(1, num_octave):
    successive_shapes.append(tuple([int(dim / (octave_scale ** i)) for dim in original_shape]))
successive_shapes = successive_shapes[::-1]
original_img = np.copy(img)
shrunk_original_img = resize_img(img, successive_shapes[0])

before, _ = eval_loss_and_grads(original_img)
for shape in successive_shapes:
    print('Processing image shape', shape)
    img = resize_img(img, shape)
    img = gradient_ascent(img, iterations=iterations, step=step, max_loss=max_loss)
    upscaled_shrunk_original_img = resize_img(shrunk_original_img, shape)
    same_size_original = resize_img(original_img, shape)
    img += same_size_original - upscaled_shrunk_original_img
    shrunk_original_img = resize_img(original_img, shape)

after, gradient = eval_loss_and_grads(img)
assert img.shape == (1, 20, 24, 3)
assert gradient.shape == img.shape
assert after > 1.2 * before, (before, after)
