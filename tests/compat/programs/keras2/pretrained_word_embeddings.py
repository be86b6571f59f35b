'''Classify texts in directories, with word vectors from a file in the format of GloVe, that are not trained.'''
from __future__ import print_function

import os
import sys
import tempfile
import numpy as np
from keras.preprocessing.text import Tokenizer
from keras.preprocessing.sequence import pad_sequences
from keras.utils import to_categorical
from keras.layers import Dense, Input, GlobalMaxPooling1D
from keras.layers import Conv1D, MaxPooling1D, Embedding
from keras.models import Model
from keras.initializers import Constant

np.random.seed(8)
BASE_DIR = tempfile.mkdtemp()
GLOVE_DIR = os.path.join(BASE_DIR, 'glove.6B')
TEXT_DATA_DIR = os.path.join(BASE_DIR, '20_newsgroup')
MAX_SEQUENCE_LENGTH = 20
MAX_NUM_WORDS = 200
EMBEDDING_DIM = 10
VALIDATION_SPLIT = 0.2

groups = {
    'comp.graphics': 'pixel polygon render image screen colour',
    'rec.autos': 'engine wheel brake petrol driver road',
    'sci.space': 'orbit rocket moon shuttle launch planet',
}
os.makedirs(GLOVE_DIR)
with open(os.path.join(GLOVE_DIR, 'glove.6B.10d.txt'), 'w') as f:
    for i, words in enumerate(groups.values()):
        for word in words.split():
            vector = np.random.randn(EMBEDDING_DIM) * 0.2
            vector[i] += 2
            f.write(word + ' ' + ' '.join('%.4f' % v for v in vector) + '\n')
for group, words in groups.items():
    os.makedirs(os.path.join(TEXT_DATA_DIR, group))
    for number in range(30):
        text = 'From: somebody@somewhere\n\n' + ' '.join(np.random.choice(words.split() + ['the', 'of'], 15)) + '.'
        with open(os.path.join(TEXT_DATA_DIR, group, str(number)), 'w') as f:
            f.write(text)

# first, build index mapping words in the embeddings set to their embedding vector
print('Indexing word vectors.')
embeddings_index = {}
with open(os.path.join(GLOVE_DIR, 'glove.6B.10d.txt')) as f:
    for line in f:
        word, coefs = line.split(maxsplit=1)
        coefs = np.fromstring(coefs, 'f', sep=' ')
        embeddings_index[word] = coefs
print('Found %s word vectors.' % len(embeddings_index))

# second, prepare text samples and their labels
print('Processing text dataset')
texts = []  # list of text samples
labels_index = {}  # dictionary mapping label name to numeric id
labels = []  # list of label ids
for name in sorted(os.listdir(TEXT_DATA_DIR)):
    path = os.path.join(TEXT_DATA_DIR, name)
    if os.path.isdir(path):
        label_id = len(labels_index)
        labels_index[name] = label_id
        for fname in sorted(os.listdir(path)):
            if fname.isdigit():
                args = {} if sys.version_info < (3,) else {'encoding': 'latin-1'}
                with open(os.path.join(path, fname), **args) as f:
                    t = f.read()
                    i = t.find('\n\n')  # skip header
                    if 0 < i:
                        t = t[i:]
                    texts.append(t)
                labels.append(label_id)
print('Found %s texts.' % len(texts))

# finally, vectorize the text samples into a 2D integer tensor
tokenizer = Tokenizer(num_words=MAX_NUM_WORDS)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
print('Found %s unique tokens.' % len(word_index))
data = pad_sequences(sequences, maxlen=MAX_SEQUENCE_LENGTH)
labels = to_categorical(np.asarray(labels))
print('Shape of data tensor:', data.shape)
print('Shape of label tensor:', labels.shape)

# split the data into a training set and a validation set
indices = np.arange(data.shape[0])
np.random.shuffle(indices)
data = data[indices]
labels = labels[indices]
num_validation_samples = int(VALIDATION_SPLIT * data.shape[0])
x_train = data[:-num_validation_samples]
y_train = labels[:-num_validation_samples]
x_val = data[-num_validation_samples:]
y_val = labels[-num_validation_samples:]

# prepare embedding matrix
num_words = min(MAX_NUM_WORDS, len(word_index) + 1)
embedding_matrix = np.zeros((num_words, EMBEDDING_DIM))
for word, i in word_index.items():
    if i >= MAX_NUM_WORDS:
        continue
    embedding_vector = embeddings_index.get(word)
    if embedding_vector is not None:
        # words not found in embedding index will be all-zeros.
        embedding_matrix[i] = embedding_vector

# load pre-trained word embeddings into an Embedding layer
# note that we set trainable = False so as to keep the embeddings fixed
embedding_layer = Embedding(num_words,
                            EMBEDDING_DIM,
                            embeddings_initializer=Constant(embedding_matrix),
                            input_length=MAX_SEQUENCE_LENGTH,
                            trainable=False)

print('Training model.')
sequence_input = Input(shape=(MAX_SEQUENCE_LENGTH,), dtype='int32')
embedded_sequences = embedding_layer(sequence_input)
x = Conv1D(16, 3, activation='relu')(embedded_sequences)
x = MaxPooling1D(3)(x)
x = Conv1D(16, 3, activation='relu')(x)
x = GlobalMaxPooling1D()(x)
x = Dense(16, activation='relu')(x)
preds = Dense(len(labels_index), activation='softmax')(x)

model = Model(sequence_input, preds)
model.compile(loss='categorical_crossentropy',
              optimizer='rmsprop',
              metrics=['acc'])
history = model.fit(x_train, y_train,
                    batch_size=16,
                    epochs=25,
                    verbose=2,
                    validation_data=(x_val, y_val))
assert history.history['val_acc'][-1] > 0.8, history.history
np.testing.assert_allclose(embedding_layer.get_weights()[0], embedding_matrix, rtol=1e-5)
assert [w.name for w in model.non_trainable_weights] == [w.name for w in embedding_layer.weights]
