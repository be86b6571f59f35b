"""Transfer: features learned on some classes are frozen, and a new head learns others."""
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D
from keras.utils import np_utils

np.random.seed(1337)
nb_classes, rows = 3, 8
labels = np.random.randint(0, 6, 150)
images = np.random.rand(150, rows, rows, 1).astype('float32') * .3
for image, label in zip(images, labels):
    image[label:label + 3, label:label + 3] += .7

X_lt, y_lt = images[labels < 3], labels[labels < 3]
X_gte, y_gte = images[labels >= 3], labels[labels >= 3] - 3


def train_model(model, X, y, nb_epoch):
    model.compile(loss='categorical_crossentropy', optimizer='adadelta', metrics=['accuracy'])
    history = model.fit(X, np_utils.to_categorical(y, nb_classes), batch_size=16, nb_epoch=nb_epoch, verbose=0)
    return history.history


feature_layers = [
    Convolution2D(6, 3, 3, border_mode='valid', input_shape=(rows, rows, 1), dim_ordering='tf'),
    Activation('relu'),
    MaxPooling2D(pool_size=(2, 2), dim_ordering='tf'),
    Dropout(0.1),
    Flatten(),
]
classification_layers = [Dense(16), Activation('relu'), Dense(nb_classes), Activation('softmax')]
model = Sequential(feature_layers + classification_layers)
first = train_model(model, X_lt, y_lt, 8)
assert first['loss'][-1] < first['loss'][0]

for layer in feature_layers:
    layer.trainable = False
frozen = feature_layers[0].get_weights()
kernel = classification_layers[0].get_weights()[0]
second = train_model(model, X_gte, y_gte, 8)
assert second['loss'][-1] < second['loss'][0]
np.testing.assert_array_equal(frozen[0], feature_layers[0].get_weights()[0])
assert not np.allclose(kernel, classification_layers[0].get_weights()[0])

# a new head in place of the last two layers
model.pop()
model.pop()
model.add(Dense(2, activation='softmax', name='new_head'))
assert model.output_shape == (None, 2)
model.compile(loss='sparse_categorical_crossentropy', optimizer='sgd', metrics=['accuracy'])
loss, accuracy = model.evaluate(X_gte, (y_gte > 0).astype(int), verbose=0)
assert 0 <= accuracy <= 1
assert len(model.trainable_weights) == 4 and len(model.non_trainable_weights) == 2
