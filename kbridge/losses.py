"""Losses: functions of ``(y_true, y_pred)`` that give a value per sample, and classes that average these."""

import math
import warnings
from functools import wraps

from kbridge import config, dtype_policies, ops
from kbridge.backend import dtypes, names, registry
from kbridge.backend.op import dtype_of
from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten, is_nested, map_structure
from kbridge.objects import Family, deserialize_keras_object, serialize_keras_object

_MEANS = ("sum_over_batch_size", "mean")
_REDUCTIONS = (*_MEANS, "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """What training makes small. To write one, define ``call(y_true, y_pred)``, which returns a value per sample.

    Args:
        name: its name.
        reduction: "sum_over_batch_size" or "mean" (the same), "sum", "mean_with_sample_weight" (which divides by
            the sum of the weights), "none" or None.
        dtype: the dtype it computes in; a dtype policy will do.
    """

    casts_labels = True  # whether y_true is cast to dtype as well; False where it holds indices

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or names.unique(names.snake_case(type(self).__name__))
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"Loss {self.name!r}: reduction must be one of {', '.join(map(repr, _REDUCTIONS))}. "
                f"Received: reduction={reduction!r}."
            )
        self.reduction = reduction
        self._given_dtype = dtype
        self._dtype = config.floatx() if dtype is None else dtype_policies.get(dtype).compute_dtype

    @property
    def dtype(self):
        """The dtype it computes in."""
        return self._dtype

    def __call__(self, y_true, y_pred, sample_weight=None, mask=None):
        """The loss, reduced. ``mask`` says which of the samples (or steps) count."""
        y_pred = to_tensors(y_pred, self._dtype)
        y_true = to_tensors(y_true, self._dtype if self.casts_labels else None)
        if sample_weight is None and mask is None and self.reduction in _MEANS:
            value = self.mean(y_true, y_pred)
            if value is not None:
                return value
        values = as_dtype(self.call(y_true, y_pred), self.dtype)
        own_mask = self.valid(y_true, y_pred, values)
        if own_mask is not None:
            mask = own_mask if mask is None else ops.logical_and(mask, own_mask)
        elif sample_weight is None and mask is None and self.reduction in _MEANS and 0 not in tuple(values.shape):
            return ops.mean(values) if len(values.shape) else values
        return reduce_weighted_values(values, sample_weight, mask, self.reduction)

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} needs a method call(self, y_true, y_pred).")

    def mean(self, y_true, y_pred):
        """The plain mean of everything, where there is a shorter way to it than ``call``; else None."""
        return None

    def valid(self, y_true, y_pred, values):
        """A mask of the ``values`` that count, for a loss that leaves some out; else None."""
        return None

    def get_config(self):
        config = {"name": self.name, "reduction": self.reduction}
        if self._given_dtype is not None:
            config["dtype"] = self.dtype
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss):
    """The loss that the function ``fn(y_true, y_pred, **kwargs)`` computes."""

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self.fn_kwargs = kwargs
        vars(self).update(kwargs)
        self.casts_labels = getattr(fn, "casts_labels", True)
        # whatever the axis, the mean of the means is the mean
        self._elementwise_kwargs = {key: value for key, value in kwargs.items() if key != "axis"}

    def call(self, y_true, y_pred):
        if not is_nested(y_pred) and not is_nested(y_true):
            y_true, y_pred = match_ranks(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.fn_kwargs)

    def mean(self, y_true, y_pred):
        elementwise = getattr(self.fn, "elementwise", None)
        if elementwise is None or type(self).call is not LossFunctionWrapper.call or is_nested(y_pred):
            return None
        if y_true.shape != y_pred.shape:
            y_true, y_pred = match_ranks(y_true, y_pred)
            if len(y_true.shape) != len(y_pred.shape):
                return None
        if 0 in tuple(y_pred.shape):
            return None
        return ops.mean(elementwise(y_true, y_pred, **self._elementwise_kwargs))

    def get_config(self):
        config = {**super().get_config(), **serialize_keras_object(self.fn_kwargs)}
        if type(self).__init__ is LossFunctionWrapper.__init__:
            config["fn"] = serialize_keras_object(self.fn)
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**with_function(config))


def with_function(config):
    """The config of a wrapper, with the function it names in place of the name."""
    if "fn" not in config:
        return config
    made = {key: value if isinstance(value, str) else deserialize_keras_object(value) for key, value in config.items()}
    return {**made, "fn": get(made["fn"])}


# -- tensors, ranks, weights and masks


def as_dtype(x, dtype):
    """``x`` as a tensor of ``dtype`` (None: its own); one that is so already stays itself."""
    kind = type(x)
    if kind in registry.current().tensor_types or kind is KerasTensor:
        return x if dtype is None or dtypes.standardize(x.dtype) == dtype else ops.cast(x, dtype)
    return ops.convert_to_tensor(x, dtype)


def to_tensors(tree, dtype):
    """The tensors in ``tree`` in ``dtype`` (None: their own). A nested list of numbers is one tensor."""
    if is_nested(tree) and any(hasattr(leaf, "dtype") for leaf in flatten(tree)):
        return map_structure(lambda x: to_tensors(x, dtype), tree)
    return as_dtype(tree, dtype)


def match_ranks(x1, x2, expand=True):
    """``x1`` and ``x2``, of which one may have lost, or gained, a last axis of length 1.

    A tensor of rank 1 gains the axis, unless ``expand`` is False; of higher ranks, the longer one loses it.
    """
    difference = len(x1.shape) - len(x2.shape)
    if difference == 1 and x1.shape[-1] == 1:
        if len(x2.shape) == 1 and expand:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if difference == -1:
        x2, x1 = match_ranks(x2, x1, expand)
    return x1, x2


def match_weights(values, weights):
    """``values`` and ``weights`` with as many axes: weights per sample count for all that the sample has."""
    values, weights = match_ranks(values, weights)
    missing = len(values.shape) - len(weights.shape)
    if missing < 0:
        raise ValueError(
            f"The weights (or mask) have the shape {tuple(weights.shape)}, but the values they weigh only "
            f"{tuple(values.shape)}. Expected at most as many axes."
        )
    if missing and len(weights.shape) and weights.shape[0] == values.shape[0]:
        for _ in range(missing):
            weights = ops.expand_dims(weights, -1)
    return values, weights


def apply_mask(sample_weight, mask, dtype, reduction="sum"):
    """Weights in which what ``mask`` leaves out has none; for a mean, the others have more in exchange."""
    if mask is None:
        return sample_weight
    weights = ops.cast(mask, dtype)
    if reduction in _MEANS:
        total = math.prod(mask.shape) if None not in tuple(mask.shape) else ops.cast(ops.size(mask), dtype)
        weights = weights * ops.divide_no_nan(total, ops.sum(weights))
    if sample_weight is None:
        return weights
    sample_weight = as_dtype(sample_weight, dtype)
    if len(sample_weight.shape) >= len(weights.shape):
        sample_weight, weights = match_weights(sample_weight, weights)
    else:
        weights, sample_weight = match_weights(weights, sample_weight)
    return sample_weight * weights


def reduce_weighted_values(values, sample_weight=None, mask=None, reduction="sum_over_batch_size"):
    """``values`` times weights, reduced to one number, or not at all."""
    weights = None if sample_weight is None else as_dtype(sample_weight, dtype_of(values))
    weights = apply_mask(weights, mask, dtype_of(values), reduction)
    if weights is not None:
        values, weights = match_weights(values, weights)
        values = values * weights
    if reduction in (None, "none") or len(values.shape) == 0:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        if tuple(weights.shape) != tuple(values.shape):
            weights = ops.broadcast_to(weights, ops.shape(values))
        return ops.divide_no_nan(ops.sum(values), ops.sum(weights))
    return ops.sum(values) if 0 in tuple(values.shape) else ops.mean(values)


def _pair(y_true, y_pred):
    """The two as tensors of one dtype, that of the predictions."""
    y_pred = ops.convert_to_tensor(y_pred)
    return as_dtype(y_true, dtype_of(y_pred)), y_pred


def _of_indices(function):
    """A loss function whose labels are indices: they keep their dtype."""
    function.casts_labels = False
    return function


def _per_sample(function):
    """A loss function that is the mean over the last axis of ``function``, which works element by element."""

    @wraps(function)
    def loss(y_true, y_pred, *args, **kwargs):
        y_true, y_pred = match_ranks(*_pair(y_true, y_pred))
        return ops.mean(function(y_true, y_pred, *args, **kwargs), axis=-1)

    loss.elementwise = function
    return loss


# -- regression


@_per_sample
def mean_squared_error(y_true, y_pred):
    """``mean((y_true - y_pred) ** 2)`` over the last axis."""
    return ops.square(y_true - y_pred)


@_per_sample
def mean_absolute_error(y_true, y_pred):
    """``mean(|y_true - y_pred|)`` over the last axis."""
    return ops.absolute(y_true - y_pred)


@_per_sample
def mean_absolute_percentage_error(y_true, y_pred):
    """``100 * mean(|y_true - y_pred| / |y_true|)`` over the last axis."""
    return 100.0 * ops.absolute((y_true - y_pred) / ops.maximum(ops.absolute(y_true), config.epsilon()))


@_per_sample
def mean_squared_logarithmic_error(y_true, y_pred):
    """``mean((log(y_true + 1) - log(y_pred + 1)) ** 2)`` over the last axis; what is negative counts as 0."""
    true, pred = (ops.log(ops.maximum(y, config.epsilon()) + 1.0) for y in (y_true, y_pred))
    return ops.square(true - pred)


@_per_sample
def huber(y_true, y_pred, delta=1.0):
    """Half the square of an error up to ``delta``, and linear beyond; the mean over the last axis."""
    error = ops.absolute(y_true - y_pred)
    inside = ops.minimum(error, delta)
    return inside * (error - 0.5 * inside)


@_per_sample
def log_cosh(y_true, y_pred):
    """The logarithm of the hyperbolic cosine of the error; the mean over the last axis."""
    error = y_pred - y_true
    return error + ops.softplus(-2.0 * error) - math.log(2.0)


def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between the two along ``axis``: -1 where they point the same way."""
    y_true, y_pred = match_ranks(*_pair(y_true, y_pred))
    return -ops.sum(ops.normalize(y_true, axis=axis) * ops.normalize(y_pred, axis=axis), axis=axis)


# -- classes that must be told apart by a margin


def _signs(y_true):
    """Labels 0 and 1 as -1 and 1; any others as they are."""
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true, y_pred):
    """``mean(max(1 - y_true * y_pred, 0))`` over the last axis; labels are -1 and 1, or 0 and 1."""
    y_true, y_pred = _pair(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true, y_pred):
    """``mean(max(1 - y_true * y_pred, 0) ** 2)`` over the last axis; labels are -1 and 1, or 0 and 1."""
    y_true, y_pred = _pair(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true, y_pred):
    """``max(1 + the best score of a wrong class - the score of the right one, 0)``; ``y_true`` is one-hot."""
    y_true, y_pred = _pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


