'''Find parameters of a convnet with scikit-learn's GridSearchCV, by the wrapper for classifiers.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)  # for reproducibility

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D
from keras.optimizers import Adam
from keras.utils import np_utils
from keras.wrappers.scikit_learn import KerasClassifier
from keras import backend as K

nb_classes = 10

# input image dimensions
img_rows, img_cols = 8, 8

# load training data and do basic data normalization
digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(digits.images[:385], digits.target[:385], test_size=105,
                                                    random_state=0)

if K.image_dim_ordering() == 'th':
    X_train = X_train.reshape(X_train.shape[0], 1, img_rows, img_cols)
    X_test = X_test.reshape(X_test.shape[0], 1, img_rows, img_cols)
    input_shape = (1, img_rows, img_cols)
else:
    X_train = X_train.reshape(X_train.shape[0], img_rows, img_cols, 1)
    X_test = X_test.reshape(X_test.shape[0], img_rows, img_cols, 1)
    input_shape = (img_rows, img_cols, 1)

X_train = X_train.astype('float32')
X_test = X_test.astype('float32')
X_train /= 16
X_test /= 16

# convert class vectors to binary class matrices
y_train = np_utils.to_categorical(y_train, nb_classes)
y_test = np_utils.to_categorical(y_test, nb_classes)


def make_model(dense_layer_sizes, nb_filters, nb_conv, nb_pool):
    '''Creates model comprised of a convolutional layer followed by dense layers

    dense_layer_sizes: List of layer sizes. This list has one number for each layer
    nb_filters: Number of convolutional filters in the convolutional layer
    nb_conv: Convolutional kernel size
    nb_pool: Size of pooling area for max pooling
    '''
    model = Sequential()

    model.add(Convolution2D(nb_filters, nb_conv, nb_conv,
                            border_mode='valid',
                            input_shape=input_shape))
    model.add(Activation('relu'))
    model.add(MaxPooling2D(pool_size=(nb_pool, nb_pool)))

    model.add(Flatten())
    for layer_size in dense_layer_sizes:
        model.add(Dense(layer_size))
        model.add(Activation('relu'))
    model.add(Dropout(0.1))
    model.add(Dense(nb_classes))
    model.add(Activation('softmax'))

    model.compile(loss='categorical_crossentropy',
                  optimizer=Adam(lr=0.01),
                  metrics=['accuracy'])

    return model


dense_size_candidates = [[24]]
my_classifier = KerasClassifier(make_model, batch_size=35, verbose=0)
validator = GridSearchCV(my_classifier,
                         param_grid={'dense_layer_sizes': dense_size_candidates,
                                     # nb_epoch is avail for tuning even when not
                                     # an argument to model building function
                                     'nb_epoch': [1, 4],
                                     'nb_filters': [4],
                                     'nb_conv': [3],
                                     'nb_pool': [2]},
                         scoring='neg_log_loss',
                         cv=2)
validator.fit(X_train, y_train.argmax(axis=1))

print('The parameters of the best model are: ')
print(validator.best_params_)

# validator.best_estimator_ returns sklearn-wrapped version of best model.
# validator.best_estimator_.model returns the (unwrapped) keras model
best_model = validator.best_estimator_.model
metric_names = best_model.metrics_names
metric_values = best_model.evaluate(X_test, y_test, batch_size=35)
print()
for metric, value in zip(metric_names, metric_values):
    print(metric, ': ', value)

assert validator.best_params_['nb_epoch'] == 4
assert metric_names == ['loss', 'acc'] and metric_values[1] > 0.5, metric_values
