"""Adam and its kin: steps along a running average of the gradient, scaled by one of its square."""

from kbridge import ops
from kbridge.backend import registry
from kbridge.backend.variable import Variable
from kbridge.optimizers.optimizer import Optimizer, complement


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient and of its square (Kingma and Ba, 2014)."""

    hyperparameters = ("beta_1", "beta_2", "epsilon", "amsgrad")
    late_slots = ("velocity_hat",)

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.slots = ("momentum", "velocity", "velocity_hat") if amsgrad else ("momentum", "velocity")

    def scalars(self, learning_rate, step):
        return {"alpha": learning_rate * complement(self.beta_2, step) ** 0.5 / complement(self.beta_1, step)}

    def rule(self, g, w, slots, s):
        m, v = slots[:2]
        m = m + (g - m) * (1.0 - self.beta_1)
        v = v + (g * g - v) * (1.0 - self.beta_2)
        largest = ops.maximum(slots[2], v) if self.amsgrad else v
        w = w - m * s["alpha"] / (ops.sqrt(largest) + self.epsilon)
        return w, (m, v, largest) if self.amsgrad else (m, v)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    def __init__(
        self, learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue, global_clipnorm,
            use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name,
            **kwargs,
        )  # fmt: skip
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number. For none, write Adam.")


class Adamax(Optimizer):
    """Adam with the largest gradient in the place of the mean square (Kingma and Ba, 2014)."""

    slots = ("momentum", "norm")
    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def scalars(self, learning_rate, step):
        return {"alpha": learning_rate / complement(self.beta_1, step)}

    def rule(self, g, w, slots, s):
        m, u = slots
        m = m + (g - m) * (1.0 - self.beta_1)
        u = ops.maximum(u * self.beta_2, ops.absolute(g))
        return w - m * s["alpha"] / (u + self.epsilon), (m, u)


class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2015)."""

    slots = ("momentum", "velocity")
    hyperparameters = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if not self.built:
            self._product = Variable(1.0, trainable=False, name="u_product", host=True)  # of all momenta so far
        super().build(variables)

    def _momentum(self, step):
        return self.beta_1 * (1.0 - 0.5 * 0.96**step)

    def scalars(self, learning_rate, step):
        now, ahead = self._momentum(step), self._momentum(step + 1.0)
        product = self._number(self._product)
        product = (product if isinstance(product, float) else ops.cast(product, now.dtype)) * now
        return {
            "lr": learning_rate,
            "m_scale": ahead / (1.0 - product * ahead),
            "g_scale": (1.0 - now) / (1.0 - product),
            "v_scale": 1.0 / complement(self.beta_2, step),
        }

    def rule(self, g, w, slots, s):
        m, v = slots
        m = m + (g - m) * (1.0 - self.beta_1)
        v = v + (g * g - v) * (1.0 - self.beta_2)
        ahead = m * s["m_scale"] + g * s["g_scale"]
        return w - ahead * s["lr"] / (ops.sqrt(v * s["v_scale"]) + self.epsilon), (m, v)

    def _update(self, grads, variables):
        super()._update(grads, variables)
        product = registry.current().on_host(lambda: self._product.value * self._momentum(self._step()))
        self._product.assign(product)


class ScheduleFreeAdamW(Optimizer):
    """Adam that averages its course in place of slowing down, and so needs no schedule (Defazio et al., 2024).

    The variables stand between the course itself (the slot ``momentum``) and its average; the first
    ``warmup_steps`` steps grow from nothing to their full size.
    """

    slots = ("momentum", "velocity")
    hyperparameters = ("beta_1", "beta_2", "epsilon", "warmup_steps")

    def __init__(
        self, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0, weight_decay=None,
        clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        if not 0 < beta_1 <= 1:
            raise ValueError(f"ScheduleFreeAdamW: beta_1 must be in (0, 1]. Received: beta_1={beta_1}.")
        self.beta_1, self.beta_2, self.epsilon, self.warmup_steps = beta_1, beta_2, epsilon, warmup_steps

    def initial(self, slot, variable):
        return variable.numpy() if slot == "momentum" else super().initial(slot, variable)

    def scalars(self, learning_rate, step):
        if self.warmup_steps > 0:
            share = step / float(self.warmup_steps)
            learning_rate = learning_rate * (min(share, 1.0) if isinstance(share, float) else ops.minimum(share, 1.0))
        return {"lr": learning_rate, "v_scale": 1.0 / complement(self.beta_2, step), "weight": 1.0 / step}

    def rule(self, g, w, slots, s):
        z, v = slots
        average = (w - z * (1.0 - self.beta_1)) / self.beta_1
        v = v + (g * g - v) * (1.0 - self.beta_2)
        z = z - g * s["lr"] / (ops.sqrt(v * s["v_scale"]) + self.epsilon)
        average = average + (z - average) * s["weight"]
        return z * (1.0 - self.beta_1) + average * self.beta_1, (z, v)
