'''Fine-tuning as it was done before pop(): the last layer is taken out of the list, and the outputs are set by hand.'''
import os
import tempfile
import numpy as np
from keras.models import Sequential, Model
from keras.layers import Dense, Dropout, Flatten, Convolution2D, MaxPooling2D, ZeroPadding2D, Input
from keras.optimizers import SGD
from keras import backend as K

np.random.seed(2)


def small_vgg(weights_path=None):
    model = Sequential()
    model.add(ZeroPadding2D((1, 1), input_shape=(3, 6, 6), dim_ordering='th'))
    model.add(Convolution2D(4, 3, 3, activation='relu', dim_ordering='th', name='conv1_1'))
    model.add(MaxPooling2D((2, 2), strides=(2, 2), dim_ordering='th'))
    model.add(Flatten())
    model.add(Dense(8, activation='relu'))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation='softmax'))
    if weights_path:
        model.load_weights(weights_path)
    return model


X = np.random.rand(6, 3, 6, 6)
path = os.path.join(tempfile.mkdtemp(), 'vgg_weights')
base = small_vgg()
base.save_weights(path, overwrite=True)
model = small_vgg(path)
features = Model(model.input, model.layers[4].output).predict(X)

model.layers.pop()
assert len(model.layers) == 6
model.outputs = [model.layers[-1].output]
model.layers[-1].outbound_nodes = []
model.add(Dense(3, activation='softmax'))
for layer in model.layers[:5]:
    layer.trainable = False
model.compile(optimizer=SGD(lr=1e-2, momentum=.9), loss='categorical_crossentropy', metrics=['accuracy'])
before = [layer.get_weights() for layer in model.layers]
history = model.fit(X, np.eye(3)[[0, 1, 2, 0, 1, 2]], nb_epoch=1, verbose=0).history
assert 'acc' in history and model.predict(X).shape == (6, 3)
assert (before[1][0] == model.layers[1].get_weights()[0]).all()
assert (before[-1][0] != model.layers[-1].get_weights()[0]).any()

inputs = Input(shape=(4,))
hidden = Dense(5, activation='relu', name='fc1')(inputs)
graph = Model(inputs, Dense(2, activation='softmax', name='predictions')(hidden))
graph.layers.pop()
assert graph.layers[-1].name == 'fc1'
graph.outputs = [graph.layers[-1].output]
assert graph.predict(np.ones((2, 4))).shape == (2, 5)
tuned = Model(input=graph.input, output=Dense(3)(graph.layers[-1].output))
assert tuned.predict(np.ones((2, 4))).shape == (2, 3)

# weights of then: (filters, channels, rows, columns), read and set as shared variables were
conv = base.layers[1]
W = conv.W.get_value(borrow=True)
assert W.shape == (4, 3, 3, 3) == conv.get_weights()[0].shape
conv.W.set_value(2 * W)
np.testing.assert_allclose(K.get_value(conv.W), 2 * W)
np.testing.assert_allclose(conv.get_weights()[0], 2 * W)
assert conv.get_config()['nb_filter'] == 4 and conv.get_config()['border_mode'] == 'valid'
