'''What filters look for, with an input that is a placeholder and layers set on it, in the words of Keras 1.'''
from __future__ import print_function
import numpy as np
from keras import backend as K
from keras.layers import Activation, Convolution2D, Dense, Flatten, MaxPooling2D, ZeroPadding2D
from keras.models import Sequential

np.random.seed(21)
img_width, img_height = 10, 12
K.set_image_dim_ordering('th')

model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=(3, img_width, img_height)))
model.add(Convolution2D(4, 3, 3, activation='relu', name='conv1_1'))
model.add(ZeroPadding2D((1, 1)))
model.add(Convolution2D(4, 3, 3, name='conv1_2'))
model.add(Activation('relu'))
model.add(MaxPooling2D((2, 2), strides=(2, 2)))
model.add(Convolution2D(5, 3, 3, activation='relu', subsample=(1, 1), name='conv2_1'))
model.add(Flatten())
model.add(Dense(2, activation='softmax'))

model.set_weights([np.random.normal(.03, .2, w.shape) for w in model.get_weights()])
layer_dict = dict([(layer.name, layer) for layer in model.layers])
input_img = model.layers[0].input
assert layer_dict['conv1_1'].get_weights()[0].shape == (4, 3, 3, 3)


def normalize(x):
    return x / (K.sqrt(K.mean(K.square(x))) + 1e-5)


def deprocess_image(x):
    x -= x.mean()
    x /= (x.std() + 1e-5)
    x *= 0.1
    x += 0.5
    x = np.clip(x, 0, 1)
    x *= 255
    x = x.transpose((1, 2, 0))
    return np.clip(x, 0, 255).astype('uint8')


kept_filters = []
for filter_index in range(3):
    layer_output = layer_dict['conv2_1'].output
    loss = K.mean(layer_output[:, filter_index, :, :])
    grads = K.gradients(loss, input_img)[0]
    grads = normalize(grads)
    iterate = K.function([input_img, K.learning_phase()], [loss, grads])
    input_img_data = np.random.random((1, 3, img_width, img_height)) * 2 - 1.
    losses = []
    for i in range(6):
        loss_value, grads_value = iterate([input_img_data, 0])
        losses.append(float(loss_value))
        input_img_data += grads_value * 0.3
        if loss_value <= 0.:
            break
    print('Filter', filter_index, losses)
    if losses[-1] > 0:
        assert losses[-1] > losses[0]
        kept_filters.append((deprocess_image(input_img_data[0]), losses[-1]))

assert kept_filters
kept_filters.sort(key=lambda x: x[1], reverse=True)
assert kept_filters[0][0].shape == (img_width, img_height, 3)

# stitched together
margin = 2
stitched = np.zeros((len(kept_filters) * img_width + (len(kept_filters) - 1) * margin, img_height, 3))
for i, (img, _) in enumerate(kept_filters):
    stitched[(img_width + margin) * i: (img_width + margin) * i + img_width] = img
assert stitched.max() > 100
K.set_image_dim_ordering('tf')
