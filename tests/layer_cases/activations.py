"""Activations as layers."""

from layer_cases.case import FULL, PADDED, case

case("Activation('tanh')", (2, 4))
case("Activation('gelu')", (3, 4, 2), masks={0: PADDED})
case("ReLU()", (2, 4))
case("ReLU(max_value=0.8, negative_slope=0.2, threshold=0.1)", (3, 4))
case("LeakyReLU()", (2, 4))
case("LeakyReLU(negative_slope=0.1)", (2, 4))
case("ELU()", (2, 4))
case("ELU(alpha=0.5)", (2, 4))
case("PReLU()", (2, 4, 3))
case("PReLU(shared_axes=[1])", (2, 4, 3))
case("PReLU(shared_axes=[1, 2])", (2, 4, 3, 2))
case("Softmax()", (2, 4))
case("Softmax(axis=1)", (2, 4, 3))
case("Softmax(axis=(1, 2))", (2, 4, 3))
case("Softmax()", (3, 4), mask=FULL)
case("Softmax()", (3, 4), mask=PADDED)
case("Softmax(axis=(0, 1))", (3, 4), mask=FULL.astype("int32"))
