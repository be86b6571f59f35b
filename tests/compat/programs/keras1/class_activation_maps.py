'''Class activation maps of a network that ends in the means of its maps, and Grad-CAM by a Lambda on top of it.'''
from __future__ import print_function
import numpy as np
import keras.backend as K
from keras.layers.convolutional import Convolution2D
from keras.layers.core import Dense, Dropout, Lambda
from keras.models import Model, Sequential
from keras.optimizers import SGD

np.random.seed(31)
size = 10
K.set_image_dim_ordering('th')

X = np.random.normal(0, .1, (120, 1, size, size))
y = np.zeros((120, 2))
corners = []
for i in range(120):
    r, c = np.random.randint(0, size - 4, 2)
    corners.append((r, c))
    X[i, 0, r:r + 4, c:c + 4] += [[1, 0, 1, 0]] if i % 2 else [[1], [0], [1], [0]]
    y[i, i % 2] = 1


def global_average_pooling(x):
    return K.mean(x, axis=(2, 3))


def global_average_pooling_shape(input_shape):
    return input_shape[0:2]


model = Sequential()
model.add(Convolution2D(6, 3, 3, activation='relu', border_mode='same', input_shape=(1, size, size)))
model.add(Convolution2D(8, 3, 3, activation='relu', border_mode='same', name='conv5_3'))
model.add(Lambda(global_average_pooling, output_shape=global_average_pooling_shape))
model.add(Dropout(0.1))
model.add(Dense(2, activation='softmax', init='uniform'))
model.set_weights([np.random.normal(.03, .3, w.shape) for w in model.get_weights()])
sgd = SGD(lr=0.2, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd, metrics=['accuracy'])
history = model.fit(X, y, batch_size=20, nb_epoch=25, verbose=0)
print(history.history['acc'][-1])
assert history.history['acc'][-1] > 0.9


def get_output_layer(model, layer_name):
    layer_dict = dict([(layer.name, layer) for layer in model.layers])
    return layer_dict[layer_name]


# the map of a class: the maps of the last convolution, weighted as the last layer weighs their means
class_weights = model.layers[-1].get_weights()[0]
final_conv_layer = get_output_layer(model, 'conv5_3')
get_output = K.function([model.layers[0].input, K.learning_phase()],
                        [final_conv_layer.output, model.layers[-1].output])
conv_outputs, predictions = get_output([X[:10], 0])
assert np.allclose(predictions, model.predict(X[:10]), atol=1e-5)
cam = np.zeros((10, size, size))
for i in range(10):
    for k, w in enumerate(class_weights[:, int(y[i].argmax())]):
        cam[i] += w * conv_outputs[i, k]

# Grad-CAM on a model with one more layer: the score of one class
nb_classes, category_index = 2, 1


def target_category_loss(x, category_index, nb_classes):
    return x * K.one_hot([category_index], nb_classes)


target_layer = Lambda(lambda x: target_category_loss(x, category_index, nb_classes), output_shape=(nb_classes,))
graded = Model(input=model.input, output=target_layer(model.output))
loss = K.sum(graded.layers[-1].output)
conv_output = get_output_layer(graded, 'conv5_3').output
grads = K.gradients(loss, conv_output)[0]
grads = grads / (K.sqrt(K.mean(K.square(grads))) + 1e-5)
gradient_function = K.function([graded.layers[0].input, K.learning_phase()], [conv_output, grads])
hits = 0
for i in range(1, 20, 2):
    output, grads_val = gradient_function([X[i:i + 1], 0])
    output, grads_val = output[0], grads_val[0]
    weights = np.mean(grads_val, axis=(1, 2))
    heat = np.zeros(output.shape[1:])
    for k, w in enumerate(weights):
        heat += w * output[k]
    heat = np.maximum(heat, 0)
    r, c = corners[i]
    inside = heat[r:r + 4, c:c + 4].mean()
    hits += inside > heat.mean()
print('The map is higher where the stripes are in', hits, 'of 10 images')
assert hits >= 8
K.set_image_dim_ordering('tf')