# -- probabilities


def kl_divergence(y_true, y_pred):
    """The Kullback-Leibler divergence of the distributions along the last axis."""
    true, pred = (ops.clip(y, config.epsilon(), 1.0) for y in _pair(y_true, y_pred))
    return ops.sum(true * ops.log(true / pred), axis=-1)


def poisson(y_true, y_pred):
    """``mean(y_pred - y_true * log(y_pred))`` over the last axis."""
    y_true, y_pred = _pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + config.epsilon()), axis=-1)


def _smoothed(y_true, label_smoothing, classes):
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def _elementwise_bce(y_true, y_pred, from_logits=False, label_smoothing=0.0):
    return ops.binary_crossentropy(_smoothed(y_true, label_smoothing, 2), y_pred, from_logits=from_logits)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The cross-entropy of independent yes-or-no labels; the mean over ``axis``."""
    return ops.mean(_elementwise_bce(*_pair(y_true, y_pred), from_logits, label_smoothing), axis=axis)


binary_crossentropy.elementwise = _elementwise_bce


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Binary cross-entropy times ``(1 - the probability given to the truth) ** gamma``, so that hard cases count more.

    With ``apply_class_balancing``, label 1 weighs ``alpha`` and label 0 the rest.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    y_true = _smoothed(y_true, label_smoothing, 2)
    probability = ops.sigmoid(y_pred) if from_logits else y_pred
    entropy = ops.binary_crossentropy(y_true, probability)
    missed = 1.0 - (y_true * probability + (1.0 - y_true) * (1.0 - probability))
    values = ops.power(missed, gamma) * entropy
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def _check_classes(name, y_pred, axis):
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"{name}: axis must be an int. Received: axis={axis!r}.")
    if y_pred.shape[axis] == 1:
        warnings.warn(
            f"{name}: y_pred has the shape {tuple(y_pred.shape)}, so there is one class only and the loss is always 0. "
            f"For two classes in one output, write binary_crossentropy.",
            SyntaxWarning,
            stacklevel=3,
        )


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The cross-entropy of one-hot labels (or distributions) along ``axis``."""
    y_true, y_pred = _pair(y_true, y_pred)
    _check_classes("categorical_crossentropy", y_pred, axis)
    y_true = _smoothed(y_true, label_smoothing, y_pred.shape[axis])
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """Categorical cross-entropy, each class times ``alpha * (1 - its probability) ** gamma``."""
    y_true, y_pred = _pair(y_true, y_pred)
    _check_classes("categorical_focal_crossentropy", y_pred, axis)
    y_true = _smoothed(y_true, label_smoothing, y_pred.shape[axis])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    probability = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    probability = ops.clip(probability, config.epsilon(), 1.0 - config.epsilon())
    entropy = -y_true * ops.log(probability)
    return ops.sum(ops.multiply(ops.power(1.0 - probability, gamma) * entropy, alpha), axis=axis)


