"""Metrics made of true and false positives and negatives, counted at one threshold or at many."""

import numpy as np

from kbridge import config, ops
from kbridge.backend.op import dtype_of
from kbridge.losses import as_dtype, match_ranks
from kbridge.metrics.base import Metric

TRUE_POSITIVES, FALSE_POSITIVES = "true_positives", "false_positives"
TRUE_NEGATIVES, FALSE_NEGATIVES = "true_negatives", "false_negatives"
_ALL = (TRUE_POSITIVES, FALSE_POSITIVES, TRUE_NEGATIVES, FALSE_NEGATIVES)

_LOWEST = -1e10  # below any prediction: what is not among the best k is taken for that


class _Counting(Metric):
    """Counts some of the four cells of the confusion matrix at each of ``thresholds``."""

    counted = _ALL

    def __init__(self, thresholds, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.top_k = top_k
        self.class_id = class_id
        self._thresholds = np.array(thresholds, "float64")
        # counting goes up a ladder of thresholds; this puts its rungs back into the order asked for
        self._order = np.argsort(self._thresholds, kind="stable")
        self._ladder = self._thresholds[self._order]
        self._place = None
        if not np.array_equal(self._thresholds, self._ladder):
            self._place = np.argsort(self._order).astype("int32")

    def _add_counts(self, shape):
        for name in self.counted:
            setattr(self, name, self.add_variable(shape, "zeros", name=name))

    def _count(self, y_true, y_pred, sample_weight=None, label_weights=None, multi_label=False):
        dtype = getattr(self, self.counted[0]).dtype
        y_pred, y_true = match_ranks(as_dtype(y_pred, dtype), as_dtype(y_true, dtype))
        weights = None
        if sample_weight is not None:
            weights = ops.expand_dims(as_dtype(sample_weight, dtype), -1)
            weights = match_ranks(y_true, weights, expand=False)[1]
        if self.top_k is not None:
            y_pred = _only_best(y_pred, self.top_k)
        if self.class_id is not None:
            if len(y_pred.shape) == 1:
                raise ValueError(
                    f"Metric {self.name!r}: with class_id, y_pred must have the shape (batch, classes). "
                    f"Received: {tuple(y_pred.shape)}."
                )
            y_true, y_pred = y_true[..., self.class_id, None], y_pred[..., self.class_id, None]
        if label_weights is not None:
            label_weights = as_dtype(label_weights, dtype)
            weights = label_weights if weights is None else weights * label_weights
        positive = ops.cast(ops.not_equal(y_true, 0), dtype)
        if weights is not None:
            weights = ops.broadcast_to(weights, ops.shape(y_pred))
            positive = positive * weights
        if not multi_label and len(y_pred.shape) > 1:
            y_pred, positive = ops.reshape(y_pred, (-1,)), ops.reshape(positive, (-1,))
            weights = None if weights is None else ops.reshape(weights, (-1,))
        self._add(y_pred, positive, weights)

    def _add(self, y_pred, positive, weights):
        """Count predictions (samples,) or (samples, labels), by their weight and that of the positive ones."""
        everything = None
        if FALSE_POSITIVES in self.counted or TRUE_NEGATIVES in self.counted:
            everything = ops.ones_like(positive) if weights is None else weights
        hits, chosen = self._above(y_pred, positive, everything)
        for name in self.counted:
            if name == TRUE_POSITIVES:
                count = hits
            elif name == FALSE_POSITIVES:
                count = chosen - hits
            elif name == FALSE_NEGATIVES:
                count = ops.sum(positive, axis=0) - hits
            else:
                count = ops.sum(everything - positive, axis=0) - (chosen - hits)
            getattr(self, name).assign_add(count)

    def _above(self, y_pred, *weights):
        """For each of the ``weights`` (None: None) its sum over the predictions above each threshold."""
        ladder = as_dtype(self._ladder, dtype_of(y_pred))
        if len(y_pred.shape) == 1 and len(self._ladder) <= 4:
            above = ops.cast(ops.greater(ops.expand_dims(y_pred, 1), ladder), dtype_of(y_pred))
            sums = [None if w is None else ops.matmul(w, above) for w in weights]
        else:
            sums = self._above_rungs(y_pred, ladder, weights)
        if self._place is not None:
            sums = [None if x is None else ops.take(x, self._place, axis=0) for x in sums]
        return sums

    def _above_rungs(self, y_pred, ladder, weights):
        """The same for many thresholds: each prediction is put on its rung, and the rungs are summed from the top."""
        rungs = len(self._ladder)
        rows = ops.stack([w for w in weights if w is not None], axis=-1)
        # a prediction is above as many thresholds as are less than it; rung 0 is that of the greatest
        rung = rungs - ops.searchsorted(ladder, y_pred if len(y_pred.shape) == 1 else ops.reshape(y_pred, (-1,)))
        lanes = 1
        if len(y_pred.shape) > 1:
            lanes = y_pred.shape[1]
            rung = ops.reshape(ops.reshape(rung, (-1, lanes)) * lanes + ops.arange(lanes), (-1,))
            rows = ops.reshape(rows, (-1, rows.shape[-1]))
        sums = ops.segment_sum(rows, rung, num_segments=(rungs + 1) * lanes)
        if len(y_pred.shape) > 1:
            sums = ops.reshape(sums, (rungs + 1, lanes, -1))
        sums = ops.flip(ops.cumsum(sums, axis=0)[:-1], axis=0)
        columns = iter(range(len(weights)))
        return [None if w is None else sums[..., next(columns)] for w in weights]

    def _ratio(self, part, rest):
        part = getattr(self, part)
        return ops.divide_no_nan(part.value, part + getattr(self, rest))


def _only_best(x, k):
    """The ``k`` best of the last axis, the others made the lowest."""
    best = ops.top_k(x, k)[1]
    kept = ops.sum(ops.one_hot(best, x.shape[-1], dtype=dtype_of(x)), axis=-2)
    return x * kept + _LOWEST * (1.0 - kept)


def _threshold_list(metric, thresholds, default):
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in found if t is None or not 0 <= t <= 1]
    if wrong:
        raise ValueError(f"{metric}: thresholds must lie in [0, 1]. Received: {wrong}.")
    return found


