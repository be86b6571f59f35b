'''Word vectors from skipgrams, as in word2vec: two embeddings side by side, their dot product says
whether two words are neighbours. The corpus is a text file of one comment per line.
'''
from __future__ import print_function
import os
import tempfile

import numpy as np
import random

from keras.preprocessing import sequence, text
from keras.models import Sequential
from keras.layers.core import Activation, Reshape
from keras.layers.embeddings import Embedding
from keras.layers import Merge
from keras.optimizers import RMSprop

random.seed(4)
np.random.seed(4)

max_features = 60  # vocabulary size
dim_proj = 8
skip_top = 0
worlds = ['cat dog mouse horse bird'.split(), 'code bug loop stack heap'.split()]

path = os.path.join(tempfile.mkdtemp(), 'comments.txt')
with open(path, 'w') as f:
    for _ in range(60):
        words = random.choice(worlds)
        f.write(' '.join(random.choice(words) for _ in range(8)) + '!\n')


def text_generator(path=path):
    with open(path) as f:
        for i, line in enumerate(f):
            if i % 20 == 0:
                print(i)
            yield line.strip()


print('Fit tokenizer...')
tokenizer = text.Tokenizer(nb_words=max_features)
tokenizer.fit_on_texts(text_generator())
assert tokenizer.document_count == 60 and len(tokenizer.word_index) == 10

print('Build model...')
word, context = Sequential(), Sequential()
for side in (word, context):
    side.add(Embedding(max_features, dim_proj, init='uniform', input_length=1))
    side.add(Reshape((dim_proj,)))
model = Sequential()
model.add(Merge([word, context], mode='dot', dot_axes=1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=RMSprop(lr=0.01))

sampling_table = sequence.make_sampling_table(max_features, sampling_factor=1.)
losses = []
for e in range(2):
    samples_seen, batch_loss = 0, []
    for i, seq in enumerate(tokenizer.texts_to_sequences_generator(text_generator())):
        # get skipgram couples for one text in the dataset
        couples, labels = sequence.skipgrams(seq, max_features, window_size=4, negative_samples=1.,
                                             sampling_table=sampling_table)
        if couples:
            # one gradient update per sentence (one sentence = a few 1000s of word couples)
            X = np.array(couples, dtype='int32')
            loss = model.train_on_batch([X[:, :1], X[:, 1:]], np.array(labels))
            batch_loss.append(loss)
            samples_seen += len(labels)
    losses.append(np.mean(batch_loss))
    print('Epoch', e, 'samples', samples_seen, 'loss', losses[-1])

assert losses[-1] < losses[0] < 1

weights = word.layers[0].get_weights()[0]
norm_weights = weights / np.linalg.norm(weights, axis=-1, keepdims=True)


def closest_to(word, nb_closest=4):
    index = tokenizer.word_index[word]
    by = np.argsort(-norm_weights.dot(norm_weights[index]))
    words = dict((i, w) for w, i in tokenizer.word_index.items())
    return [words[i] for i in by if i in words and i != index][:nb_closest]


print('closest to cat:', closest_to('cat'))
assert len(set(closest_to('cat')) & set(worlds[0])) >= 3, closest_to('cat')
assert len(set(closest_to('code')) & set(worlds[1])) >= 3, closest_to('code')
