"""Recurrent layers and their cells."""

from layer_cases.case import FULL, PADDED, case

for kind in ("SimpleRNN", "LSTM", "GRU"):
    states = [(3, 5)] * (2 if kind == "LSTM" else 1)
    case(f"{kind}(5)", (3, 4, 2), tolerance=1e-4)
    case(f"{kind}(5, return_sequences=True, use_bias=False)", (3, 4, 2), tolerance=1e-4)
    case(f"{kind}(5, return_sequences=True, return_state=True)", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)
    case(f"{kind}(5, return_state=True)", (3, 4, 2), initial_state=states, mask=FULL, tolerance=1e-4)
    case(f"{kind}(5, go_backwards=True, return_sequences=True)", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)
    case(f"{kind}(5, go_backwards=True, return_state=True)", (3, 4, 2), tolerance=1e-4)
    case(f"{kind}(5, unroll=True, activation='relu')", (3, 4, 2), initial_state=states, tolerance=1e-4)
    like = f"{kind}(5, go_backwards=True)"
    case(f"{kind}(5, unroll=True, go_backwards=True)", (3, 4, 2), masks={0: PADDED}, like=like, tolerance=1e-4)
    case(f"{kind}(5, activation='softsign', dropout=0.5, recurrent_dropout=0.5)", (3, 4, 2), tolerance=1e-4)
    case(f"RNN({kind}Cell(5), return_sequences=True, return_state=True)", (3, 4, 2), tolerance=1e-4)
    case(f"{kind}Cell(5)", (3, 2), states if len(states) > 1 else states[0], tolerance=1e-4)
case("LSTM(5, recurrent_activation='hard_sigmoid', unit_forget_bias=False)", (3, 4, 2), tolerance=1e-4)
case("GRU(5, reset_after=False)", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)
case("GRU(5, reset_after=False, use_bias=False, return_sequences=True)", (3, 4, 2), tolerance=1e-4)
case("GRU(5, recurrent_activation='hard_sigmoid', activation='elu')", (3, 4, 2), tolerance=1e-4)
case("GRUCell(5, reset_after=False)", (3, 2), (3, 5), tolerance=1e-4)
case("RNN([LSTMCell(3), GRUCell(5)], return_sequences=True)", (3, 4, 2), tolerance=1e-4)
case("RNN([LSTMCell(3), SimpleRNNCell(5)], return_state=True)", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)
case("RNN([GRUCell(3), LSTMCell(5)], go_backwards=True, unroll=True)", (3, 4, 2), tolerance=1e-4)
case("RNN(GRUCell(5), return_sequences=True, zero_output_for_mask=True)", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)

for mode in ("concat", "sum", "mul", "ave", None):
    case(f"Bidirectional(LSTM(3, return_sequences=True), merge_mode={mode!r})", (3, 4, 2), tolerance=1e-4)
case("Bidirectional(GRU(3))", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)
case("Bidirectional(SimpleRNN(3, return_sequences=True))", (3, 4, 2), masks={0: PADDED}, tolerance=1e-4)
case("Bidirectional(LSTM(3, return_state=True))", (3, 4, 2), initial_state=[(3, 3)] * 4, tolerance=1e-4)
case("Bidirectional(GRU(3), backward_layer=SimpleRNN(3, go_backwards=True))", (3, 4, 2), tolerance=1e-4)

case("ConvLSTM1D(2, 3)", (3, 4, 5, 2), tolerance=1e-4)
case("ConvLSTM1D(2, 3, padding='same', return_sequences=True)", (3, 4, 5, 2), masks={0: PADDED}, tolerance=1e-4)
case(
    "ConvLSTM1D(2, 2, strides=2, data_format='channels_first', go_backwards=True, return_state=True)",
    (2, 3, 2, 5),
    tolerance=1e-4,
)
case("ConvLSTM2D(2, (2, 3), padding='same', return_sequences=True, return_state=True)", (2, 3, 4, 5, 2), tolerance=1e-4)
case(
    "ConvLSTM2D(2, 2, use_bias=False, activation='relu', recurrent_activation='hard_sigmoid', dropout=0.5)",
    (2, 3, 4, 4, 1),
    initial_state=[(2, 3, 3, 2)] * 2,
    tolerance=1e-4,
)
case("ConvLSTM2D(2, 2, dilation_rate=2, unit_forget_bias=False)", (3, 4, 4, 4, 1), masks={0: PADDED}, tolerance=1e-4)
case("ConvLSTM3D(2, 2)", (2, 3, 3, 2, 3, 1), tolerance=1e-4)
case("Bidirectional(ConvLSTM1D(2, 3, return_sequences=True))", (3, 4, 5, 2), masks={0: PADDED}, tolerance=1e-4)

case("TimeDistributed(BatchNormalization())", (3, 4, 5), training=True, masks={0: PADDED}, tolerance=5e-5)
case("TimeDistributed(LSTM(2))", (2, 3, 4, 2), tolerance=1e-4)
