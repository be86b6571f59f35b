"""Optimizers that scale the steps of each element by its own past gradients, and Lion."""

import numpy as np

from kbridge import ops
from kbridge.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Steps scaled by a running average of the gradient's square (Hinton, 2012)."""

    hyperparameters = ("rho", "momentum", "epsilon", "centered")
    late_slots = ("momentum", "average_gradient")

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.slots = ("velocity",)
        if momentum:
            self.slots += ("momentum",)
        if centered:
            self.slots += ("average_gradient",)

    def rule(self, g, w, slots, s):
        slots = dict(zip(self.slots, slots))
        v = slots["velocity"] = slots["velocity"] * self.rho + g * g * (1.0 - self.rho)
        if self.centered:
            mean = slots["average_gradient"] = slots["average_gradient"] * self.rho + g * (1.0 - self.rho)
            v = v - mean * mean
        step = g * s["lr"] / ops.sqrt(v + self.epsilon)
        if self.momentum:
            step = slots["momentum"] = slots["momentum"] * self.momentum + step
        return w - step, tuple(slots.values())


class Adagrad(Optimizer):
    """Steps scaled by the sum of the gradient's squares so far (Duchi et al., 2011)."""

    slots = ("accumulator",)
    hyperparameters = ("initial_accumulator_value", "epsilon")

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial(self, slot, variable):
        return np.full(variable.shape, self.initial_accumulator_value)

    def rule(self, g, w, slots, s):
        total = slots[0] + g * g
        return w - g * s["lr"] / ops.sqrt(total + self.epsilon), (total,)


class Adadelta(Optimizer):
    """Steps scaled by the ratio of past steps to past gradients (Zeiler, 2012)."""

    slots = ("accumulated_grad", "accumulated_delta_var")
    hyperparameters = ("rho", "epsilon")

    def __init__(
        self, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.rho, self.epsilon = rho, epsilon

    def rule(self, g, w, slots, s):
        gradients, steps = slots
        gradients = gradients * self.rho + g * g * (1.0 - self.rho)
        step = g * ops.sqrt(steps + self.epsilon) / ops.sqrt(gradients + self.epsilon)
        steps = steps * self.rho + step * step * (1.0 - self.rho)
        return w - step * s["lr"], (gradients, steps)


class Lion(Optimizer):
    """Steps by the sign of a momentum, all of one size (Chen et al., 2023)."""

    slots = ("momentum",)
    hyperparameters = ("beta_1", "beta_2")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Lion: beta_1 must be in (0, 1]. Received: beta_1={beta_1}.")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def rule(self, g, w, slots, s):
        (m,) = slots
        direction = ops.sign(m * self.beta_1 + g * (1.0 - self.beta_1))
        return w - direction * s["lr"], (m * self.beta_2 + g * (1.0 - self.beta_2),)
