'''Style transfer: an image with the content of one picture and the textures of another, by L-BFGS on its pixels.'''
from __future__ import print_function
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
from keras import backend as K
from keras.layers import Input, Conv2D, AveragePooling2D
from keras.models import Model

np.random.seed(8)
img_nrows, img_ncols = 10, 12
total_variation_weight = 0.01
style_weight = 1.0
content_weight = 0.05


def preprocess_image(seed):
    img = np.random.RandomState(seed).uniform(0, 255, (img_nrows, img_ncols, 3))
    img = np.expand_dims(img, axis=0)
    return (img - 127.5) / 127.5


base_image = K.variable(preprocess_image(1))
style_reference_image = K.variable(preprocess_image(2) ** 3)

if K.image_data_format() == 'channels_first':
    combination_image = K.placeholder((1, 3, img_nrows, img_ncols))
else:
    combination_image = K.placeholder((1, img_nrows, img_ncols, 3))

input_tensor = K.concatenate([base_image,
                              style_reference_image,
                              combination_image], axis=0)


def network(input_tensor):
    img_input = Input(tensor=input_tensor, shape=(img_nrows, img_ncols, 3))
    x = Conv2D(5, (3, 3), activation='relu', padding='same', name='block1_conv1')(img_input)
    x = AveragePooling2D((2, 2), name='block1_pool')(x)
    x = Conv2D(6, (3, 3), activation='relu', padding='same', name='block2_conv1')(x)
    return Model(img_input, x)


model = network(input_tensor)
model.set_weights([np.random.normal(.03, .2, w.shape) for w in model.get_weights()])
outputs_dict = dict([(layer.name, layer.output) for layer in model.layers])


def gram_matrix(x):
    assert K.ndim(x) == 3
    if K.image_data_format() == 'channels_first':
        features = K.batch_flatten(x)
    else:
        features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    gram = K.dot(features, K.transpose(features))
    return gram


def style_loss(style, combination):
    assert K.ndim(style) == 3
    assert K.ndim(combination) == 3
    S = gram_matrix(style)
    C = gram_matrix(combination)
    channels = 3
    size = img_nrows * img_ncols
    return K.sum(K.square(S - C)) / (4.0 * (channels ** 2) * (size ** 2))


def content_loss(base, combination):
    return K.sum(K.square(combination - base))


def total_variation_loss(x):
    assert K.ndim(x) == 4
    a = K.square(x[:, :img_nrows - 1, :img_ncols - 1, :] - x[:, 1:, :img_ncols - 1, :])
    b = K.square(x[:, :img_nrows - 1, :img_ncols - 1, :] - x[:, :img_nrows - 1, 1:, :])
    return K.sum(K.pow(a + b + K.epsilon(), 1.25))


loss = K.variable(0.0)
layer_features = outputs_dict['block2_conv1']
base_image_features = layer_features[0, :, :, :]
combination_features = layer_features[2, :, :, :]
loss = loss + content_weight * content_loss(base_image_features, combination_features)
feature_layers = ['block1_conv1', 'block2_conv1']
for layer_name in feature_layers:
    layer_features = outputs_dict[layer_name]
    style_reference_features = layer_features[1, :, :, :]
    combination_features = layer_features[2, :, :, :]
    sl = style_loss(style_reference_features, combination_features)
    loss = loss + (style_weight / len(feature_layers)) * sl
loss = loss + total_variation_weight * total_variation_loss(combination_image)

grads = K.gradients(loss, combination_image)

outputs = [loss]
if isinstance(grads, (list, tuple)):
    outputs += grads
else:
    outputs.append(grads)

f_outputs = K.function([combination_image], outputs)


def eval_loss_and_grads(x):
    x = x.reshape((1, img_nrows, img_ncols, 3))
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
        self.grads_values = None

    def loss(self, x):
        assert self.loss_value is None
        loss_value, grad_values = eval_loss_and_grads(x)
        self.loss_value = loss_value
        self.grad_values = grad_values
        return self.loss_value

    def grads(self, x):
        assert self.loss_value is not None
        grad_values = np.copy(self.grad_values)
        self.loss_value = None
        self.grad_values = None
        return grad_values


evaluator = Evaluator()
x = preprocess_image(1) + 0.3 * np.random.randn(1, img_nrows, img_ncols, 3)
# the gradient is that of finite differences
_, grad = eval_loss_and_grads(x)
direction = grad / np.abs(grad).max()
ahead = float(eval_loss_and_grads(x.flatten() + 5e-3 * direction)[0])
behind = float(eval_loss_and_grads(x.flatten() - 5e-3 * direction)[0])
assert abs((ahead - behind) / 1e-2 - grad.dot(direction)) < 0.05 * grad.dot(direction)

start = float(eval_loss_and_grads(x)[0])
values = [start]
for i in range(2):
    x, min_val, info = fmin_l_bfgs_b(evaluator.loss, x.flatten(), fprime=evaluator.grads, maxfun=8)
    print('Current loss value:', min_val)
    values.append(float(min_val))
assert values[1] < 0.7 * values[0] and values[2] <= values[1], values
