"""Arrays in files of Keras 1, Keras 2 and tf.keras, as the variables of today's layers hold them.

Such files keep a list of arrays for each layer of a model, that of a model inside it as one list. How they are laid
out depends on who wrote them: see ``Origin``.
"""

from typing import NamedTuple

import numpy as np

from kbridge import layers
from kbridge.models import Model
from kbridge.saving.state import kind
from kbridge.saving.tables import lookup_in

_CONVOLUTIONS = tuple(
    getattr(layers, name)
    for name in ("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_CONV_RECURRENT = (layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D)
_GATES = {layers.LSTM: 12, layers.GRU: 9, layers.ConvLSTM2D: 12}  # the arrays that Keras 1 kept for one layer


class Origin(NamedTuple):
    """Who wrote a file: the generation of Keras, and whether its convolutions turn the kernel round (Theano's do)."""

    era: int
    flipped: bool


class MisfitError(ValueError):
    """Arrays that cannot be the weights of a layer."""


def weights_of(layer):
    """The variables of a layer in the order in which such files keep them."""
    trained = layer.trainable_weights
    apart = {id(v) for v in trained}
    return [*trained, *(v for v in layer.weights if id(v) not in apart)]


class Learned:
    """A lookup and the vocabulary that it takes from a file: ``tokens``, and their ``weights`` for "tf_idf"."""

    def __init__(self, lookup, tokens, weights):
        self.lookup, self.tokens, self.weights = lookup, tokens, weights

    def set(self):
        """Give it to the layer."""
        special = self.lookup._special_tokens()
        tokens = [self.lookup._token(token) for token in self.tokens]
        self.lookup._set(tokens[len(special) :] if special and tokens[: len(special)] == special else tokens, None)
        if self.weights is not None:
            self.lookup.idf_weights = np.array(self.weights, "float32")


class Summary:
    """What a Discretization has seen of data, in place of a variable."""

    dtype = "float32"

    def __init__(self, layer):
        self.layer = layer

    def take(self, array):
        """What has been seen becomes this."""
        self.layer.load_summary(array)


class Weights(Summary):
    """The weights of a lookup's tokens, likewise."""

    def take(self, array):
        """The weights become these."""
        self.layer.idf_weights = array


def has_state(layer):
    """Whether files of tf.keras keep something for ``layer``: variables, or what it has learned of data."""
    if weights_of(layer):
        return True
    if isinstance(layer, layers.Discretization):
        return layer.num_bins is not None
    lookup = lookup_in(layer)
    return lookup is not None and (lookup._given[0] is None or lookup.output_mode == "tf_idf")


def variable_of_file(variable, array):
    """``array`` as ``variable`` holds it, where a layer keeps it in files in other forms too."""
    form = getattr(variable, "old_form", None)
    other = form is not None and array.shape != variable.shape and form.takes(array.shape)
    return form.read(array) if other else array


def one_by_one(layers):
    """``layers``, but those of the branches in place of a layer that joins them, as files keep their weights."""
    found = {}
    for layer in layers:
        branches = getattr(layer, "branches_in_files", None)
        for one in [layer] if branches is None else one_by_one(branches):
            found.setdefault(id(one), one)
    return list(found.values())


def fitted(layer, arrays, origin, names=()):
    """Pairs (variable, array) for ``layer``, from the arrays that a file has for it, whose names are ``names``."""
    arrays = list(arrays)
    if isinstance(layer, layers.Bidirectional):
        half = len(arrays) // 2
        first, second = names[:half], names[half:]
        return fitted(layer.forward_layer, arrays[:half], origin, first) + fitted(
            layer.backward_layer, arrays[half:], origin, second
        )
    if isinstance(layer, layers.TimeDistributed):
        return fitted(layer.layer, arrays, origin, names)
    if isinstance(layer, Model):
        return _of_model(layer, arrays, origin, list(names))
    if isinstance(layer, layers.Discretization) and [a.shape[:1] for a in arrays] == [(2,)] and arrays[0].ndim == 2:
        return [(Summary(layer), arrays[0])]
    lookup = lookup_in(layer)
    if lookup is not None and lookup.output_mode == "tf_idf" and arrays:
        expected = np.shape(lookup.idf_weights)
        if lookup.idf_weights is None or arrays[0].shape != expected:
            raise MisfitError(f"{_what(layer)} has weights of shape {expected}, and the file {arrays[0].shape}.")
        return [(Weights(lookup), arrays[0])]
    variables = weights_of(layer)
    arrays = _converted(layer, arrays, origin, variables)
    if len(arrays) == len(variables):
        arrays = [variable_of_file(*pair) for pair in zip(variables, arrays)]
    return paired(_what(layer), variables, arrays)


def paired(what, variables, arrays):
    """Pairs (variable, array), if shapes and kinds of dtypes are the same."""
    if len(arrays) != len(variables):
        raise MisfitError(f"{what} has {len(variables)} variables, and the file {len(arrays)} for it.")
    for variable, array in zip(variables, arrays):
        if tuple(array.shape) != tuple(variable.shape):
            raise MisfitError(
                f"{what} has the variable {variable.name!r} of shape {tuple(variable.shape)}, and the file "
                f"{tuple(array.shape)}."
            )
        if kind(array.dtype.name) != kind(variable.dtype):
            raise MisfitError(
                f"{what} has the variable {variable.name!r} of dtype {variable.dtype}, and the file {array.dtype}."
            )
    return list(zip(variables, arrays))


def _what(layer):
    return f"{type(layer).__name__} '{layer.name}'"


# -- a model within a model: one list, the trainable variables of all its layers first, or layer by layer


def _of_model(model, arrays, origin, names):
    own = list(model._own_variables())
    inner = [layer for layer in model.layers if weights_of(layer)]
    for count in (_count, _count_of_keras_1):
        if sum(sum(count(layer)) for layer in inner) + len(own) == len(arrays):
            break
    else:
        total = len(weights_of(model))
        raise MisfitError(f"{_what(model)} has {total} variables, and the file {len(arrays)} for it.")
    counts = [count(layer) for layer in inner]
    apart = _order(counts, trainable_first=True)
    whole = _order(counts, trainable_first=False)
    orders = [apart, whole] if origin.era > 1 else [whole, apart]
    if len(names) == len(arrays):  # names tell, where the file has them
        orders.sort(key=lambda order: -_agreement(model, inner, order, names))
    failed = None
    for order in orders:
        try:
            found = []
            for layer, places in zip(inner, order):
                here = [names[place] for place in places] if names else []
                found += fitted(layer, [arrays[place] for place in places], origin, here)
            return found + paired(_what(model), own, arrays[len(arrays) - len(own) :])
        except MisfitError as error:
            failed = failed or error
    raise failed


def _count(layer):
    return len(layer.trainable_weights), len(layer.non_trainable_weights)


def _count_of_keras_1(layer):
    if isinstance(layer, layers.Bidirectional):
        trainable, frozen = _count_of_keras_1(layer.forward_layer)
        return 2 * trainable, 2 * frozen
    if isinstance(layer, layers.TimeDistributed):
        return _count_of_keras_1(layer.layer)
    many = next((count for cls, count in _GATES.items() if isinstance(layer, cls)), None)
    if many is None:
        return _count(layer)
    return (many, 0) if layer.trainable_weights else (0, many)


def _order(counts, trainable_first):
    """For each layer the places of its arrays in the list."""
    found = [[] for _ in counts]
    place = 0
    rounds = ((0,), (1,)) if trainable_first else ((0, 1),)
    for parts in rounds:
        for number, count in enumerate(counts):
            length = sum(count[part] for part in parts)
            found[number] += range(place, place + length)
            place += length
    return found


def _agreement(model, inner, order, names):
    """How many names in the file end as the variables do that would take their arrays."""
    total = 0
    for layer, places in zip(inner, order):
        for variable, place in zip(weights_of(layer), places):
            total += names[place].split("/")[-1].split(":")[0] == variable.path.split("/")[-1]
    return total


# -- a single layer


def _converted(layer, arrays, origin, variables):
    if origin.era == 1:
        arrays = _of_keras_1(layer, arrays)
    if not arrays:
        return arrays
    if origin.flipped and isinstance(layer, (*_CONVOLUTIONS, *_CONV_RECURRENT, *_SEPARABLE)):
        arrays = _turned_round(layer, arrays)
    if isinstance(layer, (layers.LSTM, layers.GRU)) and len(arrays) == 3:
        arrays = _from_cudnn(layer, arrays)
    if isinstance(layer, layers.Normalization) and len(arrays) == 3 and len(variables) == 2:
        arrays = arrays[:2]  # the third counts the samples seen
    return arrays


def _turned_round(layer, arrays):
    if isinstance(layer, _SEPARABLE):
        count = 1
    else:
        count = 2 if isinstance(layer, _CONV_RECURRENT) else 1
    return [np.flip(a, tuple(range(a.ndim - 2))) if i < count and a.ndim > 2 else a for i, a in enumerate(arrays)]


def _of_keras_1(layer, arrays):
    """Arrays of one layer in the forms of Keras 2."""
    many = next((count for cls, count in _GATES.items() if isinstance(layer, cls)), None)
    first = getattr(layer, "data_format", None) == "channels_first"
    if many == len(arrays):
        gates = (0, 6, 3, 9) if many == 12 else (0, 3, 6)  # i c f o stood apart
        axis = 0 if isinstance(layer, layers.ConvLSTM2D) and first else -1
        arrays = [
            np.concatenate([arrays[gate + part] for gate in gates], axis if part < 2 else -1) for part in range(3)
        ]
    if not arrays:
        return arrays
    kernel = arrays[0]
    if isinstance(layer, layers.Conv1D) and kernel.ndim == 4:
        size, filters = layer.kernel_size[0], layer.filters
        if kernel.shape[:2] != (size, 1) or kernel.shape[3] != filters:  # before Keras 1.2
            kernel = kernel.transpose(2, 3, 1, 0)
        kernel = kernel[:, 0]
    elif isinstance(layer, layers.Conv2DTranspose):
        kernel = kernel.transpose((2, 3, 0, 1) if first else (0, 1, 3, 2))
    elif isinstance(layer, (layers.Conv2D, layers.SeparableConv2D)) and first:
        kernel = kernel.transpose(2, 3, 1, 0)
    elif isinstance(layer, layers.Conv3D) and first:
        kernel = kernel.transpose(2, 3, 4, 1, 0)
    elif isinstance(layer, layers.ConvLSTM2D) and first:
        kernel = kernel.transpose(2, 3, 1, 0)
        arrays = [kernel, arrays[1].transpose(2, 3, 1, 0), *arrays[2:]]
    if isinstance(layer, layers.SeparableConv2D) and first:
        arrays = [kernel, arrays[1].transpose(2, 3, 1, 0), *arrays[2:]]
    return [kernel, *arrays[1:]]


def _from_cudnn(layer, arrays):
    """Arrays of CuDNNLSTM and CuDNNGRU, known by their biases, in the forms of LSTM and GRU."""
    kernel, recurrent, bias = arrays
    gates = 4 if isinstance(layer, layers.LSTM) else 3
    units = layer.units
    if bias.shape != (2 * gates * units,) or recurrent.ndim != 2 or recurrent.shape[1] % gates:
        return arrays
    kernel = np.hstack([k.T.reshape(k.shape, order="F") for k in np.hsplit(kernel, gates)])
    recurrent = np.hstack([k.T for k in np.hsplit(recurrent, gates)])
    if layer.cell.bias is not None and tuple(layer.cell.bias.shape) == bias.shape:  # a layer that keeps both biases
        return [kernel, recurrent, bias]
    if gates == 4:
        return [kernel, recurrent, bias[: gates * units] + bias[gates * units :]]
    if not getattr(layer, "reset_after", getattr(getattr(layer, "cell", None), "reset_after", True)):
        raise MisfitError(
            f"{_what(layer)} has reset_after=False, and the file is of a CuDNNGRU. Write: GRU(..., reset_after=True)."
        )
    return [kernel, recurrent, bias.reshape(2, -1)]
