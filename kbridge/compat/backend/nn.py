"""K functions of networks: activations, normalization, cross-entropies, and CTC."""

from collections import namedtuple

import numpy as np

from kbridge import config, objects, ops
from kbridge.backend.symbolic import is_symbol
from kbridge.compat import activations, computing
from kbridge.compat.backend import graph
from kbridge.compat.backend.calls import graphed

# -- activations


@graphed
def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """Items above ``threshold``, no more than ``max_value``; below it ``alpha * (x - threshold)``."""
    x = x if hasattr(x, "dtype") else ops.convert_to_tensor(x)
    if threshold:
        above = ops.multiply(x, ops.cast(ops.greater(x, threshold), ops.dtype(x)))
    else:
        above = ops.relu(x)
    if max_value is not None:
        above = ops.minimum(above, max_value) if threshold == 0 else ops.clip(above, 0.0, max_value)
    if _is_zero(alpha):
        return above
    return ops.subtract(above, ops.multiply(ops.relu(ops.subtract(threshold, x)), alpha))


def _is_zero(alpha):
    return isinstance(alpha, (int, float)) and alpha == 0


@graphed
def elu(x, alpha=1.0):
    """The exponential linear unit."""
    return ops.elu(x, alpha)


@graphed
def softmax(x, axis=-1):
    """exp(x), scaled to sum up to 1 along ``axis``."""
    return ops.softmax(x, axis)


@graphed
def softplus(x):
    """log(1 + exp(x))."""
    return ops.softplus(x)


@graphed
def softsign(x):
    """x / (1 + abs(x))."""
    return ops.softsign(x)


@graphed
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


@graphed
def hard_sigmoid(x):
    """0.2 * x + 0.5, between 0 and 1: the one of old Keras."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


objects.stand_in(hard_sigmoid, activations.hard_sigmoid)


@graphed
def tanh(x):
    """The hyperbolic tangent."""
    return ops.tanh(x)


@graphed
def l2_normalize(x, axis=None):
    """``x`` scaled to the length 1 along ``axis``."""
    axis = tuple(axis) if isinstance(axis, (list, tuple, np.ndarray)) else axis
    length = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(length, 1e-12)))


# -- normalization


def _along(parameter, rank, axis):
    """A vector of parameters, in the place of ``axis``."""
    if parameter is None or rank < 2 or ops.ndim(parameter) != 1 or axis % rank == rank - 1:
        return parameter
    return ops.reshape(parameter, [-1 if i == axis % rank else 1 for i in range(rank)])


@graphed
def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """(x - mean) / sqrt(var + epsilon) * gamma + beta, for what lies along ``axis``."""
    rank = ops.ndim(x)
    mean, var, beta, gamma = (_along(p, rank, axis) for p in (mean, var, beta, gamma))
    factor = ops.rsqrt(ops.add(var, epsilon))
    if gamma is not None:
        factor = ops.multiply(factor, gamma)
    result = ops.multiply(ops.subtract(x, mean), factor)
    return result if beta is None else ops.add(result, beta)


@graphed
def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """``x`` normalized by its own mean and variance over ``reduction_axes``, and these two."""
    rank = ops.ndim(x)
    axes = tuple(axis % rank for axis in reduction_axes)
    mean, var = ops.moments(x, axes)
    kept = [axis for axis in range(rank) if axis not in axes]

    def spread(parameter):
        if parameter is None or ops.ndim(parameter) == rank or kept == list(range(rank))[-len(kept) :]:
            return parameter
        return ops.reshape(parameter, [1 if axis in axes else x.shape[axis] for axis in range(rank)])

    normed = batch_normalization(x, spread(mean), spread(var), spread(beta), spread(gamma), epsilon=epsilon)
    return normed, mean, var


@graphed
def bias_add(x, bias, data_format=None):
    """``x`` plus a bias: a vector for the channels, or as large as a sample."""
    rank, own = ops.ndim(x), ops.ndim(bias)
    first = config.standardize_data_format(data_format) == "channels_first" and rank > 2
    if own not in (1, rank - 1):
        raise ValueError(
            f"K.bias_add: the bias must have 1 axis, or {rank - 1} as a sample has. Received the shapes "
            f"{tuple(x.shape)} and {tuple(bias.shape)}."
        )
    if own > 1:
        found = tuple(bias.shape)
        return ops.add(x, ops.reshape(bias, (1, found[-1], *found[:-1]) if first else (1, *found)))
    return ops.add(x, ops.reshape(bias, [-1, *[1] * (rank - 2)]) if first else bias)


# -- cross-entropies, with the arguments in the order of Keras 2


@graphed
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-sum(target * log(output)) along ``axis``."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


@graphed
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """-log(output) at the class in ``target``."""
    if is_symbol(output) or hasattr(output, "shape"):
        rank = len(output.shape)
        if ops.ndim(target) == rank and target.shape[-1] not in (None, 1) and rank == 2 and target.shape[0] == 1:
            target = ops.reshape(target, (-1,))
    return ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


@graphed
def binary_crossentropy(target, output, from_logits=False):
    """-target * log(output) - (1 - target) * log(1 - output)."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


@graphed
def in_top_k(predictions, targets, k):
    """Whether each target class is among the ``k`` best of its row of ``predictions``."""
    return ops.in_top_k(targets, predictions, k)


# -- CTC: the blank is the last class

Sparse = namedtuple("Sparse", "indices values dense_shape")


