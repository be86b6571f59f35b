"""Optimizers that scale the steps of each element by its own past gradients, and Lion."""

import numpy as np

from kbridge import ops
from kbridge.backend.variable import Variable
from kbridge.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Steps scaled by a running average of the gradient's square (Hinton, 2012)."""

    def __init__(
        self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name="rmsprop", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
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

    def settings(self):
        return self.rho, self.momentum, self.epsilon, self.centered

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}


class Adagrad(Optimizer):
    """Steps scaled by the sum of the gradient's squares so far (Duchi et al., 2011)."""

    slots = ("accumulator",)

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name="adagrad", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial(self, slot, variable):
        return np.full(variable.shape, self.initial_accumulator_value)

    def rule(self, g, w, slots, s):
        total = slots[0] + g * g
        return w - g * s["lr"] / ops.sqrt(total + self.epsilon), (total,)

    def settings(self):
        return self.epsilon,

    def get_config(self):
        return {**super().get_config(), "initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}


class Adadelta(Optimizer):
    """Steps scaled by the ratio of past steps to past gradients (Zeiler, 2012)."""

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self, learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None,
        gradient_accumulation_steps=None, name="adadelta", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
        self.rho, self.epsilon = rho, epsilon

    def rule(self, g, w, slots, s):
        gradients, steps = slots
        gradients = gradients * self.rho + g * g * (1.0 - self.rho)
        step = g * ops.sqrt(steps + self.epsilon) / ops.sqrt(gradients + self.epsilon)
        steps = steps * self.rho + step * step * (1.0 - self.rho)
        return w - step * s["lr"], (gradients, steps)

    def settings(self):
        return self.rho, self.epsilon

    def get_config(self):
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Adamax(Optimizer):
    """Adam with the largest gradient in the place of the mean square (Kingma and Ba, 2014)."""

    slots = ("momentum", "norm")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name="adamax", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def scalars(self, learning_rate, step):
        return {"alpha": learning_rate / (1.0 - self.beta_1**step)}

    def rule(self, g, w, slots, s):
        m, u = slots
        m = m + (g - m) * (1.0 - self.beta_1)
        u = ops.maximum(u * self.beta_2, ops.absolute(g))
        return w - m * s["alpha"] / (u + self.epsilon), (m, u)

    def settings(self):
        return self.beta_1, self.beta_2, self.epsilon

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2015)."""

    slots = ("momentum", "velocity")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name="nadam", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if not self.built:
            # The product of all momenta so far
            self._product = Variable(1.0, dtype="float32", trainable=False, name="u_product", host=True)
            self._extra.append(self._product)
        super().build(variables)

    def scalars(self, learning_rate, step):
        u, u_next = (self.beta_1 * (1.0 - 0.5 * 0.96**t) for t in (step, step + 1.0))
        product = self._product.value * u
        self._product.assign(product)
        return {
            "lr": learning_rate,
            "m_scale": u_next / (1.0 - product * u_next),
            "g_scale": (1.0 - u) / (1.0 - product),
            "v_scale": 1.0 / (1.0 - self.beta_2**step),
        }

    def rule(self, g, w, slots, s):
        m, v = slots
        m = m + (g - m) * (1.0 - self.beta_1)
        v = v + (g * g - v) * (1.0 - self.beta_2)
        ahead = m * s["m_scale"] + g * s["g_scale"]
        return w - ahead * s["lr"] / (ops.sqrt(v * s["v_scale"]) + self.epsilon), (m, v)

    def settings(self):
        return self.beta_1, self.beta_2, self.epsilon

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Lion(Optimizer):
    """Steps by the sign of a momentum, all of one size (Chen et al., 2023)."""

    slots = ("momentum",)

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None,
        gradient_accumulation_steps=None, name="lion", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Lion: beta_1 must be in (0, 1]. Received: beta_1={beta_1}.")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def rule(self, g, w, slots, s):
        (m,) = slots
        direction = ops.sign(m * self.beta_1 + g * (1.0 - self.beta_1))
        return w - direction * s["lr"], (m * self.beta_2 + g * (1.0 - self.beta_2),)

    def settings(self):
        return self.beta_1, self.beta_2

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
