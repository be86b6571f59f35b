'''Bags of n-grams: an embedding and the mean over the words.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense
from keras.layers import Embedding
from keras.layers import GlobalAveragePooling1D


def create_ngram_set(input_list, ngram_value=2):
    return set(zip(*[input_list[i:] for i in range(ngram_value)]))


def add_ngram(sequences, token_indice, ngram_range=2):
    new_sequences = []
    for input_list in sequences:
        new_list = input_list[:]
        for i in range(len(new_list) - ngram_range + 1):
            for ngram_value in range(2, ngram_range + 1):
                ngram = tuple(new_list[i:i + ngram_value])
                if ngram in token_indice:
                    new_list.append(token_indice[ngram])
        new_sequences.append(new_list)
    return new_sequences


assert create_ngram_set([1, 4, 9, 4, 1, 4], ngram_value=2) == {(4, 9), (4, 1), (1, 4), (9, 4)}
max_features, maxlen = 20, 24
y = np.random.randint(0, 2, 200)
X_train = []
for label in y:
    words = list(map(int, np.random.randint(3, max_features, 8)))
    words[2:4] = [1, 2] if label else [2, 1]
    X_train.append(words)
ngram_set = set()
for input_list in X_train:
    ngram_set.update(create_ngram_set(input_list, ngram_value=2))
token_indice = {v: k + max_features for k, v in enumerate(sorted(ngram_set))}
max_features = max(token_indice.values()) + 1
X_train = sequence.pad_sequences(add_ngram(X_train, token_indice, 2), maxlen=maxlen)

model = Sequential()
model.add(Embedding(max_features, 16, input_length=maxlen))
model.add(GlobalAveragePooling1D())
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
model.optimizer.lr = 0.03
history = model.fit(X_train, y, batch_size=16, nb_epoch=20, verbose=2)
assert history.history['acc'][-1] > 0.9, history.history['acc']
