'''A memory network on stories: two encoders of the story, one of the question, joined by Merge.'''
from __future__ import print_function
import re
import numpy as np
from keras.models import Sequential
from keras.layers.embeddings import Embedding
from keras.layers import Activation, Dense, Merge, Permute, Dropout
from keras.layers import LSTM
from keras.preprocessing.sequence import pad_sequences

np.random.seed(2)


def tokenize(sent):
    return [x.strip() for x in re.split(r'(\W+)?', sent) if x and x.strip()]


names, places = ['mary', 'john'], ['garden', 'office', 'kitchen']
data = []
for _ in range(200):
    story, where = '', {}
    for _ in range(2):
        who, place = names[np.random.randint(2)], places[np.random.randint(3)]
        story += '{} went to the {}. '.format(who, place)
        where[who] = place
    who = list(where)[np.random.randint(len(where))]
    data.append((re.findall(r'\w+|\.', story), re.findall(r'\w+|\?', 'where is {}?'.format(who)), where[who]))

vocab = sorted(set(w for story, q, answer in data for w in story + q + [answer]))
vocab_size = len(vocab) + 1
word_idx = dict((c, i + 1) for i, c in enumerate(vocab))
story_maxlen = max(map(len, (x for x, _, _ in data)))
query_maxlen = max(map(len, (x for _, x, _ in data)))
S = pad_sequences([[word_idx[w] for w in s] for s, _, _ in data], maxlen=story_maxlen)
Q = pad_sequences([[word_idx[w] for w in q] for _, q, _ in data], maxlen=query_maxlen)
A = np.zeros((len(data), vocab_size))
for row, (_, _, answer) in zip(A, data):
    row[word_idx[answer]] = 1

input_encoder_m = Sequential()
input_encoder_m.add(Embedding(input_dim=vocab_size, output_dim=16, input_length=story_maxlen))
input_encoder_m.add(Dropout(0.1))
question_encoder = Sequential()
question_encoder.add(Embedding(input_dim=vocab_size, output_dim=16, input_length=query_maxlen))
question_encoder.add(Dropout(0.1))
match = Sequential()
match.add(Merge([input_encoder_m, question_encoder], mode='dot', dot_axes=[2, 2]))
match.add(Activation('softmax'))
assert match.output_shape == (None, story_maxlen, query_maxlen)
input_encoder_c = Sequential()
input_encoder_c.add(Embedding(input_dim=vocab_size, output_dim=query_maxlen, input_length=story_maxlen))
input_encoder_c.add(Dropout(0.1))
response = Sequential()
response.add(Merge([match, input_encoder_c], mode='sum'))
response.add(Permute((2, 1)))
answer = Sequential()
answer.add(Merge([response, question_encoder], mode='concat', concat_axis=-1))
answer.add(LSTM(16))
answer.add(Dropout(0.1))
answer.add(Dense(vocab_size))
answer.add(Activation('softmax'))
answer.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
# The story is needed twice, and so is the question: an input for each branch
history = answer.fit([S, Q, S], A, batch_size=32, nb_epoch=16, validation_split=0.1, verbose=0)
assert history.history['loss'][-1] < 0.7 * history.history['loss'][0], history.history
assert answer.predict([S[:3], Q[:3], S[:3]]).shape == (3, vocab_size)
