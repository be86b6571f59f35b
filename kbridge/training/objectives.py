"""What ``compile`` was given, matched with a model's outputs: losses and metrics."""

import inspect

from kbridge import losses as losses_module
from kbridge import metrics as metrics_module
from kbridge import ops
from kbridge.backend.tree import flatten
from kbridge.layers.masks import mask_of


def match_outputs(given, names, argument):
    """``given`` (one for all, a list, or a dict by output name) as a list with an entry for each output."""
    if isinstance(given, dict):
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(f"compile: {argument} names {unknown}, but the outputs of the model are called {names}.")
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"compile: {argument} is a list of {len(given)}, but the model has {len(names)} output(s): {names}."
            )
        return list(given)
    return [given] * len(names)


def flat_by_name(values, names, what):
    """Targets or weights as a flat list, one for each output name; None stands for all being absent."""
    if values is None:
        return [None] * len(names)
    if len(names) == 1 and not isinstance(values, (dict, list, tuple)):
        return [values]
    if isinstance(values, dict):
        if set(values) <= set(names):
            return [values.get(name) for name in names]
        values = flatten(values)
    elif isinstance(values, (list, tuple)) and len(values) == len(names):
        return list(values)
    else:
        values = flatten([values])
    if len(values) != len(names):
        raise ValueError(f"The model has {len(names)} output(s), {names}, but {len(values)} {what} were given.")
    return values


class Losses:
    """The losses of a model's outputs, weighted and added up."""

    def __init__(self, loss, loss_weights, names):
        self.names = names
        self.per_output = [_loss(one, name) for one, name in zip(match_outputs(loss, names, "loss"), names)]
        weights = [1.0] * len(names) if loss_weights is None else match_outputs(loss_weights, names, "loss_weights")
        self.weights = [1.0 if w is None else w for w in weights]
        self.trackers = (
            [metrics_module.Mean(name=f"{name}_loss") if one else None for one, name in zip(self.per_output, names)]
            if len(names) > 1
            else []
        )

    def __call__(self, y_true, y_pred, sample_weight, masks=None):
        """(total, [loss of each output]); the lists are flat, an entry for each output."""
        total, parts = None, []
        for i, loss in enumerate(self.per_output):
            if loss is None or (y_true[i] is None and not getattr(loss, "allows_no_target", False)):
                parts.append(None)
                continue
            mask = masks[i] if masks else mask_of(y_pred[i])
            if mask is None:
                value = loss(y_true[i], y_pred[i], sample_weight[i])
            else:
                value = loss(y_true[i], y_pred[i], sample_weight[i], mask)
            parts.append(value)
            if self.weights[i] != 1.0:
                value = value * self.weights[i]
            total = value if total is None else total + value
        return total, parts

    def track(self, parts, count):
        for tracker, part in zip(self.trackers, parts):
            if tracker is not None and part is not None:
                tracker.update_state(part, sample_weight=count)


def _loss(given, name):
    if given is None:
        return None
    if isinstance(given, losses_module.Loss):
        return given
    found = losses_module.get(given)
    if isinstance(found, losses_module.Loss):
        return found
    if isinstance(found, type):
        return found()
    if not callable(found):
        raise ValueError(
            f"compile: the loss of output {name!r} must be a name, a Loss or a function. Received: {given!r}."
        )
    return losses_module.LossFunctionWrapper(found, name=getattr(found, "__name__", "loss"))


