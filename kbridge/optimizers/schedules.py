"""Learning rates that change with the steps."""

import math

from kbridge import config, objects, ops
from kbridge.backend.variable import Variable


class LearningRateSchedule:
    """A learning rate as a function of the step: define ``__call__(step)``."""

    def __call__(self, step):
        raise NotImplementedError(f"Schedule {type(self).__name__} must define __call__(self, step).")

    def get_config(self):
        raise NotImplementedError(f"Schedule {type(self).__name__} must define get_config() to be saved.")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _number(step):
    """``step`` as a float: Python's own where the value is known, so that nothing is computed on the engine."""
    if isinstance(step, Variable):
        step = step.value
    return float(step) if isinstance(step, (int, float)) else ops.cast(step, config.floatx())


class _Math:
    """Elementary functions of Python numbers and of tensors alike."""

    @staticmethod
    def minimum(a, b):
        return min(a, b) if isinstance(a, float) else ops.minimum(a, b)

    @staticmethod
    def maximum(a, b):
        return max(a, b) if isinstance(a, float) else ops.maximum(a, b)

    @staticmethod
    def floor(x):
        return float(math.floor(x)) if isinstance(x, float) else ops.floor(x)

    @staticmethod
    def ceil(x):
        return float(math.ceil(x)) if isinstance(x, float) else ops.ceil(x)

    @staticmethod
    def cos(x):
        return math.cos(x) if isinstance(x, float) else ops.cos(x)

    @staticmethod
    def log(x):
        return math.log(x) if isinstance(x, float) else ops.log(x)

    @staticmethod
    def where(condition, a, b):
        return (a if condition else b) if isinstance(condition, bool) else ops.where(condition, a, b)


class _Named(LearningRateSchedule):
    """A schedule whose config is the attributes named in ``_arguments``."""

    _arguments = ()

    def get_config(self):
        return {name: getattr(self, name) for name in self._arguments}

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_config().items())})"


class ExponentialDecay(_Named):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``, in whole steps with ``staircase``."""

    _arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        if decay_steps <= 0:
            raise ValueError(f"ExponentialDecay: decay_steps must be positive. Received: decay_steps={decay_steps}.")
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step):
        passed = _number(step) / float(self.decay_steps)
        return self.initial_learning_rate * self.decay_rate ** (_Math.floor(passed) if self.staircase else passed)


class InverseTimeDecay(_Named):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``, in whole steps with ``staircase``."""

    _arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        if decay_steps <= 0:
            raise ValueError(f"InverseTimeDecay: decay_steps must be positive. Received: decay_steps={decay_steps}.")
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step):
        passed = _number(step) / float(self.decay_steps)
        return self.initial_learning_rate / (
            1.0 + self.decay_rate * (_Math.floor(passed) if self.staircase else passed)
        )


class PiecewiseConstantDecay(_Named):
    """``values[0]`` up to the step ``boundaries[0]``, then ``values[1]``, and so on."""

    _arguments = ("boundaries", "values", "name")

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: there must be one boundary fewer than values. "
                f"Received: {len(boundaries)} boundaries and {len(values)} values."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step):
        step = _number(step)
        rate = float(self.values[-1])
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1])):
            rate = _Math.where(step <= float(boundary), float(value), rate)
        return rate


class PolynomialDecay(_Named):
    """From ``initial_learning_rate`` to ``end_learning_rate`` in ``decay_steps``, along ``(1 - t) ** power``.

    With ``cycle`` it begins anew, each time for longer, in place of staying at the end.
    """

    _arguments = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        if decay_steps <= 0:
            raise ValueError(f"PolynomialDecay: decay_steps must be positive. Received: decay_steps={decay_steps}.")
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step):
        step, total = _number(step), float(self.decay_steps)
        if self.cycle:
            total = total * _Math.maximum(_Math.ceil(step / total), 1.0)
        else:
            step = _Math.minimum(step, total)
        left = (1.0 - step / total) ** self.power
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


class CosineDecay(_Named):
    """Half a cosine from ``initial_learning_rate`` (or ``warmup_target``) down to ``alpha`` of it.

    With ``warmup_steps`` the rate first rises, in a line, from ``initial_learning_rate`` to ``warmup_target``.
    """

    _arguments = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay", warmup_target=None, warmup_steps=0
    ):
        if decay_steps <= 0:
            raise ValueError(f"CosineDecay: decay_steps must be positive. Received: decay_steps={decay_steps}.")
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate,
            decay_steps,
            alpha,
            name,
        )
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step):
        step = _number(step)
        if self.warmup_target is None:
            return self._decayed(step, self.initial_learning_rate)
        warmup = float(self.warmup_steps)
        rising = self.initial_learning_rate
        if warmup:
            rising = rising + (self.warmup_target - rising) * (step / warmup)
        return _Math.where(step < warmup, rising, self._decayed(_Math.maximum(step - warmup, 0.0), self.warmup_target))

    def _decayed(self, step, start):
        share = _Math.minimum(step / float(self.decay_steps), 1.0)
        return start * ((1.0 - self.alpha) * 0.5 * (1.0 + _Math.cos(math.pi * share)) + self.alpha)


class CosineDecayRestarts(_Named):
    """Half a cosine again and again (Loshchilov and Hutter, 2016).

    Each period is ``t_mul`` times as long as the one before and begins ``m_mul`` times as high; it ends at
    ``alpha`` of ``initial_learning_rate``.
    """

    _arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        if first_decay_steps <= 0:
            raise ValueError(f"CosineDecayRestarts: first_decay_steps must be positive. Received: {first_decay_steps}.")
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step):
        passed = _number(step) / float(self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = _Math.floor(passed)
            share = passed - restarts
        else:
            restarts = _Math.floor(_Math.log(1.0 - passed * (1.0 - self.t_mul)) / math.log(self.t_mul))
            begun = (1.0 - self.t_mul**restarts) / (1.0 - self.t_mul)
            share = (passed - begun) / self.t_mul**restarts
        height = self.m_mul**restarts * 0.5 * (1.0 + _Math.cos(math.pi * share))
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)


_family = objects.Family(
    "learning rate schedule",
    "keras.optimizers.schedules",
    [
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        LearningRateSchedule,
        PiecewiseConstantDecay,
        PolynomialDecay,
    ],
)


def serialize(learning_rate_schedule):
    """The schedule as data from which ``deserialize`` makes its equal."""
    return _family.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule for a config, or a name, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)
