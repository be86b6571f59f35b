"""How a model in an old file was compiled: optimizer, losses, metrics, and the optimizer's state."""

import itertools
import math
import warnings

import numpy as np

from kbridge import losses, metrics, objects, optimizers
from kbridge.backend.variable import numpy_dtype
from kbridge.saving import old_configs, state
from kbridge.saving.errors import CorruptFileError, FileRefusedError

_PLACE = "training_config"
_NO_CHOICE = ("reduction", "fn", "dtype")  # what tf.keras wrote of a loss and does not need
_MOST_FACTORS = 10_000
_SCALARS = ("iteration", "iter", "learning_rate", "m_schedule", "momentum_cache", "_iteration")


def compile_as_told(model, told, file, era, place=_PLACE):
    """``model.compile`` with what ``told``, the data of the file, says."""
    if not isinstance(told, dict):
        raise CorruptFileError(file, place, "it is no object.")
    try:
        arguments = {
            "optimizer": _optimizer(told.get("optimizer_config") or told.get("optimizer"), era),
            "loss": _losses(told.get("loss"), era),
            "metrics": _resolved_all(_metrics(told.get("metrics"), model, era)),
            "weighted_metrics": _resolved_all(_metrics(told.get("weighted_metrics"), model, era)),
            "loss_weights": told.get("loss_weights"),
            "run_eagerly": told.get("run_eagerly") or None,
        }
        modes = _leaves(told.get("sample_weight_mode"))
        if any(mode not in (None, "temporal") for mode in modes):  # the shape of weights tells these two apart
            raise ValueError(f"sample_weight_mode={modes!r} is not known.")
        model.compile(**{key: value for key, value in arguments.items() if value is not None})
    except FileRefusedError:
        raise
    except Exception as error:  # whatever a config that is not right leads to
        why = f"the model cannot be compiled as it says. {type(error).__name__}: {str(error)[:2000]} "
        raise CorruptFileError(file, place, f"{why}Or write: load_model(..., compile=False).") from error


def _leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


def _optimizer(config, era):
    if isinstance(config, str):
        return optimizers.get(config)
    decay = config["config"].get("decay")
    inner = {key: value for key, value in config["config"].items() if key != "decay"}
    config = old_configs.modern({**config, "config": inner}, era)
    inner = config["config"]
    told = {**inner, "decay": decay} if decay else inner
    neutral = {key: value for key, value in told.items() if value not in (None, False, 0)}
    for found in (told, neutral):
        try:  # a class of the caller's or of a dialect may know what others do not, and less than others
            return optimizers.deserialize({**config, "config": found})
        except (TypeError, ValueError):
            continue
    cls = objects._published("keras.optimizers", config["class_name"])
    return optimizers.deserialize({**config, "config": told}) if cls is None else cls.from_config(told)


def _losses(found, era):
    if isinstance(found, dict) and "class_name" not in found:
        return {key: _losses(value, era) for key, value in found.items()}
    if isinstance(found, list):
        return [_losses(value, era) for value in found]
    if isinstance(found, dict):
        config = old_configs.modern(found, era)
        inner = config["config"]
        if not isinstance(inner, dict):  # a function, as Keras 3 describes it
            return losses.deserialize(config)
        if inner.get("reduction") == "auto" or config["class_name"] == "LossFunctionWrapper":
            if config["class_name"] == "LossFunctionWrapper":
                return losses.get(inner["fn"])
            inner = {key: value for key, value in inner.items() if key not in _NO_CHOICE}
        elif "fn" in inner:
            inner = {key: value for key, value in inner.items() if key != "fn"}
        return losses.deserialize({**config, "config": inner})
    return _own(found)


def _own(found):
    """The caller's object that a name stands for, or the name."""
    own = objects.get_registered_object(found) if isinstance(found, str) else None
    return found if own is None else own


def _metrics(found, model, era):
    if isinstance(found, dict) and "class_name" not in found:
        return {key: _metrics(value, model, era) for key, value in found.items()}
    if isinstance(found, list):
        items = [_metrics(value, model, era) for value in found]
        if not any(isinstance(item, list) for item in items):
            return [item for item in items if item is not None]
        if len(items) == 1:
            return items[0]
        names = list(getattr(model, "output_names", ()))
        if len(names) != len(items):
            return items
        return {name: _without(name, item) for name, item in zip(names, items) if item}
    return _metric(found, era) if isinstance(found, dict) else _own(found)


class _Named(str):
    """The name of a metric, told as a class by tf.keras."""


def _metric(config, era):
    config = old_configs.modern(config, era)
    inner = config["config"]
    if not isinstance(inner, dict):
        return metrics.deserialize(config)
    if config["class_name"] in ("MeanMetricWrapper", "SparseMeanMetricWrapper") and isinstance(inner.get("fn"), str):
        return _Named(f"{inner.get('name', '')}|{inner['fn']}")
    inner = {key: value for key, value in inner.items() if key != "fn"}
    return metrics.deserialize({**config, "config": inner})


