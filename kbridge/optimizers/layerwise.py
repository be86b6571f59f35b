"""Optimizers that look at a variable as a whole."""

import re

import numpy as np

from kbridge import ops
from kbridge.optimizers.optimizer import Optimizer, Recipe, complement


class Lamb(Optimizer):
    """Adam with steps as long as the variable they change (You et al., 2019)."""

    slots = ("momentum", "velocity")
    hyperparameters = ("beta_1", "beta_2", "epsilon")
    elementwise = False

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
        return {
            "lr": learning_rate,
            "m_scale": 1.0 / complement(self.beta_1, step),
            "v_scale": 1.0 / complement(self.beta_2, step),
        }

    def rule(self, g, w, slots, s):
        m, v = slots
        m = m + (g - m) * (1.0 - self.beta_1)
        v = v + (g * g - v) * (1.0 - self.beta_2)
        direction = m * s["m_scale"] / (ops.sqrt(v * s["v_scale"]) + self.epsilon)
        length, step = ops.sqrt(ops.sum(w * w)), ops.sqrt(ops.sum(direction * direction))
        known = ops.logical_and(length > 0.0, step > 0.0)
        ratio = ops.where(known, length / ops.where(known, step, 1.0), 1.0)
        return w - direction * (ratio * s["lr"]), (m, v)


class Adafactor(Optimizer):
    """Steps scaled by the gradient's mean square, of matrices kept by row and by column (Shazeer and Stern, 2018).

    The steps are relative to the size of the variable, and never above 1 / sqrt(step), whether or not
    ``relative_step`` is set, which is kept for configs: so it is in Keras.
    """

    slots = ("row", "column", "velocity")
    hyperparameters = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
    elementwise = False

    def __init__(
        self, learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0,
        relative_step=True, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False,
        ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None,
        name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def initial(self, slot, variable):
        shape = variable.shape
        if slot == "velocity":
            return np.zeros(shape)
        if len(shape) < 2:
            return np.zeros((), "int32")  # stands where matrices have one, as in Keras's files
        return np.zeros(shape[:-1] if slot == "row" else shape[:-2] + shape[-1:])

    def scalars(self, learning_rate, step):
        bound = step**-0.5
        lower = min if isinstance(bound, float) and isinstance(learning_rate, float) else ops.minimum
        return {"rate": lower(learning_rate, bound), "keep_square": 1.0 - step**self.beta_2_decay}

    def rule(self, g, w, slots, s):
        row, column, v = slots
        keep = s["keep_square"]
        square = g * g + self.epsilon_1
        if len(w.shape) > 1:
            row = row * keep + ops.mean(square, axis=-1) * (1.0 - keep)
            column = column * keep + ops.mean(square, axis=-2) * (1.0 - keep)
            share = row / ops.mean(row, axis=-1, keepdims=True)
            v = ops.expand_dims(share, -1) * ops.expand_dims(column, -2)
        else:
            v = v * keep + square * (1.0 - keep)
        step = g / ops.sqrt(v)
        step = step / ops.maximum(_rms(step) / self.clip_threshold, 1.0)
        return w - step * (ops.maximum(_rms(w), self.epsilon_2) * s["rate"]), (row, column, v)


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal matrices (Jordan et al., 2024; Liu et al., 2025).

    Matrices alone are updated so; all else is left to AdamW, and with it embeddings, unless
    ``exclude_embeddings`` is false, and variables whose paths contain one of the patterns
    ``exclude_layers``. The output layer should be among them.

    Args:
        adam_weight_decay: the weight decay of what AdamW updates.
        adam_lr_ratio: how much larger than ``learning_rate`` AdamW's is.
        muon_a, muon_b, muon_c: coefficients of the polynomial that makes singular values equal.
        ns_steps: how many times it is applied.
        rms_rate: the root mean square of steps, such that AdamW's learning rates suit them; None to leave them.
    """

    hyperparameters = (
        "adam_beta_1",
        "adam_beta_2",
        "epsilon",
        "exclude_layers",
        "muon_a",
        "muon_b",
        "muon_c",
        "adam_lr_ratio",
        "momentum",
        "ns_steps",
        "nesterov",
        "exclude_embeddings",
        "adam_weight_decay",
        "rms_rate",
    )

    def __init__(
        self, learning_rate=0.001, adam_beta_1=0.9, adam_beta_2=0.999, adam_weight_decay=0.004, epsilon=1e-7,
        weight_decay=0.004, clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99,
        ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None,
        exclude_layers=None, exclude_embeddings=True, muon_a=3.4445, muon_b=-4.7750, muon_c=2.0315, adam_lr_ratio=1,
        momentum=0.95, ns_steps=5, nesterov=True, rms_rate=0.2, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or ()), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov, self.rms_rate = momentum, ns_steps, nesterov, rms_rate

    def recipe(self, variable):
        left = len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower())
        if left or any(re.search(pattern, variable.path) for pattern in self.exclude_layers):
            return Recipe(("momentum", "velocity"), self.adam_weight_decay, "adam")
        return Recipe(("momentum",), self.weight_decay, elementwise=False)

    def settings(self):
        return tuple([getattr(self, name) for name in self.hyperparameters if name != "exclude_layers"])

    def scalars(self, learning_rate, step):
        correction = complement(self.adam_beta_2, step) ** 0.5 / complement(self.adam_beta_1, step)
        return {"lr": learning_rate, "alpha": learning_rate * self.adam_lr_ratio * correction}

    def rule(self, g, w, slots, s):
        m = slots[0] * self.momentum + g
        x = self.zeropower_via_newtonschulz5(g + m * self.momentum if self.nesterov else m, self.ns_steps)
        return w - self.lr_adjust(x * s["lr"]), (m,)

    def adam(self, g, w, slots, s):
        """The rule of what is no matrix."""
        m, v = slots
        m = m + (g - m) * (1.0 - self.adam_beta_1)
        v = v + (g * g - v) * (1.0 - self.adam_beta_2)
        return w - m * s["alpha"] / (ops.sqrt(v) + self.epsilon), (m, v)

    def lr_adjust(self, x):
        """The step ``x`` scaled to the root mean square ``rms_rate``."""
        return x if self.rms_rate is None else x * (max(x.shape) ** 0.5 * self.rms_rate)

    def transpose_last_axis(self, X):
        """``X`` with its last two axes swapped."""
        return ops.swapaxes(X, -2, -1)

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """The matrix ``x`` with singular values near 1, by a polynomial applied ``steps`` times."""
        if len(x.shape) < 2:
            raise ValueError(
                f"Muon: only matrices can be made orthogonal. Received a tensor of shape {tuple(x.shape)}."
            )
        a, b, c = self.muon_a, self.muon_b, self.muon_c
        tall = x.shape[-2] > x.shape[-1]
        if tall:
            x = self.transpose_last_axis(x)
        x = x / (ops.sqrt(ops.sum(x * x, axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            square = ops.matmul(x, self.transpose_last_axis(x))
            x = x * a + ops.matmul(square * b + ops.matmul(square, square) * c, x)
        return self.transpose_last_axis(x) if tall else x


def _rms(x):
    """The root of the mean square."""
    return ops.sqrt(ops.mean(x * x))
