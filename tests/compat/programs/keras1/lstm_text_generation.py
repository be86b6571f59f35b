'''Letters of a text, one after another, by an LSTM; sampled with several temperatures.'''
from __future__ import print_function
from keras.models import Sequential
from keras.layers import Dense, Activation, Dropout
from keras.layers import LSTM
from keras.optimizers import RMSprop
import numpy as np
import random
import sys

random.seed(3)
np.random.seed(3)
text = 'the sun and the sea. ' * 12
chars = sorted(list(set(text)))
print('total chars:', len(chars))
char_indices = dict((c, i) for i, c in enumerate(chars))
indices_char = dict((i, c) for i, c in enumerate(chars))

maxlen = 8
step = 1
sentences = []
next_chars = []
for i in range(0, len(text) - maxlen, step):
    sentences.append(text[i: i + maxlen])
    next_chars.append(text[i + maxlen])
X = np.zeros((len(sentences), maxlen, len(chars)), dtype=bool)
y = np.zeros((len(sentences), len(chars)), dtype=bool)
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        X[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = Sequential()
model.add(LSTM(32, return_sequences=True, input_shape=(maxlen, len(chars))))
model.add(Dropout(0.1))
model.add(LSTM(32))
model.add(Dense(len(chars)))
model.add(Activation('softmax'))
optimizer = RMSprop(lr=0.02)
model.compile(loss='categorical_crossentropy', optimizer=optimizer)


def sample(preds, temperature=1.0):
    preds = np.asarray(preds).astype('float64')
    preds = np.log(preds + 1e-12) / temperature
    exp_preds = np.exp(preds)
    preds = exp_preds / np.sum(exp_preds)
    probas = np.random.multinomial(1, preds, 1)
    return np.argmax(probas)


losses = []
for iteration in range(1, 4):
    history = model.fit(X, y, batch_size=32, nb_epoch=4, verbose=0)
    losses.append(history.history['loss'][-1])
for diversity in [0.2, 1.0]:
    start_index = random.randint(0, len(text) - maxlen - 1)
    generated = sentence = text[start_index: start_index + maxlen]
    for i in range(12):
        x = np.zeros((1, maxlen, len(chars)))
        for t, char in enumerate(sentence):
            x[0, t, char_indices[char]] = 1.
        preds = model.predict(x, verbose=0)[0]
        next_char = indices_char[sample(preds, diversity)]
        generated += next_char
        sentence = sentence[1:] + next_char
        sys.stdout.write(next_char)
    if diversity == 0.2:
        cold = generated
    print()
assert losses[-1] < losses[0] and losses[-1] < 0.9, losses
assert len(cold) == maxlen + 12 and set(cold) <= set(chars), cold
