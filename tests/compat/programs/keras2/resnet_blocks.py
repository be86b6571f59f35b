'''A residual network with batch normalization, a learning rate schedule and checkpoints.'''
import os
import numpy as np
import keras
from keras.layers import Dense, Conv2D, BatchNormalization, Activation
from keras.layers import AveragePooling2D, Input, Flatten
from keras.optimizers import Adam
from keras.callbacks import ModelCheckpoint, LearningRateScheduler, ReduceLROnPlateau
from keras.regularizers import l2
from keras.models import Model, load_model

np.random.seed(2)
num_classes, depth = 2, 8
x_train = np.random.rand(96, 8, 8, 3).astype('float32')
y_train = (x_train[:, :4].mean(axis=(1, 2, 3)) > x_train[:, 4:].mean(axis=(1, 2, 3))).astype('int')
x_train[y_train == 1, :4] += .3
mean = np.mean(x_train, axis=0)
x_train -= mean
y_train = keras.utils.to_categorical(y_train, num_classes)


def lr_schedule(epoch):
    lr = 5e-3
    if epoch > 2:
        lr *= 1e-1
    print('Learning rate: ', lr)
    return lr


def resnet_layer(inputs, num_filters=8, kernel_size=3, strides=1, activation='relu', batch_normalization=True,
                 conv_first=True):
    conv = Conv2D(num_filters, kernel_size=kernel_size, strides=strides, padding='same',
                  kernel_initializer='he_normal', kernel_regularizer=l2(1e-4))
    x = inputs
    if conv_first:
        x = conv(x)
        if batch_normalization:
            x = BatchNormalization()(x)
        if activation is not None:
            x = Activation(activation)(x)
    else:
        if batch_normalization:
            x = BatchNormalization()(x)
        if activation is not None:
            x = Activation(activation)(x)
        x = conv(x)
    return x


def resnet_v1(input_shape, depth, num_classes):
    num_filters = 8
    num_res_blocks = int((depth - 2) / 6)
    inputs = Input(shape=input_shape)
    x = resnet_layer(inputs=inputs)
    for stack in range(2):
        for res_block in range(num_res_blocks):
            strides = 1
            if stack > 0 and res_block == 0:
                strides = 2
            y = resnet_layer(inputs=x, num_filters=num_filters, strides=strides)
            y = resnet_layer(inputs=y, num_filters=num_filters, activation=None)
            if stack > 0 and res_block == 0:
                x = resnet_layer(inputs=x, num_filters=num_filters, kernel_size=1, strides=strides,
                                 activation=None, batch_normalization=False)
            x = keras.layers.add([x, y])
            x = Activation('relu')(x)
        num_filters *= 2
    x = AveragePooling2D(pool_size=4)(x)
    y = Flatten()(x)
    outputs = Dense(num_classes, activation='softmax', kernel_initializer='he_normal')(y)
    return Model(inputs=inputs, outputs=outputs)


model = resnet_v1(input_shape=x_train.shape[1:], depth=depth, num_classes=num_classes)
model.compile(loss='categorical_crossentropy', optimizer=Adam(lr=lr_schedule(0)), metrics=['accuracy'])
model.summary()

filepath = os.path.join(os.getcwd(), 'resnet.{epoch:03d}.h5')
checkpoint = ModelCheckpoint(filepath=filepath, monitor='val_loss', verbose=1, save_best_only=True)
lr_scheduler = LearningRateScheduler(lr_schedule)
lr_reducer = ReduceLROnPlateau(factor=np.sqrt(0.1), cooldown=0, patience=5, min_lr=0.5e-6)

history = model.fit(x_train, y_train, batch_size=16, epochs=4, validation_split=.25, shuffle=True,
                    callbacks=[checkpoint, lr_reducer, lr_scheduler])
scores = model.evaluate(x_train, y_train, verbose=1)

assert history.history['loss'][-1] < history.history['loss'][0]
saved = sorted(name for name in os.listdir('.') if name.startswith('resnet.'))
assert saved and saved[0] == 'resnet.001.h5', saved
best = load_model(saved[-1])
epoch = int(saved[-1].split('.')[1]) - 1
np.testing.assert_allclose(best.evaluate(x_train[72:], y_train[72:], verbose=0)[0], history.history['val_loss'][epoch],
                           rtol=1e-3)
assert len([layer for layer in model.layers if isinstance(layer, keras.layers.Add)]) == 2
np.testing.assert_allclose(history.history['lr'], [5e-3, 5e-3, 5e-3, 5e-4], rtol=1e-5)
