'''Style transfer in the words of Keras 1, on images with channels first, by plain gradient descent on the pixels.'''
from __future__ import print_function
import numpy as np
from keras.layers import AveragePooling2D, Convolution2D, Input
from keras.models import Model
from keras import backend as K

np.random.seed(6)
K.set_image_dim_ordering('th')
img_nrows, img_ncols = 9, 8
total_variation_weight, style_weight, content_weight = 1e-3, 1., 0.025

base_image = K.variable(np.random.uniform(-1, 1, (1, 3, img_nrows, img_ncols)))
style_reference_image = K.variable(np.random.uniform(-1, 1, (1, 3, img_nrows, img_ncols)) ** 5)
combination_image = K.placeholder((1, 3, img_nrows, img_ncols))
input_tensor = K.concatenate([base_image, style_reference_image, combination_image], axis=0)

img_input = Input(tensor=input_tensor, shape=(3, img_nrows, img_ncols))
x = Convolution2D(4, 3, 3, activation='relu', border_mode='same', name='conv1_1')(img_input)
x = AveragePooling2D((2, 2), strides=(2, 2))(x)
x = Convolution2D(5, 3, 3, activation='relu', border_mode='same', name='conv2_1')(x)
model = Model(img_input, x)
model.set_weights([np.random.normal(.03, .2, w.shape) for w in model.get_weights()])
outputs_dict = dict([(layer.name, layer.output) for layer in model.layers])


def gram_matrix(x):
    assert K.ndim(x) == 3
    if K.image_dim_ordering() == 'th':
        features = K.batch_flatten(x)
    else:
        features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    return K.dot(features, K.transpose(features))


def style_loss(style, combination):
    S = gram_matrix(style)
    C = gram_matrix(combination)
    return K.sum(K.square(S - C)) / (4. * (3 ** 2) * ((img_nrows * img_ncols) ** 2))


def total_variation_loss(x):
    a = K.square(x[:, :, :img_nrows - 1, :img_ncols - 1] - x[:, :, 1:, :img_ncols - 1])
    b = K.square(x[:, :, :img_nrows - 1, :img_ncols - 1] - x[:, :, :img_nrows - 1, 1:])
    return K.sum(K.pow(a + b + 1e-8, 1.25))


loss = K.variable(0.)
layer_features = outputs_dict['conv2_1']
loss += content_weight * K.sum(K.square(layer_features[2, :, :, :] - layer_features[0, :, :, :]))
for name in ['conv1_1', 'conv2_1']:
    layer_features = outputs_dict[name]
    loss += (style_weight / 2) * style_loss(layer_features[1, :, :, :], layer_features[2, :, :, :])
loss += total_variation_weight * total_variation_loss(combination_image)

grads = K.gradients(loss, combination_image)
outputs = [loss] + (grads if type(grads) in {list, tuple} else [grads])
f_outputs = K.function([combination_image], outputs)

x = np.random.uniform(-1, 1, (1, 3, img_nrows, img_ncols))
losses = []
rate = 1.
for i in range(25):
    value, gradient = f_outputs([x])
    losses.append(float(value))
    if i and losses[-1] > losses[-2]:
        rate *= 0.5
    x = x - rate * gradient
print(losses[0], losses[-1])
assert losses[-1] < 0.7 * losses[0], losses

# the content alone moves the pixels of the base image nowhere
content = K.sum(K.square(outputs_dict['conv2_1'][2] - outputs_dict['conv2_1'][0]))
still = K.function([combination_image], K.gradients(content, [combination_image]))
assert np.abs(still([K.get_value(base_image)])[0]).max() < 1e-5
K.set_image_dim_ordering('tf')
