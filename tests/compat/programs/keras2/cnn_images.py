'''A small convolutional network that tells bars from crosses.'''
from __future__ import print_function
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Dropout, Flatten
from keras.layers import Conv2D, MaxPooling2D
from keras import backend as K

batch_size = 32
num_classes = 3
epochs = 3
img_rows, img_cols = 12, 12

np.random.seed(1)


def draw(n):
    x = np.random.rand(n, img_rows, img_cols).astype('float32') * 60
    y = np.random.randint(0, num_classes, n)
    for image, label in zip(x, y):
        i = np.random.randint(3, 9)
        if label != 1:
            image[i] = 255
        if label != 0:
            image[:, i] = 255
    return x, y


(x_train, y_train), (x_test, y_test) = draw(384), draw(96)

if K.image_data_format() == 'channels_first':
    x_train = x_train.reshape(x_train.shape[0], 1, img_rows, img_cols)
    x_test = x_test.reshape(x_test.shape[0], 1, img_rows, img_cols)
    input_shape = (1, img_rows, img_cols)
else:
    x_train = x_train.reshape(x_train.shape[0], img_rows, img_cols, 1)
    x_test = x_test.reshape(x_test.shape[0], img_rows, img_cols, 1)
    input_shape = (img_rows, img_cols, 1)

x_train /= 255
x_test /= 255
print('x_train shape:', x_train.shape)

y_train = keras.utils.to_categorical(y_train, num_classes)
y_test = keras.utils.to_categorical(y_test, num_classes)

model = Sequential()
model.add(Conv2D(8, kernel_size=(3, 3), activation='relu', input_shape=input_shape))
model.add(Conv2D(12, (3, 3), activation='relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.1))
model.add(Flatten())
model.add(Dense(24, activation='relu'))
model.add(Dropout(0.1))
model.add(Dense(num_classes, activation='softmax'))

model.compile(loss=keras.losses.categorical_crossentropy,
              optimizer=keras.optimizers.Adadelta(lr=1.0),
              metrics=['accuracy'])

history = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=1,
                    validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
print('Test loss:', score[0])
print('Test accuracy:', score[1])

assert set(['loss', 'val_loss']) <= set(history.history) and len(history.epoch) == epochs
assert history.history['loss'][-1] < history.history['loss'][0]
assert score[1] > .6, score
assert (model.predict_classes(x_test) == model.predict(x_test).argmax(-1)).all()