@_of_indices
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """The cross-entropy of labels that are indices of classes along ``axis``; 0 where they are ``ignore_class``."""
    y_true, y_pred = class_indices(y_true, y_pred, axis), ops.convert_to_tensor(y_pred)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(valid, y_true, 0)
    # what is ignored must not reach the logarithm, or its gradient could be NaN
    harmless = 0.0 if from_logits else 1.0
    y_pred = ops.where(ops.expand_dims(valid, axis), y_pred, harmless)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    return ops.where(valid, values, 0.0)


def class_indices(y_true, y_pred, axis):
    """Labels as int tensors, without an axis of length 1 in the place of the classes."""
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    return y_true if "int" in dtype_of(y_true) else ops.cast(y_true, "int32")


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """``(1 - p ** q) / q``, with p the probability given to the true class, an index: robust against wrong labels."""
    y_pred = ops.convert_to_tensor(y_pred)
    truth = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=dtype_of(y_pred))
    return (1.0 - ops.power(ops.sum(y_pred * truth, axis=-1), q)) / q


# -- images, similarity, sequences


def dice(y_true, y_pred, axis=None):
    """1 - the Dice coefficient, twice the overlap by the sum of both, along ``axis``."""
    y_true, y_pred = _pair(y_true, y_pred)
    both = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * ops.sum(y_true * y_pred, axis=axis) / (both + config.epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - the Tversky index along ``axis``: ``alpha`` weighs what was missed, ``beta`` what was made up."""
    y_true, y_pred = _pair(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum(y_true, axis=axis) - overlap
    made_up = ops.sum(y_pred, axis=axis) - overlap
    return 1.0 - overlap / (overlap + alpha * missed + beta * made_up + config.epsilon())


@_of_indices
def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """The circle loss of embeddings with unit norm: those of one label (``y_true``, an int) shall lie close together.

    They are compared with each other, or with ``ref_embeddings`` of ``ref_labels``; with ``remove_diagonal``
    the sample and the reference of the same place are not.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
    others = labels if ref_labels is None else ops.reshape(ops.cast(ref_labels, "int32"), (-1,))
    embeddings = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings)
    distance = ops.maximum(1.0 - ops.matmul(y_pred, ops.transpose(embeddings)), 0.0)
    same = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(others, 0))
    different = ops.logical_not(same)
    if remove_diagonal:
        rows, columns = (ops.cumsum(ops.ones_like(x), axis=0) for x in (labels, others))
        same = ops.logical_and(same, ops.not_equal(ops.expand_dims(rows, 1), ops.expand_dims(columns, 0)))

    attraction = -gamma * ops.maximum(margin + distance, 0.0) * (margin - distance)
    repulsion = gamma * ops.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    # -1e9 for minus infinity: a sample without others of its kind shall have a gradient, of 0
    attraction = ops.logsumexp(ops.where(same, attraction, -1e9), axis=1)
    repulsion = ops.logsumexp(ops.where(different, repulsion, -1e9), axis=1)
    return ops.softplus(attraction + repulsion)


