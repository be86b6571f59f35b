"""Word vectors from skipgrams with the functional API: a shared vocabulary, dot products, negative samples."""
import os
import random
import tempfile

import numpy as np

from keras.layers import Activation, Dot, Embedding, Flatten, Input
from keras.models import Model
from keras.preprocessing.sequence import make_sampling_table, skipgrams
from keras.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

random.seed(5)
np.random.seed(5)
fields = [['wheat', 'corn', 'barley', 'rice', 'oats'], ['stock', 'bond', 'share', 'fund', 'bank']]
path = os.path.join(tempfile.mkdtemp(), 'news.txt')
with open(path, 'w') as f:
    for i in range(150):
        f.write(', '.join(random.choice(fields[i % 2]) for _ in range(9)).capitalize() + '.\n')

with open(path) as f:
    texts = f.read().splitlines()
assert text_to_word_sequence(texts[0])[0] in fields[0]
tokenizer = Tokenizer(oov_token='UNK')
tokenizer.fit_on_texts(texts)
tokenizer = tokenizer_from_json(tokenizer.to_json(indent=1))
vocab_size = len(tokenizer.word_index) + 1
assert vocab_size == 12 and tokenizer.index_word[1] == 'UNK'

pairs, labels = [], []
table = make_sampling_table(vocab_size, sampling_factor=10.)
for number, wids in enumerate(tokenizer.texts_to_sequences(texts)):
    x, y = skipgrams(wids, vocabulary_size=vocab_size, window_size=3, sampling_table=table, seed=number)
    pairs += x
    labels += y
pairs, labels = np.array(pairs), np.array(labels)
assert abs(labels.mean() - 0.5) < 0.01
print('%d pairs' % len(pairs))

word, context = Input(shape=(1,), name='word'), Input(shape=(1,), name='context')
embed = Embedding(vocab_size, 6, embeddings_initializer='uniform', name='vectors')
other = Embedding(vocab_size, 6, embeddings_initializer='uniform', name='contexts')
product = Dot(axes=-1)([Flatten()(embed(word)), Flatten()(other(context))])
model = Model(inputs=[word, context], outputs=Activation('sigmoid')(product))
model.compile(loss='binary_crossentropy', optimizer='adam')
history = model.fit([pairs[:, 0], pairs[:, 1]], labels, batch_size=64, epochs=8, verbose=0)
assert history.history['loss'][-1] < history.history['loss'][0]

vectors = model.get_layer('vectors').get_weights()[0]
vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
near = vectors.dot(vectors.T)
index = tokenizer.word_index
within = np.mean([near[index[a], index[b]] for a in fields[0] for b in fields[0] if a != b])
across = np.mean([near[index[a], index[b]] for a in fields[0] for b in fields[1]])
print('within a field %.2f, across %.2f' % (within, across))
assert within > across + 0.5
assert tokenizer.sequences_to_texts([[index['corn'], 99]]) == ['corn UNK']
