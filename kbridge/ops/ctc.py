"""Connectionist temporal classification: labels of sequences whose alignment with time is not known."""

from __future__ import annotations

from kbridge.backend.dtypes import floating, result_type
from kbridge.backend.op import Other, Tensor, dtype_of, op
from kbridge.ops.activation import log_softmax
from kbridge.ops.arrays import (
    arange,
    broadcast_to,
    concatenate,
    expand_dims,
    full,
    full_like,
    pad,
    reshape,
    squeeze,
    stack,
    transpose,
)
from kbridge.ops.control import scan
from kbridge.ops.core import cast, shape
from kbridge.ops.indexing import argsort, take_along_axis
from kbridge.ops.math import equal, logaddexp, logical_and, maximum, not_equal, where
from kbridge.ops.products import matmul
from kbridge.ops.reductions import argmax, max, min, sum
from kbridge.ops.special import logsumexp, one_hot, top_k

__all__ = ["ctc_decode", "ctc_loss"]

_NEVER = -1e5  # the logarithm of a probability that counts as none, but has a slope


@op(floating)
def ctc_loss(target: Other, output: Tensor, target_length: Other, output_length: Other, mask_index=0):
    """-log of the probability that logits ``output`` (batch, time, classes) give to ``target`` (batch, labels).

    All alignments count in which each label appears, in order, once or repeated, with blanks (``mask_index``)
    between; only the first ``target_length`` labels and ``output_length`` steps of each row do.
    """
    if target.ndim != 2 or output.ndim != 3:
        raise ValueError(
            "ctc_loss takes a target (batch, labels) and an output (batch, time, classes). "
            f"Received shapes {tuple(target.shape)} and {tuple(output.shape)}."
        )
    wide = result_type(dtype_of(output), "float32")
    labels, ends, steps = (cast(x, "int32") for x in (target, target_length, output_length))
    logs = log_softmax(cast(output, wide), axis=-1)
    # The states are the labels with a blank before, between and after them: 0 to 2 * labels.
    blanks = full_like(labels, mask_index)
    states = concatenate([reshape(stack([blanks, labels], axis=2), (-1, 2 * labels.shape[1])), blanks[:, :1]], axis=1)
    count = 2 * labels.shape[1] + 1
    before = pad(states, [(0, 0), (2, 0)], constant_values=mask_index)[:, :count]
    # A blank may be left out between two different labels.
    leap = where(logical_and(not_equal(states, mask_index), not_equal(states, before)), 0.0, _NEVER)
    leap = cast(leap, wide)
    batch, time = shape(logs)[:2]
    scores = take_along_axis(logs, broadcast_to(expand_dims(states, 1), (batch, time, count)), axis=2)
    scores = transpose(scores, (1, 0, 2))
    start = cast(where(arange(count) < 2, 0.0, _NEVER), wide)

    def delayed(alpha, by):
        return pad(alpha, [(0, 0), (by, 0)], constant_values=_NEVER)[:, :count]

    def advance(alpha, item):
        score, step = item
        moved = logaddexp(logaddexp(alpha, delayed(alpha, 1)), delayed(alpha, 2) + leap) + score
        return where(expand_dims(step < steps, 1), moved, alpha), None

    alpha, _ = scan(advance, start + scores[0], (scores[1:], arange(1, time)))
    last = expand_dims(2 * ends, 1)
    in_blank = take_along_axis(alpha, last, axis=1)
    in_label = take_along_axis(alpha, maximum(last - 1, 0), axis=1)
    in_label = where(last > 0, in_label, _NEVER)
    return -squeeze(logaddexp(in_blank, in_label), 1)


@op(floating, gradient=False)
def ctc_decode(
    inputs: Tensor,
    sequence_lengths: Other,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    """The labels that scores ``inputs`` (batch, time, classes) most likely stand for, blank being ``mask_index``.

    Returns labels (paths, batch, time), filled up with -1, and their scores (batch, paths): of "greedy" the negative
    sum of the best scores; of "beam_search" the log-probability of each of the ``top_paths`` best labellings.
    """
    if inputs.ndim != 3:
        raise ValueError(f"ctc_decode takes inputs (batch, time, classes). Received the shape {tuple(inputs.shape)}.")
    inputs = cast(inputs, result_type(dtype_of(inputs), "float32"))
    lengths = cast(sequence_lengths, "int32")
    mask_index = inputs.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, mask_index)
    if strategy == "beam_search":
        if not 1 <= top_paths <= beam_width:
            raise ValueError(
                f"ctc_decode: `top_paths` must be between 1 and beam_width={beam_width}. Received: {top_paths}."
            )
        return _beam_search(inputs, lengths, beam_width, top_paths, mask_index)
    raise ValueError(f'ctc_decode: `strategy` must be "greedy" or "beam_search". Received: {strategy!r}.')


