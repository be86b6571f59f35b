'''A doodle becomes a painting: styles are moved region by region, by masks that a network of poolings makes small.'''
from __future__ import print_function
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
from keras import backend as K
from keras.layers import Input, Convolution2D, MaxPooling2D, AveragePooling2D
from keras.models import Model

np.random.seed(12)
rows, cols, nb_labels, nb_colors = 8, 8, 2, 3
K.set_image_dim_ordering('th')

# the same regions elsewhere in the style image and in the target
style_mask = np.zeros((nb_labels, rows, cols), 'float32')
style_mask[0, :, :4] = 1
style_mask[1, :, 4:] = 1
target_mask = np.zeros((nb_labels, rows, cols), 'float32')
target_mask[0, :4] = 1
target_mask[1, 4:] = 1
style_image = (style_mask[0] * 0.9 - style_mask[1] * 0.6)[None] + np.random.normal(0, .1, (nb_colors, rows, cols))
style_image = K.variable(style_image[None])
target_image = K.placeholder(shape=(1, nb_colors, rows, cols))
images = K.concatenate([style_image, target_image], axis=0)
masks = K.concatenate([K.variable(style_mask[None]), K.variable(target_mask[None])], axis=0)

image_input = Input(tensor=images, shape=(nb_colors, rows, cols))
x = Convolution2D(6, 3, 3, activation='relu', border_mode='same', name='block1_conv1')(image_input)
x = MaxPooling2D((2, 2), strides=(2, 2), name='block1_pool')(x)
x = Convolution2D(6, 3, 3, activation='relu', border_mode='same', name='block2_conv1')(x)
image_model = Model(image_input, x)
image_model.set_weights([np.random.normal(.03, .2, w.shape) for w in image_model.get_weights()])

mask_input = Input(tensor=masks, shape=(nb_labels, rows, cols))
m = MaxPooling2D((1, 1), name='mask_block1_conv1')(mask_input)
m = AveragePooling2D((2, 2), strides=(2, 2), name='mask_block2_conv1')(m)
mask_model = Model(mask_input, m)


def gram_matrix(x):
    assert K.ndim(x) == 3
    features = K.batch_flatten(x)
    return K.dot(features, K.transpose(features))


def region_style_loss(style, target, style_mask, target_mask):
    assert 3 == K.ndim(style) == K.ndim(target)
    assert 2 == K.ndim(style_mask) == K.ndim(target_mask)
    masked_style = style * style_mask
    masked_target = target * target_mask
    nb_channels = K.shape(style)[0]
    s = gram_matrix(masked_style) / K.mean(style_mask) / K.cast(nb_channels, 'float32')
    c = gram_matrix(masked_target) / K.mean(target_mask) / K.cast(nb_channels, 'float32')
    return K.mean(K.square(s - c))


def style_loss(style, target, style_masks, target_masks):
    loss = K.variable(0)
    for i in range(nb_labels):
        loss += region_style_loss(style, target, style_masks[i, :, :], target_masks[i, :, :])
    return loss


loss = K.variable(0)
for name in ['block1_conv1', 'block2_conv1']:
    features = image_model.get_layer(name).output
    regions = mask_model.get_layer('mask_' + name).output
    loss += style_loss(features[0], features[1], regions[0], regions[1]) / 2.
loss += 1e-3 * K.sum(K.pow(K.square(target_image[:, :, 1:] - target_image[:, :, :-1]) + 1e-8, 1.25))

loss_grads = K.gradients(loss, target_image)
outputs = [loss]
outputs += loss_grads if type(loss_grads) in {list, tuple} else [loss_grads]
f_outputs = K.function([target_image], outputs)


def loss_and_grads(x):
    outs = f_outputs([x.reshape((1, nb_colors, rows, cols))])
    return float(outs[0]), outs[1].flatten().astype('float64')


x = np.random.uniform(-.5, .5, (1, nb_colors, rows, cols))
before = loss_and_grads(x)[0]
x, after, info = fmin_l_bfgs_b(loss_and_grads, x.flatten(), maxfun=25)
print('Loss before and after:', before, after)
assert after < 0.5 * before, (before, after)
K.set_image_dim_ordering('tf')
