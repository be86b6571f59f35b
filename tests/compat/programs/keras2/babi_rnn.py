'''Questions about stories: two encoders, a RepeatVector, and a sum.'''
from __future__ import print_function
from functools import reduce
import re
import numpy as np
from keras.layers.embeddings import Embedding
from keras import layers
from keras.layers import recurrent
from keras.models import Model
from keras.preprocessing.sequence import pad_sequences

np.random.seed(10)
rng = np.random.RandomState(10)
people, places = ['Mary', 'John'], ['garden', 'office', 'kitchen']


def tokenize(sent):
    return [x.strip() for x in re.split(r'(\W+)', sent) if x.strip()]


def stories(n):
    data = []
    for _ in range(n):
        where, text = {}, ''
        for person in people:
            where[person] = rng.choice(places)
            text += '%s went to the %s. ' % (person, where[person])
        asked = rng.choice(people)
        data.append((tokenize(text), tokenize('Where is %s?' % asked), where[asked]))
    return data


def vectorize_stories(data, word_idx, story_maxlen, query_maxlen):
    xs, xqs, ys = [], [], []
    for story, query, answer in data:
        y = np.zeros(len(word_idx) + 1)
        y[word_idx[answer]] = 1
        xs.append([word_idx[w] for w in story])
        xqs.append([word_idx[w] for w in query])
        ys.append(y)
    return (pad_sequences(xs, maxlen=story_maxlen), pad_sequences(xqs, maxlen=query_maxlen), np.array(ys))


RNN = recurrent.LSTM
EMBED_HIDDEN_SIZE = 16
BATCH_SIZE = 16
EPOCHS = 6

assert tokenize('Mary went to the garden.') == ['Mary', 'went', 'to', 'the', 'garden', '.']
train = stories(160)
vocab = set()
for story, q, answer in train:
    vocab |= set(story + q + [answer])
vocab = sorted(vocab)
vocab_size = len(vocab) + 1
word_idx = dict((c, i + 1) for i, c in enumerate(vocab))
story_maxlen = max(map(len, (x for x, _, _ in train)))
query_maxlen = max(map(len, (x for _, x, _ in train)))
x, xq, y = vectorize_stories(train, word_idx, story_maxlen, query_maxlen)
print('x.shape = {}'.format(x.shape))

sentence = layers.Input(shape=(story_maxlen,), dtype='int32')
encoded_sentence = layers.Embedding(vocab_size, EMBED_HIDDEN_SIZE)(sentence)
encoded_sentence = layers.Dropout(0.1)(encoded_sentence)

question = layers.Input(shape=(query_maxlen,), dtype='int32')
encoded_question = layers.Embedding(vocab_size, EMBED_HIDDEN_SIZE)(question)
encoded_question = layers.Dropout(0.1)(encoded_question)
encoded_question = RNN(EMBED_HIDDEN_SIZE)(encoded_question)
encoded_question = layers.RepeatVector(story_maxlen)(encoded_question)

merged = layers.add([encoded_sentence, encoded_question])
merged = RNN(EMBED_HIDDEN_SIZE)(merged)
merged = layers.Dropout(0.1)(merged)
preds = layers.Dense(vocab_size, activation='softmax')(merged)

model = Model([sentence, question], preds)
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
model.optimizer.lr = .01
print('Training')
history = model.fit([x, xq], y, batch_size=BATCH_SIZE, epochs=EPOCHS, validation_split=0.05)
loss, acc = model.evaluate([x, xq], y, batch_size=BATCH_SIZE)
print('Test loss / test accuracy = {:.4f} / {:.4f}'.format(loss, acc))

assert history.history['loss'][-1] < .8 * history.history['loss'][0]
assert set(model.predict([x, xq]).argmax(-1)) <= set(word_idx[place] for place in places)
