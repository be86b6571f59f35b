'''The next picture of a film: convolutional LSTMs and a convolution over time, with the channels first.'''
import numpy as np
from keras.models import Sequential
from keras.layers.convolutional import Convolution3D
from keras.layers.convolutional_recurrent import ConvLSTM2D
from keras.layers.normalization import BatchNormalization

np.random.seed(6)
seq = Sequential()
seq.add(ConvLSTM2D(nb_filter=4, nb_row=3, nb_col=3, input_shape=(None, 8, 8, 1), border_mode='same', return_sequences=True))
seq.add(BatchNormalization())
seq.add(ConvLSTM2D(nb_filter=4, nb_row=3, nb_col=3, border_mode='same', return_sequences=True))
seq.add(BatchNormalization())
seq.add(Convolution3D(nb_filter=1, kernel_dim1=1, kernel_dim2=3, kernel_dim3=3, activation='sigmoid',
                      border_mode='same', dim_ordering='tf'))
seq.compile(loss='binary_crossentropy', optimizer='adadelta')
assert seq.output_shape == (None, None, 8, 8, 1)

films = np.zeros((16, 6, 8, 8, 1), 'float32')
for film in films:
    row, column = np.random.randint(0, 2, 2)
    for t in range(6):
        film[t, row + t // 2:row + t // 2 + 2, column + t // 2:column + t // 2 + 2] = 1.
history = seq.fit(films[:, :-1], films[:, 1:], batch_size=8, nb_epoch=5, validation_split=0.25, verbose=0)
assert history.history['loss'][-1] < history.history['loss'][0]
track = films[0, :3]
for _ in range(2):
    new_pos = seq.predict(track[np.newaxis, ::, ::, ::, ::])
    track = np.concatenate((track, new_pos[::, -1, ::, ::, ::]), axis=0)
assert track.shape == (5, 8, 8, 1)
assert [w.shape for w in seq.layers[0].get_weights()] == [(3, 3, 1, 4), (3, 3, 4, 4), (4,)] * 4
