"""Losses and metrics of a compiled model with the meaning that they had in older generations."""

import inspect
from functools import partial

from kbridge import losses as losses_module
from kbridge import metrics as metrics_module
from kbridge import ops
from kbridge.backend.op import dtype_of
from kbridge.backend.symbolic import KerasTensor, output_symbols
from kbridge.layers.masks import mask_of
from kbridge.training.objectives import Losses, Metrics

_SPARSE = ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy")


class OldLosses(Losses):
    """The losses of the outputs.

    ``symbols``: by output, the symbol of a loss that was made of symbols of the model; its values come beside the
    outputs.
    """

    def __init__(self, loss, loss_weights, names, by_nonzero):
        super().__init__(loss, loss_weights, names)
        self.by_nonzero = by_nonzero  # whether a weighted mean is that of the samples whose weight is not 0
        self.symbols = {}

    def with_targets(self):
        """The outputs that have a loss, by index."""
        return [i for i, loss in enumerate(self.per_output) if loss is not None]

    def expected_shapes(self, outputs):
        """For each output the symbol of the shape that its targets have; None where any may do."""
        return [self._expected(loss, symbol) for loss, symbol in zip(self.per_output, outputs)]

    def _expected(self, loss, symbol):
        function = getattr(loss, "fn", None)
        if function is None or getattr(function, "__module__", "").split(".")[0] != "kbridge":
            return None  # a function of one's own may take anything
        if _is_sparse(loss):
            return KerasTensor((*symbol.shape[:-1], 1)) if len(symbol.shape) == 2 else None
        return symbol

    def __call__(self, y_true, y_pred, sample_weight, extras=None):
        extras = extras or {}
        total, parts = None, []
        for i, loss in enumerate(self.per_output):
            if loss is None or (i not in extras and y_true[i] is None):
                parts.append(None)
                continue
            mask, weight = mask_of(y_pred[i]), sample_weight[i]
            if i in extras:
                value = losses_module.reduce_weighted_values(extras[i], weight, mask)
            elif mask is None:
                value = loss(y_true[i], y_pred[i], weight)
            else:
                value = loss(y_true[i], y_pred[i], weight, mask)
            if len(getattr(value, "shape", ())):
                value = ops.mean(value)
            if weight is not None and self.by_nonzero:
                weight = ops.convert_to_tensor(weight)
                value = value / ops.mean(ops.cast(ops.not_equal(weight, 0), dtype_of(value)))
            parts.append(value)
            factor = self.weights[i]
            if getattr(factor, "is_variable", False) or factor != 1.0:
                value = value * ops.cast(factor, dtype_of(value))
            total = value if total is None else total + value
        return total, parts


def _name(loss):
    return getattr(getattr(loss, "fn", loss), "__name__", type(loss).__name__)


def _is_sparse(loss):
    return _name(loss) in _SPARSE or type(loss).__name__ in _SPARSE