def _without(output, items):
    """Metrics of one output; tf.keras put the output's name before theirs."""
    return [_resolved(item, f"{output}_") for item in items]


def _resolved(item, prefix=""):
    if not isinstance(item, _Named):
        return item
    name, _, function = item.partition("|")
    name = name.removeprefix(prefix)
    for known in (name, function):
        if known in ("accuracy", "acc"):
            return known
        own = _own(known)
        if own is not known:
            return own
    try:
        metrics.get(name)
        return name
    except (ValueError, TypeError):
        return metrics.MeanMetricWrapper(losses.get(function), name=name)


def _resolved_all(found):
    if isinstance(found, dict):
        return {key: _resolved_all(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_resolved_all(value) for value in found]
    return _resolved(found)


# -- the optimizer's state


def restore_optimizer(model, old):
    """Give the optimizer the state that the file has; where it does not fit, it begins anew, with a warning."""
    optimizer, path = model.optimizer, "optimizer_weights"
    if path not in old.source.groups or optimizer is None:
        return
    names = old._listed(old.source.attributes(path), "weight_names", path)
    for name in names:
        if f"{path}/{name}" not in old.source.entries:
            raise CorruptFileError(old.name, f"{path}/{name}", "this array is named, but not there.")
    try:
        optimizer.build(model.trainable_variables)
        _restore(optimizer, names, old.source, path)
    except _Unfit as error:
        warnings.warn(
            f"{old.name}: {path}: the state of the optimizer does not fit and is left out: {error}", stacklevel=5
        )


def restore_numbered(optimizer, source, path):
    """The same for the state that tf.keras numbers as Keras 3 does; returns whether it fits."""
    names = sorted(source.keys(path), key=lambda name: (len(name), name))
    try:
        _restore(optimizer, names, source, path)
    except _Unfit:
        return False
    return True


def _restore(optimizer, names, source, path):
    places = _places(optimizer, names, source, path)
    for variable, name in places:
        array = source.read(f"{path}/{name}").reshape(variable.shape)
        state.put(variable, array.astype(numpy_dtype(variable.dtype), copy=False))
    product = getattr(optimizer, "_product", None)  # of Nadam, which tf.keras does not keep
    if product is not None and all(variable is not product for variable, _ in places):
        steps = min(int(optimizer._iterations.numpy()), _MOST_FACTORS)
        product.assign(math.prod(float(optimizer._momentum(float(step))) for step in range(1, steps + 1)))


class _Unfit(ValueError):  # noqa: N818
    """The optimizer has no place for what the file holds."""


def _places(optimizer, names, source, path):
    """Pairs (variable of the optimizer, name of an array)."""
    shape = lambda name: source.entries[f"{path}/{name}"].shape  # noqa: E731
    controls, rest = [], list(names)
    while rest and shape(rest[0]) == () and _last(rest[0]) in (*_SCALARS, "variable", "iterations"):
        controls.append(rest.pop(0))
    if rest and not controls and shape(rest[0]) == () and source.entries[f"{path}/{rest[0]}"].dtype.kind in "iu":
        controls.append(rest.pop(0))
    found = [(optimizer._iterations, controls[0])] if controls else []
    if len(controls) > 1 and _last(controls[1]) == "learning_rate" and optimizer._learning_rate is not None:
        found.append((optimizer._learning_rate, controls[1]))
    own = [v for v in optimizer.variables if v is not optimizer._iterations and v is not optimizer._learning_rate]
    if not rest:
        return found
    count = len(optimizer._trainable_variables)
    slots = [list(column) for column in zip(*optimizer._slots)] if optimizer._slots else []
    if count and slots and len(rest) > len(own) and all(int(np.prod(shape(name))) <= 1 for name in rest[len(own) :]):
        rest = rest[: len(own)]  # Keras 2 kept an empty maximum for each variable where it kept none
    by_slot = list(itertools.chain.from_iterable(slots))
    orders = [by_slot, own] if _grouped(rest, count) else [own, by_slot]
    held = [v for v in own if v.shape != ()]  # tf.keras keeps no number in place of what a slot does not need
    for order in [*orders, held]:
        if len(order) == len(rest) and all(v.shape == shape(name) for v, name in zip(order, rest)):
            return found + list(zip(order, rest))
    raise _Unfit(f"it has {len(own)} arrays beside the count of steps, and the file {len(rest)}, or of other shapes.")


def _grouped(names, count):
    """Whether all arrays of one slot stand together. Where names say the slot, the first two tell."""
    if count < 2 or len(names) <= count:
        return True
    words = [set(name.replace(":0", "").split("/")) for name in names[:2]]
    slots = [next((word for word in own if word in ("m", "v", "velocity", "momentum", "rms")), None) for own in words]
    ends = [name.split(":")[0].rsplit("_", 1)[-1] for name in names[:2]]
    if slots[0] and slots[1]:
        return slots[0] == slots[1]
    return not (ends[0] != ends[1] and {"momentum", "velocity"} <= set(ends))


def _last(name):
    return name.split("/")[-1].split(":")[0].rstrip("0123456789").rstrip("_").lower()