class Metrics:
    """The metrics of a model's outputs; made when the shapes of targets and outputs are first seen."""

    def __init__(self, metrics, weighted_metrics, names):
        self.names = names
        self.plain = [_as_list(m) for m in _per_output(metrics, names, "metrics")]
        self.weighted = [_as_list(m) for m in _per_output(weighted_metrics, names, "weighted_metrics")]
        self.entries = None  # (metric, output index, whether sample weights count)

    @property
    def metrics(self):
        return [entry[0] for entry in self.entries or ()]

    def build(self, y_true, y_pred):
        """Choose and make the metrics, for flat lists of targets and outputs (tensors or shapes)."""
        if self.entries is not None:
            return
        self.entries = []
        for weighted, groups in ((False, self.plain), (True, self.weighted)):
            for i, group in enumerate(groups):
                for given in group:
                    if y_true[i] is None:
                        continue
                    metric = self.make(given, i, y_true[i], y_pred[i])
                    prefix = f"{self.names[i]}_" if len(self.names) > 1 else ""
                    self.entries.append((_named(metric, prefix), i, weighted))
        taken = {}
        for metric, _, weighted in self.entries:
            while metric.name in taken and taken[metric.name] is not metric:
                metric.name = f"weighted_{metric.name}" if weighted else f"{metric.name}_1"
            taken[metric.name] = metric

    def make(self, given, index, y_true, y_pred):
        """The Metric that ``given`` means for the output at ``index``."""
        return _metric(given, y_true, y_pred)

    def update(self, y_true, y_pred, sample_weight):
        for metric, i, weighted in self.entries:
            if y_true[i] is None:
                continue
            mask = mask_of(y_pred[i])
            weight = sample_weight[i] if weighted else None
            if mask is not None:
                weight = _with_mask(weight, mask, y_pred[i])
            if weight is None:
                metric.update_state(y_true[i], y_pred[i])
            else:
                metric.update_state(y_true[i], y_pred[i], sample_weight=weight)


def _with_mask(weight, mask, like):
    mask = ops.cast(mask, ops.dtype(like))
    if weight is None:
        return mask
    while len(weight.shape) < len(mask.shape):
        weight = ops.expand_dims(weight, -1)
    return weight * mask


def _per_output(given, names, argument):
    """A list of metrics for each output. A flat list belongs to the only output, or to all."""
    if given is None:
        return [None] * len(names)
    if isinstance(given, dict):
        return match_outputs(given, names, argument)
    if not isinstance(given, (list, tuple)):
        return [given] * len(names)
    if len(names) > 1 and len(given) == len(names) and any(isinstance(g, (list, tuple)) or g is None for g in given):
        return list(given)
    if len(names) > 1 and len(given) == len(names):
        return [[g] for g in given]
    if len(names) > 1:
        raise ValueError(
            f"compile: {argument} has {len(given)} entries, but the model has {len(names)} outputs, {names}. "
            f"Give a list with an entry for each, or a dict by output name."
        )
    return [given[0] if len(given) == 1 and isinstance(given[0], (list, tuple)) else given]


def _as_list(given):
    return [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]


def _metric(given, y_true, y_pred):
    if isinstance(given, metrics_module.Metric):
        return given
    if isinstance(given, str) and given.lower() in ("accuracy", "acc", "crossentropy", "ce"):
        return _by_shape(given, y_true, y_pred)
    found = metrics_module.get(given)
    if isinstance(found, metrics_module.Metric):
        if isinstance(given, str):
            found.name = given
        return found
    if inspect.isclass(found):
        return found()
    name = given if isinstance(given, str) else getattr(found, "__name__", type(found).__name__)
    return metrics_module.MeanMetricWrapper(found, name=name)


def _by_shape(name, y_true, y_pred):
    """The accuracy or crossentropy that fits: binary, one-hot, or class numbers."""
    kind = "accuracy" if name.lower() in ("accuracy", "acc") else "crossentropy"
    if y_pred.shape[-1] == 1:
        found = metrics_module.BinaryAccuracy if kind == "accuracy" else metrics_module.BinaryCrossentropy
    elif len(y_true.shape) < len(y_pred.shape) or (
        y_true.shape[-1] == 1 and y_pred.shape[-1] is not None and y_pred.shape[-1] > 1
    ):
        found = (
            metrics_module.SparseCategoricalAccuracy
            if kind == "accuracy"
            else metrics_module.SparseCategoricalCrossentropy
        )
    else:
        found = metrics_module.CategoricalAccuracy if kind == "accuracy" else metrics_module.CategoricalCrossentropy
    return found(name=name)


def _named(metric, prefix):
    if prefix and not metric.name.startswith(prefix):
        metric.name = prefix + metric.name
    return metric