class _CellCount(_Counting):
    """One of the four counts, at one threshold or several."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        self.init_thresholds = thresholds
        self.thresholds = _threshold_list(type(self).__name__, thresholds, 0.5)
        super().__init__(self.thresholds, name=name, dtype=dtype)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")
        setattr(self, self.counted[0], self.accumulator)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self._count(y_true, y_pred, sample_weight)

    def result(self):
        return self.accumulator[0] if len(self.thresholds) == 1 else ops.convert_to_tensor(self.accumulator)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_CellCount):
    """How many (or how much weight) with label 1 are predicted above the threshold."""

    counted = (TRUE_POSITIVES,)


class FalsePositives(_CellCount):
    """How many (or how much weight) with label 0 are predicted above the threshold."""

    counted = (FALSE_POSITIVES,)


class TrueNegatives(_CellCount):
    """How many (or how much weight) with label 0 are not predicted above the threshold."""

    counted = (TRUE_NEGATIVES,)


class FalseNegatives(_CellCount):
    """How many (or how much weight) with label 1 are not predicted above the threshold."""

    counted = (FALSE_NEGATIVES,)


class _Share(_Counting):
    """The share of true positives among what is counted."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        self.init_thresholds = thresholds
        default = 0.5 if top_k is None else _LOWEST
        self.thresholds = _threshold_list(type(self).__name__, thresholds, default)
        super().__init__(self.thresholds, top_k, class_id, name, dtype)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        self._count(y_true, y_pred, sample_weight)

    def result(self):
        share = self._ratio(*self.counted)
        return share[0] if len(self.thresholds) == 1 else share

    def get_config(self):
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Share):
    """How many of those predicted to be positive are so.

    ``top_k``: only the best k of each sample count as predicted. ``class_id``: only this class is looked at.
    """

    counted = (TRUE_POSITIVES, FALSE_POSITIVES)


class Recall(_Share):
    """How many of those that are positive are predicted to be so. ``top_k`` and ``class_id`` as in Precision."""

    counted = (TRUE_POSITIVES, FALSE_NEGATIVES)


class BestUnderConstraint(_Counting):
    """The best of one rate over all thresholds at which another one is at least ``value``."""

    constraint = None  # the name of the argument, and of the rate that is constrained
    rates = None  # (the constrained one, the one that is made as large as possible), each as two counts

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        if not 0 <= value <= 1:
            raise ValueError(
                f"{type(self).__name__}: {self.constraint} must lie in [0, 1]. Received: {self.constraint}={value!r}."
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"{type(self).__name__}: num_thresholds must be above 0. Received: num_thresholds={num_thresholds!r}."
            )
        self.value = value
        self.num_thresholds = num_thresholds
        self.thresholds = [0.5] if num_thresholds == 1 else np.linspace(0.0, 1.0, num_thresholds).tolist()
        super().__init__(self.thresholds, class_id=class_id, name=name, dtype=dtype)
        setattr(self, self.constraint, value)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        self._count(y_true, y_pred, sample_weight)

    def result(self):
        constrained, wanted = (self._ratio(*rate) for rate in self.rates)
        return ops.max(ops.where(ops.greater_equal(constrained, self.value), wanted, 0.0))

    def get_config(self):
        return {
            **super().get_config(),
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self.constraint: self.value,
        }


_RECALL = (TRUE_POSITIVES, FALSE_NEGATIVES)
_PRECISION = (TRUE_POSITIVES, FALSE_POSITIVES)
_SPECIFICITY = (TRUE_NEGATIVES, FALSE_POSITIVES)