def _lengths(x):
    return ops.cast(ops.reshape(x, (-1,)), "int32")


def _log(y_pred):
    return ops.log(ops.add(y_pred, config.epsilon()))


@graphed
def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """-log of the probability of each row of labels, for softmax outputs (samples, steps, classes): (samples, 1)."""
    labels = ops.maximum(ops.cast(y_true, "int32"), 0)
    found = ops.ctc_loss(
        labels, _log(y_pred), _lengths(label_length), _lengths(input_length), mask_index=y_pred.shape[-1] - 1
    )
    return ops.expand_dims(found, 1)


def ctc_decode(y_pred, input_length, greedy=True, beam_width=100, top_paths=1, merge_repeated=False):
    """(list of labels, filled up with -1, for each path; log-probabilities) of softmax outputs.

    Labels of values are cut to the longest; those of symbols keep as many places as there are steps.
    """
    paths, scores = _ctc_decode(y_pred, input_length, greedy, beam_width, top_paths, merge_repeated)
    if is_symbol(paths) or computing.computing():
        return [paths[i] for i in range(1 if greedy else top_paths)], scores
    found = ops.convert_to_numpy(paths)
    cut = []
    for path in found:
        longest = int((path >= 0).sum(axis=-1).max(initial=0))
        cut.append(ops.convert_to_tensor(path[:, :longest]))
    return cut, scores


@graphed
def _ctc_decode(y_pred, input_length, greedy, beam_width, top_paths, merge_repeated):
    return ops.ctc_decode(
        _log(y_pred),
        _lengths(input_length),
        strategy="greedy" if greedy else "beam_search",
        beam_width=beam_width,
        top_paths=1 if greedy else top_paths,
        merge_repeated=True if greedy else merge_repeated,
        mask_index=y_pred.shape[-1] - 1,
    )


def ctc_label_dense_to_sparse(labels, label_lengths):
    """The labels that count, as (indices, values, dense_shape)."""
    if is_symbol(labels) or is_symbol(label_lengths):
        raise TypeError(
            "K.ctc_label_dense_to_sparse: there are no sparse symbols. Pass the labels as they are: "
            "K.ctc_batch_cost(labels, y_pred, input_length, label_length)."
        )
    labels, lengths = ops.convert_to_numpy(labels), ops.convert_to_numpy(label_lengths).reshape(-1)
    counts = np.arange(labels.shape[1]) < lengths[:, None]
    return Sparse(np.argwhere(counts), labels[counts].astype("int32"), np.array(labels.shape))


# -- CTC as the Theano backend had it: for one sequence of probabilities (steps, classes), on values


def _values(*tensors):
    return [ops.convert_to_numpy(graph.evaluate([x])[0] if is_symbol(x) else x) for x in tensors]


def ctc_interleave_blanks(Y):  # noqa: N803
    """The labels with blanks (-1) before, between and behind them."""
    (labels,) = _values(Y)
    found = np.full(2 * len(labels) + 1, -1, "int32")
    found[1::2] = labels
    return found


def ctc_create_skip_idxs(Y):  # noqa: N803
    """Where a blank between two different labels may be left out: the places of the first of the two."""
    (labels,) = _values(Y)
    places = np.arange((len(labels) - 3) // 2) * 2 + 1
    return places[labels[places] != labels[places + 2]]


def ctc_update_log_p(skip_idxs, zeros, active, log_p_curr, log_p_prev):
    """(how many states can be reached, their log-probabilities) one step on."""
    skips, current, before = _values(skip_idxs, log_p_curr, log_p_prev)
    active = int(active)
    skips = skips[skips < active]
    reached = min(max(active + 1, (int(skips.max()) if len(skips) else -1) + 3), len(current))
    peak = before[:active].max()
    own = np.exp(before[:active] - peak)
    total = np.zeros(reached, current.dtype)
    total[:active] += own
    total[1:] += total[:-1].copy()
    total[skips + 2] += own[skips]
    with np.errstate(divide="ignore"):
        found = current[:reached] + np.log(total) + peak
    log_p = np.zeros_like(current)
    log_p[:reached] = found
    return np.int32(reached), log_p


def ctc_path_probs(predict, Y, alpha=1e-4):  # noqa: N803
    """(log-probability of passing each state at each step, whether it can be passed then)."""
    probabilities, labels = _values(predict, Y)
    logs = np.log((1 - alpha) * probabilities[:, labels] + alpha / len(labels))

    def forward(logs, labels):
        skips, log_p, active = ctc_create_skip_idxs(labels), np.zeros_like(logs[0]), np.int32(1)
        found, counts = [], []
        for row in logs:
            active, log_p = ctc_update_log_p(skips, None, active, row, log_p)
            found.append(log_p)
            counts.append(active)
        return np.array(found), np.arange(logs.shape[1]) < np.array(counts)[:, None]

    ahead, can_come = forward(logs, labels)
    back, can_go = (x[::-1, ::-1] for x in forward(logs[::-1, ::-1], labels[::-1]))
    return ahead + back - logs, can_come & can_go


def ctc_cost(predict, Y):  # noqa: N803
    """-log of the probability that (steps, classes) give to the labels ``Y``."""
    log_probs, mask = ctc_path_probs(predict, ctc_interleave_blanks(Y))
    peak = log_probs.max()
    return -(np.log(np.exp(log_probs - peak)[mask].sum()) + peak)
