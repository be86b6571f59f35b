'''A wider and a deeper student that begin as their teacher: kernels copied by get_weights and weights=.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, Dense, Flatten
from keras.optimizers import SGD

input_shape = (8, 8, 1)
y = np.random.randint(0, 2, 80)
X = np.random.rand(80, 8, 8, 1).astype('float32')
X[y == 1, :, 4:] += 0.5
Y = np.eye(2)[y]


def wider_conv(teacher_w1, teacher_b1, teacher_w2, new_width):
    index = np.random.randint(teacher_w1.shape[3], size=new_width - teacher_w1.shape[3])
    factors = np.bincount(index, minlength=teacher_w1.shape[3])[index] + 1.
    student_w1 = np.concatenate((teacher_w1, teacher_w1[:, :, :, index]), axis=3)
    student_b1 = np.concatenate((teacher_b1, teacher_b1[index]))
    new_w2 = teacher_w2[:, :, index, :] / factors.reshape((1, 1, -1, 1))
    student_w2 = np.concatenate((teacher_w2, new_w2), axis=2)
    student_w2[:, :, index, :] = teacher_w2[:, :, index, :] / factors.reshape((1, 1, -1, 1))
    return student_w1, student_b1, student_w2


teacher = Sequential()
teacher.add(Conv2D(4, 3, 3, input_shape=input_shape, border_mode='same', name='conv1'))
teacher.add(MaxPooling2D(name='pool1'))
teacher.add(Conv2D(6, 3, 3, border_mode='same', name='conv2'))
teacher.add(MaxPooling2D(name='pool2'))
teacher.add(Flatten(name='flatten'))
teacher.add(Dense(10, activation='relu', name='fc1'))
teacher.add(Dense(2, activation='softmax', name='fc2'))
teacher.compile(loss='categorical_crossentropy', optimizer=SGD(lr=0.05, momentum=0.9), metrics=['accuracy'])
teacher.fit(X, Y, nb_epoch=6, batch_size=16, verbose=0)

w1, b1 = teacher.get_layer('conv1').get_weights()
w2, b2 = teacher.get_layer('conv2').get_weights()
assert w1.shape == (3, 3, 1, 4) and w2.shape == (3, 3, 4, 6)
new_w1, new_b1, new_w2 = wider_conv(w1, b1, w2, 6)
wide = Sequential()
wide.add(Conv2D(6, 3, 3, input_shape=input_shape, border_mode='same', name='conv1', weights=[new_w1, new_b1]))
wide.add(MaxPooling2D(name='pool1'))
wide.add(Conv2D(6, 3, 3, border_mode='same', name='conv2', weights=[new_w2, b2]))
wide.add(MaxPooling2D(name='pool2'))
wide.add(Flatten(name='flatten'))
wide.add(Dense(10, activation='relu', name='fc1', weights=teacher.get_layer('fc1').get_weights()))
wide.add(Dense(2, activation='softmax', name='fc2', weights=teacher.get_layer('fc2').get_weights()))
np.testing.assert_allclose(wide.predict(X), teacher.predict(X), rtol=1e-3, atol=1e-4)

deep = Sequential()
for layer in teacher.layers[:6]:
    config = layer.get_config()
    copy = type(layer).from_config(config)
    deep.add(copy)
    copy.set_weights(layer.get_weights())
deep.add(Dense(10, init='identity', activation='relu', name='fc1-deeper'))
deep.add(Dense(2, activation='softmax', name='fc2', weights=teacher.get_layer('fc2').get_weights()))
assert deep.input_shape == (None,) + input_shape
np.testing.assert_allclose(deep.predict(X), teacher.predict(X), rtol=1e-3, atol=1e-4)
for student in wide, deep:
    student.compile(loss='categorical_crossentropy', optimizer=SGD(lr=0.01, momentum=0.9), metrics=['accuracy'])
    history = student.fit(X, Y, nb_epoch=2, batch_size=16, verbose=0)
    assert history.history['acc'][0] > 0.8, history.history
