'''Reading lines of symbols with a recurrent network and CTC: the loss is the output of a Lambda.'''
import itertools
import numpy as np
from keras import backend as K
from keras.layers import Input, Dense, Activation, Reshape, Lambda, Conv2D, MaxPooling2D
from keras.layers.merge import add, concatenate
from keras.layers.recurrent import GRU
from keras.models import Model
from keras.optimizers import SGD
from keras.callbacks import Callback

np.random.seed(9)
alphabet = 'xyz '
img_w, img_h = 24, 6
absolute_max_string_len = 3
pool_size = 2
glyphs = np.array([[[1, 1, 1, 0, 0, 0]] * 4, [[0, 0, 0, 1, 1, 1]] * 4, [[1, 0, 1, 0, 1, 0]] * 4], 'float32')


def paint_text(labels):
    image = np.random.rand(img_w, img_h).astype('float32') * .2
    for i, label in enumerate(labels):
        begin = 7 * i + np.random.randint(1, 4)
        image[begin:begin + 4] += glyphs[label]
    return image


class TextImageGenerator(Callback):
    def __init__(self, minibatch_size, downsample_factor):
        self.minibatch_size = minibatch_size
        self.downsample_factor = downsample_factor
        self.epochs = 0

    def get_output_size(self):
        return len(alphabet) + 1

    def get_batch(self, size):
        X_data = np.ones([size, img_w, img_h, 1])
        labels = np.zeros([size, absolute_max_string_len])
        input_length = np.zeros([size, 1])
        label_length = np.zeros([size, 1])
        for i in range(size):
            labels[i] = np.random.randint(0, 3, absolute_max_string_len)
            X_data[i, :, :, 0] = paint_text(labels[i].astype('int'))
            input_length[i] = img_w // self.downsample_factor - 2
            label_length[i] = absolute_max_string_len
        inputs = {'the_input': X_data, 'the_labels': labels, 'input_length': input_length,
                  'label_length': label_length}
        outputs = {'ctc': np.zeros([size])}
        return (inputs, outputs)

    def next_train(self):
        while 1:
            yield self.get_batch(self.minibatch_size)

    def on_epoch_end(self, epoch, logs={}):
        self.epochs += 1


def ctc_lambda_func(args):
    y_pred, labels, input_length, label_length = args
    # the 2 is critical here since the first couple outputs of the RNN tend to be garbage:
    y_pred = y_pred[:, 2:, :]
    return K.ctc_batch_cost(labels, y_pred, input_length, label_length)


img_gen = TextImageGenerator(16, pool_size)
input_data = Input(name='the_input', shape=(img_w, img_h, 1), dtype='float32')
inner = Conv2D(6, (3, 3), padding='same', activation='relu', kernel_initializer='he_normal', name='conv1')(input_data)
inner = MaxPooling2D(pool_size=(pool_size, pool_size), name='max1')(inner)
inner = Reshape(target_shape=(img_w // pool_size, (img_h // pool_size) * 6), name='reshape')(inner)
inner = Dense(16, activation='relu', name='dense1')(inner)
gru_1 = GRU(12, return_sequences=True, kernel_initializer='he_normal', name='gru1')(inner)
gru_1b = GRU(12, return_sequences=True, go_backwards=True, kernel_initializer='he_normal', name='gru1_b')(inner)
gru1_merged = add([gru_1, gru_1b])
gru_2 = GRU(12, return_sequences=True, kernel_initializer='he_normal', name='gru2')(gru1_merged)
inner = Dense(img_gen.get_output_size(), kernel_initializer='he_normal', name='dense2')(
    concatenate([gru_2, inner]))
y_pred = Activation('softmax', name='softmax')(inner)

labels = Input(name='the_labels', shape=[absolute_max_string_len], dtype='float32')
input_length = Input(name='input_length', shape=[1], dtype='int64')
label_length = Input(name='label_length', shape=[1], dtype='int64')
loss_out = Lambda(ctc_lambda_func, output_shape=(1,), name='ctc')([y_pred, labels, input_length, label_length])
sgd = SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True, clipnorm=5)
model = Model(inputs=[input_data, labels, input_length, label_length], outputs=loss_out)
# the loss calc occurs elsewhere, so use a dummy lambda func for the loss
model.compile(loss={'ctc': lambda y_true, y_pred: y_pred}, optimizer=sgd)
test_func = K.function([input_data], [y_pred])

assert model.output_shape == (None, 1)
batch, _ = img_gen.get_batch(32)
first = model.predict(batch).mean()
history = model.fit_generator(generator=img_gen.next_train(), steps_per_epoch=12, epochs=4, callbacks=[img_gen],
                              initial_epoch=0, verbose=0)
last = model.predict(batch).mean()
print(history.history['loss'], first, last)
assert img_gen.epochs == 4 and last < .6 * first, (first, last)


def decode_batch(test_func, word_batch):
    out = test_func([word_batch])[0]
    ret = []
    for j in range(out.shape[0]):
        out_best = list(np.argmax(out[j, 2:], 1))
        out_best = [k for k, g in itertools.groupby(out_best)]
        ret.append(''.join(alphabet[c] for c in out_best if c < len(alphabet)))
    return ret


decoded = decode_batch(test_func, batch['the_input'])
assert len(decoded) == 32 and all(set(text) <= set(alphabet) for text in decoded)
out = test_func([batch['the_input']])[0][:, 2:]
best = K.get_value(K.ctc_decode(out, input_length=np.ones(out.shape[0]) * out.shape[1], greedy=True)[0][0])
for text, found in zip(decoded, best):
    assert ''.join(alphabet[int(c)] for c in found if c >= 0) == text, (text, found)
