"""Attention."""

from layer_cases.case import FULL, PADDED, ROWS, SEEN, case

case("MultiHeadAttention(2, 3)", (3, 4, 6), (3, 5, 6), tolerance=3e-5)
case("MultiHeadAttention(2, 3, value_dim=4, use_bias=False)", (3, 4, 6), (3, 5, 4), (3, 5, 3), tolerance=3e-5)
case("MultiHeadAttention(2, 3, output_shape=5)", (3, 4, 6), (3, 4, 6), use_causal_mask=True, tolerance=3e-5)
case("MultiHeadAttention(2, 3, output_shape=(2, 3))", (3, 4, 6), (3, 4, 6), tolerance=3e-5)
case("MultiHeadAttention(2, 3)", (3, 4, 6), (3, 5, 6), attention_mask=SEEN, tolerance=3e-5)
case("MultiHeadAttention(2, 3)", (3, 4, 6), (3, 4, 6), masks={1: FULL}, tolerance=3e-5)
case("MultiHeadAttention(2, 3)", (3, 4, 6), (3, 4, 6), masks={0: FULL, 1: FULL}, gradients=False, tolerance=3e-5)
case("MultiHeadAttention(2, 3)", (3, 4, 6), (3, 5, 6), return_attention_scores=True, tolerance=3e-5)
case(
    "MultiHeadAttention(2, 3)",
    (3, 4, 6),
    (3, 4, 6),
    use_causal_mask=True,
    return_attention_scores=True,
    masks={0: FULL, 1: FULL},
    gradients=False,
    tolerance=3e-5,
)
case("MultiHeadAttention(2, 3, attention_axes=2)", (2, 3, 4, 5), (2, 3, 4, 5), tolerance=3e-5)
case("MultiHeadAttention(2, 3, attention_axes=(1, 2))", (2, 3, 4, 5), (2, 2, 3, 5), tolerance=3e-5)
case("MultiHeadAttention(2, 3, attention_axes=2)", (2, 3, 4, 5), (2, 3, 4, 5), attention_mask=ROWS, tolerance=3e-5)
case("MultiHeadAttention(2, 3, value_dim=4, use_gate=True)", (3, 4, 6), (3, 5, 6), tolerance=3e-5)
case("MultiHeadAttention(2, 3, sliding_window=2)", (3, 5, 6), (3, 5, 6), tolerance=3e-5)
case("MultiHeadAttention(2, 3, sliding_window=2)", (3, 5, 6), (3, 5, 6), use_causal_mask=True, tolerance=3e-5)
case("MultiHeadAttention(2, 3, dropout=0.5)", (3, 4, 6), (3, 5, 6), tolerance=3e-5)
case("MultiHeadAttention(2, 3)", (3, 2, 6), (3, 4, 6), use_causal_mask=True, tolerance=3e-5)
case("MultiHeadAttention(2, 3)", (3, 4, 6), (3, 4, 6), masks={1: PADDED}, gradients=False, tolerance=3e-5)
case("MultiHeadAttention(2, 3, attention_axes=-2)", (2, 3, 4, 5), (2, 3, 4, 5), tolerance=3e-5)
case(
    "MultiHeadAttention(2, 3)",
    (3, 4, 6),
    (3, 4, 6),
    (3, 4, 5),
    return_attention_scores=True,
    masks={0: PADDED, 2: FULL},
    tolerance=3e-5,
)
case(
    "MultiHeadAttention(2, 3)",
    (3, 4, 6),
    (3, 5, 6),
    attention_mask=SEEN[0],
    masks={0: FULL},
    gradients=False,
    tolerance=3e-5,
)

case("GroupQueryAttention(3, 4, 2)", (3, 4, 6), (3, 5, 6), tolerance=3e-5)
case("GroupQueryAttention(3, 4, 1, use_bias=False)", (3, 4, 6), (3, 5, 6), (3, 5, 4), tolerance=3e-5)
case(
    "GroupQueryAttention(3, 2, 2)",
    (3, 4, 6),
    (3, 4, 6),
    use_causal_mask=True,
    masks={1: PADDED},
    gradients=False,
    tolerance=3e-5,
)
case("GroupQueryAttention(3, 4, 2, use_gate=True, sliding_window=2)", (3, 4, 6), (3, 5, 6), tolerance=3e-5)
case(
    "GroupQueryAttention(3, 4, 2, dropout=0.5)",
    (3, 4, 6),
    (3, 4, 6),
    return_attention_scores=True,
    masks={0: PADDED, 1: FULL},
    tolerance=3e-5,
)

for layer in ("Attention", "AdditiveAttention"):
    case(f"{layer}()", [(3, 4, 2), (3, 5, 2)], tolerance=3e-5)
    case(f"{layer}(use_scale={layer == 'Attention'})", [(3, 4, 2), (3, 5, 3), (3, 5, 2)], tolerance=3e-5)
    case(f"{layer}(dropout=0.5)", [(3, 4, 2), (3, 4, 2)], masks={0: FULL, 1: PADDED}, tolerance=3e-5)
    case(f"{layer}()", [(3, 4, 2), (3, 5, 2)], use_causal_mask=True, return_attention_scores=True, tolerance=3e-5)
    case(f"{layer}()", [(3, 4, 2), (3, 4, 2)], use_causal_mask=True, masks={0: PADDED, 1: PADDED}, tolerance=3e-5)
case("Attention(score_mode='concat', use_scale=True)", [(3, 4, 2), (3, 5, 2)], tolerance=3e-5)
case("Attention(score_mode='concat')", [(3, 4, 2), (3, 4, 2)], masks={1: PADDED}, tolerance=3e-5)
