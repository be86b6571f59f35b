"""Callbacks that change the course of training: stop it, or set the learning rate."""

import inspect
import math
import warnings

from kbridge.callbacks.callback import Callback
from kbridge.training.logs import to_floats

# Words in the name of a value, or in that of its metric's class, that say which of two is better
_LESS_IS_BETTER = (
    *("loss", "error", "entropy", "divergence", "hinge", "poisson", "huber", "logcosh", "false"),
    *("mse", "mae", "mape", "msle"),
)
_MORE_IS_BETTER = (
    *("acc", "auc", "precision", "recall", "sensitivity", "specificity", "score", "iou", "similarity", "correlation"),
    *("true",),
)


class Monitor(Callback):
    """Follows one value of the logs and knows which of two is better."""

    remembered = ("best",)  # attributes that last when training goes on in another process

    def get_state(self):
        return {**(super().get_state() or {}), **{name: getattr(self, name) for name in self.remembered}}

    def set_state(self, state):
        super().set_state(state)
        for name in self.remembered:
            setattr(self, name, state[name])

    def __init__(self, monitor, mode, min_delta):
        super().__init__()
        self.monitor = monitor
        self.mode = mode if mode in ("auto", "min", "max") else self._instead_of(mode)
        self.min_delta = abs(min_delta)
        self._up = None  # whether more is better, once that is known

    def _instead_of(self, mode):
        """The mode to take where an unknown one was given."""
        raise ValueError(f"{type(self).__name__}: mode must be 'auto', 'min' or 'max'. Received: mode={mode!r}.")

    def _value(self, logs):
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} follows {self.monitor!r}, which the logs lack. They hold: "
                f"{', '.join(logs or {})}.",
                stacklevel=3,
            )
        return value

    def get_monitor_value(self, logs):
        """The value it follows, or None where the logs lack it, with a warning."""
        return self._value(logs)

    def _better(self, value, best):
        if best is None:
            return True
        if self._up is None:
            self._up = self._upwards()
        return value - self.min_delta > best if self._up else value + self.min_delta < best

    def _upwards(self):
        """Whether more is better, by the name of the value, then by that of its metric."""
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        texts = [name] + [type(m).__name__ for m in getattr(self.model, "metrics", ()) if m.name == name]
        for text in map(str.lower, texts):
            if any(word in text for word in _LESS_IS_BETTER):
                return False
            if any(word in text for word in _MORE_IS_BETTER):
                return True
        warnings.warn(
            f"{type(self).__name__} cannot tell whether more or less of {self.monitor!r} is better, and takes less "
            f"for better. Write mode='min' or mode='max'.",
            stacklevel=4,
        )
        return False


class EarlyStopping(Monitor):
    """Stops training when a value has not improved for some epochs.

    Args:
        monitor: the name of the value.
        min_delta: how much counts as an improvement.
        patience: how many epochs without one are waited for.
        verbose: whether stopping is told.
        mode: "min", "max", or "auto", which goes by the name.
        baseline: a value that must be bettered.
        restore_best_weights: whether the model gets back the weights of its best epoch.
        start_from_epoch: the epoch to begin watching with.
    """

    remembered = ("best", "best_epoch", "best_weights", "wait", "stopped_epoch")

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_train_begin(self, logs=None):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"The weights of epoch {self.best_epoch + 1}, the best, are restored.")
            self.model.set_weights(self.best_weights)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch to ``schedule(epoch)`` or ``schedule(epoch, rate)``."""

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def get_state(self):
        return {}  # the rate is kept with the optimizer: in an epoch that goes on it is not set again

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        rate = self.schedule(epoch, rate_of(optimizer)) if self._takes_rate() else self.schedule(epoch)
        try:
            rate = _number(rate)
        except (TypeError, ValueError):
            raise ValueError(
                f"LearningRateScheduler: schedule must return a number. It returned {rate!r} for epoch {epoch}."
            ) from None
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: the learning rate is set to {rate}.")

    def _takes_rate(self):
        """Whether ``schedule`` takes a second argument. (To call it and see would hide its own errors.)"""
        try:
            inspect.signature(self.schedule).bind(0, 0.0)
        except TypeError:
            return False
        except ValueError:  # a function that does not tell its parameters
            return True
        return True

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = rate_of(self.model.optimizer)


def _number(value):
    return float(to_floats({"value": value})["value"])


def rate_of(optimizer):
    return _number(optimizer.learning_rate)


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a value has not improved for some epochs.

    Args:
        monitor: the name of the value.
        factor: what the rate is multiplied by.
        patience: how many epochs without an improvement are waited for.
        verbose: whether it is told.
        mode: "min", "max" or "auto".
        min_delta: how much counts as an improvement.
        cooldown: how many epochs pass after a change before watching goes on.
        min_lr: the lowest rate.
    """

    remembered = ("best", "wait", "cooldown_counter")
    rate_in_logs = "learning_rate"

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
        **kwargs,
    ):
        if "epsilon" in kwargs:  # the older name of min_delta
            min_delta = kwargs.pop("epsilon")
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau does not know the argument(s) {sorted(kwargs)}.")
        super().__init__(monitor, mode, min_delta)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be less than 1. Received: factor={factor}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_train_begin(self, logs=None):
        self.wait = self.cooldown_counter = 0
        self.best = None

    def in_cooldown(self):
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch, logs=None):
        rate = rate_of(self.model.optimizer)
        if logs is not None:
            logs[self.rate_in_logs] = rate
        value = self._value(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown() and self._waited_enough() and self._may_fall(rate):
            lowered = max(rate * self.factor, self.min_lr)
            self.model.optimizer.learning_rate = lowered
            if self.verbose:
                print(f"\n{self._called(epoch)}: the learning rate is reduced to {lowered}.")
            self.cooldown_counter, self.wait = self.cooldown, self._waited_already()

    def _waited_enough(self):
        """Count an epoch without improvement, and say whether there have been enough."""
        self.wait += 1
        return self.wait >= self.patience

    def _waited_already(self):
        """How many epochs count as waited for when the rate has just been lowered."""
        return 0

    def _may_fall(self, rate):
        return rate > self.min_lr

    def _called(self, epoch):
        return f"Epoch {epoch + 1}"


class TerminateOnNaN(Callback):
    """Stops training when the loss is no finite number any more; with ``raise_error`` by a RuntimeError."""

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"Batch {batch}: the loss is {loss}, so training stops.")
            print(f"Batch {batch}: the loss is {loss}, so training stops.")
            self.model.stop_training = True