class SensitivityAtSpecificity(BestUnderConstraint):
    """The best sensitivity (recall) at a specificity of at least ``specificity``."""

    constraint, rates = "specificity", (_SPECIFICITY, _RECALL)

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(BestUnderConstraint):
    """The best specificity at a sensitivity (recall) of at least ``sensitivity``."""

    constraint, rates = "sensitivity", (_RECALL, _SPECIFICITY)

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(BestUnderConstraint):
    """The best precision at a recall of at least ``recall``."""

    constraint, rates = "recall", (_RECALL, _PRECISION)

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(BestUnderConstraint):
    """The best recall at a precision of at least ``precision``."""

    constraint, rates = "precision", (_PRECISION, _RECALL)

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)


_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = ("interpolation", "majoring", "minoring")


class AUC(_Counting):
    """The area under the curve of recall over false alarms (ROC), of precision over recall (PR), or of their gains.

    It is a sum over ``num_thresholds`` points (or over the ``thresholds`` given). ``multi_label``: each label has a
    curve of its own, and the mean is taken, weighted by ``label_weights``; else those weigh the labels' predictions.
    """

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        self.curve = _choice("curve", curve, _CURVES)
        self.summation_method = _choice("summation_method", summation_method, _SUMMATIONS)
        self._inner = None if thresholds is None else sorted(_threshold_list("AUC", thresholds, None))
        if self._inner is None and num_thresholds <= 1:
            raise ValueError(f"AUC: num_thresholds must be above 1. Received: num_thresholds={num_thresholds!r}.")
        if num_labels and not multi_label:
            raise ValueError("AUC: num_labels is for multi_label=True only. Leave it out, or write multi_label=True.")
        inner = np.linspace(0.0, 1.0, num_thresholds)[1:-1].tolist() if self._inner is None else self._inner
        super().__init__([-config.epsilon(), *inner, 1.0 + config.epsilon()], name=name, dtype=dtype)
        self.num_thresholds = len(inner) + 2
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, "float64").tolist()
        self.from_logits = from_logits
        if not multi_label:
            self._add_counts((self.num_thresholds,))
        elif num_labels:
            self.ensure_size(num_labels)

    @property
    def thresholds(self):
        return self._thresholds.tolist()

    def build(self, size):
        self._add_counts((self.num_thresholds, size))

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        if self.multi_label:
            if len(y_pred.shape) != 2:
                raise ValueError(
                    "AUC: with multi_label=True, y_pred must have the shape (batch, labels). "
                    f"Received: {tuple(y_pred.shape)}."
                )
            self.ensure_size(int(y_pred.shape[1]))
        if self.from_logits:
            y_pred = ops.sigmoid(y_pred)
        label_weights = None if self.multi_label else self.label_weights
        self._count(y_true, y_pred, sample_weight, label_weights, self.multi_label)

    def result(self):
        if self.multi_label and self.size is None:
            raise ValueError(f"Metric {self.name!r} has no result before update_state has been called.")
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        x, y = {"ROC": self._roc, "PR": self._pr, "PRGAIN": self._pr_gain}[self.curve]()
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(y[:-1], y[1:])
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _roc(self):
        return self._ratio(FALSE_POSITIVES, TRUE_NEGATIVES), self._ratio(*_RECALL)

    def _pr(self):
        return self._ratio(*_RECALL), self._ratio(*_PRECISION)

    def _pr_gain(self):
        hits = self.true_positives.value
        odds = ops.divide_no_nan(hits + self.false_negatives, self.true_negatives + self.false_positives)
        recall_gain = 1.0 - odds * ops.divide_no_nan(self.false_negatives, hits)
        precision_gain = 1.0 - odds * ops.divide_no_nan(self.false_positives, hits)
        none = ops.equal(hits, 0.0)
        return ops.maximum(ops.where(none, 0.0, recall_gain), 0.0), ops.where(none, 1.0, precision_gain)

    def interpolate_pr_auc(self):
        """The area under the PR curve, interpolated as Davis and Goadrich (2006) do: linear in counts, not in rates."""
        hits = self.true_positives.value
        chosen = hits + self.false_positives
        step, more = hits[:-1] - hits[1:], ops.maximum(chosen[:-1] - chosen[1:], 0.0)
        slope = ops.divide_no_nan(step, more)
        intercept = hits[1:] - slope * chosen[1:]
        both = ops.logical_and(ops.greater(chosen[:-1], 0.0), ops.greater(chosen[1:], 0.0))
        growth = ops.where(both, ops.divide_no_nan(chosen[:-1], chosen[1:]), 1.0)
        relevant = hits[1:] + self.false_negatives[1:]
        return self._over_labels(ops.divide_no_nan(slope * (step + intercept * ops.log(growth)), relevant))

    def _over_labels(self, terms):
        if not self.multi_label:
            return ops.sum(terms)
        areas = ops.sum(terms, axis=0)
        if self.label_weights is None:
            return ops.mean(areas)
        weights = as_dtype(self.label_weights, dtype_of(areas))
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def get_config(self):
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        if self._inner is not None:
            config["thresholds"] = self._inner
        return config


def _choice(argument, value, known):
    for name in known:
        if str(value).lower() == name.lower():
            return name
    raise ValueError(f"AUC: {argument} must be one of {', '.join(known)}. Received: {argument}={value!r}.")