@_of_indices
def ctc(y_true, y_pred):
    """Connectionist temporal classification: labels (batch, length), padded with 0, against logits.

    The logits are (batch, time, classes), and class 0 is the blank.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc: y_true must have the shape (batch, length) and y_pred (batch, time, classes). "
            f"Received shapes {tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    y_true = ops.cast(y_true, "int32")
    lengths = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    steps = ops.ones_like(lengths) * ops.shape(y_pred)[1]
    return ops.ctc_loss(y_true, y_pred, lengths, steps, mask_index=0)


# -- the same as classes


class MeanSquaredError(LossFunctionWrapper):
    """The mean of the squares of the errors."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of the absolute errors."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of the errors in per cent of the true values."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of the squares of the errors of ``log(y + 1)``."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between labels and predictions."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """Quadratic for errors up to ``delta``, linear beyond."""

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """The logarithm of the hyperbolic cosine of the error: much like Huber, but smooth."""

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction, name, dtype)


class Hinge(LossFunctionWrapper):
    """``max(1 - y_true * y_pred, 0)``, with labels -1 and 1, or 0 and 1."""

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """The square of the hinge loss."""

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """The hinge loss of several classes, with one-hot labels."""

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, reduction, name, dtype)


class KLDivergence(LossFunctionWrapper):
    """The Kullback-Leibler divergence."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """Minus the log-likelihood of counts, but for a constant."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, reduction, name, dtype)