def _greedy(inputs, lengths, merge_repeated, mask_index):
    time = shape(inputs)[1]
    inside = arange(time) < expand_dims(lengths, 1)
    best = where(inside, argmax(inputs, axis=-1), mask_index)
    scores = sum(where(inside, max(inputs, axis=-1), 0.0), axis=1, keepdims=True)
    keep = not_equal(best, mask_index)
    if merge_repeated:
        changed = not_equal(best[:, 1:], best[:, :-1])
        keep = logical_and(keep, pad(changed, [(0, 0), (1, 0)], constant_values=True))
    # Labels keep their order; what is dropped goes to the end.
    order = argsort(where(keep, arange(time), time), axis=-1)
    labels = take_along_axis(where(keep, best, -1), order, axis=1)
    return expand_dims(labels, 0), -scores


def _beam_search(inputs, lengths, width, top_paths, blank):
    """Keep the ``width`` most likely labellings of the first steps, each with the log-probabilities that it ends in a
    blank or in its last label; extend them step by step, and join what has become the same."""
    never = -1e30
    batch, time, classes = shape(inputs)
    logs = transpose(log_softmax(inputs, axis=-1), (1, 0, 2))
    dtype = dtype_of(logs)

    def advance(beam, item):
        paths, sizes, in_blank, in_label = beam
        log_class, step = item  # (batch, classes)
        # The last label of each path, and the class scores as seen from each path.
        last = take_along_axis(paths, expand_dims(maximum(sizes - 1, 0), 2), axis=2)[..., 0]
        nonempty = sizes > 0
        score = broadcast_to(expand_dims(log_class, 1), (batch, width, classes))
        of_last = take_along_axis(score, expand_dims(maximum(last, 0), 2), axis=2)[..., 0]
        total = logaddexp(in_blank, in_label)
        stay_blank = total + log_class[:, blank : blank + 1]
        stay_label = where(nonempty, in_label + of_last, never)
        # A label grows a path, but the last one only after a blank: else it is the same label going on.
        repeated = logical_and(expand_dims(nonempty, 2), equal(arange(classes), expand_dims(last, 2)))
        grown = where(repeated, expand_dims(in_blank, 2), expand_dims(total, 2)) + score
        grown = where(equal(arange(classes), blank), never, grown)
        # Where path i grows into another path j of the beam, its probability goes over to j.
        shorter = where(arange(time) < expand_dims(sizes - 1, 2), paths, -1)
        same = min(cast(equal(expand_dims(paths, 2), expand_dims(shorter, 1)), "int32"), axis=-1) > 0
        parent = logical_and(same, expand_dims(nonempty, 1))  # (batch, i, j)
        into = take_along_axis(grown, broadcast_to(expand_dims(maximum(last, 0), 1), (batch, width, width)), axis=2)
        inherited = logsumexp(where(parent, into, never), axis=1)
        stay_label = logaddexp(stay_label, inherited)
        joined = matmul(cast(parent, dtype), one_hot(where(nonempty, last, -1), classes, dtype=dtype)) > 0.5
        grown = where(joined, never, grown)
        # The best of what stays and what grows.
        stays = logaddexp(stay_blank, stay_label)
        candidates = concatenate([stays, reshape(grown, (-1, width * classes))], axis=1)
        best, chosen = top_k(candidates, width)
        grows = chosen >= width
        source = where(grows, (chosen - width) // classes, chosen)
        label = where(grows, (chosen - width) % classes, -1)
        source_paths = take_along_axis(paths, broadcast_to(expand_dims(source, 2), (batch, width, time)), axis=1)
        source_sizes = take_along_axis(sizes, source, axis=1)
        at_end = logical_and(equal(arange(time), expand_dims(source_sizes, 2)), expand_dims(grows, 2))
        new = (
            where(at_end, expand_dims(label, 2), source_paths),
            source_sizes + cast(grows, "int32"),
            where(grows, never, take_along_axis(stay_blank, source, axis=1)),
            where(grows, best, take_along_axis(stay_label, source, axis=1)),
        )
        active = step < lengths
        return tuple(
            where(reshape(active, (-1,) + (1,) * (n.ndim - 1)), n, old) for n, old in zip(new, beam, strict=True)
        ), None

    # At first there is the empty path alone.
    first = cast(where(equal(arange(width), 0), 0.0, never), dtype)
    start = (
        full((batch, width, time), -1, "int32"),
        full((batch, width), 0, "int32"),
        broadcast_to(first, (batch, width)),
        full((batch, width), never, dtype),
    )
    (paths, _, in_blank, in_label), _ = scan(advance, start, (logs, arange(time)))
    scores, chosen = top_k(logaddexp(in_blank, in_label), top_paths)
    paths = take_along_axis(paths, broadcast_to(expand_dims(chosen, 2), (batch, top_paths, time)), axis=1)
    return transpose(paths, (1, 0, 2)), scores
