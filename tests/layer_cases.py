"""One line for each configuration of a layer compared with Keras, and the process that computes what Keras gives.

A case is the layer, written as in a program, and what it is called on: a tuple is the shape of random floats, a list
holds several inputs, ``ints`` are random integers. ``masks`` names the mask of an input by its place, ``like`` a layer
that computes the same where Keras cannot run this one on the engine used here.
Run as a program, this file computes all cases with Keras on an engine that differentiates, and writes what it found.
"""

import json
import os
import sys
import types

import numpy as np


class ints:
    """Random integers below ``high``, the first of each row 0 so that masks of zeros have something to find."""

    def __init__(self, high, *shape):
        self.high, self.shape = high, shape


class Case:
    """A layer, the inputs of its call, and the random values that both sides compute with."""

    def __init__(self, layer, *inputs, masks=None, tolerance=1e-5, like=None, gradients=True, **kwargs):
        self.layer, self.inputs, self.kwargs, self.tolerance = layer, list(inputs), kwargs, tolerance
        self.like, self.gradients = like or layer, gradients
        self.masks = masks or {}
        call = ", ".join(f"{name}={'...' if isinstance(v, np.ndarray) else v}" for name, v in kwargs.items())
        self.id = layer + ("" if not call else f"({call})") + ("+mask" if masks else "")

    def make(self, namespace, like=False):
        """The layer, with the names that ``namespace`` (a module of layers) has; or the one it shall be like."""
        return eval(self.like if like else self.layer, dict(vars(namespace)))

    def arguments(self):
        """(positional, keyword) arguments of the call, as arrays."""
        rng = np.random.default_rng(7)

        def fill(spec):
            if isinstance(spec, list):
                return [fill(item) for item in spec]
            if isinstance(spec, tuple):
                return rng.normal(size=spec).astype("float32")
            if isinstance(spec, ints):
                found = rng.integers(0, spec.high, spec.shape).astype("int32")
                found[:, 0] = 0
                return found
            return spec

        return fill(self.inputs), {name: fill(value) for name, value in self.kwargs.items()}

    def weights(self, variables):
        """A value for each variable, none of them at a special point."""
        rng = np.random.default_rng(11)
        values = [rng.normal(size=tuple(v.shape)).astype("float32") * 0.5 for v in variables]
        return [np.abs(x) + 0.5 if "variance" in v.name else x for v, x in zip(variables, values)]


def average_where_same(rank, size, stride):
    """A Keras layer for average pooling with padding "same" that counts no padding; Keras on torch repeats the edge."""
    import keras

    def pool(x):
        lengths = x.shape[1 : rank + 1]
        total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(lengths, size, stride)]
        pads = [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)]

        def sums(y):
            return keras.ops.average_pool(keras.ops.pad(y, pads), size, stride, "valid", "channels_last")

        return sums(x) / sums(keras.ops.ones_like(x))

    return keras.layers.Lambda(pool)


def leaves(tree):
    """The arrays in a structure of lists, tuples and dicts, in order."""
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in leaves(item)]
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    return [tree] if hasattr(tree, "shape") else []