class BinaryCrossentropy(LossFunctionWrapper):
    """The cross-entropy of yes-or-no labels. ``from_logits``: predictions are not yet probabilities."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **kwargs)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy in which hard cases count more."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        kwargs.update(apply_class_balancing=apply_class_balancing, alpha=alpha, gamma=gamma)
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **kwargs)


class CategoricalCrossentropy(LossFunctionWrapper):
    """The cross-entropy of one-hot labels. ``from_logits``: predictions are not yet probabilities."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **kwargs)


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical cross-entropy in which hard cases count more; ``alpha`` may be a list, one for each class."""

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        kwargs = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        kwargs.update(alpha=alpha, gamma=gamma)
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **kwargs)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """The cross-entropy of labels that are indices of classes; those of ``ignore_class`` do not count."""

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        kwargs = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **kwargs)

    def valid(self, y_true, y_pred, values):
        if self.ignore_class is None:
            return None
        return ops.not_equal(class_indices(y_true, y_pred, self.axis), self.ignore_class)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Cross-entropy made robust against wrong labels: the less so, the nearer ``q`` is to 0."""

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy: q must lie between 0 and 1. Received: q={q!r}.")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class Dice(LossFunctionWrapper):
    """1 - the Dice coefficient, for segmentation."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 - the Tversky index: Dice, with missed (``alpha``) and made-up (``beta``) parts weighed apart."""

    def __init__(self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(LossFunctionWrapper):
    """The circle loss, for embeddings of unit norm. A sample that has no others of its label does not count."""

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        kwargs = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **kwargs)

    def valid(self, y_true, y_pred, values):
        return ops.greater(values, 0)


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification of logits (batch, time, classes), with class 0 the blank."""

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction, name, dtype)


_ALIASES = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}

_family = Family(
    "loss",
    "keras.losses",
    [
        Loss,
        LossFunctionWrapper,
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CTC,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalGeneralizedCrossEntropy,
        CategoricalHinge,
        Circle,
        CosineSimilarity,
        Dice,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
        Tversky,
        binary_crossentropy,
        binary_focal_crossentropy,
        categorical_crossentropy,
        categorical_focal_crossentropy,
        categorical_generalized_cross_entropy,
        categorical_hinge,
        circle,
        cosine_similarity,
        ctc,
        dice,
        hinge,
        huber,
        kl_divergence,
        log_cosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        poisson,
        sparse_categorical_crossentropy,
        squared_hinge,
        tversky,
    ],
    aliases={**_ALIASES, **{name.upper(): function for name, function in _ALIASES.items()}},
)
get = _family.get


def deserialize(name, custom_objects=None):
    """The loss for a config, or a name."""
    return _family.deserialize(name, custom_objects)


def serialize(loss):
    """The config of a loss."""
    return _family.serialize(loss)