class OldMetrics(Metrics):
    """The metrics of the outputs. ``symbols``: (index, name) -> the symbol of a metric made of the model's symbols."""

    def __init__(self, metrics, weighted_metrics, names, losses, dialect, find):
        super().__init__(_for_each(metrics, names), _for_each(weighted_metrics, names), names)
        self.losses, self.dialect, self.find = losses, dialect, find
        self.symbols = []

    def make(self, given, index, y_true, y_pred):
        if isinstance(given, str) and given.lower() in ("accuracy", "acc", "crossentropy", "ce"):
            return self._by_loss(given, index, y_true, y_pred)
        found = self.find(given) if isinstance(given, str) else given
        if inspect.isclass(found):
            found = found()
        if isinstance(found, metrics_module.Metric):
            if isinstance(given, str) and self.dialect != "keras1":
                found.name = given
            return found
        if not callable(found):
            raise ValueError(f"compile: a metric must be a name, a function or a Metric. Received: {given!r}.")
        name = _function_name(found)
        if isinstance(given, str) and self.dialect != "keras1":
            name = given
        parts = _parts(found, y_true, y_pred)
        return MeanOf(found, name) if parts is None else MeansOf(found, name, parts)

    def _by_loss(self, given, index, y_true, y_pred):
        """Accuracy (or crossentropy) as the loss of the output and its shape tell."""
        loss = self.losses.per_output[index]
        name = given
        if self.dialect == "keras1" and given.lower() == "accuracy":
            name = "acc"
        accuracy = given.lower() in ("accuracy", "acc")
        if y_pred.shape[-1] == 1 or _name(loss) in ("binary_crossentropy", "BinaryCrossentropy"):
            kind = metrics_module.BinaryAccuracy if accuracy else metrics_module.BinaryCrossentropy
        elif _is_sparse(loss) or len(y_true.shape) < len(y_pred.shape):
            kind = (
                metrics_module.SparseCategoricalAccuracy if accuracy else metrics_module.SparseCategoricalCrossentropy
            )
        else:
            kind = metrics_module.CategoricalAccuracy if accuracy else metrics_module.CategoricalCrossentropy
        return kind(name=name)


def _for_each(metrics, names):
    """A flat list of metrics is for every output."""
    if not isinstance(metrics, (list, tuple)) or len(names) == 1:
        return metrics
    if any(m is None or isinstance(m, (list, tuple)) for m in metrics):
        return metrics
    return [[_own(metric) for metric in metrics] for _ in names]


def _own(metric):
    """A Metric of its own for each output."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, metrics_module.Metric) else metric


def _function_name(function):
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def _parts(function, y_true, y_pred):
    """The names of the values in the dict that a metric function gives; None if it gives a tensor."""

    def symbol(x):
        return KerasTensor(
            x.shape if isinstance(x, KerasTensor) else (None, *x.shape[1:]),
            y_pred.dtype if isinstance(y_pred, KerasTensor) else "float32",
        )

    try:
        found = output_symbols(function, (symbol(y_true), symbol(y_pred)), {})
    except Exception:  # a function that needs values: it is taken at its word that it gives one
        return None
    return list(found) if isinstance(found, dict) else None


class MeanOf(metrics_module.Mean):
    """The mean over all samples of what a function of (y_true, y_pred) gives: a value for each, or for the batch."""

    def __init__(self, function, name):
        super().__init__(name=name)
        self._function = function

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.update_with(self._function(_labels(y_true, y_pred), y_pred), y_pred, sample_weight)

    def update_with(self, values, y_pred, sample_weight=None):
        """Take the values of a batch into account."""
        values = losses_module.as_dtype(values, self.dtype)
        if not len(values.shape):
            super().update_state(values, sample_weight=ops.shape(y_pred)[0])
        else:
            super().update_state(values, sample_weight)


class MeansOf(metrics_module.Metric):
    """The means of the values in the dict that a function of (y_true, y_pred) gives."""

    def __init__(self, function, name, parts):
        super().__init__(name=name)
        self._function = function
        self.parts = [MeanOf(None, part) for part in parts]

    @property
    def variables(self):
        return [variable for part in self.parts for variable in part.variables]

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self._function(_labels(y_true, y_pred), y_pred)
        for part in self.parts:
            part.update_with(values[part.name], y_pred, sample_weight)

    def result(self):
        return {part.name: part.result() for part in self.parts}


def _labels(y_true, y_pred):
    """The targets in the dtype of the predictions, as the placeholders of old had it."""
    y_true = ops.convert_to_tensor(y_true)
    return y_true if dtype_of(y_true) == dtype_of(y_pred) else ops.cast(y_true, dtype_of(y_pred))


def named_values(metric):
    """The names under which the values of a metric are logged."""
    return [part.name for part in metric.parts] if isinstance(metric, MeansOf) else [metric.name]


def is_mean(metric):
    """Whether the value over batches is the mean of their values."""
    return isinstance(metric, (metrics_module.Mean, MeansOf))