def refill(tree, values):
    """``tree`` with its arrays replaced, in order, by the next of the iterator ``values``."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(refill(item, values) for item in tree)
    if isinstance(tree, dict):
        return {name: refill(item, values) for name, item in tree.items()}
    return next(values) if hasattr(tree, "shape") else tree


def coefficients(shape):
    """Factors that make one number of an output, different at each place."""
    return np.cos(np.arange(int(np.prod(shape)), dtype="float32") * 0.7 + 0.3).reshape(shape)


def open_shapes(inputs, axes):
    """The shapes of ``inputs`` with None for ``axes`` where they have them."""
    if isinstance(inputs, list):
        return [open_shapes(item, axes) for item in inputs]
    return tuple(None if i in axes else dim for i, dim in enumerate(inputs.shape))


PADDED = np.array([[True, True, True, False], [False, False, True, True], [False] * 4])
FULL = np.array([[True, True, False, True], [True, False, False, False], [False, True, True, True]])
SEEN = np.random.default_rng(3).random((3, 4, 5)) > 0.4
SEEN[:, :, 0] = True

ROWS = np.tril(np.ones((2, 3, 4, 4), bool))

CASES = []


def case(*args, **kwargs):
    CASES.append(Case(*args, **kwargs))


case("Dense(3)", (2, 4))
case("Dense(3, activation='tanh', use_bias=False)", (2, 4))
case("Dense(3, activation='relu')", (2, 5, 4), masks={0: np.ones((2, 5), bool)})
case("Dense(2, activation='softmax', kernel_regularizer='l2', bias_constraint='non_neg')", (2, 3, 2, 4))

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

case("Dropout(0.5)", (2, 4))
case("Dropout(0.0)", (2, 4), training=True)
case("Flatten()", (2, 3, 4))
case("Flatten()", (3,))
case("Flatten(data_format='channels_first')", (2, 3, 4, 2))
case("Reshape((2, 6))", (2, 3, 4))
case("Reshape((-1, 2))", (2, 3, 4))
case("Reshape((-1,))", (2, 3, 4))
case("Permute((2, 1))", (2, 3, 4))
case("Permute((3, 1, 2))", (2, 3, 4, 2))
case("RepeatVector(3)", (2, 4))

case("Conv1D(3, 2)", (2, 6, 4))
case("Conv1D(3, 3, strides=2, padding='same', activation='relu')", (2, 7, 4))
case("Conv1D(3, 3, padding='causal', dilation_rate=2)", (2, 7, 4))
case("Conv1D(3, 3, padding='causal', strides=2)", (2, 8, 4))
case("Conv1D(4, 3, groups=2, use_bias=False)", (2, 6, 4))
case("Conv1D(3, 2, data_format='channels_first', padding='same')", (2, 4, 6))
case("Conv2D(3, 2)", (2, 5, 4, 2))
case("Conv2D(3, (3, 2), strides=(2, 1), padding='same')", (2, 6, 5, 2))
case("Conv2D(3, 3, strides=2, padding='same', use_bias=False)", (2, 5, 6, 2))
case("Conv2D(3, 2, dilation_rate=(2, 1), activation='tanh')", (2, 5, 5, 2))
case("Conv2D(4, 2, groups=2, padding='same')", (2, 4, 5, 4))
case("Conv2D(3, 2, data_format='channels_first')", (2, 2, 5, 4))
case("Conv2D(3, 3, strides=2, padding='same', data_format='channels_first')", (2, 2, 5, 4))

case("MaxPooling1D()", (2, 6, 3))
case("MaxPooling1D(3, strides=2, padding='same')", (2, 6, 3))
case("MaxPooling1D(2, data_format='channels_first')", (2, 3, 6))
case("MaxPooling2D()", (2, 4, 5, 2))
case("MaxPooling2D((3, 2), strides=1, padding='same')", (2, 4, 5, 2))
case("MaxPooling2D(2, data_format='channels_first', padding='same')", (2, 2, 5, 4))
case("AveragePooling1D(2)", (2, 6, 3))
case("AveragePooling1D(3, strides=2, padding='same')", (2, 6, 3), like="average_where_same(1, (3,), (2,))")
case("AveragePooling2D((2, 2))", (2, 4, 5, 2))
case("AveragePooling2D((3, 2), strides=1, padding='same')", (2, 4, 5, 2), like="average_where_same(2, (3, 2), (1, 1))")
case("AveragePooling2D(2, data_format='channels_first', padding='same')", (2, 2, 5, 4))
case("GlobalMaxPooling1D()", (2, 4, 3))
case("GlobalMaxPooling1D(data_format='channels_first', keepdims=True)", (2, 4, 3))
case("GlobalMaxPooling2D(keepdims=True)", (2, 4, 3, 2))
case("GlobalMaxPooling2D(data_format='channels_first')", (2, 4, 3, 2))
case("GlobalAveragePooling1D()", (2, 4, 3))
case("GlobalAveragePooling1D(keepdims=True)", (3, 4, 2), masks={0: FULL})
case("GlobalAveragePooling1D(data_format='channels_first')", (3, 2, 4), mask=FULL)
case("GlobalAveragePooling2D()", (2, 4, 3, 2))
case("GlobalAveragePooling2D(data_format='channels_first', keepdims=True)", (2, 4, 3, 2))

case("BatchNormalization()", (4, 3))
case("BatchNormalization(momentum=0.9, epsilon=1e-2)", (4, 3), training=True, tolerance=5e-5)
case("BatchNormalization(axis=1, scale=False)", (4, 3, 2), training=True, tolerance=5e-5)
case("BatchNormalization(axis=1, center=False)", (2, 3, 4, 2))
case("BatchNormalization(momentum=0.8)", (3, 4, 2), training=True, masks={0: PADDED}, tolerance=5e-5)
case("BatchNormalization(renorm=True)", (4, 3), tolerance=5e-5)
case("BatchNormalization(renorm=True, momentum=0.8)", (4, 3), training=True, tolerance=5e-5)
case(
    "BatchNormalization(renorm=True, renorm_clipping=dict(rmin=0.9, rmax=1.1, dmax=0.2), center=False, scale=False)",
    (4, 2, 3),
    training=True,
    tolerance=5e-5,
)
case("BatchNormalization(trainable=False)", (4, 3), training=True)
case("LayerNormalization()", (2, 5), tolerance=5e-5)
case(
    "LayerNormalization(axis=1, epsilon=1e-2)",
    (2, 5, 3),
    like="Sequential([Permute((2, 1)), LayerNormalization(epsilon=1e-2), Permute((2, 1))])",
    tolerance=5e-5,
)
case("LayerNormalization(axis=[1, 2], scale=False)", (2, 3, 4), tolerance=5e-5)
case("LayerNormalization(axis=(-2, -1))", (2, 3, 4), tolerance=5e-5)
case("LayerNormalization(center=False)", (3, 4, 3), masks={0: PADDED}, tolerance=5e-5)

case("Embedding(7, 3)", ints(7, 2, 4))
case("Embedding(7, 3, mask_zero=True)", ints(7, 3, 4))
case("Masking()", (2, 4, 3))
case("Masking(mask_value=0.5)", np.array([[[0.5, 0.5], [1.0, 0.5]], [[0.0, 0.0], [0.5, 0.5]]], "float32"))
case("Identity()", (3, 4), masks={0: np.array([True, False, True])})
case("Lambda(lambda x: x * 2.0 + 1.0)", (2, 4))

case("Add()", [(2, 3), (2, 3), (2, 3)])
case("Add()", [(2, 3, 4), (2, 4)])
case("Add()", [(3, 4, 2), (3, 4, 2)], masks={0: PADDED, 1: FULL})
case("Add()", [(3, 4, 2), (3, 4, 2)], masks={0: PADDED})
case("Subtract()", [(2, 3), (2, 3)])
case("Multiply()", [(2, 3), (2, 3), (2, 3)])
case("Multiply()", [(2, 3, 4), (2, 3, 1)])
case("Average()", [(2, 3), (2, 3), (2, 3)])
case("Maximum()", [(2, 3), (2, 3), (2, 3)])
case("Minimum()", [(2, 3), (2, 3)])
case("Concatenate()", [(2, 3), (2, 4)])
case("Concatenate(axis=1)", [(2, 3, 4), (2, 2, 4), (2, 1, 4)])
case("Concatenate()", [(3, 4, 2), (3, 4, 1)], masks={0: PADDED, 1: FULL})
case("Concatenate(axis=1)", [(3, 4, 2), (3, 4, 2)], masks={0: PADDED})
case("Dot(1)", [(2, 3), (2, 3)])
case("Dot((2, 1))", [(2, 3, 4), (2, 4, 5)])
case("Dot(-1, normalize=True)", [(2, 3, 4), (2, 5, 4)])

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

case("TimeDistributed(Dense(3))", (2, 4, 5))
case("TimeDistributed(Dense(3))", (3, 4, 5), masks={0: PADDED})
case("TimeDistributed(Conv2D(2, 2))", (2, 3, 4, 4, 1))

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


def reference(case):
    """What Keras gives for a case, as a dict of arrays, and facts about it as a dict of plain data."""
    import keras
    import torch

    keras.utils.set_random_seed(1)
    layers = types.SimpleNamespace(
        **vars(keras.layers), Sequential=keras.Sequential, average_where_same=average_where_same
    )
    layer = case.make(layers, like=True)
    args, kwargs = case.arguments()
    arrays = leaves([args, kwargs])
    tensors = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]

    def run():
        values = iter(tensors)
        fresh = [x * 1.0 if x.requires_grad else x for x in tensors]
        for place, mask in case.masks.items():
            fresh[place]._keras_mask = torch.tensor(mask)
        values = iter(fresh)
        return layer(*refill(args, values), **refill(kwargs, values))

    run()
    weights = case.weights(layer.weights)
    layer.set_weights(weights)
    outputs = leaves([run()])
    masks = [getattr(y, "_keras_mask", None) for y in outputs]
    total = sum((y * torch.tensor(coefficients(y.shape))).sum() for y in outputs)
    watched = [x for x in tensors if x.requires_grad] + [v.value for v in layer.trainable_variables]
    if total.requires_grad:
        gradients = torch.autograd.grad(total, watched, allow_unused=True)
    else:
        gradients = [None] * len(watched)
    found = {f"weight{i}": x for i, x in enumerate(weights)}
    found |= {f"output{i}": y.detach().numpy() for i, y in enumerate(outputs)}
    found |= {f"mask{i}": m.numpy() for i, m in enumerate(masks) if m is not None}
    found |= {
        f"gradient{i}": np.zeros(tuple(x.shape), "float32") if g is None else g.numpy()
        for i, (g, x) in enumerate(zip(gradients, watched))
    }
    found |= {f"after{i}": v.numpy() for i, v in enumerate(layer.non_trainable_weights)}
    facts = {"names": [v.name for v in layer.weights], "shapes": {}}
    for axes in ((0,), (0, 1)):
        try:
            symbols = [_symbols(x, axes, keras) for x in args]
            result = layer(*symbols, **{k: v for k, v in kwargs.items() if not leaves([v])})
            facts["shapes"][str(axes)] = [list(y.shape) for y in leaves([result])]
        except Exception as error:
            facts["shapes"][str(axes)] = str(error)
    if "Lambda" not in case.layer:
        facts["config"] = keras.saving.serialize_keras_object(case.make(layers) if case.like != case.layer else layer)
    return found, facts


def _symbols(x, axes, keras):
    if isinstance(x, list):
        return [_symbols(item, axes, keras) for item in x]
    return keras.KerasTensor(open_shapes(x, axes), str(x.dtype))


def main(path):
    """Compute every case; an error of Keras is noted in its place."""
    import torch

    torch.set_num_threads(1)
    arrays, facts = {}, []
    for number, one in enumerate(CASES):
        try:
            found, known = reference(one)
        except Exception as error:
            found, known = {}, {"error": f"{type(error).__name__}: {error}"}
        arrays |= {f"{number}/{name}": value for name, value in found.items()}
        facts.append(known)
    np.savez(path, facts=json.dumps(facts), **arrays)


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "torch"
    main(sys.argv[1])
