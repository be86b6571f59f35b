"""Several inputs and outputs: losses, weights and data by name."""
import numpy as np
from keras.layers import Input, Embedding, LSTM, Dense, merge
from keras.models import Model

np.random.seed(0)
main_input = Input(shape=(10,), dtype='int32', name='main_input')
x = Embedding(output_dim=8, input_dim=50, input_length=10)(main_input)
lstm_out = LSTM(8)(x)
auxiliary_loss = Dense(1, activation='sigmoid', name='aux_output')(lstm_out)
auxiliary_input = Input(shape=(5,), name='aux_input')
x = merge([lstm_out, auxiliary_input], mode='concat')
x = Dense(16, activation='relu')(x)
main_loss = Dense(1, activation='sigmoid', name='main_output')(x)
model = Model(input=[main_input, auxiliary_input], output=[main_loss, auxiliary_loss])

headlines = np.random.randint(1, 50, (64, 10))
more = np.random.rand(64, 5)
labels = (more[:, 0] > .5).astype('int')

model.compile(optimizer='rmsprop', loss='binary_crossentropy', loss_weights=[1., 0.2])
history = model.fit([headlines, more], [labels, labels], nb_epoch=2, batch_size=32, verbose=0).history
assert list(history) == ['loss', 'main_output_loss', 'aux_output_loss']

model.compile(optimizer='rmsprop', metrics=['accuracy'],
              loss={'main_output': 'binary_crossentropy', 'aux_output': 'binary_crossentropy'},
              loss_weights={'main_output': 1., 'aux_output': 0.2})
history = model.fit({'main_input': headlines, 'aux_input': more}, {'main_output': labels, 'aux_output': labels},
                    nb_epoch=8, batch_size=16, verbose=0, validation_split=.25).history
assert 'val_main_output_acc' in history and len(history['aux_output_acc']) == 8
np.testing.assert_allclose(history['loss'][-1],
                           history['main_output_loss'][-1] + .2 * history['aux_output_loss'][-1], rtol=1e-4)
assert history['main_output_loss'][-1] < history['main_output_loss'][0]
main, aux = model.predict({'main_input': headlines, 'aux_input': more})
assert main.shape == aux.shape == (64, 1)


def batches():
    while True:
        yield ({'main_input': headlines[:16], 'aux_input': more[:16]},
               {'main_output': labels[:16], 'aux_output': labels[:16]})


model.fit_generator(batches(), samples_per_epoch=32, nb_epoch=1, verbose=0)
assert len(model.evaluate_generator(batches(), val_samples=32)) == 5
