'''Bags of n-grams: an embedding, its mean, and one dense layer.'''
from __future__ import print_function
import numpy as np
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
        for ngram_value in range(2, ngram_range + 1):
            for i in range(len(new_list) - ngram_value + 1):
                ngram = tuple(new_list[i:i + ngram_value])
                if ngram in token_indice:
                    new_list.append(token_indice[ngram])
        new_sequences.append(new_list)
    return new_sequences


assert create_ngram_set([1, 4, 9, 4, 1, 4], ngram_value=2) == {(4, 9), (4, 1), (1, 4), (9, 4)}

ngram_range = 2
max_features = 12
maxlen = 24
batch_size = 16
embedding_dims = 10
epochs = 12

np.random.seed(5)
rng = np.random.RandomState(5)
# What tells the classes apart is the order of two words: only bigrams show it.
x, y = [], []
for _ in range(160):
    label = rng.randint(2)
    words = rng.randint(3, max_features, 10).tolist()
    words[rng.choice(4)] = 2
    place = rng.randint(4, 8)
    words[place:place + 2] = [1, 2] if label else [2, 1]
    x.append(words)
    y.append(label)
y = np.array(y)

ngram_set = set()
for input_list in x:
    for i in range(2, ngram_range + 1):
        ngram_set.update(create_ngram_set(input_list, ngram_value=i))
start_index = max_features + 1
token_indice = {v: k + start_index for k, v in enumerate(sorted(ngram_set))}
max_features = np.max(list(token_indice.values())) + 1
x = sequence.pad_sequences(add_ngram(x, token_indice, ngram_range), maxlen=maxlen)
print('x shape:', x.shape)

model = Sequential()
model.add(Embedding(max_features, embedding_dims, input_length=maxlen))
model.add(GlobalAveragePooling1D())
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
model.optimizer.lr = .03
history = model.fit(x[:128], y[:128], batch_size=batch_size, epochs=epochs, validation_data=(x[128:], y[128:]))

assert history.history['accuracy'][-1] > .9, history.history['accuracy']
assert model.evaluate(x[128:], y[128:])[1] > .75
