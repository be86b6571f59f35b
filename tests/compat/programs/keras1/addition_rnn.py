'''Sums of two digits, read and written as letters: an encoder, RepeatVector, and a decoder over time.'''
from __future__ import print_function
from keras.models import Sequential
from keras.layers import Activation, TimeDistributed, Dense, RepeatVector, recurrent
from keras.engine.training import slice_X
import numpy as np
from six.moves import range

np.random.seed(5)


class CharacterTable(object):
    def __init__(self, chars, maxlen):
        self.chars = sorted(set(chars))
        self.char_indices = dict((c, i) for i, c in enumerate(self.chars))
        self.indices_char = dict((i, c) for i, c in enumerate(self.chars))
        self.maxlen = maxlen

    def encode(self, C, maxlen=None):
        maxlen = maxlen if maxlen else self.maxlen
        X = np.zeros((maxlen, len(self.chars)))
        for i, c in enumerate(C):
            X[i, self.char_indices[c]] = 1
        return X

    def decode(self, X, calc_argmax=True):
        if calc_argmax:
            X = X.argmax(axis=-1)
        return ''.join(self.indices_char[x] for x in X)


DIGITS = 1
INVERT = True
RNN = recurrent.GRU
HIDDEN_SIZE = 32
BATCH_SIZE = 30
LAYERS = 1
MAXLEN = DIGITS + 1 + DIGITS
chars = '0123456789+ '
ctable = CharacterTable(chars, MAXLEN)

questions, expected = [], []
for a in range(10):
    for b in range(10):
        query = '{}+{}'.format(a, b)
        ans = str(a + b)
        ans += ' ' * (DIGITS + 1 - len(ans))
        questions.append(query[::-1] if INVERT else query)
        expected.append(ans)
X = np.zeros((len(questions), MAXLEN, len(chars)), dtype=bool)
y = np.zeros((len(questions), DIGITS + 1, len(chars)), dtype=bool)
for i, sentence in enumerate(questions):
    X[i] = ctable.encode(sentence, maxlen=MAXLEN)
for i, sentence in enumerate(expected):
    y[i] = ctable.encode(sentence, maxlen=DIGITS + 1)
indices = np.arange(len(y))
np.random.shuffle(indices)
X, y = X[indices], y[indices]
split_at = len(X) - len(X) // 10
(X_train, X_val) = (slice_X(X, 0, split_at), slice_X(X, split_at))
(y_train, y_val) = (y[:split_at], y[split_at:])

model = Sequential()
model.add(RNN(HIDDEN_SIZE, input_shape=(MAXLEN, len(chars))))
model.add(RepeatVector(DIGITS + 1))
for _ in range(LAYERS):
    model.add(RNN(HIDDEN_SIZE, return_sequences=True))
model.add(TimeDistributed(Dense(len(chars))))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
model.optimizer.lr.set_value(0.02) if hasattr(model.optimizer.lr, 'set_value') else None

history = model.fit(X_train, y_train, batch_size=BATCH_SIZE, nb_epoch=24, validation_data=(X_val, y_val), verbose=0)
rowX, rowy = X_val[np.array([0])], y_val[np.array([0])]
preds = model.predict_classes(rowX, verbose=0)
q = ctable.decode(rowX[0])
correct = ctable.decode(rowy[0])
guess = ctable.decode(preds[0], calc_argmax=False)
print('Q', q[::-1] if INVERT else q, 'T', correct, 'guess', guess)
assert preds.shape == (1, DIGITS + 1) and len(guess) == len(correct) == 2
assert model.output_shape == (None, DIGITS + 1, len(chars))
assert history.history['acc'][-1] > 0.5 > history.history['acc'][0], history.history['acc']
