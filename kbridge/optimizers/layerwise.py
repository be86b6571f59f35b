"""Optimizers that look at a variable as a whole."""

from kbridge import ops
from kbridge.optimizers.optimizer import Optimizer


class Lamb(Optimizer):
    """Adam with steps as long as the variable they change (You et al., 2019)."""

    slots = ("momentum", "velocity")
    elementwise = False

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None, clipnorm=None,
        clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name="lamb", **kwargs
    ):
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def scalars(self, learning_rate, step):
        return {"lr": learning_rate, "m_scale": 1.0 / (1.0 - self.beta_1**step), "v_scale": 1.0 / (1.0 - self.beta_2**step)}

    def rule(self, g, w, slots, s):
        m, v = slots
        m = m + (g - m) * (1.0 - self.beta_1)
        v = v + (g * g - v) * (1.0 - self.beta_2)
        direction = m * s["m_scale"] / (ops.sqrt(v * s["v_scale"]) + self.epsilon)
        length, step = ops.sqrt(ops.sum(w * w)), ops.sqrt(ops.sum(direction * direction))
        known = ops.logical_and(length > 0.0, step > 0.0)
        ratio = ops.where(known, length / ops.where(known, step, 1.0), 1.0)
        return w - direction * (ratio * s["lr"]), (m, v)

    def settings(self):
        return self.beta_1, self.beta_2, self.epsilon

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
