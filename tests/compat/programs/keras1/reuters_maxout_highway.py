'''Topics of newswires as bags of words: maxout and highway layers.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, MaxoutDense, Highway
from keras.layers.advanced_activations import PReLU, SReLU
from keras.layers.normalization import BatchNormalization
from keras.utils import np_utils
from keras.preprocessing.text import Tokenizer

max_words = 60
nb_classes = 3
topics = np.random.randint(1, max_words, (nb_classes, 12))
y = np.random.randint(0, nb_classes, 240)
sequences = [list(np.random.choice(topics[label], 15)) + list(np.random.randint(1, max_words, 6)) for label in y]
tokenizer = Tokenizer(nb_words=max_words)
X = tokenizer.sequences_to_matrix(sequences, mode='binary')
Y = np_utils.to_categorical(y, nb_classes)

model = Sequential()
model.add(MaxoutDense(16, nb_feature=3, input_shape=(max_words,), init='he_uniform'))
model.add(BatchNormalization(mode=2))
model.add(Highway(activation='relu', transform_bias=-1))
model.add(Dropout(0.2))
model.add(Dense(16, init='glorot_normal'))
model.add(PReLU())
model.add(Highway())
model.add(SReLU())
model.add(Dense(nb_classes))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
assert model.layers[2].get_weights()[3].mean() == -1
history = model.fit(X, Y, nb_epoch=15, batch_size=32, verbose=0, validation_split=0.1)
score = model.evaluate(X, Y, batch_size=32, verbose=0)
print('Test score:', score[0], 'accuracy:', score[1])
assert score[1] > 0.9, score
classes = model.predict_classes(X, verbose=0)
assert abs((classes == y).mean() - score[1]) < 0.02
