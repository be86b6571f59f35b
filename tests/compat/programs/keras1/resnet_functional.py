'''Residual blocks with the functional API: identity and convolutional shortcuts joined by merge.'''
import numpy as np
from keras.layers import merge, Input
from keras.layers import Dense, Activation, Flatten
from keras.layers import Convolution2D, ZeroPadding2D, AveragePooling2D
from keras.layers import BatchNormalization
from keras.models import Model
import keras.backend as K

np.random.seed(4)
bn_axis = 3 if K.image_dim_ordering() == 'tf' else 1


def identity_block(input_tensor, kernel_size, filters, stage, block):
    nb_filter1, nb_filter2 = filters
    conv_name_base = 'res' + str(stage) + block + '_branch'
    bn_name_base = 'bn' + str(stage) + block + '_branch'
    x = Convolution2D(nb_filter1, 1, 1, name=conv_name_base + '2a')(input_tensor)
    x = BatchNormalization(axis=bn_axis, name=bn_name_base + '2a')(x)
    x = Activation('relu')(x)
    x = Convolution2D(nb_filter2, kernel_size, kernel_size, border_mode='same', name=conv_name_base + '2b')(x)
    x = BatchNormalization(axis=bn_axis, name=bn_name_base + '2b')(x)
    x = merge([x, input_tensor], mode='sum')
    return Activation('relu')(x)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2)):
    nb_filter1, nb_filter2 = filters
    conv_name_base = 'res' + str(stage) + block + '_branch'
    bn_name_base = 'bn' + str(stage) + block + '_branch'
    x = Convolution2D(nb_filter1, 1, 1, subsample=strides, name=conv_name_base + '2a')(input_tensor)
    x = BatchNormalization(axis=bn_axis, name=bn_name_base + '2a')(x)
    x = Activation('relu')(x)
    x = Convolution2D(nb_filter2, kernel_size, kernel_size, border_mode='same', name=conv_name_base + '2b')(x)
    x = BatchNormalization(axis=bn_axis, name=bn_name_base + '2b')(x)
    shortcut = Convolution2D(nb_filter2, 1, 1, subsample=strides, name=conv_name_base + '1')(input_tensor)
    shortcut = BatchNormalization(axis=bn_axis, name=bn_name_base + '1')(shortcut)
    x = merge([x, shortcut], mode='sum')
    return Activation('relu')(x)


img_input = Input(shape=(12, 12, 3))
x = ZeroPadding2D((1, 1))(img_input)
x = Convolution2D(4, 3, 3, subsample=(1, 1), name='conv1')(x)
x = BatchNormalization(axis=bn_axis, name='bn_conv1')(x)
x = Activation('relu')(x)
x = conv_block(x, 3, [4, 8], stage=2, block='a')
x = identity_block(x, 3, [4, 8], stage=2, block='b')
x = AveragePooling2D((3, 3), name='avg_pool')(x)
x = Flatten()(x)
x = Dense(2, activation='softmax', name='fc2')(x)
model = Model(img_input, x)

X = np.random.rand(48, 12, 12, 3).astype('float32')
y = (np.arange(48) % 2)
X[y == 1, :6, :, 0] += 1.
Y = np.eye(2)[y]
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
before = model.get_layer('bn_conv1').get_weights()[2].copy()
history = model.fit(X, Y, nb_epoch=8, batch_size=16, verbose=0)
assert history.history['acc'][-1] > 0.9, history.history
assert not np.allclose(before, model.get_layer('bn_conv1').get_weights()[2])
assert model.get_layer('res2a_branch1').output_shape == (None, 6, 6, 8)
assert model.get_layer('avg_pool').output_shape == (None, 2, 2, 8)
sums = [layer for layer in model.layers if type(layer).__name__ == 'Merge']
assert len(sums) == 2 and all(len(layer.input) == 2 for layer in sums)
weights = model.get_weights()
copy = Model.from_config(model.get_config())
copy.set_weights(weights)
np.testing.assert_allclose(copy.predict(X[:4]), model.predict(X[:4]), rtol=1e-4, atol=1e-5)
