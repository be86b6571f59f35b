'''Sequence to sequence with an encoder, a decoder, and models for inference that hand on their states.'''
from __future__ import print_function
from keras.models import Model
from keras.layers import Input, LSTM, Dense
import numpy as np

np.random.seed(7)
batch_size = 16
epochs = 25
latent_dim = 24
num_samples = 96

# The task: a word comes out backwards.
letters = 'abc'
input_texts, target_texts = [], []
for _ in range(num_samples):
    word = ''.join(np.random.choice(list(letters), 3))
    input_texts.append(word)
    target_texts.append('\t' + word[::-1] + '\n')
input_characters = sorted(set(''.join(input_texts)))
target_characters = sorted(set(''.join(target_texts)))
num_encoder_tokens = len(input_characters)
num_decoder_tokens = len(target_characters)
max_encoder_seq_length = max([len(txt) for txt in input_texts])
max_decoder_seq_length = max([len(txt) for txt in target_texts])
input_token_index = dict([(char, i) for i, char in enumerate(input_characters)])
target_token_index = dict([(char, i) for i, char in enumerate(target_characters)])

encoder_input_data = np.zeros((num_samples, max_encoder_seq_length, num_encoder_tokens), dtype='float32')
decoder_input_data = np.zeros((num_samples, max_decoder_seq_length, num_decoder_tokens), dtype='float32')
decoder_target_data = np.zeros((num_samples, max_decoder_seq_length, num_decoder_tokens), dtype='float32')
for i, (input_text, target_text) in enumerate(zip(input_texts, target_texts)):
    for t, char in enumerate(input_text):
        encoder_input_data[i, t, input_token_index[char]] = 1.
    for t, char in enumerate(target_text):
        decoder_input_data[i, t, target_token_index[char]] = 1.
        if t > 0:
            decoder_target_data[i, t - 1, target_token_index[char]] = 1.

encoder_inputs = Input(shape=(None, num_encoder_tokens))
encoder = LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]

decoder_inputs = Input(shape=(None, num_decoder_tokens))
decoder_lstm = LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(num_decoder_tokens, activation='softmax')
decoder_outputs = decoder_dense(decoder_outputs)
model = Model([encoder_inputs, decoder_inputs], decoder_outputs)

model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
model.optimizer.lr = .02
history = model.fit([encoder_input_data, decoder_input_data], decoder_target_data, batch_size=batch_size,
                    epochs=epochs, validation_split=0.2, verbose=0)
model.save('s2s.h5')

# inference
encoder_model = Model(encoder_inputs, encoder_states)
decoder_state_input_h = Input(shape=(latent_dim,))
decoder_state_input_c = Input(shape=(latent_dim,))
decoder_states_inputs = [decoder_state_input_h, decoder_state_input_c]
decoder_outputs, state_h, state_c = decoder_lstm(decoder_inputs, initial_state=decoder_states_inputs)
decoder_states = [state_h, state_c]
decoder_outputs = decoder_dense(decoder_outputs)
decoder_model = Model([decoder_inputs] + decoder_states_inputs, [decoder_outputs] + decoder_states)
reverse_target_char_index = dict((i, char) for char, i in target_token_index.items())


def decode_sequence(input_seq):
    states_value = encoder_model.predict(input_seq)
    target_seq = np.zeros((1, 1, num_decoder_tokens))
    target_seq[0, 0, target_token_index['\t']] = 1.
    decoded_sentence = ''
    while True:
        output_tokens, h, c = decoder_model.predict([target_seq] + states_value)
        sampled_token_index = np.argmax(output_tokens[0, -1, :])
        sampled_char = reverse_target_char_index[sampled_token_index]
        decoded_sentence += sampled_char
        if sampled_char == '\n' or len(decoded_sentence) > max_decoder_seq_length:
            return decoded_sentence
        target_seq = np.zeros((1, 1, num_decoder_tokens))
        target_seq[0, 0, sampled_token_index] = 1.
        states_value = [h, c]


right = 0
for seq_index in range(10):
    decoded = decode_sequence(encoder_input_data[seq_index: seq_index + 1])
    print(input_texts[seq_index], '->', decoded.strip())
    right += decoded.strip() == input_texts[seq_index][::-1]
assert history.history['val_loss'][-1] < .7 * history.history['val_loss'][0]
assert right >= 6, right

# The model that was written and read again is taken apart as the documentation of the time does it.
from keras.models import load_model
restored = load_model('s2s.h5')
np.testing.assert_allclose(restored.predict([encoder_input_data, decoder_input_data]),
                           model.predict([encoder_input_data, decoder_input_data]), rtol=1e-4, atol=1e-5)
encoder_inputs = restored.input[0]
encoder_outputs, state_h_enc, state_c_enc = restored.layers[2].output
taken = Model(encoder_inputs, [state_h_enc, state_c_enc]).predict(encoder_input_data[:4])
np.testing.assert_allclose(taken[0], encoder_model.predict(encoder_input_data[:4])[0], rtol=1e-4, atol=1e-5)
