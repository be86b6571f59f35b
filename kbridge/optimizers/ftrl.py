import numpy as np

from kbridge import ops
from kbridge.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al., 2013), for sparse linear models."""

    slots = ("accumulator", "linear")
    hyperparameters = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1,
        l1_regularization_strength=0.0, l2_regularization_strength=0.0, l2_shrinkage_regularization_strength=0.0,
        beta=0.0, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
        ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None,
        name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        for argument, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0:
                raise ValueError(f"Ftrl: {argument} must not be negative. Received: {value}.")
        if learning_rate_power > 0:
            raise ValueError(f"Ftrl: learning_rate_power must not be above 0. Received: {learning_rate_power}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def initial(self, slot, variable):
        return np.full(variable.shape, self.initial_accumulator_value if slot == "accumulator" else 0.0)

    def rule(self, g, w, slots, s):
        total, linear = slots
        lr, power = s["lr"], -self.learning_rate_power
        shrunk = g + w * (2.0 * self.l2_shrinkage_regularization_strength)
        new_total = total + g * g
        linear = linear + shrunk - (new_total**power - total**power) / lr * w
        quadratic = new_total**power / lr + 2.0 * (self.l2_regularization_strength + self.beta / (2.0 * lr))
        l1 = self.l1_regularization_strength
        return (ops.clip(linear, -l1, l1) - linear) / quadratic, (new_total, linear)
